/* SPDX-License-Identifier: Apache-2.0
 * cel_format — "%d pods on %s".format([3, "n1"]): the clauses of cel-go's string extension:
 * %s any value, %d integers, %f and %e with a precision, %b binary, %o octal, %x %X hex, %%. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "codec/cel_internal.h"

#define PRECISION_MAX 100
#define OUT_MAX (16u << 20)

struct out { /* the text while it grows; what is put is charged */
    struct cel_state *e;
    struct buf b;
};

static void put(struct out *o, struct str s)
{
    if (cel_charge(o->e, cel_bytes_cost(s.n)))
        buf_str(&o->b, s);
}

/* ---- %s ---- */

static void put_value(struct out *o, const struct cel_value *v);

static void put_list(struct out *o, const struct cel_value *v)
{
    struct cel_each it = cel_each(v, o->e->a);
    put(o, STR("["));
    for (size_t i = 0; cel_each_next(&it); i++) {
        if (i)
            put(o, STR(", "));
        put_value(o, &it.value);
    }
    put(o, STR("]"));
}

static int compare_keys(const void *x, const void *y)
{
    return str_cmp(((const struct cel_entry *)x)->key.s, ((const struct cel_entry *)y)->key.s);
}

/* Members in the order of their keys' texts. */
static void put_map(struct out *o, const struct cel_value *v)
{
    size_t n = cel_size(v);
    if (!cel_charge(o->e, n))
        return;
    struct cel_entry *all = ARENA_ARRAY(o->e->a, struct cel_entry, n + 1);
    struct cel_each it = cel_each(v, o->e->a);
    for (size_t i = 0; cel_each_next(&it); i++)
        all[i] = (struct cel_entry){ cel_str(cel_text(o->e->a, &it.key)), it.value };
    qsort(all, n, sizeof *all, compare_keys);
    put(o, STR("{"));
    for (size_t i = 0; i < n; i++) {
        put(o, i ? STR(", ") : STR(""));
        put(o, all[i].key.s);
        put(o, STR(": "));
        put_value(o, &all[i].value);
    }
    put(o, STR("}"));
}

static void put_value(struct out *o, const struct cel_value *v)
{
    if (v->kind == CEL_LIST) {
        put_list(o, v);
        return;
    }
    if (v->kind == CEL_MAP) {
        put_map(o, v);
        return;
    }
    struct str s = cel_text(o->e->a, v);
    put(o, s.p ? s : cel_type_name(v));
}

/* ---- numbers ---- */

static struct str in_base(struct arena *a, uint64_t v, unsigned base, bool negative, bool upper)
{
    char digits[70];
    size_t at = sizeof digits;
    do {
        unsigned d = (unsigned)(v % base);
        digits[--at] = (char)(d < 10 ? '0' + d : (upper ? 'A' : 'a') + d - 10);
        v /= base;
    } while (v);
    if (negative)
        digits[--at] = '-';
    return arena_str(a, str_make(digits + at, sizeof digits - at));
}

static bool put_integer(struct out *o, const struct cel_value *v, char verb)
{
    unsigned base = verb == 'd' ? 10 : verb == 'b' ? 2 : verb == 'o' ? 8 : 16;
    if (v->kind == CEL_BOOL && verb == 'b') {
        put(o, v->b ? STR("1") : STR("0"));
        return true;
    }
    if (verb == 'd' && v->kind == CEL_DOUBLE && !isfinite(v->d)) {
        put(o, isnan(v->d) ? STR("NaN") : v->d > 0 ? STR("Infinity") : STR("-Infinity"));
        return true;
    }
    if (v->kind != CEL_INT && v->kind != CEL_UINT)
        return false;
    bool negative = v->kind == CEL_INT && v->i < 0;
    put(o, in_base(o->e->a, negative ? 0 - v->u : v->u, base, negative, verb == 'X'));
    return true;
}

static bool put_hex_bytes(struct out *o, struct str s, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (size_t i = 0; i < s.n && !o->e->spent; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char pair[2] = { digits[c >> 4], digits[c & 15] };
        put(o, str_make(pair, 2));
    }
    return true;
}

static bool put_double(struct out *o, const struct cel_value *v, char verb, int precision)
{
    if (!cel_is_number(v))
        return false;
    double d = v->kind == CEL_DOUBLE ? v->d : v->kind == CEL_INT ? (double)v->i : (double)v->u;
    if (!isfinite(d))
        put(o, isnan(d) ? STR("NaN") : d > 0 ? STR("Infinity") : STR("-Infinity"));
    else if (verb == 'e')
        put(o, arena_printf(o->e->a, "%.*e", precision, d));
    else
        put(o, arena_printf(o->e->a, "%.*f", precision, d));
    return true;
}

static bool put_clause(struct out *o, char verb, int precision, const struct cel_value *v)
{
    switch (verb) {
    case 's':
        put_value(o, v);
        return true;
    case 'd':
    case 'b':
    case 'o':
        return put_integer(o, v, verb);
    case 'x':
    case 'X':
        if (v->kind == CEL_STRING || v->kind == CEL_BYTES)
            return put_hex_bytes(o, v->s, verb == 'X');
        return put_integer(o, v, verb);
    default:
        return put_double(o, v, verb, precision);
    }
}

/* ".3" behind the percent sign; false: too much. */
static bool read_precision(struct str *s, int *precision)
{
    *precision = 6;
    if (s->n == 0 || s->p[0] != '.')
        return true;
    *s = str_skip(*s, 1);
    for (*precision = 0; s->n && char_is_digit(s->p[0]); *s = str_skip(*s, 1)) {
        *precision = *precision * 10 + (s->p[0] - '0');
        if (*precision > PRECISION_MAX)
            return false;
    }
    return true;
}

/* Puts the text; an error value says what is wrong, else a bool. */
static struct cel_value put_all(struct out *o, struct str s, const struct cel_value *list)
{
    struct cel_each args = cel_each(list, o->e->a);
    while (s.n && !o->e->spent) {
        ptrdiff_t at = str_find_char(s, '%');
        put(o, at < 0 ? s : str_take(s, (size_t)at));
        if (at < 0)
            break;
        s = str_skip(s, (size_t)at + 1);
        int precision;
        if (!read_precision(&s, &precision))
            return cel_error(o->e, "precision above %d", PRECISION_MAX);
        char verb = s.n ? s.p[0] : '\0';
        if (!verb || str_find_char(STR("%sdfebxXo"), verb) < 0)
            return cel_error(o->e,
                             "could not parse formatting clause: unrecognized formatting clause");
        s = str_skip(s, 1);
        if (verb == '%') {
            put(o, STR("%"));
            continue;
        }
        if (!cel_each_next(&args))
            return cel_error(o->e, "index %zu out of range", args.i);
        if (cel_is_error(&args.value))
            return args.value;
        if (!put_clause(o, verb, precision, &args.value))
            return cel_error(o->e, "error during formatting: %%%c does not take a %.*s", verb,
                             STR_ARG(cel_type_name(&args.value)));
    }
    return cel_bool(true);
}

struct cel_value cel_format(struct cel_state *e, const struct cel_value *args)
{
    struct out o = { .e = e };
    buf_init(&o.b, OUT_MAX);
    struct cel_value out = put_all(&o, args[0].s, &args[1]);
    if (!cel_is_error(&out))
        out = o.b.failed ? cel_error(e, "formatted text is too long")
                         : cel_str(arena_str(e->a, buf_view(&o.b)));
    buf_fini(&o.b);
    return e->spent ? cel_spent(e) : out;
}
