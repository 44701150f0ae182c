/* SPDX-License-Identifier: Apache-2.0
 * NUMA cells short of memory: who of the residents leaves, when, and that nobody else does. */
#include <stdio.h>

#include "scheduler/test/fixture.h"

#define MAY ",'labels':{'workload.kubenexus.io/preemptible':'true'}"

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
};

/* Two cells; pressed: "0", or "". */
static void report(struct world *w, const char *pressed, int64_t second)
{
    AUTO(kobj_unrefp)
    struct kobj *o =
        fixture_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n0','annotations':{"
                       "'node.ganglion.io/cells-under-memory-pressure':'%s',"
                       "'scheduling.ganglion.io/topology':'{\\'cells\\':["
                       "{\\'resources\\':{\\'cpu\\':\\'8\\',\\'memory\\':\\'32Gi\\'}},"
                       "{\\'resources\\':{\\'cpu\\':\\'8\\',\\'memory\\':\\'32Gi\\'}}]}'}},'status'"
                       ":{'allocatable':{"
                       "'cpu':'16','memory':'64Gi','pods':'110'}}}",
                       pressed);
    core_node_set(w->s, o, at_s(second));
}

static struct world world_new(void)
{
    struct world w = { .s = core_new_default(), .a = arena_new() };
    report(&w, "", 0);
    return w;
}

static void world_fini(struct world *w)
{
    core_free(w->s);
    arena_free(w->a);
}

struct resident {
    const char *name, *cell, *meta, *spec, *mem;
};

static void resident(struct world *w, struct resident r)
{
    char all[512];
    snprintf(all, sizeof all, ",'annotations':{'scheduling.ganglion.io/numa-cells':'%s'}%s", r.cell,
             r.meta);
    fixture_pod(w->s,
                (struct fixture_pod){
                    .name = r.name, .mem = r.mem, .meta = all, .spec = r.spec, .node = "n0" },
                at_s(1));
}

/* Who leaves in this second, or "". */
static struct str leaves(struct world *w, int64_t second)
{
    do {
        arena_reset(w->a);
        core_step(w->s, at_s(second), w->a, &w->d);
        if (w->d.kind == DECISION_RELIEVE)
            return w->d.victims[0]->obj->name;
    } while (w->d.kind != DECISION_NONE);
    return STR("");
}

static void test_who_leaves(void **state)
{
    (void)state;
    struct world w = world_new();
    struct mono due;
    resident(&w, (struct resident){ "service", "0", "", "", "30Gi" });
    resident(&w, (struct resident){ "elsewhere", "1", MAY, "", "30Gi" });
    resident(&w, (struct resident){ "high", "0", MAY, ",'priority':9", "8Gi" });
    resident(&w, (struct resident){ "small", "0", MAY, "", "1Gi" });
    resident(&w, (struct resident){ "large", "0", MAY, "", "4Gi" });
    report(&w, "0", 10);
    CHECK_STR(leaves(&w, 39), "");
    CHECK(core_next_due(w.s, &due) && due.ns == at_s(40).ns);
    CHECK_STR(leaves(&w, 40), "large");
    CHECK_STR(w.d.message, "cell 0 of node n0 has been short of memory for 30s: one of its "
                           "preemptible pods leaves");
    CHECK_STR(leaves(&w, 90), "");
    CHECK_STR(leaves(&w, 101), ""); /* it is not gone yet */
    core_pod_del(w.s, STR("default"), STR("large"), at_s(110));
    CHECK_STR(leaves(&w, 162), "small");
    core_pod_del(w.s, STR("default"), STR("small"), at_s(163));
    CHECK_STR(leaves(&w, 230), "high");
    core_pod_del(w.s, STR("default"), STR("high"), at_s(231));
    CHECK_STR(leaves(&w, 600), ""); /* nobody else says that he may */
    world_fini(&w);
}

