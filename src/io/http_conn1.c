/* SPDX-License-Identifier: Apache-2.0
 * http_conn1 — HTTP/1.1 on a connection. Requests are taken one after the other: the next is parsed
 * when the answer to the one before is complete in our hands, so answers leave in order and a peer
 * cannot pile up work. What arrives earlier is held, up to a limit, then the socket is not read. */
#include <stdlib.h>

#include "base/mem.h"
#include "codec/http1.h"
#include "io/http_internal.h"

enum {
    HELD_MAX = 64 * 1024,
    HELD_PAUSE = 16 * 1024,
    PIPELINE_MAX = 64,
    FIELDS_MAX = 200,
    DROP_MAX = 64 * 1024, /* an unwanted body of this size is cheaper than a new connection */
};

struct conn1 {
    struct http1 *parser;
    struct buf held; /* arrived, not parsed */
    struct http_exchange *reading;
    size_t n_queued; /* exchanges in the connection's list */
    bool stopped;    /* no further request is taken */
};

static void open1(struct http_conn *c)
{
    const struct http_limits *l = &c->server->limits;
    struct http1_limits limits = { .head_bytes = l->header_bytes,
                                   .fields = FIELDS_MAX,
                                   .body_bytes = l->body_bytes };
    struct conn1 *s = MEM_NEW(struct conn1);
    s->parser = http1_new(HTTP1_REQUESTS, &limits);
    buf_init(&s->held, HELD_MAX + HTTP_READ_BYTES);
    c->state = s;
}

static void free1(struct http_conn *c)
{
    struct conn1 *s = c->state;
    http1_free(s->parser);
    buf_fini(&s->held);
    free(s);
    c->state = NULL;
}

/* ---- requests ---- */
static void stop_taking(struct conn1 *s)
{
    s->stopped = true;
    buf_fini(&s->held);
}

/* Answers in place of a handler; the connection ends after it. */
static void refuse(struct http_conn *c, int status, const char *why)
{
    struct conn1 *s = c->state;
    struct http_exchange *x = s->reading;
    if (!x) {
        x = http_exchange_new(c);
        s->n_queued++;
    }
    s->reading = NULL;
    stop_taking(s);
    http_exchange_refuse(x, status, str_from(why));
}

/* A body follows. When it is not wanted, it is dropped as it comes if it is small and is sure to
 * come; else the connection ends after the answer, which says so. */
static void judge_body(struct http_conn *c, const struct http1_head *h)
{
    struct conn1 *s = c->state;
    struct http_exchange *x = s->reading;
    bool keep_alive = x->keep_alive;
    bool droppable = h->has_length && h->length <= DROP_MAX && !h->expects_continue;
    x->keep_alive = keep_alive && droppable;
    if (!http_exchange_wants_body(x)) {
        s->reading = NULL;
        if (!x->keep_alive)
            stop_taking(s);
        return;
    }
    x->keep_alive = keep_alive;
    x->interim = h->expects_continue;
    if (x->interim)
        http_conn_dirty(c);
    else if (h->has_length)
        buf_room(&x->body, (size_t)(h->length < 4096 ? h->length : 4096));
}

static void take_head(struct http_conn *c, const struct http1_head *h)
{
    struct conn1 *s = c->state;
    struct http_exchange *x = s->reading = http_exchange_new(c);
    s->n_queued++;
    x->req.method = arena_str(x->arena, h->method);
    x->req.path = arena_str(x->arena, h->path);
    x->req.query = arena_str(x->arena, h->query);
    x->req.upgrade = arena_str(x->arena, h->upgrade);
    x->is_head = str_is(x->req.method, "HEAD");
    x->http10 = h->minor == 0;
    x->keep_alive = h->keep_alive && !c->server->draining;
    int status = 0;
    for (size_t i = 0; i < h->n_fields; i++) {
        if (!http_exchange_header(x, h->fields[i].name, h->fields[i].value, &status)) {
            refuse(c, status, "too many header fields");
            return;
        }
    }
    if (h->chunked || (h->has_length && h->length > 0))
        judge_body(c, h);
}

static void take_body(struct http_conn *c, struct str piece)
{
    struct conn1 *s = c->state;
    int status = 0;
    if (s->reading && !http_exchange_body(s->reading, piece, &status)) /* else it is dropped */
        refuse(c, status, http_body_refusal(status));
}

static void take_end(struct http_conn *c)
{
    struct conn1 *s = c->state;
    struct http_exchange *x = s->reading;
    if (!x)
        return; /* of a dropped body */
    s->reading = NULL;
    x->interim = false;
    if (!x->keep_alive)
        stop_taking(s);
    http_exchange_deliver(x);
}

