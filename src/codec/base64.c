/* SPDX-License-Identifier: Apache-2.0
 * base64 — three bytes are four characters of six bits; see base64.h. */
#include "codec/base64.h"

#include <stdbool.h>
#include <stdint.h>

static const char alphabets[2][64] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static bool is_url(enum base64_kind kind)
{
    return kind == BASE64_URL || kind == BASE64_URL_RAW;
}

static bool is_padded(enum base64_kind kind)
{
    return kind == BASE64_STD || kind == BASE64_URL;
}

void base64_encode(struct buf *out, struct str bytes, enum base64_kind kind)
{
    const char *alphabet = alphabets[is_url(kind)];
    const unsigned char *p = (const unsigned char *)bytes.p;
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (have > 1)
            bits |= (uint32_t)p[i + 1] << 8;
        if (have > 2)
            bits |= p[i + 2];
        char text[4] = {
            alphabet[bits >> 18],
            alphabet[bits >> 12 & 63],
            have > 1 ? alphabet[bits >> 6 & 63] : '=',
            have > 2 ? alphabet[bits & 63] : '=',
        };
        buf_put(out, text, is_padded(kind) ? 4 : have + 1);
    }
}

static int value_of(char c, enum base64_kind kind)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (is_url(kind) ? '-' : '+'))
        return 62;
    return c == (is_url(kind) ? '_' : '/') ? 63 : -1;
}

/* Takes the padding off; -1 when it is not exactly what the length asks for. */
static int strip_padding(struct str *text, enum base64_kind kind)
{
    if (!is_padded(kind))
        return text->n % 4 == 1 ? -1 : 0;
    if (text->n % 4 != 0)
        return -1;
    for (int i = 0; i < 2 && text->n && text->p[text->n - 1] == '='; i++)
        text->n--;
    return 0;
}

int base64_decode(struct buf *out, struct str text, enum base64_kind kind, struct err *err)
{
    if (strip_padding(&text, kind))
        return err_set(err, ERR_INVALID, "base64: wrong length or padding");
    size_t size = text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0);
    char *to = buf_room(out, size);
    if (!to)
        return err_set(err, ERR_TOO_LARGE, "base64: more than %zu bytes", out->max);
    uint32_t bits = 0;
    int held = 0; /* bits not yet written */
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        int v = value_of(text.p[i], kind);
        if (v < 0)
            return err_set(err, ERR_INVALID, "base64: bad character at byte %zu", i);
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[n++] = (char)(bits >> held & 0xff);
        }
    }
    if (bits & ((1u << held) - 1))
        return err_set(err, ERR_INVALID, "base64: bits behind the last byte are not zero");
    out->n += n;
    return 0;
}
