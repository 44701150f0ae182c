/* SPDX-License-Identifier: Apache-2.0
 * Tests of str and of the checked arithmetic of num. */
#include "base/str.h"

#include "base/mem.h"
#include "base/num.h"
#include "testkit/check.h"

static const struct str absent = { 0 };

static void comparing(void **state)
{
    (void)state;
    CHECK(str_eq(STR("a"), STR("a")) && !str_eq(STR("a"), STR("b")) && !str_eq(STR("a"), STR("")));
    CHECK(str_eq(absent, STR("")));
    CHECK(str_cmp(STR("a"), STR("b")) < 0);
    CHECK(str_cmp(STR("a"), STR("aa")) < 0);
    CHECK(str_cmp(STR("\x80"), STR("a")) > 0);
    CHECK(str_cmp(absent, STR("")) == 0);
    CHECK(str_starts(STR("default/x"), STR("default/")) && !str_starts(STR("de"), STR("def")));
    CHECK(str_ends(STR("a.yaml"), STR(".yaml")) && !str_ends(STR("yaml"), STR(".yaml")));
    CHECK(str_starts(absent, STR("")) && str_ends(absent, absent));
    CHECK(str_eq_nocase(STR("Content-Length"), STR("content-length")));
    CHECK(!str_eq_nocase(STR("[a"), STR("{a")));
}

static void searching(void **state)
{
    (void)state;
    CHECK_I64(str_find_char(STR("a/b/c"), '/'), 1);
    CHECK_I64(str_find_char(STR("abc"), '/'), -1);
    CHECK_I64(str_find_char(absent, '/'), -1);
    CHECK_I64(str_find(STR("abcabd"), STR("abd")), 3);
    CHECK_I64(str_find(STR("ab"), STR("abc")), -1);
    CHECK_I64(str_find(STR("ab"), STR("")), 0);
    CHECK_I64(str_find(absent, STR("x")), -1);
    CHECK_STR(str_trim(STR(" \t a b\r\n")), "a b");
    CHECK_STR(str_trim(STR("  ")), "");
}

static void splitting(void **state)
{
    (void)state;
    struct str rest = STR("a,,bc,");
    static const char *const want[] = { "a", "", "bc", "" };
    size_t n = 0;
    while (rest.p) {
        struct str part = str_split(&rest, ',');
        CHECK(n < 4);
        CHECK_STR_EQ(part, str_from(want[n]));
        n++;
    }
    CHECK_I64(n, 4);
    rest = STR("");
    CHECK_STR(str_split(&rest, ','), "");
    CHECK(rest.p == NULL);
    AUTO(mem_freep) char *copy = str_dup(STR("xyz"));
    CHECK_CSTR(copy, "xyz");
}

static void numbers(void **state)
{
    (void)state;
    int64_t i = 42;
    uint64_t u = 42;
    CHECK(str_to_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(str_to_i64(STR("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    CHECK(str_to_i64(STR("-0"), &i) && i == 0);
    char out[STR_NUMBER_MAX];
    CHECK_STR(str_from_i64(out, INT64_MIN), "-9223372036854775808");
    CHECK_STR(str_from_i64(out, INT64_MAX), "9223372036854775807");
    CHECK_STR(str_from_u64(out, UINT64_MAX), "18446744073709551615");
    CHECK_STR(str_from_i64(out, 0), "0");
    CHECK_STR(str_from_i64(out, -10), "-10");
    static const char *const bad[] = {
        "", "-", "+1", " 1", "1 ", "1x", "9223372036854775808", "-9223372036854775809", "--1",
    };
    i = 42;
    for (size_t k = 0; k < COUNT_OF(bad); k++)
        CHECK(!str_to_i64(str_from(bad[k]), &i) && i == 42);
    u = 42;
    CHECK(!str_to_u64(STR("18446744073709551616"), &u) && u == 42);
    CHECK(!str_to_u64(STR("-1"), &u) && !str_to_u64(absent, &u));
}

static void arithmetic(void **state)
{
    (void)state;
    int64_t r = 7;
    CHECK(num_add_i64(&r, INT64_MAX, -1) && r == INT64_MAX - 1);
    CHECK(!num_add_i64(&r, INT64_MAX, 1) && r == INT64_MAX - 1);
    CHECK(num_mul_i64(&r, -4, 5) && r == -20);
    CHECK(!num_mul_i64(&r, INT64_MIN, -1) && r == -20);
    CHECK_I64(num_div_up_i64(7, 2), 4);
    CHECK_I64(num_div_up_i64(8, 2), 4);
    CHECK_I64(num_clamp_i64(11, 0, 10), 10);
    CHECK(num_mix64(0) == UINT64_C(0xe220a8397b1dcdaf)); /* first output of splitmix64, seed 0 */
}

static void utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain ascii text",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "12345678\xc3\xa4",
    };
    static const char *const bad[] = {
        "\x80",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xe2\x82",
        "1234567\xff",
        "12345678\xe2\x28\xa1",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        CHECK(str_is_utf8(str_from(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!str_is_utf8(str_from(bad[i])));
    CHECK(str_is_utf8(absent));
}

static void characters(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
    int known = 0;
    for (int i = 0; i < 256; i++)
        known += char_hex((char)i) >= 0;
    CHECK(known == 22);
    for (int i = 0; i < 16; i++)
        CHECK(char_hex(digits[i]) == i && char_hex(upper[i]) == i);
    CHECK(char_is_digit('0') && char_is_digit('9') && !char_is_digit('/') && !char_is_digit(':'));
    CHECK(char_is_space('\r') && !char_is_space('\v') && !char_is_space('\0'));
}

static void hashing(void **state)
{
    (void)state;
    CHECK(str_hash(STR("a"), 1) == str_hash(STR("a"), 1));
    CHECK(str_hash(STR("a"), 1) != str_hash(STR("a"), 2));
    CHECK(str_hash(STR("a"), 1) != str_hash(STR("b"), 1));
    CHECK(str_hash(absent, 1) == str_hash(STR(""), 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),  cmocka_unit_test(searching),  cmocka_unit_test(splitting),
        cmocka_unit_test(numbers),    cmocka_unit_test(arithmetic), cmocka_unit_test(utf8),
        cmocka_unit_test(characters), cmocka_unit_test(hashing),
    };
    return CHECK_MAIN(tests);
}
