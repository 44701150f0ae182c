/* SPDX-License-Identifier: Apache-2.0
 * Frames at every split position, and the frames that must be refused. */
#include "codec/websocket.h"

#include <stdlib.h>

#include "testkit/check.h"

enum { MESSAGE_MAX = 70000 };

static void trace(struct buf *out, struct websocket_parser *p)
{
    struct websocket_message m;
    enum websocket_what what;
    while ((what = websocket_next(p, &m)) == WEBSOCKET_MESSAGE) {
        buf_printf(out, "[%d", (int)m.op);
        if (m.code)
            buf_printf(out, " %u", (unsigned)m.code);
        if (m.payload.n <= 40)
            buf_printf(out, " %.*s]", STR_ARG(m.payload));
        else
            buf_printf(out, " %zu bytes]", m.payload.n);
    }
    if (what == WEBSOCKET_ERROR && !str_ends(buf_view(out), STR("!")))
        buf_printf(out, "%u!", (unsigned)m.code);
}

static void feed_copy(struct buf *out, struct websocket_parser *p, struct str piece)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    if (piece.n > 0)
        memcpy(copy, piece.p, piece.n);
    websocket_feed(p, str_make(copy, piece.n));
    trace(out, p);
    free(copy);
}

static void check_splits(struct str bytes, bool masked, struct str want)
{
    struct buf out;
    buf_init(&out, 4096);
    size_t step = bytes.n > 500 ? bytes.n / 100 : 1;
    for (size_t at = 0; at <= bytes.n; at += step) {
        struct websocket_parser *p = websocket_parser_new(masked, MESSAGE_MAX);
        buf_clear(&out);
        feed_copy(&out, p, str_take(bytes, at));
        feed_copy(&out, p, str_skip(bytes, at));
        CHECK_STR_EQ(buf_view(&out), want);
        websocket_parser_free(p);
    }
    buf_fini(&out);
}

static const unsigned char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

static void messages_round_trip(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    static char big[66000];
    for (int masked = 0; masked < 2; masked++) {
        const unsigned char *m = masked ? mask : NULL;
        buf_clear(&b);
        websocket_write(&b, WEBSOCKET_TEXT, STR("hi \xc3\xa4"), m);
        websocket_write(&b, WEBSOCKET_PING, STR("p"), m);
        websocket_write(&b, WEBSOCKET_BINARY, STR(""), m);
        websocket_write_close(&b, 1000, STR("bye"), m);
        check_splits(buf_view(&b), masked, STR("[1 hi \xc3\xa4][9 p][2 ][8 1000 bye]"));
        buf_clear(&b);
        websocket_write(&b, WEBSOCKET_BINARY, str_make(big, 125), m);
        websocket_write(&b, WEBSOCKET_BINARY, str_make(big, 126), m);
        websocket_write(&b, WEBSOCKET_BINARY, str_make(big, 65536), m);
        check_splits(buf_view(&b), masked, STR("[2 125 bytes][2 126 bytes][2 65536 bytes]"));
    }
    buf_clear(&b);
    char reason[200];
    memset(reason, 'r', sizeof reason);
    memcpy(reason + 122, "\xc3\xa4", 2); /* would be cut in half */
    websocket_write_close(&b, 1001, str_make(reason, sizeof reason), NULL);
    check_splits(buf_view(&b), false, STR("[8 1001 122 bytes]"));
    buf_fini(&b);
}

static void rfc_examples(void **state)
{
    (void)state; /* RFC 6455 5.7 */
    check_splits(STR("\x81\x05\x48\x65\x6c\x6c\x6f"), false, STR("[1 Hello]"));
    check_splits(STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), true, STR("[1 Hello]"));
    check_splits(STR("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"), false, STR("[1 Hello]"));
    check_splits(STR("\x01\x03Hel\x89\x01x\x80\x02lo"), false, STR("[9 x][1 Hello]"));
    check_splits(STR("\x02\x01"
                     "a\x00\x01"
                     "b\x8a\x00\x80\x00\x88\x00"),
                 false, STR("[10 ][2 ab][8 1005 ]"));
}

static void bad_frames_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct str bytes, want;
    } bad[] = {
        { STR_INIT("\xc1\x00"), STR_INIT("1002!") },         /* a reserved bit */
        { STR_INIT("\x83\x00"), STR_INIT("1002!") },         /* an unknown opcode */
        { STR_INIT("\x8b\x00"), STR_INIT("1002!") },         /* an unknown control frame */
        { STR_INIT("\x81\x80mask"), STR_INIT("1002!") },     /* a mask from a server */
        { STR_INIT("\x80\x00"), STR_INIT("1002!") },         /* nothing to continue */
        { STR_INIT("\x01\x00\x81\x00"), STR_INIT("1002!") }, /* a message inside another */
        { STR_INIT("\x09\x00"), STR_INIT("1002!") },         /* a fragmented ping */
        { STR_INIT("\x89\x7e\x00\x7e"), STR_INIT("1002!") }, /* a long ping */
        { STR_INIT("\x82\x7e\x00\x7d"), STR_INIT("1002!") }, /* a length written too long */
        { STR_INIT("\x82\x7f\0\0\0\0\0\0\xff\xff"), STR_INIT("1002!") },
        { STR_INIT("\x82\x7f\x80\0\0\0\0\0\0\0"), STR_INIT("1002!") },
        { STR_INIT("\x82\x7f\0\0\0\0\0\1\x11\x71"), STR_INIT("1009!") }, /* MESSAGE_MAX + 1 */
        { STR_INIT("\x81\x02\xc3\x28"), STR_INIT("1007!") },             /* bad UTF-8 */
        { STR_INIT("\x88\x01x"), STR_INIT("1002!") },                    /* half a close code */
        { STR_INIT("\x88\x02\x03\xed"), STR_INIT("1002!") },             /* 1005 is never sent */
        { STR_INIT("\x88\x04\x03\xe8\xc3\x28"), STR_INIT("1007!") },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_splits(bad[i].bytes, false, bad[i].want);
    check_splits(STR("\x81\x05Hello"), true, STR("1002!")); /* no mask from a client */
}

static void fragments_share_one_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    static char part[35000];
    websocket_write(&b, WEBSOCKET_BINARY, str_make(part, sizeof part), NULL);
    b.p[0] = 0x02; /* not the last */
    size_t second = b.n;
    websocket_write(&b, WEBSOCKET_BINARY, str_make(part, sizeof part), NULL);
    b.p[second] = (char)0x80;
    check_splits(buf_view(&b), false, STR("[2 70000 bytes]"));
    b.p[second] = 0x00;
    websocket_write(&b, WEBSOCKET_BINARY, STR("x"), NULL);
    b.p[b.n - 3] = (char)0x80;
    check_splits(buf_view(&b), false, STR("1009!"));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_round_trip),
        cmocka_unit_test(rfc_examples),
        cmocka_unit_test(bad_frames_are_refused),
        cmocka_unit_test(fragments_share_one_limit),
    };
    return CHECK_MAIN(tests);
}
