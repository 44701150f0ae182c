/* SPDX-License-Identifier: Apache-2.0
 * up_options — see up_options.h. */
#include "cmd/up_options.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/log.h"
#include "client/kubeconfig.h"
#include "cmd/own_crds.h"
#include "cmd/up_config.h"
#include "codec/yaml.h"
#include "io/append.h"
#include "io/clock.h"
#include "io/file.h"
#include "kube/meta.h"
#include "scheduler/config/config.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

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

/* A kubeconfig that we wrote, perhaps changed by kubectl since: it knows our cluster alone. */
static bool is_own_kubeconfig(struct str text)
{
    struct json_doc *doc = NULL;
    if (yaml_parse_one(&doc, text, &json_limits_body, NULL) != 0)
        return false;
    struct json clusters = json_get(json_root(doc), STR("clusters"));
    size_t ours = 0;
    for (struct json_iter it = json_iter(clusters); json_next(&it);)
        ours += str_is(json_str(json_get(it.value, STR("name"))), APISERVER_CLUSTER);
    bool own = ours > 0 && ours == json_len(clusters);
    json_doc_unref(doc);
    return own;
}

/* The file is replaced when the server is ready: what is not ours stays as it is. */
static int check_kubeconfig(struct arena *a, struct str path, struct err *err)
{
    struct stat st;
    struct str text;
    if (stat(path.p, &st) != 0 || (S_ISREG(st.st_mode) && st.st_size == 0))
        return 0; /* what else is wrong shows when it is written */
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "--kubeconfig %.*s: is not an ordinary file: name another",
                       STR_ARG(path));
    if (file_read_text(&text, a, path, FILE_BYTES_MAX, NULL) == 0 && is_own_kubeconfig(text))
        return 0;
    return err_set(err, ERR_INVALID,
                   "--kubeconfig %.*s: is not from an earlier start and would be overwritten: name "
                   "another file, or move it away",
                   STR_ARG(path));
}

static int read_log(const struct up_config *c, struct err *err)
{
    if (!str_is(c->log_format, "text") && !str_is(c->log_format, "json"))
        return err_set(err, ERR_INVALID, "--log-format is text or json, not \"%.*s\"",
                       STR_ARG(c->log_format));
    log_setup(c->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
              str_is(c->log_format, "json") ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT, clock_wall);
    return 0;
}

/* ---- simulated nodes ---- */

static bool is_file(struct str word)
{
    return str_ends(word, STR(".yaml")) || str_ends(word, STR(".yml")) ||
           str_ends(word, STR(".json"));
}

static int read_sim_word(struct sim_groups *out, struct arena *a, struct str word, struct err *err)
{
    struct str text;
    if (is_file(word)) {
        if (file_read_text(&text, a, word, FILE_BYTES_MAX, err) == 0 &&
            sim_file_parse(out, a, text, err) == 0)
            return 0;
        return err_wrap(err, "--sim-nodes %.*s", STR_ARG(word));
    }
    struct sim_group *g = ARENA_NEW(a, struct sim_group);
    if (sim_shape_parse(word, &g->n, &g->shape, err) != 0)
        return -1;
    *out = (struct sim_groups){ g, 1 };
    return 0;
}

static int read_sim(struct up_options *out, const struct config_strs *words, struct err *err)
{
    for (size_t i = 0; i < words->n; i++) {
        struct sim_groups more, *all = &out->sim;
        if (read_sim_word(&more, out->a, words->items[i], err) != 0)
            return -1;
        if (all->n + more.n > SIM_GROUPS_MAX)
            return err_set(err, ERR_INVALID, "--sim-nodes: more than %d groups", SIM_GROUPS_MAX);
        struct sim_group *joined = ARENA_ARRAY(out->a, struct sim_group, all->n + more.n);
        if (all->n)
            memcpy(joined, all->items, all->n * sizeof *joined);
        if (more.n)
            memcpy(joined + all->n, more.items, more.n * sizeof *joined);
        *all = (struct sim_groups){ joined, all->n + more.n };
    }
    return 0;
}

/* ---- the local node and the scheduler ---- */

