/* SPDX-License-Identifier: Apache-2.0
 * job_test — the Job controller against the rules of batch/v1, on virtual time. The property test
 * kills, delays and breaks everything it can and checks that each pod's end counts exactly once. */
#include <stdio.h>

#include "controllers/controllers.h"
#include "controllers/test/world.h"
#include "kube/job.h"
#include "kube/pod.h"
#include "testkit/check.h"

#define JOB "d/j"

static struct world *job_world(const char *spec)
{
    struct world *w = world_new(&job_controller);
    world_create(
        w, "jobs",
        "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"namespace\":\"d\","
        "\"name\":\"j\"},\"spec\":{%s,\"template\":{\"metadata\":{\"labels\":{\"job-name\":"
        "\"j\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\"}]}}}"
        "}",
        spec);
    return w;
}

static const char *key_at(struct world *w, size_t i, char out[64])
{
    const struct kobj *o = world_at(w, "pods", i);
    CHECK(o != NULL);
    snprintf(out, 64, "d/%.*s", STR_ARG(o->name));
    return out;
}

static void set_phase(struct world *w, size_t i, const char *phase)
{
    char key[64], patch[256], now[TIME_TEXT_MAX];
    snprintf(patch, sizeof patch,
             "{\"status\":{\"phase\":\"%s\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{"
             "\"terminated\":{\"exitCode\":%d,\"finishedAt\":\"%.*s\"}}}]}}",
             phase, phase[0] == 'F', STR_ARG(wall_text(now, world_now(w))));
    world_merge(w, "pods", key_at(w, i, key), patch);
}

static size_t count_phase(struct world *w, enum pod_phase phase)
{
    size_t n = 0;
    const struct kobj *o;
    for (size_t i = 0; (o = world_at(w, "pods", i)); i++)
        n += pod_of(o)->phase == phase && !pod_of(o)->deleting;
    return n;
}

/* Ends every pending pod so, once. */
static void end_all(struct world *w, const char *phase)
{
    const struct kobj *o;
    for (size_t i = 0; (o = world_at(w, "pods", i)); i++)
        if (pod_of(o)->phase == POD_PENDING)
            set_phase(w, i, phase);
    world_run(w);
}

static const struct job *job(struct world *w)
{
    return job_of(world_get(w, "jobs", JOB));
}

static struct str reason_of(struct world *w, const char *type)
{
    struct json c = condition_find(kobj_root(world_get(w, "jobs", JOB)), str_from(type));
    return json_str(json_get(c, STR("reason")));
}

static void no_finalizers(struct world *w)
{
    const struct kobj *o;
    for (size_t i = 0; (o = world_at(w, "pods", i)); i++)
        CHECK_I64(json_len(kobj_path(o, "metadata.finalizers")), 0);
}

/* ---- completions ---- */

static void test_completions_and_parallelism(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":2,\"completions\":5");
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 2);
    CHECK_I64(job(w)->active, 2);
    CHECK(job(w)->start_time.ns != 0);
    end_all(w, "Succeeded");
    CHECK_I64(count_phase(w, POD_PENDING), 2);
    end_all(w, "Succeeded");
    CHECK_I64(count_phase(w, POD_PENDING), 1);
    CHECK(!job(w)->complete);
    end_all(w, "Succeeded");
    CHECK(job(w)->complete);
    CHECK_I64(job(w)->succeeded, 5);
    CHECK_I64(job(w)->active, 0);
    CHECK(job(w)->completion_time.ns != 0);
    CHECK_STR(reason_of(w, "SuccessCriteriaMet"), "CompletionsReached");
    no_finalizers(w);
    CHECK_I64(world_count(w, "pods"), 5);
    CHECK_I64(world_refused(w), 0);
    world_free(w);
}

static void test_a_settled_job_writes_nothing(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":2,\"completions\":2");
    world_run(w);
    world_log_clear(w);
    world_advance(w, 3600);
    CHECK_STR(world_log(w), "");
    end_all(w, "Succeeded");
    world_log_clear(w);
    world_restart(w);
    world_advance(w, 3600);
    CHECK_STR(world_log(w), "");
    world_free(w);
}

