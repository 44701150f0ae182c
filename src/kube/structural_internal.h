/* SPDX-License-Identifier: Apache-2.0
 * structural_internal — what a custom type checks beyond its shape. Only for structural_*.c. */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "codec/json.h"
#include "kube/structural.h"

enum { RULE_NONE = -1 };

struct schema_rules {
    struct json node;          /* of the definition */
    struct json default_value; /* absent: none */
    struct json enums;         /* absent: any value */
    struct json required;      /* names of members; absent: none */
    struct str format;
    struct str pattern;
    pcre2_code *regex;                                                              /* of pattern */
    int64_t min_length, max_length, min_items, max_items, min_members, max_members; /* RULE_NONE */
    bool has_minimum, has_maximum, exclusive_minimum, exclusive_maximum, has_multiple;
    double minimum, maximum, multiple;
    const struct schema *const *all_of, *const *any_of, *const *one_of;
    size_t n_all_of, n_any_of, n_one_of;
    const struct schema *not_of;
};

struct structural {
    struct arena *arena;
    const struct json_doc *doc;
    const struct schema *root;
    size_t nodes;
    pcre2_code **regexes; /* to free */
    size_t n_regexes, cap_regexes;
};

/* The same as structural_new for a node that is no whole API object. */
int structural_new_part(struct structural **out, struct json node, struct err *err);

/* Refuses validation rules of a node that cannot compile. */
void structural_check_rules(struct causes *causes, struct str path, struct json node, bool root);
