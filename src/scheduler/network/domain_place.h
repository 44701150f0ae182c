/* SPDX-License-Identifier: Apache-2.0
 * domain_place — puts members of a gang into the tightest domain of the network that holds them:
 * the lowest level that fits, there the domain that would have the least left, inside it the fewest
 * children, best fit. Consecutive members lie side by side, so that ranks follow the network.
 * Everything happens in the snapshot's open transaction. Pure. */
#pragma once

#include "scheduler/network/domain_tree.h"
#include "scheduler/network/domain_wish.h"
#include "scheduler/state/cluster.h"

#define DOMAIN_TRIES_MAX                                                                           \
    64 /* domains tried for one gang before the search gives up, and says so                       \
        */

struct domain_job {
    const struct domain_wish *wish;
    struct spod **pods;      /* not placed; equal shapes side by side, ranks in order */
    size_t n, least;         /* how many there are, and must fit */
    const struct spod *mate; /* a member that is placed already: the others join it; NULL: none */
};

/* Places at least job->least of the pods, all if one domain holds all; placed ones have p->node
 * set. Returns how many; 0: none was, and *why says why, in the arena. */
size_t
domain_place(struct cluster *c, const struct domain_job *job, struct arena *a, struct str *why);
