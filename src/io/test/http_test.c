/* SPDX-License-Identifier: Apache-2.0
 * The engine over real sockets, HTTP/1.1 in plain text, in raw bytes. HTTP/2 and TLS are tested
 * through fetch, in fetch_test.c. */
#include "io/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/test/http_fixture.h"
#include "testkit/check.h"

#define H "Host: h\r\n"
#define CLOSE "Connection: close\r\n"

static struct buf text;

static bool has(struct str s, const char *what)
{
    return str_find(s, str_from(what)) >= 0;
}

static void check_has(struct str s, const char *what)
{
    if (!has(s, what))
        print_error("in \"%.*s\"\n", STR_ARG(str_take(s, 2000)));
    CHECK(has(s, what));
}

static struct str body_of(struct str answer)
{
    ptrdiff_t at = str_find(answer, STR("\r\n\r\n"));
    CHECK(at > 0);
    return str_skip(answer, (size_t)at + 4);
}

static void requests_are_answered(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    struct str a =
        raw_ask(&s, &text, STR("GET /echo?q=1 HTTP/1.1\r\n" H "X-Seen: me\r\n" CLOSE "\r\n"));
    CHECK(str_starts(a, STR("HTTP/1.1 200 OK\r\ndate: ")));
    check_has(a, "\r\nconnection: close\r\n");
    check_has(a, "\r\ncontent-type: text/plain\r\n");
    check_has(a, "\r\nX-Extra: yes\r\n");
    CHECK(!has(a, "Injected"));
    CHECK_STR(body_of(a), "GET /echo ?q=1 host=h seen=me h1 0:");
    a = raw_ask(&s, &text, STR("POST /echo HTTP/1.1\r\n" H CLOSE "Content-Length: 5\r\n\r\nhello"));
    CHECK_STR(body_of(a), "POST /echo host=h h1 5:hello");
    a = raw_ask(&s, &text,
                STR("POST /echo HTTP/1.1\r\n" H CLOSE "Transfer-Encoding: chunked\r\n\r\n"
                    "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"));
    CHECK_STR(body_of(a), "POST /echo host=h h1 5:hello");
    a = raw_ask(&s, &text, STR("HEAD /big?1000 HTTP/1.1\r\n" H CLOSE "\r\n"));
    check_has(a, "\r\ncontent-length: 1000\r\n");
    CHECK_STR(body_of(a), "");
    a = raw_ask(&s, &text, STR("HEAD /stream?3 HTTP/1.1\r\n" H CLOSE "\r\n"));
    CHECK_STR(body_of(a), "");
    a = raw_ask(&s, &text, STR("GET /status?204 HTTP/1.1\r\n" H CLOSE "\r\n"));
    CHECK(!has(a, "content-length") && !has(a, "transfer-encoding"));
    a = raw_ask(&s, &text, STR("GET /echo HTTP/1.0\r\n\r\n"));
    CHECK_STR(body_of(a), "GET /echo host= h1 0:");
    a = raw_ask(&s, &text, STR("GET /stream?2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    CHECK_STR(body_of(a), "piece 0\npiece 1\n"); /* ends with the connection */
    a = raw_ask(&s, &text, STR("GET /stream?2 HTTP/1.1\r\n" H CLOSE "\r\n"));
    CHECK_STR(body_of(a), "10\r\npiece 0\npiece 1\n\r\n0\r\n\r\n");
    site_stop(&s);
}

static void answers_keep_their_order(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    int fd = raw_connect(&s);
    buf_clear(&text);
    raw_send(fd, STR("GET /echo?1 HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H "\r\n"
                     "POST /echo?3 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxy"
                     "GET /stream?1 HTTP/1.1\r\n" H "\r\nGET /echo?5 HTTP/1.1\r\n" H "\r\n"));
    struct str a = raw_read(fd, &text, STR("?5 host=h h1 0:"), 1);
    const char *order[] = { "?1", "later", "?3 host=h h1 2:xy", "piece 0", "?5" };
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        ptrdiff_t at = str_find(a, str_from(order[i]));
        CHECK(at >= 0);
        a = str_skip(a, (size_t)at);
    }
    buf_clear(&text); /* the same in single bytes */
    struct str request = STR("GET /echo?a HTTP/1.1\r\n" H "\r\nGET /echo?b HTTP/1.1\r\n" H "\r\n");
    for (size_t i = 0; i < request.n; i++)
        raw_send(fd, str_make(request.p + i, 1));
    raw_read(fd, &text, STR("?b host=h h1 0:"), 1);
    struct buf many; /* more than is held at one time */
    buf_init(&many, 1 << 20);
    for (int i = 0; i < 3000; i++)
        buf_printf(&many, "GET /echo?%d HTTP/1.1\r\n" H "\r\n", i);
    buf_clear(&text);
    raw_send(fd, buf_view(&many));
    a = raw_read(fd, &text, STR("?2999 host"), 1);
    for (int i = 0; i < 3000; i += 271) {
        char want[32];
        snprintf(want, sizeof want, " ?%d host", i);
        check_has(a, want);
    }
    buf_fini(&many);
    close(fd);
    site_stop(&s);
}

static void large_answers_arrive_whole(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    const char *paths[] = { "big", "shared" };
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char request[128];
        int n = snprintf(request, sizeof request, "GET /%s?5000000 HTTP/1.1\r\n" H CLOSE "\r\n",
                         paths[i]);
        struct str body = body_of(raw_ask(&s, &text, str_make(request, (size_t)n)));
        CHECK_I64(body.n, 5000000);
        for (size_t k = 0; k < body.n; k += 4999)
            CHECK(body.p[k] == "abcdefghijklmnopqrstuvwxyz0123456789\n"[k % 37]);
    }
    wait_for(&s.released, 1);
    site_stop(&s);
}

