/* SPDX-License-Identifier: Apache-2.0
 * http — one engine for everything that listens: the API, REST, metrics, later the gateway.
 * HTTP/1.1 (our strict parser), HTTP/2 (nghttp2) and TLS (OpenSSL) on one loop thread; a handler
 * sees none of the difference. Everything a peer influences has a limit in struct http_limits.
 *
 * A request is delivered when its body is complete; before a body is taken, the head may be judged
 * (http_head_fn), so that strangers cannot make us hold theirs. The handler answers now or later,
 * at once (http_respond) or as a stream (http_begin, http_write…, http_end); each exchange lives
 * until it was answered and its close callback ran. The engine owns it; the handler borrows it
 * until on_close or, when it set no close callback, until it has answered, ended or cut it (also if
 * the peer went away meanwhile). The request itself is gone as soon as its answer has begun.
 * Callbacks never run inside a call made by the handler. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "base/time.h"
#include "io/loop.h"

struct http_server;
struct http_exchange;
struct tls_server; /* io/tls.h */

struct http_header {
    struct str name; /* lower case in requests */
    struct str value;
};

struct http_limits {
    size_t header_bytes;     /* request line and headers; 431 beyond (default 64 KiB) */
    size_t body_bytes;       /* 413 beyond (default 3 MiB + 64 KiB) */
    size_t all_bodies_bytes; /* request bodies held at one time by all; 503 beyond (256 MiB). A
                                named holder may have as much as is left free: alone half, beside
                                another a third, …; 429 beyond */
    size_t stream_bytes; /* unsent bytes of one response stream; http_write fails beyond (4 MiB) */
    size_t all_streams_bytes; /* the same of all; beyond, the slowest are cut (default 64 MiB) */
    uint32_t connections;     /* further ones are closed (default 10,000); never more than three
                                 quarters of the files that the process may open. With http_known
                                 a quarter may be strangers': beyond, their oldest is closed */
    uint32_t streams;         /* concurrent per HTTP/2 connection (default 250) */
    uint32_t resets_per_s;    /* HTTP/2 stream resets per connection before GOAWAY (default 1000) */
    uint32_t controls_per_s;  /* HTTP/2 PING and SETTINGS frames, the same (default 1000) */
    int64_t header_timeout_ns; /* from accept or first byte to complete headers (default 10 s) */
    int64_t body_timeout_ns;   /* without progress (default 30 s) */
    int64_t idle_timeout_ns;   /* between requests (default 180 s) */
    int64_t write_timeout_ns;  /* peer does not read (default 60 s) */
    int64_t stall_timeout_ns;  /* the same while all_streams_bytes are passed (default 2 s) */
};
extern const struct http_limits http_limits_default;

struct http_request {
    struct str method;
    struct str path;  /* raw, still percent-encoded */
    struct str query; /* raw, without '?'; absent when none */
    const struct http_header *headers;
    size_t n_headers;
    struct str body;
    struct str client_cn;          /* subject CN of a verified client certificate, else absent */
    const struct str *client_orgs; /* its O attributes */
    size_t n_client_orgs;
    struct str peer;    /* "127.0.0.1:50312" */
    struct str upgrade; /* "websocket", "SPDY/3.1": what an HTTP/1.1 client asks for, else absent */
    bool http2, tls;
};

typedef void (*http_handler_fn)(void *arg, struct http_exchange *x, const struct http_request *req);
/* Asked when the head of a request is complete of which a body is still to come (req->body is
 * empty, req->upgrade absent). True: the body is wanted, the handler gets the request when it is
 * complete, and *holder (copied) is in whose name it is held. False: the request is the handler's
 * as it is, to be answered now or later, and the body is never kept: a small one is dropped as it
 * arrives, else the connection ends after the answer (HTTP/2: the stream is reset). No "100
 * Continue" is sent before. May call http_on_close, which then also tells of a body that was cut
 * short. */
typedef bool (*http_head_fn)(void *arg,
                             struct http_exchange *x,
                             const struct http_request *req,
                             struct str *holder);
