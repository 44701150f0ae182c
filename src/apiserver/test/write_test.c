/* SPDX-License-Identifier: Apache-2.0
 * Creating, changing and deleting through the whole pipeline, in process. */
#include <stdio.h>

#include "apiserver/test/fixture.h"
#include "testkit/check.h"

static struct fixture fx;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fx, (struct apiserver_options){ 0 });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_fini(&fx);
    return 0;
}

#define CONFIG(name) "{\"metadata\":{\"name\":\"" name "\"},\"data\":{\"k\":\"v\"}}"
#define POD(name, more)                                                                            \
    "{\"metadata\":{\"name\":\"" name "\"" more                                                    \
    "},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"

static void test_create_fills_in(void **state)
{
    (void)state;
    CHECK_I64(fixture_create(&fx, "pods", POD("p", "")), 201);
    CHECK_STR(fixture_text(&fx, "kind"), "Pod");
    CHECK_STR(fixture_text(&fx, "metadata.namespace"), "default");
    CHECK_I64(fixture_text(&fx, "metadata.uid").n, 36);
    CHECK(fx.object->revision > 0);
    CHECK_STR(fixture_text(&fx, "status.phase"), "Pending");
    CHECK_STR(fixture_text(&fx, "status.qosClass"), "BestEffort");
    CHECK_STR(fixture_text(&fx, "spec.priority"), "0");
    CHECK_STR(fixture_text(&fx, "spec.tolerations.0.tolerationSeconds"), "300");
    CHECK_STR(fixture_text(&fx, "metadata.generation"), "1");
    CHECK_STR(fixture_text(&fx, "metadata.managedFields.0.manager"), "tester");
}

static void test_create_refusals(void **state)
{
    (void)state;
    CHECK_I64(fixture_create(&fx, "configmaps", CONFIG("a")), 201);
    CHECK_I64(fixture_create(&fx, "configmaps", CONFIG("a")), 409);
    CHECK_STR(fixture_message(&fx), "configmaps \"a\" already exists");
    CHECK_I64(fixture_create(&fx, "configmaps", CONFIG("Not_A_Name")), 422);
    CHECK_STR(fixture_text(&fx, "details.causes.0.field"), "metadata.name");
    CHECK_I64(fixture_create(&fx, "configmaps", "{\"kind\":\"Secret\"}"), 400);
    CHECK_I64(fixture_create(&fx, "configmaps", "{\"data\":{\"a\":1}}"), 400);
    struct request r = { .verb = VERB_CREATE,
                         .plural = STR("configmaps"),
                         .namespace = STR("none") };
    CHECK_I64(fixture_call(&fx, r, CONFIG("a")), 404);
    CHECK_STR(fixture_message(&fx), "namespaces \"none\" not found");
}

static void test_generate_name(void **state)
{
    (void)state;
    CHECK_I64(fixture_create(&fx, "configmaps", "{\"metadata\":{\"generateName\":\"run-\"}}"), 201);
    CHECK(str_starts(fx.object->name, STR("run-")));
    CHECK_I64(fx.object->name.n, 9);
}

static void test_unknown_fields_warn(void **state)
{
    (void)state;
    CHECK_I64(fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"a\"},\"dta\":{}}"), 201);
    CHECK_CSTR(fx.warning, "unknown field \"dta\"");
    CHECK_STR(fixture_text(&fx, "dta"), "");
    struct request r = { .verb = VERB_CREATE,
                         .plural = STR("configmaps"),
                         .namespace = STR("default"),
                         .write.field_validation = STR("Strict") };
    CHECK_I64(fixture_call(&fx, r, "{\"metadata\":{\"name\":\"b\"},\"dta\":{}}"), 400);
}

static void test_no_change_keeps_the_revision(void **state)
{
    (void)state;
    fixture_create(&fx, "configmaps", CONFIG("a"));
    uint64_t revision = fx.object->revision;
    CHECK_I64(fixture_merge(&fx, "configmaps", "a", "{\"data\":{\"k\":\"v\"}}"), 200);
    CHECK_I64(fx.object->revision, revision);
    CHECK_I64(fixture_merge(&fx, "configmaps", "a", "{\"data\":{\"k\":\"w\"}}"), 200);
    CHECK(fx.object->revision > revision);
}

