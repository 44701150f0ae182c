/* SPDX-License-Identifier: Apache-2.0
 * gang_test — waiting gangs cannot lock each other out: whatever comes in whatever order, no gang
 * waits and holds at once, and every gang that fits alone runs in the end. */
#include <stdlib.h>

#include "scheduler/test/fixture.h"

#define NODES 4   /* of 16 CPUs and 8 GPUs */
#define GANGS 24  /* a round */
#define ROUNDS 12 /* with other gangs each */

enum made { PLAIN, WITH_ROLES, WITH_DRIVER };

struct one { /* a gang of the test */
    enum made how;
    unsigned members, gpus; /* members: with the driver */
    unsigned made;          /* pods that exist, in order */
    bool ran;
};

static void add_pod(struct sched_core *s, const struct one *g, int id, unsigned n, int64_t t)
{
    char name[32], gang[32], min[16];
    static char meta[1024];
    snprintf(name, sizeof name, "g%d-%u", id, n);
    snprintf(gang, sizeof gang, "g%d", id);
    snprintf(min, sizeof min, "%u", g->members);
    struct fixture_pod p = { .name = name, .gpus = (int)g->gpus };
    switch (g->how) {
    case PLAIN:
        fixture_member(s, p, gang, min, at_s(t));
        return;
    case WITH_ROLES:
        snprintf(meta, sizeof meta,
                 ",'labels':{'scheduling.ganglion.io/pod-group':'%s',"
                 "'scheduling.ganglion.io/min-available':'%s','scheduling.ganglion.io/role':'%s',"
                 "'scheduling.ganglion.io/role-min-available':'%u'}",
                 gang, min, n % 2 ? "odd" : "even", n % 2 ? g->members / 2 : (g->members + 1) / 2);
        break;
    case WITH_DRIVER:
        p.gpus = n ? (int)g->gpus : 0;
        snprintf(meta, sizeof meta,
                 ",'labels':{'applicationId':'%s'},'annotations':{"
                 "'yunikorn.apache.org/task-group-name':'%s','yunikorn.apache.org/task-groups':"
                 "'[{\\'name\\':\\'driver\\',\\'minMember\\':1},{\\'name\\':\\'executor\\',"
                 "\\'minMember\\':%u,\\'minResource\\':{\\'cpu\\':\\'1\\',\\'memory\\':\\'1Gi\\',"
                 "\\'nvidia.com/gpu\\':\\'%u\\'}}]'}",
                 gang, n ? "executor" : "driver", g->members - 1, g->gpus);
        break;
    }
    p.meta = meta;
    fixture_pod(s, p, at_s(t));
}

static size_t placed(struct sched_core *s, const struct one *g, int id)
{
    size_t n = 0;
    for (unsigned i = 0; i < g->made; i++) {
        char name[32];
        snprintf(name, sizeof name, "g%d-%u", id, i);
        n += fixture_where(s, name).n > 0;
    }
    return n;
}

/* A gang that waits for others to leave must hold nothing that others wait for: then no chain of
 * gangs that wait for each other can close. */
static void check_no_cycle(struct sched_core *s, const struct one *all)
{
    for (int i = 0; i < GANGS; i++) {
        size_t n = placed(s, &all[i], i);
        if (n > 0) /* a driver's executors find their places when they come */
            CHECK_I64(n, all[i].how == WITH_DRIVER ? all[i].made : all[i].members);
    }
}

static void settle(struct sched_core *s, struct arena *a, int64_t t)
{
    struct decision d;
    do {
        arena_reset(a);
        core_step(s, at_s(t), a, &d);
    } while (d.kind != DECISION_NONE);
}

static void make_members(struct sched_core *s, struct one *all, int64_t t)
{
    for (int tries = 0; tries < 40; tries++) {
        int i = (int)check_random_below(GANGS);
        struct one *g = &all[i];
        bool driver_runs = g->made == 0 || placed(s, g, i) > 0;
        if (g->ran || g->made == g->members || (g->how == WITH_DRIVER && !driver_runs))
            continue;
        add_pod(s, g, i, g->made, t);
        g->made++;
    }
}

/* One that runs whole ends. */
static bool end_one(struct sched_core *s, struct one *all, int64_t t)
{
    int from = (int)check_random_below(GANGS);
    for (int k = 0; k < GANGS; k++) {
        int i = (from + k) % GANGS;
        if (all[i].ran || placed(s, &all[i], i) < all[i].members)
            continue;
        for (unsigned n = 0; n < all[i].members; n++) {
            char name[32];
            snprintf(name, sizeof name, "g%d-%u", i, n);
            core_pod_del(s, STR("default"), str_from(name), at_s(t));
        }
        all[i].ran = true;
        return true;
    }
    return false;
}

static void test_all_run_in_the_end(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    for (int round = 0; round < ROUNDS; round++) {
        struct sched_core *s = core_new_default();
        struct one all[GANGS] = { 0 };
        int left = GANGS;
        for (int i = 0; i < NODES; i++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", i);
            fixture_node(s, name, "", "");
        }
        for (int i = 0; i < GANGS; i++) /* the largest needs all there is */
            all[i] = (struct one){ .how = (enum made)check_random_below(3),
                                   .members = 2 + (unsigned)check_random_below(3),
                                   .gpus = 1u << check_random_below(4) };
        for (int64_t t = 1; left && t < 800; t += 3) { /* before places time out */
            make_members(s, all, t);
            settle(s, a, t);
            check_no_cycle(s, all);
            left -= check_random_below(2) && end_one(s, all, t);
        }
        CHECK_I64(left, 0);
        core_free(s);
    }
}

/* A driver of all 16 CPUs but one, which its executor is to have. */
static void test_a_driver_leaves_its_executors_their_places(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_new_default();
    struct decision d;
    fixture_node(s, "n0", "", "");
    fixture_pod(s,
                (struct fixture_pod){
                    .name = "driver",
                    .meta = ",'labels':{'applicationId':'app'},'annotations':{"
                            "'yunikorn.apache.org/task-group-name':'driver',"
                            "'yunikorn.apache.org/task-groups':'[{\\'name\\':\\'driver\\',"
                            "\\'minMember\\':1},{\\'name\\':\\'executor\\',\\'minMember\\':1,"
                            "\\'minResource\\':{\\'cpu\\':\\'15\\'}}]'}" },
                at_s(1));
    do { /* others may arrive first */
        core_step(s, at_s(5), a, &d);
    } while (d.kind != DECISION_BIND);
    CHECK(d.reserves);
    const struct kobj *o = d.items[0].pod->obj;
    struct pod_id driver = { STR("default"), STR("driver"), arena_str(a, o->uid) };
    core_forget(s, &driver, 1, at_s(6)); /* the API refused it */
    fixture_pod(s, (struct fixture_pod){ .name = "other" }, at_s(6));
    settle(s, a, 6);
    CHECK_STR(fixture_where(s, "other"), "n0");
    settle(s, a, 30);
    CHECK_STR(fixture_where(s, "driver"), "");
    core_pod_del(s, STR("default"), STR("other"), at_s(31));
    settle(s, a, 60);
    CHECK_STR(fixture_where(s, "driver"), "n0");
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_run_in_the_end),
        cmocka_unit_test(test_a_driver_leaves_its_executors_their_places),
    };
    return CHECK_MAIN(tests);
}
