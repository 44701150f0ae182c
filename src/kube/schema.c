/* SPDX-License-Identifier: Apache-2.0
 * schema — look-ups in the constant tables and in types made at run time. */
#include "kube/schema.h"

#include <string.h>

#include "kube/schema_internal.h"

const struct schema *schema_find(struct str name)
{
    size_t lo = 0, hi = schema_table_named;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = str_cmp(name, schema_table[mid].name);
        if (order == 0)
            return &schema_table[mid];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

/* Compares "group/version/kind" with api_version "group/version" (or "version") and kind. */
static int gvk_cmp(struct str api_version, struct str kind, struct str gvk)
{
    char text[256];
    bool core = str_find_char(api_version, '/') < 0;
    size_t n = (core ? 1 : 0) + api_version.n + 1 + kind.n;
    if (n > sizeof text)
        return 1;
    char *p = text;
    if (core)
        *p++ = '/';
    memcpy(p, api_version.p, api_version.n);
    p += api_version.n;
    *p++ = '/';
    memcpy(p, kind.p, kind.n);
    return str_cmp(str_make(text, n), gvk);
}

const struct schema *schema_find_kind(struct str api_version, struct str kind)
{
    if (api_version.n == 0 || kind.n == 0)
        return NULL;
    size_t lo = 0, hi = schema_gvks_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = gvk_cmp(api_version, kind, schema_gvks[mid].gvk);
        if (order == 0)
            return schema_gvks[mid].schema;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

size_t schema_count(void)
{
    return schema_table_named;
}

const struct schema *schema_builtin(size_t i)
{
    return i < schema_table_named ? &schema_table[i] : NULL;
}

size_t schema_kinds(const struct schema *s, struct str *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < schema_gvks_n; i++) {
        if (schema_gvks[i].schema != s)
            continue;
        if (n < cap)
            out[n] = schema_gvks[i].gvk;
        n++;
    }
    return n;
}

#define LINEAR_MAX 48 /* up to here lengths are looked through faster than halves are compared */

static const struct schema_field *field_among_few(const struct schema *s, struct str name)
{
    for (const struct schema_field *f = s->fields, *end = f + s->n_fields; f < end; f++)
        if (f->len == name.n && f->name[0] == name.p[0] && memcmp(f->name, name.p, name.n) == 0)
            return f;
    return NULL;
}

const struct schema_field *schema_field(const struct schema *s, struct str name)
{
    if (!s || s->type != SCHEMA_OBJECT || name.n == 0)
        return NULL;
    if (s->n_fields <= LINEAR_MAX)
        return field_among_few(s, name);
    size_t lo = 0, hi = s->n_fields;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct schema_field *f = &s->fields[mid];
        int order = (unsigned char)name.p[0] - (unsigned char)f->name[0]; /* most often enough */
        if (order == 0)
            order = str_cmp(name, schema_field_name(f));
        if (order == 0)
            return f;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const struct schema *schema_child(const struct schema *s, struct str key)
{
    if (!s)
        return NULL;
    if (s->type == SCHEMA_MAP || s->type == SCHEMA_LIST)
        return s->elem;
    const struct schema_field *f = schema_field(s, key);
    return f ? f->schema : NULL;
}

bool schema_is_atomic(const struct schema *s, const struct schema_field *f)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return (s->flags & SCHEMA_ATOMIC) && !(f && (f->flags & SCHEMA_FIELD_GRANULAR));
    case SCHEMA_LIST:
        return s->list == SCHEMA_LIST_ATOMIC;
    case SCHEMA_ANY:
        return !(s->flags & SCHEMA_PRESERVE);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
    case SCHEMA_BOOL:
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return true;
    }
    return true;
}

const char *schema_type_name(const struct schema *s)
{
    switch ((enum schema_type)s->type) {
    case SCHEMA_ANY:
        return "any";
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return "object";
    case SCHEMA_LIST:
        return "array";
    case SCHEMA_INT:
        return "integer";
    case SCHEMA_NUMBER:
        return "number";
    case SCHEMA_BOOL:
        return "boolean";
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return "string";
    }
    return "any";
}
