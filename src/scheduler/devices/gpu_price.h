/* SPDX-License-Identifier: Apache-2.0
 * gpu_price — what a part of a GPU is worth. Packing all shared pods onto the fewest GPUs is the
 * cutting-stock problem; the dual of its linear relaxation prices each size of request in GPUs
 * (Gilmore and Gomory, 1961). value[r] is the best that can still be cut from a remainder of r
 * milli: a pod of size s on a GPU with r left costs value[r] − value[r − s], and how much that
 * exceeds value[s] is the regret of putting it there. Pure. */
#pragma once

#include "scheduler/devices/gpu_ask.h"

#define GPU_PRICE_SIZES 20 /* the sizes with most demand; others follow from these */

struct gpu_size {
    int32_t milli;
    double demand; /* pods, on any scale; > 0 */
};

struct gpu_price {
    double value[GPU_WHOLE + 1]; /* value[GPU_WHOLE] is 1 when there is any shared demand */
};

/* sizes: n ≤ GPU_PRICE_SIZES different ones. */
void gpu_price_solve(struct gpu_price *p, const struct gpu_size *sizes, size_t n);

/* GPUs wasted by taking s milli from a remainder of r; 0 or more. */
static inline double gpu_price_regret(const struct gpu_price *p, int32_t r, int32_t s)
{
    return p->value[r] - p->value[r - s] - p->value[s];
}
