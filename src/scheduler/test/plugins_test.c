/* SPDX-License-Identifier: Apache-2.0
 * One table for all plugins that filter: a node, a pod, and what the plugin says. The recorded
 * decisions of the real kube-scheduler (oracle_test.c) go much deeper for those that it has too. */
#include "scheduler/core/intake.h"
#include "scheduler/cycle/evaluate.h"
#include "scheduler/test/fixture.h"

struct verdict_case {
    const char *plugin; /* NULL: feasible */
    const char *why;
    const char *node_labels, *node_spec;
    struct fixture_pod pod;
    const char *neighbour_spec; /* of a pod on the node; NULL: none */
};

#define AFFINITY(op, values)                                                                       \
    ",'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{"              \
    "'nodeSelectorTerms':[{'matchExpressions':[{'key':'gen','operator':'" op "'" values "}]}]}}}"
#define ANTI                                                                                       \
    ",'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"          \
    "'topologyKey':'host','labelSelector':{'matchLabels':{'app':'x'}}}]}}"
#define PORT(ip)                                                                                   \
    ",'initContainers':[{'name':'s','restartPolicy':'Always','ports':[{'containerPort':1,'"        \
    "hostPort':80,'hostIP':'" ip "'}]}]"
#define SPREAD                                                                                     \
    ",'topologySpreadConstraints':[{'maxSkew':1,'minDomains':2,'topologyKey':'host',"              \
    "'whenUnsatisfiable':'DoNotSchedule','labelSelector':{'matchLabels':{'app':'x'}}}]"

static const struct verdict_case cases[] = {
    { .plugin = NULL, .pod = { 0 } },
    { "NodeUnschedulable", "node(s) were unschedulable", "", "'unschedulable':true", { 0 }, NULL },
    { NULL,
      NULL,
      "",
      "'unschedulable':true",
      { .spec = ",'tolerations':[{'operator':'Exists'}]" },
      NULL },
    { "TaintToleration",
      "node(s) had untolerated taint(s)",
      "",
      "'taints':[{'key':'a','value':'b','effect':'NoExecute'}]",
      { .spec = ",'tolerations':[{'key':'a','value':'c'}]" },
      NULL },
    { NULL,
      NULL,
      "",
      "'taints':[{'key':'a','value':'b','effect':'NoExecute'}]",
      { .spec = ",'tolerations':[{'key':'a','value':'b'}]" },
      NULL },
    { "NodeAffinity",
      "node(s) didn't match Pod's node affinity/selector",
      "'gen':'3'",
      "",
      { .spec = AFFINITY("Gt", ",'values':['3']") },
      NULL },
    { NULL, NULL, "'gen':'07'", "", { .spec = AFFINITY("Gt", ",'values':['6']") }, NULL },
    { NULL, NULL, "", "", { .spec = AFFINITY("NotIn", ",'values':['6']") }, NULL },
    { "NodePorts",
      "node(s) didn't have free ports for the requested pod ports",
      "",
      "",
      { .spec = PORT("10.0.0.1") },
      PORT("0.0.0.0") },
    { NULL, NULL, "", "", { .spec = PORT("10.0.0.1") }, PORT("10.0.0.2") },
    { "NodeResourcesFit", "Insufficient cpu", "", "", { .cpu = "17" }, NULL },
    { "NodeResourcesFit", "Insufficient nvidia.com/gpu", "", "", { .gpus = 9 }, NULL },
    { "NUMATopology",
      "node(s) had no single NUMA cell with enough of the requested resources",
      "",
      "",
      { .cpu = "9",
        .meta = ",'annotations':{'scheduling.kubenexus.io/numa-policy':'single-numa-node'}" },
      NULL },
    { "PodTopologySpread",
      "node(s) didn't match pod topology spread constraints (missing required label)",
      "",
      "",
      { .meta = ",'labels':{'app':'x'}", .spec = SPREAD },
      NULL },
    { "PodTopologySpread",
      "node(s) didn't match pod topology spread constraints",
      "'host':'h'",
      "",
      { .meta = ",'labels':{'app':'x'}", .spec = SPREAD },
      "" },
    { "InterPodAffinity",
      "node(s) didn't match pod anti-affinity rules",
      "'host':'h'",
      "",
      { .spec = ANTI },
      "" },
    { "InterPodAffinity",
      "node(s) didn't satisfy existing pods anti-affinity rules",
      "'host':'h'",
      "",
      { .meta = ",'labels':{'app':'x'}" },
      ANTI },
};

