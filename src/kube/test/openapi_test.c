/* SPDX-License-Identifier: Apache-2.0
 * openapi_test — documents parse, their references resolve, kubectl finds what it reads. */
#include "kube/openapi.h"

#include <stdio.h>

#include "base/mem.h"
#include "kube/schema.h"
#include "testkit/check.h"

static struct json_doc *
document(const char *group, const char *version, const struct openapi_custom *custom, size_t n)
{
    struct buf b;
    struct json_doc *doc;
    struct err err = { 0 };
    buf_init(&b, 64u << 20);
    openapi_write(&b, str_from(group), str_from(version), custom, n);
    CHECK(!b.failed);
    CHECK_OK(json_parse(&doc, buf_view(&b), &json_limits_own, &err), err);
    buf_fini(&b);
    return doc;
}

/* Every $ref anywhere must name a component. */
static void check_refs(struct json v, struct json schemas)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (it.key.p && str_is(it.key, "$ref") && json_type(it.value) == JSON_STR) {
            struct str prefix = STR("#/components/schemas/"), ref = json_str(it.value);
            CHECK(str_starts(ref, prefix));
            CHECK(json_exists(json_get(schemas, str_skip(ref, prefix.n))));
        }
        check_refs(it.value, schemas);
    }
}

static struct json schemas_of(const struct json_doc *doc)
{
    return json_path(json_root(doc), "components.schemas");
}

static void writes_every_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_builtin(i);
        if (i > 0 && str_eq(resource_builtin(i - 1)->group, r->group) &&
            str_eq(resource_builtin(i - 1)->version, r->version))
            continue;
        char group[128], version[32];
        snprintf(group, sizeof group, "%.*s", STR_ARG(r->group));
        snprintf(version, sizeof version, "%.*s", STR_ARG(r->version));
        struct json_doc *doc = document(group, version, NULL, 0);
        check_refs(json_root(doc), schemas_of(doc));
        json_doc_unref(doc);
    }
    CHECK(openapi_has_builtin(STR("apps"), STR("v1")));
    CHECK(!openapi_has_builtin(STR("apps"), STR("v2")));
}

static void carries_what_kubectl_reads(void **state)
{
    (void)state;
    struct json_doc *doc = document("apps", "v1", NULL, 0);
    struct json schemas = schemas_of(doc);
    struct json deploy = json_get(schemas, STR("io.k8s.api.apps.v1.Deployment"));
    CHECK_STR(json_text(json_get(deploy, STR("x-kubernetes-group-version-kind"))),
              "[{\"group\":\"apps\",\"kind\":\"Deployment\",\"version\":\"v1\"}]");
    struct json spec = json_get(schemas, STR("io.k8s.api.core.v1.PodSpec"));
    struct json containers = json_path(spec, "properties.containers");
    CHECK_STR(json_str(json_get(containers, STR("x-kubernetes-patch-merge-key"))), "name");
    CHECK_STR(json_str(json_get(containers, STR("x-kubernetes-patch-strategy"))), "merge");
    struct json strategy = json_path(json_get(schemas, STR("io.k8s.api.apps.v1.DeploymentSpec")),
                                     "properties.strategy");
    CHECK_STR(json_str(json_get(strategy, STR("x-kubernetes-patch-strategy"))), "retainKeys");
    struct json path = json_get(json_get(json_root(doc), STR("paths")),
                                STR("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"));
    struct json patch = json_get(path, STR("patch"));
    CHECK_STR(json_text(json_get(patch, STR("x-kubernetes-group-version-kind"))),
              "{\"group\":\"apps\",\"kind\":\"Deployment\",\"version\":\"v1\"}");
    bool found = false;
    for (struct json_iter it = json_iter(json_get(patch, STR("parameters"))); json_next(&it);)
        found |= str_is(json_str(json_get(it.value, STR("name"))), "fieldValidation");
    CHECK(found);
    CHECK(json_exists(json_get(json_path(patch, "requestBody.content"),
                               STR("application/strategic-merge-patch+json"))));
    json_doc_unref(doc);
}

static void adds_custom_resources(void **state)
{
    (void)state;
    struct json_doc *schema;
    struct err err = { 0 };
    CHECK_OK(json_parse(&schema,
                        STR("{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
                            "\"properties\":{\"n\":{\"type\":\"integer\"}}}}}"),
                        &json_limits_body, &err),
             err);
    struct resource r = { .group = STR("s.example.com"),
                          .version = STR("v1"),
                          .plural = STR("models"),
                          .kind = STR("Model"),
                          .list_kind = STR("ModelList"),
                          .namespaced = true,
                          .verbs = VERB_BIT(VERB_GET) | VERB_BIT(VERB_PATCH),
                          .custom = true };
    struct openapi_custom custom = { &r, json_root(schema) };
    struct json_doc *doc = document("s.example.com", "v1", &custom, 1);
    struct json schemas = schemas_of(doc);
    check_refs(json_root(doc), schemas);
    struct json model = json_get(schemas, STR("com.example.s.v1.Model"));
    CHECK_STR(json_str(json_path(model, "properties.spec.properties.n.type")), "integer");
    struct json path = json_get(json_get(json_root(doc), STR("paths")),
                                STR("/apis/s.example.com/v1/namespaces/{namespace}/models/{name}"));
    CHECK(!json_exists(json_get(json_path(path, "patch.requestBody.content"),
                                STR("application/strategic-merge-patch+json"))));
    json_doc_unref(doc);
    json_doc_unref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_every_group),
        cmocka_unit_test(carries_what_kubectl_reads),
        cmocka_unit_test(adds_custom_resources),
    };
    return CHECK_MAIN(tests);
}
