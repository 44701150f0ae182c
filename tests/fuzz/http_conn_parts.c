/* SPDX-License-Identifier: Apache-2.0
 * http_conn_parts — see http_conn_parts.h. */
#include "http_conn_parts.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

enum { PARTS_MAX = 64, FRAME_HEAD = 9, HOW_HTTP2 = 1 };

struct parts {
    struct str items[PARTS_MAX];
    size_t n;
};

/* Length, type, flags, stream (RFC 9113 4.1); heads in HPACK (RFC 7541). */
static const struct str frames[] = {
    STR_INIT("\0\0\x0c\1\5\0\0\0\1\x82\x86\4\5/path\1\1h"), /* GET */
    STR_INIT("\0\0\x0c\1\4\0\0\0\1\x83\x86\4\5/path\1\1h"), /* POST, a body follows */
    STR_INIT("\0\0\x0c\1\1\0\0\0\1\x82\x86\4\5/path\1\1h"), /* the head goes on */
    STR_INIT("\0\0\x10\1\4\0\0\0\1\x83\x86\4\5/path\1\1h\x0f\x0d\1"
             "4"),                                                    /* content-length: 4 */
    STR_INIT("\0\0\x11\1\5\0\0\0\1\x82\x86\4\5/path\1\1h\x40\1x\1y"), /* into the table */
    STR_INIT("\0\0\x0d\1\5\0\0\0\1\x82\x86\4\5/path\1\1h\xbe"),       /* out of the table */
    STR_INIT("\0\0\x0d\1\5\0\0\0\1\x20\x82\x86\4\5/path\1\1h"),       /* a table of no bytes */
    STR_INIT("\0\0\5\1\5\0\0\0\1\0\1x\1y"),                           /* trailers */
    STR_INIT("\0\0\5\11\4\0\0\0\1\0\1x\1y"),                          /* CONTINUATION, the last */
    STR_INIT("\0\0\5\11\0\0\0\0\1\0\1x\1y"),
    STR_INIT("\0\0\4\0\0\0\0\0\1body"),
    STR_INIT("\0\0\4\0\1\0\0\0\1body"),        /* the last */
    STR_INIT("\0\0\7\0\11\0\0\0\1\2body\0\0"), /* padded */
    STR_INIT("\0\0\0\0\1\0\0\0\1"),
    STR_INIT("\0\0\5\2\0\0\0\0\1\0\0\0\0\20"),          /* PRIORITY */
    STR_INIT("\0\0\4\3\0\0\0\0\1\0\0\0\10"),            /* RST_STREAM */
    STR_INIT("\0\0\0\4\1\0\0\0\0"),                     /* SETTINGS, acknowledged */
    STR_INIT("\0\0\6\4\0\0\0\0\0\0\1\0\0\0\0"),         /* header table: 0 */
    STR_INIT("\0\0\6\4\0\0\0\0\0\0\4\0\0\0\0"),         /* window: 0 */
    STR_INIT("\0\0\6\4\0\0\0\0\0\0\4\x7f\xff\xff\xff"), /* window: all */
    STR_INIT("\0\0\6\4\0\0\0\0\0\0\5\0\xff\xff\xff"),   /* frames: the largest */
    STR_INIT("\0\0\10\6\0\0\0\0\0"
             "12345678"),                            /* PING */
    STR_INIT("\0\0\10\7\0\0\0\0\0\0\0\0\1\0\0\0\0"), /* GOAWAY */
    STR_INIT("\0\0\4\10\0\0\0\0\0\0\0\0\1"),         /* WINDOW_UPDATE, the connection */
    STR_INIT("\0\0\4\10\0\0\0\0\1\0\0\xff\xff"),
    STR_INIT("\0\0\4\10\0\0\0\0\1\x7f\xff\xff\xff"),
    STR_INIT("\0\0\4\10\0\0\0\0\1\0\0\0\0"),
    STR_INIT("\0\0\3\x20\0\0\0\0\1abc"), /* of no known type */
};

