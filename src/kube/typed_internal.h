/* SPDX-License-Identifier: Apache-2.0
 * typed_internal — shared by typed.c and typed_list.c. */
#pragma once

#include "kube/typed.h"

/* A value's type at its place. */
struct spot {
    const struct schema *s;
    const struct schema_field *f; /* the field that holds it, or NULL */
};

/* The spot of a member; s NULL in the answer: the type has no such field. */
struct spot typed_member(struct spot at, struct str key);
/* One unit of ownership, given the JSON type of the value. */
bool typed_is_leaf(struct spot at, enum json_type type);

/* An item list of kind map or set by element. */
struct typed_item {
    struct str elem;     /* "k:{…}" or "v:…" */
    struct jnode *value; /* first item of that element */
};

struct typed_items {
    struct typed_item *items; /* in order of the list, duplicates left out */
    size_t n;
    const struct typed_item *twice; /* the first element that came twice, or NULL */
    struct str lacks; /* the first key that an item lacks without default, or absent */
    size_t lacks_at;
};

struct typed_items typed_items(struct arena *a, const struct schema *s, struct jnode *list);
struct jnode *
typed_merge_list(struct arena *a, const struct schema *s, struct jnode *base, struct jnode *over);
