/* SPDX-License-Identifier: Apache-2.0
 * quota_objects — queues as objects say them, in every form we import: AIJobQueue (ours and the
 * published example group), Kueue's ClusterQueue and Cohort, KAI's Queue, Volcano's Queue. One
 * table: a kind is a row. Kueue's LocalQueue is a name for a ClusterQueue within a namespace.
 * Only field names come from the projects named. Pure. */
#pragma once

#include "kube/kobj.h"
#include "scheduler/quota/quota.h"

struct quota_kind {
    struct str group; /* of the API; any version is read */
    struct str kind;
    /* Fills *out, whose name and about are set; texts borrow from the object or live in a. */
    void (*read)(const struct kobj *o, struct arena *a, struct quota_spec *out);
};

extern const struct quota_kind quota_kinds[];
extern const size_t quota_kinds_count;

/* False: the object is no queue of the table. */
bool quota_object_read(const struct kobj *o, struct arena *a, struct quota_spec *out);
/* Of a LocalQueue: the ClusterQueue it stands for; absent: the object is none, or names none. Read
 * as a queue it is one of its own below that, for when it holds. */
struct str quota_local_target(const struct kobj *o);
/* Of Kueue's WorkloadPriorityClass, or a PriorityClass: its value, and a key by which neither is
 * taken for the other (quota_class_key). */
bool quota_work_priority(const struct kobj *o, struct arena *a, struct str *key, int64_t *out);
/* Of the PriorityClass that a group object names. */
struct str quota_class_key(struct arena *a, struct str name);
