/* SPDX-License-Identifier: Apache-2.0
 * Random spans on a few nodes against a model that keeps a list of spans and looks at every single
 * moment: what is free, when members fit first, and that giving back undoes taking. */
#include "scheduler/time/skyline.h"

#include "base/num.h"
#include "base/vec.h"
#include "testkit/check.h"

#define NODES 4
#define RES 3
#define HORIZON 40 /* moments */
#define ROUNDS 300

VEC_TYPE(span_vec, struct skyline_span);

struct world {
    struct skyline *s;
    int64_t room[NODES][RES];
    struct span_vec spans; /* the model */
    uint64_t random;
};

static int64_t pick(struct world *w, int64_t n)
{
    w->random = num_mix64(w->random + 0x9e3779b97f4a7c15u);
    return (int64_t)(w->random % (uint64_t)n);
}

static void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){ .s = skyline_new(RES), .random = seed };
    for (uint32_t v = 0; v < NODES; v++) {
        for (int r = 0; r < RES; r++)
            w->room[v][r] = pick(w, 9);
        skyline_node_set(w->s, v, w->room[v]);
    }
}

static void world_fini(struct world *w)
{
    span_vec_fini(&w->spans);
    skyline_free(w->s);
}

static void take(struct world *w)
{
    struct skyline_span s = { .node = (uint32_t)pick(w, NODES), .start = pick(w, HORIZON) };
    s.end = pick(w, 8) ? s.start + pick(w, 12) : SKYLINE_NEVER;
    for (int r = 0; r < RES; r++)
        s.amounts[r] = pick(w, 4);
    skyline_take(w->s, &s);
    span_vec_push(&w->spans, s);
}

static void give(struct world *w)
{
    if (w->spans.n == 0)
        return;
    size_t at = (size_t)pick(w, (int64_t)w->spans.n);
    skyline_give(w->s, &w->spans.items[at]);
    w->spans.items[at] = w->spans.items[--w->spans.n];
}

/* ---- the model ---- */

static int64_t model_free(const struct world *w, uint32_t node, int r, int64_t t)
{
    int64_t out = w->room[node][r];
    for (size_t i = 0; i < w->spans.n; i++) {
        const struct skyline_span *s = &w->spans.items[i];
        if (s->node == node && s->start <= t && t < s->end)
            out -= s->amounts[r];
    }
    return out;
}

static int64_t model_least(const struct world *w, uint32_t node, int r, int64_t from, int64_t to)
{
    int64_t out = model_free(w, node, r, from);
    for (int64_t t = from; t < to && t < 2 * HORIZON; t++) {
        int64_t f = model_free(w, node, r, t);
        out = f < out ? f : out;
    }
    return out;
}

static bool odd_nodes(void *arg, size_t role, uint32_t node)
{
    (void)arg;
    return role != 0 || node % 2 == 1;
}

/* Puts one member there if it fits. */
static bool model_put(int64_t *room, const struct skyline_role *role)
{
    for (int r = 0; r < RES; r++) {
        if (role->amounts[r] && room[r] < role->amounts[r])
            return false;
    }
    for (int r = 0; r < RES; r++)
        room[r] -= role->amounts[r];
    return true;
}

/* All roles in turn on the first nodes that have room from t on? */
static bool model_fits(const struct world *w, const struct skyline_ask *ask, int64_t t)
{
    int64_t room[NODES][RES];
    int64_t end = ask->length == SKYLINE_NEVER ? SKYLINE_NEVER : t + ask->length;
    for (uint32_t v = 0; v < NODES; v++) {
        for (int r = 0; r < RES; r++)
            room[v][r] = model_least(w, v, r, t, end);
    }
    for (size_t i = 0; i < ask->n_roles; i++) {
        size_t left = ask->roles[i].count;
        for (uint32_t v = 0; v < NODES; v++) {
            bool may = !ask->may || ask->may(ask->arg, i, v);
            while (may && left && model_put(room[v], &ask->roles[i]))
                left--;
        }
        if (left)
            return false;
    }
    return true;
}