static void test_stale_revision_conflicts(void **state)
{
    (void)state;
    fixture_create(&fx, "configmaps", CONFIG("a"));
    uint64_t old = fx.object->revision;
    fixture_merge(&fx, "configmaps", "a", "{\"data\":{\"n\":\"1\"}}");
    char patch[200];
    snprintf(patch, sizeof patch,
             "{\"metadata\":{\"resourceVersion\":\"%llu\"},\"data\":{\"n\":\"2\"}}",
             (unsigned long long)old);
    CHECK_I64(fixture_merge(&fx, "configmaps", "a", patch), 409);
    CHECK_STR(fixture_text(&fx, "reason"), "Conflict");
}

static void test_status_apart_from_spec(void **state)
{
    (void)state;
    fixture_create(&fx, "pods", POD("p", ""));
    struct request r = { .verb = VERB_PATCH,
                         .plural = STR("pods"),
                         .namespace = STR("default"),
                         .name = STR("p"),
                         .subresource = STR("status"),
                         .write.patch = PATCH_MERGE };
    CHECK_I64(
        fixture_call(&fx, r, "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}}"),
        200);
    CHECK_STR(fixture_text(&fx, "status.phase"), "Running");
    CHECK_STR(fixture_text(&fx, "spec.nodeName"), "");
    CHECK_STR(fixture_text(&fx, "status.qosClass"), "BestEffort");
    CHECK_I64(fixture_merge(&fx, "pods", "p", "{\"status\":{\"phase\":\"Failed\"}}"), 200);
    CHECK_STR(fixture_text(&fx, "status.phase"), "Running");
}

static void test_finalizers_hold(void **state)
{
    (void)state;
    fixture_create(&fx, "configmaps",
                   "{\"metadata\":{\"name\":\"f\",\"finalizers\":[\"example.com/hold\"]}}");
    CHECK_I64(fixture_delete(&fx, "configmaps", "f"), 200);
    CHECK(kobj_deleting(fx.object));
    CHECK_I64(fixture_get(&fx, "configmaps", "f"), 200);
    CHECK_I64(fixture_merge(&fx, "configmaps", "f", "{\"metadata\":{\"finalizers\":null}}"), 200);
    CHECK_I64(fixture_get(&fx, "configmaps", "f"), 404);
}

static void test_pods_end_gracefully(void **state)
{
    (void)state;
    fixture_create(&fx, "pods", POD("free", ""));
    CHECK_I64(fixture_delete(&fx, "pods", "free"), 200);
    CHECK_I64(fixture_get(&fx, "pods", "free"), 404); /* on no node: at once */
    fixture_create(&fx, "pods",
                   "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{"
                   "\"name\":\"c\",\"image\":\"i\"}]}}");
    CHECK_I64(fixture_delete(&fx, "pods", "p"), 200);
    CHECK_I64(fixture_get(&fx, "pods", "p"), 200);
    CHECK_STR(fixture_text(&fx, "metadata.deletionGracePeriodSeconds"), "30");
    struct request r = {
        .verb = VERB_DELETE, .plural = STR("pods"), .namespace = STR("default"), .name = STR("p")
    };
    CHECK_I64(fixture_call(&fx, r, "{\"gracePeriodSeconds\":0}"), 200);
    CHECK_I64(fixture_get(&fx, "pods", "p"), 404);
}

static void test_list_and_pages(void **state)
{
    (void)state;
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"a\",\"labels\":{\"t\":\"x\"}}}");
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"b\",\"labels\":{\"t\":\"y\"}}}");
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"c\",\"labels\":{\"t\":\"x\"}}}");
    CHECK_I64(fixture_list(&fx, "configmaps", "t=x"), 200);
    CHECK_CSTR(fx.names, "a c");
    CHECK_I64(fixture_list(&fx, "configmaps", "t in (y),t"), 200);
    CHECK_CSTR(fx.names, "b");
    CHECK_I64(fixture_list(&fx, "configmaps", "t in"), 400);
    struct request r = {
        .verb = VERB_LIST, .plural = STR("configmaps"), .namespace = STR("default"), .list.limit = 2
    };
    CHECK_I64(fixture_call(&fx, r, ""), 200);
    CHECK_CSTR(fx.names, "a b");
    CHECK_I64(fx.remaining, 1);
    uint64_t revision = fx.revision;
    char cont[512];
    snprintf(cont, sizeof cont, "%s", fx.cont);
    fixture_create(&fx, "configmaps", "{\"metadata\":{\"name\":\"bb\"}}"); /* after the picture */
    fixture_delete(&fx, "configmaps", "c");
    r.list.cont = str_from(cont);
    CHECK_I64(fixture_call(&fx, r, ""), 200);
    CHECK_CSTR(fx.names, "c");
    CHECK_I64(fx.revision, revision);
    for (size_t n = 1; n < strlen(cont); n++) { /* cut short, or with a byte too many */
        r.list.cont = str_make(cont, n);
        CHECK_I64(fixture_call(&fx, r, ""), 400);
    }
    size_t end = strlen(cont);
    cont[end] = 'A';
    r.list.cont = str_make(cont, end + 1);
    CHECK_I64(fixture_call(&fx, r, ""), 400);
    r.list.cont = STR("bm9uc2Vuc2U");
    CHECK_I64(fixture_call(&fx, r, ""), 400);
}

