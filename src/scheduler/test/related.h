/* SPDX-License-Identifier: Apache-2.0
 * related — a small world for tests in which pods have to do with each other: zones, racks and
 * hosts, of which some nodes lack a label, and pods that spread, attract and repel. All at random;
 * the same names come again and again. */
#pragma once

#include "scheduler/test/fixture.h"

#define RELATED_NODES 14
#define RELATED_PODS 60

static const char *const related_rules[] = {
    "",
    ",'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'zone','whenUnsatisfiable':"
    "'DoNotSchedule','labelSelector':{'matchLabels':{'app':'a'}}}]",
    ",'topologySpreadConstraints':[{'maxSkew':2,'topologyKey':'kubernetes.io/hostname',"
    "'minDomains':3,'whenUnsatisfiable':'DoNotSchedule','nodeTaintsPolicy':'Honor','labelSelector':"
    "{'matchExpressions':[{'key':'app','operator':'In','values':['a','b']}]}},"
    "{'maxSkew':1,'topologyKey':'rack','whenUnsatisfiable':'ScheduleAnyway','labelSelector':"
    "{'matchLabels':{'app':'b'}}}]",
    ",'nodeSelector':{'disk':'ssd'},'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'rack',"
    "'whenUnsatisfiable':'DoNotSchedule','labelSelector':{'matchLabels':{'tier':'x'}},"
    "'matchLabelKeys':['app']},{'maxSkew':1,'topologyKey':'kubernetes.io/hostname',"
    "'whenUnsatisfiable':'ScheduleAnyway','labelSelector':{}}]",
    ",'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'kubernetes.io/hostname',"
    "'whenUnsatisfiable':'ScheduleAnyway','labelSelector':{'matchLabels':{'app':'a'}}},"
    "{'maxSkew':3,'topologyKey':'zone','whenUnsatisfiable':'ScheduleAnyway','labelSelector':"
    "{'matchLabels':{'app':'a'}}}]",
    ",'affinity':{'podAntiAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
    "'topologyKey':'kubernetes.io/hostname','labelSelector':{'matchLabels':{'app':'a'}}}]}}",
    ",'affinity':{'podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{"
    "'topologyKey':'zone','labelSelector':{'matchLabels':{'app':'b'}}},{'topologyKey':'rack',"
    "'namespaceSelector':{},'labelSelector':{'matchExpressions':[{'key':'tier','operator':"
    "'Exists'}]}}]}}",
    ",'affinity':{'podAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':7,"
    "'podAffinityTerm':{'topologyKey':'rack','labelSelector':{'matchLabels':{'app':'b'}}}}]},"
    "'podAntiAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':3,"
    "'podAffinityTerm':{'topologyKey':'zone','labelSelector':{'matchExpressions':[{'key':'app',"
    "'operator':'NotIn','values':['c']}]}}}]}}",
};

/* A member of a small set: the same texts come again and again. */
static inline const char *related_one_of(const char *const *list, size_t n)
{
    return list[check_random_below((uint32_t)n)];
}

static inline const char *related_meta(bool leaving)
{
    static const char *const apps[] = { "a", "b", "c" };
    static char meta[256];
    snprintf(meta, sizeof meta, ",'labels':{'app':'%s'%s}%s", related_one_of(apps, COUNT_OF(apps)),
             check_random_below(2) ? ",'tier':'x'" : "",
             leaving ? ",'deletionTimestamp':'2026-11-01T00:00:00Z'" : "");
    return meta;
}

static inline void related_node(struct sched_core *s, unsigned i)
{
    char name[16], meta[256];
    snprintf(name, sizeof name, "n%u", i);
    snprintf(meta, sizeof meta, ",'labels':{'kubernetes.io/hostname':'n%u'%s%s%s}", i,
             check_random_below(4) ? (i % 2 ? ",'zone':'z1'" : ",'zone':'z2'") : "",
             check_random_below(3) ? (i % 3 ? ",'rack':'r1'" : ",'rack':'r2'") : ",'rack':'r3'",
             check_random_below(2) ? ",'disk':'ssd'" : "");
    fixture_node(s, name, meta,
                 check_random_below(4) ? "" : "'taints':[{'key':'k','effect':'NoSchedule'}]");
}

static inline void related_pod(struct sched_core *s, unsigned i)
{
    char name[16], node[16];
    snprintf(name, sizeof name, "p%u", i);
    snprintf(node, sizeof node, "n%u", (unsigned)check_random_below(RELATED_NODES));
    core_pod_del(s, STR("default"), str_from(name), at_s(1));
    fixture_pod(
        s,
        (struct fixture_pod){ .name = name,
                              .cpu = check_random_below(2) ? "100m" : "5",
                              .scheduler = check_random_below(2) ? "default-scheduler" : NULL,
                              .meta = related_meta(false),
                              .spec = related_one_of(related_rules, COUNT_OF(related_rules)),
                              .node = check_random_below(3) ? node : NULL },
        at_s(1));
}
