/* SPDX-License-Identifier: Apache-2.0
 * A gang's start over an API that binds pods one by one, as HTTPS does it: a bind is refused, or
 * the scheduler is killed between two binds. In the end all members are bound, or none is. */
#include <stdio.h>
#include <sys/wait.h>

#include "scheduler/test/small_api.h"
#include "testkit/check.h"

static void add_pod(struct small_api *api, const char *name, const char *more, const char *node)
{
    char text[1024], path[SMALL_API_PATH_MAX];
    snprintf(
        text, sizeof text,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"%s\","
        "\"uid\":\"u-%s\"%s},\"spec\":{%s%s%s\"schedulerName\":\"ganglion\",\"containers\":[{"
        "\"name\":\"c\",\"resources\":{\"requests\":{\"nvidia.com/gpu\":\"2\"}}}]}}",
        name, name, more, node ? "\"nodeName\":\"" : "", node ? node : "", node ? "\"," : "");
    snprintf(path, sizeof path, "pods/d/%s", name);
    small_api_put_text(api, path, text);
}

/* Members of a gang of three, which a Job owns; in the dialect that says a time-out: a second. */
#define MEMBER                                                                                     \
    ",\"annotations\":{\"gang.scheduling.koordinator.sh/name\":\"g\","                             \
    "\"gang.scheduling.koordinator.sh/min-available\":\"3\","                                      \
    "\"gang.scheduling.koordinator.sh/waiting-time\":\"1s\"},\"ownerReferences\":[{"               \
    "\"apiVersion\":\"batch/"                                                                      \
    "v1\",\"kind\":\"Job\",\"name\":\"j\",\"uid\":\"j\",\"controller\":true}]"

static void api_init(struct small_api *api)
{
    *api = (struct small_api){ .revision = 10 };
    small_api_node(api, "n0");
    small_api_node(api, "n1");
    small_api_node(api, "n2");
    add_pod(api, "a", MEMBER, NULL);
    add_pod(api, "b", MEMBER, NULL);
    add_pod(api, "c", MEMBER, NULL);
}

static size_t count_bound(struct small_api *api)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const char *pods[] = { "pods/d/a", "pods/d/b", "pods/d/c" };
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        n += small_api_field(api, pods[i], "spec.nodeName", a).n > 0;
    return n;
}

static void check_whole(struct small_api *api)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    CHECK_I64(count_bound(api), 3);
    CHECK(!small_api_field(api, "podgroups/d/g", "status.start.until", a).n); /* it is over */
}

static void test_killed_at_each_write(void **state)
{
    (void)state;
    struct small_api api;
    pid_t lives[2 * SMALL_API_WRITES_MAX];
    api_init(&api);
    int writes = small_api_live(&(struct small_life){ .api = &api, .singly = true });
    check_whole(&api);
    small_api_fini(&api);
    CHECK(writes >= 6); /* mirror, record, three binds, the record goes */
    for (int i = 0; i < 2 * writes; i++) {
        struct small_life life = {
            .api = &api, .singly = true, .kill_at = 1 + i / 2, .lost = i % 2
        };
        api_init(&api);
        lives[i] = small_api_die_and_come_back(&life, check_whole);
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

/* ---- one bind is refused ---- */

struct refusal {
    int left; /* so often b is refused */
    int n;    /* so often it was */
};

static int refuse_b(void *arg, struct small_api *api, const char *path)
{
    struct refusal *r = arg;
    AUTO(arena_freep) struct arena *a = arena_new();
    if (strcmp(path, "pods/d/b/binding") != 0 || r->left == 0)
        return 0;
    /* Before the first bind the record says who is being bound. */
    if (r->n++ == 0)
        CHECK(small_api_field(api, "podgroups/d/g", "status.start.members.2.uid", a).n > 0);
    r->left--;
    return 409;
}

static void test_refused_and_tried_again(void **state)
{
    (void)state;
    struct small_api api;
    struct refusal r = { .left = 1 };
    api_init(&api);
    small_api_live(&(struct small_life){
        .api = &api, .singly = true, .at_least_ms = 1100, .refuse = refuse_b, .arg = &r });
    CHECK_I64(r.left, 0);
    check_whole(&api);
    small_api_fini(&api);
}

/* Refused until its time is over: the two that are bound leave, marked, and b waits. */
static void test_refused_for_good(void **state)
{
    (void)state;
    struct small_api api;
    struct refusal r = { .left = 1000 };
    api_init(&api);
    small_api_live(&(struct small_life){
        .api = &api, .singly = true, .at_least_ms = 2300, .refuse = refuse_b, .arg = &r });
    CHECK(r.n >= 2); /* it was tried again */
    CHECK(!small_api_find(&api, "pods/d/a"));
    CHECK(!small_api_find(&api, "pods/d/c"));
    CHECK(small_api_find(&api, "pods/d/b") != NULL);
    CHECK_I64(count_bound(&api), 0);
    small_api_fini(&api);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_each_write),
        cmocka_unit_test(test_refused_and_tried_again),
        cmocka_unit_test(test_refused_for_good),
    };
    return CHECK_MAIN(tests);
}
