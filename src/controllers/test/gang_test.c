/* SPDX-License-Identifier: Apache-2.0
 * gang_test — a gang that lost a member restarts as a whole, once, and only when that helps. */
#include <stdio.h>

#include "controllers/controllers.h"
#include "controllers/test/world.h"
#include "kube/gang/gang_object.h"
#include "kube/pod.h"
#include "testkit/check.h"

static void add_member(struct world *w, int n, const char *annotations)
{
    world_create(
        w, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
        "\"p%d\",\"labels\":{\"pod-group.scheduling.kubenexus.io/name\":\"g\","
        "\"pod-group.scheduling.kubenexus.io/min-available\":\"4\"},\"annotations\":{%s},"
        "\"finalizers\":[\"batch.kubernetes.io/job-tracking\"],\"ownerReferences\":[{"
        "\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"name\":\"j\",\"uid\":\"u1\","
        "\"controller\":true}]},\"spec\":{\"nodeName\":\"n%d\"},\"status\":{\"phase\":"
        "\"Running\"}}",
        n, annotations, n);
}

/* A Job of four (u1) and its running members p0 … p<n-1>. */
static struct world *gang_world(int n, const char *annotations)
{
    struct world *w = world_new(&gang_controller);
    world_create(w, "jobs",
                 "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"namespace\":\"d\","
                 "\"name\":\"j\"},\"spec\":{\"parallelism\":5,\"completions\":5}}");
    for (int i = 0; i < n; i++)
        add_member(w, i, annotations);
    world_run(w);
    CHECK_STR(world_log(w), "");
    return w;
}

static size_t count_dying(struct world *w)
{
    size_t n = 0;
    const struct kobj *o;
    for (size_t i = 0; (o = world_at(w, "pods", i)); i++)
        n += kobj_deleting(o);
    return n;
}

static void fail_first(struct world *w)
{
    world_merge(w, "pods", "d/p0", "{\"status\":{\"phase\":\"Failed\"}}");
}

static void test_the_others_restart_with_the_reason(void **state)
{
    (void)state;
    struct world *w = gang_world(4, "");
    fail_first(w);
    world_run(w);
    CHECK_I64(count_dying(w), 3);
    CHECK(!kobj_deleting(world_get(w, "pods", "d/p0")));
    for (int i = 1; i < 4; i++) {
        char key[8];
        snprintf(key, sizeof key, "d/p%d", i);
        struct json c =
            condition_find(kobj_root(world_get(w, "pods", key)), STR("DisruptionTarget"));
        CHECK_STR(json_str(json_get(c, STR("reason"))), "GangRestart");
    }
    CHECK(str_find(world_log(w), STR("event GangRestarted j")) >= 0);
    world_free(w);
}

static void test_the_job_fails_when_asked_to(void **state)
{
    (void)state;
    struct world *w = gang_world(4, "\"scheduling.ganglion.io/gang-restart\":\"fail\"");
    fail_first(w);
    world_run(w);
    CHECK_I64(count_dying(w), 0); /* the Job controller ends them */
    struct json c = condition_find(kobj_root(world_get(w, "jobs", "d/j")), STR("FailureTarget"));
    CHECK_STR(json_str(json_get(c, STR("reason"))), "GangMemberLost");
    CHECK(str_find(world_log(w), STR("event GangFailed j")) >= 0);
    world_log_clear(w);
    world_run(w);
    CHECK_STR(world_log(w), ""); /* once */
    world_free(w);
}

/* scheduler-plugins' label has no minimum: the gang's PodGroup repeats that of the object. */
static void test_the_minimum_of_an_object(void **state)
{
    (void)state;
    static const char *const policies[] = { "gang", "member" };
    for (size_t p = 0; p < COUNT_OF(policies); p++) {
        struct world *w = gang_world(0, "");
        world_create(w, "podgroups",
                     "{\"apiVersion\":\"aiplatform.ganglion.io/v1alpha1\",\"kind\":\"PodGroup\","
                     "\"metadata\":{\"namespace\":\"d\",\"name\":\"g\"},\"spec\":{"
                     "\"memberLoss\":\"%s\"},\"status\":{\"minMember\":4}}",
                     policies[p]);
        for (int i = 0; i < 4; i++)
            world_create(w, "pods",
                         "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":"
                         "\"d\",\"name\":\"p%d\",\"labels\":{\"scheduling.x-k8s.io/pod-group\":"
                         "\"g\"},\"ownerReferences\":[{\"apiVersion\":\"batch/v1\",\"kind\":"
                         "\"Job\",\"name\":\"j\",\"uid\":\"u1\",\"controller\":true}]},\"spec\":"
                         "{\"nodeName\":\"n0\"},\"status\":{\"phase\":\"Running\"}}",
                         i);
        world_run(w);
        fail_first(w);
        world_run(w);
        CHECK_I64(count_dying(w), p == 0 ? 3 : 0);
        world_free(w);
    }
}

