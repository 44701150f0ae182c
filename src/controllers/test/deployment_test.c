/* SPDX-License-Identifier: Apache-2.0
 * deployment_test — the arithmetic of rolling updates as a property, and the controller's sets,
 * revisions and conditions with the test playing the ReplicaSet controller. */
#include <stdio.h>

#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/deployment/rollout.h"
#include "controllers/test/world.h"
#include "kube/deployment.h"
#include "kube/pod.h"
#include "kube/replicaset.h"
#include "testkit/check.h"

/* ---- rollout_step ---- */

enum { OLD = 3 };

struct model { /* of the world that a rollout changes */
    struct rollout plan;
    struct rollout_set old[OLD];
    int64_t unavailable_at_start;
};

static int64_t sum_want(const struct rollout *r)
{
    int64_t n = r->new_set.want;
    for (size_t i = 0; i < r->n_old; i++)
        n += r->old[i].want;
    return n;
}

static int64_t sum_available(const struct rollout *r)
{
    int64_t n = num_min_i64(r->new_set.available, r->new_set.want);
    for (size_t i = 0; i < r->n_old; i++)
        n += num_min_i64(r->old[i].available, r->old[i].want);
    return n;
}

static void set_up(struct model *m)
{
    *m = (struct model){ 0 };
    struct rollout *r = &m->plan;
    r->replicas = (int64_t)check_random_below(20);
    r->max_surge = (int64_t)check_random_below(6);
    r->max_unavailable =
        num_min_i64((int64_t)check_random_below(6) + (r->max_surge == 0), r->replicas);
    if (r->max_surge == 0 && r->max_unavailable == 0)
        r->max_unavailable = 1;
    r->old = m->old;
    r->n_old = check_random_below(OLD + 1);
    int64_t left = r->replicas;
    for (size_t i = 0; i < r->n_old; i++) {
        int64_t n = (int64_t)check_random_below((uint64_t)left + 1);
        m->old[i] = (struct rollout_set){ n, (int64_t)check_random_below((uint64_t)n + 1) };
        left -= n;
    }
}

/* Some pods become available, never more than wanted; removed ones are gone. */
static void live(struct rollout *r)
{
    struct rollout_set *s = &r->new_set;
    s->available = num_min_i64(s->available, s->want);
    s->available += (int64_t)check_random_below((uint64_t)(s->want - s->available) + 1);
    for (size_t i = 0; i < r->n_old; i++)
        r->old[i].available = num_min_i64(r->old[i].available, r->old[i].want);
}

static void check_one(void)
{
    struct model m;
    set_up(&m);
    struct rollout *r = &m.plan;
    int64_t floor = r->replicas - r->max_unavailable, ceiling = r->replicas + r->max_surge;
    int steps = 0;
    while (r->new_set.want != r->replicas || sum_want(r) != r->replicas) {
        int64_t before = sum_available(r);
        CHECK(++steps < 2000); /* it ends */
        rollout_step(r);
        CHECK(sum_want(r) <= ceiling);
        CHECK(sum_available(r) >=
              num_min_i64(floor, before)); /* it takes nothing below the floor */
        for (size_t i = 0; i < r->n_old; i++)
            CHECK(r->old[i].want >= 0);
        live(r);
    }
}

static void test_rollout_keeps_its_promises(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++)
        check_one();
}

/* ---- the controller ---- */

#define WEB "d/web"

static struct world *web_world(const char *more)
{
    struct world *w = world_new(&deployment_controller);
    world_create(
        w, "deployments",
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"namespace\":"
        "\"d\",\"name\":\"web\",\"generation\":1},\"spec\":{\"replicas\":4,%s\"selector\":{"
        "\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}"
        "},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"v1\"}]}}}}",
        more);
    world_run(w);
    return w;
}

static void set_image(struct world *w, const char *image)
{
    char patch[128];
    snprintf(
        patch, sizeof patch,
        "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}"
        "}}}",
        image);
    world_merge(w, "deployments", WEB, patch);
    world_run(w);
}

/* As the ReplicaSet controller and its pods would: every set has what it wants. */
static void obey(struct world *w)
{
    const struct kobj *s;
    for (size_t i = 0; (s = world_at(w, "replicasets", i)); i++) {
        char key[80], patch[160];
        int n = (int)replicaset_of(s)->replicas;
        snprintf(key, sizeof key, "d/%.*s", STR_ARG(s->name));
        snprintf(patch, sizeof patch,
                 "{\"status\":{\"replicas\":%d,\"readyReplicas\":%d,\"availableReplicas\":%d}}", n,
                 n, n);
        world_merge(w, "replicasets", key, patch);
    }
    world_run(w);
}

static int64_t wants(struct world *w, size_t i)
{
    return replicaset_of(world_at(w, "replicasets", i))->replicas;
}

