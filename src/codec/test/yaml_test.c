/* SPDX-License-Identifier: Apache-2.0
 * Tests of yaml. The expected values were taken from sigs.k8s.io/yaml v1.6 (YAMLToJSON,
 * JSONToYAML), except where yaml.h promises something else: repeated keys, merges, numbers kept as
 * written. */
#include "codec/yaml.h"

#include <stdio.h>

#include "testkit/check.h"

/* The first document as compact JSON equals want; "" means no document. */
static void check_reads(const char *text, const char *want)
{
    AUTO(yaml_docs_unref) struct yaml_docs docs = { 0 };
    struct err err;
    CHECK_OK(yaml_parse(&docs, str_from(text), &json_limits_body, &err), err);
    CHECK_STR_EQ(docs.n ? json_doc_text(docs.items[0]) : STR(""), str_from(want));
}

static const char *const scalar_rows[][2] = {
    { "y", "true" },
    { "n", "false" },
    { "Yes", "true" },
    { "NO", "false" },
    { "on", "true" },
    { "oFF", "\"oFF\"" },
    { "TRUE", "true" },
    { "tRUE", "\"tRUE\"" },
    { "~", "null" },
    { "", "null" },
    { "Null", "null" },
    { "012", "10" },
    { "0o12", "10" },
    { "0O12", "10" },
    { "0x1F", "31" },
    { "0b11", "3" },
    { "-0b11", "-3" },
    { "-012", "-10" },
    { "+0x10", "16" },
    { "1_000", "1000" },
    { "1_", "1" },
    { "_1", "\"_1\"" },
    { "08", "8" },
    { "0b2", "\"0b2\"" },
    { "0x", "\"0x\"" },
    { "0o8", "\"0o8\"" },
    { "1.5", "1.5" },
    { "1e3", "1000" },
    { "1E400", "\"1E400\"" },
    { ".5", "0.5" },
    { "5.", "5" },
    { "+.5", "0.5" },
    { "-.5e-3", "-0.0005" },
    { "1_000.5", "1000.5" },
    { ".1_5", "0.15" },
    { ".5_", "\".5_\"" },
    { "._5", "\"._5\"" },
    { ".e3", "\".e3\"" },
    { "1:30", "\"1:30\"" },
    { "2001-12-14", "\"2001-12-14\"" },
    { "18446744073709551615", "18446744073709551615" },
    { "18446744073709551616", "18446744073709552000" },
    { "-9223372036854775809", "-9223372036854776000" },
    { "123456789012345678901234567890", "1.2345678901234568e+29" },
    { "1e20", "100000000000000000000" },
    { "1e21", "1e+21" },
    { "1e-6", "0.000001" },
    { "1e-7", "1e-7" },
    { "5e-324", "5e-324" },
    { "4.9e-325", "0" },
    { "-0", "0" },
    { "-0.0", "-0" },
    { "0.30000000000000004", "0.30000000000000004" },
    { "'1'", "\"1\"" },
    { "\"yes\"", "\"yes\"" },
    { "!!str 1", "\"1\"" },
    { "!!int '12'", "12" },
    { "!!float 1", "1" },
    { "!!bool 'y'", "true" },
    { "!!null ''", "null" },
    { "!foo 1", "\"1\"" },
    { "! 1", "\"1\"" },
    { "!!binary aGk=", "\"hi\"" },
    { "!!binary \"aG\\nk=\"", "\"hi\"" },
    { "!!timestamp 2001-12-14", "\"2001-12-14\"" },
    { "<<", "\"<<\"" },
    { "|\n  x\n  y\n", "\"x\\ny\\n\"" },
    { ">-\n  x\n  y\n", "\"x y\"" },
    { "\"\\x41\\u00e9\\0\"", "\"A\xc3\xa9\\u0000\"" },
};

static void scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(scalar_rows); i++) {
        char text[100], want[100];
        snprintf(text, sizeof text, "a: %s", scalar_rows[i][0]);
        snprintf(want, sizeof want, "{\"a\":%s}", scalar_rows[i][1]);
        check_reads(text, want);
    }
    char digits[700] = "a: ";
    memset(digits + 3, '1', 600);
    AUTO(yaml_docs_unref) struct yaml_docs docs = { 0 };
    CHECK(yaml_parse(&docs, str_from(digits), &json_limits_body, NULL) == 0);
    CHECK_I64(json_type(json_path(json_root(docs.items[0]), "a")), JSON_STR);
}

