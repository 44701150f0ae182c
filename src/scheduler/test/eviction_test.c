/* SPDX-License-Identifier: Apache-2.0
 * An eviction, for a gang or for a pod alone, is several writes. The scheduler is killed at each of
 * them, before or after the API carried it out, and started anew on what the API has then: in the
 * end the gang runs, its victims are gone whole, and nobody else was touched. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scheduler/test/small_api.h"
#include "testkit/check.h"

static void add_pod(struct small_api *api, const char *name, const char *gang, const char *node)
{
    char text[1024], path[SMALL_API_PATH_MAX];
    bool cheap = strcmp(gang, "cheap") == 0;
    int priority = cheap ? -1 : strcmp(gang, "high") ? 0 : 9;
    snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\","
        "\"uid\":\"u-%s\",\"labels\":{\"scheduling.ganglion.io/pod-group\":\"%s\","
        "\"scheduling.ganglion.io/min-available\":\"%d\"}},\"spec\":{%s%s%s\"priority\":%d,"
        "\"schedulerName\":\"ganglion\",\"containers\":[{\"name\":\"c\",\"resources\":{"
        "\"requests\":{\"nvidia.com/gpu\":\"2\"}}}]}}",
        name, name, gang, cheap ? 1 : 2, node ? "\"nodeName\":\"" : "", node ? node : "",
        node ? "\"," : "", priority);
    snprintf(path, sizeof path, "pods/d/%s", name);
    small_api_put_text(api, path, text);
}

/* Who looks at this anew when half of gang low is gone evicts "cheap" for the other half. */
static void api_init(struct small_api *api)
{
    *api = (struct small_api){ .revision = 10 };
    small_api_node(api, "n0");
    small_api_node(api, "n1");
    small_api_node(api, "n2");
    add_pod(api, "low-0", "low", "n1");
    add_pod(api, "low-1", "low", "n2");
    add_pod(api, "high-0", "high", NULL);
    add_pod(api, "high-1", "high", NULL);
    add_pod(api, "cheap", "cheap", "n0");
}

/* ---- what must be ---- */

static void check_end(struct small_api *api)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK(!small_api_find(api, "pods/d/low-0"));
    CHECK(!small_api_find(api, "pods/d/low-1"));
    CHECK_STR(small_api_field(api, "pods/d/cheap", "spec.nodeName", a), "n0");
    struct str x = small_api_field(api, "pods/d/high-0", "spec.nodeName", a);
    struct str y = small_api_field(api, "pods/d/high-1", "spec.nodeName", a);
    CHECK(x.n && y.n && !str_eq(x, y));
    CHECK(!small_api_field(api, "podgroups/d/high", "status.eviction.until", a).n); /* it is over */
}

/* Killed right after it, the API knows whom the scheduler was going to evict, and all are there. */
static void test_the_record_comes_first(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct small_api api;
    bool recorded = false;
    for (int n = 1; !recorded; n++) {
        CHECK(n < SMALL_API_WRITES_MAX);
        api_init(&api);
        small_api_live(&(struct small_life){ .api = &api, .kill_at = n });
        recorded = small_api_field(&api, "podgroups/d/high", "status.eviction.until", a).n > 0;
        CHECK(small_api_find(&api, "pods/d/low-0") && small_api_find(&api, "pods/d/low-1"));
        CHECK(!small_api_field(&api, "pods/d/low-0", "status.conditions.0.type", a).n);
        if (recorded)
            CHECK_STR(
                small_api_field(&api, "podgroups/d/high", "status.eviction.victims.1.namespace", a),
                "d");
        small_api_fini(&api);
    }
}

static pid_t die_and_come_back(int kill_at, bool lost)
{
    struct small_api api;
    api_init(&api);
    const struct small_life life = { .api = &api, .kill_at = kill_at, .lost = lost };
    pid_t pid = small_api_die_and_come_back(&life, check_end);
    small_api_fini(&api);
    return pid;
}

