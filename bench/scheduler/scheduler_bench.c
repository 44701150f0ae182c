/* SPDX-License-Identifier: Apache-2.0
 * scheduler_bench — how fast the core decides, all nodes always scored, beside the real
 * kube-scheduler. One JSON line per figure.
 *
 * The peers' figures are not from this run. kube-scheduler: one SchedulePod cycle of v1.36.3
 * (Go 1.26), snapshot ready, on 2 shared cores, lowest of five medians of 50; "all": every node
 * scored, "sample": its default of 420 of 1,000 and 500 of 5,000 nodes. KAI-Scheduler: its own
 * benchmark GangScheduling, commit 72de64fc, 2 shared cores, about 100 ms of it session set-up. A
 * cycle of ours ends with the pod assumed; the API write is measured by bench/up. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "scheduler/world.h"

struct samples {
    double *us;
    size_t n;
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile(struct samples *s, double q)
{
    qsort(s->us, s->n, sizeof *s->us, compare_doubles);
    return s->n ? s->us[(size_t)((double)(s->n - 1) * q)] : 0;
}

static void
report(const char *metric, double value, const char *unit, const char *peer, double peer_value)
{
    printf("{\"bench\":\"scheduler\",\"metric\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"", metric,
           value, unit);
    if (peer)
        printf(",\"peer\":\"%s\",\"peer_value\":%.3f,\"ratio\":%.1f", peer, peer_value,
               peer_value / value);
    printf("}\n");
}

/* Feeds n pods and times the cycle of each; gangs of `members`. */
static struct samples run(struct sched_core *s, enum pod_kind kind, size_t n, size_t members)
{
    static size_t name; /* never twice the same */
    struct samples out = { mem_alloc_array(n, sizeof(double)), 0 };
    AUTO(arena_freep) struct arena *a = arena_new();
    struct mono now = { NS_PER_S };
    for (size_t i = 0; i < n; i++) {
        for (size_t m = 0; m < members; m++) {
            AUTO(kobj_unrefp) struct kobj *o = world_pod(kind, name++, i, members);
            core_pod_set(s, o, now);
        }
        struct decision d;
        int64_t start = clock_mono().ns;
        core_step(s, now, a, &d);
        out.us[out.n++] = (double)(clock_mono().ns - start) / 1e3;
        if (d.kind != DECISION_BIND) {
            fprintf(stderr, "not placed: %.*s\n", STR_ARG(d.message));
            exit(1);
        }
        arena_reset(a);
    }
    return out;
}

static void one_kind(const char *name, enum pod_kind kind, size_t nodes, const double peer[2])
{
    struct sched_core *s = world_new(nodes, kind == POD_NUMA);
    struct samples first = run(s, POD_PLAIN, nodes < 1000 ? nodes : 1000, 1);
    struct samples all = run(s, kind, nodes < 500 ? nodes : 500, 1);
    char metric[96];
    snprintf(metric, sizeof metric, "%s_%zu_nodes_cycle_p50", name, nodes);
    double p50 = quantile(&all, 0.5);
    if (peer) {
        report(metric, p50, "us", "kube-scheduler 1.36.3, all nodes", peer[0] * 1000);
        if (peer[1] > 0)
            report(metric, p50, "us", "kube-scheduler 1.36.3, sample", peer[1] * 1000);
    } else {
        report(metric, p50, "us", NULL, 0);
    }
    snprintf(metric, sizeof metric, "%s_%zu_nodes_cycle_p99", name, nodes);
    report(metric, quantile(&all, 0.99), "us", NULL, 0);
    free(first.us);
    free(all.us);
    core_free(s);
}

static size_t heap_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Pods per second through the core: object in, decision out; and what all of them weigh at the end,
 * their objects included. */
