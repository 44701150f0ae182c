/* SPDX-License-Identifier: Apache-2.0
 * Tests of selector. What parses, matches and fails was compared with k8s.io/apimachinery v0.36.3.
 */
#include "codec/selector.h"

#include "testkit/check.h"

static struct json_doc *doc(const char *text)
{
    struct json_doc *d = NULL;
    struct err err;
    CHECK_OK(json_parse(&d, str_from(text), &json_limits_own, &err), err);
    return d;
}

static struct selector *parsed(const char *text)
{
    struct selector *s = NULL;
    struct err err;
    CHECK_OK(selector_parse(&s, str_from(text), &err), err);
    return s;
}

static void check_text(const struct selector *s, const char *want)
{
    struct buf b;
    buf_init(&b, 1000);
    selector_write(&b, s);
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static void text_matches(void **state)
{
    (void)state;
    static const struct {
        const char *text, *canonical;
        bool matches; /* a=b, n=3, empty= */
    } rows[] = {
        { "", "", true },
        { "  ", "", true },
        { "a=b", "a=b", true },
        { "a==b", "a=b", true },
        { "a=c", "a=c", false },
        { "a!=b", "a!=b", false },
        { "x!=b", "x!=b", true },
        { "a=", "a=", false },
        { "empty=", "empty=", true },
        { "x=", "x=", false },
        { "a= ,n", "a=,n", false },
        { "a in (c,b,c)", "a in (b,c)", true },
        { "a in(b)", "a=b", true },
        { "a in (,)", "a=", false },
        { "empty in (q,,)", "empty in (,q)", true },
        { "a notin (c, d)", "a notin (c,d)", true },
        { "x notin (c)", "x!=c", true },
        { "a notin (b,c)", "a notin (b,c)", false },
        { "!x", "!x", true },
        { "!a", "!a", false },
        { "a", "a", true },
        { "x", "x", false },
        { "in", "in", false },
        { "notin in (in)", "notin=in", false },
        { "n>2,n<5", "n>2,n<5", true },
        { "n > 3", "n>3", false },
        { "n<3", "n<3", false },
        { "a>1", "a>1", false },
        { "x<1", "x<1", false },
        { "n=3,a=b", "a=b,n=3", true },
        { "a=b,a=c", "a=b,a=c", false },
        { "example.com/x!=1", "example.com/x!=1", true },
        { "a=b,c!=d,e in (x,y),f notin (z),!g,h,n>2,n<5", "a=b,c!=d,e in (x,y),f!=z,!g,h,n>2,n<5",
          false },
    };
    struct json_doc *labels = doc("{\"a\":\"b\",\"n\":\"3\",\"empty\":\"\"}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(selector_freep) struct selector *s = parsed(rows[i].text);
        check_text(s, rows[i].canonical);
        CHECK(selector_matches(s, json_root(labels)) == rows[i].matches);
        AUTO(selector_freep) struct selector *again = parsed(rows[i].canonical);
        check_text(again, rows[i].canonical);
    }
    json_doc_unref(labels);
}

static void text_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a,",      "a,,b",        ",",          "!a=b",  "a in ()",
        "a in b",  "a=(b)",       "a!b",        "a>x",   "a>1.5",
        "a>-3",    "a=b c",       "x in (a",    "-a=b",  "a/b/c=1",
        "/a",      "A.b/c",       "a=-",        "a==!b", "a=!b",
        "!",       "!!a",         "a)",         "a>",    "n>9223372036854775808",
        "ain (b)", "a=b\xc3\x9f", "x in (a b)", "a b",   "=",
        "a=b)",    "(",
    };
    struct selector *s = NULL;
    struct err err;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_FAILS(selector_parse(&s, str_from(bad[i]), &err), err, ERR_INVALID);
    CHECK(s == NULL);
    CHECK_FAILS(selector_parse(&s, str_make("a=b\0", 4), &err), err, ERR_INVALID);
    static char big[SELECTOR_TEXT_MAX + 1];
    CHECK_FAILS(selector_parse(&s, str_make(big, sizeof big), &err), err, ERR_TOO_LARGE);
    selector_parse(&s, STR("a=b c"), &err);
    CHECK_CSTR(err.msg, "found 'c', expected: ',' or 'end of string'");
    selector_parse(&s, STR("a in b"), &err);
    CHECK_CSTR(err.msg, "unable to parse requirement: found 'b', expected: '('");
}

static void lengths(void **state)
{
    (void)state;
    static char text[400];
    const char *why;
    memset(text, 'a', sizeof text);
    CHECK(selector_value_ok(str_make(text, 63), &why) && !why);
    CHECK(!selector_value_ok(str_make(text, 64), &why) && why);
    CHECK(selector_value_ok(STR(""), &why));
    text[253] = '/';
    CHECK(selector_key_ok(str_make(text, 254 + 63), &why));
    CHECK(!selector_key_ok(str_make(text, 254 + 64), &why));
    CHECK(!selector_key_ok(str_make(text, 254), &why));
    text[253] = 'a';
    text[254] = '/';
    CHECK(!selector_key_ok(str_make(text, 256), &why));
    CHECK(!selector_key_ok(STR(""), &why) && !selector_key_ok(STR("a..b/c"), &why));
    CHECK(selector_key_ok(STR("a.b-1/C_d.e"), &why));
}

