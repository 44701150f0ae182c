/* SPDX-License-Identifier: Apache-2.0
 * rollout — the sizes of ReplicaSets during a rolling update, from numbers alone. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rollout_set {   /* a ReplicaSet as the arithmetic sees it */
    int64_t want;      /* spec.replicas */
    int64_t available; /* status.availableReplicas */
};

struct rollout {
    int64_t replicas, max_surge, max_unavailable;
    struct rollout_set new_set;
    struct rollout_set *old; /* oldest first */
    size_t n_old;
};

/* One step of a rolling update: changes the `want` of the sets so that never fewer than
 * replicas - max_unavailable are available nor more than replicas + max_surge exist. Repeat after
 * each change in the world. (kubernetes/kubernetes pkg/controller/deployment/rolling.go) */
void rollout_step(struct rollout *r);
