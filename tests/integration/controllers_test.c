/* SPDX-License-Identifier: Apache-2.0
 * controllers_test — controllers and the garbage collector against the real API server, in memory
 * and on one loop: cascades, orphans, foreground deletion, namespaces, custom resources. */
#include <stdio.h>

#include "apiserver/test/fixture.h"
#include "controllers/garbage/garbage.h"
#include "controllers/runner.h"
#include "testkit/check.h"

static struct fixture fx;
static struct runner *runner;
static struct garbage *garbage;
static struct transport *transport;

static int setup(void **state)
{
    (void)state;
    fixture_init(&fx, (struct apiserver_options){ 0 });
    transport =
        apiserver_transport(fx.api, fx.loop, STR("system:kube-controller-manager"), NULL, 0);
    runner = runner_new(transport, NULL, 0);
    runner_start(runner);
    garbage = garbage_new(transport, runner_informers(runner));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    garbage_free(garbage);
    runner_free(runner);
    transport->ops->close(transport);
    fixture_fini(&fx);
    return 0;
}

/* ---- waiting ---- */

static void on_tick(void *arg)
{
    loop_stop(arg);
}

static void wait_ms(int64_t ms)
{
    struct timer *t = timer_new(fx.loop, on_tick, fx.loop);
    timer_start(t, ms * NS_PER_MS);
    loop_run(fx.loop);
    timer_free(t);
}

static int list(const char *group, const char *plural, const char *namespace)
{
    struct request r = { .verb = VERB_LIST,
                         .group = str_from(group),
                         .plural = str_from(plural),
                         .namespace = str_from(namespace) };
    return fixture_call(&fx, r, "");
}

/* Waits until the names in the namespace are these; fails the test when that takes 10 s. */
static void wait_names(const char *group, const char *plural, const char *names)
{
    for (int i = 0; i < 500; i++) {
        list(group, plural, "default");
        if (strcmp(fx.names, names) == 0)
            return;
        wait_ms(20);
    }
    CHECK_CSTR(fx.names, names);
}

static size_t count(const char *group, const char *plural)
{
    list(group, plural, "default");
    size_t n = fx.names[0] != 0;
    for (const char *p = fx.names; *p; p++)
        n += *p == ' ';
    return n;
}

static void wait_count(const char *group, const char *plural, size_t n)
{
    for (int i = 0; i < 500 && count(group, plural) != n; i++)
        wait_ms(20);
    CHECK_I64(count(group, plural), n);
}

static int
send(enum verb verb, const char *group, const char *plural, const char *name, const char *body)
{
    struct request r = { .verb = verb,
                         .group = str_from(group),
                         .plural = str_from(plural),
                         .namespace = STR("default"),
                         .name = str_from(name) };
    return fixture_call(&fx, r, body);
}

static int delete (const char *group, const char *plural, const char *name, const char *propagation)
{
    struct request r = { .verb = VERB_DELETE,
                         .group = str_from(group),
                         .plural = str_from(plural),
                         .namespace = STR("default"),
                         .name = str_from(name),
                         .write = { .propagation = str_from(propagation), .grace_s = -1 } };
    return fixture_call(&fx, r, "");
}

#define POD_TEMPLATE                                                                               \
    "{\"metadata\":{\"labels\":{\"app\":\"w\"}},\"spec\":{\"containers\":[{\"name\":\"c\","        \
    "\"image\":\"i\"}]}}"

static void create_deployment(void)
{
    CHECK_I64(
        send(VERB_CREATE, "apps", "deployments", "",
             "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
             "\"web\"},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"w\"}}"
             ",\"template\":" POD_TEMPLATE "}}"),
        201);
    wait_count("", "pods", 3);
    wait_count("apps", "replicasets", 1);
}

/* ---- tests ---- */

static void test_background_cascade(void **state)
{
    (void)state;
    create_deployment();
    CHECK_I64(delete ("apps", "deployments", "web", "Background"), 200);
    wait_count("apps", "replicasets", 0);
    wait_count("", "pods", 0);
}

