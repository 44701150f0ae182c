/* SPDX-License-Identifier: Apache-2.0
 * preempt — see preempt.h.
 *
 * Per node: all pods of lower priority leave; if the pod fits then, they come back one by one,
 * those that a disruption budget protects first and the most important first, as long as the pod
 * still fits. Whoever cannot come back is a victim. Among the nodes the one with the fewest budget
 * violations wins, then the lowest highest victim, the lowest sum of priorities, the fewest
 * victims, and the one whose most important victims started last (kubernetes,
 * pkg/scheduler/framework/ preemption: SelectVictimsOnNode, pickOneNodeForPreemption). */
#include "scheduler/preempt/preempt.h"

#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/preempt/budget.h"

#define NOT_HELPFUL STR("Preemption is not helpful for scheduling")
#define NO_VICTIMS STR("No preemption victims found for incoming pod")

struct search {
    struct cluster *c;
    const struct spod *pod;
    const struct evaluation *e;
    const struct preempt_policy *policy;
    struct asking *asking;
    struct budget_ledger *budgets;
    struct arena *a;
    struct node_answer *statuses; /* by node: why it is no candidate */
    struct whys whys;             /* of them */
    const struct why *no_victims, *not_helpful;
    bool reclaims;    /* not only lower priorities may be evicted */
    size_t violating; /* candidates that violate budgets */
};

/* ---- one node ---- */

struct dry_run {
    struct spod **pods; /* the most important first */
    struct placement *where;
    bool *violates, *victim;
    size_t n;
};

static void collect(struct search *s, uint32_t node, struct dry_run *d)
{
    struct snapshot *snap = &s->c->snap;
    int64_t first = snap->nodes.items[node]->first_pod;
    size_t all = 0;
    int64_t least = INT64_MAX;
    for (int64_t id = first; id >= 0; id = snap->pods.items[id]->next) {
        least = num_min_i64(least, snap->pods.items[id]->view->priority);
        all++;
    }
    snap->least_priority[node] = least; /* nobody is off this node for now */
    d->n = 0;
    d->pods = ARENA_ARRAY(s->a, struct spod *, all);
    for (int64_t id = first; id >= 0; id = snap->pods.items[id]->next) {
        if (victim_may_leave(s->policy, s->pod, snap->pods.items[id]))
            d->pods[d->n++] = snap->pods.items[id];
    }
    if (d->n)
        qsort(d->pods, d->n, sizeof(d->pods[0]), victim_compare);
    d->where = ARENA_ARRAY(s->a, struct placement, d->n);
    d->violates = ARENA_ARRAY(s->a, bool, d->n);
    d->victim = ARENA_ARRAY(s->a, bool, d->n);
}

static void lift(struct search *s, struct dry_run *d, size_t i)
{
    snapshot_remove(&s->c->snap, d->pods[i]);
    d->victim[i] = true;
    s->c->lifted.items[i].back = false;
}

static void put_back(struct search *s, struct dry_run *d, size_t i)
{
    snapshot_place(&s->c->snap, d->pods[i], &d->where[i]);
    d->victim[i] = false;
    s->c->lifted.items[i].back = true;
}

static void reprieve(struct search *s, struct dry_run *d, uint32_t node, bool violating)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->violates[i] != violating)
            continue;
        put_back(s, d, i);
        if (asking_node(s->asking, node, NULL) != SCHED_OK)
            lift(s, d, i);
    }
}

/* The transaction must be open; the caller rolls it back. False: no candidate, status says why. */
static bool find_victims(struct search *s, uint32_t node, struct dry_run *d)
{
    collect(s, node, d);
    if (d->n == 0) {
        s->statuses[node].why = s->no_victims;
        return false;
    }
    for (size_t i = 0; i < d->n; i++) {
        d->where[i] = spod_placement(d->pods[i]);
        lifted_pods_push(&s->c->lifted, (struct lifted){ d->pods[i], node, false });
        lift(s, d, i);
    }
    const struct why *why;
    if (asking_node(s->asking, node, &why) != SCHED_OK) {
        s->statuses[node].why = whys_keep(&s->whys, why);
        return false;
    }
    budget_ledger_reset(s->budgets);
    for (size_t i = 0; i < d->n; i++)
        d->violates[i] = !budget_take(s->budgets, d->pods[i]);
    reprieve(s, d, node, true);
    reprieve(s, d, node, false);
    return true;
}

/* ---- gangs of victims ---- */

static bool is_listed(const struct victims *v, const struct spod *p)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->pods[i] == p)
            return true;
    }
    return false;
}

/* Fewer than its minimum would remain. */
static bool is_broken(const struct gang *g, const struct victims *v)
{
    size_t lost = 0;
    for (size_t i = 0; i < v->n; i++)
        lost += v->pods[i]->gang == g;
    return g->n_placed + g->n_succeeded < gang_needs(g) + lost;
}

