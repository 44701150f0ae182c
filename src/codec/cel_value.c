/* SPDX-License-Identifier: Apache-2.0
 * cel_value — values: members of JSON documents read in place, maps with an index once they are
 * large, equality and order across number kinds as the CEL language definition has them. */
#include <math.h>
#include <stdarg.h>

#include "base/num.h"
#include "base/time.h"
#include "codec/cel_internal.h"

#define INDEX_FROM 8 /* entries of a map; fewer are searched one by one */

const struct cel_type cel_types[CEL_KINDS] = {
    [CEL_DYN] = { .kind = CEL_DYN },
    [CEL_NULL] = { .kind = CEL_NULL },
    [CEL_BOOL] = { .kind = CEL_BOOL },
    [CEL_INT] = { .kind = CEL_INT },
    [CEL_UINT] = { .kind = CEL_UINT },
    [CEL_DOUBLE] = { .kind = CEL_DOUBLE },
    [CEL_STRING] = { .kind = CEL_STRING },
    [CEL_BYTES] = { .kind = CEL_BYTES },
    [CEL_LIST] = { .kind = CEL_LIST },
    [CEL_MAP] = { .kind = CEL_MAP },
    [CEL_OBJECT] = { .kind = CEL_OBJECT },
    [CEL_TIMESTAMP] = { .kind = CEL_TIMESTAMP },
    [CEL_DURATION] = { .kind = CEL_DURATION },
    [CEL_TYPE] = { .kind = CEL_TYPE },
    [CEL_OPTIONAL] = { .kind = CEL_OPTIONAL },
    [CEL_QUANTITY] = { .kind = CEL_QUANTITY },
    [CEL_SEMVER] = { .kind = CEL_SEMVER },
    [CEL_URL] = { .kind = CEL_URL },
    [CEL_IP] = { .kind = CEL_IP },
    [CEL_CIDR] = { .kind = CEL_CIDR },
    [CEL_ERROR] = { .kind = CEL_ERROR },
};

struct cel_value cel_error_in(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return (struct cel_value){ .kind = CEL_ERROR, .s = s };
}

/* ---- from JSON ---- */

static const struct cel_type *kind_type(const struct cel_type *t)
{
    return t ? t : &cel_types[CEL_DYN];
}

static struct cel_value from_number(struct json v, enum cel_kind want)
{
    int64_t i;
    double d = 0;
    struct str text = json_num_text(v);
    bool whole = str_find_char(text, '.') < 0 && str_find_char(text, 'e') < 0 &&
                 str_find_char(text, 'E') < 0;
    if (want != CEL_DOUBLE && (whole || want == CEL_INT) && json_i64(v, &i))
        return cel_int(i);
    json_f64(v, &d);
    return (struct cel_value){ .kind = CEL_DOUBLE, .d = d };
}

static struct cel_value from_text(struct str s, enum cel_kind want, struct arena *a)
{
    struct cel_value out = cel_str(s);
    if (want == CEL_TIMESTAMP && cel_time_parse(s, &out.t))
        out.kind = CEL_TIMESTAMP;
    else if (want == CEL_DURATION && duration_parse(s, &out.i))
        out.kind = CEL_DURATION;
    else if (want == CEL_SEMVER)
        return cel_semver_of(a, s);
    else if (want == CEL_TIMESTAMP || want == CEL_DURATION)
        return cel_error_in(a, "invalid %s: %.*s", want == CEL_TIMESTAMP ? "timestamp" : "duration",
                            STR_ARG(s));
    return out;
}

static struct cel_value from_quantity(struct json v, struct arena *a)
{
    struct quantity *q = ARENA_NEW(a, struct quantity);
    struct str text = json_type(v) == JSON_NUM ? json_num_text(v) : json_str(v);
    if (quantity_parse(q, text, NULL))
        return cel_error_in(a, "invalid quantity: %.*s", STR_ARG(text));
    return cel_quantity(q);
}

