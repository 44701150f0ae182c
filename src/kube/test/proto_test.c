/* SPDX-License-Identifier: Apache-2.0
 * proto_test — bodies of the real encoder against Go's JSON, and bytes made by hand. */
#include "kube/proto.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/base64.h"
#include "kube/normalise.h"
#include "kube/test/proto_cases.h"
#include "testkit/check.h"

static struct str text_of(struct arena *a, struct jnode *n)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    jnode_write(&b, n);
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

/* The typed decoder's view: zero values that Go's JSON leaves out go, so both sides can be equal.
 */
static void normalised(struct arena *a, struct jnode *n)
{
    const struct schema *s = schema_find_kind(jnode_text_of_str(jnode_get(n, STR("apiVersion"))),
                                              jnode_text_of_str(jnode_get(n, STR("kind"))));
    CHECK(s != NULL);
    normalise(a, s, n);
}

static void agrees_with_client_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(proto_cases); i++) {
        struct arena *a = arena_new();
        struct err err = { 0 };
        struct buf body;
        buf_init(&body, 1u << 20);
        CHECK_OK(base64_decode(&body, str_from(proto_cases[i].body), BASE64_STD, &err), err);
        struct jnode *got;
        CHECK_OK(proto_decode(a, buf_view(&body), &got, &err), err);
        struct json_doc *doc;
        CHECK_OK(json_parse(&doc, str_from(proto_cases[i].json), &json_limits_body, &err), err);
        struct jnode *want = jnode_thaw(a, json_root(doc));
        normalised(a, got);
        normalised(a, want);
        if (!jnode_eq(got, want))
            CHECK_STR_EQ(text_of(a, got), text_of(a, want));
        json_doc_unref(doc);
        buf_fini(&body);
        arena_free(a);
    }
}

static void check_message(const char *message, struct str bytes, const char *want)
{
    struct arena *a = arena_new();
    struct err err = { 0 };
    struct jnode *got;
    int rc = proto_decode_message(a, str_from(message), bytes, &got, &err);
    if (want) {
        CHECK_OK(rc, err);
        CHECK_STR_EQ(text_of(a, got), str_from(want));
    } else {
        CHECK_FAILS(rc, err, ERR_INVALID);
    }
    arena_free(a);
}

static void reads_messages(void **state)
{
    (void)state;
    check_message("core.v1.LocalObjectReference", STR("\x0a\x01x"), "{\"name\":\"x\"}");
    check_message("core.v1.LocalObjectReference", STR("\x0a\x01x\x0a\x02yz"), "{\"name\":\"yz\"}");
    /* field 99, varint: skipped */
    check_message("core.v1.LocalObjectReference", STR("\x98\x06\x05\x0a\x01x"), "{\"name\":\"x\"}");
    check_message("util.intstr.IntOrString", STR("\x08\x00\x10\x50"), "80");
    check_message("util.intstr.IntOrString", STR("\x08\x01\x1a\x04http"), "\"http\"");
    check_message("util.intstr.IntOrString", STR("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                  "-1");
    check_message("api.resource.Quantity",
                  STR("\x0a\x03"
                      "1Gi"),
                  "\"1Gi\"");
    check_message("apis.meta.v1.Time", STR("\x08\x80\xe2\xcf\xaa\x06"), "\"2023-11-14T22:13:20Z\"");
    check_message("apis.meta.v1.Time", STR(""), "null");
    check_message("runtime.RawExtension", STR("\x0a\x07{\"a\":1}"), "{\"a\":1}");
    check_message("apis.meta.v1.LabelSelector",
                  STR("\x0a\x06\x0a\x01"
                      "a\x12\x01"
                      "b\x0a\x03\x0a\x01"
                      "c"),
                  "{\"matchLabels\":{\"a\":\"b\",\"c\":\"\"}}");
    /* a sub-message in two pieces merges */
    check_message("core.v1.EnvVarSource", STR("\x0a\x03\x0a\x01x\x0a\x03\x12\x01y"),
                  "{\"fieldRef\":{\"apiVersion\":\"x\",\"fieldPath\":\"y\"}}");
}

static void refuses_bad_bytes(void **state)
{
    (void)state;
    static const struct str bad[] = {
        STR_INIT("\x0a"),         /* no length */
        STR_INIT("\x0a\x05x"),    /* cut short */
        STR_INIT("\x0a\x01\xff"), /* not UTF-8 */
        STR_INIT("\x08\x01"),     /* wrong wire type */
        STR_INIT("\x0b"),         /* a group */
        STR_INIT("\x02\x01x"),    /* field 0 */
        STR_INIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        check_message("core.v1.LocalObjectReference", bad[i], NULL);
    check_message("core.v1.Nothing", STR(""), NULL);
    struct arena *a = arena_new();
    struct jnode *out;
    struct err err = { 0 };
    CHECK(!proto_is_body(STR("{}")));
    CHECK_FAILS(proto_decode(a, STR("{}"), &out, &err), err, ERR_INVALID);
    CHECK_FAILS(proto_decode(a, str_make("k8s\0", 4), &out, &err), err, ERR_INVALID);
    arena_free(a);
}

static void bounds_depth(void **state)
{
    (void)state;
    /* JSONSchemaProps.not (field 28) nested in itself: each level is key, length, rest */
    struct buf b;
    buf_init(&b, 1u << 20);
    for (int i = 0; i < 500; i++) {
        struct buf outer;
        buf_init(&outer, 1u << 20);
        buf_put(&outer, "\xe2\x01", 2); /* 28 << 3 | 2 */
        for (size_t n = b.n;; n >>= 7) {
            buf_char(&outer, (char)(n > 127 ? (n & 127) | 128 : n));
            if (n <= 127)
                break;
        }
        buf_str(&outer, buf_view(&b));
        buf_fini(&b);
        b = outer;
    }
    struct arena *a = arena_new();
    struct jnode *out;
    struct err err = { 0 };
    CHECK_FAILS(
        proto_decode_message(a, STR("apiextensions.v1.JSONSchemaProps"), buf_view(&b), &out, &err),
        err, ERR_TOO_LARGE);
    buf_fini(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_client_go),
        cmocka_unit_test(reads_messages),
        cmocka_unit_test(refuses_bad_bytes),
        cmocka_unit_test(bounds_depth),
    };
    return CHECK_MAIN(tests);
}
