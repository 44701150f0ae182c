/* SPDX-License-Identifier: Apache-2.0
 * Asking about one node of each sort gives what asking about every node gives: the same node where
 * ties go to the first, one of the best where they go by chance. */
#include "scheduler/core/core_internal.h"
#include "scheduler/cycle/alike.h"
#include "scheduler/cycle/evaluate.h"
#include "scheduler/cycle/select.h"
#include "scheduler/test/related.h"

#define ROUNDS 250

/* By asking every plugin about every node. */
static bool select_slowly(struct cluster *c,
                          const struct spod *p,
                          struct arena *a,
                          uint32_t *first,
                          struct evaluation *e)
{
    int64_t best = INT64_MIN;
    evaluate(c, p, true, a, e);
    for (size_t i = 0; i < e->n_feasible; i++) {
        if (e->totals[i] <= best)
            continue;
        best = e->totals[i];
        *first = e->feasible[i];
    }
    return e->n_feasible > 0;
}

static int64_t total_of(const struct evaluation *e, uint32_t node)
{
    for (size_t i = 0; i < e->n_feasible; i++) {
        if (e->feasible[i] == node)
            return e->totals[i];
    }
    return INT64_MIN;
}

/* Returns how many pods found a node. */
static size_t check_selection(struct cluster *c)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    size_t found = 0;
    for (size_t i = 0; i < c->snap.pods.n; i++) {
        struct spod *p = c->snap.pods.items[i];
        struct placement where;
        struct evaluation e;
        uint32_t first = 0;
        if (!p || p->node >= 0)
            continue;
        bool fits = select_node(c, p, a, &where);
        CHECK_I64(fits, select_slowly(c, p, a, &first, &e));
        found += fits;
        if (fits && p->shape->profile->ties == TIES_FIRST)
            CHECK_I64(where.node, first);
        if (fits)
            CHECK_I64(total_of(&e, (uint32_t)where.node), total_of(&e, first));
        arena_reset(a);
    }
    return found;
}

static void move_some(struct cluster *c, int n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    for (int i = 0; i < n; i++) {
        struct spod *p = c->snap.pods.items[check_random_below((uint32_t)c->snap.pods.n)];
        struct placement where;
        if (p && p->node >= 0)
            snapshot_remove(&c->snap, p);
        else if (p && select_node(c, p, a, &where))
            snapshot_place(&c->snap, p, &where);
    }
}

static void test_sorts_agree_with_all_nodes(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    struct cluster *c = core_cluster(s);
    size_t found = 0;
    for (unsigned i = 0; i < RELATED_NODES; i++)
        related_node(s, i);
    for (int round = 0; round < ROUNDS; round++) {
        related_pod(s, (unsigned)check_random_below(RELATED_PODS));
        related_pod(s, (unsigned)check_random_below(RELATED_PODS));
        if (check_random_below(8) == 0)
            related_node(s, (unsigned)check_random_below(RELATED_NODES));
        size_t mark = snapshot_mark(&c->snap);
        move_some(c, 6);
        found += check_selection(c);
        if (check_random_below(2))
            snapshot_rollback(&c->snap, mark);
        found += check_selection(c);
        snapshot_commit(&c->snap);
    }
    CHECK(found > ROUNDS * 10);
    core_free(s);
}

/* Labels with more values than groups are made of: sums tell nodes apart, not values. */
static void test_many_domains(void **state)
{
    (void)state;
    enum { NODES = 120 };
    struct sched_core *s = core_new_default();
    struct cluster *c = core_cluster(s);
    for (unsigned i = 0; i < NODES; i++) {
        char name[16], meta[128];
        snprintf(name, sizeof name, "n%u", i);
        snprintf(meta, sizeof meta,
                 ",'labels':{'kubernetes.io/hostname':'n%u','rack':'r%u','zone':'z%u'}", i, i / 3,
                 (i / 5) % 40);
        fixture_node(s, name, meta, "");
    }
    for (unsigned i = 0; i < RELATED_PODS; i++)
        related_pod(s, i);
    move_some(c, 2 * RELATED_PODS);
    for (int round = 0; round < 30; round++) {
        size_t mark = snapshot_mark(&c->snap);
        move_some(c, 10);
        check_selection(c);
        if (check_random_below(2))
            snapshot_rollback(&c->snap, mark);
        check_selection(c);
        snapshot_commit(&c->snap);
    }
    core_free(s);
}

static void host(struct sched_core *s, unsigned i, char zone, unsigned pods)
{
    char name[16], pod[24], meta[96];
    snprintf(name, sizeof name, "n%u", i);
    snprintf(meta, sizeof meta, ",'labels':{'kubernetes.io/hostname':'n%u','zone':'%c'}", i, zone);
    fixture_node(s, name, meta, "");
    for (unsigned p = 0; p < pods; p++) {
        snprintf(pod, sizeof pod, "p%u-%u", i, p);
        fixture_pod(s,
                    (struct fixture_pod){ .name = pod,
                                          .cpu = "1m",
                                          .mem = "1Mi",
                                          .meta = ",'labels':{'app':'a'}",
                                          .node = name },
                    at_s(1));
    }
}

/* Kubernetes weighs the rule about hosts by the logarithm of how many there are, so that among
 * many a host of one's own is worth more than a zone with fewer. */
static void test_each_host_counts(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct placement where;
    host(s, 0, 'a', 1);
    host(s, 1, 'b', 3);
    host(s, 2, 'b', 0);
    for (unsigned i = 3; i < 60; i++)
        host(s, i, 'c', i < 9);
    fixture_pod(s,
                (struct fixture_pod){ .name = "p",
                                      .cpu = "1m",
                                      .mem = "1Mi",
                                      .meta = ",'labels':{'app':'a'}",
                                      .spec = related_rules[4] },
                at_s(1));
    CHECK(select_node(core_cluster(s), core_pod(s, STR("default"), STR("p")), a, &where));
    CHECK_I64(where.node, 2);
    CHECK_I64(check_selection(core_cluster(s)), 1);
    core_free(s);
}

static void test_pick_is_in_node_order(void **state)
{
    (void)state;
    enum { GROUPS = 3, NODES = 40 };
    static uint32_t ids[GROUPS][NODES];
    struct rank ranks[GROUPS] = { 0 };
    struct group groups[GROUPS] = { 0 };
    uint32_t all[NODES], n = 0;
    static const uint32_t chosen[] = { 2, 0, 1 };
    for (uint32_t node = 5; n < NODES; node += 1 + (uint32_t)check_random_below(9)) {
        uint64_t g = check_random_below(GROUPS);
        ids[g][ranks[g].n++] = node;
        all[n++] = node;
    }
    for (int g = 0; g < GROUPS; g++) {
        ranks[g].nodes = ids[g];
        groups[g].ranks = (struct ranks){ &ranks[g], 1, 1 };
    }
    struct groups list = { groups, GROUPS, GROUPS };
    for (uint32_t i = 0; i < n; i++)
        CHECK_I64(alike_pick(&list, chosen, GROUPS, i), all[i]);
    CHECK_I64(alike_pick(&list, chosen, 1, 0), ids[2][0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pick_is_in_node_order),
        cmocka_unit_test(test_each_host_counts),
        cmocka_unit_test(test_sorts_agree_with_all_nodes),
        cmocka_unit_test(test_many_domains),
    };
    return CHECK_MAIN(tests);
}