static void objects(void **state)
{
    (void)state;
    static const struct {
        const char *object, *canonical;
        bool matches;
    } rows[] = {
        { "null", "!,", false },
        { "{}", "", true },
        { "{\"matchLabels\":{},\"matchExpressions\":null}", "", true },
        { "{\"matchLabels\":{\"n\":\"3\",\"a\":\"b\"}}", "a=b,n=3", true },
        { "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"c\",\"b\"]},"
          "{\"key\":\"x\",\"operator\":\"DoesNotExist\"},{\"key\":\"n\",\"operator\":\"Exists\"},"
          "{\"key\":\"n\",\"operator\":\"NotIn\",\"values\":[\"4\"]}],"
          "\"matchLabels\":{\"a\":\"b\"}}",
          "a=b,a in (b,c),n!=4,n,!x", true },
    };
    static const char *const bad[] = {
        "[]",
        "\"a=b\"",
        "{\"matchLabels\":[]}",
        "{\"matchLabels\":{\"a\":1}}",
        "{\"matchLabels\":{\"-\":\"b\"}}",
        "{\"matchLabels\":{\"a\":\"-\"}}",
        "{\"matchExpressions\":{}}",
        "{\"matchExpressions\":[{}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"in\",\"values\":[\"b\"]}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[1]}]}",
        "{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"b\"]}]}",
        "{\"matchExpressions\":[{\"operator\":\"Exists\"}]}",
    };
    struct err err;
    struct json_doc *labels = doc("{\"a\":\"b\",\"n\":\"3\"}");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(selector_freep) struct selector *s = NULL;
        struct json_doc *d = doc(rows[i].object);
        CHECK_OK(selector_from_json(&s, json_root(d), &err), err);
        json_doc_unref(d); /* the selector has its own copy */
        check_text(s, rows[i].canonical);
        CHECK(selector_matches(s, json_root(labels)) == rows[i].matches);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct selector *s = NULL;
        struct json_doc *d = doc(bad[i]);
        CHECK_FAILS(selector_from_json(&s, json_root(d), &err), err, ERR_INVALID);
        json_doc_unref(d);
    }
    AUTO(selector_freep) struct selector *none = NULL;
    CHECK_OK(selector_from_json(&none, (struct json){ 0 }, &err), err);
    CHECK(selector_is_nothing(none) && !selector_is_everything(none));
    AUTO(selector_freep) struct selector *plain = NULL, *empty = NULL;
    CHECK_OK(selector_from_labels(&plain, json_root(labels), &err), err);
    check_text(plain, "a=b,n=3");
    CHECK_OK(selector_from_labels(&empty, (struct json){ 0 }, &err), err);
    CHECK(!selector_matches(empty, json_root(labels)));
    size_t n;
    const struct selector_term *terms = selector_terms(plain, &n);
    CHECK_I64(n, 2);
    CHECK_STR(terms[1].values[0], "3");
    json_doc_unref(labels);
}

static struct str lookup(void *arg, struct str key)
{
    (void)arg;
    if (str_is(key, "metadata.name"))
        return STR("web");
    if (str_is(key, "odd"))
        return STR("a,b=c\\d");
    return (struct str){ 0 };
}

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool matches;
    } rows[] = {
        { "", true },
        { ",", true },
        { "metadata.name=web", true },
        { "metadata.name==web,", true },
        { "metadata.name!=web", false },
        { "metadata.name=db", false },
        { "spec.nodeName=", true },
        { "spec.nodeName!=", false },
        { "metadata.name=web,spec.nodeName!=n1", true },
        { "odd=a\\,b\\=c\\\\d", true },
        { "odd!=a\\,b\\=c\\\\d", false },
        { " metadata.name=web", false },
        { "=b", false },
    };
    static const char *const bad[] = { "a", "a=b=c", "a=\\x", "a=b\\", "a\\=b=c", "a=b,c" };
    struct err err;
    struct selector_fields s = { 0 };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_OK(selector_fields_parse(&s, str_from(rows[i].text), &err), err);
        CHECK(selector_fields_match(&s, lookup, NULL) == rows[i].matches);
        selector_fields_fini(&s);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_FAILS(selector_fields_parse(&s, str_from(bad[i]), &err), err, ERR_INVALID);
    CHECK_OK(selector_fields_parse(&s, STR("metadata.name!=a,metadata.name=b"), &err), err);
    CHECK_STR(selector_fields_get(&s, STR("metadata.name")), "b");
    CHECK(selector_fields_get(&s, STR("metadata")).p == NULL);
    selector_fields_fini(&s);
    selector_fields_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_matches), cmocka_unit_test(text_refused), cmocka_unit_test(lengths),
        cmocka_unit_test(objects),      cmocka_unit_test(fields),
    };
    return CHECK_MAIN(tests);
}
