/* SPDX-License-Identifier: Apache-2.0
 * Gangs that wait: what is alike is tried once, an event wakes those whom it may help and nobody
 * else, and nobody is forgotten. The last is a property: after random operations the pods that run
 * are those that run when every operation wakes everybody, and no gang that waits would fit. */
#include <stdlib.h>

#include "scheduler/test/fixture.h"

static size_t drain(struct sched_core *s, int64_t t, size_t *bound)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    size_t waits = 0;
    *bound = 0;
    do {
        core_step(s, at_s(t), a, &d);
        waits += d.kind == DECISION_WAIT;
        *bound += d.kind == DECISION_BIND;
        arena_reset(a);
    } while (d.kind != DECISION_NONE);
    return waits;
}

static void put(struct sched_core *s, const char *name, const char *cpu, int64_t t)
{
    fixture_pod(s,
                (struct fixture_pod){ .name = name, .cpu = cpu, .scheduler = "default-scheduler" },
                at_s(t));
}

static void put_many(struct sched_core *s, const char *stem, int n, const char *cpu, int64_t t)
{
    char name[32];
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s-%d", stem, i);
        put(s, name, cpu, t);
    }
}

/* ---- twins ---- */

static void test_twins_cost_one_attempt(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    size_t bound;
    fixture_node(s, "n0", "", "");
    put_many(s, "large", 100, "100", 1);
    put(s, "small", "1", 1);
    core_step(s, at_s(1), a, &d);
    CHECK_I64(d.kind, DECISION_WAIT);
    core_step(s, at_s(1), a, &d);
    CHECK_I64(d.kind, DECISION_BIND); /* nobody stands before it any more */
    CHECK_I64(drain(s, 1, &bound), 99);
    CHECK_I64(core_count(s).cycles, 2);
    CHECK_I64(core_count(s).parked, 100);
    CHECK_STR_EQ(core_pod(s, STR("default"), STR("large-0"))->gang->message,
                 core_pod(s, STR("default"), STR("large-99"))->gang->message);
    put(s, "late", "100", 2); /* hears it without an attempt of its own */
    CHECK_I64(drain(s, 2, &bound), 1);
    CHECK_I64(core_count(s).cycles, 2);
    core_free(s);
}

static void put_gang(struct sched_core *s, const char *gang, int n, const char *cpu, int64_t t)
{
    char name[32], min[8];
    snprintf(min, sizeof min, "%d", n);
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%s-%d", gang, i);
        fixture_member(s, (struct fixture_pod){ .name = name, .cpu = cpu }, gang, min, at_s(t));
    }
}

static struct str message_of(const struct sched_core *s, const char *pod)
{
    return core_pod(s, STR("default"), str_from(pod))->gang->message;
}

/* Each hears it under its own name; who loses a member, or starts, lets the next one lead. */
static void test_alike_gangs_cost_one_attempt(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    char name[32];
    size_t bound;
    fixture_node(s, "n0", "", ""); /* 16 CPUs */
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "g%d", i);
        put_gang(s, name, 4, "5", 1);
    }
    put_gang(s, "other", 3, "9", 1); /* like none of them */
    CHECK_I64(drain(s, 1, &bound), 51);
    CHECK_I64(core_count(s).cycles, 2);
    CHECK_I64(core_count(s).parked, 51);
    CHECK(str_starts(message_of(s, "g0-0"), STR("gang default/g0: 3 of 4 members fit: 0/1 nodes")));
    CHECK(str_starts(message_of(s, "g7-0"), STR("gang default/g7: 3 of 4 members fit: 0/1 nodes")));
    put_gang(s, "late", 4, "5", 2); /* hears it without an attempt of its own */
    CHECK_I64(drain(s, 2, &bound), 1);
    CHECK_I64(core_count(s).cycles, 2);
    CHECK(str_starts(message_of(s, "late-0"), STR("gang default/late: 3 of 4 members fit")));
    core_pod_del(s, STR("default"), STR("g0-3"), at_s(3));
    drain(s, 5, &bound);
    size_t before = core_count(s).cycles;
    fixture_node(s, "n1", "", "");
    drain(s, 6, &bound);
    CHECK_I64(bound, 1);
    CHECK(fixture_where(s, "g1-0").n > 0);       /* the oldest that is complete */
    CHECK_I64(core_count(s).cycles - before, 3); /* the next one does not fit, nor does the other */
    CHECK_I64(core_count(s).parked, 51);
    core_free(s);
}