static void test_enough_is_enough(void **state)
{
    (void)state;
    struct world w = world_new();
    resident(&w, (struct resident){ "a", "0", MAY, "", "1Gi" });
    resident(&w, (struct resident){ "b", "0", MAY, "", "2Gi" });
    report(&w, "0", 10);
    CHECK_STR(leaves(&w, 40), "b");
    core_pod_del(w.s, STR("default"), STR("b"), at_s(45));
    report(&w, "", 50);
    CHECK_STR(leaves(&w, 500), "");
    world_fini(&w);
}

/* A report that comes and goes evicts nobody. */
static void test_flicker(void **state)
{
    (void)state;
    struct world w = world_new();
    resident(&w, (struct resident){ "a", "0", MAY, "", "1Gi" });
    for (int64_t now = 10; now < 600; now += 20) {
        report(&w, now / 20 % 2 ? "0" : "", now);
        CHECK_STR(leaves(&w, now + 19), "");
    }
    world_fini(&w);
}

static void test_refused_and_vetoed(void **state)
{
    (void)state;
    struct world w = world_new();
    resident(&w, (struct resident){ "a", "0", MAY, "", "1Gi" });
    resident(&w,
             (struct resident){
                 "b", "0",
                 ",'labels':{'workload.kubenexus.io/preemptible':'true','volcano.sh/preemptable':"
                 "'false'}",
                 "", "9Gi" });
    report(&w, "0", 10);
    CHECK_STR(leaves(&w, 40), "a");
    const struct kobj *o = w.d.victims[0]->obj;
    const struct pod_id id = { o->namespace, o->name, o->uid };
    core_evict_refused(w.s, &id, at_s(41));
    CHECK_STR(leaves(&w, 99), "");
    CHECK_STR(leaves(&w, 100), "a"); /* tried again, a minute later */
    core_node_del(w.s, STR("n0"), at_s(101));
    CHECK_STR(leaves(&w, 300), "");
    world_fini(&w);
}

#define MEMBER(role)                                                                               \
    ",'labels':{'workload.kubenexus.io/preemptible':'true','scheduling.ganglion.io/pod-group':"    \
    "'g','scheduling.ganglion.io/min-available':'2'" role "}"

/* Two cells at once: of a gang that can spare one member one leaves, not one of each. */
static void test_a_gang_keeps_its_minimum(void **state)
{
    (void)state;
    struct world w = world_new();
    resident(&w, (struct resident){ "a", "0", MEMBER(""), "", "3Gi" });
    resident(&w, (struct resident){ "b", "1", MEMBER(""), "", "2Gi" });
    resident(&w, (struct resident){ "c", "1", MEMBER(""), "", "1Gi" });
    report(&w, "0,1", 10);
    CHECK_STR(leaves(&w, 40), "a");
    CHECK_STR(leaves(&w, 40), "");
    core_pod_del(w.s, STR("default"), STR("a"), at_s(45));
    CHECK_STR(leaves(&w, 500), "");
    world_fini(&w);
}

/* The only launcher stays, though the gang as a whole could spare a member. */
static void test_a_role_keeps_its_minimum(void **state)
{
    (void)state;
    struct world w = world_new();
    static const char *const worker = MEMBER(",'scheduling.ganglion.io/role':'worker'");
    resident(&w, (struct resident){ "launcher", "0",
                                    MEMBER(",'scheduling.ganglion.io/role':'launcher',"
                                           "'scheduling.ganglion.io/role-min-available':'1'"),
                                    "", "9Gi" });
    resident(&w, (struct resident){ "w0", "0", worker, "", "2Gi" });
    resident(&w, (struct resident){ "w1", "1", worker, "", "1Gi" });
    report(&w, "0", 10);
    CHECK_STR(leaves(&w, 40), "w0");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_leaves),
        cmocka_unit_test(test_enough_is_enough),
        cmocka_unit_test(test_flicker),
        cmocka_unit_test(test_refused_and_vetoed),
        cmocka_unit_test(test_a_gang_keeps_its_minimum),
        cmocka_unit_test(test_a_role_keeps_its_minimum),
    };
    return CHECK_MAIN(tests);
}
