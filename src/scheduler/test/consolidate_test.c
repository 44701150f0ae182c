/* SPDX-License-Identifier: Apache-2.0
 * Consolidation: pods are moved only when a gang then starts and all of them run again. */
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/config/config.h"
#include "scheduler/test/fixture.h"

#define ROUNDS 200
#define CROWD 24

static const char config_text[] =
    "apiVersion: kubescheduler.config.k8s.io/v1\n"
    "kind: KubeSchedulerConfiguration\n"
    "profiles:\n"
    "- schedulerName: ganglion\n"
    "  plugins: {postFilter: {enabled: [{name: Consolidation}]}}\n"
    "  pluginConfig: [{name: Consolidation, args: {period: 60s, maxMoves: 3}}]\n";

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
    int64_t t;
    int lives;
};

static struct world world_new(bool on, int nodes)
{
    struct world w = { .a = arena_new(), .t = 1 };
    struct sched_config c;
    struct err err = { 0 };
    CHECK_OK(sched_config_parse(&c, str_from(config_text), &err), err);
    w.s = on ? core_new(c.profiles, c.n) : core_new_default();
    c.n = on ? 0 : c.n;
    sched_config_fini(&c);
    for (int i = 0; i < nodes; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w.s, name, "", "");
    }
    return w;
}

static void world_fini(struct world *w)
{
    core_free(w->s);
    arena_free(w->a);
}

static enum decision_kind step(struct world *w)
{
    arena_reset(w->a);
    core_step(w->s, at_s(w->t), w->a, &w->d);
    return w->d.kind;
}

/* Until nothing is due, or an eviction; the last decision that is one, NONE: there was none. */
static enum decision_kind settle(struct world *w)
{
    enum decision_kind last = DECISION_NONE, kind;
    do {
        kind = step(w);
        last = kind == DECISION_NONE ? last : kind;
    } while (kind != DECISION_NONE && kind != DECISION_PREEMPT);
    return last;
}

#define OWNED                                                                                      \
    ",'ownerReferences':[{'apiVersion':'apps/v1','kind':'ReplicaSet','name':'rs','uid':'rs',"      \
    "'controller':true}]"

static void add_small(struct world *w, int gpus, const char *node, const char *meta)
{
    char name[32];
    snprintf(name, sizeof name, "small-%d", w->lives++);
    fixture_pod(w->s,
                (struct fixture_pod){ .name = name, .gpus = gpus, .node = node, .meta = meta },
                at_s(w->t));
}

static void add_gang(struct world *w, int members)
{
    char name[16], min[16];
    snprintf(min, sizeof min, "%d", members);
    for (int i = 0; i < members; i++) {
        snprintf(name, sizeof name, "big-%d", i);
        fixture_member(w->s, (struct fixture_pod){ .name = name, .gpus = 8 }, "big", min,
                       at_s(w->t));
    }
}

/* Those who move end, and their controller makes them anew. */
static void move(struct world *w)
{
    int gpus[CROWD];
    struct str names[CROWD];
    size_t n = w->d.n_victims;
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < n; i++) {
        const struct spod *p = w->d.victims[i];
        gpus[i] = (int)p->shape->devices[DEVICE_NVIDIA];
        names[i] = arena_str(a, p->obj->name);
    }
    w->t++;
    for (size_t i = 0; i < n; i++) {
        core_pod_del(w->s, STR("default"), names[i], at_s(w->t));
        add_small(w, gpus[i], NULL, OWNED);
    }
}

static size_t count_waiting(struct world *w)
{
    struct core_counts c = core_count(w->s);
    return c.pods - c.placed;
}

/* ---- stories ---- */

