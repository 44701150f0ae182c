/* SPDX-License-Identifier: Apache-2.0
 * http1_internal — how a gathered head becomes a struct http1_head. */
#pragma once

#include "base/vec.h"
#include "codec/http1.h"

VEC_TYPE(http1_field_vec, struct http1_field);

struct http1_bad {
    int status;
    const char *why; /* static text */
};

/* text: the lines of a head, each with its CRLF, without the empty line; its field names are made
 * lower case in place. The slices of *head and *fields point into it. */
bool http1_read_head(struct http1_head *head,
                     struct http1_field_vec *fields,
                     struct str text,
                     enum http1_role role,
                     struct http1_bad *bad);

/* One field line without its CRLF; the name is made lower case in place. */
bool http1_read_field(struct http1_field *out, struct str line);
