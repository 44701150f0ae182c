/* SPDX-License-Identifier: Apache-2.0
 * WebSocket over real sockets: handshake, echo, close from both sides, broken frames, slow readers.
 */
#include "io/websocket.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/test/http_fixture.h"
#include "testkit/check.h"

#define HEAD "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
#define UPGRADE "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* RFC 6455 1.3 */
#define GOOD HEAD UPGRADE KEY "Sec-WebSocket-Protocol: other, echo\r\n\r\n"

static const unsigned char mask[4] = { 1, 2, 3, 4 };
static struct buf in, out;

static int open_socket(const struct site *s, struct websocket_parser **p)
{
    int fd = raw_connect(s);
    buf_clear(&in);
    raw_send(fd, STR(GOOD));
    struct str head = raw_read(fd, &in, STR("\r\n\r\n"), 1);
    CHECK(str_starts(head, STR("HTTP/1.1 101 Switching Protocols\r\n")));
    CHECK(str_find(head, STR("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")) > 0);
    CHECK(str_find(head, STR("\r\nsec-websocket-protocol: echo\r\n")) > 0);
    CHECK(str_find(head, STR("\r\nconnection: upgrade\r\nupgrade: websocket\r\n")) > 0);
    CHECK(str_find(head, STR("content-length")) < 0);
    buf_clear(&in);
    *p = websocket_parser_new(false, 200000);
    return fd;
}

static void send_frame(int fd, enum websocket_op op, struct str payload)
{
    buf_clear(&out);
    websocket_write(&out, op, payload, mask);
    raw_send(fd, buf_view(&out));
}

/* The next frame from the server. */
static struct websocket_message receive(int fd, struct websocket_parser *p)
{
    static char bytes[65536];
    struct websocket_message m;
    for (;;) {
        enum websocket_what what = websocket_next(p, &m);
        CHECK(what != WEBSOCKET_ERROR);
        if (what == WEBSOCKET_MESSAGE)
            return m;
        ssize_t n = read(fd, bytes, sizeof bytes);
        CHECK(n > 0);
        websocket_feed(p, str_make(bytes, (size_t)n));
    }
}

static void messages_are_echoed(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    struct websocket_parser *p = NULL;
    int fd = open_socket(&s, &p);
    send_frame(fd, WEBSOCKET_TEXT, STR("hello"));
    struct websocket_message m = receive(fd, p);
    CHECK_I64(m.op, WEBSOCKET_TEXT);
    CHECK_STR(m.payload, "hello");
    send_frame(fd, WEBSOCKET_PING, STR("x"));
    m = receive(fd, p);
    CHECK_I64(m.op, WEBSOCKET_PONG);
    CHECK_STR(m.payload, "x");
    static char big[90000];
    send_frame(fd, WEBSOCKET_BINARY, str_make(big, sizeof big));
    CHECK_I64(receive(fd, p).payload.n, sizeof big);
    send_frame(fd, WEBSOCKET_TEXT, STR("end")); /* the server closes */
    m = receive(fd, p);
    CHECK_I64(m.op, WEBSOCKET_CLOSE);
    CHECK_I64(m.code, WEBSOCKET_GOING_AWAY);
    CHECK_STR(m.payload, "as asked");
    CHECK_I64(read(fd, big, 1), 0);
    close(fd);
    wait_for(&s.closed, 1);
    websocket_parser_free(p);
    fd = open_socket(&s, &p); /* the client closes */
    buf_clear(&out);
    websocket_write_close(&out, 1000, STR("bye"), mask);
    raw_send(fd, buf_view(&out));
    m = receive(fd, p);
    CHECK_I64(m.op, WEBSOCKET_CLOSE);
    CHECK_I64(m.code, 1000);
    close(fd);
    wait_for(&s.closed, 2);
    websocket_parser_free(p);
    fd = open_socket(&s, &p); /* the client vanishes */
    close(fd);
    wait_for(&s.closed, 3);
    websocket_parser_free(p);
    fd = open_socket(&s, &p); /* the server is closed */
    site_stop(&s);
    CHECK_I64(s.closed, 4);
    close(fd);
    websocket_parser_free(p);
}

static void bytes_may_follow_at_once(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    int fd = raw_connect(&s);
    buf_clear(&out);
    buf_str(&out, STR(GOOD));
    websocket_write(&out, WEBSOCKET_TEXT, STR("early"), mask);
    websocket_write(&out, WEBSOCKET_TEXT, STR("bird"), mask);
    raw_send(fd, buf_view(&out));
    buf_clear(&in);
    raw_read(fd, &in,
             STR("\x81\x05"
                 "early\x81\x04"
                 "bird"),
             1);
    close(fd);
    site_stop(&s);
}

static void errors_close_with_a_code(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    struct websocket_parser *p = NULL;
    int fd = open_socket(&s, &p);
    raw_send(fd, STR("\x81\x05Hello")); /* no mask */
    CHECK_I64(receive(fd, p).code, WEBSOCKET_PROTOCOL_ERROR);
    close(fd);
    websocket_parser_free(p);
    fd = open_socket(&s, &p);
    raw_send(fd, STR("\x82\xff\0\0\0\0\0\x02\0\0abcd")); /* 128 KiB */
    CHECK_I64(receive(fd, p).code, WEBSOCKET_TOO_BIG);
    close(fd);
    websocket_parser_free(p);
    wait_for(&s.closed, 2);
    const struct str bad[] = {
        STR(HEAD UPGRADE "\r\n"),                             /* no key */
        STR(HEAD UPGRADE "Sec-WebSocket-Key: short\r\n\r\n"), /* not 16 bytes */
        STR(HEAD "Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" KEY "\r\n"),
        STR(HEAD UPGRADE KEY "Sec-WebSocket-Protocol: other\r\n\r\n"),
        STR("GET /ws HTTP/1.1\r\nHost: h\r\n" UPGRADE KEY "\r\n"), /* no Connection */
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        fd = raw_connect(&s);
        buf_clear(&in);
        raw_send(fd, bad[i]);
        CHECK(str_starts(raw_read(fd, &in, STR("\r\n\r\n"), 1), STR("HTTP/1.1 400 ")));
        close(fd);
    }
    site_stop(&s);
}

static void slow_readers_are_bounded(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.stream_bytes = 300000;
    s.options.limits.write_timeout_ns = 200 * NS_PER_MS;
    site_start(&s);
    struct websocket_parser *p = NULL;
    int fd = open_socket(&s, &p);
    static char big[90000];
    buf_clear(&out);
    websocket_write(&out, WEBSOCKET_BINARY, str_make(big, sizeof big), mask);
    for (int i = 0; i < 1000 && raw_try_send(fd, buf_view(&out)); i++)
        continue; /* never reads its echoes */
    wait_for(&s.closed, 1);
    close(fd);
    websocket_parser_free(p);
    site_stop(&s);
}

int main(void)
{
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_echoed),
        cmocka_unit_test(bytes_may_follow_at_once),
        cmocka_unit_test(errors_close_with_a_code),
        cmocka_unit_test(slow_readers_are_bounded),
    };
    int rc = CHECK_MAIN(tests);
    buf_fini(&in);
    buf_fini(&out);
    return rc;
}
