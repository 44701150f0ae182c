/* SPDX-License-Identifier: Apache-2.0
 * node_cells — the NUMA cells of a node: how they are published and read. The only place that knows
 * these formats. Read, the first that is there:
 *   - the annotation scheduling.ganglion.io/topology of our node agent
 *     {"cells": [{"resources": {"cpu": "64", "memory": "512Gi"},
 *                 "devices": {"nvidia.com/gpu": [0, 1, 2, 3]}}, …]}
 *   - a NodeResourceTopology object (topology.node.k8s.io/v1alpha2): zones of type Node
 *   - KubeNexus labels: numa.kubenexus.io/node-count, /node-N-cpus ("0-15,32-47"), /node-N-memory
 *     (bytes), /node-N-distance-M, and gpu.kubenexus.io/gpuN-numa.
 * What a NodeResourceTopology says about kubelet's TopologyManager and about what is left counts
 * beside any of them. Devices are counted one by one; sets of them and of cells are masks. Pure. */
#pragma once

#include "codec/jnode.h"
#include "kube/node.h"

#define NODE_CELLS_MAX 8
#define NODE_DEVICES_MAX 64 /* of one kind on one node: a mask is one word */

/* Resources that are counted device by device. */
enum device_kind { DEVICE_NVIDIA, DEVICE_AMD, DEVICE_INTEL, DEVICE_KINDS };
extern const struct str device_resources[DEVICE_KINDS];
/* DEVICE_KINDS when the resource is not one of them. */
enum device_kind device_kind_of(struct str resource);

/* Who gives out the cells of a node, and how strictly. */
enum node_manager {
    NODE_MANAGER_UNKNOWN,    /* a kubelet that does not say: taken for as strict as a pod's wish */
    NODE_MANAGER_OURS,       /* our agent or simulation: the scheduler's choice is carried out */
    NODE_MANAGER_LOOSE,      /* a kubelet with policy none or best-effort: it refuses nothing */
    NODE_MANAGER_RESTRICTED, /* a kubelet with that TopologyManager policy */
    NODE_MANAGER_SINGLE,     /* single-numa-node */
};

struct node_cell {
    int64_t cpu_milli, mem_bytes; /* that it has */
    int64_t cpu_left, mem_left;   /* as last reported; INT64_MAX: nobody says */
    struct str cpus;              /* "0-15,32-47", for the label; read: absent */
    uint64_t devices[DEVICE_KINDS];
};

struct node_cells {
    uint32_t n; /* 0: the node says nothing */
    struct node_cell cells[NODE_CELLS_MAX];
    uint8_t distance[NODE_CELLS_MAX][NODE_CELLS_MAX]; /* as ACPI: 10 to itself; 0: not said */
    uint32_t pressed; /* cells short of memory, by annotation NAME_CELL_PRESSURE */
    enum node_manager manager;
};

/* report: the node's NodeResourceTopology, or absent. Texts are not kept. */
void node_cells_read(struct node_cells *out, const struct node *node, struct json report);

/* Labels of a Node object; a list of CPUs that is no label value is left out.
 */
void node_cells_label(struct arena *a, struct jnode *node, const struct node_cells *c);
/* The annotation, exact whatever the CPUs' numbers. */
void node_cells_annotate(struct jnode *node, const struct node_cells *c);

/* "0,2-3" to a mask and back. Numbers above 63 are ignored. */
uint64_t mask_parse(struct str list);
struct str mask_text(struct arena *a, uint64_t mask);