static int64_t model_earliest(const struct world *w, const struct skyline_ask *ask)
{
    for (int64_t t = ask->from; t < 2 * HORIZON; t++) {
        if (model_fits(w, ask, t))
            return t;
    }
    return SKYLINE_NEVER;
}

/* ---- properties ---- */

static void test_least(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        struct world w;
        int64_t got[SKYLINE_RES_MAX];
        world_init(&w, seed);
        for (int i = 0; i < 20; i++)
            (pick(&w, 4) ? take : give)(&w);
        uint32_t node = (uint32_t)pick(&w, NODES);
        int64_t from = pick(&w, HORIZON), to = from + 1 + pick(&w, 20);
        skyline_least(w.s, node, from, to, got);
        for (int r = 0; r < RES; r++)
            CHECK_I64(got[r], model_least(&w, node, r, from, to));
        world_fini(&w);
    }
}

static void test_earliest(void **state)
{
    (void)state;
    size_t found = 0, later = 0;
    for (uint64_t seed = 0; seed < ROUNDS; seed++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct world w;
        struct skyline_answer got;
        struct skyline_role roles[2] = { 0 };
        world_init(&w, 7777 + seed);
        for (int i = 0; i < 16; i++)
            (pick(&w, 5) ? take : give)(&w);
        struct skyline_ask ask = { .roles = roles,
                                   .n_roles = 1 + (size_t)pick(&w, 2),
                                   .from = pick(&w, 10),
                                   .length = pick(&w, 6) ? 1 + pick(&w, 15) : SKYLINE_NEVER,
                                   .may = pick(&w, 3) ? NULL : odd_nodes,
                                   .steps_max = SIZE_MAX };
        for (size_t i = 0; i < ask.n_roles; i++) {
            roles[i].count = 1 + (size_t)pick(&w, 4);
            for (int r = 0; r < RES; r++)
                roles[i].amounts[r] = pick(&w, 4);
        }
        skyline_earliest(w.s, &ask, a, &got);
        CHECK_I64(got.start, model_earliest(&w, &ask));
        size_t placed = 0, wanted = 0;
        for (size_t i = 0; i < got.n_places; i++)
            placed += got.places[i].count;
        for (size_t i = 0; i < ask.n_roles; i++)
            wanted += roles[i].count;
        CHECK_I64(placed, got.start == SKYLINE_NEVER ? 0 : wanted);
        found += got.start != SKYLINE_NEVER;
        later += got.start != SKYLINE_NEVER && got.start > ask.from;
        world_fini(&w);
    }
    CHECK(found > ROUNDS / 4 && later > ROUNDS / 20); /* the worlds are no trivial ones */
}

static void test_give_undoes(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 3);
    for (int i = 0; i < 50; i++)
        take(&w);
    while (w.spans.n)
        give(&w);
    for (uint32_t v = 0; v < NODES; v++)
        CHECK_I64(skyline_next(w.s, v, INT64_MIN), SKYLINE_NEVER); /* one flat line again */
    world_fini(&w);
}

/* A search that may not look at everything says so. */
static void test_gives_up(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct skyline *s = skyline_new(1);
    struct skyline_role one = { 1, { 8 } };
    struct skyline_ask ask = { .roles = &one, .n_roles = 1, .length = 5, .steps_max = 10 };
    struct skyline_answer out;
    for (uint32_t v = 0; v < 64; v++) {
        skyline_node_set(s, v, (int64_t[]){ 8 });
        skyline_take(s, &(struct skyline_span){ v, 0, 100 + v, { 1 } });
    }
    skyline_earliest(s, &ask, a, &out);
    CHECK(out.start == SKYLINE_NEVER && out.gave_up);
    ask.steps_max = 100000;
    skyline_earliest(s, &ask, a, &out);
    CHECK_I64(out.start, 100);
    skyline_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_earliest),
        cmocka_unit_test(test_give_undoes),
        cmocka_unit_test(test_gives_up),
    };
    return CHECK_MAIN(tests);
}
