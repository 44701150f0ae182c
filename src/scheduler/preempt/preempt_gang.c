/* SPDX-License-Identifier: Apache-2.0
 * preempt_gang — see preempt_gang.h.
 *
 * Two ways to ask whether enough left. Counting: for a gang whose members are all of one kind and
 * look at their own node only, the gang fits exactly when the places of all nodes add up, and
 * evicting changes the count of few nodes. Probing: any other gang is placed for real, in a
 * transaction, with the units of a prefix gone; that is monotone but for spreading, so gallop and
 * bisect. */
#include "scheduler/preempt/preempt_gang.h"

#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/preempt/preempt_units.h"

#define PROBES_MAX 400 /* attempts to place the gang; counting needs two */

struct places { /* how many members each node would hold */
    uint32_t *of;
    size_t sum, need;
    struct spod **members; /* pending, all alike */
    size_t n;
};

/* ---- taking gangs whole ---- */

/* The core of a gang leaves only after the members that it can spare. False: its queue has no more
 * than what belongs to it now, so it stays. */
static bool take(struct hunt *h, struct unit *u)
{
    if (u->conditional && !u->leaving && !victim_may_leave(h->policy, h->failed, u->pods[0]))
        return false;
    for (size_t i = 0; u->gang && !u->spare && i < h->units.n; i++) {
        struct unit *other = &h->units.items[i];
        if (other->gang == u->gang && other->spare && !other->out)
            unit_take(h, other);
    }
    unit_take(h, u);
    return true;
}

static bool is_core_out(const struct hunt *h, const struct unit *spare)
{
    for (size_t i = 0; i < h->units.n; i++) {
        const struct unit *u = &h->units.items[i];
        if (u->gang == spare->gang && !u->spare && u->out)
            return true;
    }
    return false;
}

static bool may_return(const struct hunt *h, const struct unit *u)
{
    return u->out && !u->leaving && !(u->spare && is_core_out(h, u));
}

/* ---- counting ---- */

static uint32_t count_places(struct hunt *h, const struct places *p, uint32_t node)
{
    struct snapshot *s = &h->c->snap;
    uint32_t n = 0;
    size_t mark = snapshot_mark(s);
    struct placement where;
    while (n < p->n && asking_node(h->asking, node, NULL) == SCHED_OK &&
           asking_reserve(h->asking, node, &where))
        snapshot_place(s, p->members[n++], &where);
    snapshot_rollback(s, mark);
    return n;
}

static void recount_node(struct hunt *h, struct places *p, uint32_t node)
{
    uint32_t now = count_places(h, p, node);
    p->sum += (size_t)now - p->of[node];
    p->of[node] = now;
}

/* With the core of a gang go the places that it holds for members to come. */
static void recount(struct hunt *h, struct places *p, const struct unit *u)
{
    for (size_t k = 0; k < u->n; k++) {
        bool again = k > 0 && u->where[k - 1].node == u->where[k].node;
        if (!again)
            recount_node(h, p, (uint32_t)u->where[k].node);
    }
    if (!u->gang || u->spare)
        return;
    LIST_EACH (&u->gang->places, at) {
        const struct spod *place = LIST_ITEM(at, struct spod, in_gang);
        if (place->kept)
            recount_node(h, p, place->kept->id);
    }
}

static void recount_gang(struct hunt *h, struct places *p, const struct unit *u)
{
    for (size_t i = 0; u->gang && !u->spare && i < h->units.n; i++) {
        if (h->units.items[i].gang == u->gang && h->units.items[i].spare)
            recount(h, p, &h->units.items[i]);
    }
    recount(h, p, u);
}

static void count_all(struct hunt *h, struct places *p)
{
    p->of = ARENA_ARRAY(h->a, uint32_t, h->c->snap.nodes.n);
    p->sum = 0;
    for (uint32_t i = 0; i < h->c->snap.nodes.n; i++) {
        if (h->c->snap.nodes.items[i]->alive)
            p->of[i] = count_places(h, p, i);
        p->sum += p->of[i];
    }
}

/* Leaves the units out that are needed. False: it is not enough when all leave. */
static bool hunt_by_counting(struct hunt *h, struct places *p)
{
    size_t n = 0;
    count_all(h, p);
    for (; n < h->units.n && p->sum < p->need; n++) {
        struct unit *u = &h->units.items[n];
        if (u->out || (u->rank == UNIT_USELESS && !u->leaving))
            continue;
        if (take(h, u))
            recount_gang(h, p, u);
    }
    if (p->sum < p->need)
        return false;
    while (n-- > 0) {
        struct unit *u = &h->units.items[n];
        if (!may_return(h, u))
            continue;
        unit_return(h, u);
        recount(h, p, u);
        if (p->sum >= p->need)
            continue;
        unit_take(h, u);
        recount(h, p, u);
    }
    return true;
}

