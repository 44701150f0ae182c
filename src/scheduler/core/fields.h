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
