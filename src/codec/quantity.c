/* SPDX-License-Identifier: Apache-2.0
 * quantity — see quantity.h. The grammar, the rounding and the canonical form are those of
 * k8s.io/apimachinery/pkg/api/resource (observed by running it, v0.36). */
#include "codec/quantity.h"

#include <assert.h>

#include "base/mem.h"
#include "base/num.h"

typedef unsigned __int128 u128;

#define NANO_PER_UNIT ((__int128)1000000000)
#define NANO_DIGITS 9
#define DIGITS_MAX 38 /* of a value in nano: below 10^38 < 2^127 */

struct suffix {
    struct str name;
    int exponent; /* of 10 or of 2 */
    enum quantity_format format;
};

static const struct suffix suffixes[] = {
    { STR_INIT(""), 0, QUANTITY_DECIMAL_SI },   { STR_INIT("m"), -3, QUANTITY_DECIMAL_SI },
    { STR_INIT("k"), 3, QUANTITY_DECIMAL_SI },  { STR_INIT("M"), 6, QUANTITY_DECIMAL_SI },
    { STR_INIT("G"), 9, QUANTITY_DECIMAL_SI },  { STR_INIT("T"), 12, QUANTITY_DECIMAL_SI },
    { STR_INIT("P"), 15, QUANTITY_DECIMAL_SI }, { STR_INIT("E"), 18, QUANTITY_DECIMAL_SI },
    { STR_INIT("n"), -9, QUANTITY_DECIMAL_SI }, { STR_INIT("u"), -6, QUANTITY_DECIMAL_SI },
    { STR_INIT("Ki"), 10, QUANTITY_BINARY_SI }, { STR_INIT("Mi"), 20, QUANTITY_BINARY_SI },
    { STR_INIT("Gi"), 30, QUANTITY_BINARY_SI }, { STR_INIT("Ti"), 40, QUANTITY_BINARY_SI },
    { STR_INIT("Pi"), 50, QUANTITY_BINARY_SI }, { STR_INIT("Ei"), 60, QUANTITY_BINARY_SI },
};

/* The parts of a text: digits before and after the point, without leading zeroes before it. */
struct parts {
    bool negative;
    struct str whole, fraction;
    struct suffix suffix;
};

static struct str take_digits(struct str *s)
{
    size_t n = 0;
    while (n < s->n && char_is_digit(s->p[n]))
        n++;
    struct str digits = str_take(*s, n);
    *s = str_skip(*s, n);
    return digits;
}

static int bad_form(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "quantities must match the regular expression "
                   "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

/* "e3", "E-6": exponents far out all mean the same, the end of what we hold or nearly zero. */
static bool read_exponent(struct suffix *out, struct str text)
{
    enum { FAR = 1000000 };
    if (text.n < 2 || (text.p[0] != 'e' && text.p[0] != 'E'))
        return false;
    int64_t v;
    text = str_skip(text, text.p[1] == '+' ? 2 : 1);
    if (text.n && text.p[0] == '-' && (text.n < 2 || !char_is_digit(text.p[1])))
        return false;
    if (!str_to_i64(text, &v))
        return false;
    *out = (struct suffix){ text, (int)num_clamp_i64(v, -FAR, FAR), QUANTITY_DECIMAL_EXPONENT };
    return true;
}

static int read_suffix(struct suffix *out, struct str text, struct err *err)
{
    struct str rest = text;
    while (rest.n && str_find_char(STR("eEinumkKMGTP"), rest.p[0]) >= 0)
        rest = str_skip(rest, 1);
    if (rest.n && (rest.p[0] == '-' || rest.p[0] == '+'))
        rest = str_skip(rest, 1);
    take_digits(&rest);
    if (rest.n)
        return bad_form(err);
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        if (str_eq(suffixes[i].name, text)) {
            *out = suffixes[i];
            return 0;
        }
    }
    if (!read_exponent(out, text))
        return err_set(err, ERR_INVALID, "unable to parse quantity's suffix");
    return 0;
}

