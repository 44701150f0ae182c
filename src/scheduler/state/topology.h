/* SPDX-License-Identifier: Apache-2.0
 * topology — what is inside a node as the scheduler counts it: NUMA cells (kube/node_cells.h reads
 * them) and devices with an index and a cell each. GPUs whose cell nobody says are dealt out evenly
 * in blocks. A node that says nothing has no cells: policies that need one reject it. Pure. */
#pragma once

#include "kube/node_cells.h"

#define SCHED_CELLS_MAX NODE_CELLS_MAX
#define SCHED_DEVICES_MAX NODE_DEVICES_MAX

struct cell_size {
    int64_t cpu_milli, mem_bytes;
};

struct topology {
    uint32_t n_cells; /* 0: the node says nothing */
    struct cell_size cells[SCHED_CELLS_MAX];
    uint8_t distance[SCHED_CELLS_MAX][SCHED_CELLS_MAX]; /* 0: not said */
    enum node_manager manager;                          /* who gives out the cells */
    uint32_t n_devices[DEVICE_KINDS]; /* from allocatable, or nvidia.com/gpu.count where GPUs are
                                       * offered in parts only */
    int64_t gpu_mem_mib;              /* of one NVIDIA device; 0: the node does not say */
    int32_t gpu_replicas;             /* that each of them is offered as; 0: not */
    uint64_t devices[DEVICE_KINDS]
                    [SCHED_CELLS_MAX]; /* masks by cell; all in cell 0 without cells */
};

/* cells: of the same node. */
void topology_read(struct topology *out, const struct node *node, const struct node_cells *cells);

/* The whole mask of one kind. */
uint64_t topology_mask(const struct topology *t, enum device_kind kind);
