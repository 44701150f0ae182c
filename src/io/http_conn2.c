/* SPDX-License-Identifier: Apache-2.0
 * http_conn2 — HTTP/2 on a connection, by nghttp2. Traps of its version 1.52 that shape this file:
 * nghttp2_session_del frees streams without on_stream_close, so exchanges are kept in our own list;
 * its limit of stream resets (1,000, then 33 a second) is too low for a proxy that cancels watches,
 * and stops reading only once its GOAWAY is sent, so the limit is ours (http_limits.resets_per_s).
 */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "codec/http1.h"
#include "io/http_internal.h"

enum {
    BLOCK_FACTOR = 3,        /* of header_bytes: a refused head is read so far, for HPACK's table */
    STREAM_WINDOW = 1 << 20, /* what a peer may send before we have read it */
    CONN_WINDOW = 4 << 20,
};

struct conn2 {
    nghttp2_session *session;
    struct bucket { /* filled at a rate a second, one second deep */
        int64_t left, filled_ns;
    } resets, controls;
    size_t block_bytes; /* of the head or trailers that arrive, unfolded */
    bool dead; /* its streams hold pointers to exchanges that are gone: never call it again */
};

/* ---- requests ---- */
/* Ends the connection. */
static int calm_down(nghttp2_session *session)
{
    nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_CALLBACK_FAILURE; /* which feed2 takes for the end */
}

static bool is_crowded(const struct http_conn *c)
{
    size_t n = 0;
    LIST_EACH (&c->exchanges, node)
        n++;
    return n >= HTTP_STRANGER_STREAMS;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http_conn *c = arg;
    ((struct conn2 *)c->state)->block_bytes = 0;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (!list_empty(&c->stranger) && is_crowded(c))
        return calm_down(session); /* who is known has said so by the first */
    struct http_exchange *x = http_exchange_new(c);
    x->stream_id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, x->stream_id, x);
    return 0;
}

static void refuse(struct http_exchange *x, int status, const char *why)
{
    if (!x->refused)
        http_exchange_refuse(x, status, str_from(why));
}

static void take_target(struct http_exchange *x, struct str target)
{
    ptrdiff_t q = str_find_char(target, '?');
    x->req.path = arena_str(x->arena, q < 0 ? target : str_take(target, (size_t)q));
    if (q >= 0)
        x->req.query = arena_str(x->arena, str_skip(target, (size_t)q + 1));
}

static int on_header(nghttp2_session *session,
                     const nghttp2_frame *frame,
                     const uint8_t *name_p,
                     size_t name_n,
                     const uint8_t *value_p,
                     size_t value_n,
                     uint8_t flags,
                     void *arg)
{
    (void)flags;
    struct http_conn *c = arg;
    struct conn2 *s = c->state;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    s->block_bytes += name_n + value_n;
    if (s->block_bytes / BLOCK_FACTOR > c->server->limits.header_bytes)
        return calm_down(session); /* a byte may stand for 4 KiB, and each is looked at */
    struct str name = str_make(name_p, name_n), value = str_make(value_p, value_n);
    if (!x || x->refused || x->state != EXCHANGE_READING ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers mean nothing here */
    if (str_is(name, ":method")) {
        x->req.method = arena_str(x->arena, value);
        x->is_head = str_is(value, "HEAD");
        return 0;
    }
    if (str_is(name, ":path")) {
        take_target(x, value);
        return 0;
    }
    if (name.n > 0 && name.p[0] == ':' && !str_is(name, ":authority"))
        return 0;
    if (str_is(name, ":authority"))
        name = STR("host");
    int status = 0;
    if (!http_exchange_header(x, name, value, &status))
        refuse(x, status, "too many header fields");
    return 0;
}

static int on_data_chunk(nghttp2_session *session,
                         uint8_t flags,
                         int32_t stream_id,
                         const uint8_t *p,
                         size_t n,
                         void *arg)
{
    (void)flags;
    (void)arg;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    if (!x || x->refused || x->state != EXCHANGE_READING)
        return 0;
    int status = 0;
    if (!http_exchange_body(x, str_make(p, n), &status))
        refuse(x, status, http_body_refusal(status));
    return 0;
}

/* The head is complete: refuse what cannot be served, ask for the body that waits to be asked. */
static void take_head(struct http_exchange *x, bool body)
{
    struct conn2 *s = x->conn->state;
    const struct http_request *r = &x->req;
    bool star = str_is(r->path, "*") && str_is(r->method, "OPTIONS");
    if (x->refused)
        return;
    if (str_is(r->method, "CONNECT")) {
        refuse(x, 501, "CONNECT is not supported");
        return;
    }
    if (!star && (r->path.n == 0 || r->path.p[0] != '/' || str_find_char(r->path, '#') >= 0)) {
        refuse(x, 400, "the request target is not a path");
        return;
    }
    struct http_request so_far = { .headers = x->headers.items, .n_headers = x->headers.n };
    struct str length = http_header(&so_far, STR("content-length"));
    uint64_t n = 0;
    if (length.n > 0 && str_to_u64(length, &n) && n > x->conn->server->limits.body_bytes) {
        refuse(x, 413, "the body is larger than allowed");
        return;
    }
    if (!body || !http_exchange_wants_body(x))
        return;
    if (str_eq_nocase(http_header(&so_far, STR("expect")), STR("100-continue"))) {
        static uint8_t status[] = ":status", value[] = "100";
        const nghttp2_nv nv = { status, value, 7, 3, NGHTTP2_NV_FLAG_NONE };
        nghttp2_submit_headers(s->session, NGHTTP2_FLAG_NONE, x->stream_id, NULL, &nv, 1, NULL);
        http_conn_dirty(x->conn);
    }
}

/* Takes one out of the bucket; when it is empty the connection ends. */
static int take(struct http_conn *c, struct bucket *b, int64_t rate)
{
    int64_t now_ns = http_conn_now(c);
    int64_t passed_ns = num_min_i64(now_ns - b->filled_ns, NS_PER_S);
    int64_t filled = passed_ns * rate / NS_PER_S;
    if (filled > 0) {
        b->left = num_min_i64(b->left + filled, rate);
        b->filled_ns = now_ns;
    }
    if (b->left-- > 0)
        return 0;
    return calm_down(((struct conn2 *)c->state)->session);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http_conn *c = arg;
    struct conn2 *s = c->state;
    const struct http_limits *l = &c->server->limits;
    /* A peer that opens streams only to reset them makes work for nothing (CVE-2023-44487), and so
     * does one that asks for answers to frames (CVE-2019-9512, CVE-2019-9515). */
    bool control = frame->hd.type == NGHTTP2_PING || frame->hd.type == NGHTTP2_SETTINGS;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        return take(c, &s->resets, l->resets_per_s);
    if (control && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        return take(c, &s->controls, l->controls_per_s);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!x)
        return 0;
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        take_head(x, !end);
    if (end && x->state == EXCHANGE_READING)
        http_exchange_deliver(x);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
    (void)arg;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, stream_id);
    if (!x)
        return 0;
    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    http_exchange_over(x, code == NGHTTP2_NO_ERROR && http_exchange_ended(x));
    return 0;
}

