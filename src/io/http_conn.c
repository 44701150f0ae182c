/* SPDX-License-Identifier: Apache-2.0
 * http_conn — one connection: bytes from the socket through TLS to the protocol, and back. See
 * http_internal.h for when things happen. Memory of an idle connection is this struct, its TLS
 * session and its protocol's state: read, decrypt and write buffers belong to the server. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/http_internal.h"
#include "io/loop_internal.h"

enum { FLUSH_ROUNDS = 16, SPARE_MAX = 512 * 1024 };
#define LINGER_NS NS_PER_S

int64_t http_conn_now(const struct http_conn *c)
{
    return loop_now(c->server->loop).ns;
}

static void note_phase(struct http_conn *c)
{
    enum http_phase phase = c->proto ? c->proto->phase(c) : HTTP_PHASE_HEAD;
    if (phase == c->phase)
        return;
    c->phase = phase;
    c->phase_ns = http_conn_now(c);
}

/* ---- memory for writing: lent by the server while there is something to write ---- */
static void wire_borrow(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->wire.p || !s->spare.p)
        return;
    c->wire = s->spare;
    buf_init(&s->spare, SIZE_MAX / 4);
}

static void wire_return(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->wire.n > 0 || !c->wire.p)
        return;
    if (!s->spare.p && c->wire.cap <= SPARE_MAX) {
        s->spare = c->wire;
        buf_clear(&s->spare);
        buf_init(&c->wire, SIZE_MAX / 4);
    } else {
        buf_fini(&c->wire);
    }
}

/* ---- the end ---- */
static void on_closed(uv_handle_t *h)
{
    struct http_conn *c = h->data;
    struct http_server *s = c->server;
    buf_fini(&c->wire);
    buf_fini(&c->inflight);
    free(c);
    http_server_unref(s);
}

void http_conn_kill(struct http_conn *c)
{
    if (c->killed)
        return;
    c->killed = true;
    uv_read_stop((uv_stream_t *)&c->tcp);
    http_conn_dirty(c);
}

static void settle(struct http_conn *c)
{
    while (!list_empty(&c->over))
        http_exchange_settle(LIST_ITEM(c->over.next, struct http_exchange, link));
}

void http_conn_destroy(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->closed)
        return;
    c->killed = c->closed = true;
    http_conn_known(c);
    list_remove(&c->dirty);
    list_remove(&c->link);
    while (!list_empty(&c->exchanges))
        http_exchange_over(LIST_ITEM(c->exchanges.next, struct http_exchange, link), false);
    if (c->writing || c->lost) { /* what was pulled last did not all leave */
        LIST_EACH (&c->over, node)
            LIST_ITEM(node, struct http_exchange, link)->complete = false;
    }
    if (c->state)
        c->proto->free(c);
    settle(c);
    http_holder_drop(s, c->holder);
    tls_conn_free(c->tls);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    http_server_conn_gone(s);
}

/* ---- reading ---- */
static void choose_proto(struct http_conn *c, const struct http_proto *proto)
{
    c->proto = proto;
    proto->open(c);
    if (c->server->draining)
        proto->drain(c);
}

/* Plain text says by its first bytes which protocol it is: HTTP/2 begins with a preface that is
 * "PRI * HTTP/2.0" (RFC 9113 3.4), and no HTTP/1.1 method starts with "PRI ". */
static void input_undecided(struct http_conn *c, struct str bytes)
{
    static const char preface[] = "PRI ";
    while (c->n_early < sizeof c->early && bytes.n > 0) {
        char b = c->early[c->n_early] = bytes.p[0];
        bytes = str_skip(bytes, 1);
        if (b != preface[c->n_early++])
            break;
        if (c->n_early < sizeof c->early)
            continue;
        choose_proto(c, &http_proto2);
        break;
    }
    bool undecided = memcmp(c->early, preface, c->n_early) == 0;
    if (!c->proto && undecided)
        return; /* a prefix of the preface so far */
    if (!c->proto)
        choose_proto(c, &http_proto1);
    c->proto->feed(c, str_make(c->early, c->n_early));
    if (bytes.n > 0 && !c->killed)
        c->proto->feed(c, bytes);
}

static void input(struct http_conn *c, struct str bytes)
{
    if (c->lingering)
        return; /* read to the end, so that the peer gets our last answer and not a reset */
    if (!c->proto && c->tls)
        choose_proto(c, tls_conn_http2(c->tls) ? &http_proto2 : &http_proto1);
    if (c->proto)
        c->proto->feed(c, bytes);
    else
        input_undecided(c, bytes);
}

static void input_eof(struct http_conn *c)
{
    c->eof = true;
    if (c->lingering || !c->proto)
        http_conn_kill(c);
    else
        c->proto->eof(c);
}

/* Is it a request where a handshake should be? */
static bool early_is_request(const struct http_conn *c)
{
    static const char methods[][sizeof c->early + 1] = { "GET ", "HEAD", "POST", "PUT ",
                                                         "PATC", "DELE", "OPTI", "PRI " };
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (c->n_early == sizeof c->early && memcmp(c->early, methods[i], sizeof c->early) == 0)
            return true;
    }
    return false;
}

