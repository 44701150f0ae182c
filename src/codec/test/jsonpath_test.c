/* SPDX-License-Identifier: Apache-2.0
 * Tests of jsonpath. The expected texts were taken from k8s.io/client-go/util/jsonpath v0.36.3,
 * where it and the header agree. */
#include "codec/jsonpath.h"

#include "testkit/check.h"

static const char document[] =
    "{\"kind\":\"List\",\"items\":[{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.1\","
    "\"labels\":{\"kubernetes.io/hostname\":\"h1\",\"app.x\":\"q\"}},\"status\":{"
    "\"capacity\":{\"cpu\":\"4\"},\"addresses\":[{\"type\":\"Legacy\",\"address\":\"127.0.0.1\"},"
    "{\"type\":\"X\",\"address\":\"10.0.0.1\"}],\"n\":5,\"f\":1.5,\"t\":true,\"z\":null}},"
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.2\"},\"status\":{\"capacity\":{\"cpu\":"
    "\"8\"},\"addresses\":[{\"type\":\"Legacy\",\"address\":\"127.0.0.2\"},{\"type\":\"another\","
    "\"address\":\"127.0.0.3\"}],\"n\":7,\"big\":1234567890123,\"e\":[],\"o\":{}}}],"
    "\"users\":[{\"name\":\"myself\",\"user\":{}},{\"name\":\"e2e\",\"user\":{\"username\":"
    "\"admin\",\"password\":\"secret\"}}],\"a.b\":\"dotted\",\"m\":{\"x\":1,\"y\":[1,2,3]},"
    "\"h\":\"<html>&\\\"q\\\"\",\"empty\":[],\"nested\":[[1,2],[3]]}";

static struct json_doc *doc;

static int load(void **state)
{
    (void)state;
    struct err err;
    CHECK_OK(json_parse(&doc, str_from(document), &json_limits_own, &err), err);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_doc_unref(doc);
    return 0;
}