static void collections_and_keys(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "a", "\"a\"" },
        { "- a\n- b", "[\"a\",\"b\"]" },
        { "1: x", "{\"1\":\"x\"}" },
        { "0x10: x", "{\"16\":\"x\"}" },
        { "yes: x", "{\"true\":\"x\"}" },
        { "1.5: x", "{\"1.5\":\"x\"}" },
        { "1e6: x", "{\"1e+06\":\"x\"}" },
        { "1234567.5: x", "{\"1.2345675e+06\":\"x\"}" },
        { "100000.5: x", "{\"100000.5\":\"x\"}" },
        { "0.00001: x", "{\"1e-05\":\"x\"}" },
        { ".inf: x", "{\".inf\":\"x\"}" },
        { "1e39: x", "{\".inf\":\"x\"}" },
        { "!!str 1: x", "{\"1\":\"x\"}" },
        { "b: &x 1\nc: *x", "{\"b\":1,\"c\":1}" },
        { "&k a: 1\nb: *k", "{\"a\":1,\"b\":\"a\"}" },
        { "a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}" },
        { "x: &x {a: 1}\nz: {<<: *x, b: 2}", "{\"x\":{\"a\":1},\"z\":{\"b\":2,\"a\":1}}" },
        { "<<: {a: 1}\na: 2", "{\"a\":2}" },
        { "a: 2\n<<: {a: 1, b: 3}", "{\"a\":2,\"b\":3}" },
        { "<<: [{a: 1}, {a: 2, b: 3}]", "{\"a\":1,\"b\":3}" },
        { "<<: {a: 1}\n<<: {b: 1}", "{\"a\":1,\"b\":1}" },
        { "'<<': {a: 1}", "{\"<<\":{\"a\":1}}" },
        { "a: !!set {a, b}", "{\"a\":{\"a\":null,\"b\":null}}" },
        { "[a: b]", "[{\"a\":\"b\"}]" },
        { "? a", "{\"a\":null}" },
        { "\xef\xbb\xbf"
          "a: b",
          "{\"a\":\"b\"}" },
        { "%YAML 1.1\n---\na: b", "{\"a\":\"b\"}" },
        { "{\"a\": 1.0, \"b\": 1e400}", "{\"a\":1.0,\"b\":1e400}" },
        { "{\"a\": 1.0} # not JSON", "{\"a\":1}" },
        { "", "" },
        { "# nothing\n---\n---\nnull\n", "" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_reads(rows[i][0], rows[i][1]);
}

static void several_documents(void **state)
{
    (void)state;
    AUTO(yaml_docs_unref) struct yaml_docs docs = { 0 };
    struct err err;
    struct json_doc *one = NULL;
    const struct str text = STR("---\na: &x 1\n---\n# empty\n---\n- b\n...\n---\nc\n");
    CHECK_OK(yaml_parse(&docs, text, &json_limits_body, &err), err);
    CHECK_I64(docs.n, 3);
    CHECK_STR(json_doc_text(docs.items[1]), "[\"b\"]");
    CHECK_STR(json_doc_text(docs.items[2]), "\"c\"");
    CHECK_FAILS(yaml_parse_one(&one, text, &json_limits_body, &err), err, ERR_INVALID);
    CHECK_FAILS(yaml_parse_one(&one, STR(""), &json_limits_body, &err), err, ERR_INVALID);
    CHECK_OK(yaml_parse_one(&one, STR("a: 1"), &json_limits_body, &err), err);
    CHECK_STR(json_doc_text(one), "{\"a\":1}");
    json_doc_unref(one);
    /* A failure in a later document leaves the list as it was. */
    CHECK_FAILS(yaml_parse(&docs, STR("a: 1\n---\nb: ["), &json_limits_body, &err), err,
                ERR_INVALID);
    CHECK_I64(docs.n, 3);
    /* Anchors do not reach over documents. */
    CHECK_FAILS(yaml_parse(&docs, STR("a: &x 1\n---\nb: *x"), &json_limits_body, &err), err,
                ERR_INVALID);
}

static void refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "a: 1\na: 2", "yaml: line 2: key \"a\" already set in map" },
        { "1: a\n'1': b", "yaml: line 2: key \"1\" already set in map" },
        { "a: .inf", "yaml: line 1, column 4: JSON has no infinities and no NaN" },
        { "a: !!int x", "yaml: line 1: cannot decode !!str `x` as a !!int" },
        { "a: !!int 1.5", "yaml: line 1: cannot decode !!float `1.5` as a !!int" },
        { "~: x", "yaml: line 1, column 1: a key must not be null" },
        { "? [a]\n: x", "yaml: line 1, column 3: invalid map key: must be a scalar" },
        { "a: *nope", "yaml: line 1, column 4: unknown anchor referenced" },
        { "a: &x {b: *x}", "yaml: line 1, column 11: the anchor's value contains itself" },
        { "a: &x {<<: *x}", "yaml: line 1, column 12: the anchor's value contains itself" },
        { "a:\n\t- b", "yaml: line 2, column 1: found character that cannot start any token" },
        { "a: !!binary x", "yaml: line 1, column 4: !!binary value contains invalid base64 data" },
    };
    static const char *const more[] = {
        "<<: x",   "<<: [x]", "%YAML 2.0\n---\na: b", "a: [", "a: 'x",   "{a: 1}: b", "a: b: c",
        "a: \xff", "*x : 1",  "a: \"\\ud800\"",       "]",    "a: \x01",
    };
    struct yaml_docs docs = { 0 };
    struct err err;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_FAILS(yaml_parse(&docs, str_from(rows[i][0]), &json_limits_body, &err), err,
                    ERR_INVALID);
        CHECK_CSTR(err.msg, rows[i][1]);
    }
    for (size_t i = 0; i < COUNT_OF(more); i++)
        CHECK_FAILS(yaml_parse(&docs, str_from(more[i]), &json_limits_body, &err), err,
                    ERR_INVALID);
    CHECK_I64(docs.n, 0);
}

