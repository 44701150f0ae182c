/* SPDX-License-Identifier: Apache-2.0
 * str — a slice of bytes by value. Not NUL-terminated, does not own. {NULL, 0} is "absent",
 * {"", 0} is "present and empty"; both have n == 0. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 }) /* literals only: the length is free */
#define STR_INIT(lit)                                                                              \
    {                                                                                              \
        "" lit, sizeof(lit) - 1                                                                    \
    }                                /* the same in static tables */
#define STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_from(const char *cstr) /* NULL gives the absent slice */
{
    return (struct str){ cstr, cstr ? strlen(cstr) : 0 };
}

static inline struct str str_make(const void *p, size_t n)
{
    return (struct str){ p, n };
}

/* Are n bytes the same? Keys and names are short: compared by loads that may overlap, not by a
 * call. */
static inline bool str_bytes_eq(const char *a, const char *b, size_t n)
{
    uint64_t x, y, v, w;
    if (n > 16)
        return memcmp(a, b, n) == 0;
    if (n >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&v, a + n - 8, 8);
        memcpy(&w, b + n - 8, 8);
        return ((x ^ y) | (v ^ w)) == 0;
    }
    if (n >= 4) {
        uint32_t i, j, k, l;
        memcpy(&i, a, 4);
        memcpy(&j, b, 4);
        memcpy(&k, a + n - 4, 4);
        memcpy(&l, b + n - 4, 4);
        return ((i ^ j) | (k ^ l)) == 0;
    }
    return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

/* Copies n bytes, in the same way. */
static inline void str_bytes_copy(char *to, const char *from, size_t n)
{
    if (n > 16) {
        memcpy(to, from, n);
    } else if (n >= 8) {
        memcpy(to, from, 8);
        memcpy(to + n - 8, from + n - 8, 8);
    } else if (n >= 4) {
        memcpy(to, from, 4);
        memcpy(to + n - 4, from + n - 4, 4);
    } else if (n > 0) {
        to[0] = from[0];
        to[n / 2] = from[n / 2];
        to[n - 1] = from[n - 1];
    }
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *cstr)
{
    return str_eq(a, str_from(cstr));
}

static inline struct str str_skip(struct str s, size_t n) /* without the first n bytes, n <= s.n */
{
    return (struct str){ s.p + n, s.n - n };
}

static inline struct str str_take(struct str s, size_t n) /* the first n bytes at most */
{
    return (struct str){ s.p, n < s.n ? n : s.n };
}

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_space(char c) /* ASCII space, tab, CR, LF */
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline int char_hex(char c) /* the value of a hexadecimal digit; -1 when it is none */
{
    if (char_is_digit(c))
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int str_cmp(struct str a, struct str b); /* bytewise order, as memcmp then length */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
/* Index of the first c, or -1. */
ptrdiff_t str_find_char(struct str s, char c);
/* Index of the first occurrence of needle, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
/* Without ASCII space, tab, CR and LF at both ends. */
struct str str_trim(struct str s);
/* Cuts *rest at the first sep: returns what is before it and leaves what is after it in *rest. At
 * the end *rest becomes absent (p == NULL). Loop: while (rest.p) { part = str_split(&rest, ','); }
 */
struct str str_split(struct str *rest, char sep);
/* A NUL-terminated copy to free(). */
char *str_dup(struct str s) __attribute__((malloc, returns_nonnull));
/* Decimal, no leading '+', whole slice, no overflow; false otherwise and *out untouched. */
bool str_to_i64(struct str s, int64_t *out);
bool str_to_u64(struct str s, uint64_t *out);
/* The other way, without a NUL. */
#define STR_NUMBER_MAX 20
struct str str_from_i64(char out[STR_NUMBER_MAX], int64_t v);
struct str str_from_u64(char out[STR_NUMBER_MAX], uint64_t v);
/* Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);
/* A 64-bit hash (xxh3) with a seed; stable within one process only. */
uint64_t str_hash(struct str s, uint64_t seed);