static void test_foreground_cascade(void **state)
{
    (void)state;
    create_deployment();
    CHECK_I64(delete ("apps", "deployments", "web", "Foreground"), 200);
    wait_count("apps", "deployments", 0);
    CHECK_I64(count("apps", "replicasets"), 0); /* it went last */
    CHECK_I64(count("", "pods"), 0);
}

static void test_orphans_stay(void **state)
{
    (void)state;
    create_deployment();
    CHECK_I64(delete ("apps", "deployments", "web", "Orphan"), 200);
    wait_count("apps", "deployments", 0);
    wait_ms(200);
    CHECK_I64(count("apps", "replicasets"), 1);
    CHECK_I64(count("", "pods"), 3);
}

static void test_a_job_runs_and_goes(void **state)
{
    (void)state;
    CHECK_I64(
        send(VERB_CREATE, "batch", "jobs", "",
             "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"j\"},"
             "\"spec\":{\"completions\":2,\"parallelism\":2,\"template\":{\"spec\":{"
             "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}"
             "}"),
        201);
    wait_count("", "pods", 2);
    char names[2048];
    snprintf(names, sizeof names, "%s", fx.names);
    for (struct str rest = str_from(names); rest.p;) {
        struct request r = { .verb = VERB_PATCH,
                             .plural = STR("pods"),
                             .namespace = STR("default"),
                             .name = str_split(&rest, ' '),
                             .subresource = STR("status"),
                             .write = { .patch = PATCH_MERGE } };
        CHECK_I64(fixture_call(&fx, r, "{\"status\":{\"phase\":\"Succeeded\"}}"), 200);
    }
    for (int i = 0; i < 200; i++) {
        send(VERB_GET, "batch", "jobs", "j", "");
        if (fixture_text(&fx, "status.completionTime").n)
            break;
        wait_ms(20);
    }
    CHECK(json_i64_or(kobj_path(fx.object, "status.succeeded"), 0) == 2);
    CHECK_I64(delete ("batch", "jobs", "j", "Background"), 200);
    wait_count("", "pods", 0);
}

static void test_a_dangling_reference_and_a_solid_one(void **state)
{
    (void)state;
    CHECK_I64(send(VERB_CREATE, "", "configmaps", "", "{\"metadata\":{\"name\":\"owner\"}}"), 201);
    char uid[64], body[768];
    snprintf(uid, sizeof uid, "%.*s", STR_ARG(fx.object->uid));
    snprintf(
        body, sizeof body,
        "{\"metadata\":{\"name\":\"both\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
        "\"ConfigMap\",\"name\":\"gone\",\"uid\":\"no-such-uid\"},{\"apiVersion\":\"v1\","
        "\"kind\":\"ConfigMap\",\"name\":\"owner\",\"uid\":\"%s\"}]}}",
        uid);
    CHECK_I64(send(VERB_CREATE, "", "secrets", "", body), 201);
    CHECK_I64(send(VERB_CREATE, "", "secrets", "",
                   "{\"metadata\":{\"name\":\"none\",\"ownerReferences\":[{\"apiVersion\":\"v1\","
                   "\"kind\":\"ConfigMap\",\"name\":\"owner\",\"uid\":\"another-uid\"}]}}"),
              201);
    CHECK_I64(send(VERB_CREATE, "", "secrets", "",
                   "{\"metadata\":{\"name\":\"strange\",\"ownerReferences\":[{\"apiVersion\":"
                   "\"example.com/v1\",\"kind\":\"Unknown\",\"name\":\"x\",\"uid\":\"y\"}]}}"),
              201);
    wait_names("", "secrets", "both strange"); /* unknown kinds are nobody's to judge */
    for (int i = 0; i < 200; i++) {
        send(VERB_GET, "", "secrets", "both", "");
        if (json_len(kobj_path(fx.object, "metadata.ownerReferences")) == 1)
            break;
        wait_ms(20);
    }
    CHECK_I64(json_len(kobj_path(fx.object, "metadata.ownerReferences")), 1);
    CHECK_I64(delete ("", "configmaps", "owner", "Background"), 200);
    wait_names("", "secrets", "strange");
}

