/* SPDX-License-Identifier: Apache-2.0
 * gpu_ask — what a pod wants of GPUs and what a node has left, in the few numbers that the device
 * policy reasons with. Plain data, shared by the scheduler's plugin and by `ganglion sim trace`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPU_WHOLE 1000 /* milli of one device */
#define GPU_ROOM_MAX 64
#define GPU_MODELS_MAX 64
#define GPU_ANY_MODEL UINT64_MAX

struct gpu_ask { /* of one pod */
    int64_t cpu_milli;
    int64_t mem_mib; /* equal requests may differ in it */
    uint32_t count;  /* devices; 0: a pod without GPUs */
    int32_t milli;   /* of each of them, 1…GPU_WHOLE */
    uint64_t models; /* bits of the models that will do */
};

struct gpu_room { /* of one node */
    int64_t cpu_milli, mem_mib;
    uint32_t model;       /* bit number */
    uint32_t n;           /* devices */
    const int32_t *milli; /* free of each */
};

static inline bool gpu_ask_is_shared(const struct gpu_ask *a)
{
    return a->count > 0 && a->milli < GPU_WHOLE;
}

static inline bool gpu_ask_allows(const struct gpu_ask *a, uint32_t model)
{
    return a->models >> model & 1;
}
