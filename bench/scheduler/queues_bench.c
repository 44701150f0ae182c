/* SPDX-License-Identifier: Apache-2.0
 * queues_bench — deciding whose turn it is, in other projects' own benchmarks. One JSON line per
 * figure.
 *
 * allocate: KAI-Scheduler's benchmark AllocateAction (commit 72de64fc): nodes of 8 GPUs, pending
 * jobs of one GPU in four queues of two departments. Its figures were measured for this project on
 * 2 shared cores (Go 1.26.8), about 100 ms of each its session set-up. kueue_baseline: Kueue's
 * generator configs/baseline (commit cc13fff8): 5 cohorts of 6 queues, nominal 20, borrowing 100,
 * and in each queue 350 workloads of 1, 100 of 5 and 50 of 20; a workload that was admitted runs
 * and leaves. Its published figure is 42.7 admissions/s with an API server; ours is the core alone,
 * run times on a virtual clock, objects in and decisions out. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/clock.h"
#include "scheduler/world.h"

static void queue_set(struct sched_core *s, struct kobj *o)
{
    struct err err = { 0 };
    if (core_queue_set(s, o, (struct mono){ NS_PER_S }, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    kobj_unref(o);
}

static void report(const char *metric, double value, const char *unit, const char *peer, double v)
{
    bool rate = unit[0] != 'm';
    printf("{\"bench\":\"queues\",\"metric\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"peer\":\"%s\","
           "\"peer_value\":%.1f,\"ratio\":%.1f}\n",
           metric, value, unit, peer, v, rate ? value / v : v / value);
}

/* ---- KAI ---- */

static void put_kai_queue(struct sched_core *s, const char *name, const char *parent, size_t gpus)
{
    char of[64] = "";
    if (parent)
        snprintf(of, sizeof of, "'parentQueue':'%s',", parent);
    queue_set(s, world_object("{'apiVersion':'scheduling.run.ai/v2','kind':'Queue','metadata':{"
                              "'name':'%s'},'spec':{%s'resources':{'gpu':{'quota':%zu,'limit':-1,"
                              "'overQuotaWeight':1}}}}",
                              name, of, gpus));
}

static void allocate(size_t nodes, size_t jobs, double peer_ms)
{
    const struct mono now = { NS_PER_S };
    struct sched_core *s = world_new(nodes, true);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    char metric[64], queue[16];
    put_kai_queue(s, "dept-a", NULL, nodes * 4);
    put_kai_queue(s, "dept-b", NULL, nodes * 4);
    for (size_t i = 0; i < 4; i++) {
        snprintf(queue, sizeof queue, "queue-%zu", i);
        put_kai_queue(s, queue, i < 2 ? "dept-a" : "dept-b", nodes * 2);
    }
    for (size_t i = 0; i < jobs; i++) {
        struct kobj *o = world_object(
            "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'job-%zu','uid':"
            "'job-%zu','labels':{'kai.scheduler/queue':'queue-%zu'}},'spec':{'schedulerName':"
            "'ganglion','priority':50,'containers':[{'name':'c','resources':{'requests':{'cpu':"
            "'1','nvidia.com/gpu':'1'}}}]}}",
            i, i, i % 4);
        core_pod_set(s, o, now);
        kobj_unref(o);
    }
    size_t bound = 0;
    int64_t start = clock_mono().ns;
    do {
        core_step(s, now, a, &d);
        bound += d.kind == DECISION_BIND;
        arena_reset(a);
    } while (d.kind == DECISION_BIND);
    double ms = (double)(clock_mono().ns - start) / 1e6;
    if (bound != jobs) {
        fprintf(stderr, "%zu of %zu jobs placed: %.*s\n", bound, jobs, STR_ARG(d.message));
        exit(1);
    }
    snprintf(metric, sizeof metric, "allocate_%zu_nodes_%zu_jobs", nodes, jobs);
    report(metric, ms, "ms", "KAI-Scheduler 72de64fc", peer_ms);
    core_free(s);
}

