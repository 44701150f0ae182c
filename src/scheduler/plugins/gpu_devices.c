/* SPDX-License-Identifier: Apache-2.0
 * gpu_devices — GPUs by index, whole ones and parts of them. Counts alone could promise a device
 * that is held; this plugin asks the node's ledger. Whole devices are chosen so that the rest is
 * tidy: within one NUMA cell if any cell can give them all, the fullest such cell, lowest indexes;
 * where the node says how its GPUs are linked, those with the fastest ring (links.h).
 *
 * Where the profile takes the first of equal nodes (profile `ganglion`), nodes are scored by the
 * learnt device policy (gpu_policy.h), which needs that order, and plugins that would spread pods
 * by free CPU and memory have no say: a pod without GPUs spreads over nodes without GPUs, and takes
 * from a node with GPUs where that does least harm. Other profiles prefer nodes that the pod
 * fills up, and the tightest device for a part. Pure. */
#include "scheduler/devices/devices.h"
#include "scheduler/devices/gpu_sense.h"
#include "scheduler/framework.h"

#define LOCALITY_POINTS 20 /* of 100, for GPUs that hardly reach one another */

static bool wants_devices(const struct shape *s)
{
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (s->devices[k])
            return true;
    }
    return s->share.devices > 0;
}

static bool is_learnt(const struct sched_cycle *c, const struct plugin_run *run)
{
    return run->first && gpu_sense_matters(c->cluster->gpus);
}

static enum prepare gpu_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    const struct shape *s = c->shape;
    if (s->share_trouble.n) {
        why_add(why, s->share_trouble);
        return PREPARE_REJECT;
    }
    bool wants = wants_devices(s);
    run->scores = run->scores && (wants || is_learnt(c, run));
    run->packs = run->scores && is_learnt(c, run) && (s->gpu_ask.count || !wants);
    return wants ? PREPARE_OK : PREPARE_SKIP;
}

static enum verdict part_filter(const struct sched_cycle *c, const struct snode *n, struct why *why)
{
    const struct gpu_share *share = &c->shape->share;
    struct gpu_part part;
    if (!n->topology.n_devices[DEVICE_NVIDIA] || !gpu_share_on(share, &n->topology, &part)) {
        why_add(why, n->topology.n_devices[DEVICE_NVIDIA]
                         ? STR("node(s) had no GPU that the requested part could come from")
                         : STR("node(s) had no GPUs"));
        return SCHED_UNRESOLVABLE;
    }
    if ((uint32_t)__builtin_popcountll(devices_with_room(n, &part)) >= share->devices)
        return SCHED_OK;
    why_add(why, STR("node(s) had too little left of any GPU"));
    return share->devices > n->topology.n_devices[DEVICE_NVIDIA] ? SCHED_UNRESOLVABLE
                                                                 : SCHED_UNSCHEDULABLE;
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
        if (want <= (uint32_t)__builtin_popcountll(devices_free(n, k)))
            continue;
        if (why)
            why_add(why, arena_printf(c->a, "Insufficient %.*s", STR_ARG(device_resources[k])));
        return want > n->topology.n_devices[k] ? SCHED_UNRESOLVABLE : SCHED_UNSCHEDULABLE;
    }
    return c->shape->share.devices ? part_filter(c, n, why) : SCHED_OK;
}

/* The fullest cell that can give all of them; 0: none can. */
static uint64_t fullest_cell(const struct snode *n, unsigned kind, uint64_t free, uint32_t want)
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
    return best;
}

/* Of one cell if any can give them all, else of as few as it takes, lowest first; of other cells
 * only where they reach one another faster. */
static uint64_t choose(const struct snode *n, unsigned kind, uint64_t free, uint32_t want)
{
    uint64_t cell = fullest_cell(n, kind, free, want);
    if (kind != DEVICE_NVIDIA || !n->links)
        return devices_lowest(cell ? cell : free, want);
    uint64_t any = links_choose(n->links, free, want), near = links_choose(n->links, cell, want);
    return near && links_ring(n->links, near) >= links_ring(n->links, any) ? near : any;
}

