/* SPDX-License-Identifier: Apache-2.0
 * skyline — see skyline.h.
 *
 * The search sweeps a window of the asked length over time. Members can only begin to fit when the
 * window's left edge passes a change, so only changes are tried. A node's answer for the window
 * moves only when one of the two edges passes a change of that node: each change is looked at
 * twice, and the sum over nodes is kept, not counted anew. (The question is that of a backfill
 * planner, as flux-framework/flux-sched's resource/planner asks it of a tree.) */
#include "scheduler/time/skyline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"

struct point { /* from `at` on, up to the next point */
    int64_t at;
    int64_t free[SKYLINE_RES_MAX];
};
VEC_TYPE(point_vec, struct point);
VEC_TYPE(line_vec, struct point_vec);

struct skyline {
    unsigned n_res;
    struct line_vec lines; /* by node; the first point is at INT64_MIN; no points: no node */
};

struct skyline *skyline_new(unsigned n_res)
{
    assert(n_res > 0 && n_res <= SKYLINE_RES_MAX);
    struct skyline *s = MEM_NEW(struct skyline);
    s->n_res = n_res;
    return s;
}

void skyline_free(struct skyline *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->lines.n; i++)
        point_vec_fini(&s->lines.items[i]);
    line_vec_fini(&s->lines);
    free(s);
}

/* ---- changes ---- */

void skyline_node_set(struct skyline *s, uint32_t node, const int64_t *room)
{
    while (s->lines.n <= node)
        line_vec_push(&s->lines, (struct point_vec){ 0 });
    struct point_vec *line = &s->lines.items[node];
    point_vec_clear(line);
    if (!room)
        return;
    struct point first = { .at = INT64_MIN };
    memcpy(first.free, room, s->n_res * sizeof *room);
    point_vec_push(line, first);
}

