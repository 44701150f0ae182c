/* SPDX-License-Identifier: Apache-2.0
 * node_name — a pod that names its node in spec.nodeName goes there or nowhere. Pure. */
#include "scheduler/framework.h"

static enum prepare name_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)run;
    (void)why;
    return c->shape->view->node_name.n ? PREPARE_OK : PREPARE_SKIP;
}

static enum verdict name_filter(const struct sched_cycle *c,
                                const struct plugin_run *run,
                                uint32_t node,
                                struct why *why)
{
    (void)run;
    if (str_eq(c->shape->view->node_name, c->snap->nodes.items[node]->name))
        return SCHED_OK;
    why_add(why, STR("node(s) didn't match the requested node name"));
    return SCHED_UNRESOLVABLE;
}

const struct sched_plugin node_name_plugin = {
    .name = "NodeName",
    .help = "honours spec.nodeName",
    .scope = SCOPE_NODE,
    .wakes = WAKE_NODE_ADDED,
    .prepare = name_prepare,
    .filter = name_filter,
};