/* n copies of piece between head and tail; each must be refused, and at
 * once: the test's timeout sees work that grows with the square of the size. */
static void check_bomb(const char *head, const char *piece, size_t n)
{
    struct buf b;
    struct yaml_docs docs = { 0 };
    struct err err;
    buf_init(&b, 3 << 20);
    buf_str(&b, str_from(head));
    for (size_t i = 0; i < n; i++) {
        if (strstr(piece, "%d"))
            buf_printf(&b, "%%TAG !%zu! x\n", i);
        else
            buf_str(&b, str_from(piece));
    }
    CHECK(!b.failed);
    CHECK(yaml_parse(&docs, buf_view(&b), &json_limits_body, &err) == -1);
    buf_fini(&b);
}

static void bombs(void **state)
{
    (void)state;
    check_bomb("", "{", 1000000);
    check_bomb("", "[", 1000000);
    check_bomb("", "- ", 1000000);
    check_bomb("", "{a: ", 500000);
    check_bomb("", "? ", 500000);
    check_bomb("", "- 1\n", 500000);
    check_bomb("", "tag %d", 100000);
    struct buf b;
    struct yaml_docs docs = { 0 };
    struct err err;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"));
    for (int i = 1; i < 30; i++)
        buf_printf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    CHECK_FAILS(yaml_parse(&docs, buf_view(&b), &json_limits_body, &err), err, ERR_TOO_LARGE);
    buf_clear(&b);
    buf_str(&b, STR("a: &a {"));
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "k%d: 1, ", i);
    buf_str(&b, STR("}\nb:\n"));
    for (int i = 0; i < 1000; i++)
        buf_str(&b, STR("- {<<: [*a, *a, *a]}\n"));
    CHECK_FAILS(yaml_parse(&docs, buf_view(&b), &json_limits_body, &err), err, ERR_TOO_LARGE);
    buf_fini(&b);
    static char big[(3 << 20) + 1];
    memset(big, ' ', sizeof big);
    CHECK_FAILS(yaml_parse(&docs, str_make(big, sizeof big), &json_limits_body, &err), err,
                ERR_TOO_LARGE);
}

/* ---- writing ---- */

static void check_writes(const char *json, enum yaml_order order, const char *want)
{
    struct json_doc *doc;
    struct err err;
    struct buf b;
    buf_init(&b, 10000);
    CHECK_OK(json_parse(&doc, str_from(json), &json_limits_own, &err), err);
    yaml_write(&b, json_root(doc), order);
    CHECK(!b.failed);
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
    json_doc_unref(doc);
}

static void strings_written(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "yes", "\"yes\"" },
        { "y", "\"y\"" },
        { "null", "\"null\"" },
        { "~", "\"~\"" },
        { "", "\"\"" },
        { " ", "' '" },
        { "1.5", "\"1.5\"" },
        { "012", "\"012\"" },
        { "0x1F", "\"0x1F\"" },
        { "1_000", "\"1_000\"" },
        { "1e3", "\"1e3\"" },
        { ".5", "\".5\"" },
        { "e3", "e3" },
        { "1.2.3", "1.2.3" },
        { "1:30", "\"1:30\"" },
        { "2001-01-01", "\"2001-01-01\"" },
        { "2001-1-1 1:1:1", "\"2001-1-1 1:1:1\"" },
        { "2001-13-01", "2001-13-01" },
        { "2026-11-22T02:43:49Z", "\"2026-11-22T02:43:49Z\"" },
        { "x: y", "'x: y'" },
        { "- x", "'- x'" },
        { "x #y", "'x #y'" },
        { "x'y", "x'y" },
        { "'x'", "'''x'''" },
        { "*x", "'*x'" },
        { "[x", "'[x'" },
        { "x,y", "x,y" },
        { "x:", "'x:'" },
        { ":x", ":x" },
        { "<<", "\"<<\"" },
        { "=", "=" },
        { "x\\ty", "\"x\\ty\"" },
        { "\\u0001", "\"\\x01\"" },
        { "\xc3\xa9", "\xc3\xa9" },
        { "x\\ny", "|-\n  x\n  y" },
        { "x\\ny\\n", "|\n  x\n  y" },
        { "x\\n\\n", "|+\n  x\n" },
        { "\\n", "|2+\n" },
        { " x\\ny", "|2-\n   x\n  y" },
        { "x \\ny", "\"x \\ny\"" },
        { "x\\r\\ny", "\"x\\r\\ny\"" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char json[100], want[100];
        snprintf(json, sizeof json, "{\"a\":\"%s\"}", rows[i][0]);
        snprintf(want, sizeof want, "a: %s\n", rows[i][1]);
        check_writes(json, YAML_AS_IS, want);
    }
}

