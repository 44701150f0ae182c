/* SPDX-License-Identifier: Apache-2.0
 * arena — memory that dies together. Use one where a lifetime already exists: a request, a cycle,
 * a reconcile, a document. Nothing inside is freed alone. The build option arena=malloc makes every
 * allocation separate, so that AddressSanitizer sees overruns. One thread at a time. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct arena;

struct arena *arena_new(void);
/* The first block holds first_bytes, further ones a quarter of it and then more: for many small
 * arenas whose need is known about. */
struct arena *arena_new_sized(size_t first_bytes);
void arena_free(struct arena *a);          /* NULL is fine */
void arena_reset(struct arena *a);         /* forgets everything, keeps one block for reuse */
size_t arena_bytes(const struct arena *a); /* handed out since new or reset */

/* Zeroed, aligned to 16. Never NULL; n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
struct str arena_str(struct arena *a,
                     struct str s); /* a copy, NUL-terminated; absent stays absent */
struct str arena_lower(struct arena *a, struct str s); /* a copy, ASCII letters in lower case */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

#define ARENA_NEW(a, T) ((T *)arena_alloc(a, sizeof(T))) /* the type is an argument */
#define ARENA_ARRAY(a, T, n)                                                                       \
    ((T *)arena_alloc(a, sizeof(T) * (n))) /* n must be bounded by the caller */

DEFINE_FREEP(struct arena *, arena_freep, arena_free)
