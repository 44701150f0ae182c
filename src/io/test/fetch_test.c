/* SPDX-License-Identifier: Apache-2.0
 * fetch and the server engine against each other: HTTP/1.1 in plain text, HTTP/2 over TLS. */
#include "io/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/test/http_fixture.h"
#include "testkit/check.h"

static struct tls_pair ca, server_pair, client_pair;

static int make_pairs(void **state)
{
    (void)state;
    struct err err = { 0 };
    const struct str hosts[] = { STR("127.0.0.1"), STR("api.test") };
    const struct str orgs[] = { STR("g1"), STR("g2") };
    struct tls_cert_request s = {
        .common_name = STR("api"), .hosts = hosts, .n_hosts = 2, .server = true, .valid_days = 2
    };
    struct tls_cert_request c = {
        .common_name = STR("admin"), .orgs = orgs, .n_orgs = 2, .valid_days = 2
    };
    CHECK_OK(tls_make_ca(&ca, STR("ca"), clock_wall(), 2, &err), err);
    CHECK_OK(tls_make_cert(&server_pair, &ca, &s, clock_wall(), &err), err);
    CHECK_OK(tls_make_cert(&client_pair, &ca, &c, clock_wall(), &err), err);
    return 0;
}

static int free_pairs(void **state)
{
    (void)state;
    tls_pair_fini(&ca);
    tls_pair_fini(&server_pair);
    tls_pair_fini(&client_pair);
    return 0;
}

/* ---- one asker: a client on the test's own loop ---- */
struct asker {
    struct site site;
    struct loop *loop;
    struct fetch_client *client;
    bool tls;
    char base[64];
    /* of the last answer */
    int status;
    struct buf body;
    struct err err;
    int left; /* answers still to come */
    size_t streamed;
    size_t end_after; /* streamed bytes */
    struct fetch *fetch;
    bool cancel, free_client, again;
};

static void asker_open(struct asker *a, bool tls)
{
    struct err err = { 0 };
    a->tls = tls;
    if (tls)
        CHECK_OK(tls_server_new(&a->site.options.tls, str_from(server_pair.cert_pem),
                                str_from(server_pair.key_pem), str_from(ca.cert_pem), &err),
                 err);
    site_start(&a->site);
    a->loop = loop_new(&err);
    struct fetch_tls t = { .ca_pem = str_from(ca.cert_pem),
                           .client_cert_pem = str_from(client_pair.cert_pem),
                           .client_key_pem = str_from(client_pair.key_pem) };
    a->client = fetch_client_new(a->loop, tls ? &t : NULL, &err);
    CHECK(a->client != NULL);
    snprintf(a->base, sizeof a->base, "%s://127.0.0.1:%u", tls ? "https" : "http",
             (unsigned)a->site.port);
    buf_init(&a->body, 64 << 20);
}

static void asker_close(struct asker *a)
{
    fetch_client_free(a->client);
    loop_free(a->loop);
    site_stop(&a->site);
    tls_server_free(a->site.options.tls);
    buf_fini(&a->body);
}

static void done(void *arg, const struct fetch_answer *answer, const struct err *err);

static void start(struct asker *a, const char *method, const char *path, struct str body)
{
    char url[160];
    snprintf(url, sizeof url, "%s%s", a->base, path);
    const struct http_header headers[] = { { STR("x-seen"), STR("me") } };
    struct fetch_request r = { .method = method,
                               .url = str_from(url),
                               .headers = headers,
                               .n_headers = 1,
                               .body = body,
                               .timeout_ns = 20 * NS_PER_S };
    a->fetch = fetch_start(a->client, &r, NULL, done, a);
    a->left++;
}

static void done(void *arg, const struct fetch_answer *answer, const struct err *err)
{
    struct asker *a = arg;
    a->status = answer->status;
    a->err = *err;
    buf_clear(&a->body);
    buf_str(&a->body, answer->body);
    if (a->again) {
        a->again = false;
        start(a, "GET", "/echo?again", STR(""));
    }
    if (a->free_client) {
        fetch_client_free(a->client);
        a->client = NULL;
    }
    if (--a->left == 0)
        loop_stop(a->loop);
}

