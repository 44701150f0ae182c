/* SPDX-License-Identifier: Apache-2.0
 * http_internal — how the files of the engine fit together.
 *
 *     http_server.c    listener, limits, the once-per-iteration flush, the timeout sweep
 *     http_conn.c      one connection: socket, TLS, which protocol, writing, dying
 *     http_conn1.c     HTTP/1.1 on a connection      } each fills a struct http_proto
 *     http_conn2.c     HTTP/2 on a connection        }
 *     http_exchange.c  one request and its answer; the functions of http.h that handlers call
 *     http_holder.c    who holds how much of all request bodies
 *
 * Nothing is written to a socket, and no exchange or connection is freed, where it becomes due:
 * http_conn_dirty puts the connection on a list, and the flush at the end of the loop's iteration
 * pulls what there is to send, once, and settles what is over. So no callback of a handler runs
 * inside a call that the handler made, and many small writes leave as one. */
#pragma once

#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/tls_conn.h"

#define HTTP_PULL_BYTES ((size_t)64 * 1024) /* plain bytes gathered for one write */
#define HTTP_READ_BYTES ((size_t)64 * 1024)
#define HTTP_STRANGERS_PART 4    /* of all connections, strangers may have one in so many */
#define HTTP_STRANGER_STREAMS 32 /* that a stranger may have open on HTTP/2 */

struct http_conn;
struct http_holder;

/* What a connection waits for; decides its timeout. */
enum http_phase { HTTP_PHASE_IDLE, HTTP_PHASE_HEAD, HTTP_PHASE_BUSY };

struct http_proto {
    void (*open)(struct http_conn *c);
    void (*free)(struct http_conn *c);
    void (*feed)(struct http_conn *c, struct str bytes);
    void (*eof)(struct http_conn *c);    /* the peer will send no more */
    void (*resume)(struct http_conn *c); /* parse what was held back, if it may be now */
    void (*pull)(struct http_conn *c, struct buf *out); /* append what may be sent, about 64 KiB */
    /* The answer's head is known. length of the body, or -1 for a stream. */
    void (*begin)(struct http_exchange *x, const struct http_answer *a, int64_t length);
    void (*more)(struct http_exchange *x); /* there are more bytes, or the end */
    void (*cut)(struct http_exchange *x);
    void (*drain)(struct http_conn *c); /* finish what is under way, take nothing new */
    enum http_phase (*phase)(const struct http_conn *c);
    /* A body did not arrive in time, or (reading is NULL) a head, or the connection was idle. */
    void (*late)(struct http_conn *c, struct http_exchange *reading);
};
extern const struct http_proto http_proto1, http_proto2;

enum exchange_state {
    EXCHANGE_READING,   /* head or body are arriving */
    EXCHANGE_HANDLING,  /* the handler has it */
    EXCHANGE_STREAMING, /* http_begin was called */
    EXCHANGE_ANSWERED,  /* the whole answer is queued */
    EXCHANGE_OVER,      /* sent, or the peer is gone; the flush will settle it */
    EXCHANGE_ORPHAN,    /* no connection any more, but the handler has still to end it */
};

VEC_TYPE(http_header_vec, struct http_header);

struct http_exchange {
    struct list link;       /* in its connection's exchanges (order of arrival) or over list */
    struct http_conn *conn; /* NULL for an orphan */
    struct loop *loop;
    struct arena *arena; /* the request's texts */
    enum exchange_state state;
    bool complete; /* when over: the answer was fully sent */
    bool owed;     /* the handler has not answered, ended or cut it yet */
    bool is_head;  /* answers carry no body */
    struct http_request req;
    struct http_header_vec headers;
    struct buf body;
    struct http_holder *holder; /* counted: in whose name the body is held; NULL: nobody's */
    size_t head_bytes;          /* received, with 32 for each field as HTTP/2 counts */
    int64_t progress_ns;        /* last byte received while reading, sent while answering */

    int status;
    struct buf out; /* body bytes to send, from out_off on */
    size_t out_off;
    struct str shared; /* or these */
    loop_fn release;
    void *release_arg;
    size_t held;   /* bytes of shared before the first was sent */
    bool relieved; /* cut by http_server_relieve: its end is on the way */
    bool filled; /* unsent went over a quarter of the limit: on_drain is due when it falls below */
    http_close_fn on_close;
    void *on_close_arg;
    http_drain_fn on_drain;
    void *on_drain_arg;

    /* HTTP/1.1 */
    struct buf head; /* the answer's head, until pulled */
    bool chunked, keep_alive, interim, http10;
    http_bytes_fn on_bytes; /* upgraded */
    void *on_bytes_arg;
    struct str protocol; /* while the 101 is written */
    bool paused;
    /* HTTP/2 */
    int32_t stream_id;
    bool deferred; /* nghttp2 waits for exchange_more */
    bool refused;  /* answered by the engine: what still arrives is dropped */
};

