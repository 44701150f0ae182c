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

/* A Quantity, written as a string or a number, in 1/parts of its unit (parts: 1 or 1000), rounded
 * up and clamped to int64. False when it is not one. */
bool amount_parse(struct json quantity, int64_t parts, int64_t *out);

/* ---- exact sums, for those who must round once ---- */

/* Billionths of a unit, clamped far beyond int64 units. */
struct exact {
    struct str name;
    __int128 nano;
};

#define EXACTS_MAX 256 /* different resources in one pod; more are ignored */

struct exacts {
    struct exact *items; /* sorted by name */
    size_t n, cap;
};

bool exact_parse(struct json quantity, __int128 *nano);
/* The place of a name, made with 0 when missing; NULL over EXACTS_MAX. */
struct exact *exacts_need(struct arena *a, struct exacts *e, struct str name);
const struct exact *exacts_find(const struct exacts *e, struct str name);
void exacts_add(struct arena *a, struct exacts *e, struct json resource_list);
void exacts_add_all(struct arena *a, struct exacts *e, const struct exacts *more);
void exacts_max(struct arena *a, struct exacts *e, const struct exacts *other); /* larger of both */
struct amounts exacts_round_up(struct arena *a, const struct exacts *e);
