/* SPDX-License-Identifier: Apache-2.0
 * runner — see runner.h. A pass (struct pass) owns its arena and its writes from reconcile until
 * the caches have seen what it wrote; its key stays "in work" all that time. */
#include "controllers/runner.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "client/workqueue.h"
#include "controllers/runner_internal.h"
#include "io/clock.h"
#include "kube/status.h"

#define SETTLE_TIMEOUT_NS (10 * NS_PER_S) /* then the key is looked at again anyway */

struct unit { /* one controller that runs */
    struct runner *runner;
    const struct controller *c;
    struct informer *caches[CONTROLLER_WATCHES_MAX];
    size_t indexes[CONTROLLER_WATCHES_MAX];
    struct watch_arg {
        struct unit *unit;
        controller_keys_fn keys;
    } args[CONTROLLER_WATCHES_MAX];
    size_t n_watches;
    struct workqueue *queue;
    size_t in_work;
    struct unit_meter { /* NULLs: nobody asks */
        struct metric_series *depth, *running, *adds, *retries, *work, *ok, *failed;
    } meter;
};

enum { M_DEPTH, M_RUNNING, M_ADDS, M_RETRIES, M_WORK, M_RECONCILE };

/* 10 ns times ten, to 1,000 s: client-go's. */
static const int64_t work_bounds[] = {
    10,       100,       1000,     10000,         100000,         1000000,
    10000000, 100000000, NS_PER_S, 10 * NS_PER_S, 100 * NS_PER_S, 1000 * NS_PER_S,
};

static const struct metric rows[] = {
    [M_DEPTH] = { "workqueue_depth",
                  METRIC_GAUGE,
                  "Keys that wait, back-off included.",
                  { "name" } },
    [M_RUNNING] = { "controller_runtime_active_workers",
                    METRIC_GAUGE,
                    "Keys in work: reconciled, written, or waiting for the caches.",
                    { "controller" } },
    [M_ADDS] = { "workqueue_adds_total", METRIC_COUNTER, "Keys taken into work.", { "name" } },
    [M_RETRIES] = { "workqueue_retries_total",
                    METRIC_COUNTER,
                    "Keys that came back after a failure.",
                    { "name" } },
    [M_WORK] = { "workqueue_work_duration_seconds",
                 METRIC_HISTOGRAM,
                 "From taking a key into work until the caches have seen what it wrote.",
                 { "name" },
                 METRIC_TIMES(work_bounds) },
    [M_RECONCILE] = { "controller_runtime_reconcile_total",
                      METRIC_COUNTER,
                      "Passes, by outcome.",
                      { "controller", "result" } },
};

const struct metric_table controllers_metric_table = { "Controllers", rows, COUNT_OF(rows) };

struct pass { /* one key in work */
    struct list link;
    struct unit *unit;
    struct str key; /* the queue's */
    struct arena *a;
    struct reconcile_out out;
    size_t left; /* calls not answered */
    bool failed, settling;
    enum phase phase; /* of the writes that were sent last */
    struct mono began;
    struct mono settle_by;
    uint64_t wrote[CONTROLLER_WATCHES_MAX]; /* newest revision written of each watched resource */
};

struct sent { /* one call of a pass */
    struct list link;
    struct pass *pass;
    struct call *call;
    const struct write *write;
};

struct runner {
    struct transport *t;
    struct informers *informers;
    struct recorder *recorder;
    struct unit *units;
    size_t n_units;
    struct list passes;
    struct list sents;
    struct timer *timer; /* the next turn */
    struct wall since;
    int64_t clock_offset_ns; /* of the wall clock to the monotonic one */
    bool started, scheduled;
};

static void kick(struct runner *r);
static void pass_finish(struct pass *p);

/* ---- events to keys ---- */

void controller_key_self(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    const struct kobj *o = after ? after : before;
    if (o->namespace.n) {
        buf_str(keys, o->namespace);
        buf_char(keys, '/');
    }
    buf_str(keys, o->name);
}

#define KEYS_BYTES_MAX ((size_t)1 << 20)

static void on_event(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct watch_arg *w = arg;
    struct buf keys;
    buf_init(&keys, KEYS_BYTES_MAX);
    w->keys(&keys, before, after);
    for (struct str rest = buf_view(&keys); rest.p;) {
        struct str key = str_split(&rest, '\n');
        if (key.n)
            workqueue_add(w->unit->queue, key);
    }
    buf_fini(&keys);
}

static void on_batch(void *arg)
{
    kick(((struct watch_arg *)arg)->unit->runner);
}

