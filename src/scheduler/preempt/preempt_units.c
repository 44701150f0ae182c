/* SPDX-License-Identifier: Apache-2.0
 * preempt_units — makes and orders the units that preempt_gang.c may evict. */
#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/preempt/budget.h"
#include "scheduler/preempt/preempt_units.h"

/* ---- units of one gang ---- */

/* How many members a gang can lose, by part of it, and still have its minima. */
struct spare {
    const struct gang *gang;
    size_t all, part[1 + GANG_ROLES_MAX];
};

static size_t beyond(size_t have, int64_t min)
{
    return min < (int64_t)have ? have - (size_t)(min > 0 ? min : 0) : 0;
}

static struct spare spare_of(const struct gang *g)
{
    struct spare s = { .gang = g, .all = beyond(g->n_placed + g->n_succeeded, g->min) };
    s.part[0] = s.all;
    for (size_t i = 1; i < g->n_parts; i++)
        s.part[i] = beyond(g->parts[i].n_placed + g->parts[i].n_succeeded, g->parts[i].min);
    return s;
}

static bool is_leaving(const struct spod *p)
{
    return !p->stuck && (p->view->deleting || victim_is_leaving(p));
}

static struct unit *add_unit(struct hunt *h, struct spod **pods, size_t n, const struct gang *g)
{
    struct unit u = {
        .pods = pods, .n = n, .gang = g, .priority = INT64_MIN, .started = INT64_MIN
    };
    u.where = ARENA_ARRAY(h->a, struct placement, n);
    u.leaving = true;
    for (size_t i = 0; i < n; i++) {
        const struct spod *p = pods[i];
        u.where[i] = spod_placement(p);
        u.priority = num_max_i64(u.priority, p->view->priority);
        u.started = num_max_i64(u.started, victim_started(p));
        u.leaving = u.leaving && is_leaving(p);
        u.conditional = u.conditional || p->quota.queue != h->failed->quota.queue;
        if (h->policy->cost)
            u.cost = num_max_i64(u.cost, h->policy->cost(h->policy->arg, p));
    }
    return unit_vec_push(&h->units, u);
}

static bool may_leave(const struct hunt *h, const struct spod *p)
{
    return is_leaving(p) || victim_may_leave(h->policy, h->failed, p);
}

/* Takes from `all` the members that the gang can lose, the least important first; those that leave
 * anyway come before all others. One that is stuck counts for nothing, and nothing can move it. */
static void take_spares(struct hunt *h, struct spare *s, struct spod **all, size_t n, bool gone)
{
    for (size_t i = n; i-- > 0;) {
        struct spod *p = all[i];
        bool goes = p && (is_leaving(p) || p->stuck);
        if (!p || goes != gone || (!goes && !may_leave(h, p)) || !s->all || !s->part[p->part])
            continue;
        s->all--;
        s->part[p->part] -= p->part > 0;
        all[i] = NULL;
        if (p->stuck)
            continue;
        struct spod **one = ARENA_NEW(h->a, struct spod *);
        *one = p;
        add_unit(h, one, 1, s->gang)->spare = true;
    }
}

static void add_gang(struct hunt *h, struct gang *g)
{
    struct spod **all = ARENA_ARRAY(h->a, struct spod *, g->n_placed);
    size_t n = 0, core = 0;
    bool whole = true;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node == SCHED_NO_NODE)
            continue;
        all[n++] = p;
        whole = whole && (p->stuck || may_leave(h, p));
    }
    qsort(all, n, sizeof(struct spod *), victim_compare);
    gang_settle(g);
    struct spare s = spare_of(g);
    take_spares(h, &s, all, n, true);
    take_spares(h, &s, all, n, false);
    for (size_t i = 0; i < n; i++) {
        if (all[i] && !all[i]->stuck)
            all[core++] = all[i];
    }
    if (whole && core)
        add_unit(h, all, core, g);
}

static bool is_first_placed(const struct gang *g, const struct spod *p)
{
    LIST_EACH (&g->members, at) {
        const struct spod *m = LIST_ITEM(at, struct spod, in_gang);
        if (m->node != SCHED_NO_NODE)
            return m == p;
    }
    return false;
}

static void collect_one(struct hunt *h, struct spod *p)
{
    if (p->gang && p->gang->dialect) {
        if (is_first_placed(p->gang, p))
            add_gang(h, p->gang);
    } else if (may_leave(h, p)) {
        struct spod **one = ARENA_NEW(h->a, struct spod *);
        *one = p;
        add_unit(h, one, 1, NULL);
    }
}

void unit_collect(struct hunt *h)
{
    const struct snapshot *snap = &h->c->snap;
    for (size_t n = 0; n < snap->nodes.n; n++) { /* those that wait may be many more */
        for (int64_t id = snap->nodes.items[n]->first_pod; id >= 0;) {
            struct spod *p = snap->pods.items[id];
            id = p->next;
            if (!p->gang || p->gang != h->g)
                collect_one(h, p);
        }
    }
}

/* ---- order ---- */

#define DECIDE(x, y)                                                                               \
    if ((x) != (y))                                                                                \
    return (x) < (y) ? -1 : 1 /* a macro because it returns for its caller */

