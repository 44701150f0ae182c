/* SPDX-License-Identifier: Apache-2.0
 * resourceclaim_test — claims come from templates and go with their pods. */
#include <stdio.h>

#include "controllers/controllers.h"
#include "controllers/test/world.h"
#include "testkit/check.h"

static const char template[] =
    "{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceClaimTemplate\",\"metadata\":{"
    "\"namespace\":\"d\",\"name\":\"t\"},\"spec\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
    "\"spec\":{\"devices\":{\"requests\":[{\"name\":\"r\",\"exactly\":{\"deviceClassName\":\"g\"}}"
    "]}}}}";

static struct world *world_with_pod(void)
{
    struct world *w = world_new(&resourceclaim_controller);
    world_create(w, "pods",
                 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\","
                 "\"name\":\"p\"},\"spec\":{\"resourceClaims\":[{\"name\":\"gpu\","
                 "\"resourceClaimTemplateName\":\"t\"}]},\"status\":{\"phase\":\"Pending\"}}");
    return w;
}

static const char *claim_key(struct world *w)
{
    static char key[256];
    const struct kobj *o = world_at(w, "resourceclaims", 0);
    CHECK(o != NULL);
    snprintf(key, sizeof key, "d/%.*s", STR_ARG(o->name));
    return key;
}

static void makes_a_claim(void **state)
{
    (void)state;
    struct world *w = world_with_pod();
    world_run(w);
    CHECK_I64(world_count(w, "resourceclaims"), 0);
    CHECK(str_find(world_log(w), STR("event FailedResourceClaimCreation")) >= 0);
    world_create(w, "resourceclaimtemplates", "%s", template);
    world_advance(w, 30);
    CHECK_I64(world_count(w, "resourceclaims"), 1);
    const struct kobj *claim = world_at(w, "resourceclaims", 0);
    CHECK(str_starts(claim->name, STR("p-gpu-")));
    CHECK_STR(json_str(kobj_path(claim, "metadata.labels.a")), "b");
    CHECK_STR_EQ(world_text(w, "pods", "d/p", "status.resourceClaimStatuses.0.resourceClaimName"),
                 claim->name);
    world_log_clear(w);
    world_advance(w, 60); /* and then nothing more */
    CHECK_STR(world_log(w), "");
    world_free(w);
}

/* As the scheduler leaves it. */
static void bind(struct world *w, const char *key)
{
    char patch[512];
    snprintf(patch, sizeof patch,
             "{\"metadata\":{\"finalizers\":[\"resource.kubernetes.io/delete-protection\"]},"
             "\"status\":{\"allocation\":{\"devices\":{\"results\":[{\"request\":\"r\",\"driver\":"
             "\"x\",\"pool\":\"p\",\"device\":\"d\"}]}},\"reservedFor\":[{\"resource\":\"pods\","
             "\"name\":\"p\",\"uid\":\"%.*s\"}]}}",
             STR_ARG(world_get(w, "pods", "d/p")->uid));
    world_merge(w, "pods", "d/p",
                "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}}");
    world_merge(w, "resourceclaims", key, patch);
}

static void ends_with_its_pod(void **state)
{
    (void)state;
    struct world *w = world_with_pod();
    world_create(w, "resourceclaimtemplates", "%s", template);
    world_run(w);
    const char *key = claim_key(w);
    bind(w, key);
    world_log_clear(w);
    world_run(w);
    CHECK_STR(world_log(w), ""); /* in use */
    world_merge(w, "pods", "d/p", "{\"status\":{\"phase\":\"Succeeded\"}}");
    world_advance(w, 5);
    CHECK_I64(world_count(w, "resourceclaims"), 0); /* released, unprotected, deleted */
    world_free(w);
}

