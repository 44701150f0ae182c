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
#include "scheduler/core/fields.h"

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

int service_hear(struct scheduler *s, const struct core_input *in, struct err *err)
{
    struct core_input full = *in;
    full.now = now_of(s);
    service_record_input(s, &full);
    return core_hear(s->core, &full, err);
}

static void on_object(void *arg, const struct kobj *before, const struct kobj *after)
{
    const struct source_watch *w = arg;
    struct scheduler *s = w->s;
    enum input_kind kind = w->source->kind;
    if (!w->open)
        return;
    if (kind == INPUT_POD && !before && after && json_str(kobj_path(after, "spec.nodeName")).n == 0)
        sched_meter_queued(s->meter, SCHED_POD_ADDED);
    const struct core_input in = { .kind = kind, .obj = after ? after : before, .gone = !after };
    service_hear(s, &in, NULL);
}

static bool feed_one(void *arg, const struct kobj *o)
{
    on_object(arg, NULL, o);
    return true;
}

/* The core hears of a source once those before it are complete. Pods are the last: their first
 * pages wait in the cache, later ones are heard while the server makes the next. */
static void open_sources(struct scheduler *s)
{
    for (size_t i = 0; i < SOURCES_MAIN; i++) {
        struct source_watch *w = &s->watches[i];
        if (!w->open) {
            w->open = true;
            informer_each(w->cache, feed_one, w);
        }
        if (!informer_synced(w->cache))
            return;
    }
}

void service_try_begin(struct scheduler *s)
{
    if (!s->live)
        open_sources(s);
    if (!s->live && informers_synced(s->informers) && service_gangs_ready(s) &&
        service_reserved_ready(s)) {
        s->live = true;
        service_gangs_restore(s);
        service_reserved_begin(s);
        service_nodes_begin(s);
        struct core_counts n = core_count(s->core);
        LOG_INFO("scheduler.ready", kv_i64("nodes", (int64_t)n.nodes),
                 kv_i64("pods", (int64_t)n.pods), kv_i64("placed", (int64_t)n.placed));
    }
    service_poke(s);
}

static void on_batch(void *arg)
{
    const struct source_watch *w = arg;
    service_try_begin(w->s);
}

/* ---- turns ---- */

/* A turn that is asked for meanwhile comes first: both use the timer. */
static void sleep_until_due(struct scheduler *s)
{
    struct mono due;
    if (s->turn_pending || !core_next_due(s->core, &due))
        return;
    int64_t delay = due.ns - now_of(s).ns;
    if (delay <= 0)
        service_poke(s);
    else
        timer_start(s->timer, delay);
}

/* All of it is not bound in one write. */
static bool binds_singly(const struct scheduler *s, const struct decision *d)
{
    bool singly = s->t->ops->binds_singly;
    for (size_t i = 0; i < d->n && !singly; i++)
        singly = service_ask_binds(s, d->items[i].pod->obj);
    return singly;
}

static void carry_out(struct scheduler *s, const struct decision *d)
{
    switch (d->kind) {
    case DECISION_NONE:
        break;
    case DECISION_BIND:
        if (d->reserves || (d->starts && binds_singly(s, d)))
            service_gangs_bind(s, d);
        else
            service_bind(s, d);
        break;
    case DECISION_WAIT:
        sched_meter_queued(s->meter, SCHED_ATTEMPT_FAILED);
        service_report(s, d);
        service_preempt(s, d); /* nodes that are kept no more */
        service_claims_release(s, d);
        service_extended(s, d);
        break;
    case DECISION_LATE:
        service_late(s, d);
        break;
    case DECISION_ASK:
        service_ask(s, d);
        break;
    case DECISION_RELIEVE:
        service_undo(s, d);
        break;
    case DECISION_UNDO:
        service_report(s, d);
        service_undo(s, d);
        break;
    case DECISION_PREEMPT:
        service_report(s, d);
        if (d->gang->dialect && d->n_victims)
            service_gangs_evict(s, d);
        else
            service_preempt(s, d);
        break;
    }
}

