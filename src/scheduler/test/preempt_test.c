/* SPDX-License-Identifier: Apache-2.0
 * Preemption for gangs on random clusters: the victims are lower and leave no gang half, without
 * them the gang fits, without any one unit of them it does not, and a dry run leaves the snapshot
 * as it was. Then what the core does with victims: room is kept, deadlines, minimum run times. */
#include "scheduler/preempt/preempt_gang.h"

#include <stdio.h>

#include "base/num.h"
#include "scheduler/state/reservation.h"
#include "scheduler/test/fixture.h"

#define NODES 6
#define ROUNDS 120

struct world {
    struct sched_core *s;
    struct arena *a;
    uint64_t random;
    struct decision d;
};

static uint32_t pick(struct world *w, uint32_t n)
{
    w->random = num_mix64(w->random + 0x9e3779b97f4a7c15u);
    return (uint32_t)(w->random % n);
}

static enum decision_kind step(struct world *w, int64_t second)
{
    arena_reset(w->a);
    core_step(w->s, at_s(second), w->a, &w->d);
    return w->d.kind;
}

static void world_init(struct world *w, uint64_t seed, int nodes)
{
    *w = (struct world){ .s = core_new_default(), .a = arena_new(), .random = seed };
    for (int i = 0; i < nodes; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        fixture_node(w->s, name, "", "");
    }
}

static void world_fini(struct world *w)
{
    core_free(w->s);
    arena_free(w->a);
}

/* A lone pod, or a gang of which more than its minimum may exist. */
static void add_low(struct world *w, int i)
{
    char name[32], gang[32], min[8], spec[64];
    uint32_t members = pick(w, 3) ? 1 : 2 + pick(w, 3);
    snprintf(spec, sizeof spec, ",'priority':%u", pick(w, 3) * 10);
    snprintf(gang, sizeof gang, "low-%d", i);
    snprintf(min, sizeof min, "%u", members > 2 ? members - pick(w, 2) : members);
    for (uint32_t m = 0; m < members; m++) {
        snprintf(name, sizeof name, "low-%d-%u", i, m);
        struct fixture_pod p = { .name = name, .spec = spec, .gpus = 1 + (int)pick(w, 4) };
        if (members == 1)
            fixture_pod(w->s, p, at_s(1));
        else
            fixture_member(w->s, p, gang, min, at_s(1));
    }
}

/* The gang that wants room. one_kind: counting decides about it, else probing. */
static struct gang *add_high(struct world *w, bool one_kind)
{
    char name[16], min[8];
    uint32_t members = 1 + pick(w, 4);
    snprintf(min, sizeof min, "%u", members);
    for (uint32_t m = 0; m < members; m++) {
        int gpus = one_kind ? 6 : 4 + (int)(m % 3);
        snprintf(name, sizeof name, "high-%u", m);
        fixture_member(
            w->s, (struct fixture_pod){ .name = name, .spec = ",'priority':100", .gpus = gpus },
            "high", min, at_s(2));
    }
    return core_pod(w->s, STR("default"), STR("high-0"))->gang;
}

/* ---- the properties ---- */

static bool is_victim(const struct gang_preemption *p, const struct spod *pod)
{
    for (size_t i = 0; i < p->n_victims; i++) {
        if (p->victims[i] == pod)
            return true;
    }
    return false;
}

static void check_gangs_stay_whole(const struct gang_preemption *p)
{
    for (size_t i = 0; i < p->n_victims; i++) {
        const struct gang *g = p->victims[i]->gang;
        size_t left = 0;
        CHECK(p->victims[i]->view->priority < 100);
        LIST_EACH (&g->members, at) {
            const struct spod *m = LIST_ITEM(at, struct spod, in_gang);
            left += m->node >= 0 && !is_victim(p, m);
        }
        CHECK(left == 0 || left >= gang_needs(g));
    }
}

/* Does the gang fit when all victims but one leave? keep: NULL: all leave. A gang that loses its
 * minimum is one unit: keeping one member of it keeps all that left with it. */
