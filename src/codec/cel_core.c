/* SPDX-License-Identifier: Apache-2.0
 * cel_core — operators, conversions, size, type and optionals: the functions of the CEL language
 * definition itself. Integer arithmetic that overflows is an error, doubles follow IEEE 754. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/time.h"
#include "codec/cel_internal.h"

static struct cel_value make_uint(uint64_t u)
{
    return (struct cel_value){ .kind = CEL_UINT, .u = u };
}

static struct cel_value make_double(double d)
{
    return (struct cel_value){ .kind = CEL_DOUBLE, .d = d };
}

static struct cel_value overflow(struct cel_state *e)
{
    return cel_error(e, "integer overflow");
}

static struct cel_value unsigned_overflow(struct cel_state *e)
{
    return cel_error(e, "unsigned integer overflow");
}

/* ---- arithmetic ---- */

CEL_FN(not_)
{
    (void)e;
    return cel_bool(!v[0].b);
}

CEL_FN(negate_int)
{
    return v[0].i == INT64_MIN ? overflow(e) : cel_int(-v[0].i);
}

CEL_FN(negate_double)
{
    (void)e;
    return make_double(-v[0].d);
}

/* One operation of both kinds of integers, and of doubles. Macros, since C has no generics. */
#define INTEGERS(name)                                                                             \
    CEL_FN(name##_int)                                                                             \
    {                                                                                              \
        int64_t r;                                                                                 \
        return __builtin_##name##_overflow(v[0].i, v[1].i, &r) ? overflow(e) : cel_int(r);         \
    }                                                                                              \
    CEL_FN(name##_uint)                                                                            \
    {                                                                                              \
        uint64_t r;                                                                                \
        return __builtin_##name##_overflow(v[0].u, v[1].u, &r) ? unsigned_overflow(e)              \
                                                               : make_uint(r);                     \
    }
#define DOUBLES(name, sign)                                                                        \
    CEL_FN(name##_double)                                                                          \
    {                                                                                              \
        (void)e;                                                                                   \
        return make_double(v[0].d sign v[1].d);                                                    \
    }

INTEGERS(add)
INTEGERS(sub)
INTEGERS(mul)
DOUBLES(add, +)
DOUBLES(sub, -)
DOUBLES(mul, *)
DOUBLES(div, /)

CEL_FN(div_int)
{
    if (v[1].i == 0)
        return cel_error(e, "division by zero");
    return v[0].i == INT64_MIN && v[1].i == -1 ? overflow(e) : cel_int(v[0].i / v[1].i);
}

CEL_FN(mod_int)
{
    if (v[1].i == 0)
        return cel_error(e, "modulus by zero");
    return v[0].i == INT64_MIN && v[1].i == -1 ? overflow(e) : cel_int(v[0].i % v[1].i);
}

CEL_FN(div_uint)
{
    return v[1].u ? make_uint(v[0].u / v[1].u) : cel_error(e, "division by zero");
}

CEL_FN(mod_uint)
{
    return v[1].u ? make_uint(v[0].u % v[1].u) : cel_error(e, "modulus by zero");
}

CEL_FN(concat)
{
    if (v[0].s.n == 0 || v[1].s.n == 0)
        return v[v[0].s.n == 0];
    size_t n = v[0].s.n + v[1].s.n;
    if (!cel_charge(e, cel_bytes_cost(n)))
        return cel_spent(e);
    char *p = arena_alloc(e->a, n);
    memcpy(p, v[0].s.p, v[0].s.n);
    memcpy(p + v[0].s.n, v[1].s.p, v[1].s.n);
    return (struct cel_value){ .kind = v[0].kind, .s = { p, n } };
}

CEL_FN(concat_lists)
{
    struct cel_value *items;
    size_t used = 0;
    if (!cel_room(e, cel_size(&v[0]) + cel_size(&v[1]), &items))
        return cel_spent(e);
    for (int side = 0; side < 2; side++) {
        struct cel_each it = cel_each(&v[side], e->a);
        while (cel_each_next(&it))
            items[used++] = it.value;
    }
    return cel_list_of(e->a, items, used);
}

/* ---- comparison ---- */

static bool compare_paid(struct cel_state *e, const struct cel_value *v, int *order)
{
    bool text = v[0].kind == CEL_STRING || v[0].kind == CEL_BYTES;
    *order = cel_compare(&v[0], &v[1]);
    return !text || cel_charge(e, cel_bytes_cost(v[0].s.n < v[1].s.n ? v[0].s.n : v[1].s.n));
}

CEL_FN(less)
{
    int order;
    return compare_paid(e, v, &order) ? cel_bool(order == -1) : cel_spent(e);
}

CEL_FN(less_equal)
{
    int order;
    return compare_paid(e, v, &order) ? cel_bool(order == -1 || order == 0) : cel_spent(e);
}

CEL_FN(greater)
{
    int order;
    return compare_paid(e, v, &order) ? cel_bool(order == 1) : cel_spent(e);
}

CEL_FN(greater_equal)
{
    int order;
    return compare_paid(e, v, &order) ? cel_bool(order == 1 || order == 0) : cel_spent(e);
}

CEL_FN(equals)
{
    return cel_bool(cel_same(e, &v[0], &v[1]));
}

CEL_FN(differs)
{
    return cel_bool(!cel_same(e, &v[0], &v[1]));
}

CEL_FN(in_list)
{
    struct cel_each it = cel_each(&v[1], e->a);
    while (cel_each_next(&it)) {
        if (cel_is_error(&it.value))
            return it.value;
        if (cel_same(e, &v[0], &it.value))
            return cel_bool(true);
        if (!cel_charge(e, it.i % 10 == 0))
            return cel_spent(e);
    }
    return cel_bool(false);
}

CEL_FN(in_map)
{
    struct cel_value found;
    return cel_bool(cel_find(&v[1], &v[0], e->a, &found));
}

/* ---- sizes and types ---- */

CEL_FN(size_text)
{
    return cel_charge(e, cel_bytes_cost(v[0].s.n)) ? cel_int((int64_t)cel_rune_count(v[0].s))
                                                   : cel_spent(e);
}

CEL_FN(size_bytes)
{
    (void)e;
    return cel_int((int64_t)v[0].s.n);
}

CEL_FN(size_members)
{
    (void)e;
    return cel_int((int64_t)cel_size(&v[0]));
}

CEL_FN(type_of)
{
    (void)e;
    return (struct cel_value){ .kind = CEL_TYPE, .s = cel_type_name(&v[0]) };
}

CEL_FN(same)
{
    (void)e;
    return v[0];
}

/* ---- conversions ---- */

static struct cel_value
no_conversion(struct cel_state *e, const struct cel_value *v, const char *to)
{
    return cel_error(e, "type conversion error from '%.*s' to '%s'", STR_ARG(cel_type_name(v)), to);
}

CEL_FN(int_of_uint)
{
    return v[0].u > INT64_MAX ? overflow(e) : cel_int((int64_t)v[0].u);
}

CEL_FN(int_of_double)
{
    return v[0].d > -0x1p63 && v[0].d < 0x1p63 ? cel_int((int64_t)v[0].d) : overflow(e);
}

CEL_FN(int_of_text)
{
    int64_t i;
    struct str s = v[0].s;
    if (s.n > 1 && s.p[0] == '+' && s.p[1] != '-')
        s = str_skip(s, 1);
    return str_to_i64(s, &i) ? cel_int(i) : no_conversion(e, v, "int");
}

CEL_FN(int_of_time)
{
    (void)e;
    return cel_int(v[0].t.s);
}

CEL_FN(uint_of_int)
{
    return v[0].i < 0 ? unsigned_overflow(e) : make_uint((uint64_t)v[0].i);
}

CEL_FN(uint_of_double)
{
    return v[0].d >= 0 && v[0].d < 0x1p64 ? make_uint((uint64_t)v[0].d) : unsigned_overflow(e);
}

CEL_FN(uint_of_text)
{
    uint64_t u;
    return str_to_u64(v[0].s, &u) ? make_uint(u) : no_conversion(e, v, "uint");
}

CEL_FN(double_of_int)
{
    (void)e;
    return make_double((double)v[0].i);
}

CEL_FN(double_of_uint)
{
    (void)e;
    return make_double((double)v[0].u);
}

static bool is_float_text(struct str s)
{
    static const char *const words[] = { "nan",      "inf",       "+inf",     "-inf",
                                         "infinity", "+infinity", "-infinity" };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq_nocase(s, str_from(words[i])))
            return true;
    }
    bool digit = false;
    for (size_t i = 0; i < s.n; i++) {
        digit = digit || char_is_digit(s.p[i]);
        if (!char_is_digit(s.p[i]) && str_find_char(STR("+-.eE"), s.p[i]) < 0)
            return false;
    }
    return digit && s.n <= 400;
}

CEL_FN(double_of_text)
{
    if (!is_float_text(v[0].s))
        return no_conversion(e, v, "double");
    const char *text = arena_str(e->a, v[0].s).p;
    char *end;
    double d = strtod(text, &end);
    bool whole = end == text + v[0].s.n;
    bool infinite = isinf(d) && char_is_digit(text[v[0].s.n - 1]);
    return whole && !infinite ? make_double(d) : no_conversion(e, v, "double");
}

CEL_FN(text_of)
{
    struct str s = cel_text(e->a, &v[0]);
    return s.p ? cel_str(s) : no_conversion(e, v, "string");
}

CEL_FN(text_of_bytes)
{
    if (!cel_charge(e, cel_bytes_cost(v[0].s.n)))
        return cel_spent(e);
    return str_is_utf8(v[0].s) ? cel_str(v[0].s)
                               : cel_error(e, "invalid UTF-8 in bytes, cannot convert to string");
}

CEL_FN(bytes_of_text)
{
    (void)e;
    return (struct cel_value){ .kind = CEL_BYTES, .s = v[0].s };
}

CEL_FN(bool_of_text)
{
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
    static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (str_is(v[0].s, yes[i]) || str_is(v[0].s, no[i]))
            return cel_bool(str_is(v[0].s, yes[i]));
    }
    return no_conversion(e, v, "bool");
}

