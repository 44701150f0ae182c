/* SPDX-License-Identifier: Apache-2.0
 * kubeconfig — see kubeconfig.h. */
#include "client/kubeconfig.h"

#include <stdlib.h>

#include "codec/base64.h"
#include "codec/yaml.h"
#include "io/file.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)

/* ---- which file ---- */

static bool try_path(struct str *out, struct arena *a, struct str path)
{
    struct str copy = arena_str(a, path);
    if (!copy.n || !file_exists(copy.p))
        return false;
    *out = copy;
    return true;
}

static bool try_list(struct str *out, struct arena *a, const char *list)
{
    for (struct str rest = str_from(list); rest.p;)
        if (try_path(out, a, str_split(&rest, ':')))
            return true;
    return false;
}

struct str kubeconfig_state_dir(struct arena *a)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/')
        return arena_printf(a, "%s/ganglion", state);
    return arena_printf(a, "%s/.local/state/ganglion", home && *home ? home : "/var/lib");
}

int kubeconfig_path(struct str *out, struct arena *a, struct str explicit, struct err *err)
{
    const char *home = getenv("HOME");
    if (explicit.n) {
        if (try_path(out, a, explicit))
            return 0;
        return err_set(err, ERR_NOT_FOUND, "no file %.*s", STR_ARG(explicit));
    }
    home = home ? home : "";
    struct str own = arena_printf(a, "%.*s/kubeconfig", STR_ARG(kubeconfig_state_dir(a)));
    if (try_list(out, a, getenv("KUBECONFIG")) ||
        try_path(out, a, arena_printf(a, "%s/.kube/config", home)) || try_path(out, a, own))
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "no kubeconfig: looked at $KUBECONFIG, ~/.kube/config and %.*s; start one with "
                   "'ganglion up' or name one with --kubeconfig",
                   STR_ARG(own));
}

/* ---- reading ---- */

static struct json named(struct json config, const char *list, struct str name)
{
    for (struct json_iter it = json_iter(json_get(config, str_from(list))); json_next(&it);)
        if (str_eq(json_str(json_get(it.value, STR("name"))), name))
            return it.value;
    return (struct json){ 0 };
}

struct place { /* of the kubeconfig, for relative paths */
    struct arena *a;
    struct str folder;
};

static struct str resolve(const struct place *p, struct str path)
{
    if (!path.n || path.p[0] == '/')
        return path;
    return arena_printf(p->a, "%.*s/%.*s", STR_ARG(p->folder), STR_ARG(path));
}

/* "<key>-data" in base64, or the file that "<key>" names; absent when neither is there. */
static int read_blob(struct str *out,
                     const struct place *p,
                     struct json entry,
                     const char *key,
                     struct err *err)
{
    struct str data = json_str(json_get(entry, arena_printf(p->a, "%s-data", key)));
    struct str path = json_str(json_get(entry, str_from(key)));
    if (data.n) {
        struct buf b;
        buf_init(&b, FILE_BYTES_MAX);
        int rc = base64_decode(&b, str_trim(data), BASE64_STD, err);
        if (rc == 0)
            *out = arena_str(p->a, buf_view(&b));
        buf_fini(&b);
        return rc == 0 ? 0 : err_wrap(err, "kubeconfig: %s-data", key);
    }
    return path.n ? file_read_text(out, p->a, resolve(p, path), FILE_BYTES_MAX, err) : 0;
}

static int
read_user(struct kubeconfig *out, const struct place *p, struct json user, struct err *err)
{
    struct str token_file = json_str(json_get(user, STR("tokenFile")));
    if (json_has(json_get(user, STR("exec"))))
        return err_set(err, ERR_INVALID, "kubeconfig: exec credential plugins are not supported");
    out->rest.token = arena_str(p->a, json_str(json_get(user, STR("token"))));
    if (token_file.n &&
        file_read_text(&out->rest.token, p->a, resolve(p, token_file), FILE_BYTES_MAX, err) != 0)
        return -1;
    out->rest.token = str_trim(out->rest.token);
    if (read_blob(&out->rest.tls.client_cert_pem, p, user, "client-certificate", err) != 0)
        return -1;
    return read_blob(&out->rest.tls.client_key_pem, p, user, "client-key", err);
}

static int read_config(struct kubeconfig *out,
                       const struct place *p,
                       struct json config,
                       struct str context,
                       struct err *err)
{
    struct arena *a = p->a;
    if (!context.n)
        context = json_str(json_get(config, STR("current-context")));
    struct json ctx = json_get(named(config, "contexts", context), STR("context"));
    if (!json_has(ctx))
        return err_set(err, ERR_INVALID, "kubeconfig has no context \"%.*s\"", STR_ARG(context));
    struct str cluster_name = json_str(json_get(ctx, STR("cluster")));
    struct json cluster = json_get(named(config, "clusters", cluster_name), STR("cluster"));
    if (!json_str(json_get(cluster, STR("server"))).n)
        return err_set(err, ERR_INVALID, "kubeconfig: cluster \"%.*s\" has no server",
                       STR_ARG(cluster_name));
    struct str user_name = json_str(json_get(ctx, STR("user")));
    struct json user = json_get(named(config, "users", user_name), STR("user"));
    struct str namespace = json_str(json_get(ctx, STR("namespace")));
    out->context = arena_str(a, context);
    out->namespace = namespace.n ? arena_str(a, namespace) : STR("default");
    out->rest.server = arena_str(a, json_str(json_get(cluster, STR("server"))));
    out->rest.tls.server_name = arena_str(a, json_str(json_get(cluster, STR("tls-server-name"))));
    out->rest.tls.insecure = json_bool(json_get(cluster, STR("insecure-skip-tls-verify")), false);
    if (read_blob(&out->rest.tls.ca_pem, p, cluster, "certificate-authority", err) != 0)
        return -1;
    return read_user(out, p, user, err);
}

int kubeconfig_read(struct kubeconfig *out,
                    struct arena *a,
                    struct str path,
                    struct str context,
                    struct err *err)
{
    struct str text;
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    *out = (struct kubeconfig){ 0 };
    if (file_read_text(&text, a, path, FILE_BYTES_MAX, err) != 0)
        return -1;
    if (yaml_parse_one(&doc, text, &json_limits_own, err) != 0)
        return err_wrap(err, "%.*s", STR_ARG(path));
    struct place p = { a, path };
    while (p.folder.n && p.folder.p[p.folder.n - 1] != '/')
        p.folder.n--;
    p.folder = p.folder.n ? str_take(p.folder, p.folder.n - 1) : STR(".");
    return read_config(out, &p, json_root(doc), context, err);
}
