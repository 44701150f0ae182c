/* SPDX-License-Identifier: Apache-2.0
 * websocket — the server side of a WebSocket connection (RFC 6455) on an exchange of the HTTP
 * engine: handshake, whole messages both ways, pings answered, an orderly close. For kubectl exec,
 * attach and port-forward. One loop thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "codec/websocket.h"
#include "io/http.h"

struct websocket;

struct websocket_options {       /* plain data */
    const struct str *protocols; /* subprotocols spoken here, such as "v5.channel.k8s.io" */
    size_t n_protocols;
    bool any_protocol;    /* serve clients that offer none, or none of ours */
    size_t message_bytes; /* of one message; 1009 beyond (0: 1 MiB) */
    void (*message)(void *arg, enum websocket_op op, struct str payload); /* text or binary */
    void (*closed)(void *arg);  /* exactly once; the websocket is gone after it */
    void (*drained)(void *arg); /* unsent bytes fell below a quarter of the limit; may be NULL */
    void *arg;
};

/* Takes x over. NULL with ERR_INVALID when the request is no proper handshake or offers no
 * protocol of ours: x is still to be answered. Replaces x's close and drain callbacks. */
struct websocket *websocket_accept(struct http_exchange *x,
                                   const struct http_request *req,
                                   const struct websocket_options *o,
                                   struct err *err);
/* What the client asked for and got; absent when none. Lives as long as the websocket. */
struct str websocket_protocol(const struct websocket *w);

/* False when the unsent bytes passed http_limits.stream_bytes or the peer is gone. */
bool websocket_send(struct websocket *w, enum websocket_op op, struct str payload);
size_t websocket_unsent(const struct websocket *w);
void websocket_pause(struct websocket *w, bool paused); /* no messages meanwhile */
/* Sends a close frame and ends the connection when all is sent; closed follows. */
void websocket_close(struct websocket *w, uint16_t code, struct str reason);
