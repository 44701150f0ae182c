/* SPDX-License-Identifier: Apache-2.0
 * shape — what a simulated node is made of, and the Node object that says so. Pure. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"
#include "codec/jnode.h"

struct sim_shape {
    const char *name, *help;
    int64_t cells; /* NUMA */
    int64_t cpus, mem_bytes, gpus;
    const char *gpu_model; /* NULL without GPUs */
    int64_t gpu_mem_mib;
    const char *gpu_topology; /* nvswitch, nvlink, pcie */
    int64_t pods;
    bool claims; /* its GPUs are had by ResourceClaim (slice.h), not as nvidia.com/gpu */
};

#define SIM_NODES_MAX 100000

extern const struct sim_shape sim_shapes[]; /* the first one is the default */
extern const size_t sim_shapes_count;

#define SIM_SHAPE_KEY "sim.ganglion.io/shape" /* label of a Node object that is to be simulated */

/* By name; NULL when there is none. */
const struct sim_shape *sim_shape_named(struct str name, struct err *err);
/* By name; the default for an unknown or absent one. */
const struct sim_shape *sim_shape_find(struct str name);

/* "16" or "16:cpu". ERR_INVALID lists the shapes. */
int sim_shape_parse(struct str text, int64_t *n, const struct sim_shape **shape, struct err *err);

/* The Node object of simulated node `name`, Ready, as its kubelet would register it. */
struct jnode *
sim_node_object(struct arena *a, const struct sim_shape *s, struct str name, struct wall now);
