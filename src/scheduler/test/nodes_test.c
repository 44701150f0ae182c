/* SPDX-License-Identifier: Apache-2.0
 * A gang that lacks nodes asks an autoscaler for them by a ProvisioningRequest; the test plays the
 * autoscaler. Whatever it answers, and whenever the scheduler is killed: one request at a time, and
 * none is left when the gang runs. */
#include <stdio.h>
#include <sys/wait.h>

#include "scheduler/gang/gang_nodes.h"
#include "scheduler/test/small_api.h"
#include "testkit/check.h"

#define CONFIG                                                                                     \
    "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nprofiles:\n"    \
    "- schedulerName: ganglion\n  plugins:\n    postFilter:\n      enabled:\n"                     \
    "      - name: ProvisioningRequest\n  pluginConfig:\n  - name: ProvisioningRequest\n"          \
    "    args:\n      provisioningClassName: check-capacity.autoscaling.x-k8s.io\n      wait: "    \
    "10ms\n"
#define REQUEST "provisioningrequests/d/g-nodes-0"

static void add_pod(struct small_api *api, const char *name, int cpus, const char *notes)
{
    char text[1024], path[SMALL_API_PATH_MAX];
    snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
        "\"%s\",\"uid\":\"u-%s\",\"labels\":{\"scheduling.ganglion.io/pod-group\":\"g\","
        "\"scheduling.ganglion.io/min-available\":\"3\"},\"annotations\":{%s}},\"spec\":{"
        "\"schedulerName\":\"ganglion\",\"priority\":0,\"containers\":[{\"name\":\"c\","
        "\"image\":\"i\",\"resources\":{\"requests\":{\"nvidia.com/gpu\":\"2\",\"cpu\":\"%d\"}}}]"
        "}}",
        name, name, notes, cpus);
    snprintf(path, sizeof path, "pods/d/%s", name);
    small_api_put_text(api, path, text);
}

static void api_init(struct small_api *api, const char *notes)
{
    *api = (struct small_api){ .revision = 10 };
    small_api_node(api, "n0");
    small_api_node(api, "n1");
    add_pod(api, "a", 1, notes);
    add_pod(api, "b", 1, notes);
    add_pod(api, "c", 2, notes);
}

static struct str field(struct small_api *api, const char *path, const char *name)
{
    static char text[256];
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str v = small_api_field(api, path, name, a);
    snprintf(text, sizeof text, "%.*s", STR_ARG(v));
    return str_from(text);
}

/* ---- the autoscaler ---- */

struct scaler {
    const char *condition; /* what it says once all members consume the request; NULL: nothing */
    int requests;
    bool said;
};

static void say(struct small_api *api, const char *condition)
{
    char patch[256];
    snprintf(patch, sizeof patch,
             "{\"status\":{\"conditions\":[{\"type\":\"Accepted\",\"status\":\"True\"},{\"type\":"
             "\"%s\",\"status\":\"True\",\"message\":\"so it is\"}]}}",
             condition);
    small_api_change(api, REQUEST, patch);
}

static bool consumes(struct small_api *api, const char *pod)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = small_api_parsed(small_api_find(api, pod)->text);
    struct json notes = json_path(json_root(doc), "metadata.annotations");
    return str_is(
        json_str(json_get(notes, STR("autoscaling.x-k8s.io/consume-provisioning-request"))),
        "g-nodes-0");
}

static void scale(void *arg, struct small_api *api, const char *path)
{
    struct scaler *x = arg;
    x->requests += strncmp(path, "provisioningrequests/d//", 24) == 0;
    if (x->said || !x->condition || !small_api_find(api, REQUEST) || !consumes(api, "pods/d/a") ||
        !consumes(api, "pods/d/b") || !consumes(api, "pods/d/c"))
        return;
    x->said = true;
    say(api, x->condition);
    if (strcmp(x->condition, "Provisioned"))
        return;
    small_api_node(api, "n2");
    small_api_change(api, "nodes//n2", "{}"); /* it is seen */
}

static void live(struct small_api *api, struct scaler *x, const char *config, int ms)
{
    small_api_live(&(struct small_life){
        .api = api, .config = config, .after = scale, .arg = x, .at_least_ms = ms });
}

static void test_what_is_asked(void **state)
{
    (void)state;
    struct small_api api;
    struct scaler x = { 0 };
    api_init(&api, "");
    live(&api, &x, CONFIG, 400);
    CHECK_I64(x.requests, 1);
    CHECK_STR(field(&api, REQUEST, "spec.provisioningClassName"),
              "check-capacity.autoscaling.x-k8s.io");
    CHECK_STR(field(&api, REQUEST, "metadata.ownerReferences.0.kind"), "PodGroup");
    CHECK_STR(field(&api, REQUEST, "spec.podSets.1.podTemplateRef.name"), "g-nodes-0-1");
    CHECK(!field(&api, REQUEST, "spec.podSets.2.podTemplateRef.name").n);
    CHECK_STR(field(&api, "podtemplates/d/g-nodes-0-1",
                    "template.spec.containers.0.resources.requests.cpu"),
              "2");
    CHECK_STR(field(&api, "podtemplates/d/g-nodes-0-0", "metadata.ownerReferences.0.uid"),
              "u-g-nodes-0");
    CHECK(!field(&api, "podtemplates/d/g-nodes-0-0", "template.spec.schedulerName").n);
    CHECK(consumes(&api, "pods/d/a") && consumes(&api, "pods/d/b") && consumes(&api, "pods/d/c"));
    small_api_fini(&api);
}

