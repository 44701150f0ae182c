/* SPDX-License-Identifier: Apache-2.0
 * websocket — see websocket.h. A frame (RFC 6455 5.2):
 *
 *     FIN rsv rsv rsv opcode(4) | MASK length(7) | length(16 or 64 bits) | mask(32) | payload */
#include "codec/websocket.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASK = 0x80, LENGTH = 0x7f };
enum { CONTINUATION = 0, CONTROL_MAX = 125, HEAD_MAX = 14 };

struct websocket_parser {
    bool masked;
    bool failed;
    uint16_t code; /* why, when failed */
    struct str in;
    unsigned char head[HEAD_MAX];
    size_t n_head;
    bool in_payload;
    uint64_t left; /* payload bytes of this frame still to come */
    uint64_t done; /* those that came: the place in the mask */
    unsigned char mask[4];
    struct buf message; /* a text or binary message, over its fragments */
    enum websocket_op op;
    bool in_message;    /* a fragment without FIN came */
    struct buf control; /* the payload of a control frame, which may stand between fragments */
    bool taken;         /* message was handed out: clear it at the next call */
};

struct websocket_parser *websocket_parser_new(bool masked, size_t max_bytes)
{
    struct websocket_parser *p = MEM_NEW(struct websocket_parser);
    p->masked = masked;
    buf_init(&p->message, max_bytes);
    buf_init(&p->control, CONTROL_MAX);
    return p;
}

void websocket_parser_free(struct websocket_parser *p)
{
    if (!p)
        return;
    buf_fini(&p->message);
    buf_fini(&p->control);
    free(p);
}

void websocket_feed(struct websocket_parser *p, struct str bytes)
{
    assert(p->in.n == 0);
    p->in = bytes;
}

static bool fail(struct websocket_parser *p, uint16_t code)
{
    p->failed = true;
    p->code = code;
    p->in = (struct str){ 0 };
    return false;
}

/* Bytes of the head, as far as its second byte tells. */
static size_t head_size(const struct websocket_parser *p)
{
    if (p->n_head < 2)
        return 2;
    unsigned length = p->head[1] & LENGTH;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    return 2 + extended + (p->head[1] & MASK ? 4 : 0);
}

static bool is_control(unsigned op)
{
    return (op & 8) != 0;
}

static bool check_head(struct websocket_parser *p)
{
    unsigned op = p->head[0] & OPCODE, length = p->head[1] & LENGTH;
    bool fin = p->head[0] & FIN, known = op <= 2 || (op >= 8 && op <= 10);
    if ((p->head[0] & RESERVED) || !known || p->masked != ((p->head[1] & MASK) != 0))
        return fail(p, WEBSOCKET_PROTOCOL_ERROR);
    if (is_control(op))
        return (fin && length <= CONTROL_MAX) || fail(p, WEBSOCKET_PROTOCOL_ERROR);
    /* a message begins with its type, and goes on with continuations only */
    return (op == CONTINUATION) == p->in_message || fail(p, WEBSOCKET_PROTOCOL_ERROR);
}

static bool read_length(struct websocket_parser *p)
{
    unsigned length = p->head[1] & LENGTH;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t n = extended ? 0 : length;
    for (size_t i = 0; i < extended; i++)
        n = n << 8 | p->head[2 + i];
    bool minimal = extended == 0 || (extended == 2 ? n > 125 : n > UINT16_MAX);
    if (!minimal || n > INT64_MAX)
        return fail(p, WEBSOCKET_PROTOCOL_ERROR);
    if (p->head[1] & MASK)
        memcpy(p->mask, p->head + 2 + extended, sizeof p->mask);
    p->left = n;
    p->done = 0;
    p->in_payload = true;
    p->n_head = 0;
    unsigned op = p->head[0] & OPCODE;
    if (!is_control(op) && n > p->message.max - p->message.n)
        return fail(p, WEBSOCKET_TOO_BIG);
    if (op == WEBSOCKET_TEXT || op == WEBSOCKET_BINARY)
        p->op = (enum websocket_op)op;
    return true;
}

/* Gathers the head of a frame; true when payload follows. */
static bool read_head(struct websocket_parser *p)
{
    while (p->in.n > 0) {
        p->head[p->n_head++] = (unsigned char)p->in.p[0];
        p->in = str_skip(p->in, 1);
        if (p->n_head == 2 && !check_head(p))
            return false;
        if (p->n_head >= 2 && p->n_head == head_size(p))
            return read_length(p);
    }
    return false;
}