static const struct str lines[] = {
    STR_INIT("GET /a?b HTTP/1.1\r\n"),
    STR_INIT("POST /a HTTP/1.1\r\n"),
    STR_INIT("HEAD /a HTTP/1.0\r\n"),
    STR_INIT("Host: h\r\n"),
    STR_INIT("Content-Length: 2\r\n"),
    STR_INIT("Transfer-Encoding: chunked\r\n"),
    STR_INIT("Expect: 100-continue\r\n"),
    STR_INIT("Connection: close\r\n"),
    STR_INIT("Connection: keep-alive, upgrade\r\n"),
    STR_INIT("Upgrade: websocket\r\n"),
    STR_INIT(" folded\r\n"),
    STR_INIT("\r\n"),
    STR_INIT("ok"),
    STR_INIT("3\r\nabc\r\n"),
    STR_INIT("5;ext=1\r\nhello\r\n"),
    STR_INIT("0\r\n"),
    STR_INIT("0\r\nTrailer: x\r\n\r\n"),
    STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
};

static size_t part_length(struct str rest, bool http2)
{
    const uint8_t *p = (const uint8_t *)rest.p;
    size_t n = rest.n;
    if (http2)
        n = rest.n < FRAME_HEAD ? rest.n
                                : FRAME_HEAD + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
    else if (str_find_char(rest, '\n') >= 0)
        n = (size_t)str_find_char(rest, '\n') + 1;
    return n < rest.n ? n : rest.n;
}

static void split(struct parts *parts, struct str rest, bool http2)
{
    while (rest.n > 0 && parts->n < PARTS_MAX - 1) {
        struct str one = str_take(rest, part_length(rest, http2));
        parts->items[parts->n++] = one;
        rest = str_skip(rest, one.n);
    }
    if (rest.n > 0)
        parts->items[parts->n - 1].n += rest.n; /* what is too much stays as it is */
}

static void insert(struct parts *parts, size_t at, struct str part)
{
    if (parts->n == PARTS_MAX)
        return;
    memmove(&parts->items[at + 1], &parts->items[at], (parts->n - at) * sizeof part);
    parts->items[at] = part;
    parts->n++;
}

static struct str take_out(struct parts *parts, size_t at)
{
    struct str part = parts->items[at];
    parts->n--;
    memmove(&parts->items[at], &parts->items[at + 1], (parts->n - at) * sizeof part);
    return part;
}

static void change_head(uint8_t *frame, size_t n, uint32_t pick)
{
    static const uint8_t streams[] = { 0, 1, 2, 3, 5, 7, 9, 255 };
    if (n < FRAME_HEAD)
        return;
    if (pick % 2)
        frame[4] ^= (uint8_t)(1u << pick / 2 % 8);
    else
        frame[8] = streams[pick / 2 % COUNT_OF(streams)];
}

size_t http_conn_parts_change(uint8_t *data, size_t n, size_t max, uint32_t seed)
{
    uint64_t pick = num_mix64(seed);
    if (n < 1)
        return n;
    bool http2 = data[0] & HOW_HTTP2;
    struct parts parts = { .n = 0 };
    split(&parts, str_make(data + 1, n - 1), http2);
    size_t at = parts.n ? pick / 8 % parts.n : 0, to = parts.n ? pick / 512 % parts.n : 0;
    size_t known = pick / 65536 % (http2 ? COUNT_OF(frames) : COUNT_OF(lines));
    size_t what = parts.n ? pick % 8 : 0;
    if (what < 4)
        insert(&parts, at, http2 ? frames[known] : lines[known]);
    else if (what == 4)
        take_out(&parts, at);
    else if (what == 5)
        insert(&parts, to, parts.items[at]);
    else if (what == 6)
        insert(&parts, to, take_out(&parts, at));
    uint8_t *out = mem_alloc(max + 1);
    size_t put = 1, changed = 0;
    out[0] = data[0];
    for (size_t i = 0; i < parts.n && put + parts.items[i].n <= max; i++) {
        changed = i == at ? put : changed;
        memcpy(out + put, parts.items[i].p, parts.items[i].n);
        put += parts.items[i].n;
    }
    if (http2 && changed && (what == 7 || pick >> 32 & 1))
        change_head(out + changed, put - changed, (uint32_t)(pick >> 40));
    memcpy(data, out, put);
    free(out);
    return put;
}