static void take_along(struct search *s, const struct gang *g, struct victims *v)
{
    struct spod **all = ARENA_ARRAY(s->a, struct spod *, v->n + g->n_members);
    memcpy(all, v->pods, v->n * sizeof(v->pods[0]));
    v->pods = all;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node == SCHED_NO_NODE || is_listed(v, p))
            continue;
        v->violations += !budget_take(s->budgets, p);
        v->pods[v->n++] = p;
    }
}

static void add_gangs(struct search *s, struct victims *v)
{
    for (size_t i = 0, n = v->n; i < n; i++) {
        const struct gang *g = v->pods[i]->gang;
        if (g && g->dialect && is_broken(g, v))
            take_along(s, g, v);
    }
}

/* Nobody there is of lower priority. */
static bool is_out_of_reach(const struct search *s, uint32_t node)
{
    return !s->reclaims && s->c->snap.least_priority[node] >= s->pod->view->priority;
}

/* Asks memory for the pods of a node that is tried soon: the search waits for it most of the time.
 * n nodes are tried, this one is at place `at`. */
static void read_ahead(const struct search *s, const uint32_t *nodes, size_t at, size_t n)
{
    const struct snapshot *snap = &s->c->snap;
    if (at + 24 >= n)
        return;
    uint32_t far = nodes[at + 24], near = nodes[at + 16], next = nodes[at + 8];
    if (!is_out_of_reach(s, far))
        __builtin_prefetch(&snap->nodes.items[far]->first_pod);
    int64_t first = is_out_of_reach(s, near) ? -1 : snap->nodes.items[near]->first_pod;
    if (first >= 0)
        __builtin_prefetch(&snap->pods.items[first]->next);
    first = is_out_of_reach(s, next) ? -1 : snap->nodes.items[next]->first_pod;
    if (first < 0)
        return;
    const struct spod *p = snap->pods.items[first];
    __builtin_prefetch(&p->view->priority);
    if (p->next >= 0)
        __builtin_prefetch(&snap->pods.items[p->next]->next);
}

static bool try_node(struct search *s, uint32_t node, struct candidate *out)
{
    struct snapshot *snap = &s->c->snap;
    if (is_out_of_reach(s, node)) {
        s->statuses[node].why = s->no_victims;
        return false;
    }
    struct dry_run d;
    size_t mark = snapshot_mark(snap);
    bool ok = find_victims(s, node, &d);
    lifted_pods_clear(&s->c->lifted);
    snapshot_rollback(snap, mark);
    if (!ok)
        return false;
    *out = (struct candidate){ .node = node };
    struct victims *v = &out->victims;
    v->pods = ARENA_ARRAY(s->a, struct spod *, d.n);
    for (size_t i = 0; i < d.n; i++) {
        if (!d.victim[i])
            continue;
        v->violations += d.violates[i];
        v->pods[v->n++] = d.pods[i];
    }
    add_gangs(s, v);
    return true;
}

/* ---- all nodes ---- */

/* How many candidates are enough: a share of the nodes that might help, but not few. */
static size_t enough(const struct preempt_args *args, size_t n)
{
    size_t want = n * (size_t)args->min_candidates_percent / 100;
    size_t least = (size_t)args->min_candidates;
    want = want < least ? least : want;
    return want < n ? want : n;
}

static size_t first_of(const struct spod *pod, size_t n, struct arena *a)
{
    struct str id = pod->obj->uid.n ? pod->obj->uid : spod_text(a, pod);
    return n ? (size_t)(str_hash(id, 0) % n) : 0; /* no node is always asked first */
}

/* What an earlier scheduler began on the node that it nominated is finished there, even if somebody
 * cheaper could leave elsewhere by now: who left already did not leave in vain. */
static bool goes_on(struct search *s, struct preemption *out)
{
    const struct spod *p = s->pod;
    const struct snode *n = p->resumes && !p->nomination_over ? p->kept : NULL;
    const struct evaluation *e = s->e;
    if (!n || !n->alive || e->rejected_by >= 0 || e->nodes[n->id].verdict != SCHED_UNSCHEDULABLE)
        return false;
    out->candidates = ARENA_NEW(s->a, struct candidate);
    out->n = try_node(s, n->id, out->candidates);
    return out->n == 1;
}

static void
add_candidate(struct arena *a, struct preemption *out, const struct candidate *k, size_t *cap)
{
    if (out->n == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        struct candidate *more = ARENA_ARRAY(a, struct candidate, *cap);
        for (size_t i = 0; i < out->n; i++)
            more[i] = out->candidates[i];
        out->candidates = more;
    }
    out->candidates[out->n++] = *k;
}

