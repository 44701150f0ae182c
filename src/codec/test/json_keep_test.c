/* SPDX-License-Identifier: Apache-2.0
 * What is kept is what the rows name, and the copy is a document like any other: parsing its text
 * gives the same one. */
#include "codec/json_internal.h"
#include "codec/json_keep.h"
#include "testkit/check.h"

static const struct json_mask name_rows[] = { JSON_MASK("name") };
static const struct json_mask meta_rows[] = { JSON_MASK("name"), JSON_MASK("labels") };
static const struct json_mask spec_rows[] = { JSON_MASK("node"),
                                              JSON_MASK_OF("containers", name_rows) };
static const struct json_mask rows[] = { JSON_MASK("kind"), JSON_MASK_OF("metadata", meta_rows),
                                         JSON_MASK_OF("spec", spec_rows) };

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(text), &json_limits_own, &err), err);
    return doc;
}

/* A second reading: the text that was copied, parsed. */
static void check_sound(const struct json_doc *kept)
{
    AUTO(json_doc_unrefp) struct json_doc *again = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&again, json_doc_text(kept), &json_limits_own, &err), err);
    CHECK_I64(kept->tape_n, again->tape_n);
    CHECK_I64(kept->decoded_n, again->decoded_n);
    for (uint32_t i = 0; i < again->tape_n; i++)
        CHECK(doc_node(kept, i) == doc_node(again, i));
    CHECK_STR_EQ(str_make(doc_decoded(kept), kept->decoded_n),
                 str_make(doc_decoded(again), again->decoded_n));
}

static void check_kept(struct json_keep *k, const char *text, const char *want)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(text), *kept = NULL;
    kept = json_keep(k, json_root(doc), (struct json){ 0 });
    CHECK_STR_EQ(json_doc_text(kept), str_from(want));
    check_sound(kept);
}

static const struct {
    const char *text, *want;
} cases[] = {
    { "{}", "{}" },
    { "{\"a\":1}", "{}" },
    { "[1,{\"a\":2}]", "[1,{\"a\":2}]" },
    { "7", "7" },
    { "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"n\",\"uid\":\"u\"}}",
      "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"n\"}}" },
    { "{\"metadata\":{},\"kind\":null}", "{\"metadata\":{},\"kind\":null}" },
    { "{\"metadata\":\"odd\",\"spec\":[]}", "{\"metadata\":\"odd\",\"spec\":[]}" },
    { "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"x\":[1,2,{\"y\":[]}],\"node\":\"n1\"}}",
      "{\"metadata\":{},\"spec\":{\"node\":\"n1\"}}" },
    { "{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\"}]},{\"image\":\"i\"},3]}"
      "}",
      "{\"spec\":{\"containers\":[{\"name\":\"a\"},{},3]}}" },
    { "{\"a\":\"\\n\",\"metadata\":{\"labels\":{\"k\\\"\":\"v\\u0041\"},\"name\":\"\\\\\"}}",
      "{\"metadata\":{\"labels\":{\"k\\\"\":\"v\\u0041\"},\"name\":\"\\\\\"}}" },
    { "{ \"kin\\u0064\" : 1.50 , \"kind2\" : 2 }", "{\"kin\\u0064\":1.50}" },
};

static void test_rows(void **state)
{
    (void)state;
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(rows, COUNT_OF(rows));
    CHECK(!json_keep_is_all(k));
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_kept(k, cases[i].text, cases[i].want);
}

static void test_all(void **state)
{
    (void)state;
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(NULL, 0);
    CHECK(json_keep_is_all(k));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(json_doc_unrefp) struct json_doc *doc = parse(cases[i].text);
        AUTO(json_doc_unrefp)
        struct json_doc *kept = json_keep(k, json_root(doc), (struct json){ 0 });
        CHECK_STR_EQ(json_doc_text(kept), json_doc_text(doc));
        check_sound(kept);
    }
}

/* Out of the middle of a document, packed or not, with what the list says of all its items. */
static void test_item(void **state)
{
    (void)state;
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(rows, COUNT_OF(rows));
    AUTO(json_doc_unrefp) struct json_doc *front = parse("{\"kind\":\"Pod\",\"v\":\"\\t\"}");
    struct json_doc *doc = parse("{\"s\":\"\\u00e9\",\"items\":[{\"metadata\":{\"name\":\"a\"}},"
                                 "{\"kind\":\"Own\",\"spec\":{\"node\":\"\\b\"}}]}");
    const char *const want[] = {
        "{\"kind\":\"Pod\",\"v\":\"\\t\",\"metadata\":{\"name\":\"a\"}}",
        "{\"v\":\"\\t\",\"kind\":\"Own\",\"spec\":{\"node\":\"\\b\"}}",
    };
    for (unsigned round = 0; round < 2; round++) {
        struct json items = json_get(json_root(doc), STR("items"));
        for (uint32_t i = 0; i < 2; i++) {
            AUTO(json_doc_unrefp)
            struct json_doc *kept = json_keep(k, json_at(items, i), json_root(front));
            CHECK_STR_EQ(json_doc_text(kept), str_from(want[i]));
            CHECK(kept->packed);
            check_sound(kept);
        }
        doc = json_pack(doc);
    }
    json_doc_unref(doc);
}

/* What is too large for small nodes, and what lies behind a fold. */
static void test_large_and_folded(void **state)
{
    (void)state;
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(rows, COUNT_OF(rows));
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_str(&text, STR("{\"metadata\":{\"gone\":1,\"name\":\""));
    for (size_t i = 0; i < 20000; i++)
        buf_char(&text, 'x');
    buf_str(&text, STR("\"}}"));
    struct json_doc *doc = parse(text.p);
    AUTO(json_doc_unrefp) struct json_doc *kept = json_keep(k, json_root(doc), (struct json){ 0 });
    CHECK(!kept->packed);
    CHECK_I64(kept->text_n, text.n - 9);
    check_sound(kept);
    doc = json_fold(doc, json_get(json_root(doc), STR("metadata")));
    AUTO(json_doc_unrefp)
    struct json_doc *folded = json_keep(k, json_root(doc), (struct json){ 0 });
    CHECK_STR_EQ(json_doc_text(folded), json_doc_text(kept));
    check_sound(folded);
    json_doc_unref(doc);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_item),
        cmocka_unit_test(test_large_and_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
