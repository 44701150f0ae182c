/* SPDX-License-Identifier: Apache-2.0
 * schema_test — look-ups in the generated tables of types and resources. */
#include "kube/schema.h"

#include "kube/kind.h"
#include "testkit/check.h"

static void finds_every_type_and_field(void **state)
{
    (void)state;
    CHECK(schema_count() > 500);
    for (size_t i = 0; i < schema_count(); i++) {
        const struct schema *s = schema_builtin(i);
        CHECK(schema_find(s->name) == s);
        for (size_t j = 0; j < s->n_fields; j++) {
            const struct schema_field *f = &s->fields[j];
            CHECK(schema_field(s, schema_field_name(f)) == f);
            CHECK(f->schema != NULL);
            if (j > 0)
                CHECK(str_cmp(schema_field_name(f - 1), schema_field_name(f)) < 0);
        }
    }
    CHECK(schema_find(STR("core.v1.Nothing")) == NULL);
    CHECK(schema_find(STR("")) == NULL);
    CHECK(schema_builtin(schema_count()) == NULL);
}

static void finds_types_of_kinds(void **state)
{
    (void)state;
    CHECK_STR(schema_find_kind(STR("v1"), STR("Pod"))->name, "core.v1.Pod");
    CHECK_STR(schema_find_kind(STR("apps/v1"), STR("Deployment"))->name, "apps.v1.Deployment");
    CHECK(schema_find_kind(STR("apps/v2"), STR("Deployment")) == NULL);
    CHECK(schema_find_kind(STR(""), STR("Pod")) == NULL);
    struct str kinds[4];
    CHECK_I64(schema_kinds(schema_find(STR("core.v1.Pod")), kinds, 4), 1);
    CHECK_STR(kinds[0], "/v1/Pod");
}

static void knows_how_lists_merge(void **state)
{
    (void)state;
    const struct schema *spec = schema_find(STR("core.v1.PodSpec"));
    const struct schema *containers = schema_child(spec, STR("containers"));
    CHECK_I64(containers->type, SCHEMA_LIST);
    CHECK_I64(containers->list, SCHEMA_LIST_MAP);
    CHECK_STR(containers->keys[0], "name");
    CHECK_STR(containers->merge_key, "name");
    CHECK(containers->flags & SCHEMA_PATCH_MERGE);
    CHECK(!schema_is_atomic(containers, NULL));
    CHECK_STR(containers->elem->name, "core.v1.Container");
    const struct schema *ports = schema_child(containers->elem, STR("ports"));
    CHECK_I64(ports->n_keys, 2);
    CHECK_STR(schema_child(ports->elem, STR("protocol"))->default_json, "\"TCP\"");
    CHECK(schema_is_atomic(schema_child(spec, STR("tolerations")), NULL));
    CHECK(schema_field(spec, STR("containers"))->flags & SCHEMA_FIELD_REQUIRED);
    const struct schema *finalizers =
        schema_child(schema_find(STR("apis.meta.v1.ObjectMeta")), STR("finalizers"));
    CHECK_I64(finalizers->list, SCHEMA_LIST_SET);
    CHECK(schema_is_atomic(schema_find(STR("apis.meta.v1.LabelSelector")), NULL));
    const struct schema *volumes = schema_child(spec, STR("volumes"));
    CHECK(volumes->flags & SCHEMA_RETAIN_KEYS);
    const struct schema *pv = schema_find(STR("core.v1.PersistentVolumeSpec"));
    const struct schema_field *claim = schema_field(pv, STR("claimRef"));
    CHECK(schema_is_atomic(claim->schema, NULL) && !schema_is_atomic(claim->schema, claim));
}

static void knows_the_resources(void **state)
{
    (void)state;
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_builtin(i);
        CHECK(resource_find(r->group, r->version, r->plural) == r);
        char text[128];
        const struct resource *same =
            resource_find_kind(resource_api_version(text, sizeof text, r), r->kind);
        CHECK(same && str_eq(same->kind, r->kind));
        CHECK(r->schema != NULL);
    }
    const struct resource *pods = resource_find(STR(""), STR("v1"), STR("pods"));
    CHECK(pods->namespaced && resource_has_sub(pods, "eviction"));
    CHECK(!resource_has_sub(pods, "scale"));
    CHECK_STR(pods->columns[3].name, "Restarts");
    CHECK_I64(pods->columns[5].priority, 1);
    CHECK(pods->verbs & VERB_BIT(VERB_DELETE_COLLECTION));
    const struct resource *deploy = resource_find(STR("apps"), STR("v1"), STR("deployments"));
    CHECK_STR(deploy->subs[0].name, "scale");
    CHECK_STR(deploy->subs[0].group, "autoscaling");
    CHECK_STR(deploy->subs[0].kind, "Scale");
    CHECK(resource_find(STR("apps"), STR("v1"), STR("pods")) == NULL);
}

static void guesses_resources_as_kubectl_does(void **state)
{
    (void)state;
    static const char *const words[][2] = {
        { "po", "pods" },
        { "Pod", "pods" },
        { "deploy", "deployments" },
        { "deployments.apps", "deployments" },
        { "svc", "services" },
        { "jobs.v1.batch", "jobs" },
        { "crd", "customresourcedefinitions" },
        { "no", "nodes" },
        { "pc", "priorityclasses" },
        { "cj", "cronjobs" },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const struct resource *r = resource_guess(str_from(words[i][0]));
        CHECK(r != NULL);
        CHECK_STR_EQ(r->plural, str_from(words[i][1]));
    }
    CHECK_STR(resource_guess(STR("events"))->group, "");
    CHECK_STR(resource_guess(STR("hpa"))->version, "v2");
    CHECK(resource_guess(STR("nothing")) == NULL);
    CHECK(resource_guess(STR("pods.apps")) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_type_and_field),
        cmocka_unit_test(finds_types_of_kinds),
        cmocka_unit_test(knows_how_lists_merge),
        cmocka_unit_test(knows_the_resources),
        cmocka_unit_test(guesses_resources_as_kubectl_does),
    };
    return CHECK_MAIN(tests);
}