struct cel_value cel_from_json(struct json v, const struct cel_type *type, struct arena *a)
{
    enum cel_kind want = kind_type(type)->kind;
    if (want == CEL_QUANTITY)
        return from_quantity(v, a);
    switch (json_type(v)) {
    case JSON_ABSENT:
    case JSON_NULL:
        return (struct cel_value){ .kind = CEL_NULL };
    case JSON_BOOL:
        return cel_bool(json_bool(v, false));
    case JSON_NUM:
        return from_number(v, want);
    case JSON_STR:
        return from_text(json_str(v), want, a);
    case JSON_ARR:
        return (struct cel_value){ .kind = CEL_LIST, .in_json = true, .type = type, .json = v };
    case JSON_OBJ:
        return (struct cel_value){ .kind = CEL_MAP, .in_json = true, .type = type, .json = v };
    }
    return (struct cel_value){ .kind = CEL_NULL };
}

/* The declared type of a member; NULL: dyn. */
static const struct cel_type *member_type(const struct cel_type *t, struct str name)
{
    if (!t)
        return NULL;
    for (size_t i = 0; t->kind == CEL_OBJECT && i < t->n_fields; i++) {
        if (str_eq(t->fields[i].name, name))
            return t->fields[i].type;
    }
    return t->elem;
}

/* ---- maps ---- */

static uint64_t key_hash(const struct cel_value *k)
{
    if (k->kind == CEL_STRING)
        return str_hash(k->s, 0);
    if (k->kind == CEL_DOUBLE) /* equal numbers of any kind hash alike */
        return num_mix64(fabs(k->d) < 9e18 ? (uint64_t)(int64_t)k->d : 0);
    return num_mix64(k->kind == CEL_BOOL ? k->b : k->u);
}

static const struct cel_entry *map_entry(const struct cel_map *m, const struct cel_value *key)
{
    if (!m->slots) {
        for (size_t i = 0; i < m->n; i++) {
            if (cel_equal(&m->entries[i].key, key))
                return &m->entries[i];
        }
        return NULL;
    }
    for (size_t at = key_hash(key) & m->mask; m->slots[at]; at = (at + 1) & m->mask) {
        const struct cel_entry *e = &m->entries[m->slots[at] - 1];
        if (cel_equal(&e->key, key))
            return e;
    }
    return NULL;
}

size_t cel_map_index(const struct cel_map *m, const struct cel_value *key)
{
    const struct cel_entry *e = map_entry(m, key);
    return e ? (size_t)(e - m->entries) : m->n;
}

struct cel_value cel_map_of(struct arena *a, const struct cel_entry *entries, size_t n)
{
    struct cel_map *m = ARENA_NEW(a, struct cel_map);
    *m = (struct cel_map){ .entries = entries, .n = n };
    if (n > INDEX_FROM) {
        size_t cap = 16;
        while (cap < 2 * n)
            cap *= 2;
        uint32_t *slots = ARENA_ARRAY(a, uint32_t, cap);
        m->mask = cap - 1;
        for (size_t i = 0; i < n; i++) {
            size_t at = key_hash(&entries[i].key) & m->mask;
            while (slots[at])
                at = (at + 1) & m->mask;
            slots[at] = (uint32_t)i + 1;
        }
        m->slots = slots;
    }
    return (struct cel_value){ .kind = CEL_MAP, .map = m };
}

struct cel_value
cel_map_with_default(struct arena *a, struct cel_value map, struct cel_value missing)
{
    struct cel_map *m = ARENA_NEW(a, struct cel_map);
    struct cel_value *value = ARENA_NEW(a, struct cel_value);
    *m = *map.map;
    *value = missing;
    m->missing = value;
    return (struct cel_value){ .kind = CEL_MAP, .map = m };
}

struct cel_value cel_list_of(struct arena *a, const struct cel_value *items, size_t n)
{
    struct cel_list *l = ARENA_NEW(a, struct cel_list);
    *l = (struct cel_list){ items, n };
    return (struct cel_value){ .kind = CEL_LIST, .list = l };
}