/* Room for two: the oldest two get it, in their order, and the third attempt parks the rest. */
static void test_twins_start_oldest_first(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    size_t bound;
    fixture_node(s, "n0", "", ""); /* 16 CPUs */
    put(s, "first", "10", 1);
    CHECK_I64(drain(s, 1, &bound), 0);
    put_many(s, "p", 6, "8", 2);
    CHECK_I64(drain(s, 2, &bound), 6);
    core_pod_del(s, STR("default"), STR("p-0"), at_s(3)); /* the one that leads */
    core_pod_del(s, STR("default"), STR("p-2"), at_s(3));
    core_pod_del(s, STR("default"), STR("first"), at_s(3));
    CHECK_I64(drain(s, 3, &bound), 1);
    CHECK_I64(bound, 2);
    CHECK_STR(fixture_where(s, "p-1"), "n0");
    CHECK_STR(fixture_where(s, "p-3"), "n0");
    CHECK_I64(core_count(s).cycles, 5);
    CHECK_I64(core_count(s).parked, 2);
    core_free(s);
}

static void test_events_ask_once_and_wake_whom_they_help(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    size_t bound;
    fixture_node(s, "n0", "", "");
    put(s, "runs", "2", 1);
    drain(s, 1, &bound);
    put_many(s, "large", 20, "100", 1);
    put_many(s, "middle", 20, "15", 1);
    drain(s, 1, &bound);
    uint64_t before = core_count(s).cycles;
    core_pod_del(s, STR("default"), STR("runs"), at_s(2));
    drain(s, 2, &bound);
    CHECK_I64(bound, 1);
    CHECK_I64(core_count(s).cycles - before, 2); /* one fits, its twin does not; no large one */
    core_free(s);
}

/* ---- quota ---- */

static void set_queue(struct sched_core *s, const char *name, const char *spec)
{
    struct err err = { 0 };
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'scheduling.volcano.sh/v1beta1','kind':'Queue',"
                                    "'metadata':{'name':'%s'},'spec':{%s}}",
                                    name, spec);
    CHECK_OK(core_queue_set(s, o, at_s(0), &err), err);
}

static void put_in_queue(struct sched_core *s, const char *name, const char *queue, int64_t t)
{
    char meta[128];
    snprintf(meta, sizeof meta, ",'annotations':{'scheduling.volcano.sh/queue-name':'%s'}", queue);
    fixture_pod(s, (struct fixture_pod){ .name = name, .cpu = "4", .meta = meta }, at_s(t));
}

/* What one queue gives back is asked about in that queue alone. */
static void test_quota_that_is_given_back_wakes_its_queue(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    size_t bound;
    fixture_node(s, "n0", "", "");
    set_queue(s, "a", "'capability':{'cpu':'4'}");
    set_queue(s, "b", "'capability':{'cpu':'4'}");
    put_in_queue(s, "a-0", "a", 1);
    put_in_queue(s, "b-0", "b", 1);
    drain(s, 1, &bound);
    CHECK_I64(bound, 2);
    put_in_queue(s, "a-1", "a", 2);
    put_in_queue(s, "a-2", "a", 2);
    put_in_queue(s, "b-1", "b", 2);
    drain(s, 2, &bound);
    CHECK_I64(bound, 0);
    uint64_t before = core_count(s).cycles;
    core_pod_del(s, STR("default"), STR("a-0"), at_s(3));
    drain(s, 3, &bound);
    CHECK_I64(bound, 1);
    CHECK_STR(fixture_where(s, "a-1"), "n0");
    CHECK(core_count(s).cycles - before <= 2);
    core_free(s);
}

