/* SPDX-License-Identifier: Apache-2.0
 * The gRPC health check: bytes out, words in. */
#include "node/executor/probe_grpc.h"

#include "testkit/check.h"

static void the_request_is_framed(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 100);
    probe_grpc_request(&b, STR(""));
    CHECK_STR_EQ(buf_view(&b), str_make("\0\0\0\0\0", 5));
    buf_clear(&b);
    probe_grpc_request(&b, STR("ab"));
    CHECK_STR_EQ(buf_view(&b), str_make("\0\0\0\0\4\n\2ab", 9));
    buf_fini(&b);
}

#define BYTES(lit)                                                                                 \
    {                                                                                              \
        lit, sizeof(lit) - 1                                                                       \
    }

static void answers_have_kubelets_words(void **state)
{
    static const struct {
        int http;
        const char *status, *message;
        struct str body;
        const char *want; /* NULL: serving */
    } rows[] = {
        { 200, "0", "", BYTES("\0\0\0\0\2\x08\1"), NULL },
        { 200, "0", "", BYTES("\0\0\0\0\6\x12\2xy\x08\1"), NULL },
        { 200, "0", "", BYTES("\0\0\0\0\2\x08\2"),
          "service unhealthy (responded with \"NOT_SERVING\")" },
        { 200, "0", "", BYTES("\0\0\0\0\0"), "service unhealthy (responded with \"UNKNOWN\")" },
        { 200, "0", "", BYTES("\0\0\0\0\2\x08\x09"), "service unhealthy (responded with \"9\")" },
        { 200, "0", "", BYTES("\1\0\0\0\2\x08\1"),
          "error: health rpc probe failed: the answer is malformed" },
        { 200, "0", "", BYTES("\0\0\0\0\3\x08\1"),
          "error: health rpc probe failed: the answer is malformed" },
        { 200, "0", "", BYTES("\0\0\0\0\3\x12\x7f\1"),
          "error: health rpc probe failed: the answer is malformed" },
        { 200, "12", "unknown service", BYTES(""),
          "error: this server does not implement the grpc health protocol "
          "(grpc.health.v1.Health): unknown service" },
        { 200, "4", "", BYTES(""), "timeout: health rpc did not complete within 3s" },
        { 200, "5", "no such service", BYTES(""),
          "error: health rpc probe failed: rpc error: code = 5 desc = no such service" },
        { 404, "", "", BYTES("x"),
          "error: health rpc probe failed: unexpected HTTP status code received from server: 404" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *a = arena_new();
        struct probe_grpc_answer x = { .http_status = rows[i].http,
                                       .body = rows[i].body,
                                       .status = str_from(rows[i].status),
                                       .message = str_from(rows[i].message) };
        struct str got = probe_grpc_trouble(a, &x, 3000);
        CHECK((rows[i].want != NULL) == (got.p != NULL));
        if (rows[i].want)
            CHECK_STR_EQ(got, str_from(rows[i].want));
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_framed),
        cmocka_unit_test(answers_have_kubelets_words),
    };
    return CHECK_MAIN(tests);
}
