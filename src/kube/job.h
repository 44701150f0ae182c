/* SPDX-License-Identifier: Apache-2.0
 * job — the view of a batch/v1 Job that its controller acts on. Decoded once per revision. Pure,
 * any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "kube/field.h"
#include "kube/kobj.h"

struct job {
    int64_t parallelism; /* 1 when absent */
    int64_t completions; /* meaningful when has_completions */
    int64_t backoff_limit;
    int64_t backoff_limit_per_index, max_failed_indexes, active_deadline_s, ttl_s;
    bool has_parallelism, has_completions, has_backoff_limit, has_backoff_limit_per_index,
        has_max_failed_indexes, has_active_deadline_s, has_ttl_s;
    bool suspend, indexed;    /* completionMode: Indexed */
    bool replace_failed_only; /* podReplacementPolicy: Failed */
    struct str managed_by;
    struct json selector, template;
    struct json failure_rules; /* spec.podFailurePolicy.rules */
    struct json success_rules; /* spec.successPolicy.rules */

    int64_t active, ready, succeeded, failed, terminating; /* status */
    struct wall start_time, completion_time;
    struct str completed_indexes, failed_indexes;
    struct json uncounted;           /* status.uncountedTerminatedPods */
    bool complete, failed_condition; /* conditions Complete, Failed True */
    bool suspended_condition;
};

/* The view of a Job, borrowed as long as o is held. */
const struct job *job_of(const struct kobj *o);

static inline bool job_finished(const struct job *j)
{
    return j->complete || j->failed_condition;
}
