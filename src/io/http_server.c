/* SPDX-License-Identifier: Apache-2.0
 * http_server — the listener and what all its connections share: limits, the flush at the end of a
 * loop iteration, the timeout sweep, closing. See http_internal.h for the whole. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/http_internal.h"
#include "io/loop_internal.h"
#include "io/usage.h"

enum { BACKLOG = 1024, SPARE_KEEP_MAX = 512 * 1024 };
#define SWEEP_MAX_NS NS_PER_S
#define SWEEP_MIN_NS (5 * NS_PER_MS)

const struct http_limits http_limits_default = {
    .header_bytes = (size_t)64 << 10,
    .body_bytes = ((size_t)3 << 20) + ((size_t)64 << 10),
    .all_bodies_bytes = (size_t)256 << 20,
    .stream_bytes = (size_t)4 << 20,
    .all_streams_bytes = (size_t)64 << 20,
    .connections = 10000,
    .streams = 250,
    .resets_per_s = 1000,
    .controls_per_s = 1000,
    .header_timeout_ns = 10 * NS_PER_S,
    .body_timeout_ns = 30 * NS_PER_S,
    .idle_timeout_ns = 180 * NS_PER_S,
    .write_timeout_ns = 60 * NS_PER_S,
    .stall_timeout_ns = 2 * NS_PER_S,
};

/* Of the files that the process may open, connections take three quarters at most: the rest is for
 * the store, pods, and calls to others. */
#define FDS_WHOLE 4
#define FDS_OURS 3

/* A macro because the members have different types. */
#define DEFAULT_TO(l, member)                                                                      \
    do {                                                                                           \
        if ((l)->member == 0)                                                                      \
            (l)->member = http_limits_default.member;                                              \
    } while (0)

static struct http_limits complete_limits(struct http_limits l)
{
    DEFAULT_TO(&l, header_bytes);
    DEFAULT_TO(&l, body_bytes);
    DEFAULT_TO(&l, all_bodies_bytes);
    DEFAULT_TO(&l, stream_bytes);
    DEFAULT_TO(&l, all_streams_bytes);
    DEFAULT_TO(&l, connections);
    DEFAULT_TO(&l, streams);
    DEFAULT_TO(&l, resets_per_s);
    DEFAULT_TO(&l, controls_per_s);
    DEFAULT_TO(&l, header_timeout_ns);
    DEFAULT_TO(&l, body_timeout_ns);
    DEFAULT_TO(&l, idle_timeout_ns);
    DEFAULT_TO(&l, write_timeout_ns);
    DEFAULT_TO(&l, stall_timeout_ns);
    struct usage u;
    usage_read(&u);
    int64_t room = u.max_fds / FDS_WHOLE * FDS_OURS;
    if (room > 0 && room < l.connections)
        l.connections = (uint32_t)room;
    return l;
}

/* ---- relief: peers that do not read hold memory ---- */

/* Twice the limit is the end even for streams that move: a burst to very many readers. */
#define HARD_FACTOR 2
#define RELIEVE_NS (50 * NS_PER_MS) /* between two looks below the hard limit */

/* Of the streams with bytes to send, the one whose peer has taken nothing for longest. */
static struct http_exchange *slowest(struct http_server *s)
{
    struct http_exchange *found = NULL;
    LIST_EACH (&s->conns, conn) {
        struct http_conn *c = LIST_ITEM(conn, struct http_conn, link);
        LIST_EACH (&c->exchanges, node) {
            struct http_exchange *x = LIST_ITEM(node, struct http_exchange, link);
            bool waits = x->state == EXCHANGE_STREAMING && x->out.n > x->out_off && !x->relieved;
            if (waits && (!found || x->progress_ns < found->progress_ns))
                found = x;
        }
    }
    return found;
}

void http_server_relieve(struct http_server *s)
{
    size_t limit = s->limits.all_streams_bytes;
    int64_t now_ns = loop_now(s->loop).ns;
    bool hard = s->out_bytes / HARD_FACTOR >= limit;
    if (!hard && now_ns - s->relieved_ns < RELIEVE_NS)
        return;
    s->relieved_ns = now_ns;
    while (s->out_bytes > limit) {
        struct http_exchange *x = slowest(s);
        bool stalls = x && now_ns - x->progress_ns > s->limits.stall_timeout_ns;
        if (!x || (!stalls && s->out_bytes / HARD_FACTOR < limit))
            return;
        x->relieved = true;
        x->conn->proto->cut(x);
        http_exchange_forget(x);
    }
}

