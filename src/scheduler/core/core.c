/* SPDX-License-Identifier: Apache-2.0
 * core — see core.h. What pods do to the core is in core_pods.c. */
#include "scheduler/core/core_internal.h"
#include "scheduler/devices/gpu_sense.h"

#include <stdlib.h>

#include "scheduler/network/domain_tree.h"
#include "scheduler/preempt/feuds.h"
#include "scheduler/state/reservation.h"
#include "scheduler/time/forecast.h"
#include "scheduler/volumes/volumes.h"

#define CACHE_BYTES_MAX (64u << 20) /* of kept scores; 8 bytes a node and shape */
#define TRIM_EVERY 256              /* cycles */
#define TELL_EVERY 16               /* steps, beside those in which nothing else is due */

struct sched_core *core_new(struct profile **profiles, size_t n)
{
    struct sched_core *s = MEM_NEW(struct sched_core);
    for (size_t i = 0; i < n; i++) {
        profiles[i]->id = (uint32_t)i;
        profile_ptrs_push(&s->profiles, profiles[i]);
    }
    cluster_init(&s->cluster);
    for (size_t i = 0; i < n; i++)
        s->cluster.snap.notes_matter |= profiles[i]->asks_outside;
    shapes_init(&s->shapes);
    s->backfill = core_backfill_new();
    queue_init(&s->queue, &s->cluster);
    map_init(&s->local_queues);
    map_init(&s->work_classes);
    named_init(&s->pods);
    map_init(&s->gangs);
    s->feuds = feuds_new();
    map_init(&s->groups);
    map_init(&s->reserved);
    map_init(&s->ended);
    core_late_init(s);
    return s;
}

struct sched_core *core_new_default(void)
{
    struct profile *profiles[8];
    size_t n = 0;
    while (profile_builtin_names[n]) {
        profiles[n] = profile_new(str_from(profile_builtin_names[n]));
        n++;
    }
    return core_new(profiles, n);
}

void core_free(struct sched_core *s)
{
    if (!s)
        return;
    struct spod_ptrs all = { 0 };
    struct spod *p;
    for (size_t i = 0; (p = named_next(&s->pods, &i));)
        spod_ptrs_push(&all, p);
    for (size_t i = 0; i < all.n; i++)
        core_drop_pod(s, all.items[i]);
    core_reserved_fini(s);
    spod_ptrs_fini(&all);
    spod_ptrs_fini(&s->orphans);
    gangs_fini(&s->resumed);
    gangs_fini(&s->half);
    core_pressure_fini(s);
    core_ended_fini(s);
    core_late_fini(s);
    queue_fini(&s->queue);
    named_fini(&s->pods);
    map_fini(&s->gangs);
    feuds_free(s->feuds);
    core_backfill_fini(s);
    core_groups_fini(s);
    extenders_free(s->extenders);
    core_quota_fini(s);
    cluster_fini(&s->cluster);
    shapes_fini(&s->shapes);
    for (size_t i = 0; i < s->profiles.n; i++)
        profile_free(s->profiles.items[i]);
    profile_ptrs_fini(&s->profiles);
    free(s);
}

void core_set_backoff(struct sched_core *s, int64_t min_ns, int64_t max_ns)
{
    s->queue.backoff_min_ns = min_ns;
    s->queue.backoff_max_ns = max_ns;
}

const struct profile *core_profile(const struct sched_core *s, struct str name)
{
    for (size_t i = 0; i < s->profiles.n; i++) {
        if (str_eq(s->profiles.items[i]->name, name))
            return s->profiles.items[i];
    }
    return NULL;
}

/* ---- rules ---- */

void core_rules_changed(struct sched_core *s, struct mono now)
{
    s->cluster.snap.static_version++; /* kept answers are of no use */
    s->queue.epoch++;
    core_wake(s, ~0u, -1, now);
}

/* ---- nodes ---- */

/* Pods that were bound to a node before it was seen. */
static void adopt_orphans(struct sched_core *s, struct snode *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->orphans.n; i++) {
        struct spod *p = s->orphans.items[i];
        if (!str_eq(p->view->node_name, n->name)) {
            s->orphans.items[kept++] = p;
            continue;
        }
        core_adopt(p);
        core_place_bound(s, p, n);
    }
    s->orphans.n = kept;
}

void core_node_set(struct sched_core *s, const struct kobj *node, struct mono now)
{
    bool fresh = !snapshot_node(&s->cluster.snap, node->name);
    uint64_t before = s->cluster.snap.journal_end;
    struct snode *n = snapshot_node_set(&s->cluster.snap, node);
    if (!n)
        return;
    core_pressure_look(s, n, now);
    if (fresh)
        adopt_orphans(s, n);
    if (s->cluster.snap.journal_end != before)
        core_wake(s, fresh ? WAKE_NODE_ADDED : WAKE_NODE_CHANGED, n->id, now);
}

