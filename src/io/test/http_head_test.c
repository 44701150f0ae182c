/* SPDX-License-Identifier: Apache-2.0
 * Heads that are judged before their bodies are taken, HTTP/1.1 in raw bytes. */
#include "io/http.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/test/http_fixture.h"
#include "testkit/check.h"

#define H "Host: h\r\n"
#define ME "X-Who: me\r\n"
#define CLOSE "Connection: close\r\n"

static struct buf text;

static bool has(struct str s, const char *what)
{
    return str_find(s, str_from(what)) >= 0;
}

static struct str read_all(int fd)
{
    buf_clear(&text);
    struct str got = raw_read(fd, &text, (struct str){ 0 }, 0);
    close(fd);
    return got;
}

/* A request that has begun: so much of a body of `length` bytes is sent. */
static int begin(const struct site *s, const char *who, int length, int sent)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "PUT /echo HTTP/1.1\r\n" H CLOSE "%sContent-Length: %d\r\n\r\n", who, length);
    int fd = raw_connect(s);
    raw_send(fd, str_make(head, (size_t)n));
    static const char body[65536];
    for (int left = sent; left > 0; left -= (int)sizeof body)
        raw_try_send(fd, str_make(body, left < (int)sizeof body ? (size_t)left : sizeof body));
    return fd;
}

static void strangers_hold_nothing(void **state)
{
    (void)state;
    enum { STRANGERS = 100 };
    struct site s = { .judges = true };
    s.options.limits.body_bytes = 1 << 20;
    s.options.limits.all_bodies_bytes = 100000;
    site_start(&s);
    int fds[STRANGERS];
    for (int i = 0; i < STRANGERS; i++)
        fds[i] = begin(&s, "", 1 << 20, i % 2 ? 5000 : 0);
    struct str a = read_all(begin(&s, ME, 50000, 50000));
    CHECK(str_starts(a, STR("HTTP/1.1 200 ")));
    for (int i = 0; i < STRANGERS; i++) {
        a = read_all(fds[i]);
        CHECK(str_starts(a, STR("HTTP/1.1 401 ")));
        CHECK(has(a, "connection: close\r\n") && str_ends(a, STR("who?")));
    }
    CHECK_I64(s.wanted, 1);
    CHECK_I64(s.handled, 1);
    site_stop(&s);
}

/* What stands in an unwanted body is never a request, however it is cut into pieces. */
static void small_unwanted_bodies_are_dropped(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    site_start(&s);
    struct str both = STR("PUT /a HTTP/1.1\r\n" H "Content-Length: 37\r\n\r\n"
                          "GET /inner HTTP/1.1\r\nHost: smuggled\r\n"
                          "GET /echo HTTP/1.1\r\n" H CLOSE "\r\n");
    for (size_t at = 1; at < both.n; at += 3) {
        int fd = raw_connect(&s);
        raw_send(fd, str_take(both, at));
        if (at % 2)
            usleep(1000);
        raw_send(fd, str_skip(both, at));
        struct str a = read_all(fd);
        CHECK(str_starts(a, STR("HTTP/1.1 401 ")));
        CHECK(str_ends(a, STR("GET /echo host=h h1 0:")) && !has(a, "smuggled"));
    }
    CHECK_I64(s.handled, (int)((both.n - 2) / 3 + 1));
    CHECK_I64(s.wanted, 0);
    site_stop(&s);
}

/* Bodies of unknown or large size are not waited for, and no other request is read after them. */
static void other_unwanted_bodies_end_the_connection(void **state)
{
    (void)state;
    const char *fields[] = { "Transfer-Encoding: chunked\r\n", "Content-Length: 65537\r\n",
                             "Content-Length: 4\r\nExpect: 100-continue\r\n" };
    struct site s = { .judges = true };
    site_start(&s);
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        char request[256];
        int n =
            snprintf(request, sizeof request,
                     "PUT /a HTTP/1.1\r\n" H "%s\r\nGET /echo HTTP/1.1\r\n" H "\r\n", fields[i]);
        struct str a = raw_ask(&s, &text, str_make(request, (size_t)n));
        CHECK(str_starts(a, STR("HTTP/1.1 401 ")));
        CHECK(has(a, "connection: close\r\n") && str_ends(a, STR("who?")));
        CHECK(!has(a, "100 Continue"));
    }
    CHECK_I64(s.handled, 0);
    site_stop(&s);
}

