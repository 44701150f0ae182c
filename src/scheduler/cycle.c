/* SPDX-License-Identifier: Apache-2.0
 * cycle — see cycle.h.
 *
 * Members are placed one after the other, the largest first: for members of one kind that only ask
 * for room this finds a plan whenever there is one, because it does not matter which node gives a
 * place. With several kinds it may miss one; a second attempt then places the smallest first. */
#include "scheduler/cycle.h"

#include <assert.h>
#include <stdlib.h>

#include "scheduler/select.h"

/* "worker-10" after "worker-9": digits count as one number. */
static int natural_cmp(struct str a, struct str b)
{
    size_t i = 0;
    while (i < a.n && i < b.n && a.p[i] == b.p[i])
        i++;
    size_t x = i, y = i;
    while (x < a.n && a.p[x] >= '0' && a.p[x] <= '9')
        x++;
    while (y < b.n && b.p[y] >= '0' && b.p[y] <= '9')
        y++;
    if (x != y && (x > i || y > i))
        return x < y ? -1 : 1;
    return str_cmp(a, b);
}

static int64_t devices_of(const struct shape *s)
{
    int64_t n = 0;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        n += s->devices[k];
    return n;
}

static int compare_large_first(const void *pa, const void *pb)
{
    const struct spod *a = ((const struct planned *)pa)->pod;
    const struct spod *b = ((const struct planned *)pb)->pod;
    const struct shape *x = a->shape, *y = b->shape;
    if (a->view->priority != b->view->priority)
        return a->view->priority > b->view->priority ? -1 : 1;
    if (devices_of(x) != devices_of(y))
        return devices_of(x) > devices_of(y) ? -1 : 1;
    if (x->cpu != y->cpu)
        return x->cpu > y->cpu ? -1 : 1;
    if (x->mem != y->mem)
        return x->mem > y->mem ? -1 : 1;
    return natural_cmp(a->obj->name, b->obj->name);
}

static int compare_small_first(const void *a, const void *b)
{
    return compare_large_first(b, a);
}

static size_t collect(const struct gang *g, struct planned *out)
{
    size_t n = 0;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node == SCHED_NO_NODE && !p->view->n_gates)
            out[n++] = (struct planned){ .pod = p };
    }
    return n;
}

static bool one_kind(const struct planned *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (items[i].pod->shape != items[0].pod->shape)
            return false;
    }
    return true;
}

/* Places what fits; items[0 … placed) are the placed ones afterwards. Stops early when the gang
 * cannot reach its minimum any more. */
static void
place_members(struct cluster *c, struct planned *items, size_t n, size_t need, struct plan *out)
{
    AUTO(arena_freep) struct arena *scratch = arena_new();
    out->n = 0;
    out->failed = NULL;
    for (size_t i = 0; i < n; i++) {
        struct placement where;
        struct spod *p = items[i].pod;
        bool twin_failed = out->failed && out->failed->shape == p->shape && !p->relations &&
                           !out->failed->relations;
        if (!twin_failed && select_node(c, p, scratch, &where)) {
            snapshot_place(&c->snap, p, &where);
            items[i] = items[out->n];
            items[out->n++] = (struct planned){ p, where };
        } else if (!out->failed) {
            out->failed = p;
        }
        if (out->n + (n - i - 1) < need)
            return;
        arena_reset(scratch);
    }
}

/* Why the first failed member did not fit beside those that are placed now. */
static void explain(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    struct evaluation e;
    evaluate(c, out->failed, false, a, &e);
    out->message = evaluation_message(a, c, &e);
    out->wakes = evaluation_wakes(out->failed->shape->profile, &e);
    if (!g->dialect)
        return;
    out->message = arena_printf(a, "gang %.*s: %zu of %zu members fit: %.*s", STR_ARG(g->key),
                                out->n + g->n_placed, gang_needs(g), STR_ARG(out->message));
}

static bool attempt(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    size_t mark = snapshot_mark(&c->snap);
    size_t n = collect(g, out->items);
    size_t need = gang_needs(g) > g->n_placed ? gang_needs(g) - g->n_placed : 0;
    if (need == 0)
        need = n ? 1 : 0; /* a member that came late, or replaces another */
    if (n > 1)
        qsort(out->items, n, sizeof *out->items, compare_large_first);
    place_members(c, out->items, n, need, out);
    if (out->n < need && !one_kind(out->items, n)) {
        snapshot_rollback(&c->snap, mark);
        n = collect(g, out->items);
        qsort(out->items, n, sizeof *out->items, compare_small_first);
        place_members(c, out->items, n, need, out);
    }
    out->placed = need > 0 && out->n >= need;
    out->fits = out->n;
    if (!out->placed && out->failed)
        explain(c, g, a, out);
    return out->placed;
}

bool cycle_try(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    size_t mark = snapshot_mark(&c->snap);
    *out = (struct plan){ .items = ARENA_ARRAY(a, struct planned, g->n_members) };
    bool ok = attempt(c, g, a, out);
    snapshot_rollback(&c->snap, mark);
    return ok;
}

void cycle_run(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    assert(snapshot_mark(&c->snap) == 0);
    *out = (struct plan){ .items = ARENA_ARRAY(a, struct planned, g->n_members) };
    if (!attempt(c, g, a, out)) {
        snapshot_rollback(&c->snap, 0);
        out->n = 0;
        return;
    }
    snapshot_commit(&c->snap);
}
