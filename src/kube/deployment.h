/* SPDX-License-Identifier: Apache-2.0
 * deployment — the view of an apps/v1 Deployment that its controller acts on. Decoded once per
 * revision. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kube/field.h"
#include "kube/kobj.h"

struct deployment {
    int64_t replicas; /* spec; 1 when absent */
    bool has_replicas;
    int64_t min_ready_s, revision_history; /* 10 when absent */
    bool has_revision_history;
    int64_t progress_deadline_s; /* 600 when absent */
    bool has_progress_deadline_s;
    bool paused, recreate;                  /* strategy.type: Recreate */
    struct json max_surge, max_unavailable; /* IntOrString; see deployment_share */
    struct json selector, template;

    int64_t generation;
    int64_t observed_generation, status_replicas, updated, ready, available; /* status */
    int64_t collision_count;
    bool has_collision_count;
};

/* The view of a Deployment, borrowed as long as o is held. */
const struct deployment *deployment_of(const struct kobj *o);

/* An IntOrString of total: a number is itself, "25%" is that share, rounded up or down. Absent or
 * malformed gives otherwise. */
int64_t deployment_share(struct json v, int64_t total, bool round_up, int64_t otherwise);
