/* SPDX-License-Identifier: Apache-2.0
 * clock — see clock.h. */
#include "io/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0)
        abort(); /* only a wrong id fails */
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct mono clock_mono(void)
{
    return (struct mono){ read_clock(CLOCK_MONOTONIC) };
}

struct wall clock_wall(void)
{
    return (struct wall){ read_clock(CLOCK_REALTIME) };
}

int64_t clock_offset(void)
{
    return clock_wall().ns - clock_mono().ns;
}

void clock_random(void *out, size_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            abort();
        p += got;
        n -= (size_t)got;
    }
}

uint64_t clock_random_u64(void)
{
    uint64_t v;
    clock_random(&v, sizeof v);
    return v;
}

void clock_pool_take(struct clock_pool *pool, void *out, size_t n)
{
    assert(n <= sizeof pool->bytes);
    if (pool->left < n) {
        clock_random(pool->bytes, sizeof pool->bytes);
        pool->left = sizeof pool->bytes;
    }
    uint8_t *from = pool->bytes + sizeof pool->bytes - pool->left;
    memcpy(out, from, n);
    memset(from, 0, n);
    pool->left -= n;
}
