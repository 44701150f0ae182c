/* SPDX-License-Identifier: Apache-2.0
 * service_ask — carries the talks with HTTP extenders, and binds through the extender that binds.
 * How many talks are under way at once is bounded, the rest waits in order; each request has the
 * extender's httpTimeout and a limit of bytes. What an extender does wrong is told by an event of
 * the pod.
 *
 *     DECISION_ASK ─► talk ─► request ─► answer ─► … ─► core_answer
 *     DECISION_BIND of a pod with a binder ─► request ─► event, or core_forget */
#include <stdlib.h>

#include "io/fetch.h"
#include "io/file.h"
#include "scheduler/extender/extender_talk.h"
#include "scheduler/preempt/preempt.h"
#include "scheduler/service/metrics.h"
#include "scheduler/service/service_internal.h"

#define PEM_BYTES_MAX (1u << 20)
#define BIND_ANSWER_BYTES_MAX (1u << 20)

struct errand { /* one talk, or one bind */
    struct scheduler *s;
    struct list link; /* waiting or on_wire */
    struct fetch *fetch;
    struct talk *talk; /* NULL: a bind */
    struct kobj *pod;
    struct str node; /* of a bind; own text */
};

struct service_ask {
    struct fetch_client *clients[EXTENDERS_MAX];
    struct list waiting, on_wire;
    size_t n_on_wire;
};

/* ---- life ---- */

static int read_file(struct str *out, struct arena *a, struct str path, struct err *err)
{
    return path.n ? file_read_text(out, a, path, PEM_BYTES_MAX, err) : 0;
}

static struct fetch_client *client_new(struct loop *l, const struct extender *e, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct fetch_tls tls = { .ca_pem = e->tls.ca_pem,
                             .client_cert_pem = e->tls.cert_pem,
                             .client_key_pem = e->tls.key_pem,
                             .server_name = e->tls.server_name,
                             .insecure = e->tls.insecure };
    if (read_file(&tls.ca_pem, a, e->tls.ca_file, err) ||
        read_file(&tls.client_cert_pem, a, e->tls.cert_file, err) ||
        read_file(&tls.client_key_pem, a, e->tls.key_file, err)) {
        err_wrap(err, "tlsConfig of extender %.*s", STR_ARG(e->url));
        return NULL;
    }
    return fetch_client_new(l, &tls, err);
}

int service_ask_start(struct scheduler *s, struct err *err)
{
    const struct extenders *x = core_extenders(s->core);
    if (!x)
        return 0;
    s->ask = MEM_NEW(struct service_ask);
    list_init(&s->ask->waiting);
    list_init(&s->ask->on_wire);
    for (size_t i = 0; i < x->n; i++) {
        s->ask->clients[i] = client_new(s->t->loop, &x->items[i], err);
        if (!s->ask->clients[i])
            return -1;
    }
    return 0;
}

static void errand_free(struct errand *e)
{
    list_remove(&e->link);
    talk_free(e->talk);
    kobj_unref(e->pod);
    free((void *)(uintptr_t)e->node.p); /* own text */
    free(e);
}

static void drop_all(struct list *errands)
{
    LIST_EACH (errands, at) {
        struct errand *e = LIST_ITEM(at, struct errand, link);
        if (e->fetch)
            fetch_cancel(e->fetch);
        errand_free(e);
    }
}

void service_ask_stop(struct scheduler *s)
{
    if (!s->ask)
        return;
    drop_all(&s->ask->waiting);
    drop_all(&s->ask->on_wire);
    for (size_t i = 0; i < EXTENDERS_MAX; i++)
        fetch_client_free(s->ask->clients[i]);
    free(TAKE(s->ask));
}

/* ---- telling ---- */

static void tell(struct scheduler *s,
                 const struct kobj *pod,
                 const char *type,
                 const char *reason,
                 struct str text)
{
    const struct recorder_note note = {
        .about = pod, .type = type, .reason = reason, .message = text
    };
    recorder_event(s->recorder, &note, loop_wall(s->t->loop));
}

static void complain(struct errand *e, struct str what)
{
    tell(e->s, e->pod, "Warning", "ExtenderFailed", what);
    LOG_WARN("extender.failed", kv_str("namespace", e->pod->namespace), kv_str("pod", e->pod->name),
             kv_str("why", what), kv_cstr("next", "asked again with the pod's next attempt"));
}

/* ---- requests ---- */

static void send_more(struct scheduler *s);

static void send(struct errand *e,
                 const struct extender *to,
                 struct str url,
                 struct str body,
                 fetch_done_fn done)
{
    static const struct http_header json[] = { { STR_INIT("content-type"),
                                                 STR_INIT("application/json") } };
    size_t at = (size_t)(to - core_extenders(e->s->core)->items);
    const struct fetch_request r = {
        .method = "POST",
        .flags = FETCH_STAY,
        .url = url,
        .headers = json,
        .n_headers = COUNT_OF(json),
        .body = body,
        .timeout_ns = to->timeout_ns,
        .answer_bytes = e->talk ? TALK_ANSWER_BYTES_MAX : BIND_ANSWER_BYTES_MAX,
    };
    e->fetch = fetch_start(e->s->ask->clients[at], &r, NULL, done, e);
}

