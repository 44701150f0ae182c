/* SPDX-License-Identifier: Apache-2.0
 * cycle — see cycle.h.
 *
 * Members are placed one after the other, the largest first: for members of one kind that only ask
 * for room this finds a plan whenever there is one, because it does not matter which node gives a
 * place. With several kinds it may miss one; a second attempt then places the smallest first. */
#include "scheduler/cycle/cycle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scheduler/cycle/select.h"
#include "scheduler/network/domain_place.h"
#include "scheduler/state/reservation.h"

#define FEW 8         /* members of most gangs */
#define GROUPS_MAX 64 /* of members that must lie together, in one gang */

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

static size_t collect(const struct gang *g, bool kept_too, struct planned *out)
{
    size_t n = 0;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (spod_is_pending(p))
            out[n++] = (struct planned){ .pod = p };
    }
    LIST_EACH (&g->places, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!p->kept || kept_too)
            out[n++] = (struct planned){ .pod = p };
    }
    return n;
}

static struct planned *items_new(struct arena *a, const struct gang *g)
{
    return ARENA_ARRAY(a, struct planned, g->n_members + g->n_places);
}

static bool one_kind(const struct planned *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (items[i].pod->shape != items[0].pod->shape)
            return false;
    }
    return true;
}

/* ---- what must be met ---- */

struct quest { /* one attempt to place a gang */
    struct cluster *c;
    struct gang *g;
    struct planned *items;
    size_t n, need;                             /* members to place; how many must fit */
    size_t role_need[1 + GANG_ROLES_MAX];       /* the same by part of the gang */
    size_t left, role_left[1 + GANG_ROLES_MAX]; /* members that were not tried yet */
    bool places_anew;                           /* kept places count as places to find */
    bool rationed;                              /* quota may not suffice for all */
    struct quota_queue *bound;                  /* it does not suffice for those it needs: whose */
    size_t tried;                               /* items that place_groups dealt with */
    struct arena *a;                            /* of the cycle */
    struct str why;                             /* a group of members fits no domain */
};

static void set_needs(struct quest *q)
{
    const struct gang *g = q->g;
    memset(q->role_need, 0, sizeof q->role_need);
    memset(q->role_left, 0, sizeof q->role_left);
    q->need = gang_lacks(g, 0);
    for (uint32_t i = 1; i < g->n_parts; i++)
        q->role_need[i] = gang_lacks(g, i);
    if (q->need == 0 && q->n && (gang_goes_on(g) || gang_has_started(g)))
        q->need = 1; /* a member that came late, or replaces another */
    q->left = q->n;
    for (size_t i = 0; i < q->n; i++)
        q->role_left[q->items[i].pod->part]++;
}

static bool is_met(const struct quest *q)
{
    for (size_t i = 1; i < q->g->n_parts; i++) {
        if (q->role_need[i])
            return false;
    }
    return q->need == 0;
}

/* No matter what fits from here on, some minimum stays unmet. */
static bool is_lost(const struct quest *q)
{
    for (size_t i = 1; i < q->g->n_parts; i++) {
        if (q->role_left[i] < q->role_need[i])
            return true;
    }
    return q->left < q->need;
}

static void count_down(size_t *n)
{
    *n -= *n > 0;
}

/* Members without which the gang cannot start come first, so that none beyond a role's minimum
 * takes the room of another role. Keeps the order otherwise. */
static void needed_first(const struct quest *q, struct arena *a)
{
    size_t total = q->need, sum = 0, n = 0, late = 0;
    size_t want[1 + GANG_ROLES_MAX];
    if (q->g->n_parts == 0)
        return;
    memcpy(want, q->role_need, sizeof want);
    for (size_t i = 1; i < q->g->n_parts; i++)
        sum += want[i];
    size_t spare = total > sum ? total - sum : 0; /* of any role */
    struct planned *extra = ARENA_ARRAY(a, struct planned, q->n);
    for (size_t i = 0; i < q->n; i++) {
        struct planned item = q->items[i];
        size_t *take = want[item.pod->part] ? &want[item.pod->part] : &spare;
        if (*take)
            q->items[n++] = item;
        else
            extra[late++] = item;
        count_down(take);
    }
    memcpy(q->items + n, extra, late * sizeof *extra);
}