static void server_free(struct http_server *s)
{
    free(s->read_buf);
    free(s->plain_buf);
    buf_fini(&s->pulled);
    buf_fini(&s->spare);
    map_fini(&s->holders);
    free(s);
}

void http_server_unref(struct http_server *s)
{
    if (--s->refs == 0)
        server_free(s);
}

static void on_listener_closed(uv_handle_t *h)
{
    http_server_unref(h->data);
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        http_conn_accept(listener->data);
}

/* ---- the flush ---- */

/* After a burst malloc would keep what the bodies and answers of all took. */
#define BURST_BYTES ((size_t)16 << 20)
#define BURST_OVER 8 /* when so small a part of it is still held */

static void note_held(struct http_server *s)
{
    size_t held = (size_t)s->body_bytes + s->held_bytes + s->out_bytes;
    if (held > s->most_held)
        s->most_held = held;
    if (s->most_held < BURST_BYTES || held > s->most_held / BURST_OVER)
        return;
    s->most_held = held;
    mem_trim();
}

static void flush(void *arg)
{
    struct http_server *s = arg;
    s->flush_due = false;
    note_held(s);
    struct list batch;
    list_init(&batch);
    if (!list_empty(&s->dirty)) { /* take the list whole: what becomes dirty now waits its turn */
        list_push_front(&s->dirty, &batch);
        list_remove(&s->dirty);
    }
    while (!list_empty(&batch)) {
        struct http_conn *c = LIST_ITEM(batch.next, struct http_conn, dirty);
        list_remove(&c->dirty);
        http_conn_flush(c);
    }
    note_held(s);
    http_server_unref(s);
}

void http_conn_dirty(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->closed)
        return;
    if (list_empty(&c->dirty))
        list_push_back(&s->dirty, &c->dirty);
    if (s->flush_due)
        return;
    s->flush_due = true;
    s->refs++;
    loop_defer(s->loop, flush, s);
}

/* ---- timeouts ---- */
static int64_t sweep_period(const struct http_limits *l)
{
    int64_t least = num_min_i64(num_min_i64(l->header_timeout_ns, l->body_timeout_ns),
                                num_min_i64(l->idle_timeout_ns, l->write_timeout_ns));
    return num_clamp_i64(least / 4, SWEEP_MIN_NS, SWEEP_MAX_NS);
}

static void sweep(void *arg)
{
    struct http_server *s = arg;
    int64_t now_ns = loop_now(s->loop).ns;
    LIST_EACH (&s->conns, node)
        http_conn_sweep(LIST_ITEM(node, struct http_conn, link), now_ns);
    http_server_relieve(s);
    if (s->n_conns > 0)
        return;
    timer_stop(s->sweep); /* nothing wakes an idle server */
    s->sweeping = false;
}

void http_server_sweep_start(struct http_server *s)
{
    if (s->sweeping)
        return;
    s->sweeping = true;
    timer_start_every(s->sweep, sweep_period(&s->limits));
}

/* RFC 9110 5.6.7, made once a second. */
struct str http_server_date(struct http_server *s)
{
    time_t now_s = (time_t)(loop_wall(s->loop).ns / NS_PER_S);
    if (now_s != s->date_s) {
        static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        struct tm t;
        gmtime_r(&now_s, &t);
        snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                 t.tm_mday, months[t.tm_mon], (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min,
                 t.tm_sec);
        s->date_s = now_s;
    }
    return str_from(s->date);
}

/* ---- opening ---- */
static int
parse_address(struct sockaddr_storage *out, const struct http_options *o, struct err *err)
{
    char host[64];
    if (o->address.n == 0 || o->address.n >= sizeof host)
        return err_set(err, ERR_INVALID, "the address to listen on is missing or too long");
    memcpy(host, o->address.p, o->address.n);
    host[o->address.n] = '\0';
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    bool loopback;
    if (uv_ip4_addr(host, o->port, &v4) == 0) {
        memcpy(out, &v4, sizeof v4);
        loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    } else if (uv_ip6_addr(host, o->port, &v6) == 0) {
        memcpy(out, &v6, sizeof v6);
        loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    } else {
        return err_set(err, ERR_INVALID, "\"%s\" is not an IP address", host);
    }
    if (!loopback && !o->allow_remote)
        return err_set(err, ERR_DENIED,
                       "%s is reachable from other machines; allow that explicitly or listen on "
                       "127.0.0.1",
                       host);
    return 0;
}

