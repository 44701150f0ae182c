/* SPDX-License-Identifier: Apache-2.0
 * sim_nodes — simulated nodes on real time: registers Node objects, renews their Leases in one
 * batch a period, and lives the lives of the pods bound to them (life.h). One watch serves all of
 * them. Runs on the transport's loop. */
#pragma once

#include "client/transport.h"
#include "sim/shape.h"

struct sim_nodes;

struct sim_label {
    struct str key, value;
};

struct sim_taint {
    struct str key, value, effect; /* value may be absent */
};

struct sim_group { /* plain data: nodes that are alike */
    const struct sim_shape *shape;
    int64_t n;
    struct str prefix; /* of node names, a number follows; absent: "sim-". Groups of one prefix
                          count on. */
    const struct str *names; /* n names instead; NULL: none */
    const struct sim_label *labels;
    size_t n_labels;
    const struct sim_taint *taints;
    size_t n_taints;
};

struct sim_options {
    const struct sim_group *groups; /* borrowed for the life of the nodes */
    size_t n_groups;
};

/* Starts; nodes register in the background. */
struct sim_nodes *sim_nodes_new(struct transport *t, const struct sim_options *o);
bool sim_nodes_registered(const struct sim_nodes *s); /* all of them, and it sees their pods */
/* Stops renewing and living; the Node objects stay. */
void sim_nodes_free(struct sim_nodes *s);
