/* SPDX-License-Identifier: Apache-2.0
 * The grammar of RFC 8259 rule by rule, limits, repeated keys, and the accessors. */
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "testkit/check.h"

static struct json_doc *parse(struct str text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, text, &json_limits_body, &err), err);
    return doc;
}

/* Parses a copy without a closing NUL, so that a read beyond the end is caught. */
static bool parses(struct str text)
{
    char *copy = malloc(text.n ? text.n : 1);
    assert_non_null(copy);
    memcpy(copy, text.p, text.n);
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    bool ok = json_parse(&doc, str_make(copy, text.n), &json_limits_body, &err) == 0;
    CHECK(ok == (doc != NULL));
    CHECK(ok || err.kind == ERR_INVALID);
    json_doc_unref(doc);
    free(copy);
    return ok;
}

static void check_compact(struct str text, struct str want)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(text);
    CHECK_STR_EQ(json_doc_text(doc), want);
    AUTO(json_doc_unrefp) struct json_doc *again = parse(want);
    CHECK(json_eq(json_root(doc), json_root(again)));
}

static void test_grammar_accepts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-0.0",
        "1",
        "-1",
        "10",
        "1.5",
        "1e5",
        "1E+5",
        "1e-05",
        "123456789012345678901234567890",
        "0.1e1",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[ ]",
        "{ }",
        "[1]",
        "[1,2]",
        "[[],{}]",
        "{\"a\":1}",
        "{\"a\":{\"b\":[{}]}}",
        " 1 ",
        "\t[\n1\r,\n2 ] ",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u0000\"",
        "\"\\u00e9\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\ud83d\\ude00\"",
        "\"\\uFFFF\"",
        "\"\x7f\"",
        "{\"\":0}",
        "[\"a\",\"b\"]",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (!parses(str_from(good[i])))
            fail_msg("refused: %s", good[i]);
    }
}

static const char *const bad_texts[] = {
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "tru",
    "fals",
    "falsey",
    "NaN",
    "Infinity",
    "-Infinity",
    "+1",
    "-",
    "--1",
    "01",
    "-01",
    "00",
    "1.",
    ".5",
    "-.5",
    "1.e5",
    "1e",
    "1e+",
    "1e+-2",
    "0x10",
    "1_000",
    "1 2",
    "1,",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[,]",
    "[1 2]",
    "[1,,2]",
    "[}",
    "{",
    "}",
    "{]",
    "{1:2}",
    "{a:1}",
    "{'a':1}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1",
    "{\"a\":1,\"b\"",
    "{\"a\"::1}",
    "[1}",
    "{\"a\":1]",
    "\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\a\"",
    "\"\\U0041\"",
    "\"\\u12\"",
    "\"\\u123g\"",
    "\"\\u\"",
    "\"\\uD800\"",
    "\"\\uD800x\"",
    "\"\\uD800\\n\"",
    "\"\\uDC00\"",
    "\"\\uD800\\uD800\"",
    "\"\\uD800\\u0041\"",
    "\"\\uDC00\\uD800\"",
    "'a'",
    "\"\t\"",
    "\"\n\"",
    "\"a\x01\"",
    "\"\x1f\"",
    "\x0c"
    "1",
    "\v1",
    "\xef\xbb\xbf{}",
    "\xc2\xa0"
    "1",
    "[1]]",
    "{}{}",
    "//c\n1",
    "/**/1",
    "1/**/",
    "[1]#",
    "[\"a\" \"b\"]",
    "[\"a\":1]",
    "undefined",
    "[-]",
    "[1e]",
    "{\"a\":1}}",
    "\"\\uD83D\\u\"",
    "\"\\uDC00\\uDC00\"",
    "[nullnull]",
    "[true,fals]",
    "[1.2.3]",
    "[1e5.5]",
    "-\"a\"",
};

