/* SPDX-License-Identifier: Apache-2.0
 * gpu_devices — whole GPUs by index. Counts alone could promise a device that is held; this plugin
 * asks the node's ledger, chooses the devices that leave the tidiest rest (within one NUMA cell if
 * any cell can give them all, the fullest such cell, lowest indexes), and prefers nodes that the
 * pod fills up, so that whole nodes stay free for large gangs. Devices in a cell that an isolated
 * pod holds alone are not offered to others. Pure. */
#include "scheduler/framework.h"

static uint64_t available(const struct snode *n, unsigned kind)
{
    uint64_t mask = (uint64_t)n->free[kind];
    for (unsigned c = 0; c < n->topology.n_cells; c++) {
        if (n->cells[c].exclusive)
            mask &= ~n->topology.devices[kind][c];
    }
    return mask;
}

static enum prepare gpu_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (c->shape->devices[k])
            return PREPARE_OK;
    }
    run->scores = false;
    return PREPARE_SKIP;
}

static enum verdict gpu_filter(const struct sched_cycle *c,
                               const struct plugin_run *run,
                               uint32_t node,
                               struct why *why)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint32_t want = c->shape->devices[k];
        if (want <= (uint32_t)__builtin_popcountll(available(n, k)))
            continue;
        if (why)
            why_add(why, arena_printf(c->a, "Insufficient %.*s", STR_ARG(device_resources[k])));
        return want > n->topology.n_devices[k] ? SCHED_UNRESOLVABLE : SCHED_UNSCHEDULABLE;
    }
    return SCHED_OK;
}

/* 100 for a node that the pod fills, less for each device it would leave free. */
static int64_t gpu_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    int64_t free = 0, total = 0;
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (!c->shape->devices[k])
            continue;
        free += __builtin_popcountll((uint64_t)n->free[k]) - (int64_t)c->shape->devices[k];
        total += n->topology.n_devices[k];
    }
    return total ? SCHED_SCORE_MAX - SCHED_SCORE_MAX * free / total : 0;
}

static uint64_t lowest(uint64_t mask, uint32_t n)
{
    uint64_t out = 0;
    for (; n && mask; n--) {
        out |= mask & -mask;
        mask &= mask - 1;
    }
    return out;
}

/* The fullest cell that can give all of them, else as few cells as it takes, lowest first. */
static uint64_t choose(const struct snode *n, unsigned kind, uint64_t free, uint32_t want)
{
    uint64_t best = 0;
    int best_free = SCHED_DEVICES_MAX + 1;
    for (unsigned c = 0; c < n->topology.n_cells; c++) {
        uint64_t here = free & n->topology.devices[kind][c];
        int count = __builtin_popcountll(here);
        if (count < (int)want || count >= best_free)
            continue;
        best = here;
        best_free = count;
    }
    return lowest(best ? best : free, want);
}

static bool gpu_reserve(const struct sched_cycle *c,
                        const struct plugin_run *run,
                        uint32_t node,
                        struct placement *p)
{
    (void)run;
    const struct snode *n = c->snap->nodes.items[node];
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint32_t want = c->shape->devices[k];
        if (!want || p->devices[k]) /* NUMATopology may have chosen already */
            continue;
        p->devices[k] = choose(n, k, available(n, k), want);
        if ((uint32_t)__builtin_popcountll(p->devices[k]) < want)
            return false;
    }
    return true;
}

const struct sched_plugin gpu_devices_plugin = {
    .name = "GPUDevices",
    .help = "whole GPUs by index, packed",
    .scope = SCOPE_NODE,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE,
    .prepare = gpu_prepare,
    .filter = gpu_filter,
    .score = gpu_score,
    .reserve = gpu_reserve,
};
