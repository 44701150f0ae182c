/* SPDX-License-Identifier: Apache-2.0
 * job_internal — the picture of one Job in one pass, shared by the files of this folder:
 * census.c counts, verdict.c judges (done, failed and why), job.c acts. */
#pragma once

#include "controllers/job/indexes.h"
#include "controllers/pods.h"
#include "kube/job.h"

#define JOB_FINALIZER "batch.kubernetes.io/job-tracking"
#define JOB_INDEX_KEY "batch.kubernetes.io/job-completion-index"

enum { WATCH_JOBS, WATCH_PODS };

struct census {
    struct pods_vec active;    /* neither finished nor terminating */
    struct pods_vec untracked; /* finished, counted in status: their finalizer may go */
    int64_t ready, terminating;
    int64_t succeeded, failed;                         /* all that ever ended, counted once each */
    struct jnode *uncounted_ok, *uncounted_bad;        /* uids for status.uncountedTerminatedPods */
    struct indexes completed, failed_indexes, running; /* Indexed only */
    struct wall last_failure;                          /* when the newest failed pod ended */
    struct str fail_rule; /* why podFailurePolicy fails the Job; absent: it does not */
    int64_t ignored;      /* failures that podFailurePolicy does not count */
};

void census_take(struct reconcile *r, const struct kobj *o, struct census *c);
/* The Job's pods, by its uid. */
void census_pods(struct reconcile *r, const struct kobj *o, struct pods_vec *out);
bool job_pod_tracked(const struct kobj *pod); /* has our finalizer */
void census_fini(struct census *c);
int64_t job_pod_index(const struct kobj *pod); /* -1: none */

enum verdict { VERDICT_GO_ON, VERDICT_COMPLETE, VERDICT_FAILED };

struct judgement {
    enum verdict verdict;
    const char *reason; /* of FAILED: "BackoffLimitExceeded", "DeadlineExceeded", … */
    struct str message;
};

struct judgement job_judge(struct reconcile *r, const struct kobj *o, const struct census *c);

/* What podFailurePolicy says of a failed pod. */
enum failure_action { FAILURE_COUNT, FAILURE_IGNORE, FAILURE_FAIL_JOB, FAILURE_FAIL_INDEX };
enum failure_action job_failure_action(struct reconcile *r,
                                       const struct job *j,
                                       const struct kobj *pod,
                                       struct str *why);
