/* SPDX-License-Identifier: Apache-2.0
 * structural_test — custom types: pruning, defaults, refusals; the schemas of definitions. */
#include "kube/structural.h"

#include "kube/schema_check.h"
#include "testkit/check.h"

static const char model_schema[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"required\":[\"image\"],"
    "\"properties\":{\"image\":{\"type\":\"string\",\"minLength\":1,\"pattern\":\"^[a-z/"
    ":0-9.]+$\"},"
    "\"replicas\":{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":0,\"maximum\":10,"
    "\"default\":1},\"mode\":{\"type\":\"string\",\"enum\":[\"eager\",\"lazy\"],\"default\":"
    "\"lazy\"},"
    "\"port\":{\"x-kubernetes-int-or-string\":true},\"ratio\":{\"type\":\"number\","
    "\"exclusiveMinimum\":true,\"minimum\":0},\"free\":{\"type\":\"object\","
    "\"x-kubernetes-preserve-unknown-fields\":true},\"when\":{\"type\":\"string\",\"format\":"
    "\"date-time\"},\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":3,"
    "\"x-kubernetes-list-type\":\"set\"},\"labels\":{\"type\":\"object\",\"additionalProperties\":{"
    "\"type\":\"string\"},\"maxProperties\":2},\"pools\":{\"type\":\"array\","
    "\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"name\"],\"items\":{"
    "\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"
    "\"size\":{\"type\":\"integer\",\"default\":2}}}},\"maybe\":{\"type\":\"string\",\"nullable\":"
    "true},\"raw\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,"
    "\"x-kubernetes-preserve-unknown-fields\":true},\"limits\":{\"type\":\"object\",\"default\":{"
    "\"cpu\":\"1\"},\"properties\":{\"cpu\":{\"type\":\"string\"},\"memory\":{\"type\":\"string\","
    "\"default\":\"1Gi\"}}},\"pick\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
    "\"string\"},"
    "\"b\":{\"type\":\"string\"}},\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}}}}}";

struct model {
    struct json_doc *schema_doc;
    struct structural *st;
    const struct schema *schema;
};

static int make_model(void **state)
{
    struct model *m = mem_alloc(sizeof *m);
    struct err err = { 0 };
    CHECK_OK(json_parse(&m->schema_doc, str_from(model_schema), &json_limits_body, &err), err);
    CHECK_OK(structural_new(&m->st, json_root(m->schema_doc), &err), err);
    m->schema = structural_schema(m->st);
    *state = m;
    return 0;
}

static int drop_model(void **state)
{
    struct model *m = *state;
    structural_free(m->st);
    json_doc_unref(m->schema_doc);
    free(m);
    return 0;
}

#define MODEL(spec)                                                                                \
    "{\"apiVersion\":\"e/v1\",\"kind\":\"Model\",\"metadata\":{\"name\":\"m\"},\"spec\":{" spec "}}"

static void check_filled(struct model *m, const char *body, const char *want_spec)
{
    struct arena *a = arena_new();
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(body), &json_limits_body, &err), err);
    struct jnode *tree = jnode_thaw(a, json_root(doc));
    structural_prune(a, m->schema, tree);
    structural_default(a, m->schema, tree);
    struct causes causes = { .a = a };
    structural_validate(&causes, m->schema, tree);
    CHECK_I64(causes.list.n, 0);
    struct buf b;
    buf_init(&b, 65536);
    jnode_write(&b, jnode_get(tree, STR("spec")));
    CHECK_STR_EQ(buf_view(&b), str_from(want_spec));
    buf_fini(&b);
    cause_vec_fini(&causes.list);
    json_doc_unref(doc);
    arena_free(a);
}

