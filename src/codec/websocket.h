/* SPDX-License-Identifier: Apache-2.0
 * websocket — RFC 6455 frames from bytes and back. Sans-I/O: feed bytes in any pieces, take whole
 * messages out. Strict: masks where they must be and only there, no reserved bits (no extensions
 * are offered), short unfragmented control frames, valid UTF-8 in texts, minimal lengths. The
 * opening handshake is HTTP's (io/websocket.h). One thread.
 *
 *     websocket_feed(p, bytes);
 *     while ((what = websocket_next(p, &m)) == WEBSOCKET_MESSAGE) ... */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum websocket_op {
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10,
};

enum websocket_code { /* of a close frame: those we send */
                      WEBSOCKET_NORMAL = 1000,
                      WEBSOCKET_GOING_AWAY = 1001,
                      WEBSOCKET_PROTOCOL_ERROR = 1002,
                      WEBSOCKET_BAD_TEXT = 1007,
                      WEBSOCKET_TOO_BIG = 1009,
                      WEBSOCKET_INTERNAL_ERROR = 1011,
};

enum websocket_what {
    WEBSOCKET_MORE,    /* all input is used; feed more */
    WEBSOCKET_MESSAGE, /* a whole message or control frame */
    WEBSOCKET_ERROR,   /* send a close frame with m.code and end; nothing more is taken */
};

struct websocket_message {
    enum websocket_op op;
    struct str payload; /* borrowed until the next call. Of a close frame: the reason's text */
    uint16_t code;      /* of a close frame (1005: none was given), or of the error */
};

struct websocket_parser; /* shape (b) */

/* masked: the peer must mask its frames, as clients do. A message is at most max_bytes long. */
struct websocket_parser *websocket_parser_new(bool masked, size_t max_bytes);
void websocket_parser_free(struct websocket_parser *p); /* NULL is fine */

/* Borrows bytes until websocket_next has returned WEBSOCKET_MORE or WEBSOCKET_ERROR. */
void websocket_feed(struct websocket_parser *p, struct str bytes);
enum websocket_what websocket_next(struct websocket_parser *p, struct websocket_message *m);

/* Appends one unfragmented frame. mask: four random bytes from a client, NULL from a server. A
 * control frame's payload is at most 125 bytes. */
void websocket_write(struct buf *out,
                     enum websocket_op op,
                     struct str payload,
                     const unsigned char *mask);
void websocket_write_close(struct buf *out,
                           uint16_t code,
                           struct str reason,
                           const unsigned char *mask);