void core_node_del(struct sched_core *s, struct str name, struct mono now)
{
    struct snapshot *snap = &s->cluster.snap;
    struct snode *n = snapshot_node(snap, name);
    if (!n)
        return;
    LIST_EACH (&n->nominated, at)
        cluster_nominate(&s->cluster, LIST_ITEM(at, struct spod_stay, nominated)->pod, NULL);
    while (n->first_pod >= 0) {
        struct spod *p = snap->pods.items[n->first_pod];
        snapshot_remove(snap, p);
        if (p->gang)
            gang_count_placed(p, -1);
        if (p->view->node_name.n)
            core_orphan(s, p);
        gang_assume(p, false);
        if (p->gang)
            core_gang_changed(s, p->gang, now);
    }
    snapshot_commit(snap);
    snapshot_node_del(snap, n);
}

/* ---- other objects ---- */

void core_namespace_set(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    const struct kobj *old = cluster_namespace_object(&s->cluster, obj->name);
    bool same = old && json_eq(kobj_meta(old, STR("labels")), kobj_meta(obj, STR("labels"))) &&
                json_eq(kobj_meta(old, STR("annotations")), kobj_meta(obj, STR("annotations")));
    cluster_namespace_set(&s->cluster, obj);
    if (same)
        return;
    core_quota_namespace(s, obj->name, now);
    core_wake(s, WAKE_OBJECTS, -1, now);
}

void core_namespace_del(struct sched_core *s, struct str name)
{
    cluster_namespace_del(&s->cluster, name);
}

void core_selecting_set(struct sched_core *s,
                        enum selecting kind,
                        const struct kobj *obj,
                        struct mono now)
{
    cluster_selecting_set(&s->cluster, kind, obj);
    core_wake(s, WAKE_OBJECTS, -1, now);
}

void core_selecting_del(struct sched_core *s, enum selecting kind, const struct kobj *obj)
{
    cluster_selecting_del(&s->cluster, kind, obj);
}

void core_storage_changed(struct sched_core *s, const struct kobj *obj, bool gone, struct mono now)
{
    struct volumes *v = s->cluster.snap.volumes;
    if (gone ? volumes_del(v, obj) : volumes_set(v, obj))
        core_wake(s, WAKE_STORAGE, -1, now);
}

/* GPUs that claims gave back may be had by number: no pod's leaving tells of it. */
static void wake_by_number(struct sched_core *s, struct mono now)
{
    int64_t node;
    while (dra_freed_take(s->cluster.snap.dra, &node))
        core_wake(s, WAKE_NODE_CHANGED, node, now);
}

void core_device_set(struct sched_core *s,
                     enum dra_kind kind,
                     const struct kobj *obj,
                     struct mono now)
{
    dra_set(s->cluster.snap.dra, kind, obj);
    core_wake(s, WAKE_OBJECTS, -1, now);
    wake_by_number(s, now);
}

void core_device_del(struct sched_core *s,
                     enum dra_kind kind,
                     const struct kobj *obj,
                     struct mono now)
{
    dra_del(s->cluster.snap.dra, kind, obj);
    core_wake(s, WAKE_OBJECTS, -1, now);
    wake_by_number(s, now);
}

void core_claim_answered(struct sched_core *s,
                         const struct claim_id *id,
                         uint64_t revision,
                         struct mono now)
{
    if (dra_answered(s->cluster.snap.dra, id, revision))
        core_wake(s, WAKE_OBJECTS, -1, now);
    wake_by_number(s, now);
}

/* A NodeResourceTopology has the name of its node. */
static bool report_set(struct sched_core *s, const struct kobj *obj, bool gone, struct mono now)
{
    if (!str_is(obj->kind, "NodeResourceTopology"))
        return false;
    if (gone)
        snapshot_report_del(&s->cluster.snap, obj->name);
    else
        snapshot_report_set(&s->cluster.snap, obj);
    const struct snode *n = snapshot_node(&s->cluster.snap, obj->name);
    if (n) {
        AUTO(kobj_unrefp) struct kobj *node = kobj_ref(n->obj);
        core_node_set(s, node, now);
    }
    return true;
}

bool core_topology_set(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    if (report_set(s, obj, false, now))
        return true;
    if (!domain_forest_set(s->cluster.forest, obj, false))
        return false;
    core_wake(s, WAKE_NODE_CHANGED, -1, now);
    return true;
}

bool core_topology_del(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    if (report_set(s, obj, true, now))
        return true;
    if (!domain_forest_set(s->cluster.forest, obj, true))
        return false;
    core_wake(s, WAKE_NODE_CHANGED, -1, now);
    return true;
}