static void throughput(size_t nodes, size_t n)
{
    struct sched_core *s = world_new(nodes, false);
    struct kobj **pods = mem_alloc_array(n, sizeof *pods);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct mono now = { NS_PER_S };
    size_t empty = heap_bytes();
    for (size_t i = 0; i < n; i++)
        pods[i] = world_pod(POD_PLAIN, i, 0, 0);
    int64_t start = clock_mono().ns;
    for (size_t i = 0; i < n; i++)
        core_pod_set(s, pods[i], now);
    struct decision d;
    size_t bound = 0;
    do {
        core_step(s, now, a, &d);
        bound += d.n;
        arena_reset(a);
    } while (d.kind == DECISION_BIND);
    double seconds = (double)(clock_mono().ns - start) / 1e9;
    char metric[96];
    snprintf(metric, sizeof metric, "basic_%zu_nodes_%zu_pods", nodes, n);
    report(metric, (double)bound / seconds, "pods/s", NULL, 0);
    snprintf(metric, sizeof metric, "basic_%zu_nodes_%zu_pods_weight", nodes, n);
    report(metric, (double)(heap_bytes() - empty) / (double)n, "bytes/pod", NULL, 0);
    for (size_t i = 0; i < n; i++)
        kobj_unref(pods[i]);
    free(pods);
    core_free(s);
}

/* Gangs whose members must lie in one rack: object in, decision out. The peer is kube-scheduler's
 * topology-aware scheduling in its own CI (k/k#140611): 104 to 114 pods/s with every placement
 * scored, 492 to 630 with its limit on placements. */
static void racks(size_t nodes, size_t n, size_t members)
{
    struct sched_core *s = world_new(nodes, false);
    AUTO(kobj_unrefp) struct kobj *levels = world_topology();
    struct mono now = { NS_PER_S };
    core_topology_set(s, levels, now);
    int64_t start = clock_mono().ns;
    struct samples all = run(s, POD_RACK, n, members);
    double seconds = (double)(clock_mono().ns - start) / 1e9;
    char metric[96];
    snprintf(metric, sizeof metric, "rack_%zu_nodes_%zu_gangs_of_%zu", nodes, n, members);
    double rate = (double)(n * members) / seconds;
    printf("{\"bench\":\"scheduler\",\"metric\":\"%s\",\"value\":%.0f,\"unit\":\"pods/s\","
           "\"peer\":\"kube-scheduler TAS, best CI figure\",\"peer_value\":630,\"ratio\":%.1f}\n",
           metric, rate, rate / 630);
    free(all.us);
    core_free(s);
}

/* The first pod of a shape: nothing is kept yet. */
static void new_shape(size_t nodes)
{
    struct sched_core *s = world_new(nodes, false);
    struct samples all = { mem_alloc_array(50, sizeof(double)), 0 };
    for (int i = 0; i < 50; i++) {
        /* every sample meets a cluster that just changed, so that the shape is asked anew */
        struct kobj *extra = world_node(nodes + (size_t)i, false);
        core_node_set(s, extra, (struct mono){ 1 });
        kobj_unref(extra);
        struct samples one = run(s, POD_PLAIN, 1, 1);
        all.us[all.n++] = one.us[0];
        free(one.us);
        struct spod *p = core_cluster(s)->snap.pods.items[0];
        core_pod_del(s, p->obj->namespace, p->obj->name, (struct mono){ 1 });
    }
    char metric[96];
    snprintf(metric, sizeof metric, "new_shape_%zu_nodes_cycle_p50", nodes);
    report(metric, quantile(&all, 0.5), "us", NULL, 0);
    free(all.us);
    core_free(s);
}

/* 1,000 GPU nodes that 10,000 pods run on. */
static struct sched_core *busy_world(void)
{
    struct sched_core *s = world_new(1000, true);
    free(run(s, POD_PLAIN, 10000, 1).us);
    return s;
}

static void quantiles(const char *what, struct samples all, const char *unit, double per)
{
    char metric[96];
    snprintf(metric, sizeof metric, "%s_1000_nodes_10000_pods_p50", what);
    report(metric, quantile(&all, 0.5) / per, unit, NULL, 0);
    snprintf(metric, sizeof metric, "%s_1000_nodes_10000_pods_p99", what);
    report(metric, quantile(&all, 0.99) / per, unit, NULL, 0);
    free(all.us);
}

