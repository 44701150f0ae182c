/* SPDX-License-Identifier: Apache-2.0
 * sim_nodes — simulated nodes on real time: registers Node objects, renews their Leases in one
 * batch a period, and lives the lives of the pods bound to them (life.h). One watch serves all of
 * them. Runs on the transport's loop. */
#pragma once

#include "client/transport.h"
#include "sim/group.h"

struct sim_nodes;

struct sim_options {
    const struct sim_group *groups; /* borrowed for the life of the nodes */
    size_t n_groups;
};

/* Starts; nodes register in the background. */
struct sim_nodes *sim_nodes_new(struct transport *t, const struct sim_options *o);
bool sim_nodes_registered(const struct sim_nodes *s); /* all of them, and it sees their pods */
/* Stops renewing and living; the Node objects stay. */
void sim_nodes_free(struct sim_nodes *s);
