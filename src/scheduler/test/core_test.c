/* SPDX-License-Identifier: Apache-2.0
 * Decisions of the whole core: events in, plans and reasons out. */
#include "scheduler/core/core.h"
#include "scheduler/test/fixture.h"

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
};

static void world_init(struct world *w)
{
    w->s = core_new_default();
    w->a = arena_new();
}

static void world_fini(struct world *w)
{
    core_free(w->s);
    arena_free(w->a);
}

static enum decision_kind step(struct world *w, int64_t seconds)
{
    core_step(w->s, at_s(seconds), w->a, &w->d);
    return w->d.kind;
}

static void test_places_a_pod(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "p" }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    CHECK_I64(w.d.n, 1);
    CHECK_STR(fixture_where(w.s, "p"), "n0");
    CHECK_I64(step(&w, 1), DECISION_NONE);
    world_fini(&w);
}

static void test_words_of_a_pod_that_does_not_fit(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    for (int i = 0; i < 16; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w.s, name, "", "");
    }
    fixture_node(w.s, "tainted", "", "'taints':[{'key':'k','effect':'NoSchedule'}]");
    fixture_pod(w.s, (struct fixture_pod){ .name = "p", .gpus = 9 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_WAIT);
    CHECK_STR(w.d.message, "0/17 nodes are available: 1 node(s) had untolerated taint(s), 16 "
                           "Insufficient nvidia.com/gpu. preemption: 0/17 nodes are available: 17 "
                           "Preemption is not helpful for scheduling.");
    world_fini(&w);
}

static void members(struct world *w, const char *min, int n, int gpus)
{
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "g-%d", i);
        fixture_member(w->s, (struct fixture_pod){ .name = name, .gpus = gpus }, "g", min, at_s(1));
    }
}

static void test_gang_starts_together(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_node(w.s, "n1", "", "");
    members(&w, "8", 7, 2);
    CHECK_I64(step(&w, 1), DECISION_NONE); /* members may still come */
    CHECK_I64(step(&w, 3), DECISION_WAIT);
    CHECK_STR(w.d.message, "gang default/g waits for members: 7 of 8 exist");
    fixture_member(w.s, (struct fixture_pod){ .name = "g-7", .gpus = 2 }, "g", "8", at_s(4));
    CHECK_I64(step(&w, 4), DECISION_BIND);
    CHECK_I64(w.d.n, 8);
    world_fini(&w);
}

/* With the first 64 roles only it would start in part. */
static void test_a_gang_of_too_many_roles_does_not_start(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    for (int i = 0; i < 65; i++) {
        char name[32], meta[300];
        snprintf(name, sizeof name, "p-%d", i);
        snprintf(meta, sizeof meta,
                 ",'labels':{'scheduling.ganglion.io/pod-group':'g','scheduling.ganglion.io/role':"
                 "'r%d','scheduling.ganglion.io/role-min-available':'1'}",
                 i);
        fixture_pod(w.s, (struct fixture_pod){ .name = name, .meta = meta, .cpu = "10m" }, at_s(1));
    }
    CHECK_I64(step(&w, 9), DECISION_WAIT);
    CHECK_STR(w.d.message, "gang default/g cannot start: its members name more roles than a gang "
                           "may have");
    core_pod_del(w.s, STR("default"), STR("p-7"), at_s(10));
    CHECK_I64(step(&w, 20), DECISION_BIND);
    CHECK_I64(w.d.n, 64);
    world_fini(&w);
}

static void test_gang_all_or_none_then_started_by_a_node(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    members(&w, "4", 4, 4);
    uint64_t queued = snapshot_hash(&core_cluster(w.s)->snap);
    CHECK_I64(step(&w, 1), DECISION_WAIT);
    CHECK_STR(w.d.message, "gang default/g: 2 of 4 members fit: 0/1 nodes are available: 1 "
                           "Insufficient nvidia.com/gpu.");
    CHECK(snapshot_hash(&core_cluster(w.s)->snap) == queued);
    CHECK_I64(step(&w, 2), DECISION_NONE);
    fixture_node(w.s, "n1", "", "");
    CHECK_I64(step(&w, 2), DECISION_BIND); /* woken at once: the node fits */
    CHECK_I64(w.d.n, 4);
    world_fini(&w);
}

