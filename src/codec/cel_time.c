/* SPDX-License-Identifier: Apache-2.0
 * cel_time — timestamps (years 1 to 9999, nanoseconds) and durations (int64 nanoseconds), their
 * texts, arithmetic and getters. Zones are UTC or fixed offsets: a zone by name would need files.
 * The calendar is Howard Hinnant's "days from civil", as in base/time.c. */
#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"
#include "codec/cel_internal.h"

#define S_PER_DAY INT64_C(86400)
#define S_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define S_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

struct civil { /* a moment in a zone */
    int64_t year;
    int month, day, week_day, year_day;
    int hour, minute, second;
};

static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
    int64_t in_era = y - era * 400, m = (month + 9) % 12;
    int64_t in_year = (153 * m + 2) / 5 + day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static struct civil civil_of(int64_t s)
{
    int64_t days = s / S_PER_DAY - (s % S_PER_DAY < 0), rest = s - days * S_PER_DAY;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
    struct civil c = { .month = (int)(m < 10 ? m + 3 : m - 9),
                       .day = (int)(doy - (153 * m + 2) / 5 + 1),
                       .hour = (int)(rest / 3600),
                       .minute = (int)(rest / 60 % 60),
                       .second = (int)(rest % 60) };
    c.year = yoe + era * 400 + (c.month <= 2);
    c.week_day = (int)(((days % 7) + 11) % 7); /* 1970-01-01 was a Thursday */
    c.year_day = (int)(days - days_of(c.year, 1, 1));
    return c;
}

/* ---- texts ---- */

static bool digits(struct str *s, size_t n, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->n <= i || !char_is_digit(s->p[i]))
            return false;
        *out = *out * 10 + (s->p[i] - '0');
    }
    *s = str_skip(*s, n);
    return true;
}

