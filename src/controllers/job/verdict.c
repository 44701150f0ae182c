/* SPDX-License-Identifier: Apache-2.0
 * verdict — is the Job complete, has it failed, and why (kubernetes.io/docs: Jobs). */
#include "controllers/job/job_internal.h"

static int64_t restarts_in(struct reconcile *r, const struct kobj *pod, const char *path)
{
    int64_t sum = 0;
    struct container_statuses list = container_statuses_decode(r->a, kobj_path(pod, path));
    for (size_t k = 0; k < list.n; k++)
        sum += list.items[k].restarts;
    return sum;
}

static bool over_backoff(struct reconcile *r, const struct job *j, const struct census *c)
{
    int64_t limit =
        j->has_backoff_limit_per_index && !j->has_backoff_limit ? INT64_MAX : j->backoff_limit;
    int64_t restarts = 0;
    if (str_is(json_str(json_path(j->template, "spec.restartPolicy")), "OnFailure"))
        for (size_t i = 0; i < c->active.n; i++)
            restarts += restarts_in(r, c->active.items[i], "status.initContainerStatuses") +
                        restarts_in(r, c->active.items[i], "status.containerStatuses");
    if (restarts && restarts >= limit)
        return true;
    return c->failed > limit;
}

static bool over_deadline(const struct reconcile *r, const struct job *j)
{
    return j->has_active_deadline_s && !j->suspend && j->start_time.ns &&
           j->start_time.ns + j->active_deadline_s * NS_PER_S <= r->now.ns;
}

static bool is_complete(const struct job *j, const struct census *c)
{
    if (j->has_completions)
        return c->succeeded >= j->completions;
    return c->succeeded > 0 && c->active.n == 0; /* a work queue: one success ends it */
}

#define FAILED(why, text) ((struct judgement){ VERDICT_FAILED, why, STR(text) }) /* literals */

static struct judgement failure(struct reconcile *r, const struct job *j, const struct census *c)
{
    if (c->fail_rule.n)
        return (struct judgement){ VERDICT_FAILED, "PodFailurePolicy", c->fail_rule };
    if (over_backoff(r, j, c))
        return FAILED("BackoffLimitExceeded", "Job has reached the specified backoff limit");
    if (over_deadline(r, j))
        return FAILED("DeadlineExceeded", "Job was active longer than specified deadline");
    int64_t bad = c->failed_indexes.set;
    if (j->indexed && j->has_max_failed_indexes && bad > j->max_failed_indexes)
        return FAILED("MaxFailedIndexesExceeded",
                      "Job has exceeded the specified maximal number of failed indexes");
    if (j->indexed && bad && bad + c->completed.set >= j->completions)
        return FAILED("FailedIndexes", "Job has failed indexes");
    return (struct judgement){ .verdict = VERDICT_GO_ON };
}

static bool
stored(struct reconcile *r, const struct kobj *o, const char *type, struct judgement *out)
{
    struct json c = condition_find(kobj_root(o), str_from(type));
    if (!str_is(json_str(json_get(c, STR("status"))), "True"))
        return false;
    out->reason = arena_str(r->a, json_str(json_get(c, STR("reason")))).p;
    out->message = json_str(json_get(c, STR("message")));
    return true;
}

bool job_doomed(const struct kobj *o)
{
    return condition_of(kobj_root(o), STR("FailureTarget")) == CONDITION_TRUE;
}

struct judgement job_judge(struct reconcile *r, const struct kobj *o, const struct census *c)
{
    const struct job *j = job_of(o);
    struct judgement was = { VERDICT_FAILED, "", { 0 } };
    if (stored(r, o, "FailureTarget", &was))
        return was;
    was.verdict = VERDICT_COMPLETE;
    if (stored(r, o, "SuccessCriteriaMet", &was))
        return was;
    struct judgement why = failure(r, j, c);
    if (why.verdict != VERDICT_GO_ON)
        return why;
    struct str rule = job_success_rule(r, j, c);
    if (rule.n)
        return (struct judgement){ VERDICT_COMPLETE, "SuccessPolicy", rule };
    if (is_complete(j, c))
        return (struct judgement){ VERDICT_COMPLETE, "CompletionsReached",
                                   STR("Reached expected number of succeeded pods") };
    return (struct judgement){ .verdict = VERDICT_GO_ON };
}
