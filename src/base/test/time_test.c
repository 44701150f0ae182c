/* SPDX-License-Identifier: Apache-2.0
 * Tests of time: RFC 3339 both ways (against libc's calendar), Go durations, kubectl ages. */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "testkit/check.h"

static void writing(void **state)
{
    (void)state;
    char out[TIME_TEXT_MAX];
    CHECK_STR(wall_text(out, (struct wall){ 0 }), "1970-01-01T00:00:00Z");
    CHECK_STR(wall_text(out, (struct wall){ -1 }), "1969-12-31T23:59:59Z");
    CHECK_STR(wall_text(out, (struct wall){ INT64_MAX }), "2262-04-11T23:47:16Z");
    CHECK_STR(wall_text_micro(out, (struct wall){ INT64_MIN }), "1677-09-21T00:12:43.145224Z");
    CHECK_STR(wall_text_micro(out, (struct wall){ 5 * NS_PER_S + 1999 }),
              "1970-01-01T00:00:05.000001Z");
}

static void calendar_like_libc(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct wall t = { (int64_t)check_random() };
        time_t s = t.ns / NS_PER_S - (t.ns % NS_PER_S < 0);
        struct tm tm;
        char want[TIME_TEXT_MAX], got[TIME_TEXT_MAX];
        size_t n = strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&s, &tm));
        CHECK_STR_EQ(wall_text(got, t), str_make(want, n));
        struct wall back;
        CHECK(wall_parse(wall_text_micro(got, t), &back));
        CHECK(t.ns - back.ns >= 0 && t.ns - back.ns < NS_PER_US);
    }
}

static void parsing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-22T02:43:49Z", INT64_C(1795315429) * NS_PER_S },
        { "2026-11-22T04:43:49+02:00", INT64_C(1795315429) * NS_PER_S },
        { "2026-11-21T21:13:49-05:30", INT64_C(1795315429) * NS_PER_S },
        { "1970-01-01T00:00:00.5Z", 500 * NS_PER_MS },
        { "1970-01-01T00:00:00.1234567899Z", 123456789 },
        { "1969-12-31T23:59:59.999999999Z", -1 },
        { "2024-02-29T00:00:00Z", INT64_C(1709164800) * NS_PER_S },
    };
    static const char *const bad[] = {
        "",
        "2026-11-22",
        "2026-11-22T02:43:49",
        "2026-11-22 02:43:49Z",
        "2026-11-22T02:43:49z",
        "2026-13-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-00T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T00:60:00Z",
        "2026-11-22T00:00:60Z",
        "2026-11-22T00:00:00.Z",
        "2026-11-22T00:00:00+24:00",
        "2026-11-22T00:00:00+0200",
        "2026-11-22T00:00:00Zx",
        "26-11-22T00:00:00Z",
        "-026-11-22T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-01-01T00:00:00Z",
    };
    struct wall t = { 42 };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!wall_parse(str_from(bad[i]), &t) && t.ns == 42);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        CHECK(wall_parse(str_from(good[i].text), &t));
        CHECK_I64(t.ns, good[i].ns);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {
        { "0", 0 },
        { "+0", 0 },
        { "300ms", 300 * NS_PER_MS },
        { "1h30m", 5400 * NS_PER_S },
        { "-1.5s", -1500 * NS_PER_MS },
        { "1us", 1000 },
        { "1\xc2\xb5s", 1000 },
        { "1\xce\xbcs", 1000 },
        { ".5s", 500 * NS_PER_MS },
        { "1.s", NS_PER_S },
        { "3m3s3m", 363 * NS_PER_S },
        { "0.100000000000000000000h", 6 * 60 * NS_PER_S },
        { "9223372036854775807ns", INT64_MAX },
        { "-9223372036854775808ns", INT64_MIN },
    };
    static const char *const bad[] = {
        "",
        "-",
        "1",
        "s",
        ".s",
        ".",
        "1x",
        "1s ",
        " 1s",
        "1 s",
        "--1s",
        "1hm",
        "1S",
        "9223372036854775808ns",
        "-9223372036854775809ns",
        "2562048h",
        "99999999999999999999s",
    };
    int64_t ns = 42;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!duration_parse(str_from(bad[i]), &ns) && ns == 42);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        CHECK(duration_parse(str_from(good[i].text), &ns));
        CHECK_I64(ns, good[i].ns);
    }
}

static void ages(void **state)
{
    (void)state;
    enum { M = 60, H = 3600, D = 86400, Y = 365 * D };
    static const struct {
        int64_t s;
        const char *want;
    } rows[] = {
        { -2, "<invalid>" },
        { -1, "0s" },
        { 0, "0s" },
        { 119, "119s" },
        { 120, "2m" },
        { 200, "3m20s" },
        { 10 * M - 1, "9m59s" },
        { 10 * M + 30, "10m" },
        { 3 * H - 1, "179m" },
        { 3 * H, "3h" },
        { 3 * H + 5 * M + 59, "3h5m" },
        { 8 * H - 1, "7h59m" },
        { 8 * H + 59 * M, "8h" },
        { 48 * H - 1, "47h" },
        { 48 * H, "2d" },
        { 52 * H, "2d4h" },
        { 8 * D - 1, "7d23h" },
        { 8 * D + 5 * H, "8d" },
        { 2 * Y - 1, "729d" },
        { 2 * Y, "2y" },
        { 2 * Y + 35 * (int64_t)D, "2y35d" },
        { 8 * (int64_t)Y - 1, "7y364d" },
        { 8 * (int64_t)Y + 35 * (int64_t)D, "8y" },
        { 200 * (int64_t)Y, "200y" },
    };
    char out[TIME_TEXT_MAX];
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_STR_EQ(duration_human(out, rows[i].s * NS_PER_S), str_from(rows[i].want));
    CHECK_STR(duration_human(out, -1999 * NS_PER_MS), "0s"); /* seconds are cut towards zero */
    CHECK_STR(duration_human(out, INT64_MIN), "<invalid>");
    CHECK_STR(duration_human(out, INT64_MAX), "292y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing), cmocka_unit_test(calendar_like_libc),
        cmocka_unit_test(parsing), cmocka_unit_test(durations),
        cmocka_unit_test(ages),
    };
    return CHECK_MAIN(tests);
}
