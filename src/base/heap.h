/* SPDX-License-Identifier: Apache-2.0
 * heap — binary min-heap of pointers that reports positions back, so that changing one item's
 * priority or removing it is O(log n). Shape (a). One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef bool (*heap_less_fn)(const void *a, const void *b);
typedef void (*heap_moved_fn)(void *item, size_t pos); /* remember pos; HEAP_OUT when removed */

#define HEAP_OUT ((size_t)-1)

struct heap {
    void **items;
    size_t n, cap;
    heap_less_fn less;
    heap_moved_fn moved; /* may be NULL when heap_fix and heap_remove are not used */
};

void heap_init(struct heap *h, heap_less_fn less, heap_moved_fn moved);
void heap_fini(struct heap *h); /* frees the array, not the items */
void heap_push(struct heap *h, void *item);
void *heap_peek(const struct heap *h);     /* smallest, NULL when empty */
void *heap_pop(struct heap *h);            /* smallest, NULL when empty */
void heap_fix(struct heap *h, size_t pos); /* the item at pos changed its priority */
void *heap_remove(struct heap *h, size_t pos);