static struct str reason(struct world *w, const char *type)
{
    struct json c = condition_find(kobj_root(world_get(w, "deployments", WEB)), str_from(type));
    return json_str(json_get(c, STR("reason")));
}

static void test_rolls_over_and_back(void **state)
{
    (void)state;
    struct world *w = web_world("\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"25%\","
                                "\"maxUnavailable\":\"25%\"}},");
    CHECK_I64(world_count(w, "replicasets"), 1);
    CHECK_I64(wants(w, 0), 4);
    obey(w);
    CHECK_STR(reason(w, "Available"), "MinimumReplicasAvailable");
    CHECK_STR(reason(w, "Progressing"), "NewReplicaSetAvailable");
    set_image(w, "v2");
    CHECK_I64(world_count(w, "replicasets"), 2);
    CHECK_I64(wants(w, 0), 3); /* 25 %: one may be missing, one may be too many */
    CHECK_I64(wants(w, 1), 2);
    for (int i = 0; i < 10; i++)
        obey(w);
    CHECK_I64(wants(w, 0), 0);
    CHECK_I64(wants(w, 1), 4);
    CHECK_STR(
        kobj_annotation(world_get(w, "deployments", WEB), STR("deployment.kubernetes.io/revision")),
        "2");
    set_image(w, "v1"); /* rolled back: the old set serves again, as revision 3 */
    for (int i = 0; i < 10; i++)
        obey(w);
    CHECK_I64(world_count(w, "replicasets"), 2);
    CHECK_I64(wants(w, 0), 4);
    CHECK_STR(
        kobj_annotation(world_get(w, "deployments", WEB), STR("deployment.kubernetes.io/revision")),
        "3");
    CHECK_I64(world_refused(w), 0);
    world_log_clear(w);
    world_restart(w);
    world_advance(w, 3600);
    CHECK_STR(world_log(w), "");
    world_free(w);
}

static void test_scaling_keeps_one_set(void **state)
{
    (void)state;
    struct world *w = web_world("");
    obey(w);
    world_merge(w, "deployments", WEB, "{\"spec\":{\"replicas\":9}}");
    world_run(w);
    CHECK_I64(wants(w, 0), 9);
    obey(w);
    world_merge(w, "deployments", WEB, "{\"spec\":{\"replicas\":1}}");
    world_run(w);
    CHECK_I64(wants(w, 0), 1);
    world_free(w);
}

static void test_recreate_waits_for_the_old(void **state)
{
    (void)state;
    struct world *w = web_world("\"strategy\":{\"type\":\"Recreate\"},");
    obey(w);
    set_image(w, "v2");
    CHECK_I64(wants(w, 0), 0);
    CHECK(world_count(w, "replicasets") == 1 || wants(w, 1) == 0);
    obey(w);
    CHECK_I64(wants(w, 1), 4);
    world_free(w);
}

static void test_a_paused_one_stands_still(void **state)
{
    (void)state;
    struct world *w = web_world("");
    obey(w);
    world_merge(w, "deployments", WEB, "{\"spec\":{\"paused\":true}}");
    set_image(w, "v2");
    CHECK_I64(world_count(w, "replicasets"), 1);
    world_merge(w, "deployments", WEB, "{\"spec\":{\"paused\":false}}");
    world_run(w);
    CHECK_I64(world_count(w, "replicasets"), 2);
    world_free(w);
}

static void test_no_progress_is_said(void **state)
{
    (void)state;
    struct world *w = web_world("\"progressDeadlineSeconds\":60,");
    world_advance(w, 59);
    CHECK_STR(reason(w, "Progressing"), "ReplicaSetUpdated");
    world_advance(w, 2);
    CHECK_STR(reason(w, "Progressing"), "ProgressDeadlineExceeded");
    world_log_clear(w);
    world_advance(w, 3600);
    CHECK_STR(world_log(w), "");
    obey(w);
    CHECK_STR(reason(w, "Progressing"), "NewReplicaSetAvailable");
    world_free(w);
}

static void test_history_is_cut(void **state)
{
    (void)state;
    struct world *w = web_world("\"revisionHistoryLimit\":2,");
    for (int v = 2; v < 8; v++) {
        char image[8];
        obey(w);
        snprintf(image, sizeof image, "v%d", v);
        set_image(w, image);
        for (int i = 0; i < 10; i++)
            obey(w);
    }
    CHECK_I64(world_count(w, "replicasets"), 3);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rollout_keeps_its_promises),
        cmocka_unit_test(test_rolls_over_and_back),
        cmocka_unit_test(test_scaling_keeps_one_set),
        cmocka_unit_test(test_recreate_waits_for_the_old),
        cmocka_unit_test(test_a_paused_one_stands_still),
        cmocka_unit_test(test_no_progress_is_said),
        cmocka_unit_test(test_history_is_cut),
    };
    return CHECK_MAIN(tests);
}