static void test_gang_with_nonsense_labels_says_so(void **state)
{
    (void)state;
    static const char *const mins[] = { "0", "-1", "many", "1000000000" };
    for (size_t i = 0; i < COUNT_OF(mins); i++) {
        struct world w;
        world_init(&w);
        fixture_node(w.s, "n0", "", "");
        fixture_member(w.s, (struct fixture_pod){ .name = "p" }, "g", mins[i], at_s(1));
        CHECK_I64(step(&w, 3), DECISION_WAIT);
        CHECK(str_find(w.d.message, STR("not a number from 1 to 100000")) > 0);
        world_fini(&w);
    }
}

static void test_devices_are_exclusive_and_recovered(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(
        w.s,
        (struct fixture_pod){
            .name = "old",
            .gpus = 2,
            .node = "n0",
            .meta = ",'annotations':{'scheduling.ganglion.io/devices':'nvidia.com/gpu=1,6'}",
        },
        at_s(0));
    fixture_pod(w.s, (struct fixture_pod){ .name = "p", .gpus = 6 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    CHECK_I64(w.d.items[0].where.devices[DEVICE_NVIDIA], 0xff & ~0x42);
    core_pod_del(w.s, STR("default"), STR("old"), at_s(2));
    fixture_pod(w.s, (struct fixture_pod){ .name = "q", .gpus = 2 }, at_s(2));
    CHECK_I64(step(&w, 2), DECISION_BIND);
    CHECK_I64(w.d.items[0].where.devices[DEVICE_NVIDIA], 0x42);
    struct jnode *notes = placement_annotations(w.a, &w.d.items[0].where);
    CHECK_STR(jnode_text_of_str(jnode_get(notes, STR(NAME_DEVICES))), "nvidia.com/gpu=1,6");
    world_fini(&w);
}

static enum decision_kind
numa_pod(struct world *w, const char *name, const char *policy, const char *cpu, int gpus)
{
    char meta[256];
    snprintf(meta, sizeof meta, ",'annotations':{'numa.scheduling.kubenexus.io/policy':'%s'}",
             policy);
    fixture_pod(w->s, (struct fixture_pod){ .name = name, .meta = meta, .cpu = cpu, .gpus = gpus },
                at_s(1));
    return step(w, 1);
}

static void test_numa_policies(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    CHECK_I64(numa_pod(&w, "a", "single-numa", "6", 2), DECISION_BIND);
    CHECK_I64(__builtin_popcount(w.d.items[0].where.cells), 1);
    CHECK_I64(w.d.items[0].where.devices[DEVICE_NVIDIA], 0x03);
    CHECK_I64(numa_pod(&w, "b", "isolated", "2", 1), DECISION_BIND); /* the other, empty cell */
    CHECK_I64(w.d.items[0].where.cells, 2);
    CHECK(w.d.items[0].where.exclusive);
    /* 8 CPUs are free in all, 2 in the open cell: one cell cannot give 3. */
    CHECK_I64(numa_pod(&w, "c", "single-numa", "3", 0), DECISION_WAIT);
    CHECK_STR(w.d.message, "0/1 nodes are available: 1 node(s) had no single NUMA cell with enough "
                           "of the requested resources. preemption: 0/1 nodes are available: 1 "
                           "No preemption victims found for incoming pod.");
    CHECK_I64(numa_pod(&w, "d", "best-effort", "3", 0), DECISION_BIND);
    CHECK_I64(w.d.items[0].where.cells, 0);
    world_fini(&w);
}

static void test_restricted_takes_as_few_cells_as_needed(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", ",'labels':{'node.ganglion.io/executor':'local'}", "");
    CHECK_I64(numa_pod(&w, "a", "restricted", "12", 6), DECISION_BIND); /* needs two cells */
    CHECK_I64(w.d.items[0].where.cells, 3);
    CHECK_I64(numa_pod(&w, "b", "restricted", "2", 2), DECISION_BIND);
    CHECK_I64(__builtin_popcount(w.d.items[0].where.cells), 1);
    world_fini(&w);
}

/* One cell is enough for its memory, two it takes for its CPUs: kubelet calls nothing preferred. */
static void test_restricted_is_kubelets_where_a_kubelet_may_rule(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    CHECK_I64(numa_pod(&w, "a", "restricted", "12", 6), DECISION_WAIT);
    world_fini(&w);
}

static void test_numa_ledger_survives_restart(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s,
                (struct fixture_pod){
                    .name = "old",
                    .cpu = "7",
                    .node = "n0",
                    .meta = ",'annotations':{'scheduling.ganglion.io/numa-cells':'1'}",
                },
                at_s(0));
    CHECK_I64(numa_pod(&w, "a", "single-numa", "2", 0), DECISION_BIND);
    CHECK_I64(w.d.items[0].where.cells, 1);
    world_fini(&w);
}

static void test_priority_then_age(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "first" }, at_s(1));
    fixture_pod(w.s, (struct fixture_pod){ .name = "second" }, at_s(1));
    fixture_pod(w.s, (struct fixture_pod){ .name = "urgent", .spec = ",'priority':100" }, at_s(1));
    static const char *const order[] = { "urgent", "first", "second" };
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        CHECK_I64(step(&w, 1), DECISION_BIND);
        CHECK_STR_EQ(w.d.items[0].pod->obj->name, str_from(order[i]));
    }
    world_fini(&w);
}

