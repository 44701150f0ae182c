/* SPDX-License-Identifier: Apache-2.0
 * growth_bench — how a decision's time grows with the cluster, what a node and a pod weigh, and how
 * long the core needs from a whole cluster's objects to its first decision. Weights are bytes of
 * the heap; "core" is what the scheduler adds to an object that is in memory anyhow. One JSON line
 * per figure. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/clock.h"
#include "scheduler/world.h"

static const struct mono now = { NS_PER_S };

static void report(const char *metric, size_t nodes, double value, const char *unit)
{
    printf("{\"bench\":\"growth\",\"metric\":\"%s_%zu_nodes\",\"value\":%.3f,\"unit\":\"%s\"}\n",
           metric, nodes, value, unit);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The decision for one pod that fits; microseconds. */
static double decide(struct sched_core *s, enum pod_kind kind, size_t i, struct arena *a)
{
    struct kobj *o = world_pod(kind, i, i, 1);
    struct decision d;
    core_pod_set(s, o, now);
    kobj_unref(o);
    int64_t start = clock_mono().ns;
    core_step(s, now, a, &d);
    double us = (double)(clock_mono().ns - start) / 1e3;
    if (d.kind != DECISION_BIND) {
        fprintf(stderr, "not placed: %.*s\n", STR_ARG(d.message));
        exit(1);
    }
    arena_reset(a);
    return us;
}

static void decisions(enum pod_kind kind, const char *name, size_t nodes)
{
    enum { SAMPLES = 300, WARM = 20 };
    static double us[SAMPLES];
    struct sched_core *s = world_new(nodes, kind == POD_NUMA || kind == POD_GANG);
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < WARM; i++)
        decide(s, kind, i, a);
    for (size_t i = 0; i < SAMPLES && i + WARM < nodes; i++)
        us[i] = decide(s, kind, WARM + i, a);
    size_t n = nodes - WARM < SAMPLES ? nodes - WARM : SAMPLES;
    qsort(us, n, sizeof *us, compare_doubles);
    report(name, nodes, us[n / 2], "us");
    core_free(s);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static struct kobj *bound_pod(size_t i, size_t nodes)
{
    return world_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'b','name':'run-%zu','uid':"
        "'8f0c6a52-91a5-4d40-9d3f-%012zu','labels':{'app':'web','pod-template-hash':'7d4b9c6f5'},"
        "'ownerReferences':[{'apiVersion':'apps/v1','kind':'ReplicaSet','name':'web','uid':'rs',"
        "'controller':true}]},'spec':{'nodeName':'node-%zu','schedulerName':'default-scheduler',"
        "'tolerations':[{'key':'node.kubernetes.io/not-ready','operator':'Exists','effect':"
        "'NoExecute','tolerationSeconds':300}],'containers':[{'name':'c','image':"
        "'registry.k8s.io/pause:3.10','resources':{'requests':{'cpu':'100m','memory':'500Mi'}}}]},"
        "'status':{'phase':'Running'}}",
        i, i, i % nodes);
}

/* All objects are in memory before: what grows is the core's. */
static void cold_start(size_t nodes, size_t pods)
{
    struct kobj **all = mem_alloc_array(nodes + pods, sizeof(struct kobj *));
    AUTO(arena_freep) struct arena *a = arena_new();
    char metric[64];
    size_t before = heap_bytes();
    for (size_t i = 0; i < nodes; i++)
        all[i] = world_node(i, false);
    size_t parsed = heap_bytes();
    for (size_t i = 0; i < pods; i++)
        all[nodes + i] = bound_pod(i, nodes);
    size_t with_pods = heap_bytes();

    int64_t start = clock_mono().ns;
    struct sched_core *s = core_new_default();
    size_t empty = heap_bytes();
    for (size_t i = 0; i < nodes; i++)
        core_node_set(s, all[i], now);
    size_t noded = heap_bytes();
    for (size_t i = 0; i < pods; i++)
        core_pod_set(s, all[nodes + i], now);
    size_t full = heap_bytes();
    decide(s, POD_PLAIN, 0, a);
    double ms = (double)(clock_mono().ns - start) / 1e6;
    snprintf(metric, sizeof metric, "first_decision_after_%zu_pods", pods);
    report(metric, nodes, ms, "ms");
    report("core_bytes_of_a_node", nodes, (double)(noded - empty) / (double)nodes, "bytes");
    report("core_bytes_of_a_pod", nodes, (double)(full - noded) / (double)pods, "bytes");
    report("object_bytes_of_a_node", nodes, (double)(parsed - before) / (double)nodes, "bytes");
    report("object_bytes_of_a_pod", nodes, (double)(with_pods - parsed) / (double)pods, "bytes");
    core_free(s);
    for (size_t i = 0; i < nodes + pods; i++)
        kobj_unref(all[i]);
    free(all);
}

int main(void)
{
    static const size_t sizes[] = { 100, 1000, 5000, 20000, 100000 };
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    for (size_t i = 0; i < (quick ? 2 : COUNT_OF(sizes)); i++) {
        decisions(POD_PLAIN, "plain", sizes[i]);
        decisions(POD_SPREAD, "spread", sizes[i]);
        decisions(POD_ANTI, "anti_affinity", sizes[i]);
        decisions(POD_NUMA, "numa", sizes[i]);
    }
    cold_start(quick ? 1000 : 5000, quick ? 10000 : 140000);
    return 0;
}