static void check_runs(struct small_api *api)
{
    const char *pods[] = { "pods/d/a", "pods/d/b", "pods/d/c" };
    for (int i = 0; i < 3; i++)
        CHECK(field(api, pods[i], "spec.nodeName").n > 0);
    CHECK(!small_api_find(api, REQUEST)); /* cleaned up */
}

static void test_provisioned(void **state)
{
    (void)state;
    struct small_api api;
    struct scaler x = { .condition = "Provisioned" };
    api_init(&api, "");
    live(&api, &x, CONFIG, 400);
    check_runs(&api);
    CHECK_I64(x.requests, 1);
    small_api_fini(&api);
}

/* The request goes; the next comes a minute later. */
static void test_it_comes_to_nothing(void **state)
{
    (void)state;
    const char *words[] = { "Failed", "BookingExpired", "CapacityRevoked" };
    for (int i = 0; i < 3; i++) {
        struct small_api api;
        struct scaler x = { .condition = words[i] };
        api_init(&api, "");
        live(&api, &x, CONFIG, 350);
        CHECK(!small_api_find(&api, REQUEST));
        CHECK(!small_api_find(&api, "provisioningrequests/d/g-nodes-1"));
        CHECK(!field(&api, "pods/d/a", "spec.nodeName").n);
        small_api_fini(&api);
    }
}

static void test_nobody_wants_it(void **state)
{
    (void)state;
    const char *notes[] = {
        "", /* no configuration, no annotation */
        "\"autoscaling.x-k8s.io/provisioning-class-name\":\"c\","
        "\"autoscaling.x-k8s.io/consume-provisioning-request\":\"of-kueue\"",
    };
    for (int i = 0; i < 2; i++) {
        struct small_api api;
        struct scaler x = { 0 };
        api_init(&api, notes[i]);
        live(&api, &x, i ? CONFIG : NULL, 350);
        CHECK_I64(x.requests, 0);
        small_api_fini(&api);
    }
}

/* Requests of others that bear our label stay as they are, whatever they are called. */
static void test_requests_of_others(void **state)
{
    (void)state;
    const char *names[] = { "x", "g", "g-nodes-", "g-nodes-x", "g-nodes-99999999999999999999" };
    for (int i = 0; i < 5; i++) {
        struct small_api api;
        struct scaler x = { 0 };
        char path[SMALL_API_PATH_MAX], text[512];
        api_init(&api, "");
        snprintf(path, sizeof path, "provisioningrequests/d/%s", names[i]);
        snprintf(text, sizeof text,
                 "{\"apiVersion\":\"autoscaling.x-k8s.io/v1\",\"kind\":\"ProvisioningRequest\","
                 "\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\",\"uid\":\"o\",\"labels\":{"
                 "\"" GANG_NODES_OF "\":\"g\"}}}",
                 names[i]);
        small_api_put_text(&api, path, text);
        live(&api, &x, CONFIG, 350);
        CHECK(small_api_find(&api, path) != NULL);
        CHECK_I64(x.requests, 1); /* and it makes its own */
        small_api_fini(&api);
    }
}

static void test_killed_at_each_write(void **state)
{
    (void)state;
    struct small_api api;
    struct scaler x = { .condition = "Provisioned" };
    pid_t lives[2 * SMALL_API_WRITES_MAX];
    api_init(&api, "");
    struct small_life whole = {
        .api = &api, .config = CONFIG, .after = scale, .arg = &x, .at_least_ms = 400
    };
    int writes = small_api_live(&whole);
    small_api_fini(&api);
    CHECK(writes >= 9);
    for (int i = 0; i < 2 * writes; i++) {
        struct scaler again = { .condition = "Provisioned" };
        struct small_life life = whole;
        life.kill_at = 1 + i / 2;
        life.lost = i % 2;
        life.arg = &again;
        api_init(&api, "");
        lives[i] = small_api_die_and_come_back(&life, check_runs);
        small_api_fini(&api);
    }
    for (int i = 0; i < 2 * writes; i++) {
        int status = -1;
        CHECK(waitpid(lives[i], &status, 0) == lives[i]);
        if (status)
            print_message("killed at write %d, which %s\n", 1 + i / 2,
                          i % 2 ? "was lost" : "arrived");
        CHECK_I64(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_asked),       cmocka_unit_test(test_provisioned),
        cmocka_unit_test(test_it_comes_to_nothing), cmocka_unit_test(test_nobody_wants_it),
        cmocka_unit_test(test_requests_of_others),  cmocka_unit_test(test_killed_at_each_write),
    };
    return CHECK_MAIN(tests);
}
