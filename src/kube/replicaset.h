/* SPDX-License-Identifier: Apache-2.0
 * replicaset — the view of an apps/v1 ReplicaSet that its controller and the Deployment controller
 * act on. Decoded once per revision. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kube/field.h"
#include "kube/kobj.h"

struct replicaset {
    int64_t replicas; /* spec; 1 when absent */
    bool has_replicas;
    int64_t min_ready_s;
    struct json selector, template;

    int64_t generation;
    int64_t observed_generation, status_replicas, fully_labeled, ready, available; /* status */
};

/* The view of a ReplicaSet, borrowed as long as o is held. */
const struct replicaset *replicaset_of(const struct kobj *o);
