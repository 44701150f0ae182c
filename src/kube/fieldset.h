/* SPDX-License-Identifier: Apache-2.0
 * fieldset — sets of field paths, as managedFields keeps them (FieldsV1). A path is a chain of
 * elements, written as in FieldsV1: f:NAME a field or map key, k:{"name":"a"} an item of a list by
 * its keys, v:VALUE an item of a set, i:N by index. A container can be in the set itself, beside
 * members below it: FieldsV1 writes that as ".".
 *
 * A set is an immutable tree in an arena, each level sorted by element; NULL is the empty set.
 * Operations share subtrees of their arguments. Pure. */
#pragma once

#include <stdbool.h>

#include "codec/jnode.h"

struct fieldset;

struct fieldset_entry {
    struct str elem;
    bool member;                /* the path that ends here is in the set */
    const struct fieldset *sub; /* paths that go on; NULL: none. One of the two always holds. */
};

struct fieldset {
    const struct fieldset_entry *entries; /* sorted by elem, bytewise */
    size_t n;
};

/* Sorts the entries (in place), drops empty ones, unites equal ones. NULL when nothing is left. */
const struct fieldset *fieldset_make(struct arena *a, struct fieldset_entry *entries, size_t n);

const struct fieldset *
fieldset_union(struct arena *a, const struct fieldset *x, const struct fieldset *y);
const struct fieldset *
fieldset_intersection(struct arena *a, const struct fieldset *x, const struct fieldset *y);
const struct fieldset *
fieldset_difference(struct arena *a, const struct fieldset *x, const struct fieldset *y);
bool fieldset_eq(const struct fieldset *x, const struct fieldset *y);
size_t fieldset_count(const struct fieldset *x); /* paths */

const struct fieldset_entry *fieldset_find(const struct fieldset *x, struct str elem);
/* Is the path in the set? */
bool fieldset_has(const struct fieldset *x, const struct str *path, size_t n);

/* From and to FieldsV1. Anything that is no object reads as the empty set. */
const struct fieldset *fieldset_read(struct arena *a, struct jnode *fields_v1);
struct jnode *fieldset_write(struct arena *a, const struct fieldset *x);

/* Calls fn for each path in the set, in order. */
typedef void (*fieldset_fn)(void *arg, const struct str *path, size_t n);
#define FIELDSET_DEPTH_MAX 256 /* deeper paths are not visited; documents end before that */
void fieldset_each(const struct fieldset *x, fieldset_fn fn, void *arg);

/* ".spec.containers[name=\"a\"].image", as Kubernetes prints a path. Into the arena. */
struct str fieldset_path_text(struct arena *a, const struct str *path, size_t n);