static void prunes_and_fills(void **state)
{
    struct model *m = *state;
#define FILLED "\"replicas\":1,\"mode\":\"lazy\",\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}"
    check_filled(
        m,
        MODEL("\"image\":\"a\",\"unknown\":1,\"free\":{\"any\":{\"thing\":[1]}},\"limits\":{"
              "\"memory\":\"2Gi\",\"x\":1},\"pools\":[{\"name\":\"a\"},{\"name\":\"b\","
              "\"size\":5,\"junk\":1}],\"mode\":\"eager\",\"replicas\":3"),
        "{\"image\":\"a\",\"free\":{\"any\":{\"thing\":[1]}},\"limits\":{\"memory\":\"2Gi\"},"
        "\"pools\":[{\"name\":\"a\",\"size\":2},{\"name\":\"b\",\"size\":5}],"
        "\"mode\":\"eager\",\"replicas\":3}");
    check_filled(m,
                 MODEL("\"image\":\"a\",\"maybe\":null,\"mode\":null,\"tags\":null,\"replicas\":4,"
                       "\"limits\":{\"memory\":\"x\"}"),
                 "{\"image\":\"a\",\"maybe\":null,\"replicas\":4,\"limits\":{\"memory\":\"x\"},"
                 "\"mode\":\"lazy\"}");
    check_filled(m, MODEL("\"image\":\"a\",\"mode\":\"lazy\",\"replicas\":1"),
                 "{\"image\":\"a\",\"mode\":\"lazy\",\"replicas\":1,\"limits\":{\"cpu\":\"1\","
                 "\"memory\":\"1Gi\"}}");
    check_filled(
        m,
        MODEL("\"image\":\"a\",\"mode\":\"lazy\",\"replicas\":1,\"limits\":{\"memory\":\"x\"},"
              "\"raw\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":"
              "\"x\",\"extra\":1},\"data\":{\"a\":\"b\"}}"),
        "{\"image\":\"a\",\"mode\":\"lazy\",\"replicas\":1,\"limits\":{\"memory\":\"x\"},"
        "\"raw\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\"},"
        "\"data\":{\"a\":\"b\"}}}");
}

/* All causes as "field: message", one a line. */
static void check_causes(const struct causes *c, const char *want)
{
    struct buf b;
    buf_init(&b, 65536);
    for (size_t i = 0; i < c->list.n; i++)
        buf_printf(&b, "%.*s: %.*s\n", STR_ARG(c->list.items[i].field),
                   STR_ARG(c->list.items[i].message));
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static void says_what_is_wrong(void **state)
{
    struct model *m = *state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        { MODEL(""), "spec.image: Required value\n" },
        { MODEL("\"image\":\"UPPER\",\"replicas\":11,\"mode\":\"hasty\""),
          "spec.image: Invalid value: \"UPPER\": spec.image in body should match "
          "'^[a-z/:0-9.]+$'\n"
          "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to "
          "10\n"
          "spec.mode: Unsupported value: \"hasty\": supported values: \"eager\", \"lazy\"\n" },
        { MODEL("\"image\":\"\""),
          "spec.image: Invalid value: \"\": spec.image in body should be at least 1 chars long\n" },
        { MODEL("\"image\":\"a\",\"ratio\":0"),
          "spec.ratio: Invalid value: 0: spec.ratio in body should be greater than 0\n" },
        { MODEL("\"image\":\"a\",\"replicas\":\"3\""),
          "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type "
          "integer: "
          "\"string\"\n" },
        { MODEL("\"image\":\"a\",\"replicas\":1.5"),
          "spec.replicas: Invalid value: \"float64\": spec.replicas in body must be of type int32: "
          "\"float64\"\n<nil>: Invalid value: \"\": Checked value must be of type integer with "
          "format "
          "int32 in spec.replicas\n" },
        { MODEL("\"image\":\"a\",\"tags\":[\"x\",\"x\"]"),
          "spec.tags[1]: Duplicate value: \"x\"\n" },
        { MODEL("\"image\":\"a\",\"pools\":[{\"name\":\"a\"},{\"name\":\"a\"}]"),
          "spec.pools[1]: Duplicate value: {\"name\":\"a\"}\n" },
        { MODEL("\"image\":\"a\",\"labels\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}"),
          "spec.labels: Too many: 3: must have at most 2 items\n" },
        { MODEL("\"image\":\"a\",\"port\":1.5"),
          "spec.port: Invalid value: \"number\": spec.port in body must be of type integer,string: "
          "\"number\"\n" },
        { MODEL("\"image\":\"a\",\"when\":\"yesterday\""),
          "spec.when: Invalid value: \"yesterday\": spec.when in body must be of type date-time: "
          "\"yesterday\"\n" },
        { MODEL("\"image\":\"a\",\"raw\":{\"data\":{}}"),
          "spec.raw.apiVersion: Required value\nspec.raw.kind: Required value\n" },
        { MODEL("\"image\":\"a\",\"pick\":{}"),
          "spec.pick: Invalid value: \"\": \"spec.pick\" must validate one and only one schema "
          "(oneOf). Found none valid\n" },
        { "{\"spec\":\"text\"}",
          "spec: Invalid value: \"string\": spec in body must be of type object: \"string\"\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new();
        struct json_doc *doc;
        struct err err = { 0 };
        CHECK_OK(json_parse(&doc, str_from(cases[i].body), &json_limits_body, &err), err);
        struct causes causes = { .a = a };
        structural_validate(&causes, m->schema, jnode_thaw(a, json_root(doc)));
        check_causes(&causes, cases[i].want);
        cause_vec_fini(&causes.list);
        json_doc_unref(doc);
        arena_free(a);
    }
}

static void names_unknown_fields_sorted(void **state)
{
    struct model *m = *state;
    struct arena *a = arena_new();
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc,
                        STR(MODEL("\"unknown\":1,\"pools\":[{\"junk\":1}],\"free\":{\"x\":1},"
                                  "\"limits\":{\"x\":1}")),
                        &json_limits_body, &err),
             err);
    struct schema_paths paths = { .a = a };
    schema_check_unknown(&paths, m->schema, json_root(doc), (struct json){ 0 });
    CHECK_STR(schema_strict_error(&paths, STR("")),
              "strict decoding error: unknown field \"spec.limits.x\", unknown field "
              "\"spec.pools[0].junk\", unknown field \"spec.unknown\"");
    json_doc_unref(doc);
    arena_free(a);
}

