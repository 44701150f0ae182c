/* SPDX-License-Identifier: Apache-2.0
 * waiting_bench — what pods that do not fit cost: themselves, and the others that wait behind them.
 * The world is that of Kubernetes' starvation suite: 10,000 nodes, 10,000 unschedulable pods of
 * high priority, 500 victims whose eviction would not be enough. One JSON line per figure. */
#include <stdio.h>
#include <stdlib.h>

#include "io/clock.h"
#include "scheduler/world.h"

enum { SHAPES = 900 }; /* that ask for more than 3 and less than 4 CPUs */

static const struct mono now = { NS_PER_S };

struct pod_text {
    const char *name, *node;
    size_t number;
    int priority;
    long cpu_milli;
};

static void put_pod(struct sched_core *s, const struct pod_text *p)
{
    char node[64] = "";
    if (p->node)
        snprintf(node, sizeof node, "'nodeName':'%s',", p->node);
    struct kobj *o = world_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'b','name':'%s-%zu','uid':"
        "'%s-%zu'},'spec':{%s'schedulerName':'default-scheduler','priority':%d,'containers':["
        "{'name':'c','resources':{'requests':{'cpu':'%ldm','memory':'10Mi'}}}]}}",
        p->name, p->number, p->name, p->number, node, p->priority, p->cpu_milli);
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
        put_pod(s, &(struct pod_text){ "stays", name, i, 1000, 2000 });
        if (i < victims)
            put_pod(s, &(struct pod_text){ "victim", name, i, 0, 1000 });
    }
    return s;
}

/* Steps until the pod is bound, or nothing is due; in microseconds. */
static double drain(struct sched_core *s, size_t *steps, bool *bound)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d = { .kind = DECISION_WAIT };
    int64_t start = clock_mono().ns;
    for (*steps = 0; d.kind == DECISION_WAIT; (*steps)++) {
        core_step(s, now, a, &d);
        arena_reset(a);
    }
    *bound = d.kind == DECISION_BIND;
    return (double)(clock_mono().ns - start) / 1e3;
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

/* All wait at once, and the one that fits is the last in the queue's order; distinct: each asks
 * differently. Twins cost one attempt, and are told why they wait after the one that fits. */
static void starvation(size_t nodes, size_t waiting, bool distinct)
{
    struct sched_core *s = full_world(nodes, 500);
    char metric[64];
    size_t steps, more, tries = distinct ? SHAPES : 1;
    bool bound;
    for (size_t i = 0; i < waiting; i++)
        put_pod(s, &(struct pod_text){ "big", NULL, i, 1000,
                                       3001 + (distinct ? (long)(i % SHAPES) : 0) });
    put_pod(s, &(struct pod_text){ "small", NULL, 0, 0, 100 });
    double us = drain(s, &steps, &bound);
    must(bound && core_count(s).cycles == tries + 1, "each shape must be tried once");
    double rest_us = drain(s, &more, &bound);
    must(!bound && steps + more == waiting + 2, "each must be told once that it waits");
    const char *kind = distinct ? "shapes" : "twins";
    snprintf(metric, sizeof metric, "bound_behind_%zu_%s", waiting, kind);
    report(metric, nodes, us / 1e3, "ms");
    snprintf(metric, sizeof metric, "unschedulable_%s_each", kind);
    report(metric, nodes, (us + rest_us) / (double)waiting, "us");

    /* they are parked; one more arrives */
    put_pod(s, &(struct pod_text){ "small", NULL, 1, 0, 100 });
    us = drain(s, &steps, &bound);
    must(bound && steps == 1, "nobody else may be due");
    snprintf(metric, sizeof metric, "bound_beside_%zu_parked_%s", waiting, kind);
    report(metric, nodes, us / 1e3, "ms");

    /* a pod leaves a node that none of them fits on even then */
    int64_t start = clock_mono().ns;
    core_pod_del(s, STR("b"), STR("victim-0"), now);
    put_pod(s, &(struct pod_text){ "small", NULL, 2, 0, 100 });
    drain(s, &steps, &bound);
    must(bound && steps == 1, "an event that helps nobody must wake nobody");
    snprintf(metric, sizeof metric, "event_and_bind_beside_%zu_%s", waiting, kind);
    report(metric, nodes, (double)(clock_mono().ns - start) / 1e6, "ms");
    core_free(s);
}

int main(void)
{
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    starvation(quick ? 1000 : 10000, 1000, false);
    if (quick)
        return 0;
    starvation(10000, 10000, false);
    starvation(1000, 1000, true);
    return 0;
}
