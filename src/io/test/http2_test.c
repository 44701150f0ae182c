/* SPDX-License-Identifier: Apache-2.0
 * HTTP/2 from a hostile or clumsy peer, in hand-made frames over plain text with prior knowledge.
 * Well-behaved HTTP/2 is tested through fetch, in fetch_test.c. */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/test/http_fixture.h"
#include "testkit/check.h"

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION
};
enum { END_STREAM = 1, END_HEADERS = 4 };

struct seen {
    int frames[16];
    uint32_t goaway_code, reset_code;
    size_t data;
    bool eof;
};

static struct buf out, in;

static void put_frame(int type, int flags, uint32_t stream, struct str payload)
{
    const unsigned char head[9] = {
        (unsigned char)(payload.n >> 16),
        (unsigned char)(payload.n >> 8),
        (unsigned char)payload.n,
        (unsigned char)type,
        (unsigned char)flags,
        (unsigned char)(stream >> 24),
        (unsigned char)(stream >> 16),
        (unsigned char)(stream >> 8),
        (unsigned char)stream,
    };
    buf_put(&out, head, sizeof head);
    buf_str(&out, payload);
}

static void put_u32(struct buf *b, uint32_t v)
{
    const unsigned char bytes[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
                                     (unsigned char)(v >> 8), (unsigned char)v };
    buf_put(b, bytes, sizeof bytes);
}

/* HPACK without compression: literal fields, names by index of the static table where it has them
 * (RFC 7541): 0x82 is ":method: GET", 0x86 ":scheme: http", 0x04 a literal ":path". */
static void put_request(uint32_t stream, const char *path, int flags)
{
    struct buf block;
    buf_init(&block, 4096);
    buf_put(&block, "\x82\x86\x04", 3);
    buf_char(&block, (char)strlen(path));
    buf_str(&block, str_from(path));
    buf_put(&block, "\x01\x01h", 3); /* ":authority: h" */
    put_frame(HEADERS, flags, stream, buf_view(&block));
    buf_fini(&block);
}

static int open_h2(const struct site *s, uint32_t initial_window)
{
    int fd = raw_connect(s);
    struct buf settings;
    buf_init(&settings, 64);
    buf_put(&settings, "\x00\x04", 2); /* SETTINGS_INITIAL_WINDOW_SIZE */
    put_u32(&settings, initial_window);
    buf_clear(&in);
    buf_clear(&out);
    buf_str(&out, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    put_frame(SETTINGS, 0, 0, buf_view(&settings));
    buf_fini(&settings);
    return fd;
}

static bool send_out(int fd)
{
    bool ok = raw_try_send(fd, buf_view(&out));
    buf_clear(&out);
    return ok;
}

static uint32_t read_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void take_frames(struct seen *seen)
{
    while (in.n >= 9) {
        size_t n = read_u32(in.p) >> 8;
        int type = in.p[3];
        if (in.n < 9 + n)
            return;
        if (type >= 0 && type < 16)
            seen->frames[type]++;
        if (type == GOAWAY)
            seen->goaway_code = read_u32(in.p + 9 + 4);
        if (type == RST_STREAM)
            seen->reset_code = read_u32(in.p + 9);
        if (type == DATA)
            seen->data += n;
        buf_drop(&in, 9 + n);
    }
}

/* Reads until `count` frames of a type came, or to the end when type is -1. */
static void read_frames(int fd, struct seen *seen, int type, int count)
{
    while (type < 0 || seen->frames[type] < count) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        CHECK(poll(&p, 1, 10000) > 0);
        char *room = buf_room(&in, 65536);
        ssize_t n = read(fd, room, 65536);
        seen->eof = n <= 0;
        if (n <= 0)
            return;
        in.n += (size_t)n;
        take_frames(seen);
    }
}

static void check_alive(const struct site *s)
{
    struct seen seen = { 0 };
    int fd = open_h2(s, 65535);
    put_request(1, "/echo", END_STREAM | END_HEADERS);
    CHECK(send_out(fd));
    read_frames(fd, &seen, DATA, 1);
    CHECK(seen.data > 5);
    close(fd);
}

static void garbage_ends_the_connection(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    struct seen seen = { 0 };
    int fd = open_h2(&s, 65535);
    for (int i = 0; i < 2000; i++)
        buf_char(&out, (char)(i * 7919 >> 3));
    send_out(fd);
    read_frames(fd, &seen, -1, 0);
    CHECK(seen.eof);
    close(fd);
    fd = open_h2(&s, 65535); /* a request on an even stream */
    put_request(2, "/echo", END_STREAM | END_HEADERS);
    send_out(fd);
    seen = (struct seen){ 0 };
    read_frames(fd, &seen, -1, 0);
    CHECK_I64(seen.frames[GOAWAY], 1);
    CHECK_I64(seen.goaway_code, 1); /* PROTOCOL_ERROR */
    close(fd);
    CHECK_I64(s.handled, 0);
    check_alive(&s);
    site_stop(&s);
}