static void test_starved_pod_goes_before_priority(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "old" }, at_s(1));
    fixture_pod(w.s, (struct fixture_pod){ .name = "urgent", .spec = ",'priority':100" }, at_s(50));
    CHECK_I64(step(&w, 62), DECISION_BIND);
    CHECK_STR(w.d.items[0].pod->obj->name, "old");
    world_fini(&w);
}

static void test_refused_bind_frees_and_retries(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "p", .gpus = 8 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    struct spod *p = w.d.items[0].pod;
    struct pod_id id = { STR("default"), STR("p"), p->obj->uid };
    core_forget(w.s, &id, 1, at_s(1));
    CHECK_STR(fixture_where(w.s, "p"), "");
    CHECK_I64(step(&w, 1), DECISION_NONE);
    CHECK_I64(step(&w, 3), DECISION_BIND);
    world_fini(&w);
}

static void test_confirmed_pod_keeps_its_place(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    struct fixture_pod p = { .name = "p", .gpus = 1 };
    AUTO(kobj_unrefp) struct kobj *o = fixture_pod_object(&p);
    core_pod_set(w.s, o, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"), STR("n0"));
    struct kobj *bound = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_freeze(&bound, root, &err), err);
    uint64_t before = snapshot_hash(&core_cluster(w.s)->snap);
    core_pod_set(w.s, bound, at_s(2));
    CHECK(snapshot_hash(&core_cluster(w.s)->snap) == before);
    CHECK(!core_pod(w.s, STR("default"), STR("p"))->assumed);
    kobj_unref(bound);
    world_fini(&w);
}

static void test_why_names_changes_that_help(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_node(w.s, "n1", "", "'taints':[{'key':'k','effect':'NoSchedule'}]");
    members(&w, "4", 4, 4);
    CHECK_I64(step(&w, 1), DECISION_WAIT);
    struct explanation e;
    core_why(w.s, core_pod(w.s, STR("default"), STR("g-0")), w.a, &e);
    CHECK(!e.fits_now);
    CHECK_I64(e.n_reasons, 2);
    CHECK_I64(e.n_changes, 3);
    CHECK_STR(e.changes[0], "add 1 node like n0");
    CHECK_STR(e.changes[1], "tolerate the taints of the rejected nodes (1 node would fit then)");
    CHECK_STR(e.changes[2], "lower the gang's minimum from 4 to 2");
    world_fini(&w);
}

static void test_why_frees_only_what_a_node_has(void **state)
{
    (void)state;
    struct world w;
    struct explanation e;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "a", .gpus = 4, .node = "n0" }, at_s(0));
    fixture_pod(w.s, (struct fixture_pod){ .name = "whole", .gpus = 8 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_WAIT);
    core_why(w.s, core_pod(w.s, STR("default"), STR("whole")), w.a, &e);
    CHECK_STR(e.changes[0], "free 4 nvidia.com/gpu on n0");
    fixture_pod(w.s, (struct fixture_pod){ .name = "more", .gpus = 9 }, at_s(2));
    CHECK_I64(step(&w, 2), DECISION_WAIT);
    core_why(w.s, core_pod(w.s, STR("default"), STR("more")), w.a, &e);
    CHECK_I64(e.n_changes, 0);
    world_fini(&w);
}

