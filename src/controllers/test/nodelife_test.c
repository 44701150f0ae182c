/* SPDX-License-Identifier: Apache-2.0
 * nodelife_test — a node falls silent, is marked, tainted and emptied, and comes back. */
#include <stdio.h>

#include "controllers/controllers.h"
#include "controllers/test/world.h"
#include "kube/pod.h"
#include "testkit/check.h"

static void renew(struct world *w)
{
    char now[TIME_TEXT_MAX], patch[128];
    snprintf(patch, sizeof patch, "{\"spec\":{\"renewTime\":\"%.*s\"}}",
             STR_ARG(wall_text_micro(now, world_now(w))));
    world_merge(w, "leases", "kube-node-lease/n", patch);
}

static void add_pod(struct world *w, const char *name, const char *tolerations)
{
    world_create(
        w, "pods",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
        "\"%s\"},\"spec\":{\"nodeName\":\"n\",\"tolerations\":[%s]},\"status\":{\"phase\":"
        "\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
        name, tolerations);
}

static struct world *node_world(void)
{
    struct world *w = world_new(&nodelife_controller);
    world_create(
        w, "nodes",
        "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n\"},\"status\":{"
        "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
    world_create(w, "leases",
                 "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{"
                 "\"namespace\":\"kube-node-lease\",\"name\":\"n\"},\"spec\":{}}");
    renew(w);
    return w;
}

static void live(struct world *w, int64_t seconds)
{
    for (int64_t s = 0; s < seconds; s += 10) {
        world_advance(w, 10);
        renew(w);
    }
    world_run(w);
}

static struct json ready(struct world *w)
{
    return condition_find(kobj_root(world_get(w, "nodes", "n")), STR("Ready"));
}

static size_t taints(struct world *w, const char *key)
{
    size_t n = 0;
    struct json list = kobj_path(world_get(w, "nodes", "n"), "spec.taints");
    for (struct json_iter it = json_iter(list); json_next(&it);)
        n += str_is(json_str(json_get(it.value, STR("key"))), key);
    return n;
}

static void test_a_live_node_costs_nothing(void **state)
{
    (void)state;
    struct world *w = node_world();
    add_pod(w, "p", "");
    live(w, 600);
    CHECK_STR(world_log(w), "");
    world_free(w);
}

static void test_silence_taints_and_evicts(void **state)
{
    (void)state;
    struct world *w = node_world();
    add_pod(w, "patient",
            "{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\",\"effect\":"
            "\"NoExecute\",\"tolerationSeconds\":300}");
    add_pod(w, "forever", "{\"operator\":\"Exists\"}");
    add_pod(w, "now", "");
    add_pod(w, "both",
            "{\"operator\":\"Exists\"},{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":"
            "\"Exists\",\"tolerationSeconds\":60}");
    live(w, 60);
    world_advance(w, 39);
    CHECK_STR(json_str(json_get(ready(w), STR("status"))), "True");
    world_advance(w, 2);
    CHECK_STR(json_str(json_get(ready(w), STR("status"))), "Unknown");
    CHECK_STR(json_str(json_get(ready(w), STR("reason"))), "NodeStatusUnknown");
    CHECK_I64(taints(w, "node.kubernetes.io/unreachable"), 2);
    CHECK(!pod_of(world_get(w, "pods", "d/patient"))->ready);
    CHECK(kobj_deleting(world_get(w, "pods", "d/now")));
    CHECK_STR(json_str(json_get(
                  condition_find(kobj_root(world_get(w, "pods", "d/now")), STR("DisruptionTarget")),
                  STR("reason"))),
              "DeletionByTaintManager");
    CHECK(!kobj_deleting(world_get(w, "pods", "d/both")));
    world_advance(w, 61);
    CHECK(kobj_deleting(world_get(w, "pods", "d/both"))); /* the shortest toleration counts */
    world_advance(w, 230);
    CHECK(!kobj_deleting(world_get(w, "pods", "d/patient")));
    world_advance(w, 20);
    CHECK(kobj_deleting(world_get(w, "pods", "d/patient")));
    world_advance(w, 7200);
    CHECK(!kobj_deleting(world_get(w, "pods", "d/forever")));
    CHECK_I64(world_refused(w), 0);
    world_free(w);
}

static void test_a_node_that_slept_comes_back(void **state)
{
    (void)state;
    struct world *w = node_world();
    live(w, 60);
    world_advance(w, 3600);
    CHECK_STR(json_str(json_get(ready(w), STR("status"))), "Unknown");
    renew(w);
    world_run(w);
    CHECK_STR(json_str(json_get(ready(w), STR("status"))), "True");
    CHECK_I64(taints(w, "node.kubernetes.io/unreachable"), 0);
    world_free(w);
}

/* What was silent before this process began may only be waiting for its agent to start too. */
static void test_a_restart_gives_grace(void **state)
{
    (void)state;
    struct world *w = world_new(&nodelife_controller);
    world_create(w, "nodes",
                 "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n\","
                 "\"creationTimestamp\":\"2020-01-01T00:00:00Z\"},\"status\":{\"conditions\":[{"
                 "\"type\":\"Ready\",\"status\":\"True\"}]}}");
    world_create(w, "leases",
                 "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{"
                 "\"namespace\":\"kube-node-lease\",\"name\":\"n\"},\"spec\":{\"renewTime\":"
                 "\"2020-01-01T00:00:00.000000Z\"}}");
    world_advance(w, 39);
    CHECK_STR(json_str(json_get(ready(w), STR("status"))), "True");
    world_advance(w, 2);
    CHECK_STR(json_str(json_get(ready(w), STR("status"))), "Unknown");
    world_free(w);
}

static void test_pods_of_a_gone_node_end(void **state)
{
    (void)state;
    struct world *w = node_world();
    add_pod(w, "p", "{\"operator\":\"Exists\"}");
    world_run(w);
    world_vanish(w, "nodes", "n");
    world_run(w);
    world_advance(w, 1);
    CHECK(world_get(w, "pods", "d/p") == NULL);
    world_free(w);
}

static void test_a_pod_heard_of_before_its_node_stays(void **state)
{
    (void)state;
    struct world *w = world_new(&nodelife_controller);
    add_pod(w, "p", "");
    world_advance(w, 20);
    CHECK(pod_of(world_get(w, "pods", "d/p"))->phase == POD_RUNNING);
    world_advance(w, 30); /* but nobody waits for ever */
    CHECK(world_get(w, "pods", "d/p") == NULL);
    world_free(w);
}

static void test_a_taint_by_hand_gets_its_time(void **state)
{
    (void)state;
    struct world *w = node_world();
    add_pod(w, "p",
            "{\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":"
            "30}");
    live(w, 20);
    world_merge(w, "nodes", "n",
                "{\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"NoExecute\"}]}}");
    live(w, 20);
    CHECK(!kobj_deleting(world_get(w, "pods", "d/p")));
    live(w, 20);
    CHECK(kobj_deleting(world_get(w, "pods", "d/p")));
    CHECK_I64(taints(w, "k"), 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_live_node_costs_nothing),
        cmocka_unit_test(test_silence_taints_and_evicts),
        cmocka_unit_test(test_a_node_that_slept_comes_back),
        cmocka_unit_test(test_a_restart_gives_grace),
        cmocka_unit_test(test_pods_of_a_gone_node_end),
        cmocka_unit_test(test_a_pod_heard_of_before_its_node_stays),
        cmocka_unit_test(test_a_taint_by_hand_gets_its_time),
    };
    return CHECK_MAIN(tests);
}
