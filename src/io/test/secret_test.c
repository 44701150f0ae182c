/* SPDX-License-Identifier: Apache-2.0
 * Keyed digests against RFC 4231's examples; comparison. */
#include "io/secret.h"

#include <stdio.h>

#include "base/buf.h"
#include "testkit/check.h"

static void check_hmac(struct str key, struct str text, const char *hex)
{
    uint8_t out[SECRET_HMAC_BYTES];
    char got[2 * SECRET_HMAC_BYTES + 1];
    secret_hmac(out, key, text);
    for (size_t i = 0; i < sizeof out; i++)
        snprintf(got + 2 * i, 3, "%02x", out[i]);
    CHECK_STR_EQ(str_from(got), str_from(hex));
}

static void test_hmac(void **state)
{
    (void)state;
    check_hmac(STR("Jefe"), STR("what do ya want for nothing?"),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    char key[131];
    memset(key, 0xaa, sizeof key);
    check_hmac(str_make(key, sizeof key),
               STR("Test Using Larger Than Block-Size Key - Hash Key First"),
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_equal(void **state)
{
    (void)state;
    CHECK(secret_equal(STR("abc"), STR("abc")));
    CHECK(!secret_equal(STR("abc"), STR("abd")));
    CHECK(!secret_equal(STR("abc"), STR("ab")));
    CHECK(!secret_equal(STR("ab"), STR("abc")));
    CHECK(!secret_equal(STR(""), STR("abc")));
    CHECK(secret_equal(STR(""), (struct str){ 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_hmac), cmocka_unit_test(test_equal) };
    return CHECK_MAIN(tests);
}
