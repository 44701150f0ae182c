/* SPDX-License-Identifier: Apache-2.0
 * Tests of arena: alignment, zeroing, independence of pieces, reset. */
#include "base/arena.h"

#include <stdint.h>

#include "testkit/check.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { PIECES = 3000 };
    AUTO(arena_freep) struct arena *a = arena_new();
    static unsigned char *piece[PIECES];
    static size_t size[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        size[i] = check_random_below(i % 100 == 0 ? 50000 : 200);
        piece[i] = arena_alloc(a, size[i]);
        CHECK_I64((uintptr_t)piece[i] % 16, 0);
        for (size_t k = 0; k < size[i]; k++)
            CHECK(piece[i][k] == 0);
        memset(piece[i], (int)(i & 0xff), size[i]);
    }
    for (size_t i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < size[i]; k++)
            CHECK(piece[i][k] == (i & 0xff));
    }
}

static void reset_forgets_and_reuses(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK_I64(arena_bytes(a), 0);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            char *p = arena_alloc(a, 100);
            CHECK(p[0] == 0 && p[99] == 0);
            memset(p, 0xff, 100);
        }
        CHECK(arena_bytes(a) >= 10000);
        arena_reset(a);
        CHECK_I64(arena_bytes(a), 0);
    }
    memset(arena_alloc(a, 5 << 20), 1, 5 << 20);
    arena_reset(a);
    CHECK(((char *)arena_alloc(a, 1))[0] == 0);
}

static void strings_are_copied_and_terminated(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    char text[] = "node-1";
    struct str copy = arena_str(a, str_make(text, 4));
    text[0] = 'X';
    CHECK_STR(copy, "node");
    CHECK(copy.p[4] == '\0');
    CHECK(arena_str(a, (struct str){ 0 }).p == NULL);
    CHECK_STR(arena_str(a, STR("")), "");
    struct str printed = arena_printf(a, "%s/%d", "default", 42);
    CHECK_STR(printed, "default/42");
    CHECK(printed.p[printed.n] == '\0');
    for (int n = 250; n < 260; n++) { /* around the size up to which a text is formatted once */
        printed = arena_printf(a, "%*d", n, 7);
        CHECK_I64(printed.n, n);
        CHECK(printed.p[n - 1] == '7' && printed.p[n] == '\0');
    }
    struct str low = arena_lower(a, STR("GPU-h100 \xc3\x84@["));
    CHECK_STR(low, "gpu-h100 \xc3\x84@[");
    CHECK(low.p[low.n] == '\0');
    CHECK(arena_alloc(a, 0) != NULL);
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(reset_forgets_and_reuses),
        cmocka_unit_test(strings_are_copied_and_terminated),
    };
    return CHECK_MAIN(tests);
}
