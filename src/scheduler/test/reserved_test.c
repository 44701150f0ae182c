/* SPDX-License-Identifier: Apache-2.0
 * ResourceReservations: the room is kept from others, given to the pods for which it is, comes back
 * when these go, and is let go in the end. Nothing is ever promised twice. Nodes have 16 CPUs and 8
 * GPUs. */
#include <stdio.h>

#include "codec/jnode.h"
#include "scheduler/test/fixture.h"

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
    struct kobj *obj; /* the last reservation */
};

static struct world world_new(int nodes)
{
    struct world w = { .s = core_new_default(), .a = arena_new() };
    core_set_wall(w.s, at_s(0), (struct wall){ 1000000 * NS_PER_S });
    for (int i = 0; i < nodes; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w.s, name, "", "");
    }
    return w;
}

static void world_fini(struct world *w)
{
    kobj_unref(w->obj);
    core_free(w->s);
    arena_free(w->a);
}

static enum decision_kind settle(struct world *w, int64_t second)
{
    enum decision_kind last = DECISION_NONE;
    do {
        last = w->d.kind == DECISION_NONE ? last : w->d.kind;
        arena_reset(w->a);
        core_step(w->s, at_s(second), w->a, &w->d);
    } while (w->d.kind != DECISION_NONE);
    return last;
}

/* spec: what follows the reservations, with a leading comma. */
static void reserve(struct world *w, const char *entries, const char *spec, int64_t second)
{
    kobj_unref(w->obj);
    w->obj = fixture_object(
        "{'apiVersion':'scheduling.kubenexus.io/v1alpha1','kind':'ResourceReservation','metadata':{"
        "'namespace':'default','name':'app','uid':'r','creationTimestamp':'1970-01-12T13:46:40Z',"
        "'ownerReferences':[{'kind':'Pod','name':'driver','uid':'driver'}]},'spec':{'reservations':"
        "{"
        "%s}%s}}",
        entries, spec);
    core_reservation_set(w->s, w->obj, at_s(second));
}

static void
pod(struct world *w, const char *name, const char *cpu, const char *meta, int64_t second)
{
    fixture_pod(w->s, (struct fixture_pod){ .name = name, .cpu = cpu, .meta = meta }, at_s(second));
}

static struct str status(struct world *w, const char *path)
{
    static char text[64];
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    CHECK(jnode_freeze(&doc, core_reservation_status(w->s, w->obj, a), NULL) == 0);
    snprintf(text, sizeof text, "%.*s", STR_ARG(json_str(json_path(json_root(doc), path))));
    return str_from(text);
}

static void test_room_is_kept(void **state)
{
    (void)state;
    struct world w = world_new(1);
    reserve(&w, "'one':{'node':'n0','cpu':'10','memory':'1Gi'}", "", 1);
    CHECK_STR(status(&w, "phase"), "Ready");
    CHECK_STR(status(&w, "states.one"), "Kept");
    pod(&w, "big", "7", NULL, 2);
    CHECK_I64(settle(&w, 2), DECISION_WAIT);
    pod(&w, "small", "6", NULL, 3);
    CHECK_I64(settle(&w, 3), DECISION_BIND);
    core_reservation_del(w.s, w.obj, at_s(4));
    CHECK_I64(settle(&w, 20), DECISION_BIND);
    CHECK_STR(fixture_where(w.s, "big"), "n0");
    world_fini(&w);
}

/* Nobody is evicted for it, and nobody takes it, whatever his priority. */
static void test_priority_does_not_matter(void **state)
{
    (void)state;
    struct world w = world_new(1);
    reserve(&w, "'one':{'node':'n0','cpu':'10','memory':'1Gi'}", "", 1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "boss", .cpu = "7", .spec = ",'priority':99" },
                at_s(2));
    CHECK_I64(settle(&w, 2), DECISION_WAIT);
    pod(&w, "one", "10", NULL, 3); /* claims it, and is tried behind */
    fixture_pod(w.s, (struct fixture_pod){ .name = "boss2", .cpu = "7", .spec = ",'priority':99" },
                at_s(3));
    settle(&w, 3);
    CHECK_STR(fixture_where(w.s, "one"), "n0");
    CHECK_STR(fixture_where(w.s, "boss"), "");
    world_fini(&w);
}

