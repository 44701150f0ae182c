/* SPDX-License-Identifier: Apache-2.0
 * cel_quantity — Kubernetes' quantity and semver libraries. */
#include <inttypes.h>

#include "codec/cel_internal.h"

#define NANO INT64_C(1000000000)

/* ---- quantities ---- */

static struct cel_value make_quantity(struct cel_state *e, struct quantity q)
{
    struct quantity *copy = ARENA_NEW(e->a, struct quantity);
    *copy = q;
    return cel_quantity(copy);
}

CEL_FN(quantity_of)
{
    struct quantity q;
    struct err err;
    if (!cel_charge(e, cel_bytes_cost(v[0].s.n)))
        return cel_spent(e);
    return quantity_parse(&q, v[0].s, &err) ? cel_error(e, "%s", err.msg) : make_quantity(e, q);
}

CEL_FN(is_quantity)
{
    struct quantity q;
    if (!cel_charge(e, cel_bytes_cost(v[0].s.n)))
        return cel_spent(e);
    return cel_bool(quantity_parse(&q, v[0].s, NULL) == 0);
}

CEL_FN(quantity_sign_of)
{
    (void)e;
    return cel_int(quantity_sign(v[0].quantity));
}

static bool whole(const struct quantity *q, int64_t *out)
{
    __int128 units = q->nano / NANO;
    *out = (int64_t)units;
    return q->nano % NANO == 0 && units >= INT64_MIN && units <= INT64_MAX;
}

CEL_FN(is_integer)
{
    int64_t i;
    (void)e;
    return cel_bool(whole(v[0].quantity, &i));
}

CEL_FN(as_integer)
{
    int64_t i;
    return whole(v[0].quantity, &i) ? cel_int(i) : cel_error(e, "cannot convert value to integer");
}

CEL_FN(as_float)
{
    (void)e;
    return (struct cel_value){ .kind = CEL_DOUBLE,
                               .d = (double)v[0].quantity->nano / (double)NANO };
}

CEL_FN(quantity_plus)
{
    struct quantity sum = *v[0].quantity;
    quantity_add(&sum, v[1].quantity);
    return make_quantity(e, sum);
}

CEL_FN(quantity_minus)
{
    struct quantity difference = *v[0].quantity;
    quantity_sub(&difference, v[1].quantity);
    return make_quantity(e, difference);
}

CEL_FN(quantity_plus_int)
{
    struct quantity sum = *v[0].quantity, q = quantity_from_units(v[1].i, sum.format);
    quantity_add(&sum, &q);
    return make_quantity(e, sum);
}

CEL_FN(quantity_minus_int)
{
    struct quantity sum = *v[0].quantity, q = quantity_from_units(v[1].i, sum.format);
    quantity_sub(&sum, &q);
    return make_quantity(e, sum);
}

CEL_FN(is_less)
{
    (void)e;
    return cel_bool(cel_compare(&v[0], &v[1]) == -1);
}

CEL_FN(is_greater)
{
    (void)e;
    return cel_bool(cel_compare(&v[0], &v[1]) == 1);
}

CEL_FN(compare_to)
{
    (void)e;
    return cel_int(cel_compare(&v[0], &v[1]));
}

static const struct cel_overload quantity_rows[] = {
    { "quantity", "s", 'q', false, quantity_of },
    { "isQuantity", "s", 'b', false, is_quantity },
    { "sign", "q", 'i', true, quantity_sign_of },
    { "isInteger", "q", 'b', true, is_integer },
    { "asInteger", "q", 'i', true, as_integer },
    { "asApproximateFloat", "q", 'd', true, as_float },
    { "add", "qq", 'q', true, quantity_plus },
    { "add", "qi", 'q', true, quantity_plus_int },
    { "sub", "qq", 'q', true, quantity_minus },
    { "sub", "qi", 'q', true, quantity_minus_int },
    { "isLessThan", "qq", 'b', true, is_less },
    { "isGreaterThan", "qq", 'b', true, is_greater },
    { "compareTo", "qq", 'i', true, compare_to },
};

const struct cel_library cel_lib_quantity = { quantity_rows, COUNT_OF(quantity_rows) };

/* ---- semantic versions ---- */

#define SEMVER_BYTES_MAX 1024

struct cel_semver {
    uint64_t number[3];
    struct str pre, build;
    struct str text;
};

static bool is_identifier_char(char c)
{
    return char_is_digit(c) || c == '-' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_numeric(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!char_is_digit(s.p[i]))
            return false;
    }
    return s.n > 0;
}

/* "rc.1": none empty; where `strict`, numbers without leading zeroes. */
static bool check_identifiers(struct str s, bool strict)
{
    while (s.p) {
        struct str one = str_split(&s, '.');
        if (one.n == 0 || (strict && one.n > 1 && one.p[0] == '0' && is_numeric(one)))
            return false;
        for (size_t i = 0; i < one.n; i++) {
            if (!is_identifier_char(one.p[i]))
                return false;
        }
    }
    return true;
}

/* Cuts s at the first c: what stands behind, absent when there is no c. */
static struct str cut(struct str *s, char c)
{
    ptrdiff_t at = str_find_char(*s, c);
    struct str rest = { 0 };
    if (at >= 0) {
        rest = str_skip(*s, (size_t)at + 1);
        *s = str_take(*s, (size_t)at);
    }
    return rest;
}

