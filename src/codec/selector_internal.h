/* SPDX-License-Identifier: Apache-2.0
 * What selector.c and selector_parse.c share: a label selector under construction. */
#pragma once

#include "base/arena.h"
#include "base/vec.h"
#include "codec/selector.h"

VEC_TYPE(selector_term_vec, struct selector_term);
VEC_TYPE(selector_values, struct str);

struct selector {
    struct arena *arena; /* holds keys, values and the struct itself */
    struct selector_term_vec terms;
    bool nothing; /* matches no object, whatever the terms */
};

struct selector *selector_new(void);
/* Checks and copies one term; sorts values in place. */
int selector_add(struct selector *s,
                 struct str key,
                 enum selector_op op,
                 struct selector_values *values,
                 struct err *err);
void selector_finish(struct selector *s); /* sorts the terms */