static bool fits_without(struct world *w,
                         struct gang *g,
                         const struct gang_preemption *p,
                         const struct spod *keep)
{
    struct snapshot *snap = &core_cluster(w->s)->snap;
    struct plan plan;
    for (size_t i = 0; i < p->n_victims; i++) {
        const struct spod *v = p->victims[i];
        bool kept = keep && (v == keep || (keep->gang->dialect && v->gang == keep->gang));
        if (!kept)
            snapshot_remove(snap, p->victims[i]);
    }
    bool fits = cycle_probe(core_cluster(w->s), g, w->a, &plan);
    snapshot_rollback(snap, 0);
    return fits;
}

static bool one_random_cluster(uint64_t seed, bool one_kind)
{
    struct world w;
    world_init(&w, seed, NODES);
    for (int i = 0; i < 30; i++)
        add_low(&w, i);
    for (int i = 0; i < 200 && step(&w, 1) != DECISION_NONE; i++)
        continue;
    struct gang *g = add_high(&w, one_kind);
    struct snapshot *snap = &core_cluster(w.s)->snap;
    struct gang_request want = { .gang = g };
    want.failed = LIST_ITEM(g->members.next, struct spod, in_gang);
    struct gang_preemption p;
    struct plan plan;
    gang_settle(g);
    bool found = false;
    if (!cycle_probe(core_cluster(w.s), g, w.a, &plan)) {
        uint64_t before = snapshot_hash(snap);
        preempt_gang(core_cluster(w.s), &want, w.a, &p);
        CHECK(snapshot_hash(snap) == before);
        found = p.found;
    }
    if (found) {
        CHECK(p.n_victims > 0 && p.minimal);
        CHECK(p.n_members >= gang_needs(g));
        check_gangs_stay_whole(&p);
        CHECK(fits_without(&w, g, &p, NULL));
        for (size_t i = 0; i < p.n_victims; i++)
            CHECK(!fits_without(&w, g, &p, p.victims[i]));
    }
    world_fini(&w);
    return found;
}

static void victims_are_minimal(void **state)
{
    (void)state;
    size_t found = 0;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        found += one_random_cluster(seed, seed % 2);
    CHECK(found > ROUNDS / 2); /* else this shows nothing */
}

/* ---- the core ---- */

static void room_is_kept_until_victims_are_gone(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 8 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    fixture_pod(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                at_s(2));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    CHECK_I64(w.d.n_victims, 1);
    CHECK_STR(w.d.victims[0]->obj->name, "low");
    CHECK_STR(w.d.message, "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.");
    CHECK_I64(step(&w, 3), DECISION_NONE);
    core_pod_del(w.s, STR("default"), STR("low"), at_s(4));
    fixture_pod(w.s, (struct fixture_pod){ .name = "thief", .gpus = 1 }, at_s(4));
    CHECK_I64(step(&w, 4), DECISION_BIND);
    CHECK_STR(fixture_where(w.s, "high"), "n0");
    CHECK_I64(step(&w, 4), DECISION_WAIT); /* nothing is left for the other */
    CHECK_I64(core_cluster(w.s)->n_nominated, 0);
    world_fini(&w);
}

static void kept_room_is_not_taken_by_lower_pods(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 4 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    fixture_pod(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                at_s(2));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    fixture_pod(w.s, (struct fixture_pod){ .name = "thief", .gpus = 1 }, at_s(3));
    CHECK_I64(step(&w, 3), DECISION_WAIT); /* 4 GPUs are free, but kept */
    fixture_pod(w.s, (struct fixture_pod){ .name = "boss", .gpus = 1, .spec = ",'priority':99" },
                at_s(3));
    CHECK_I64(step(&w, 3), DECISION_BIND); /* who is higher may */
    world_fini(&w);
}

