/* SPDX-License-Identifier: Apache-2.0
 * conn — see conn.h. */
#include "cli/conn.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/vec.h"
#include "client/kubeconfig.h"
#include "kube/meta.h"
#include "kube/print.h"
#include "kube/status.h"

VEC_TYPE(kobj_vec, struct kobj *);
VEC_TYPE(resource_vec, struct resource *);

struct conn {
    struct arena *a;
    struct loop *loop;
    struct transport *transport;
    struct fetch_client *fetch;
    struct kubeconfig config;
    struct str namespace;
    struct resource_vec custom; /* found through CustomResourceDefinitions; in the arena */
    bool custom_read;
    bool answered; /* the last call was, be it by a refusal */
};

struct conn *conn_open(const struct args *args, struct err *err)
{
    AUTO(conn_closep) struct conn *c = MEM_NEW(struct conn);
    struct str path, namespace = args_text(args, "namespace");
    c->a = arena_new();
    if (kubeconfig_path(&path, c->a, args_text(args, "kubeconfig"), err) != 0)
        return NULL;
    if (kubeconfig_read(&c->config, c->a, path, args_text(args, "context"), err) != 0) {
        err->kind = ERR_IO; /* the file is wrong, not the command line */
        if (!strstr(err->msg, path.p))
            err_wrap(err, "%s", path.p);
        return NULL;
    }
    c->namespace = namespace.n ? arena_str(c->a, namespace) : c->config.namespace;
    c->loop = loop_new(err);
    if (!c->loop)
        return NULL;
    c->transport = rest_transport_new(c->loop, &c->config.rest, err);
    c->fetch = c->transport ? fetch_client_new(c->loop, &c->config.rest.tls, err) : NULL;
    return c->fetch ? TAKE(c) : NULL;
}

void conn_close(struct conn *c)
{
    if (!c)
        return;
    if (c->fetch)
        fetch_client_free(c->fetch);
    if (c->transport)
        c->transport->ops->close(c->transport);
    loop_free(c->loop);
    resource_vec_fini(&c->custom);
    arena_free(c->a);
    free(c);
}

struct str conn_namespace(const struct conn *c)
{
    return c->namespace;
}

struct str conn_server(const struct conn *c)
{
    return c->config.rest.server;
}

bool conn_answered(const struct conn *c)
{
    return c->answered;
}

struct loop *conn_loop(struct conn *c)
{
    return c->loop;
}

struct transport *conn_transport(struct conn *c)
{
    return c->transport;
}

/* ---- calls ---- */

void answer_fini(struct answer *a)
{
    kobj_unref(a->object);
    for (size_t i = 0; i < a->n_items; i++)
        kobj_unref(a->items[i]);
    free(a->items);
    free(a->cont);
    *a = (struct answer){ 0 };
}

struct wait {
    struct conn *conn;
    struct answer *out;
    struct kobj_vec items;
    struct err *err;
    int rc;
};

/* What the server finds invalid is no mistake of the command line (exit code 2). */
static int refusal(const struct kobj *status, int code, struct err *err)
{
    int rc = status_to_err(status, code, err);
    if (err && err->kind == ERR_INVALID)
        err->kind = ERR_DENIED;
    return rc;
}

static void on_reply(void *arg, const struct reply *reply, const struct err *err)
{
    struct wait *w = arg;
    loop_stop(w->conn->loop);
    w->conn->answered = reply != NULL;
    if (!reply) {
        if (w->err)
            *w->err = *err;
        w->rc = err_wrap(w->err, "%.*s", STR_ARG(w->conn->config.rest.server));
        return;
    }
    for (size_t i = 0; i < reply->n_warnings; i++)
        fprintf(stderr, "Warning: %.*s\n", STR_ARG(reply->warnings[i]));
    if (reply->code >= 400) {
        w->rc = refusal(reply->object, reply->code, w->err);
        return;
    }
    w->out->code = reply->code;
    w->out->object = reply->object ? kobj_ref(reply->object) : NULL;
    w->out->revision = reply->revision;
    w->out->cont = reply->cont.n ? str_dup(reply->cont) : NULL;
    for (size_t i = 0; i < reply->n_items; i++)
        kobj_vec_push(&w->items, kobj_ref(reply->items[i]));
}

static int check_segment(const char *what, struct str s, struct err *err)
{
    struct meta_wrong w = meta_path_segment(s);
    if (!w.n)
        return 0;
    return err_set(err, ERR_INVALID, "%s \"%.*s\" %s", what, STR_ARG(str_take(s, 80)), w.texts[0]);
}

int conn_check(const struct request *r, struct err *err)
{
    if (check_segment("namespace", r->namespace, err) != 0)
        return -1;
    return check_segment("name", r->name, err);
}

int conn_do(struct conn *c, const struct request *r, struct answer *out, struct err *err)
{
    if (conn_check(r, err) != 0)
        return -1;
    struct answer got = { 0 };
    struct wait w = { .conn = c, .out = &got, .err = err };
    struct request page = *r;
    char *cont = NULL;
    if (r->verb == VERB_LIST && !r->list.limit)
        page.list.limit = 500;
    do {
        page.list.cont = str_from(cont);
        c->transport->ops->start(c->transport, &page, on_reply, &w);
        loop_run(c->loop);
        free(cont);
        cont = got.cont;
        got.cont = NULL;
    } while (w.rc == 0 && cont && !r->list.limit);
    free(cont);
    got.items = w.items.items;
    got.n_items = w.items.n;
    if (w.rc != 0)
        answer_fini(&got);
    else
        *out = got;
    return w.rc;
}

struct stream {
    struct conn *conn;
    conn_piece_fn fn;
    void *arg;
    struct err *err;
    int rc;
};

