/* SPDX-License-Identifier: Apache-2.0
 * What peers send to a TLS port before there is a TLS session, in raw bytes. Sessions are tested
 * through fetch, in fetch_test.c. */
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/test/http_fixture.h"
#include "testkit/check.h"

static struct buf text;

static void open_site(struct site *s)
{
    struct str hosts[] = { STR("127.0.0.1") };
    struct tls_cert_request r = {
        .common_name = STR("server"), .hosts = hosts, .n_hosts = 1, .server = true, .valid_days = 1
    };
    struct tls_pair ca = { 0 }, pair = { 0 };
    struct err err = { 0 };
    CHECK_OK(tls_make_ca(&ca, STR("ca"), clock_wall(), 1, &err), err);
    CHECK_OK(tls_make_cert(&pair, &ca, &r, clock_wall(), &err), err);
    CHECK_OK(tls_server_new(&s->options.tls, str_from(pair.cert_pem), str_from(pair.key_pem),
                            str_from(ca.cert_pem), &err),
             err);
    tls_pair_fini(&ca);
    tls_pair_fini(&pair);
    s->options.limits.header_timeout_ns = 100 * NS_PER_MS;
    site_start(s);
}

static void close_site(struct site *s)
{
    site_stop(s);
    tls_server_free(s->options.tls);
}

/* What the server says to these bytes, sent in pieces, until it closes. */
static struct str say(const struct site *s, struct str bytes, size_t step)
{
    int fd = raw_connect(s);
    for (struct str piece; bytes.n > 0; bytes = str_skip(bytes, piece.n)) {
        piece = str_take(bytes, step);
        if (!raw_try_send(fd, piece))
            break;
    }
    buf_clear(&text);
    struct str got = raw_read(fd, &text, (struct str){ 0 }, 0);
    close(fd);
    return got;
}

static void plain_requests_are_told(void **state)
{
    (void)state;
    const struct str told = STR("HTTP/1.0 400 Bad Request\r\n\r\n"
                                "Client sent an HTTP request to an HTTPS server.\n");
    const char *requests[] = {
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        "DELETE /x HTTP/1.0\r\n\r\n",        "OPTIONS * HTTP/1.1\r\n\r\n",
        "PATCH /x HTTP/1.1\r\n\r\n",         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    struct site s = { 0 };
    open_site(&s);
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        CHECK_STR_EQ(say(&s, str_from(requests[i]), SIZE_MAX), told);
        CHECK_STR_EQ(say(&s, str_from(requests[i]), 1), told);
    }
    CHECK_I64(s.handled, 0);
    close_site(&s);
}

static void other_bytes_end_in_an_alert_or_in_time(void **state)
{
    (void)state;
    struct site s = { 0 };
    open_site(&s);
    struct str got = say(&s, STR("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\x00\x00"), SIZE_MAX);
    CHECK(got.n == 0 || got.p[0] == 0x15); /* a handshake that says nothing */
    got = say(&s, STR("garbage that is neither"), 3);
    CHECK(got.n == 0 || got.p[0] == 0x15);
    got = say(&s, STR("GE"), SIZE_MAX); /* silence, then the header's timeout */
    CHECK_I64(got.n, 0);
    got = say(&s, STR("\x16\x03\x01\xff\xff"), SIZE_MAX); /* a record longer than records may be */
    CHECK(got.n == 0 || got.p[0] == 0x15);
    got = say(&s, STR("\x16\x03\x01\x40\x00\x01"), 2); /* one that never ends */
    CHECK(got.n == 0 || got.p[0] == 0x15);
    CHECK_I64(s.handled, 0);
    close_site(&s);
}

int main(void)
{
    buf_init(&text, 1 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_requests_are_told),
        cmocka_unit_test(other_bytes_end_in_an_alert_or_in_time),
    };
    int rc = CHECK_MAIN(tests);
    buf_fini(&text);
    return rc;
}
