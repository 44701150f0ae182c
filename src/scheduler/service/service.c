/* SPDX-License-Identifier: Apache-2.0
 * service — see service.h. Binding is in service_bind.c, telling users in service_report.c.
 *
 *     watch event ─► core ─► turn: cycles ─► bind_all ─► watch confirms, or the core forgets
 *                                   └─► report queue ─► status patch, events */
#include "io/clock.h"
#include "scheduler/service/metrics.h"
#include "scheduler/service/service_internal.h"

#include <stdlib.h>

#include "scheduler/config/config.h"

#define CYCLES_PER_TURN 256 /* then other callbacks of the loop get their turn */

static void turn(void *arg);

void service_poke(struct scheduler *s)
{
    if (s->turn_pending || !s->live)
        return;
    s->turn_pending = true;
    timer_start(s->timer, 0);
}

static struct mono now_of(const struct scheduler *s)
{
    return loop_now(s->t->loop);
}

/* ---- from caches to the core ---- */

static void on_node(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct scheduler *s = arg;
    if (!s->live)
        return;
    if (after)
        core_node_set(s->core, after, now_of(s));
    else
        core_node_del(s->core, before->name, now_of(s));
}

static void on_pod(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct scheduler *s = arg;
    if (!s->live)
        return;
    if (!before && after && json_str(kobj_path(after, "spec.nodeName")).n == 0)
        sched_meter_queued(s->meter, SCHED_POD_ADDED);
    if (after)
        core_pod_set(s->core, after, now_of(s));
    else
        core_pod_del(s->core, before->namespace, before->name, now_of(s));
}

static void on_namespace(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct scheduler *s = arg;
    if (!s->live)
        return;
    if (after)
        core_namespace_set(s->core, after, now_of(s));
    else
        core_namespace_del(s->core, before->name);
}

static void selecting_event(struct scheduler *s,
                            enum selecting kind,
                            const struct kobj *before,
                            const struct kobj *after)
{
    if (!s->live)
        return;
    if (after)
        core_selecting_set(s->core, kind, after, now_of(s));
    else
        core_selecting_del(s->core, kind, before);
}

static void on_service(void *arg, const struct kobj *before, const struct kobj *after)
{
    selecting_event(arg, SELECTING_SERVICE, before, after);
}

static void on_replicaset(void *arg, const struct kobj *before, const struct kobj *after)
{
    selecting_event(arg, SELECTING_RS, before, after);
}

static void on_statefulset(void *arg, const struct kobj *before, const struct kobj *after)
{
    selecting_event(arg, SELECTING_STS, before, after);
}

static void on_controller(void *arg, const struct kobj *before, const struct kobj *after)
{
    selecting_event(arg, SELECTING_RC, before, after);
}

static void on_budget(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct scheduler *s = arg;
    if (!s->live)
        return;
    if (after)
        core_budget_set(s->core, after);
    else
        core_budget_del(s->core, before->namespace, before->name);
}

static void device_event(struct scheduler *s,
                         enum dra_kind kind,
                         const struct kobj *before,
                         const struct kobj *after)
{
    if (!s->live)
        return;
    if (after)
        core_device_set(s->core, kind, after, now_of(s));
    else
        core_device_del(s->core, kind, before, now_of(s));
}

static void on_claim(void *arg, const struct kobj *before, const struct kobj *after)
{
    device_event(arg, DRA_CLAIM, before, after);
}

static void on_class(void *arg, const struct kobj *before, const struct kobj *after)
{
    device_event(arg, DRA_CLASS, before, after);
}

static void on_slice(void *arg, const struct kobj *before, const struct kobj *after)
{
    device_event(arg, DRA_SLICE, before, after);
}

#define DEVICES(plural)                                                                            \
    {                                                                                              \
        STR_INIT("resource.k8s.io"), STR_INIT("v1"), STR_INIT(plural)                              \
    } /* a macro: a static initialiser */

