/* SPDX-License-Identifier: Apache-2.0
 * node_unschedulable — rejects cordoned nodes, unless the pod tolerates the taint that stands for
 * spec.unschedulable. Pure; runs on the scheduler's loop thread. */
#include "scheduler/framework.h"

static bool tolerates_cordon(const struct pod *pod)
{
    for (size_t i = 0; i < pod->tolerations.n; i++) {
        if (pod_tolerates(&pod->tolerations.items[i], STR("node.kubernetes.io/unschedulable"),
                          STR(""), TAINT_NO_SCHEDULE))
            return true;
    }
    return false;
}

static enum verdict unschedulable_filter(const struct sched_cycle *c,
                                         const struct plugin_run *run,
                                         uint32_t node,
                                         struct why *why)
{
    (void)run;
    if (!snapshot_class(c->snap, node)->unschedulable || tolerates_cordon(c->shape->view))
        return SCHED_OK;
    why_add(why, STR("node(s) were unschedulable"));
    return SCHED_UNRESOLVABLE;
}

const struct sched_plugin node_unschedulable_plugin = {
    .name = "NodeUnschedulable",
    .help = "rejects cordoned nodes",
    .scope = SCOPE_CLASS,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED,
    .filter = unschedulable_filter,
};