bool cel_find(const struct cel_value *map,
              const struct cel_value *key,
              struct arena *a,
              struct cel_value *out)
{
    if (map->in_json)
        return key->kind == CEL_STRING && cel_find_name(map, key->s, a, out);
    const struct cel_entry *e = map_entry(map->map, key);
    if (!e && !map->map->missing)
        return false;
    *out = e ? e->value : *map->map->missing;
    return true;
}

bool cel_find_name(const struct cel_value *map,
                   struct str key,
                   struct arena *a,
                   struct cel_value *out)
{
    struct cel_value k = cel_str(key);
    if (!map->in_json)
        return cel_find(map, &k, a, out);
    struct json v = json_get(map->json, key);
    if (!json_exists(v))
        return false;
    *out = cel_from_json(v, member_type(map->type, key), a);
    return true;
}

/* ---- lists, iteration ---- */

size_t cel_size(const struct cel_value *v)
{
    if (v->in_json)
        return json_len(v->json);
    return v->kind == CEL_LIST ? v->list->n : v->map->n;
}

struct cel_value cel_item(const struct cel_value *list, size_t i, struct arena *a)
{
    if (!list->in_json)
        return list->list->items[i];
    return cel_from_json(json_at(list->json, (uint32_t)i), list->type ? list->type->elem : NULL, a);
}

struct cel_each cel_each(const struct cel_value *v, struct arena *a)
{
    struct cel_each it = { .v = v, .a = a };
    if (v->in_json)
        it.json = json_iter(v->json);
    return it;
}

bool cel_each_next(struct cel_each *it)
{
    const struct cel_value *v = it->v;
    if (v->in_json) {
        if (!json_next(&it->json))
            return false;
        bool map = v->kind == CEL_MAP;
        it->key = map ? cel_str(it->json.key) : cel_int((int64_t)it->i);
        it->value = cel_from_json(it->json.value, member_type(v->type, it->json.key), it->a);
    } else if (it->i >= cel_size(v)) {
        return false;
    } else if (v->kind == CEL_LIST) {
        it->key = cel_int((int64_t)it->i);
        it->value = v->list->items[it->i];
    } else {
        it->key = v->map->entries[it->i].key;
        it->value = v->map->entries[it->i].value;
    }
    it->i++;
    return true;
}

/* ---- order and equality ---- */

bool cel_is_number(const struct cel_value *v)
{
    return v->kind == CEL_INT || v->kind == CEL_UINT || v->kind == CEL_DOUBLE;
}

static int sign_of(bool less, bool greater)
{
    return less ? -1 : greater;
}

/* An integer against a double, exactly: 2^63 and 2^64 are doubles, their neighbours below are not.
 */
static int compare_with_double(const struct cel_value *x, double d)
{
    if (isnan(d))
        return 2;
    if (x->kind == CEL_INT) {
        if (d >= 0x1p63 || d < -0x1p63)
            return d > 0 ? -1 : 1;
        int64_t whole = (int64_t)d;
        if (x->i != whole)
            return sign_of(x->i < whole, true);
        return sign_of((double)whole<d, (double)whole> d);
    }
    if (d >= 0x1p64 || d < 0)
        return d > 0 ? -1 : 1;
    uint64_t whole = (uint64_t)d;
    if (x->u != whole)
        return sign_of(x->u < whole, true);
    return sign_of((double)whole < d, false);
}

int cel_compare_numbers(const struct cel_value *x, const struct cel_value *y)
{
    if (x->kind == CEL_DOUBLE && y->kind == CEL_DOUBLE)
        return isnan(x->d) || isnan(y->d) ? 2 : sign_of(x->d<y->d, x->d> y->d);
    if (y->kind == CEL_DOUBLE)
        return compare_with_double(x, y->d);
    if (x->kind == CEL_DOUBLE) {
        int order = compare_with_double(y, x->d);
        return order == 2 ? 2 : -order;
    }
    if (x->kind == CEL_INT && y->kind == CEL_INT)
        return sign_of(x->i<y->i, x->i> y->i);
    if (x->kind == CEL_INT && x->i < 0)
        return -1;
    if (y->kind == CEL_INT && y->i < 0)
        return 1;
    return sign_of(x->u<y->u, x->u> y->u); /* int and uint share their bits when not negative */
}

