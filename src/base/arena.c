/* SPDX-License-Identifier: Apache-2.0
 * arena — bump allocation from a chain of blocks; see arena.h.
 *
 * Blocks double from about 1 KiB to 1 MiB, so a small document costs little and a large one few
 * calls. A request too large for the current block's size class gets a block of its own, placed
 * behind the current one, so that the current block's rest is not wasted. */
#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define ALIGN ((size_t)16)
#ifdef ARENA_MALLOC
#define SMALL ((size_t)0)
#else
#define SMALL ((size_t)96) /* zeroed without a call, and up to the alignment */
#endif
#define BLOCK_FIRST (((size_t)1 << 10) - sizeof(struct block)) /* malloc caches up to 1 KiB */
#define BLOCK_MAX ((size_t)1 << 20)
#define SIZED_NEXT_MIN ((size_t)256) /* the second block of arena_new_sized */
#define KEEP_MAX ((size_t)64 << 10)  /* a larger block is not kept by arena_reset */

struct block {
    struct block *next;
    size_t cap;
    _Alignas(16) char bytes[];
};

struct arena {
    struct block *head; /* the one being filled; NULL at first */
    size_t used;        /* of head */
    size_t bytes;
    size_t next_cap;
};

static struct block *block_new(size_t cap)
{
    struct block *b = mem_realloc(NULL, sizeof *b + cap);
    *b = (struct block){ .cap = cap };
    return b;
}

struct arena *arena_new(void)
{
    struct arena *a = MEM_NEW(struct arena);
    a->next_cap = BLOCK_FIRST;
    return a;
}

struct arena *arena_new_sized(size_t first_bytes)
{
    struct arena *a = arena_new();
    size_t cap = (first_bytes + ALIGN - 1) & ~(ALIGN - 1);
#ifndef ARENA_MALLOC
    a->head = block_new(cap ? cap : ALIGN);
#endif
    a->next_cap = cap / 4 > SIZED_NEXT_MIN ? cap / 4 : SIZED_NEXT_MIN;
    return a;
}

static void free_chain(struct block *b)
{
    while (b) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    free_chain(a->head);
    free(a);
}

/* The largest block that is not too large, the oldest of these: later blocks are in front. */
static struct block *block_to_keep(struct block *b)
{
    struct block *best = NULL;
    for (; b; b = b->next)
        if (b->cap <= KEEP_MAX && (!best || b->cap >= best->cap))
            best = b;
    return best;
}

void arena_reset(struct arena *a)
{
    struct block *keep = block_to_keep(a->head);
    while (a->head) {
        struct block *b = a->head;
        a->head = b->next;
        if (b != keep)
            free(b);
    }
    if (keep)
        keep->next = NULL;
    a->head = keep;
    a->bytes = 0;
    a->used = 0;
    a->next_cap = keep && keep->cap / 4 > BLOCK_FIRST ? keep->cap / 4 : BLOCK_FIRST;
}

size_t arena_bytes(const struct arena *a)
{
    return a->bytes;
}

#ifdef ARENA_MALLOC

static void *take(struct arena *a, size_t exact, size_t rounded)
{
    (void)rounded;
    struct block *b = block_new(exact);
    b->next = a->head;
    a->head = b;
    return b->bytes;
}

#else

static void *take_new_block(struct arena *a, size_t rounded)
{
    if (a->head && rounded > a->next_cap / 4) {
        struct block *alone = block_new(rounded);
        alone->next = a->head->next;
        a->head->next = alone;
        return alone->bytes;
    }
    size_t cap = rounded > a->next_cap ? rounded : a->next_cap;
    struct block *b = block_new(cap);
    b->next = a->head;
    a->head = b;
    a->used = rounded;
    if (a->next_cap < BLOCK_MAX)
        a->next_cap *= 2;
    return b->bytes;
}

static inline void *take(struct arena *a, size_t exact, size_t rounded)
{
    (void)exact;
    if (!a->head || rounded > a->head->cap - a->used)
        return take_new_block(a, rounded);
    void *p = a->head->bytes + a->used;
    a->used += rounded;
    return p;
}

#endif

/* As arena_alloc, but not zeroed. */
static inline void *alloc_raw(struct arena *a, size_t n)
{
    assert(n <= SIZE_MAX / 2);
    size_t rounded = n ? (n + ALIGN - 1) & ~(ALIGN - 1) : ALIGN;
    a->bytes += rounded;
    return take(a, n, rounded);
}

void *arena_alloc(struct arena *a, size_t n)
{
    char *p = alloc_raw(a, n);
    if (n > SMALL)
        return memset(p, 0, n);
    for (size_t i = 0; i < n; i += ALIGN)
        memset(p + i, 0, ALIGN); /* one store each */
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    if (!s.p)
        return s;
    char *p = alloc_raw(a, s.n + 1);
    str_bytes_copy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){ p, s.n };
}

struct str arena_lower(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    return (struct str){ p, s.n };
}

struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
    assert(fmt);
    char most[256]; /* texts are formatted once when they fit, else a second time */
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(most, sizeof most, fmt, ap);
    assert(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof most)
        memcpy(p, most, (size_t)n + 1);
    else
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){ p, (size_t)n };
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}
