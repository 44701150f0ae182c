/* SPDX-License-Identifier: Apache-2.0
 * config_rows — the fields of a KubeSchedulerConfiguration as tables: names, types, ranges, and
 * what objects and lists hold. config_fields.c checks files against them. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum want {
    WANT_TEXT,
    WANT_BOOL,
    WANT_NUMBER,
    WANT_FRACTION,
    WANT_DURATION,
    WANT_OBJECT, /* of `of` */
    WANT_LIST,   /* of objects of `of`; NULL: of texts */
    WANT_ARGS,   /* of the plugin that the member `name` beside it names */
};

struct config_table;

struct config_row {
    const char *name;
    enum want want;
    int64_t min, max; /* of numbers and durations */
    const struct config_table *of;
    const char *one_of; /* of texts: the possible ones, with spaces between; NULL: any */
};

struct config_table {
    const struct config_row *rows; /* the last one has no name */
};

extern const struct config_table config_file_table;
/* Arguments of a plugin; NULL: we know none. */
struct str;
const struct config_table *config_args_table(struct str plugin);
