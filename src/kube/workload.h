/* SPDX-License-Identifier: Apache-2.0
 * workload — what kind of work a pod does, and what follows for its placement as long as nobody
 * says otherwise. Two tables in workload.c: hints (published labels, owners and variables of
 * operators, images) in their order of trust, and defaults, a row for each kind.
 *
 * Kinds and the order of hints are those that KubeNexus' ProfileClassifier intends, read in its
 * public source (pkg/plugins/profileclassifier, pkg/workload); where that misses its own intention
 * the comment in the table says so. A pod without a hint has no kind, and nothing follows. Pure. */
#pragma once

#include "base/arena.h"
#include "kube/kobj.h"

enum workload {
    WORKLOAD_NONE,
    WORKLOAD_TRAINING,
    WORKLOAD_INFERENCE,
    WORKLOAD_BATCH,
    WORKLOAD_SERVICE,
    WORKLOAD_INTERACTIVE,
    WORKLOADS,
};

/* The label or annotation that says it, KubeNexus': training, inference, batch, … */
#define WORKLOAD_KEY "workload.kubenexus.io/type"

enum workload_room { WORKLOAD_AS_PROFILE, WORKLOAD_PACKS, WORKLOAD_SPREADS };

struct workload_defaults {
    const char *name;        /* as the label spells it; "" for none */
    enum workload_room room; /* full nodes first, or empty ones */
    bool one_cell;           /* NUMA policy best-effort, for GPUs and pinned CPUs */
    int leaves;              /* among victims of one priority the smallest first */
    const char *help;        /* what follows, for people */
};

extern const struct workload_defaults workload_defaults[WORKLOADS];

/* Of a Pod. An unknown value of the label counts as none. */
enum workload workload_of(const struct kobj *pod);
/* The same with the reason: "label spark-role", "owner Job, and asks for 4 GPUs"; absent when
 * there is no hint at all. In a. */
enum workload workload_why(const struct kobj *pod, struct arena *a, struct str *because);