static void test_delete_collection(void **state)
{
    (void)state;
    char body[200];
    for (int i = 0; i < 150; i++) {
        snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"c%d\",\"labels\":{\"t\":\"%d\"}}}",
                 i, i % 3);
        CHECK_I64(fixture_create(&fx, "configmaps", body), 201);
    }
    struct request r = { .verb = VERB_DELETE_COLLECTION,
                         .plural = STR("configmaps"),
                         .namespace = STR("default"),
                         .list.label_selector = STR("t!=1") };
    CHECK_I64(fixture_call(&fx, r, ""), 200);
    CHECK_I64(fixture_list(&fx, "configmaps", "t!=1"), 200);
    CHECK_CSTR(fx.names, "");
    CHECK_I64(fixture_list(&fx, "configmaps", "t=1"), 200);
    CHECK(fx.names[0] != 0);
}

static void test_apply_and_its_conflicts(void **state)
{
    (void)state;
    struct request r = { .verb = VERB_PATCH,
                         .plural = STR("configmaps"),
                         .namespace = STR("default"),
                         .name = STR("a"),
                         .write.patch = PATCH_APPLY,
                         .write.field_manager = STR("one") };
    const char *first =
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
        "\"data\":{\"k\":\"1\"}}";
    const char *second =
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
        "\"data\":{\"k\":\"2\"}}";
    CHECK_I64(fixture_call(&fx, r, first), 201);
    r.write.field_manager = STR("two");
    CHECK_I64(fixture_call(&fx, r, second), 409);
    CHECK_STR(fixture_text(&fx, "details.causes.0.field"), ".data.k");
    r.write.force = true;
    CHECK_I64(fixture_call(&fx, r, second), 200);
    CHECK_STR(fixture_text(&fx, "data.k"), "2");
    r.write.field_manager = STR("");
    CHECK_I64(fixture_call(&fx, r, second), 422);
}

#define ASKS_ADMIN                                                                                 \
    "{\"devices\":{\"requests\":[{\"name\":\"mine\",\"exactly\":{\"deviceClassName\":\"gpu\"}},"   \
    "{\"name\":\"watch\",\"exactly\":{\"deviceClassName\":\"gpu\",\"adminAccess\":true}}]}}"
#define CLAIM(name) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":" ASKS_ADMIN "}"
#define TEMPLATE(name) "{\"metadata\":{\"name\":\"" name "\"},\"spec\":{\"spec\":" ASKS_ADMIN "}}"
#define ADMIN_LABEL(value)                                                                         \
    "{\"metadata\":{\"labels\":{\"resource.kubernetes.io/admin-access\":" value "}}}"
#define ADMIN_RESULT                                                                               \
    "{\"status\":{\"allocation\":{\"devices\":{\"results\":[{\"request\":\"watch\",\"driver\":"    \
    "\"gpu.example.com\",\"pool\":\"p\",\"device\":\"d\",\"adminAccess\":true}]}}}}"

/* Of resource.k8s.io in the namespace "default". */
static int device_call(enum verb verb, const char *plural, const char *name, const char *body)
{
    struct request r = { .verb = verb,
                         .group = STR("resource.k8s.io"),
                         .plural = str_from(plural),
                         .namespace = STR("default"),
                         .name = str_from(name),
                         .subresource = verb == VERB_PATCH ? STR("status") : STR(""),
                         .write.patch = PATCH_MERGE };
    return fixture_call(&fx, r, body);
}

