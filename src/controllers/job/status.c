/* SPDX-License-Identifier: Apache-2.0
 * status — the status of a Job, from the census of its pods and the verdict. */
#include "controllers/job/job_internal.h"
#include "kube/meta.h"

static void set_condition(struct reconcile *r,
                          struct jnode *status,
                          const char *type,
                          const struct judgement *why)
{
    struct condition_spec spec = {
        .type = type,
        .status = "True",
        .reason = str_from(why->reason),
        .message = why->message,
        .probe_time = true,
    };
    meta_set_condition(r->a, jnode_need_arr(status, STR("conditions")), &spec, r->now);
}

static void set_count(struct jnode *status, const char *key, int64_t n)
{
    if (n)
        jnode_set_i64(status, str_from(key), n);
}

/* status.succeeded and failed hold what has left the uncounted lists. */
struct jnode *job_status(struct reconcile *r, const struct kobj *o, const struct census *c)
{
    const struct job *j = job_of(o);
    struct jnode *status = jnode_obj(r->a);
    struct json conditions = kobj_path(o, "status.conditions");
    if (json_has(conditions))
        jnode_set(status, STR("conditions"), jnode_thaw(r->a, conditions));
    meta_set_time(status, STR("startTime"),
                  j->start_time.ns || j->suspend ? j->start_time : r->now);
    meta_set_time(status, STR("completionTime"), j->completion_time);
    set_count(status, "active", (int64_t)c->active.n);
    jnode_set_i64(status, STR("ready"), c->ready);
    jnode_set_i64(status, STR("terminating"), c->terminating);
    set_count(status, "succeeded", c->succeeded - (int64_t)jnode_len(c->uncounted_ok));
    set_count(status, "failed", c->failed - (int64_t)jnode_len(c->uncounted_bad));
    struct jnode *uncounted = jnode_need_obj(status, STR("uncountedTerminatedPods"));
    if (jnode_len(c->uncounted_ok))
        jnode_set(uncounted, STR("succeeded"), c->uncounted_ok);
    if (jnode_len(c->uncounted_bad))
        jnode_set(uncounted, STR("failed"), c->uncounted_bad);
    if (j->indexed && c->completed.set)
        jnode_set_str(status, STR("completedIndexes"), indexes_text(r->a, &c->completed));
    if (j->indexed && (c->failed_indexes.set || j->has_backoff_limit_per_index))
        jnode_set_str(status, STR("failedIndexes"), indexes_text(r->a, &c->failed_indexes));
    return status;
}

void job_status_suspend(struct reconcile *r, const struct kobj *o, struct jnode *status)
{
    const struct job *j = job_of(o);
    if (j->suspend == j->suspended_condition)
        return;
    struct condition_spec spec = {
        .type = "Suspended",
        .status = j->suspend ? "True" : "False",
        .reason = j->suspend ? STR("JobSuspended") : STR("JobResumed"),
        .message = j->suspend ? STR("Job suspended") : STR("Job resumed"),
        .probe_time = true,
    };
    meta_set_condition(r->a, jnode_need_arr(status, STR("conditions")), &spec, r->now);
    reconcile_event(r, o, j->suspend ? "Suspended" : "Resumed", "%.*s", STR_ARG(spec.message));
    if (j->suspend)
        jnode_del(status, STR("startTime"));
}

void job_status_end(struct reconcile *r,
                    const struct kobj *o,
                    const struct census *c,
                    struct jnode *status,
                    const struct judgement *why)
{
    bool ok = why->verdict == VERDICT_COMPLETE;
    set_condition(r, status, ok ? "SuccessCriteriaMet" : "FailureTarget", why);
    bool all_counted = !jnode_len(c->uncounted_ok) && !jnode_len(c->uncounted_bad);
    if (c->active.n || c->doomed.n || c->terminating || c->untracked.n || !all_counted)
        return; /* the last condition comes when every pod has ended and was counted */
    set_condition(r, status, ok ? "Complete" : "Failed", why);
    if (!ok) {
        reconcile_warn(r, o, why->reason, "%.*s", STR_ARG(why->message));
        return;
    }
    meta_set_time(status, STR("completionTime"), r->now);
    reconcile_event(r, o, "Completed", "Job completed");
}