static void test_node_gone_and_back(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "p", .gpus = 8, .node = "n0" }, at_s(1));
    core_node_del(w.s, STR("n0"), at_s(2));
    CHECK_STR(fixture_where(w.s, "p"), "");
    fixture_node(w.s, "n0", "", "");
    CHECK_STR(fixture_where(w.s, "p"), "n0");
    fixture_pod(w.s, (struct fixture_pod){ .name = "q", .gpus = 1 }, at_s(3));
    CHECK_I64(step(&w, 3), DECISION_WAIT);
    world_fini(&w);
}

static void set_queue(struct world *w, int limit)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'scheduling.run.ai/v2','kind':'Queue','metadata':{'name':'q'},"
        "'spec':{'resources':{'gpu':{'quota':0,'limit':%d,'overQuotaWeight':1}}}}",
        limit);
    struct err err = { 0 };
    CHECK_OK(core_queue_set(w->s, o, at_s(2), &err), err);
}

/* A lone pod that runs has no gang any more; its queue must know of it all the same, and find it
 * when the queue comes late. */
static void test_lone_pod_that_runs_has_no_gang(void **state)
{
    (void)state;
    static const char in_queue[] = ",'labels':{'kai.scheduler/queue':'q'}";
    struct world w;
    world_init(&w);
    fixture_node(w.s, "n0", "", "");
    fixture_pod(w.s, (struct fixture_pod){ .name = "p", .meta = in_queue, .gpus = 2, .node = "n0" },
                at_s(1));
    CHECK(!core_pod(w.s, STR("default"), STR("p"))->gang);
    set_queue(&w, 3);
    fixture_pod(w.s, (struct fixture_pod){ .name = "q", .meta = in_queue, .gpus = 2 }, at_s(3));
    CHECK(core_pod(w.s, STR("default"), STR("q"))->gang != NULL);
    CHECK_I64(step(&w, 3), DECISION_WAIT); /* two of three are used */
    core_pod_del(w.s, STR("default"), STR("p"), at_s(4));
    CHECK_I64(step(&w, 100), DECISION_BIND);
    world_fini(&w);
}

/* A pod on a node that is not here is nobody's to place again, and is found when the node comes. */
static void test_bound_to_a_node_that_is_away(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    fixture_node(s, "n0", "", "");
    fixture_pod(s, (struct fixture_pod){ .name = "far", .node = "n1" }, at_s(1));
    fixture_pod(s, (struct fixture_pod){ .name = "near", .node = "n0" }, at_s(1));
    for (int t = 2; t < 400; t += 100) {
        core_step(s, at_s(t), a, &d);
        CHECK_I64(d.kind, DECISION_NONE);
        core_node_del(s, STR("n0"), at_s(t));
        CHECK_STR(fixture_where(s, "near"), "");
        fixture_node(s, t < 200 ? "n0" : "n1", "", "");
    }
    CHECK_STR(fixture_where(s, "far"), "n1");
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_to_a_node_that_is_away),
        cmocka_unit_test(test_places_a_pod),
        cmocka_unit_test(test_words_of_a_pod_that_does_not_fit),
        cmocka_unit_test(test_gang_starts_together),
        cmocka_unit_test(test_a_gang_of_too_many_roles_does_not_start),
        cmocka_unit_test(test_gang_all_or_none_then_started_by_a_node),
        cmocka_unit_test(test_gang_with_nonsense_labels_says_so),
        cmocka_unit_test(test_devices_are_exclusive_and_recovered),
        cmocka_unit_test(test_numa_policies),
        cmocka_unit_test(test_restricted_takes_as_few_cells_as_needed),
        cmocka_unit_test(test_restricted_is_kubelets_where_a_kubelet_may_rule),
        cmocka_unit_test(test_numa_ledger_survives_restart),
        cmocka_unit_test(test_priority_then_age),
        cmocka_unit_test(test_starved_pod_goes_before_priority),
        cmocka_unit_test(test_refused_bind_frees_and_retries),
        cmocka_unit_test(test_confirmed_pod_keeps_its_place),
        cmocka_unit_test(test_why_names_changes_that_help),
        cmocka_unit_test(test_why_frees_only_what_a_node_has),
        cmocka_unit_test(test_node_gone_and_back),
        cmocka_unit_test(test_lone_pod_that_runs_has_no_gang),
    };
    return CHECK_MAIN(tests);
}