/* ---- probing ---- */

struct probe {
    struct arena *a; /* of one attempt */
    struct plan plan;
    size_t n; /* attempts so far */
};

static bool probe(struct hunt *h, struct probe *p)
{
    arena_reset(p->a);
    p->n++;
    return cycle_probe(h->c, h->g, p->a, &p->plan);
}

/* Exactly the units before `n` are out. */
static void set_prefix(struct hunt *h, size_t n)
{
    for (size_t i = h->units.n; i-- > n;) {
        if (h->units.items[i].out)
            unit_return(h, &h->units.items[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (!h->units.items[i].out)
            take(h, &h->units.items[i]);
    }
}

static bool prefix_fits(struct hunt *h, struct probe *p, size_t n)
{
    set_prefix(h, n);
    return probe(h, p);
}

/* The first n units leave (-1) or come back (1), as far as the gang's quota minds. */
static void suppose_units(struct hunt *h, size_t n, int sign)
{
    for (size_t i = 0; i < n; i++) {
        const struct unit *u = &h->units.items[i];
        for (size_t k = 0; k < u->n; k++) {
            const struct spod *p = u->pods[k];
            if (quota_concerns(&h->failed->quota, &p->quota))
                quota_suppose(&p->quota, p->demands, p->n_demands, sign);
        }
    }
}

/* Would the queue let the gang start without the first n units? Cheaper than taking them, and no
 * prefix that is too short for the queue makes room. */
static bool has_quota_without(struct hunt *h, size_t n)
{
    struct quota_queue *bound;
    suppose_units(h, n, -1);
    bool ok = cycle_has_quota(h->c, h->g, &bound);
    suppose_units(h, n, 1);
    return ok;
}

/* At least 1; when all of them are enough. */
static size_t least_for_quota(struct hunt *h)
{
    size_t low = 0, high = 1; /* low is too short */
    while (high < h->units.n && !has_quota_without(h, high)) {
        low = high;
        high *= 2;
    }
    high = high < h->units.n ? high : h->units.n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (has_quota_without(h, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* The shortest prefix that makes room; false: none does. */
static bool find_prefix(struct hunt *h, struct probe *p, size_t *out)
{
    size_t low = h->by_quota ? least_for_quota(h) - 1 : 0, high = low + 1; /* low does not fit */
    while (high < h->units.n && !prefix_fits(h, p, high)) {
        low = high;
        high *= 2;
    }
    if (high >= h->units.n) {
        high = h->units.n;
        if (!prefix_fits(h, p, high))
            return false;
    }
    bool fits = true; /* as the snapshot is */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        fits = prefix_fits(h, p, middle);
        if (fits)
            high = middle;
        else
            low = middle;
    }
    *out = high;
    return fits || prefix_fits(h, p, high);
}

static bool touches(const struct unit *u, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        for (size_t k = 0; k < u->n; k++) {
            if (u->where[k].node == plan->items[i].where.node)
                return true;
        }
    }
    return false;
}

/* Most of the prefix is usually on nodes that the plan does not use: back with all of it at once.
 */
static void return_strangers(struct hunt *h, struct probe *p, size_t n)
{
    bool *back = ARENA_ARRAY(h->a, bool, n + 1);
    for (size_t i = n; i-- > 0;) {
        struct unit *u = &h->units.items[i];
        back[i] = may_return(h, u) && !touches(u, &p->plan);
        if (back[i])
            unit_return(h, u);
    }
    if (probe(h, p))
        return;
    for (size_t i = 0; i < n; i++) {
        if (back[i] && !h->units.items[i].out)
            take(h, &h->units.items[i]);
    }
}

static bool hunt_by_probing(struct hunt *h, struct gang_preemption *out)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct probe p = { .a = a };
    size_t n;
    if (!find_prefix(h, &p, &n))
        return false;
    return_strangers(h, &p, n);
    for (size_t i = h->units.n; i-- > 0;) { /* taking a gang may have taken spares beyond n */
        struct unit *u = &h->units.items[i];
        if (!may_return(h, u))
            continue;
        if (p.n >= PROBES_MAX) {
            out->minimal = false;
            break;
        }
        unit_return(h, u);
        if (!probe(h, &p))
            unit_take(h, u);
    }
    return true;
}

/* ---- the whole ---- */

static size_t pending(const struct hunt *h, struct spod **out, bool *alike)
{
    size_t n = 0;
    *alike = true;
    LIST_EACH (&h->g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!spod_is_pending(p))
            continue;
        *alike = *alike && p->shape == h->failed->shape;
        out[n++] = p;
    }
    return n;
}

/* Counting decides about this gang. */
static bool is_countable(const struct hunt *h, struct places *p)
{
    bool alike;
    p->members = ARENA_ARRAY(h->a, struct spod *, h->g->n_members);
    p->n = pending(h, p->members, &alike);
    size_t lacks = gang_lacks(h->g, 0);
    p->need = lacks ? lacks : 1;
    return alike && !h->g->n_parts && !asking_is_related(h->asking) && p->n >= p->need;
}

/* False: nobody has to leave, so it is not they who are in the way. */
static bool list_victims(struct hunt *h, struct gang_preemption *out)
{
    size_t n = 0;
    for (size_t i = 0; i < h->units.n; i++)
        n += h->units.items[i].out ? h->units.items[i].n : 0;
    out->n_victims = out->violations = 0;
    out->victims = ARENA_ARRAY(h->a, struct spod *, n);
    for (size_t i = 0; i < h->units.n; i++) {
        const struct unit *u = &h->units.items[i];
        if (!u->out || u->leaving)
            continue;
        out->violations += u->violates;
        for (size_t k = 0; k < u->n; k++)
            out->victims[out->n_victims++] = u->pods[k];
    }
    if (out->n_victims)
        qsort(out->victims, out->n_victims, sizeof(struct spod *), victim_compare);
    return n > 0;
}

/* Places the gang for real without the victims: the proof, and the plan. */
static bool confirm(struct hunt *h, struct gang_preemption *out)
{
    struct plan plan;
    bool ok = cycle_probe(h->c, h->g, h->a, &plan);
    out->members = plan.items;
    out->n_members = plan.n;
    return ok;
}

/* Counting happens unseen by caches; what it found is then done again for all to see. */
static bool try_counting(struct hunt *h, struct places *p, struct gang_preemption *out)
{
    struct snapshot *s = &h->c->snap;
    bool *victim = ARENA_ARRAY(h->a, bool, h->units.n);
    snapshot_quiet(s, true);
    bool ok = hunt_by_counting(h, p);
    for (size_t i = 0; i < h->units.n; i++) {
        victim[i] = h->units.items[i].out;
        h->units.items[i].out = false;
    }
    snapshot_rollback(s, 0);
    snapshot_quiet(s, false);
    for (size_t i = 0; ok && i < h->units.n; i++) {
        if (victim[i])
            unit_take(h, &h->units.items[i]);
    }
    ok = ok && confirm(h, out);
    return ok && list_victims(h, out);
}

static void start_anew(struct hunt *h)
{
    snapshot_rollback(&h->c->snap, 0);
    for (size_t i = 0; i < h->units.n; i++)
        h->units.items[i].out = false;
}

static bool try_probing(struct hunt *h, struct gang_preemption *out)
{
    return hunt_by_probing(h, out) && confirm(h, out) && list_victims(h, out);
}

static bool never_preempts(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        if (LIST_ITEM(at, struct spod, in_gang)->view->preempt_never)
            return true;
    }
    return false;
}

