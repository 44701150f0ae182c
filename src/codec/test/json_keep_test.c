/* SPDX-License-Identifier: Apache-2.0
 * What is kept is what the rows name, and the copy is a document like any other: parsing its text
 * gives the same one. */
#include "codec/json_keep.h"

#include <stdio.h>

#include "codec/jnode.h"
#include "codec/json_internal.h"
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

static void test_what_says_nothing_is_left_out(void **state)
{
    (void)state;
    static const struct json_mask item[] = { JSON_MASK("name"), JSON_MASK("claim") };
    static const struct json_mask top[] = {
        JSON_MASK_UNLESS("priority", "0"),
        JSON_MASK_UNLESS("policy", "\"Always\""),
        { .key = STR_INIT("list"), .below = item, .n = COUNT_OF(item), .share = true, .least = 2 },
    };
    static const struct {
        const char *text, *want;
    } rests[] = {
        { "{\"priority\":0,\"policy\":\"Always\"}", "{}" },
        { "{\"policy\":\"Never\",\"priority\":0}", "{\"policy\":\"Never\"}" },
        { "{\"priority\":\"0\",\"policy\":null}", "{\"priority\":\"0\",\"policy\":null}" },
        { "{\"list\":[{\"name\":\"\\n\",\"x\":1}]}", "{\"list\":[]}" },
        { "{\"list\":[{\"name\":\"a\"},{\"name\":\"\\t\",\"claim\":{}},{\"x\":2},3]}",
          "{\"list\":[{\"name\":\"\\t\",\"claim\":{}},3]}" },
        { "{\"list\":[{\"name\":\"a\",\"claim\":1},{\"name\":\"\\n\"}]}",
          "{\"list\":[{\"name\":\"a\",\"claim\":1}]}" },
    };
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(top, COUNT_OF(top));
    for (size_t i = 0; i < COUNT_OF(rests); i++)
        check_kept(k, rests[i].text, rests[i].want);
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

/* ---- parts ---- */

static const struct json_mask status_rows[] = { JSON_MASK("type") };
static const struct json_mask shared_meta[] = { JSON_MASK("name"), JSON_MASK_SHARED("labels") };
static const struct json_mask shared_rows[] = { JSON_MASK_OF("metadata", shared_meta),
                                                JSON_MASK_SHARED_OF("list", status_rows),
                                                JSON_MASK_SHARED("scalar") };

static struct json_doc *keep_text(struct json_keep *k, const char *text)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(text);
    return json_keep(k, json_root(doc), (struct json){ 0 });
}

#define LABELS "{\"app\":\"a web server\",\"\\n\":\"\\t and more\"}"
#define LIST "[{\"type\":\"a\\\"b\"},{\"type\":\"an odd one\"}]"
#define COMMON "\"labels\":" LABELS "},\"list\":" LIST ",\"scalar\":\"as long as those before it\"}"

static void check_like(const struct json_doc *kept, const char *want)
{
    AUTO(json_doc_unrefp) struct json_doc *plain = parse(want);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json root = json_root(kept);
    CHECK_STR_EQ(json_text(json_path(root, "metadata.labels")), str_from(LABELS));
    CHECK_STR(json_str(json_path(root, "list.0.type")), "a\"b");
    CHECK_I64(json_len(json_get(root, STR("list"))), 2);
    CHECK(json_type(json_get(root, STR("list"))) == JSON_ARR);
    CHECK(json_type(json_path(root, "metadata.labels")) == JSON_OBJ);
    CHECK(json_eq(root, json_root(plain)) && json_eq(json_root(plain), root));
    CHECK_STR_EQ(json_doc_text(kept), str_from(want));
    CHECK_STR_EQ(json_text(root), str_from(want));
    CHECK_I64(json_depth(root), json_depth(json_root(plain)));
    struct buf out, other;
    buf_init(&out, 4096);
    buf_init(&other, 4096);
    json_write_pretty(&out, root, 2);
    json_write_pretty(&other, json_root(plain), 2);
    CHECK_STR_EQ(buf_view(&out), buf_view(&other));
    buf_fini(&out);
    buf_fini(&other);
    struct jnode *tree = jnode_thaw(a, root);
    jnode_set_str(tree, STR("new"), STR("x"));
    jnode_set_str(jnode_path(tree, "metadata.labels"), STR("app"), STR("y"));
    jnode_del(tree, STR("new"));
    jnode_set_str(jnode_path(tree, "metadata.labels"), STR("app"), STR("a web server"));
    AUTO(json_doc_unrefp) struct json_doc *frozen = NULL;
    struct err err = { 0 };
    CHECK_OK(jnode_freeze(&frozen, tree, &err), err);
    CHECK_STR_EQ(json_doc_text(frozen), str_from(want));
    check_sound(frozen);
}