static void wanted_bodies_are_asked_for(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    site_start(&s);
    int fd = raw_connect(&s);
    buf_clear(&text);
    raw_send(fd, STR("PUT /echo HTTP/1.1\r\n" H ME CLOSE
                     "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    raw_read(fd, &text, STR("HTTP/1.1 100 Continue\r\n\r\n"), 1);
    raw_send(fd, STR("ok"));
    CHECK(str_ends(read_all(fd), STR("h1 2:ok")));
    fd = begin(&s, ME, 10, 5); /* cut short: its end is told */
    wait_for(&s.wanted, 2);
    close(fd);
    wait_for(&s.ended, 2);
    CHECK_I64(s.handled, 1);
    site_stop(&s);
}

static void answers_without_a_body_may_take_long(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    site_start(&s);
    int fd = raw_connect(&s);
    raw_send(fd, STR("GET /later HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\na"));
    usleep(5000); /* the answer takes 20 ms: the rest comes before or after it */
    raw_send(fd, STR("bcGET /echo HTTP/1.1\r\n" H CLOSE "\r\n"));
    struct str a = read_all(fd);
    CHECK(str_starts(a, STR("HTTP/1.1 200 ")) && has(a, "later"));
    CHECK(str_ends(a, STR("GET /echo host=h h1 0:")));
    a = raw_ask(&s, &text, STR("GET /later HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3"));
    CHECK(has(a, "connection: close\r\n") && str_ends(a, STR("later")));
    site_stop(&s);
}

static void holders_share_what_is_free(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    s.options.limits.all_bodies_bytes = 90000;
    site_start(&s);
    int greedy[2] = { begin(&s, ME, 40000, 30000), begin(&s, ME, 40000, 30000) };
    struct pollfd refused[2] = { { greedy[0], POLLIN, 0 }, { greedy[1], POLLIN, 0 } };
    CHECK_I64(poll(refused, 2, 10000), 1); /* 60,000 would be more than the 30,000 left free */
    int kept = refused[0].revents ? 1 : 0;
    struct str a = read_all(greedy[1 - kept]);
    CHECK(str_starts(a, STR("HTTP/1.1 429 ")) && has(a, "retry-after: 1\r\n"));
    a = read_all(begin(&s, "X-Who: you\r\n", 29000, 29000));
    CHECK(str_starts(a, STR("HTTP/1.1 200 ")));
    a = read_all(begin(&s, "X-Who: you\r\n", 31000, 31000));
    CHECK(str_starts(a, STR("HTTP/1.1 429 ")));
    close(greedy[kept]);
    wait_for(&s.ended, 4);
    for (int i = 0; i < 20; i++) /* what is over is not counted any more */
        CHECK(str_starts(read_all(begin(&s, ME, 45000, 45000)), STR("HTTP/1.1 200 ")));
    site_stop(&s);
}

static bool answers(int fd)
{
    if (!raw_try_send(fd, STR("GET /echo HTTP/1.1\r\n" H "\r\n")))
        return false;
    buf_clear(&text);
    return raw_read(fd, &text, STR("h1 0:"), 1).n > 0;
}

/* Strangers may have a quarter of all connections; beyond that their oldest goes, never one whose
 * user is known. */
static void the_oldest_stranger_makes_room(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    s.options.strangers = true;
    s.options.limits.connections = 20;
    site_start(&s);
    int known[4], strangers[30];
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        known[i] = raw_connect(&s);
        raw_send(known[i], STR("PUT /echo HTTP/1.1\r\n" H ME "Content-Length: 2\r\n\r\nhi"));
        buf_clear(&text);
        raw_read(known[i], &text, STR("h1 2:hi"), 1);
    }
    for (size_t i = 0; i < COUNT_OF(strangers); i++) {
        strangers[i] = raw_connect(&s);
        CHECK(answers(strangers[i]));
    }
    for (size_t i = 0; i < COUNT_OF(known); i++)
        CHECK(answers(known[i]));
    int alive = 0;
    for (size_t i = 0; i < COUNT_OF(strangers); i++) {
        bool lives = answers(strangers[i]);
        alive += lives;
        CHECK(lives == (i >= COUNT_OF(strangers) - 6)); /* 1 + 20 / 4 */
        close(strangers[i]);
    }
    CHECK_I64(alive, 6);
    for (size_t i = 0; i < COUNT_OF(known); i++)
        close(known[i]);
    site_stop(&s);
}

int main(void)
{
    buf_init(&text, 64 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_hold_nothing),
        cmocka_unit_test(small_unwanted_bodies_are_dropped),
        cmocka_unit_test(other_unwanted_bodies_end_the_connection),
        cmocka_unit_test(wanted_bodies_are_asked_for),
        cmocka_unit_test(answers_without_a_body_may_take_long),
        cmocka_unit_test(holders_share_what_is_free),
        cmocka_unit_test(the_oldest_stranger_makes_room),
    };
    int rc = CHECK_MAIN(tests);
    buf_fini(&text);
    return rc;
}