/* ---- writes ---- */

static void note_written(struct pass *p, const struct write *w, const struct kobj *o)
{
    if (!o || w->verb == VERB_DELETE || w->verb == VERB_GET)
        return;
    for (size_t i = 0; i < p->unit->n_watches; i++) {
        struct gvr r = p->unit->c->watches[i].resource;
        if (str_eq(r.plural, w->resource.plural) && str_eq(r.group, w->resource.group) &&
            o->revision > p->wrote[i])
            p->wrote[i] = o->revision;
    }
}

/* The namespace is being emptied: its content goes, and this key with it. */
static bool is_terminating(const struct kobj *status)
{
    struct json causes = kobj_path(status, "details.causes");
    return str_is(json_str(json_get(json_at(causes, 0), STR("reason"))), "NamespaceTerminating");
}

static void log_refusal(const struct pass *p, const struct write *w, const struct err *err)
{
    if (err->kind == ERR_CONFLICT || err->kind == ERR_NOT_FOUND)
        return; /* someone was faster: the next pass sees what they did */
    LOG_WARN("controller.write_refused", kv_cstr("controller", p->unit->c->name),
             kv_str("key", p->key), kv_str("resource", w->resource.plural), kv_err(err),
             kv_cstr("next", "retrying with back-off"));
}

static void judge(struct pass *p, const struct write *w, const struct reply *reply)
{
    struct err refusal = { 0 };
    status_to_err(reply->object, reply->code, &refusal);
    bool gone = refusal.kind == ERR_NOT_FOUND && (w->verb == VERB_DELETE || w->verb == VERB_GET);
    p->failed = p->failed || !gone;
    if (!gone && !is_terminating(reply->object))
        log_refusal(p, w, &refusal);
}

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *s = arg;
    struct pass *p = s->pass;
    const struct write *w = s->write;
    if (!reply) {
        p->failed = true;
        log_refusal(p, w, err);
    } else if (reply->code >= 400) {
        judge(p, w, reply);
    } else if (w->verb == VERB_GET) {
        p->failed = p->failed || str_eq(reply->object->uid, w->uid);
    } else {
        note_written(p, w, reply->object);
    }
    list_remove(&s->link);
    free(s);
    if (--p->left == 0)
        pass_finish(p);
}

static struct call *start_write(struct sent *s, struct transport *t)
{
    const struct write *w = s->write;
    struct request req = {
        .verb = w->verb,
        .group = w->resource.group,
        .version = w->resource.version,
        .plural = w->resource.plural,
        .namespace = w->namespace,
        .write = { .grace_s = -1 },
        .body = json_root(w->body),
    };
    if (w->verb != VERB_CREATE)
        req.name = w->name;
    if (w->verb == VERB_DELETE) {
        req.write.uid = w->uid;
        req.write.propagation = w->propagation;
        req.write.grace_s = w->now ? 0 : -1;
    }
    if (w->verb == VERB_PATCH)
        req.write.patch = PATCH_MERGE;
    if (w->status)
        req.subresource = STR("status");
    return t->ops->start(t, &req, on_written, s);
}

static void send_writes(struct pass *p, enum phase phase)
{
    struct runner *r = p->unit->runner;
    for (size_t i = 0; i < p->out.writes.n; i++) {
        if (write_phase(&p->out.writes.items[i]) != phase)
            continue;
        struct sent *s = MEM_NEW(struct sent);
        s->pass = p;
        s->write = &p->out.writes.items[i];
        list_push_back(&r->sents, &s->link);
        p->left++;
        s->call = start_write(s, r->t);
    }
}

/* ---- a pass ---- */

static bool caches_caught_up(const struct pass *p)
{
    for (size_t i = 0; i < p->unit->n_watches; i++)
        if (informer_revision(p->unit->caches[i]) < p->wrote[i])
            return false;
    return true;
}

static void count_pass(const struct unit_meter *m, const struct pass *p, struct mono now)
{
    if (!m->adds)
        return;
    metric_observe(m->work, now.ns - p->began.ns);
    metric_add(p->failed ? m->failed : m->ok, 1);
    if (p->failed)
        metric_add(m->retries, 1);
}

