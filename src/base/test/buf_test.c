/* SPDX-License-Identifier: Apache-2.0
 * Tests of buf: appending, the maximum with its sticky error, handing over. */
#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "testkit/check.h"

static void appends_of_every_kind(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    CHECK_STR(buf_view(&b), "");
    buf_put(&b, "ab", 2);
    buf_put(&b, NULL, 0);
    buf_str(&b, STR("cd"));
    buf_char(&b, '-');
    buf_printf(&b, "%d:%s", 7, "x");
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    buf_char(&b, ' ');
    buf_i64(&b, INT64_MIN);
    buf_u64(&b, 0);
    CHECK_STR(buf_view(&b), "abcd-7:x 18446744073709551615 -92233720368547758080");
    CHECK(b.p[b.n] == '\0');
    CHECK(!b.failed);
    buf_fini(&b);
    buf_fini(&b);
}

static void maximum_is_exact_and_sticky(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    buf_put(&b, "12345", 5);
    CHECK(!b.failed);
    buf_char(&b, '6');
    CHECK(b.failed);
    CHECK_STR(buf_view(&b), "12345");
    buf_clear(&b);
    CHECK(!b.failed);
    CHECK_STR(buf_view(&b), "");
    buf_put(&b, "123", 3);
    buf_printf(&b, "%s", "too long");
    CHECK(b.failed);
    CHECK_STR(buf_view(&b), "123");
    CHECK(b.p[3] == '\0');
    buf_char(&b, '4'); /* would fit, but the error sticks */
    CHECK_STR(buf_view(&b), "123");
    CHECK(buf_room(&b, 0) == NULL);
    buf_fini(&b);

    buf_init(&b, 0);
    buf_printf(&b, "%s", "");
    CHECK(!b.failed);
    buf_char(&b, 'x');
    CHECK(b.failed);
    buf_fini(&b);
}

static void room_and_drop(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    char *p = buf_room(&b, 4000);
    CHECK(p != NULL);
    memset(p, 'a', 4000);
    b.n += 10;
    CHECK_STR(buf_view(&b), "aaaaaaaaaa");
    CHECK(buf_room(&b, 4086) != NULL);
    CHECK(buf_room(&b, 4087) == NULL);
    buf_clear(&b);
    buf_str(&b, STR("hello world"));
    buf_drop(&b, 6);
    CHECK_STR(buf_view(&b), "world");
    buf_drop(&b, 100);
    CHECK_STR(buf_view(&b), "");
    buf_fini(&b);
}

static void take_hands_over(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    size_t n = 1;
    AUTO(mem_freep) char *empty = buf_take(&b, &n);
    CHECK_CSTR(empty, "");
    CHECK_I64(n, 0);
    buf_str(&b, STR("abc"));
    AUTO(mem_freep) char *p = buf_take(&b, &n);
    CHECK_CSTR(p, "abc");
    CHECK_I64(n, 3);
    CHECK_I64(b.n, 0);
    buf_str(&b, STR("again"));
    CHECK_STR(buf_view(&b), "again");
    buf_fini(&b);
}

static void like_a_plain_array(void **state)
{
    (void)state;
    static char model[5000];
    size_t n = 0;
    struct buf b;
    buf_init(&b, sizeof model);
    for (int i = 0; i < 5000; i++) {
        char piece[64];
        size_t len = check_random_below(sizeof piece);
        memset(piece, (int)('a' + check_random_below(26)), len);
        if (check_random_below(10) == 0) {
            size_t gone = check_random_below(n + 1);
            buf_drop(&b, gone);
            memmove(model, model + gone, n - gone);
            n -= gone;
        } else if (n + len <= sizeof model) {
            buf_put(&b, piece, len);
            memcpy(model + n, piece, len);
            n += len;
        }
        CHECK_STR_EQ(buf_view(&b), str_make(model, n));
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_of_every_kind),       cmocka_unit_test(room_and_drop),
        cmocka_unit_test(maximum_is_exact_and_sticky), cmocka_unit_test(take_hands_over),
        cmocka_unit_test(like_a_plain_array),
    };
    return CHECK_MAIN(tests);
}
