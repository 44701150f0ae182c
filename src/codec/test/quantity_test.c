/* SPDX-License-Identifier: Apache-2.0
 * Tests of quantity. The expected values of `canonical` and `sums` were taken from
 * k8s.io/apimachinery v0.36.3, except where quantity.h says that we differ. */
#include "codec/quantity.h"

#include <stdio.h>

#include "base/mem.h"
#include "testkit/check.h"

static struct quantity parsed(const char *text)
{
    struct quantity q = { 0 };
    struct err err;
    CHECK_OK(quantity_parse(&q, str_from(text), &err), err);
    return q;
}

static void check_text(const struct quantity *q, const char *want)
{
    struct buf b;
    buf_init(&b, 64);
    quantity_write(&b, q);
    CHECK(!b.failed);
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static const struct {
    const char *text, *want;
    int64_t units, milli;
} rows[] = {
    { "1000m", "1", 1, 1000 },
    { "1024Mi", "1Gi", 1073741824, INT64_C(1073741824000) },
    { "0.5", "500m", 1, 500 },
    { "0.5Gi", "512Mi", 536870912, INT64_C(536870912000) },
    { "1.5Gi", "1536Mi", 1610612736, INT64_C(1610612736000) },
    { "100E", "100E", INT64_MAX, INT64_MAX },
    { "1000E", "1000E", INT64_MAX, INT64_MAX },
    { "1e3", "1e3", 1000, 1000000 },
    { "1e19", "10e18", INT64_MAX, INT64_MAX },
    { "1e100", "100e27", INT64_MAX, INT64_MAX },
    { "1e99999999999", "100e27", INT64_MAX, INT64_MAX },
    { "12345678901234567890", "12345678901234567890", INT64_MAX, INT64_MAX },
    { "0.1n", "1n", 1, 1 },
    { "-0.1n", "-1n", -1, -1 },
    { "1.0000000001", "1000000001n", 2, 1001 },
    { "8Ei", "9223372036854775807", INT64_MAX, INT64_MAX },
    { "-16Ei", "-9223372036854775807", -INT64_MAX, INT64_MIN },
    { "99999999999999999999Mi", "9223372036854775807", INT64_MAX, INT64_MAX },
    { "0.1Ki", "102400m", 103, 102400 },
    { "0.0005Ki", "512m", 1, 512 },
    { "1023", "1023", 1023, 1023000 },
    { "1025Ki", "1025Ki", 1049600, 1049600000 },
    { ".", "0", 0, 0 },
    { "+", "0", 0, 0 },
    { "E", "0", 0, 0 },
    { "e3", "0", 0, 0 },
    { "5.", "5", 5, 5000 },
    { ".5", "500m", 1, 500 },
    { "1E", "1E", INT64_C(1000000000000000000), INT64_MAX },
    { "1E+3", "1e3", 1000, 1000000 },
    { "1e-3", "1e-3", 1, 1 },
    { "1e-30", "1e-9", 1, 1 },
    { "1e-99999999", "1e-9", 1, 1 },
    { "1e-1", "100e-3", 1, 100 },
    { "00100", "100", 100, 100000 },
    { "+5", "5", 5, 5000 },
    { "-0", "0", 0, 0 },
    { "1500", "1500", 1500, 1500000 },
    { "1500000", "1500k", 1500000, 1500000000 },
    { "15e5", "1500e3", 1500000, 1500000000 },
    { "1.23456789012345678901234567890", "1234567891n", 2, 1235 },
    { "-1Ki", "-1Ki", -1024, -1024000 },
    { "1.5Ki", "1536", 1536, 1536000 },
    { "1.1Mi", "1153433600m", 1153434, 1153433600 },
    { "1.0001Mi", "1048680857600u", 1048681, 1048680858 },
    { "1.00000001Mi", "1048576010485760n", 1048577, 1048576011 },
    { "3.5E", "3500P", INT64_C(3500000000000000000), INT64_MAX },
    { "92233720368547758.07", "92233720368547758070m", INT64_C(92233720368547759), INT64_MAX },
    { "0.9223372036854775807", "922337204n", 1, 923 },
    { "500e-3", "500e-3", 1, 500 },
    { "1000u", "1m", 1, 1 },
};

static void canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct quantity q = parsed(rows[i].text);
        check_text(&q, rows[i].want);
        CHECK_I64(quantity_units(&q), rows[i].units);
        CHECK_I64(quantity_milli(&q), rows[i].milli);
        struct quantity again = parsed(rows[i].want);
        CHECK_I64(quantity_cmp(&q, &again), 0);
    }
    /* 2^60 - 2^60 / 10^20, rounded up at the ninth place */
    struct quantity wide = parsed("0.99999999999999999999Ei");
    check_text(&wide, "1152921504606846975988470785n");
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " 1",
        "1 ",
        "1e",
        "1K",
        "1Ki1",
        "1kk",
        "1i",
        "1.2.3",
        "1,5",
        "0x10",
        "NaN",
        "1e+",
        "1e-",
        "1e3m",
        "1m1",
        "1Eiu",
        "1ee3",
        "--1",
        "+-1",
        "1e--3",
        "1e+-3",
        "1e99999999999999999999",
    };
    struct quantity q = { .nano = 42 };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_FAILS(quantity_parse(&q, str_from(bad[i]), &err), err, ERR_INVALID);
        CHECK(q.nano == 42);
    }
    CHECK_FAILS(quantity_parse(&q, (struct str){ 0 }, &err), err, ERR_INVALID);
    CHECK_FAILS(quantity_parse(&q, str_make("1\0", 2), &err), err, ERR_INVALID);
}

