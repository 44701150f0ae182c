/* SPDX-License-Identifier: Apache-2.0
 * What the world does to a plan while it is carried out: devices and nodes vanish, some binds of a
 * gang are refused, clocks are set, records are old or nonsense. Nothing may be taken twice,
 * nothing may be kept for ever, and what is left goes on. */
#include <stdio.h>

#include "scheduler/state/reservation.h"
#include "scheduler/test/fixture.h"

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
};

static struct world world_new(int nodes)
{
    struct world w = { .s = core_new_default(), .a = arena_new() };
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

static enum decision_kind step(struct world *w, int64_t second)
{
    arena_reset(w->a);
    core_step(w->s, at_s(second), w->a, &w->d);
    return w->d.kind;
}

static enum decision_kind settle(struct world *w, int64_t second)
{
    enum decision_kind last = DECISION_NONE, kind;
    while ((kind = step(w, second)) != DECISION_NONE)
        last = kind;
    return last;
}

static void check_devices(struct world *w)
{
    const struct snapshot *s = &core_cluster(w->s)->snap;
    for (size_t i = 0; i < s->nodes.n; i++) {
        uint64_t taken = 0;
        for (int64_t id = s->nodes.items[i]->first_pod; id >= 0; id = s->pods.items[id]->next) {
            uint64_t mine = (uint64_t)s->pods.items[id]->devices[DEVICE_NVIDIA];
            CHECK((taken & mine) == 0);
            taken |= mine;
        }
        CHECK(((uint64_t)s->nodes.items[i]->free[DEVICE_NVIDIA] & taken) == 0);
    }
}

/* The same node with so many GPUs. */
static void resize(struct world *w, int gpus, int64_t second)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n0'},"
                                    "'status':{'allocatable':{'cpu':'16','memory':'64Gi','pods':"
                                    "'110','nvidia.com/gpu':'%d'}}}",
                                    gpus);
    core_node_set(w->s, o, at_s(second));
}

/* ---- devices ---- */

static void test_devices_vanish_while_held(void **state)
{
    (void)state;
    struct world w = world_new(1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "a", .gpus = 6 }, at_s(1));
    CHECK_I64(settle(&w, 1), DECISION_BIND);
    resize(&w, 3, 2); /* three of its six are gone */
    check_devices(&w);
    fixture_pod(w.s, (struct fixture_pod){ .name = "b", .gpus = 1 }, at_s(3));
    CHECK_I64(settle(&w, 3), DECISION_WAIT);
    resize(&w, 0, 4);
    CHECK(settle(&w, 20) != DECISION_BIND);
    resize(&w, 8, 30); /* they are back */
    check_devices(&w);
    CHECK_I64(settle(&w, 50), DECISION_BIND);
    check_devices(&w);
    core_pod_del(w.s, STR("default"), STR("a"), at_s(51));
    fixture_pod(w.s, (struct fixture_pod){ .name = "c", .gpus = 7 }, at_s(52));
    CHECK_I64(settle(&w, 52), DECISION_BIND);
    check_devices(&w);
    world_fini(&w);
}

/* Room was promised with devices that are there no more. */
static void test_promised_devices_vanish(void **state)
{
    (void)state;
    struct world w = world_new(1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 8 }, at_s(1));
    CHECK_I64(settle(&w, 1), DECISION_BIND);
    fixture_member(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                   "g", "1", at_s(2));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    resize(&w, 4, 3);
    core_pod_del(w.s, STR("default"), STR("low"), at_s(4));
    CHECK(settle(&w, 4) != DECISION_BIND);
    check_devices(&w);
    settle(&w, 100); /* the promise is over: four are left for others */
    fixture_pod(w.s, (struct fixture_pod){ .name = "small", .gpus = 4 }, at_s(400));
    settle(&w, 700);
    CHECK_STR(fixture_where(w.s, "high"), "");
    check_devices(&w);
    world_fini(&w);
}

/* ---- nodes ---- */

static void test_a_node_goes_between_decision_and_answer(void **state)
{
    (void)state;
    struct world w = world_new(2);
    for (int i = 0; i < 2; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", i);
        fixture_member(w.s, (struct fixture_pod){ .name = name, .gpus = 8 }, "g", "2", at_s(1));
    }
    CHECK_I64(settle(&w, 1), DECISION_BIND);
    struct spod *m = core_pod(w.s, STR("default"), STR("m0"));
    struct pod_id id = { STR("default"), STR("m0"), arena_str(w.a, m->obj->uid) };
    struct pod_id ids[2] = { id, { STR("default"), STR("m1"), STR("another uid") } };
    core_node_del(w.s, STR("n0"), at_s(2));
    core_forget(w.s, ids, 2, at_s(3)); /* of pods that are not placed, or not those */
    CHECK(settle(&w, 10) != DECISION_BIND);
    fixture_node(w.s, "n0", "", "");
    settle(&w, 400);
    CHECK(fixture_where(w.s, "m0").n && fixture_where(w.s, "m1").n);
    check_devices(&w);
    world_fini(&w);
}

static void test_a_node_goes_with_room_and_victims(void **state)
{
    (void)state;
    struct world w = world_new(1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 8 }, at_s(1));
    CHECK_I64(settle(&w, 1), DECISION_BIND);
    fixture_member(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                   "g", "1", at_s(2));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    core_node_del(w.s, STR("n0"), at_s(3));
    CHECK_I64(core_cluster(w.s)->n_nominated, 0);
    CHECK(!reservation_of(core_cluster(w.s), STR("default/g")));
    fixture_node(w.s, "n1", "", "");
    settle(&w, 20);
    CHECK_STR(fixture_where(w.s, "high"), "n1");
    world_fini(&w);
}

/* ---- binds over HTTPS: one by one, some refused ---- */

