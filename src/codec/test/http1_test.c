/* SPDX-License-Identifier: Apache-2.0
 * Every good message is parsed at every split position and must give the same trace; every bad one
 * must fail with the same status at every split position. */
#include "codec/http1.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "testkit/check.h"

static const struct http1_limits limits = { .head_bytes = 1024, .fields = 16, .body_bytes = 64 };

static void trace_head(struct buf *out, const struct http1_head *h)
{
    if (h->method.p)
        buf_printf(out, "[%.*s %.*s", STR_ARG(h->method), STR_ARG(h->path));
    else
        buf_printf(out, "[%d", h->status);
    if (h->query.p)
        buf_printf(out, " ?%.*s", STR_ARG(h->query));
    if (h->host.p && h->host.n > 0)
        buf_printf(out, " @%.*s", STR_ARG(h->host));
    for (size_t i = 0; i < h->n_fields; i++)
        buf_printf(out, "|%.*s=%.*s", STR_ARG(h->fields[i].name), STR_ARG(h->fields[i].value));
    buf_printf(out, "%s%s]", h->keep_alive ? "" : " close", h->expects_continue ? " expects" : "");
}

/* Consumes what was fed; body pieces are joined so that splits do not show. */
static void trace_events(struct buf *out, struct http1 *p)
{
    struct http1_event ev;
    for (;;) {
        switch (http1_next(p, &ev)) {
        case HTTP1_MORE:
            return;
        case HTTP1_HEAD:
            trace_head(out, ev.head);
            break;
        case HTTP1_BODY:
            CHECK(ev.piece.n > 0);
            buf_str(out, ev.piece);
            break;
        case HTTP1_END:
            buf_str(out, STR("."));
            break;
        case HTTP1_ERROR:
            CHECK(ev.why != NULL);
            if (!str_ends(buf_view(out), STR("!")))
                buf_printf(out, "%d!", ev.status);
            http1_rest(p);
            return;
        }
    }
}

/* From fresh memory of exact size, so that AddressSanitizer sees reads beyond a piece. */
static void feed_copy(struct buf *out, struct http1 *p, struct str piece)
{
    char *copy = malloc(piece.n > 0 ? piece.n : 1);
    if (piece.n > 0)
        memcpy(copy, piece.p, piece.n);
    http1_feed(p, str_make(copy, piece.n));
    trace_events(out, p);
    free(copy);
}

static void
trace_split(struct buf *out, enum http1_role role, struct str text, size_t at, bool close)
{
    struct http1 *p = http1_new(role, &limits);
    buf_clear(out);
    feed_copy(out, p, str_take(text, at));
    feed_copy(out, p, str_skip(text, at));
    struct http1_event ev;
    enum http1_what what = close ? http1_eof(p, &ev) : HTTP1_MORE;
    if (what == HTTP1_END)
        buf_str(out, STR("."));
    else if (what == HTTP1_ERROR && !str_ends(buf_view(out), STR("!")))
        buf_str(out, STR("cut!"));
    http1_free(p);
}

static void trace_bytewise(struct buf *out, enum http1_role role, struct str text)
{
    struct http1 *p = http1_new(role, &limits);
    buf_clear(out);
    for (size_t i = 0; i < text.n; i++)
        feed_copy(out, p, str_make(text.p + i, 1));
    struct http1_event ev;
    if (http1_eof(p, &ev) == HTTP1_END)
        buf_str(out, STR("."));
    http1_free(p);
}

struct sample {
    struct str text, want;
};
#define SAMPLE(text, want)                                                                         \
    {                                                                                              \
        STR_INIT(text), STR_INIT(want)                                                             \
    }

static void check_samples(enum http1_role role, const struct sample *samples, size_t n)
{
    struct buf out;
    buf_init(&out, 8192);
    for (size_t i = 0; i < n; i++) {
        for (size_t at = 0; at <= samples[i].text.n; at++) {
            trace_split(&out, role, samples[i].text, at, true);
            CHECK_STR_EQ(buf_view(&out), samples[i].want);
        }
        trace_bytewise(&out, role, samples[i].text);
        CHECK_STR_EQ(buf_view(&out), samples[i].want);
    }
    buf_fini(&out);
}

