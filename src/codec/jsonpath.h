/* SPDX-License-Identifier: Apache-2.0
 * jsonpath — kubectl's JSONPath templates: literal text with actions in braces.
 *
 *     {.items[*].metadata.name}{"\n"}      fields, wildcards, quoted text
 *     {range .items[*]}{.kind}, {end}      a body once per result
 *     {.items[?(@.spec.replicas>1)]}       filters: == != < <= > >=, or a bare path: it exists
 *     {.items[0:3:2]} {.items[-1]}         slices, from the end too
 *     {..name} {['a','b.c']}               all levels below; several keys or indexes
 *
 * `$` and `@` both mean the current value. A dot in a key is written `\.`. A parsed template is
 * immutable, any thread may use it. Results borrow from the document and from the template. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "codec/json.h"

#define JSONPATH_TEXT_MAX 65536      /* bytes of a template */
#define JSONPATH_VISITS_MAX 10000000 /* values that one evaluation may touch */

struct jsonpath;

VEC_TYPE(jsonpath_values, struct json);

/* ERR_INVALID with kubectl's words, ERR_TOO_LARGE over JSONPATH_TEXT_MAX. */
int jsonpath_parse(struct jsonpath **out, struct str template, struct err *err);
/* One path, with or without braces and the first dot: "spec.replicas", ".spec.replicas",
 * "{.spec.replicas}": for --sort-by, custom columns and additionalPrinterColumns. */
int jsonpath_parse_path(struct jsonpath **out, struct str path, struct err *err);
void jsonpath_free(struct jsonpath *p); /* NULL is fine */
DEFINE_FREEP(struct jsonpath *, jsonpath_freep, jsonpath_free)

enum jsonpath_missing {
    JSONPATH_MISSING_FAILS, /* ERR_NOT_FOUND when a key is in none of the values */
    JSONPATH_MISSING_OK,    /* it gives no results: what kubectl get does */
};

/* Appends the template's text for root: results of one action joined by spaces, strings bare, other
 * values as compact JSON. Also ERR_INVALID (indexing what is no list, an index out of bounds, a
 * comparison of different types) and ERR_TOO_LARGE (out's maximum, JSONPATH_VISITS_MAX). On failure
 * out may have grown. */
int jsonpath_print(const struct jsonpath *p,
                   struct json root,
                   enum jsonpath_missing missing,
                   struct buf *out,
                   struct err *err);

/* Appends the results of the first action to *out. */
int jsonpath_find(const struct jsonpath *p,
                  struct json root,
                  enum jsonpath_missing missing,
                  struct jsonpath_values *out,
                  struct err *err);