static int compare_times(struct cel_time x, struct cel_time y)
{
    if (x.s != y.s)
        return sign_of(x.s < y.s, true);
    return sign_of(x.ns<y.ns, x.ns> y.ns);
}

int cel_compare(const struct cel_value *x, const struct cel_value *y)
{
    if (cel_is_number(x) && cel_is_number(y))
        return cel_compare_numbers(x, y);
    if (x->kind != y->kind)
        return 2;
    switch (x->kind) {
    case CEL_BOOL:
        return sign_of(x->b<y->b, x->b> y->b);
    case CEL_STRING:
    case CEL_BYTES: {
        int order = str_cmp(x->s, y->s);
        return sign_of(order<0, order> 0);
    }
    case CEL_TIMESTAMP:
        return compare_times(x->t, y->t);
    case CEL_DURATION:
        return sign_of(x->i<y->i, x->i> y->i);
    case CEL_QUANTITY:
        return quantity_cmp(x->quantity, y->quantity);
    case CEL_SEMVER:
        return cel_semver_cmp(x->semver, y->semver);
    case CEL_DYN:
    case CEL_NULL:
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_OBJECT:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_URL:
    case CEL_IP:
    case CEL_CIDR:
    case CEL_ERROR:
    case CEL_KINDS:
        break;
    }
    return 2;
}

/* ---- equality ---- */

static bool equal(const struct cel_value *x, const struct cel_value *y, struct cel_state *e);

static bool pay(struct cel_state *e, uint64_t cost)
{
    return !e || cel_charge(e, cost);
}

/* Members read from JSON for comparing may need room for quantities and the like. */
struct scratch {
    struct arena *own, *a;
};

static struct arena *scratch_open(struct scratch *s, struct cel_state *e)
{
    s->own = e ? NULL : arena_new();
    s->a = e ? e->a : s->own;
    return s->a;
}

static bool equal_lists(const struct cel_value *x, const struct cel_value *y, struct cel_state *e)
{
    if (cel_size(x) != cel_size(y))
        return false;
    struct scratch s;
    struct cel_each i = cel_each(x, scratch_open(&s, e)), j = cel_each(y, s.a);
    bool same = true;
    while (same && cel_each_next(&i) && cel_each_next(&j))
        same = equal(&i.value, &j.value, e);
    arena_free(s.own);
    return same;
}

static bool equal_maps(const struct cel_value *x, const struct cel_value *y, struct cel_state *e)
{
    if (cel_size(x) != cel_size(y))
        return false;
    struct scratch s;
    struct cel_each i = cel_each(x, scratch_open(&s, e));
    struct cel_value other;
    bool same = true;
    while (same && cel_each_next(&i))
        same = cel_find(y, &i.key, s.a, &other) && equal(&i.value, &other, e);
    arena_free(s.own);
    return same;
}

static bool equal_held(const struct cel_value *x, const struct cel_value *y, struct cel_state *e)
{
    if (!x->held || !y->held)
        return x->held == y->held;
    return equal(x->held, y->held, e);
}

