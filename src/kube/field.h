/* SPDX-License-Identifier: Apache-2.0
 * field — lenses: tables that decode the few fields we act on from a JSON object into a flat
 * struct. One row a field; the same rows serve decoding, configuration files and reference pages.
 * Absent is never zero: an optional row sets has_NAME beside the member. Wrong types are ignored by
 * a lens (validation happened before the store) and are errors in configuration. Pure.
 *
 *     const struct field toleration_fields[] = {
 *         FIELD_STR(struct toleration, key, "key"),
 *         FIELD_I64_OPT(struct toleration, seconds, "tolerationSeconds"),
 *     }; */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"

enum field_type {
    FIELD_T_STR,   /* struct str */
    FIELD_T_I64,   /* int64_t; FIELD_*_OPT also sets bool has_NAME */
    FIELD_T_BOOL,  /* bool */
    FIELD_T_F64,   /* double */
    FIELD_T_MILLI, /* int64_t: a Quantity in thousandths, rounded up */
    FIELD_T_UNITS, /* int64_t: a Quantity in units (bytes), rounded up */
    FIELD_T_TIME,  /* struct wall */
    FIELD_T_JSON,  /* struct json: the value itself */
    FIELD_T_OBJ,   /* a nested struct, by value */
    FIELD_T_LIST,  /* { T *items; size_t n; }: a list of nested structs */
    FIELD_T_STRS,  /* struct strs: a list of strings */
};

#define FIELD_NO_HAS ((size_t)-1)

struct strs {
    struct str *items;
    size_t n;
};

struct field {
    const char *name; /* in JSON; dots descend: "metadata.name" */
    enum field_type type;
    size_t offset;
    size_t has_offset;       /* of a bool, or FIELD_NO_HAS */
    const struct field *sub; /* OBJ, LIST: rows of the nested struct */
    size_t n_sub;
    size_t sub_size;  /* LIST: sizeof one item */
    const char *help; /* configuration: one line; NULL for lenses */
};

/* Macros: member names and types become offsets. */
#define FIELD_ROW_(T, m, json, t) .name = json, .type = t, .offset = offsetof(T, m)
#define FIELD_STR(T, m, json)                                                                      \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_STR), .has_offset = FIELD_NO_HAS                            \
    }
#define FIELD_I64(T, m, json)                                                                      \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_I64), .has_offset = FIELD_NO_HAS                            \
    }
#define FIELD_I64_OPT(T, m, json)                                                                  \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_I64), .has_offset = offsetof(T, has_##m)                    \
    }
#define FIELD_BOOL(T, m, json)                                                                     \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_BOOL), .has_offset = FIELD_NO_HAS                           \
    }
#define FIELD_BOOL_OPT(T, m, json)                                                                 \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_BOOL), .has_offset = offsetof(T, has_##m)                   \
    }
#define FIELD_F64(T, m, json)                                                                      \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_F64), .has_offset = FIELD_NO_HAS                            \
    }
#define FIELD_TIME(T, m, json)                                                                     \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_TIME), .has_offset = FIELD_NO_HAS                           \
    }
#define FIELD_JSON(T, m, json)                                                                     \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_JSON), .has_offset = FIELD_NO_HAS                           \
    }
#define FIELD_STRS(T, m, json)                                                                     \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_STRS), .has_offset = FIELD_NO_HAS                           \
    }
#define FIELD_OBJ(T, m, json, rows)                                                                \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_OBJ), .has_offset = FIELD_NO_HAS, .sub = rows,              \
                                             .n_sub = sizeof(rows) / sizeof(rows[0])               \
    }
#define FIELD_OBJ_OPT(T, m, json, rows)                                                            \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_OBJ), .has_offset = offsetof(T, has_##m), .sub = rows,      \
                                             .n_sub = sizeof(rows) / sizeof(rows[0])               \
    }
#define FIELD_LIST(T, m, json, rows, item)                                                         \
    {                                                                                              \
        FIELD_ROW_(T, m, json, FIELD_T_LIST), .has_offset = FIELD_NO_HAS, .sub = rows,             \
                                              .n_sub = sizeof(rows) / sizeof(rows[0]),             \
                                              .sub_size = sizeof(item)                             \
    }

/* Fills *out (zeroed by the caller) from v. Lists are in the arena; texts borrow from v. */
void field_decode(void *out, const struct field *rows, size_t n, struct json v, struct arena *a);