static void test_grammar_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_texts); i++) {
        if (parses(str_from(bad_texts[i])))
            fail_msg("accepted: %s", bad_texts[i]);
    }
    CHECK(!parses(STR("1\0")));
    CHECK(!parses(STR("\0"
                      "1")));
    CHECK(!parses(STR("[1\0]")));
    CHECK(!parses(STR("\"a\0b\"")));
    CHECK(!parses(STR("{\"a\"\0:1}")));
}

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbb\xbf",
    };
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x20",
        "\xc2\xc2",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xe0\xa0\x20",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xf8\x88\x80\x80\x80",
    };
    char text[80];
    for (size_t pad = 0; pad < 40; pad++) { /* at every place within the wide loads */
        for (size_t i = 0; i < COUNT_OF(good); i++) {
            int n = snprintf(text, sizeof text, "\"%*s%s\"", (int)pad, "", good[i]);
            CHECK(parses(str_make(text, (size_t)n)));
        }
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            int n = snprintf(text, sizeof text, "\"%*s%s\"", (int)pad, "", bad[i]);
            if (parses(str_make(text, (size_t)n)))
                fail_msg("accepted bad UTF-8 no. %zu behind %zu bytes", i, pad);
        }
    }
}

static const struct str big_example = STR_INIT(
    "{\"kind\": \"Pod\", \"spec\": {\"list\": [1, -2.5e3, true, false, null, [], {}, \"x\\ny\"],\n"
    "\"caf\xc3\xa9\": \"\\u00e9\\uD83D\\uDE00 and more than sixteen bytes of it\"}, \"last\": "
    "\"\"}");

static void test_truncated_everywhere(void **state)
{
    (void)state;
    CHECK(parses(big_example));
    for (size_t n = 0; n < big_example.n; n++)
        CHECK(!parses(str_take(big_example, n)));
}

/* No single changed byte may crash; a document that parses must parse again to an equal one. */
static void test_every_byte_changed(void **state)
{
    (void)state;
    static const char bytes[] = "\0\"\\{}[],:0 \x80\xc3"
                                "u";
    char text[512];
    memcpy(text, big_example.p, big_example.n);
    for (size_t i = 0; i < big_example.n; i++) {
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            text[i] = bytes[b];
            struct json_doc *doc = NULL;
            if (json_parse(&doc, str_make(text, big_example.n), &json_limits_body, NULL) == 0)
                check_compact(json_doc_text(doc), json_doc_text(doc));
            json_doc_unref(doc);
        }
        text[i] = big_example.p[i];
    }
}

static void test_compact_text(void **state)
{
    (void)state;
    check_compact(STR(" { \"a\" : [ 1 , 2 ] , \"b\" : { } , \"c\" : [ ] } \n"),
                  STR("{\"a\":[1,2],\"b\":{},\"c\":[]}"));
    check_compact(STR("[ 1.50 , 1E5 , \"a  b\" , \"\\u0041\" ]"),
                  STR("[1.50,1E5,\"a  b\",\"\\u0041\"]"));
    check_compact(STR("  \"x\"  "), STR("\"x\""));
    check_compact(STR("\n\n7\n"), STR("7"));
}

static struct str repeated(struct buf *b, const char *open, size_t n, const char *close)
{
    buf_clear(b);
    for (size_t i = 0; i < n; i++)
        buf_str(b, str_from(open));
    for (size_t i = 0; i < n; i++)
        buf_str(b, str_from(close));
    return buf_view(b);
}

static void test_depth_limit(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct json_doc *doc = NULL;
    struct buf b;
    buf_init(&b, 1 << 20);
    CHECK(parses(repeated(&b, "[", 100, "]")));
    CHECK_FAILS(json_parse(&doc, repeated(&b, "[", 101, "]"), &json_limits_body, &err), err,
                ERR_TOO_LARGE);
    CHECK_CSTR(err.msg, "JSON is nested deeper than 100");
    CHECK_FAILS(json_parse(&doc, repeated(&b, "{\"a\":", 100000, ""), &json_limits_body, &err), err,
                ERR_TOO_LARGE);
    CHECK_OK(json_parse(&doc, repeated(&b, "[", 200, "]"), &json_limits_own, &err), err);
    json_doc_unref(doc);
    struct json_limits no_depth = json_limits_own;
    no_depth.depth = UINT32_MAX;
    CHECK_FAILS(json_parse(&doc, repeated(&b, "[", 201, "]"), &no_depth, &err), err, ERR_TOO_LARGE);
    buf_fini(&b);
}