/* ---- quota ---- */

static struct quota_ask ask_of(const struct quest *q, size_t from, size_t n)
{
    struct quota_ask ask = { 0 };
    for (size_t i = from; i < from + n; i++)
        quota_ask_add(q->c->quota, &ask, q->items[i].pod->demands, q->items[i].pod->n_demands);
    return ask;
}

/* What is held for others counts as used: they evicted for it, and must not lose it to those who
 * left. Until forget_kept; false: nothing is held that this claim has to do with. */
static bool suppose_kept(const struct quest *q, const struct quota_claim *claim)
{
    struct spod_ptrs *supposed = &q->c->supposed;
    LIST_EACH (&q->c->reservations, in_all) {
        const struct reservation *r = LIST_ITEM(in_all, struct reservation, in_all);
        LIST_EACH (&r->held, at) {
            struct spod *p = LIST_ITEM(at, struct spod_stay, in_hold)->pod;
            if (!quota_concerns(claim, &p->quota) || !evaluate_minds(q->items[0].pod, p))
                continue;
            quota_suppose(&p->quota, p->demands, p->n_demands, 1);
            spod_ptrs_push(supposed, p);
        }
    }
    return supposed->n > 0;
}

static void forget_kept(const struct quest *q)
{
    struct spod_ptrs *supposed = &q->c->supposed;
    for (size_t i = 0; i < supposed->n; i++) {
        const struct spod *p = supposed->items[i];
        quota_suppose(&p->quota, p->demands, p->n_demands, -1);
    }
    spod_ptrs_clear(supposed);
}

/* The largest come first: when not all may start, the smallest are counted, so that nothing is
 * refused that could be. */
static bool fits_quota(struct quest *q, struct arena *a, struct str *why)
{
    const struct quota_claim *claim = &q->items[0].pod->quota;
    size_t least = q->need ? q->need : 1;
    struct quota_ask all = ask_of(q, 0, q->n);
    q->rationed = false;
    if (quota_fits(q->c->quota, claim, &all, a, why))
        return true;
    q->rationed = true;
    least = least < q->n ? least : q->n;
    struct quota_ask ask = ask_of(q, q->n - least, least);
    if (least < q->n && quota_fits(q->c->quota, claim, &ask, a, why))
        return true;
    q->bound = quota_bound(q->c->quota, claim, &ask);
    return false;
}

/* May the members start that the gang needs? */
static bool has_quota(struct quest *q, struct arena *a, struct str *why)
{
    if (!q->n || !quota_has_rules(q->c->quota))
        return true;
    if (!fits_quota(q, a, why))
        return false; /* whatever is kept */
    if (list_empty(&q->c->reservations))
        return true;
    bool ok = !suppose_kept(q, &q->items[0].pod->quota) || fits_quota(q, a, why);
    forget_kept(q);
    return ok;
}

static bool may_start(const struct quest *q, size_t i)
{
    if (!q->rationed)
        return true;
    struct quota_ask ask = ask_of(q, i, 1);
    suppose_kept(q, &q->items[i].pod->quota);
    bool ok = quota_fits(q->c->quota, &q->items[i].pod->quota, &ask, NULL, NULL);
    forget_kept(q);
    return ok;
}

/* ---- places in the network ---- */

struct group { /* members that must lie in one domain */
    const struct domain_wish *wish;
    uint32_t part;
    struct spod **pods;
    size_t n;
    struct str why; /* it does not fit */
};