/* ---- decisions ---- */

/* What was found for this pod holds for those behind it, that are like it: nothing was asked but
 * what they have in common. */
static bool holds_for_all(const struct sched_core *s, const struct plan *plan)
{
    bool common = plan->failed || (plan->wakes & WAKE_QUOTA); /* not a wish about the network */
    return common && !plan->singular && !(plan->wakes & WAKE_POD_PLACED) &&
           !forecast_holds(s->cluster.forecast);
}

static void park(struct sched_core *s,
                 struct gang *g,
                 const struct plan *plan,
                 struct mono now,
                 struct decision *out)
{
    struct hitch why = { plan->wakes, plan->failed ? plan->failed->shape : NULL, plan->bound };
    queue_park(&s->queue, g, &why, now);
    core_late_watch(s, g);
    gang_set_message(g, plan->message);
    g->by_quota = !g->blocked && (g->wakes & WAKE_QUOTA);
    core_touch(s, g);
    *out = (struct decision){
        .kind = DECISION_WAIT, .gang = g, .message = g->message, .attempts = g->attempts
    };
}

static void wait_incomplete(struct sched_core *s,
                            struct gang *g,
                            struct arena *a,
                            struct mono now,
                            struct decision *out)
{
    struct plan none = { .message = gang_waiting_text(a, g) }; /* members wake it, nothing else */
    park(s, g, &none, now, out);
    core_starving_help(s, g, now);
}

static void assume(struct sched_core *s, struct gang *g, const struct plan *plan, struct mono now)
{
    bool had_run = g->has_run;
    for (size_t i = 0; i < plan->n; i++) {
        gang_assume(plan->items[i].pod, true);
        plan->items[i].pod->begun_ns = now.ns;
        plan->items[i].pod->ends_ns = 0;
        cluster_nominate(&s->cluster, plan->items[i].pod, NULL);
        gang_count_placed(plan->items[i].pod, 1);
    }
    s->bound_pods += plan->n;
    core_backfill_leave(s, g);
    g->has_run = g->has_run || gang_has_started(g);
    if (!had_run)
        core_start_begin(g);
    core_touch(s, g);
    g->attempts = g->vain = 0;
    g->since = (struct mono){ 0 };
    gang_set_message(g, STR(""));
    struct hitch why = { ~0u, plan->failed ? plan->failed->shape : NULL, NULL };
    if (gang_pending(g)) { /* members beyond the minimum */
        queue_part(&s->queue, g);
        queue_park(&s->queue, g, &why, now);
    } else {
        queue_remove(&s->queue, g);
    }
    core_late_watch(s, g);
    core_wake(s, WAKE_POD_PLACED, -1, now);
}

/* Nobody leaves for it. */
static void give_up(struct sched_core *s, struct gang *g, const struct plan *plan)
{
    if (plan->failed && !core_waits_for_victims(s, g))
        core_backfill_wait(s, g);
    if (holds_for_all(s, plan))
        queue_say(&s->queue, g, plan->message, s->now);
    else
        queue_part_and_try_next(&s->queue, g);
}

/* It does not fit as things are: others may have to leave for it. */
static void
fail(struct sched_core *s, struct gang *g, struct plan *plan, struct arena *a, struct decision *out)
{
    struct decision preempt = { 0 };
    bool found = core_preempt(s, g, plan, a, &preempt);
    if (preempt.kind == DECISION_ASK) {
        *out = preempt;
        return;
    }
    found = found || core_consolidate(s, g, plan, a, &preempt);
    if (found)
        plan->wakes |= WAKE_POD_GONE;
    core_claims_failed(s, g, plan);
    park(s, g, plan, s->now, out);
    if (!found) {
        give_up(s, g, plan);
        core_starving_help(s, g, s->now);
        out->displaced = preempt.displaced;
        out->n_displaced = preempt.n_displaced;
        return;
    }
    queue_part_and_try_next(&s->queue, g); /* room is kept for it, not for those like it */
    core_backfill_leave(s, g);             /* others make room at once */
    preempt.gang = g;
    preempt.message = out->message;
    preempt.attempts = out->attempts;
    *out = preempt;
}

/* The next gang with something to place. */
static struct gang *take(struct sched_core *s, struct mono now)
{
    struct gang *g;
    core_wake_for_quota(s, now);
    while ((g = queue_take(&s->queue, now))) {
        bool idle = gang_pending(g) == 0 && gang_is_complete(g);
        if (idle)
            queue_remove(&s->queue, g);
        else if (core_start_pauses(g, now))
            queue_delay(&s->queue, g, g->start.pause);
        else if (!core_lacks_quota_again(s, g, now))
            return g;
    }
    return NULL;
}

