/* SPDX-License-Identifier: Apache-2.0
 * Tokens: what was written is read; no other text, key or time is accepted. */
#include "apiserver/token.h"

#include "base/buf.h"
#include "codec/base64.h"
#include "testkit/check.h"

static const struct str key = STR_INIT("a key of this server");
static const struct str audiences[] = { STR_INIT(TOKEN_ISSUER), STR_INIT("other") };

static struct token_claims claims(void)
{
    return (struct token_claims){ .namespace = STR("ns"),
                                  .account = STR("agent"),
                                  .uid = STR("u-1"),
                                  .bound = STR("pod"),
                                  .bound_name = STR("p\"1"),
                                  .bound_uid = STR("u-2"),
                                  .audiences = audiences,
                                  .n_audiences = 2,
                                  .id = STR("id"),
                                  .issued = { 100 * NS_PER_S },
                                  .expires = { 200 * NS_PER_S } };
}

static bool reads(struct str text, struct str with, int64_t at_s)
{
    struct arena *a = arena_new();
    struct token_claims c;
    bool ok = token_read(&c, a, with, text, (struct wall){ at_s * NS_PER_S }, NULL) == 0;
    arena_free(a);
    return ok;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct token_claims in = claims(), out;
    struct err err = { 0 };
    struct buf b;
    buf_init(&b, TOKEN_BYTES_MAX);
    token_write(&b, key, &in);
    CHECK_OK(token_read(&out, a, key, buf_view(&b), (struct wall){ 150 * NS_PER_S }, &err), err);
    CHECK_STR_EQ(out.namespace, in.namespace);
    CHECK_STR_EQ(out.account, in.account);
    CHECK_STR_EQ(out.uid, in.uid);
    CHECK_STR_EQ(out.bound, in.bound);
    CHECK_STR_EQ(out.bound_name, in.bound_name);
    CHECK_STR_EQ(out.bound_uid, in.bound_uid);
    CHECK_STR_EQ(out.id, in.id);
    CHECK_I64(out.expires.ns, in.expires.ns);
    CHECK(token_is_for(&out, STR("other")) && !token_is_for(&out, STR("third")));
    buf_fini(&b);
    arena_free(a);
}

static void test_refusals(void **state)
{
    (void)state;
    struct token_claims in = claims();
    struct buf b;
    buf_init(&b, TOKEN_BYTES_MAX);
    token_write(&b, key, &in);
    CHECK(reads(buf_view(&b), key, 199));
    CHECK(!reads(buf_view(&b), key, 200));
    CHECK(!reads(buf_view(&b), STR("another key"), 150));
    for (size_t i = 0; i < b.n; i++) {
        char was = b.p[i];
        b.p[i] = was == 'A' ? 'B' : 'A';
        CHECK(!reads(buf_view(&b), key, 150));
        b.p[i] = was;
        CHECK(!reads(str_take(buf_view(&b), i), key, 150));
    }
    buf_char(&b, 'A');
    CHECK(!reads(buf_view(&b), key, 150));
    CHECK(!reads(STR(""), key, 150));
    CHECK(!reads(STR(".."), key, 150));
    buf_fini(&b);
}

/* The oldest trick: no signature, and a header that says so. */
static void test_no_other_algorithm(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    base64_encode(&b, STR("{\"alg\":\"none\"}"), BASE64_URL_RAW);
    buf_char(&b, '.');
    base64_encode(&b, STR("{\"exp\":9999999999}"), BASE64_URL_RAW);
    buf_char(&b, '.');
    CHECK(!reads(buf_view(&b), key, 150));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_round_trip),
                                        cmocka_unit_test(test_refusals),
                                        cmocka_unit_test(test_no_other_algorithm) };
    return CHECK_MAIN(tests);
}
