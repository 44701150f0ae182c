/* SPDX-License-Identifier: Apache-2.0
 * numa_topology — binds a pod's CPUs, memory and GPUs to NUMA cells, by the pod's policy:
 *   single-numa  one cell gives everything, or the node is rejected
 *   isolated     the same, and the cell has no other bound pod, now and later
 *   restricted   as few cells as the request needs on an empty node, or rejected
 *   best-effort  as few cells as possible now; never rejected
 * Cells are counted from what pods were bound to them; several cells share a request in equal
 * parts (pod.h). All subsets of up to 8 cells are tried, smallest first. Pure. */
#include "scheduler/devices.h"
#include "scheduler/framework.h"

struct fit { /* of one subset of cells */
    uint32_t mask;
    uint64_t devices[DEVICE_KINDS];
    int64_t left; /* devices, then CPUs that stay free in these cells; less is tidier */
};

static enum prepare numa_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    if (c->shape->numa.policy != NUMA_NONE)
        return PREPARE_OK;
    run->scores = false;
    return PREPARE_SKIP;
}

static int64_t cell_cpu_free(const struct snode *n, unsigned c, bool empty)
{
    return n->topology.cells[c].cpu_milli - (empty ? 0 : n->cells[c].cpu_used);
}

static int64_t cell_mem_free(const struct snode *n, unsigned c, bool empty)
{
    return n->topology.cells[c].mem_bytes - (empty ? 0 : n->cells[c].mem_used);
}

static bool
cell_gives(const struct shape *s, const struct snode *n, uint32_t mask, unsigned c, bool empty)
{
    const struct numa_wish *w = &s->numa;
    if (!(w->cells & (1u << c)))
        return false;
    if (!empty && n->cells[c].exclusive)
        return false;
    if (!empty && w->policy == NUMA_ISOLATED && n->cells[c].pinned)
        return false;
    return (!w->cpu || cell_share(s->cpu, mask, c) <= cell_cpu_free(n, c, empty)) &&
           (!w->memory || cell_share(s->mem, mask, c) <= cell_mem_free(n, c, empty));
}

/* Can these cells together give what the shape wants? empty: on an empty node. */
static bool
mask_fits(const struct shape *s, const struct snode *n, uint32_t mask, bool empty, struct fit *out)
{
    *out = (struct fit){ .mask = mask };
    for (unsigned c = 0; c < n->topology.n_cells; c++) {
        if (!(mask & (1u << c)))
            continue;
        if (!cell_gives(s, n, mask, c, empty))
            return false;
        out->left += cell_cpu_free(n, c, empty) / 1000;
    }
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint64_t have = 0;
        if (!s->devices[k] || !s->numa.devices[k])
            continue;
        for (unsigned c = 0; c < n->topology.n_cells; c++) {
            if (mask & (1u << c))
                have |= n->topology.devices[k][c];
        }
        have &= empty ? UINT64_MAX : (uint64_t)n->free[k];
        if ((uint32_t)__builtin_popcountll(have) < s->devices[k])
            return false;
        out->devices[k] = devices_lowest(have, s->devices[k]);
        out->left += (int64_t)(__builtin_popcountll(have) - (int)s->devices[k]) << 32;
    }
    return true;
}

/* The tidiest subset of exactly `size` cells. */
static bool
best_of_size(const struct shape *s, const struct snode *n, int size, bool empty, struct fit *out)
{
    bool found = false;
    for (uint32_t mask = 1; mask < (1u << n->topology.n_cells); mask++) {
        struct fit fit;
        if (__builtin_popcount(mask) != size || !mask_fits(s, n, mask, empty, &fit) ||
            (found && fit.left >= out->left))
            continue;
        *out = fit;
        found = true;
    }
    return found;
}

/* The fewest cells that could ever hold it; 0: none could. */
static int fewest_cells(const struct shape *s, const struct snode *n)
{
    for (int size = 1; size <= (int)n->topology.n_cells; size++) {
        struct fit fit;
        if (best_of_size(s, n, size, true, &fit))
            return size;
    }
    return 0;
}

static bool choose(const struct shape *s, const struct snode *n, struct fit *out)
{
    int from = 1, to = (int)n->topology.n_cells;
    switch (s->numa.policy) {
    case NUMA_NONE:
        return false;
    case NUMA_SINGLE:
    case NUMA_ISOLATED:
        to = to ? 1 : 0;
        break;
    case NUMA_RESTRICTED:
        from = to = fewest_cells(s, n);
        break;
    case NUMA_BEST_EFFORT:
        break;
    }
    for (int size = from; size && size <= to; size++) {
        if (best_of_size(s, n, size, false, out))
            return true;
    }
    return false;
}

static struct str reason(const struct shape *s, const struct snode *n)
{
    if (!n->topology.n_cells)
        return STR("node(s) reported no NUMA cells");
    switch (s->numa.policy) {
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
    struct fit fit;
    if (c->shape->numa.policy == NUMA_BEST_EFFORT || choose(c->shape, n, &fit))
        return SCHED_OK;
    why_add(why, reason(c->shape, n));
    int fewest = fewest_cells(c->shape, n);
    bool ever = c->shape->numa.policy == NUMA_RESTRICTED ? fewest > 0 : fewest == 1;
    return ever ? SCHED_UNSCHEDULABLE : SCHED_UNRESOLVABLE;
}

/* Fewer cells and, among equals, fuller ones. */
static int64_t numa_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    struct fit fit;
    if (!choose(c->shape, n, &fit))
        return 0;
    int64_t cap = 1, free = fit.left & INT64_C(0xffffffff);
    for (unsigned i = 0; i < n->topology.n_cells; i++) {
        if (fit.mask & (1u << i))
            cap += n->topology.cells[i].cpu_milli / 1000;
    }
    int64_t used = free > cap ? 0 : cap - free;
    return (80 + 20 * used / cap) / __builtin_popcount(fit.mask);
}

static bool numa_reserve(const struct sched_cycle *c,
                         const struct plugin_run *run,
                         uint32_t node,
                         struct placement *p)
{
    (void)run;
    const struct numa_wish *w = &c->shape->numa;
    struct fit fit;
    if (w->policy == NUMA_NONE)
        return true;
    if (!choose(c->shape, c->snap->nodes.items[node], &fit))
        return w->policy == NUMA_BEST_EFFORT;
    p->cells = fit.mask;
    p->exclusive = w->policy == NUMA_ISOLATED;
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (w->devices[k])
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