static struct str ask(struct asker *a, const char *method, const char *path, struct str body)
{
    start(a, method, path, body);
    loop_run(a->loop);
    if (a->err.kind != ERR_NONE)
        print_error("%s %s: %s\n", method, path, a->err.msg);
    return buf_view(&a->body);
}

static bool on_piece(void *arg, int status, struct str piece)
{
    struct asker *a = arg;
    CHECK_I64(status, 200);
    a->streamed += piece.n;
    if (a->cancel && a->streamed >= a->end_after) {
        fetch_cancel(a->fetch);
        loop_stop(a->loop);
    }
    return a->cancel || a->end_after == 0 || a->streamed < a->end_after;
}

static void start_stream(struct asker *a, const char *path)
{
    char url[160];
    snprintf(url, sizeof url, "%s%s", a->base, path);
    struct fetch_request r = { .method = "GET", .url = str_from(url) };
    a->streamed = 0;
    a->fetch = fetch_start(a->client, &r, on_piece, done, a);
    a->left++;
}

/* ---- tests, each for plain HTTP/1.1 and for HTTP/2 over TLS ---- */
static void requests_round_trip(bool tls)
{
    struct asker a = { 0 };
    asker_open(&a, tls);
    char want[200];
    snprintf(want, sizeof want, "POST /echo ?q=%%201 host=127.0.0.1:%u seen=me%s 5:hello",
             (unsigned)a.site.port, tls ? " cn=admin orgs=2 h2+tls" : " h1");
    CHECK_STR_EQ(ask(&a, "POST", "/echo?q=%201", STR("hello")), str_from(want));
    CHECK_I64(a.status, 200);
    CHECK(str_starts(ask(&a, "PUT", "/echo", STR("")), STR("PUT /echo host")));
    CHECK(str_starts(ask(&a, "DELETE", "/echo", STR("")), STR("DELETE /echo host")));
    CHECK(str_starts(ask(&a, "PATCH", "/echo", STR("x")), STR("PATCH /echo host")));
    CHECK(str_starts(ask(&a, "GET", "/x/../echo/.", STR("")), STR("GET /x/../echo/. host")));
    CHECK_STR(ask(&a, "HEAD", "/big?1000", STR("")), "");
    CHECK_I64(a.status, 200);
    CHECK_STR(ask(&a, "GET", "/status?204", STR("")), "");
    CHECK_I64(a.status, 204);
    ask(&a, "GET", "/status?404", STR(""));
    CHECK_I64(a.status, 404);
    CHECK_STR(ask(&a, "GET", "/stream?2", STR("")), "piece 0\npiece 1\n");
    CHECK_STR(ask(&a, "GET", "/later", STR("")), "later");
    CHECK_I64(ask(&a, "GET", "/big?3000000", STR("")).n, 3000000);
    struct str shared = ask(&a, "GET", "/shared?3000000", STR(""));
    CHECK_I64(shared.n, 3000000);
    for (size_t i = 0; i < shared.n; i += 997)
        CHECK(shared.p[i] == "abcdefghijklmnopqrstuvwxyz0123456789\n"[i % 37]);
    wait_for(&a.site.released, 1);
    size_t n = 2 << 20;
    AUTO(mem_freep) char *upload = mem_alloc(n);
    memset(upload, 'u', n);
    CHECK(ask(&a, "POST", "/echo", str_make(upload, n)).n > n);
    a.again = true;
    ask(&a, "GET", "/echo", STR(""));
    CHECK(str_starts(buf_view(&a.body), STR("GET /echo ?again")));
    asker_close(&a);
}