static void test_other_limits(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct json_doc *doc = NULL;
    struct json_limits lim = { .bytes = 20, .depth = 4, .nodes = 5 };
    CHECK_OK(json_parse(&doc, STR("{\"a\":1,\"b\":[]}"), &lim, &err), err); /* exactly 5 */
    json_doc_unref(doc);
    doc = NULL;
    CHECK_FAILS(json_parse(&doc, STR("[1,2,3,4,5]"), &lim, &err), err, ERR_TOO_LARGE);
    CHECK_CSTR(err.msg, "JSON has more than 5 values and keys");
    CHECK_FAILS(json_parse(&doc, STR("\"0123456789012345678\""), &lim, &err), err, ERR_TOO_LARGE);
    CHECK_CSTR(err.msg, "JSON of 21 bytes is over the limit of 20 bytes");
    CHECK(doc == NULL);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_char(&b, '[');
    for (int i = 0; i < 100000; i++)
        buf_str(&b, STR("1,"));
    buf_str(&b, STR("1]"));
    struct json_limits few = { .bytes = 1 << 20, .depth = 4, .nodes = 1000 };
    CHECK_FAILS(json_parse(&doc, buf_view(&b), &few, &err), err, ERR_TOO_LARGE);
    buf_fini(&b);
}

static void test_error_positions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "", "line 1, column 1: empty text" },
        { "[1,]", "line 1, column 4: not a number" },
        { "{\n  \"a\": tru\n}", "line 2, column 8: not a value" },
        { "{\n  \"a\" 1}", "line 2, column 7: expected ':' after a key" },
        { "{\"a\":1 \"b\":2}", "line 1, column 8: expected ',' or '}'" },
        { "[\n\n\"ab\\q\"]", "line 3, column 4: bad escape in a string" },
        { "[\"a\xff\"]", "line 1, column 4: bad UTF-8 in a string" },
        { "[\"a\n\"]", "line 1, column 4: control character in a string" },
        { "[1,2", "line 1, column 5: unexpected end of the text" },
        { "{} x", "line 1, column 4: more text after the value" },
        { "{1:2}", "line 1, column 2: expected a key in quotes" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = { 0 };
        struct json_doc *doc = NULL;
        CHECK_FAILS(json_parse(&doc, str_from(rows[i].text), &json_limits_body, &err), err,
                    ERR_INVALID);
        CHECK_CSTR(err.msg, rows[i].want);
    }
}

static void check_dups(struct str text, struct str want_text, struct str want_dups)
{
    struct buf dups;
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    buf_init(&dups, 1 << 16);
    CHECK_OK(json_parse_dups(&doc, text, &json_limits_body, &dups, &err), err);
    CHECK_STR_EQ(json_doc_text(doc), want_text);
    CHECK_STR_EQ(buf_view(&dups), want_dups);
    /* The tape must agree with the text. */
    AUTO(json_doc_unrefp) struct json_doc *again = parse(want_text);
    CHECK_I64(json_len(json_root(doc)), json_len(json_root(again)));
    for (struct json_iter i = json_iter(json_root(doc)), j = json_iter(json_root(again));
         json_next(&i) && json_next(&j);) {
        CHECK_STR_EQ(i.key, j.key);
        CHECK_STR_EQ(json_text(i.value), json_text(j.value));
        CHECK_STR_EQ(json_str(i.value), json_str(j.value));
    }
    json_doc_unref(doc);
    buf_fini(&dups);
}

static void test_repeated_keys(void **state)
{
    (void)state;
    check_dups(STR("{\"s\":{\"n\":[[9,9],1],\"n\":2,\"n\":4,\"c\":[{\"i\":1,\"i\":2}]},\"s\":3}"),
               STR("{\"s\":3}"), STR("s.n\ns.c[0].i\ns\n"));
    check_dups(STR("{\"a\":1,\"b\":2}"), STR("{\"a\":1,\"b\":2}"), STR(""));
    check_dups(STR("{\"a\":1,\"b\":2,\"a\":3}"), STR("{\"a\":3,\"b\":2}"), STR("a\n"));
    check_dups(STR("{\"a\":1,\"a\":2,\"a\":[3, 4]}"), STR("{\"a\":[3,4]}"), STR("a\n"));
    check_dups(STR("{\"a\":1,\"\\u0061\":2}"), STR("{\"a\":2}"), STR("a\n"));
    check_dups(STR("{\"\\u0061\":\"\\n\",\"b\":0,\"a\":\"x\\ty\"}"),
               STR("{\"\\u0061\":\"x\\ty\",\"b\":0}"), STR("a\n"));
    check_dups(
        STR("{ \"spec\" : { \"replicas\" : 1 , \"x\" : [] , \"replicas\" : 2 } , \"z\" : 1 }"),
        STR("{\"spec\":{\"replicas\":2,\"x\":[]},\"z\":1}"), STR("spec.replicas\n"));
    check_dups(STR("{\"s\":{\"c\":[0,{\"n\":1,\"n\":2}],\"c\":[{\"n\":{}},{\"n\":3,\"n\":4}]}}"),
               STR("{\"s\":{\"c\":[{\"n\":{}},{\"n\":4}]}}"), STR("s.c[1].n\ns.c\ns.c[1].n\n"));
    check_dups(STR("[{\"\":1,\"\":2},[{\"q\":1,\"q\":1}]]"), STR("[{\"\":2},[{\"q\":1}]]"),
               STR("[0].\n[1][0].q\n"));
}