static void good_requests(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        SAMPLE("GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /a ?b=c @h|host=h]."),
        SAMPLE("\r\nGET / HTTP/1.1\r\nHost:h \t\r\nX-A:\r\n\r\n", "[GET / @h|host=h|x-a=]."),
        SAMPLE("GET / HTTP/1.0\r\n\r\n", "[GET / close]."),
        SAMPLE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
               "[GET /|connection=Keep-Alive]."),
        SAMPLE("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n",
               "[GET / @h|host=h|connection=x, Close close]."),
        SAMPLE("GET http://x:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "[GET /p ?q @x:1|host=h]."),
        SAMPLE("GET http://x HTTP/1.1\r\nHost: h\r\n\r\n", "[GET / @x|host=h]."),
        SAMPLE("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "[OPTIONS * @h|host=h]."),
        SAMPLE("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc"
               "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
               "[PUT / @h|host=h|content-length=3|expect=100-Continue expects]abc."
               "[GET /2 @h|host=h]."),
        SAMPLE("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
               "2\r\nab\r\n0A ;x=\"y\"\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.0\r\n\r\n",
               "[POST / @h|host=h|transfer-encoding=Chunked]ab0123456789.[GET / close]."),
        SAMPLE("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
               "[POST / @h|host=h|content-length=0]."),
        SAMPLE("GET / HTTP/1.1\r\nHost: h\r\nX: \xc3\xa4\r\n\r\n", "[GET / @h|host=h|x=\xc3\xa4]."),
    };
    check_samples(HTTP1_REQUESTS, samples, COUNT_OF(samples));
}

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "[POST / @h|host=h|transfer-encoding=chunked]"