static bool on_piece(void *arg, int status, struct str piece)
{
    struct stream *s = arg;
    (void)status;
    return s->fn(s->arg, piece);
}

static void on_stream_done(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct stream *s = arg;
    AUTO(kobj_unrefp) struct kobj *status = NULL;
    loop_stop(s->conn->loop);
    if (a->status == 0 && err && err->kind != ERR_NONE) {
        if (s->err)
            *s->err = *err;
        s->rc = err_wrap(s->err, "%.*s", STR_ARG(s->conn->config.rest.server));
    } else if (a->status >= 400) {
        if (kobj_parse(&status, a->body, &json_limits_own, NULL) == 0)
            s->rc = refusal(status, a->status, s->err);
        else
            s->rc = err_set(s->err, ERR_IO, "the server answered %d: %.*s", a->status,
                            STR_ARG(str_take(str_trim(a->body), 160)));
    }
}

int conn_stream(struct conn *c, struct str path, conn_piece_fn fn, void *arg, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct stream s = { .conn = c, .fn = fn, .arg = arg, .err = err };
    struct http_header auth = { STR("authorization"),
                                arena_printf(a, "Bearer %.*s", STR_ARG(c->config.rest.token)) };
    struct fetch_request r = {
        .method = "GET",
        .url = arena_printf(a, "%.*s%.*s", STR_ARG(c->config.rest.server), STR_ARG(path)),
        .headers = &auth,
        .n_headers = c->config.rest.token.n ? 1 : 0,
        .answer_bytes = (size_t)1 << 20,
    };
    fetch_start(c->fetch, &r, on_piece, on_stream_done, &s);
    loop_run(c->loop);
    return s.rc;
}

/* ---- resources ---- */

static struct str crd_text(struct json crd, const char *path)
{
    return json_str(json_path(crd, path));
}

static void add_custom(struct conn *c, const struct kobj *crd)
{
    struct json root = kobj_root(crd);
    for (struct json_iter it = json_iter(json_path(root, "spec.versions")); json_next(&it);) {
        if (!json_bool(json_get(it.value, STR("served")), false))
            continue;
        struct resource *r = ARENA_NEW(c->a, struct resource);
        r->group = arena_str(c->a, crd_text(root, "spec.group"));
        r->version = arena_str(c->a, json_str(json_get(it.value, STR("name"))));
        r->plural = arena_str(c->a, crd_text(root, "spec.names.plural"));
        r->singular = arena_str(c->a, crd_text(root, "spec.names.singular"));
        r->kind = arena_str(c->a, crd_text(root, "spec.names.kind"));
        r->namespaced = str_is(crd_text(root, "spec.scope"), "Namespaced");
        r->custom = true;
        struct json shorts = json_path(root, "spec.names.shortNames");
        struct str *names = ARENA_ARRAY(c->a, struct str, json_len(shorts));
        for (struct json_iter s = json_iter(shorts); json_next(&s);)
            names[r->n_short_names++] = arena_str(c->a, json_str(s.value));
        r->short_names = names;
        print_custom_columns(c->a, it.value, r);
        resource_vec_push(&c->custom, r);
    }
}

static int read_custom(struct conn *c, struct err *err)
{
    if (c->custom_read)
        return 0;
    const struct resource *crds =
        resource_find(STR("apiextensions.k8s.io"), STR("v1"), STR("customresourcedefinitions"));
    struct request r = conn_request(c, VERB_LIST, crds, (struct str){ 0 });
    struct answer a = { 0 };
    if (conn_do(c, &r, &a, err) != 0)
        return -1;
    for (size_t i = 0; i < a.n_items; i++)
        add_custom(c, a.items[i]);
    answer_fini(&a);
    c->custom_read = true;
    return 0;
}

static bool called(const struct resource *r, struct str word)
{
    struct str group = word, name = str_split(&group, '.');
    if (group.p && !str_eq(group, r->group))
        return false;
    if (str_eq_nocase(name, r->plural) || str_eq_nocase(name, r->singular) ||
        str_eq_nocase(name, r->kind))
        return true;
    for (size_t i = 0; i < r->n_short_names; i++)
        if (str_eq_nocase(name, r->short_names[i]))
            return true;
    return false;
}

const struct resource *conn_resource(struct conn *c, struct str word, struct err *err)
{
    const struct resource *r = resource_guess(word);
    if (r)
        return r;
    if (read_custom(c, err) != 0)
        return NULL;
    for (size_t i = 0; i < c->custom.n; i++)
        if (called(c->custom.items[i], word))
            return c->custom.items[i];
    err_set(err, ERR_INVALID, "the server has no resource type \"%.*s\"", STR_ARG(word));
    return NULL;
}

const struct resource *
conn_resource_kind(struct conn *c, struct str api_version, struct str kind, struct err *err)
{
    const struct resource *r = resource_find_kind(api_version, kind);
    if (r)
        return r;
    if (read_custom(c, err) != 0)
        return NULL;
    for (size_t i = 0; i < c->custom.n; i++) {
        char text[256];
        const struct resource *x = c->custom.items[i];
        if (str_eq(x->kind, kind) &&
            str_eq(resource_api_version(text, sizeof text, x), api_version))
            return x;
    }
    err_set(err, ERR_INVALID, "the server has no kind \"%.*s\" in \"%.*s\"", STR_ARG(kind),
            STR_ARG(api_version));
    return NULL;
}

struct request
conn_request(const struct conn *c, enum verb verb, const struct resource *r, struct str name)
{
    return (struct request){
        .verb = verb,
        .group = r->group,
        .version = r->version,
        .plural = r->plural,
        .namespace = r->namespaced ? c->namespace : (struct str){ 0 },
        .name = name,
        .write = { .grace_s = -1 },
    };
}
