/* SPDX-License-Identifier: Apache-2.0
 * yaml_scalar — the resolver of plain scalars, after the behaviour of sigs.k8s.io/yaml v1.6 (its
 * go-yaml v2): a table of words, then integers in Go's literal syntax with underscores dropped,
 * then decimal floats. Everything else is a string. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/yaml_internal.h"

static const struct {
    struct str word;
    struct yaml_value value;
} words[] = {
    { STR_INIT(""), { YAML_KIND_NULL } },
    { STR_INIT("~"), { YAML_KIND_NULL } },
    { STR_INIT("null"), { YAML_KIND_NULL } },
    { STR_INIT("Null"), { YAML_KIND_NULL } },
    { STR_INIT("NULL"), { YAML_KIND_NULL } },
    { STR_INIT("y"), { YAML_KIND_BOOL, true } },
    { STR_INIT("Y"), { YAML_KIND_BOOL, true } },
    { STR_INIT("yes"), { YAML_KIND_BOOL, true } },
    { STR_INIT("Yes"), { YAML_KIND_BOOL, true } },
    { STR_INIT("YES"), { YAML_KIND_BOOL, true } },
    { STR_INIT("true"), { YAML_KIND_BOOL, true } },
    { STR_INIT("True"), { YAML_KIND_BOOL, true } },
    { STR_INIT("TRUE"), { YAML_KIND_BOOL, true } },
    { STR_INIT("on"), { YAML_KIND_BOOL, true } },
    { STR_INIT("On"), { YAML_KIND_BOOL, true } },
    { STR_INIT("ON"), { YAML_KIND_BOOL, true } },
    { STR_INIT("n"), { YAML_KIND_BOOL, false } },
    { STR_INIT("N"), { YAML_KIND_BOOL, false } },
    { STR_INIT("no"), { YAML_KIND_BOOL, false } },
    { STR_INIT("No"), { YAML_KIND_BOOL, false } },
    { STR_INIT("NO"), { YAML_KIND_BOOL, false } },
    { STR_INIT("false"), { YAML_KIND_BOOL, false } },
    { STR_INIT("False"), { YAML_KIND_BOOL, false } },
    { STR_INIT("FALSE"), { YAML_KIND_BOOL, false } },
    { STR_INIT("off"), { YAML_KIND_BOOL, false } },
    { STR_INIT("Off"), { YAML_KIND_BOOL, false } },
    { STR_INIT("OFF"), { YAML_KIND_BOOL, false } },
    { STR_INIT(".nan"), { YAML_KIND_FLOAT, .f = NAN } },
    { STR_INIT(".NaN"), { YAML_KIND_FLOAT, .f = NAN } },
    { STR_INIT(".NAN"), { YAML_KIND_FLOAT, .f = NAN } },
    { STR_INIT(".inf"), { YAML_KIND_FLOAT, .f = INFINITY } },
    { STR_INIT(".Inf"), { YAML_KIND_FLOAT, .f = INFINITY } },
    { STR_INIT(".INF"), { YAML_KIND_FLOAT, .f = INFINITY } },
    { STR_INIT("+.inf"), { YAML_KIND_FLOAT, .f = INFINITY } },
    { STR_INIT("+.Inf"), { YAML_KIND_FLOAT, .f = INFINITY } },
    { STR_INIT("+.INF"), { YAML_KIND_FLOAT, .f = INFINITY } },
    { STR_INIT("-.inf"), { YAML_KIND_FLOAT, .f = -INFINITY } },
    { STR_INIT("-.Inf"), { YAML_KIND_FLOAT, .f = -INFINITY } },
    { STR_INIT("-.INF"), { YAML_KIND_FLOAT, .f = -INFINITY } },
};

static unsigned digit_value(char c)
{
    if (char_is_digit(c))
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 99;
}

/* The base that a literal's prefix names; *s loses the prefix. */
static unsigned take_base(struct str *s)
{
    if (s->n < 2 || s->p[0] != '0')
        return 10;
    char c = (char)(s->p[1] | 0x20);
    unsigned base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    *s = str_skip(*s, c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
    return base;
}

/* Beyond int64 only an unsigned literal counts, up to 2^64-1. */
static bool read_int(struct str s, struct yaml_value *out)
{
    bool negative = s.n && s.p[0] == '-';
    bool sign = negative || (s.n && s.p[0] == '+');
    if (sign)
        s = str_skip(s, 1);
    unsigned base = take_base(&s);
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = digit_value(s.p[i]);
        if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, digit, &v))
            return false;
    }
    if (sign && v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (struct yaml_value){ .kind = YAML_KIND_INT, .negative = negative && v, .magnitude = v };
    return true;
}

