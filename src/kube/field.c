/* SPDX-License-Identifier: Apache-2.0
 * field — the decoder behind every lens; see field.h. */
#include "kube/field.h"

#include <assert.h>

#include "base/time.h"
#include "kube/quantities.h"

static void decode_strs(struct strs *out, struct json v, struct arena *a)
{
    if (json_type(v) != JSON_ARR || json_len(v) == 0)
        return;
    out->items = ARENA_ARRAY(a, struct str, json_len(v));
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct str s = json_str(it.value);
        if (s.p)
            out->items[out->n++] = s;
    }
}

/* A list member is { T *items; size_t n; }, whatever T is: pointers to structs look alike. */
struct any_list {
    void *items;
    size_t n;
};

static void decode_list(void *at, const struct field *f, struct json v, struct arena *a)
{
    if (json_type(v) != JSON_ARR || json_len(v) == 0)
        return;
    char *items = arena_alloc(a, f->sub_size * json_len(v));
    struct any_list list = { .items = items };
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (json_type(it.value) == JSON_OBJ)
            field_decode(items + f->sub_size * list.n++, f->sub, f->n_sub, it.value, a);
    }
    memcpy(at, &list, sizeof list);
}

static bool decode_quantity(int64_t *out, struct json v, int64_t parts)
{
    return amount_parse(v, parts, out);
}

/* True when the value has the type that the row wants. */
static bool decode_value(void *at, const struct field *f, struct json v, struct arena *a)
{
    switch (f->type) {
    case FIELD_T_STR:
        if (json_type(v) != JSON_STR)
            return false;
        *(struct str *)at = json_str(v);
        return true;
    case FIELD_T_I64:
        return json_i64(v, at);
    case FIELD_T_BOOL:
        if (json_type(v) != JSON_BOOL)
            return false;
        *(bool *)at = json_bool(v, false);
        return true;
    case FIELD_T_F64:
        return json_f64(v, at);
    case FIELD_T_MILLI:
        return decode_quantity(at, v, 1000);
    case FIELD_T_UNITS:
        return decode_quantity(at, v, 1);
    case FIELD_T_TIME:
        return wall_parse(json_str(v), at);
    case FIELD_T_JSON:
        *(struct json *)at = v;
        return true;
    case FIELD_T_OBJ:
        if (json_type(v) != JSON_OBJ)
            return false;
        field_decode(at, f->sub, f->n_sub, v, a);
        return true;
    case FIELD_T_LIST:
        decode_list(at, f, v, a);
        return json_type(v) == JSON_ARR;
    case FIELD_T_STRS:
        decode_strs(at, v, a);
        return json_type(v) == JSON_ARR;
    }
    assert(false); /* no such type of field */
    return false;
}

void field_decode(void *out, const struct field *rows, size_t n, struct json v, struct arena *a)
{
    char *base = out;
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &rows[i];
        bool descends = strchr(f->name, '.') != NULL;
        struct json member = descends ? json_path(v, f->name) : json_get(v, str_from(f->name));
        if (!json_has(member))
            continue;
        bool ok = decode_value(base + f->offset, f, member, a);
        if (ok && f->has_offset != FIELD_NO_HAS)
            *(bool *)(base + f->has_offset) = true;
    }
}