/* A namespace without the label cannot look at devices that others hold. */
static void test_admin_access_needs_the_label(void **state)
{
    (void)state;
    static const char need[] = "admin access to devices requires the "
                               "`resource.kubernetes.io/admin-access: true` label on the "
                               "containing namespace";
    static const char *const wrong[] = { ADMIN_LABEL("null"), ADMIN_LABEL("\"\""),
                                         ADMIN_LABEL("\"True\""), ADMIN_LABEL("\"false\"") };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK_I64(fixture_merge(&fx, "namespaces", "default", wrong[i]), 200);
        CHECK_I64(device_call(VERB_CREATE, "resourceclaims", "", CLAIM("c")), 422);
        CHECK(str_find(fixture_message(&fx), str_from(need)) > 0);
        CHECK_STR(fixture_text(&fx, "details.causes.0.reason"), "FieldValueForbidden");
        CHECK_STR(fixture_text(&fx, "details.causes.0.field"),
                  "spec.devices.requests[1].adminAccess");
        CHECK_I64(device_call(VERB_CREATE, "resourceclaimtemplates", "", TEMPLATE("t")), 422);
        CHECK_STR(fixture_text(&fx, "details.causes.0.field"),
                  "spec.devices.requests[1].adminAccess");
    }
    CHECK_I64(fixture_merge(&fx, "namespaces", "default", ADMIN_LABEL("\"true\"")), 200);
    CHECK_I64(device_call(VERB_CREATE, "resourceclaims", "", CLAIM("c")), 201);
    CHECK_I64(device_call(VERB_CREATE, "resourceclaimtemplates", "", TEMPLATE("t")), 201);
    /* nor can the status grant it after the label went; what was granted stays */
    CHECK_I64(fixture_merge(&fx, "namespaces", "default", ADMIN_LABEL("null")), 200);
    CHECK_I64(device_call(VERB_PATCH, "resourceclaims", "c", ADMIN_RESULT), 422);
    CHECK_STR(fixture_text(&fx, "details.causes.0.field"),
              "status.allocation.devices.results[0].adminAccess");
    CHECK_I64(fixture_merge(&fx, "namespaces", "default", ADMIN_LABEL("\"true\"")), 200);
    CHECK_I64(device_call(VERB_PATCH, "resourceclaims", "c", ADMIN_RESULT), 200);
    CHECK_I64(fixture_merge(&fx, "namespaces", "default", ADMIN_LABEL("null")), 200);
    CHECK_I64(
        device_call(VERB_PATCH, "resourceclaims", "c", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"),
        200);
}

static void test_dry_run_changes_nothing(void **state)
{
    (void)state;
    struct request r = { .verb = VERB_CREATE,
                         .plural = STR("configmaps"),
                         .namespace = STR("default"),
                         .write.dry_run = true };
    CHECK_I64(fixture_call(&fx, r, CONFIG("dry")), 201);
    CHECK_STR(fixture_text(&fx, "data.k"), "v");
    CHECK_I64(fixture_get(&fx, "configmaps", "dry"), 404);
}

static void test_unknown_calls(void **state)
{
    (void)state;
    CHECK_I64(fixture_get(&fx, "nothings", "x"), 404);
    struct request r = { .verb = VERB_GET,
                         .plural = STR("configmaps"),
                         .namespace = STR("default"),
                         .name = STR("x"),
                         .subresource = STR("status") };
    CHECK_I64(fixture_call(&fx, r, ""), 404);
    r = (struct request){ .verb = VERB_DELETE,
                          .plural = STR("namespaces"),
                          .name = STR("default") };
    CHECK_I64(fixture_call(&fx, r, ""), 403);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_fills_in),
        TEST(test_create_refusals),
        TEST(test_generate_name),
        TEST(test_unknown_fields_warn),
        TEST(test_no_change_keeps_the_revision),
        TEST(test_stale_revision_conflicts),
        TEST(test_status_apart_from_spec),
        TEST(test_finalizers_hold),
        TEST(test_pods_end_gracefully),
        TEST(test_list_and_pages),
        TEST(test_delete_collection),
        TEST(test_apply_and_its_conflicts),
        TEST(test_admin_access_needs_the_label),
        TEST(test_dry_run_changes_nothing),
        TEST(test_unknown_calls),
    };
    return CHECK_MAIN(tests);
}
