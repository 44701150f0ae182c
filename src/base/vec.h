/* SPDX-License-Identifier: Apache-2.0
 * vec — a growing array of T, one row to declare: VEC_TYPE(pod_vec, struct pod *);
 * gives `struct pod_vec { T *items; size_t n, cap; }` with pod_vec_push, pod_vec_pop,
 * pod_vec_clear, pod_vec_fini. Zero-initialise to start. A macro because C has no type parameters.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"

size_t vec_grow(size_t cap, size_t item_size); /* the next capacity; aborts on overflow */

#define VEC_UNUSED __attribute__((unused)) /* clang asks for it in .c files */
#define VEC_TYPE(name, T)                                                                          \
    struct name {                                                                                  \
        T *items;                                                                                  \
        size_t n, cap;                                                                             \
    };                                                                                             \
    VEC_UNUSED static inline T *name##_push(struct name *v,                                        \
                                            T item) /* returns the new item's place */             \
    {                                                                                              \
        if (v->n == v->cap) {                                                                      \
            v->cap = vec_grow(v->cap, sizeof(T));                                                  \
            v->items = mem_realloc(v->items, v->cap * sizeof(T));                                  \
        }                                                                                          \
        v->items[v->n] = item;                                                                     \
        return &v->items[v->n++];                                                                  \
    }                                                                                              \
    VEC_UNUSED static inline void name##_fini(struct name *v)                                      \
    {                                                                                              \
        free(v->items);                                                                            \
        *v = (struct name){ 0 };                                                                   \
    }                                                                                              \
    VEC_UNUSED static inline void name##_clear(struct name *v)                                     \
    {                                                                                              \
        v->n = 0;                                                                                  \
    }                                                                                              \
    VEC_UNUSED static inline T name##_pop(struct name *v) /* v->n must be > 0 */                   \
    {                                                                                              \
        return v->items[--v->n];                                                                   \
    }                                                                                              \
    struct name /* swallows the semicolon */