static size_t count_digits(const char *p)
{
    size_t n = 0;
    while (char_is_digit(p[n]))
        n++;
    return n;
}

/* [-+]? (.d+ | d+ (.d*)?) ([eE][-+]?d+)? and nothing behind. */
static bool is_decimal(const char *p)
{
    if (*p == '-' || *p == '+')
        p++;
    size_t whole = count_digits(p), fraction = 0;
    p += whole;
    if (*p == '.') {
        fraction = count_digits(p + 1);
        p += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*p == 'e' || *p == 'E') {
        p += p[1] == '-' || p[1] == '+' ? 2 : 1;
        size_t exponent = count_digits(p);
        if (exponent == 0)
            return false;
        p += exponent;
    }
    return *p == '\0';
}

static bool read_float(const char *text, struct yaml_value *out)
{
    if (!is_decimal(text))
        return false;
    double f = strtod(text, NULL);
    if (isinf(f))
        return false; /* out of range: a string, as in Go */
    *out = (struct yaml_value){ .kind = YAML_KIND_FLOAT, .f = f };
    return true;
}

/* Copies without underscores. Behind a leading point they must stand between digits. */
static bool drop_underscores(char *to, struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '_') {
            to[n++] = s.p[i];
            continue;
        }
        bool between = i && i + 1 < s.n && char_is_digit(s.p[i - 1]) && char_is_digit(s.p[i + 1]);
        if (s.p[0] == '.' && !between)
            return false;
    }
    to[n] = '\0';
    return memchr(to, '\0', n) == NULL;
}

struct yaml_value yaml_resolve(struct str plain)
{
    struct yaml_value v = { .kind = YAML_KIND_STR };
    char text[YAML_NUMBER_MAX + 1];
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq(words[i].word, plain))
            return words[i].value;
    }
    bool number = char_is_digit(plain.p[0]) || str_find_char(STR("+-."), plain.p[0]) >= 0;
    if (!number || plain.n > YAML_NUMBER_MAX || !drop_underscores(text, plain))
        return v;
    if (plain.p[0] != '.' && read_int(str_from(text), &v))
        return v;
    read_float(text, &v);
    return v;
}

/* ---- what other readers might see ---- */

/* Up to `most` digits at *s; their value, or -1 when there are none. */
static int take_number(struct str *s, size_t most)
{
    int v = 0;
    size_t n = 0;
    for (; n < s->n && n < most && char_is_digit(s->p[n]); n++)
        v = v * 10 + (s->p[n] - '0');
    *s = str_skip(*s, n);
    return n ? v : -1;
}

static bool take_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

/* 2001-12-14, alone or before a time of day. */
static bool is_date(struct str s)
{
    struct str year = str_take(s, 4);
    if (take_number(&year, 4) < 0 || year.n || s.n < 5)
        return false;
    s = str_skip(s, 4);
    if (!take_char(&s, '-'))
        return false;
    int month = take_number(&s, 2);
    if (month < 1 || month > 12 || !take_char(&s, '-'))
        return false;
    int day = take_number(&s, 2);
    if (day < 1 || day > 31)
        return false;
    if (s.n == 0)
        return true;
    return s.n > 1 && (s.p[0] == 'T' || s.p[0] == 't' || s.p[0] == ' ') && char_is_digit(s.p[1]);
}

