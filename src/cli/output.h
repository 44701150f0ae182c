/* SPDX-License-Identifier: Apache-2.0
 * output — objects as a person or a script wants them: an aligned table, json, yaml, wide or name.
 */
#pragma once

#include "cli/conn.h"

enum output_format { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME };

/* ERR_INVALID lists the formats. */
int output_format_parse(enum output_format *out, struct str text, struct err *err);

struct output {
    FILE *out;
    enum output_format format;
    bool namespaces; /* a column for them (-A) */
    bool no_headers;
    bool prefix_kind; /* "pod/web-0" in tables of several kinds */
    bool single;      /* one object was asked for by name: json and yaml without a List around it */
};

void output_objects(const struct output *o,
                    const struct resource *r,
                    struct kobj *const *items,
                    size_t n);

/* Rows of text in aligned columns, two spaces between. */
struct text_table {
    struct arena *a;
    size_t columns;
    struct str *cells; /* row by row */
    size_t rows, cap;
};
void text_table_row(struct text_table *t, const struct str *cells);
void text_table_print(const struct text_table *t, FILE *out);
