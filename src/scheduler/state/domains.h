/* SPDX-License-Identifier: Apache-2.0
 * domains — the values of one node label (zone, host, rack) as small numbers, so that counting per
 * domain is counting in an array. Made on first use of a label, anew when nodes change statically.
 * Owned by the cluster; loop thread only. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "scheduler/state/snapshot.h"

#define DOMAIN_MISSING 0 /* the node has no such label */

struct domains {
    struct str key;   /* own text */
    uint64_t version; /* of the snapshot's static state */
    uint32_t *of;     /* node id → domain, DOMAIN_MISSING for dead nodes too */
    uint32_t n;       /* domains are 1 … n - 1 */
};

VEC_TYPE(domains_vec, struct domains *);

struct domain_index {
    struct domains_vec list;
};

void domain_index_fini(struct domain_index *ix);
/* Current until the next change of a node. */
const struct domains *
domains_get(struct domain_index *ix, const struct snapshot *s, struct str key);