/* Every answer that was asked for is complete, and not too many wait to be written. */
static bool may_take(const struct http_conn *c)
{
    const struct conn1 *s = c->state;
    if (s->stopped || s->n_queued > PIPELINE_MAX)
        return false;
    if (list_empty(&c->exchanges))
        return true;
    struct http_exchange *newest = LIST_ITEM(c->exchanges.prev, struct http_exchange, link);
    return newest == s->reading || newest->state == EXCHANGE_ANSWERED;
}

/* The exchange that has taken the connection over, or NULL. */
static struct http_exchange *tunnel_of(const struct http_conn *c)
{
    if (list_empty(&c->exchanges))
        return NULL;
    struct http_exchange *newest = LIST_ITEM(c->exchanges.prev, struct http_exchange, link);
    return newest->on_bytes && newest->state == EXCHANGE_STREAMING ? newest : NULL;
}

static void hold(struct http_conn *c, struct str bytes)
{
    struct conn1 *s = c->state;
    buf_str(&s->held, bytes);
    if (s->held.failed)
        http_conn_kill(c); /* cannot be: the socket is not read beyond HELD_PAUSE */
    else if (s->held.n > HELD_PAUSE)
        http_conn_reading(c, false);
}

static void parse(struct http_conn *c, struct str bytes)
{
    struct conn1 *s = c->state;
    http1_feed(s->parser, bytes);
    while (!c->killed && may_take(c)) {
        struct http1_event ev;
        switch (http1_next(s->parser, &ev)) {
        case HTTP1_MORE:
            return;
        case HTTP1_HEAD:
            take_head(c, ev.head);
            break;
        case HTTP1_BODY:
            take_body(c, ev.piece);
            break;
        case HTTP1_END:
            take_end(c);
            break;
        case HTTP1_ERROR:
            refuse(c, ev.status, ev.why);
            break;
        }
    }
    struct str rest = http1_rest(s->parser);
    if (rest.n > 0 && (!s->stopped || tunnel_of(c)))
        hold(c, rest);
}

static void feed1(struct http_conn *c, struct str bytes)
{
    struct conn1 *s = c->state;
    struct http_exchange *tunnel = tunnel_of(c);
    if (tunnel && s->held.n == 0) {
        tunnel->on_bytes(tunnel->on_bytes_arg, bytes);
        return;
    }
    if (s->stopped && !tunnel)
        return;
    if (s->held.n > 0 || !may_take(c))
        hold(c, bytes);
    else
        parse(c, bytes);
}

static void resume1(struct http_conn *c)
{
    struct conn1 *s = c->state;
    struct http_exchange *tunnel = tunnel_of(c);
    if (s->held.n == 0 || (!tunnel && !may_take(c)))
        return;
    struct buf held = s->held;
    buf_init(&s->held, held.max);
    if (tunnel)
        tunnel->on_bytes(tunnel->on_bytes_arg, buf_view(&held));
    else
        parse(c, buf_view(&held));
    buf_fini(&held);
    if (s->held.n <= HELD_PAUSE && !(tunnel && tunnel->paused))
        http_conn_reading(c, true);
}

/* A peer that closes its side while a handler works is taken for gone, as Go's net/http does; one
 * that has all its answers in our hands still gets them. */
static void eof1(struct http_conn *c)
{
    struct conn1 *s = c->state;
    if (list_empty(&c->exchanges) || http1_in_head(s->parser)) {
        http_conn_kill(c);
        return;
    }
    LIST_EACH (&c->exchanges, node) {
        if (LIST_ITEM(node, struct http_exchange, link)->state != EXCHANGE_ANSWERED) {
            http_conn_kill(c);
            return;
        }
    }
    stop_taking(s);
    c->last = true;
    http_conn_dirty(c);
}

/* ---- answers ---- */
static void put_field(struct buf *out, struct str name, struct str value)
{
    buf_str(out, name);
    buf_str(out, STR(": "));
    buf_str(out, value);
    buf_str(out, STR("\r\n"));
}

/* What becomes of the connection; ends the head. */
static void put_connection(struct http_exchange *x)
{
    struct conn1 *s = x->conn->state;
    struct buf *out = &x->head;
    if (x->on_bytes) { /* it carries no other message; what is held is the tunnel's */
        x->keep_alive = false;
        s->stopped = true;
        put_field(out, STR("connection"), STR("upgrade"));
        put_field(out, STR("upgrade"), x->protocol);
    } else if (!x->keep_alive) {
        put_field(out, STR("connection"), STR("close"));
        stop_taking(s);
    } else if (x->http10) {
        put_field(out, STR("connection"), STR("keep-alive"));
    }
    buf_str(out, STR("\r\n"));
}

