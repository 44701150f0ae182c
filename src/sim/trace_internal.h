/* SPDX-License-Identifier: Apache-2.0
 * What the files of the trace share; nobody else includes this. */
#pragma once

#include "base/vec.h"
#include "scheduler/devices/gpu_policy.h"
#include "sim/trace.h"

VEC_TYPE(trace_ids, uint32_t);

struct trace_world {
    const struct trace *t;
    uint64_t rng;
    uint32_t *order; /* the nodes in this run's order, which decides ties */
    /* by place in that order */
    int64_t *cpu, *mem;
    int32_t (*milli)[TRACE_DEVICES_MAX];
    uint32_t *model, *gpus;
    struct trace_ids changed; /* nodes, in the order of placements */
    int64_t used_milli;
};

uint64_t trace_below(struct trace_world *w, uint64_t n); /* 0…n−1 */
/* All but memory. */
bool trace_fits(const struct trace_world *w, const struct gpu_ask *ask, uint32_t node);

struct trace_policy {
    const char *name;
    bool random;                   /* a uniform choice of those that fit; score is not asked */
    const struct gpu_weights *gpu; /* NULL: no gpu_policy is kept */
    bool foreseen;                 /* it knows the whole list before the first pod comes */
    struct gpu_choice (*score)(struct trace_world *w,
                               struct gpu_policy *gpu,
                               const struct gpu_ask *ask,
                               uint32_t node);
};
extern const struct trace_policy trace_policies[]; /* sorted; name NULL at the end */
