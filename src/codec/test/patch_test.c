/* SPDX-License-Identifier: Apache-2.0
 * JSON Patch: every operation and error of RFC 6902, pointers of RFC 6901. Merge patch: the table
 * in appendix A of RFC 7386. Limits against hostile patches. */
#include "codec/patch.h"

#include "testkit/check.h"

static struct json_doc *parse(struct str text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, text, &json_limits_own, &err), err);
    return doc;
}

static int apply(const char *doc_text, const char *ops_text, const char *want_text, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(str_from(doc_text));
    AUTO(json_doc_unrefp) struct json_doc *ops = parse(str_from(ops_text));
    struct jnode *n = jnode_thaw(a, json_root(doc));
    if (patch_json(a, &n, json_root(ops), err) != 0)
        return -1;
    struct buf b;
    buf_init(&b, 1 << 20);
    jnode_write(&b, n);
    if (want_text)
        CHECK_STR_EQ(buf_view(&b), str_from(want_text));
    buf_fini(&b);
    return 0;
}

static void test_operations(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *ops, *want;
    } rows[] = {
        { "{\"foo\":\"bar\"}", "[]", "{\"foo\":\"bar\"}" },
        { "{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
          "{\"foo\":\"bar\",\"baz\":\"qux\"}" },
        { "{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
          "{\"foo\":[\"bar\",\"qux\",\"baz\"]}" },
        { "{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"a\"]}]",
          "{\"foo\":[\"bar\",[\"a\"]]}" },
        { "{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":0}]",
          "{\"foo\":[\"bar\",0]}" },
        { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a\",\"value\":2}]", "{\"a\":2}" },
        { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":[7]}]", "[7]" },
        { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/\",\"value\":2}]", "{\"a\":1,\"\":2}" },
        { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":null,\"x\":1}]",
          "{\"a\":1,\"b\":null}" },
        { "{\"a\":1,\"b\":2}", "[{\"op\":\"remove\",\"path\":\"/a\"}]", "{\"b\":2}" },
        { "{\"a\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/a/1\"}]", "{\"a\":[1,3]}" },
        { "{\"a\":1,\"b\":2}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":{}}]",
          "{\"a\":{},\"b\":2}" },
        { "[1,2]", "[{\"op\":\"replace\",\"path\":\"/1\",\"value\":3}]", "[1,3]" },
        { "[1,2]", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"q\":[]}}]", "{\"q\":[]}" },
        { "{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
          "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
          "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}" },
        { "{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
          "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
          "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}" },
        { "{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]",
          "{\"a\":{\"b\":1}}" },
        { "{\"a\":{\"b\":1},\"ab\":2}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/ab\"}]",
          "{\"ab\":{\"b\":1}}" },
        { "{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"\"}]", "{\"b\":1}" },
        { "{\"a\":{\"b\":[1]}}",
          "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},"
          "{\"op\":\"add\",\"path\":\"/c/b/0\",\"value\":0},"
          "{\"op\":\"copy\",\"from\":\"/c\",\"path\":\"/c/d\"}]",
          "{\"a\":{\"b\":[1]},\"c\":{\"b\":[0,1],\"d\":{\"b\":[0,1]}}}" },
        { "{\"a\":[1,{\"x\":\"y\",\"z\":1.0}]}",
          "[{\"op\":\"test\",\"path\":\"/a\",\"value\":[1,{\"z\":1,\"x\":\"y\"}]},"
          "{\"op\":\"test\",\"path\":\"/a/1/x\",\"value\":\"\\u0079\"},"
          "{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":[1,{\"x\":\"y\",\"z\":1}]}}]",
          "{\"a\":[1,{\"x\":\"y\",\"z\":1.0}]}" },
        { "{\"/\":9,\"~1\":10,\"m~n\":8}",
          "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10},{\"op\":\"test\",\"path\":\"/~1\","
          "\"value\":9},{\"op\":\"replace\",\"path\":\"/m~0n\",\"value\":7}]",
          "{\"/\":9,\"~1\":10,\"m~n\":7}" },
        { "{\"1\":{\"01\":2}}", "[{\"op\":\"replace\",\"path\":\"/1/01\",\"value\":3}]",
          "{\"1\":{\"01\":3}}" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        CHECK_OK(apply(rows[i].doc, rows[i].ops, rows[i].want, &err), err);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *ops;
    } rows[] = {
        { "{}", "{}" },
        { "{}", "[1]" },
        { "{}", "[{}]" },
        { "{}", "[{\"op\":\"add\",\"value\":1}]" },
        { "{}", "[{\"op\":\"add\",\"path\":\"/a\"}]" },
        { "{}", "[{\"op\":\"add\",\"path\":1,\"value\":1}]" },
        { "{}", "[{\"op\":\"nop\",\"path\":\"/a\",\"value\":1}]" },
        { "{}", "[{\"op\":1,\"path\":\"/a\",\"value\":1}]" },
        { "{}", "[{\"op\":\"add\",\"path\":\"a\",\"value\":1}]" },
        { "{}", "[{\"op\":\"add\",\"path\":\"/a~\",\"value\":1}]" },
        { "{}", "[{\"op\":\"add\",\"path\":\"/a~2\",\"value\":1}]" },
        { "{}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]" },
        { "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/a/b\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/2\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/01\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/-1\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/+0\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/1e0\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"add\",\"path\":\"/99999999999999999999\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"replace\",\"path\":\"/1\",\"value\":1}]" },
        { "[1]", "[{\"op\":\"replace\",\"path\":\"/-\",\"value\":1}]" },
        { "{}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":1}]" },
        { "{}", "[{\"op\":\"remove\",\"path\":\"/a\"}]" },
        { "{}", "[{\"op\":\"remove\",\"path\":\"\"}]" },
        { "[1]", "[{\"op\":\"remove\",\"path\":\"/1\"}]" },
        { "[1]", "[{\"op\":\"remove\",\"path\":\"/-\"}]" },
        { "{\"a\":1}", "[{\"op\":\"move\",\"path\":\"/b\"}]" },
        { "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/c\",\"path\":\"/b\"}]" },
        { "{\"a\":{\"b\":1}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]" },
        { "{\"a\":1}", "[{\"op\":\"move\",\"from\":\"\",\"path\":\"/b\"}]" },
        { "{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/c\"}]" },
        { "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]" },
        { "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":\"1\"}]" },
        { "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":null}]" },
        { "{\"a\":[]}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{}}]" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        if (apply(rows[i].doc, rows[i].ops, NULL, &err) == 0)
            fail_msg("applied: %s", rows[i].ops);
        CHECK(err.kind == ERR_INVALID);
        CHECK(apply(rows[i].doc, rows[i].ops, NULL, NULL) == -1);
    }
}

