/* SPDX-License-Identifier: Apache-2.0
 * score_shape — a score by utilization, as points of a line: the `shape` of plugin arguments. */
#pragma once

#include "base/err.h"
#include "codec/json.h"

#define SCORE_SHAPE_MAX 32

struct score_point {
    int64_t utilization, score; /* 0…100 both */
};

struct score_shape {
    struct score_point points[SCORE_SHAPE_MAX];
    size_t n;
};

/* A list of {utilization: 0…100, score: 0…10}, utilization rising; absent: none. */
int score_shape_read(struct score_shape *out, struct json list, struct err *err);
/* Piecewise linear; division truncates toward zero, as in Go. 0 without points. */
int64_t score_shape_at(const struct score_shape *s, int64_t utilization);