/* Gangs that are all there before the first is decided. */
static void at_once(struct sched_core *s, size_t gangs, size_t members)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct mono now = { NS_PER_S };
    for (size_t i = 0; i < gangs * members; i++) {
        AUTO(kobj_unrefp)
        struct kobj *o = world_pod(POD_GANG, 1000000 + i, 1000000 + i / members, members);
        core_pod_set(s, o, now);
    }
    struct decision d;
    size_t bound = 0;
    int64_t start = clock_mono().ns;
    do {
        core_step(s, now, a, &d);
        bound += d.kind == DECISION_BIND ? d.n : 0;
        arena_reset(a);
    } while (d.kind == DECISION_BIND);
    double ms = (double)(clock_mono().ns - start) / 1e6;
    if (bound != gangs * members) {
        fprintf(stderr, "only %zu members of %zu gangs placed\n", bound, gangs);
        exit(1);
    }
    report("100_gangs_of_8_at_once_1000_nodes_10000_pods", ms, "ms", NULL, 0);
}

static void gangs(void)
{
    struct sched_core *s = busy_world();
    quantiles("plain", run(s, POD_PLAIN, 1000, 1), "us", 1);
    quantiles("numa", run(s, POD_NUMA, 500, 1), "us", 1);
    quantiles("gang_of_8", run(s, POD_GANG, 200, 8), "us", 1);
    quantiles("gang_of_50", run(s, POD_GANG, 50, 50), "ms", 1000);
    at_once(s, 100, 8);
    core_free(s);
}

static void kai_gangs(void)
{
    struct sched_core *s = world_new(50, true);
    struct samples all = run(s, POD_GANG, 100, 4);
    double sum = 0;
    for (size_t i = 0; i < all.n; i++)
        sum += all.us[i];
    report("100_gangs_of_4_50_nodes", sum / 1000, "ms", "KAI-Scheduler 72de64fc", 285);
    free(all.us);
    core_free(s);
}

static void small(void)
{
    one_kind("plain", POD_PLAIN, 100, (const double[]){ 0.24, 0 });
    one_kind("plain", POD_PLAIN, 1000, (const double[]){ 2.88, 1.10 });
    one_kind("spread", POD_SPREAD, 1000, (const double[]){ 5.87, 1.68 });
    one_kind("anti_affinity", POD_ANTI, 1000, (const double[]){ 3.53, 3.44 });
    new_shape(1000);
    racks(1000, 100, 4);
}

static void large(void)
{
    one_kind("plain", POD_PLAIN, 5000, (const double[]){ 13.3, 1.52 });
    one_kind("spread", POD_SPREAD, 5000, (const double[]){ 27.4, 5.58 });
    one_kind("anti_affinity", POD_ANTI, 5000, (const double[]){ 20.0, 7.12 });
    one_kind("numa", POD_NUMA, 1000, NULL);
}

static void basic(void)
{
    throughput(5000, 10000);
}

static void basic_long(void)
{
    throughput(5000, 50000);
}

static void large_racks(void)
{
    racks(5000, 750, 4);
    racks(5000, 2250, 4);
    racks(5000, 9, 500);
}

static const struct {
    const char *name;
    void (*run)(void);
    bool quick;
} parts[] = {
    { "small", small, true },        { "gangs", gangs, true },  { "kai", kai_gangs, true },
    { "large", large, false },       { "basic", basic, false }, { "basic_long", basic_long, false },
    { "racks", large_racks, false },
};

/* Arguments: only these parts. */
int main(int argc, char **argv)
{
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        bool wanted = argc < 2 && (parts[i].quick || !quick);
        for (int k = 1; k < argc; k++)
            wanted = wanted || !strcmp(parts[i].name, argv[k]);
        if (wanted)
            parts[i].run();
    }
    return 0;
}