static void test_repeated_keys_many(void **state)
{
    (void)state;
    struct buf text, want, dups;
    buf_init(&text, 1 << 20);
    buf_init(&want, 1 << 20);
    buf_init(&dups, 1 << 20);
    for (int i = 0; i < 3000; i++) {
        buf_printf(&text, "%c\"key%d\":{\"n\":%d}", i ? ',' : '{', i % 2000, i);
        if (i < 2000)
            buf_printf(&want, "%c\"key%d\":{\"n\":%d}", i ? ',' : '{', i, i < 1000 ? i + 2000 : i);
        if (i >= 2000)
            buf_printf(&dups, "key%d\n", i - 2000);
    }
    buf_char(&text, '}');
    buf_char(&want, '}');
    check_dups(buf_view(&text), buf_view(&want), buf_view(&dups));
    buf_fini(&text);
    buf_fini(&want);
    buf_fini(&dups);
}

static void test_paths_and_absence(void **state)
{
    (void)state;
    AUTO(json_doc_unrefp)
    struct json_doc *doc = parse(STR("{\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":"
                                     "\"b\\n\",\"tty\":true}],\"n\":null}}"));
    struct json root = json_root(doc);
    CHECK_STR(json_str(json_path(root, "spec.containers.0.name")), "a");
    CHECK_STR(json_str(json_path(root, "spec.containers.1.name")), "b\n");
    CHECK(json_bool(json_path(root, "spec.containers.1.tty"), false));
    CHECK(!json_exists(json_path(root, "spec.containers.2.name")));
    CHECK(!json_exists(json_path(root, "spec.containers.x")));
    CHECK(!json_exists(json_path(root, "spec.containers.-1")));
    CHECK(!json_exists(json_path(root, "spec.name.first")));
    CHECK(!json_exists(json_path(root, "")));
    CHECK(json_exists(json_path(root, "spec.n")));
    CHECK(!json_has(json_path(root, "spec.n")));
    CHECK(json_type(json_path(root, "spec.n")) == JSON_NULL);
    struct json none = json_get(root, STR("none"));
    CHECK(json_type(none) == JSON_ABSENT && !json_has(none) && json_len(none) == 0);
    CHECK(json_str(none).p == NULL && json_text(none).p == NULL && json_num_text(none).p == NULL);
    CHECK(json_bool(none, true) && json_i64_or(none, 7) == 7);
    CHECK(!json_exists(json_get(none, STR("a"))) && !json_exists(json_at(none, 0)));
    struct json_iter it = json_iter(none);
    CHECK(!json_next(&it));
    CHECK(!json_exists(json_root(NULL)));
    CHECK(json_str(root).p == NULL);
}

/* Keys of one length that differ in one byte only, or that begin alike. */
static void test_similar_keys(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    char key[25];
    for (size_t n = 1; n < sizeof key - 1; n++) {
        buf_clear(&b);
        memset(key, 'x', sizeof key);
        for (size_t i = 0; i < n; i++) {
            key[i] = 'y';
            buf_printf(&b, "%c\"%.*s\":%zu", i ? ',' : '{', (int)n, key, i);
            key[i] = 'x';
        }
        buf_printf(&b, ",\"%.*s\":\"longer\",\"%.*s\":\"shorter\"}", (int)n + 1, key, (int)n - 1,
                   key);
        AUTO(json_doc_unrefp) struct json_doc *doc = parse(buf_view(&b));
        for (size_t i = 0; i < n; i++) {
            key[i] = 'y';
            CHECK_I64(json_i64_or(json_get(json_root(doc), str_make(key, n)), -1), i);
            key[i] = 'x';
        }
        CHECK(!json_exists(json_get(json_root(doc), str_make(key, n))));
        CHECK(json_exists(json_get(json_root(doc), str_make(key, n - 1))));
    }
    buf_fini(&b);
}