static void rapid_resets_end_the_connection(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.resets_per_s = 100;
    site_start(&s);
    struct seen seen = { 0 };
    int fd = open_h2(&s, 65535);
    bool open = true;
    struct mono start = clock_mono();
    for (uint32_t i = 0; i < 2000 && open; i++) {
        put_request(2 * i + 1, "/never", END_STREAM | END_HEADERS);
        put_frame(RST_STREAM, 0, 2 * i + 1, STR("\0\0\0\x08"));
        if (i % 50 == 49)
            open = send_out(fd);
    }
    read_frames(fd, &seen, -1, 0);
    CHECK(seen.eof);
    int64_t seconds = (clock_mono().ns - start.ns) / NS_PER_S;
    CHECK(s.handled > 100 &&
          s.handled <= 101 + 100 * (seconds + 1)); /* a slow machine earns more */
    CHECK_I64(seen.goaway_code, 11);               /* ENHANCE_YOUR_CALM */
    wait_for(&s.closed, s.handled);                /* each was told */
    CHECK_I64(s.completed, 0);
    close(fd);
    check_alive(&s);
    site_stop(&s);
}

static void closed_windows_are_not_waited_for(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.stream_bytes = 1 << 20;
    s.options.limits.write_timeout_ns = 100 * NS_PER_MS;
    site_start(&s);
    struct seen seen = { 0 };
    int fd = open_h2(&s, 0);
    put_request(1, "/flood", END_STREAM | END_HEADERS);
    send_out(fd);
    read_frames(fd, &seen, RST_STREAM, 1);
    CHECK_I64(seen.data, 0);
    CHECK_I64(seen.reset_code, 8); /* CANCEL */
    wait_for(&s.closed, 1);
    CHECK_I64(s.accepted_writes, (1 << 20) / 65536);
    put_request(3, "/status?204", END_STREAM | END_HEADERS); /* the connection lives on */
    send_out(fd);
    read_frames(fd, &seen, HEADERS, 2);
    close(fd);
    site_stop(&s);
}

static void limits_hold(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.streams = 5;
    s.options.limits.header_bytes = 8000;
    s.options.limits.body_timeout_ns = 100 * NS_PER_MS;
    site_start(&s);
    struct seen seen = { 0 };
    int fd = open_h2(&s, 65535);
    for (uint32_t i = 0; i < 8; i++)
        put_request(2 * i + 1, "/never", END_STREAM | END_HEADERS);
    send_out(fd);
    read_frames(fd, &seen, RST_STREAM, 3);
    CHECK_I64(seen.reset_code, 7); /* REFUSED_STREAM */
    CHECK_I64(s.handled, 5);
    close(fd);
    wait_for(&s.closed, 5);
    fd = open_h2(&s, 65535); /* a header block that never ends */
    put_request(1, "/echo", END_STREAM);
    send_out(fd);
    char filler[8000];
    memset(filler, 0, sizeof filler);
    for (int i = 0; i < 100; i++) {
        put_frame(CONTINUATION, 0, 1, str_make(filler, sizeof filler));
        if (!send_out(fd))
            break;
    }
    seen = (struct seen){ 0 };
    read_frames(fd, &seen, -1, 0);
    CHECK(seen.eof);
    close(fd);
    fd = open_h2(&s, 65535); /* a body that never comes */
    put_request(1, "/echo", END_HEADERS);
    send_out(fd);
    seen = (struct seen){ 0 };
    read_frames(fd, &seen, RST_STREAM, 1);
    close(fd);
    CHECK_I64(s.handled, 5);
    check_alive(&s);
    site_stop(&s);
}

static void put_who(uint32_t stream, bool expects)
{
    struct buf block;
    buf_init(&block, 4096);
    buf_put(&block, "\x83\x86\x04\x05/echo\x01\x01h", 12); /* POST */
    if (stream > 3)
        buf_put(&block, "\x00\x05x-who\x02me", 10);
    if (expects)
        buf_put(&block,
                "\x00\x06"
                "expect\x0c"
                "100-continue",
                21);
    put_frame(HEADERS, END_HEADERS, stream, buf_view(&block));
    buf_fini(&block);
}

/* Who is not known gets an answer and a reset before any body is sent; what is sent all the same is
 * dropped, and other streams of the connection go on. */
