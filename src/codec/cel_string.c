/* SPDX-License-Identifier: Apache-2.0
 * cel_string — functions over strings: the standard ones, cel-go's string extension (version 2, as
 * Kubernetes enables) and the texts of values. Places are counted in code points. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/cel_internal.h"

/* ---- texts ---- */

/* As Go's strconv with format 'g': the shortest digits that read back as d, with an exponent when
 * that is below -4 or above 5. */
struct str cel_double_text(struct arena *a, double d)
{
    char text[40];
    int precision = 0;
    if (isnan(d))
        return STR("NaN");
    if (isinf(d))
        return d > 0 ? STR("+Inf") : STR("-Inf");
    do
        snprintf(text, sizeof text, "%.*e", precision, d);
    while (strtod(text, NULL) != d && ++precision < 17);
    int64_t exponent = 0;
    struct str tail = str_from(strchr(text, 'e') + 1);
    str_to_i64(tail.p[0] == '+' ? str_skip(tail, 1) : tail, &exponent);
    if (exponent < -4 || exponent >= 6)
        return arena_str(a, str_from(text));
    int decimals = precision > exponent ? precision - (int)exponent : 0;
    return arena_printf(a, "%.*f", decimals, d);
}

struct str cel_text(struct arena *a, const struct cel_value *v)
{
    switch (v->kind) {
    case CEL_NULL:
        return STR("null");
    case CEL_BOOL:
        return v->b ? STR("true") : STR("false");
    case CEL_INT:
        return arena_printf(a, "%" PRId64, v->i);
    case CEL_UINT:
        return arena_printf(a, "%" PRIu64, v->u);
    case CEL_DOUBLE:
        return cel_double_text(a, v->d);
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
        return v->s;
    case CEL_TIMESTAMP:
        return cel_time_text(a, v->t);
    case CEL_DURATION:
        return cel_duration_text(a, v->i);
    case CEL_QUANTITY: {
        struct buf b;
        buf_init(&b, 128);
        quantity_write(&b, v->quantity);
        struct str s = arena_str(a, buf_view(&b));
        buf_fini(&b);
        return s;
    }
    case CEL_SEMVER:
        return cel_semver_text(a, v->semver);
    case CEL_IP:
    case CEL_CIDR:
        return cel_address_text(a, v);
    case CEL_URL:
        return cel_url_text(v->url);
    case CEL_DYN:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_OBJECT:
    case CEL_OPTIONAL:
    case CEL_ERROR:
    case CEL_KINDS:
        break;
    }
    return (struct str){ 0 };
}

/* ---- searching ---- */

static bool pay(struct cel_state *e, const struct cel_value *v)
{
    return cel_charge(e, cel_bytes_cost(v[0].s.n));
}

CEL_FN(contains)
{
    if (!cel_charge(e, cel_bytes_cost(v[0].s.n) * (1 + cel_bytes_cost(v[1].s.n))))
        return cel_spent(e);
    return cel_bool(str_find(v[0].s, v[1].s) >= 0);
}

CEL_FN(starts_with)
{
    return cel_charge(e, cel_bytes_cost(v[1].s.n)) ? cel_bool(str_starts(v[0].s, v[1].s))
                                                   : cel_spent(e);
}

CEL_FN(ends_with)
{
    return cel_charge(e, cel_bytes_cost(v[1].s.n)) ? cel_bool(str_ends(v[0].s, v[1].s))
                                                   : cel_spent(e);
}

/* Byte at which code point i stands; false: beyond the end. i may be the length. */
static bool rune_at(struct str s, int64_t i, size_t *at)
{
    struct str rest = s;
    if (i < 0)
        return false;
    for (; i > 0 && rest.n; i--)
        cel_rune(&rest);
    *at = s.n - rest.n;
    return i == 0;
}

static struct cel_value out_of_range(struct cel_state *e, int64_t i)
{
    return cel_error(e, "index out of range: %" PRId64, i);
}

CEL_FN(char_at)
{
    size_t at;
    if (!pay(e, v))
        return cel_spent(e);
    if (!rune_at(v[0].s, v[1].i, &at))
        return out_of_range(e, v[1].i);
    struct str rest = str_skip(v[0].s, at), from = rest;
    if (rest.n)
        cel_rune(&rest);
    return cel_str(str_take(from, from.n - rest.n));
}

static bool pay_search(struct cel_state *e, const struct cel_value *v)
{
    return cel_charge(e, cel_bytes_cost(v[0].s.n) * (1 + cel_bytes_cost(v[1].s.n)));
}