static const struct domain_wish *
wish_of(const struct quest *q, const struct spod *p, struct arena *a)
{
    const struct domain_said by = { .role = p->part ? q->g->parts[p->part].topology
                                                    : (struct json){ 0 },
                                    .annotations = p->view->annotations,
                                    .group = q->g->source };
    return domain_wish_of(a, &by);
}

static bool belongs(const struct group *g, const struct domain_wish *w, uint32_t part)
{
    return domain_wish_same(g->wish, w) && (!w->each_role || g->part == part);
}

/* The members with a wish by group, in their order; returns how many groups. */
static size_t find_groups(struct quest *q, struct arena *a, struct group *out)
{
    size_t n = 0;
    for (size_t i = 0; i < q->n; i++) {
        struct spod *p = q->items[i].pod;
        const struct domain_wish *w = wish_of(q, p, a);
        size_t g = 0;
        while (w && g < n && !belongs(&out[g], w, p->part))
            g++;
        if (!w || g == GROUPS_MAX)
            continue;
        if (g == n)
            out[n++] = (struct group){ w, p->part, ARENA_ARRAY(a, struct spod *, q->n), 0, { 0 } };
        out[g].pods[out[g].n++] = p;
    }
    return n;
}

static const struct spod *mate_of(const struct quest *q, const struct group *group, struct arena *a)
{
    LIST_EACH (&q->g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node < 0)
            continue;
        const struct domain_wish *w = wish_of(q, p, a);
        if (w && belongs(group, w, p->part))
            return p;
    }
    return NULL;
}

/* How many of the group the gang cannot do without. */
static size_t least_of(const struct quest *q, const struct group *group)
{
    size_t others = q->left - group->n;
    size_t least = q->need > others ? q->need - others : 1;
    size_t role = group->wish->each_role ? q->role_need[group->part] : 0;
    least = role > least ? role : least;
    return least < group->n ? least : group->n;
}

/* The placed, then those of groups that are not, then those without a wish. */
static void order_tried(struct quest *q,
                        const struct group *groups,
                        size_t n,
                        struct plan *out,
                        struct arena *a)
{
    struct planned *late = ARENA_ARRAY(a, struct planned, q->n);
    size_t n_late = 0;
    for (size_t i = 0; i < q->n; i++) {
        if (q->items[i].pod->node < 0 && !wish_of(q, q->items[i].pod, a))
            late[n_late++] = q->items[i];
    }
    size_t at = 0;
    for (int placed = 1; placed >= 0; placed--) {
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < groups[i].n; k++) {
                struct spod *p = groups[i].pods[k];
                if ((p->node >= 0) == placed)
                    q->items[at++] = (struct planned){ p, spod_placement(p) };
            }
        }
        if (placed)
            out->n = at;
    }
    memcpy(q->items + at, late, n_late * sizeof *late);
}

/* Members with wishes about the network, before all others. Those that are placed come first in
 * items; false: a group that is needed does not fit, for the reason in *why. */
static bool place_groups(struct quest *q, struct plan *out, struct arena *a, struct str *why)
{
    struct group groups[GROUPS_MAX];
    size_t n = find_groups(q, a, groups);
    for (size_t i = 0; i < n; i++) {
        struct domain_job job = { .wish = groups[i].wish,
                                  .pods = groups[i].pods,
                                  .n = groups[i].n,
                                  .least = least_of(q, &groups[i]),
                                  .mate = q->g->n_placed ? mate_of(q, &groups[i], a) : NULL };
        if (q->rationed)
            job.n = job.least; /* quota was found for these only */
        domain_place(q->c, &job, a, &groups[i].why);
        for (size_t k = 0; k < groups[i].n; k++) {
            const struct spod *p = groups[i].pods[k];
            q->tried++;
            count_down(&q->left);
            count_down(&q->role_left[p->part]);
            if (p->node < 0)
                continue;
            count_down(&q->need);
            count_down(&q->role_need[p->part]);
        }
        if (is_lost(q)) {
            *why = groups[i].why.p ? arena_str(q->a, groups[i].why) : STR("too few members fit");
            return false;
        }
    }
    if (n)
        order_tried(q, groups, n, out, a);
    return true;
}

