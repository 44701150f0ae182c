/* SPDX-License-Identifier: Apache-2.0
 * quota_names — which queue a pod is in, whose it is, and which tier and priority it has when it
 * says none: keys of pods, then of its group object, then of its namespace. One table of keys; only
 * names come from the projects named. Pure. */
#pragma once

#include "kube/kobj.h"
#include "scheduler/quota/quota.h"
#include "scheduler/state/pod.h"

struct quota_key {
    const char *project;
    struct str key;
    bool label, annotation;
    bool local; /* the name of a LocalQueue in the pod's namespace */
};

extern const struct quota_key quota_keys[];
extern const size_t quota_keys_count;

struct quota_names { /* what a pod and its surroundings say; texts borrow from the objects */
    struct str queue, user;
    struct str work_class; /* Kueue's WorkloadPriorityClass; absent: none */
    bool local;
    enum quota_tier tier;
    int64_t priority; /* of the pod; the namespace's when the pod names no class */
};

/* group: the gang's object, namespace: the Namespace; either may be NULL. */
struct quota_names
quota_names_of(const struct kobj *pod, const struct kobj *group, const struct kobj *namespace);
