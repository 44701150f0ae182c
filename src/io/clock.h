/* SPDX-License-Identifier: Apache-2.0
 * clock — the only place that reads clocks and randomness. Cores get `now` as an argument. Any
 * thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct mono clock_mono(void);
struct wall clock_wall(void);
void clock_random(void *out, size_t n); /* cryptographic (getrandom); aborts when there is none */
uint64_t clock_random_u64(void);
