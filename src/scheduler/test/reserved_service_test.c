/* SPDX-License-Identifier: Apache-2.0
 * ResourceReservations with the service: statuses are written, and a scheduler that comes later
 * keeps the same room before it decides anything. */
#include <stdio.h>

#include "scheduler/test/small_api.h"
#include "testkit/check.h"

#define RR "resourcereservations/d/app"

static void add_pod(struct small_api *api, const char *name)
{
    char text[512], path[SMALL_API_PATH_MAX];
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
             "\"%s\",\"uid\":\"u-%s\"},\"spec\":{\"schedulerName\":\"ganglion\",\"containers\":[{"
             "\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"3\"}}}]}}",
             name, name);
    snprintf(path, sizeof path, "pods/d/%s", name);
    small_api_put_text(api, path, text);
}

/* A node of four CPUs, of which three are kept for pod "one". */
static void api_init(struct small_api *api)
{
    *api = (struct small_api){ .revision = 10 };
    small_api_node(api, "n0");
    small_api_put_text(api, RR,
                       "{\"apiVersion\":\"scheduling.kubenexus.io/v1alpha1\",\"kind\":"
                       "\"ResourceReservation\",\"metadata\":{\"namespace\":\"d\",\"name\":\"app\","
                       "\"uid\":\"r\"},\"spec\":{\"reservations\":{\"one\":{\"node\":\"n0\","
                       "\"cpu\":\"3\"}}}}");
}

static void check_field(struct small_api *api, const char *path, const char *name, const char *want)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str is = small_api_field(api, path, name, a);
    CHECK_STR_EQ(is.p ? is : STR(""), str_from(want));
}

static void test_status_and_restart(void **state)
{
    (void)state;
    struct small_api api;
    api_init(&api);
    add_pod(&api, "thief"); /* it is here first */
    small_api_live(&(struct small_life){ .api = &api });
    check_field(&api, RR, "status.phase", "Ready");
    check_field(&api, RR, "status.states.one", "Kept");
    check_field(&api, "pods/d/thief", "spec.nodeName", "");
    add_pod(&api, "one"); /* while no scheduler runs */
    small_api_live(&(struct small_life){ .api = &api });
    check_field(&api, "pods/d/one", "spec.nodeName", "n0");
    check_field(&api, "pods/d/thief", "spec.nodeName", "");
    check_field(&api, RR, "status.states.one", "Used");
    check_field(&api, RR, "status.pods.one", "one");
    int writes = small_api_live(&(struct small_life){ .api = &api });
    check_field(&api, RR, "status.states.one", "Used"); /* who has it is known again */
    CHECK(writes <= 1);                                 /* thief may be told why it waits */
    small_api_fini(&api);
}

static int refuse_status(void *arg, struct small_api *api, const char *path)
{
    int *times = arg;
    (void)api;
    if (strcmp(path, RR "/status") != 0)
        return 0;
    ++*times;
    return 404;
}

/* Where the definition has no status, what it would say is tried once, not without end. */
static void test_a_status_that_nobody_takes(void **state)
{
    (void)state;
    struct small_api api;
    int times = 0;
    api_init(&api);
    add_pod(&api, "one");
    small_api_live(&(struct small_life){
        .api = &api, .at_least_ms = 300, .refuse = refuse_status, .arg = &times });
    check_field(&api, "pods/d/one", "spec.nodeName", "n0");
    CHECK(times >= 1 && times <= 3); /* kept, claimed, used */
    small_api_fini(&api);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_and_restart),
        cmocka_unit_test(test_a_status_that_nobody_takes),
    };
    return CHECK_MAIN(tests);
}
