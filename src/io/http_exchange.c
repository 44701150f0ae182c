/* SPDX-License-Identifier: Apache-2.0
 * http_exchange — one request and its answer, the same for both protocols. An exchange is freed in
 * http_exchange_settle, which only the flush calls; if its handler has no close callback and has
 * not answered yet, it stays as an orphan until it does. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "codec/http1.h"
#include "io/http_internal.h"

enum { HEADERS_MAX = 256, OUT_KEEP = 4096 };

struct http_exchange *http_exchange_new(struct http_conn *c)
{
    struct http_exchange *x = MEM_NEW(struct http_exchange);
    x->conn = c;
    x->loop = c->server->loop;
    x->arena = arena_new();
    x->progress_ns = http_conn_now(c);
    buf_init(&x->body, c->server->limits.body_bytes);
    buf_init(&x->out, SIZE_MAX / 4); /* bounded in http_write */
    buf_init(&x->head, SIZE_MAX / 4);
    list_init(&x->link);
    list_push_back(&c->exchanges, &x->link);
    return x;
}

static void exchange_free(struct http_exchange *x)
{
    list_remove(&x->link);
    arena_free(x->arena);
    http_header_vec_fini(&x->headers);
    buf_fini(&x->body);
    buf_fini(&x->out);
    buf_fini(&x->head);
    free(x);
}

static void release_shared(struct http_exchange *x)
{
    loop_fn release = x->release;
    x->release = NULL;
    x->shared = (struct str){ 0 };
    if (!release)
        return;
    x->conn->held_bytes -= x->held;
    x->conn->server->held_bytes -= x->held;
    x->held = 0;
    release(x->release_arg);
}

/* ---- the request ---- */
bool http_exchange_header(struct http_exchange *x, struct str name, struct str value, int *status)
{
    const struct http_limits *limits = &x->conn->server->limits;
    x->head_bytes += name.n + value.n + 32;
    if (x->head_bytes > limits->header_bytes + (size_t)32 * HEADERS_MAX ||
        x->headers.n == HEADERS_MAX) {
        *status = 431;
        return false;
    }
    struct http_header h = { arena_str(x->arena, name), arena_str(x->arena, value) };
    http_header_vec_push(&x->headers, h);
    return true;
}

bool http_exchange_body(struct http_exchange *x, struct str piece, int *status)
{
    if (piece.n > x->body.max - x->body.n) {
        *status = 413;
        return false;
    }
    *status = http_holder_add(x, piece.n);
    if (*status != 0)
        return false;
    buf_put(&x->body, piece.p, piece.n);
    x->progress_ns = http_conn_now(x->conn);
    return true;
}

const char *http_body_refusal(int status)
{
    switch (status) {
    case 413:
        return "the body is larger than allowed";
    case 429:
        return "too many bodies are held in this name, try again later";
    }
    return "too busy";
}

/* What the connection knows of its peer. */
static void add_peer(struct http_exchange *x)
{
    struct http_conn *c = x->conn;
    struct http_request *r = &x->req;
    r->headers = x->headers.items;
    r->n_headers = x->headers.n;
    r->peer = str_from(c->peer);
    r->peer = arena_str(x->arena, r->peer); /* an orphan outlives its connection */
    r->tls = c->tls != NULL;
    r->http2 = c->proto == &http_proto2;
    if (c->tls) {
        const struct tls_peer *peer = tls_conn_peer(c->tls);
        struct str *orgs = ARENA_ARRAY(x->arena, struct str, peer->n_orgs);
        for (size_t i = 0; i < peer->n_orgs; i++)
            orgs[i] = arena_str(x->arena, peer->orgs[i]);
        r->client_cn = arena_str(x->arena, peer->cn);
        r->client_orgs = orgs;
        r->n_client_orgs = peer->n_orgs;
    }
    x->is_head = str_is(r->method, "HEAD");
}

bool http_exchange_wants_body(struct http_exchange *x)
{
    struct http_server *s = x->conn->server;
    if (!s->head)
        return true;
    add_peer(x);
    x->req.upgrade = (struct str){ 0 };
    x->state = EXCHANGE_HANDLING;
    x->owed = true;
    struct str holder = { 0 };
    if (!s->head(s->handler_arg, x, &x->req, &holder))
        return false;
    assert(x->state == EXCHANGE_HANDLING); /* it was not answered too */
    x->state = EXCHANGE_READING;
    x->owed = false;
    http_holder_take(x, holder);
    return true;
}

void http_exchange_deliver(struct http_exchange *x)
{
    struct http_server *s = x->conn->server;
    if (!x->holder)
        add_peer(x); /* else its head was judged */
    x->req.body = buf_view(&x->body);
    x->state = EXCHANGE_HANDLING;
    x->owed = true;
    s->handler(s->handler_arg, x, &x->req);
}

struct str http_header(const struct http_request *req, struct str name)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        if (str_eq(req->headers[i].name, name))
            return req->headers[i].value;
    }
    return (struct str){ 0 };
}