/* One that waits behind another hears why, when nothing else is to be done or now and then. */
static bool tell(struct sched_core *s, struct decision *out)
{
    struct gang *g = queue_tell(&s->queue);
    if (!g)
        return false;
    core_touch(s, g);
    *out = (struct decision){
        .kind = DECISION_WAIT, .gang = g, .message = g->message, .attempts = g->attempts
    };
    return true;
}

static void decide(struct sched_core *s, struct gang *g, struct arena *a, struct decision *out)
{
    struct plan plan = { 0 };
    if (gang_to_come(g))
        core_places_make(s, g);
    else
        core_places_prune(s, g);
    cycle_run(&s->cluster, g, a, &plan);
    if (!plan.placed) {
        fail(s, g, &plan, a, out);
        core_claims_tend(s, a, out);
        return;
    }
    bool reserves = gang_to_come(g) > 0;
    if (reserves)
        core_places_hold(s, g, &plan, s->now);
    bool starts = g->dialect && !g->start.under_way;
    struct mono since = g->since.ns ? g->since : s->now;
    assume(s, g, &plan, s->now);
    *out = (struct decision){ .kind = DECISION_BIND,
                              .gang = g,
                              .items = plan.items,
                              .n = plan.n,
                              .reserves = reserves,
                              .starts = starts && g->start.under_way,
                              .since = since };
}

void core_step(struct sched_core *s, struct mono now, struct arena *a, struct decision *out)
{
    *out = (struct decision){ .kind = DECISION_NONE };
    core_places_expire(s, now);
    s->now = now;
    core_reserved_tick(s);
    dra_refresh(s->cluster.snap.dra); /* of slices that came or went: GPUs by number depend on it */
    wake_by_number(s, now);
    if (core_eviction_resume(s, a, out) || core_start_step(s, a, out) ||
        core_pressure_step(s, a, out) || core_late_step(s, now, a, out))
        return;
    core_backfill_tick(s);
    if (++s->steps % TELL_EVERY == 0 && tell(s, out))
        return;
    struct gang *g = take(s, now);
    if (!g) {
        tell(s, out);
        return;
    }
    gang_settle(g);
    if (!gang_is_complete(g)) {
        wait_incomplete(s, g, a, now, out);
        core_claims_tend(s, a, out);
        return;
    }
    gpu_sense_refresh(s->cluster.gpus, &s->cluster.snap);
    if (s->cycles++ % TRIM_EVERY == 0)
        shapes_trim(&s->shapes, &s->cluster.snap, CACHE_BYTES_MAX);
    if (core_ask(s, g, a, out))
        return;
    decide(s, g, a, out);
    if (s->extenders &&
        out->kind != DECISION_ASK) /* of victims: the filters' answers still serve */
        core_ask_spent(s, g);
}

/* The earlier of two times; any: there is one already. */
static void sooner(struct mono *when, bool *any, struct mono due)
{
    if (!*any || due.ns < when->ns)
        *when = due;
    *any = true;
}

bool core_next_due(const struct sched_core *s, struct mono *when)
{
    struct mono due = s->cluster.reservations_due;
    bool any = queue_next_due(&s->queue, when);
    if (s->resumed.n) {
        *when = s->now;
        return true;
    }
    if (due.ns)
        sooner(when, &any, due);
    if (core_late_due(s, &due))
        sooner(when, &any, due);
    if (core_reserved_due(s, &due))
        sooner(when, &any, due);
    if (core_pressure_due(s, &due))
        sooner(when, &any, due);
    if (core_start_due(s, &due))
        sooner(when, &any, due);
    if (core_backfill_due(s, &due.ns))
        sooner(when, &any, due);
    return any;
}

struct cluster *core_cluster(struct sched_core *s)
{
    return &s->cluster;
}

void core_why(struct sched_core *s, struct spod *pod, struct arena *a, struct explanation *out)
{
    explain_gang(&s->cluster, pod->gang, a, out);
    out->workload = explain_workload(pod, a, &out->because);
}

void core_each_pod(const struct sched_core *s,
                   void (*fn)(void *arg, const struct spod *p),
                   void *arg)
{
    const struct spod *p;
    for (size_t i = 0; (p = named_next(&s->pods, &i));)
        fn(arg, p);
}

struct core_counts core_count(const struct sched_core *s)
{
    struct queue_counts waiting = queue_count(&s->queue);
    struct core_counts c = { .nodes = s->cluster.snap.n_alive,
                             .pods = s->pods.n,
                             .active = waiting.active,
                             .delayed = waiting.delayed,
                             .parked = waiting.parked,
                             .cycles = s->cycles,
                             .bound_pods = s->bound_pods };
    const struct spod *p;
    for (size_t i = 0; (p = named_next(&s->pods, &i));)
        c.placed += p->node >= 0;
    return c;
}