/* The first feed, in an order that never sees a pod before its node and its claims. */
static const struct {
    struct gvr resource;
    informer_event_fn event;
} watches[] = {
    { { STR_INIT(""), STR_INIT("v1"), STR_INIT("nodes") }, on_node },
    { { STR_INIT(""), STR_INIT("v1"), STR_INIT("namespaces") }, on_namespace },
    { { STR_INIT(""), STR_INIT("v1"), STR_INIT("services") }, on_service },
    { { STR_INIT("apps"), STR_INIT("v1"), STR_INIT("replicasets") }, on_replicaset },
    { { STR_INIT("apps"), STR_INIT("v1"), STR_INIT("statefulsets") }, on_statefulset },
    { { STR_INIT(""), STR_INIT("v1"), STR_INIT("replicationcontrollers") }, on_controller },
    { { STR_INIT("policy"), STR_INIT("v1"), STR_INIT("poddisruptionbudgets") }, on_budget },
    { DEVICES("deviceclasses"), on_class },
    { DEVICES("resourceslices"), on_slice },
    { DEVICES("resourceclaims"), on_claim },
    { { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") }, on_pod },
};
static_assert(COUNT_OF(watches) == SERVICE_WATCHES, "one informer per row");

struct feed {
    struct scheduler *s;
    informer_event_fn event;
};

static bool feed_one(void *arg, const struct kobj *o)
{
    const struct feed *f = arg;
    f->event(f->s, NULL, o);
    return true;
}

void service_try_begin(struct scheduler *s)
{
    if (!s->live && informers_synced(s->informers) && service_gangs_ready(s)) {
        s->live = true;
        for (size_t i = 0; i < COUNT_OF(watches); i++) {
            struct feed f = { s, watches[i].event };
            informer_each(s->caches[i], feed_one, &f);
        }
        service_gangs_restore(s);
        struct core_counts n = core_count(s->core);
        LOG_INFO("scheduler.ready", kv_i64("nodes", (int64_t)n.nodes),
                 kv_i64("pods", (int64_t)n.pods), kv_i64("placed", (int64_t)n.placed));
    }
    service_poke(s);
}

static void on_batch(void *arg)
{
    service_try_begin(arg);
}

/* ---- turns ---- */

static void sleep_until_due(struct scheduler *s)
{
    struct mono due;
    if (!core_next_due(s->core, &due))
        return;
    int64_t delay = due.ns - now_of(s).ns;
    if (delay <= 0)
        service_poke(s);
    else
        timer_start(s->timer, delay);
}

static void turn(void *arg)
{
    struct scheduler *s = arg;
    s->turn_pending = false;
    core_set_wall(s->core, now_of(s), loop_wall(s->t->loop));
    for (unsigned i = 0; i < CYCLES_PER_TURN; i++) {
        struct decision d;
        arena_reset(s->cycle_arena);
        struct mono began = clock_mono();
        core_step(s->core, now_of(s), s->cycle_arena, &d);
        sched_meter_cycle(s->meter, &d, clock_mono().ns - began.ns);
        switch (d.kind) {
        case DECISION_NONE:
            service_bind_flush(s);
            sleep_until_due(s);
            return;
        case DECISION_BIND:
            if (d.reserves)
                service_gangs_bind(s, &d);
            else
                service_bind(s, &d);
            break;
        case DECISION_WAIT:
            sched_meter_queued(s->meter, SCHED_ATTEMPT_FAILED);
            service_report(s, &d);
            service_preempt(s, &d); /* nodes that are kept no more */
            break;
        case DECISION_LATE:
            service_late(s, &d);
            break;
        case DECISION_ASK:
            service_ask(s, &d);
            break;
        case DECISION_PREEMPT:
            service_report(s, &d);
            service_preempt(s, &d);
            break;
        }
    }
    service_bind_flush(s);
    service_poke(s);
}

/* ---- life ---- */

static struct sched_core *configured_core(struct str text, struct err *err)
{
    struct sched_config c;
    if (sched_config_parse(&c, text, err)) {
        err_wrap(err, "scheduler configuration");
        return NULL;
    }
    struct str lines = buf_view(&c.warnings);
    while (lines.n) {
        struct str line = str_split(&lines, '\n');
        LOG_WARN("scheduler.config", kv_str("what", line), kv_cstr("next", "ignored"));
    }
    struct sched_core *core = core_new(c.profiles, c.n);
    core_set_backoff(core, c.backoff_min_ns, c.backoff_max_ns);
    core_set_extenders(core, TAKE(c.extenders));
    c.n = 0; /* the core has the profiles now */
    sched_config_fini(&c);
    return core;
}

struct scheduler *
scheduler_new(struct transport *t, const struct scheduler_options *o, struct err *err)
{
    struct sched_core *core =
        o && o->config.n ? configured_core(o->config, err) : core_new_default();
    if (!core)
        return NULL;
    struct scheduler *s = MEM_NEW(struct scheduler);
    s->t = t;
    s->core = core;
    s->cycle_arena = arena_new();
    s->informers = informers_new(t);
    s->meter = sched_meter_new(o ? o->metrics : NULL);
    s->recorder = recorder_new(t, "ganglion-scheduler");
    s->timer = timer_new(t->loop, turn, s);
    list_init(&s->binds);
    list_init(&s->claim_reads);
    list_init(&s->patches);
    list_init(&s->errands.waiting);
    list_init(&s->errands.on_wire);
    for (size_t i = 0; i < COUNT_OF(watches); i++) {
        s->caches[i] = informers_get(s->informers, watches[i].resource, (struct str){ 0 });
        informer_on_event(s->caches[i], watches[i].event, on_batch, s);
    }
    if (service_ask_start(s, err)) {
        scheduler_free(s);
        return NULL;
    }
    return s;
}

void scheduler_start(struct scheduler *s)
{
    service_gangs_start(s);
    service_queues_start(s);
    informers_start(s->informers);
}

void scheduler_measure(struct scheduler *s)
{
    if (s->live)
        sched_meter_measure(s->meter, s->core);
}

bool scheduler_synced(const struct scheduler *s)
{
    return s->live;
}

void scheduler_free(struct scheduler *s)
{
    if (!s)
        return;
    s->live = false;
    timer_free(s->timer);
    service_bind_cancel(s);
    service_claims_cancel(s);
    service_report_cancel(s);
    service_gangs_stop(s);
    service_preempt_cancel(s);
    service_ask_stop(s);
    service_queues_stop(s);
    informers_free(s->informers);
    recorder_free(s->recorder);
    sched_meter_free(s->meter);
    core_free(s->core);
    arena_free(s->cycle_arena);
    free(s);
}