/* ---- the answer ---- */
bool http_bodiless(int status)
{
    return status < 200 || status == 204 || status == 304;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        { 101, "Switching Protocols" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "";
}

static void settle_orphan(struct http_exchange *x)
{
    release_shared(x);
    exchange_free(x);
}

/* May the handler begin an answer? Not when the peer is gone. */
static bool may_begin(const struct http_exchange *x)
{
    assert(x->state != EXCHANGE_READING && x->state != EXCHANGE_STREAMING &&
           x->state != EXCHANGE_ANSWERED); /* answered twice */
    return x->state == EXCHANGE_HANDLING;
}

/* The answer has begun: the request has done its service. A peer that does not read its answers
 * holds what was made for it, but not what it sent, which is larger (HPACK: a byte may stand for
 * 4 KiB of head). */
static void forget_request(struct http_exchange *x)
{
    http_holder_release(x);
    buf_fini(&x->body);
    http_header_vec_fini(&x->headers);
    arena_free(TAKE(x->arena));
    x->req = (struct http_request){ 0 };
}

static void respond(struct http_exchange *x, const struct http_answer *a)
{
    x->status = a->status;
    x->state = EXCHANGE_ANSWERED;
    x->progress_ns = http_conn_now(x->conn);
    if (x->is_head || http_bodiless(a->status))
        x->shared = (struct str){ 0 };
    x->conn->proto->begin(x, a, (int64_t)a->body.n);
    forget_request(x);
    http_conn_dirty(x->conn);
}

void http_respond(struct http_exchange *x, const struct http_answer *a)
{
    x->owed = false;
    if (!may_begin(x)) {
        if (x->state == EXCHANGE_ORPHAN)
            settle_orphan(x);
        return;
    }
    if (!x->is_head && !http_bodiless(a->status)) {
        buf_str(&x->out, a->body);
        x->conn->server->out_bytes += a->body.n;
    }
    respond(x, a);
}

void http_respond_shared(struct http_exchange *x,
                         const struct http_answer *a,
                         loop_fn release,
                         void *release_arg)
{
    x->owed = false;
    if (!may_begin(x)) {
        if (x->state == EXCHANGE_ORPHAN)
            settle_orphan(x);
        release(release_arg);
        return;
    }
    x->shared = a->body;
    x->release = release;
    x->release_arg = release_arg;
    x->held = a->body.n;
    x->conn->held_bytes += x->held;
    x->conn->server->held_bytes += x->held;
    respond(x, a);
}

size_t http_held(const struct http_exchange *x)
{
    return x->conn ? x->conn->held_bytes : 0;
}

size_t http_held_by_all(const struct http_exchange *x)
{
    return x->conn ? x->conn->server->held_bytes : 0;
}

#define REFUSAL_BYTES_MAX 4096 /* of a body that the engine answers with */

void http_exchange_refuse(struct http_exchange *x, int status, struct str why)
{
    x->state = EXCHANGE_HANDLING;
    x->refused = true;
    x->keep_alive = false;
    struct buf body;
    buf_init(&body, REFUSAL_BYTES_MAX);
    const struct http_header later = { STR("retry-after"), STR("1") };
    struct http_answer a = { .status = status, .content_type = STR("text/plain"), .body = why };
    if (status == 429 || status == 503) {
        a.headers = &later;
        a.n_headers = 1;
    }
    if (x->conn->server->refusal) {
        a.content_type = x->conn->server->refusal(&body, status, why);
        a.body = buf_view(&body);
    }
    http_respond(x, &a);
    buf_fini(&body);
}

void http_begin(struct http_exchange *x, const struct http_answer *head)
{
    if (!may_begin(x))
        return;
    x->status = head->status;
    x->state = EXCHANGE_STREAMING;
    x->progress_ns = http_conn_now(x->conn);
    x->conn->proto->begin(x, head, -1);
    forget_request(x);
    http_conn_dirty(x->conn);
}

void http_upgrade(struct http_exchange *x,
                  const struct http_answer *head,
                  struct str protocol,
                  http_bytes_fn bytes,
                  void *arg)
{
    if (!may_begin(x))
        return;
    assert(x->req.upgrade.p); /* so it is HTTP/1.1 */
    struct http_answer switching = *head;
    switching.status = 101;
    x->on_bytes = bytes;
    x->on_bytes_arg = arg;
    x->protocol = protocol;
    http_begin(x, &switching);
    x->protocol = (struct str){ 0 };
}

void http_pause(struct http_exchange *x, bool paused)
{
    if (x->state != EXCHANGE_STREAMING || !x->on_bytes)
        return;
    x->paused = paused;
    http_conn_reading(x->conn, !paused);
}

bool http_write(struct http_exchange *x, struct str piece)
{
    if (x->state != EXCHANGE_STREAMING || x->relieved)
        return false;
    size_t limit = x->conn->server->limits.stream_bytes;
    size_t unsent = http_exchange_unsent(x);
    if (piece.n > limit || unsent > limit - piece.n)
        return false;
    if (piece.n == 0 || x->is_head || (http_bodiless(x->status) && !x->on_bytes))
        return true;
    if (unsent == 0)
        x->progress_ns = http_conn_now(x->conn);
    if (x->out_off > OUT_KEEP && x->out_off >= unsent) {
        buf_drop(&x->out, x->out_off);
        x->out_off = 0;
    }
    buf_str(&x->out, piece);
    x->conn->server->out_bytes += piece.n;
    if (unsent + piece.n > limit / 4)
        x->filled = true;
    x->conn->proto->more(x);
    http_conn_dirty(x->conn);
    if (x->conn->server->out_bytes > x->conn->server->limits.all_streams_bytes)
        http_server_relieve(x->conn->server);
    return x->state == EXCHANGE_STREAMING && !x->relieved;
}

size_t http_unsent(const struct http_exchange *x)
{
    return http_exchange_unsent(x);
}

void http_end(struct http_exchange *x)
{
    x->owed = false;
    if (x->state == EXCHANGE_ORPHAN) {
        settle_orphan(x);
        return;
    }
    if (x->state != EXCHANGE_STREAMING)
        return;
    x->state = EXCHANGE_ANSWERED;
    x->conn->proto->more(x);
    http_conn_dirty(x->conn);
}

void http_cut(struct http_exchange *x)
{
    x->owed = false;
    if (x->state == EXCHANGE_ORPHAN) {
        settle_orphan(x);
        return;
    }
    if (x->state == EXCHANGE_OVER)
        return;
    x->conn->proto->cut(x);
    http_conn_dirty(x->conn);
}

static void orphan_closed(void *arg)
{
    struct http_exchange *x = arg;
    if (x->on_close)
        x->on_close(x->on_close_arg, false);
    settle_orphan(x);
}

void http_on_close(struct http_exchange *x, http_close_fn fn, void *arg)
{
    x->on_close = fn;
    x->on_close_arg = arg;
    if (x->state != EXCHANGE_ORPHAN)
        return;
    x->state = EXCHANGE_OVER; /* its end came before the wish to hear of it */
    loop_defer(x->loop, orphan_closed, x);
}

void http_known(struct http_exchange *x)
{
    if (x->conn)
        http_conn_known(x->conn);
}

void *http_close_arg(const struct http_exchange *x)
{
    return x->on_close_arg;
}

void http_on_drain(struct http_exchange *x, http_drain_fn fn, void *arg)
{
    x->on_drain = fn;
    x->on_drain_arg = arg;
}

/* ---- for the protocols ---- */
size_t http_exchange_unsent(const struct http_exchange *x)
{
    return x->shared.n + x->out.n - x->out_off;
}

size_t http_exchange_take(struct http_exchange *x, char *to, size_t room)
{
    if (x->shared.n > 0) {
        size_t n = x->shared.n < room ? x->shared.n : room;
        memcpy(to, x->shared.p, n);
        x->shared = str_skip(x->shared, n);
        x->progress_ns = http_conn_now(x->conn);
        return n;
    }
    size_t n = x->out.n - x->out_off < room ? x->out.n - x->out_off : room;
    if (n == 0)
        return 0;
    memcpy(to, x->out.p + x->out_off, n);
    x->out_off += n;
    x->conn->server->out_bytes -= n;
    x->progress_ns = http_conn_now(x->conn);
    if (x->out_off == x->out.n) {
        x->out_off = 0;
        if (x->out.cap > OUT_KEEP)
            buf_fini(&x->out);
        else
            buf_clear(&x->out);
    }
    return n;
}

bool http_exchange_ended(const struct http_exchange *x)
{
    return x->state == EXCHANGE_ANSWERED && http_exchange_unsent(x) == 0;
}

/* What is still to be sent will not be. */
void http_exchange_forget(struct http_exchange *x)
{
    x->conn->server->out_bytes -= x->out.n - x->out_off;
    buf_clear(&x->out);
    x->out_off = 0;
}

void http_exchange_over(struct http_exchange *x, bool complete)
{
    struct http_conn *c = x->conn;
    if (x->state == EXCHANGE_OVER)
        return;
    x->complete = complete;
    x->state = EXCHANGE_OVER;
    list_remove(&x->link);
    list_push_back(&c->over, &x->link);
    http_holder_release(x);
    http_exchange_forget(x);
    http_conn_dirty(c);
}

void http_exchange_settle(struct http_exchange *x)
{
    list_remove(&x->link);
    release_shared(x);
    if (x->on_close) {
        http_close_fn fn = x->on_close;
        x->on_close = NULL;
        fn(x->on_close_arg, x->complete);
    } else if (x->owed) {
        x->state = EXCHANGE_ORPHAN;
        x->conn = NULL;
        return;
    }
    exchange_free(x);
}
