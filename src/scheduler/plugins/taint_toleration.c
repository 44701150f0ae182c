/* SPDX-License-Identifier: Apache-2.0
 * taint_toleration — rejects nodes with a NoSchedule or NoExecute taint that the pod does not
 * tolerate, and prefers nodes with few untolerated PreferNoSchedule taints. Pure. */
#include "scheduler/framework.h"

static bool tolerated(const struct pod *pod, const struct taint *t, bool soft)
{
    for (size_t i = 0; i < pod->tolerations.n; i++) {
        const struct toleration *tol = &pod->tolerations.items[i];
        if (soft && tol->effect != TAINT_ANY_EFFECT && tol->effect != TAINT_PREFER_NO_SCHEDULE)
            continue;
        if (pod_tolerates(tol, t->key, t->value, t->effect))
            return true;
    }
    return false;
}

static enum verdict taint_filter(const struct sched_cycle *c,
                                 const struct plugin_run *run,
                                 uint32_t node,
                                 struct why *why)
{
    (void)run;
    const struct node_class *class = snapshot_class(c->snap, node);
    for (size_t i = 0; i < class->n_taints; i++) {
        const struct taint *t = &class->taints[i];
        if (t->effect != TAINT_NO_SCHEDULE && t->effect != TAINT_NO_EXECUTE)
            continue;
        if (tolerated(c->shape->view, t, false))
            continue;
        why_add(why, STR("node(s) had untolerated taint(s)"));
        return SCHED_UNRESOLVABLE;
    }
    return SCHED_OK;
}

static int64_t taint_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    (void)run;
    const struct node_class *class = snapshot_class(c->snap, node);
    int64_t n = 0;
    for (size_t i = 0; i < class->n_taints; i++) {
        const struct taint *t = &class->taints[i];
        n += t->effect == TAINT_PREFER_NO_SCHEDULE && !tolerated(c->shape->view, t, true);
    }
    return n;
}

const struct sched_plugin taint_toleration_plugin = {
    .name = "TaintToleration",
    .help = "keeps pods off nodes whose taints they don't tolerate",
    .scope = SCOPE_CLASS,
    .normalize = NORMALIZE_MAX_REVERSE,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED,
    .default_weight = 3,
    .filter = taint_filter,
    .score = taint_score,
};
