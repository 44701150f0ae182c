/* SPDX-License-Identifier: Apache-2.0
 * buf — growing bytes under a maximum; see buf.h. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){ .max = max_bytes };
}

void buf_fini(struct buf *b)
{
    free(b->p);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = false;
    if (b->p)
        b->p[0] = '\0';
}

char *buf_room(struct buf *b, size_t n)
{
    enum { FIRST = 64 };
    if (b->failed || n > b->max - b->n || b->n > b->max) {
        b->failed = true;
        return NULL;
    }
    size_t need = b->n + n + 1; /* the closing NUL does not count against max */
    if (need > b->cap) {
        size_t cap = b->cap < FIRST ? FIRST : b->cap;
        while (cap < need)
            cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        b->p = mem_realloc(b->p, cap);
        b->cap = cap;
    }
    b->p[b->n] = '\0';
    b->p[b->n + n] = '\0';
    return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    char *room = buf_room(b, n);
    if (!room || n == 0)
        return;
    memcpy(room, p, n);
    b->n += n;
}

void buf_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_char(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t have = b->p ? b->cap - b->n : 0;
    int n = vsnprintf(have ? b->p + b->n : NULL, have, fmt, ap);
    if (n < 0) {
        b->failed = true;
    } else {
        char *room = buf_room(b, (size_t)n);
        if (room) {
            vsnprintf(room, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        } else if (have) {
            b->p[b->n] = '\0';
        }
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_put(b, digits + at, sizeof digits - at);
}

void buf_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_char(b, '-');
    buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_drop(struct buf *b, size_t n)
{
    size_t gone = n < b->n ? n : b->n;
    if (gone == 0)
        return;
    memmove(b->p, b->p + gone, b->n - gone);
    b->n -= gone;
    b->p[b->n] = '\0';
}

char *buf_take(struct buf *b, size_t *n)
{
    char *p = b->p ? b->p : mem_dup("", 0);
    p[b->n] = '\0';
    if (n)
        *n = b->n;
    buf_init(b, b->max);
    return p;
}
