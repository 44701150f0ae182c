/* SPDX-License-Identifier: Apache-2.0
 * preempt_bench — how long finding victims takes. One JSON line per figure.
 *
 * reclaim_N_nodes is KAI-Scheduler's benchmark ReclaimLargeJobs (commit 72de64fc,
 * pkg/scheduler/actions/integration_tests/reclaim): N nodes of 8 GPUs, full of 8N jobs of one GPU
 * in a queue that deserves nothing; one pending job of N/10 tasks of 8 GPUs in a queue that
 * deserves all. The peer's figures were measured for this project on 2 shared cores (Go 1.26.8),
 * about 100 ms of each its session set-up; 1,000 nodes never finished there. Ours is the one step
 * that decides. preempt_pod is one pod of high priority on a full cluster of small ones. */
#include <stdio.h>
#include <stdlib.h>

#include "io/clock.h"
#include "scheduler/world.h"

static const struct mono now = { NS_PER_S };

static void put_node(struct sched_core *s, size_t i)
{
    struct kobj *o =
        world_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n%zu','labels':{"
                     "'kubernetes.io/hostname':'n%zu'}},'status':{'allocatable':{'cpu':'128',"
                     "'memory':'1Ti','pods':'110','nvidia.com/gpu':'8'}}}",
                     i, i);
    core_node_set(s, o, now);
    kobj_unref(o);
}

static void put_queue(struct sched_core *s, const char *name, size_t gpus)
{
    struct err err = { 0 };
    struct kobj *o =
        world_object("{'apiVersion':'scheduling.run.ai/v2','kind':'Queue','metadata':{'name':"
                     "'%s'},'spec':{'resources':{'gpu':{'quota':%zu,'limit':-1,"
                     "'overQuotaWeight':1}}}}",
                     name, gpus);
    if (core_queue_set(s, o, now, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    kobj_unref(o);
}

struct pod_text {
    const char *name, *labels, *node;
    size_t number, gpus;
    int priority;
};

static void put_pod(struct sched_core *s, const struct pod_text *p)
{
    char node[64] = "";
    if (p->node)
        snprintf(node, sizeof node, "'nodeName':'%s',", p->node);
    struct kobj *o =
        world_object("{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':"
                     "'%s-%zu','uid':'%s-%zu','labels':{%s}},'spec':{%s'schedulerName':"
                     "'ganglion','priority':%d,'containers':[{'name':'c','resources':{"
                     "'requests':{'cpu':'1','nvidia.com/gpu':'%zu'}}}]},'status':{"
                     "'startTime':'2026-11-01T00:00:00Z'}}",
                     p->name, p->number, p->name, p->number, p->labels, node, p->priority, p->gpus);
    core_pod_set(s, o, now);
    kobj_unref(o);
}

static double step(struct sched_core *s, size_t victims)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    int64_t start = clock_mono().ns;
    core_step(s, now, a, &d);
    double ms = (double)(clock_mono().ns - start) / 1e6;
    if (d.kind != DECISION_PREEMPT || d.n_victims != victims) {
        fprintf(stderr, "%zu victims, wanted %zu: %.*s\n", d.n_victims, victims,
                STR_ARG(d.message));
        exit(1);
    }
    return ms;
}

static void report(const char *metric, size_t nodes, double ms, double peer_ms)
{
    printf("{\"bench\":\"preempt\",\"metric\":\"%s_%zu_nodes\",\"value\":%.3f,\"unit\":\"ms\"",
           metric, nodes, ms);
    if (peer_ms > 0)
        printf(",\"peer\":\"KAI-Scheduler 72de64fc\",\"peer_value\":%.0f,\"ratio\":%.1f", peer_ms,
               peer_ms / ms);
    printf("}\n");
}

static void fill(struct sched_core *s, size_t nodes, const char *labels)
{
    for (size_t i = 0; i < nodes; i++)
        put_node(s, i);
    for (size_t i = 0; i < 8 * nodes; i++) {
        char node[32];
        snprintf(node, sizeof node, "n%zu", i / 8);
        put_pod(s, &(struct pod_text){
                       .name = "low", .labels = labels, .node = node, .number = i, .gpus = 1 });
    }
}

static void reclaim(size_t nodes, double peer_ms)
{
    struct sched_core *s = core_new_default();
    char labels[256];
    put_queue(s, "queue-0", 0);
    put_queue(s, "queue-1", 8 * nodes);
    fill(s, nodes, "'kai.scheduler/queue':'queue-0'");
    snprintf(labels, sizeof labels,
             "'kai.scheduler/queue':'queue-1','pod-group.scheduling.kubenexus.io/name':'big',"
             "'pod-group.scheduling.kubenexus.io/min-available':'%zu'",
             nodes / 10);
    for (size_t i = 0; i < nodes / 10; i++)
        put_pod(s, &(struct pod_text){ .name = "big", .labels = labels, .number = i, .gpus = 8 });
    report("reclaim", nodes, step(s, nodes / 10 * 8), peer_ms);
    core_free(s);
}

static void one_pod(size_t nodes)
{
    struct sched_core *s = core_new_default();
    double sum = 0;
    fill(s, nodes, "");
    for (size_t i = 0; i < 20; i++) {
        put_pod(s, &(struct pod_text){
                       .name = "high", .labels = "", .number = i, .gpus = 4, .priority = 100 });
        sum += step(s, 4);
    }
    report("preempt_pod", nodes, sum / 20, 0);
    core_free(s);
}

int main(void)
{
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    reclaim(100, 543);
    one_pod(1000);
    if (quick)
        return 0;
    reclaim(200, 2280);
    reclaim(500, 24400);
    reclaim(1000, 0);
    one_pod(5000);
    return 0;
}
