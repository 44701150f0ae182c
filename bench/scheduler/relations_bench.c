/* SPDX-License-Identifier: Apache-2.0
 * relations_bench — pods that have to do with other pods: Kubernetes' scheduler_perf workloads of
 * affinity and topology spreading, pods per second from object to decision. The peer's figures are
 * the least that Kubernetes' own CI accepts, with an API server and all writes; ours are of the
 * core alone. One JSON line per workload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "scheduler/world.h"

static const struct mono now = { NS_PER_S };

#define HOST "kubernetes.io/hostname"
#define ZONE "topology.kubernetes.io/zone"
#define REQUIRED "'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':"
#define PREFERRED                                                                                  \
    "'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':1,'podAffinityTerm':"
#define BOTH ",'namespaces':['sched-1','sched-0']"
#define DEVOPS ",'namespaceSelector':{'matchLabels':{'team':'devops'}}"

struct sort { /* of pods */
    const char *color, *spec;
};

static const struct sort
    plain = { "none", "" },
    of_service = { "foo", "" },
    anti = { "green", "'affinity':{'podAntiAffinity':{" REQUIRED "'" HOST
                      "','labelSelector':{'matchLabels':{'color':'green'}}" BOTH "}]}}," },
    green = { "green", "" },
    near = { "blue", "'affinity':{'podAffinity':{" REQUIRED "'" ZONE
                     "','labelSelector':{'matchLabels':{'color':'blue'}}" BOTH "}]}}," },
    likes = { "red", "'affinity':{'podAffinity':{" PREFERRED "{'topologyKey':'" HOST
                     "','labelSelector':{'matchLabels':{'color':'red'}}" BOTH "}}]}}," },
    dislikes = { "yellow", "'affinity':{'podAntiAffinity':{" PREFERRED "{'topologyKey':'" HOST
                           "','labelSelector':{'matchLabels':{'color':'yellow'}}" BOTH "}}]}}," },
    anti_selected = { "green",
                      "'affinity':{'podAntiAffinity':{" REQUIRED "'" HOST
                      "','labelSelector':{'matchLabels':{'color':'green'}}" DEVOPS "}]}}," },
    dislikes_selected = { "green",
                          "'affinity':{'podAntiAffinity':{" PREFERRED "{'topologyKey':'" HOST
                          "','labelSelector':{'matchLabels':{'color':"
                          "'green'}}" DEVOPS "}}]}}," },
    spread = { "blue", "'topologySpreadConstraints':[{'maxSkew':5,"
                       "'topologyKey':'" ZONE "','whenUnsatisfiable':'DoNotSchedule',"
                       "'labelSelector':{'matchLabels':{'color':'blue'}}}]," },
    spread_softly = { "blue", "'topologySpreadConstraints':[{'maxSkew':5,"
                              "'topologyKey':'" ZONE "','whenUnsatisfiable':'ScheduleAnyway',"
                              "'labelSelector':{'matchLabels':{'color':"
                              "'blue'}}}]," },
    picky = { "blue", "'topologySpreadConstraints':[{'maxSkew':1,"
                      "'topologyKey':'" HOST "','whenUnsatisfiable':'DoNotSchedule',"
                      "'nodeAffinityPolicy':'Honor','nodeTaintsPolicy':'Honor',"
                      "'labelSelector':{'matchLabels':{'color':'blue'}}}]," };

struct workload_kind {
    const char *name;
    size_t nodes, init, measured;
    const struct sort *first[5], *then; /* init pods of each of the first */
    double peer;
    size_t namespaces; /* init pods go round these; 0: one */
};

static const struct workload_kind workloads[] = {
    { "pod_anti_affinity", 5000, 1000, 2000, { &anti }, &anti, 60, 0 },
    { "pod_matching_anti_affinity", 5000, 1000, 5000, { &anti }, &green, 595, 0 },
    { "pod_affinity", 5000, 5000, 5000, { &near }, &near, 35, 0 },
    { "preferred_pod_affinity", 5000, 5000, 5000, { &likes }, &likes, 90, 0 },
    { "preferred_pod_anti_affinity", 5000, 5000, 5000, { &dislikes }, &dislikes, 90, 0 },
    { "mixed_base_pod",
      5000,
      2000,
      5000,
      { &plain, &near, &anti, &likes, &dislikes },
      &plain,
      140,
      0 },
    { "anti_affinity_ns_selector", 6000, 4000, 2000, { &anti_selected }, &anti_selected, 24, 100 },
    { "preferred_anti_affinity_ns_selector",
      6000,
      4000,
      2000,
      { &dislikes_selected },
      &dislikes_selected,
      55,
      100 },
    { "topology_spreading", 5000, 5000, 5000, { &plain }, &spread, 460, 0 },
    { "preferred_topology_spreading", 5000, 5000, 5000, { &plain }, &spread_softly, 340, 0 },
    { "default_topology_spreading", 5000, 5000, 50000, { &plain }, &of_service, 160, 0 },
    { "node_inclusion_policy", 5000, 0, 4000, { NULL }, &picky, 270, 0 },
};

