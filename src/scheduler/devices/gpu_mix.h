/* SPDX-License-Identifier: Apache-2.0
 * gpu_mix — which pods this cluster tends to get, learnt from those that came. Equal requests are
 * one kind, counted; the typical pods are the most frequent kinds that together make up 95 % (the
 * target workload M of "Beware of Fragmentation", USENIX ATC '23, but not known beforehand).
 *
 * Counts age: at GPU_MIX_WINDOW arrivals all are halved, so that a cluster whose users change their
 * habits is not judged by last year's. Shape (a): a value in its owner. */
#pragma once

#include "base/vec.h"
#include "scheduler/devices/gpu_ask.h"

#define GPU_MIX_KINDS 4096 /* more make the mix age early */
#define GPU_MIX_WINDOW (1u << 17)
#define GPU_TYPICAL_MAX 192

struct gpu_kind {
    struct gpu_ask ask;
    uint64_t count;
};
VEC_TYPE(gpu_kinds, struct gpu_kind);

struct gpu_mix {
    struct gpu_kinds kinds;
    uint32_t *slots;   /* hash table of places in kinds, + 1; 0: free */
    uint64_t arrivals; /* sum of the counts */
};

struct gpu_typical { /* one kind of the typical pods */
    struct gpu_ask ask;
    double share; /* of them; all shares sum up to 1 */
};

void gpu_mix_fini(struct gpu_mix *m);
void gpu_mix_add(struct gpu_mix *m, const struct gpu_ask *ask);
/* The most frequent kinds (of equals the larger request) until `percent` of all arrivals are
 * covered; returns how many, at most GPU_TYPICAL_MAX. */
size_t gpu_mix_typical(struct gpu_mix *m, unsigned percent, struct gpu_typical *out);
