/* SPDX-License-Identifier: Apache-2.0
 * informer_internal — the cache of an informer, apart from how it is filled (informer.c). */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "client/informer.h"
#include "kube/named.h"

#define INFORMER_INDEXES_MAX 6

struct entry {           /* one cached object */
    struct kobj *object; /* first: named.h */
    uint32_t generation; /* of the list that confirmed it last */
    struct place {
        struct bucket *bucket; /* NULL: not in this index */
        size_t pos;
    } * places; /* own array, one by index; NULL while there is no index */
};
VEC_TYPE(entry_vec, struct entry *);

struct bucket {     /* the objects with one index key */
    struct str key; /* behind the struct */
    struct entry_vec entries;
};

struct index {
    informer_key_fn fn;
    struct map buckets;
};

struct cache {
    struct named entries;
    struct index indexes[INFORMER_INDEXES_MAX];
    size_t n_indexes;
};

void cache_fini(struct cache *c);
/* Puts or replaces; *before is the former object (the caller owns that reference) or NULL. */
struct entry *cache_put(struct cache *c, const struct kobj *o, struct kobj **before);
/* Removes; returns the object (the caller owns the reference) or NULL. */
struct kobj *cache_remove(struct cache *c, struct str namespace, struct str name);
struct entry *cache_find(const struct cache *c, struct str namespace, struct str name);
size_t cache_index(struct cache *c, informer_key_fn fn);