static int listen_on(struct http_server *s, const struct sockaddr_storage *addr, struct err *err)
{
    int rc = uv_tcp_bind(&s->listener, (const struct sockaddr *)addr, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
    struct sockaddr_storage got;
    int n = sizeof got;
    if (rc == 0)
        rc = uv_tcp_getsockname(&s->listener, (struct sockaddr *)&got, &n);
    if (rc != 0)
        return err_set(err, rc == UV_EADDRINUSE ? ERR_BUSY : ERR_IO, "listening: %s",
                       uv_strerror(rc));
    struct sockaddr_in v4; /* the port stands at the same place in both families */
    memcpy(&v4, &got, sizeof v4);
    s->port = ntohs(v4.sin_port);
    s->listening = true;
    return 0;
}

int http_server_new(struct http_server **out,
                    struct loop *l,
                    const struct http_options *o,
                    struct err *err)
{
    struct sockaddr_storage addr = { 0 };
    if (parse_address(&addr, o, err) != 0)
        return -1;
    struct http_server *s = MEM_NEW(struct http_server);
    s->loop = l;
    s->limits = complete_limits(o->limits);
    s->tls = o->tls;
    s->handler = o->handler;
    s->head = o->head;
    s->handler_arg = o->arg;
    s->refusal = o->refusal;
    s->has_strangers = o->strangers;
    s->refs = 2; /* the owner and the listener */
    list_init(&s->conns);
    list_init(&s->dirty);
    list_init(&s->strangers);
    s->read_buf = mem_alloc(HTTP_READ_BYTES);
    s->plain_buf = mem_alloc(HTTP_READ_BYTES);
    buf_init(&s->pulled, SIZE_MAX / 4);
    buf_init(&s->spare, SIZE_MAX / 4);
    s->sweep = timer_new(l, sweep, s);
    uv_tcp_init(loop_uv(l), &s->listener);
    s->listener.data = s;
    if (listen_on(s, &addr, err) != 0) {
        http_server_free(s);
        return err_wrap(err, "%.*s:%u", STR_ARG(o->address), (unsigned)o->port);
    }
    *out = s;
    return 0;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

/* ---- closing ---- */
static void closed(void *arg)
{
    struct http_server *s = arg;
    loop_fn fn = s->closed_fn;
    s->closed_fn = NULL;
    if (fn && !s->freed)
        fn(s->closed_arg);
    http_server_unref(s);
}

static void maybe_closed(struct http_server *s)
{
    if (!s->draining || s->n_conns > 0 || !s->closed_fn || s->freed)
        return;
    timer_stop(s->grace);
    s->refs++;
    loop_defer(s->loop, closed, s);
}

void http_server_conn_gone(struct http_server *s)
{
    s->n_conns--;
    maybe_closed(s);
}

static void grace_over(void *arg)
{
    struct http_server *s = arg;
    LIST_EACH (&s->conns, node)
        http_conn_kill(LIST_ITEM(node, struct http_conn, link));
}

static void stop_listening(struct http_server *s)
{
    if (!uv_is_closing((uv_handle_t *)&s->listener))
        uv_close((uv_handle_t *)&s->listener, on_listener_closed);
    s->listening = false;
}

void http_server_close(struct http_server *s, int64_t grace_ns, loop_fn done, void *arg)
{
    assert(!s->draining);
    s->draining = true;
    s->closed_fn = done;
    s->closed_arg = arg;
    stop_listening(s);
    s->grace = timer_new(s->loop, grace_over, s);
    timer_start(s->grace, grace_ns);
    LIST_EACH (&s->conns, node) {
        struct http_conn *c = LIST_ITEM(node, struct http_conn, link);
        if (c->proto)
            c->proto->drain(c);
        else
            http_conn_kill(c);
    }
    maybe_closed(s);
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    s->freed = true;
    stop_listening(s);
    timer_free(s->sweep);
    timer_free(s->grace);
    s->sweep = s->grace = NULL;
    s->sweeping = true; /* no more */
    while (!list_empty(&s->conns))
        http_conn_destroy(LIST_ITEM(s->conns.next, struct http_conn, link));
    http_server_unref(s);
}
