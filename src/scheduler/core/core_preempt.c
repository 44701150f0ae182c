/* SPDX-License-Identifier: Apache-2.0
 * core_preempt — when a gang does not fit: who leaves for it, what is kept for it until they left,
 * and that nobody comes back to evict the one for which it had to leave. */
#include <stdlib.h>

#include "scheduler/core/core_internal.h"
#include "scheduler/preempt/budget.h"
#include "scheduler/preempt/feuds.h"
#include "scheduler/preempt/preempt.h"
#include "scheduler/preempt/preempt_gang.h"
#include "scheduler/state/reservation.h"

#define HOLD_NS (30 * NS_PER_S)  /* room is kept so long at least */
#define COSTLY 1000              /* beyond all workload_defaults */
#define VAIN_MAX 3               /* evictions without a start; from then on with pauses … */
#define PAUSE_NS (30 * NS_PER_S) /* … of which each is twice as long as the one before … */
#define PAUSE_DOUBLINGS 6        /* … up to 32 minutes */

/* ---- who must stay ---- */

/* Who a pod is when it comes back under another name: its gang, its owner, itself. */
static struct str identity(struct arena *a, const struct spod *p)
{
    if (p->gang && p->gang->dialect)
        return arena_printf(a, "gang %.*s", STR_ARG(p->gang->key));
    struct str owner = json_str(json_get(kobj_controller(p->obj), STR("uid")));
    return owner.n ? arena_printf(a, "owner %.*s", STR_ARG(owner))
                   : arena_printf(a, "pod %.*s", STR_ARG(spod_text(a, p)));
}

bool core_has_feud(const struct sched_core *s, const struct spod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    return feuds_ask(s->feuds, identity(a, p));
}

bool core_is_above(const struct sched_core *s, const struct spod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    return feuds_is_above(s->feuds, identity(a, p));
}

struct judge { /* the argument of the policy's hooks */
    struct sched_core *s;
    bool feud;            /* some stand above the gang that wants room */
    bool spared;          /* one of those */
    bool reclaimed;       /* somebody may be evicted for quota's sake */
    struct quota_ask ask; /* what it wants */
};

static bool spares(void *arg, const struct spod *by, const struct spod *victim)
{
    struct judge *j = arg;
    const struct quota_queue *to = by->quota.queue, *from = victim->quota.queue;
    if (to && from && to != from && quota_protects(j->s->cluster.quota, from, to, &j->ask))
        return true;
    bool above = j->feud && core_is_above(j->s, victim);
    j->spared = j->spared || above;
    return above;
}

void core_budget_set(struct sched_core *s, const struct kobj *obj)
{
    cluster_budget_set(&s->cluster, obj);
    s->queue.epoch++; /* the next preemption may find more */
}

void core_budget_del(struct sched_core *s, struct str namespace, struct str name)
{
    cluster_budget_del(&s->cluster, namespace, name);
    s->queue.epoch++;
}

/* What the victim's queue uses beyond its own is in the way of what belongs to the gang's queue. */
static bool reclaims(void *arg, const struct spod *by, const struct spod *victim)
{
    struct judge *j = arg;
    const struct quota_queue *to = by->quota.queue, *from = victim->quota.queue;
    bool may = to && from && to != from &&
               (quota_reclaim_of(to) != QUOTA_RECLAIM_LOWER ||
                victim->view->priority < by->view->priority) &&
               quota_may_reclaim(j->s->cluster.quota, to, from, &j->ask);
    j->reclaimed = j->reclaimed || may;
    return may;
}

/* KAI's queues promise their pods a time. */
static int64_t promised(void *arg, const struct spod *by, const struct spod *victim)
{
    struct judge *j = arg;
    const struct quota_queue *to = by->quota.queue, *from = victim->quota.queue;
    return to && from ? quota_min_runtime(j->s->cluster.quota, from, to) : 0;
}

static void ask_for(struct judge *j, const struct gang *g)
{
    size_t lacks = gang_lacks(g, 0), need = lacks ? lacks : 1;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!spod_is_pending(p) || need == 0)
            continue;
        quota_ask_add(j->s->cluster.quota, &j->ask, p->demands, p->n_demands);
        need--;
    }
}

/* ---- time ---- */

void core_set_wall(struct sched_core *s, struct mono now, struct wall wall)
{
    s->clock.mono = now;
    s->clock.wall = wall;
}

struct wall core_wall_now(const struct sched_core *s)
{
    if (!s->clock.wall.ns)
        return (struct wall){ 0 };
    return (struct wall){ s->clock.wall.ns + (s->now.ns - s->clock.mono.ns) };
}

/* ---- what is kept ---- */

