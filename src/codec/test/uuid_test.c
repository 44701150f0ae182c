/* SPDX-License-Identifier: Apache-2.0
 * Tests of uuid. */
#include "codec/uuid.h"

#include "testkit/check.h"

static void text_has_version_and_variant(void **state)
{
    (void)state;
    char out[UUID_TEXT_LEN + 1];
    uint8_t random[16];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(i * 0x11);
    CHECK_STR(uuid_text(out, random), "00112233-4455-4677-8899-aabbccddeeff");
    CHECK(out[UUID_TEXT_LEN] == '\0');
    memset(random, 0xff, sizeof random);
    CHECK_STR(uuid_text(out, random), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(random, 0, sizeof random);
    CHECK_STR(uuid_text(out, random), "00000000-0000-4000-8000-000000000000");
}

static void recognises(void **state)
{
    (void)state;
    CHECK(uuid_is(STR("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")));
    CHECK(uuid_is(STR("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6")));
    CHECK(!uuid_is(STR("f81d4fae-7dec-11d0-a765-00a0c91e6bf")));
    CHECK(!uuid_is(STR("f81d4fae-7dec-11d0-a765-00a0c91e6bf66")));
    CHECK(!uuid_is(STR("f81d4fae07dec-11d0-a765-00a0c91e6bf6")));
    CHECK(!uuid_is(STR("g81d4fae-7dec-11d0-a765-00a0c91e6bf6")));
    CHECK(!uuid_is(STR("f81d4fae-7dec-11d0-a765-00a0c91e6b-6")));
    CHECK(!uuid_is((struct str){ 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_version_and_variant),
        cmocka_unit_test(recognises),
    };
    return CHECK_MAIN(tests);
}