/* ---- optionals ---- */

CEL_FN(optional_of)
{
    struct cel_value *held = ARENA_NEW(e->a, struct cel_value);
    *held = v[0];
    return (struct cel_value){ .kind = CEL_OPTIONAL, .held = held };
}

CEL_FN(optional_none)
{
    (void)e;
    (void)v;
    return (struct cel_value){ .kind = CEL_OPTIONAL };
}

static bool is_zero(const struct cel_value *v)
{
    switch (v->kind) {
    case CEL_NULL:
        return true;
    case CEL_BOOL:
        return !v->b;
    case CEL_INT:
    case CEL_UINT:
    case CEL_DURATION:
        return v->i == 0;
    case CEL_DOUBLE:
        return v->d == 0;
    case CEL_STRING:
    case CEL_BYTES:
        return v->s.n == 0;
    case CEL_LIST:
    case CEL_MAP:
        return cel_size(v) == 0;
    case CEL_OPTIONAL:
        return !v->held;
    case CEL_DYN:
    case CEL_OBJECT:
    case CEL_TIMESTAMP:
    case CEL_TYPE:
    case CEL_QUANTITY:
    case CEL_SEMVER:
    case CEL_URL:
    case CEL_IP:
    case CEL_CIDR:
    case CEL_ERROR:
    case CEL_KINDS:
        break;
    }
    return false;
}

