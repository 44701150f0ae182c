/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/http1: the first byte chooses the role and how the rest is cut into pieces.
 * The same bytes in one piece and in small pieces must give the same events. */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/http1.h"
#include "fuzz.h"

static void trace(struct buf *out, struct http1 *p, struct str bytes)
{
    struct http1_event ev;
    http1_feed(p, bytes);
    for (;;) {
        switch (http1_next(p, &ev)) {
        case HTTP1_MORE:
            return;
        case HTTP1_HEAD:
            for (size_t i = 0; i < ev.head->n_fields; i++) {
                if (!http1_token_ok(ev.head->fields[i].name) ||
                    !http1_value_ok(ev.head->fields[i].value))
                    abort();
            }
            buf_printf(out, "[%.*s %d %zu]", STR_ARG(ev.head->target), ev.head->status,
                       ev.head->n_fields);
            break;
        case HTTP1_BODY:
            buf_str(out, ev.piece);
            break;
        case HTTP1_END:
            buf_char(out, '.');
            break;
        case HTTP1_ERROR:
            if (!str_ends(buf_view(out), STR("!")))
                buf_printf(out, "%d!", ev.status);
            http1_rest(p);
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct http1_limits limits = { 512, 8, 4096 };
    if (size < 1 || size > 65536)
        return 0;
    enum http1_role role = data[0] & 1 ? HTTP1_ANSWERS : HTTP1_REQUESTS;
    size_t step = (size_t)(data[0] >> 1) + 1;
    struct str bytes = str_make(data + 1, size - 1);
    struct buf whole, pieces;
    buf_init(&whole, 1 << 20);
    buf_init(&pieces, 1 << 20);
    struct http1 *p = http1_new(role, &limits), *q = http1_new(role, &limits);
    trace(&whole, p, bytes);
    while (bytes.n > 0) {
        struct str piece = str_take(bytes, step);
        trace(&pieces, q, piece);
        bytes = str_skip(bytes, piece.n);
    }
    if (!str_eq(buf_view(&whole), buf_view(&pieces)))
        abort();
    http1_free(p);
    http1_free(q);
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
