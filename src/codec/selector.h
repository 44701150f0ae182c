/* SPDX-License-Identifier: Apache-2.0
 * selector — label and field selectors: parsed once, matched often. Both are immutable after
 * parsing, so any thread may match. Shape (b).
 *
 * Labels:  a=b,c!=d,e in (x,y),f notin (z),!g,h,n>2,n<5     (k8s.io/apimachinery/pkg/labels)
 * Fields:  metadata.name=x,spec.nodeName!=y                  (k8s.io/apimachinery/pkg/fields) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "codec/json.h"

#define SELECTOR_TEXT_MAX 65536 /* bytes of a selector's text */

struct selector;

/* The value of a label or field; absent (p == NULL) when there is none. */
typedef struct str (*selector_lookup_fn)(void *arg, struct str key);

enum selector_op {
    SELECTOR_IN,     /* also = and == */
    SELECTOR_NOT_IN, /* also !=; true when the label is missing */
    SELECTOR_EXISTS,
    SELECTOR_MISSING,
    SELECTOR_GREATER, /* decimal integers */
    SELECTOR_LESS,
};

struct selector_term {
    struct str key;
    enum selector_op op;
    const struct str *values; /* sorted, without repeats; of IN and NOT_IN */
    size_t n;
    int64_t bound; /* of GREATER and LESS */
};

/* ---- label selectors ---- */

/* Empty text matches everything. ERR_INVALID names what was found and expected, or the key or
 * value that is no legal label. ERR_TOO_LARGE over SELECTOR_TEXT_MAX. */
int selector_parse(struct selector **out, struct str text, struct err *err);

/* From a metav1.LabelSelector object (matchLabels, matchExpressions). Absent or null matches
 * nothing, an empty object everything. The object is copied. */
int selector_from_json(struct selector **out, struct json label_selector, struct err *err);

/* From a plain map of labels, as the selector of a Service or ReplicationController. Absent, null
 * or empty matches nothing, as these kinds want it. */
int selector_from_labels(struct selector **out, struct json labels, struct err *err);

void selector_free(struct selector *s); /* NULL is fine */
DEFINE_FREEP(struct selector *, selector_freep, selector_free)

bool selector_matches(const struct selector *s, struct json labels); /* absent: no labels */
bool selector_matches_by(const struct selector *s, selector_lookup_fn lookup, void *arg);

bool selector_is_everything(const struct selector *s);
bool selector_is_nothing(const struct selector *s);
/* Terms sorted by key; borrowed from s. All must hold. */
const struct selector_term *selector_terms(const struct selector *s, size_t *n);
/* Appends a text that is equal for equal selectors, and parses back (one that matches nothing has
 * the text "!,"; it does not parse). */
void selector_write(struct buf *out, const struct selector *s);

/* Whether s may be a label's key ([prefix/]name) or value. On false, *why is a static text. */
bool selector_key_ok(struct str s, const char **why);
bool selector_value_ok(struct str s, const char **why);

/* ---- field selectors ---- */

struct selector_field {
    struct str path; /* as written: "metadata.name" */
    struct str value;
    bool differs; /* != */
};

struct selector_fields {
    struct selector_field *terms;
    size_t n;
    char *text; /* what the terms point into */
};

/* Fills *out; release with selector_fields_fini. Backslash escapes '\', ',' and '=' in values.
 * Which paths a kind knows is the caller's matter. */
int selector_fields_parse(struct selector_fields *out, struct str text, struct err *err);
void selector_fields_fini(struct selector_fields *s); /* zero-initialised is fine */
/* A field that lookup does not have counts as "". */
bool selector_fields_match(const struct selector_fields *s, selector_lookup_fn lookup, void *arg);
/* The value asked for by path=value, absent when there is no such term: for index lookups. */
struct str selector_fields_get(const struct selector_fields *s, struct str path);