static const struct sample refused[] = {
    SAMPLE("GET /\r\n\r\n", "400!"),
    SAMPLE("GET / HTTP/1.1\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET / HTTP/1.1\r\nHost: h\n\r\n", "400!"),
    SAMPLE(GET "\n", "400!"),
    SAMPLE("\n", "400!"),
    SAMPLE("\r\n\r\nGET / HTTP/1.0\r\n\r\n", "400!"),
    SAMPLE("GET / HTTP/2.0\r\n\r\n", "505!"),
    SAMPLE("GET / HTTP/1.2\r\n\r\n", "505!"),
    SAMPLE("GET / http/1.1\r\n\r\n", "400!"),
    SAMPLE("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400!"),
    SAMPLE(" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET a HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET * HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("GET http://u@h/a HTTP/1.1\r\nHost: h\r\n\r\n", "400!"),
    SAMPLE("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", "501!"),
    SAMPLE("GET / HTTP/1.1\r\n\r\n", "400!"),
    SAMPLE(GET "Host: h\r\n\r\n", "400!"),
    SAMPLE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400!"),
    SAMPLE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400!"),
    SAMPLE(GET "X-A : b\r\n\r\n", "400!"),
    SAMPLE(GET "X-A: b\r\n c\r\n\r\n", "400!"), /* obs-fold */
    SAMPLE(GET "X-A\r\n\r\n", "400!"),
    SAMPLE(GET ": b\r\n\r\n", "400!"),
    SAMPLE(GET "X: a\rb\r\n\r\n", "400!"),
    SAMPLE(GET "X-Abc: \rxTransfer-Encoding: chunked\r\n\r\n", "400!"),
    SAMPLE(GET "X: a\0b\r\n\r\n", "400!"),
    SAMPLE(GET "X: a\x7f\r\n\r\n", "400!"),
    SAMPLE(GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "400!"),
    SAMPLE(GET "Content-Length: 1, 1\r\n\r\na", "400!"),
    SAMPLE(GET "Content-Length: +1\r\n\r\na", "400!"),
    SAMPLE(GET "Content-Length: -1\r\n\r\na", "400!"),
    SAMPLE(GET "Content-Length: 0x1\r\n\r\na", "400!"),
    SAMPLE(GET "Content-Length:\r\n\r\na", "400!"),
    SAMPLE(GET "Content-Length: 65\r\n\r\n", "413!"),
    SAMPLE(GET "Content-Length: 99999999999999999999\r\n\r\n", "413!"),
    SAMPLE(GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", "400!"),
    SAMPLE(GET "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\na", "400!"),
    SAMPLE(GET "Transfer-Encoding: xchunked\r\n\r\n", "501!"),
    SAMPLE(GET "Transfer-Encoding: gzip, chunked\r\n\r\n", "501!"),
    SAMPLE(GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400!"),
    SAMPLE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400!"),
    SAMPLE(CHUNKED "g\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "-1\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "0x1\r\na\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "1\na\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "1;a\nb\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "1 2\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(CHUNKED "1\r\nab\r\n", CHUNKED_HEAD "a400!"),
    SAMPLE(CHUNKED "1\r\na\n", CHUNKED_HEAD "a400!"),
    SAMPLE(CHUNKED "41\r\n", CHUNKED_HEAD "413!"),
    SAMPLE(CHUNKED "1000000000000000\r\n", CHUNKED_HEAD "413!"),
    SAMPLE(CHUNKED "0\r\nbad line\r\n\r\n", CHUNKED_HEAD "400!"),
    SAMPLE(GET, "cut!"),
    SAMPLE(CHUNKED "1\r\n", CHUNKED_HEAD "cut!"),
    SAMPLE(GET "Content-Length: 2\r\n\r\na", "[GET / @h|host=h|content-length=2]acut!"),
};

static void bad_requests(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 8192);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        for (size_t at = 0; at <= refused[i].text.n; at++) {
            trace_split(&out, HTTP1_REQUESTS, refused[i].text, at, true);
            if (!str_eq(buf_view(&out), refused[i].want))
                print_error("sample %zu split at %zu\n", i, at);
            CHECK_STR_EQ(buf_view(&out), refused[i].want);
        }
    }
    buf_fini(&out);
}

static void answers(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        SAMPLE("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "[200|content-length=2]hi."),
        SAMPLE("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 \r\nX: y\r\n\r\n", "[100].[204|x=y]."),
        SAMPLE("HTTP/1.1 200 OK\r\n\r\nuntil the end", "[200 close]until the end."),
        SAMPLE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
               "[200|transfer-encoding=chunked]a."),
        SAMPLE("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "[304|content-length=9]."),
        SAMPLE("HTTP/1.1 20 OK\r\n\r\n", "400!"),
        SAMPLE("HTTP/1.1 -20 OK\r\n\r\n", "400!"),
        SAMPLE("ICY 200 OK\r\n\r\n", "400!"),
        SAMPLE("\r\nHTTP/1.1 200 OK\r\n\r\n", "400!"),
        SAMPLE("HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n", "413!"),
    };
    struct buf out;
    buf_init(&out, 8192);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        for (size_t at = 0; at <= samples[i].text.n; at++) {
            trace_split(&out, HTTP1_ANSWERS, samples[i].text, at, true);
            CHECK_STR_EQ(buf_view(&out), samples[i].want);
        }
    }
    struct http1 *p = http1_new(HTTP1_ANSWERS, &limits);
    buf_clear(&out);
    http1_no_body(p);
    feed_copy(&out, p,
              STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"));
    CHECK_STR(buf_view(&out), "[100].[200|content-length=2].[200|content-length=1]x.");
    http1_free(p);
    buf_fini(&out);
}

/* A request whose head is exactly n bytes. */
static void put_head(struct buf *out, size_t n)
{
    static const char begin[] = "GET / HTTP/1.1\r\nHost: h\r\nX: ", end[] = "\r\n\r\n";
    buf_clear(out);
    buf_put(out, begin, sizeof begin - 1);
    while (out->n < n - (sizeof end - 1))
        buf_char(out, 'x');
    buf_put(out, end, sizeof end - 1);
    CHECK_I64(out->n, n);
}

static void limits_hold(void **state)
{
    (void)state;
    struct buf in, out;
    buf_init(&in, 65536);
    buf_init(&out, 65536);
    for (size_t n = limits.head_bytes; n <= limits.head_bytes + 1; n++) {
        put_head(&in, n);
        for (size_t at = 0; at < n; at += 7) {
            trace_split(&out, HTTP1_REQUESTS, buf_view(&in), at, false);
            CHECK(n > limits.head_bytes ? str_is(buf_view(&out), "431!")
                                        : str_ends(buf_view(&out), STR("].")));
        }
    }
    for (size_t fields = limits.fields; fields <= limits.fields + 1; fields++) {
        buf_clear(&in);
        buf_str(&in, STR("GET / HTTP/1.1\r\nHost: h\r\n"));
        for (size_t i = 1; i < fields; i++)
            buf_printf(&in, "x-%zu: y\r\n", i);
        buf_str(&in, STR("\r\n"));
        trace_split(&out, HTTP1_REQUESTS, buf_view(&in), 5, false);
        CHECK(str_is(buf_view(&out), "431!") == (fields > limits.fields));
    }
    buf_clear(&in); /* chunks that together pass the limit */
    buf_str(&in, STR(CHUNKED "3f\r\n"));
    for (int i = 0; i < 63; i++)
        buf_char(&in, 'a');
    buf_str(&in, STR("\r\n2\r\n"));
    trace_split(&out, HTTP1_REQUESTS, buf_view(&in), 9, false);
    CHECK(str_ends(buf_view(&out), STR("a413!")));
    buf_fini(&in);
    buf_fini(&out);
}

static void endless_lines_are_cut(void **state)
{
    (void)state;
    const struct sample starts[] = {
        SAMPLE(CHUNKED "1;", CHUNKED_HEAD "431!"),       /* one extension without end */
        SAMPLE(CHUNKED "0\r\nT: ", CHUNKED_HEAD "431!"), /* one trailer line without end */
        SAMPLE("GET /", "431!"),
    };
    struct buf out;
    buf_init(&out, 65536);
    char filler[512];
    memset(filler, 'x', sizeof filler);
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        struct http1 *p = http1_new(HTTP1_REQUESTS, &limits);
        buf_clear(&out);
        feed_copy(&out, p, starts[i].text);
        for (int k = 0; k < 40; k++)
            feed_copy(&out, p, str_make(filler, sizeof filler));
        CHECK_STR_EQ(buf_view(&out), starts[i].want);
        http1_free(p);
    }
    struct http1 *p = http1_new(HTTP1_REQUESTS, &limits); /* trailer lines without end */
    buf_clear(&out);
    feed_copy(&out, p, STR(CHUNKED "0\r\n"));
    for (int k = 0; k < 3000; k++)
        feed_copy(&out, p, STR("a: b\r\n"));
    CHECK_STR(buf_view(&out), CHUNKED_HEAD "431!");
    http1_free(p);
    buf_fini(&out);
}

static void rest_is_given_back(void **state)
{
    (void)state;
    struct http1 *p = http1_new(HTTP1_REQUESTS, &limits);
    struct http1_event ev;
    CHECK(!http1_in_head(p));
    http1_feed(p, STR("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\n"));
    CHECK(http1_next(p, &ev) == HTTP1_HEAD);
    CHECK(http1_next(p, &ev) == HTTP1_END);
    struct str rest = http1_rest(p);
    CHECK_STR(rest, "GET /2 HTTP/1.1\r\n");
    http1_shrink(p);
    http1_feed(p, rest);
    CHECK(http1_next(p, &ev) == HTTP1_MORE);
    CHECK(http1_in_head(p));
    http1_feed(p, STR("Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"));
    CHECK(http1_next(p, &ev) == HTTP1_HEAD);
    CHECK_STR(ev.head->path, "/2");
    CHECK_STR(ev.head->upgrade, "websocket");
    CHECK(http1_next(p, &ev) == HTTP1_END);
    CHECK(http1_eof(p, &ev) == HTTP1_MORE);
    http1_free(p);
    http1_free(NULL);
}

static void words_are_checked(void **state)
{
    (void)state;
    CHECK(http1_token_ok(STR("x-a_1")));
    CHECK(!http1_token_ok(STR("")));
    CHECK(!http1_token_ok(STR("a b")));
    CHECK(!http1_token_ok(STR("a:")));
    CHECK(http1_value_ok(STR("")));
    CHECK(http1_value_ok(STR("a\tb")));
    CHECK(!http1_value_ok(STR("a\r\nb: c")));
    CHECK(!http1_value_ok(STR(" a")));
    CHECK(http1_list_has(STR("a, B ,c"), STR("b")));
    CHECK(!http1_list_has(STR("ab"), STR("b")));
    CHECK(!http1_list_has((struct str){ 0 }, STR("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_requests),
        cmocka_unit_test(bad_requests),
        cmocka_unit_test(answers),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(endless_lines_are_cut),
        cmocka_unit_test(rest_is_given_back),
        cmocka_unit_test(words_are_checked),
    };
    return CHECK_MAIN(tests);
}
