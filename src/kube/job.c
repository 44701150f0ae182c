/* SPDX-License-Identifier: Apache-2.0
 * job — decoding of Jobs; see job.h. */
#include "kube/job.h"

#include "kube/lens.h"
#include "kube/pod.h"

static const struct field job_fields[] = {
    FIELD_I64_OPT(struct job, parallelism, "spec.parallelism"),
    FIELD_I64_OPT(struct job, completions, "spec.completions"),
    FIELD_I64_OPT(struct job, backoff_limit, "spec.backoffLimit"),
    FIELD_I64_OPT(struct job, backoff_limit_per_index, "spec.backoffLimitPerIndex"),
    FIELD_I64_OPT(struct job, max_failed_indexes, "spec.maxFailedIndexes"),
    FIELD_I64_OPT(struct job, active_deadline_s, "spec.activeDeadlineSeconds"),
    FIELD_I64_OPT(struct job, ttl_s, "spec.ttlSecondsAfterFinished"),
    FIELD_BOOL(struct job, suspend, "spec.suspend"),
    FIELD_STR(struct job, managed_by, "spec.managedBy"),
    FIELD_JSON(struct job, selector, "spec.selector"),
    FIELD_JSON(struct job, template, "spec.template"),
    FIELD_JSON(struct job, failure_rules, "spec.podFailurePolicy.rules"),
    FIELD_JSON(struct job, success_rules, "spec.successPolicy.rules"),
    FIELD_I64(struct job, active, "status.active"),
    FIELD_I64(struct job, ready, "status.ready"),
    FIELD_I64(struct job, succeeded, "status.succeeded"),
    FIELD_I64(struct job, failed, "status.failed"),
    FIELD_I64(struct job, terminating, "status.terminating"),
    FIELD_TIME(struct job, start_time, "status.startTime"),
    FIELD_TIME(struct job, completion_time, "status.completionTime"),
    FIELD_STR(struct job, completed_indexes, "status.completedIndexes"),
    FIELD_STR(struct job, failed_indexes, "status.failedIndexes"),
    FIELD_JSON(struct job, uncounted, "status.uncountedTerminatedPods"),
};

#define BACKOFF_LIMIT_DEFAULT 6

static void job_decode(void *out, const struct kobj *o, struct arena *a)
{
    struct job *j = out;
    struct json root = kobj_root(o);
    j->parallelism = 1;
    j->backoff_limit = BACKOFF_LIMIT_DEFAULT;
    field_decode(j, job_fields, COUNT_OF(job_fields), root, a);
    j->indexed = str_is(json_str(json_path(root, "spec.completionMode")), "Indexed");
    j->replace_failed_only =
        str_is(json_str(json_path(root, "spec.podReplacementPolicy")), "Failed");
    j->complete = condition_of(root, STR("Complete")) == CONDITION_TRUE;
    j->failed_condition = condition_of(root, STR("Failed")) == CONDITION_TRUE;
    j->suspended_condition = condition_of(root, STR("Suspended")) == CONDITION_TRUE;
}

const struct job *job_of(const struct kobj *o)
{
    return lens_get(o, sizeof(struct job), job_decode);
}
