/* SPDX-License-Identifier: Apache-2.0
 * Nodes that an autoscaler is about to remove (its taint says so): nobody is placed there, nobody
 * evicts there, nobody moves there, and no room is kept there. Nodes have 16 CPUs and 8 GPUs; n0 is
 * the one that goes, and always the better choice. */
#include <stdio.h>

#include "codec/jnode.h"
#include "scheduler/config/config.h"
#include "scheduler/test/fixture.h"

static const char config_text[] = "apiVersion: kubescheduler.config.k8s.io/v1\n"
                                  "kind: KubeSchedulerConfiguration\n"
                                  "profiles:\n"
                                  "- schedulerName: ganglion\n"
                                  "  plugins: {postFilter: {enabled: [{name: Consolidation}]}}\n";

static const struct {
    const char *taint;
    bool goes; /* the scheduler stays away */
} marks[] = {
    { "{'key':'ToBeDeletedByClusterAutoscaler','value':'1795000000','effect':'NoSchedule'}", true },
    { "{'key':'karpenter.sh/disrupted','effect':'NoSchedule'}", true },
    { "{'key':'DeletionCandidateOfClusterAutoscaler','value':'1','effect':'PreferNoSchedule'}",
      false },
};

struct world {
    struct sched_core *s;
    struct arena *a;
    struct decision d;
};

static struct world world_new(size_t mark, int nodes)
{
    struct world w = { .a = arena_new() };
    struct sched_config c;
    struct err err = { 0 };
    char spec[256];
    CHECK_OK(sched_config_parse(&c, str_from(config_text), &err), err);
    w.s = core_new(c.profiles, c.n);
    c.n = 0;
    sched_config_fini(&c);
    core_set_wall(w.s, at_s(0), (struct wall){ 1000000 * NS_PER_S });
    snprintf(spec, sizeof spec, "'taints':[%s]", marks[mark].taint);
    fixture_node(w.s, "n0", "", spec);
    for (int i = 1; i < nodes; i++) {
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

/* The last decision that is one; stops at an eviction. */
static enum decision_kind settle(struct world *w, int64_t second)
{
    enum decision_kind last = DECISION_NONE;
    do {
        arena_reset(w->a);
        core_step(w->s, at_s(second), w->a, &w->d);
        last = w->d.kind == DECISION_NONE ? last : w->d.kind;
    } while (w->d.kind != DECISION_NONE && w->d.kind != DECISION_PREEMPT);
    return last;
}

static void check_placement(size_t mark)
{
    struct world w = world_new(mark, 2);
    fixture_pod(w.s, (struct fixture_pod){ .name = "full", .cpu = "16", .node = "n1" }, at_s(1));
    fixture_pod(w.s, (struct fixture_pod){ .name = "p" }, at_s(1));
    fixture_member(w.s, (struct fixture_pod){ .name = "m" }, "g", "1", at_s(1));
    settle(&w, 3);
    CHECK_STR_EQ(fixture_where(w.s, "p"), str_from(marks[mark].goes ? "" : "n0"));
    CHECK_STR_EQ(fixture_where(w.s, "m"), str_from(marks[mark].goes ? "" : "n0"));
    world_fini(&w);
}

/* The cheaper victim is on the node that goes. */
static void check_preemption(size_t mark, bool gang)
{
    struct world w = world_new(mark, 2);
    const struct fixture_pod boss = { .name = "boss", .cpu = "16", .spec = ",'priority':100" };
    fixture_pod(
        w.s,
        (struct fixture_pod){ .name = "cheap", .cpu = "16", .node = "n0", .spec = ",'priority':1" },
        at_s(1));
    fixture_pod(
        w.s,
        (struct fixture_pod){ .name = "dear", .cpu = "16", .node = "n1", .spec = ",'priority':50" },
        at_s(1));
    if (gang)
        fixture_member(w.s, boss, "g", "1", at_s(1));
    else
        fixture_pod(w.s, boss, at_s(1));
    CHECK_I64(settle(&w, 3), DECISION_PREEMPT);
    CHECK_I64(w.d.n_victims, 1);
    CHECK_STR_EQ(w.d.victims[0]->obj->name, str_from(marks[mark].goes ? "dear" : "cheap"));
    const struct spod *p = core_pod(w.s, STR("default"), STR("boss"));
    CHECK(p->kept && str_eq(p->kept->name, marks[mark].goes ? STR("n1") : STR("n0")));
    world_fini(&w);
}

#define OWNED                                                                                      \
    ",'ownerReferences':[{'apiVersion':'apps/v1','kind':'ReplicaSet','name':'rs','uid':'rs',"      \
    "'controller':true}]"

/* Eight GPUs on one node are to be had if those on n1 move to n0; n2 is full. */
static void check_consolidation(size_t mark)
{
    struct world w = world_new(mark, 3);
    fixture_pod(w.s, (struct fixture_pod){ .name = "s0", .gpus = 2, .node = "n0", .meta = OWNED },
                at_s(1));
    fixture_pod(w.s, (struct fixture_pod){ .name = "s1", .gpus = 2, .node = "n1", .meta = OWNED },
                at_s(1));
    fixture_pod(w.s, (struct fixture_pod){ .name = "full", .gpus = 8, .node = "n2" }, at_s(1));
    fixture_member(w.s, (struct fixture_pod){ .name = "big", .gpus = 8 }, "big", "1", at_s(1));
    CHECK_I64(settle(&w, 3), marks[mark].goes ? DECISION_WAIT : DECISION_PREEMPT);
    world_fini(&w);
}

static struct str state_of(struct world *w, const struct kobj *reservation)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    settle(w, 3);
    CHECK(jnode_freeze(&doc, core_reservation_status(w->s, reservation, w->a), NULL) == 0);
    return arena_str(w->a, json_str(json_path(json_root(doc), "states.one")));
}

/* The room that it names is on the node that goes, or on one that begins to go. */
static void check_reservation(size_t mark)
{
    struct world w = world_new(mark, 2);
    char spec[256];
    AUTO(kobj_unrefp)
    struct kobj *r = fixture_object(
        "{'apiVersion':'scheduling.kubenexus.io/v1alpha1','kind':'ResourceReservation','metadata':{"
        "'namespace':'default','name':'app','uid':'r','creationTimestamp':'1970-01-12T13:46:40Z',"
        "'ownerReferences':[{'kind':'Pod','name':'driver','uid':'driver'}]},'spec':{'reservations':"
        "{'one':{'node':'n0','cpu':'1','memory':'1Gi'}}}}");
    struct str then = marks[mark].goes ? STR("Waits") : STR("Kept");
    snprintf(spec, sizeof spec, "'taints':[%s]", marks[mark].taint);
    core_reservation_set(w.s, r, at_s(1));
    CHECK_STR_EQ(state_of(&w, r), then);
    fixture_node(w.s, "n0", "", "");
    CHECK_STR(state_of(&w, r), "Kept");
    fixture_node(w.s, "n0", "", spec);
    CHECK_STR_EQ(state_of(&w, r), then);
    world_fini(&w);
}

static void test_nobody_chooses_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        print_message("%s\n", marks[i].taint);
        check_placement(i);
        check_preemption(i, false);
        check_preemption(i, true);
        check_consolidation(i);
        check_reservation(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_chooses_them),
    };
    return CHECK_MAIN(tests);
}
