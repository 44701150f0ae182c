/* SPDX-License-Identifier: Apache-2.0
 * domains — the values of one node label (zone, host, rack) as small numbers, so that counting per
 * domain is counting in an array. Made on first use of a label, then kept node by node; a number
 * stays with its value as long as a node has it. Owned by the tallies; loop thread only. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "scheduler/state/snapshot.h"

#define DOMAIN_MISSING 0 /* the node has no such label */
/* Labels kept without a tally that needs them; more than any cycle asks for. */
#define DOMAIN_LABELS_MAX 512

struct domains {
    struct str key;                /* own text; absent: every node is a domain of its own */
    uint64_t serial;               /* never used twice */
    uint64_t used;                 /* when it was last asked for, in asks */
    size_t holders;                /* tallies that need it */
    uint32_t *of;                  /* node id → domain; DOMAIN_MISSING for dead nodes too */
    uint32_t n;                    /* domains are 1 … n - 1; some may have no node at present */
    uint32_t *first, *next, *prev; /* nodes of a domain: id + 1, 0 ends */
    /* private */
    size_t node_cap, domain_cap;
    struct map ids;     /* value → domain */
    struct str *values; /* by domain, own text */
    struct id_vec free; /* domains without a node */
};

VEC_TYPE(domains_vec, struct domains *);

struct domain_index {
    struct domains_vec list;
    uint64_t asks, serial;
};

void domain_index_fini(struct domain_index *ix);
/* Current for ever, but for node changes in between: not to be kept without being a holder. */
struct domains *domains_get(struct domain_index *ix, const struct snapshot *s, struct str key);
/* A node came or has new labels; before it goes or changes them. */
void domain_index_join(struct domain_index *ix, const struct snode *n);
void domain_index_leave(struct domain_index *ix, const struct snode *n);
