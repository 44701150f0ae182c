/* SPDX-License-Identifier: Apache-2.0
 * schema — the type of an object, field by field: what decoding checks, defaulting fills, patches
 * and server-side apply merge by, and OpenAPI publishes. Built-in types are constant tables made by
 * the build from kube/facts/; types of custom resources are made at run time in the same shape
 * (kube/structural.h). Plain data, immutable once made, any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum schema_type {
    SCHEMA_ANY,    /* free form: any JSON value, nothing below it is known */
    SCHEMA_OBJECT, /* named fields */
    SCHEMA_MAP,    /* any keys, values of type elem */
    SCHEMA_LIST,   /* items of type elem */
    SCHEMA_STRING,
    SCHEMA_BYTES, /* base64 in JSON */
    SCHEMA_INT,
    SCHEMA_NUMBER,
    SCHEMA_BOOL,
    SCHEMA_QUANTITY, /* a string like "500m"; numbers are accepted too */
    SCHEMA_INT_OR_STRING,
    SCHEMA_TIME,       /* metav1.Time: whole seconds */
    SCHEMA_MICRO_TIME, /* metav1.MicroTime */
};

/* How server-side apply merges a list. Objects and maps are granular unless SCHEMA_ATOMIC. */
enum schema_list { SCHEMA_LIST_ATOMIC, SCHEMA_LIST_SET, SCHEMA_LIST_MAP };

enum {
    SCHEMA_ATOMIC = 1u << 0,      /* object, map: owned and replaced as one */
    SCHEMA_PRESERVE = 1u << 1,    /* object: unknown fields are kept (custom only) */
    SCHEMA_EMBEDDED = 1u << 2,    /* object: a whole API object inside (custom only) */
    SCHEMA_NULLABLE = 1u << 3,    /* null is a value (custom only) */
    SCHEMA_PATCH_MERGE = 1u << 4, /* list: strategic merge by merge_key, or as a set of scalars */
    SCHEMA_RETAIN_KEYS = 1u << 5, /* list: strategic patches of items may carry $retainKeys */
    SCHEMA_INT32 = 1u << 6,       /* int: 32 bits, else 64 */
};

struct schema;

enum {
    SCHEMA_FIELD_REQUIRED = 1u << 0,
    SCHEMA_FIELD_REPLACE = 1u << 1,     /* strategic patches replace this object */
    SCHEMA_FIELD_GRANULAR = 1u << 2,    /* undoes SCHEMA_ATOMIC of the type at this place */
    SCHEMA_FIELD_ALWAYS = 1u << 3,      /* a struct that Kubernetes writes even when it is empty */
    SCHEMA_FIELD_DROP_ZERO = 1u << 4,   /* "", 0, false and empty containers are not written */
    SCHEMA_FIELD_DEFAULT = 1u << 5,     /* the type has a default */
    SCHEMA_FIELD_EMPTY = 1u << 6,       /* when absent it is written as "" or null */
    SCHEMA_FIELD_RETAIN_KEYS = 1u << 7, /* strategic patches of this object carry $retainKeys */
};

/* When such a field is absent it is written all the same. */
#define SCHEMA_FIELD_WANTED (SCHEMA_FIELD_ALWAYS | SCHEMA_FIELD_DEFAULT | SCHEMA_FIELD_EMPTY)

struct schema_field {
    const char *name; /* len bytes, and a NUL */
    const struct schema *schema;
    uint8_t len, flags;
};

struct schema_rules; /* kube/structural.h: what only custom resources check */

struct schema {
    uint8_t type; /* enum schema_type */
    uint8_t list; /* enum schema_list */
    uint16_t flags;
    uint16_t n_fields, n_keys, n_enums;
    uint16_t n_wanted;                 /* built-in object: fields with one of SCHEMA_FIELD_WANTED */
    struct str name;                   /* "core.v1.Pod"; absent for unnamed types */
    const struct schema_field *fields; /* object: sorted by name, bytewise */
    const struct schema *elem;         /* map, list; free form: the type of objects, or NULL */
    const struct str *keys;            /* list map: the fields that tell items apart */
    const struct str *enums;           /* string: the values that OpenAPI names */
    struct str merge_key;              /* list with SCHEMA_PATCH_MERGE; absent for scalars */
    struct str default_json;           /* JSON text; absent: none */
    const struct schema_rules *rules;  /* custom only, else NULL */
};

/* A built-in type by name ("core.v1.PodSpec"), or NULL. */
const struct schema *schema_find(struct str name);
/* The built-in type of a kind ("apps/v1", "Deployment"), or NULL. */
const struct schema *schema_find_kind(struct str api_version, struct str kind);
size_t schema_count(void); /* named built-in types, sorted by name */
const struct schema *schema_builtin(size_t i);
/* The kinds whose type s is, "group/version/kind" each ("/v1/Pod"), at most cap of them into out.
 * Returns how many there are; few types have more than one. */
size_t schema_kinds(const struct schema *s, struct str *out, size_t cap);

/* The field of an object type, or NULL when it has none of that name (or s is no object). */
const struct schema_field *schema_field(const struct schema *s, struct str name);

/* The type of a member of an object or map, or of a list's items; NULL when unknown. */
const struct schema *schema_child(const struct schema *s, struct str key);

static inline struct str schema_field_name(const struct schema_field *f)
{
    return (struct str){ f->name, f->len };
}

/* Owned as one by server-side apply: a scalar, an atomic container, free form (unless a custom type
 * preserves unknown fields: those merge key by key). f is the field that led here, or NULL. */
bool schema_is_atomic(const struct schema *s, const struct schema_field *f);

/* "string", "integer", "object", … as OpenAPI names it. */
const char *schema_type_name(const struct schema *s);
