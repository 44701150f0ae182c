/* SPDX-License-Identifier: Apache-2.0
 * nearest — the known name that a mistyped one most likely means. */
#pragma once

#include <stddef.h>

#include "base/str.h"

struct nearest {
    struct str word;  /* what was typed */
    const char *name; /* the best so far; NULL: none is near */
    size_t distance;  /* of it; single-letter edits */
};

/* Names further away than half the word are not near. */
struct nearest nearest_to(struct str word);
void nearest_try(struct nearest *n, const char *candidate);