/* The answer to a request that still arrives: it may stop sending (RFC 9113 8.1). */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)arg;
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (x && !nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id))
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR);
    return 0;
}

/* ---- the session ---- */
static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *cb = NULL;
    if (nghttp2_session_callbacks_new(&cb) != 0)
        abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    return cb;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *o = NULL;
    if (nghttp2_option_new(&o) != 0)
        abort();
    nghttp2_option_set_no_closed_streams(o, 1);
#ifdef HAVE_NGHTTP2_RESET_LIMIT
    nghttp2_option_set_stream_reset_rate_limit(o, UINT32_MAX, UINT32_MAX);
#endif
    return o;
}

static void open2(struct http_conn *c)
{
    const struct http_limits *l = &c->server->limits;
    struct conn2 *s = MEM_NEW(struct conn2);
    nghttp2_session_callbacks *cb = make_callbacks();
    nghttp2_option *o = make_options();
    if (nghttp2_session_server_new2(&s->session, cb, c, o) != 0)
        abort(); /* small allocations do not fail */
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(cb);
    uint32_t header_bytes = l->header_bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)l->header_bytes;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_bytes },
    };
    nghttp2_submit_settings(s->session, NGHTTP2_FLAG_NONE, settings, COUNT_OF(settings));
    nghttp2_session_set_local_window_size(s->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW);
    s->resets = (struct bucket){ l->resets_per_s, http_conn_now(c) };
    s->controls = (struct bucket){ l->controls_per_s, http_conn_now(c) };
    c->state = s;
    http_conn_dirty(c);
}

static void free2(struct http_conn *c)
{
    struct conn2 *s = c->state;
    nghttp2_session_del(s->session);
    free(s);
    c->state = NULL;
}

static void end_when_done(struct http_conn *c)
{
    struct conn2 *s = c->state;
    if (!nghttp2_session_want_read(s->session) && !nghttp2_session_want_write(s->session))
        c->last = true;
    if (c->server->draining && list_empty(&c->exchanges))
        c->last = true;
}

static void feed2(struct http_conn *c, struct str bytes)
{
    struct conn2 *s = c->state;
    if (s->dead)
        return;
    ssize_t n = nghttp2_session_mem_recv(s->session, (const uint8_t *)bytes.p, bytes.n);
    if (n < 0)
        c->last = true; /* not HTTP/2, or no memory: send what is queued, then end */
    http_conn_dirty(c);
}

static void eof2(struct http_conn *c)
{
    http_conn_kill(c);
}

