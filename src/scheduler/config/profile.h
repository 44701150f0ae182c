/* SPDX-License-Identifier: Apache-2.0
 * profile — which plugins decide for the pods of one schedulerName, with their weights, arguments
 * and habits. Built-in ones: default-scheduler (what kube-scheduler does), kubenexus-scheduler and
 * gang-scheduler (gangs, NUMA, no starvation) and ganglion (the same, and GPUs packed). A
 * KubeSchedulerConfiguration v1 file changes or adds profiles (config.h). Immutable once made. */
#pragma once

#include "scheduler/framework.h"

struct profile_plugin {
    const struct sched_plugin *plugin;
    bool filters, scores, reserves;
    int64_t weight;
    void *args;
};

enum ties { TIES_BY_HASH, TIES_FIRST }; /* which of the best nodes: by the pod's uid; lowest id */

struct preempt_args { /* DefaultPreemption's */
    int64_t min_candidates_percent, min_candidates;
};

struct consolidation { /* core_consolidate.c */
    bool on;
    int64_t period_ns, max_moves;
};

struct provisioning { /* gang/gang_nodes.h */
    bool on;          /* for all gangs; else for those that name a class */
    struct str class;
    int64_t wait_ns; /* so long a gang waits before it asks */
};

struct profile {
    struct str name; /* spec.schedulerName */
    uint32_t id;
    struct arena *a; /* names and arguments */
    struct profile_plugin plugins[SCHED_PLUGINS_MAX];
    size_t n; /* all of sched_plugins, in their order, then those of others */
    enum ties ties;
    uint64_t seed;
    int64_t starvation_ns;  /* a gang that waited so long goes first; 0: never */
    int64_t sample_percent; /* percentageOfNodesToScore; 0: all nodes are scored */
    bool workloads;         /* kinds of work have their defaults (kube/workload.h) */
    bool asks_outside; /* a plugin of others decides here: shapes tell apart what it may read */
    bool gangs;        /* gang labels are honoured */
    bool preempts;     /* pods of this profile may push others out */
    struct preempt_args preempt;
    struct consolidation consolidation;
    struct provisioning nodes;
};

/* A built-in profile by name, or the default-scheduler set under another name. */
struct profile *profile_new(struct str name);
void profile_free(struct profile *p);
/* Adds a plugin of others behind ours; it is off until it is enabled and started. ERR_TOO_LARGE. */
int profile_add(struct profile *p, const struct sched_plugin *outside, struct err *err);
/* The names of the built-in profiles, NULL-terminated. */
extern const char *const profile_builtin_names[];

/* Position of a plugin in p->plugins, or -1. */
int profile_find(const struct profile *p, struct str plugin);
/* Decodes the arguments of one plugin anew; starts one of others. */
int profile_configure(struct profile *p, size_t index, struct json args, struct err *err);
