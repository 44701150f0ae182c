/* SPDX-License-Identifier: Apache-2.0
 * heap — sift-up and sift-down over an array of pointers; see heap.h. */
#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"

static void place(struct heap *h, size_t pos, void *item)
{
    h->items[pos] = item;
    if (h->moved)
        h->moved(item, pos);
}

/* Both sifts move a hole, not the item: one store per level. Each returns the final position. */
static size_t sift_up(struct heap *h, size_t pos, void *item)
{
    while (pos > 0) {
        size_t parent = (pos - 1) / 2;
        if (!h->less(item, h->items[parent]))
            break;
        place(h, pos, h->items[parent]);
        pos = parent;
    }
    place(h, pos, item);
    return pos;
}

static void sift_down(struct heap *h, size_t pos, void *item)
{
    for (;;) {
        size_t child = 2 * pos + 1;
        if (child >= h->n)
            break;
        if (child + 1 < h->n && h->less(h->items[child + 1], h->items[child]))
            child++;
        if (!h->less(h->items[child], item))
            break;
        place(h, pos, h->items[child]);
        pos = child;
    }
    place(h, pos, item);
}

void heap_init(struct heap *h, heap_less_fn less, heap_moved_fn moved)
{
    *h = (struct heap){ .less = less, .moved = moved };
}

void heap_fini(struct heap *h)
{
    free(h->items);
    heap_init(h, h->less, h->moved);
}

void heap_push(struct heap *h, void *item)
{
    if (h->n == h->cap) {
        h->cap = vec_grow(h->cap, sizeof *h->items);
        h->items = mem_realloc(h->items, h->cap * sizeof *h->items);
    }
    h->n++;
    sift_up(h, h->n - 1, item);
}

void *heap_peek(const struct heap *h)
{
    return h->n ? h->items[0] : NULL;
}

void *heap_pop(struct heap *h)
{
    return h->n ? heap_remove(h, 0) : NULL;
}

void heap_fix(struct heap *h, size_t pos)
{
    assert(pos < h->n);
    void *item = h->items[pos];
    if (sift_up(h, pos, item) == pos)
        sift_down(h, pos, item);
}

void *heap_remove(struct heap *h, size_t pos)
{
    assert(pos < h->n);
    void *item = h->items[pos];
    void *last = h->items[--h->n];
    if (pos < h->n) {
        h->items[pos] = last;
        heap_fix(h, pos);
    }
    if (h->moved)
        h->moved(item, HEAP_OUT);
    return item;
}