static void bodies_may_be_asked_for(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.body_bytes = 100;
    site_start(&s);
    int fd = raw_connect(&s);
    buf_clear(&text);
    raw_send(fd,
             STR("PUT /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    raw_read(fd, &text, STR("HTTP/1.1 100 Continue\r\n\r\n"), 1);
    raw_send(fd, STR("ok"));
    raw_read(fd, &text, STR("h1 2:ok"), 1);
    buf_clear(&text);
    raw_send(fd,
             STR("PUT /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 101\r\n\r\n"));
    struct str a = raw_read(fd, &text, (struct str){ 0 }, 0);
    CHECK(str_starts(a, STR("HTTP/1.1 413 ")));
    close(fd);
    site_stop(&s);
}

static void limits_are_answered(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.body_bytes = 1000;
    s.options.limits.all_bodies_bytes = 900;
    s.options.limits.header_bytes = 2000;
    site_start(&s);
    char big_head[3000], big_body[2100];
    int n = snprintf(big_head, sizeof big_head, "GET / HTTP/1.1\r\n" H "X: %02500d\r\n\r\n", 1);
    struct str a = raw_ask(&s, &text, str_make(big_head, (size_t)n));
    CHECK(str_starts(a, STR("HTTP/1.1 431 ")));
    check_has(a, "connection: close");
    a = raw_ask(&s, &text, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n"));
    CHECK(str_starts(a, STR("HTTP/1.1 413 ")));
    n = snprintf(
        big_body, sizeof big_body,
        "PUT / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1f4\r\n%0500d\r\n1f5\r\n", 1);
    a = raw_ask(&s, &text, str_make(big_body, (size_t)n));
    CHECK(str_starts(a, STR("HTTP/1.1 413 ")));
    n = snprintf(big_body, sizeof big_body,
                 "PUT / HTTP/1.1\r\n" H "Content-Length: 950\r\n\r\n%0950d", 1);
    a = raw_ask(&s, &text, str_make(big_body, (size_t)n));
    CHECK(str_starts(a, STR("HTTP/1.1 503 ")));
    a = raw_ask(&s, &text, STR("GET / HTTP/3.0\r\n\r\n"));
    CHECK(str_starts(a, STR("HTTP/1.1 505 ")));
    a = raw_ask(&s, &text, STR("garbage\x01\x02\r\n\r\nmore"));
    CHECK(str_starts(a, STR("HTTP/1.1 400 ")));
    a = raw_ask(&s, &text, STR("PRI x HTTP/2.0\r\n\r\nSM\r\n\r\n")); /* a broken HTTP/2 preface */
    CHECK(!has(a, "HTTP/1.1"));
    a = raw_ask(&s, &text, STR("GET /echo?1 HTTP/1.1\r\n" H "\r\nGET / HTTP/1.1\n\n"));
    CHECK(has(a, "?1 host=h") && has(a, "HTTP/1.1 400 ")); /* what was good is answered */
    CHECK_I64(s.handled, 1);
    site_stop(&s);
}

static void slow_clients_are_ended(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.header_timeout_ns = 80 * NS_PER_MS;
    s.options.limits.body_timeout_ns = 80 * NS_PER_MS;
    s.options.limits.idle_timeout_ns = 80 * NS_PER_MS;
    s.options.limits.connections = 3;
    site_start(&s);
    int silent = raw_connect(&s), slow = raw_connect(&s), body = raw_connect(&s);
    buf_clear(&text);
    int extra = raw_connect(&s); /* beyond the limit */
    CHECK_STR(raw_read(extra, &text, (struct str){ 0 }, 0), "");
    close(extra);
    raw_send(body, STR("PUT / HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nabc"));
    struct mono start = clock_mono();
    struct str drip = STR("GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    for (size_t i = 0; i < drip.n && raw_try_send(slow, str_make(drip.p + i, 1)); i++)
        usleep(8000); /* progress, but no end */
    CHECK(str_starts(raw_read(slow, &text, (struct str){ 0 }, 0), STR("HTTP/1.1 408 ")));
    CHECK(clock_mono().ns - start.ns < 5 * NS_PER_S);
    buf_clear(&text);
    CHECK(str_starts(raw_read(body, &text, (struct str){ 0 }, 0), STR("HTTP/1.1 408 ")));
    buf_clear(&text);
    CHECK_STR(raw_read(silent, &text, (struct str){ 0 }, 0), "");
    close(silent);
    close(slow);
    close(body);
    usleep(50000);
    int idle = raw_connect(&s);
    buf_clear(&text);
    raw_send(idle, STR("GET /echo HTTP/1.1\r\n" H "\r\n"));
    CHECK(has(raw_read(idle, &text, (struct str){ 0 }, 0), "h1 0:")); /* answered, then closed */
    close(idle);
    CHECK_I64(s.handled, 1);
    site_stop(&s);
}

static void peers_that_do_not_read_are_bounded(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.stream_bytes = 1 << 20;
    s.options.limits.write_timeout_ns = 150 * NS_PER_MS;
    site_start(&s);
    int deaf = raw_connect(&s);
    int room = 4096;
    setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    raw_send(deaf, STR("GET /flood HTTP/1.1\r\n" H "\r\n"));
    wait_for(&s.closed, 1); /* the write timeout */
    CHECK_I64(s.completed, 0);
    CHECK(s.accepted_writes < (8 << 20) / 65536);
    close(deaf);
    struct str a = raw_ask(&s, &text, STR("GET /flood HTTP/1.1\r\n" H CLOSE "\r\n"));
    CHECK(a.n > 8 << 20);
    CHECK(str_ends(a, STR("\r\n0\r\n\r\n")));
    wait_for(&s.closed, 2);
    CHECK_I64(s.completed, 1);
    CHECK(s.drained > 0);
    site_stop(&s);
}

/* Many that do not read share one limit; those that read are not disturbed. */
static void deaf_peers_together_are_bounded(void **state)
{
    (void)state;
    enum { DEAF = 12 };
    struct site s = { 0 };
    s.options.limits.stream_bytes = 1 << 20;
    s.options.limits.all_streams_bytes = 4 << 20;
    s.options.limits.stall_timeout_ns = 50 * NS_PER_MS;
    site_start(&s);
    int deaf[DEAF];
    for (int i = 0; i < DEAF; i++) {
        int room = 4096;
        deaf[i] = raw_connect(&s);
        setsockopt(deaf[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        raw_send(deaf[i], STR("GET /flood HTTP/1.1\r\n" H "\r\n"));
        usleep(20000);
    }
    struct str a = raw_ask(&s, &text, STR("GET /flood HTTP/1.1\r\n" H CLOSE "\r\n"));
    CHECK(str_ends(a, STR("\r\n0\r\n\r\n")));
    for (int i = 0; i < 500 && s.closed < DEAF - 5; i++) /* 4 MiB are four to five of them */
        usleep(10000);
    CHECK(s.closed >= DEAF - 5);
    CHECK_I64(s.completed, 1);
    for (int i = 0; i < DEAF; i++)
        close(deaf[i]);
    site_stop(&s);
}

static void streams_flush_promptly(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    int fd = raw_connect(&s);
    buf_clear(&text);
    raw_send(fd, STR("GET /ticks HTTP/1.1\r\n" H "\r\n"));
    struct mono start = clock_mono();
    raw_read(fd, &text, STR("5\r\ntick\n\r\n"), 3);
    CHECK(clock_mono().ns - start.ns < 2 * NS_PER_S);
    close(fd); /* the peer goes: the handler is told */
    wait_for(&s.closed, 1);
    CHECK_I64(s.completed, 0);
    site_stop(&s);
}

static void vanished_peers_are_noticed(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    int fd = raw_connect(&s);
    raw_send(fd, STR("GET /never HTTP/1.1\r\n" H "\r\n"));
    wait_for(&s.handled, 1);
    close(fd);
    wait_for(&s.closed, 1);
    fd = raw_connect(&s); /* with a reset */
    raw_send(fd, STR("GET /never HTTP/1.1\r\n" H "\r\n"));
    wait_for(&s.handled, 2);
    struct linger now = { 1, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
    wait_for(&s.closed, 2);
    fd = raw_connect(&s); /* one that nobody watches: the handler may still answer */
    raw_send(fd, STR("GET /park HTTP/1.1\r\n" H "\r\n"));
    wait_for(&s.handled, 3);
    close(fd);
    usleep(30000);
    check_has(raw_ask(&s, &text, STR("GET /unpark HTTP/1.1\r\n" H CLOSE "\r\n")), "done");
    buf_clear(&text);
    fd = raw_connect(&s);
    raw_send(fd, STR("GET /cut HTTP/1.1\r\n" H "\r\n"));
    CHECK(!has(raw_read(fd, &text, (struct str){ 0 }, 0), "0\r\n\r\n"));
    close(fd);
    wait_for(&s.closed, 3);
    CHECK_I64(s.completed, 0);
    site_stop(&s);
}

static void closing_lets_work_finish(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    int later = raw_connect(&s), idle = raw_connect(&s), stuck = raw_connect(&s);
    raw_send(idle, STR("GET /echo HTTP/1.1\r\n" H "\r\n"));
    raw_send(stuck, STR("GET /ticks HTTP/1.1\r\n" H "\r\n"));
    raw_send(later, STR("GET /later HTTP/1.1\r\n" H "\r\n"));
    wait_for(&s.handled, 3);
    site_stop(&s); /* with 200 ms of grace */
    buf_clear(&text);
    struct str a = raw_read(later, &text, (struct str){ 0 }, 0);
    check_has(a, "later");
    check_has(a, "connection: close");
    buf_clear(&text);
    CHECK(has(raw_read(stuck, &text, (struct str){ 0 }, 0), "tick"));
    CHECK(!str_ends(buf_view(&text), STR("0\r\n\r\n"))); /* cut, and it shows */
    CHECK_I64(s.closed, 2);
    CHECK_I64(s.completed, 1);
    close(later);
    close(idle);
    close(stuck);
}

static void public_addresses_need_permission(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct loop *l = loop_new(&err);
    struct http_server *a = NULL, *b = NULL;
    struct http_options o = { .address = STR("0.0.0.0") };
    CHECK_FAILS(http_server_new(&a, l, &o, &err), err, ERR_DENIED);
    o.address = STR("::");
    CHECK_FAILS(http_server_new(&a, l, &o, &err), err, ERR_DENIED);
    o.address = STR("localhost");
    CHECK_FAILS(http_server_new(&a, l, &o, &err), err, ERR_INVALID);
    o.address = STR("127.0.0.5");
    CHECK_OK(http_server_new(&a, l, &o, &err), err);
    CHECK(http_server_port(a) > 0);
    o.port = http_server_port(a);
    CHECK_FAILS(http_server_new(&b, l, &o, &err), err, ERR_BUSY);
    http_server_free(a);
    http_server_free(NULL);
    loop_free(l);
}

int main(void)
{
    buf_init(&text, 64 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(answers_keep_their_order),
        cmocka_unit_test(large_answers_arrive_whole),
        cmocka_unit_test(bodies_may_be_asked_for),
        cmocka_unit_test(limits_are_answered),
        cmocka_unit_test(slow_clients_are_ended),
        cmocka_unit_test(peers_that_do_not_read_are_bounded),
        cmocka_unit_test(deaf_peers_together_are_bounded),
        cmocka_unit_test(streams_flush_promptly),
        cmocka_unit_test(vanished_peers_are_noticed),
        cmocka_unit_test(closing_lets_work_finish),
        cmocka_unit_test(public_addresses_need_permission),
    };
    int rc = CHECK_MAIN(tests);
    buf_fini(&text);
    return rc;
}
