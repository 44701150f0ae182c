/* SPDX-License-Identifier: Apache-2.0
 * select — one pod, one node: the best feasible node by the profile's scores, and what the pod
 * takes inside it. Reads the snapshot as it is, transactions included, and changes nothing. */
#pragma once

#include "scheduler/config/profile.h"

/* The same on one node only. False: it does not fit there. */
bool select_on(struct cluster *c,
               const struct spod *pod,
               uint32_t node,
               struct arena *a,
               struct placement *out);
/* False: no node fits. */
bool select_node(struct cluster *c, const struct spod *pod, struct arena *a, struct placement *out);