static void test_work_queue_ends_with_its_pods(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":3");
    world_run(w);
    CHECK_I64(count_phase(w, POD_PENDING), 3);
    set_phase(w, 0, "Succeeded");
    world_run(w);
    CHECK_I64(count_phase(w, POD_PENDING), 2); /* no replacement, no end yet */
    CHECK(!job(w)->complete);
    end_all(w, "Succeeded");
    CHECK(job(w)->complete);
    CHECK_I64(job(w)->succeeded, 3);
    world_free(w);
}

static void test_parallelism_down_counts_no_failure(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":4,\"completions\":10");
    world_run(w);
    world_merge(w, "jobs", JOB, "{\"spec\":{\"parallelism\":1}}");
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 1);
    CHECK_I64(job(w)->failed, 0);
    CHECK_I64(job(w)->active, 1);
    world_free(w);
}

/* ---- Indexed ---- */

static int64_t index_at(struct world *w, size_t i)
{
    int64_t n = -1;
    str_to_i64(
        kobj_annotation(world_at(w, "pods", i), STR("batch.kubernetes.io/job-completion-index")),
        &n);
    return n;
}

static void test_indexed(void **state)
{
    (void)state;
    struct world *w =
        job_world("\"parallelism\":3,\"completions\":5,\"completionMode\":\"Indexed\"");
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 3);
    for (size_t i = 0; i < 3; i++)
        CHECK_I64(index_at(w, i), i);
    const struct kobj *pod = world_at(w, "pods", 1);
    CHECK_STR(json_str(kobj_path(pod, "spec.hostname")), "j-1");
    CHECK(str_starts(pod->name, STR("j-1-")));
    CHECK_STR(
        json_str(json_path(
            json_at(json_path(json_at(kobj_path(pod, "spec.containers"), 0), "env"), 0), "name")),
        "JOB_COMPLETION_INDEX");
    set_phase(w, 0, "Succeeded");
    set_phase(w, 2, "Succeeded");
    world_run(w);
    CHECK_STR(job(w)->completed_indexes, "0,2");
    CHECK_I64(index_at(w, 3), 3);
    CHECK_I64(index_at(w, 4), 4);
    end_all(w, "Succeeded");
    CHECK(job(w)->complete);
    CHECK_STR(job(w)->completed_indexes, "0-4");
    CHECK_I64(job(w)->succeeded, 5);
    no_finalizers(w);
    world_free(w);
}

static void test_indexed_replaces_the_index_that_failed(void **state)
{
    (void)state;
    struct world *w =
        job_world("\"parallelism\":3,\"completions\":3,\"completionMode\":\"Indexed\"");
    world_run(w);
    set_phase(w, 1, "Failed");
    world_run(w);
    CHECK_I64(world_count(w, "pods"), 3); /* back-off */
    world_advance(w, 11);
    CHECK_I64(world_count(w, "pods"), 4);
    CHECK_I64(index_at(w, 3), 1);
    CHECK_I64(job(w)->failed, 1);
    world_free(w);
}

static void test_backoff_limit_per_index(void **state)
{
    (void)state;
    struct world *w =
        job_world("\"parallelism\":2,\"completions\":2,\"completionMode\":\"Indexed\","
                  "\"backoffLimitPerIndex\":1");
    world_run(w);
    set_phase(w, 0, "Failed");
    set_phase(w, 1, "Succeeded");
    world_run(w);
    world_restart(w);
    world_advance(w, 12);
    CHECK_I64(world_count(w, "pods"), 3);
    CHECK_STR(
        kobj_annotation(world_at(w, "pods", 2), STR("batch.kubernetes.io/job-index-failure-count")),
        "1");
    set_phase(w, 2, "Failed");
    world_advance(w, 60);
    CHECK(job(w)->failed_condition);
    CHECK_STR(reason_of(w, "Failed"), "FailedIndexes");
    CHECK_STR(job(w)->failed_indexes, "0");
    CHECK_STR(job(w)->completed_indexes, "1");
    CHECK_I64(job(w)->failed, 2);
    no_finalizers(w);
    world_free(w);
}

