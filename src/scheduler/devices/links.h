/* SPDX-License-Identifier: Apache-2.0
 * links — how fast a node's GPUs reach one another, and so which of them belong together. A set of
 * GPUs that works as one does ring collectives: its bandwidth is that of the slowest link of its
 * best ring. For up to 16 devices the rings of all subsets are tabulated exactly, once per kind of
 * node.
 *
 * Nodes say so in the annotation scheduling.ganglion.io/topology (topology.h):
 *     "links": [{"devices": [0, 1, 2, 3], "gbps": 450}, {"devices": [0, 1], "gbps": 600}, …]
 * each pair within "devices" has at least that many GB/s; pairs that no group names go through the
 * host. Else the label gpu.kubenexus.io/topology (nvswitch, nvlink, pcie) with the NUMA cells gives
 * a picture that is coarse but in the right order. Pure. */
#pragma once

#include "base/vec.h"
#include "scheduler/state/topology.h"

#define LINKS_DEVICES_MAX 16
#define LINKS_HOST_GBPS 10 /* pairs that nothing is said about */

struct links; /* of one kind of node; immutable */
VEC_TYPE(links_vec, struct links *);
struct links_pool { /* shape (a); owns the links it gave out */
    struct links_vec items;
};

void links_pool_fini(struct links_pool *p);
/* The links of the node's NVIDIA devices; the same pointer for nodes alike. NULL: nothing is said,
 * there are fewer than two or too many devices, or too many kinds of nodes. */
const struct links *
links_read(struct links_pool *p, const struct topology *t, const struct node *node);

/* GB/s of the best ring over these devices; 0 for fewer than two. */
uint32_t links_ring(const struct links *l, uint64_t devices);
/* GB/s that n devices of an empty node can have. */
uint32_t links_best(const struct links *l, uint32_t n);
/* The same of the fastest kind of node; 0: none is known. */
uint32_t links_fastest(const struct links_pool *p, uint32_t n);
/* Of n free devices those with the best ring; among equals those whose links to the other
 * free ones are slowest, so that what belongs together stays free together; then the lowest. 0:
 * there are fewer. */
uint64_t links_choose(const struct links *l, uint64_t free, uint32_t n);