static void pass_end(struct pass *p)
{
    struct unit *u = p->unit;
    struct mono now = loop_now(u->runner->t->loop);
    if (p->failed)
        workqueue_retry(u->queue, p->key, now);
    else
        workqueue_forget(u->queue, p->key);
    if (p->out.again.ns) {
        int64_t in = p->out.again.ns - loop_wall(u->runner->t->loop).ns;
        workqueue_add_at(u->queue, p->key, (struct mono){ now.ns + (in > 0 ? in : 0) });
    }
    workqueue_done(u->queue, p->key);
    u->in_work--;
    count_pass(&u->meter, p, now);
    list_remove(&p->link);
    reconcile_out_fini(&p->out);
    arena_free(p->a);
    free(p);
}

static void record_events(struct pass *p)
{
    struct wall now = loop_wall(p->unit->runner->t->loop);
    struct recorder *rec = p->unit->runner->recorder;
    for (size_t i = 0; i < p->out.events.n; i++) {
        const struct event_note *e = &p->out.events.items[i];
        recorder_event(rec, &(struct recorder_note){ e->about, e->type, e->reason, e->message },
                       now);
    }
}

static void pass_finish(struct pass *p)
{
    while (!p->failed && p->phase + 1 < PHASES) {
        send_writes(p, ++p->phase);
        if (p->left)
            return;
    }
    if (!p->failed)
        record_events(p);
    p->settling = true;
    p->settle_by = (struct mono){ loop_now(p->unit->runner->t->loop).ns + SETTLE_TIMEOUT_NS };
    kick(p->unit->runner);
}

/* A wall clock that was set makes every lease look old or new: silence counts from then. */
static struct wall watching_since(struct runner *r)
{
    int64_t offset_ns = clock_offset(), jump_ns = offset_ns - r->clock_offset_ns;
    r->clock_offset_ns = offset_ns;
    if (jump_ns > CLOCK_JUMP_NS || jump_ns < -CLOCK_JUMP_NS)
        r->since = loop_wall(r->t->loop);
    return r->since;
}

static void pass_start(struct unit *u, struct str key)
{
    struct pass *p = MEM_NEW(struct pass);
    *p = (struct pass){
        .unit = u, .key = key, .a = arena_new(), .began = loop_now(u->runner->t->loop)
    };
    if (u->meter.adds)
        metric_add(u->meter.adds, 1);
    list_push_back(&u->runner->passes, &p->link);
    u->in_work++;
    struct str rest = key, first = str_split(&rest, '/');
    struct reconcile r = {
        .a = p->a,
        .namespace = rest.p ? first : (struct str){ 0 },
        .name = rest.p ? rest : first,
        .now = loop_wall(u->runner->t->loop),
        .since = watching_since(u->runner),
        .self = u->c,
        .random = clock_random_u64(),
        .out = &p->out,
    };
    memcpy(r.caches, u->caches, sizeof r.caches);
    memcpy(r.indexes, u->indexes, sizeof r.indexes);
    struct err err = { 0 };
    if (u->c->reconcile(&r, &err) != 0) {
        LOG_WARN("controller.failed", kv_cstr("controller", u->c->name), kv_str("key", key),
                 kv_err(&err), kv_cstr("next", "retrying with back-off"));
        p->failed = true;
        reconcile_out_fini(&p->out);
        p->out = (struct reconcile_out){ 0 };
    }
    send_writes(p, PHASE_ABSENT);
    if (p->left == 0)
        pass_finish(p);
}

/* ---- the turn: end what has settled, start what is due, sleep until the next ---- */

static void unit_turn(struct unit *u, struct mono now)
{
    struct str key;
    for (size_t i = 0; i < u->n_watches; i++)
        if (!informer_synced(u->caches[i]))
            return; /* a half-filled cache would say "missing" of what exists */
    while (u->in_work < RUNNER_KEYS_IN_WORK && workqueue_take(u->queue, now, &key))
        pass_start(u, key);
}

static bool end_settled(struct runner *r, struct mono now, struct mono *wake)
{
    bool waiting = false;
    LIST_EACH (&r->passes, node) {
        struct pass *p = LIST_ITEM(node, struct pass, link);
        if (!p->settling)
            continue;
        if (caches_caught_up(p) || p->settle_by.ns <= now.ns) {
            pass_end(p);
            continue;
        }
        if (!waiting || p->settle_by.ns < wake->ns)
            *wake = p->settle_by;
        waiting = true;
    }
    return waiting;
}

static void on_timer(void *arg)
{
    struct runner *r = arg;
    struct mono now = loop_now(r->t->loop), wake, due;
    r->scheduled = false;
    bool have = end_settled(r, now, &wake);
    for (size_t i = 0; i < r->n_units; i++) {
        struct unit *u = &r->units[i];
        unit_turn(u, now);
        if (u->in_work < RUNNER_KEYS_IN_WORK && workqueue_next_due(u->queue, &due) &&
            due.ns > now.ns && (!have || due.ns < wake.ns)) {
            wake = due;
            have = true;
        }
    }
    if (have && !r->scheduled)
        timer_start(r->timer, wake.ns > now.ns ? wake.ns - now.ns : 0);
}