static void check_prints(const char *template, enum jsonpath_missing missing, const char *want)
{
    AUTO(jsonpath_freep) struct jsonpath *p = NULL;
    struct err err;
    struct buf b;
    buf_init(&b, 1 << 16);
    CHECK_OK(jsonpath_parse(&p, str_from(template), &err), err);
    CHECK_OK(jsonpath_print(p, json_root(doc), missing, &b, &err), err);
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static void prints(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "", "" },
        { "x a}\\n", "x a}\\n" },
        { "kind is {.kind}", "kind is List" },
        { "{$.kind}{@.kind}", "ListList" },
        { "{ .kind }", "List" },
        { "{.items[*].metadata.name}", "127.0.0.1 127.0.0.2" },
        { "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
          "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] " },
        { "{range .items[*]}{range .status.addresses[*]}{.address},{end}{\"|\"}{end}",
          "127.0.0.1,10.0.0.1,|127.0.0.2,127.0.0.3,|" },
        { "{ range .users[*] }{ .name }{ end }{.kind}", "myselfe2eList" },
        { "{range .empty[*]}x{end}", "" },
        { "{..name}", "127.0.0.1 127.0.0.2 myself e2e" },
        { "{.items..address}", "127.0.0.1 10.0.0.1 127.0.0.2 127.0.0.3" },
        { "{..y[0]}", "1" },
        { "{.items[*]['metadata.name', 'status.capacity']}",
          "127.0.0.1 127.0.0.2 {\"cpu\":\"4\"} {\"cpu\":\"8\"}" },
        { "{['kind']}", "List" },
        { "{['kind','h']}", "List <html>&\"q\"" },
        { "{.a\\.b}", "dotted" },
        { "{['a\\.b']}", "dotted" },
        { "{.items[0].metadata.labels.kubernetes\\.io/hostname}", "h1" },
        { "{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "h1" },
        { "{.items[0].status.n} {.items[0].status.f}", "5 1.5" },
        { "{.items[0].status.t}{.items[0].status.z}", "truenull" },
        { "{.items[1].status.big}", "1234567890123" },
        { "{.m.y}", "[1,2,3]" },
        { "{.m.y[0,2]}", "1 3" },
        { "{.m.y[-1]}", "3" },
        { "{.m.y[-1:]}", "3" },
        { "{.m.y[0:3:2]}", "1 3" },
        { "{.m.y[:2]}", "1 2" },
        { "{.m.y[1:1]}", "" },
        { "{.m.y.*}", "1 2 3" },
        { "{.m.*}", "1 [1,2,3]" },
        { "{.users[0,1].name}", "myself e2e" },
        { "{.nested[*][0]}", "1 3" },
        { "{.empty}{.empty[*]}", "[]" },
        { "{\"a\\tb\\\"c\\u00e9\\x41\"}{'x'}", "a\tb\"c\xc3\xa9"
                                               "Ax" },
        { "{1} {1.5} {true} {-3}", "1 1.5 true -3" },
        { "{.users[?(@.name==\"e2e\")].user.password}", "secret" },
        { "{.users[?(@.name=='e2e')].name}", "e2e" },
        { "{.users[?(\"e2e\"==@.name)].name}", "e2e" },
        { "{.users[?(@.name!=\"e2e\")].name}", "myself" },
        { "{.users[?(@.name==\"a]b)}\")].name}", "" },
        { "{.users[?(@.user.username)].name}", "e2e" },
        { "{.items[?(@.status.big)].metadata.name}", "127.0.0.2" },
        { "{.items[?(@.status.n>5)].metadata.name}", "127.0.0.2" },
        { "{.items[?(@.status.n>=5)].metadata.name}", "127.0.0.1 127.0.0.2" },
        { "{.items[?(@.status.n<5.5)].metadata.name}", "127.0.0.1" },
        { "{.m.y[?(@ > 1)]}", "2 3" },
        { "{.items[*].status.addresses[?(@.type==\"X\")].address}", "10.0.0.1" },
        { "{.users[*].user.username}", "admin" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_prints(rows[i][0], JSONPATH_MISSING_FAILS, rows[i][1]);
    check_prints("[{.missing}{.items[*].status.no.where}]", JSONPATH_MISSING_OK, "[]");
    check_prints("{range .users[*]}{.name}{\"\\t\"}{.user.username}{\"\\n\"}{end}",
                 JSONPATH_MISSING_OK, "myself\t\ne2e\tadmin\n");
    check_prints("{.items[?(@.status.t==true)].metadata.name}", JSONPATH_MISSING_OK, "127.0.0.1");
}

static void templates_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "a{", "unclosed action" },
        { "{.users[0].name", "unclosed action" },
        { "{.users[}", "unterminated array" },
        { "{.users[0}", "unterminated array" },
        { "{\"x}", "unterminated quoted string" },
        { "{.users[?(@.name]}", "unterminated filter" },
        { "{.users[?(@.name)", "unclosed action" },
        { "{.users[?(@.name)x]}", "unclosed array expect ]" },
        { "{end}", "not in range, nothing to end" },
        { "{.kind,.h}", "unrecognized character in action: U+002C ','" },
        { "{(.kind)}", "unrecognized character in action: U+0028 '('" },
        { "{.users[a]}", "invalid array index a" },
        { "{.users[ 0 ].name}", "invalid array index  0 " },
        { "{.users[1:2:3:4]}", "invalid array index 1:2:3:4" },
        { "{.users[]}", "invalid array index " },
        { "{.users['a'b]}", "invalid array index 'a'b" },
        { "{.users[99999999999]}", "invalid array index 99999999999" },
        { "{.users[?(@.a=~\"e\")]}", "unrecognized filter operator =" },
        { "{.users[?(@.a===1)]}", "unrecognized filter operator ===" },
        { "{foo}", "unrecognized identifier foo" },
        { "{\"\\q\"}", "unquote string \\q error" },
        { "{\"\\x\x11\x12\"}", "unquote string \\x\x11\x12 error" },
        { "{1.2.3}", "jsonpath: cannot parse literal 1.2.3" },
    };
    struct jsonpath *p = NULL;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_FAILS(jsonpath_parse(&p, str_from(rows[i][0]), &err), err, ERR_INVALID);
        CHECK_CSTR(err.msg, rows[i][1]);
    }
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_str(&b, STR("{range .a[*]}"));
    CHECK_FAILS(jsonpath_parse(&p, buf_view(&b), &err), err, ERR_INVALID);
    buf_clear(&b);
    buf_char(&b, '{');
    for (int i = 0; i < 1000; i++)
        buf_str(&b, STR("[?(@"));
    for (int i = 0; i < 1000; i++)
        buf_str(&b, STR(")]"));
    buf_char(&b, '}');
    CHECK_FAILS(jsonpath_parse(&p, buf_view(&b), &err), err, ERR_INVALID);
    buf_clear(&b);
    for (int i = 0; i <= JSONPATH_TEXT_MAX; i++)
        buf_char(&b, 'x');
    CHECK_FAILS(jsonpath_parse(&p, buf_view(&b), &err), err, ERR_TOO_LARGE);
    buf_fini(&b);
    CHECK(p == NULL);
}