static void find_candidates(struct search *s, struct preemption *out)
{
    if (goes_on(s, out))
        return;
    const struct evaluation *e = s->e;
    uint32_t *nodes = ARENA_ARRAY(s->a, uint32_t, e->n_nodes);
    size_t n = 0;
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        if (s->c->snap.class_of[i] == CLASS_GONE)
            s->statuses[i].why = &whys_none;
        else if (e->rejected_by < 0 && e->nodes[i].verdict == SCHED_UNSCHEDULABLE)
            nodes[n++] = i;
        else
            s->statuses[i].why = s->not_helpful;
    }
    size_t want = enough(&s->pod->shape->profile->preempt, n), first = first_of(s->pod, n, s->a);
    size_t cap = 0;
    for (size_t i = 0, at = first; i < n; i++, at = at + 1 == n ? 0 : at + 1) {
        struct candidate k;
        read_ahead(s, nodes, at, n);
        if (!try_node(s, nodes[at], &k))
            continue;
        add_candidate(s->a, out, &k, &cap);
        s->violating += k.victims.violations > 0;
        if (out->n >= want && s->violating < out->n)
            return;
    }
}

/* ---- the best ---- */

struct rank { /* smaller is better, the earlier criterion first */
    int64_t of[5];
};

static struct rank rank_of(const struct candidate *k)
{
    const struct victims *v = &k->victims;
    int64_t top = INT64_MIN, sum = 0, earliest = INT64_MAX;
    for (size_t i = 0; i < v->n; i++) {
        top = num_max_i64(top, v->pods[i]->view->priority);
        sum += v->pods[i]->view->priority + (INT64_C(1) << 31);
    }
    for (size_t i = 0; i < v->n; i++) {
        if (v->pods[i]->view->priority == top)
            earliest = num_min_i64(earliest, victim_started(v->pods[i]));
    }
    return (struct rank){ { (int64_t)v->violations, top, sum, (int64_t)v->n, -earliest } };
}

static int compare_ranks(const struct rank *a, const struct rank *b)
{
    for (size_t i = 0; i < COUNT_OF(a->of); i++) {
        if (a->of[i] != b->of[i])
            return a->of[i] < b->of[i] ? -1 : 1;
    }
    return 0;
}

void preempt_choose(struct preemption *out)
{
    struct rank best = { 0 };
    out->chosen = NULL;
    for (size_t i = 0; i < out->n; i++) {
        struct rank r = rank_of(&out->candidates[i]);
        if (out->chosen && compare_ranks(&r, &best) >= 0)
            continue;
        best = r;
        out->chosen = &out->candidates[i];
    }
    for (size_t i = 0; i < out->n; i++) {
        struct rank r = rank_of(&out->candidates[i]);
        out->candidates[i].is_best = compare_ranks(&r, &best) == 0;
    }
}

/* ---- may it at all? ---- */

/* Victims of an earlier preemption for this pod are still leaving. */
static bool
waits_for_room(const struct cluster *c, const struct spod *pod, const struct evaluation *e)
{
    const struct snode *n = pod->kept || pod->nomination_over
                                ? pod->kept
                                : snapshot_node(&c->snap, pod->view->nominated_node);
    if (!n || e->nodes[n->id].verdict == SCHED_UNRESOLVABLE)
        return false;
    for (int64_t id = n->first_pod; id >= 0; id = c->snap.pods.items[id]->next) {
        const struct spod *p = c->snap.pods.items[id];
        if (p->view->priority < pod->view->priority && victim_is_leaving(p))
            return true;
    }
    return pod->claims.n && dra_is_releasing(c->snap.dra, n);
}

void preempt_pod(struct cluster *c,
                 const struct preempt_request *want,
                 struct arena *a,
                 struct preemption *out)
{
    const struct spod *pod = want->pod;
    const struct evaluation *e = want->answers;
    assert(snapshot_mark(&c->snap) == 0);
    *out = (struct preemption){ 0 };
    if (pod->view->preempt_never) {
        out->message = STR("preemption: not eligible due to preemptionPolicy=Never.");
        return;
    }
    if (waits_for_room(c, pod, e)) {
        out->message =
            STR("preemption: not eligible due to a terminating pod on the nominated node.");
        return;
    }
    out->searched = true;
    AUTO(asking_freep) struct asking *asking = asking_new(c, pod);
    struct search s = {
        .c = c, .pod = pod, .e = e, .policy = &want->policy, .asking = asking, .a = a
    };
    s.budgets = budget_ledger_new(c, a);
    s.whys = (struct whys){ .a = a, .copies = true };
    s.no_victims = whys_keep(&s.whys, &(struct why){ 1, { NO_VICTIMS } });
    s.not_helpful = whys_keep(&s.whys, &(struct why){ 1, { NOT_HELPFUL } });
    s.reclaims = want->policy.reclaims && quota_has_rules(c->quota);
    s.statuses = ARENA_ARRAY(a, struct node_answer, e->n_nodes);
    dra_suppose(c->snap.dra, true);
    snapshot_quiet(&c->snap, true);
    find_candidates(&s, out);
    snapshot_quiet(&c->snap, false);
    dra_suppose(c->snap.dra, false);
    preempt_choose(out);
    if (out->chosen)
        return;
    struct evaluation none = { .rejected_by = -1, .n_nodes = e->n_nodes, .nodes = s.statuses };
    out->message = arena_printf(a, "preemption: %.*s", STR_ARG(evaluation_message(a, c, &none)));
}
