/* SPDX-License-Identifier: Apache-2.0
 * numa_choice — which cells of a node give a pod what it wants. All subsets of up to 8 cells are
 * tried. On a node whose kubelet runs a TopologyManager that may refuse pods, the choice is the
 * kubelet's: the narrowest, then lowest set of cells that each counted resource alone calls its
 * preferred (KEP-693), for every pod that kubelet would align, whatever the pod says. Pure. */
#pragma once

#include "scheduler/state/snapshot.h"

struct shape;
struct spod;

struct numa_fit { /* of one set of cells */
    uint32_t mask;
    uint64_t devices[DEVICE_KINDS];
    int64_t members;  /* of the pod's gang that run in these cells */
    int64_t distance; /* between the cells, all pairs; 10 and less is near */
    int64_t left;     /* what stays free in these cells: devices, then CPUs */
};

/* What this node's cells mean to the shape: its own wish, or what the kubelet there enforces. */
struct numa_wish numa_wish_on(const struct shape *s, const struct snode *n);

/* False: no set of cells will do now. pod: whose gang is spread over cells; NULL: nobody's. */
bool numa_choose(const struct shape *s,
                 const struct snode *n,
                 const struct snapshot *snap,
                 const struct spod *pod,
                 struct numa_fit *out);

/* The number of cells that the policy would take on the empty node; 0: it never fits. */
int numa_cells_needed(const struct shape *s, const struct snode *n);