static void runs_refused(void **state)
{
    (void)state;
    static const struct {
        const char *template, *message;
        enum err_kind kind;
    } rows[] = {
        { "{.missing}", "missing is not found", ERR_NOT_FOUND },
        { "{.items[*].status.missing}", "missing is not found", ERR_NOT_FOUND },
        { "{['a.b']}", "a is not found", ERR_NOT_FOUND },
        { "{.kind.x}", "x is not found", ERR_NOT_FOUND },
        { "{.m.y[5]}", "array index out of bounds: index 5, length 3", ERR_INVALID },
        { "{.m.y[0:9]}", "array index out of bounds: index 8, length 3", ERR_INVALID },
        { "{.m.y[-4]}", "array index out of bounds: index -1, length 3", ERR_INVALID },
        { "{.empty[0]}", "array index out of bounds: index 0, length 0", ERR_INVALID },
        { "{.m.y[2:1]}", "starting index 2 is greater than ending index 1", ERR_INVALID },
        { "{.m.y[::-1]}", "step must be > 0", ERR_INVALID },
        { "{.kind[0]}", "string is not array or slice", ERR_INVALID },
        { "{.m[?(@==1)]}", "object is not array or slice and cannot be filtered", ERR_INVALID },
        { "{.items[?(@.status.n<\"x\")].kind}", "incompatible types for comparison", ERR_INVALID },
        { "{.items[?(@..name==\"x\")].kind}", NULL, ERR_NONE },
        { "{.m.y[?(@.*==1)]}", NULL, ERR_NONE },
        { "{.items[?(@.*==1)]}", "can only compare one element at a time", ERR_INVALID },
    };
    struct err err;
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(jsonpath_freep) struct jsonpath *p = NULL;
        CHECK_OK(jsonpath_parse(&p, str_from(rows[i].template), &err), err);
        int rc = jsonpath_print(p, json_root(doc), JSONPATH_MISSING_FAILS, &b, &err);
        if (!rows[i].message) {
            CHECK_OK(rc, err);
            continue;
        }
        CHECK_FAILS(rc, err, rows[i].kind);
        CHECK_CSTR(err.msg, rows[i].message);
    }
    AUTO(jsonpath_freep) struct jsonpath *all = NULL;
    CHECK_OK(jsonpath_parse(&all, STR("{@}"), &err), err);
    CHECK_FAILS(jsonpath_print(all, json_root(doc), JSONPATH_MISSING_OK, &b, &err), err,
                ERR_TOO_LARGE);
    buf_fini(&b);
}

/* "......" multiplies the values at every level; the visit limit ends it. */
static void work_is_bounded(void **state)
{
    (void)state;
    AUTO(jsonpath_freep) struct jsonpath *p = NULL;
    AUTO(jsonpath_values_fini) struct jsonpath_values values = { 0 };
    struct err err;
    struct buf b;
    struct json_doc *deep;
    buf_init(&b, 10000);
    for (int i = 0; i < 90; i++)
        buf_char(&b, '[');
    for (int i = 0; i < 90; i++)
        buf_char(&b, ']');
    CHECK_OK(json_parse(&deep, buf_view(&b), &json_limits_own, &err), err);
    CHECK_OK(jsonpath_parse(&p, STR("{....................}"), &err), err);
    CHECK_FAILS(jsonpath_find(p, json_root(deep), JSONPATH_MISSING_OK, &values, &err), err,
                ERR_TOO_LARGE);
    CHECK_I64(values.n, 0);
    json_doc_unref(deep);
    buf_fini(&b);
}

static void paths(void **state)
{
    (void)state;
    static const char *const same[] = {
        ".items[*].status.n",  "items[*].status.n",    "{.items[*].status.n}",
        "{items[*].status.n}", " .items[*].status.n ", "$.items[*].status.n",
    };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        AUTO(jsonpath_freep) struct jsonpath *p = NULL;
        AUTO(jsonpath_values_fini) struct jsonpath_values values = { 0 };
        CHECK_OK(jsonpath_parse_path(&p, str_from(same[i]), &err), err);
        CHECK_OK(jsonpath_find(p, json_root(doc), JSONPATH_MISSING_OK, &values, &err), err);
        CHECK_I64(values.n, 2);
        CHECK_I64(json_i64_or(values.items[1], 0), 7);
    }
    static const char *const bad[] = { "", "{}", "{.a}{.b}", "x{.a}", "a[" };
    struct jsonpath *p = NULL;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_FAILS(jsonpath_parse_path(&p, str_from(bad[i]), &err), err, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prints, load, unload),
        cmocka_unit_test(templates_refused),
        cmocka_unit_test_setup_teardown(runs_refused, load, unload),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test_setup_teardown(paths, load, unload),
    };
    return CHECK_MAIN(tests);
}