/* Lower pods for which one of these nodes was kept must look anew. */
static void displace(struct sched_core *s, struct gang *g, struct arena *a, struct decision *out)
{
    struct cluster *c = &s->cluster;
    out->displaced = ARENA_ARRAY(a, struct spod *, c->n_nominated);
    for (size_t i = 0; i < out->n; i++) {
        struct snode *n = c->snap.nodes.items[out->items[i].where.node];
        LIST_EACH (&n->nominated, at) {
            struct spod *p = LIST_ITEM(at, struct spod_stay, nominated)->pod;
            if (p->gang == g || evaluate_minds(out->items[i].pod, p))
                continue;
            cluster_nominate(c, p, NULL);
            p->nomination_over = p->nomination_cleared = true;
            out->displaced[out->n_displaced++] = p;
            if (p->gang)
                core_touch(s, p->gang);
            if (p->gang && p->gang->state == GANG_PARKED)
                queue_wake(&s->queue, p->gang, true, s->now);
        }
    }
}

/* firm: those who leave may have a higher priority, and must not take the room again. */
static void keep_room(struct sched_core *s, struct gang *g, bool firm, struct decision *out)
{
    const struct snapshot *snap = &s->cluster.snap;
    struct mono until = { s->now.ns + HOLD_NS };
    for (size_t i = 0; i < out->n_victims; i++)
        out->victims[i]->evicting = true;
    for (size_t i = 0; i < out->n_victims; i++)
        until.ns = core_leaving_expect(s, snap->nodes.items[out->victims[i]->node], until.ns);
    for (size_t i = 0; i < out->n; i++)
        until.ns = core_leaving_expect(s, snap->nodes.items[out->items[i].where.node], until.ns);
    struct reservation *r = reservation_of(&s->cluster, g->key); /* places of later members */
    if (!r)
        r = reservation_open(&s->cluster, g->key, until);
    else if (r->expires.ns < until.ns)
        r->expires = until;
    r->firm = r->firm || firm;
    for (size_t i = 0; i < out->n; i++)
        reservation_hold(&s->cluster, r, out->items[i].pod, &out->items[i].where);
}

void core_evict_refused(struct sched_core *s, const struct pod_id *id, struct mono now)
{
    struct spod *p = core_pod(s, id->namespace, id->name);
    if (!p || !p->evicting || !str_eq(p->obj->uid, id->uid))
        return;
    p->evicting = false;
    p->gone_by_ns = 0;
    if (p->node == SCHED_NO_NODE)
        return;
    struct snode *n = s->cluster.snap.nodes.items[p->node];
    LIST_EACH (&n->nominated, at) {
        struct spod *kept = LIST_ITEM(at, struct spod_stay, nominated)->pod;
        if (kept->held_by) {
            reservation_close(&s->cluster, kept->held_by);
            if (kept->gang)
                core_touch(s, kept->gang);
            if (kept->gang && kept->gang->state == GANG_PARKED)
                queue_wake(&s->queue, kept->gang, false, now);
            break; /* the list may have changed; one gang a node asks for room */
        }
    }
    core_wake(s, WAKE_POD_GONE, p->node, now);
}

/* ---- finding victims ---- */

bool core_waits_for_victims(const struct sched_core *s, const struct gang *g)
{
    const struct snapshot *snap = &s->cluster.snap;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!p->kept || p->node != SCHED_NO_NODE)
            continue;
        for (int64_t id = p->kept->first_pod; id >= 0; id = snap->pods.items[id]->next) {
            if (victim_is_leaving(snap->pods.items[id]))
                return true;
        }
        if (p->claims.n && dra_is_releasing(snap->dra, p->kept))
            return true;
    }
    return false;
}

/* Others' rules (an extender, another scheduler, a pod that comes back at once) may keep it from
 * starting in the room that it got, each time anew. */
static bool must_pause(const struct gang *g, struct mono now)
{
    unsigned more = g->vain < VAIN_MAX ? 0 : g->vain - VAIN_MAX;
    int64_t pause = PAUSE_NS << (more < PAUSE_DOUBLINGS ? more : PAUSE_DOUBLINGS);
    return g->vain >= VAIN_MAX && now.ns < g->evicted_at.ns + pause;
}

struct search { /* for victims, on behalf of one gang */
    struct sched_core *s;
    struct gang *g;
    struct plan *plan;
    struct preempt_policy policy;
    struct arena *a;
    bool by_quota; /* the queue denied it, not the nodes */
};

/* What the API says about nodes for its members is true no longer: nobody would have to leave there
 * to make them fit. kube-scheduler clears status.nominatedNodeName in the same case. */
static void give_up_nodes(struct search *q, struct decision *out)
{
    out->displaced = ARENA_ARRAY(q->a, struct spod *, q->g->n_members);
    LIST_EACH (&q->g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node != SCHED_NO_NODE || p->held_by || p->nomination_cleared ||
            !p->view->nominated_node.n)
            continue;
        cluster_nominate(&q->s->cluster, p, NULL);
        p->nomination_over = p->nomination_cleared = true;
        out->displaced[out->n_displaced++] = p;
    }
}

static bool nothing_helps(struct search *q, struct str why)
{
    struct str stuck = core_leaving_text(q->s, q->a);
    if (why.n || stuck.n)
        q->plan->message = arena_printf(q->a, "%.*s%s%.*s%.*s", STR_ARG(q->plan->message),
                                        why.n ? " " : "", STR_ARG(why), STR_ARG(stuck));
    return false;
}