static void test_success_policy(void **state)
{
    (void)state;
    struct world *w =
        job_world("\"parallelism\":3,\"completions\":3,\"completionMode\":\"Indexed\","
                  "\"successPolicy\":{\"rules\":[{\"succeededIndexes\":\"0\"}]}");
    world_run(w);
    set_phase(w, 2, "Succeeded");
    world_run(w);
    CHECK_I64(reason_of(w, "SuccessCriteriaMet").n, 0);
    set_phase(w, 0, "Succeeded");
    world_run(w);
    CHECK_STR(reason_of(w, "Complete"), "SuccessPolicy");
    CHECK_I64(count_phase(w, POD_PENDING), 0);
    no_finalizers(w);
    world_free(w);
}

/* ---- failures ---- */

static void test_backoff_limit(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":1,\"completions\":1,\"backoffLimit\":2");
    world_run(w);
    static const int64_t delays[] = { 10, 20 };
    for (int i = 0; i < 2; i++) {
        end_all(w, "Failed");
        CHECK_I64(job(w)->failed, i + 1);
        world_advance(w, delays[i] - 1);
        CHECK_I64(count_phase(w, POD_PENDING), 0);
        world_advance(w, 2);
        CHECK_I64(count_phase(w, POD_PENDING), 1);
    }
    end_all(w, "Failed");
    CHECK(job(w)->failed_condition);
    CHECK_STR(reason_of(w, "FailureTarget"), "BackoffLimitExceeded");
    CHECK_STR(reason_of(w, "Failed"), "BackoffLimitExceeded");
    CHECK_I64(job(w)->failed, 3);
    world_advance(w, 3600);
    CHECK_I64(world_count(w, "pods"), 3);
    no_finalizers(w);
    world_free(w);
}

static void test_failing_ends_the_others(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":3,\"completions\":3,\"backoffLimit\":0");
    world_run(w);
    char key[64];
    world_merge(w, "pods", key_at(w, 1, key), "{\"spec\":{\"nodeName\":\"n\"}}");
    set_phase(w, 0, "Failed");
    world_run(w);
    CHECK(!job(w)->failed_condition); /* one still runs on its node */
    CHECK_STR(reason_of(w, "FailureTarget"), "BackoffLimitExceeded");
    CHECK_I64(job(w)->active, 0);
    for (size_t i = 0; i < world_count(w, "pods"); i++)
        if (kobj_deleting(world_at(w, "pods", i)))
            world_vanish(w, "pods", key_at(w, i, key));
    world_run(w);
    CHECK(job(w)->failed_condition);
    CHECK_I64(job(w)->failed, 3);
    world_free(w);
}

static void test_deadline(void **state)
{
    (void)state;
    struct world *w = job_world("\"completions\":1,\"activeDeadlineSeconds\":60");
    world_advance(w, 59);
    CHECK_I64(count_phase(w, POD_PENDING), 1);
    world_advance(w, 2);
    CHECK(job(w)->failed_condition);
    CHECK_STR(reason_of(w, "Failed"), "DeadlineExceeded");
    CHECK_I64(world_count(w, "pods"), 0);
    world_free(w);
}

static const char *const policy =
    "\"completions\":1,\"backoffLimit\":0,\"podFailurePolicy\":{\"rules\":["
    "{\"action\":\"FailJob\",\"onExitCodes\":{\"operator\":\"In\",\"values\":[42]}},"
    "{\"action\":\"Ignore\",\"onPodConditions\":[{\"type\":\"DisruptionTarget\",\"status\":"
    "\"True\"}]"
    "}]}";

static void test_policy_fails_the_job(void **state)
{
    (void)state;
    struct world *w = job_world(policy);
    char key[64];
    world_run(w);
    world_merge(
        w, "pods", key_at(w, 0, key),
        "{\"status\":{\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{"
        "\"terminated\":{\"exitCode\":42}}}]}}");
    world_run(w);
    CHECK_STR(reason_of(w, "Failed"), "PodFailurePolicy");
    CHECK(str_starts(
        json_str(json_get(condition_find(kobj_root(world_get(w, "jobs", JOB)), STR("Failed")),
                          STR("message"))),
        STR("Container c for pod d/j-")));
    world_free(w);
}

