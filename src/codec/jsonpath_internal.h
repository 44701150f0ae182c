/* SPDX-License-Identifier: Apache-2.0
 * The parsed form of a JSONPath template, shared by its parser and its evaluator. */
#pragma once

#include "base/arena.h"
#include "codec/jsonpath.h"

enum jsonpath_op {
    JSONPATH_EXISTS,
    JSONPATH_EQUAL,
    JSONPATH_DIFFERS,
    JSONPATH_LESS,
    JSONPATH_LESS_EQUAL,
    JSONPATH_GREATER,
    JSONPATH_GREATER_EQUAL,
};

struct jsonpath_bound {
    bool given;
    int64_t value;
};

/* Each step maps the list of current values to a new one. */
struct jsonpath_step {
    enum {
        JSONPATH_FIELD,    /* .name */
        JSONPATH_WILDCARD, /* .* */
        JSONPATH_BELOW,    /* .. */
        JSONPATH_SLICE,    /* [from:to:by]; [i] has `single` */
        JSONPATH_FILTER,   /* [?(left op right)] */
        JSONPATH_UNION,    /* [a,b]: the results of each alternative */
        JSONPATH_LITERAL,  /* "text", 1.5, true: one value, whatever was there */
    } type;
    struct str name;
    struct jsonpath_bound from, to, by;
    bool single;
    enum jsonpath_op op;
    struct jsonpath_step *left, *right; /* of a filter; of a union left is the first alternative */
    struct jsonpath_step *other; /* the union's next alternative, in the first step of each */
    struct json literal;
    struct jsonpath_step *next;
};

struct jsonpath_item {
    enum { JSONPATH_TEXT, JSONPATH_ACTION, JSONPATH_RANGE } type;
    struct str text;
    struct jsonpath_step *steps;
    struct jsonpath_item *body; /* of a range */
    struct jsonpath_item *next;
};

VEC_TYPE(jsonpath_docs, struct json_doc *);

struct jsonpath {
    struct arena *arena; /* holds everything, also this struct */
    struct jsonpath_item *items;
    struct jsonpath_docs literals;
};