static void read_payload(struct websocket_parser *p)
{
    struct str part = str_take(p->in, p->left < p->in.n ? (size_t)p->left : p->in.n);
    struct buf *to = is_control(p->head[0] & OPCODE) ? &p->control : &p->message;
    char *room = buf_room(to, part.n); /* fits: the length was checked */
    assert(room);
    if (p->masked) {
        for (size_t i = 0; i < part.n; i++)
            room[i] = (char)((unsigned char)part.p[i] ^ p->mask[(p->done + i) % 4]);
    } else if (part.n > 0) {
        memcpy(room, part.p, part.n);
    }
    to->n += part.n;
    p->in = str_skip(p->in, part.n);
    p->left -= part.n;
    p->done += part.n;
}

/* RFC 6455 7.4: codes that may stand in a close frame. */
static bool code_ok(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static bool take_close(struct websocket_parser *p, struct websocket_message *m)
{
    m->code = 1005;
    if (m->payload.n == 0)
        return true;
    if (m->payload.n < 2)
        return fail(p, WEBSOCKET_PROTOCOL_ERROR);
    const unsigned char *b = (const unsigned char *)m->payload.p;
    m->code = (uint16_t)(b[0] << 8 | b[1]);
    m->payload = str_skip(m->payload, 2);
    if (!code_ok(m->code))
        return fail(p, WEBSOCKET_PROTOCOL_ERROR);
    return str_is_utf8(m->payload) || fail(p, WEBSOCKET_BAD_TEXT);
}

/* The frame is complete. True when it ends a message or is a control frame. */
static bool take_frame(struct websocket_parser *p, struct websocket_message *m)
{
    unsigned op = p->head[0] & OPCODE;
    p->in_payload = false;
    if (is_control(op)) {
        *m = (struct websocket_message){ .op = (enum websocket_op)op,
                                         .payload = buf_view(&p->control) };
        p->taken = true;
        return op != WEBSOCKET_CLOSE || take_close(p, m);
    }
    p->in_message = !(p->head[0] & FIN);
    if (p->in_message)
        return false;
    *m = (struct websocket_message){ .op = p->op, .payload = buf_view(&p->message) };
    p->taken = true;
    return p->op != WEBSOCKET_TEXT || str_is_utf8(m->payload) || fail(p, WEBSOCKET_BAD_TEXT);
}

static void forget_taken(struct websocket_parser *p)
{
    if (!p->taken)
        return;
    p->taken = false;
    buf_clear(&p->control);
    if (p->in_message)
        return; /* a control frame between fragments was taken */
    if (p->message.cap > 65536)
        buf_fini(&p->message);
    else
        buf_clear(&p->message);
}

enum websocket_what websocket_next(struct websocket_parser *p, struct websocket_message *m)
{
    forget_taken(p);
    while (!p->failed) {
        if (!p->in_payload && !read_head(p))
            break;
        read_payload(p);
        if (p->left > 0)
            break;
        if (take_frame(p, m) && !p->failed)
            return WEBSOCKET_MESSAGE;
    }
    if (!p->failed)
        return WEBSOCKET_MORE;
    p->in = (struct str){ 0 };
    *m = (struct websocket_message){ .code = p->code };
    return WEBSOCKET_ERROR;
}

void websocket_write(struct buf *out,
                     enum websocket_op op,
                     struct str payload,
                     const unsigned char *mask)
{
    unsigned char head[HEAD_MAX] = { (unsigned char)(FIN | (unsigned)op) };
    size_t n = 2, extended = payload.n <= 125 ? 0 : payload.n <= UINT16_MAX ? 2 : 8;
    assert(!is_control((unsigned)op) || extended == 0);
    head[1] = (unsigned char)(extended == 0 ? payload.n : extended == 2 ? 126 : 127);
    for (size_t i = extended; i > 0; i--)
        head[n++] = (unsigned char)((uint64_t)payload.n >> (8 * (i - 1)));
    if (mask) {
        head[1] |= MASK;
        memcpy(head + n, mask, 4);
        n += 4;
    }
    buf_put(out, head, n);
    size_t start = out->n;
    buf_str(out, payload);
    if (!mask || out->failed)
        return;
    for (size_t i = 0; i < payload.n; i++)
        out->p[start + i] = (char)((unsigned char)out->p[start + i] ^ mask[i % 4]);
}

void websocket_write_close(struct buf *out,
                           uint16_t code,
                           struct str reason,
                           const unsigned char *mask)
{
    char payload[CONTROL_MAX];
    reason = str_take(reason, sizeof payload - 2);
    while (!str_is_utf8(reason)) /* cut inside a character */
        reason.n--;
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xff);
    if (reason.n > 0)
        memcpy(payload + 2, reason.p, reason.n);
    websocket_write(out, WEBSOCKET_CLOSE, str_make(payload, reason.n + 2), mask);
}
