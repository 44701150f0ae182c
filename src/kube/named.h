/* SPDX-License-Identifier: Apache-2.0
 * named — values by the namespace and name of the API object that each begins with: a set for
 * caches of a hundred thousand objects, where a key's text and a slot that borrows it would cost
 * more than the value. A value is a struct whose first member is a struct kobj *; while it is in
 * here that may point to another object, of the same namespace and name. Open addressing as in
 * base/map.h. Shape (a). One thread. */
#pragma once

#include "kube/kobj.h"

struct named_slot {
    void *value; /* NULL: free slot */
    uint64_t hash;
};

struct named {
    struct named_slot *slots; /* NULL until the first put */
    size_t n, cap;            /* cap is 0 or a power of two */
    uint64_t seed;
};

void named_init(struct named *m);
void named_fini(struct named *m); /* frees the table, not the values */
void *named_get(const struct named *m, struct str namespace, struct str name); /* NULL: absent */
/* Nothing of its name may be there. */
void named_put(struct named *m, void *value);
/* Returns the removed value, or NULL. */
void *named_del(struct named *m, struct str namespace, struct str name);
/* Iteration in table order: for (size_t i = 0; (v = named_next(m, &i));) ... No put or del inside.
 */
void *named_next(const struct named *m, size_t *i);