static struct cel_value index_from(struct cel_state *e, const struct cel_value *v, int64_t from)
{
    size_t at;
    if (!pay_search(e, v))
        return cel_spent(e);
    if (!rune_at(v[0].s, from, &at))
        return out_of_range(e, from);
    ptrdiff_t found = str_find(str_skip(v[0].s, at), v[1].s);
    if (found < 0)
        return cel_int(-1);
    return cel_int((int64_t)cel_rune_count(str_take(v[0].s, at + (size_t)found)));
}

CEL_FN(index_of)
{
    return index_from(e, v, 0);
}

CEL_FN(index_of_from)
{
    return index_from(e, v, v[2].i);
}

/* The last occurrence that starts at byte `last` or before. */
static struct cel_value last_index(struct cel_state *e, const struct cel_value *v, size_t last)
{
    struct str s = v[0].s, needle = v[1].s;
    if (!pay_search(e, v))
        return cel_spent(e);
    if (needle.n > s.n)
        return cel_int(-1);
    for (size_t at = s.n - needle.n < last ? s.n - needle.n : last;; at--) {
        if (needle.n == 0 || memcmp(s.p + at, needle.p, needle.n) == 0)
            return cel_int((int64_t)cel_rune_count(str_take(s, at)));
        if (at == 0)
            return cel_int(-1);
    }
}

CEL_FN(last_index_of)
{
    return last_index(e, v, v[0].s.n);
}

CEL_FN(last_index_of_from)
{
    size_t at;
    return rune_at(v[0].s, v[2].i, &at) ? last_index(e, v, at) : out_of_range(e, v[2].i);
}

/* ---- parts ---- */

static struct cel_value substring_of(struct cel_state *e, struct str s, int64_t from, int64_t to)
{
    size_t a, b;
    if (!cel_charge(e, cel_bytes_cost(s.n)))
        return cel_spent(e);
    if (from > to)
        return cel_error(e, "invalid substring range. start: %" PRId64 ", end: %" PRId64, from, to);
    if (!rune_at(s, from, &a))
        return out_of_range(e, from);
    if (!rune_at(s, to, &b))
        return out_of_range(e, to);
    return cel_str(str_make(s.p + a, b - a));
}

CEL_FN(substring_from)
{
    size_t a;
    if (!pay(e, v))
        return cel_spent(e);
    return rune_at(v[0].s, v[1].i, &a) ? cel_str(str_skip(v[0].s, a)) : out_of_range(e, v[1].i);
}

CEL_FN(substring)
{
    return substring_of(e, v[0].s, v[1].i, v[2].i);
}