/* How much slower than on the best kind of node the pod's GPUs would reach one another. */
static int64_t locality_loss(const struct sched_cycle *c, const struct snode *n)
{
    uint32_t want = c->shape->devices[DEVICE_NVIDIA];
    uint32_t best = want < 2 ? 0 : links_fastest(&c->snap->links, want);
    if (!best)
        return 0;
    uint32_t ring = LINKS_HOST_GBPS;
    if (n->links)
        ring = links_ring(n->links, choose(n, DEVICE_NVIDIA, devices_free(n, DEVICE_NVIDIA), want));
    return ring >= best ? 0 : LOCALITY_POINTS - (int64_t)LOCALITY_POINTS * ring / best;
}

/* 100 for a node that the pod fills, less for each device it would leave free. */
static int64_t fill_score(const struct shape *s, const struct snode *n)
{
    int64_t left = 0, total = 0;
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (!s->devices[k])
            continue;
        left += __builtin_popcountll((uint64_t)n->free[k]) - (int64_t)s->devices[k];
        total += n->topology.n_devices[k];
    }
    for (uint32_t i = 0; s->share.devices && i < n->topology.n_devices[DEVICE_NVIDIA]; i++) {
        left += devices_left(n, i);
        total += GPU_WHOLE;
    }
    return total ? SCHED_SCORE_MAX - SCHED_SCORE_MAX * left / total : 0;
}

/* For a pod without GPUs on a node without GPUs: better than any node with GPUs, and the better the
 * more room it has. */
static int64_t room_score(const struct snapshot *s, uint32_t node)
{
    static const uint32_t both[] = { RES_CPU, RES_MEMORY };
    int64_t score = SCHED_SCORE_MAX / 2;
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        int64_t all = s->alloc[both[i]][node];
        score += all > 0 ? SCHED_SCORE_MAX / 4 * snapshot_free(s, both[i], node) / all : 0;
    }
    return score;
}

static int64_t gpu_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct shape *s = c->shape;
    const struct snode *n = c->snap->nodes.items[node];
    if (is_learnt(c, run) && !wants_devices(s) && !n->topology.n_devices[DEVICE_NVIDIA])
        return room_score(c->snap, node);
    int64_t score = is_learnt(c, run) && (s->gpu_ask.count || !wants_devices(s))
                        ? gpu_sense_choose(c->cluster->gpus, c->snap, s, node).score
                        : fill_score(s, n);
    int64_t loss = locality_loss(c, n);
    return score > loss ? score - loss : 0;
}

static bool reserve_part(const struct sched_cycle *c,
                         const struct plugin_run *run,
                         uint32_t node,
                         struct placement *p)
{
    const struct snode *n = c->snap->nodes.items[node];
    const struct gpu_share *share = &c->shape->share;
    struct gpu_part part;
    if (!gpu_share_on(share, &n->topology, &part))
        return false;
    p->shared = devices_tightest(n, &part, share->devices);
    if (!p->shared)
        return false;
    if (is_learnt(c, run) && share->devices == 1 && part.milli < GPU_WHOLE)
        p->shared =
            UINT64_C(1) << gpu_sense_choose(c->cluster->gpus, c->snap, c->shape, node).device;
    p->part_milli = part.milli;
    p->part_mem_mib = part.mem_mib;
    return true;
}

static bool gpu_reserve(const struct sched_cycle *c,
                        const struct plugin_run *run,
                        uint32_t node,
                        struct placement *p)
{
    const struct snode *n = c->snap->nodes.items[node];
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint32_t want = c->shape->devices[k];
        if (!want || p->devices[k]) /* NUMATopology may have chosen already */
            continue;
        p->devices[k] = choose(n, k, devices_free(n, k), want);
        if ((uint32_t)__builtin_popcountll(p->devices[k]) < want)
            return false;
    }
    return !c->shape->share.devices || reserve_part(c, run, node, p);
}

const struct sched_plugin gpu_devices_plugin = {
    .name = "GPUDevices",
    .help = "GPUs by index, whole and in parts, packed for the pods that tend to come",
    .scope = SCOPE_NODE,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE,
    .prepare = gpu_prepare,
    .filter = gpu_filter,
    .score = gpu_score,
    .reserve = gpu_reserve,
};