static void test_killed_at_each_write(void **state)
{
    (void)state;
    struct small_api api;
    pid_t lives[2 * SMALL_API_WRITES_MAX];
    api_init(&api);
    int writes = small_api_live(&(struct small_life){ .api = &api });
    check_end(&api);
    small_api_fini(&api);
    CHECK(writes >= 7); /* mirror and record, two marks, two deletes, a bind */
    for (int i = 0; i < 2 * writes; i++)
        lives[i] = die_and_come_back(1 + i / 2, i % 2);
    for (int i = 0; i < 2 * writes; i++) {
        int status = -1;
        CHECK(waitpid(lives[i], &status, 0) == lives[i]);
        if (status)
            print_message("killed at write %d, which %s\n", 1 + i / 2,
                          i % 2 ? "was lost" : "arrived");
        CHECK_I64(status, 0);
    }
    print_message("killed at each of %d writes\n", writes);
}

/* ---- for a pod alone ---- */

/* Pods of one GPU each but for "cheap" and "high", which want both of a node. */
static void add_lone(struct small_api *api, const char *name, int priority, const char *node)
{
    char text[1024], path[SMALL_API_PATH_MAX];
    bool big = strcmp(name, "cheap") == 0 || !node;
    snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\","
        "\"uid\":\"u-%s\"},\"spec\":{%s%s%s\"priority\":%d,\"schedulerName\":\"ganglion\","
        "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"nvidia.com/gpu\":"
        "\"%d\"}}}]}}",
        name, name, node ? "\"nodeName\":\"" : "", node ? node : "", node ? "\"," : "", priority,
        big ? 2 : 1);
    snprintf(path, sizeof path, "pods/d/%s", name);
    small_api_put_text(api, path, text);
}

static void lone_init(struct small_api *api)
{
    *api = (struct small_api){ .revision = 10 };
    small_api_node(api, "n0");
    small_api_node(api, "n1");
    add_lone(api, "low-0", 1, "n1");
    add_lone(api, "low-1", 1, "n1");
    add_lone(api, "cheap", 2, "n0");
    add_lone(api, "high", 9, NULL);
}

/* While the scheduler is dead "cheap" becomes the cheapest there is: its priority is the lowest. */
static void make_cheaper(struct small_api *api)
{
    add_lone(api, "cheap", -9, "n0");
}

static void check_lone(struct small_api *api)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK(!small_api_find(api, "pods/d/low-0"));
    CHECK(!small_api_find(api, "pods/d/low-1"));
    CHECK_STR(small_api_field(api, "pods/d/cheap", "spec.nodeName", a), "n0");
    CHECK_STR(small_api_field(api, "pods/d/high", "spec.nodeName", a), "n1");
}

/* Nobody was touched, so a free choice is no second set of victims. */
static bool is_untouched(struct small_api *api)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const char *victims[] = { "pods/d/low-0", "pods/d/low-1" };
    for (int i = 0; i < 2; i++) {
        if (!small_api_find(api, victims[i]) ||
            small_api_field(api, victims[i], "status.conditions.0.type", a).n)
            return false;
    }
    return !small_api_field(api, "pods/d/high", "status.nominatedNodeName", a).n;
}

static int lone_life(int kill_at, bool lost)
{
    struct small_api api;
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    lone_init(&api);
    small_api_live(&(struct small_life){ .api = &api, .kill_at = kill_at, .lost = lost });
    if (!is_untouched(&api))
        make_cheaper(&api);
    small_api_live(&(struct small_life){ .api = &api });
    check_lone(&api);
    _exit(0);
}

/* At each write: what was begun on a node is finished there, though another is cheaper now. */
static void test_a_lone_pods_plan_is_finished(void **state)
{
    (void)state;
    struct small_api api;
    pid_t lives[2 * SMALL_API_WRITES_MAX];
    lone_init(&api);
    int writes = small_api_live(&(struct small_life){ .api = &api });
    check_lone(&api);
    small_api_fini(&api);
    CHECK(writes >= 6); /* the node, two marks, two deletes, a bind */
    for (int i = 0; i < 2 * writes; i++)
        lives[i] = lone_life(1 + i / 2, i % 2);
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
        cmocka_unit_test(test_the_record_comes_first),
        cmocka_unit_test(test_killed_at_each_write),
        cmocka_unit_test(test_a_lone_pods_plan_is_finished),
    };
    return CHECK_MAIN(tests);
}
