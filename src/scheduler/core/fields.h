/* SPDX-License-Identifier: Apache-2.0
 * fields — what the scheduler reads of each kind of object, so that caches hold nothing else. Of a
 * running pod that is a third, and a large cluster has a hundred thousand of them. Who reads a
 * field for the first time adds its row; the scenarios run on such objects, and fail without it.
 * Extenders get pods and nodes whole, and plugins of others may read any field: with any of those
 * configured, nothing is left out. */
#pragma once

#include "codec/json_keep.h"
#include "scheduler/core/input.h"

struct sched_fields {
    const struct json_mask *rows;
    size_t n; /* 0: everything */
};

extern const struct sched_fields sched_fields[INPUT_KINDS];

/* Makes of whole objects what the caches hold of them, for those who decide without caches: what
 * they find missing, the service would miss too. All zero to begin with; one thread. */
struct sched_keeps {
    struct json_keep *of[INPUT_KINDS]; /* made when needed */
};

/* A new object, or another reference to o when its kind is held whole; the caller's. */
struct kobj *sched_keeps_cached(struct sched_keeps *k, const struct kobj *o);
void sched_keeps_fini(struct sched_keeps *k); /* what it made lives on */
