/* SPDX-License-Identifier: Apache-2.0
 * quantities — a small map from resource name to amount ("cpu", "memory", "nvidia.com/gpu"), as the
 * ResourceList of containers and nodes. cpu is in milli, everything else in units; each amount is
 * the exact sum rounded up once. Plain data, in an arena. Pure. */
#pragma once

#include "base/arena.h"
#include "codec/json.h"

struct amount {
    struct str name;
    int64_t value; /* cpu: milli; others: units (bytes, devices) */
};

struct amounts { /* sorted by name */
    struct amount *items;
    size_t n;
};

struct amounts amounts_decode(struct arena *a, struct json resource_list);
int64_t amounts_get(const struct amounts *m, struct str name); /* 0 when absent */
bool amounts_has(const struct amounts *m, struct str name);