/* A queue without a limit of its own may use the cluster: a node more is more of it. */
static void test_a_node_is_quota_too(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    size_t bound;
    fixture_node(s, "n0", "", ""); /* 16 CPUs */
    set_queue(s, "a", "'guarantee':{'resource':{'cpu':'2'}}");
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "a-%d", i);
        put_in_queue(s, name, "a", 1);
    }
    drain(s, 1, &bound);
    CHECK_I64(bound, 4);
    CHECK(str_find(core_pod(s, STR("default"), STR("a-4"))->gang->message, STR("queue a")) >= 0);
    fixture_node(s, "n1", "", "");
    drain(s, 2, &bound);
    CHECK_I64(bound, 1);
    core_free(s);
}

/* A node that goes takes its pods along: what they used is given back. */
static void test_a_node_that_goes_gives_quota_back(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    size_t bound;
    fixture_node(s, "n0", "", "");
    set_queue(s, "a", "'capability':{'cpu':'4'}");
    put_in_queue(s, "a-0", "a", 1);
    drain(s, 1, &bound);
    put_in_queue(s, "a-1", "a", 2);
    drain(s, 2, &bound);
    CHECK_I64(bound, 0);
    fixture_node(s, "n1", "", "");
    core_node_del(s, STR("n0"), at_s(3));
    drain(s, 3, &bound);
    CHECK_I64(bound, 1);
    core_free(s);
}

/* ---- nobody is forgotten ---- */

#define NODES 6
#define STEPS 400

struct pair { /* the same events; every one of them wakes everybody in the second */
    struct sched_core *aimed, *all;
    struct arena *a;
    int64_t t;
    unsigned next;
    size_t bound, waited;
};

/* Everybody finds his queue anew, and is tried. */
static void wake_all(struct pair *w)
{
    set_queue(w->all, "nobody", "'capability':{'cpu':'1'}");
}

/* Until nothing is due for longer than the longest back-off. */
static void settle(struct pair *w)
{
    size_t n;
    drain(w->aimed, w->t, &n);
    w->bound += n;
    w->t += 11;
    drain(w->aimed, w->t, &n);
    w->bound += n;
    wake_all(w);
    drain(w->all, w->t, &n);
}

static void node_set(struct pair *w, unsigned i)
{
    char name[16], status[64];
    snprintf(name, sizeof name, "n%u", i);
    snprintf(status, sizeof status, "'unschedulable':%s", check_random_below(4) ? "false" : "true");
    fixture_node(w->aimed, name, "", status);
    fixture_node(w->all, name, "", status);
}

static void node_del(struct pair *w, unsigned i)
{
    char name[16];
    snprintf(name, sizeof name, "n%u", i);
    core_node_del(w->aimed, str_from(name), at_s(w->t));
    core_node_del(w->all, str_from(name), at_s(w->t));
}

/* Those of kind 1 are gangs with twins, those of kinds 4 and 5 pods with twins; priorities all
 * differ but within a gang and among twins, so that who is first does not depend on who was tried
 * when. */