/* Of the point that holds at t: the last one not after it. */
static size_t point_at(const struct point_vec *line, int64_t t)
{
    size_t low = 0, high = line->n;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (line->items[mid].at <= t)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* Makes t a point; returns which. */
static size_t split_at(struct point_vec *line, int64_t t)
{
    size_t i = point_at(line, t);
    if (line->items[i].at == t)
        return i;
    struct point p = line->items[i];
    p.at = t;
    point_vec_push(line, p);
    memmove(line->items + i + 2, line->items + i + 1, (line->n - i - 2) * sizeof p);
    line->items[i + 1] = p;
    return i + 1;
}

/* The point says what the one before it says. */
static void join_at(const struct skyline *s, struct point_vec *line, size_t i)
{
    if (i == 0 || i >= line->n ||
        memcmp(line->items[i].free, line->items[i - 1].free, s->n_res * sizeof(int64_t)) != 0)
        return;
    memmove(line->items + i, line->items + i + 1, (line->n - i - 1) * sizeof *line->items);
    line->n--;
}

static void add(struct skyline *s, const struct skyline_span *span, int64_t sign)
{
    struct point_vec *line = span->node < s->lines.n ? &s->lines.items[span->node] : NULL;
    if (!line || line->n == 0 || span->end <= span->start)
        return;
    size_t first = split_at(line, span->start);
    size_t last = span->end == SKYLINE_NEVER ? line->n : split_at(line, span->end);
    for (size_t i = first; i < last; i++) {
        for (unsigned r = 0; r < s->n_res; r++)
            line->items[i].free[r] += sign * span->amounts[r];
    }
    join_at(s, line, last);
    join_at(s, line, first);
}

void skyline_take(struct skyline *s, const struct skyline_span *span)
{
    add(s, span, -1);
}

void skyline_give(struct skyline *s, const struct skyline_span *span)
{
    add(s, span, 1);
}

/* ---- questions ---- */

void skyline_least(const struct skyline *s, uint32_t node, int64_t start, int64_t end, int64_t *out)
{
    const struct point_vec *line = node < s->lines.n ? &s->lines.items[node] : NULL;
    memset(out, 0, s->n_res * sizeof *out);
    if (!line || line->n == 0)
        return;
    size_t i = point_at(line, start);
    memcpy(out, line->items[i].free, s->n_res * sizeof *out);
    for (i++; i < line->n && line->items[i].at < end; i++) {
        for (unsigned r = 0; r < s->n_res; r++)
            out[r] = line->items[i].free[r] < out[r] ? line->items[i].free[r] : out[r];
    }
}

int64_t skyline_next(const struct skyline *s, uint32_t node, int64_t t)
{
    const struct point_vec *line = node < s->lines.n ? &s->lines.items[node] : NULL;
    if (!line || line->n == 0)
        return SKYLINE_NEVER;
    size_t i = point_at(line, t) + 1;
    return i < line->n ? line->items[i].at : SKYLINE_NEVER;
}

/* ---- the search ---- */

struct change { /* of one node */
    int64_t at;
    uint32_t node;
};
VEC_TYPE(change_vec, struct change);

struct sweep {
    const struct skyline *s;
    const struct skyline_ask *ask;
    struct change_vec changes; /* after `from`, in the order of time */
    size_t left, right;        /* those that the window's edges passed */
    int64_t start, end;        /* the window */
    size_t *fits;              /* [role][node]: how many members, at most the role's count */
    size_t *sums;              /* of them by role */
    size_t steps;
};

static int compare_changes(const void *pa, const void *pb)
{
    const struct change *a = pa, *b = pb;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

static size_t hold(const struct skyline *s, const int64_t *room, const struct skyline_role *role)
{
    int64_t n = (int64_t)role->count;
    for (unsigned r = 0; r < s->n_res; r++) {
        if (role->amounts[r] <= 0)
            continue;
        int64_t k = room[r] > 0 ? room[r] / role->amounts[r] : 0;
        n = k < n ? k : n;
    }
    return (size_t)n;
}

static bool may(const struct skyline_ask *ask, size_t role, uint32_t node)
{
    return !ask->may || ask->may(ask->arg, role, node);
}

static void look_at(struct sweep *w, uint32_t node)
{
    int64_t room[SKYLINE_RES_MAX];
    size_t n = w->s->lines.n;
    w->steps++;
    skyline_least(w->s, node, w->start, w->end, room);
    for (size_t i = 0; i < w->ask->n_roles; i++) {
        size_t *was = &w->fits[i * n + node];
        size_t now = hold(w->s, room, &w->ask->roles[i]);
        if (now && !may(w->ask, i, node))
            now = 0;
        w->sums[i] = w->sums[i] - *was + now;
        *was = now;
    }
}

/* Moves the window; nodes whose changes its edges pass are looked at. */
static void move_to(struct sweep *w, int64_t start)
{
    const struct change_vec *c = &w->changes;
    w->start = start;
    w->end = w->ask->length > SKYLINE_NEVER - (start > 0 ? start : 0) ? SKYLINE_NEVER
                                                                      : start + w->ask->length;
    for (; w->right < c->n && c->items[w->right].at < w->end; w->right++)
        look_at(w, c->items[w->right].node);
    for (; w->left < c->n && c->items[w->left].at <= start; w->left++)
        look_at(w, c->items[w->left].node);
}

static bool enough(const struct sweep *w)
{
    for (size_t i = 0; i < w->ask->n_roles; i++) {
        if (w->sums[i] < w->ask->roles[i].count)
            return false;
    }
    return true;
}

/* Takes nodes in order, role by role; false: not all found room beside one another. */
static bool deal_out(struct sweep *w, struct arena *a, struct skyline_answer *out)
{
    const struct skyline *s = w->s;
    size_t n = s->lines.n, cap = 0;
    for (size_t i = 0; i < w->ask->n_roles; i++)
        cap += w->ask->roles[i].count < n ? w->ask->roles[i].count : n;
    int64_t(*room)[SKYLINE_RES_MAX] = arena_alloc(a, (n ? n : 1) * sizeof *room);
    for (uint32_t v = 0; v < n; v++)
        skyline_least(s, v, w->start, w->end, room[v]);
    w->steps += n;
    out->places = ARENA_ARRAY(a, struct skyline_place, cap);
    out->n_places = 0;
    for (size_t i = 0; i < w->ask->n_roles; i++) {
        const struct skyline_role *role = &w->ask->roles[i];
        size_t left = role->count;
        for (uint32_t v = 0; v < n && left; v++) {
            size_t k = w->fits[i * n + v] ? hold(s, room[v], role) : 0;
            k = k < left ? k : left;
            if (k == 0)
                continue;
            left -= k;
            out->places[out->n_places++] = (struct skyline_place){ i, v, k };
            for (unsigned r = 0; r < s->n_res; r++)
                room[v][r] -= (int64_t)k * role->amounts[r];
        }
        if (left) {
            out->n_places = 0;
            return false;
        }
    }
    return true;
}

static void find_changes(struct sweep *w)
{
    for (uint32_t v = 0; v < w->s->lines.n; v++) {
        const struct point_vec *line = &w->s->lines.items[v];
        for (size_t i = 1; i < line->n; i++) {
            if (line->items[i].at > w->ask->from)
                change_vec_push(&w->changes, (struct change){ line->items[i].at, v });
        }
    }
    if (w->changes.n)
        qsort(w->changes.items, w->changes.n, sizeof *w->changes.items, compare_changes);
}

static void run(struct sweep *w, struct arena *a, struct skyline_answer *out)
{
    int64_t at = w->ask->from;
    for (;;) {
        move_to(w, at);
        if (enough(w) && deal_out(w, a, out)) {
            out->start = at;
            return;
        }
        out->gave_up = w->steps > w->ask->steps_max;
        if (out->gave_up || w->left == w->changes.n)
            return;
        at = w->changes.items[w->left].at;
    }
}

void skyline_earliest(const struct skyline *s,
                      const struct skyline_ask *ask,
                      struct arena *a,
                      struct skyline_answer *out)
{
    size_t n = s->lines.n;
    struct sweep w = { .s = s, .ask = ask, .start = ask->from };
    *out = (struct skyline_answer){ .start = SKYLINE_NEVER };
    find_changes(&w);
    w.fits = mem_alloc_array(ask->n_roles * n + 1, sizeof *w.fits);
    w.sums = mem_alloc_array(ask->n_roles + 1, sizeof *w.sums);
    memset(w.fits, 0, (ask->n_roles * n + 1) * sizeof *w.fits);
    memset(w.sums, 0, (ask->n_roles + 1) * sizeof *w.sums);
    w.end = ask->from + 1;
    for (uint32_t v = 0; v < n; v++)
        look_at(&w, v);
    run(&w, a, out);
    out->steps = w.steps;
    change_vec_fini(&w.changes);
    free(w.fits);
    free(w.sums);
}