static void test_the_next_generation_is_left_alone(void **state)
{
    (void)state;
    struct world *w = gang_world(4, "");
    fail_first(w);
    world_run(w);
    for (int i = 1; i < 4; i++) {
        char key[8];
        snprintf(key, sizeof key, "d/p%d", i);
        world_vanish(w, "pods", key);
    }
    for (int i = 4; i < 7; i++)
        add_member(w, i, ""); /* three of four, the failed pod still lies there */
    world_log_clear(w);
    world_advance(w, 60);
    CHECK_STR(world_log(w), "");
    world_free(w);
}

static void test_a_member_that_vanished(void **state)
{
    (void)state;
    struct world *w = gang_world(4, "");
    world_vanish(w, "pods", "d/p2"); /* with its node: nothing is left of it */
    world_run(w);
    CHECK_I64(count_dying(w), 3);
    world_free(w);
}

static void test_an_evicted_member(void **state)
{
    (void)state;
    struct world *w = gang_world(4, "");
    world_delete(w, "pods", "d/p2");
    world_run(w);
    CHECK_I64(count_dying(w), 4);
    world_free(w);
}

static void test_dying_half_way(void **state)
{
    (void)state;
    for (size_t writes = 0; writes < 8; writes++) {
        struct world *w = gang_world(4, "");
        fail_first(w);
        world_break_after(w, writes);
        world_run(w);
        world_restart(w);
        world_heal(w);
        world_advance(w, 600);
        CHECK_I64(count_dying(w), 3);
        world_free(w);
    }
}

static void check_untouched(struct world *w, size_t dying)
{
    world_advance(w, 60);
    CHECK_I64(count_dying(w), dying);
    CHECK(str_find(world_log(w), STR("GangRestarted")) < 0);
    world_free(w);
}

static void test_when_nothing_is_done(void **state)
{
    (void)state;
    struct world *w = gang_world(4, "\"scheduling.ganglion.io/gang-restart\":\"member\"");
    fail_first(w);
    check_untouched(w, 0);
    w = gang_world(5, ""); /* four are left: still complete */
    fail_first(w);
    check_untouched(w, 0);
    w = gang_world(3, ""); /* it never was complete */
    fail_first(w);
    check_untouched(w, 0);
    w = gang_world(4, "");
    world_merge(w, "jobs", "d/j", "{\"spec\":{\"suspend\":true}}");
    world_delete(w, "pods", "d/p0");
    check_untouched(w, 1);
    w = gang_world(4, "");
    world_merge(w, "jobs", "d/j",
                "{\"status\":{\"conditions\":[{\"type\":\"FailureTarget\",\"status\":\"True\"}]}}");
    fail_first(w); /* its Job ends the others itself */
    check_untouched(w, 0);
    w = gang_world(4, "");
    world_merge(w, "pods", "d/p0", "{\"status\":{\"phase\":\"Succeeded\"}}");
    check_untouched(w, 0);
}

/* Kueue's word that nobody makes good a lost member: the others go on, and nobody is told. */
static void test_what_a_dialect_leaves_alone(void **state)
{
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        struct world *w = world_new(&gang_controller);
        for (int i = 0; i < 3; i++)
            world_create(
                w, "pods",
                "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\","
                "\"name\":\"p%d\",\"labels\":{\"kueue.x-k8s.io/pod-group-name\":\"g\"},"
                "\"annotations\":{\"kueue.x-k8s.io/pod-group-total-count\":\"3\","
                "\"kueue.x-k8s.io/retriable-in-group\":\"%s\"}},\"spec\":{\"nodeName\":\"n\"},"
                "\"status\":{\"phase\":\"Running\"}}",
                i, alone ? "false" : "true");
        world_run(w);
        fail_first(w);
        world_run(w);
        struct json told =
            condition_find(kobj_root(world_get(w, "pods", "d/p1")), STR("GangMemberLost"));
        CHECK(json_exists(told) == !alone);
        check_untouched(w, 0);
    }
}

/* Running members of a gang of four with this name whose owner is said by a text. */
static void add_owned(struct world *w, const char *gang, int n, const char *owner)
{
    world_create(
        w, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
        "\"p%d\",\"annotations\":{\"gang.scheduling.koordinator.sh/name\":\"%s\","
        "\"gang.scheduling.koordinator.sh/min-available\":\"4\"}%s},"
        "\"spec\":{\"nodeName\":\"n%d\"},\"status\":{\"phase\":\"Running\"}}",
        n, gang, owner, n);
}

