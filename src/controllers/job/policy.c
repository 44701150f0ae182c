/* SPDX-License-Identifier: Apache-2.0
 * policy — what podFailurePolicy (KEP-3329) says of one failed pod, and whether a rule of
 * successPolicy (KEP-3998) is met. */
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
    if (pods_gang_restarted(pod))
        return FAILURE_IGNORE;
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

/* ---- successPolicy ---- */

static int64_t succeeded_of(struct arena *a, const struct census *c, struct str wanted)
{
    struct indexes want = indexes_new(a, c->completed.n);
    int64_t n = 0;
    if (!wanted.n)
        return c->completed.set;
    indexes_parse(&want, wanted);
    for (int64_t i = 0; i < want.n; i++)
        n += indexes_has(&want, i) && indexes_has(&c->completed, i);
    return n;
}

static bool rule_met(struct arena *a, const struct census *c, struct json rule)
{
    struct str wanted = json_str(json_get(rule, STR("succeededIndexes")));
    struct indexes all = indexes_new(a, c->completed.n);
    int64_t need = json_i64_or(json_get(rule, STR("succeededCount")), -1);
    indexes_parse(&all, wanted);
    if (need < 0)
        need = wanted.n ? all.set : c->completed.n;
    return succeeded_of(a, c, wanted) >= need;
}

struct str job_success_rule(struct reconcile *r, const struct job *j, const struct census *c)
{
    long long n = 0;
    for (struct json_iter it = json_iter(j->success_rules); j->indexed && json_next(&it); n++)
        if (rule_met(r->a, c, it.value))
            return arena_printf(r->a, "Matched rules at index %lld", n);
    return (struct str){ 0 };
}
