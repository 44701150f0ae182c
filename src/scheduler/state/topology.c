/* SPDX-License-Identifier: Apache-2.0
 * topology — see topology.h. */
#include "scheduler/state/topology.h"

#include <string.h>

#include "base/num.h"

#define GPU_MEM_MIB_MAX (INT64_C(1) << 30)

static uint64_t low_bits(uint32_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

uint64_t topology_mask(const struct topology *t, enum device_kind kind)
{
    uint64_t mask = 0;
    for (unsigned c = 0; c < SCHED_CELLS_MAX; c++)
        mask |= t->devices[kind][c];
    return mask;
}

/* A device plugin that offers parts of GPUs may not offer whole ones: labels count the devices. */
static void read_shared(struct topology *t, const struct node *node)
{
    static const struct str parts[] = { STR_INIT("nvidia.com/gpu.shared"),
                                        STR_INIT("volcano.sh/vgpu-number"),
                                        STR_INIT("koordinator.sh/gpu.shared"),
                                        STR_INIT("nvidia.com/gpu-memory") };
    int64_t count, replicas;
    if (!str_to_i64(node_label(node, STR("nvidia.com/gpu.memory")), &t->gpu_mem_mib) ||
        t->gpu_mem_mib < 0 || t->gpu_mem_mib > GPU_MEM_MIB_MAX)
        t->gpu_mem_mib = 0;
    if (str_to_i64(node_label(node, STR("nvidia.com/gpu.replicas")), &replicas) && replicas > 1 &&
        replicas <= 1000)
        t->gpu_replicas = (int32_t)replicas;
    if (!str_to_i64(node_label(node, STR("nvidia.com/gpu.count")), &count))
        return;
    count = num_clamp_i64(count, 0, SCHED_DEVICES_MAX);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (amounts_get(&node->allocatable, parts[i]) > 0 && count > t->n_devices[DEVICE_NVIDIA])
            t->n_devices[DEVICE_NVIDIA] = (uint32_t)count;
    }
}

static void read_counts(struct topology *t, const struct node *node)
{
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        int64_t n = amounts_get(&node->allocatable, device_resources[k]);
        t->n_devices[k] = n < 0 ? 0 : n > SCHED_DEVICES_MAX ? SCHED_DEVICES_MAX : (uint32_t)n;
    }
}

static void read_cells(struct topology *t, const struct node_cells *from)
{
    t->n_cells = from->n;
    t->manager = from->manager;
    memcpy(t->distance, from->distance, sizeof t->distance);
    for (uint32_t c = 0; c < from->n; c++) {
        t->cells[c] = (struct cell_size){ from->cells[c].cpu_milli, from->cells[c].mem_bytes };
        for (unsigned k = 0; k < DEVICE_KINDS; k++)
            t->devices[k][c] = from->cells[c].devices[k];
    }
}

void topology_read(struct topology *out, const struct node *node, const struct node_cells *cells)
{
    *out = (struct topology){ 0 };
    read_counts(out, node);
    read_shared(out, node);
    read_cells(out, cells);
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint64_t all = low_bits(out->n_devices[k]);
        for (unsigned c = 0; c < SCHED_CELLS_MAX; c++)
            out->devices[k][c] &= all; /* what kubelet does not offer is not ours to give */
        uint64_t unknown = all & ~topology_mask(out, (enum device_kind)k);
        for (uint32_t i = 0; i < out->n_devices[k]; i++) {
            if (unknown & (UINT64_C(1) << i))
                out->devices[k][i * out->n_cells / out->n_devices[k]] |= UINT64_C(1) << i;
        }
    }
}
