/* SPDX-License-Identifier: Apache-2.0
 * numa_topology — binds a pod's CPUs, memory and GPUs to NUMA cells, by the pod's policy:
 *   single-numa  one cell gives everything, or the node is rejected
 *   isolated     the same, and the cell has no other bound pod, now and later
 *   restricted   as few cells as the request needs on an empty node, or rejected
 *   best-effort  as few cells as possible now; never rejected
 * or by the node's kubelet, when that refuses pods (numa_choice.h). Cells are counted from what
 * pods were bound to them; several cells share a request in equal parts (pod.h). Pure. */
#include "scheduler/framework.h"
#include "scheduler/state/numa_choice.h"

static enum prepare numa_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    if (c->shape->numa.policy != NUMA_NONE || c->snap->n_managed)
        return PREPARE_OK;
    run->scores = false;
    return PREPARE_SKIP;
}

static struct str reason(enum numa_policy policy, const struct snode *n)
{
    if (!n->topology.n_cells)
        return STR("node(s) reported no NUMA cells");
    switch (policy) {
    case NUMA_ISOLATED:
        return STR("node(s) had no empty NUMA cell with enough of the requested resources");
    case NUMA_RESTRICTED:
        return STR("node(s) had too few NUMA cells with enough of the requested resources");
    case NUMA_SINGLE:
    case NUMA_BEST_EFFORT:
    case NUMA_NONE:
        break;
    }
    return STR("node(s) had no single NUMA cell with enough of the requested resources");
}

static enum verdict numa_filter(const struct sched_cycle *c,
                                const struct plugin_run *run,
                                uint32_t node,
                                struct why *why)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    enum numa_policy policy = numa_wish_on(c->shape, n).policy;
    struct numa_fit fit;
    if (policy == NUMA_NONE || policy == NUMA_BEST_EFFORT ||
        numa_choose(c->shape, n, c->snap, NULL, &fit))
        return SCHED_OK;
    why_add(why, reason(policy, n));
    int fewest = numa_cells_needed(c->shape, n);
    bool ever = policy == NUMA_RESTRICTED ? fewest > 0 : fewest == 1;
    return ever ? SCHED_UNSCHEDULABLE : SCHED_UNRESOLVABLE;
}

/* Points off for cells that are far from one another, as much as the pod says that it minds. */
static int64_t distance_loss(const struct shape *s, const struct numa_fit *fit)
{
    int cells = __builtin_popcount(fit->mask);
    if (cells < 2 || !fit->distance)
        return 0;
    int64_t mean = fit->distance / (cells * (cells - 1));
    int64_t loss = mean > 10 ? (mean - 10) * s->numa.distance_weight / 100 : 0;
    return loss > 20 ? 20 : loss;
}

/* Fewer and nearer cells and, among equals, fuller ones. */
static int64_t numa_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    struct numa_fit fit;
    if (!numa_choose(c->shape, n, c->snap, NULL, &fit))
        return 0;
    int64_t cap = 1, free = fit.left & INT64_C(0xffffffff);
    for (unsigned i = 0; i < n->topology.n_cells; i++) {
        if (fit.mask & (1u << i))
            cap += n->topology.cells[i].cpu_milli / 1000;
    }
    int64_t used = free > cap ? 0 : cap - free;
    int64_t score = (80 + 20 * used / cap) / __builtin_popcount(fit.mask);
    int64_t loss = distance_loss(c->shape, &fit);
    return score > loss ? score - loss : 0;
}

static bool numa_reserve(const struct sched_cycle *c,
                         const struct plugin_run *run,
                         uint32_t node,
                         struct placement *p)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    struct numa_wish w = numa_wish_on(c->shape, n);
    struct numa_fit fit;
    if (w.policy == NUMA_NONE)
        return true;
    if (!numa_choose(c->shape, n, c->snap, c->pod, &fit))
        return w.policy == NUMA_BEST_EFFORT;
    p->cells = fit.mask;
    p->exclusive = w.policy == NUMA_ISOLATED;
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (w.devices[k])
            p->devices[k] = fit.devices[k];
    }
    return true;
}

const struct sched_plugin numa_topology_plugin = {
    .name = "NUMATopology",
    .help = "CPUs, memory and GPUs from the same NUMA cells",
    .scope = SCOPE_NODE,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE,
    .prepare = numa_prepare,
    .filter = numa_filter,
    .score = numa_score,
    .reserve = numa_reserve,
};