static void kept_room_has_a_deadline(void **state)
{
    (void)state;
    struct world w;
    struct mono due;
    world_init(&w, 1, 1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 8 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    fixture_pod(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                at_s(2));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    CHECK(core_next_due(w.s, &due));
    CHECK_I64(due.ns, at_s(62).ns); /* 30 s of grace, and 30 more */
    CHECK_I64(core_cluster(w.s)->n_nominated, 1);
    CHECK_I64(step(&w, 63), DECISION_PREEMPT); /* decided anew: that eviction was lost */
    CHECK_I64(w.d.n_victims, 1);
    CHECK(core_next_due(w.s, &due));
    CHECK_I64(due.ns, at_s(123).ns);
    world_fini(&w);
}

/* ---- victims that do not go ---- */

static void begin_to_leave(struct world *w, const char *name, int64_t second)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct spod *p = core_pod(w->s, STR("default"), str_from(name));
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    jnode_set_str(meta, STR("deletionTimestamp"), STR("2026-01-01T00:00:00Z"));
    jnode_set_i64(meta, STR("deletionGracePeriodSeconds"), 10);
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"),
                  core_cluster(w->s)->snap.nodes.items[p->node]->name);
    CHECK_I64(kobj_freeze(&o, root, NULL), 0);
    core_pod_set(w->s, o, at_s(second));
}

/* The API says for which node the pod waits. */
static void nominate(struct world *w, const char *name, const char *node)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct spod *p = core_pod(w->s, STR("default"), str_from(name));
    struct jnode *root = jnode_thaw(a, kobj_root(p->obj));
    jnode_set_str(jnode_need_obj(root, STR("status")), STR("nominatedNodeName"), str_from(node));
    CHECK_I64(kobj_freeze(&o, root, NULL), 0);
    core_pod_set(w->s, o, at_s(4));
}

/* The decision at this second that is not NONE; the last one if there are several. */
static enum decision_kind last_step(struct world *w, int64_t second)
{
    enum decision_kind kind = DECISION_NONE, next;
    while ((next = step(w, second)) != DECISION_NONE)
        kind = next;
    return kind;
}

static void add_whole_node(struct world *w, bool gang)
{
    struct fixture_pod p = { .name = "high-0", .gpus = 8, .spec = ",'priority':9" };
    if (gang)
        fixture_member(w->s, p, "high", "1", at_s(2));
    else
        fixture_pod(w->s, p, at_s(2));
}

static void a_victim_that_never_goes_is_not_waited_for(void **state)
{
    (void)state;
    for (int gang = 0; gang < 2; gang++) {
        struct world w;
        world_init(&w, 1, 2);
        fixture_pod(w.s, (struct fixture_pod){ .name = "a", .gpus = 8 }, at_s(1));
        fixture_pod(w.s, (struct fixture_pod){ .name = "b", .gpus = 8, .spec = ",'priority':1" },
                    at_s(1));
        CHECK_I64(last_step(&w, 1), DECISION_BIND);
        struct str first = fixture_where(w.s, "a"), second = fixture_where(w.s, "b");
        add_whole_node(&w, gang);
        CHECK_I64(step(&w, 2), DECISION_PREEMPT);
        CHECK_STR(w.d.victims[0]->obj->name, "a");
        begin_to_leave(&w, "a", 3); /* and it stays: a finalizer, or its node is silent */
        struct spod *high = core_pod(w.s, STR("default"), STR("high-0"));
        CHECK_I64(last_step(&w, 61), DECISION_NONE);
        CHECK_STR_EQ(high->kept->name, first);
        CHECK_I64(step(&w, 63), DECISION_PREEMPT);
        CHECK_I64(w.d.n_victims, 1);
        CHECK_STR(w.d.victims[0]->obj->name, "b");
        CHECK_STR_EQ(high->kept->name, second);
        core_pod_del(w.s, STR("default"), STR("b"), at_s(64));
        CHECK_I64(step(&w, 64), DECISION_BIND);
        CHECK_STR_EQ(fixture_where(w.s, "high-0"), second);
        world_fini(&w);
    }
}

/* No other plan: the node is no longer kept, nor named to people, and they are told why. When it
 * goes after all, its room is used. */
