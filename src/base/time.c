/* SPDX-License-Identifier: Apache-2.0
 * time — dates and durations as the Kubernetes API writes them; see time.h. The proleptic Gregorian
 * calendar arithmetic is Howard Hinnant's "days from civil": years start in March, so that the leap
 * day is the last of its year and month lengths follow (153 m + 2) / 5. */
#include "base/time.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"

#define S_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA INT64_C(146097) /* 400 years */

struct civil {
    int64_t year;
    int month, day;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t days_from_civil(struct civil c)
{
    int64_t y = c.year - (c.month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t month = (c.month + 9) % 12; /* March is 0 */
    int64_t day_of_year = (153 * month + 2) / 5 + c.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - 719468; /* 0000-03-01 to 1970-01-01 */
}

static struct civil civil_from_days(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = floor_div(z, DAYS_PER_ERA);
    int64_t doe = z - era * DAYS_PER_ERA;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    return (struct civil){
        .year = yoe + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
    };
}

static struct str text(char out[TIME_TEXT_MAX], int n)
{
    return (struct str){ out, (size_t)n };
}

/* `digits` decimal digits, then what stands behind them. By hand: every write of an object makes
 * and checks several times, and snprintf took an eighth of the API server's work. */
static char *put_digits(char *at, int64_t v, int digits, char behind)
{
    for (int i = digits - 1; i >= 0; i--, v /= 10)
        at[i] = (char)('0' + v % 10);
    at[digits] = behind;
    return at + digits + 1;
}

/* A date up to its seconds and `behind`; a struct wall reaches from 1677 to 2262. */
static char *put_date(char *at, struct wall t, char behind)
{
    int64_t s = floor_div(t.ns, NS_PER_S);
    int64_t days = floor_div(s, S_PER_DAY);
    int64_t in_day = s - days * S_PER_DAY;
    struct civil c = civil_from_days(days);
    at = put_digits(at, c.year, 4, '-');
    at = put_digits(at, c.month, 2, '-');
    at = put_digits(at, c.day, 2, 'T');
    at = put_digits(at, in_day / 3600, 2, ':');
    at = put_digits(at, in_day / 60 % 60, 2, ':');
    return put_digits(at, in_day % 60, 2, behind);
}

static struct str finished(char out[TIME_TEXT_MAX], char *end)
{
    *end = '\0';
    return text(out, (int)(end - out));
}

struct str wall_text(char out[TIME_TEXT_MAX], struct wall t)
{
    return finished(out, put_date(out, t, 'Z'));
}

struct str wall_text_micro(char out[TIME_TEXT_MAX], struct wall t)
{
    int64_t ns = t.ns - floor_div(t.ns, NS_PER_S) * NS_PER_S;
    char *at = put_date(out, t, '.');
    return finished(out, put_digits(at, ns / NS_PER_US, 6, 'Z'));
}

/* Exactly `digits` decimal digits at the front of *s, which moves on; -1 when they are not there.
 */
static int take_digits(struct str *s, size_t digits)
{
    uint64_t v;
    if (s->n < digits || !str_to_u64(str_take(*s, digits), &v))
        return -1;
    *s = str_skip(*s, digits);
    return (int)v;
}

static bool take_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static int month_days(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool parse_date(struct str *s, int64_t *days)
{
    int year = take_digits(s, 4);
    bool dash1 = take_char(s, '-');
    int month = take_digits(s, 2);
    bool dash2 = take_char(s, '-');
    int day = take_digits(s, 2);
    if (year < 0 || !dash1 || !dash2 || month < 1 || month > 12)
        return false;
    if (day < 1 || day > month_days(year, month))
        return false;
    *days = days_from_civil((struct civil){ year, month, day });
    return true;
}

static bool parse_clock(struct str *s, int64_t *seconds)
{
    int hour = take_digits(s, 2);
    bool colon1 = take_char(s, ':');
    int minute = take_digits(s, 2);
    bool colon2 = take_char(s, ':');
    int second = take_digits(s, 2);
    if (hour < 0 || minute < 0 || second < 0 || !colon1 || !colon2)
        return false;
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *seconds = hour * INT64_C(3600) + minute * 60 + second;
    return true;
}

/* Optional ".digits"; what is finer than a nanosecond is cut off. */
static bool parse_fraction(struct str *s, int64_t *ns)
{
    *ns = 0;
    if (!take_char(s, '.'))
        return true;
    if (s->n == 0 || !char_is_digit(s->p[0]))
        return false;
    for (int64_t unit = NS_PER_S / 10; s->n && char_is_digit(s->p[0]); unit /= 10) {
        *ns += (s->p[0] - '0') * unit;
        *s = str_skip(*s, 1);
    }
    return true;
}

static bool parse_zone(struct str *s, int64_t *offset_s)
{
    *offset_s = 0;
    if (take_char(s, 'Z'))
        return true;
    bool minus = s->n && s->p[0] == '-';
    if (!take_char(s, '-') && !take_char(s, '+'))
        return false;
    int hour = take_digits(s, 2);
    bool colon = take_char(s, ':');
    int minute = take_digits(s, 2);
    if (hour < 0 || hour > 23 || !colon || minute < 0 || minute > 59)
        return false;
    *offset_s = (minus ? -1 : 1) * (hour * INT64_C(3600) + minute * 60);
    return true;
}

bool wall_parse(struct str s, struct wall *out)
{
    int64_t days, clock, fraction, offset, ns;
    if (!parse_date(&s, &days) || !take_char(&s, 'T') || !parse_clock(&s, &clock))
        return false;
    if (!parse_fraction(&s, &fraction) || !parse_zone(&s, &offset) || s.n)
        return false;
    if (!num_mul_i64(&ns, days * S_PER_DAY + clock - offset, NS_PER_S))
        return false;
    if (!num_add_i64(&ns, ns, fraction))
        return false;
    *out = (struct wall){ ns };
    return true;
}

struct unit {
    struct str name;
    uint64_t ns;
};

/* Longer names first where one starts another. The two micro signs are U+00B5 and U+03BC. */
static const struct unit units[] = {
    { STR_INIT("ns"), 1 },
    { STR_INIT("us"), 1000 },
    { STR_INIT("\xc2\xb5s"), 1000 },
    { STR_INIT("\xce\xbcs"), 1000 },
    { STR_INIT("ms"), 1000000 },
    { STR_INIT("s"), 1000000000 },
    { STR_INIT("m"), UINT64_C(60) * 1000000000 },
    { STR_INIT("h"), UINT64_C(3600) * 1000000000 },
};

static const struct unit *take_unit(struct str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != '.' && !char_is_digit(s->p[n]))
        n++;
    struct str name = str_take(*s, n);
    *s = str_skip(*s, n);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (str_eq(units[i].name, name))
            return &units[i];
    }
    return NULL;
}

/* One "12.5ms" at the front of *s, in nanoseconds. */
static bool take_term(struct str *s, uint64_t *ns)
{
    uint64_t whole = 0;
    size_t digits = 0;
    for (; s->n && char_is_digit(s->p[0]); *s = str_skip(*s, 1), digits++) {
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (unsigned)(s->p[0] - '0'), &whole))
            return false;
    }
    double fraction = 0, scale = 1;
    if (take_char(s, '.')) {
        for (; s->n && char_is_digit(s->p[0]); *s = str_skip(*s, 1), digits++) {
            if (scale >= 1e18)
                continue; /* beyond what a nanosecond of an hour can show */
            fraction = fraction * 10 + (s->p[0] - '0');
            scale *= 10;
        }
    }
    const struct unit *unit = digits ? take_unit(s) : NULL;
    if (!unit || __builtin_mul_overflow(whole, unit->ns, ns))
        return false;
    uint64_t extra = (uint64_t)(fraction * ((double)unit->ns / scale));
    return !__builtin_add_overflow(*ns, extra, ns);
}

