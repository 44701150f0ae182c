/* SPDX-License-Identifier: Apache-2.0
 * up_options — see up_options.h. */
#include "cmd/up_options.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/clock.h"

#define PATH_BYTES_MAX 4096

/* $XDG_STATE_HOME/ganglion, or ~/.local/state/ganglion (XDG Base Directory Specification). */
static char *default_data_dir(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct buf b;
    buf_init(&b, PATH_BYTES_MAX);
    if (state && *state == '/')
        buf_printf(&b, "%s/ganglion", state);
    else
        buf_printf(&b, "%s/.local/state/ganglion", home && *home ? home : "/var/lib");
    return buf_take(&b, NULL);
}

static int read_listen(struct apiserver_options *api, struct str text, struct err *err)
{
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == ':')
            colon = (ptrdiff_t)i;
    int64_t port;
    if (colon <= 0 || !str_to_i64(str_skip(text, (size_t)colon + 1), &port) || port < 0 ||
        port > 65535)
        return err_set(err, ERR_INVALID,
                       "--listen wants ADDRESS:PORT (\"127.0.0.1:6443\", port 0 for any), not "
                       "\"%.*s\"",
                       STR_ARG(text));
    api->address = str_take(text, (size_t)colon);
    api->port = (uint16_t)port;
    return 0;
}

static int read_log(const struct args *args, struct err *err)
{
    struct str format = args_text(args, "log-format");
    if (!str_is(format, "text") && !str_is(format, "json"))
        return err_set(err, ERR_INVALID, "--log-format is text or json, not \"%.*s\"",
                       STR_ARG(format));
    log_setup(args_flag(args, "verbose") ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              str_is(format, "json") ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT, clock_wall);
    return 0;
}

static int read_nodes(struct up_options *out, const struct args *args, struct err *err)
{
    size_t n = args_count(args, "sim-nodes");
    out->local_node = !args_flag(args, "no-local-node");
    out->node.gpus = args_given(args, "gpus") ? args_number(args, "gpus") : -1;
    out->node.end_pods = args_flag(args, "end-pods");
    if (n > UP_SIM_GROUPS_MAX)
        return err_set(err, ERR_INVALID, "--sim-nodes may be given %d times", UP_SIM_GROUPS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct sim_group *g = &out->sim[out->n_sim++];
        if (sim_shape_parse(args_text_at(args, "sim-nodes", i), &g->n, &g->shape, err) != 0)
            return -1;
    }
    return 0;
}

int up_options_read(struct up_options *out,
                    const struct args *args,
                    bool with_nodes,
                    struct err *err)
{
    *out = (struct up_options){ 0 };
    struct str dir = args_text(args, "data-dir"), kubeconfig = args_text(args, "kubeconfig");
    if (read_log(args, err) != 0 || read_listen(&out->api, args_text(args, "listen"), err) != 0)
        return -1;
    if (with_nodes && read_nodes(out, args, err) != 0)
        return -1;
    out->data_dir = dir.n ? str_dup(dir) : default_data_dir();
    struct buf path;
    buf_init(&path, PATH_BYTES_MAX);
    if (kubeconfig.n)
        buf_str(&path, kubeconfig);
    else
        buf_printf(&path, "%s/kubeconfig", out->data_dir);
    out->kubeconfig = buf_take(&path, NULL);
    struct buf node_dir;
    buf_init(&node_dir, PATH_BYTES_MAX);
    buf_printf(&node_dir, "%s/node", out->data_dir);
    out->node.data_dir = buf_take(&node_dir, NULL);
    out->api.data_dir = out->data_dir;
    out->api.allow_remote = args_flag(args, "allow-remote");
    out->api.enable_admission = args_text(args, "enable-admission-plugins");
    out->api.disable_admission = args_text(args, "disable-admission-plugins");
    return 0;
}

void up_options_fini(struct up_options *o)
{
    free(o->data_dir);
    free(o->node.data_dir);
    free(o->kubeconfig);
}
