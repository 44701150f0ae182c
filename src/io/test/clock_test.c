/* SPDX-License-Identifier: Apache-2.0
 * clock — random bytes drawn ahead. */
#include "io/clock.h"

#include <string.h>

#include "testkit/check.h"

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static void pool_gives_each_byte_once(void **state)
{
    (void)state;
    struct clock_pool pool = { 0 };
    uint8_t taken[100][16];
    for (int i = 0; i < 100; i++) {
        clock_pool_take(&pool, taken[i], sizeof taken[i]);
        CHECK(pool.left % 16 == 0 && pool.left < sizeof pool.bytes);
        CHECK(all_zero(pool.bytes, sizeof pool.bytes - pool.left)); /* forgotten */
        for (int j = 0; j < i; j++)
            CHECK(memcmp(taken[i], taken[j], 16) != 0);
    }
}

static void pool_starts_anew_when_too_little_is_left(void **state)
{
    (void)state;
    struct clock_pool pool = { 0 };
    uint8_t most[sizeof pool.bytes], few[3];
    clock_pool_take(&pool, few, sizeof few);
    clock_pool_take(&pool, most, sizeof most);
    CHECK_I64(pool.left, 0);
    CHECK(!all_zero(most + sizeof most - 16, 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_gives_each_byte_once),
        cmocka_unit_test(pool_starts_anew_when_too_little_is_left),
    };
    return CHECK_MAIN(tests);
}
