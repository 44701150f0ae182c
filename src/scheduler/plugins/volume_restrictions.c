/* SPDX-License-Identifier: Apache-2.0
 * volume_restrictions — disks that pods of one node cannot share, and claims that are for one pod
 * in the whole cluster (ReadWriteOncePod). Pure. */
#include "scheduler/framework.h"
#include "scheduler/volumes/volumes.h"

static enum prepare restrict_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    struct str reason;
    (void)run;
    if (!c->pod->volumes)
        return PREPARE_SKIP;
    if (!volumes_find_claims(c->pod, c->a, &reason)) {
        why_add(why, reason);
        return PREPARE_REJECT;
    }
    return volumes_may_conflict(c->pod) || volumes_are_taken(c->pod) ? PREPARE_OK : PREPARE_SKIP;
}

static bool clashes(const struct sched_cycle *c, uint32_t node)
{
    int64_t id = c->snap->nodes.items[node]->first_pod;
    for (; id >= 0; id = c->snap->pods.items[id]->next) {
        if (volumes_conflict(c->pod, c->snap->pods.items[id]))
            return true;
    }
    return false;
}

static enum verdict restrict_filter(const struct sched_cycle *c,
                                    const struct plugin_run *run,
                                    uint32_t node,
                                    struct why *why)
{
    (void)run;
    if (clashes(c, node)) {
        why_add(why, STR("node(s) had no available disk"));
        return SCHED_UNSCHEDULABLE;
    }
    if (!volumes_are_taken(c->pod))
        return SCHED_OK;
    why_add(why, STR("node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod "
                     "access mode already in-use by another pod"));
    return SCHED_UNSCHEDULABLE;
}

const struct sched_plugin volume_restrictions_plugin = {
    .name = "VolumeRestrictions",
    .help = "disks that pods of one node, and claims that pods of the cluster cannot share",
    .scope = SCOPE_CLUSTER,
    .wakes = WAKE_NODE_ADDED | WAKE_POD_GONE | WAKE_STORAGE,
    .prepare = restrict_prepare,
    .filter = restrict_filter,
};
