/* SPDX-License-Identifier: Apache-2.0
 * Tests of base64: the vectors of RFC 4648 section 10, strictness, random round trips. */
#include "codec/base64.h"

#include "base/mem.h"
#include "testkit/check.h"

static void rfc_vectors(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        { "", "", "" },
        { "f", "Zg==", "Zg" },
        { "fo", "Zm8=", "Zm8" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg==", "Zm9vYg" },
        { "fooba", "Zm9vYmE=", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
    };
    struct buf b;
    struct err err;
    buf_init(&b, 100);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        base64_encode(&b, str_from(rows[i][0]), BASE64_STD);
        CHECK_STR_EQ(buf_view(&b), str_from(rows[i][1]));
        buf_clear(&b);
        base64_encode(&b, str_from(rows[i][0]), BASE64_URL_RAW);
        CHECK_STR_EQ(buf_view(&b), str_from(rows[i][2]));
        buf_clear(&b);
        CHECK_OK(base64_decode(&b, str_from(rows[i][1]), BASE64_URL, &err), err);
        CHECK_STR_EQ(buf_view(&b), str_from(rows[i][0]));
        buf_clear(&b);
        CHECK_OK(base64_decode(&b, str_from(rows[i][2]), BASE64_STD_RAW, &err), err);
        CHECK_STR_EQ(buf_view(&b), str_from(rows[i][0]));
        buf_clear(&b);
    }
    base64_encode(&b, STR("\xfb\xff\xfe"), BASE64_STD);
    base64_encode(&b, STR("\xfb\xff\xfe"), BASE64_URL);
    CHECK_STR(buf_view(&b), "+//+-__-");
    buf_fini(&b);
}

static void strict(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum base64_kind kind;
    } bad[] = {
        { "Zg", BASE64_STD },       { "Zg=", BASE64_STD },      { "Zg==", BASE64_STD_RAW },
        { "Zg===", BASE64_STD },    { "====", BASE64_STD },     { "Z===", BASE64_STD },
        { "Zh==", BASE64_STD },     { "Zm9=", BASE64_STD },     { "Zm9v\n", BASE64_STD_RAW },
        { "Zm 9", BASE64_STD_RAW }, { "-___", BASE64_STD },     { "+///", BASE64_URL },
        { "Z", BASE64_URL_RAW },    { "Zg==Zg==", BASE64_STD }, { "\xc3\xa4zz", BASE64_STD },
        { "=", BASE64_URL_RAW },    { "Zg=a", BASE64_STD },
    };
    struct buf b;
    struct err err;
    buf_init(&b, 100);
    buf_str(&b, STR("kept"));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        CHECK_FAILS(base64_decode(&b, str_from(bad[i].text), bad[i].kind, &err), err, ERR_INVALID);
        CHECK_STR(buf_view(&b), "kept");
    }
    buf_fini(&b);
    buf_init(&b, 2);
    CHECK_FAILS(base64_decode(&b, STR("Zm9v"), BASE64_STD, &err), err, ERR_TOO_LARGE);
    buf_fini(&b);
}

static void round_trips(void **state)
{
    (void)state;
    struct buf text, back;
    struct err err;
    buf_init(&text, 1000);
    buf_init(&back, 1000);
    for (int i = 0; i < 4000; i++) {
        unsigned char bytes[64];
        size_t n = check_random_below(sizeof bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (unsigned char)check_random();
        enum base64_kind kind = (enum base64_kind)check_random_below(4);
        buf_clear(&text);
        buf_clear(&back);
        base64_encode(&text, str_make(bytes, n), kind);
        CHECK_OK(base64_decode(&back, buf_view(&text), kind, &err), err);
        CHECK_STR_EQ(buf_view(&back), str_make(bytes, n));
    }
    buf_fini(&text);
    buf_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors),
        cmocka_unit_test(strict),
        cmocka_unit_test(round_trips),
    };
    return CHECK_MAIN(tests);
}