/* 1:30 and 190:20:30.5, which YAML 1.1 calls base 60. */
static bool is_base60(struct str s)
{
    int groups = 0;
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_skip(s, 1);
    if (s.n == 0 || !char_is_digit(s.p[0]))
        return false;
    while (s.n && (char_is_digit(s.p[0]) || s.p[0] == '_'))
        s = str_skip(s, 1);
    for (; take_char(&s, ':'); groups++) {
        int v = take_number(&s, 2);
        if (v < 0 || v > 59)
            return false;
    }
    if (groups && take_char(&s, '.')) {
        while (s.n && (char_is_digit(s.p[0]) || s.p[0] == '_'))
            s = str_skip(s, 1);
    }
    return groups && s.n == 0;
}

bool yaml_is_ambiguous(struct str plain)
{
    return is_date(plain) || is_base60(plain);
}

/* ---- numbers to text ---- */

struct digits {
    bool negative;
    int n, exponent; /* value = 0.d1d2d3… * 10^exponent */
    char d[20];
};

/* The shortest digits that read back as the same number. */
static struct digits shortest(double f, bool single)
{
    struct digits out = { .negative = signbit(f) != 0 };
    char text[40];
    for (int precision = 1;; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, fabs(f));
        bool same = single ? strtof(text, NULL) == (float)fabs(f) : strtod(text, NULL) == fabs(f);
        if (same || precision >= 17)
            break;
    }
    char *e = strchr(text, 'e');
    assert(e);
    for (const char *p = text; p < e; p++) {
        if (char_is_digit(*p))
            out.d[out.n++] = *p;
    }
    while (out.n > 1 && out.d[out.n - 1] == '0')
        out.n--;
    out.exponent = (int)strtol(e + 1, NULL, 10) + 1;
    return out;
}

static void put_plain(struct buf *out, const struct digits *d)
{
    if (d->exponent <= 0)
        buf_str(out, STR("0."));
    for (int i = d->exponent; i < 0; i++)
        buf_char(out, '0');
    for (int i = 0; i < d->n || i < d->exponent; i++) {
        if (i == d->exponent && i > 0)
            buf_char(out, '.');
        buf_char(out, i < d->n ? d->d[i] : '0');
    }
}

static void put_exponent(struct buf *out, const struct digits *d, int exponent_digits)
{
    int e = d->exponent - 1;
    buf_char(out, d->d[0]);
    if (d->n > 1)
        buf_char(out, '.');
    buf_put(out, d->d + 1, (size_t)d->n - 1);
    buf_printf(out, "e%c%0*d", e < 0 ? '-' : '+', exponent_digits, abs(e));
}

void yaml_put_f64(struct buf *out, double f)
{
    struct digits d = shortest(f, false);
    if (d.negative)
        buf_char(out, '-');
    if (f == 0)
        buf_char(out, '0');
    else if (d.exponent - 1 < -6 || d.exponent - 1 >= 21)
        put_exponent(out, &d, 1);
    else
        put_plain(out, &d);
}

void yaml_put_key_f64(struct buf *out, double f)
{
    if (isnan(f)) {
        buf_str(out, STR(".nan"));
        return;
    }
    if (isinf(f) || isinf((float)f)) {
        buf_str(out, f > 0 ? STR(".inf") : STR("-.inf"));
        return;
    }
    struct digits d = shortest((double)(float)f, true);
    int e = d.exponent - 1;
    if (d.negative)
        buf_char(out, '-');
    if ((float)f == 0)
        buf_char(out, '0');
    else if (e < -4 || e >= 6)
        put_exponent(out, &d, 2);
    else
        put_plain(out, &d);
}

void yaml_put_int(struct buf *out, const struct yaml_value *v)
{
    if (v->negative)
        buf_char(out, '-');
    buf_u64(out, v->magnitude);
}