/* The handshake failed: an alert goes out, or what Go's net/http says to plain text (an alert would
 * read as an empty answer), then the connection ends. */
static void refuse_handshake(struct http_conn *c)
{
    c->last = true;
    if (!early_is_request(c))
        return;
    buf_clear(&c->wire);
    buf_str(&c->wire, STR("HTTP/1.0 400 Bad Request\r\n\r\n"
                          "Client sent an HTTP request to an HTTPS server.\n"));
}

static void input_tls(struct http_conn *c, struct str bytes)
{
    struct http_server *s = c->server;
    bool ready = tls_conn_ready(c->tls);
    if (c->last && !ready)
        return; /* the handshake has failed */
    for (size_t i = 0; !ready && i < bytes.n && c->n_early < sizeof c->early; i++)
        c->early[c->n_early++] = bytes.p[i];
    wire_borrow(c);
    tls_conn_feed(c->tls, bytes);
    int n = 0;
    while (!c->killed && (n = tls_conn_read(c->tls, s->plain_buf, HTTP_READ_BYTES)) > 0)
        input(c, str_make(s->plain_buf, (size_t)n));
    if (n < 0 && !tls_conn_ready(c->tls))
        refuse_handshake(c);
    else if (n < 0 && !c->eof)
        input_eof(c);
    if (c->wire.n > 0 || c->last)
        http_conn_dirty(c);
    else
        wire_return(c);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    struct http_conn *c = h->data;
    (void)suggested;
    *out = uv_buf_init(c->server->read_buf, HTTP_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct http_conn *c = stream->data;
    if (c->killed || n == 0)
        return;
    if (n < 0) {
        uv_read_stop(stream);
        if (n == UV_EOF && !c->eof)
            input_eof(c);
        else
            http_conn_kill(c);
        return;
    }
    if (c->tls)
        input_tls(c, str_make(buf->base, (size_t)n));
    else
        input(c, str_make(buf->base, (size_t)n));
    if (!c->killed)
        note_phase(c);
}

void http_conn_reading(struct http_conn *c, bool on)
{
    if (c->reading == on || c->killed)
        return;
    c->reading = on;
    if (on)
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    else
        uv_read_stop((uv_stream_t *)&c->tcp);
}

static void name_peer(struct http_conn *c)
{
    struct sockaddr_storage addr;
    int n = sizeof addr;
    char host[INET6_ADDRSTRLEN] = "";
    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&addr, &n) != 0)
        return;
    struct sockaddr_in v4;
    memcpy(&v4, &addr, sizeof v4); /* the port stands at the same place in both families */
    if (addr.ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, &addr, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
        snprintf(c->peer, sizeof c->peer, "[%s]:%u", host, (unsigned)ntohs(v4.sin_port));
        return;
    }
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    snprintf(c->peer, sizeof c->peer, "%s:%u", host, (unsigned)ntohs(v4.sin_port));
}

/* ---- strangers: who says nothing, or not who he is, keeps out nobody who does ---- */
static void become_stranger(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (!s->has_strangers)
        return;
    list_push_back(&s->strangers, &c->stranger);
    if (++s->n_strangers > 1 + s->limits.connections / HTTP_STRANGERS_PART)
        http_conn_destroy(LIST_ITEM(s->strangers.next, struct http_conn, stranger));
}

void http_conn_known(struct http_conn *c)
{
    if (list_empty(&c->stranger))
        return;
    list_remove(&c->stranger);
    c->server->n_strangers--;
}

void http_conn_accept(struct http_server *s)
{
    struct http_conn *c = MEM_NEW(struct http_conn);
    uv_tcp_init(loop_uv(s->loop), &c->tcp);
    c->tcp.data = c->write.data = c->shutdown.data = c;
    c->server = s;
    s->refs++;
    s->n_conns++;
    list_init(&c->dirty);
    list_init(&c->exchanges);
    list_init(&c->over);
    list_init(&c->link);
    list_init(&c->stranger);
    list_push_back(&s->conns, &c->link);
    buf_init(&c->wire, SIZE_MAX / 4); /* bounded by HTTP_PULL_BYTES and its encryption */
    buf_init(&c->inflight, SIZE_MAX / 4);
    if (uv_accept((uv_stream_t *)&s->listener, (uv_stream_t *)&c->tcp) != 0 ||
        s->n_conns > s->limits.connections || s->draining) {
        http_conn_destroy(c);
        return;
    }
    become_stranger(c);
    uv_tcp_nodelay(&c->tcp, 1);
    name_peer(c);
    if (s->tls)
        c->tls = tls_conn_new(s->tls, &c->wire);
    c->phase = HTTP_PHASE_HEAD;
    c->phase_ns = http_conn_now(c);
    http_server_sweep_start(s);
    http_conn_reading(c, true);
}

