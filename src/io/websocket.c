/* SPDX-License-Identifier: Apache-2.0
 * websocket — see io/websocket.h. */
#include "io/websocket.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/base64.h"
#include "codec/http1.h"

enum { KEY_BYTES = 16, MESSAGE_BYTES_DEFAULT = 1 << 20 };

struct websocket {
    struct http_exchange *x;
    struct websocket_options options;
    struct websocket_parser *parser;
    char *protocol;
    bool ending; /* a close frame was sent */
};

static void on_close(void *arg, bool complete)
{
    struct websocket *w = arg;
    (void)complete;
    w->options.closed(w->options.arg);
    websocket_parser_free(w->parser);
    free(w->protocol);
    free(w);
}

static bool send_frame(struct websocket *w, enum websocket_op op, struct str payload)
{
    AUTO(buf_fini) struct buf frame;
    buf_init(&frame, payload.n + 16);
    websocket_write(&frame, op, payload, NULL);
    return http_write(w->x, buf_view(&frame));
}

void websocket_close(struct websocket *w, uint16_t code, struct str reason)
{
    if (w->ending)
        return;
    w->ending = true;
    AUTO(buf_fini) struct buf frame;
    buf_init(&frame, 256);
    websocket_write_close(&frame, code, reason, NULL);
    if (http_write(w->x, buf_view(&frame)))
        http_end(w->x);
    else
        http_cut(w->x);
}

static void on_message(struct websocket *w, const struct websocket_message *m)
{
    switch (m->op) {
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        w->options.message(w->options.arg, m->op, m->payload);
        break;
    case WEBSOCKET_PING:
        if (!send_frame(w, WEBSOCKET_PONG, m->payload))
            http_cut(w->x); /* it asks faster than it reads */
        break;
    case WEBSOCKET_PONG:
        break;
    case WEBSOCKET_CLOSE:
        websocket_close(w, m->code == 1005 ? WEBSOCKET_NORMAL : m->code, STR(""));
        break;
    }
}

static void on_bytes(void *arg, struct str bytes)
{
    struct websocket *w = arg;
    struct websocket_message m;
    enum websocket_what what = WEBSOCKET_MESSAGE;
    if (w->ending)
        return; /* what follows a close means nothing */
    websocket_feed(w->parser, bytes);
    while (!w->ending && (what = websocket_next(w->parser, &m)) == WEBSOCKET_MESSAGE)
        on_message(w, &m);
    if (what == WEBSOCKET_ERROR)
        websocket_close(w, m.code, STR(""));
}

/* Sec-WebSocket-Accept: the key and a fixed text, SHA-1, Base64 (RFC 6455 4.2.2). */
static void accept_text(struct buf *out, struct str key)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    AUTO(buf_fini) struct buf b;
    buf_init(&b, 256);
    buf_str(&b, key);
    buf_str(&b, STR("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    if (EVP_Digest(b.p, b.n, digest, &n, EVP_sha1(), NULL) != 1)
        abort(); /* no memory */
    base64_encode(out, str_make(digest, n), BASE64_STD);
}

static bool key_ok(struct str key)
{
    AUTO(buf_fini) struct buf b;
    buf_init(&b, KEY_BYTES);
    return base64_decode(&b, key, BASE64_STD, NULL) == 0 && b.n == KEY_BYTES;
}

/* The first of the client's that is ours; absent when there is none. */
static struct str choose(struct str offered, const struct websocket_options *o)
{
    while (offered.p) {
        struct str one = str_trim(str_split(&offered, ','));
        for (size_t i = 0; i < o->n_protocols; i++) {
            if (str_eq(one, o->protocols[i]))
                return one;
        }
    }
    return (struct str){ 0 };
}

struct websocket *websocket_accept(struct http_exchange *x,
                                   const struct http_request *req,
                                   const struct websocket_options *o,
                                   struct err *err)
{
    struct str key = http_header(req, STR("sec-websocket-key"));
    struct str offered = http_header(req, STR("sec-websocket-protocol"));
    struct str chosen = choose(offered, o);
    if (!str_is(req->method, "GET") || !http1_list_has(req->upgrade, STR("websocket")) ||
        !str_is(http_header(req, STR("sec-websocket-version")), "13") || !key_ok(key)) {
        err_set(err, ERR_INVALID, "not a WebSocket handshake of version 13");
        return NULL;
    }
    if (!chosen.p && !o->any_protocol) {
        err_set(err, ERR_INVALID, "no WebSocket subprotocol in common with \"%.*s\"",
                STR_ARG(str_take(offered, 100)));
        return NULL;
    }
    struct websocket *w = MEM_NEW(struct websocket);
    w->x = x;
    w->options = *o;
    w->parser =
        websocket_parser_new(true, o->message_bytes ? o->message_bytes : MESSAGE_BYTES_DEFAULT);
    w->protocol = chosen.p ? str_dup(chosen) : NULL;
    AUTO(buf_fini) struct buf accept;
    buf_init(&accept, 64);
    accept_text(&accept, key);
    const struct http_header headers[] = { { STR("sec-websocket-accept"), buf_view(&accept) },
                                           { STR("sec-websocket-protocol"), chosen } };
    http_on_close(x, on_close, w);
    if (o->drained)
        http_on_drain(x, o->drained, o->arg);
    const struct http_answer head = { .headers = headers, .n_headers = chosen.p ? 2 : 1 };
    http_upgrade(x, &head, STR("websocket"), on_bytes, w);
    return w;
}

struct str websocket_protocol(const struct websocket *w)
{
    return str_from(w->protocol);
}

bool websocket_send(struct websocket *w, enum websocket_op op, struct str payload)
{
    return !w->ending && send_frame(w, op, payload);
}

size_t websocket_unsent(const struct websocket *w)
{
    return http_unsent(w->x);
}

void websocket_pause(struct websocket *w, bool paused)
{
    http_pause(w->x, paused);
}