/* ---- Kueue ---- */

enum { COHORTS = 5, QUEUES = 6 };

static const struct workload_kind {
    const char *name;
    size_t count;
    int64_t every_ms, run_ms;
    int priority, cpus;
} workloads[] = {
    { "small", 350, 100, 200, 50, 1 },
    { "medium", 100, 500, 500, 100, 5 },
    { "large", 50, 1200, 1000, 200, 20 },
};

#define WORKLOADS (COHORTS * QUEUES * 500)
#define BUDGET_S 20   /* of CPU; then the bench stops, and says so */
#define AGAIN_MS 1000 /* until an evicted workload comes back */

struct event { /* a workload comes, or the run that began then ends */
    int64_t at_ms;
    struct kobj *pod;
    int64_t began_ms; /* 0: it comes */
    uint64_t seq;
};

struct day {
    struct sched_core *s;
    struct heap events;
    int64_t *began_ms; /* of each workload, by number: its uid; 0: it does not run */
    size_t admitted, evicted, present; /* present: in the core */
};

static int64_t *began(const struct day *d, const struct kobj *pod)
{
    int64_t i = 0;
    return str_to_i64(pod->uid, &i) ? &d->began_ms[i] : NULL;
}

static bool event_less(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->at_ms != y->at_ms ? x->at_ms < y->at_ms : x->seq < y->seq;
}

static void push(struct day *d, struct kobj *pod, int64_t at_ms, int64_t began_ms)
{
    static uint64_t seq;
    struct event *e = MEM_NEW(struct event);
    *e = (struct event){ at_ms, pod, began_ms, seq++ };
    heap_push(&d->events, e);
}

static void put_queues(struct day *d)
{
    size_t number = 0;
    for (int c = 0; c < COHORTS; c++)
        queue_set(d->s, world_object("{'apiVersion':'kueue.x-k8s.io/v1beta1','kind':'Cohort',"
                                     "'metadata':{'name':'cohort-%d'}}",
                                     c));
    for (int q = 0; q < COHORTS * QUEUES; q++) {
        queue_set(d->s,
                  world_object("{'apiVersion':'kueue.x-k8s.io/v1beta1','kind':'ClusterQueue',"
                               "'metadata':{'name':'cq-%d'},'spec':{'cohort':'cohort-%d',"
                               "'preemption':{'reclaimWithinCohort':'Any','withinClusterQueue':"
                               "'LowerPriority'},'resourceGroups':[{'coveredResources':['cpu'],"
                               "'flavors':[{'name':'default','resources':[{'name':'cpu',"
                               "'nominalQuota':'20','borrowingLimit':'100'}]}]}]}}",
                               q, q / QUEUES));
        for (size_t w = 0; w < COUNT_OF(workloads); w++) {
            const struct workload_kind *k = &workloads[w];
            for (size_t i = 0; i < k->count; i++) {
                struct kobj *o = world_object(
                    "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':"
                    "'%s-%d-%zu','uid':'%zu','labels':{'kueue.x-k8s.io/queue-name':'cq-%d'}}"
                    ",'spec':{'schedulerName':'ganglion','priority':%d,'containers':[{'name':'c',"
                    "'resources':{'requests':{'cpu':'%d'}}}]}}",
                    k->name, q, i, number++, q, k->priority, k->cpus);
                push(d, o, 1000 + (int64_t)i * k->every_ms, 0);
            }
        }
    }
}

/* Room for everybody on the nodes: quota alone decides. */
static struct sched_core *kueue_world(void)
{
    struct sched_core *s = core_new_default();
    for (int i = 0; i < 32; i++) {
        struct kobj *o = world_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n%d'},"
                                      "'status':{'allocatable':{'cpu':'128','memory':'1Ti',"
                                      "'pods':'1100'}}}",
                                      i);
        core_node_set(s, o, (struct mono){ 1 });
        kobj_unref(o);
    }
    return s;
}

