/* SPDX-License-Identifier: Apache-2.0
 * Folded and packed documents: whatever is folded, every accessor, writer and edit answers as
 * before. */
#include "codec/jnode.h"
#include "codec/json_internal.h"
#include "testkit/check.h"

static const char *const texts[] = {
    "{\"a\":[1,2,{\"b\":\"c\"}],\"d\":{\"e\":null}}",
    "{\"k\":\"v\\n\",\"m\":{\"f:\\\"x\\\"\":{},\"g\":[\"\\t\",\"\\u0001\"]},\"z\":[\"\\\\\",{"
    "\"\\u0002"
    "\":1}]}",
    "[[[[]]],[{}],[{\"a\":[true,false]}],{\"managedFields\":[{\"time\":\"x\"}]}]",
    "{\"metadata\":{\"name\":\"n\",\"managedFields\":[{\"k:{\\\"a\\\":1}\":{\".\":{}}}],\"uid\":"
    "\"u\"},"
    "\"spec\":{\"a\":\"\\\"\"}}",
};

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(text), &json_limits_own, &err), err);
    return doc;
}

static void check_pretty(const struct json_doc *a, const struct json_doc *b)
{
    struct buf x, y;
    buf_init(&x, 10000);
    buf_init(&y, 10000);
    json_write_pretty(&x, json_root(a), 2);
    json_write_pretty(&y, json_root(b), 2);
    CHECK_STR_EQ(buf_view(&x), buf_view(&y));
    buf_fini(&x);
    buf_fini(&y);
}

static void check_same(const struct json_doc *folded, const struct json_doc *plain)
{
    CHECK_STR_EQ(json_doc_text(folded), json_doc_text(plain));
    CHECK(json_eq(json_root(folded), json_root(plain)));
    CHECK_I64(json_depth(json_root(folded)), json_depth(json_root(plain)));
    check_pretty(folded, plain);
}

/* Every member is touched, so that all of the tree is expanded, and taken back. */
static void touch(struct jnode *n)
{
    bool object = jnode_type(n) == JSON_OBJ;
    for (size_t i = 0; i < jnode_len(n); i++)
        touch(object ? jnode_value_at(n, i) : jnode_at(n, i));
    if (object) {
        jnode_set_bool(n, STR("new"), true);
        jnode_del(n, STR("new"));
    }
}

static void check_edits(const struct json_doc *folded, const struct json_doc *plain)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *kept = NULL, *touched = NULL;
    struct err err = { 0 };
    struct jnode *list = jnode_arr(a); /* several folded documents in one */
    jnode_append(list, jnode_thaw(a, json_root(folded)));
    jnode_append(list, jnode_thaw(a, json_root(folded)));
    CHECK_OK(jnode_freeze(&kept, list, &err), err);
    check_same(folded, plain);
    check_pretty(kept, kept);
    CHECK(json_eq(json_at(json_root(kept), 0), json_root(plain)));
    CHECK(json_eq(json_at(json_root(kept), 1), json_root(plain)));
    struct jnode *tree = jnode_thaw(a, json_at(json_root(kept), 1));
    touch(tree);
    CHECK_OK(jnode_freeze(&touched, tree, &err), err);
    check_same(touched, plain);
    CHECK(jnode_eq(tree, jnode_thaw(a, json_root(folded))));
}

static void test_every_container(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO(json_doc_unrefp) struct json_doc *plain = parse(texts[i]);
        for (uint32_t at = 1; at < plain->tape_n; at++) {
            if (!node_is_open(plain->tape[at]))
                continue;
            struct json_doc *doc = parse(texts[i]);
            size_t before = json_doc_bytes(doc);
            AUTO(json_doc_unrefp)
            struct json_doc *folded = json_fold(doc, (struct json){ doc, at });
            CHECK(json_doc_bytes(folded) < before);
            check_same(folded, plain);
            check_edits(folded, plain);
            doc = parse(texts[i]);
            AUTO(json_doc_unrefp)
            struct json_doc *packed = json_pack(json_fold(doc, (struct json){ doc, at }));
            CHECK(packed->packed);
            check_same(packed, plain);
            check_edits(packed, plain);
        }
    }
}