static void check_case(const struct verdict_case *v)
{
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct node_answer got;
    char labels[256];
    snprintf(labels, sizeof labels, ",'labels':{%s}", v->node_labels ? v->node_labels : "");
    fixture_node(s, "n", labels, v->node_spec ? v->node_spec : "");
    if (v->neighbour_spec)
        fixture_pod(s,
                    (struct fixture_pod){ .name = "neighbour",
                                          .node = "n",
                                          .meta = ",'labels':{'app':'x'}",
                                          .spec = v->neighbour_spec },
                    at_s(0));
    struct fixture_pod pod = v->pod;
    pod.name = "p";
    fixture_pod(s, pod, at_s(0));
    struct spod *p = core_pod(s, STR("default"), STR("p"));
    evaluate_node(core_cluster(s), p, 0, a, &got);
    const char *plugin =
        got.plugin < 0 ? NULL : p->shape->profile->plugins[got.plugin].plugin->name;
    if (v->plugin) {
        CHECK_CSTR(plugin, v->plugin);
        CHECK_STR_EQ(got.why->text[0], str_from(v->why));
    } else {
        CHECK_CSTR(plugin, NULL);
    }
    core_free(s);
}

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("case %zu\n", i);
        check_case(&cases[i]);
    }
}

/* Whole GPUs: one cell if any can, the fullest one, lowest indexes. */
static void test_devices_are_chosen_tidily(void **state)
{
    (void)state;
    static const struct {
        const char *held;
        int want;
        uint64_t chosen;
    } choices[] = {
        { NULL, 2, 0x03 },          /* lowest */
        { "0,1", 2, 0x0c },         /* the fuller cell */
        { "0,1,2", 2, 0x30 },       /* one cell, though index 3 is free */
        { "0,1,2,4,5,6", 2, 0x88 }, /* no cell has two */
        { NULL, 6, 0x3f },
    };
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        struct sched_core *s = core_new_default();
        AUTO(arena_freep) struct arena *a = arena_new();
        struct decision d;
        char meta[128] = "";
        fixture_node(s, "n", "", "");
        if (choices[i].held) {
            snprintf(meta, sizeof meta,
                     ",'annotations':{'scheduling.ganglion.io/devices':'nvidia.com/gpu=%s'}",
                     choices[i].held);
            fixture_pod(s,
                        (struct fixture_pod){ .name = "held",
                                              .node = "n",
                                              .meta = meta,
                                              .gpus = (int)strlen(choices[i].held) / 2 + 1 },
                        at_s(0));
        }
        fixture_pod(s, (struct fixture_pod){ .name = "p", .gpus = choices[i].want }, at_s(0));
        core_step(s, at_s(0), a, &d);
        CHECK_I64(d.kind, DECISION_BIND);
        CHECK_I64(d.items[0].where.devices[DEVICE_NVIDIA], choices[i].chosen);
        core_free(s);
    }
}

/* A pod without GPUs leaves alone the nodes with GPUs while others have room. */
static void test_pods_without_gpus_spare_them(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    fixture_node(s, "gpus", "", "");
    for (int i = 0; i < 2; i++) {
        AUTO(kobj_unrefp)
        struct kobj *o =
            fixture_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'cpus-%d'},"
                           "'status':{'allocatable':{'cpu':'4','memory':'64Gi','pods':'9'}}}",
                           i);
        core_node_set(s, o, at_s(0));
    }
    static const char *const want[] = { "cpus-0", "cpus-1", "gpus" };
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct decision d;
        char name[8];
        snprintf(name, sizeof name, "p%zu", i);
        fixture_pod(s, (struct fixture_pod){ .name = name, .cpu = "3" }, at_s(0));
        core_step(s, at_s(0), a, &d);
        CHECK_STR_EQ(fixture_where(s, name), str_from(want[i]));
    }
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_devices_are_chosen_tidily),
        cmocka_unit_test(test_pods_without_gpus_spare_them),
    };
    return CHECK_MAIN(tests);
}