static void test_policy_ignores(void **state)
{
    (void)state;
    struct world *w = job_world(policy);
    char key[64];
    world_run(w);
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < world_count(w, "pods"); k++)
            if (pod_of(world_at(w, "pods", k))->phase == POD_PENDING)
                world_merge(w, "pods", key_at(w, k, key),
                            "{\"status\":{\"phase\":\"Failed\",\"conditions\":[{\"type\":"
                            "\"DisruptionTarget\",\"status\":\"True\"}]}}");
        world_advance(w, 700);
        CHECK(!job(w)->failed_condition);
        CHECK_I64(job(w)->failed, 0);
        CHECK_I64(count_phase(w, POD_PENDING), 1);
    }
    world_vanish(w, "pods", key_at(w, 0, key)); /* a failure that did not count never will */
    world_advance(w, 10);
    CHECK_I64(job(w)->failed, 0);
    world_free(w);
}

static void test_gang_restart_is_no_failure(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":2,\"completions\":2,\"backoffLimit\":0");
    char key[64];
    world_run(w);
    world_merge(w, "pods", key_at(w, 0, key),
                "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\",\"conditions\":[{"
                "\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"GangRestart\"}]}}");
    world_delete(w, "pods", key);
    world_run(w);
    CHECK_I64(job(w)->failed, 0);
    CHECK_I64(count_phase(w, POD_PENDING), 2); /* replaced at once */
    CHECK(!job(w)->failed_condition);
    world_free(w);
}

static void test_replacement_waits_for_the_end(void **state)
{
    (void)state;
    struct world *w = job_world("\"completions\":1,\"backoffLimit\":3,"
                                "\"podReplacementPolicy\":\"Failed\"");
    char key[64];
    world_run(w);
    world_merge(w, "pods", key_at(w, 0, key),
                "{\"spec\":{\"nodeName\":\"n\"},\"status\":{\"phase\":\"Running\"}}");
    world_delete(w, "pods", key);
    world_advance(w, 100);
    CHECK_I64(world_count(w, "pods"), 1);
    CHECK_I64(job(w)->terminating, 1);
    CHECK_I64(job(w)->failed, 0);
    world_end_deletion(w, key);
    world_advance(w, 100);
    CHECK_I64(job(w)->failed, 1);
    CHECK_I64(count_phase(w, POD_PENDING), 1);
    world_free(w);
}

/* ---- suspend, ttl, deletion ---- */

static void test_suspend_and_resume(void **state)
{
    (void)state;
    struct world *w =
        job_world("\"parallelism\":2,\"completions\":2,\"activeDeadlineSeconds\":100");
    world_advance(w, 50);
    world_merge(w, "jobs", JOB, "{\"spec\":{\"suspend\":true}}");
    world_advance(w, 200);
    CHECK_I64(world_count(w, "pods"), 0);
    CHECK_STR(reason_of(w, "Suspended"), "JobSuspended");
    CHECK_I64(job(w)->failed, 0);
    CHECK_I64(job(w)->start_time.ns, 0);
    CHECK(!job(w)->failed_condition); /* the deadline stands still */
    world_merge(w, "jobs", JOB, "{\"spec\":{\"suspend\":false}}");
    world_advance(w, 10);
    CHECK_STR(reason_of(w, "Suspended"), "JobResumed");
    CHECK_I64(count_phase(w, POD_PENDING), 2);
    world_advance(w, 95);
    CHECK_STR(reason_of(w, "Failed"), "DeadlineExceeded");
    world_free(w);
}

static void test_ttl(void **state)
{
    (void)state;
    struct world *w = job_world("\"completions\":1,\"ttlSecondsAfterFinished\":30");
    world_run(w);
    end_all(w, "Succeeded");
    world_advance(w, 29);
    CHECK(!kobj_deleting(world_get(w, "jobs", JOB)));
    world_advance(w, 2);
    CHECK(kobj_deleting(world_get(w, "jobs", JOB)));
    world_free(w);
}

static void test_a_deleted_job_releases_its_pods(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":2,\"completions\":2");
    world_run(w);
    world_vanish(w, "jobs", JOB);
    world_run(w);
    no_finalizers(w);
    world_free(w);
}

static void test_an_orphaned_pod_is_released(void **state)
{
    (void)state;
    struct world *w = job_world("\"parallelism\":1,\"completions\":1");
    char key[64];
    world_run(w);
    world_merge(w, "pods", key_at(w, 0, key), "{\"metadata\":{\"ownerReferences\":null}}");
    world_run(w);
    CHECK_I64(json_len(kobj_path(world_get(w, "pods", key), "metadata.finalizers")), 0);
    world_free(w);
}

