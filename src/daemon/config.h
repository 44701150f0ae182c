/* SPDX-License-Identifier: Apache-2.0
 * config — one YAML or JSON document, decoded by a table of fields into a plain struct. Unlike in
 * API objects an unknown key is an error, which names the nearest known one. Each key can be
 * overridden as `--section.key=value`; defaults, --help and the reference page come from the same
 * rows. Before threads start.
 *
 *     static const struct config_field fields[] = {
 *         CONFIG_STR(struct my_config, address, "http.address", "127.0.0.1", "where to listen"),
 *         CONFIG_I64(struct my_config, port, "http.port", "6443", "0: any", 0, 65535),
 *     }; */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "codec/json.h"

enum config_type {
    CONFIG_TYPE_STR,      /* struct str */
    CONFIG_TYPE_BOOL,     /* bool */
    CONFIG_TYPE_I64,      /* int64_t */
    CONFIG_TYPE_DURATION, /* int64_t nanoseconds, written "300ms", "1h30m" */
    CONFIG_TYPE_BYTES,    /* int64_t, written 4096, "64Ki", "3Mi", "1Gi", "1Ti" */
    CONFIG_TYPE_STRS,     /* struct config_strs; as a flag: separated by commas */
    CONFIG_TYPE_LISTS,    /* struct config_lists: a mapping of names to a text or a list of texts;
                             as a flag, NAME=TEXT,TEXT sets one name */
};

struct config_strs { /* plain data */
    struct str *items;
    size_t n;
};

struct config_list { /* plain data */
    struct str name;
    struct config_strs values;
};

struct config_lists { /* plain data */
    struct config_list *items;
    size_t n;
};

struct config_field { /* plain data: a row */
    const char *key;  /* "section.key" */
    enum config_type type;
    size_t offset;
    const char *fallback; /* as text, like a flag's value; NULL: zero, absent, empty */
    const char *help;     /* one line, lower case, no full stop */
    int64_t min, max;     /* of numbers; both 0: not limited */
    const char *choices;  /* of strings: "text,json"; NULL: any */
};

/* Row macros: they tie the type to the member. */
#define CONFIG_ROW(T, m, c_type, k, f, h, ...)                                                     \
    {                                                                                              \
        .key = k, .type = c_type, .offset = offsetof(T, m), .fallback = f, .help = h, __VA_ARGS__  \
    }
#define CONFIG_STR(T, m, k, f, h) CONFIG_ROW(T, m, CONFIG_TYPE_STR, k, f, h)
#define CONFIG_CHOICE(T, m, k, f, h, c) CONFIG_ROW(T, m, CONFIG_TYPE_STR, k, f, h, .choices = c)
#define CONFIG_BOOL(T, m, k, f, h) CONFIG_ROW(T, m, CONFIG_TYPE_BOOL, k, f, h)
#define CONFIG_STRS(T, m, k, f, h) CONFIG_ROW(T, m, CONFIG_TYPE_STRS, k, f, h)
#define CONFIG_LISTS(T, m, k, f, h) CONFIG_ROW(T, m, CONFIG_TYPE_LISTS, k, f, h)
#define CONFIG_DURATION(T, m, k, f, h) CONFIG_ROW(T, m, CONFIG_TYPE_DURATION, k, f, h)
#define CONFIG_BYTES(T, m, k, f, h) CONFIG_ROW(T, m, CONFIG_TYPE_BYTES, k, f, h)
#define CONFIG_I64(T, m, k, f, h, lo, hi)                                                          \
    CONFIG_ROW(T, m, CONFIG_TYPE_I64, k, f, h, .min = lo, .max = hi)

struct config_table { /* plain data */
    const struct config_field *fields;
    size_t n;
};

/* Fills *out with the defaults. A default that does not parse is our bug: aborts. Texts live in a.
 */
void config_defaults(void *out, const struct config_table *t, struct arena *a);
/* Sets what the document holds, leaves the rest. ERR_INVALID: syntax, unknown key, wrong type or
 * range, with the key. On failure *out may be partly set. An empty document sets nothing. */
int config_read(void *out,
                const struct config_table *t,
                struct arena *a,
                struct str text,
                struct err *err);
/* The same from a value that was parsed already: an element of a list in a larger document. */
int config_read_json(void *out,
                     const struct config_table *t,
                     struct arena *a,
                     struct json root,
                     struct err *err);
/* Sets one key from "section.key=value" (leading dashes are skipped; a bare bool key means true).
 * ERR_NOT_FOUND for an unknown key, so that a caller can go on with flags of its own. */
int config_override(void *out,
                    const struct config_table *t,
                    struct arena *a,
                    struct str flag,
                    struct err *err);

/* One line a key for --help, and a Markdown table for the reference page. */
void config_help(struct buf *out, const struct config_table *t);
void config_reference(struct buf *out, const struct config_table *t);