static void test_who_may_use_it(void **state)
{
    (void)state;
    static const struct {
        const char *name, *cpu, *meta;
        bool may;
    } rows[] = {
        { "one", "10", NULL, true },
        { "one", "11", NULL, false }, /* more than is kept */
        { "x", "10", ",'labels':{'spark-app-id':'app'}", true },
        { "x", "10", ",'labels':{'scheduling.kubenexus.io/app-id':'app'}", true },
        { "x", "10", ",'labels':{'spark-app-id':'other'}", false },
        { "x", "10", ",'labels':{'team':'blue'}", true },
        { "x", "10", ",'labels':{'team':'red'}", false },
        { "x", "10", ",'ownerReferences':[{'kind':'Pod','name':'driver','uid':'driver'}]", true },
        { "x", "10", ",'ownerReferences':[{'kind':'Pod','name':'driver','uid':'d2'}]", false },
        { "x", "10", NULL, false },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w = world_new(1);
        reserve(&w, "'one':{'node':'n0','cpu':'10','memory':'1Gi'}",
                ",'selector':{'matchLabels':{'team':'blue'}}", 1);
        pod(&w, rows[i].name, rows[i].cpu, rows[i].meta, 2);
        settle(&w, 2);
        CHECK_STR_EQ(fixture_where(w.s, rows[i].name), rows[i].may ? STR("n0") : STR(""));
        CHECK_STR_EQ(status(&w, "states.one"), rows[i].may ? STR("Used") : STR("Kept"));
        world_fini(&w);
    }
}

/* The pod was here first, too. */
static void test_a_waiting_pod_gets_it(void **state)
{
    (void)state;
    struct world w = world_new(1);
    pod(&w, "filler", "16", NULL, 1);
    settle(&w, 1);
    pod(&w, "one", "4", NULL, 2);
    settle(&w, 2);
    reserve(&w, "'one':{'node':'n0','cpu':'4','memory':'1Gi'}", "", 3);
    CHECK_STR(status(&w, "message"), "one: node n0 has no room for it yet");
    CHECK_STR(status(&w, "phase"), "Waiting"); /* nothing is taken from who runs */
    core_pod_del(w.s, STR("default"), STR("filler"), at_s(4));
    settle(&w, 30);
    CHECK_STR(fixture_where(w.s, "one"), "n0");
    CHECK_STR(status(&w, "pods.one"), "one");
    world_fini(&w);
}

static void test_it_comes_back(void **state)
{
    (void)state;
    struct world w = world_new(1);
    reserve(&w, "'one':{'node':'n0','cpu':'10','memory':'1Gi'}", "", 1);
    pod(&w, "one", "10", NULL, 2);
    const struct spod *p = core_pod(w.s, STR("default"), STR("one"));
    CHECK_STR(status(&w, "states.one"), "Claimed");
    settle(&w, 2);
    const struct pod_id id = { p->obj->namespace, p->obj->name, p->obj->uid };
    core_forget(w.s, &id, 1, at_s(3)); /* the bind was refused */
    pod(&w, "thief", "10", NULL, 3);
    settle(&w, 3);
    CHECK_STR(fixture_where(w.s, "thief"), "");
    settle(&w, 5);
    CHECK_STR(fixture_where(w.s, "one"), "n0");
    core_pod_del(w.s, STR("default"), STR("one"), at_s(6));
    settle(&w, 40);
    CHECK_STR(fixture_where(w.s, "thief"), "");
    CHECK_STR(status(&w, "states.one"), "Kept");
    world_fini(&w);
}

static void test_it_ends(void **state)
{
    (void)state;
    struct world w = world_new(1);
    struct mono due;
    reserve(&w, "'one':{'node':'n0','cpu':'10'}", ",'ttlSeconds':100", 1);
    pod(&w, "next", "16", NULL, 2);
    CHECK_I64(settle(&w, 99), DECISION_WAIT);
    CHECK(core_next_due(w.s, &due) && due.ns <= at_s(100).ns);
    settle(&w, 100);
    settle(&w, 120);
    CHECK_STR(fixture_where(w.s, "next"), "n0");
    CHECK_STR(status(&w, "phase"), "Expired");
    world_fini(&w);
}