/* False: nothing is due. */
static bool decide(struct scheduler *s)
{
    struct decision d;
    arena_reset(s->cycle_arena);
    struct mono began = clock_mono();
    core_step(s->core, now_of(s), s->cycle_arena, &d);
    sched_meter_cycle(s->meter, &d, clock_mono().ns - began.ns);
    service_record_step(s, &d);
    carry_out(s, &d);
    return d.kind != DECISION_NONE;
}

static void turn(void *arg)
{
    struct scheduler *s = arg;
    bool more = true;
    s->turn_pending = false;
    service_hear(s, &(struct core_input){ .kind = INPUT_CLOCK, .wall = loop_wall(s->t->loop) },
                 NULL);
    service_volumes_look(s);
    service_waits_look(s);
    for (unsigned i = 0; more && i < CYCLES_PER_TURN; i++)
        more = decide(s);
    service_bind_flush(s);
    service_record_flush(s);
    if (more)
        service_poke(s);
    else
        sleep_until_due(s);
    service_outside_tell(s);
    service_reserved_tell(s);
    service_claims_tell(s);
}

/* ---- life ---- */

static struct sched_core *configured_core(const struct scheduler_options *o, struct err *err)
{
    struct sched_config c;
    if (sched_config_parse_with(&c, o->config, o->outside, err)) {
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

/* A cache of what we read; extenders are sent whole objects, plugins of others may read any field.
 */
static struct informer *cache_of(const struct scheduler *s, const struct sched_source *source)
{
    const struct sched_fields *f = &sched_fields[source->kind];
    struct informer_fields fields = { f->rows, f->n };
    if (core_extenders(s->core) || outside_count(s->outside))
        fields = (struct informer_fields){ 0 };
    return informers_get_fields(s->informers, source->resource, &fields);
}

struct scheduler *
scheduler_new(struct transport *t, const struct scheduler_options *o, struct err *err)
{
    struct sched_core *core = o && o->config.n ? configured_core(o, err) : core_new_default();
    if (!core)
        return NULL;
    struct scheduler *s = MEM_NEW(struct scheduler);
    s->t = t;
    s->core = core;
    s->cycle_arena = arena_new();
    s->informers = informers_new(t);
    s->meter = sched_meter_new(o ? o->metrics : NULL);
    service_outside_start(s, o ? o->outside : NULL);
    s->recorder = recorder_new(t, "ganglion-scheduler");
    s->timer = timer_new(t->loop, turn, s);
    list_init(&s->binds);
    list_init(&s->claim_reads);
    list_init(&s->waits);
    list_init(&s->volume_waits);
    list_init(&s->claim_releases);
    list_init(&s->extended_claims);
    list_init(&s->patches);
    list_init(&s->errands.waiting);
    list_init(&s->errands.on_wire);
    list_init(&s->errands.resting);
    for (size_t i = 0; i < SOURCES_MAIN; i++) {
        struct source_watch *w = &s->watches[i];
        *w = (struct source_watch){ .s = s, .source = &sources_main[i] };
        w->cache = cache_of(s, w->source);
        informer_on_event(w->cache, on_object, on_batch, w);
    }
    if (service_ask_start(s, err) || service_record_start(s, o, err)) {
        scheduler_free(s);
        return NULL;
    }
    return s;
}

void scheduler_start(struct scheduler *s)
{
    service_gangs_start(s);
    service_queues_start(s);
    service_reserved_start(s);
    service_nodes_start(s);
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
    service_volumes_cancel(s);
    service_waits_cancel(s);
    service_claims_cancel(s);
    service_extended_cancel(s);
    service_report_cancel(s);
    service_nodes_stop(s);
    service_reserved_stop(s);
    service_gangs_stop(s);
    service_preempt_cancel(s);
    service_ask_stop(s);
    service_queues_stop(s);
    informers_free(s->informers);
    recorder_free(s->recorder);
    sched_meter_free(s->meter);
    service_record_stop(s);
    core_free(s->core);
    arena_free(s->cycle_arena);
    free(s);
}
