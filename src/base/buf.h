/* SPDX-License-Identifier: Apache-2.0
 * buf — growing bytes with a maximum and a sticky error. Append freely, check buf_failed once at
 * the end. A buffer without a maximum does not exist. Shape (a): the caller's struct. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p; /* NUL-terminated whenever p is not NULL */
    size_t n;
    size_t cap;
    size_t max;
    bool failed; /* an append would have passed max; what was there before stays */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_fini(struct buf *b);  /* also resets, so that a second call is harmless */
void buf_clear(struct buf *b); /* keeps the memory, forgets the error */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_u64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v);
/* Room for n bytes at the end, to be filled by the caller and made visible with b->n += written.
 * NULL when that would pass the maximum. */
char *buf_room(struct buf *b, size_t n);
/* Drops the first n bytes by moving the rest down. */
void buf_drop(struct buf *b, size_t n);
/* Hands the bytes over (NUL-terminated, free() them) and leaves the buffer empty. Never NULL. */
char *buf_take(struct buf *b, size_t *n);

static inline struct str buf_view(const struct buf *b) /* borrowed until the next append */
{
    return (struct str){ b->p ? b->p : "", b->n };
}
