/* SPDX-License-Identifier: Apache-2.0
 * numa_choice — see numa_choice.h. */
#include "scheduler/state/numa_choice.h"

#include "base/num.h"
#include "scheduler/devices/devices.h"
#include "scheduler/state/pod.h"

struct search { /* one pod, one node */
    const struct shape *s;
    const struct snode *n;
    struct numa_wish wish;
    bool kubelet; /* that refuses pods chooses the cells, not we */
    bool strict;  /* a kubelet may be asked for `restricted` */
    uint8_t members[SCHED_CELLS_MAX];
};

static bool kubelet_refuses(const struct snode *n)
{
    return n->topology.manager == NODE_MANAGER_RESTRICTED ||
           n->topology.manager == NODE_MANAGER_SINGLE;
}

struct numa_wish numa_wish_on(const struct shape *s, const struct snode *n)
{
    struct numa_wish w = s->numa;
    bool devices = false;
    if (!kubelet_refuses(n) || !n->topology.n_cells)
        return w;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        devices = devices || s->devices[k];
    if (!s->cpus_are_pinned && !s->memory_is_pinned && !devices)
        return w; /* nothing that kubelet aligns */
    enum numa_policy least =
        n->topology.manager == NODE_MANAGER_SINGLE ? NUMA_SINGLE : NUMA_RESTRICTED;
    if (w.policy == NUMA_NONE)
        w.cells = UINT32_MAX;
    w.policy = w.policy > least ? w.policy : least;
    w.cpu = w.cpu || s->cpus_are_pinned;
    w.memory = w.memory || s->memory_is_pinned;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        w.devices[k] = true;
    return w;
}

static struct search search_of(const struct shape *s, const struct snode *n)
{
    enum node_manager m = n->topology.manager;
    return (struct search){ .s = s,
                            .n = n,
                            .wish = numa_wish_on(s, n),
                            .kubelet = kubelet_refuses(n),
                            .strict = kubelet_refuses(n) || m == NODE_MANAGER_UNKNOWN };
}

/* ---- what cells have ---- */

static int64_t cpu_free(const struct snode *n, unsigned c, bool empty)
{
    const struct cell *cell = &n->cells[c];
    int64_t all = n->topology.cells[c].cpu_milli;
    return empty ? all : num_min_i64(all - cell->cpu_used, cell->cpu_left);
}

static int64_t mem_free(const struct snode *n, unsigned c, bool empty)
{
    const struct cell *cell = &n->cells[c];
    int64_t all = n->topology.cells[c].mem_bytes;
    return empty ? all : num_min_i64(all - cell->mem_used, cell->mem_left);
}

static uint64_t devices_in(const struct search *q, unsigned kind, uint32_t mask, bool empty)
{
    uint64_t have = 0;
    for (unsigned c = 0; c < q->n->topology.n_cells; c++) {
        if (mask & (1u << c))
            have |= q->n->topology.devices[kind][c];
    }
    return empty ? have : have & (uint64_t)q->n->free[kind];
}

/* May the pod be in this cell at all? */
static bool cell_is_open(const struct search *q, unsigned c)
{
    const struct cell *cell = &q->n->cells[c];
    return (q->wish.cells & (1u << c)) && !cell->exclusive && !cell->pressed &&
           !(q->wish.policy == NUMA_ISOLATED && cell->pinned) &&
           !(q->wish.spread == NUMA_SPREAD_ISOLATED && q->members[c]);
}

static bool mask_is_open(const struct search *q, uint32_t mask)
{
    for (unsigned c = 0; c < q->n->topology.n_cells; c++) {
        if ((mask & (1u << c)) && !cell_is_open(q, c))
            return false;
    }
    return true;
}

/* Each cell gives its part of what the pod wants (cell_share), all together its devices. */
static bool mask_gives(const struct search *q, uint32_t mask, bool empty)
{
    const struct shape *s = q->s;
    for (unsigned c = 0; c < q->n->topology.n_cells; c++) {
        if ((mask & (1u << c)) &&
            ((q->wish.cpu && cell_share(s->cpu, mask, c) > cpu_free(q->n, c, empty)) ||
             (q->wish.memory && cell_share(s->mem, mask, c) > mem_free(q->n, c, empty))))
            return false;
    }
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (q->wish.devices[k] && s->devices[k] &&
            (uint32_t)__builtin_popcountll(devices_in(q, k, mask, empty)) < s->devices[k])
            return false;
    }
    return true;
}

/* ---- how many cells ---- */

static int fewest_together(const struct search *q)
{
    int best = 0;
    for (uint32_t mask = 1; mask < (1u << q->n->topology.n_cells); mask++) {
        int size = __builtin_popcount(mask);
        if ((!best || size < best) && (mask & ~q->wish.cells) == 0 && mask_gives(q, mask, true))
            best = size;
    }
    return best;
}

/* Kubelet's: the smallest set of cells whose sum holds one resource. kind DEVICE_KINDS: CPUs; one
 * more: memory. */
static int fewest_of_one(const struct search *q, unsigned kind, int64_t want)
{
    int best = 0;
    for (uint32_t mask = 1; mask < (1u << q->n->topology.n_cells); mask++) {
        int64_t have = 0;
        int size = __builtin_popcount(mask);
        if (best && size >= best)
            continue;
        if (kind < DEVICE_KINDS)
            have = __builtin_popcountll(devices_in(q, kind, mask, true));
        for (unsigned c = 0; kind >= DEVICE_KINDS && c < q->n->topology.n_cells; c++) {
            if (mask & (1u << c))
                have += kind == DEVICE_KINDS ? cpu_free(q->n, c, true) : mem_free(q->n, c, true);
        }
        if (have >= want)
            best = size;
    }
    return best;
}

