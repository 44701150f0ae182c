/* SPDX-License-Identifier: Apache-2.0
 * See http_fixture.h: the handler, and the raw client. */

#include "io/test/http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/websocket.h"
#include "testkit/check.h"

enum { WAIT_MS = 10000, FLOOD_PIECE = 65536, FLOOD_TOTAL = 8 << 20 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789\n";

struct visit { /* one exchange that lasts */
    struct site *site;
    struct http_exchange *x;
    struct timer *timer;
    size_t sent;
};

static void closed(void *arg, bool complete)
{
    struct visit *v = arg;
    v->site->closed++;
    v->site->completed += complete;
    timer_free(v->timer);
    free(v);
}

static struct visit *visit_new(struct site *s, struct http_exchange *x)
{
    struct visit *v = MEM_NEW(struct visit);
    v->site = s;
    v->x = x;
    http_on_close(x, closed, v);
    return v;
}

static void say(struct http_exchange *x, int status, struct str body)
{
    const struct http_header headers[] = {
        { STR("X-Extra"), STR("yes") },
        { STR("x-evil"), STR("a\r\nInjected: b") }, /* the engine drops it */
    };
    http_respond(x, &(struct http_answer){ .status = status,
                                           .headers = headers,
                                           .n_headers = COUNT_OF(headers),
                                           .content_type = STR("text/plain"),
                                           .body = body });
}

static void echo(struct http_exchange *x, const struct http_request *r)
{
    struct buf b;
    buf_init(&b, 16 << 20);
    buf_printf(&b, "%.*s %.*s", STR_ARG(r->method), STR_ARG(r->path));
    if (r->query.p)
        buf_printf(&b, " ?%.*s", STR_ARG(r->query));
    buf_printf(&b, " host=%.*s", STR_ARG(http_header(r, STR("host"))));
    struct str seen = http_header(r, STR("x-seen"));
    if (seen.p)
        buf_printf(&b, " seen=%.*s", STR_ARG(seen));
    if (r->client_cn.p)
        buf_printf(&b, " cn=%.*s orgs=%zu", STR_ARG(r->client_cn), r->n_client_orgs);
    buf_printf(&b, " %s%s %zu:", r->http2 ? "h2" : "h1", r->tls ? "+tls" : "", r->body.n);
    buf_str(&b, r->body);
    say(x, 200, buf_view(&b));
    buf_fini(&b);
}

static char *letters_of(size_t n)
{
    char *p = mem_alloc(n + 1);
    for (size_t i = 0; i < n; i++)
        p[i] = letters[i % (sizeof letters - 1)];
    return p;
}

struct lent {
    struct site *site;
    char *bytes;
};

static void release(void *arg)
{
    struct lent *l = arg;
    l->site->released++;
    free(l->bytes);
    free(l);
}

static void big(struct site *s, struct http_exchange *x, size_t n, bool shared)
{
    char *bytes = letters_of(n);
    struct http_answer a = { .status = 200, .body = str_make(bytes, n) };
    if (!shared) {
        http_respond(x, &a);
        free(bytes);
        return;
    }
    struct lent *l = MEM_NEW(struct lent);
    l->site = s;
    l->bytes = bytes;
    http_respond_shared(x, &a, release, l);
}

static void stream(struct http_exchange *x, size_t n)
{
    http_begin(x, &(struct http_answer){ .status = 200, .content_type = STR("text/plain") });
    for (size_t i = 0; i < n; i++) {
        char piece[32];
        int k = snprintf(piece, sizeof piece, "piece %zu\n", i);
        CHECK(http_write(x, str_make(piece, (size_t)k)));
    }
    http_end(x);
}

static void flood(void *arg)
{
    struct visit *v = arg;
    static char piece[FLOOD_PIECE];
    while (v->sent < FLOOD_TOTAL && http_write(v->x, str_make(piece, sizeof piece))) {
        v->sent += sizeof piece;
        v->site->accepted_writes++;
        CHECK(http_unsent(v->x) <= v->site->options.limits.stream_bytes);
    }
    if (v->sent == FLOOD_TOTAL)
        http_end(v->x);
}

static void drained(void *arg)
{
    struct visit *v = arg;
    v->site->drained++;
    flood(arg);
}

static void tick(void *arg)
{
    struct visit *v = arg;
    if (!http_write(v->x, STR("tick\n")))
        http_cut(v->x);
}

static void answer_later(void *arg)
{
    struct visit *v = arg;
    say(v->x, 200, STR("later"));
}

struct socket {
    struct site *site;
    struct websocket *w;
};

static void socket_message(void *arg, enum websocket_op op, struct str payload)
{
    struct socket *s = arg;
    if (str_is(payload, "end"))
        websocket_close(s->w, WEBSOCKET_GOING_AWAY, STR("as asked"));
    else if (!websocket_send(s->w, op, payload))
        websocket_close(s->w, WEBSOCKET_INTERNAL_ERROR, STR("slow reader"));
}

static void socket_closed(void *arg)
{
    struct socket *s = arg;
    s->site->closed++;
    free(s);
}

static void open_socket(struct site *site, struct http_exchange *x, const struct http_request *r)
{
    const struct str protocols[] = { STR("echo") };
    struct socket *s = MEM_NEW(struct socket);
    s->site = site;
    struct websocket_options o = { .protocols = protocols,
                                   .n_protocols = 1,
                                   .message_bytes = 100000,
                                   .message = socket_message,
                                   .closed = socket_closed,
                                   .arg = s };
    struct err err = { 0 };
    s->w = websocket_accept(x, r, &o, &err);
    if (s->w)
        return;
    free(s);
    say(x, 400, str_from(err.msg));
}

static bool handle_lasting(struct site *s, struct http_exchange *x, struct str path)
{
    const struct http_answer head = { .status = 200 };
    if (str_is(path, "/flood")) {
        struct visit *v = visit_new(s, x);
        http_begin(x, &head);
        http_on_drain(x, drained, v);
        flood(v);
    } else if (str_is(path, "/ticks")) {
        struct visit *v = visit_new(s, x);
        v->timer = timer_new(s->loop, tick, v);
        timer_start_every(v->timer, 20 * NS_PER_MS);
        http_begin(x, &head);
    } else if (str_is(path, "/later")) {
        struct visit *v = visit_new(s, x);
        v->timer = timer_new(s->loop, answer_later, v);
        timer_start(v->timer, 20 * NS_PER_MS);
    } else if (str_is(path, "/park")) {
        s->parked = x; /* without a close callback */
    } else if (str_is(path, "/unpark")) {
        say(s->parked, 200, STR("unparked"));
        say(x, 200, STR("done"));
    } else if (str_is(path, "/never")) {
        visit_new(s, x);
    } else if (str_is(path, "/cut")) {
        visit_new(s, x);
        http_begin(x, &head);
        http_write(x, STR("some"));
        http_cut(x);
    } else {
        return false;
    }
    return true;
}

static void handle(void *arg, struct http_exchange *x, const struct http_request *r)
{
    struct site *s = arg;
    uint64_t n = 0;
    s->handled++;
    CHECK(!s->judges || r->body.n == 0 || http_close_arg(x) == s);
    if (r->query.p)
        str_to_u64(r->query, &n);
    if (handle_lasting(s, x, r->path))
        return;
    if (str_is(r->path, "/big"))
        big(s, x, (size_t)n, false);
    else if (str_is(r->path, "/shared"))
        big(s, x, (size_t)n, true);
    else if (str_is(r->path, "/stream"))
        stream(x, (size_t)n);
    else if (str_is(r->path, "/peer"))
        say(x, 200, r->peer);
    else if (str_is(r->path, "/ws"))
        open_socket(s, x, r);
    else if (str_is(r->path, "/status"))
        say(x, (int)n, STR(""));
    else
        echo(x, r);
}

static void ended(void *arg, bool complete)
{
    struct site *s = arg;
    (void)complete;
    s->ended++;
}

static bool
judge(void *arg, struct http_exchange *x, const struct http_request *r, struct str *holder)
{
    struct site *s = arg;
    CHECK(r->body.n == 0 && r->peer.n > 0);
    *holder = http_header(r, STR("x-who"));
    if (!holder->p) {
        if (!handle_lasting(s, x, r->path))
            say(x, 401, STR("who?"));
        return false;
    }
    s->wanted++;
    http_known(x);
    http_on_close(x, ended, s);
    return true;
}

static void run(void *arg)
{
    struct site *s = arg;
    loop_run(s->loop);
}

void site_start(struct site *s)
{
    struct err err = { 0 };
    s->loop = loop_new(&err);
    CHECK(s->loop != NULL);
    s->options.address = STR("127.0.0.1");
    s->options.handler = handle;
    s->options.head = s->judges ? judge : NULL;
    s->options.arg = s;
    CHECK_OK(http_server_new(&s->server, s->loop, &s->options, &err), err);
    s->port = http_server_port(s->server);
    s->thread = thread_start("site", run, s, &err);
    CHECK(s->thread != NULL);
}

static void stopped(void *arg)
{
    struct site *s = arg;
    http_server_free(s->server);
    loop_stop(s->loop);
}

static void stop(void *arg)
{
    struct site *s = arg;
    http_server_close(s->server, 200 * NS_PER_MS, stopped, s);
}

void site_stop(struct site *s)
{
    loop_post(s->loop, stop, s);
    thread_join(s->thread);
    loop_free(s->loop);
}

/* ---- raw client ---- */
int raw_connect(const struct site *s)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(s->port) };
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_I64(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

bool raw_try_send(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes = str_skip(bytes, (size_t)n);
    }
    return true;
}

