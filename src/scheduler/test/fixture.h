/* SPDX-License-Identifier: Apache-2.0
 * fixture — small nodes and pods for scheduler tests, from one line each. */
#pragma once

#include <stdio.h>

#include "scheduler/core/core.h"
#include "testkit/check.h"

static inline struct mono at_s(int64_t seconds)
{
    return (struct mono){ seconds * NS_PER_S };
}

/* Single quotes stand for double ones, so that JSON reads in C. */
static inline struct kobj *fixture_object(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
static inline struct kobj *fixture_object(const char *fmt, ...)
{
    static char text[16384];
    struct kobj *o = NULL;
    struct err err = { 0 };
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    CHECK(n > 0 && (size_t)n < sizeof text);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    CHECK_OK(kobj_parse(&o, str_make(text, (size_t)n), &json_limits_own, &err), err);
    return o;
}

/* Two cells, 16 CPUs, 64Gi, 8 GPUs. extra: more of metadata, with a leading comma, or "". */
static inline void
fixture_node(struct sched_core *s, const char *name, const char *meta, const char *spec)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s','annotations':{"
        "'scheduling.ganglion.io/topology':'{\\'cells\\':["
        "{\\'resources\\':{\\'cpu\\':\\'8\\',\\'memory\\':\\'32Gi\\'},"
        "\\'devices\\':{\\'nvidia.com/gpu\\':[0,1,2,3]}},"
        "{\\'resources\\':{\\'cpu\\':\\'8\\',\\'memory\\':\\'32Gi\\'},"
        "\\'devices\\':{\\'nvidia.com/gpu\\':[4,5,6,7]}}]}'}%s},'spec':{%s},"
        "'status':{'allocatable':{'cpu':'16','memory':'64Gi','pods':'110','nvidia.com/gpu':'8'}}}",
        name, meta, spec);
    core_node_set(s, o, at_s(0));
}

struct fixture_pod {
    const char *name, *scheduler, *meta, *spec; /* meta and spec with a leading comma */
    const char *cpu, *mem;
    int gpus;
    const char *node; /* bound there */
};

static inline struct kobj *fixture_pod_object(const struct fixture_pod *p)
{
    static uint64_t uid;
    char gpus[64] = "", node[128] = "";
    if (p->gpus)
        snprintf(gpus, sizeof gpus, ",'nvidia.com/gpu':'%d'", p->gpus);
    if (p->node)
        snprintf(node, sizeof node, ",'nodeName':'%s'", p->node);
    return fixture_object("{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default',"
                          "'name':'%s','uid':'u%llu'%s},'spec':{'schedulerName':'%s'%s%s,"
                          "'containers':[{'name':'c','image':'i','resources':{'requests':{"
                          "'cpu':'%s','memory':'%s'%s}}}]},'status':{'phase':'Pending'}}",
                          p->name, (unsigned long long)++uid, p->meta ? p->meta : "",
                          p->scheduler ? p->scheduler : "ganglion", node, p->spec ? p->spec : "",
                          p->cpu ? p->cpu : "1", p->mem ? p->mem : "1Gi", gpus);
}

static inline void fixture_pod(struct sched_core *s, struct fixture_pod p, struct mono now)
{
    AUTO(kobj_unrefp) struct kobj *o = fixture_pod_object(&p);
    core_pod_set(s, o, now);
}

/* A member of a KubeNexus gang. */
static inline void fixture_member(struct sched_core *s,
                                  struct fixture_pod p,
                                  const char *gang,
                                  const char *min,
                                  struct mono now)
{
    char meta[512];
    snprintf(meta, sizeof meta,
             ",'labels':{'pod-group.scheduling.kubenexus.io/name':'%s',"
             "'pod-group.scheduling.kubenexus.io/min-available':'%s'}%s",
             gang, min, p.meta ? p.meta : "");
    p.meta = meta;
    fixture_pod(s, p, now);
}

/* Where a pod of namespace default is, or "". */
static inline struct str fixture_where(struct sched_core *s, const char *pod)
{
    struct spod *p = core_pod(s, STR("default"), str_from(pod));
    if (!p || p->node < 0)
        return STR("");
    return core_cluster(s)->snap.nodes.items[p->node]->name;
}