static void refuses_unstructural_schemas(void **state)
{
    (void)state;
#define R "spec.validation.openAPIV3Schema"
    static const struct {
        const char *schema, *want;
    } cases[] = {
        { "{\"properties\":{\"spec\":{\"type\":\"string\"}}}",
          R ".type: Required value: must not be empty at the root\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"properties\":{}}}}",
          R ".properties[spec].type: Required value: must not be empty for specified object "
            "fields\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"text\"}}}",
          R ".properties[spec].type: Unsupported value: \"text\": supported values: \"array\", "
            "\"boolean\", \"integer\", \"number\", \"object\", \"string\"\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"array\"}}}",
          R ".properties[spec].items: Required value: must be specified\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"integer\",\"default\":\"x\"}}"
          "}",
          R
          ".properties[spec].default: Invalid value: \"string\":  in body must be of type integer: "
          "\"string\"\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"array\","
          "\"x-kubernetes-list-type\":\"map\",\"items\":{\"type\":\"object\"}}}}",
          R ".properties[spec].x-kubernetes-list-map-keys: Required value: must not be empty if "
            "x-kubernetes-list-type is map\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"string\",\"pattern\":\"(\"}}}",
          R ".properties[spec].pattern: Invalid value: \"(\": must be a valid regular expression, "
            "but "
            "isn't: error parsing regexp: missing closing ): `(`\n" },
        { "{\"type\":\"object\",\"properties\":{\"metadata\":{\"type\":\"object\",\"properties\":{"
          "\"labels\":{\"type\":\"object\"}}}}}",
          R ".properties[metadata]: Forbidden: must not specify anything other than name and "
            "generateName, but metadata is implicitly specified\n" },
        { "{\"type\":\"object\",\"properties\":{\"spec\":{\"$ref\":\"#/x\"}}}",
          R ".properties[spec].$ref: Forbidden: $ref is not supported\n" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new();
        struct json_doc *doc;
        struct err err = { 0 };
        CHECK_OK(json_parse(&doc, str_from(cases[i].schema), &json_limits_body, &err), err);
        struct causes causes = { .a = a };
        structural_check(&causes, STR(R), json_root(doc));
        check_causes(&causes, cases[i].want);
        cause_vec_fini(&causes.list);
        json_doc_unref(doc);
        arena_free(a);
    }
    struct arena *a = arena_new();
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(model_schema), &json_limits_body, &err), err);
    struct causes causes = { .a = a };
    structural_check(&causes, STR(R), json_root(doc));
    check_causes(&causes, "");
    json_doc_unref(doc);
    arena_free(a);
}

