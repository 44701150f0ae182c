/* SPDX-License-Identifier: Apache-2.0
 * mem — allocation. Small allocations cannot fail: they abort, and the store's log makes a restart
 * safe. A size that a peer can influence must have met a named limit before it comes here; tensors
 * and file buffers use mem_try_alloc. Any thread. */
#pragma once

#include <stddef.h>

/* Zeroed memory of n bytes (n > 0). Never NULL. Free with free(). */
void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));

/* Zeroed array of n items; aborts when n * size overflows. Free with free(). */
void *mem_alloc_array(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* realloc that aborts instead of failing. New bytes are not zeroed. */
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull, alloc_size(2)));

/* Like malloc: NULL when there is not enough. Not zeroed. */
void *mem_try_alloc(size_t n) __attribute__((malloc, alloc_size(1)));

/* Gives memory that was freed back to the system; takes milliseconds. */
void mem_trim(void);

/* Copies n bytes and a closing NUL. Free with free(). */
char *mem_dup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));

#define MEM_NEW(T) ((T *)mem_alloc(sizeof(T))) /* a macro: the type is an argument */

/* Cleanup (STYLE 11). AUTO(x_freep) runs x_freep(&variable) when the variable leaves its scope;
 * TAKE(variable) hands the pointer over and disarms it. Macros: attributes take no functions. */
#define AUTO(fn) __attribute__((cleanup(fn), unused)) /* what only frees is of use */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __auto_type take_ = (p);                                                                   \
        (p) = NULL;                                                                                \
        take_;                                                                                     \
    })

/* For AUTO(mem_freep) on any malloc'ed pointer. */
void mem_freep(void *pp);

/* Defines NAME_freep for a destructor NAME that takes T and accepts NULL. */
#define DEFINE_FREEP(T, name, destroy)                                                             \
    static inline void name(T *p)                                                                  \
    {                                                                                              \
        destroy(*p);                                                                               \
    }

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, T, member) ((T *)(void *)((char *)(p)-offsetof(T, member)))
