/* SPDX-License-Identifier: Apache-2.0
 * gpu_sense — the device policy (gpu_policy.h) as the scheduler's plugins use it: pods and nodes
 * become asks and rooms, arrivals teach it, and GPU models get numbers.
 *
 * It holds nothing that a restart loses: pods that exist when the scheduler starts arrive too.
 * A pod that changes so that it must be placed anew counts as arrived again. Loop thread only. */
#pragma once

#include "scheduler/devices/gpu_policy.h"
#include "scheduler/state/cluster.h"

struct gpu_sense *gpu_sense_new(void);
void gpu_sense_free(struct gpu_sense *g);

/* What the shape's pods want; fills shape->gpu_ask. */
void gpu_sense_shape(struct gpu_sense *g, struct shape *shape);
void gpu_sense_arrived(struct gpu_sense *g, const struct shape *shape);
/* Before a cycle: numbers the models of new nodes, and lets the policy learn. Scores that it
 * outdates are marked so in the snapshot. */
void gpu_sense_refresh(struct gpu_sense *g, struct snapshot *s);

/* False: no node has an NVIDIA device, the policy has nothing to say. */
bool gpu_sense_matters(const struct gpu_sense *g);
/* How good the node is for the shape, and the device for one part. The shape must fit. */
struct gpu_choice gpu_sense_choose(const struct gpu_sense *g,
                                   const struct snapshot *s,
                                   const struct shape *shape,
                                   uint32_t node);