static void limits_reach_the_client(bool tls)
{
    struct asker a = { 0 };
    a.site.options.limits.body_bytes = 1000;
    a.site.options.limits.header_bytes = 4000;
    asker_open(&a, tls);
    char big[1001], path[6000];
    memset(big, 'x', sizeof big);
    ask(&a, "PUT", "/echo", str_make(big, sizeof big));
    CHECK_I64(a.status, 413);
    ask(&a, "PUT", "/echo", str_make(big, 1000));
    CHECK_I64(a.status, 200);
    struct http_header headers[3] = { { STR("x-a"), str_make(path, 0) } };
    memset(path, 'p', sizeof path);
    headers[0].value = str_make(path, 5500);
    char url[100];
    snprintf(url, sizeof url, "%s/echo", a.base);
    struct fetch_request r = {
        .method = "GET", .url = str_from(url), .headers = headers, .n_headers = 1
    };
    if (!tls) { /* nghttp2's client refuses to send what the server's settings forbid */
        fetch_start(a.client, &r, NULL, done, &a);
        a.left++;
        loop_run(a.loop);
        CHECK_I64(a.status, 431);
    }
    headers[0] = (struct http_header){ STR("x-a"), STR("a\r\nb: c") };
    fetch_start(a.client, &r, NULL, done, &a);
    a.left++;
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_INVALID);
    r.n_headers = 0;
    snprintf(url, sizeof url, "%s/big?5000", a.base);
    r.url = str_from(url);
    r.answer_bytes = 4999;
    fetch_start(a.client, &r, NULL, done, &a);
    a.left++;
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_TOO_LARGE);
    CHECK_I64(a.status, 0);
    asker_close(&a);
}

static void streams_are_streamed(bool tls)
{
    struct asker a = { 0 };
    a.site.options.limits.stream_bytes = 1 << 20;
    asker_open(&a, tls);
    start_stream(&a, "/flood");
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_NONE);
    CHECK_I64(a.status, 200);
    CHECK_I64(a.streamed, 8 << 20);
    wait_for(&a.site.closed, 1);
    CHECK_I64(a.site.completed, 1);
    a.end_after = 10; /* the client has enough */
    start_stream(&a, "/ticks");
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_NONE);
    CHECK(a.streamed >= 10);
    wait_for(&a.site.closed, 2);
    a.cancel = true; /* the client cancels from inside the piece */
    start_stream(&a, "/ticks");
    loop_run(a.loop);
    CHECK_I64(a.left--, 1); /* done was not called */
    wait_for(&a.site.closed, 3);
    CHECK_I64(a.site.completed, 1);
    a.cancel = false;
    a.end_after = 0;
    start_stream(&a, "/cut"); /* the server cuts */
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_IO);
    start(&a, "GET", "/never", STR(""));
    fetch_cancel(a.fetch); /* before it began */
    a.left--;
    CHECK(str_starts(ask(&a, "GET", "/echo", STR("")), STR("GET /echo")));
    asker_close(&a);
}

static void ends_are_told(bool tls)
{
    struct asker a = { 0 };
    asker_open(&a, tls);
    char url[100];
    snprintf(url, sizeof url, "%s/never", a.base);
    struct fetch_request r = { .method = "GET",
                               .url = str_from(url),
                               .timeout_ns = 100 * NS_PER_MS };
    fetch_start(a.client, &r, NULL, done, &a);
    a.left++;
    CHECK_I64(a.err.kind, ERR_NONE); /* not yet */
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_TIMEOUT);
    wait_for(&a.site.closed, 1);
    const char *bad[] = { "ftp://127.0.0.1/", "127.0.0.1/x", "http://127.0.0.1:99999/" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        r.url = str_from(bad[i]);
        fetch_start(a.client, &r, NULL, done, &a);
        a.left++;
        loop_run(a.loop);
        CHECK_I64(a.err.kind, ERR_INVALID);
    }
    r.url = STR("http://127.0.0.1:1/");
    r.timeout_ns = 0;
    fetch_start(a.client, &r, NULL, done, &a);
    a.left++;
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_IO);
    start(&a, "GET", "/never", STR("")); /* freed with requests under way: no callback */
    start(&a, "GET", "/echo", STR(""));
    a.free_client = true;
    a.left = 1; /* the first answer ends the loop */
    loop_run(a.loop);
    CHECK(a.client == NULL);
    if (a.status != 200)
        print_error("%s\n", a.err.msg);
    CHECK_I64(a.status, 200);
    asker_close(&a);
}