static void pull2(struct http_conn *c, struct buf *out)
{
    struct conn2 *s = c->state;
    while (!s->dead && out->n < HTTP_PULL_BYTES) {
        const uint8_t *p = NULL;
        ssize_t n = nghttp2_session_mem_send(s->session, &p);
        if (n < 0)
            c->last = true;
        if (n <= 0)
            break;
        buf_put(out, p, (size_t)n);
    }
    if (out->n == 0 && !s->dead)
        end_when_done(c);
    if (!c->last)
        return;
    s->dead = true;
    while (!list_empty(&c->exchanges)) /* the session is at its end: they cannot go on */
        http_exchange_over(LIST_ITEM(c->exchanges.next, struct http_exchange, link), false);
}

/* ---- answers ---- */
static ssize_t read_body(nghttp2_session *session,
                         int32_t stream_id,
                         uint8_t *to,
                         size_t room,
                         uint32_t *flags,
                         nghttp2_data_source *source,
                         void *arg)
{
    (void)session;
    (void)stream_id;
    (void)arg;
    struct http_exchange *x = source->ptr;
    size_t n = http_exchange_take(x, (char *)to, room);
    if (http_exchange_ended(x)) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
    }
    if (n > 0)
        return (ssize_t)n;
    x->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
}

static nghttp2_nv make_nv(struct str name, struct str value)
{
    return (nghttp2_nv){ (uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                         value.n, NGHTTP2_NV_FLAG_NONE };
}

static struct str lower_case(struct arena *a, struct str s)
{
    struct str copy = arena_str(a, s);
    char *p = (char *)(uintptr_t)copy.p; /* our own copy */
    for (size_t i = 0; i < copy.n; i++) {
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] - 'A' + 'a');
    }
    return copy;
}

static void begin2(struct http_exchange *x, const struct http_answer *a, int64_t length)
{
    struct conn2 *s = x->conn->state;
    char status[16], size[24];
    struct str status_text =
        str_make(status, (size_t)snprintf(status, sizeof status, "%d", a->status));
    nghttp2_nv *nv = ARENA_ARRAY(x->arena, nghttp2_nv, a->n_headers + 4);
    size_t n = 0;
    nv[n++] = make_nv(STR(":status"), status_text);
    nv[n++] = make_nv(STR("date"), http_server_date(x->conn->server));
    if (a->content_type.n > 0 && http1_value_ok(a->content_type))
        nv[n++] = make_nv(STR("content-type"), a->content_type);
    if (length >= 0 && !http_bodiless(a->status)) {
        int k = snprintf(size, sizeof size, "%lld", (long long)length);
        nv[n++] = make_nv(STR("content-length"), str_make(size, (size_t)k));
    }
    for (size_t i = 0; i < a->n_headers; i++) {
        if (http1_token_ok(a->headers[i].name) && http1_value_ok(a->headers[i].value))
            nv[n++] = make_nv(lower_case(x->arena, a->headers[i].name), a->headers[i].value);
    }
    bool bodiless =
        http_bodiless(a->status) || (x->state == EXCHANGE_ANSWERED && http_exchange_ended(x));
    nghttp2_data_provider body = { .source.ptr = x, .read_callback = read_body };
    if (nghttp2_submit_response(s->session, x->stream_id, nv, n, bodiless ? NULL : &body) != 0)
        nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, x->stream_id,
                                  NGHTTP2_INTERNAL_ERROR);
}

static void more2(struct http_exchange *x)
{
    struct conn2 *s = x->conn->state;
    if (!x->deferred)
        return;
    x->deferred = false;
    nghttp2_session_resume_data(s->session, x->stream_id);
}

static void cut2(struct http_exchange *x)
{
    struct conn2 *s = x->conn->state;
    nghttp2_submit_rst_stream(s->session, NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_CANCEL);
    http_conn_dirty(x->conn);
}

static void drain2(struct http_conn *c)
{
    struct conn2 *s = c->state;
    nghttp2_submit_goaway(s->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(s->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
    http_conn_dirty(c);
}

static enum http_phase phase2(const struct http_conn *c)
{
    return list_empty(&c->exchanges) ? HTTP_PHASE_IDLE : HTTP_PHASE_BUSY;
}

static void late2(struct http_conn *c, struct http_exchange *reading)
{
    struct conn2 *s = c->state;
    if (reading) {
        cut2(reading);
        return;
    }
    nghttp2_session_terminate_session(s->session, NGHTTP2_NO_ERROR);
    http_conn_dirty(c);
}

const struct http_proto http_proto2 = {
    .open = open2,
    .free = free2,
    .feed = feed2,
    .eof = eof2,
    .pull = pull2,
    .begin = begin2,
    .more = more2,
    .cut = cut2,
    .drain = drain2,
    .phase = phase2,
    .late = late2,
};
