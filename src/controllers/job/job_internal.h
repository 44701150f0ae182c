/* SPDX-License-Identifier: Apache-2.0
 * job_internal — the picture of one Job in one pass, shared by the files of this folder:
 * census.c counts, policy.c reads podFailurePolicy and successPolicy, verdict.c judges (done,
 * failed and why), status.c writes down, job.c acts. */
#pragma once

#include "controllers/job/indexes.h"
#include "controllers/pods.h"
#include "kube/job.h"

#define JOB_FINALIZER "batch.kubernetes.io/job-tracking"
#define JOB_INDEX_KEY "batch.kubernetes.io/job-completion-index"
#define JOB_INDEX_FAILURES_KEY "batch.kubernetes.io/job-index-failure-count"
#define JOB_INDEX_IGNORED_KEY "batch.kubernetes.io/job-index-ignored-failure-count"

#define JOBS GVR("batch", "v1", "jobs")

enum { WATCH_JOBS, WATCH_PODS };

struct retry { /* the newest failure of an index: its pod carries the index's count */
    int64_t index, failures, ignored; /* including this one */
    struct wall at;
    const struct kobj *pod;
};
VEC_TYPE(retry_vec, struct retry);

struct census {
    struct pods_vec active;    /* neither finished nor terminating */
    struct pods_vec doomed;    /* active without our finalizer: on their way out, never counted */
    struct pods_vec untracked; /* counted in status, or not to be counted: their finalizer may go */
    struct pods_vec strays;    /* held by our finalizer, but no longer this Job's */
    struct retry_vec retries;  /* with backoffLimitPerIndex */
    int64_t ready, terminating;
    int64_t succeeded, failed;                  /* all that ever ended, counted once each */
    struct jnode *uncounted_ok, *uncounted_bad; /* uids for status.uncountedTerminatedPods */
    struct indexes completed, failed_indexes;   /* Indexed only; with this pass's */
    struct indexes stored_ok, stored_failed;    /* as the status has them */
    struct indexes running;                     /* indexes that need no pod now */
    struct wall last_failure;                   /* when the newest failed pod ended */
    int64_t failures_in_a_row;                  /* of the pods that exist, since the last success */
    struct str fail_rule; /* why podFailurePolicy fails the Job; absent: it does not */
};

void census_take(struct reconcile *r, const struct kobj *o, struct census *c);
void census_fini(struct census *c);
/* Every pod under the Job's name, perhaps of an earlier Job. */
void census_pods(struct reconcile *r, struct pods_vec *out);
bool job_pod_tracked(const struct kobj *pod);                            /* has our finalizer */
int64_t job_pod_index(const struct kobj *pod);                           /* -1: none */
const struct retry *census_retry(const struct census *c, int64_t index); /* NULL: did not fail */

enum verdict { VERDICT_GO_ON, VERDICT_COMPLETE, VERDICT_FAILED };

struct judgement {
    enum verdict verdict;
    const char *reason; /* of FAILED: "BackoffLimitExceeded", "DeadlineExceeded", … */
    struct str message;
};

/* A verdict that the stored status has (SuccessCriteriaMet, FailureTarget) stands. */
struct judgement job_judge(struct reconcile *r, const struct kobj *o, const struct census *c);
bool job_doomed(const struct kobj *o); /* has FailureTarget: what still runs counts as failed */

/* What podFailurePolicy says of a failed pod. */
enum failure_action { FAILURE_COUNT, FAILURE_IGNORE, FAILURE_FAIL_JOB, FAILURE_FAIL_INDEX };
enum failure_action job_failure_action(struct reconcile *r,
                                       const struct job *j,
                                       const struct kobj *pod,
                                       struct str *why);
/* The message of the first successPolicy rule that is met; absent: none is. */
struct str job_success_rule(struct reconcile *r, const struct job *j, const struct census *c);

/* A failed pod is replaced only when it has ended, not when its deletion begins. */
bool job_replaces_ended_only(const struct job *j);

/* ---- status.c ---- */
/* status as the census has it, with the stored conditions and times. */
struct jnode *job_status(struct reconcile *r, const struct kobj *o, const struct census *c);
void job_status_suspend(struct reconcile *r, const struct kobj *o, struct jnode *status);
/* The conditions of a verdict; the last one when every pod has ended and was counted. */
void job_status_end(struct reconcile *r,
                    const struct kobj *o,
                    const struct census *c,
                    struct jnode *status,
                    const struct judgement *why);
