/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of codec/websocket: the first byte chooses the side and the size of pieces. The same
 * bytes whole and in pieces must give the same messages. */
#include <stdlib.h>

#include "codec/websocket.h"
#include "fuzz.h"

static void trace(struct buf *out, struct websocket_parser *p, struct str bytes)
{
    struct websocket_message m;
    enum websocket_what what;
    websocket_feed(p, bytes);
    while ((what = websocket_next(p, &m)) == WEBSOCKET_MESSAGE) {
        if (m.op == WEBSOCKET_TEXT && !str_is_utf8(m.payload))
            abort();
        buf_printf(out, "[%d %u %zu]", (int)m.op, (unsigned)m.code, m.payload.n);
    }
    if (what == WEBSOCKET_ERROR && !str_ends(buf_view(out), STR("!")))
        buf_printf(out, "%u!", (unsigned)m.code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > 65536)
        return 0;
    struct str bytes = str_make(data + 1, n - 1);
    size_t step = (size_t)(data[0] >> 1) + 1;
    struct buf whole, pieces;
    buf_init(&whole, 1 << 20);
    buf_init(&pieces, 1 << 20);
    struct websocket_parser *p = websocket_parser_new(data[0] & 1, 4096);
    struct websocket_parser *q = websocket_parser_new(data[0] & 1, 4096);
    trace(&whole, p, bytes);
    while (bytes.n > 0) {
        struct str piece = str_take(bytes, step);
        trace(&pieces, q, piece);
        bytes = str_skip(bytes, piece.n);
    }
    if (!str_eq(buf_view(&whole), buf_view(&pieces)))
        abort();
    websocket_parser_free(p);
    websocket_parser_free(q);
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
