/* SPDX-License-Identifier: Apache-2.0
 * machine — what this machine has (hwloc, uname, NVML when it is there), and the Node object that
 * says so. Reading is blocking and for start-up; the object is pure. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "codec/jnode.h"
#include "kube/node_cells.h"
#include "node/agent.h"

#define MACHINE_CELLS_MAX NODE_CELLS_MAX
#define MACHINE_GPUS_MAX NODE_DEVICES_MAX

struct machine_cell {
    struct str cpus; /* "0-15,32-47" */
    int64_t n_cpus, mem_bytes;
};

struct machine { /* texts in the arena given to machine_read */
    struct str host, kernel, os_image, machine_id, boot_id, arch;
    int64_t cpu_milli, mem_bytes, disk_bytes;
    struct machine_cell cells[MACHINE_CELLS_MAX];
    size_t n_cells;
    int64_t gpus;
    struct str gpu_model; /* absent without NVML */
    int64_t gpu_mem_mib;
    int64_t gpu_cell[MACHINE_GPUS_MAX];
};

/* data_dir: whose file system's size is the node's ephemeral storage. */
void machine_read(struct machine *m, struct arena *a, const char *data_dir);
/* May this process make network namespaces and devices? */
bool machine_makes_networks(void);
/* The options' announced amounts in place of what was found; cells shrink or grow in step. */
void machine_override(struct machine *m, const struct node_options *o);

/* The Node to create. */
struct jnode *machine_node(struct arena *a,
                           const struct machine *m,
                           const struct node_options *o,
                           struct str name,
                           struct wall now);