static void structures_written(void **state)
{
    (void)state;
    check_writes("{\"b\":1,\"a\":[1,[2,3],{\"x\":1,\"y\":[1]}],\"e\":{},\"l\":[],\"z\":null}",
                 YAML_AS_IS,
                 "b: 1\na:\n- 1\n- - 2\n  - 3\n- x: 1\n  \"y\":\n  - 1\ne: {}\nl: []\nz: null\n");
    check_writes("{\"10\":1,\"9\":2,\"a10\":1,\"a9\":2,\"true\":3,\"B\":1,\"_x\":1,\"-\":2}",
                 YAML_SORTED,
                 "'-': 2\n_x: 1\n\"9\": 2\n\"10\": 1\nB: 1\na9: 2\na10: 1\n\"true\": 3\n");
    check_writes("{\"a50\":1,\"a5b\":1,\"a5-\":1,\"a\":1,\"ab\":1,\"a_\":1}", YAML_SORTED,
                 "a: 1\na_: 1\na5-: 1\na50: 1\na5b: 1\nab: 1\n");
    check_writes("[]", YAML_SORTED, "[]\n");
    check_writes("1.50", YAML_SORTED, "1.50\n");
    check_writes("true", YAML_SORTED, "true\n");
    check_writes("\"x\"", YAML_SORTED, "x\n");
    check_writes(
        "{\"m\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
        "bbbbbbbbbbbbbbbbb ccccccccccc\"}",
        YAML_AS_IS,
        "m: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
        "bbbbbbbbbbbb\n  ccccccccccc\n");
}

static void put_random_string(struct buf *json)
{
    static const char *const pieces[] = {
        "a",
        "\\n",
        " ",
        ":",
        "- ",
        "#",
        "'",
        "\\\"",
        "\\\\",
        "0",
        "1",
        "_",
        ".",
        "~",
        "y",
        "n",
        "{",
        "}",
        "[",
        ",",
        "&",
        "*",
        "!",
        "|",
        "\\t",
        ">",
        "%",
        "@",
        "`",
        "\\u0000",
        "\\u0085",
        "\\u2028",
        "\\r",
        "<<",
        "\xc3\xa9",
        "?",
        "\xf0\x9f\x98\x80",
        "\\ufeff",
        "2001-01-01",
        "e",
        "long words that fold ",
    };
    buf_char(json, '"');
    for (size_t n = check_random_below(9); n; n--)
        buf_str(json, str_from(pieces[check_random_below(COUNT_OF(pieces))]));
    buf_char(json, '"');
}

/* Whatever is written reads back as the same value. */
static void round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < 4000; i++) {
        struct json_doc *doc, *again;
        struct err err;
        struct buf json, yaml;
        buf_init(&json, 10000);
        buf_init(&yaml, 10000);
        buf_str(&json, STR("{\"k\":["));
        put_random_string(&json);
        buf_str(&json, STR(",{\"q\":"));
        put_random_string(&json);
        buf_str(&json, STR("}],"));
        put_random_string(&json);
        buf_str(&json, STR(":-1.5,\"z\":"));
        put_random_string(&json);
        buf_char(&json, '}');
        CHECK_OK(json_parse(&doc, buf_view(&json), &json_limits_own, &err), err);
        yaml_write(&yaml, json_root(doc), YAML_AS_IS);
        CHECK(!yaml.failed);
        CHECK_OK(yaml_parse_one(&again, buf_view(&yaml), &json_limits_own, &err), err);
        CHECK(json_eq(json_root(again), json_root(doc)));
        json_doc_unref(doc);
        json_doc_unref(again);
        buf_fini(&json);
        buf_fini(&yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars),
        cmocka_unit_test(collections_and_keys),
        cmocka_unit_test(several_documents),
        cmocka_unit_test(refused),
        cmocka_unit_test(bombs),
        cmocka_unit_test(strings_written),
        cmocka_unit_test(structures_written),
        cmocka_unit_test(round_trips),
    };
    return CHECK_MAIN(tests);
}