static bool is_white(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

CEL_FN(trim)
{
    struct str s = v[0].s;
    if (!pay(e, v))
        return cel_spent(e);
    for (struct str rest = s; rest.n && is_white(cel_rune(&rest));)
        s = rest;
    size_t keep = 0;
    for (struct str rest = s; rest.n;) {
        bool white = is_white(cel_rune(&rest));
        keep = white ? keep : s.n - rest.n;
    }
    return cel_str(str_take(s, keep));
}

static struct cel_value map_case(struct cel_state *e, const struct cel_value *v, char first, int by)
{
    if (!pay(e, v))
        return cel_spent(e);
    char *p = arena_alloc(e->a, v[0].s.n + 1);
    for (size_t i = 0; i < v[0].s.n; i++) {
        char c = v[0].s.p[i];
        p[i] = c >= first && c < first + 26 ? (char)(c + by) : c;
    }
    return cel_str(str_make(p, v[0].s.n));
}

CEL_FN(lower_ascii)
{
    return map_case(e, v, 'A', 32);
}

CEL_FN(upper_ascii)
{
    return map_case(e, v, 'a', -32);
}

/* ---- building ---- */

/* How often needle occurs, at most `most` times; an empty one stands around every code point. */
static size_t count_of(struct str s, struct str needle, uint64_t most)
{
    size_t n = 0;
    if (needle.n == 0) {
        n = cel_rune_count(s) + 1;
        return n < most ? n : (size_t)most;
    }
    for (ptrdiff_t at; n < most && (at = str_find(s, needle)) >= 0; n++)
        s = str_skip(s, (size_t)at + needle.n);
    return n;
}

/* Where the next occurrence starts; an empty needle: behind the next code point, but at the front
 * first. */
static size_t next_at(struct str s, struct str needle, bool first)
{
    if (needle.n)
        return (size_t)str_find(s, needle);
    struct str rest = s;
    if (!first && rest.n)
        cel_rune(&rest);
    return s.n - rest.n;
}

static struct cel_value replace_of(struct cel_state *e, const struct cel_value *v, uint64_t most)
{
    struct str s = v[0].s, old = v[1].s, new = v[2].s;
    if (!pay_search(e, v))
        return cel_spent(e);
    size_t n = count_of(s, old, most), grow = new.n > old.n ? new.n - old.n : 0;
    if (!cel_charge(e, cel_bytes_cost(s.n) + cel_bytes_cost(grow) * n))
        return cel_spent(e);
    char *p = arena_alloc(e->a, s.n + grow * n + 1), *w = p;
    for (size_t i = 0; i < n; i++) {
        size_t at = next_at(s, old, i == 0);
        memcpy(w, s.p, at);
        memcpy(w + at, new.p ? new.p : "", new.n);
        w += at + new.n;
        s = str_skip(s, at + old.n);
    }
    if (s.n)
        memcpy(w, s.p, s.n);
    return cel_str(str_make(p, (size_t)(w - p) + s.n));
}

CEL_FN(replace)
{
    return replace_of(e, v, UINT64_MAX);
}

CEL_FN(replace_some)
{
    return replace_of(e, v, v[3].i < 0 ? UINT64_MAX : (uint64_t)v[3].i);
}

/* Pieces, at most `most` of them; the last one is the rest. */
static struct cel_value split_of(struct cel_state *e, const struct cel_value *v, uint64_t most)
{
    struct str s = v[0].s, by = v[1].s;
    struct cel_value *items;
    if (!pay_search(e, v))
        return cel_spent(e);
    size_t pieces = by.n ? count_of(s, by, most ? most - 1 : 0) + 1 : cel_rune_count(s);
    if (pieces > most)
        pieces = (size_t)most;
    if (!cel_room(e, pieces, &items))
        return cel_spent(e);
    for (size_t i = 0; i + 1 < pieces; i++) {
        size_t at = next_at(s, by, false);
        items[i] = cel_str(str_take(s, at));
        s = str_skip(s, at + by.n);
    }
    if (pieces)
        items[pieces - 1] = cel_str(s);
    return cel_list_of(e->a, items, pieces);
}

CEL_FN(split)
{
    return split_of(e, v, UINT64_MAX);
}

CEL_FN(split_some)
{
    return split_of(e, v, v[2].i < 0 ? UINT64_MAX : (uint64_t)v[2].i);
}

static struct cel_value join_of(struct cel_state *e, const struct cel_value *list, struct str by)
{
    size_t total = 0, i = 0;
    struct cel_each it = cel_each(list, e->a);
    while (cel_each_next(&it)) {
        if (it.value.kind != CEL_STRING)
            return cel_error(e, "no such overload");
        total += it.value.s.n + by.n;
    }
    if (!cel_charge(e, cel_bytes_cost(total)))
        return cel_spent(e);
    char *p = arena_alloc(e->a, total + 1), *w = p;
    for (it = cel_each(list, e->a); cel_each_next(&it); i++) {
        if (i && by.n)
            memcpy(w, by.p, by.n);
        w += i ? by.n : 0;
        if (it.value.s.n)
            memcpy(w, it.value.s.p, it.value.s.n);
        w += it.value.s.n;
    }
    return cel_str(str_make(p, (size_t)(w - p)));
}

CEL_FN(join)
{
    return join_of(e, &v[0], STR(""));
}

CEL_FN(join_by)
{
    return join_of(e, &v[0], v[1].s);
}

static const struct cel_overload rows[] = {
    { "contains", "ss", 'b', true, contains },
    { "startsWith", "ss", 'b', true, starts_with },
    { "endsWith", "ss", 'b', true, ends_with },
    { "charAt", "si", 's', true, char_at },
    { "indexOf", "ss", 'i', true, index_of },
    { "indexOf", "ssi", 'i', true, index_of_from },
    { "lastIndexOf", "ss", 'i', true, last_index_of },
    { "lastIndexOf", "ssi", 'i', true, last_index_of_from },
    { "lowerAscii", "s", 's', true, lower_ascii },
    { "upperAscii", "s", 's', true, upper_ascii },
    { "replace", "sss", 's', true, replace },
    { "replace", "sssi", 's', true, replace_some },
    { "split", "ss", 'X', true, split },
    { "split", "ssi", 'X', true, split_some },
    { "join", "l", 's', true, join },
    { "join", "ls", 's', true, join_by },
    { "substring", "si", 's', true, substring_from },
    { "substring", "sii", 's', true, substring },
    { "trim", "s", 's', true, trim },
    { "format", "sL", 's', true, cel_format },
};

const struct cel_library cel_lib_string = { rows, COUNT_OF(rows) };