/* Places what fits; items[0 … placed) are the placed ones afterwards. Stops early when the gang
 * cannot reach its minimum any more. */
static void place_members(struct quest *q, struct plan *out)
{
    AUTO(arena_freep) struct arena *scratch = arena_new();
    needed_first(q, scratch);
    out->n = 0;
    out->failed = NULL;
    q->tried = 0;
    if (!place_groups(q, out, scratch, &q->why))
        return;
    for (size_t i = q->tried; i < q->n; i++) {
        struct placement where;
        struct spod *p = q->items[i].pod;
        bool twin_failed = out->failed && out->failed->shape == p->shape && spod_is_plain(p) &&
                           spod_is_plain(out->failed);
        count_down(&q->left);
        count_down(&q->role_left[p->part]);
        bool may = may_start(q, i);
        if (may && !twin_failed && select_node(q->c, p, scratch, &where)) {
            snapshot_place(&q->c->snap, p, &where);
            q->items[i] = q->items[out->n];
            q->items[out->n++] = (struct planned){ p, where };
            count_down(&q->need);
            count_down(&q->role_need[p->part]);
        } else if (may && !out->failed) {
            out->failed = p;
        }
        if (is_lost(q))
            return;
        arena_reset(scratch);
    }
}

/* ---- why not ---- */

/* "3 of 4 members fit", or of a role when that is what lacks. */
static struct str fit_text(const struct quest *q, struct arena *a, const struct plan *out)
{
    const struct gang *g = q->g;
    for (size_t i = 1; i < g->n_parts && out->n + gang_has(g) >= gang_needs(g); i++) {
        const struct gang_part *p = &g->parts[i];
        if (q->role_need[i])
            return arena_printf(a, "%lld of %lld members with role %.*s fit",
                                (long long)p->min - (long long)q->role_need[i], (long long)p->min,
                                STR_ARG(p->name));
    }
    return arena_printf(a, "%zu of %zu members fit", out->n + gang_has(g), gang_needs(g));
}

/* Why the first failed member did not fit beside those that are placed now. */
static void explain(const struct quest *q, struct arena *a, struct plan *out)
{
    struct evaluation *e = ARENA_NEW(a, struct evaluation);
    evaluate_refused(q->c, out->failed, a, e);
    out->answers = e;
    out->message = evaluation_message(a, q->c, e);
    out->wakes = evaluation_wakes(out->failed->shape->profile, e);
    if (!q->g->dialect)
        return;
    struct str fit = fit_text(q, a, out);
    out->message = arena_printf(a, "gang %.*s: %.*s: %.*s", STR_ARG(q->g->key), STR_ARG(fit),
                                STR_ARG(out->message));
}

/* ---- the attempt ---- */

static void
try_in_order(struct quest *q, int (*order)(const void *, const void *), struct plan *out)
{
    q->n = collect(q->g, q->places_anew, q->items);
    set_needs(q);
    if (q->n > 1)
        qsort(q->items, q->n, sizeof *q->items, order);
    place_members(q, out);
    out->placed = out->n > 0 && is_met(q);
}

static bool deny(const struct quest *q, struct str why, uint32_t wakes, struct plan *out)
{
    struct arena *a = q->a;
    out->message = q->g->dialect && !out->silent
                       ? arena_printf(a, "gang %.*s: %.*s", STR_ARG(q->g->key), STR_ARG(why))
                       : why;
    out->wakes = wakes;
    out->failed = NULL;
    return false;
}

static void sort_large_first(struct quest *q)
{
    q->n = collect(q->g, q->places_anew, q->items);
    set_needs(q);
    if (q->n > 1)
        qsort(q->items, q->n, sizeof *q->items, compare_large_first);
}