static void test_iteration(void **state)
{
    (void)state;
    AUTO(json_doc_unrefp)
    struct json_doc *doc =
        parse(STR("{\"a\":[1,[2,3],{\"x\":4}],\"b\\t\":{},\"c\":\"\\\\\",\"d\":[]}"));
    struct buf b;
    buf_init(&b, 1000);
    for (struct json_iter it = json_iter(json_root(doc)); json_next(&it);) {
        buf_printf(&b, "<%.*s>%u=", STR_ARG(it.key), json_len(it.value));
        json_write(&b, it.value);
    }
    CHECK_STR(buf_view(&b), "<a>3=[1,[2,3],{\"x\":4}]<b\t>0={}<c>0=\"\\\\\"<d>0=[]");
    buf_clear(&b);
    for (struct json_iter it = json_iter(json_get(json_root(doc), STR("a"))); json_next(&it);) {
        CHECK(it.key.p == NULL);
        json_write(&b, it.value);
    }
    CHECK_STR(buf_view(&b), "1[2,3]{\"x\":4}");
    buf_fini(&b);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        int64_t value;
    } rows[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "-0.0", true, 0 },
        { "0e99999999999999999999", true, 0 },
        { "1.0", true, 1 },
        { "1e3", true, 1000 },
        { "1.5e1", true, 15 },
        { "1.50", false, 0 },
        { "100e-2", true, 1 },
        { "100e-3", false, 0 },
        { "9223372036854775807", true, INT64_MAX },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775808", true, INT64_MIN },
        { "-9223372036854775808.0", true, INT64_MIN },
        { "-9223372036854775809", false, 0 },
        { "9.223372036854775807e18", true, INT64_MAX },
        { "9.223372036854775808E18", false, 0 },
        { "1e18", true, INT64_C(1000000000000000000) },
        { "1e19", false, 0 },
        { "1e400", false, 0 },
        { "1e-400", false, 0 },
        { "1e99999999999999999999", false, 0 },
        { "123456789012345678901234567890e-25", false, 0 },
        { "100000000000000000000000000000e-29", true, 1 },
        { "0.00000000000000000000000000001e+29", true, 1 },
        { "1.00000000000000000000000000001", false, 0 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(json_doc_unrefp) struct json_doc *doc = parse(str_from(rows[i].text));
        int64_t got = 77;
        bool whole = json_i64(json_root(doc), &got);
        if (whole != rows[i].whole || got != (whole ? rows[i].value : 77))
            fail_msg("%s: %d %lld", rows[i].text, whole, (long long)got);
        CHECK_STR_EQ(json_num_text(json_root(doc)), str_from(rows[i].text));
    }
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(STR("[0.1,-2.5e3,1e999,\"1\",7]"));
    double d = 3;
    CHECK(json_f64(json_at(json_root(doc), 0), &d) && d == 0.1);
    CHECK(json_f64(json_at(json_root(doc), 1), &d) && d == -2500);
    CHECK(!json_f64(json_at(json_root(doc), 2), &d) && d == -2500);
    CHECK(!json_f64(json_at(json_root(doc), 3), &d));
    CHECK(json_f64(json_at(json_root(doc), 4), &d) && d == 7);
}

