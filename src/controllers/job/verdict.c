/* SPDX-License-Identifier: Apache-2.0
 * verdict — is the Job complete, has it failed, and why; what podFailurePolicy says of one pod
 * (kubernetes.io/docs: Jobs, KEP-3329). */
#include "controllers/job/job_internal.h"

/* ---- podFailurePolicy ---- */

static bool exit_code_listed(struct json values, int64_t code)
{
    for (struct json_iter it = json_iter(values); json_next(&it);)
        if (json_i64_or(it.value, -1) == code)
            return true;
    return false;
}

static bool
exit_codes_match(struct reconcile *r, struct json on, const struct kobj *pod, struct str *why)
{
    struct str name = json_str(json_get(on, STR("containerName")));
    bool in = str_is(json_str(json_get(on, STR("operator"))), "In");
    struct container_statuses list =
        container_statuses_decode(r->a, kobj_path(pod, "status.containerStatuses"));
    for (size_t i = 0; i < list.n; i++) {
        const struct container_status *s = &list.items[i];
        if (s->state != CONTAINER_TERMINATED || s->exit_code == 0)
            continue;
        if (name.n && !str_eq(name, s->name))
            continue;
        if (exit_code_listed(json_get(on, STR("values")), s->exit_code) != in)
            continue;
        *why = arena_printf(r->a, "Container %.*s for pod %.*s/%.*s failed with exit code %lld",
                            STR_ARG(s->name), STR_ARG(pod->namespace), STR_ARG(pod->name),
                            (long long)s->exit_code);
        return true;
    }
    return false;
}

static bool
conditions_match(struct reconcile *r, struct json patterns, const struct kobj *pod, struct str *why)
{
    for (struct json_iter it = json_iter(patterns); json_next(&it);) {
        struct str type = json_str(json_get(it.value, STR("type")));
        struct str want = json_str(json_get(it.value, STR("status")));
        struct json have = condition_find(kobj_root(pod), type);
        if (!json_exists(have) ||
            !str_eq(json_str(json_get(have, STR("status"))), want.n ? want : STR("True")))
            continue;
        *why = arena_printf(r->a, "Pod %.*s/%.*s has condition %.*s", STR_ARG(pod->namespace),
                            STR_ARG(pod->name), STR_ARG(type));
        return true;
    }
    return false;
}

enum failure_action job_failure_action(struct reconcile *r,
                                       const struct job *j,
                                       const struct kobj *pod,
                                       struct str *why)
{
    int64_t n = 0;
    for (struct json_iter it = json_iter(j->failure_rules); json_next(&it); n++) {
        struct json on_codes = json_get(it.value, STR("onExitCodes"));
        struct json on_conditions = json_get(it.value, STR("onPodConditions"));
        bool hit = (json_has(on_codes) && exit_codes_match(r, on_codes, pod, why)) ||
                   (json_has(on_conditions) && conditions_match(r, on_conditions, pod, why));
        if (!hit)
            continue;
        struct str action = json_str(json_get(it.value, STR("action")));
        *why = arena_printf(r->a, "%.*s matching %.*s rule at index %lld", STR_ARG(*why),
                            STR_ARG(action), (long long)n);
        if (str_is(action, "FailJob"))
            return FAILURE_FAIL_JOB;
        if (str_is(action, "Ignore"))
            return FAILURE_IGNORE;
        return str_is(action, "FailIndex") ? FAILURE_FAIL_INDEX : FAILURE_COUNT;
    }
    return FAILURE_COUNT;
}

/* ---- the Job ---- */

static int64_t restarts_of(struct reconcile *r, const struct census *c)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->active.n; i++) {
        struct container_statuses list = container_statuses_decode(
            r->a, kobj_path(c->active.items[i], "status.containerStatuses"));
        for (size_t k = 0; k < list.n; k++)
            sum += list.items[k].restarts;
    }
    return sum;
}

static bool over_backoff(struct reconcile *r, const struct job *j, const struct census *c)
{
    int64_t limit = j->has_backoff_limit ? j->backoff_limit : 6;
    bool on_failure = str_is(json_str(json_path(j->template, "spec.restartPolicy")), "OnFailure");
    int64_t restarts = on_failure ? restarts_of(r, c) : 0;
    if (restarts && (limit == 0 || restarts >= limit))
        return true;
    return c->failed - c->ignored > limit;
}

static bool over_deadline(const struct reconcile *r, const struct job *j)
{
    return j->has_active_deadline_s && !j->suspend && j->start_time.ns &&
           j->start_time.ns + j->active_deadline_s * NS_PER_S <= r->now.ns;
}

static bool is_complete(const struct job *j, const struct census *c)
{
    if (j->indexed)
        return c->completed.set >= j->completions;
    if (j->has_completions)
        return c->succeeded >= j->completions;
    return c->succeeded > 0 && c->active.n == 0; /* a work queue: one success ends it */
}

struct judgement job_judge(struct reconcile *r, const struct kobj *o, const struct census *c)
{
    const struct job *j = job_of(o);
    if (is_complete(j, c))
        return (struct judgement){ VERDICT_COMPLETE, "CompletionsReached",
                                   STR("Reached expected number of succeeded pods") };
    if (c->fail_rule.n)
        return (struct judgement){ VERDICT_FAILED, "PodFailurePolicy", c->fail_rule };
    if (over_backoff(r, j, c))
        return (struct judgement){ VERDICT_FAILED, "BackoffLimitExceeded",
                                   STR("Job has reached the specified backoff limit") };
    if (over_deadline(r, j))
        return (struct judgement){ VERDICT_FAILED, "DeadlineExceeded",
                                   STR("Job was active longer than specified deadline") };
    if (j->indexed && j->has_max_failed_indexes && c->failed_indexes.set > j->max_failed_indexes)
        return (struct judgement){ VERDICT_FAILED, "MaxFailedIndexesExceeded",
                                   STR("Job has exceeded the specified maximal number of failed "
                                       "indexes") };
    if (j->indexed && c->failed_indexes.set &&
        c->failed_indexes.set + c->completed.set >= j->completions)
        return (struct judgement){ VERDICT_FAILED, "FailedIndexes", STR("Job has failed indexes") };
    return (struct judgement){ .verdict = VERDICT_GO_ON };
}