static struct kobj *make_pod(const struct sort *sort, const char *ns, size_t number)
{
    return world_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'%s','name':'%s-%zu','uid':"
        "'%s-%zu','labels':{'color':'%s'}},'spec':{%s'schedulerName':'default-scheduler',"
        "'containers':[{'name':'c','image':'registry.k8s.io/pause:3.10','resources':{'requests':"
        "{'cpu':'100m','memory':'500Mi'}}}]}}",
        ns, sort->color, number, sort->color, number, sort->color, sort->spec);
}

static void put_pod(struct sched_core *s, struct kobj *pod)
{
    core_pod_set(s, pod, now);
    kobj_unref(pod);
}

static size_t decide_all(struct sched_core *s)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    size_t bound = 0;
    do {
        core_step(s, now, a, &d);
        bound += d.kind == DECISION_BIND ? d.n : 0;
        arena_reset(a);
    } while (d.kind != DECISION_NONE);
    return bound;
}

static void put_namespace(struct sched_core *s, const char *name)
{
    struct kobj *o = world_object("{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'%s',"
                                  "'labels':{'team':'devops'}}}",
                                  name);
    core_namespace_set(s, o, now);
    kobj_unref(o);
}

static void put_init(struct sched_core *s, const struct workload_kind *w)
{
    char ns[32];
    size_t namespaces = w->namespaces ? w->namespaces : 1;
    for (size_t i = 0; w->namespaces && i < namespaces; i++) {
        snprintf(ns, sizeof ns, "init-%zu", i);
        put_namespace(s, ns);
    }
    for (size_t k = 0; k < COUNT_OF(w->first) && w->first[k]; k++) {
        for (size_t i = 0; i < w->init; i++) {
            if (w->namespaces)
                snprintf(ns, sizeof ns, "init-%zu", i % namespaces);
            else
                snprintf(ns, sizeof ns, "sched-0");
            put_pod(s, make_pod(w->first[k], ns, k * w->init + i));
        }
        decide_all(s);
    }
}

static void put_service(struct sched_core *s)
{
    struct kobj *o = world_object("{'apiVersion':'v1','kind':'Service','metadata':{'namespace':"
                                  "'sched-1','name':'service'},'spec':{'selector':{'color':"
                                  "'foo'}}}");
    core_selecting_set(s, SELECTING_SERVICE, o, now);
    kobj_unref(o);
}

/* A fifth of the nodes is tainted where node policies are asked about. */
static void taint_nodes(struct sched_core *s, size_t nodes)
{
    for (size_t i = 0; i < nodes; i += 5) {
        struct kobj *o = world_object(
            "{'apiVersion':'v1','kind':'Node','metadata':{'name':'node-%zu','labels':{'" HOST
            "':'node-%zu'}},'spec':{'taints':[{'key':'foo','effect':'NoSchedule'}]},'status':{"
            "'allocatable':{'cpu':'4','memory':'32Gi','pods':'110'}}}",
            i, i);
        core_node_set(s, o, now);
        kobj_unref(o);
    }
}

static void run(const struct workload_kind *w, size_t part)
{
    struct sched_core *s = world_new(w->nodes / part, false);
    put_namespace(s, "sched-1");
    if (w->then == &picky)
        taint_nodes(s, w->nodes / part);
    if (w->then == &of_service)
        put_service(s);
    struct workload_kind smaller = *w;
    smaller.init /= part;
    put_init(s, &smaller);
    size_t n = w->measured / part;
    struct kobj **pods = mem_alloc_array(n, sizeof(struct kobj *));
    for (size_t i = 0; i < n; i++)
        pods[i] = make_pod(w->then, "sched-1", 1000000 + i);
    int64_t start = clock_mono().ns;
    for (size_t i = 0; i < n; i++)
        put_pod(s, pods[i]);
    size_t bound = decide_all(s);
    double seconds = (double)(clock_mono().ns - start) / 1e9;
    free(pods);
    if (bound != n)
        fprintf(stderr, "%s: only %zu of %zu placed\n", w->name, bound, n);
    double rate = (double)bound / seconds;
    printf("{\"bench\":\"relations\",\"metric\":\"%s_%zu_nodes_%zu_pods\",\"value\":%.0f,\"unit\":"
           "\"pods/s\",\"peer\":\"kube-scheduler CI threshold\",\"peer_value\":%.0f,\"ratio\":%.1f}"
           "\n",
           w->name, w->nodes / part, n, rate, w->peer, rate / w->peer);
    core_free(s);
}

/* Arguments: only workloads whose names begin like one of them. */
int main(int argc, char **argv)
{
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    for (size_t i = 0; i < COUNT_OF(workloads); i++) {
        bool wanted = argc < 2;
        for (int k = 1; k < argc; k++)
            wanted = wanted || !strncmp(workloads[i].name, argv[k], strlen(argv[k]));
        if (wanted)
            run(&workloads[i], quick ? 10 : 1);
    }
    return 0;
}
