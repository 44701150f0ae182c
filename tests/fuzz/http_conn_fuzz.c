/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target of the HTTP engine: a connection over loopback, whose peer sends any bytes. The first
 * byte says whether an HTTP/2 preface goes first, how the handler answers, and in what pieces the
 * rest is sent. Whatever comes, the connection ends, each exchange is closed exactly once, and
 * nothing stays held. */
#include "fuzz.h"
#include "http_conn_parts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/http.h"
#include "io/loop.h"

enum { INPUT_MAX = 4096, ANSWER_HTTP2 = 1, ANSWER_STREAM = 2, ANSWER_LATE = 4 };

/* The client's preface and an empty SETTINGS frame (RFC 9113 3.4). */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";

struct site {
    struct loop *loop;
    struct http_server *server;
    struct watch_fd *watch;
    struct timer *timer;
    int fd;
    unsigned how;
    struct str rest;
    size_t step;
    bool goes_politely; /* with an end of file; seldom, as each keeps a port for a minute */
    int patience;       /* turns for the answer */
    int open;           /* exchanges without their close */
};

struct visit {
    struct site *site;
    struct http_exchange *x; /* NULL: over */
    bool answering;
};

static void visit_drop(struct visit *v)
{
    if (!v->x && !v->answering)
        free(v);
}

static void on_close(void *arg, bool complete)
{
    struct visit *v = arg;
    (void)complete;
    v->site->open--;
    assert(v->site->open >= 0 && v->x);
    v->x = NULL;
    visit_drop(v);
}

static void answer(void *arg)
{
    struct visit *v = arg;
    struct http_answer a = { .status = 200, .content_type = STR("text/plain"), .body = STR("ok") };
    v->answering = false;
    if (!v->x) {
        visit_drop(v);
    } else if (v->site->how & ANSWER_STREAM) {
        struct http_exchange *x = v->x;
        http_begin(x, &a);
        for (int i = 0; i < 4 && http_write(x, STR("a piece of a stream\n")); i++)
            continue;
        http_end(x);
    } else {
        http_respond(v->x, &a);
    }
}

static struct visit *visit_new(struct site *s, struct http_exchange *x)
{
    struct visit *v = MEM_NEW(struct visit);
    s->open++;
    *v = (struct visit){ .site = s, .x = x };
    http_on_close(x, on_close, v);
    return v;
}

static void on_request(void *arg, struct http_exchange *x, const struct http_request *r)
{
    struct site *s = arg;
    struct visit *v = http_close_arg(x);
    assert(r->method.n > 0 && r->path.n > 0 && r->n_headers <= 256);
    if (!v)
        v = visit_new(s, x);
    v->answering = true;
    if (s->how & ANSWER_LATE)
        loop_defer(s->loop, answer, v);
    else
        answer(v);
}

/* Bodies are wanted of every other path, in the name of two holders. */
static bool
on_head(void *arg, struct http_exchange *x, const struct http_request *r, struct str *who)
{
    assert(r->body.n == 0);
    if (r->path.n % 2 == 0) {
        on_request(arg, x, r);
        return false;
    }
    visit_new(arg, x);
    *who = str_take(r->path, 2);
    return true;
}

/* Closing with a reset keeps no port waiting. */
static void hang_up(struct site *s)
{
    const struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    watch_fd_free(s->watch);
    close(s->fd);
}

static void on_served(void *arg)
{
    struct site *s = arg;
    assert(s->open == 0);
    timer_free(s->timer);
    http_server_free(s->server);
    loop_stop(s->loop);
}

static void finish(struct site *s)
{
    timer_stop(s->timer);
    hang_up(s);
    http_server_close(s->server, 0, on_served, s);
}

static void on_answer(void *arg, unsigned events)
{
    struct site *s = arg;
    char bytes[4096];
    ssize_t n;
    (void)events;
    while ((n = recv(s->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        continue;
    if (n < 0 && errno == EAGAIN)
        return;
    finish(s);
}

static void on_turn(void *arg)
{
    struct site *s = arg;
    struct str piece = str_take(s->rest, s->step);
    s->rest = str_skip(s->rest, piece.n);
    if (piece.n > 0 && send(s->fd, piece.p, piece.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        s->rest.n = 0; /* it closed: the end comes to on_answer */
    if (s->rest.n > 0)
        timer_start(s->timer, 0);
    else if (s->goes_politely)
        shutdown(s->fd, SHUT_WR);
    else if (s->patience-- > 0)
        timer_start(s->timer, 0);
    else
        finish(s);
}

static void dial(struct site *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(http_server_port(s->server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(s->fd, (struct sockaddr *)&to, sizeof to);
    assert(rc == 0);
    s->watch = watch_fd_new(s->loop, s->fd, on_answer, s, NULL);
    watch_fd_set(s->watch, WATCH_READ);
    if (s->how & ANSWER_HTTP2)
        send(s->fd, preface, sizeof preface - 1, MSG_NOSIGNAL);
}

#pragma weak LLVMFuzzerMutate /* there is none without libFuzzer */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned int seed)
{
    if (LLVMFuzzerMutate && seed % 4 == 0)
        return LLVMFuzzerMutate(data, n, max);
    return http_conn_parts_change(data, n, max, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1 || n > INPUT_MAX)
        return 0;
    struct site s = { .loop = loop_new(NULL),
                      .how = data[0] & 7,
                      .rest = str_make(data + 1, n - 1) };
    const struct http_options o = { .address = STR("127.0.0.1"),
                                    .limits = { .header_bytes = 1024,
                                                .body_bytes = 2048,
                                                .all_bodies_bytes = 4096,
                                                .stream_bytes = 1024,
                                                .streams = 4,
                                                .resets_per_s = 8,
                                                .controls_per_s = 8 },
                                    .handler = on_request,
                                    .head = on_head,
                                    .arg = &s };
    s.patience = 3;
    s.goes_politely = data[0] >> 3 == 0x1f;
    s.step = data[0] & 8 ? (size_t)(data[0] >> 4) + 1 : INPUT_MAX;
    s.step = s.step < n / 64 ? n / 64 : s.step;
    int rc = http_server_new(&s.server, s.loop, &o, NULL);
    assert(rc == 0);
    s.timer = timer_new(s.loop, on_turn, &s);
    dial(&s);
    timer_start(s.timer, 0);
    loop_run(s.loop);
    loop_free(s.loop);
    return 0;
}
