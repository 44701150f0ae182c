/* SPDX-License-Identifier: Apache-2.0
 * schema_check_test — refusals in the words of Go; unknown fields by path. */
#include "kube/schema_check.h"

#include "kube/kind.h"
#include "testkit/check.h"

static struct json_doc *parse(const char *text)
{
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(text), &json_limits_body, &err), err);
    return doc;
}

static void check_refused(const char *type, const char *body, const char *want)
{
    struct json_doc *doc = parse(body);
    struct err err = { 0 };
    int rc = schema_check_types(schema_find(str_from(type)), json_root(doc), (struct json){ 0 },
                                NULL, &err);
    if (want) {
        CHECK_FAILS(rc, err, ERR_INVALID);
        CHECK_CSTR(err.msg, want);
    } else {
        CHECK_OK(rc, err);
    }
    json_doc_unref(doc);
}

static void words_wrong_types_as_go_does(void **state)
{
    (void)state;
    check_refused("core.v1.Pod", "{\"spec\":{\"hostNetwork\":\"yes\"}}",
                  "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of "
                  "type bool");
    check_refused("apps.v1.Deployment", "{\"spec\":{\"template\":{\"spec\":{\"containers\":{}}}}}",
                  "json: cannot unmarshal object into Go struct field "
                  "PodSpec.spec.template.spec.containers of type []v1.Container");
    check_refused(
        "core.v1.Pod", "{\"metadata\":{\"labels\":{\"a\":1}}}",
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of "
        "type string");
    check_refused("apps.v1.Deployment", "{\"spec\":{\"replicas\":1.5}}",
                  "json: cannot unmarshal number 1.5 into Go struct field "
                  "DeploymentSpec.spec.replicas of type int32");
    check_refused("apps.v1.Deployment", "{\"spec\":{\"replicas\":3000000000}}",
                  "json: cannot unmarshal number 3000000000 into Go struct field "
                  "DeploymentSpec.spec.replicas of type int32");
    check_refused("core.v1.Pod", "{\"spec\":[]}",
                  "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec");
}

static void looks_into_texts(void **state)
{
    (void)state;
    check_refused("core.v1.ConfigMap", "{\"binaryData\":{\"w\":\"not base64!\"}}",
                  "illegal base64 data at input byte 3");
    check_refused("core.v1.ConfigMap", "{\"binaryData\":{\"w\":\"YWI\"}}",
                  "illegal base64 data at input byte 0");
    check_refused("core.v1.ConfigMap", "{\"binaryData\":{\"w\":\"YWI=\"}}", NULL);
    check_refused("core.v1.Container", "{\"resources\":{\"limits\":{\"cpu\":\"lots\"}}}",
                  "quantities must match the regular expression "
                  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    check_refused(
        "coordination.v1.Lease", "{\"spec\":{\"acquireTime\":\"x\"}}",
        "parsing time \"x\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"x\" as "
        "\"2006\"");
    check_refused(
        "coordination.v1.Lease", "{\"spec\":{\"acquireTime\":\"2026-01-01T00:00:00.5Z\"}}",
        "parsing time \"2026-01-01T00:00:00.5Z\" as \"2006-01-02T15:04:05.000000Z07:00\": "
        "cannot parse \".5Z\" as \".000000\"");
    check_refused("core.v1.Container", "{\"resources\":{\"limits\":{\"cpu\":2}},\"tty\":null}",
                  NULL);
}

static void names_unknown_fields(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct json_doc *doc =
        parse("{\"spec\":{\"containers\":[{\"name\":\"x\",\"imagePulPolicy\":1}],"
              "\"nodeSelector\":{\"any\":\"y\"},\"nodeselector\":{}},\"extra\":1}");
    struct schema_paths paths = { .a = a };
    const struct schema *pod = schema_find(STR("core.v1.Pod"));
    bool odd = false;
    CHECK_I64(schema_check_types(pod, json_root(doc), (struct json){ 0 }, &odd, NULL), 0);
    CHECK(odd);
    schema_check_unknown(&paths, pod, json_root(doc), (struct json){ 0 });
    CHECK_I64(paths.n, 3);
    CHECK_STR(paths.items[0], "spec.containers[0].imagePulPolicy");
    CHECK_STR(schema_strict_error(&paths, STR("spec.a\nspec.b\n")),
              "strict decoding error: duplicate field \"spec.a\", duplicate field \"spec.b\", "
              "unknown field \"spec.containers[0].imagePulPolicy\", unknown field "
              "\"spec.nodeselector\", unknown field \"extra\"");
    json_doc_unref(doc);
    arena_free(a);
}

static void keeps_a_bounded_number_of_paths(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_char(&b, '{');
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%s\"x%d\":0", i ? "," : "", i);
    buf_char(&b, '}');
    struct arena *a = arena_new();
    struct json_doc *doc = parse(b.p);
    struct schema_paths paths = { .a = a };
    schema_check_unknown(&paths, schema_find(STR("core.v1.Pod")), json_root(doc),
                         (struct json){ 0 });
    CHECK_I64(paths.n, SCHEMA_UNKNOWN_MAX);
    CHECK_I64(paths.more, 1000 - SCHEMA_UNKNOWN_MAX);
    json_doc_unref(doc);
    arena_free(a);
    buf_fini(&b);
}