/* Kubelet calls a set of cells preferred when it is the smallest for every resource alone; so all
 * must need equally many. 0: they do not. */
static int fewest_for_kubelet(const struct search *q)
{
    int common = -1;
    for (unsigned kind = 0; kind < DEVICE_KINDS + 2; kind++) {
        bool counts = kind < DEVICE_KINDS    ? q->wish.devices[kind]
                      : kind == DEVICE_KINDS ? q->wish.cpu
                                             : q->wish.memory;
        int64_t want = kind < DEVICE_KINDS    ? q->s->devices[kind]
                       : kind == DEVICE_KINDS ? q->s->cpu
                                              : q->s->mem;
        if (!counts || !want)
            continue;
        int size = fewest_of_one(q, kind, want);
        if (common >= 0 && size != common)
            return 0;
        common = size;
    }
    return common < 0 ? 1 : common;
}

static int cells_needed(const struct search *q)
{
    int together = fewest_together(q);
    if (q->wish.policy != NUMA_RESTRICTED || !q->strict)
        return together;
    int kubelet = fewest_for_kubelet(q);
    /* Kubelet's usual scope is the container: it may judge several of them otherwise than their
     * sum, unless one cell holds all. */
    if (q->s->view->containers.n > 1 && kubelet > 1)
        return 0;
    return kubelet && together == kubelet ? kubelet : 0;
}

int numa_cells_needed(const struct shape *s, const struct snode *n)
{
    struct search q = search_of(s, n);
    return cells_needed(&q);
}

/* ---- the choice ---- */

static int64_t distance_of(const struct topology *t, uint32_t mask)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < t->n_cells; i++) {
        for (unsigned j = 0; j < t->n_cells; j++) {
            if (i != j && (mask & (1u << i)) && (mask & (1u << j)))
                sum += t->distance[i][j];
        }
    }
    return sum;
}

static struct numa_fit fit_of(const struct search *q, uint32_t mask)
{
    struct numa_fit f = { .mask = mask, .distance = distance_of(&q->n->topology, mask) };
    for (unsigned c = 0; c < q->n->topology.n_cells; c++) {
        if (!(mask & (1u << c)))
            continue;
        f.members += q->members[c];
        f.left += cpu_free(q->n, c, false) / 1000;
    }
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint64_t have = devices_in(q, k, mask, false);
        if (!q->s->devices[k] || !q->wish.devices[k])
            continue;
        f.devices[k] = devices_lowest(have, q->s->devices[k]);
        f.left += (int64_t)(__builtin_popcountll(have) - (int)q->s->devices[k]) << 32;
    }
    return f;
}

/* Of two sets of equal size: the gang's wish, then near one another, then tidy, or roomy for those
 * that wear memory out. */
static bool is_better(const struct search *q, const struct numa_fit *a, const struct numa_fit *b)
{
    if (q->wish.spread != NUMA_SPREAD_NONE && a->members != b->members)
        return (a->members > b->members) == (q->wish.spread == NUMA_SPREAD_PACKED);
    if (a->distance != b->distance && q->wish.distance_weight)
        return a->distance < b->distance;
    return q->wish.memory_intensive ? a->left > b->left : a->left < b->left;
}

/* The best set of exactly `size` cells. Where kubelet chooses, the lowest: if that one is not open
 * to the pod, none is. */
static bool best_of_size(const struct search *q, int size, struct numa_fit *out)
{
    bool found = false;
    for (uint32_t mask = 1; mask < (1u << q->n->topology.n_cells); mask++) {
        if (__builtin_popcount(mask) != size || !mask_gives(q, mask, false))
            continue;
        bool open = mask_is_open(q, mask);
        if (q->kubelet) {
            *out = fit_of(q, mask);
            return open;
        }
        struct numa_fit fit = fit_of(q, mask);
        if (!open || (found && !is_better(q, &fit, out)))
            continue;
        *out = fit;
        found = true;
    }
    return found;
}

static void count_members(struct search *q, const struct snapshot *snap, const struct spod *pod)
{
    if (!pod || q->wish.spread == NUMA_SPREAD_NONE)
        return;
    for (int64_t id = q->n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        const struct spod *other = snap->pods.items[id];
        bool mate = q->wish.group.n ? str_eq(other->shape->numa.group, q->wish.group)
                                    : other->gang == pod->gang;
        for (unsigned c = 0; mate && c < SCHED_CELLS_MAX; c++)
            q->members[c] = (uint8_t)(q->members[c] + ((other->cells >> c & 1) && other != pod));
    }
}

bool numa_choose(const struct shape *s,
                 const struct snode *n,
                 const struct snapshot *snap,
                 const struct spod *pod,
                 struct numa_fit *out)
{
    struct search q = search_of(s, n);
    int from = 1, to = (int)n->topology.n_cells;
    switch (q.wish.policy) {
    case NUMA_NONE:
        return false;
    case NUMA_SINGLE:
    case NUMA_ISOLATED:
        to = to ? 1 : 0;
        break;
    case NUMA_RESTRICTED:
        from = to = cells_needed(&q);
        break;
    case NUMA_BEST_EFFORT:
        break;
    }
    count_members(&q, snap, pod);
    for (int size = from; size && size <= to; size++) {
        if (best_of_size(&q, size, out))
            return true;
    }
    return false;
}
