/* SPDX-License-Identifier: Apache-2.0
 * time — instants and their texts. Two types, so that a deadline is never compared with a date.
 * Nothing here reads a clock: io/clock.h does, and cores get `now` as an argument. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct mono {
    int64_t ns; /* of the machine's monotonic clock; for deadlines and durations */
};

struct wall {
    int64_t ns; /* since 1970-01-01T00:00:00Z; 0 means "no time" */
};

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

#define TIME_TEXT_MAX 36

/* "2026-11-22T02:43:49Z" as metav1.Time writes it; returns the length. `out` holds TIME_TEXT_MAX.
 */
struct str wall_text(char out[TIME_TEXT_MAX], struct wall t);
/* "2026-11-22T02:43:49.123456Z" as metav1.MicroTime writes it. */
struct str wall_text_micro(char out[TIME_TEXT_MAX], struct wall t);
/* RFC 3339 with offset and fraction; false when malformed. */
bool wall_parse(struct str s, struct wall *out);
/* Go's duration syntax: "300ms", "1h30m", "-1.5s". False when malformed. */
bool duration_parse(struct str s, int64_t *ns);
/* "5s", "3m20s", "2d4h": as kubectl prints ages (k8s.io/apimachinery HumanDuration). */
struct str duration_human(char out[TIME_TEXT_MAX], int64_t ns);