static void test_strings(void **state)
{
    (void)state;
    AUTO(json_doc_unrefp)
    struct json_doc *doc = parse(STR("[\"\\u0000\\b\\f\\n\\r\\t\\\"\\\\\\/"
                                     "\",\"\\u00e9\\u20AC\\uD834\\udd1e\",\"pl\xc3\xa4in\"]"));
    CHECK_STR(json_str(json_at(json_root(doc), 0)), "\0\b\f\n\r\t\"\\/");
    CHECK_STR(json_str(json_at(json_root(doc), 1)), "\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e");
    CHECK_STR(json_str(json_at(json_root(doc), 2)), "pl\xc3\xa4in");
    CHECK_STR(json_text(json_at(json_root(doc), 1)), "\"\\u00e9\\u20AC\\uD834\\udd1e\"");
    struct buf b;
    buf_init(&b, 1000);
    json_write_str(&b, STR("a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9"));
    CHECK_STR(buf_view(&b), "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"");
    buf_clear(&b);
    json_write_str(&b, STR("\xff"
                           "a\xc3"
                           "b\xed\xa0\x80\xf0\x9f\x98\x80\xc3"));
    CHECK_STR(buf_view(&b), "\"\xef\xbf\xbd"
                            "a\xef\xbf\xbd"
                            "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                            "\xf0\x9f\x98\x80\xef\xbf\xbd\"");
    buf_clear(&b);
    json_write_str(&b, STR(""));
    json_write_str(&b, (struct str){ 0 });
    CHECK_STR(buf_view(&b), "\"\"\"\"");
    buf_fini(&b);
}

static bool equal(const char *a, const char *b)
{
    AUTO(json_doc_unrefp) struct json_doc *x = parse(str_from(a));
    AUTO(json_doc_unrefp) struct json_doc *y = parse(str_from(b));
    bool eq = json_eq(json_root(x), json_root(y));
    CHECK(eq == json_eq(json_root(y), json_root(x)));
    return eq;
}

static void test_equality(void **state)
{
    (void)state;
    CHECK(equal("{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}"));
    CHECK(equal("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3,\"b\":2}"));
    CHECK(!equal("{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}"));
    CHECK(!equal("{\"a\":1}", "{\"a\":1,\"b\":2}"));
    CHECK(!equal("[1,2]", "[2,1]"));
    CHECK(equal("[\"\\u0061\"]", "[\"a\"]"));
    CHECK(equal("{\"\\u0061\":1}", "{\"a\":1}"));
    CHECK(equal("1.0", "1") && equal("1e2", "100") && equal("-0", "0"));
    CHECK(equal("1.5", "1.5") && !equal("1.5", "1.50"));
    CHECK(!equal("1", "\"1\"") && !equal("true", "false") && !equal("null", "0"));
    CHECK(!equal("[]", "{}") && equal("[]", "[ ]"));
    CHECK(json_eq((struct json){ 0 }, (struct json){ 0 }));
    struct buf a, b;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 500; i++) { /* many members, in another order */
        buf_printf(&a, "%c\"k%d\":%d", i ? ',' : '{', i, i);
        buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', 499 - i, 499 - i);
    }
    buf_char(&a, '}');
    buf_char(&b, '}');
    CHECK(equal(a.p, b.p));
    b.p[5] = ':'; /* k499 becomes another key at the same place in the order */
    CHECK(!equal(a.p, b.p));
    b.p[5] = '9';
    CHECK(equal(a.p, b.p));
    a.p[a.n - 2] = '8'; /* 499 becomes 498 */
    CHECK(!equal(a.p, b.p));
    buf_fini(&a);
    buf_fini(&b);
}

static void test_pretty(void **state)
{
    (void)state;
    AUTO(json_doc_unrefp)
    struct json_doc *doc =
        parse(STR("{\"a\":[1,{\"b\":\"c\\n\"}],\"d\":{},\"\\u0065\":[],\"f\":null}"));
    struct buf b;
    buf_init(&b, 1000);
    json_write_pretty(&b, json_root(doc), 4);
    CHECK_STR(buf_view(&b),
              "{\n    \"a\": [\n        1,\n        {\n            \"b\": \"c\\n\"\n"
              "        }\n    ],\n    \"d\": {},\n    \"\\u0065\": [],\n    \"f\": null\n}");
    buf_fini(&b);
}

static void test_lifetime(void **state)
{
    (void)state;
    struct json_doc *doc = parse(STR("{\"a\":1}"));
    struct json_doc *second = json_doc_ref(doc);
    CHECK(second == doc);
    json_doc_unref(doc);
    CHECK_I64(json_i64_or(json_path(json_root(second), "a"), 0), 1);
    CHECK(json_doc_bytes(second) < 150);
    json_doc_unref(second);
    json_doc_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar_accepts),
        cmocka_unit_test(test_grammar_refuses),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_truncated_everywhere),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_compact_text),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_other_limits),
        cmocka_unit_test(test_error_positions),
        cmocka_unit_test(test_repeated_keys),
        cmocka_unit_test(test_repeated_keys_many),
        cmocka_unit_test(test_paths_and_absence),
        cmocka_unit_test(test_similar_keys),
        cmocka_unit_test(test_iteration),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_lifetime),
    };
    return CHECK_MAIN(tests);
}
