/* SPDX-License-Identifier: Apache-2.0
 * replicaset_test — as many pods as asked for, and the right ones go first. */
#include <stdio.h>

#include "controllers/controllers.h"
#include "controllers/test/world.h"
#include "kube/replicaset.h"
#include "testkit/check.h"

#define SET "d/s"

static struct world *set_world(int replicas, int min_ready_s)
{
    struct world *w = world_new(&replicaset_controller);
    world_create(w, "replicasets",
                 "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"namespace\":"
                 "\"d\",\"name\":\"s\",\"generation\":1},\"spec\":{\"replicas\":%d,"
                 "\"minReadySeconds\":%d,\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},"
                 "\"spec\":{\"containers\":[{\"name\":\"c\"}]}}}}",
                 replicas, min_ready_s);
    world_run(w);
    return w;
}

static void scale(struct world *w, int replicas)
{
    char patch[64];
    snprintf(patch, sizeof patch, "{\"spec\":{\"replicas\":%d}}", replicas);
    world_merge(w, "replicasets", SET, patch);
    world_run(w);
}

static const char *key_at(struct world *w, size_t i, char out[64])
{
    snprintf(out, 64, "d/%.*s", STR_ARG(world_at(w, "pods", i)->name));
    return out;
}

static void make_ready(struct world *w, size_t i)
{
    char key[64], patch[256], now[TIME_TEXT_MAX];
    snprintf(patch, sizeof patch,
             "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\",\"conditions\":[{"
             "\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"%.*s\"}]}}",
             STR_ARG(wall_text(now, world_now(w))));
    world_merge(w, "pods", key_at(w, i, key), patch);
    world_run(w);
}

static const struct replicaset *set(struct world *w)
{
    return replicaset_of(world_get(w, "replicasets", SET));
}

static void test_scales_up_and_down(void **state)
{
    (void)state;
    struct world *w = set_world(3, 0);
    CHECK_I64(world_count(w, "pods"), 3);
    CHECK_I64(set(w)->status_replicas, 3);
    CHECK_I64(set(w)->observed_generation, 1);
    scale(w, 1200); /* more than one burst */
    CHECK_I64(world_count(w, "pods"), 1200);
    scale(w, 0);
    CHECK_I64(world_count(w, "pods"), 0);
    CHECK_I64(world_refused(w), 0);
    world_log_clear(w);
    world_restart(w);
    world_advance(w, 3600);
    CHECK_STR(world_log(w), "");
    world_free(w);
}

static void test_useful_pods_go_last(void **state)
{
    (void)state;
    struct world *w = set_world(4, 0);
    char unplaced[64], pending[64], older[64], younger[64];
    make_ready(w, 0);
    key_at(w, 0, older);
    make_ready(w, 1);
    world_merge(w, "pods", key_at(w, 1, younger),
                "{\"metadata\":{\"creationTimestamp\":\"2033-01-01T00:00:00Z\"}}");
    world_merge(w, "pods", key_at(w, 2, pending), "{\"spec\":{\"nodeName\":\"n\"}}");
    key_at(w, 3, unplaced);
    scale(w, 3);
    CHECK(world_get(w, "pods", unplaced) == NULL);
    scale(w, 2);
    CHECK(kobj_deleting(world_get(w, "pods", pending)));
    scale(w, 1);
    CHECK(kobj_deleting(world_get(w, "pods", younger)));
    CHECK(!kobj_deleting(world_get(w, "pods", older)));
    world_free(w);
}

static void test_ended_pods_are_replaced(void **state)
{
    (void)state;
    struct world *w = set_world(2, 0);
    char key[64];
    world_merge(w, "pods", key_at(w, 0, key), "{\"status\":{\"phase\":\"Failed\"}}");
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 3);
    world_delete(w, "pods", key_at(w, 1, key));
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 3);
    CHECK_I64(set(w)->status_replicas, 2);
    world_free(w);
}

static void test_min_ready_seconds(void **state)
{
    (void)state;
    struct world *w = set_world(1, 30);
    make_ready(w, 0);
    CHECK_I64(set(w)->ready, 1);
    CHECK_I64(set(w)->available, 0);
    world_advance(w, 29);
    CHECK_I64(set(w)->available, 0);
    world_advance(w, 2); /* nobody tells us: the clock does */
    CHECK_I64(set(w)->available, 1);
    world_free(w);
}

static void test_a_lost_pod_is_replaced(void **state)
{
    (void)state;
    struct world *w = set_world(2, 0);
    char key[64];
    world_merge(w, "pods", key_at(w, 0, key), "{\"metadata\":{\"ownerReferences\":null}}");
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 3); /* released by hand: no longer ours */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales_up_and_down),      cmocka_unit_test(test_useful_pods_go_last),
        cmocka_unit_test(test_ended_pods_are_replaced), cmocka_unit_test(test_min_ready_seconds),
        cmocka_unit_test(test_a_lost_pod_is_replaced),
    };
    return CHECK_MAIN(tests);
}