static void sums(void **state)
{
    (void)state;
    static const char *const cases[][4] = {
        { "100m", "0.9", "0", "1" },
        { "1Gi", "512Mi", "1", "1610612737" },
        { "0", "1Ki", "1Ki", "2Ki" },
        { "1n", "1E", "0", "1000000000000000000000000001n" },
        { "1e3", "1Ki", "500m", "2024500e-3" },
        { "0.0005Ki", "1Ki", "0", "1024512m" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct quantity sum = { 0 };
        for (size_t k = 0; k < 3; k++) {
            struct quantity q = parsed(cases[i][k]);
            quantity_add(&sum, &q);
        }
        check_text(&sum, cases[i][3]);
        for (size_t k = 0; k < 3; k++) {
            struct quantity q = parsed(cases[i][k]);
            quantity_sub(&sum, &q);
        }
        CHECK_I64(quantity_sign(&sum), 0);
    }
    struct quantity most = parsed("1e30"), least = parsed("-1e30");
    struct quantity sum = most;
    quantity_add(&sum, &most);
    CHECK_I64(quantity_cmp(&sum, &most), 0);
    sum = least;
    quantity_sub(&sum, &most);
    CHECK_I64(quantity_cmp(&sum, &least), 0);
    CHECK_I64(quantity_sign(&sum), -1);
    struct quantity milli = quantity_from_milli(-1500), units = quantity_from_units(2, 0);
    quantity_add(&units, &milli);
    check_text(&units, "500m");
}

/* Writing and reading again keeps the value, for random values of every size and format. */
static void round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = check_random_below(126);
        unsigned __int128 raw = (unsigned __int128)check_random() << 64 | check_random();
        struct quantity q = {
            (__int128)(raw >> (127 - bits)),
            (enum quantity_format)check_random_below(3),
        };
        if (check_random_below(2))
            q.nano = q.nano / 1000000000 * 1000000000;
        if (q.format == QUANTITY_BINARY_SI && q.nano > INT64_MAX * (__int128)1000000000)
            q.format = QUANTITY_DECIMAL_SI;
        if (check_random_below(2))
            q.nano = -q.nano;
        struct buf b;
        struct err err;
        buf_init(&b, 64);
        quantity_write(&b, &q);
        struct quantity back;
        CHECK_OK(quantity_parse(&back, buf_view(&b), &err), err);
        CHECK(back.nano == q.nano);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical),
        cmocka_unit_test(refused),
        cmocka_unit_test(sums),
        cmocka_unit_test(round_trips),
    };
    return CHECK_MAIN(tests);
}
