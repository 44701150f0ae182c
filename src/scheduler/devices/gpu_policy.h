/* SPDX-License-Identifier: Apache-2.0
 * gpu_policy — where a pod that shares or takes GPUs does the least harm to the pods that will
 * come. The default profile's device policy, and the policy `ganglion` of `ganglion sim trace`.
 *
 * A place is scored by what it does to the node's fragments (fragment.h), by the regret of cutting
 * a GPU to an unfortunate remainder (gpu_price.h), and by the demand that is tied to the node's GPU
 * model while this pod is not. The score is coarse on purpose: many nodes tie, the caller takes the
 * first of them in a fixed order, and that packs (unrounded scores lose 1.5 points of utilisation
 * on the published traces).
 *
 * Everything is learnt from arrivals. Shape (b); no clock, no randomness. */
#pragma once

#include "scheduler/devices/gpu_mix.h"

struct gpu_weights { /* of the terms; zeroes leave plain FGD */
    double depth, regret, scarce;
    double memory; /* CPU counts as far as there is this many times the usual memory beside it */
};
extern const struct gpu_weights gpu_weights_default;

struct gpu_policy;
struct gpu_policy *gpu_policy_new(const struct gpu_weights *w);
void gpu_policy_free(struct gpu_policy *p);

/* A pod came that was not known. */
void gpu_policy_learn(struct gpu_policy *p, const struct gpu_ask *ask);
/* Devices of a model that the cluster has; delta may be negative. */
void gpu_policy_supply(struct gpu_policy *p, uint32_t model, int64_t delta);
/* Brings the estimate up to date when enough has been learnt since the last time, always if
 * `now`. True: it changed, scores kept by callers are stale. */
bool gpu_policy_refresh(struct gpu_policy *p, bool now);

#define GPU_SCORE_MAX 100
struct gpu_choice {
    int score;       /* 0…GPU_SCORE_MAX, more is better */
    uint32_t device; /* for one shared GPU; whole ones take the first idle ones */
};
/* The pod must fit: enough CPU, and ask->count devices with ask->milli left. */
struct gpu_choice
gpu_policy_choose(struct gpu_policy *p, const struct gpu_ask *ask, const struct gpu_room *room);
