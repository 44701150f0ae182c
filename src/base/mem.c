/* SPDX-License-Identifier: Apache-2.0
 * mem — allocation that aborts instead of failing; see mem.h for when that is right. */
#include "base/mem.h"

#include <assert.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noreturn)) static void out_of_memory(void)
{
    static const char text[] = "ganglion: out of memory\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        abort(); /* nothing better to do than what follows anyway */
    abort();
}

/* Up to about this size glibc's per-thread cache serves malloc without a lock, but (before 2.41)
 * never calloc. Not inlined: of malloc and memset the compiler would make calloc. */
#define CACHED_MAX 1024
__attribute__((noinline)) static void *take(size_t n)
{
    return malloc(n);
}

void *mem_alloc(size_t n)
{
    assert(n > 0);
    bool cached = n <= CACHED_MAX;
    void *p = cached ? take(n) : calloc(1, n);
    if (!p)
        out_of_memory();
    if (cached)
        memset(p, 0, n);
    return p;
}

void *mem_alloc_array(size_t n, size_t size)
{
    if (n > 0 && size > 0 && n <= CACHED_MAX / size)
        return mem_alloc(n * size);
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *mem_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (!q)
        out_of_memory();
    return q;
}

void *mem_try_alloc(size_t n)
{
    return malloc(n ? n : 1);
}

char *mem_dup(const void *p, size_t n)
{
    if (n == SIZE_MAX)
        out_of_memory();
    char *copy = malloc(n + 1);
    if (!copy)
        out_of_memory();
    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

void mem_freep(void *pp)
{
    free(*(void **)pp);
}

void mem_trim(void)
{
    malloc_trim(0);
}
