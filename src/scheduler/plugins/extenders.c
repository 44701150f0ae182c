/* SPDX-License-Identifier: Apache-2.0
 * extenders — what HTTP extenders said about the nodes for this pod (../extender.h), as a filter
 * and a score. The core asked before the cycle, about the nodes that our own filters let pass. In a
 * dry run of a preemption other nodes come up: there the extenders are asked once the victims left,
 * as in kube-scheduler. Pure. */
#include "scheduler/extender/extender.h"

static enum prepare
extenders_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    const struct extender_answer *said = c->pod ? c->pod->extended : NULL;
    (void)run;
    if (!said)
        return PREPARE_SKIP;
    if (!said->error.p)
        return PREPARE_OK;
    why_add(why, said->error);
    return PREPARE_REJECT;
}

static enum verdict extenders_filter(const struct sched_cycle *c,
                                     const struct plugin_run *run,
                                     uint32_t node,
                                     struct why *why)
{
    const struct extender_node *n =
        extender_answer_find(c->pod->extended, c->snap->nodes.items[node]->name);
    (void)run;
    if (n && n->verdict == SCHED_OK)
        return SCHED_OK;
    if (!n && c->snap->quiet)
        return SCHED_OK;
    why_add(why, n ? n->why : STR("node(s) were not shown to the extenders yet"));
    return n ? n->verdict : SCHED_UNSCHEDULABLE;
}

static int64_t
extenders_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct extender_answer *said = c->pod ? c->pod->extended : NULL;
    (void)run;
    const struct extender_node *n =
        said ? extender_answer_find(said, c->snap->nodes.items[node]->name) : NULL;
    return n ? n->score : 0;
}

const struct sched_plugin extenders_plugin = {
    .name = "Extenders",
    .help = "what HTTP extenders say (KubeSchedulerConfiguration.extenders)",
    .scope = SCOPE_CLUSTER,
    .wakes = ~0u,
    .optional = true,
    .own_scale = true,
    .prepare = extenders_prepare,
    .filter = extenders_filter,
    .score = extenders_score,
};