static void test_a_namespace_is_emptied(void **state)
{
    (void)state;
    CHECK_I64(fixture_create(&fx, "namespaces", "{\"metadata\":{\"name\":\"ns\"}}"), 201);
    static const char *const bodies[][3] = {
        { "", "configmaps", "{\"metadata\":{\"name\":\"a\"}}" },
        { "", "secrets", "{\"metadata\":{\"name\":\"b\"}}" },
        { "", "pods",
          "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
          "\"i\"}"
          "]}}" },
        { "apps", "deployments",
          "{\"metadata\":{\"name\":\"web\"},\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"w\"}"
          "}"
          ",\"template\":" POD_TEMPLATE "}}" },
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct request r = { .verb = VERB_CREATE,
                             .group = str_from(bodies[i][0]),
                             .plural = str_from(bodies[i][1]),
                             .namespace = STR("ns") };
        CHECK_I64(fixture_call(&fx, r, bodies[i][2]), 201);
    }
    wait_ms(100);
    CHECK_I64(fixture_delete(&fx, "namespaces", "ns"), 200);
    for (int i = 0; i < 500 && fixture_get(&fx, "namespaces", "ns") != 404; i++)
        wait_ms(20);
    CHECK_I64(fixture_get(&fx, "namespaces", "ns"), 404);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        list(bodies[i][0], bodies[i][1], "ns");
        CHECK_CSTR(fx.names, "");
    }
}

static void test_custom_resources_are_followed(void **state)
{
    (void)state;
    struct request r = { .verb = VERB_CREATE,
                         .group = STR("apiextensions.k8s.io"),
                         .plural = STR("customresourcedefinitions") };
    CHECK_I64(
        fixture_call(&fx, r,
                     "{\"metadata\":{\"name\":\"things.example.org\"},\"spec\":{\"group\":"
                     "\"example.org\",\"scope\":\"Namespaced\",\"names\":{\"plural\":\"things\","
                     "\"singular\":\"thing\",\"kind\":\"Thing\"},\"versions\":[{\"name\":\"v1\","
                     "\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":"
                     "\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}]}}"),
        201);
    wait_ms(300);
    CHECK_I64(send(VERB_CREATE, "example.org", "things", "",
                   "{\"apiVersion\":\"example.org/v1\",\"kind\":\"Thing\",\"metadata\":{\"name\":"
                   "\"t\"}}"),
              201);
    char body[512];
    snprintf(
        body, sizeof body,
        "{\"metadata\":{\"name\":\"mine\",\"ownerReferences\":[{\"apiVersion\":\"example.org/v1\""
        ",\"kind\":\"Thing\",\"name\":\"t\",\"uid\":\"%.*s\"}]}}",
        STR_ARG(fx.object->uid));
    CHECK_I64(send(VERB_CREATE, "", "configmaps", "", body), 201);
    wait_ms(200);
    CHECK_I64(send(VERB_GET, "", "configmaps", "mine", ""), 200);
    CHECK_I64(delete ("example.org", "things", "t", "Background"), 200);
    for (int i = 0; i < 300 && send(VERB_GET, "", "configmaps", "mine", "") != 404; i++)
        wait_ms(20);
    CHECK_I64(send(VERB_GET, "", "configmaps", "mine", ""), 404);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown) /* each with its own server */

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_background_cascade),
        TEST(test_foreground_cascade),
        TEST(test_orphans_stay),
        TEST(test_a_job_runs_and_goes),
        TEST(test_a_dangling_reference_and_a_solid_one),
        TEST(test_a_namespace_is_emptied),
        TEST(test_custom_resources_are_followed),
    };
    return CHECK_MAIN(tests);
}
