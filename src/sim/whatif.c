/* SPDX-License-Identifier: Apache-2.0
 * whatif — see whatif.h. */
#include "sim/whatif.h"

#include <stdlib.h>

#include "base/num.h"

struct compare {
    const struct day *day;
    int64_t until;
    const struct scene_result *was, *would;
    struct whatif *out;
    struct map gangs; /* key → whatif_gang */
};

static bool waited(const struct scene_life *l)
{
    return l->waits_from != DAY_NEVER;
}

static bool started(const struct scene_life *l)
{
    return l->started != DAY_NEVER;
}

/* ---- pods ---- */

static void count_side(struct whatif_side *side, const struct scene_life *l)
{
    if (!waited(l))
        return;
    side->started += started(l);
    side->waiting += !started(l) && l->left == DAY_NEVER;
}

static void
compare_starts(struct whatif *out, const struct scene_life *was, const struct scene_life *would)
{
    if (!waited(was)) {
        out->displaced += waited(would);
        out->stranded += waited(would) && !started(would);
        return;
    }
    out->only_would += started(would) && !started(was);
    out->only_was += started(was) && !started(would);
    if (!started(was) || !started(would))
        return;
    out->earlier += would->started < was->started - WHATIF_ALIKE_NS;
    out->later += would->started > was->started + WHATIF_ALIKE_NS;
}

static void
compare_with_record(struct whatif *out, const struct day_pod *p, const struct scene_life *was)
{
    if (!waited(was) || p->placed || p->bound == DAY_NEVER)
        return;
    out->recorded++;
    int64_t apart = was->started - p->bound;
    out->alike += started(was) && apart <= WHATIF_ALIKE_NS && apart >= -WHATIF_ALIKE_NS;
}

/* ---- gangs ---- */

/* A gang starts when its first member does: all needed ones do so at once. */
static void note_start(int64_t *slot, const struct scene_life *l)
{
    if (!started(l))
        return;
    int64_t after = l->started - l->waits_from;
    *slot = *slot == DAY_NEVER ? after : num_min_i64(*slot, after);
}

static void
compare_gang(struct compare *c, const struct scene_life *was, const struct scene_life *would)
{
    struct str key = was->gang.n ? was->gang : would->gang;
    struct whatif_gang *g = key.n ? map_get(&c->gangs, key) : NULL;
    if (!key.n)
        return;
    if (!g) {
        g = ARENA_NEW(c->out->a, struct whatif_gang);
        *g = (struct whatif_gang){ .key = arena_str(c->out->a, key),
                                   .was = DAY_NEVER,
                                   .would = DAY_NEVER };
        map_put(&c->gangs, g->key, g);
    }
    g->pods++;
    note_start(&g->was, was);
    note_start(&g->would, would);
    if (!g->why.p && would->why.p && !started(would))
        g->why = arena_str(c->out->a, would->why);
}

static int64_t rank(const struct whatif_gang *g)
{
    if (g->was == DAY_NEVER || g->would == DAY_NEVER)
        return INT64_MAX;
    return g->was > g->would ? g->was - g->would : g->would - g->was;
}

/* Those for which most changes first; equal ones by name. */
static int by_change(const void *x, const void *y)
{
    const struct whatif_gang *a = x, *b = y;
    int64_t ra = rank(a), rb = rank(b);
    return ra != rb ? (ra < rb) - (ra > rb) : str_cmp(a->key, b->key);
}

static int by_key(const void *x, const void *y)
{
    return str_cmp(((const struct whatif_gang *)x)->key, ((const struct whatif_gang *)y)->key);
}

static bool differs(const struct whatif_gang *g)
{
    if (g->was == DAY_NEVER || g->would == DAY_NEVER)
        return g->was != g->would;
    return g->was > g->would + WHATIF_ALIKE_NS || g->would > g->was + WHATIF_ALIKE_NS;
}

static void list_gangs(struct compare *c)
{
    const struct map_slot *slot;
    struct whatif *out = c->out;
    out->gangs = c->gangs.n;
    out->differ = ARENA_ARRAY(out->a, struct whatif_gang, c->gangs.n + 1);
    out->waiting = ARENA_ARRAY(out->a, struct whatif_gang, c->gangs.n + 1);
    for (size_t i = 0; (slot = map_next(&c->gangs, &i));) {
        const struct whatif_gang *g = slot->value;
        out->was.gangs_started += g->was != DAY_NEVER;
        out->would.gangs_started += g->would != DAY_NEVER;
        if (differs(g))
            out->differ[out->n_differ++] = *g;
        if (g->would == DAY_NEVER && g->why.p)
            out->waiting[out->n_waiting++] = *g;
    }
    qsort(out->waiting, out->n_waiting, sizeof *out->waiting, by_key);
    qsort(out->differ, out->n_differ, sizeof *out->differ, by_change);
}

