/* SPDX-License-Identifier: Apache-2.0
 * wire — one TLS connection that speaks HTTP/2, for a load that shares its cores with what it
 * measures: OpenSSL and nghttp2 on the loop, one write for what was asked at one time, bodies
 * handed on as they arrive. Any failure ends the benchmark with a message. */
#pragma once

#include "client/rest.h"

struct wire;
struct wire_tls; /* what the connections of one server share */

/* The server must have given a CA and a token, as `ganglion up` does. */
struct wire_tls *wire_tls_new(const struct rest_options *o);
void wire_tls_free(struct wire_tls *t);

/* Connects and shakes hands before it returns. */
struct wire *wire_open(struct loop *l, struct wire_tls *t);
void wire_close(struct wire *w);

/* A piece of the body, borrowed. */
typedef void (*wire_piece_fn)(void *arg, struct str piece);
/* The answer is complete; status 0: the stream broke. Not called for what wire_close ends. */
typedef void (*wire_done_fn)(void *arg, int status);

/* body: borrowed until done; absent: GET, else POST of JSON. piece may be NULL. */
struct wire_request {
    struct str path;
    struct str body;
    wire_piece_fn piece;
    wire_done_fn done;
    void *arg;
};
void wire_send(struct wire *w, const struct wire_request *r);