static const struct {
    const char *what;
    bool on;
    const char *meta; /* of the small ones: two on each of two nodes */
    int gpus;         /* of each */
    enum decision_kind then;
} rows[] = {
    { "off by default", false, OWNED, 2, DECISION_WAIT },
    { "two move to the other node", true, OWNED, 2, DECISION_PREEMPT },
    { "there is no room for those who would move", true, OWNED, 3, DECISION_WAIT },
    { "nobody would make them anew", true, "", 2, DECISION_WAIT },
    { "they say that they must stay", true,
      OWNED ",'labels':{'workload.kubenexus.io/preemptible':'false'}", 2, DECISION_WAIT },
    { "an autoscaler must not evict them", true,
      OWNED ",'annotations':{'cluster-autoscaler.kubernetes.io/safe-to-evict':'false'}", 2,
      DECISION_WAIT },
    { "an autoscaler may evict them", true,
      OWNED ",'annotations':{'cluster-autoscaler.kubernetes.io/safe-to-evict':'true'}", 2,
      DECISION_PREEMPT },
    { "Karpenter must not disrupt them", true,
      OWNED ",'annotations':{'karpenter.sh/do-not-disrupt':'true'}", 2, DECISION_WAIT },
    { "a DaemonSet makes them anew where they were", true,
      ",'ownerReferences':[{'apiVersion':'apps/v1','kind':'DaemonSet','name':'ds','uid':'ds',"
      "'controller':true}]",
      2, DECISION_WAIT },
};

static void test_who_is_moved(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w = world_new(rows[i].on, 2);
        for (int k = 0; k < 4; k++)
            add_small(&w, rows[i].gpus, k % 2 ? "n1" : "n0", rows[i].meta);
        add_gang(&w, 1);
        w.t += 2; /* others may arrive */
        enum decision_kind then = settle(&w);
        if (then != rows[i].then)
            print_message("%s\n", rows[i].what);
        CHECK_I64(then, rows[i].then);
        if (rows[i].then == DECISION_PREEMPT) {
            CHECK_I64(w.d.n_victims, 2);
            move(&w);
            settle(&w);
            CHECK_I64(count_waiting(&w), 0);
        }
        world_fini(&w);
    }
}

static void test_the_work_is_bounded(void **state)
{
    (void)state;
    struct world w = world_new(true, 3);
    for (int k = 0; k < 12; k++) /* four on each of three nodes: too many moves */
        add_small(&w, 1, k % 3 == 0 ? "n0" : k % 3 == 1 ? "n1" : "n2", OWNED);
    add_gang(&w, 1);
    w.t += 2;
    CHECK_I64(settle(&w), DECISION_WAIT);
    core_pod_del(w.s, STR("default"), STR("small-0"), at_s(w.t)); /* three are allowed */
    w.t += 30;
    CHECK(settle(&w) != DECISION_PREEMPT); /* but a search was made in this period */
    core_pod_del(w.s, STR("default"), STR("small-1"), at_s(w.t + 40));
    w.t += 60;
    CHECK_I64(settle(&w), DECISION_PREEMPT);
    world_fini(&w);
}

/* ---- any crowd ---- */

static void test_all_run_in_the_end(void **state)
{
    (void)state;
    size_t moves = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct world w = world_new(true, 4);
        for (int k = 0; k < CROWD; k++) {
            char node[8];
            snprintf(node, sizeof node, "n%d", (int)check_random_below(4));
            if (check_random_below(3) == 0)
                add_small(&w, 1 + (int)check_random_below(3), NULL, OWNED);
        }
        settle(&w);
        for (int k = 0; k < CROWD; k++) { /* holes */
            char name[32];
            snprintf(name, sizeof name, "small-%d", k);
            if (check_random_below(2))
                core_pod_del(w.s, STR("default"), str_from(name), at_s(w.t));
        }
        settle(&w);
        size_t before = count_waiting(&w);
        add_gang(&w, 1 + (int)check_random_below(2));
        w.t += 2;
        if (settle(&w) == DECISION_PREEMPT) {
            CHECK(w.d.n_victims <= 3);
            moves += w.d.n_victims;
            move(&w);
            settle(&w);
            CHECK_I64(count_waiting(&w), before);
        }
        world_fini(&w);
    }
    print_message("%zu pods moved\n", moves);
    CHECK(moves > 20); /* else this shows nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_moved),
        cmocka_unit_test(test_the_work_is_bounded),
        cmocka_unit_test(test_all_run_in_the_end),
    };
    return CHECK_MAIN(tests);
}