static void a_stuck_victim_is_named(void **state)
{
    (void)state;
    for (int gang = 0; gang < 2; gang++) {
        struct world w;
        world_init(&w, 1, 1);
        fixture_pod(w.s,
                    (struct fixture_pod){
                        .name = "a", .gpus = 8, .spec = ",'terminationGracePeriodSeconds':5" },
                    at_s(1));
        CHECK_I64(last_step(&w, 1), DECISION_BIND);
        add_whole_node(&w, gang);
        CHECK_I64(step(&w, 2), DECISION_PREEMPT);
        begin_to_leave(&w, "a", 3);
        nominate(&w, "high-0", "n0");
        CHECK_I64(step(&w, 38), DECISION_WAIT);
        CHECK(str_find(w.d.message, STR("one is default/a on node n0")) >= 0);
        CHECK_I64(w.d.n_displaced, 1);
        CHECK_I64(core_cluster(w.s)->n_nominated, 0);
        fixture_pod(w.s, (struct fixture_pod){ .name = "cpu-only" }, at_s(39));
        CHECK_I64(step(&w, 39), DECISION_BIND); /* nothing is kept from others */
        core_pod_del(w.s, STR("default"), STR("a"), at_s(5000));
        CHECK_I64(step(&w, 5000), DECISION_BIND);
        CHECK_STR(fixture_where(w.s, "high-0"), "n0");
        world_fini(&w);
    }
}

/* Those that autoscalers must leave alone leave last, though they are younger here. */
static void costly_victims_leave_last(void **state)
{
    (void)state;
    for (int costly = 0; costly < 2; costly++) {
        struct world w;
        const char *note = ",'annotations':{'karpenter.sh/do-not-disrupt':'true'}";
        world_init(&w, 1, 2);
        fixture_pod(w.s,
                    (struct fixture_pod){
                        .name = "a", .gpus = 8, .node = "n0", .meta = costly ? "" : note },
                    at_s(1));
        fixture_pod(w.s,
                    (struct fixture_pod){
                        .name = "b", .gpus = 8, .node = "n1", .meta = costly ? note : "" },
                    at_s(1));
        fixture_member(w.s,
                       (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                       "g", "1", at_s(2));
        CHECK_I64(step(&w, 2), DECISION_PREEMPT);
        CHECK_I64(w.d.n_victims, 1);
        CHECK_STR_EQ(w.d.victims[0]->obj->name, costly ? STR("a") : STR("b"));
        world_fini(&w);
    }
}

/* ---- after a restart ---- */

/* As the API has it: high waits for n0, on which one of its victims is gone already, and a cheaper
 * one runs on n1. */
static void world_after_kill(struct world *w)
{
    world_init(w, 1, 2);
    fixture_pod(w->s,
                (struct fixture_pod){ .name = "left",
                                      .gpus = 4,
                                      .node = "n0",
                                      .spec = ",'priority':5,"
                                              "'terminationGracePeriodSecon"
                                              "ds':5" },
                at_s(1));
    fixture_pod(
        w->s,
        (struct fixture_pod){ .name = "cheap", .gpus = 8, .node = "n1", .spec = ",'priority':1" },
        at_s(1));
    AUTO(kobj_unrefp)
    struct kobj *high = fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default','name':'high',"
        "'uid':'high'},'spec':{'schedulerName':'ganglion','priority':9,'containers':[{'name':'c',"
        "'resources':{'requests':{'nvidia.com/gpu':'8'}}}]},'status':{'phase':'Pending',"
        "'nominatedNodeName':'n0'}}");
    core_pod_set(w->s, high, at_s(1));
}

static void an_earlier_plan_is_finished(void **state)
{
    (void)state;
    struct world w;
    world_after_kill(&w);
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    CHECK_I64(w.d.n_victims, 1);
    CHECK_STR(w.d.victims[0]->obj->name, "left");
    core_pod_del(w.s, STR("default"), STR("left"), at_s(3));
    CHECK_I64(step(&w, 3), DECISION_BIND);
    CHECK_STR(fixture_where(w.s, "high"), "n0");
    world_fini(&w);
}