static int read_parts(struct parts *out, struct str text, struct err *err)
{
    *out = (struct parts){ 0 };
    if (text.n == 0)
        return bad_form(err);
    if (text.p[0] == '-' || text.p[0] == '+') {
        out->negative = text.p[0] == '-';
        text = str_skip(text, 1);
    }
    out->whole = take_digits(&text);
    while (out->whole.n && out->whole.p[0] == '0')
        out->whole = str_skip(out->whole, 1);
    if (text.n && text.p[0] == '.') {
        text = str_skip(text, 1);
        out->fraction = take_digits(&text);
    }
    return read_suffix(&out->suffix, text, err);
}

/* The i-th digit of whole and fraction run together, zero behind their end. */
static unsigned digit_at(const struct parts *p, size_t i)
{
    if (i < p->whole.n)
        return (unsigned)(p->whole.p[i] - '0');
    i -= p->whole.n;
    return i < p->fraction.n ? (unsigned)(p->fraction.p[i] - '0') : 0;
}

static bool any_digit_from(const struct parts *p, size_t i)
{
    for (; i < p->whole.n + p->fraction.n; i++) {
        if (digit_at(p, i))
            return true;
    }
    return false;
}

static __int128 nano_max(void)
{
    __int128 v = 1;
    for (int i = 0; i < DIGITS_MAX; i++)
        v *= 10;
    return v;
}

/* Shifting the point to the right of the nano place leaves an integer of `keep` digits; what comes
 * behind rounds up. */
static __int128 decimal_nano(const struct parts *p)
{
    int64_t keep = (int64_t)p->whole.n + p->suffix.exponent + NANO_DIGITS;
    size_t first = 0; /* a fraction may begin with zeroes that do not count as digits */
    while (first < p->whole.n + p->fraction.n && digit_at(p, first) == 0)
        first++;
    if (first == p->whole.n + p->fraction.n)
        return 0;
    if (keep - (int64_t)first > DIGITS_MAX)
        return nano_max();
    __int128 v = 0;
    size_t i = first;
    for (; (int64_t)i < keep; i++)
        v = v * 10 + digit_at(p, i);
    return v + (keep <= 0 || any_digit_from(p, i));
}

/* whole * 2^k, plus the fraction: 28 decimal places are all that can count, for 2^60 * 10^9 is less
 * than 10^28. They are split into q * 10^19 + r, so that each half times 2^60 fits 128 bits. */
static __int128 binary_nano(const struct parts *p)
{
    enum { PLACES = 28 };
    const u128 split = (u128)UINT64_C(10000000000000000000);
    const __int128 cap = INT64_MAX * NANO_PER_UNIT;
    int k = p->suffix.exponent;
    uint64_t whole = 0;
    if (p->whole.n && !str_to_u64(p->whole, &whole))
        return cap;
    if (whole > (uint64_t)INT64_MAX >> k)
        return cap;
    u128 fraction = 0;
    for (size_t i = 0; i < PLACES; i++)
        fraction = fraction * 10 + digit_at(p, p->whole.n + i);
    u128 low = (fraction % split) << k;
    u128 nano = ((fraction / split) << k) + low / split;
    nano += low % split != 0 || any_digit_from(p, p->whole.n + PLACES);
    __int128 sum = (__int128)((u128)whole << k) * NANO_PER_UNIT + (__int128)nano;
    return sum < cap ? sum : cap;
}

int quantity_parse(struct quantity *out, struct str text, struct err *err)
{
    struct parts p;
    if (read_parts(&p, text, err))
        return -1;
    enum quantity_format format = p.suffix.format;
    __int128 nano = format == QUANTITY_BINARY_SI ? binary_nano(&p) : decimal_nano(&p);
    if (format == QUANTITY_BINARY_SI && nano > 0 && nano < NANO_PER_UNIT)
        format = QUANTITY_DECIMAL_SI;
    *out = (struct quantity){ p.negative ? -nano : nano, format };
    return 0;
}

