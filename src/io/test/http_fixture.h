/* SPDX-License-Identifier: Apache-2.0
 * http_fixture — a server on a thread of its own with a handler that knows a few paths, and a
 * blocking client that speaks in raw bytes. */
#pragma once

#include <stdatomic.h>

#include "base/buf.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/tls.h"

struct site {
    struct http_options options; /* set what differs from the default before site_start */
    struct loop *loop;
    struct http_server *server;
    struct thread *thread;
    uint16_t port;
    struct http_exchange *parked; /* /park */
    bool judges; /* bodies are wanted from who says so in the field x-who, else 401 */
    struct timer *ticker;
    _Atomic int handled, closed, completed, released, drained, accepted_writes;
    _Atomic int wanted, ended; /* heads whose body was wanted; and how many of them are over */
};

/* The handler's paths:
 *   /echo            method, path, query, some headers and the body, as text
 *   /big?N           N bytes "abcdefghijklmnopqrstuvwxyz012345…", copied
 *   /shared?N        the same, by http_respond_shared
 *   /stream?N        N pieces "piece I\n", in one go
 *   /flood           pieces of 64 KiB until http_write refuses; goes on after each drain, 8 MiB
 *   /ticks           "tick\n" each 20 ms until the peer goes
 *   /later           answers from a timer 20 ms later
 *   /park, /unpark   the first is answered when the second comes
 *   /ws              a WebSocket of protocol "echo" that sends back what it gets; "end" ends it
 *   /never           no answer, no close callback
 *   /cut             begins a stream, then cuts it
 *   /peer            the peer's address and port
 *   /status?N        an empty answer of that status */
void site_start(struct site *s);
void site_stop(struct site *s);

/* ---- raw client; every wait ends after 10 s with a failed check ---- */
int raw_connect(const struct site *s);
void raw_send(int fd, struct str bytes);
/* Sends while the peer takes it; false when it closed. */
bool raw_try_send(int fd, struct str bytes);
/* Reads until the text holds `count` times `until`, or to the end when until is absent. */
struct str raw_read(int fd, struct buf *text, struct str until, int count);
/* One request on a connection of its own, read to the end. */
struct str raw_ask(const struct site *s, struct buf *text, struct str request);
void wait_for(_Atomic int *value, int want);