CEL_FN(optional_of_non_zero)
{
    return is_zero(&v[0]) ? optional_none(e, v) : optional_of(e, v);
}

CEL_FN(optional_has)
{
    (void)e;
    return cel_bool(v[0].held != NULL);
}

CEL_FN(optional_value)
{
    return v[0].held ? *v[0].held : cel_error(e, "optional.none() dereference");
}

CEL_FN(optional_or_value)
{
    (void)e;
    return v[0].held ? *v[0].held : v[1];
}

CEL_FN(optional_or)
{
    (void)e;
    return v[0].held ? v[0] : v[1];
}

static const struct cel_overload rows[] = {
    { "!_", "b", 'b', false, not_ },
    { "-_", "i", 'i', false, negate_int },
    { "-_", "d", 'd', false, negate_double },
    { "_+_", "ii", 'i', false, add_int },
    { "_+_", "uu", 'u', false, add_uint },
    { "_+_", "dd", 'd', false, add_double },
    { "_+_", "ss", 's', false, concat },
    { "_+_", "yy", 'y', false, concat },
    { "_+_", "LL", '0', false, concat_lists },
    { "_+_", "tD", 't', false, cel_time_add },
    { "_+_", "Dt", 't', false, cel_time_add },
    { "_+_", "DD", 'D', false, cel_duration_add },
    { "_-_", "ii", 'i', false, sub_int },
    { "_-_", "uu", 'u', false, sub_uint },
    { "_-_", "dd", 'd', false, sub_double },
    { "_-_", "tt", 'D', false, cel_time_sub },
    { "_-_", "tD", 't', false, cel_time_sub_duration },
    { "_-_", "DD", 'D', false, cel_duration_sub },
    { "_*_", "ii", 'i', false, mul_int },
    { "_*_", "uu", 'u', false, mul_uint },
    { "_*_", "dd", 'd', false, mul_double },
    { "_/_", "ii", 'i', false, div_int },
    { "_/_", "uu", 'u', false, div_uint },
    { "_/_", "dd", 'd', false, div_double },
    { "_%_", "ii", 'i', false, mod_int },
    { "_%_", "uu", 'u', false, mod_uint },
#define ORDER(name, fn)                                                                            \
    { name, "##", 'b', false, fn }, { name, "ss", 'b', false, fn },                                \
        { name, "bb", 'b', false, fn }, { name, "yy", 'b', false, fn },                            \
        { name, "tt", 'b', false, fn },                                                            \
    {                                                                                              \
        name, "DD", 'b', false, fn                                                                 \
    } /* a macro: four operators over the same six kinds */
    ORDER("_<_", less),
    ORDER("_<=_", less_equal),
    ORDER("_>_", greater),
    ORDER("_>=_", greater_equal),
    { "_==_", "*=", 'b', false, equals },
    { "_!=_", "*=", 'b', false, differs },
    { "@in", "*m", 'b', false, in_list },
    { "@in", "*k", 'b', false, in_map },
    { "size", "s", 'i', false, size_text },
    { "size", "y", 'i', false, size_bytes },
    { "size", "L", 'i', false, size_members },
    { "size", "M", 'i', false, size_members },
    { "size", "s", 'i', true, size_text },
    { "size", "y", 'i', true, size_bytes },
    { "size", "L", 'i', true, size_members },
    { "size", "M", 'i', true, size_members },
    { "type", "*", 'T', false, type_of },
    { "dyn", "*", '*', false, same },
    { "int", "i", 'i', false, same },
    { "int", "u", 'i', false, int_of_uint },
    { "int", "d", 'i', false, int_of_double },
    { "int", "s", 'i', false, int_of_text },
    { "int", "t", 'i', false, int_of_time },
    { "uint", "u", 'u', false, same },
    { "uint", "i", 'u', false, uint_of_int },
    { "uint", "d", 'u', false, uint_of_double },
    { "uint", "s", 'u', false, uint_of_text },
    { "double", "d", 'd', false, same },
    { "double", "i", 'd', false, double_of_int },
    { "double", "u", 'd', false, double_of_uint },
    { "double", "s", 'd', false, double_of_text },
    { "string", "s", 's', false, same },
    { "string", "#", 's', false, text_of },
    { "string", "b", 's', false, text_of },
    { "string", "y", 's', false, text_of_bytes },
    { "string", "t", 's', false, text_of },
    { "string", "D", 's', false, text_of },
    { "string", "a", 's', false, text_of },
    { "string", "c", 's', false, text_of },
    { "bool", "b", 'b', false, same },
    { "bool", "s", 'b', false, bool_of_text },
    { "bytes", "y", 'y', false, same },
    { "bytes", "s", 'y', false, bytes_of_text },
    { "optional.of", "*", 'p', false, optional_of },
    { "optional.ofNonZeroValue", "*", 'p', false, optional_of_non_zero },
    { "optional.none", "", 'o', false, optional_none },
    { "hasValue", "o", 'b', true, optional_has },
    { "value", "o", 'e', true, optional_value },
    { "orValue", "oe", 'e', true, optional_or_value },
    { "or", "o=", '0', true, optional_or },
};

const struct cel_library cel_lib_core = { rows, COUNT_OF(rows) };