struct quantity quantity_from_units(int64_t units, enum quantity_format format)
{
    return (struct quantity){ units * NANO_PER_UNIT, format };
}

struct quantity quantity_from_milli(int64_t milli)
{
    return (struct quantity){ (__int128)milli * 1000000, QUANTITY_DECIMAL_SI };
}

/* Both sides are within ±10^38, so their sum is within 128 bits. */
static __int128 clamp(__int128 nano)
{
    __int128 max = nano_max();
    return nano > max ? max : nano < -max ? -max : nano;
}

static void accumulate(struct quantity *sum, __int128 nano, enum quantity_format format)
{
    if (sum->nano == 0)
        sum->format = format;
    bool overflow = __builtin_add_overflow(sum->nano, nano, &sum->nano);
    if (overflow) /* both had the sign of nano */
        sum->nano = nano > 0 ? nano_max() : -nano_max();
    sum->nano = clamp(sum->nano);
}

void quantity_add(struct quantity *sum, const struct quantity *q)
{
    accumulate(sum, q->nano, q->format);
}

void quantity_sub(struct quantity *difference, const struct quantity *q)
{
    accumulate(difference, -q->nano, q->format);
}

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
    return (a->nano > b->nano) - (a->nano < b->nano);
}

int quantity_sign(const struct quantity *q)
{
    return (q->nano > 0) - (q->nano < 0);
}

static int64_t divide_away_from_zero(__int128 nano, __int128 step)
{
    __int128 v = nano / step;
    if (nano % step)
        v += nano > 0 ? 1 : -1;
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

int64_t quantity_units(const struct quantity *q)
{
    return divide_away_from_zero(q->nano, NANO_PER_UNIT);
}

int64_t quantity_milli(const struct quantity *q)
{
    return divide_away_from_zero(q->nano, NANO_PER_UNIT / 1000);
}

static void write_u128(struct buf *out, u128 v)
{
    char digits[40];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v);
    buf_put(out, digits + at, sizeof digits - at);
}

static struct str suffix_name(int exponent, enum quantity_format format)
{
    size_t i = 0;
    while (suffixes[i].exponent != exponent || suffixes[i].format != format) {
        i++;
        assert(i < COUNT_OF(suffixes));
    }
    return suffixes[i].name;
}

static void write_decimal(struct buf *out, u128 v, enum quantity_format format)
{
    enum { SI_EXPONENT_MAX = 18 };
    int exponent = -NANO_DIGITS;
    for (; v % 10 == 0; v /= 10)
        exponent++;
    /* Back to a multiple of three; never further than we came. */
    while (exponent % 3 != 0 || (format == QUANTITY_DECIMAL_SI && exponent > SI_EXPONENT_MAX)) {
        v *= 10;
        exponent--;
    }
    write_u128(out, v);
    if (format == QUANTITY_DECIMAL_SI)
        buf_str(out, suffix_name(exponent, format));
    else if (exponent)
        buf_printf(out, "e%d", exponent);
}

static void write_binary(struct buf *out, u128 units)
{
    enum { EXPONENT_MAX = 60 };
    int exponent = 0;
    for (; units % 1024 == 0 && exponent < EXPONENT_MAX; units /= 1024)
        exponent += 10;
    write_u128(out, units);
    if (exponent)
        buf_str(out, suffix_name(exponent, QUANTITY_BINARY_SI));
}

void quantity_write(struct buf *out, const struct quantity *q)
{
    if (q->nano == 0) {
        buf_char(out, '0');
        return;
    }
    u128 v = q->nano < 0 ? (u128)-q->nano : (u128)q->nano;
    if (q->nano < 0)
        buf_char(out, '-');
    if (q->format != QUANTITY_BINARY_SI)
        write_decimal(out, v, q->format);
    else if (v < 1024 * (u128)NANO_PER_UNIT || v % (u128)NANO_PER_UNIT)
        write_decimal(out, v, QUANTITY_DECIMAL_SI);
    else
        write_binary(out, v / (u128)NANO_PER_UNIT);
}
