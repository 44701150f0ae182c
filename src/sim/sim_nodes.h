/* SPDX-License-Identifier: Apache-2.0
 * sim_nodes — simulated nodes on real time: registers Node objects, renews their Leases in one
 * batch a period, and lives the lives of the pods bound to them (life.h). One watch serves all of
 * them. Runs on the transport's loop. */
#pragma once

#include "client/transport.h"
#include "sim/shape.h"

struct sim_nodes;

struct sim_group {
    const struct sim_shape *shape;
    int64_t n;
};

struct sim_options {
    const struct sim_group *groups;
    size_t n_groups;
    struct str prefix; /* of node names; absent: "sim-" */
};

/* Starts; nodes register in the background. options are copied. */
struct sim_nodes *sim_nodes_new(struct transport *t, const struct sim_options *o);
/* Stops renewing and living; the Node objects stay. */
void sim_nodes_free(struct sim_nodes *s);
