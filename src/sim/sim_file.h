/* SPDX-License-Identifier: Apache-2.0
 * sim_file — a file that describes simulated nodes, group by group:
 *
 *     nodes:
 *       - {prefix: big-, count: 4, shape: gpu8, labels: {zone: a}}
 *       - {names: [edge], shape: small, cpus: 8, taints: ["edge=yes:NoSchedule"]}
 *
 * A group starts from a shape and changes what it names. Decoded by a field table, so an unknown
 * key is an error. Pure. */
#pragma once

#include "base/arena.h"
#include "daemon/config.h"
#include "sim/sim_nodes.h"

#define SIM_GROUPS_MAX 1000

struct sim_groups { /* plain data; everything lives in the arena */
    struct sim_group *items;
    size_t n;
};

/* ERR_INVALID names the field: "nodes[1].cpus: …". */
int sim_file_parse(struct sim_groups *out, struct arena *a, struct str text, struct err *err);

/* The keys of one group, for the reference page. */
extern const struct config_table sim_group_table;