/* It waits for victims of an earlier scheduler: from now on no longer than for our own. */
static void take_over(struct search *q)
{
    struct spod *p = q->plan->failed;
    if (!p->resumes || p->held_by || !p->kept)
        return;
    struct planned there = { p, { .node = p->kept->id } };
    keep_room(q->s, q->g, false, &(struct decision){ .items = &there, .n = 1 });
}

static bool for_pod(struct search *q, struct decision *out)
{
    struct preempt_request want = { q->plan->failed, q->plan->answers, q->policy };
    struct preemption p;
    preempt_pod(&q->s->cluster, &want, q->a, &p);
    if (core_offers_ask(q->s, q->plan->failed, &p, q->a, out))
        return false;
    if (!p.chosen && p.searched)
        give_up_nodes(q, out);
    else if (!p.chosen)
        take_over(q);
    if (!p.chosen)
        return nothing_helps(q, p.message);
    out->items = ARENA_NEW(q->a, struct planned);
    *out->items = (struct planned){ q->plan->failed, { .node = p.chosen->node } };
    out->n = 1;
    out->victims = p.chosen->victims.pods;
    out->n_victims = p.chosen->victims.n;
    return true;
}

static bool for_gang(struct search *q, struct decision *out)
{
    struct gang_request want = { q->g, q->plan->failed, q->policy, q->by_quota };
    struct gang_preemption p;
    if (core_waits_for_victims(q->s, q->g))
        return nothing_helps(q, STR("preemption: waits until the evicted pods are gone."));
    preempt_gang(&q->s->cluster, &want, q->a, &p);
    if (!p.found) {
        give_up_nodes(q, out);
        return nothing_helps(q, p.message);
    }
    out->items = p.members;
    out->n = p.n_members;
    out->victims = p.victims;
    out->n_victims = p.n_victims;
    return true;
}

/* Those that leave already need no second eviction. */
static void drop_leaving(struct decision *out)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n_victims; i++) {
        if (!out->victims[i]->evicting && !out->victims[i]->view->deleting)
            out->victims[n++] = out->victims[i];
    }
    out->n_victims = n;
}

/* Batch goes before training, services after these, and those that autoscalers must leave alone
 * last, where all else is equal. */
static int64_t leaves(void *arg, const struct spod *victim)
{
    (void)arg;
    return workload_defaults[victim->shape->workload].leaves +
           (victim_is_costly(victim) ? COSTLY : 0);
}

static struct spod *first_pending(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (spod_is_pending(p))
            return p;
    }
    return NULL;
}

/* kube-scheduler's way: for a pod alone that no queue but the default one speaks for. */
static bool is_plain(const struct search *q)
{
    const struct quota_queue *queue = q->plan->failed->quota.queue;
    return !q->g->dialect && !q->by_quota && q->plan->answers &&
           (!queue || str_eq(quota_name(queue), QUOTA_DEFAULT));
}

void core_preempt_keep(struct sched_core *s,
                       struct gang *g,
                       bool firm,
                       struct arena *a,
                       struct decision *out)
{
    AUTO(arena_freep) struct arena *scratch = arena_new();
    struct str me = identity(scratch, out->items[0].pod);
    out->kind = DECISION_PREEMPT;
    drop_leaving(out);
    core_eviction_note(s, g, out);
    displace(s, g, a, out);
    keep_room(s, g, firm, out);
    for (size_t i = 0; i < out->n_victims; i++)
        feuds_remember(s->feuds, identity(scratch, out->victims[i]), me);
    g->vain += out->n_victims > 0;
    g->evicted_at = out->n_victims ? s->now : g->evicted_at;
}

static bool find_victims(struct search *q, struct decision *out)
{
    if (must_pause(q->g, q->s->now))
        return nothing_helps(q, STR("preemption: pauses, since it evicted pods several times and "
                                    "could not start in their room."));
    return is_plain(q) ? for_pod(q, out) : for_gang(q, out);
}

bool core_preempt(struct sched_core *s,
                  struct gang *g,
                  struct plan *plan,
                  struct arena *a,
                  struct decision *out)
{
    struct search q = { .s = s, .g = g, .plan = plan, .a = a };
    q.by_quota = !plan->failed && (plan->wakes & WAKE_QUOTA);
    if (!g->profile->preempts)
        return false;
    plan->singular = must_pause(g, s->now);
    if (plan->singular)
        return nothing_helps(&q, STR("preemption: pauses, since it evicted pods several times and "
                                     "could not start in their room."));
    if (q.by_quota)
        plan->failed = first_pending(g);
    if (!plan->failed)
        return false;
    struct judge judge = { .s = s, .feud = core_has_feud(s, plan->failed) };
    ask_for(&judge, g);
    q.policy = (struct preempt_policy){
        .now = core_wall_now(s),
        .arg = &judge,
        .spares = spares,
        .reclaims = reclaims,
        .promised = promised,
        .cost = leaves,
    };
    bool found = find_victims(&q, out);
    plan->singular = judge.spared;
    if (q.by_quota)
        plan->failed = NULL; /* the nodes did not say no */
    if (found)
        core_preempt_keep(s, g, judge.reclaimed, a, out);
    return found;
}