void raw_send(int fd, struct str bytes)
{
    CHECK(raw_try_send(fd, bytes));
}

static int count_of(struct str text, struct str what)
{
    int n = 0;
    for (ptrdiff_t at; (at = str_find(text, what)) >= 0; n++)
        text = str_skip(text, (size_t)at + what.n);
    return n;
}

struct str raw_read(int fd, struct buf *text, struct str until, int count)
{
    while (!until.p || count_of(buf_view(text), until) < count) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, WAIT_MS) <= 0) {
            print_error("got so far: %.*s\n", STR_ARG(buf_view(text)));
            fail_msg("the answer came in time");
        }
        char *room = buf_room(text, 65536);
        CHECK(room != NULL);
        ssize_t n = read(fd, room, 65536);
        if (n <= 0)
            break;
        text->n += (size_t)n;
    }
    return buf_view(text);
}

struct str raw_ask(const struct site *s, struct buf *text, struct str request)
{
    int fd = raw_connect(s);
    buf_clear(text);
    raw_send(fd, request);
    struct str answer = raw_read(fd, text, (struct str){ 0 }, 0);
    close(fd);
    return answer;
}

void wait_for(_Atomic int *value, int want)
{
    for (int i = 0; i < WAIT_MS / 5 && *value != want; i++)
        usleep(5000);
    CHECK_I64(*value, want);
}