/* ---- writing ---- */
static void on_written(uv_write_t *w, int status)
{
    struct http_conn *c = w->data;
    c->writing = false;
    if (c->closed)
        return;
    buf_fini(&c->inflight);
    c->lost = status != 0;
    if (c->lost)
        http_conn_kill(c);
    else
        http_conn_dirty(c);
}

/* Gives wire to the socket. What it does not take now becomes inflight. */
static void send_wire(struct http_conn *c)
{
    uv_buf_t b = uv_buf_init(c->wire.p, (unsigned)c->wire.n);
    int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        c->lost = true;
        buf_clear(&c->wire);
        http_conn_kill(c);
        return;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent == c->wire.n) {
        buf_clear(&c->wire);
        return;
    }
    c->inflight = c->wire;
    buf_init(&c->wire, SIZE_MAX / 4);
    b = uv_buf_init(c->inflight.p + sent, (unsigned)(c->inflight.n - sent));
    c->writing = true;
    c->write_ns = http_conn_now(c);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written) != 0) {
        c->writing = false;
        c->lost = true;
        http_conn_kill(c);
    }
}

/* Moves what the protocol has to send into wire. */
static void pull(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (!c->proto || c->lingering)
        return;
    if (!c->tls) {
        c->proto->pull(c, &c->wire);
        return;
    }
    if (!tls_conn_ready(c->tls))
        return;
    buf_clear(&s->pulled);
    c->proto->pull(c, &s->pulled);
    if (!tls_conn_write(c->tls, buf_view(&s->pulled)))
        http_conn_kill(c);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    struct http_conn *c = req->data;
    if (status != 0 && !c->closed)
        http_conn_kill(c);
}

/* All is sent: close our end, and wait a little for the peer's, or the kernel would answer its last
 * bytes with a reset that can overtake our answer. */
static void linger(struct http_conn *c)
{
    if (c->eof || c->lingering) {
        if (c->eof)
            http_conn_kill(c);
        return;
    }
    c->lingering = true;
    c->phase_ns = http_conn_now(c);
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0)
        http_conn_kill(c);
    http_conn_reading(c, true);
}

static void send_all(struct http_conn *c)
{
    for (int round = 0; !c->writing && !c->killed; round++) {
        if (round == FLUSH_ROUNDS) { /* others want to be served too */
            http_conn_dirty(c);
            return;
        }
        if (c->proto && c->proto->resume && !c->lingering)
            c->proto->resume(c);
        wire_borrow(c);
        pull(c);
        if (c->last && c->tls && list_empty(&c->exchanges))
            tls_conn_shutdown(c->tls);
        if (c->wire.n == 0)
            return;
        send_wire(c);
    }
}

static void report_drains(struct http_conn *c)
{
    size_t low = c->server->limits.stream_bytes / 4;
    LIST_EACH (&c->exchanges, node) {
        struct http_exchange *x = LIST_ITEM(node, struct http_exchange, link);
        if (!x->filled || http_exchange_unsent(x) >= low)
            continue;
        x->filled = false;
        if (x->on_drain)
            x->on_drain(x->on_drain_arg);
    }
}

void http_conn_flush(struct http_conn *c)
{
    if (!c->killed)
        send_all(c);
    wire_return(c);
    if (c->killed) {
        http_conn_destroy(c);
        return;
    }
    if (!c->writing)
        settle(c);
    report_drains(c);
    note_phase(c);
    if (c->last && !c->writing && c->wire.n == 0 && list_empty(&c->exchanges))
        linger(c);
}

/* ---- timeouts ---- */
static void sweep_exchange(struct http_exchange *x, int64_t now_ns)
{
    const struct http_limits *l = &x->conn->server->limits;
    int64_t waits_ns = now_ns - x->progress_ns;
    if (x->state == EXCHANGE_READING && waits_ns > l->body_timeout_ns)
        x->conn->proto->late(x->conn, x);
    else if (http_exchange_unsent(x) > 0 && waits_ns > l->write_timeout_ns)
        x->conn->proto->cut(x);
}

void http_conn_sweep(struct http_conn *c, int64_t now_ns)
{
    const struct http_limits *l = &c->server->limits;
    if (c->killed)
        return;
    if (c->writing && now_ns - c->write_ns > l->write_timeout_ns) {
        http_conn_kill(c);
        return;
    }
    if (c->lingering) {
        if (now_ns - c->phase_ns > LINGER_NS)
            http_conn_kill(c);
        return;
    }
    LIST_EACH (&c->exchanges, node)
        sweep_exchange(LIST_ITEM(node, struct http_exchange, link), now_ns);
    note_phase(c);
    const int64_t allowed[] = {
        [HTTP_PHASE_IDLE] = l->idle_timeout_ns,
        [HTTP_PHASE_HEAD] = l->header_timeout_ns,
        [HTTP_PHASE_BUSY] = INT64_MAX,
    };
    if (now_ns - c->phase_ns <= allowed[c->phase])
        return;
    if (c->proto)
        c->proto->late(c, NULL);
    else
        http_conn_kill(c);
}
