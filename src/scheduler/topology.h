/* SPDX-License-Identifier: Apache-2.0
 * topology — what is inside a node: NUMA cells with their CPUs and memory, and devices with an
 * index and a cell each. Read, in this order, from
 *   - the annotation scheduling.ganglion.io/topology, written by our node agent and simulated
 * nodes:
 *     {"cells": [{"resources": {"cpu": "64", "memory": "512Gi"},
 *                 "devices": {"nvidia.com/gpu": [0, 1, 2, 3]}}, …], "links": … (links.h)}
 *   - KubeNexus labels: numa.kubenexus.io/node-count, /node-N-cpus ("0-15,32-47"), /node-N-memory
 *     (bytes) and gpu.kubenexus.io/gpuN-numa; GPUs without a label are dealt out evenly in blocks.
 * A node that says nothing has no cells: policies that need one reject it. Pure. */
#pragma once

#include "kube/node.h"

#define SCHED_CELLS_MAX 8
#define SCHED_DEVICES_MAX 64 /* of one kind on one node: a mask is one word */

/* Resources that are counted device by device. */
enum device_kind { DEVICE_NVIDIA, DEVICE_AMD, DEVICE_INTEL, DEVICE_KINDS };
extern const struct str device_resources[DEVICE_KINDS];
/* DEVICE_KINDS when the resource is not one of them. */
enum device_kind device_kind_of(struct str resource);

struct cell_size {
    int64_t cpu_milli, mem_bytes;
};

struct topology {
    uint32_t n_cells; /* 0: the node says nothing */
    struct cell_size cells[SCHED_CELLS_MAX];
    uint32_t n_devices[DEVICE_KINDS]; /* from allocatable, or nvidia.com/gpu.count where GPUs are
                                       * offered in parts only */
    int64_t gpu_mem_mib;              /* of one NVIDIA device; 0: the node does not say */
    int32_t gpu_replicas;             /* that each of them is offered as; 0: not */
    uint64_t devices[DEVICE_KINDS]
                    [SCHED_CELLS_MAX]; /* masks by cell; all in cell 0 without cells */
};

void topology_read(struct topology *out, const struct node *node);

/* The whole mask of one kind. */
uint64_t topology_mask(const struct topology *t, enum device_kind kind);

/* "0,2-3" to a mask and back. Numbers above 63 are ignored. */
uint64_t mask_parse(struct str list);
struct str mask_text(struct arena *a, uint64_t mask);