static void arrive(struct pair *w)
{
    static const char *const cpus[] = { "1", "3", "6", "11", "16", "40" };
    unsigned id = w->next++, kind = (unsigned)check_random_below(6);
    unsigned n = kind < 2 ? 1 + (unsigned)check_random_below(4) : 1;
    const char *cpu = cpus[check_random_below(COUNT_OF(cpus))];
    int gpus = check_random_below(3) ? 0 : (int)check_random_below(9);
    int priority = kind < 4 ? (int)id : 1000000 + (int)strtoul(cpu, NULL, 10);
    char name[32], spec[96], meta[320], queue[64] = "";
    if (kind == 1)
        priority = 2000000 + 100 * (int)strtoul(cpu, NULL, 10) + (int)(10 * n + id % 3);
    else if (kind == 5)
        priority += 1000 * (int)(1 + id % 3); /* of its queue */
    snprintf(spec, sizeof spec, ",'priority':%d,'preemptionPolicy':'Never'", priority);
    if (kind % 2)
        snprintf(queue, sizeof queue, "'scheduling.volcano.sh/queue-name':'q%u'", id % 3);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof name, "p%u-%u", id, i);
        if (kind < 2)
            snprintf(meta, sizeof meta,
                     ",'labels':{'scheduling.ganglion.io/pod-group':'g%u',"
                     "'scheduling.ganglion.io/min-available':'%u'},'annotations':{%s}",
                     id, n, queue);
        else
            snprintf(meta, sizeof meta, ",'annotations':{%s}", queue);
        struct fixture_pod p = { .name = name, .cpu = cpu, .spec = spec, .meta = meta };
        p.gpus = kind < 4 && kind != 1 ? gpus : 0;
        p.scheduler = "default-scheduler";
        AUTO(kobj_unrefp) struct kobj *o = fixture_pod_object(&p);
        core_pod_set(w->aimed, o, at_s(w->t));
        core_pod_set(w->all, o, at_s(w->t));
    }
}

static void leave(struct pair *w)
{
    const struct snapshot *snap = &core_cluster(w->aimed)->snap;
    struct spod *p = snap->pods.n ? snap->pods.items[check_random_below(snap->pods.n)] : NULL;
    if (!p)
        return;
    struct str name = arena_str(w->a, p->obj->name);
    core_pod_del(w->aimed, STR("default"), name, at_s(w->t));
    core_pod_del(w->all, STR("default"), name, at_s(w->t));
}

static void set_queues(struct sched_core *s)
{
    set_queue(s, "q0", "'capability':{'cpu':'12'}");
    set_queue(s, "q1", "'capability':{'cpu':'20','nvidia.com/gpu':'6'}");
    set_queue(s, "q2", "'guarantee':{'resource':{'cpu':'8'}}");
    set_queue(s, "nobody", "'capability':{'cpu':'1'}");
}

static void check_pair(struct pair *w)
{
    struct cluster *c = core_cluster(w->aimed);
    for (size_t i = 0; i < c->snap.pods.n; i++) {
        struct spod *p = c->snap.pods.items[i];
        if (!p)
            continue;
        const struct spod *twin = core_pod(w->all, STR("default"), p->obj->name);
        CHECK((p->node >= 0) == (twin->node >= 0));
        if (!p->gang || !gang_pending(p->gang) || !gang_is_complete(p->gang))
            continue;
        struct plan plan;
        w->waited++;
        CHECK(!cycle_try(c, p->gang, w->a, &plan));
    }
}

static void test_nobody_is_forgotten(void **state)
{
    (void)state;
    struct pair w = { core_new_default(), core_new_default(), arena_new(), 1, 0, 0, 0 };
    set_queues(w.aimed);
    set_queues(w.all);
    for (unsigned i = 0; i < NODES; i++)
        node_set(&w, i);
    for (int i = 0; i < STEPS; i++) {
        uint64_t what = check_random_below(100);
        if (what < 45)
            arrive(&w);
        else if (what < 85)
            leave(&w);
        else if (what < 95)
            node_set(&w, (unsigned)check_random_below(NODES));
        else
            node_del(&w, (unsigned)check_random_below(NODES));
        settle(&w);
        check_pair(&w);
        arena_reset(w.a);
    }
    CHECK(w.bound > STEPS / 10 && w.waited > STEPS);
    core_free(w.aimed);
    core_free(w.all);
    arena_free(w.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twins_cost_one_attempt),
        cmocka_unit_test(test_alike_gangs_cost_one_attempt),
        cmocka_unit_test(test_twins_start_oldest_first),
        cmocka_unit_test(test_events_ask_once_and_wake_whom_they_help),
        cmocka_unit_test(test_quota_that_is_given_back_wakes_its_queue),
        cmocka_unit_test(test_a_node_is_quota_too),
        cmocka_unit_test(test_a_node_that_goes_gives_quota_back),
        cmocka_unit_test(test_nobody_is_forgotten),
    };
    return CHECK_MAIN(tests);
}
