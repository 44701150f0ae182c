/* SPDX-License-Identifier: Apache-2.0
 * snapshot_place — putting pods on nodes and taking them off, word by word through the undo log. */
#include <assert.h>

#include "scheduler/state/relations.h"
#include "scheduler/state/snapshot_internal.h"
#include "scheduler/state/tally.h"
#include "scheduler/volumes/volumes.h"

void snapshot_pod_enter(struct snapshot *s, struct spod *pod)
{
    pod->node = SCHED_NO_NODE;
    pod->next = pod->prev = -1;
    pod->relations = relations_get(s->relations, pod->obj, &pod->labels);
    if (s->free_pods.n) {
        pod->id = id_vec_pop(&s->free_pods);
        s->pods.items[pod->id] = pod;
        return;
    }
    pod->id = (uint32_t)s->pods.n;
    spod_ptrs_push(&s->pods, pod);
}

void snapshot_pod_leave(struct snapshot *s, struct spod *pod)
{
    assert(pod->node == SCHED_NO_NODE && s->pods.items[pod->id] == pod);
    snapshot_commit(s); /* the log may hold addresses inside the pod */
    relations_put(s->relations, s->tallies, pod->relations);
    pod->relations = NULL;
    s->pods.items[pod->id] = NULL;
    id_vec_push(&s->free_pods, pod->id);
}

static void add(struct snapshot *s, int64_t *word, int64_t delta)
{
    if (delta)
        tx_set(s, word, *word + delta);
}

static void charge_demands(struct snapshot *s, struct spod *p, int64_t node, int sign)
{
    for (size_t i = 0; i < p->n_demands; i++) {
        const struct demand *d = &p->demands[i];
        if (d->res != RES_NOBODY)
            add(s, &s->used[d->res][node], sign * d->amount);
    }
    add(s, &s->used[RES_PODS][node], sign);
    add(s, &s->nz_cpu[node], sign * p->nz_cpu);
    add(s, &s->nz_mem[node], sign * p->nz_mem);
}

static int64_t demand_of(const struct spod *p, uint32_t res)
{
    for (size_t i = 0; i < p->n_demands; i++) {
        if (p->demands[i].res == res)
            return p->demands[i].amount;
    }
    return 0;
}

static void charge_cells(struct snapshot *s, struct snode *n, struct spod *p, int sign)
{
    uint32_t mask = (uint32_t)p->cells & ((1u << n->topology.n_cells) - 1u);
    if (!mask)
        return;
    int64_t cpu = demand_of(p, RES_CPU), mem = demand_of(p, RES_MEMORY);
    for (unsigned c = 0; c < n->topology.n_cells; c++) {
        if (!(mask & (1u << c)))
            continue;
        struct cell *cell = &n->cells[c];
        add(s, &cell->cpu_used, sign * cell_share(cpu, mask, c));
        add(s, &cell->mem_used, sign * cell_share(mem, mask, c));
        add(s, &cell->pinned, sign);
        if (p->cells & SPOD_EXCLUSIVE)
            add(s, &cell->exclusive, sign);
    }
}

/* What other pods of this node hold: devices may be claimed twice after a conflict elsewhere, and
 * are free only when the last holder leaves. */
static uint64_t
held_by_others(const struct snapshot *s, const struct snode *n, const struct spod *p, unsigned kind)
{
    uint64_t held = 0;
    for (int64_t id = n->first_pod; id >= 0; id = s->pods.items[id]->next) {
        if (s->pods.items[id] != p)
            held |= (uint64_t)s->pods.items[id]->devices[kind];
    }
    return held;
}

/* Parts of devices. What a conflict elsewhere promised twice may add up to more than a device: it
 * is counted as it is, and nothing more fits until it is gone. */
static void charge_parts(struct snapshot *s, struct snode *n, struct spod *p, int sign)
{
    uint64_t mask = (uint64_t)p->shared & topology_mask(&n->topology, DEVICE_NVIDIA);
    uint64_t have = (uint64_t)n->free[DEVICE_NVIDIA];
    if (!mask)
        return;
    uint64_t whole = held_by_others(s, n, p, DEVICE_NVIDIA);
    for (uint64_t left = mask; left; left &= left - 1) {
        struct device_use *use = &n->shares[__builtin_ctzll(left)];
        add(s, &use->milli, sign * p->part_milli);
        add(s, &use->mem_mib, sign * p->part_mem_mib);
        uint64_t bit = left & -left;
        have = use->milli || ((whole | (uint64_t)n->claimed[DEVICE_NVIDIA]) & bit) ? have & ~bit
                                                                                   : have | bit;
    }
    tx_set(s, &n->free[DEVICE_NVIDIA], (int64_t)have);
}

/* Devices that pods use parts of. */
static uint64_t in_parts(const struct snode *n)
{
    uint64_t out = 0;
    for (uint32_t i = 0; i < n->topology.n_devices[DEVICE_NVIDIA]; i++)
        out |= (uint64_t)(n->shares[i].milli > 0) << i;
    return out;
}

void snapshot_charge_devices(struct snapshot *s, struct snode *n, struct spod *p, int sign)
{
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint64_t mask = (uint64_t)p->devices[k], have = (uint64_t)n->free[k];
        if (!mask)
            continue;
        uint64_t back = sign > 0 ? 0
                                 : mask & topology_mask(&n->topology, (enum device_kind)k) &
                                       ~held_by_others(s, n, p, k) & ~(uint64_t)n->claimed[k];
        if (k == DEVICE_NVIDIA)
            back &= ~in_parts(n);
        tx_set(s, &n->free[k], (int64_t)(sign > 0 ? have & ~mask : have | back));
    }
    charge_parts(s, n, p, sign);
    charge_cells(s, n, p, sign);
}