static void finish(struct errand *e)
{
    struct scheduler *s = e->s;
    s->ask->n_on_wire--;
    errand_free(e);
    send_more(s);
    service_poke(s);
}

/* ---- talks ---- */

static void go_on(struct errand *e);

static void on_said(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct errand *e = arg;
    struct str complaint;
    e->fetch = NULL;
    talk_hear(e->talk, a ? a->status : 0, a ? a->body : STR(""), str_from(err ? err->msg : ""),
              &complaint);
    if (complaint.p)
        complain(e, complaint);
    go_on(e);
}

static void go_on(struct errand *e)
{
    struct scheduler *s = e->s;
    struct talk_request r;
    if (talk_next(e->talk, &r)) {
        send(e, r.extender, r.url, r.body, on_said);
        return;
    }
    const struct pod_id id = { e->pod->namespace, e->pod->name, e->pod->uid };
    const struct core_input in = {
        .kind = INPUT_ANSWER, .pods = &id, .n_pods = 1, .answer = talk_take(e->talk)
    };
    service_hear(s, &in, NULL);
    finish(e);
}

static struct errand *errand_new(struct scheduler *s, const struct kobj *pod)
{
    struct errand *e = MEM_NEW(struct errand);
    e->s = s;
    e->pod = kobj_ref(pod);
    list_init(&e->link);
    list_push_back(&s->ask->waiting, &e->link);
    return e;
}

static struct talk *talk_of_victims(struct scheduler *s, const struct question *q)
{
    const struct snapshot *snap = &core_cluster(s->core)->snap;
    struct talk_proposal *list = ARENA_ARRAY(s->cycle_arena, struct talk_proposal, q->n_candidates);
    for (size_t i = 0; i < q->n_candidates; i++) {
        const struct candidate *k = &q->candidates[i];
        size_t n = preempt_here(k);
        const struct kobj **pods = ARENA_ARRAY(s->cycle_arena, const struct kobj *, n);
        for (size_t j = 0; j < n; j++)
            pods[j] = k->victims.pods[j]->obj;
        list[i] = (struct talk_proposal){ snap->nodes.items[k->node]->obj, pods, n,
                                          k->victims.violations };
    }
    return talk_new_victims(core_extenders(s->core), q->pod->obj, list, q->n_candidates);
}

void service_ask(struct scheduler *s, const struct decision *d)
{
    const struct snapshot *snap = &core_cluster(s->core)->snap;
    for (size_t i = 0; i < d->n_questions; i++) {
        const struct question *q = &d->questions[i];
        if (q->n_candidates) {
            errand_new(s, q->pod->obj)->talk = talk_of_victims(s, q);
            continue;
        }
        const struct kobj **nodes = ARENA_ARRAY(s->cycle_arena, const struct kobj *, q->n);
        for (size_t j = 0; j < q->n; j++)
            nodes[j] = snap->nodes.items[q->nodes[j]]->obj;
        errand_new(s, q->pod->obj)->talk =
            talk_new(core_extenders(s->core), q->pod->obj, nodes, q->n);
    }
    send_more(s);
}

/* ---- binds ---- */

static void on_bound(void *arg, const struct fetch_answer *a, const struct err *err)
{
    struct errand *e = arg;
    struct scheduler *s = e->s;
    AUTO(arena_freep) struct arena *scratch = arena_new();
    const struct pod_id id = { e->pod->namespace, e->pod->name, e->pod->uid };
    struct err why = { 0 };
    e->fetch = NULL;
    if (talk_bind_heard(a ? a->status : 0, a ? a->body : STR(""), str_from(err ? err->msg : ""),
                        &why) == 0) {
        tell(s, e->pod, "Normal", "Scheduled",
             arena_printf(scratch, "Successfully assigned %.*s/%.*s to %.*s",
                          STR_ARG(e->pod->namespace), STR_ARG(e->pod->name), STR_ARG(e->node)));
    } else {
        complain(e, str_from(why.msg));
        service_hear(s, &(struct core_input){ .kind = INPUT_FORGET, .pods = &id, .n_pods = 1 },
                     NULL);
    }
    finish(e);
}

static void start_bind(struct errand *e)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct extender *x = extenders_binder(core_extenders(e->s->core), pod_of(e->pod));
    send(e, x, arena_printf(a, "%.*s/%.*s", STR_ARG(x->url), STR_ARG(x->bind)),
         talk_bind_body(a, e->pod, e->node), on_bound);
}

bool service_ask_binds(const struct scheduler *s, const struct kobj *pod)
{
    return s->ask && extenders_binder(core_extenders(s->core), pod_of(pod));
}

void service_ask_bind(struct scheduler *s, const struct kobj *pod, struct str node)
{
    struct errand *e = errand_new(s, pod);
    e->node = str_make(str_dup(node), node.n);
    send_more(s);
}

/* ---- order ---- */

static void send_more(struct scheduler *s)
{
    struct service_ask *q = s->ask;
    while (q->n_on_wire < CORE_ASK_ROUND && !list_empty(&q->waiting)) {
        struct errand *e = LIST_ITEM(q->waiting.next, struct errand, link);
        list_remove(&e->link);
        list_push_back(&q->on_wire, &e->link);
        q->n_on_wire++;
        if (e->talk)
            go_on(e);
        else
            start_bind(e);
    }
}
