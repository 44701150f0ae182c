/* SPDX-License-Identifier: Apache-2.0
 * The wide scans against the plain definition: every byte value at every place of a block. */
#include "codec/json_scan.h"

#include "testkit/check.h"

enum { BLOCK = 40, ROOM = BLOCK + 32 };

static size_t expected(const char *p)
{
    size_t i = 0;
    while (json_is_plain(p[i]))
        i++;
    return i;
}

static void check_all(const char *text)
{
    size_t want = expected(text);
    CHECK_I64(json_scan(text) - text, want);
    CHECK_I64(json_scan_words(text) - text, want);
#ifdef __SSE2__
    CHECK_I64(json_scan_sse2(text) - text, want);
#endif
    for (size_t n = 0; n <= BLOCK; n++)
        CHECK_I64(json_scan_until(text, text + n) - text, want < n ? want : n);
}

static void test_every_byte_everywhere(void **state)
{
    (void)state;
    char text[ROOM];
    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < BLOCK; at++) {
            memset(text, 'x', sizeof text);
            text[BLOCK] = '"';
            text[at] = (char)byte;
            check_all(text);
        }
    }
}

/* A byte below another special one must not hide it or be taken for it (borrows between bytes). */
static void test_pairs(void **state)
{
    (void)state;
    static const char specials[] = "\0\x01\x1f\x20\x21\"\x23[\\]\x7f\x80\xa0\xff";
    char text[ROOM];
    for (size_t i = 0; i < sizeof specials; i++) {
        for (size_t j = 0; j < sizeof specials; j++) {
            for (size_t at = 0; at < 16; at++) {
                memset(text, ' ', sizeof text);
                text[BLOCK] = '"';
                text[at] = specials[i];
                text[at + 1] = specials[j];
                check_all(text);
            }
        }
    }
}

static void test_utf8_len(void **state)
{
    (void)state;
    for (uint32_t cp = 0x80; cp < 0x110000; cp += cp < 0x11000 ? 1 : 97) {
        unsigned char s[4];
        unsigned n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        for (unsigned i = n - 1; i > 0; i--)
            s[i] = (unsigned char)(0x80 | (cp >> (6 * (n - 1 - i)) & 0x3F));
        s[0] = (unsigned char)((0xF00 >> n & 0xF0) | cp >> (6 * (n - 1)));
        bool surrogate = cp >= 0xD800 && cp < 0xE000;
        const char *p = (const char *)s;
        CHECK_I64(json_utf8_len(p, p + n), surrogate ? 0 : n);
        CHECK_I64(json_utf8_len(p, p + n - 1), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_everywhere),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_utf8_len),
    };
    return CHECK_MAIN(tests);
}