static void kick(struct runner *r)
{
    if (!r->started || r->scheduled)
        return;
    r->scheduled = true;
    timer_start(r->timer, 0);
}

/* ---- life cycle ---- */

static void unit_init(struct runner *r, struct unit *u, const struct controller *c)
{
    *u = (struct unit){ .runner = r, .c = c, .queue = workqueue_new() };
    for (size_t i = 0; i < CONTROLLER_WATCHES_MAX && c->watches[i].resource.plural.n; i++) {
        const struct controller_watch *w = &c->watches[i];
        u->caches[i] = informers_get(r->informers, w->resource, (struct str){ 0 });
        if (w->index)
            u->indexes[i] = informer_index(u->caches[i], w->index);
        u->args[i] = (struct watch_arg){ u, w->keys ? w->keys : controller_key_self };
        u->n_watches = i + 1;
    }
}

struct runner *runner_new(struct transport *t, const struct controller *const *list, size_t n)
{
    struct runner *r = MEM_NEW(struct runner);
    r->t = t;
    r->informers = informers_new(t);
    r->recorder = recorder_new(t, "ganglion-controllers");
    r->timer = timer_new(t->loop, on_timer, r);
    list_init(&r->passes);
    list_init(&r->sents);
    r->n_units = list ? n : controllers_count;
    r->units = mem_alloc_array(r->n_units, sizeof *r->units);
    for (size_t i = 0; i < r->n_units; i++)
        unit_init(r, &r->units[i], list ? list[i] : controllers[i]);
    return r;
}

void runner_count(struct runner *r, struct metrics *m)
{
    for (size_t i = 0; i < r->n_units; i++) {
        struct unit *u = &r->units[i];
        struct str name = str_from(u->c->name);
        const struct str ok[] = { name, STR("success") }, failed[] = { name, STR("error") };
        u->meter = (struct unit_meter){
            .depth = metrics_series(m, M_DEPTH, &name),
            .running = metrics_series(m, M_RUNNING, &name),
            .adds = metrics_series(m, M_ADDS, &name),
            .retries = metrics_series(m, M_RETRIES, &name),
            .work = metrics_series(m, M_WORK, &name),
            .ok = metrics_series(m, M_RECONCILE, ok),
            .failed = metrics_series(m, M_RECONCILE, failed),
        };
    }
}

void runner_measure(struct runner *r)
{
    for (size_t i = 0; i < r->n_units; i++) {
        const struct unit *u = &r->units[i];
        if (!u->meter.adds)
            continue;
        metric_set(u->meter.depth, (int64_t)workqueue_len(u->queue));
        metric_set(u->meter.running, (int64_t)u->in_work);
    }
}

void runner_start(struct runner *r)
{
    r->started = true;
    r->clock_offset_ns = clock_offset();
    r->since = loop_wall(r->t->loop);
    for (size_t i = 0; i < r->n_units; i++)
        for (size_t w = 0; w < r->units[i].n_watches; w++)
            informer_on_event(r->units[i].caches[w], on_event, on_batch, &r->units[i].args[w]);
    informers_start(r->informers);
}

void runner_free(struct runner *r)
{
    if (!r)
        return;
    LIST_EACH (&r->sents, node) {
        struct sent *s = LIST_ITEM(node, struct sent, link);
        r->t->ops->cancel(s->call);
        free(s);
    }
    LIST_EACH (&r->passes, node) {
        struct pass *p = LIST_ITEM(node, struct pass, link);
        reconcile_out_fini(&p->out);
        arena_free(p->a);
        free(p);
    }
    recorder_free(r->recorder);
    informers_free(r->informers);
    timer_free(r->timer);
    for (size_t i = 0; i < r->n_units; i++)
        workqueue_free(r->units[i].queue);
    free(r->units);
    free(r);
}

struct informers *runner_informers(struct runner *r)
{
    return r->informers;
}

bool runner_idle(const struct runner *r)
{
    struct mono due, now = loop_now(r->t->loop);
    for (size_t i = 0; i < r->n_units; i++) {
        const struct unit *u = &r->units[i];
        if (u->in_work || (workqueue_next_due(u->queue, &due) && due.ns <= now.ns))
            return false;
    }
    return informers_synced(r->informers);
}