static int compare_values(const struct unit *a, const struct unit *b)
{
    DECIDE(b->leaving, a->leaving);
    DECIDE(a->violates, b->violates);
    DECIDE(a->priority, b->priority);
    DECIDE(a->cost, b->cost);
    DECIDE(a->n, b->n);
    return 0;
}

static int compare_cost(const void *pa, const void *pb)
{
    const struct unit *a = pa, *b = pb;
    int by_value = compare_values(a, b);
    if (by_value)
        return by_value;
    DECIDE(a->rank, b->rank);
    DECIDE(a->node, b->node);
    DECIDE(b->started, a->started);
    return spod_compare(b->pods[0], a->pods[0]); /* as victim_compare */
}

/* True: any does. */
static bool mark_violations(struct hunt *h)
{
    bool any = false;
    struct budget_ledger *ledger = budget_ledger_new(h->c, h->a);
    for (size_t i = 0; i < h->units.n; i++) {
        struct unit *u = &h->units.items[i];
        for (size_t k = 0; k < u->n && !u->leaving; k++)
            u->violates = !budget_take(ledger, u->pods[k]) || u->violates;
        any = any || u->violates;
    }
    return any;
}

/* ---- which nodes need few evictions ---- */

struct node_units {  /* units by node, the cheapest first */
    uint32_t *start; /* of each node in list; one more than nodes */
    uint32_t *list;
};

static struct node_units by_node(struct hunt *h)
{
    size_t n = h->c->snap.nodes.n, total = 0;
    struct node_units out = { .start = ARENA_ARRAY(h->a, uint32_t, n + 1) };
    for (size_t i = 0; i < h->units.n; i++)
        total += h->units.items[i].n;
    out.list = ARENA_ARRAY(h->a, uint32_t, total);
    for (size_t i = 0; i < h->units.n; i++) {
        for (size_t k = 0; k < h->units.items[i].n; k++)
            out.start[h->units.items[i].where[k].node + 1]++;
    }
    for (size_t i = 0; i < n; i++)
        out.start[i + 1] += out.start[i];
    uint32_t *fill = ARENA_ARRAY(h->a, uint32_t, n);
    for (size_t i = 0; i < h->units.n; i++) {
        for (size_t k = 0; k < h->units.items[i].n; k++) {
            int64_t node = h->units.items[i].where[k].node;
            out.list[out.start[node] + fill[node]++] = (uint32_t)i;
        }
    }
    return out;
}

static void take_off_node(struct hunt *h, const struct unit *u, uint32_t node)
{
    for (size_t k = 0; k < u->n; k++) {
        if (u->pods[k]->node == (int64_t)node)
            snapshot_remove(&h->c->snap, u->pods[k]);
    }
}

/* How many of its units must leave, in order, until the failed member fits. */
static uint32_t evictions_for_one(struct hunt *h, const struct node_units *nu, uint32_t node)
{
    size_t mark = snapshot_mark(&h->c->snap);
    uint32_t n = 0, all = nu->start[node + 1] - nu->start[node];
    bool fits = asking_node(h->asking, node, NULL) == SCHED_OK;
    while (!fits && n < all) {
        take_off_node(h, &h->units.items[nu->list[nu->start[node] + n++]], node);
        fits = asking_node(h->asking, node, NULL) == SCHED_OK;
    }
    snapshot_rollback(&h->c->snap, mark);
    return fits ? n : UNIT_USELESS;
}

static void rank_nodes(struct hunt *h)
{
    struct node_units nu = by_node(h);
    for (size_t i = 0; i < h->units.n; i++)
        h->units.items[i].rank = UNIT_USELESS;
    for (uint32_t node = 0; node < h->c->snap.nodes.n; node++) {
        if (nu.start[node] == nu.start[node + 1])
            continue;
        uint32_t rank = evictions_for_one(h, &nu, node);
        for (uint32_t i = nu.start[node]; i < nu.start[node + 1]; i++) {
            struct unit *u = &h->units.items[nu.list[i]];
            if (rank < u->rank) {
                u->rank = rank;
                u->node = node;
            }
        }
    }
}

void unit_sort(struct hunt *h)
{
    qsort(h->units.items, h->units.n, sizeof(struct unit), compare_cost);
    if (mark_violations(h))
        qsort(h->units.items, h->units.n, sizeof(struct unit), compare_cost);
    snapshot_quiet(&h->c->snap, true);
    rank_nodes(h);
    snapshot_quiet(&h->c->snap, false);
    qsort(h->units.items, h->units.n, sizeof(struct unit), compare_cost);
}

/* ---- taking and returning ---- */

void unit_take(struct hunt *h, struct unit *u)
{
    assert(!u->out);
    for (size_t k = 0; k < u->n; k++)
        snapshot_remove(&h->c->snap, u->pods[k]);
    u->out = true;
}

void unit_return(struct hunt *h, struct unit *u)
{
    assert(u->out);
    for (size_t k = 0; k < u->n; k++)
        snapshot_place(&h->c->snap, u->pods[k], &u->where[k]);
    u->out = false;
}