static int read_node(struct up_options *out, const struct up_config *c, struct err *err)
{
    bool own = str_is(c->pod_network, "namespace");
    if (!own && !str_is(c->pod_network, "host"))
        return err_set(err, ERR_INVALID, "--pod-network is host or namespace, not \"%.*s\"",
                       STR_ARG(c->pod_network));
    struct meta_wrong name =
        c->node_name.n ? meta_dns_subdomain(c->node_name) : (struct meta_wrong){ 0 };
    if (name.n)
        return err_set(err, ERR_INVALID, "--node-name \"%.*s\": %s",
                       STR_ARG(str_take(c->node_name, 80)), name.texts[0]);
    struct node_image_command *images =
        ARENA_ARRAY(out->a, struct node_image_command, c->images.n + 1);
    for (size_t i = 0; i < c->images.n; i++) {
        const struct config_list *l = &c->images.items[i];
        images[i] = (struct node_image_command){ l->name, l->values.items, l->values.n };
    }
    out->local_node = !c->no_local_node;
    out->end_pods = c->end_pods;
    out->node = (struct node_options){
        .name = c->node_name.n ? c->node_name : (struct str){ 0 },
        .data_dir = arena_printf(out->a, "%s/node", out->data_dir).p,
        .max_pods = c->max_pods,
        .gpus = c->gpus,
        .log_bytes = c->log_bytes,
        .log_files = c->log_files,
        .images = images,
        .n_images = c->images.n,
        .pod_network = own ? NODE_NETWORK_NAMESPACE : NODE_NETWORK_HOST,
    };
    return 0;
}

static int check_scheduler(const struct up_options *o, struct err *err)
{
    struct sched_config config;
    if (sched_config_parse(&config, o->scheduler_config, err) != 0)
        return -1;
    sched_config_fini(&config);
    return 0;
}

/* The scheduler opens it again. */
static int check_record(struct up_options *out, const struct up_config *c, struct err *err)
{
    struct append *file;
    if (c->scheduler_plugins.n)
        return err_set(
            err, ERR_INVALID,
            "--record and --scheduler-plugins exclude each other: a replay has no plugins");
    if (append_open(&file, c->record.p, INT64_MAX, err) != 0)
        return err_wrap(err, "--record");
    append_close(file);
    out->record = c->record.p;
    return 0;
}

/* Read here once to refuse a wrong file before anything starts; the scheduler reads it again.
 * Plugins are loaded here, while this is the only thread. */
static int read_scheduler(struct up_options *out, const struct up_config *c, struct err *err)
{
    const struct config_strs *plugins = &c->scheduler_plugins;
    struct str file = c->scheduler_config;
    if (c->record.n && check_record(out, c, err) != 0)
        return -1;
    if (plugins->n && !file.n)
        return err_set(
            err, ERR_INVALID,
            "--scheduler-plugins without --scheduler-config: a plugin does nothing until "
            "a profile enables it; name it there");
    if (!file.n)
        return 0;
    if (file_read_text(&out->scheduler_config, out->a, file, FILE_BYTES_MAX, err) != 0)
        return err_wrap(err, "--scheduler-config %.*s", STR_ARG(file));
    if (plugins->n == 0)
        return check_scheduler(out, err) == 0
                   ? 0
                   : err_wrap(err, "--scheduler-config %.*s", STR_ARG(file));
    return plugin_files_load(&out->plugins, plugins->items, plugins->n, out->scheduler_config,
                             err) == 0
               ? 0
               : err_wrap(err, "--scheduler-plugins");
}

int up_options_read(struct up_options *out,
                    const struct args *args,
                    bool with_nodes,
                    struct err *err)
{
    struct up_config c;
    *out = (struct up_options){ .a = arena_new() };
    const struct config_table *t = with_nodes ? &up_config_table : &apiserver_config_table;
    if (up_config_read(&c, t, out->a, args, err) != 0 || read_log(&c, err) != 0 ||
        read_listen(&out->api, c.listen, err) != 0)
        return -1;
    out->data_dir = c.data_dir.n ? c.data_dir.p : kubeconfig_state_dir(out->a).p;
    if (c.kubeconfig.n && check_kubeconfig(out->a, c.kubeconfig, err) != 0)
        return -1;
    out->kubeconfig =
        c.kubeconfig.n ? c.kubeconfig.p : arena_printf(out->a, "%s/kubeconfig", out->data_dir).p;
    out->api.data_dir = out->data_dir;
    out->api.allow_remote = c.allow_remote;
    out->api.enable_admission = c.enable_admission;
    out->api.disable_admission = c.disable_admission;
    if (!with_nodes)
        return 0;
    out->api.definitions = own_crds;
    out->api.n_definitions = own_crds_count;
    if (read_node(out, &c, err) != 0)
        return -1;
    return read_sim(out, &c.sim_nodes, err) == 0 ? read_scheduler(out, &c, err) : -1;
}

void up_options_fini(struct up_options *o)
{
    plugin_files_free(o->plugins);
    arena_free(o->a);
}