struct http_conn {
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct http_server *server;
    struct http_holder *holder;     /* counted: the last one, who mostly is the next too */
    size_t held_bytes;              /* shared answers held by its exchanges */
    struct list link;               /* in server->conns */
    struct list dirty;              /* in server->dirty */
    struct list stranger;           /* in server->strangers, until it is known */
    const struct http_proto *proto; /* NULL until the first bytes or ALPN tell */
    void *state;                    /* the protocol's */
    struct tls_conn *tls;
    struct buf wire;     /* bytes for the socket, gathered */
    struct buf inflight; /* bytes that the socket did not take at once */
    struct list exchanges, over;
    char early[4]; /* first plain bytes, until they tell the protocol */
    size_t n_early;
    enum http_phase phase;
    int64_t phase_ns; /* since when */
    int64_t write_ns; /* since when inflight waits */
    bool reading, writing, eof, killed, closed;
    bool lost;      /* a write failed */
    bool last;      /* nothing will be sent after what is queued */
    bool lingering; /* our end is shut down; waits for the peer's */
    char peer[64];
};

struct http_server {
    struct loop *loop;
    uv_tcp_t listener;
    struct http_limits limits;
    struct tls_server *tls;
    http_handler_fn handler;
    http_head_fn head; /* NULL: every body is wanted */
    void *handler_arg;
    http_refusal_fn refusal; /* NULL: plain text */
    bool has_strangers;
    uint16_t port;
    int refs;                            /* handles not closed, a flush under way, the owner */
    struct list conns, dirty, strangers; /* strangers: the oldest first */
    uint32_t n_conns, n_strangers;
    uint64_t body_bytes; /* request bodies held by all exchanges */
    struct map holders;  /* name → struct http_holder */
    size_t held_bytes;   /* shared answers held by all exchanges */
    size_t out_bytes;    /* other answer bytes that wait in all exchanges */
    size_t most_held;    /* of all three together since the last burst */
    int64_t relieved_ns; /* when http_server_relieve last looked */
    bool flush_due, listening, draining, freed;
    struct timer *sweep;
    bool sweeping;
    loop_fn closed_fn;
    void *closed_arg;
    struct timer *grace;
    char *read_buf;    /* HTTP_READ_BYTES; a read callback uses it up before it returns */
    char *plain_buf;   /* the same for decrypted bytes; with TLS */
    struct buf pulled; /* plain bytes on their way to encryption */
    struct buf spare;  /* wire memory kept for the next connection */
    char date[40];     /* "Sun, 22 Nov 2026 02:43:49 GMT" */
    int64_t date_s;
};

/* http_server.c */
void http_server_unref(struct http_server *s);
struct str http_server_date(struct http_server *s);
void http_server_conn_gone(struct http_server *s);
void http_server_sweep_start(struct http_server *s);
/* Cuts streams that do not move when all together hold more than limits.all_streams_bytes. */
void http_server_relieve(struct http_server *s);

/* http_conn.c */
void http_conn_accept(struct http_server *s);
void http_conn_known(struct http_conn *c);
void http_conn_dirty(struct http_conn *c);
void http_conn_kill(struct http_conn *c);    /* close soon, as if the peer had vanished */
void http_conn_destroy(struct http_conn *c); /* now; only from the flush and the server */
void http_conn_flush(struct http_conn *c);
void http_conn_sweep(struct http_conn *c, int64_t now_ns);
void http_conn_reading(struct http_conn *c, bool on);
int64_t http_conn_now(const struct http_conn *c);

/* http_holder.c: counted by exchanges and connections, forgotten when nobody counts on it. */
void http_holder_take(struct http_exchange *x, struct str name);
void http_holder_drop(struct http_server *s, struct http_holder *h); /* NULL is fine */
/* What to answer when so many more bytes of x's body are too many; 0: they were counted. */
int http_holder_add(struct http_exchange *x, size_t n);
void http_holder_release(struct http_exchange *x); /* its body is not held any more */

/* http_exchange.c */
struct http_exchange *http_exchange_new(struct http_conn *c);
/* False when the request passed a limit: *status is what to answer. */
bool http_exchange_header(struct http_exchange *x, struct str name, struct str value, int *status);
bool http_exchange_body(struct http_exchange *x, struct str piece, int *status);
/* The head is complete, a body will follow: is it to be taken? If not, the handler has it. */
bool http_exchange_wants_body(struct http_exchange *x);
void http_exchange_deliver(struct http_exchange *x);
void http_exchange_refuse(struct http_exchange *x, int status, struct str why);
size_t http_exchange_unsent(const struct http_exchange *x);
size_t
http_exchange_take(struct http_exchange *x, char *to, size_t room); /* moves body bytes out */
void http_exchange_forget(struct http_exchange *x);
bool http_exchange_ended(const struct http_exchange *x); /* answered, and no body byte is left */
void http_exchange_over(struct http_exchange *x, bool complete);
void http_exchange_settle(struct http_exchange *x); /* callbacks, then free */
bool http_bodiless(int status);
const char *http_reason(int status);
const char *http_body_refusal(int status); /* why http_exchange_body gave this status */