static void an_earlier_plan_that_cannot_be_is_dropped(void **state)
{
    (void)state;
    struct world w;
    world_after_kill(&w);
    fixture_pod(
        w.s,
        (struct fixture_pod){ .name = "boss", .gpus = 4, .node = "n0", .spec = ",'priority':10" },
        at_s(1));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    CHECK_I64(w.d.n_victims, 1);
    CHECK_STR(w.d.victims[0]->obj->name, "cheap");
    world_fini(&w);
}

/* A victim that never goes is waited for no longer than one of our own. */
static void a_stuck_victim_of_an_earlier_plan(void **state)
{
    (void)state;
    struct world w;
    world_after_kill(&w);
    AUTO(kobj_unrefp)
    struct kobj *left = fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default','name':'left','uid':'l',"
        "'deletionTimestamp':'2026-01-01T00:00:00Z','deletionGracePeriodSeconds':5},'spec':{"
        "'schedulerName':'ganglion','nodeName':'n0','priority':5,'containers':[{'name':'c',"
        "'resources':{'requests':{'nvidia.com/gpu':'4'}}}]},'status':{'conditions':[{'type':"
        "'DisruptionTarget','status':'True','reason':'PreemptionByScheduler'}]}}");
    core_pod_set(w.s, left, at_s(2));
    CHECK_I64(step(&w, 3), DECISION_WAIT);
    CHECK_I64(step(&w, 30), DECISION_NONE);
    CHECK_I64(step(&w, 40), DECISION_PREEMPT);
    CHECK_STR(w.d.victims[0]->obj->name, "cheap");
    world_fini(&w);
}

/* A gang of which one member is stuck: the others can still be evicted. */
static void the_rest_of_a_stuck_gang_may_leave(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 2);
    for (int i = 0; i < 2; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", i);
        fixture_member(w.s, (struct fixture_pod){ .name = name, .gpus = 8 }, "low", "2", at_s(1));
    }
    CHECK_I64(last_step(&w, 1), DECISION_BIND);
    begin_to_leave(&w, "m0", 2);
    struct spod *stuck = core_pod(w.s, STR("default"), STR("m0"));
    stuck->stuck = true;
    add_whole_node(&w, true);
    CHECK_I64(step(&w, 70), DECISION_PREEMPT);
    CHECK_I64(w.d.n_victims, 1);
    CHECK_STR(w.d.victims[0]->obj->name, "m1");
    stuck->stuck = false;
    world_fini(&w);
}

static void a_refused_eviction_gives_the_room_up(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 1);
    fixture_pod(w.s, (struct fixture_pod){ .name = "low", .gpus = 8 }, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    fixture_pod(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                at_s(2));
    CHECK_I64(step(&w, 2), DECISION_PREEMPT);
    struct kobj *low = w.d.victims[0]->obj;
    core_evict_refused(w.s, &(struct pod_id){ low->namespace, low->name, low->uid }, at_s(3));
    CHECK_I64(core_cluster(w.s)->n_nominated, 0);
    CHECK(!core_pod(w.s, STR("default"), STR("low"))->evicting);
    world_fini(&w);
}

static void room_may_move_to_another_node(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 2);
    struct cluster *c = core_cluster(w.s);
    fixture_pod(w.s, (struct fixture_pod){ .name = "one" }, at_s(1));
    struct spod *p = core_pod(w.s, STR("default"), STR("one"));
    struct reservation *r = reservation_open(c, STR("default/one"), at_s(60));
    for (int64_t node = 0; node < 2; node++) {
        reservation_hold(c, r, p, &(struct placement){ .node = node });
        CHECK(reservation_of(c, STR("default/one")) == r); /* though the pod was its last */
        CHECK(p->held_by == r);
        CHECK_I64(p->kept->id, node);
    }
    reservation_close(c, r);
    CHECK(!p->kept);
    world_fini(&w);
}

static void put_queue(struct world *w, const char *kind, const char *name, const char *spec)
{
    struct err err = { 0 };
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object("{'apiVersion':'kueue.x-k8s.io/v1beta1','kind':'%s','metadata':"
                                    "{'name':'%s'},'spec':{%s}}",
                                    kind, name, spec);
    CHECK_OK(core_queue_set(w->s, o, at_s(0), &err), err);
}