/* A document written with single quotes. */
static struct json_doc *parse_quotes(struct arena *a, const char *text)
{
    char *own = (char *)(uintptr_t)arena_str(a, str_from(text)).p;
    for (char *p = own; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return parse(own);
}

/* Only members of the root that differ in text from what was checked before are looked at. */
static void members_as_before_are_not_looked_at_again(void **state)
{
    (void)state;
    static const struct {
        const char *old, *now;
        int types, unknown;
    } cases[] = {
        { "{'spec':{'hostNetwork':1,'x':1}}", "{'spec':{'hostNetwork':1,'x':1}}", 0, 0 },
        { "{'spec':{'hostNetwork':1,'x':1}}", "{'spec':{'hostNetwork':1,'x':2}}", -1, 1 },
        { "{'spec':{'hostNetwork':1}}", "{'spec':{'hostNetwork':1},'status':{'x':1}}", 0, 1 },
        { "{'spec':{'hostNetwork':1}}", "{'spec':{'hostNetwork':1},'status':{'phase':1}}", -1, 0 },
        { "{'status':{'hostNetwork':1}}", "{'spec':{'hostNetwork':1}}", -1, 0 },
        { "{}", "{'spec':{'hostNetwork':true},'x':1}", 0, 1 },
        { "{'x':1}", "{'x':1}", 0, 0 },
        { "{}", "[]", -1, 0 },
    };
    const struct schema *pod = schema_find(STR("core.v1.Pod"));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        AUTO(json_doc_unrefp) struct json_doc *old = parse_quotes(a, cases[i].old);
        AUTO(json_doc_unrefp) struct json_doc *now = parse_quotes(a, cases[i].now);
        struct schema_paths paths = { .a = a };
        struct err err = { 0 };
        bool odd = false;
        int types = schema_check_types(pod, json_root(now), json_root(old), &odd, &err);
        CHECK_I64(types, cases[i].types);
        schema_check_unknown(&paths, pod, json_root(now), json_root(old));
        CHECK_I64(paths.n, cases[i].unknown);
        CHECK(types != 0 || odd == (cases[i].unknown > 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_wrong_types_as_go_does),
        cmocka_unit_test(looks_into_texts),
        cmocka_unit_test(names_unknown_fields),
        cmocka_unit_test(keeps_a_bounded_number_of_paths),
        cmocka_unit_test(members_as_before_are_not_looked_at_again),
    };
    return CHECK_MAIN(tests);
}
