/* SPDX-License-Identifier: Apache-2.0
 * core_consolidate — room in one piece. A gang that fits nowhere, though enough is free in all, is
 * helped by moving others closer together. Off unless the profile enables the post-filter
 * Consolidation; then, for a gang that preemption could not help:
 *
 *     who may move? ─► the fewest whose leaving makes room (preempt_gang.h) ─► in a transaction:
 *     they leave, the gang is placed, each of them is placed again, elsewhere ─► all of it worked:
 *     they are evicted, the gang holds the room; their controllers make them anew
 *
 * Nothing is moved unless that simulation ends well, so what is moved runs again at once and the
 * gang starts. One search in a period and few moves keep the work bounded. Who may move: a pod
 * alone with a controller that makes it anew, no more important than the gang, whose disruption
 * budget and minimum run time allow it and which has not said that it must stay, neither to us nor
 * to an autoscaler. */
#include "scheduler/core/core_internal.h"
#include "scheduler/cycle/select.h"
#include "scheduler/preempt/preempt_gang.h"

struct mover { /* the argument of the policy's hooks */
    struct sched_core *s;
    const struct gang *g;
};

/* A DaemonSet would make it anew where it was; a static pod has its node for an owner. */
static bool comes_back_elsewhere(const struct spod *p)
{
    struct str kind = json_str(json_get(kobj_controller(p->obj), STR("kind")));
    return kind.n && !str_is(kind, "DaemonSet") && !str_is(kind, "Node");
}

static bool may_move(void *arg, const struct spod *by, const struct spod *p)
{
    const struct mover *m = arg;
    (void)by;
    return spod_is_ours(p) && !(p->gang && p->gang->dialect) && comes_back_elsewhere(p) &&
           p->view->priority <= m->g->priority && !p->evicting && !p->view->deleting &&
           !victim_is_costly(p) && p->claims.n == 0 &&
           !p->volumes; /* what claims hold is not tried twice */
}

static bool must_stay(void *arg, const struct spod *by, const struct spod *p)
{
    const struct mover *m = arg;
    return !may_move(arg, by, p) || core_is_above(m->s, p);
}

/* ---- the simulation ---- */

/* The pod as its controller will make it anew: bound to no node. */
static struct spod *twin_new(struct sched_core *s, const struct spod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    jnode_del(jnode_need_obj(root, STR("spec")), STR("nodeName"));
    if (kobj_freeze(&o, root, NULL))
        return NULL;
    struct spod *twin = spod_new(&s->cluster, &s->shapes, p->shape->profile, o);
    snapshot_pod_enter(&s->cluster.snap, twin);
    return twin;
}

static void twin_free(struct sched_core *s, struct spod *twin)
{
    snapshot_pod_leave(&s->cluster.snap, twin);
    spod_free(&s->shapes, twin);
}

/* In a transaction that is rolled back: those who move leave, the gang is placed, each twin is. */
static bool works(struct cluster *c, const struct gang_preemption *p, struct spod **twins, size_t n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct snapshot *snap = &c->snap;
    size_t mark = snapshot_mark(snap);
    bool ok = true;
    for (size_t i = 0; i < p->n_victims; i++)
        snapshot_remove(snap, p->victims[i]);
    for (size_t i = 0; i < p->n_members; i++)
        snapshot_place(snap, p->members[i].pod, &p->members[i].where);
    for (size_t i = 0; ok && i < n; i++) {
        struct placement where;
        ok = select_node(c, twins[i], a, &where);
        if (ok)
            snapshot_place(snap, twins[i], &where);
    }
    snapshot_rollback(snap, mark);
    return ok;
}

static bool is_proven(struct sched_core *s, const struct gang_preemption *p, struct arena *a)
{
    struct spod **twins = ARENA_ARRAY(a, struct spod *, p->n_victims);
    size_t n = 0;
    for (; n < p->n_victims; n++) {
        twins[n] = twin_new(s, p->victims[n]);
        if (!twins[n])
            break;
    }
    bool ok = n == p->n_victims && works(&s->cluster, p, twins, n);
    for (size_t i = 0; i < n; i++)
        twin_free(s, twins[i]);
    return ok;
}

/* ---- the decision ---- */

bool core_consolidation_due(const struct sched_core *s, const struct gang *g, struct mono now)
{
    const struct consolidation *how = &g->profile->consolidation;
    return how->on && (!s->consolidated_at.ns || now.ns >= s->consolidated_at.ns + how->period_ns);
}

bool core_consolidate(struct sched_core *s,
                      struct gang *g,
                      const struct plan *plan,
                      struct arena *a,
                      struct decision *out)
{
    const struct consolidation *how = &g->profile->consolidation;
    struct mover m = { s, g };
    if (!core_consolidation_due(s, g, s->now) || !plan->failed || core_waits_for_victims(s, g))
        return false;
    s->consolidated_at = s->now;
    struct gang_request want = { .gang = g, .failed = plan->failed };
    want.policy = (struct preempt_policy){
        .now = core_wall_now(s), .arg = &m, .spares = must_stay, .reclaims = may_move
    };
    struct gang_preemption p;
    core_has_feud(s, plan->failed); /* must_stay asks about its answer */
    preempt_gang(&s->cluster, &want, a, &p);
    if (!p.found || p.violations || !p.n_victims || (int64_t)p.n_victims > how->max_moves ||
        !is_proven(s, &p, a))
        return false;
    *out = (struct decision){ .kind = DECISION_PREEMPT,
                              .items = p.members,
                              .n = p.n_members,
                              .victims = p.victims,
                              .n_victims = p.n_victims };
    core_preempt_keep(s, g, true, a, out);
    return true;
}
