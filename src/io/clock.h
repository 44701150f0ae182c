/* SPDX-License-Identifier: Apache-2.0
 * clock — the only place that reads clocks and randomness. Cores get `now` as an argument. Any
 * thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct mono clock_mono(void);
struct wall clock_wall(void);
/* How far the wall clock is from the monotonic one, in nanoseconds: it changes when somebody sets
 * the wall clock, by more than CLOCK_JUMP_NS when what waits for a time has to know. */
int64_t clock_offset(void);
#define CLOCK_JUMP_NS (2 * NS_PER_S)
void clock_random(void *out, size_t n); /* cryptographic (getrandom); aborts when there is none */
uint64_t clock_random_u64(void);

/* Random bytes drawn ahead, for a busy thread that needs a few at a time: a call of the kernel for
 * many uids. For names and uids; not for what must stay secret, since it lies in memory before it
 * is used. The caller's struct, zero at first; one thread at a time. */
struct clock_pool {
    uint8_t bytes[512];
    size_t left; /* at the end of bytes */
};
/* n is at most sizeof pool->bytes. */
void clock_pool_take(struct clock_pool *pool, void *out, size_t n);
