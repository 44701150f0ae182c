/* SPDX-License-Identifier: Apache-2.0
 * front_log — pods/NAME/log: the API server asks the node's executor through the podlog source and
 * passes on what it writes. Pieces come from any thread; each is posted to the loop. */
#include <stdatomic.h>
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/front_internal.h"
#include "apiserver/refuse.h"
#include "codec/url.h"

#define PODLOG_UNSENT_MAX ((size_t)3 << 20) /* beyond it podlog_write says stop */

struct podlog {
    struct apiserver *s;
    struct front *f; /* loop only; NULL: the reader is gone */
    _Atomic bool gone;
    _Atomic size_t posted; /* bytes on their way to the loop */
    _Atomic size_t queued; /* bytes that the engine has and the reader has not taken */
    bool begun;            /* loop only */
};

struct piece { /* a message to the loop */
    struct podlog *log;
    bool end, failed;
    struct err err;
    size_t n;
    char bytes[];
};

/* ---- on the loop ---- */

static void on_drain(void *arg)
{
    struct front *f = arg;
    if (f->log)
        atomic_store(&f->log->queued, http_unsent(f->x));
}

static void begin(struct podlog *p)
{
    if (p->begun || !p->f || !p->f->x)
        return;
    p->begun = true;
    struct http_header headers[] = { { STR("Cache-Control"), STR("no-cache, private") } };
    struct http_answer head = {
        .status = 200, .headers = headers, .n_headers = 1, .content_type = STR("text/plain")
    };
    http_begin(p->f->x, &head);
    http_on_drain(p->f->x, on_drain, p->f);
}

static void on_piece(void *arg)
{
    struct piece *m = arg;
    struct podlog *p = m->log;
    struct front *f = p->f;
    if (!m->end) {
        begin(p);
        if (f && f->x && !http_write(f->x, str_make(m->bytes, m->n)))
            atomic_store(&p->gone, true);
        atomic_store(&p->queued, f && f->x ? http_unsent(f->x) : 0);
        atomic_fetch_sub(&p->posted, m->n);
        free(m);
        return;
    }
    if (f) {
        f->log = NULL;
        if (m->failed && !p->begun) {
            struct kobj *status = status_from_err(&m->err);
            front_respond_json(f, status_code_of(m->err.kind), json_doc_text(status->doc));
            kobj_unref(status);
        } else {
            begin(p);
            f->answered = true;
            http_end(f->x);
        }
    }
    free(p);
    free(m);
}

static void post(struct podlog *p, struct str bytes, bool end, const struct err *err)
{
    struct piece *m = mem_alloc(sizeof *m + bytes.n + 1);
    m->log = p;
    m->end = end;
    m->failed = err != NULL;
    if (err)
        m->err = *err;
    m->n = bytes.n;
    if (bytes.n > 0)
        memcpy(m->bytes, bytes.p, bytes.n);
    loop_post(p->s->loop, on_piece, m);
}

/* ---- any thread ---- */

bool podlog_write(struct podlog *p, struct str piece)
{
    if (atomic_load(&p->gone) || podlog_unsent(p) + piece.n > PODLOG_UNSENT_MAX)
        return false;
    atomic_fetch_add(&p->posted, piece.n);
    post(p, piece, false, NULL);
    return true;
}

void podlog_end(struct podlog *p, const struct err *err)
{
    post(p, STR(""), true, err);
}

size_t podlog_unsent(const struct podlog *p)
{
    return atomic_load(&p->posted) + atomic_load(&p->queued);
}

void apiserver_set_podlog(struct apiserver *s, podlog_source_fn fn, void *arg)
{
    s->podlog = fn;
    s->podlog_arg = arg;
}

/* ---- the request ---- */

static enum turn query_number(struct front *f, const char *name, int64_t *out)
{
    struct str v = url_query_get(f->a->arena, f->query, str_from(name));
    *out = -1;
    if (v.n == 0)
        return TURN_GO;
    if (!str_to_i64(v, out) || *out < 0)
        return refuse_bad_request(f->a, "invalid %s: \"%.*s\"", name, STR_ARG(v));
    return TURN_GO;
}

static bool query_flag(struct front *f, const char *name)
{
    struct str v = url_query_get(f->a->arena, f->query, str_from(name));
    return str_is(v, "true") || str_is(v, "1");
}

static enum turn choose_container(struct front *f, const struct kobj *pod, struct podlog_query *q)
{
    struct json containers = kobj_path(pod, "spec.containers");
    q->container = url_query_get(f->a->arena, f->query, STR("container"));
    if (q->container.n == 0 && json_len(containers) == 1)
        q->container = json_str(json_path(containers, "0.name"));
    if (q->container.n == 0)
        return refuse_bad_request(f->a, "a container name must be specified for pod %.*s",
                                  STR_ARG(pod->name));
    static const char *const lists[] = { "spec.containers", "spec.initContainers" };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (struct json_iter it = json_iter(kobj_path(pod, lists[i])); json_next(&it);) {
            if (str_eq(json_str(json_get(it.value, STR("name"))), q->container))
                return TURN_GO;
        }
    }
    return refuse_bad_request(f->a, "container %.*s is not valid for pod %.*s",
                              STR_ARG(q->container), STR_ARG(pod->name));
}

static enum turn parse(struct front *f, const struct kobj *pod, struct podlog_query *q)
{
    *q = (struct podlog_query){ .namespace = pod->namespace,
                                .pod = pod->name,
                                .uid = pod->uid,
                                .node = json_str(kobj_path(pod, "spec.nodeName")),
                                .follow = query_flag(f, "follow"),
                                .previous = query_flag(f, "previous"),
                                .timestamps = query_flag(f, "timestamps") };
    q->since_time = url_query_get(f->a->arena, f->query, STR("sinceTime"));
    enum turn t = query_number(f, "tailLines", &q->tail_lines);
    if (t == TURN_GO)
        t = query_number(f, "sinceSeconds", &q->since_s);
    if (t == TURN_GO)
        t = query_number(f, "limitBytes", &q->limit_bytes);
    return t == TURN_GO ? choose_container(f, pod, q) : t;
}

static enum turn start(struct front *f)
{
    struct action *a = f->a;
    enum turn t = authz_check(a);
    if (t != TURN_GO)
        return t;
    const struct kobj *pod = store_get(a->what->table, a->r.namespace, a->r.name);
    if (!pod)
        return refuse_not_found(a, a->r.name);
    struct podlog_query q;
    t = parse(f, pod, &q);
    if (t != TURN_GO)
        return t;
    if (q.node.n == 0) /* not on a node yet: nothing was written */
        return TURN_GO;
    if (!a->s->podlog)
        return refuse_not_found(a, q.node);
    struct podlog *p = MEM_NEW(struct podlog);
    p->s = a->s;
    p->f = f;
    f->log = p;
    a->s->podlog(a->s->podlog_arg, p, &q);
    return TURN_WAIT;
}

void front_log_begin(struct front *f)
{
    switch (start(f)) {
    case TURN_WAIT:
        return;
    case TURN_GO:
        front_respond_text(f, 200, "text/plain", STR(""));
        return;
    case TURN_END:
        front_respond_json(f, f->a->reply.code, json_doc_text(f->a->result->doc));
        return;
    }
}

void front_log_gone(struct front *f)
{
    struct podlog *p = TAKE(f->log);
    p->f = NULL;
    atomic_store(&p->gone, true);
    atomic_store(&p->queued, 0); /* else the writer would wait for it, and not learn of this */
    f->answered = true;
}
