/* SPDX-License-Identifier: Apache-2.0
 * Objects, lenses, field tables, amounts and Status. */
#include <stdio.h>

#include "testkit/check.h"

#include "base/mem.h"
#include "kube/field.h"
#include "kube/kobj.h"
#include "kube/lens.h"
#include "kube/quantities.h"
#include "kube/status.h"

static struct kobj *parse(const char *text)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_own, &err), err);
    return o;
}

static const char config[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\",\"namespace\":"
    "\"n\","
    "\"uid\":\"u1\",\"resourceVersion\":\"42\",\"creationTimestamp\":\"2026-11-22T02:43:49Z\","
    "\"labels\":{\"x/y\":\"1\"},\"annotations\":{\"k\":\"v\"},\"ownerReferences\":["
    "{\"uid\":\"o1\"},{\"uid\":\"o2\",\"controller\":true}]}}";

static void kobj_reads_metadata(void **state)
{
    (void)state;
    AUTO(kobj_unrefp) struct kobj *o = parse(config);
    CHECK_STR(o->api_version, "v1");
    CHECK_STR(o->kind, "ConfigMap");
    CHECK_STR(o->name, "a");
    CHECK_STR(o->namespace, "n");
    CHECK_STR(o->uid, "u1");
    CHECK_I64(o->revision, 42);
    CHECK_STR(kobj_label(o, STR("x/y")), "1");
    CHECK(!kobj_label(o, STR("z")).p);
    CHECK_STR(kobj_annotation(o, STR("k")), "v");
    CHECK_STR(json_str(json_get(kobj_controller(o), STR("uid"))), "o2");
    CHECK(!kobj_deleting(o));
    char text[TIME_TEXT_MAX];
    CHECK_STR(wall_text(text, kobj_created(o)), "2026-11-22T02:43:49Z");
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK_STR(kobj_key(a, o), "n/a");
}

/* The short way to metadata finds what the way from the root finds, whatever form the document has
 * at rest. */
static void metadata_is_at_hand(void **state)
{
    (void)state;
    static const char *const objects[] = {
        config,
        "{\"a\":[1,2,{\"metadata\":{\"labels\":1}}],\"metadata\":{\"labels\":{\"b\":\"c\"}}}",
        "{\"spec\":{\"metadata\":{\"labels\":2}},\"metadata\":{\"managedFields\":[{\"x\":[1,2]}],"
        "\"labels\":{\"\\u0061\":\"b\"}}}",
        "{\"metadata\":{}}",
        "{\"metadata\":null}",
        "{}",
    };
    for (size_t i = 0; i < COUNT_OF(objects); i++) {
        AUTO(kobj_unrefp) struct kobj *o = parse(objects[i]);
        struct json labels = kobj_path(o, "metadata.labels");
        CHECK(json_exists(labels) == json_exists(kobj_meta(o, STR("labels"))));
        CHECK_I64(kobj_meta(o, STR("labels")).at, labels.at);
        CHECK(json_has(kobj_path(o, "metadata")) == json_exists(kobj_metadata(o)));
    }
    CHECK(!json_exists(kobj_meta(NULL, STR("labels"))));
}

static void kobj_refuses_wrong_types(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{\"metadata\":[]}",
        "{\"kind\":1}",
        "{\"metadata\":{\"name\":{}}}",
        "{\"apiVersion\":true}",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct kobj *o = NULL;
        struct err err = { 0 };
        CHECK_FAILS(kobj_parse(&o, str_from(bad[i]), &json_limits_own, &err), err, ERR_INVALID);
        CHECK(!o);
    }
    AUTO(kobj_unrefp) struct kobj *empty = parse("{\"metadata\":null}");
    CHECK(!empty->name.p);
    CHECK(!json_exists(kobj_controller(empty)));
}

struct toy {
    struct str name;
    int64_t n, cpu_milli, bytes;
    bool has_n, on;
    struct strs words;
    struct {
        struct toy_item {
            int64_t v;
        } * items;
        size_t n;
    } list;
    struct wall when;
};

static const struct field item_fields[] = { FIELD_I64(struct toy_item, v, "v") };
static const struct field toy_fields[] = {
    FIELD_STR(struct toy, name, "metadata.name"),
    FIELD_I64_OPT(struct toy, n, "n"),
    FIELD_BOOL(struct toy, on, "on"),
    FIELD_STRS(struct toy, words, "words"),
    FIELD_TIME(struct toy, when, "when"),
    FIELD_LIST(struct toy, list, "list", item_fields, struct toy_item),
    { .name = "cpu",
      .type = FIELD_T_MILLI,
      .offset = offsetof(struct toy, cpu_milli),
      .has_offset = FIELD_NO_HAS },
    { .name = "mem",
      .type = FIELD_T_UNITS,
      .offset = offsetof(struct toy, bytes),
      .has_offset = FIELD_NO_HAS },
};

static int decodes;

static void toy_decode(void *out, const struct kobj *o, struct arena *a)
{
    decodes++;
    field_decode(out, toy_fields, COUNT_OF(toy_fields), kobj_root(o), a);
}

static void lens_decodes_once_and_ignores_wrong_types(void **state)
{
    (void)state;
    decodes = 0;
    AUTO(kobj_unrefp)
    struct kobj *o =
        parse("{\"metadata\":{\"name\":\"t\"},\"n\":0,\"on\":true,\"words\":[\"a\",1,\"b\"],"
              "\"list\":[{\"v\":7},{\"v\":\"x\"}],\"cpu\":\"1.0001\",\"mem\":\"1Ki\","
              "\"when\":\"2026-11-22T02:43:49Z\"}");
    const struct toy *t = lens_get(o, sizeof *t, toy_decode);
    CHECK(t == lens_get(o, sizeof *t, toy_decode));
    CHECK_I64(decodes, 1);
    CHECK_STR(t->name, "t");
    CHECK(t->has_n);
    CHECK_I64(t->n, 0);
    CHECK(t->on);
    CHECK_I64(t->words.n, 2);
    CHECK_STR(t->words.items[1], "b");
    CHECK_I64(t->list.n, 2);
    CHECK_I64(t->list.items[0].v, 7);
    CHECK_I64(t->list.items[1].v, 0);
    CHECK_I64(t->cpu_milli, 1001);
    CHECK_I64(t->bytes, 1024);
    CHECK(t->when.ns != 0);
    AUTO(kobj_unrefp) struct kobj *wrong = parse("{\"n\":\"1\",\"on\":1,\"words\":{},\"list\":3}");
    t = lens_get(wrong, sizeof *t, toy_decode);
    CHECK(!t->has_n && !t->on && t->words.n == 0 && t->list.n == 0);
}

static int64_t amount(const char *text, int64_t parts)
{
    char doc[128];
    snprintf(doc, sizeof doc, "{\"v\":%s}", text);
    AUTO(kobj_unrefp) struct kobj *o = parse(doc);
    int64_t out = -1;
    return amount_parse(kobj_path(o, "v"), parts, &out) ? out : -1;
}

static void amounts_round_up_once(void **state)
{
    (void)state;
    CHECK_I64(amount("\"100m\"", 1000), 100);
    CHECK_I64(amount("\"100m\"", 1), 1);
    CHECK_I64(amount("\"0.5\"", 1000), 500);
    CHECK_I64(amount("2", 1000), 2000);
    CHECK_I64(amount("1.5", 1000), 1500);
    CHECK_I64(amount("\"1Gi\"", 1), INT64_C(1) << 30);
    CHECK_I64(amount("\"1.5Ki\"", 1), 1536);
    CHECK_I64(amount("\"1k\"", 1), 1000);
    CHECK_I64(amount("\"1e3\"", 1), 1000);
    CHECK_I64(amount("\"1E3\"", 1), 1000);
    CHECK_I64(amount("\"1E\"", 1), INT64_C(1000000000000000000));
    CHECK_I64(amount("\"12345678901234567890123\"", 1), INT64_MAX);
    CHECK_I64(amount("\"1000000000n\"", 1), 1);
    CHECK_I64(amount("\"1n\"", 1000), 1);
    CHECK_I64(amount("\"0.00000000001\"", 1000), 1);
    CHECK_I64(amount("\"-0\"", 1), 0);
    CHECK_I64(amount("\"1Ki2\"", 1), -1);
    CHECK_I64(amount("\"\"", 1), -1);
    CHECK_I64(amount("\"1 \"", 1), -1);
    CHECK_I64(amount("\"1e\"", 1), -1);
    CHECK_I64(amount("true", 1), -1);
    AUTO(kobj_unrefp)
    struct kobj *o = parse("{\"r\":{\"nvidia.com/gpu\":\"2\",\"cpu\":\"250m\","
                           "\"bad\":\"x\",\"memory\":\"1Mi\"}}");
    AUTO(arena_freep) struct arena *a = arena_new();
    struct amounts m = amounts_decode(a, kobj_path(o, "r"));
    CHECK_I64(m.n, 3);
    CHECK_STR(m.items[0].name, "cpu");
    CHECK_I64(amounts_get(&m, STR("cpu")), 250);
    CHECK_I64(amounts_get(&m, STR("nvidia.com/gpu")), 2);
    CHECK(!amounts_has(&m, STR("bad")));
    CHECK_I64(amounts_get(&m, STR("none")), 0);
}

static void status_names_causes(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct causes c = { .a = a };
    cause_add(&c, CAUSE_INVALID, STR("metadata.name"), jnode_str(a, STR("A\"b")), "must be %s",
              "lower");
    cause_add(&c, CAUSE_REQUIRED, STR("spec"), NULL, "%s", "");
    AUTO(kobj_unrefp)
    struct kobj *o = status_invalid(STR("Deployment"), STR("apps"), STR("A\"b"), &c);
    CHECK_STR(
        json_text(kobj_root(o)),
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
        "\"message\":\"Deployment.apps \\\"A\\\\\\\"b\\\" is invalid: [metadata.name: Invalid "
        "value: \\\"A\\\\\\\"b\\\": must be lower, spec: Required value]\",\"reason\":"
        "\"Invalid\",\"details\":{\"name\":\"A\\\"b\",\"group\":\"apps\",\"kind\":"
        "\"Deployment\",\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid "
        "value: \\\"A\\\\\\\"b\\\": must be lower\",\"field\":\"metadata.name\"},{\"reason\":"
        "\"FieldValueRequired\",\"message\":\"Required value\",\"field\":\"spec\"}]},"
        "\"code\":422}");
    cause_vec_fini(&c.list);
}

static void status_and_errors_translate(void **state)
{
    (void)state;
    struct err err = { 0 };
    for (enum err_kind k = ERR_INVALID; k <= ERR_BUG; k++) {
        err_set(&err, k, "why %d", (int)k);
        AUTO(kobj_unrefp) struct kobj *o = status_from_err(&err);
        struct err back = { 0 };
        int code = (int)json_i64_or(kobj_path(o, "code"), 0);
        CHECK_I64(code, status_code_of(k));
        CHECK_I64(status_to_err(o, code, &back), -1);
        CHECK_STR_EQ(str_from(back.msg), str_from(err.msg));
        enum err_kind want = k;
        if (k == ERR_IO)
            want = ERR_IO;
        if (k == ERR_BUG)
            want = ERR_BUG;
        CHECK_I64(back.kind, want);
    }
    CHECK_I64(status_err_kind(409, STR("AlreadyExists")), ERR_EXISTS);
    CHECK_I64(status_err_kind(409, STR("Other")), ERR_CONFLICT);
    CHECK_I64(status_err_kind(422, STR("Invalid")), ERR_INVALID);
    CHECK_I64(status_err_kind(502, (struct str){ 0 }), ERR_IO);
    struct status_spec done = { .code = 200, .name = STR("x"), .kind = STR("pods") };
    AUTO(kobj_unrefp) struct kobj *o = status_new(&done);
    CHECK_STR(json_text(kobj_root(o)),
              "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\","
              "\"details\":{\"name\":\"x\",\"kind\":\"pods\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kobj_reads_metadata),
        cmocka_unit_test(metadata_is_at_hand),
        cmocka_unit_test(kobj_refuses_wrong_types),
        cmocka_unit_test(lens_decodes_once_and_ignores_wrong_types),
        cmocka_unit_test(amounts_round_up_once),
        cmocka_unit_test(status_names_causes),
        cmocka_unit_test(status_and_errors_translate),
    };
    return CHECK_MAIN(tests);
}