static void test_whose_members_they_are(void **state)
{
    (void)state;
#define OWNER(v, k)                                                                                \
    ",\"ownerReferences\":[{\"apiVersion\":\"" v "\",\"kind\":\"" k                                \
    "\",\"name\":\"o\",\"uid\":\"u9\",\"controller\":true}]" /* literals only */
    static const struct {
        const char *owner;
        size_t dying;
        bool told;
    } rows[] = {
        { OWNER("apps/v1", "ReplicaSet"), 0, false },
        { OWNER("apps/v1", "StatefulSet"), 0, false },
        { OWNER("v1", "ReplicationController"), 0, false },
        { OWNER("kubeflow.org/v1", "PyTorchJob"), 3, false },
        { OWNER("ray.io/v1", "RayCluster"), 3, false },
        { OWNER("v1", "Pod"), 0, true },
        { OWNER("example.com/v1", "ReplicaSet"), 0, true },
        { "", 0, true },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct world *w = world_new(&gang_controller);
        for (int n = 0; n < 4; n++)
            add_owned(w, "g", n, rows[i].owner);
        world_run(w);
        fail_first(w);
        world_run(w);
        CHECK_I64(count_dying(w), rows[i].dying);
        for (int n = 1; n < 4; n++) {
            char key[8];
            snprintf(key, sizeof key, "d/p%d", n);
            CHECK(condition_of(kobj_root(world_get(w, "pods", key)), STR("GangMemberLost")) ==
                  (rows[i].told ? CONDITION_TRUE : CONDITION_ABSENT));
        }
        world_log_clear(w);
        world_advance(w, 60);
        CHECK_STR(world_log(w), ""); /* once */
        if (rows[i].told) {
            add_owned(w, "g", 4, rows[i].owner);
            world_run(w);
            CHECK(condition_of(kobj_root(world_get(w, "pods", "d/p1")), STR("GangMemberLost")) ==
                  CONDITION_FALSE);
        }
        world_free(w);
    }
}

/* Two Jobs of two pods each, as of a JobSet: neither makes the minimum alone. */
static void test_a_gang_of_several_jobs(void **state)
{
    (void)state;
    for (int second = 2; second >= 1; second--) {
        struct world *w = world_new(&gang_controller);
        for (int i = 1; i <= 2; i++)
            world_create(w, "jobs",
                         "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{"
                         "\"namespace\":\"d\",\"name\":\"j%d\"},\"spec\":{\"parallelism\":%d,"
                         "\"completions\":2}}",
                         i, i == 1 ? 2 : second);
        for (int n = 0; n < 4; n++) {
            char owner[256];
            snprintf(owner, sizeof owner,
                     ",\"ownerReferences\":[{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\","
                     "\"name\":\"j%d\",\"uid\":\"u%d\",\"controller\":true}]",
                     n / 2 + 1, n / 2 + 1);
            add_owned(w, "g", n, owner);
        }
        world_run(w);
        fail_first(w);
        world_run(w);
        CHECK_I64(count_dying(w), second == 2 ? 3 : 0); /* else it would never be whole again */
        world_free(w);
    }
}

/* The PodGroup of a gang whose name no object can have. */
static void test_a_name_that_is_no_dns_name(void **state)
{
    (void)state;
    struct world *w = world_new(&gang_controller);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str mirror = gang_object_mirror_name(a, STR("Big_Gang"));
    world_create(w, "podgroups",
                 "{\"apiVersion\":\"aiplatform.ganglion.io/v1alpha1\",\"kind\":\"PodGroup\","
                 "\"metadata\":{\"namespace\":\"d\",\"name\":\"%.*s\"},\"spec\":{"
                 "\"memberLoss\":\"member\"}}",
                 STR_ARG(mirror));
    for (int n = 0; n < 4; n++)
        add_owned(w, "Big_Gang", n, OWNER("ray.io/v1", "RayCluster"));
    world_run(w);
    fail_first(w);
    world_run(w);
    CHECK_I64(count_dying(w), 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_others_restart_with_the_reason),
        cmocka_unit_test(test_the_job_fails_when_asked_to),
        cmocka_unit_test(test_the_minimum_of_an_object),
        cmocka_unit_test(test_the_next_generation_is_left_alone),
        cmocka_unit_test(test_a_member_that_vanished),
        cmocka_unit_test(test_an_evicted_member),
        cmocka_unit_test(test_dying_half_way),
        cmocka_unit_test(test_when_nothing_is_done),
        cmocka_unit_test(test_what_a_dialect_leaves_alone),
        cmocka_unit_test(test_whose_members_they_are),
        cmocka_unit_test(test_a_gang_of_several_jobs),
        cmocka_unit_test(test_a_name_that_is_no_dns_name),
    };
    return CHECK_MAIN(tests);
}
