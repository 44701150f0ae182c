/* SPDX-License-Identifier: Apache-2.0
 * ring — a growing double-ended queue of pointers. Shape (a). One thread. */
#pragma once

#include <stddef.h>

struct ring {
    void **items;
    size_t head, n, cap; /* cap is 0 or a power of two */
};

void ring_fini(struct ring *r); /* frees the array, not the items; zero-initialise to start */
void ring_push(struct ring *r, void *item);
void *ring_pop(struct ring *r);                /* oldest, NULL when empty */
void *ring_at(const struct ring *r, size_t i); /* i-th oldest, i < n */