/* ---- queues ---- */

static int by_number(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* The value that q in a hundred do not exceed (nearest rank). */
static int64_t percentile(const int64_t *sorted, size_t n, size_t q)
{
    return n ? sorted[(n * q + 99) / 100 - 1] : 0;
}

/* Of the pods of a queue, as the day without changes says; absent: of all. */
static struct whatif_wait
waits(const struct compare *c, const struct scene_result *r, struct str queue)
{
    int64_t *all = mem_alloc_array(r->n_lives + 1, sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < r->n_lives; i++) {
        const struct scene_life *l = &r->lives[i];
        if (!waited(l) || (queue.n && !str_eq(l->queue, queue)))
            continue;
        int64_t end = l->left != DAY_NEVER ? l->left : c->until;
        all[n++] = (started(l) ? l->started : end) - l->waits_from;
    }
    qsort(all, n, sizeof *all, by_number);
    const struct whatif_wait w = { percentile(all, n, 50), percentile(all, n, 99) };
    free(all);
    return w;
}

static int by_name(const void *x, const void *y)
{
    return str_cmp(((const struct whatif_queue *)x)->name, ((const struct whatif_queue *)y)->name);
}

static void list_queues(struct compare *c)
{
    struct whatif *out = c->out;
    struct map seen;
    map_init(&seen);
    out->queues = ARENA_ARRAY(out->a, struct whatif_queue, c->would->n_lives + 1);
    out->queues[out->n_queues++] = (struct whatif_queue){ .pods = out->pods };
    for (size_t i = 0; i < c->would->n_lives; i++) {
        const struct scene_life *l = &c->would->lives[i];
        struct whatif_queue *q = l->queue.n ? map_get(&seen, l->queue) : NULL;
        if (!waited(l) || !l->queue.n)
            continue;
        if (!q) {
            q = &out->queues[out->n_queues++];
            *q = (struct whatif_queue){ .name = arena_str(out->a, l->queue) };
            map_put(&seen, q->name, q);
        }
        q->pods++;
    }
    map_fini(&seen);
    qsort(out->queues + 1, out->n_queues - 1, sizeof *out->queues, by_name);
    for (size_t i = 0; i < out->n_queues; i++) {
        out->queues[i].was = waits(c, c->was, out->queues[i].name);
        out->queues[i].would = waits(c, c->would, out->queues[i].name);
    }
}

/* ---- all ---- */

static void take_totals(struct whatif_side *side, const struct scene_result *r)
{
    side->evictions = r->evictions;
    side->gpu_used = r->gpu_used;
    side->gpu_offered = r->gpu_offered;
}

static void compare_all(struct compare *c)
{
    map_init(&c->gangs);
    for (size_t i = 0; i < c->was->n_lives; i++) {
        const struct scene_life *was = &c->was->lives[i], *would = &c->would->lives[i];
        c->out->pods += waited(was);
        count_side(&c->out->was, was);
        count_side(&c->out->would, would);
        compare_starts(c->out, was, would);
        compare_with_record(c->out, c->day->pods.items[i], was);
        if (waited(was) && waited(would))
            compare_gang(c, was, would);
    }
    take_totals(&c->out->was, c->was);
    take_totals(&c->out->would, c->would);
    list_gangs(c);
    list_queues(c);
    map_fini(&c->gangs);
}

int whatif_run(struct whatif *out,
               const struct day *day,
               const struct scene_change *change,
               int64_t until,
               struct err *err)
{
    static const struct scene_change none = { 0 };
    struct scene_result was, would;
    if (scene_run(&was, day, &none, until, err))
        return -1;
    if (scene_run(&would, day, change, until, err)) {
        scene_result_fini(&was);
        return -1;
    }
    *out = (struct whatif){ .a = arena_new(), .begin = day->begin, .end = until };
    struct compare c = { .day = day, .until = until, .was = &was, .would = &would, .out = out };
    compare_all(&c);
    scene_result_fini(&was);
    scene_result_fini(&would);
    return 0;
}

void whatif_fini(struct whatif *w)
{
    arena_free(w->a);
    *w = (struct whatif){ 0 };
}
