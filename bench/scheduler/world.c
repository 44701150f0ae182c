/* SPDX-License-Identifier: Apache-2.0
 * world — see world.h. */
#include "scheduler/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct kobj *parse(const char *text, int n)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    if (n < 0 || kobj_parse(&o, str_make(text, (size_t)n), &json_limits_own, &err)) {
        fprintf(stderr, "world: %s\n", err.msg);
        exit(1);
    }
    return o;
}

struct kobj *world_object(const char *fmt, ...)
{
    static char text[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return parse(text, n);
}

struct kobj *world_node(size_t i, bool gpus)
{
    char text[1024];
    const char *size = gpus ? "\"cpu\":\"128\",\"memory\":\"1Ti\",\"nvidia.com/gpu\":\"8\""
                            : "\"cpu\":\"4\",\"memory\":\"32Gi\"";
    const char *cells = gpus ? ",\"numa.kubenexus.io/node-count\":\"2\"" : "";
    int n = snprintf(text, sizeof text,
                     "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-%zu\","
                     "\"labels\":{\"kubernetes.io/hostname\":\"node-%zu\","
                     "\"topology.kubernetes.io/zone\":\"zone-%zu\",\"net/block\":\"b%zu\","
                     "\"net/rack\":\"r%zu\"%s}},\"status\":{"
                     "\"allocatable\":{%s,\"pods\":\"110\"}}}",
                     i, i, i % 3, i / 320, i / 16, cells, size);
    return parse(text, n);
}

struct sched_core *world_new(size_t nodes, bool gpus)
{
    struct sched_core *s = core_new_default();
    for (size_t i = 0; i < nodes; i++) {
        AUTO(kobj_unrefp) struct kobj *o = world_node(i, gpus);
        core_node_set(s, o, (struct mono){ 1 });
    }
    return s;
}

struct kobj *world_topology(void)
{
    static const char text[] = "{\"apiVersion\":\"kueue.x-k8s.io/v1beta2\",\"kind\":\"Topology\","
                               "\"metadata\":{\"name\":\"net\"},\"spec\":{\"levels\":["
                               "{\"nodeLabel\":\"net/block\"},{\"nodeLabel\":\"net/rack\"}]}}";
    return parse(text, (int)sizeof text - 1);
}

static const char *const relations[] = {
    [POD_PLAIN] = "",
    [POD_SPREAD] = "\"topologySpreadConstraints\":[{\"maxSkew\":5,\"topologyKey\":"
                   "\"topology.kubernetes.io/zone\",\"whenUnsatisfiable\":\"DoNotSchedule\","
                   "\"labelSelector\":{\"matchLabels\":{\"app\":\"spread\"}}}],",
    [POD_ANTI] = "\"affinity\":{\"podAntiAffinity\":{"
                 "\"requiredDuringSchedulingIgnoredDuringExecution\":[{\"topologyKey\":"
                 "\"kubernetes.io/hostname\",\"labelSelector\":{\"matchLabels\":{\"app\":"
                 "\"anti\"}}}]}},",
    [POD_GANG] = "",
    [POD_NUMA] = "",
    [POD_RACK] = "",
};

static const char *const apps[] = { "plain", "spread", "anti", "gang", "numa", "rack" };

struct kobj *world_pod(enum pod_kind kind, size_t i, size_t group, size_t members)
{
    char text[2048], gang[256] = "", numa[128] = "";
    const char *gpus = kind == POD_GANG || kind == POD_NUMA ? ",\"nvidia.com/gpu\":\"1\"" : "";
    if (kind == POD_GANG || kind == POD_RACK)
        snprintf(gang, sizeof gang,
                 ",\"pod-group.scheduling.kubenexus.io/name\":\"gang-%zu\","
                 "\"pod-group.scheduling.kubenexus.io/min-available\":\"%zu\"",
                 group, members);
    if (kind == POD_RACK)
        snprintf(numa, sizeof numa,
                 ",\"annotations\":{\"scheduling.ganglion.io/topology-required\":\"net/rack\"}");
    if (kind == POD_NUMA)
        snprintf(numa, sizeof numa,
                 ",\"annotations\":{\"numa.scheduling.kubenexus.io/policy\":\"single-numa\"}");
    int n = snprintf(text, sizeof text,
                     "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"b\","
                     "\"name\":\"%s-%zu\",\"uid\":\"%s-%zu\",\"labels\":{\"app\":\"%s\"%s}%s},"
                     "\"spec\":{%s\"schedulerName\":\"%s\",\"containers\":[{\"name\":\"c\","
                     "\"image\":\"registry.k8s.io/pause:3.10\",\"resources\":{\"requests\":{"
                     "\"cpu\":\"100m\",\"memory\":\"500Mi\"%s}}}]}}",
                     apps[kind], i, apps[kind], i, apps[kind], gang, numa, relations[kind],
                     kind == POD_GANG || kind == POD_NUMA || kind == POD_RACK ? "ganglion"
                                                                              : "default-scheduler",
                     gpus);
    return parse(text, n);
}