/* Every member is found by its key, and nothing by a key that is longer. */
static void check_get(struct json v)
{
    char longer[64];
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        check_get(it.value);
        if (json_type(v) != JSON_OBJ)
            continue;
        struct json found = json_get(v, it.key);
        CHECK(found.doc == it.value.doc && found.at == it.value.at);
        CHECK(it.key.n + 1 < sizeof longer);
        memcpy(longer, it.key.p, it.key.n);
        longer[it.key.n] = 'x';
        CHECK(!json_exists(json_get(v, str_make(longer, it.key.n + 1))));
    }
}

static void test_packed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO(json_doc_unrefp) struct json_doc *plain = parse(texts[i]);
        AUTO(json_doc_unrefp) struct json_doc *packed = json_pack(parse(texts[i]));
        CHECK(packed->packed);
        check_same(packed, plain);
        check_edits(packed, plain);
        check_get(json_root(packed));
        const struct json_doc *before = packed;
        packed = json_pack(TAKE(packed)); /* once is enough */
        CHECK(packed == before);
    }
}

/* Only what fits is packed: text, nodes and decoded strings each below 1 << JSON_SMALL_BITS. */
static void check_limit(size_t items, const char *item, const char *last, bool fits)
{
    struct buf b;
    buf_init(&b, 100000);
    buf_char(&b, '[');
    for (size_t i = 0; i < items; i++)
        buf_str(&b, str_from(item));
    buf_str(&b, str_from(last));
    buf_str(&b, STR("]\0"));
    AUTO(json_doc_unrefp) struct json_doc *plain = parse(b.p);
    AUTO(json_doc_unrefp) struct json_doc *packed = json_pack(parse(b.p));
    CHECK_I64(packed->packed, fits);
    check_same(packed, plain);
    check_edits(packed, plain);
    buf_fini(&b);
}

static void test_what_is_packed(void **state)
{
    (void)state;
    check_limit(4094, "123,", "12345", true); /* a text of 16383 bytes */
    check_limit(4094, "123,", "123456", false);
    check_limit(2000, "\"\\n\",", "0", true);
    check_limit(3600, "\"\\n\",", "0", false);
    check_limit(8190, "1,", "1", true); /* 8193 nodes */
}

static void test_two_in_one(void **state)
{
    (void)state;
    AUTO(json_doc_unrefp)
    struct json_doc *plain = parse("{\"a\":[\"\\n\",2],\"b\":{\"c\":[\"\\t\"]}}");
    struct json_doc *doc = parse("{\"a\":[\"\\n\",2],\"b\":{\"c\":[\"\\t\"]}}");
    doc = json_fold(doc, json_path(json_root(doc), "b"));
    AUTO(json_doc_unrefp) struct json_doc *folded = json_fold(doc, json_path(json_root(doc), "a"));
    CHECK_STR_EQ(json_str(json_path(json_root(folded), "b.c.0")), STR("\t"));
    CHECK_STR_EQ(json_str(json_path(json_root(folded), "a.0")), STR("\n"));
    CHECK_I64(json_len(json_path(json_root(folded), "a")), 2);
    check_same(folded, plain);
}

static void test_leaves_scalars(void **state)
{
    (void)state;
    struct json_doc *doc = parse("{\"a\":[],\"b\":1}");
    size_t before = json_doc_bytes(doc);
    doc = json_fold(doc, json_path(json_root(doc), "a"));
    AUTO(json_doc_unrefp) struct json_doc *folded = json_fold(doc, json_path(json_root(doc), "b"));
    CHECK_I64((int64_t)json_doc_bytes(folded), (int64_t)before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_container), cmocka_unit_test(test_packed),
        cmocka_unit_test(test_what_is_packed),  cmocka_unit_test(test_two_in_one),
        cmocka_unit_test(test_leaves_scalars),
    };
    return CHECK_MAIN(tests);
}