static void put_queued(struct world *w, const char *name, const char *queue, const char *cpu)
{
    char meta[96];
    snprintf(meta, sizeof meta, ",'labels':{'scheduling.ganglion.io/queue':'%s'}", queue);
    fixture_pod(
        w->s,
        (struct fixture_pod){ .name = name, .scheduler = "ganglion", .meta = meta, .cpu = cpu },
        at_s(1));
}

/* Queue b takes back what a borrowed. Until the victims are gone nothing else that leaves makes it
 * search for victims again, though the nodes have room; then it starts at once. */
static void who_reclaims_waits_for_quota_alone(void **state)
{
    (void)state;
    static const char quota[] =
        "'cohort':'c','preemption':{'reclaimWithinCohort':'Any'},'resourceGroups':[{'"
        "coveredResources':['cpu'],'flavors':[{'name':'f',"
        "'resources':[{'name':'cpu','nominalQuota':'4','borrowingLimit':'4'}]}]}]";
    struct world w;
    world_init(&w, 1, 2);
    put_queue(&w, "Cohort", "c", "");
    put_queue(&w, "ClusterQueue", "a", quota);
    put_queue(&w, "ClusterQueue", "b", quota);
    fixture_pod(w.s, (struct fixture_pod){ .name = "x", .cpu = "1", .node = "n0" }, at_s(1));
    put_queued(&w, "a1", "a", "4");
    put_queued(&w, "a2", "a", "4");
    for (int i = 0; i < 2; i++)
        CHECK_I64(step(&w, 1), DECISION_BIND);
    put_queued(&w, "b1", "b", "4");
    CHECK_I64(step(&w, 1), DECISION_PREEMPT);
    CHECK_I64(w.d.n_victims, 1);
    AUTO(kobj_unrefp) struct kobj *victim = kobj_ref(w.d.victims[0]->obj);
    core_pod_del(w.s, STR("default"), STR("x"), at_s(1));
    CHECK_I64(step(&w, 1), DECISION_NONE);
    core_pod_del(w.s, STR("default"), victim->name, at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    world_fini(&w);
}

static void minimum_run_times_are_kept(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1, 1);
    core_set_wall(w.s, at_s(0), (struct wall){ 1000 * NS_PER_S });
    fixture_pod(w.s,
                (struct fixture_pod){
                    .name = "low",
                    .gpus = 8,
                    .meta = ",'annotations':{'scheduling.ganglion.io/min-runtime':'10m'}" },
                at_s(1));
    CHECK_I64(step(&w, 1), DECISION_BIND);
    fixture_pod(w.s, (struct fixture_pod){ .name = "high", .gpus = 8, .spec = ",'priority':9" },
                at_s(2));
    CHECK_I64(step(&w, 2), DECISION_WAIT);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(victims_are_minimal),
        cmocka_unit_test(room_is_kept_until_victims_are_gone),
        cmocka_unit_test(kept_room_is_not_taken_by_lower_pods),
        cmocka_unit_test(kept_room_has_a_deadline),
        cmocka_unit_test(a_victim_that_never_goes_is_not_waited_for),
        cmocka_unit_test(a_stuck_victim_is_named),
        cmocka_unit_test(costly_victims_leave_last),
        cmocka_unit_test(an_earlier_plan_is_finished),
        cmocka_unit_test(an_earlier_plan_that_cannot_be_is_dropped),
        cmocka_unit_test(a_stuck_victim_of_an_earlier_plan),
        cmocka_unit_test(the_rest_of_a_stuck_gang_may_leave),
        cmocka_unit_test(a_refused_eviction_gives_the_room_up),
        cmocka_unit_test(room_may_move_to_another_node),
        cmocka_unit_test(who_reclaims_waits_for_quota_alone),
        cmocka_unit_test(minimum_run_times_are_kept),
    };
    return CHECK_MAIN(tests);
}