static void put_word(struct snapshot *s, int64_t *word, int64_t value, bool logged)
{
    if (logged)
        tx_set(s, word, value);
    else
        *word = value;
}

void snapshot_set_claimed(struct snapshot *s,
                          struct snode *n,
                          enum device_kind kind,
                          uint64_t mask,
                          bool logged)
{
    uint64_t before = (uint64_t)n->claimed[kind];
    uint64_t held = mask | held_by_others(s, n, NULL, kind);
    int64_t *used = &s->used[snapshot_res(s, device_resources[kind])][n->id];
    if (kind == DEVICE_NVIDIA)
        held |= in_parts(n);
    put_word(s, used, *used + __builtin_popcountll(mask) - __builtin_popcountll(before), logged);
    put_word(s, &n->claimed[kind], (int64_t)mask, logged);
    put_word(s, &n->free[kind], (int64_t)(topology_mask(&n->topology, kind) & ~held), logged);
    snapshot_touch(s, n->id);
}

/* Of those that are or were there; preempt.c finds out what is true. */
static void note_priority(struct snapshot *s, uint32_t node, const struct spod *p)
{
    if (p->view->priority < s->least_priority[node])
        s->least_priority[node] = p->view->priority;
}

static void link_pod(struct snapshot *s, struct snode *n, struct spod *p)
{
    tx_set(s, &p->next, n->first_pod);
    tx_set(s, &p->prev, -1);
    if (n->first_pod >= 0)
        tx_set(s, &s->pods.items[n->first_pod]->prev, p->id);
    tx_set(s, &n->first_pod, p->id);
}

static void unlink_pod(struct snapshot *s, struct snode *n, struct spod *p)
{
    if (p->next >= 0)
        tx_set(s, &s->pods.items[p->next]->prev, p->prev);
    if (p->prev >= 0)
        tx_set(s, &s->pods.items[p->prev]->next, p->next);
    else
        tx_set(s, &n->first_pod, p->next);
    tx_set(s, &p->next, -1);
    tx_set(s, &p->prev, -1);
}

static void count_kinds(struct snapshot *s, struct snode *n, struct spod *p, int sign)
{
    if (p->view->host_ports.n)
        add(s, &n->n_ports, sign);
    if (p->relations && p->relations->terms) {
        add(s, &n->n_terms, sign);
        add(s, &s->n_terms, sign);
    }
}

void snapshot_relabel(struct snapshot *s, struct spod *pod, int sign)
{
    if (pod->node < 0)
        return;
    count_kinds(s, s->nodes.items[pod->node], pod, sign);
    note_priority(s, (uint32_t)pod->node, pod);
    tallies_pod(s->tallies, pod, (uint32_t)pod->node, sign);
}

static void set_parts(struct snapshot *s, struct spod *pod, const struct placement *p)
{
    tx_set(s, &pod->shared, (int64_t)p->shared);
    tx_set(s, &pod->part_milli, p->part_milli);
    tx_set(s, &pod->part_mem_mib, p->part_mem_mib);
}

void snapshot_place(struct snapshot *s, struct spod *pod, const struct placement *p)
{
    assert(pod->node == SCHED_NO_NODE && p->node >= 0 && (size_t)p->node < s->nodes.n);
    struct snode *n = s->nodes.items[p->node];
    assert(n->alive);
    dra_place(s, pod, p, pod->view->node_name.n == 0);
    if (pod->volumes)
        volumes_place(s, pod, n, pod->view->node_name.n == 0);
    tx_set(s, &pod->node, p->node);
    tx_set(s, &pod->cells, (int64_t)p->cells | (p->exclusive ? SPOD_EXCLUSIVE : 0));
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        tx_set(s, &pod->devices[k], (int64_t)p->devices[k]);
    if (p->shared)
        set_parts(s, pod, p);
    charge_demands(s, pod, p->node, 1);
    snapshot_charge_devices(s, n, pod, 1);
    count_kinds(s, n, pod, 1);
    quota_charge(&pod->quota, pod->demands, pod->n_demands, 1);
    link_pod(s, n, pod);
    note_priority(s, n->id, pod);
    tallies_pod(s->tallies, pod, n->id, 1);
    snapshot_touch(s, n->id);
}

void snapshot_remove(struct snapshot *s, struct spod *pod)
{
    assert(pod->node >= 0);
    struct snode *n = s->nodes.items[pod->node];
    tallies_pod(s->tallies, pod, n->id, -1);
    unlink_pod(s, n, pod);
    count_kinds(s, n, pod, -1);
    snapshot_charge_devices(s, n, pod, -1);
    charge_demands(s, pod, pod->node, -1);
    quota_charge(&pod->quota, pod->demands, pod->n_demands, -1);
    dra_remove(s, pod);
    volumes_remove(s, pod);
    tx_set(s, &pod->node, SCHED_NO_NODE);
    tx_set(s, &pod->cells, 0);
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        tx_set(s, &pod->devices[k], 0);
    if (pod->shared)
        set_parts(s, pod, &(struct placement){ 0 });
    snapshot_touch(s, n->id);
}