static void test_devices_and_nodes(void **state)
{
    (void)state;
    struct world w = world_new(1);
    reserve(&w,
            "'one':{'node':'n0','cpu':'1','memory':'1Gi','resources':{'nvidia.com/gpu':'6'}},"
            "'two':{'node':'n9','cpu':'1'}",
            "", 1);
    CHECK_STR(status(&w, "states.two"), "Waits");
    CHECK_STR(status(&w, "message"), "two: there is no node n9");
    fixture_pod(w.s, (struct fixture_pod){ .name = "three", .gpus = 3 }, at_s(2));
    CHECK_I64(settle(&w, 2), DECISION_WAIT);
    fixture_pod(w.s, (struct fixture_pod){ .name = "one", .gpus = 6 }, at_s(3));
    settle(&w, 3);
    CHECK_STR(fixture_where(w.s, "one"), "n0");
    core_node_del(w.s, STR("n0"), at_s(4));
    settle(&w, 4);
    CHECK_STR(status(&w, "states.one"), "Waits");
    fixture_node(w.s, "n9", "", "");
    settle(&w, 5);
    CHECK_STR(status(&w, "states.two"), "Kept");
    world_fini(&w);
}

static void check_room(struct world *w)
{
    const struct snapshot *s = &core_cluster(w->s)->snap;
    for (size_t i = 0; i < s->nodes.n; i++) {
        for (uint32_t r = 0; r < s->n_res && s->nodes.items[i]->alive; r++)
            CHECK(s->used[r][i] <= s->alloc[r][i]);
    }
}

/* Reservations, pods, refusals and deletions in any order: no node is ever promised twice. */
static void test_never_over_committed(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct world w = world_new(3);
        for (int64_t now = 1; now < 120; now++) {
            char entries[256], name[16], cpu[8];
            uint64_t what = check_random_below(6);
            snprintf(name, sizeof name, "p%d", (int)check_random_below(12));
            snprintf(cpu, sizeof cpu, "%d", 1 + (int)check_random_below(9));
            if (what == 0) {
                snprintf(entries, sizeof entries,
                         "'p1':{'node':'n%d','cpu':'%d','memory':'1Gi'},'p2':{'node':'n%d','cpu':"
                         "'%d','memory':'2Gi'}",
                         (int)check_random_below(4), 1 + (int)check_random_below(16),
                         (int)check_random_below(4), 1 + (int)check_random_below(16));
                reserve(&w, entries, check_random_below(2) ? ",'ttlSeconds':60" : "", now);
            } else if (what == 1) {
                core_pod_del(w.s, STR("default"), str_from(name), at_s(now));
            } else if (what == 2) {
                const struct spod *p = core_pod(w.s, STR("default"), str_from(name));
                const struct pod_id id = { STR("default"), str_from(name),
                                           p ? p->obj->uid : STR("") };
                core_forget(w.s, &id, 1, at_s(now));
            } else if (!core_pod(w.s, STR("default"), str_from(name))) {
                pod(&w, name, cpu,
                    check_random_below(2) ? ",'labels':{'spark-app-id':'app'}" : NULL, now);
            }
            settle(&w, now);
            check_room(&w);
        }
        world_fini(&w);
    }
}

/* Whoever reads the status hears that the room went with its node, and that it came back. */
static void test_people_hear_of_a_node_that_went(void **state)
{
    (void)state;
    struct world w = world_new(1);
    reserve(&w, "'one':{'node':'n0','cpu':'10'}", "", 1);
    settle(&w, 1);
    CHECK(core_reservations_changed(w.s));
    settle(&w, 2);
    CHECK(!core_reservations_changed(w.s));
    core_node_del(w.s, STR("n0"), at_s(3));
    settle(&w, 3);
    CHECK(core_reservations_changed(w.s));
    CHECK_STR(status(&w, "states.one"), "Waits");
    fixture_node(w.s, "n0", "", "");
    settle(&w, 4);
    CHECK(core_reservations_changed(w.s));
    CHECK_STR(status(&w, "states.one"), "Kept");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people_hear_of_a_node_that_went),
        cmocka_unit_test(test_room_is_kept),
        cmocka_unit_test(test_priority_does_not_matter),
        cmocka_unit_test(test_who_may_use_it),
        cmocka_unit_test(test_a_waiting_pod_gets_it),
        cmocka_unit_test(test_it_comes_back),
        cmocka_unit_test(test_it_ends),
        cmocka_unit_test(test_devices_and_nodes),
        cmocka_unit_test(test_never_over_committed),
    };
    return CHECK_MAIN(tests);
}
