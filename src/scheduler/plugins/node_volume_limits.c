/* SPDX-License-Identifier: Apache-2.0
 * node_volume_limits — how many volumes the CSI drivers of a node can have attached (CSINode).
 * Pure. */
#include "scheduler/framework.h"
#include "scheduler/volumes/volumes.h"

static enum prepare limits_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)run;
    (void)why;
    return c->pod->volumes ? PREPARE_OK : PREPARE_SKIP;
}

static enum verdict limits_filter(const struct sched_cycle *c,
                                  const struct plugin_run *run,
                                  uint32_t node,
                                  struct why *why)
{
    struct str reason;
    (void)run;
    switch (volumes_count(c->snap, c->pod, c->snap->nodes.items[node], c->a, &reason)) {
    case VOLUMES_FEW:
        return SCHED_OK;
    case VOLUMES_MANY:
        why_add(why, STR("node(s) exceed max volume count"));
        return SCHED_UNSCHEDULABLE;
    case VOLUMES_UNKNOWN:
        why_add(why, reason);
        return SCHED_UNRESOLVABLE;
    }
    return SCHED_OK;
}

const struct sched_plugin node_volume_limits_plugin = {
    .name = "NodeVolumeLimits",
    .help = "how many volumes the CSI drivers of a node can have attached",
    .scope = SCOPE_CLUSTER,
    .wakes = WAKE_NODE_ADDED | WAKE_POD_GONE | WAKE_STORAGE,
    .prepare = limits_prepare,
    .filter = limits_filter,
};