static void heads_are_judged(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    s.options.limits.all_bodies_bytes = 10000;
    site_start(&s);
    struct seen seen = { 0 };
    int fd = open_h2(&s, 65535);
    put_who(1, false);
    put_who(3, true);
    send_out(fd);
    read_frames(fd, &seen, RST_STREAM, 2);
    CHECK_I64(seen.reset_code, 0);      /* NO_ERROR */
    CHECK_I64(seen.frames[HEADERS], 2); /* and no 100 */
    CHECK_I64(seen.data, 2 * strlen("who?"));
    static const char zeroes[16000];
    for (int i = 0; i < 20; i++)
        put_frame(DATA, 0, i % 2 ? 1 : 3, str_make(zeroes, sizeof zeroes));
    put_who(5, true);
    put_frame(DATA, END_STREAM, 5, str_make(zeroes, 4000));
    send_out(fd);
    read_frames(fd, &seen, HEADERS, 4); /* 100 and 200 */
    wait_for(&s.ended, 1);
    CHECK_I64(s.handled, 1);
    put_who(7, false);
    put_frame(DATA, 0, 7, str_make(zeroes, 5001)); /* more than half */
    put_who(9, false);
    send_out(fd);
    read_frames(fd, &seen, HEADERS, 5);
    close(fd);
    wait_for(&s.ended, 3); /* cut short */
    CHECK_I64(s.handled, 1);
    check_alive(&s);
    site_stop(&s);
}

/* A byte of HPACK may name a header of 4 KiB again and again: a refused head is not read on for
 * ever, nor are trailers. */
static void heads_that_unfold_end_the_connection(void **state)
{
    (void)state;
    struct site s = { 0 };
    site_start(&s);
    for (int trailers = 0; trailers < 2; trailers++) {
        struct seen seen = { 0 };
        int fd = open_h2(&s, 65535);
        struct buf block;
        buf_init(&block, 1 << 16);
        if (trailers)
            put_request(1, "/echo", END_HEADERS);
        else
            buf_put(&block, "\x82\x86\x84\x01\x01h", 6);
        buf_put(&block, "\x40\x01x\x7f\xa1\x1e", 6); /* x, 4000 bytes, to be indexed */
        for (int i = 0; i < 4000; i++)
            buf_char(&block, 'y');
        for (int i = 0; i < 10000; i++)
            buf_char(&block, '\xbe'); /* index 62: the newest */
        put_frame(HEADERS, END_STREAM | END_HEADERS, 1, buf_view(&block));
        send_out(fd);
        read_frames(fd, &seen, -1, 0);
        CHECK(seen.eof);
        CHECK_I64(seen.goaway_code, 11); /* ENHANCE_YOUR_CALM */
        buf_fini(&block);
        close(fd);
    }
    CHECK_I64(s.handled, 0);
    check_alive(&s);
    site_stop(&s);
}

/* A stranger has few streams at one time; who is known by the first of them has all. */
static void strangers_have_few_streams(void **state)
{
    (void)state;
    struct site s = { .judges = true };
    s.options.strangers = true;
    site_start(&s);
    for (int known = 0; known < 2; known++) {
        struct seen seen = { 0 };
        int fd = open_h2(&s, 0);
        put_who(known ? 5 : 3, false);
        for (uint32_t i = 0; i < 100; i++)
            put_request(2 * i + 7, "/echo", END_STREAM | END_HEADERS);
        send_out(fd);
        read_frames(fd, &seen, known ? HEADERS : GOAWAY, known ? 100 : 1);
        CHECK_I64(seen.goaway_code, known ? 0 : 11); /* ENHANCE_YOUR_CALM */
        close(fd);
    }
    check_alive(&s);
    site_stop(&s);
}

static void idle_connections_end(void **state)
{
    (void)state;
    struct site s = { 0 };
    s.options.limits.idle_timeout_ns = 60 * NS_PER_MS;
    site_start(&s);
    struct seen seen = { 0 };
    int fd = open_h2(&s, 65535);
    put_request(1, "/echo", END_STREAM | END_HEADERS);
    send_out(fd);
    read_frames(fd, &seen, -1, 0);
    CHECK_I64(seen.frames[GOAWAY], 1);
    CHECK_I64(seen.goaway_code, 0); /* NO_ERROR */
    CHECK(seen.data > 0);
    close(fd);
    site_stop(&s);
}

int main(void)
{
    buf_init(&out, 1 << 22);
    buf_init(&in, 1 << 22);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_ends_the_connection),
        cmocka_unit_test(rapid_resets_end_the_connection),
        cmocka_unit_test(closed_windows_are_not_waited_for),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(heads_are_judged),
        cmocka_unit_test(strangers_have_few_streams),
        cmocka_unit_test(heads_that_unfold_end_the_connection),
        cmocka_unit_test(idle_connections_end),
    };
    int rc = CHECK_MAIN(tests);
    buf_fini(&out);
    buf_fini(&in);
    return rc;
}
