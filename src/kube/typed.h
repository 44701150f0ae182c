/* SPDX-License-Identifier: Apache-2.0
 * typed — values beside their types, as server-side apply sees them: which paths a value holds,
 * how two values differ, merging one into another, taking paths out. Lists of kind map and set go
 * by item, everything atomic as one; what no type describes (preserved unknown fields) merges key
 * by key, with lists as one. Pure. */
#pragma once

#include "kube/fieldset.h"
#include "kube/schema.h"

/* The paths of a configuration that somebody applies. ERR_INVALID in the words of Kubernetes for a
 * field that the type lacks, a value of a wrong type, a list item twice or without its key. */
int typed_fields(struct arena *a,
                 const struct schema *s,
                 struct jnode *v,
                 const struct fieldset **out,
                 struct err *err);

struct typed_delta { /* between an old and a new value */
    const struct fieldset *added, *modified, *removed;
};

/* Either may be NULL: absent. Values that cannot be told apart item by item count as one. */
void typed_compare(struct arena *a,
                   const struct schema *s,
                   struct jnode *before,
                   struct jnode *after,
                   struct typed_delta *out);

/* over merged onto base, as a new tree that copies both; members and items of base that over lacks
 * stay. base may be NULL. Both must have passed typed_fields or come from the store. */
struct jnode *
typed_merge(struct arena *a, const struct schema *s, struct jnode *base, struct jnode *over);

/* Takes the paths of the set out of the tree. A member that becomes empty by that is left as null,
 * which decoding drops (Kubernetes compares before it does). */
void typed_remove(struct arena *a,
                  const struct schema *s,
                  struct jnode *v,
                  const struct fieldset *paths);

/* The set with the named fields on the way to its paths made members themselves, but not map keys
 * and list items. */
const struct fieldset *
typed_name_parents(struct arena *a, const struct schema *s, const struct fieldset *x);
