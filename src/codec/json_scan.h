/* SPDX-License-Identifier: Apache-2.0
 * json_scan — finding the end of a string's plain part, 16 bytes at a time with SSE2 and 8 at a
 * time without. Plain bytes are ASCII from 0x20 on, without the quote and the backslash. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline bool json_is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* Byte i of memory in bits 8i to 8i+7, on every machine. */
static inline uint64_t json_load8(const char *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* The high bit of each byte that is not plain; exact up to and including the lowest such byte.
 * (x - c) borrows into the high bit when a byte is below c; the bytes of x ^ '"' are zero where x
 * has a quote, and a zero byte is one that is below 1.) */
static inline uint64_t json_special_bytes(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = x ^ (ones * '"');
    uint64_t slash = x ^ (ones * '\\');
    uint64_t below = (x - ones * 0x20) | (quote - ones) | (slash - ones);
    return (x | below) & (ones * 0x80);
}

/* First byte from p on that is not plain. Up to 8 bytes behind it are read. */
static inline const char *json_scan_words(const char *p)
{
    for (uint64_t special;; p += 8) {
        special = json_special_bytes(json_load8(p));
        if (special)
            return p + (__builtin_ctzll(special) >> 3);
    }
}

#ifdef __SSE2__
/* Bit i is set when byte i is not plain. A signed "less than space" finds the control characters
 * and everything outside ASCII at once. */
static inline uint32_t json_special_mask(const char *p)
{
    __m128i c = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i quote = _mm_cmpeq_epi8(c, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(c, _mm_set1_epi8('\\'));
    __m128i low = _mm_cmplt_epi8(c, _mm_set1_epi8(0x20));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), low));
}

static inline const char *json_scan_sse2(const char *p)
{
    for (uint32_t mask;; p += 16) {
        mask = json_special_mask(p);
        if (mask)
            return p + __builtin_ctz(mask);
    }
}
#endif

/* First byte from p on that is not plain; there must be one, and up to 16 readable bytes more. */
static inline const char *json_scan(const char *p)
{
#ifdef __SSE2__
    return json_scan_sse2(p);
#else
    return json_scan_words(p);
#endif
}

/* The same for foreign memory: nothing from end on is read, and end is the answer when all of it
 * is plain. */
static inline const char *json_scan_until(const char *p, const char *end)
{
#ifdef __SSE2__
    for (uint32_t mask; end - p >= 16; p += 16) {
        mask = json_special_mask(p);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && json_is_plain(*p))
        p++;
    return p;
}

/* Length of the well-formed UTF-8 sequence (2 to 4 bytes) that starts at p and ends before end, or
 * 0. The second byte's range is what excludes overlong forms, surrogates and what is above
 * U+10FFFF (RFC 3629, section 4). */
static inline unsigned json_utf8_len(const char *p, const char *end)
{
    const unsigned char *s = (const unsigned char *)p;
    unsigned n = s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high)
        return 0;
    for (unsigned i = 2; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    }
    return n;
}