static void begin1(struct http_exchange *x, const struct http_answer *a, int64_t length)
{
    struct buf *out = &x->head;
    bool bodiless = http_bodiless(a->status);
    bool stream = length < 0 && !bodiless;
    x->chunked = stream && !x->http10 && !x->is_head;
    x->keep_alive = x->keep_alive && !x->conn->server->draining && !(stream && x->http10);
    buf_room(out, 256);
    buf_printf(out, "HTTP/1.1 %d %s\r\n", a->status, http_reason(a->status));
    put_field(out, STR("date"), http_server_date(x->conn->server));
    if (a->content_type.n > 0)
        put_field(out, STR("content-type"), a->content_type);
    if (length >= 0 && !bodiless)
        buf_printf(out, "content-length: %lld\r\n", (long long)length);
    if (stream && !x->http10)
        buf_str(out, STR("transfer-encoding: chunked\r\n"));
    for (size_t i = 0; i < a->n_headers; i++) {
        if (http1_token_ok(a->headers[i].name) && http1_value_ok(a->headers[i].value))
            put_field(out, a->headers[i].name, a->headers[i].value);
    }
    put_connection(x);
}

static void pull_body(struct http_exchange *x, struct buf *out)
{
    while (out->n < HTTP_PULL_BYTES && http_exchange_unsent(x) > 0) {
        size_t n = http_exchange_unsent(x);
        if (n > HTTP_PULL_BYTES - out->n)
            n = HTTP_PULL_BYTES - out->n;
        if (x->chunked)
            buf_printf(out, "%zx\r\n", n);
        char *room = buf_room(out, n);
        if (!room)
            return;
        n = http_exchange_take(x, room, n);
        out->n += n;
        if (x->chunked)
            buf_str(out, STR("\r\n"));
    }
}

/* True when the exchange is all in out and the next may follow. */
static bool pull_exchange(struct http_exchange *x, struct buf *out)
{
    struct http_conn *c = x->conn;
    struct conn1 *s = c->state;
    if (x->interim)
        buf_str(out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    x->interim = false;
    if (x->state != EXCHANGE_STREAMING && x->state != EXCHANGE_ANSWERED)
        return false;
    buf_str(out, buf_view(&x->head));
    buf_fini(&x->head);
    pull_body(x, out);
    if (!http_exchange_ended(x))
        return false;
    if (x->chunked)
        buf_str(out, STR("0\r\n\r\n"));
    if (!x->keep_alive)
        c->last = true;
    s->n_queued--;
    http_exchange_over(x, true);
    if (!s->stopped && list_empty(&c->exchanges) && s->held.n == 0)
        http1_shrink(s->parser); /* an idle connection keeps no buffers */
    return true;
}

static void pull1(struct http_conn *c, struct buf *out)
{
    LIST_EACH (&c->exchanges, node) {
        if (out->n >= HTTP_PULL_BYTES || c->last ||
            !pull_exchange(LIST_ITEM(node, struct http_exchange, link), out))
            return;
    }
}

static void more1(struct http_exchange *x)
{
    (void)x; /* pull looks at the exchange itself */
}

static void cut1(struct http_exchange *x)
{
    http_conn_kill(x->conn);
}

static void drain1(struct http_conn *c)
{
    struct conn1 *s = c->state;
    if (list_empty(&c->exchanges) && s->held.n == 0 && !http1_in_head(s->parser)) {
        c->last = true;
        stop_taking(s);
        http_conn_dirty(c);
        return;
    }
    if (!list_empty(&c->exchanges)) /* only the newest can still say so in its head */
        LIST_ITEM(c->exchanges.prev, struct http_exchange, link)->keep_alive = false;
}

static enum http_phase phase1(const struct http_conn *c)
{
    const struct conn1 *s = c->state;
    if (!list_empty(&c->exchanges) || s->stopped)
        return HTTP_PHASE_BUSY;
    return http1_in_head(s->parser) ? HTTP_PHASE_HEAD : HTTP_PHASE_IDLE;
}

static void late1(struct http_conn *c, struct http_exchange *reading)
{
    if (!reading && c->phase == HTTP_PHASE_IDLE)
        http_conn_kill(c);
    else
        refuse(c, 408, "the request did not arrive in time");
}

const struct http_proto http_proto1 = {
    .open = open1,
    .free = free1,
    .feed = feed1,
    .eof = eof1,
    .resume = resume1,
    .pull = pull1,
    .begin = begin1,
    .more = more1,
    .cut = cut1,
    .drain = drain1,
    .phase = phase1,
    .late = late1,
};
