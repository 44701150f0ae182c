/* SPDX-License-Identifier: Apache-2.0
 * tree — a persistent ordered map from (namespace, name) to object: a treap whose nodes are copied
 * on the path of a change when somebody else holds them, and changed in place when nobody does. So
 * a root is a consistent picture for the price of a reference, and many changes between two
 * pictures cost no copies. [Driscoll et al. 1989, path copying; Seidel and Aragon 1996, treaps]
 *
 * Nodes are shape (c) with atomic counts. Roots are changed by the store's loop only; a root may be
 * read and released on any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "kube/kobj.h"
#include "store/store.h"

struct tree; /* a node; NULL is the empty tree */

struct tree_item {
    const struct kobj *object; /* its namespace and name are the key */
    int64_t id;                /* of its row on disk */
    uint64_t order;            /* random: the treap's priority */
    bool deleted;              /* among changes: the object's last state, it is no more */
};

struct tree *tree_ref(const struct tree *t); /* NULL is fine */
void tree_unref(struct tree *t);             /* NULL is fine */

/* Both take the root over and return the new one. put takes a reference to the object. */
struct tree *tree_put(struct tree *t, const struct tree_item *item);
struct tree *tree_del(struct tree *t, struct str namespace, struct str name);

/* Takes t over; returns it with all changes made, which stay as they are. */
struct tree *tree_apply(struct tree *t, const struct tree *changes);

/* Borrowed from the tree; NULL: absent. */
const struct tree_item *tree_find(const struct tree *t, struct str namespace, struct str name);

typedef bool (*tree_visit_fn)(void *arg, const struct kobj *o);
/* In key order until fn returns false; true when it never did. */
bool tree_walk(const struct tree *t, const struct store_range *r, tree_visit_fn fn, void *arg);
