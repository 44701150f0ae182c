/* SPDX-License-Identifier: Apache-2.0
 * json_escape — which bytes of a string are written how: the quote, the backslash and control
 * characters get the shortest escape, everything else stays. */
#pragma once

#include "base/str.h"
#include "codec/json_scan.h"

#define JSON_ESCAPE_MAX 6

/* Writes the escape of a byte that json_is_plain denies and that is below 0x80; returns its
 * length. */
static inline unsigned json_escape_char(char *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_form[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    out[0] = '\\';
    out[1] = short_form[(unsigned char)c & 127];
    if (out[1])
        return 2;
    out[1] = 'u';
    out[2] = '0';
    out[3] = '0';
    out[4] = hex[c >> 4 & 15];
    out[5] = hex[c & 15];
    return 6;
}

/* Bytes that the valid UTF-8 string s takes with escapes and without quotes; s.n when it needs
 * none. */
size_t json_escaped_len(struct str s);
/* Writes that many bytes; returns their end. */
char *json_escape(char *out, struct str s);