static void test_parts(void **state)
{
    (void)state;
    struct json_keep *k = json_keep_new(shared_rows, COUNT_OF(shared_rows));
    struct json_doc *docs[4];
    for (int i = 0; i < 4; i++) {
        char text[400];
        snprintf(text, sizeof text, "{\"metadata\":{\"uid\":1,\"name\":\"n%d\"," COMMON, i);
        docs[i] = keep_text(k, text);
        CHECK_I64(docs[i]->parts_n, i ? 2 : 0); /* a scalar is none */
    }
    CHECK(doc_parts(docs[1])[0] == doc_parts(docs[2])[0]);
    CHECK(json_doc_bytes(docs[2]) + 100 < json_doc_bytes(docs[0]));
    struct json_doc *again = json_keep(k, json_root(docs[2]), (struct json){ 0 });
    json_keep_free(k); /* documents outlive it */
    AUTO(json_keep_freep) struct json_keep *all = json_keep_new(NULL, 0);
    for (int i = 0; i < 4; i++) {
        char want[400];
        snprintf(want, sizeof want, "{\"metadata\":{\"name\":\"n%d\"," COMMON, i);
        AUTO(json_doc_unrefp)
        struct json_doc *flat = json_keep(all, json_root(docs[i]), (struct json){ 0 });
        CHECK_I64(flat->parts_n, 0);
        CHECK_STR_EQ(json_doc_text(flat), str_from(want));
        check_sound(flat);
        check_like(docs[i], want);
        if (i == 2)
            check_like(again, want);
        json_doc_unref(docs[i]);
    }
    json_doc_unref(again);
}

/* Made once, seen through every document, and by kind. */
static void test_memos(void **state)
{
    (void)state;
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(shared_rows, COUNT_OF(shared_rows));
    struct json_doc *docs[3];
    for (int i = 0; i < 3; i++)
        docs[i] = keep_text(k, "{\"list\":" LIST "}");
    CHECK(!json_has_shared(docs[0]) && json_has_shared(docs[1]));
    struct json plain = json_get(json_root(docs[0]), STR("list"));
    struct json v = json_get(json_root(docs[1]), STR("list"));
    struct json same = json_get(json_root(docs[2]), STR("list"));
    CHECK(!json_is_shared(plain) && json_is_shared(v) && json_is_shared(same));
    CHECK(json_memo(plain, 0) == NULL && json_memo(v, 0) == NULL);
    int *seven = json_memo_new(sizeof *seven), *eight = json_memo_new(sizeof *eight);
    *seven = 7;
    *eight = 8;
    CHECK(json_memo_set(v, 1, seven) == seven);
    CHECK(json_memo_set(same, 1, eight) == seven); /* too late: given back */
    CHECK(json_memo(same, 1) == seven && json_memo(same, 0) == NULL);
    int *other = json_memo_new(sizeof *other);
    CHECK(json_memo_set(same, 0, other) == other);
    CHECK(json_memo(v, 1) == seven && json_memo(v, 0) == other);
    CHECK_I64(*seven, 7);
    CHECK(json_doc_bytes(doc_parts(docs[1])[0]) > 2 * sizeof(int));
    for (int i = 0; i < 3; i++)
        json_doc_unref(docs[i]);
}

/* However many different values come, what nobody has any more goes. */
static void test_parts_are_forgotten(void **state)
{
    (void)state;
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(shared_rows, COUNT_OF(shared_rows));
    struct json_doc *held = NULL;
    for (int i = 0; i < 20000; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"metadata\":{\"labels\":{\"some label\":\"number %d\"}}}",
                 i / 2);
        struct json_doc *doc = keep_text(k, text);
        CHECK_STR_EQ(json_doc_text(doc), str_from(text));
        CHECK_I64(doc->parts_n, i % 2);
        if (i == 1)
            held = json_doc_ref(doc);
        json_doc_unref(doc);
    }
    CHECK_I64(doc_parts(held)[0]->refs, 2); /* the pool and held */
    json_doc_unref(held);
    CHECK(json_keep_parts(k) <= 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),  cmocka_unit_test(test_all),
        cmocka_unit_test(test_item),  cmocka_unit_test(test_large_and_folded),
        cmocka_unit_test(test_parts), cmocka_unit_test(test_what_says_nothing_is_left_out),
        cmocka_unit_test(test_memos), cmocka_unit_test(test_parts_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