static bool mark(struct str *s, const char *any)
{
    if (s->n == 0 || str_find_char(str_from(any), s->p[0]) < 0)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static int days_in(int year, int month)
{
    return (int)(days_of(month == 12 ? year + 1 : year, month % 12 + 1, 1) -
                 days_of(year, month, 1));
}

static bool fraction(struct str *s, int32_t *ns)
{
    *ns = 0;
    if (!mark(s, "."))
        return true;
    size_t n = 0;
    int32_t unit = 100000000;
    for (; n < s->n && char_is_digit(s->p[n]); n++) {
        *ns += (s->p[n] - '0') * unit;
        unit /= 10;
    }
    *s = str_skip(*s, n);
    return n > 0;
}

static bool offset(struct str *s, int64_t *out)
{
    int h, m;
    *out = 0;
    if (mark(s, "Zz"))
        return true;
    bool west = s->n && s->p[0] == '-';
    if (!mark(s, "+-") || !digits(s, 2, &h) || !mark(s, ":") || !digits(s, 2, &m) || h > 23 ||
        m > 59)
        return false;
    *out = (west ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

static bool in_range(int64_t s)
{
    return s >= S_MIN && s <= S_MAX;
}

bool cel_time_parse(struct str s, struct cel_time *out)
{
    int y, mo, d, h, mi, sec;
    int64_t zone;
    struct cel_time t;
    if (!digits(&s, 4, &y) || !mark(&s, "-") || !digits(&s, 2, &mo) || !mark(&s, "-") ||
        !digits(&s, 2, &d) || !mark(&s, "Tt") || !digits(&s, 2, &h) || !mark(&s, ":") ||
        !digits(&s, 2, &mi) || !mark(&s, ":") || !digits(&s, 2, &sec))
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || sec > 59)
        return false;
    if (!fraction(&s, &t.ns) || !offset(&s, &zone) || s.n)
        return false;
    t.s = days_of(y, mo, d) * S_PER_DAY + h * 3600 + mi * 60 + sec - zone;
    if (!in_range(t.s))
        return false;
    *out = t;
    return true;
}

/* Without trailing zeroes: ".5", or nothing. */
static struct str fraction_text(struct arena *a, uint32_t ns)
{
    struct str s = arena_printf(a, ".%09" PRIu32, ns);
    while (s.n && (s.p[s.n - 1] == '0' || s.p[s.n - 1] == '.') && s.n > 0) {
        bool dot = s.p[s.n - 1] == '.';
        s.n--;
        if (dot)
            break;
    }
    return s;
}

struct str cel_time_text(struct arena *a, struct cel_time t)
{
    struct civil c = civil_of(t.s);
    struct str rest = fraction_text(a, (uint32_t)t.ns);
    return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d%.*sZ", (int)c.year, c.month, c.day,
                        c.hour, c.minute, c.second, STR_ARG(rest));
}

struct str cel_duration_text(struct arena *a, int64_t ns)
{
    uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    struct str rest = fraction_text(a, (uint32_t)(n % (uint64_t)NS_PER_S));
    return arena_printf(a, "%s%" PRIu64 "%.*ss", ns < 0 ? "-" : "", n / (uint64_t)NS_PER_S,
                        STR_ARG(rest));
}

/* ---- arithmetic ---- */

static struct cel_value make_duration(int64_t ns)
{
    return (struct cel_value){ .kind = CEL_DURATION, .i = ns };
}

static struct cel_value shift(struct cel_state *e, struct cel_time t, int64_t ns, int sign)
{
    int64_t whole = ns / NS_PER_S, part = ns % NS_PER_S;
    int64_t s = t.s + sign * whole, rest = t.ns + sign * part;
    if (rest < 0) {
        rest += NS_PER_S;
        s--;
    } else if (rest >= NS_PER_S) {
        rest -= NS_PER_S;
        s++;
    }
    if (!in_range(s))
        return cel_error(e, "timestamp overflow");
    return (struct cel_value){ .kind = CEL_TIMESTAMP, .t = { s, (int32_t)rest } };
}

struct cel_value cel_time_add(struct cel_state *e, const struct cel_value *v)
{
    bool first = v[0].kind == CEL_TIMESTAMP;
    return shift(e, v[first ? 0 : 1].t, v[first ? 1 : 0].i, 1);
}

struct cel_value cel_time_sub_duration(struct cel_state *e, const struct cel_value *v)
{
    return shift(e, v[0].t, v[1].i, -1);
}

struct cel_value cel_time_sub(struct cel_state *e, const struct cel_value *v)
{
    int64_t ns;
    if (__builtin_mul_overflow(v[0].t.s - v[1].t.s, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, v[0].t.ns - v[1].t.ns, &ns))
        return cel_error(e, "duration overflow");
    return make_duration(ns);
}

struct cel_value cel_duration_add(struct cel_state *e, const struct cel_value *v)
{
    int64_t ns;
    return __builtin_add_overflow(v[0].i, v[1].i, &ns) ? cel_error(e, "duration overflow")
                                                       : make_duration(ns);
}

struct cel_value cel_duration_sub(struct cel_state *e, const struct cel_value *v)
{
    int64_t ns;
    return __builtin_sub_overflow(v[0].i, v[1].i, &ns) ? cel_error(e, "duration overflow")
                                                       : make_duration(ns);
}

/* ---- conversions ---- */

static struct cel_value same(struct cel_state *e, const struct cel_value *v)
{
    (void)e;
    return v[0];
}

static struct cel_value time_of_text(struct cel_state *e, const struct cel_value *v)
{
    struct cel_value out = { .kind = CEL_TIMESTAMP };
    return cel_time_parse(v[0].s, &out.t)
               ? out
               : cel_error(e, "type conversion error from 'string' to 'google.protobuf.Timestamp'");
}

static struct cel_value time_of_int(struct cel_state *e, const struct cel_value *v)
{
    if (!in_range(v[0].i))
        return cel_error(e, "timestamp overflow");
    return (struct cel_value){ .kind = CEL_TIMESTAMP, .t = { v[0].i, 0 } };
}

static struct cel_value duration_of_text(struct cel_state *e, const struct cel_value *v)
{
    int64_t ns;
    return duration_parse(v[0].s, &ns)
               ? make_duration(ns)
               : cel_error(e, "type conversion error from 'string' to 'google.protobuf.Duration'");
}

static struct cel_value duration_of_int(struct cel_state *e, const struct cel_value *v)
{
    (void)e;
    return make_duration(v[0].i);
}

/* ---- getters ---- */

/* "", "UTC", "+01:00", "-8:30". */
static bool zone_offset(struct str zone, int64_t *out)
{
    *out = 0;
    if (zone.n == 0 || str_is(zone, "UTC") || str_is(zone, "Z"))
        return true;
    int h = 0, m;
    bool west = zone.p[0] == '-';
    if (zone.p[0] == '-' || zone.p[0] == '+')
        zone = str_skip(zone, 1);
    ptrdiff_t colon = str_find_char(zone, ':');
    if (colon < 1 || colon > 2 || !digits(&zone, (size_t)colon, &h) || !mark(&zone, ":") ||
        !digits(&zone, 2, &m) || zone.n || h > 23 || m > 59)
        return false;
    *out = (west ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

static bool local(struct cel_state *e, const struct cel_value *v, struct civil *out)
{
    int64_t zone = 0;
    if (e->node->n_args == 2 && !zone_offset(v[1].s, &zone))
        return false;
    *out = civil_of(v[0].t.s + zone);
    return true;
}

static struct cel_value unknown_zone(struct cel_state *e, const struct cel_value *v)
{
    return cel_error(e, "unknown time zone %.*s: use UTC or an offset like +01:00",
                     STR_ARG(str_take(v[1].s, 60)));
}

/* A macro: nine getters that differ in one expression over `c`. */
#define GETTER(name, expression)                                                                   \
    static struct cel_value name(struct cel_state *e, const struct cel_value *v)                   \
    {                                                                                              \
        struct civil c;                                                                            \
        return local(e, v, &c) ? cel_int(expression) : unknown_zone(e, v);                         \
    }
GETTER(get_full_year, c.year)
GETTER(get_month, c.month - 1)
GETTER(get_day_of_year, c.year_day)
GETTER(get_day_of_month, c.day - 1)
GETTER(get_date, c.day)
GETTER(get_day_of_week, c.week_day)
GETTER(get_hours, c.hour)
GETTER(get_minutes, c.minute)
GETTER(get_seconds, c.second)
GETTER(get_milliseconds, v[0].t.ns / 1000000)

static struct cel_value duration_hours(struct cel_state *e, const struct cel_value *v)
{
    (void)e;
    return cel_int(v[0].i / (3600 * NS_PER_S));
}

static struct cel_value duration_minutes(struct cel_state *e, const struct cel_value *v)
{
    (void)e;
    return cel_int(v[0].i / (60 * NS_PER_S));
}

static struct cel_value duration_seconds(struct cel_state *e, const struct cel_value *v)
{
    (void)e;
    return cel_int(v[0].i / NS_PER_S);
}

static struct cel_value duration_milliseconds(struct cel_state *e, const struct cel_value *v)
{
    (void)e;
    return cel_int(v[0].i / NS_PER_MS);
}

static const struct cel_overload rows[] = {
    { "timestamp", "t", 't', false, same },
    { "timestamp", "s", 't', false, time_of_text },
    { "timestamp", "i", 't', false, time_of_int },
    { "duration", "D", 'D', false, same },
    { "duration", "s", 'D', false, duration_of_text },
    { "duration", "i", 'D', false, duration_of_int },
    { "getFullYear", "t", 'i', true, get_full_year },
    { "getFullYear", "ts", 'i', true, get_full_year },
    { "getMonth", "t", 'i', true, get_month },
    { "getMonth", "ts", 'i', true, get_month },
    { "getDayOfYear", "t", 'i', true, get_day_of_year },
    { "getDayOfYear", "ts", 'i', true, get_day_of_year },
    { "getDayOfMonth", "t", 'i', true, get_day_of_month },
    { "getDayOfMonth", "ts", 'i', true, get_day_of_month },
    { "getDate", "t", 'i', true, get_date },
    { "getDate", "ts", 'i', true, get_date },
    { "getDayOfWeek", "t", 'i', true, get_day_of_week },
    { "getDayOfWeek", "ts", 'i', true, get_day_of_week },
    { "getHours", "t", 'i', true, get_hours },
    { "getHours", "D", 'i', true, duration_hours },
    { "getHours", "ts", 'i', true, get_hours },
    { "getMinutes", "t", 'i', true, get_minutes },
    { "getMinutes", "D", 'i', true, duration_minutes },
    { "getMinutes", "ts", 'i', true, get_minutes },
    { "getSeconds", "t", 'i', true, get_seconds },
    { "getSeconds", "D", 'i', true, duration_seconds },
    { "getSeconds", "ts", 'i', true, get_seconds },
    { "getMilliseconds", "t", 'i', true, get_milliseconds },
    { "getMilliseconds", "D", 'i', true, duration_milliseconds },
    { "getMilliseconds", "ts", 'i', true, get_milliseconds },
};

const struct cel_library cel_lib_time = { rows, COUNT_OF(rows) };