/* Rules that Kubernetes compiles must pass; the two plain kinds of nonsense must not. */
static const char *const good_rules[] = {
    "self.a > 1",
    "self.a >= self.b.c && !(self.b.c == 2)",
    "has(self.b) ? self.b.c : 1",
    "self.list.all(x, x.startsWith('self.nothing'))",
    "self.list.exists(x, x in ['a', \"b\"]) || size(self.list) == 0",
    "self.metadata.name.matches(r'^[a-z]+$')",
    "{'k': self.a}['k'] == -1 && [1, 2,][0] == 1u",
    "self.free.anything.goes == 1.5e3 // comment",
    "oldSelf.nothing == self.a",
    "self.?b.?c.orValue(1) == 1",
    "duration('1h') < duration(self.list[0])",
};
static const char *const bad_rules[] = {
    "self.nothing > 1",
    "1 +",
    "self.b.nothing == 1",
    "(self.a",
    "self.a)",
    "a b",
    "self.a ==",
    "self.a & 1",
    "'open",
    "[1,2",
    "self..a",
    " ",
};

static void looks_at_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good_rules) + COUNT_OF(bad_rules); i++) {
        bool good = i < COUNT_OF(good_rules);
        const char *rule = good ? good_rules[i] : bad_rules[i - COUNT_OF(good_rules)];
        struct buf b;
        struct json_doc *doc;
        struct err err = { 0 };
        struct arena *a = arena_new();
        buf_init(&b, 65536);
        buf_str(&b, STR("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{"
                        "\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"integer\"}}},"
                        "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"free\":{"
                        "\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}},"
                        "\"x-kubernetes-validations\":[{\"rule\":"));
        json_write_str(&b, str_from(rule));
        buf_str(&b, STR("}]}"));
        CHECK_OK(json_parse(&doc, buf_view(&b), &json_limits_body, &err), err);
        struct causes causes = { .a = a };
        structural_check(&causes, STR(R), json_root(doc));
        if ((causes.list.n == 0) != good)
            CHECK_CSTR(rule, good ? "was refused" : "was accepted");
        cause_vec_fini(&causes.list);
        json_doc_unref(doc);
        buf_fini(&b);
        arena_free(a);
    }
}

static void bounds_patterns(void **state)
{
    (void)state;
    struct json_doc *schema, *value;
    struct structural *st;
    struct err err = { 0 };
    struct arena *a = arena_new();
    CHECK_OK(json_parse(&schema,
                        STR("{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"string\","
                            "\"pattern\":\"^(a+)+$\"}}}"),
                        &json_limits_body, &err),
             err);
    CHECK_OK(structural_new(&st, json_root(schema), &err), err);
    CHECK_OK(json_parse(&value,
                        STR("{\"p\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}"),
                        &json_limits_body, &err),
             err);
    struct causes causes = { .a = a };
    structural_validate(&causes, structural_schema(st), jnode_thaw(a, json_root(value)));
    CHECK_I64(causes.list.n, 1); /* and the test ends at all */
    cause_vec_fini(&causes.list);
    structural_free(st);
    json_doc_unref(schema);
    json_doc_unref(value);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prunes_and_fills, make_model, drop_model),
        cmocka_unit_test_setup_teardown(says_what_is_wrong, make_model, drop_model),
        cmocka_unit_test_setup_teardown(names_unknown_fields_sorted, make_model, drop_model),
        cmocka_unit_test(refuses_unstructural_schemas),
        cmocka_unit_test(looks_at_rules),
        cmocka_unit_test(bounds_patterns),
    };
    return CHECK_MAIN(tests);
}