typedef void (*http_close_fn)(void *arg, bool complete); /* complete: the answer was fully sent */
typedef void (*http_drain_fn)(void *arg); /* unsent bytes fell below a quarter of the limit */

/* The body of an answer that the engine gives itself (413, 431, 408, …), in the words of the API
 * that it serves. Appends to body and returns the content type. */
typedef struct str (*http_refusal_fn)(struct buf *body, int status, struct str why);

struct http_options {
    struct str address; /* "127.0.0.1", "::1"; anything else needs allow_remote */
    uint16_t port;      /* 0: any */
    bool allow_remote;
    struct tls_server *tls;    /* NULL: plain text. Borrowed. ALPN offers h2 and http/1.1 */
    struct http_limits limits; /* zero members take the default */
    http_handler_fn handler;
    http_head_fn head; /* NULL: every body is wanted, and held in nobody's name */
    bool strangers;    /* a connection is a stranger's until http_known */
    void *arg;
    http_refusal_fn refusal; /* NULL: plain text */
};

/* Listens. ERR_DENIED for an address beyond loopback without allow_remote; ERR_BUSY in use. */
int http_server_new(struct http_server **out,
                    struct loop *l,
                    const struct http_options *o,
                    struct err *err);
uint16_t http_server_port(const struct http_server *s);
/* Stops accepting, sends GOAWAY, closes idle connections; done(arg) when all exchanges ended or
 * after grace_ns, when the rest are cut. */
void http_server_close(struct http_server *s, int64_t grace_ns, loop_fn done, void *arg);
void http_server_free(struct http_server *s);

/* The first header of that (lower-case) name, or absent. */
struct str http_header(const struct http_request *req, struct str name);

/* ---- answering ---- */
struct http_answer {
    int status;
    const struct http_header *headers; /* copied; content-length, date and connection are ours */
    size_t n_headers;
    struct str content_type; /* absent: none */
    struct str body;         /* copied */
};

void http_respond(struct http_exchange *x, const struct http_answer *a);
/* Copies nothing: the bytes belong to the engine until release(release_arg) is called. */
void http_respond_shared(struct http_exchange *x,
                         const struct http_answer *a,
                         loop_fn release,
                         void *release_arg);

/* A stream: headers now, body pieces as they come. */
void http_begin(struct http_exchange *x, const struct http_answer *head); /* body is ignored */
/* Queues a copy. False when the unsent bytes passed the limit or the peer is gone: the caller
 * should end or cut the stream. */
bool http_write(struct http_exchange *x, struct str piece);
size_t http_unsent(const struct http_exchange *x);
void http_end(struct http_exchange *x);
void http_cut(struct http_exchange *x); /* reset the stream or close the connection */

/* Answer bytes handed over by http_respond_shared whose release has not been called yet: slow
 * readers hold them. Of this exchange's connection; of the whole server. */
size_t http_held(const struct http_exchange *x);
size_t http_held_by_all(const struct http_exchange *x);

/* Who sent this is known to the application: the connection is no stranger's any more. */
void http_known(struct http_exchange *x);

/* Called exactly once for each exchange, when it is over for whatever reason. After it x is gone.
 * fn may be NULL again. */
void http_on_close(struct http_exchange *x, http_close_fn fn, void *arg);
/* What http_on_close was last given as arg, or NULL: a handler finds again what its head made. */
void *http_close_arg(const struct http_exchange *x);
void http_on_drain(struct http_exchange *x, http_drain_fn fn, void *arg);

/* ---- taking an HTTP/1.1 connection over; io/websocket.h does this for WebSocket ---- */
typedef void (*http_bytes_fn)(void *arg, struct str bytes);
/* Answers 101 to a request whose `upgrade` is not absent. From then on what the peer sends goes to
 * bytes, http_write sends raw bytes, http_end closes the connection when all is sent, and on_close
 * tells of its end as ever. protocol: the Upgrade field's value; head's status and body are
 * ignored.
 */
void http_upgrade(struct http_exchange *x,
                  const struct http_answer *head,
                  struct str protocol,
                  http_bytes_fn bytes,
                  void *arg);
/* Stops and resumes reading from an upgraded connection (backpressure). */
void http_pause(struct http_exchange *x, bool paused);
