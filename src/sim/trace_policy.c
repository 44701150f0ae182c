/* SPDX-License-Identifier: Apache-2.0
 * trace_policy — the policies that `ganglion sim trace` compares. */
#include <assert.h>

#include "sim/trace_internal.h"

/* The published BestFit: little CPU and GPU left on the node; memory plays no part. A shared pod
 * takes the tightest GPU. */
static struct gpu_choice
best_fit(struct trace_world *w, struct gpu_policy *gpu, const struct gpu_ask *ask, uint32_t node)
{
    (void)gpu;
    struct gpu_choice out = { 0 };
    int64_t left = -(int64_t)ask->count * ask->milli;
    int32_t tightest = GPU_WHOLE + 1;
    for (uint32_t i = 0; i < w->gpus[node]; i++) {
        int32_t free = w->milli[node][i];
        left += free;
        if (free >= ask->milli && free < tightest) {
            tightest = free;
            out.device = i;
        }
    }
    double cpu = (double)(w->cpu[node] - ask->cpu_milli) / 128000;
    out.score = (int)(100 * (1 - 0.5 * cpu - 0.5 * (double)left / 8000));
    return out;
}

static struct gpu_choice least_fragments(struct trace_world *w,
                                         struct gpu_policy *gpu,
                                         const struct gpu_ask *ask,
                                         uint32_t node)
{
    return gpu_policy_choose(gpu, ask,
                             &(struct gpu_room){ w->cpu[node], w->mem[node], w->model[node],
                                                 w->gpus[node], w->milli[node] });
}

static const struct gpu_weights plain = { 0 };

const struct trace_policy trace_policies[] = {
    { .name = "bestfit", .score = best_fit },
    { .name = "fgd", .gpu = &plain, .foreseen = true, .score = least_fragments },
    { .name = "ganglion", .gpu = &gpu_weights_default, .score = least_fragments },
    { .name = "random", .random = true },
    { .name = NULL },
};
