/* SPDX-License-Identifier: Apache-2.0
 * dra_bench — claims that come, get a device and go, on 500 nodes with 10 devices each of which
 * none, half or nine tenths are held: the steady state of Kubernetes' scheduler_perf (its workload
 * SteadyStateClusterResourceClaimTemplate, whose published thresholds are 64, 70 and 60 pods/s with
 * an API server in the process). Ours is the core alone: objects in, decision out; the API write is
 * measured by bench/up. One JSON line per figure. */
#include <stdio.h>
#include <stdlib.h>

#include "io/clock.h"
#include "scheduler/world.h"

enum { NODES = 500, DEVICES = 10, MEASURED = 2000 };

static void put(struct sched_core *s, enum dra_kind kind, struct kobj *o)
{
    core_device_set(s, kind, o, (struct mono){ 0 });
    kobj_unref(o);
}

static void put_slice(struct sched_core *s, size_t node)
{
    char devices[4096];
    size_t n = 0;
    for (int i = 0; i < DEVICES; i++)
        n += (size_t)snprintf(devices + n, sizeof devices - n,
                              "%s{'name':'d%d','attributes':{'model':{'string':'m'}}}",
                              i ? "," : "", i);
    AUTO(kobj_unrefp) struct kobj *o = world_node(node, false);
    put(s, DRA_SLICE,
        world_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':'%.*s'}"
            ",'spec':{'driver':'test.example.com','nodeName':'%.*s','pool':{'name':'%.*s',"
            "'generation':1,'resourceSliceCount':1},'devices':[%s]}}",
            STR_ARG(o->name), STR_ARG(o->name), STR_ARG(o->name), devices));
}

static void put_claim(struct sched_core *s, size_t i)
{
    put(s, DRA_CLAIM,
        world_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{'namespace':"
            "'default','name':'c%zu','uid':'c%zu'},'spec':{'devices':{'requests':[{'name':'r',"
            "'exactly':{'deviceClassName':'test','allocationMode':'ExactCount','count':1}}]}}}",
            i, i));
}

static void put_pod(struct sched_core *s, size_t i, struct mono now)
{
    AUTO(kobj_unrefp)
    struct kobj *o = world_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default','name':'p%zu','uid':'u%"
        "zu'"
        "},'spec':{'schedulerName':'ganglion','resourceClaims':[{'name':'r','resourceClaimName':"
        "'c%zu'}],'containers':[{'name':'c','image':'i'}]},'status':{'phase':'Pending'}}",
        i, i, i);
    core_pod_set(s, o, now);
}

static void drop(struct sched_core *s, size_t i, struct mono now)
{
    char name[32];
    snprintf(name, sizeof name, "p%zu", i);
    core_pod_del(s, STR("default"), str_from(name), now);
    AUTO(kobj_unrefp)
    struct kobj *o =
        world_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
                     "'namespace':'default','name':'c%zu'}}",
                     i);
    core_device_del(s, DRA_CLAIM, o, now);
}

static void schedule(struct sched_core *s, size_t i, struct arena *a)
{
    struct decision d;
    struct mono now = { (int64_t)i * NS_PER_MS };
    put_claim(s, i);
    put_pod(s, i, now);
    core_step(s, now, a, &d);
    if (d.kind != DECISION_BIND) {
        fprintf(stderr, "not placed: %.*s\n", STR_ARG(d.message));
        exit(1);
    }
    arena_reset(a);
}

static void steady_state(const char *name, size_t held, double peer)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = world_new(NODES, false);
    put(s, DRA_CLASS,
        world_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass','metadata':{'name':'test'},"
            "'spec':{'selectors':[{'cel':{'expression':'device.driver == \\'test.example.com\\''"
            "}}]}}"));
    for (size_t i = 0; i < NODES; i++)
        put_slice(s, i);
    for (size_t i = 0; i < held; i++)
        schedule(s, i, a);
    int64_t start = clock_mono().ns;
    for (size_t i = held; i < held + MEASURED; i++) {
        schedule(s, i, a);
        drop(s, i, (struct mono){ (int64_t)i * NS_PER_MS });
    }
    double rate = MEASURED / ((double)(clock_mono().ns - start) / 1e9);
    printf("{\"bench\":\"dra\",\"metric\":\"steady_state_%s_500_nodes\",\"value\":%.0f,\"unit\":"
           "\"pods/s\",\"peer\":\"kube-scheduler's scheduler_perf threshold, API included\","
           "\"peer_value\":%.0f,\"ratio\":%.1f}\n",
           name, rate, peer, rate / peer);
    core_free(s);
}

int main(void)
{
    steady_state("empty", 0, 64);
    steady_state("half", NODES * DEVICES / 2, 70);
    steady_state("full", NODES * DEVICES * 9 / 10, 60);
    return 0;
}