static void test_error_names_the_operation(void **state)
{
    (void)state;
    struct err err = { 0 };
    CHECK_FAILS(apply("{\"a\":1}",
                      "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},"
                      "{\"op\":\"remove\",\"path\":\"/b/c\"}]",
                      NULL, &err),
                err, ERR_INVALID);
    CHECK_CSTR(err.msg, "operation 1 (remove /b/c): path \"/b/c\" does not exist");
}

/* Each copy of the whole into itself doubles the document: 2^60 bytes without a limit. */
static void test_copies_are_limited(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct buf ops;
    buf_init(&ops, 1 << 20);
    for (int i = 0; i < 60; i++)
        buf_printf(&ops, "%c{\"op\":\"copy\",\"from\":\"\",\"path\":\"/k%d\"}", i ? ',' : '[', i);
    buf_char(&ops, ']');
    CHECK_FAILS(apply("{\"a\":\"some text\"}", ops.p, NULL, &err), err, ERR_TOO_LARGE);
    buf_clear(&ops);
    struct buf doc; /* each copy alone is well below the limit */
    buf_init(&doc, 1 << 20);
    buf_printf(&doc, "{\"a\":\"%0500000d\"}", 0);
    for (int i = 0; i < 8; i++)
        buf_printf(&ops, "%c{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/k%d\"}", i ? ',' : '[', i);
    buf_char(&ops, ']');
    CHECK_FAILS(apply(doc.p, ops.p, NULL, &err), err, ERR_TOO_LARGE);
    buf_fini(&doc);
    buf_clear(&ops);
    for (int i = 0; i < 250; i++) { /* one level deeper each time */
        buf_printf(&ops, "%c{\"op\":\"add\",\"path\":\"/b\",\"value\":{}},", i ? ',' : '[');
        buf_str(&ops, STR("{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/b/a\"},"));
        buf_str(&ops, STR("{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/a\"}"));
    }
    buf_str(&ops, STR(",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"}]"));
    CHECK_FAILS(apply("{\"a\":1}", ops.p, NULL, &err), err, ERR_TOO_LARGE);
    buf_clear(&ops);
    for (int i = 0; i <= PATCH_OPS_MAX; i++)
        buf_printf(&ops, "%c{\"op\":\"remove\",\"path\":\"/a\"}", i ? ',' : '[');
    buf_char(&ops, ']');
    CHECK_FAILS(apply("{\"a\":1}", ops.p, NULL, &err), err, ERR_TOO_LARGE);
    buf_fini(&ops);
}

static void test_merge(void **state)
{
    (void)state;
    static const struct {
        const char *doc, *patch, *want;
    } rows[] = {
        { "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
        { "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
        { "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
        { "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
        { "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
        { "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
        { "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
        { "{\"a\":\"foo\"}", "null", "null" },
        { "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
        { "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
        { "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
        { "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
        { "{\"x\":{\"y\":[1,null]}}", "{\"x\":{\"z\":[null,{\"q\":null}]}}",
          "{\"x\":{\"y\":[1,null],\"z\":[null,{\"q\":null}]}}" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        AUTO(json_doc_unrefp) struct json_doc *doc = parse(str_from(rows[i].doc));
        AUTO(json_doc_unrefp) struct json_doc *patch = parse(str_from(rows[i].patch));
        struct buf b;
        buf_init(&b, 1000);
        jnode_write(&b, patch_merge(a, jnode_thaw(a, json_root(doc)), json_root(patch)));
        CHECK_STR_EQ(buf_view(&b), str_from(rows[i].want));
        buf_clear(&b);
        jnode_write(&b, patch_merge(a, NULL, json_root(patch)));
        CHECK(!b.failed && b.n > 0);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_error_names_the_operation),
        cmocka_unit_test(test_copies_are_limited),
        cmocka_unit_test(test_merge),
    };
    return CHECK_MAIN(tests);
}
