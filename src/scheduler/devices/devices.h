/* SPDX-License-Identifier: Apache-2.0
 * devices — questions to a node's ledger of devices (snapshot.h), and its words on a pod: which
 * devices are free, which have room for a part, and how a choice is written down. Pure. */
#pragma once

#include "scheduler/state/pod.h"

/* Free devices of a kind, without those in cells that an isolated pod holds alone. */
uint64_t devices_free(const struct snode *n, unsigned kind);
/* The n lowest of a mask, or all if there are fewer. */
uint64_t devices_lowest(uint64_t mask, uint32_t n);

/* NVIDIA devices with room for this part. */
uint64_t devices_with_room(const struct snode *n, const struct gpu_part *part);
/* What is left of a device for parts, in milli: the scarcer of compute and memory. 0 when a pod
 * holds it whole, or it lies in a cell that is not to be shared. */
int32_t devices_left(const struct snode *n, uint32_t device);
/* Of the devices with room the `count` with least left, lowest index first; 0: there are fewer. */
uint64_t devices_tightest(const struct snode *n, const struct gpu_part *part, uint32_t count);

/* "nvidia.com/gpu=2:500m:12288Mi" and back. Malformed text gives no parts. */
struct str devices_parts_text(struct arena *a, const struct placement *p);
void devices_parts_parse(struct str text, struct placement *out);
