/* SPDX-License-Identifier: Apache-2.0
 * num — arithmetic that says when it overflows, and small integer helpers. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline bool
num_add_i64(int64_t *sum, int64_t a, int64_t b) /* false: overflow, *sum untouched */
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *sum = r;
    return true;
}

static inline bool num_mul_i64(int64_t *product, int64_t a, int64_t b)
{
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *product = r;
    return true;
}

static inline int64_t num_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t num_max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t num_clamp_i64(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* a / b rounded up, for a >= 0 and b > 0. */
static inline int64_t num_div_up_i64(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* splitmix64 (Steele, Lea, Flood 2014): a good mixing step, for hashes and test generators. */
uint64_t num_mix64(uint64_t x);