static bool parse_semver(struct cel_semver *out, struct str text)
{
    *out = (struct cel_semver){ .text = text };
    struct str core = text;
    if (text.n > SEMVER_BYTES_MAX)
        return false;
    out->build = cut(&core, '+');
    out->pre = cut(&core, '-');
    if (!check_identifiers(out->pre, true) || !check_identifiers(out->build, false))
        return false;
    for (size_t i = 0; i < 3; i++) {
        struct str part = core.p ? str_split(&core, '.') : (struct str){ 0 };
        if (!is_numeric(part) || (part.n > 1 && part.p[0] == '0') ||
            !str_to_u64(part, &out->number[i]))
            return false;
    }
    return core.p == NULL;
}

struct cel_value cel_semver_of(struct arena *a, struct str text)
{
    struct cel_semver *v = ARENA_NEW(a, struct cel_semver);
    if (!parse_semver(v, text))
        return cel_error_in(a, "invalid semantic version: %.*s", STR_ARG(str_take(text, 100)));
    return (struct cel_value){ .kind = CEL_SEMVER, .semver = v };
}

struct str cel_semver_text(struct arena *a, const struct cel_semver *v)
{
    (void)a;
    return v->text;
}

/* Numbers before words, numbers by value, words by bytes. */
static int compare_identifier(struct str x, struct str y)
{
    bool a = is_numeric(x), b = is_numeric(y);
    if (a != b)
        return a ? -1 : 1;
    if (a && x.n != y.n)
        return x.n < y.n ? -1 : 1;
    int order = str_cmp(x, y);
    return order < 0 ? -1 : order > 0;
}

static int compare_pre(struct str x, struct str y)
{
    if (!x.p || !y.p) /* a release comes after its pre-releases */
        return x.p ? -1 : y.p ? 1 : 0;
    while (x.p && y.p) {
        int order = compare_identifier(str_split(&x, '.'), str_split(&y, '.'));
        if (order)
            return order;
    }
    return x.p ? 1 : y.p ? -1 : 0;
}

int cel_semver_cmp(const struct cel_semver *x, const struct cel_semver *y)
{
    for (size_t i = 0; i < 3; i++) {
        if (x->number[i] != y->number[i])
            return x->number[i] < y->number[i] ? -1 : 1;
    }
    return compare_pre(x->pre, y->pre);
}

/* With normalising: a "v" in front, missing parts and leading zeroes are fine. */
static struct str normalised(struct arena *a, struct str s)
{
    if (s.n > SEMVER_BYTES_MAX)
        return s;
    struct str core = s.n && (s.p[0] == 'v' || s.p[0] == 'V') ? str_skip(s, 1) : s, tail = core;
    size_t n = 0;
    while (n < core.n && core.p[n] != '-' && core.p[n] != '+')
        n++;
    tail = str_skip(core, n);
    core = str_take(core, n);
    struct str out = { "", 0 };
    size_t parts = 0;
    while (core.p && parts < 4) {
        struct str part = str_split(&core, '.');
        while (part.n > 1 && part.p[0] == '0')
            part = str_skip(part, 1);
        out = arena_printf(a, "%.*s%s%.*s", STR_ARG(out), parts++ ? "." : "", STR_ARG(part));
    }
    for (; parts < 3; parts++)
        out = arena_printf(a, "%.*s.0", STR_ARG(out));
    return arena_printf(a, "%.*s%.*s", STR_ARG(out), STR_ARG(tail));
}

static struct cel_value semver_value(struct cel_state *e, struct str text)
{
    struct cel_value out = cel_semver_of(e->a, text);
    return cel_charge(e, cel_bytes_cost(text.n)) ? out : cel_spent(e);
}

CEL_FN(semver)
{
    return semver_value(e, v[0].s);
}

CEL_FN(semver_normalised)
{
    return semver_value(e, v[1].b ? normalised(e->a, v[0].s) : v[0].s);
}

CEL_FN(is_semver)
{
    struct cel_value out = semver_value(e, v[0].s);
    return cel_bool(!cel_is_error(&out));
}

CEL_FN(is_semver_normalised)
{
    struct cel_value out = semver_normalised(e, v);
    return cel_bool(!cel_is_error(&out));
}

CEL_FN(semver_major)
{
    (void)e;
    return cel_int((int64_t)v[0].semver->number[0]);
}

CEL_FN(semver_minor)
{
    (void)e;
    return cel_int((int64_t)v[0].semver->number[1]);
}

CEL_FN(semver_patch)
{
    (void)e;
    return cel_int((int64_t)v[0].semver->number[2]);
}

static const struct cel_overload semver_rows[] = {
    { "semver", "s", 'v', false, semver },
    { "semver", "sb", 'v', false, semver_normalised },
    { "isSemver", "s", 'b', false, is_semver },
    { "isSemver", "sb", 'b', false, is_semver_normalised },
    { "major", "v", 'i', true, semver_major },
    { "minor", "v", 'i', true, semver_minor },
    { "patch", "v", 'i', true, semver_patch },
    { "isLessThan", "vv", 'b', true, is_less },
    { "isGreaterThan", "vv", 'b', true, is_greater },
    { "compareTo", "vv", 'i', true, compare_to },
};

const struct cel_library cel_lib_semver = { semver_rows, COUNT_OF(semver_rows) };
