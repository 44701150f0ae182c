/* SPDX-License-Identifier: Apache-2.0
 * map — str to void *, open addressing with linear probing, seeded hash (a peer cannot choose
 * colliding keys). Keys are borrowed: they must live as long as the entry, which is natural when
 * the key is inside the value. Values must not be NULL. Shape (a). One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct map_slot {
    struct str key;
    void *value; /* NULL: free slot */
    uint64_t hash;
};

struct map {
    struct map_slot *slots; /* NULL until the first put */
    size_t n, cap;          /* cap is 0 or a power of two */
    uint64_t seed;
};

/* Zero-initialised is an empty map too; its seed is then the process seed. */
void map_init(struct map *m);
void map_fini(struct map *m); /* frees the table, not the values */
void map_clear(struct map *m);
void *map_get(const struct map *m, struct str key); /* NULL when absent */
/* Returns the value that was there, or NULL. The key is replaced too. */
void *map_put(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key); /* returns the removed value, or NULL */
/* Iteration in table order: for (size_t i = 0; (s = map_next(m, &i));) ... No put or del inside. */
const struct map_slot *map_next(const struct map *m, size_t *i);
/* Sets the process seed once at start (io/random gives it); tests set a fixed one. */
void map_set_process_seed(uint64_t seed);
uint64_t map_process_seed(void);