static void many_at_once(bool tls)
{
    struct asker a = { 0 };
    asker_open(&a, tls);
    ask(&a, "GET", "/peer", STR(""));
    char first[80];
    snprintf(first, sizeof first, "%.*s", STR_ARG(buf_view(&a.body)));
    for (int i = 0; i < 200; i++)
        start(&a, "GET", i % 2 ? "/echo" : "/later", STR(""));
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_NONE);
    CHECK_I64(a.site.handled, 201);
    if (tls) /* one connection carried them all */
        CHECK_STR_EQ(ask(&a, "GET", "/peer", STR("")), str_from(first));
    asker_close(&a);
}

static void over_plain_http1(void **state)
{
    (void)state;
    requests_round_trip(false);
    limits_reach_the_client(false);
    streams_are_streamed(false);
    ends_are_told(false);
    many_at_once(false);
}

static void requests_over_tls(void **state)
{
    (void)state;
    requests_round_trip(true);
}

static void limits_over_tls(void **state)
{
    (void)state;
    limits_reach_the_client(true);
}

static void streams_over_tls(void **state)
{
    (void)state;
    streams_are_streamed(true);
}

static void ends_over_tls(void **state)
{
    (void)state;
    ends_are_told(true);
}

static void many_over_tls(void **state)
{
    (void)state;
    many_at_once(true);
}

static void servers_are_verified(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct asker a = { 0 };
    asker_open(&a, true);
    const struct {
        struct fetch_tls tls;
        const char *host;
        enum err_kind want;
    } cases[] = {
        { { .ca_pem = { 0 } }, "127.0.0.1", ERR_DENIED }, /* the system does not know our CA */
        { { .insecure = true }, "127.0.0.1", ERR_NONE },
        { { .ca_pem = str_from(ca.cert_pem) }, "127.0.0.2", ERR_DENIED },
        { { .ca_pem = str_from(ca.cert_pem), .server_name = STR("api.test") },
          "127.0.0.1",
          ERR_NONE },
        { { .ca_pem = str_from(ca.cert_pem), .server_name = STR("other.test") },
          "127.0.0.1",
          ERR_DENIED },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fetch_client_free(a.client);
        a.client = fetch_client_new(a.loop, &cases[i].tls, &err);
        CHECK(a.client != NULL);
        snprintf(a.base, sizeof a.base, "https://%s:%u", cases[i].host, (unsigned)a.site.port);
        if (str_is(str_from(cases[i].host), "127.0.0.2"))
            continue; /* the server listens on one address; the name check is case 5's */
        start(&a, "GET", "/echo", STR(""));
        loop_run(a.loop);
        CHECK_I64(a.err.kind, cases[i].want);
    }
    CHECK(fetch_client_new(a.loop, &(struct fetch_tls){ .client_cert_pem = STR("x") }, &err) ==
          NULL);
    CHECK_I64(err.kind, ERR_INVALID);
    asker_close(&a);
}

static void orders_to_close_reach_streams(void **state)
{
    (void)state;
    struct asker a = { 0 };
    asker_open(&a, true);
    start_stream(&a, "/ticks");
    start(&a, "GET", "/later", STR(""));
    wait_for(&a.site.handled, 0); /* nothing is sent before the loop runs */
    a.left = 1;
    loop_run(a.loop); /* the later answer */
    CHECK_STR(buf_view(&a.body), "later");
    a.left = 1;
    site_stop(&a.site); /* its grace of 200 ms passes; then the stream is cut */
    loop_run(a.loop);
    CHECK_I64(a.err.kind, ERR_IO);
    CHECK_I64(a.site.closed, 2);
    CHECK_I64(a.site.completed, 1);
    fetch_client_free(a.client);
    loop_free(a.loop);
    tls_server_free(a.site.options.tls);
    buf_fini(&a.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_plain_http1),     cmocka_unit_test(requests_over_tls),
        cmocka_unit_test(limits_over_tls),      cmocka_unit_test(streams_over_tls),
        cmocka_unit_test(ends_over_tls),        cmocka_unit_test(many_over_tls),
        cmocka_unit_test(servers_are_verified), cmocka_unit_test(orders_to_close_reach_streams),
    };
    return cmocka_run_group_tests(tests, make_pairs, free_pairs);
}