bool duration_parse(struct str s, int64_t *ns)
{
    bool negative = s.n && s.p[0] == '-';
    if (!take_char(&s, '-'))
        take_char(&s, '+');
    if (str_is(s, "0")) {
        *ns = 0;
        return true;
    }
    if (s.n == 0)
        return false;
    uint64_t sum = 0;
    while (s.n) {
        uint64_t term;
        if (!take_term(&s, &term) || __builtin_add_overflow(sum, term, &sum))
            return false;
    }
    if (sum > (uint64_t)INT64_MAX + negative)
        return false;
    *ns = (int64_t)(negative ? 0 - sum : sum);
    return true;
}

/* Facts from k8s.io/apimachinery pkg/util/duration: up to `below` seconds the age is printed in
 * `major`, with the rest in `minor` when that is not zero. A year has 365 days. */
struct age_row {
    int64_t below;
    int64_t major;
    int64_t minor; /* 0: none */
    char major_name, minor_name;
};

static const struct age_row age_rows[] = {
    { 2 * 60, 1, 0, 's', 0 },
    { 10 * 60, 60, 1, 'm', 's' },
    { 3 * 3600, 60, 0, 'm', 0 },
    { 8 * 3600, 3600, 60, 'h', 'm' },
    { 48 * 3600, 3600, 0, 'h', 0 },
    { 8 * S_PER_DAY, S_PER_DAY, 3600, 'd', 'h' },
    { 2 * 365 * S_PER_DAY, S_PER_DAY, 0, 'd', 0 },
    { 8 * 365 * S_PER_DAY, 365 * S_PER_DAY, S_PER_DAY, 'y', 'd' },
    { INT64_MAX, 365 * S_PER_DAY, 0, 'y', 0 },
};

struct str duration_human(char out[TIME_TEXT_MAX], int64_t ns)
{
    int64_t s = ns / NS_PER_S;
    if (s < -1)
        return text(out, snprintf(out, TIME_TEXT_MAX, "<invalid>"));
    if (s < 0)
        s = 0; /* clocks of two machines may differ a little */
    const struct age_row *row = age_rows;
    while (s >= row->below)
        row++;
    int n = snprintf(out, TIME_TEXT_MAX, "%" PRId64 "%c", s / row->major, row->major_name);
    int64_t rest = row->minor ? s % row->major / row->minor : 0;
    if (rest)
        n += snprintf(out + n, TIME_TEXT_MAX - (size_t)n, "%" PRId64 "%c", rest, row->minor_name);
    return text(out, n);
}