void preempt_gang(struct cluster *c,
                  const struct gang_request *want,
                  struct arena *a,
                  struct gang_preemption *out)
{
    assert(snapshot_mark(&c->snap) == 0);
    *out = (struct gang_preemption){ .minimal = true };
    if (never_preempts(want->gang)) {
        out->message = STR("preemption: not eligible due to preemptionPolicy=Never.");
        return;
    }
    AUTO(asking_freep) struct asking *asking = asking_new(c, want->failed);
    struct hunt h = { .c = c, .g = want->gang, .failed = want->failed, .a = a };
    h.policy = &want->policy;
    struct places places = { 0 };
    h.asking = asking;
    h.by_quota = want->by_quota;
    dra_suppose(c->snap.dra, true);
    unit_collect(&h);
    bool hopeless = !h.units.n || (h.by_quota && !has_quota_without(&h, h.units.n));
    if (!hopeless)
        unit_sort(&h);
    bool counted = !hopeless && !h.by_quota && is_countable(&h, &places);
    if (counted)
        out->found = try_counting(&h, &places, out);
    hopeless = hopeless || (counted && places.sum < places.need);
    if (!out->found && !hopeless) {
        start_anew(&h);
        out->found = try_probing(&h, out);
    }
    start_anew(&h);
    dra_suppose(c->snap.dra, false);
    if (h.units.n && !out->found)
        out->message =
            STR("preemption: it would not fit without the pods of lower priority either.");
    unit_vec_fini(&h.units);
}
