/* SPDX-License-Identifier: Apache-2.0
 * tls_conn — the server side of one TLS connection, without a socket: encrypted bytes are fed in
 * and taken from a buffer, plain bytes are read and written. Keeps no buffer while idle. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "io/tls.h"

struct tls_conn;

/* wire: where encrypted bytes for the peer are appended; borrowed. */
struct tls_conn *tls_conn_new(struct tls_server *t, struct buf *wire);
void tls_conn_free(struct tls_conn *c); /* NULL is fine */

/* Borrows bytes until tls_conn_read has returned 0 or -1. */
void tls_conn_feed(struct tls_conn *c, struct str bytes);
/* Plain bytes to `to`: their number; 0: more encrypted bytes are needed; -1: the peer ended the
 * session or broke the protocol (an alert may be in wire). Drives the handshake too. */
int tls_conn_read(struct tls_conn *c, char *to, size_t room);
/* Encrypts to wire. False when the session failed. Only after the handshake. */
bool tls_conn_write(struct tls_conn *c, struct str plain);
void tls_conn_shutdown(struct tls_conn *c); /* appends close_notify */

bool tls_conn_ready(const struct tls_conn *c); /* the handshake is done */
bool tls_conn_http2(const struct tls_conn *c); /* ALPN chose h2 */

struct tls_peer {  /* plain data, owned by the connection */
    struct str cn; /* absent: no certificate, or not one that the client CA signed */
    struct str orgs[16];
    size_t n_orgs;
};
/* Read once after the handshake, then kept. */
const struct tls_peer *tls_conn_peer(struct tls_conn *c);