static void show_bound(struct world *w, const char *name, const char *node, int64_t second)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct spod *p = core_pod(w->s, STR("default"), str_from(name));
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"), str_from(node));
    CHECK_I64(kobj_freeze(&o, root, NULL), 0);
    core_pod_set(w->s, o, at_s(second));
}

/* One of three was bound before another was refused; whichever is heard first, the answer or the
 * watch, the others are placed around it. */
static void test_one_bind_of_a_gang_is_refused(void **state)
{
    (void)state;
    for (int watch_first = 0; watch_first < 2; watch_first++) {
        struct world w = world_new(3);
        AUTO(arena_freep) struct arena *a = arena_new();
        struct pod_id ids[3];
        char names[3][8];
        for (int i = 0; i < 3; i++) {
            snprintf(names[i], sizeof names[i], "m%d", i);
            fixture_member(w.s, (struct fixture_pod){ .name = names[i], .gpus = 8 }, "g", "3",
                           at_s(1));
        }
        CHECK_I64(settle(&w, 1), DECISION_BIND);
        char node[8];
        snprintf(node, sizeof node, "%.*s", STR_ARG(fixture_where(w.s, "m0")));
        for (int i = 0; i < 3; i++) {
            const struct spod *p = core_pod(w.s, STR("default"), str_from(names[i]));
            ids[i] =
                (struct pod_id){ STR("default"), str_from(names[i]), arena_str(a, p->obj->uid) };
        }
        if (watch_first)
            show_bound(&w, "m0", node, 2);
        core_forget(w.s, ids, 3, at_s(2));
        if (!watch_first)
            show_bound(&w, "m0", node, 3);
        fixture_pod(w.s, (struct fixture_pod){ .name = "thief", .gpus = 8 }, at_s(3));
        settle(&w, 30);
        CHECK_STR_EQ(fixture_where(w.s, "m0"), str_from(node));
        check_devices(&w);
        core_pod_del(w.s, STR("default"), STR("thief"), at_s(40));
        settle(&w, 400);
        for (int i = 0; i < 3; i++)
            CHECK(fixture_where(w.s, names[i]).n > 0);
        check_devices(&w);
        world_fini(&w);
    }
}

/* ---- clocks and records ---- */

static void test_wall_clocks_are_set(void **state)
{
    (void)state;
    static const int64_t walls[] = { 0, 1, -5000 * NS_PER_S, INT64_MAX / 2, INT64_MIN / 2 };
    for (size_t i = 0; i < COUNT_OF(walls); i++) {
        struct world w = world_new(1);
        core_set_wall(w.s, at_s(0), (struct wall){ 1000000 * NS_PER_S });
        fixture_pod(w.s,
                    (struct fixture_pod){
                        .name = "low",
                        .gpus = 8,
                        .meta = ",'annotations':{'scheduling.ganglion.io/min-runtime':'10m'}" },
                    at_s(1));
        CHECK_I64(settle(&w, 1), DECISION_BIND);
        core_set_wall(w.s, at_s(2), (struct wall){ walls[i] });
        fixture_pod(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                    at_s(3));
        enum decision_kind kind = settle(&w, 3);
        CHECK(kind == DECISION_WAIT || kind == DECISION_PREEMPT);
        world_fini(&w);
    }
}

static void restore(struct world *w, const char *record, int64_t until_s)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    char text[512];
    snprintf(text, sizeof text, "%s", record);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    CHECK(json_parse(&doc, str_from(text), &json_limits_own, NULL) == 0);
    struct gang *g = core_gang(w->s, STR("default"), STR("g"));
    core_eviction_restore(w->s, g, json_root(doc), at_s(until_s), at_s(3));
}

/* Records of evictions that are old, for ever, or nonsense. */
static void test_records_of_all_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        int64_t until;
        bool held;
    } rows[] = {
        { "{'members':[{'name':'high','node':'n0'}],'victims':[]}", 60, true },
        { "{'members':[{'name':'high','node':'n0'}],'victims':[]}", 2, false }, /* over */
        { "{'members':[{'name':'high','node':'n9'}],'victims':[]}", 60, false },
        { "{'members':[{'name':'other','node':'n0'}],'victims':[]}", 60, false },
        { "{'members':[{'name':'low','node':'n0'}],'victims':[]}", 60, false }, /* of no gang */
        { "{'members':{},'victims':7}", 60, false },
        { "{}", 60, false },
        { "[]", 60, false },
        { "{'members':[{'name':'high','node':'n0'}],'victims':[{'namespace':'default','name':'low',"
          "'uid':'another'}]}",
          60, true },
        { "{'members':[{'name':'high','node':'n0'}]}", INT64_MAX / NS_PER_S, true },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world w = world_new(1);
        fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 8, .node = "n0" }, at_s(1));
        fixture_member(w.s,
                       (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                       "g", "1", at_s(2));
        restore(&w, rows[i].record, rows[i].until);
        const struct reservation *r = reservation_of(core_cluster(w.s), STR("default/g"));
        CHECK_I64(r != NULL, rows[i].held);
        CHECK(!r || r->expires.ns <= at_s(2 * 3600).ns); /* nothing is held for ever */
        CHECK(!core_pod(w.s, STR("default"), STR("low"))->evicting);
        settle(&w, 3);
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_vanish_while_held),
        cmocka_unit_test(test_promised_devices_vanish),
        cmocka_unit_test(test_a_node_goes_between_decision_and_answer),
        cmocka_unit_test(test_a_node_goes_with_room_and_victims),
        cmocka_unit_test(test_one_bind_of_a_gang_is_refused),
        cmocka_unit_test(test_wall_clocks_are_set),
        cmocka_unit_test(test_records_of_all_kinds),
    };
    return CHECK_MAIN(tests);
}
