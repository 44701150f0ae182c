/* SPDX-License-Identifier: Apache-2.0
 * output — objects as a person or a script wants them: an aligned table, json, yaml, wide, name, a
 * JSONPath template or columns of one's own. */
#pragma once

#include "cli/conn.h"

enum output_format { /* tables first: they print nothing when there is nothing */
                     OUTPUT_TABLE,
                     OUTPUT_WIDE,
                     OUTPUT_COLUMNS, /* custom-columns=NAME:.path,… */
                     OUTPUT_JSON,
                     OUTPUT_YAML,
                     OUTPUT_NAME,
                     OUTPUT_JSONPATH, /* jsonpath=TEMPLATE */
};

struct output {
    FILE *out;
    enum output_format format;
    struct str template; /* of OUTPUT_COLUMNS and OUTPUT_JSONPATH; borrowed */
    bool namespaces;     /* a column for them (-A) */
    bool no_headers;
    bool prefix_kind; /* "pod/web-0" in tables of several kinds */
    bool single;      /* one object was asked for by name: json and yaml without a List around it */
};

/* What -o says into format and template. ERR_INVALID lists the formats. */
int output_parse(struct output *o, struct str text, struct err *err);
/* Only a template can fail: ERR_INVALID says where. */
int output_objects(const struct output *o,
                   const struct resource *r,
                   struct kobj *const *items,
                   size_t n,
                   struct err *err);

/* output_template.c: root is an object or a List; items are objects. */
int output_jsonpath(const struct output *o, struct json root, struct err *err);
int output_columns(const struct output *o, struct kobj *const *items, size_t n, struct err *err);

/* Rows of text in aligned columns, two spaces between. */
struct text_table {
    struct arena *a;
    size_t columns;
    struct str *cells; /* row by row */
    size_t rows, cap;
};
void text_table_row(struct text_table *t, const struct str *cells);
void text_table_print(const struct text_table *t, FILE *out);