/* ---- the property: each end counts once, whatever happens ---- */

struct ended {
    int64_t ok, bad;
};

static void shake_pod(struct world *w, struct ended *sum)
{
    size_t n = world_count(w, "pods");
    char key[64];
    if (!n)
        return;
    size_t i = check_random_below(n);
    const struct pod *p = pod_of(world_at(w, "pods", i));
    bool tracked = json_len(kobj_path(world_at(w, "pods", i), "metadata.finalizers")) > 0;
    key_at(w, i, key);
    if (p->deleting && !pod_finished(p) && p->node_name.n) {
        world_end_deletion(w, key);
        return;
    }
    if (pod_finished(p)) {
        if (!tracked && check_random_below(2))
            world_vanish(w, "pods", key); /* someone cleans up */
        else if (check_random_below(2))
            world_delete(w, "pods", key); /* held by the finalizer until it is counted */
        return;
    }
    if (p->deleting)
        return; /* waits for its finalizer only, and has counted as failed */
    if (!p->node_name.n && check_random_below(2)) {
        world_merge(w, "pods", key, "{\"spec\":{\"nodeName\":\"n\"}}");
        return;
    }
    if (check_random_below(6) == 0) {
        sum->bad++; /* deleted by someone: an end as well */
        world_delete(w, "pods", key);
        return;
    }
    bool ok = check_random_below(4) != 0;
    sum->ok += ok;
    sum->bad += !ok;
    set_phase(w, i, ok ? "Succeeded" : "Failed");
}

static void shake(struct world *w, struct ended *sum)
{
    switch (check_random_below(12)) {
    case 0:
        world_restart(w);
        break;
    case 1:
        world_break_after(w, check_random_below(4));
        break;
    case 2:
        world_heal(w);
        break;
    case 3:
    case 4:
        shake_pod(w, sum);
        break;
    case 5:
        world_advance(w, 20);
        break;
    case 6:
    case 7:
    case 8:
        world_deliver_one(w);
        break;
    default:
        world_reconcile_one(w);
    }
}

static struct world *shaken(const char *spec, struct ended *sum)
{
    struct world *w = job_world(spec);
    for (int step = 0; step < 250 && !job_finished(job(w)); step++)
        shake(w, sum);
    world_heal(w);
    for (int i = 0; i < 400 && !job_finished(job(w)); i++) {
        shake_pod(w, sum);
        world_advance(w, 700);
    }
    world_advance(w, 3600);
    CHECK(job(w)->complete);
    CHECK_I64(job(w)->failed, sum->bad);
    CHECK_I64(job(w)->succeeded, sum->ok); /* never two pods for one index either */
    CHECK_I64(job(w)->succeeded, 6);
    no_finalizers(w);
    return w;
}

static void test_each_end_counts_once(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        struct ended plain = { 0 }, indexed = { 0 };
        world_free(shaken("\"parallelism\":3,\"completions\":6,\"backoffLimit\":1000", &plain));
        struct world *w = shaken("\"parallelism\":3,\"completions\":6,\"backoffLimit\":1000,"
                                 "\"completionMode\":\"Indexed\"",
                                 &indexed);
        CHECK_STR(job(w)->completed_indexes, "0-5");
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completions_and_parallelism),
        cmocka_unit_test(test_a_settled_job_writes_nothing),
        cmocka_unit_test(test_work_queue_ends_with_its_pods),
        cmocka_unit_test(test_parallelism_down_counts_no_failure),
        cmocka_unit_test(test_indexed),
        cmocka_unit_test(test_indexed_replaces_the_index_that_failed),
        cmocka_unit_test(test_backoff_limit_per_index),
        cmocka_unit_test(test_success_policy),
        cmocka_unit_test(test_backoff_limit),
        cmocka_unit_test(test_failing_ends_the_others),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_policy_fails_the_job),
        cmocka_unit_test(test_policy_ignores),
        cmocka_unit_test(test_gang_restart_is_no_failure),
        cmocka_unit_test(test_replacement_waits_for_the_end),
        cmocka_unit_test(test_suspend_and_resume),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_a_deleted_job_releases_its_pods),
        cmocka_unit_test(test_an_orphaned_pod_is_released),
        cmocka_unit_test(test_each_end_counts_once),
    };
    return CHECK_MAIN(tests);
}