static int64_t run_ms(const struct spod *p)
{
    for (size_t i = 0; i < COUNT_OF(workloads); i++) {
        if (workloads[i].priority == p->view->priority)
            return workloads[i].run_ms;
    }
    return 0;
}

/* An event is over: what it let start begins its run; what is evicted leaves and comes back. */
static void settle(struct day *day, int64_t ms)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct mono now = { ms * 1000000 };
    struct decision d;
    do {
        core_step(day->s, now, a, &d);
        for (size_t i = 0; d.kind == DECISION_BIND && i < d.n; i++) {
            struct kobj *o = d.items[i].pod->obj;
            *began(day, o) = ms;
            push(day, kobj_ref(o), ms + run_ms(d.items[i].pod), ms);
            day->admitted++;
        }
        for (size_t i = 0; d.kind == DECISION_PREEMPT && i < d.n_victims; i++) {
            struct kobj *o = d.victims[i]->obj;
            push(day, kobj_ref(o), ms, *began(day, o)); /* its run ends now */
            push(day, kobj_ref(o), ms + AGAIN_MS, 0);
            day->evicted++;
        }
        arena_reset(a);
    } while (d.kind != DECISION_NONE);
}

static void happen(struct day *d, const struct event *e)
{
    struct mono now = { e->at_ms * 1000000 };
    if (!e->began_ms) {
        core_pod_set(d->s, e->pod, now);
        d->present++;
    } else if (*began(d, e->pod) == e->began_ms) {
        *began(d, e->pod) = 0;
        core_pod_del(d->s, e->pod->namespace, e->pod->name, now);
        d->present--;
    }
}

/* Seconds of CPU: the core waits for nothing, and other programs do not count. */
static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Those that back off get their turn before the next event. */
static void pass_time(struct day *d, int64_t *now_ms)
{
    const struct event *next = heap_peek(&d->events);
    struct mono due;
    while (core_next_due(d->s, &due) && due.ns / 1000000 + 1 > *now_ms && d->present &&
           (!next || due.ns / 1000000 + 1 < next->at_ms)) {
        *now_ms = due.ns / 1000000 + 1;
        settle(d, *now_ms);
        next = heap_peek(&d->events);
    }
}

static void baseline(void)
{
    struct day d = { .s = kueue_world(), .began_ms = mem_alloc_array(WORKLOADS, sizeof(int64_t)) };
    struct event *e;
    int64_t last_ms = 0;
    heap_init(&d.events, event_less, NULL);
    put_queues(&d);
    double start = cpu_s();
    while (cpu_s() - start < BUDGET_S && (e = heap_pop(&d.events))) {
        last_ms = e->at_ms;
        happen(&d, e);
        kobj_unref(e->pod);
        free(e);
        settle(&d, last_ms);
        pass_time(&d, &last_ms);
    }
    double seconds = cpu_s() - start;
    bool complete = !heap_peek(&d.events);
    if (complete && core_count(d.s).pods) {
        fprintf(stderr, "%zu workloads never ran\n", core_count(d.s).pods);
        exit(1);
    }
    while ((e = heap_pop(&d.events))) {
        kobj_unref(e->pod);
        free(e);
    }
    report(complete ? "kueue_baseline" : "kueue_baseline_until_stopped",
           (double)d.admitted / seconds, "admissions/s", "Kueue baseline", 42.7);
    if (complete)
        report("kueue_baseline_virtual_time", (double)last_ms, "ms", "Kueue baseline", 351100);
    heap_fini(&d.events);
    free(d.began_ms);
    core_free(d.s);
}

int main(void)
{
    allocate(10, 50, 117);
    allocate(50, 200, 197);
    allocate(100, 500, 513);
    if (!getenv("GANGLION_BENCH_QUICK"))
        baseline();
    return 0;
}
