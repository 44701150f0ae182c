/* SPDX-License-Identifier: Apache-2.0
 * waiting_bench — what pods that do not fit cost: themselves, and the others that wait behind them.
 * The world is that of Kubernetes' starvation suite: 10,000 nodes, 10,000 unschedulable pods of
 * high priority, 500 victims whose eviction would not be enough. One JSON line per figure. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scheduler/world.h"

static const struct mono now = { NS_PER_S };

struct pod_text {
    const char *name, *node;
    size_t number;
    int priority;
    long cpu_milli, mem_mib;
};

static void put_pod(struct sched_core *s, const struct pod_text *p)
{
    char node[64] = "";
    if (p->node)
        snprintf(node, sizeof node, "'nodeName':'%s',", p->node);
    struct kobj *o = world_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'b','name':'%s-%zu','uid':"
        "'%s-%zu'},'spec':{%s'schedulerName':'default-scheduler','priority':%d,'containers':["
        "{'name':'c','resources':{'requests':{'cpu':'%ldm','memory':'%ldMi'}}}]}}",
        p->name, p->number, p->name, p->number, node, p->priority, p->cpu_milli, p->mem_mib);
    core_pod_set(s, o, now);
    kobj_unref(o);
}

/* Each node of 4 CPUs gives half of them to a pod of high priority; 500 nodes also hold a victim of
 * one CPU: 3 CPUs are free there only if both leave. */
static struct sched_core *full_world(size_t nodes, size_t victims)
{
    struct sched_core *s = world_new(nodes, false);
    char name[32];
    for (size_t i = 0; i < nodes; i++) {
        snprintf(name, sizeof name, "node-%zu", i);
        put_pod(s, &(struct pod_text){ "stays", name, i, 1000, 2000, 10 });
        if (i < victims)
            put_pod(s, &(struct pod_text){ "victim", name, i, 0, 1000, 10 });
    }
    return s;
}

/* Microseconds of CPU: the core waits for nothing, and other programs do not count. */
static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Steps until the pod is bound, or nothing is due; in microseconds. */
static double drain(struct sched_core *s, size_t *steps, bool *bound)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d = { .kind = DECISION_WAIT };
    double start = cpu_us();
    for (*steps = 0; d.kind == DECISION_WAIT; (*steps)++) {
        core_step(s, now, a, &d);
        arena_reset(a);
    }
    *bound = d.kind == DECISION_BIND;
    return cpu_us() - start;
}

static void report(const char *metric, size_t nodes, double value, const char *unit)
{
    printf("{\"bench\":\"waiting\",\"metric\":\"%s_%zu_nodes\",\"value\":%.3f,\"unit\":\"%s\"}\n",
           metric, nodes, value, unit);
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "waiting: %s\n", what);
    exit(1);
}

#define CPUS 900 /* amounts of more than 3 and less than 4 CPUs */

/* All wait at once, of so many shapes in turn, and the one that fits is the last in the queue's
 * order. Twins cost one attempt, and are told why they wait after the one that fits. */
static void starvation(size_t nodes, size_t waiting, size_t shapes)
{
    struct sched_core *s = full_world(nodes, 500);
    char metric[64];
    size_t steps, more;
    bool bound;
    for (size_t i = 0; i < waiting; i++)
        put_pod(s, &(struct pod_text){ "big", NULL, i, 1000, 3001 + (long)(i % shapes % CPUS),
                                       10 + (long)(i % shapes / CPUS) });
    put_pod(s, &(struct pod_text){ "small", NULL, 0, 0, 100, 10 });
    double us = drain(s, &steps, &bound);
    must(bound && core_count(s).cycles == shapes + 1, "each shape must be tried once");
    double rest_us = drain(s, &more, &bound);
    must(!bound && steps + more == waiting + 2, "each must be told once that it waits");
    char kind[48] = "twins";
    if (shapes > 1)
        snprintf(kind, sizeof kind, "of_%zu_shapes", shapes);
    snprintf(metric, sizeof metric, "bound_behind_%zu_%s", waiting, kind);
    report(metric, nodes, us / 1e3, "ms");
    snprintf(metric, sizeof metric, "unschedulable_%zu_%s_each", waiting, kind);
    report(metric, nodes, (us + rest_us) / (double)waiting, "us");

    /* they are parked; one more arrives */
    put_pod(s, &(struct pod_text){ "small", NULL, 1, 0, 100, 10 });
    us = drain(s, &steps, &bound);
    must(bound && steps == 1, "nobody else may be due");
    snprintf(metric, sizeof metric, "bound_beside_%zu_parked_%s", waiting, kind);
    report(metric, nodes, us / 1e3, "ms");

    /* a pod leaves a node that none of them fits on even then */
    double start = cpu_us();
    core_pod_del(s, STR("b"), STR("victim-0"), now);
    put_pod(s, &(struct pod_text){ "small", NULL, 2, 0, 100, 10 });
    drain(s, &steps, &bound);
    must(bound && steps == 1, "an event that helps nobody must wake nobody");
    snprintf(metric, sizeof metric, "event_and_bind_beside_%zu_%s", waiting, kind);
    report(metric, nodes, (cpu_us() - start) / 1e3, "ms");
    core_free(s);
}

/* NODES PODS SHAPES: one case alone. */
int main(int argc, char **argv)
{
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    if (argc == 4) {
        starvation(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10),
                   strtoul(argv[3], NULL, 10));
        return 0;
    }
    starvation(quick ? 1000 : 10000, 1000, 1);
    if (quick)
        return 0;
    starvation(10000, 10000, 1);
    starvation(1000, 1000, 900);
    starvation(10000, 10000, 100);
    starvation(10000, 10000, 10000);
    return 0;
}