static bool equal(const struct cel_value *x, const struct cel_value *y, struct cel_state *e)
{
    if (cel_is_number(x) && cel_is_number(y))
        return cel_compare_numbers(x, y) == 0;
    if (x->kind != y->kind)
        return false;
    switch (x->kind) {
    case CEL_NULL:
        return true;
    case CEL_STRING:
    case CEL_BYTES:
    case CEL_TYPE:
        return pay(e, cel_bytes_cost(x->s.n < y->s.n ? x->s.n : y->s.n)) && str_eq(x->s, y->s);
    case CEL_LIST:
        return pay(e, 1) && equal_lists(x, y, e);
    case CEL_MAP:
        return pay(e, 1) && equal_maps(x, y, e);
    case CEL_OPTIONAL:
        return equal_held(x, y, e);
    case CEL_IP:
    case CEL_CIDR:
        return cel_address_equal(x, y);
    case CEL_URL:
        return str_eq(cel_url_text(x->url), cel_url_text(y->url));
    case CEL_DYN:
    case CEL_BOOL:
    case CEL_INT:
    case CEL_UINT:
    case CEL_DOUBLE:
    case CEL_OBJECT:
    case CEL_TIMESTAMP:
    case CEL_DURATION:
    case CEL_QUANTITY:
    case CEL_SEMVER:
    case CEL_ERROR:
    case CEL_KINDS:
        break;
    }
    return cel_compare(x, y) == 0;
}

bool cel_equal(const struct cel_value *x, const struct cel_value *y)
{
    return equal(x, y, NULL);
}

bool cel_same(struct cel_state *e, const struct cel_value *x, const struct cel_value *y)
{
    return equal(x, y, e);
}

/* ---- names ---- */

struct str cel_type_name(const struct cel_value *v)
{
    static const struct str names[CEL_KINDS] = {
        [CEL_DYN] = STR_INIT("dyn"),
        [CEL_NULL] = STR_INIT("null_type"),
        [CEL_BOOL] = STR_INIT("bool"),
        [CEL_INT] = STR_INIT("int"),
        [CEL_UINT] = STR_INIT("uint"),
        [CEL_DOUBLE] = STR_INIT("double"),
        [CEL_STRING] = STR_INIT("string"),
        [CEL_BYTES] = STR_INIT("bytes"),
        [CEL_LIST] = STR_INIT("list"),
        [CEL_MAP] = STR_INIT("map"),
        [CEL_OBJECT] = STR_INIT("object"),
        [CEL_TIMESTAMP] = STR_INIT("google.protobuf.Timestamp"),
        [CEL_DURATION] = STR_INIT("google.protobuf.Duration"),
        [CEL_TYPE] = STR_INIT("type"),
        [CEL_OPTIONAL] = STR_INIT("optional_type"),
        [CEL_QUANTITY] = STR_INIT("kubernetes.Quantity"),
        [CEL_SEMVER] = STR_INIT("kubernetes.Semver"),
        [CEL_URL] = STR_INIT("kubernetes.URL"),
        [CEL_IP] = STR_INIT("net.IP"),
        [CEL_CIDR] = STR_INIT("net.CIDR"),
        [CEL_ERROR] = STR_INIT("error"),
    };
    return names[v->kind];
}

/* ---- to JSON ---- */

static void write_members(struct buf *out, const struct cel_value *v)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    bool map = v->kind == CEL_MAP;
    struct cel_each it = cel_each(v, a);
    buf_char(out, map ? '{' : '[');
    for (size_t i = 0; cel_each_next(&it); i++) {
        if (i)
            buf_char(out, ',');
        if (map) {
            json_write_str(out, it.key.kind == CEL_STRING ? it.key.s : cel_text(a, &it.key));
            buf_char(out, ':');
        }
        cel_write_json(out, &it.value);
    }
    buf_char(out, map ? '}' : ']');
}

void cel_write_json(struct buf *out, const struct cel_value *v)
{
    if (v->kind == CEL_OPTIONAL && v->held) {
        cel_write_json(out, v->held);
    } else if (v->kind == CEL_LIST || v->kind == CEL_MAP) {
        write_members(out, v);
    } else if (v->kind == CEL_NULL || v->kind == CEL_OPTIONAL ||
               (v->kind == CEL_DOUBLE && !isfinite(v->d))) {
        buf_str(out, STR("null"));
    } else {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct str text = cel_text(a, v);
        if (cel_is_number(v) || v->kind == CEL_BOOL)
            buf_str(out, text);
        else
            json_write_str(out, text);
    }
}