static void releases_a_shared_claim(void **state)
{
    (void)state;
    struct world *w = world_with_pod();
    world_create(w, "resourceclaims",
                 "{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceClaim\",\"metadata\":{"
                 "\"namespace\":\"d\",\"name\":\"c\",\"finalizers\":[\"resource.kubernetes.io/"
                 "delete-protection\"]},\"spec\":{},\"status\":{\"allocation\":{\"devices\":{}},"
                 "\"reservedFor\":[{\"resource\":\"pods\",\"name\":\"gone\",\"uid\":\"u\"},"
                 "{\"apiGroup\":\"x\",\"resource\":\"things\",\"name\":\"t\",\"uid\":\"v\"}]}}");
    world_advance(w, 5);
    CHECK_STR(world_text(w, "resourceclaims", "d/c", "status.reservedFor.0.name"), "t");
    CHECK(json_has(kobj_path(world_get(w, "resourceclaims", "d/c"), "status.allocation")));
    world_merge(w, "resourceclaims", "d/c", "{\"status\":{\"reservedFor\":null}}");
    world_advance(w, 5);
    const struct kobj *c = world_get(w, "resourceclaims", "d/c");
    CHECK(!json_has(kobj_path(c, "status.allocation")));
    CHECK_I64(json_len(kobj_path(c, "metadata.finalizers")), 0);
    world_free(w);
}

/* The scheduler made it, for what the pod asks for by number. */
static void a_claim_of_extended_resources_ends_too(void **state)
{
    (void)state;
    struct world *w = world_new(&resourceclaim_controller);
    const struct kobj *pod = world_create(
        w, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"p\"},"
        "\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\","
        "\"extendedResourceClaimStatus\":{\"resourceClaimName\":\"c\"}}}");
    world_create(
        w, "resourceclaims",
        "{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceClaim\",\"metadata\":{"
        "\"namespace\":\"d\",\"name\":\"c\",\"ownerReferences\":[{\"apiVersion\":\"v1\","
        "\"kind\":\"Pod\",\"name\":\"p\",\"uid\":\"%.*s\",\"controller\":true}]},\"spec\":{},"
        "\"status\":{\"allocation\":{\"devices\":{}},\"reservedFor\":[{\"resource\":\"pods\","
        "\"name\":\"p\",\"uid\":\"%.*s\"}]}}",
        STR_ARG(pod->uid), STR_ARG(pod->uid));
    world_advance(w, 5);
    CHECK_I64(world_count(w, "resourceclaims"), 1);
    world_merge(w, "pods", "d/p", "{\"status\":{\"phase\":\"Succeeded\"}}");
    world_advance(w, 5);
    CHECK_I64(world_count(w, "resourceclaims"), 0);
    world_free(w);
}

/* The claim's stream is ahead of the pod's: what the cache does not have may exist. */
static void asks_before_it_releases(void **state)
{
    (void)state;
    struct world *w = world_new(&resourceclaim_controller);
    world_create(w, "resourceclaims",
                 "{\"apiVersion\":\"resource.k8s.io/v1\",\"kind\":\"ResourceClaim\",\"metadata\":{"
                 "\"namespace\":\"d\",\"name\":\"c\"},\"spec\":{}}");
    world_run(w);
    world_create(
        w, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\","
        "\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"resourceClaims\":[{\"name\":\"gpu\","
        "\"resourceClaimName\":\"c\"}]},\"status\":{\"phase\":\"Running\"}}");
    bind(w, "d/c");
    while (world_deliver_of(w, "resourceclaims")) /* the claim's events alone */
        ;
    while (world_reconcile_one(w))
        ;
    CHECK(json_has(kobj_path(world_get(w, "resourceclaims", "d/c"), "status.allocation")));
    world_advance(w, 5);
    CHECK(json_has(kobj_path(world_get(w, "resourceclaims", "d/c"), "status.allocation")));
    world_vanish(w, "pods", "d/p");
    world_advance(w, 5);
    CHECK(!json_has(kobj_path(world_get(w, "resourceclaims", "d/c"), "status.allocation")));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_claim),
        cmocka_unit_test(ends_with_its_pod),
        cmocka_unit_test(releases_a_shared_claim),
        cmocka_unit_test(a_claim_of_extended_resources_ends_too),
        cmocka_unit_test(asks_before_it_releases),
    };
    return CHECK_MAIN(tests);
}
