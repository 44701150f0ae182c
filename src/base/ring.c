/* SPDX-License-Identifier: Apache-2.0
 * ring — double-ended queue in a power-of-two array; see ring.h. */
#include "base/ring.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"

void ring_fini(struct ring *r)
{
    free(r->items);
    *r = (struct ring){ 0 };
}

void ring_push(struct ring *r, void *item)
{
    if (r->n == r->cap) {
        size_t cap = vec_grow(r->cap, sizeof *r->items);
        void **items = mem_alloc_array(cap, sizeof *items);
        for (size_t i = 0; i < r->n; i++)
            items[i] = ring_at(r, i);
        free(r->items);
        *r = (struct ring){ .items = items, .n = r->n, .cap = cap };
    }
    r->items[(r->head + r->n) & (r->cap - 1)] = item;
    r->n++;
}

void *ring_pop(struct ring *r)
{
    if (r->n == 0)
        return NULL;
    void *item = r->items[r->head];
    r->head = (r->head + 1) & (r->cap - 1);
    r->n--;
    return item;
}

void *ring_at(const struct ring *r, size_t i)
{
    assert(i < r->n);
    return r->items[(r->head + i) & (r->cap - 1)];
}
