/* SPDX-License-Identifier: Apache-2.0
 * addresses — see addresses.h. */
#include "node/pod/addresses.h"

#define PREFIX STR("127.64.")

static uint64_t bit(uint32_t n)
{
    return UINT64_C(1) << (n % 64);
}

bool addresses_take(struct addresses *x, uint32_t n)
{
    if (!n || n >= ADDRESSES_MAX || (x->used[n / 64] & bit(n)))
        return false;
    x->used[n / 64] |= bit(n);
    if (n >= x->next)
        x->next = n + 1;
    return true;
}

uint32_t addresses_give(struct addresses *x)
{
    for (uint32_t tried = 0; tried < ADDRESSES_MAX; tried++) {
        uint32_t n = (x->next + tried) % ADDRESSES_MAX;
        bool last_byte_special = n % 256 == 0 || n % 256 == 255;
        if (last_byte_special || (x->used[n / 64] & bit(n)))
            continue;
        x->used[n / 64] |= bit(n);
        x->next = n + 1;
        return n;
    }
    return 0;
}

void addresses_free(struct addresses *x, uint32_t n)
{
    if (n && n < ADDRESSES_MAX)
        x->used[n / 64] &= ~bit(n);
}

struct str addresses_text(struct arena *a, uint32_t n)
{
    return arena_printf(a, "127.64.%u.%u", n / 256, n % 256);
}

struct str addresses_link(struct arena *a, uint32_t n)
{
    return arena_printf(a, "gpod%u", n);
}

uint32_t addresses_parse(struct str text)
{
    int64_t high, low;
    if (!str_starts(text, PREFIX))
        return 0;
    struct str rest = str_skip(text, PREFIX.n);
    if (!str_to_i64(str_split(&rest, '.'), &high) || !str_to_i64(rest, &low) || high < 0 ||
        high >= ADDRESSES_MAX / 256 || low < 0 || low > 255)
        return 0;
    return (uint32_t)(high * 256 + low);
}