/* Free on all nodes together. */
static int64_t free_in_all(const struct snapshot *s, uint32_t res)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < s->nodes.n; i++) {
        if (s->nodes.items[i]->alive)
            sum += num_max_i64(snapshot_free(s, res, i), 0);
    }
    return sum;
}

/* A group may name what must be free before any of its members starts (minResources): Spark's
 * driver counts its executors there. */
static bool has_min_resources(const struct quest *q, struct arena *a, struct plan *out)
{
    const struct snapshot *s = &q->c->snap;
    if (q->g->n_placed || !json_has(q->g->said.resources))
        return true;
    struct amounts asked = amounts_decode(a, q->g->said.resources);
    for (size_t i = 0; i < asked.n; i++) {
        struct str name = asked.items[i].name;
        uint32_t res = snapshot_find_res(s, name);
        int64_t free = res == RES_NOBODY ? 0 : free_in_all(s, res);
        if (free >= asked.items[i].value)
            continue;
        const char *unit = str_is(name, "cpu") ? "m" : "";
        out->message = arena_printf(
            a, "gang %.*s: its group's minResources ask for %lld%s %.*s, %lld%s are free in all",
            STR_ARG(q->g->key), (long long)asked.items[i].value, unit, STR_ARG(name),
            (long long)free, unit);
        out->wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE;
        return false;
    }
    return true;
}

static bool attempt(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    size_t mark = snapshot_mark(&c->snap);
    struct quest q = { .c = c, .g = g, .items = out->items, .a = a };
    struct str why = { 0 };
    sort_large_first(&q);
    if (!has_min_resources(&q, a, out))
        return false;
    if (!has_quota(&q, a, out->silent ? NULL : &why)) {
        out->bound = q.bound;
        return deny(&q, why, WAKE_QUOTA, out);
    }
    try_in_order(&q, compare_large_first, out);
    if (!out->placed && (out->failed || q.rationed) && !one_kind(q.items, q.n)) {
        snapshot_rollback(&c->snap, mark);
        try_in_order(&q, compare_small_first, out);
    }
    out->fits = out->n;
    if (!out->placed && out->failed && !out->silent)
        explain(&q, a, out);
    else if (!out->placed && q.rationed)
        deny(&q, why, WAKE_QUOTA, out);
    else if (!out->placed && q.why.p)
        deny(&q, q.why, WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE, out);
    return out->placed;
}

bool cycle_probe(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    size_t mark = snapshot_mark(&c->snap);
    *out = (struct plan){ .items = items_new(a, g), .silent = true };
    bool ok = attempt(c, g, a, out);
    snapshot_rollback(&c->snap, mark);
    return ok;
}

bool cycle_has_quota(struct cluster *c, struct gang *g, struct quota_queue **bound)
{
    struct planned few[FEW];
    AUTO(arena_freep) struct arena *a = g->n_members + g->n_places <= FEW ? NULL : arena_new();
    struct quest q = { .c = c, .g = g, .items = a ? items_new(a, g) : few };
    q.places_anew = gang_to_come(g) > 0; /* an attempt gives up those that it holds */
    sort_large_first(&q);
    bool ok = has_quota(&q, a, NULL);
    *bound = q.bound;
    return ok;
}

bool cycle_try(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    size_t mark = snapshot_mark(&c->snap);
    *out = (struct plan){ .items = items_new(a, g) };
    bool ok = attempt(c, g, a, out);
    snapshot_rollback(&c->snap, mark);
    return ok;
}

void cycle_run(struct cluster *c, struct gang *g, struct arena *a, struct plan *out)
{
    assert(snapshot_mark(&c->snap) == 0);
    *out = (struct plan){ .items = items_new(a, g) };
    if (!attempt(c, g, a, out)) {
        snapshot_rollback(&c->snap, 0);
        out->n = 0;
        return;
    }
    snapshot_commit(&c->snap);
}
