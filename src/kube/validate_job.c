/* SPDX-License-Identifier: Apache-2.0
 * validate_job — Jobs: their spec, failure policy and what may change. */
#include "kube/validate_internal.h"

#define INDEXED_PARALLELISM_MAX 100000
#define RULES_MAX 20

static bool is_indexed(struct jnode *spec)
{
    return str_is(validate_text(spec, "completionMode"), "Indexed");
}

/* The server made the selector from the uid, unless told not to. */
static void check_generated_selector(struct causes *c, struct jnode *obj)
{
    struct jnode *spec = validate_get(obj, "spec");
    struct jnode *selector = validate_get(spec, "selector");
    if (jnode_is_true(validate_get(spec, "manualSelector")) || !selector)
        return;
    struct str uid = jnode_text_of_str(jnode_path(obj, "metadata.uid"));
    struct at meta_at = at_name(NULL, "metadata"), at = at_name(NULL, "spec");
    if (uid.n == 0) {
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(&meta_at, "uid"), NULL, NULL);
        return;
    }
    struct jnode *labels = jnode_obj(c->a);
    jnode_set_str(labels, STR("batch.kubernetes.io/controller-uid"), uid);
    jnode_set_str(labels, STR("controller-uid"), uid);
    if (!validate_selects(selector, labels))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "selector"), selector,
                       "`selector` not auto-generated");
}

/* ---- pod failure policy ---- */

static void check_exit_codes(struct causes *c, const struct at *at, struct jnode *codes)
{
    static const char *const ops[] = { "In", "NotIn", NULL };
    struct jnode *values = validate_get(codes, "values");
    struct at values_at = at_name(at, "values");
    if (validate_required(c, at, codes, "operator"))
        validate_enum(c, at, codes, "operator", ops);
    if (jnode_len(values) == 0)
        validate_wrong(c, CAUSE_INVALID, &values_at, values ? values : jnode_arr(c->a),
                       "at least one value is required");
    for (size_t i = 0; i < jnode_len(values); i++) {
        struct at item_at = at_index(&values_at, i);
        int64_t code;
        if (jnode_to_i64(jnode_at(values, i), &code) && code == 0 &&
            str_is(validate_text(codes, "operator"), "In"))
            validate_wrong(c, CAUSE_INVALID, &item_at, jnode_at(values, i),
                           "must not be 0 for the In operator");
    }
}

static void check_failure_rule(struct causes *c, const struct at *at, struct jnode *rule)
{
    static const char *const actions[] = { "Count", "FailIndex", "FailJob", "Ignore", NULL };
    struct jnode *codes = validate_get(rule, "onExitCodes");
    struct jnode *conditions = validate_get(rule, "onPodConditions");
    struct at codes_at = at_name(at, "onExitCodes"), list_at = at_name(at, "onPodConditions");
    if (validate_required(c, at, rule, "action"))
        validate_enum(c, at, rule, "action", actions);
    if (codes && jnode_len(conditions) > 0)
        validate_wrong(c, CAUSE_INVALID, at, rule,
                       "specifying both OnExitCodes and OnPodConditions is not supported");
    if (!codes && jnode_len(conditions) == 0)
        validate_wrong(c, CAUSE_INVALID, at, rule,
                       "specifying one of OnExitCodes and OnPodConditions is required");
    if (codes)
        check_exit_codes(c, &codes_at, codes);
    for (size_t i = 0; i < jnode_len(conditions); i++) {
        struct at item_at = at_index(&list_at, i);
        validate_required(c, &item_at, jnode_at(conditions, i), "type");
        validate_required(c, &item_at, jnode_at(conditions, i), "status");
    }
}

static void check_failure_policy(struct causes *c, const struct at *up, struct jnode *spec)
{
    struct jnode *policy = validate_get(spec, "podFailurePolicy");
    struct jnode *rules = validate_get(policy, "rules");
    struct at at = at_name(up, "podFailurePolicy"), list_at = at_name(&at, "rules");
    if (jnode_len(rules) > RULES_MAX) {
        validate_wrong(c, CAUSE_TOO_MANY, &list_at, jnode_i64(c->a, (int64_t)jnode_len(rules)),
                       "must have at most 20 items");
        return;
    }
    for (size_t i = 0; i < jnode_len(rules); i++) {
        struct at item_at = at_index(&list_at, i);
        check_failure_rule(c, &item_at, jnode_at(rules, i));
        if (str_is(validate_text(jnode_at(rules, i), "action"), "FailIndex") &&
            !validate_get(spec, "backoffLimitPerIndex"))
            validate_wrong(c, CAUSE_INVALID, AT_IN(&item_at, "action"),
                           validate_get(jnode_at(rules, i), "action"),
                           "requires the backoffLimitPerIndex to be set");
    }
}

/* ---- spec ---- */

static void check_indexed(struct causes *c, const struct at *at, struct jnode *spec)
{
    static const struct validate_bound bounds[] = {
        { "parallelism", INT64_MIN, INDEXED_PARALLELISM_MAX,
          "must be less than or equal to 100000 when completion mode is Indexed" },
    };
    if (is_indexed(spec)) {
        if (!validate_get(spec, "completions"))
            validate_wrong(c, CAUSE_REQUIRED, AT_IN(at, "completions"), NULL,
                           "when completion mode is Indexed");
        validate_bounds(c, at, spec, bounds, COUNT_OF(bounds));
        return;
    }
    static const char *const only_indexed[] = { "backoffLimitPerIndex", "successPolicy" };
    for (size_t i = 0; i < COUNT_OF(only_indexed); i++) {
        if (validate_get(spec, only_indexed[i]))
            validate_wrong(c, CAUSE_INVALID, AT_IN(at, only_indexed[i]),
                           validate_get(spec, only_indexed[i]), "requires indexed completion mode");
    }
}

static void check_restart_policy(struct causes *c, const struct at *at, struct jnode *spec)
{
    static const char *const restart[] = { "OnFailure", "Never", NULL };
    struct jnode *pod = jnode_path(spec, "template.spec");
    struct str policy = validate_text(pod, "restartPolicy");
    struct at template_at = at_name(at, "template"), pod_at = at_name(&template_at, "spec");
    if (policy.n == 0 || str_is(policy, "Always"))
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(&pod_at, "restartPolicy"), NULL,
                       "valid values: \"OnFailure\", \"Never\"");
    else
        validate_enum(c, &pod_at, pod, "restartPolicy", restart);
    if (validate_get(spec, "podFailurePolicy") && str_is(policy, "OnFailure"))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&pod_at, "restartPolicy"),
                       validate_get(pod, "restartPolicy"),
                       "only \"Never\" is supported when podFailurePolicy is specified");
}

static void check_spec(struct causes *c, struct jnode *spec)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("parallelism"),
        VALIDATE_NOT_NEGATIVE_ROW("completions"),
        VALIDATE_NOT_NEGATIVE_ROW("activeDeadlineSeconds"),
        VALIDATE_NOT_NEGATIVE_ROW("backoffLimit"),
        VALIDATE_NOT_NEGATIVE_ROW("backoffLimitPerIndex"),
        VALIDATE_NOT_NEGATIVE_ROW("maxFailedIndexes"),
        VALIDATE_NOT_NEGATIVE_ROW("ttlSecondsAfterFinished"),
    };
    static const char *const modes[] = { "NonIndexed", "Indexed", NULL };
    static const char *const replacement[] = { "Failed", "TerminatingOrFailed", NULL };
    struct at at = at_name(NULL, "spec"), template_at = at_name(&at, "template");
    validate_bounds(c, &at, spec, bounds, COUNT_OF(bounds));
    validate_template_selector(c, &at, spec);
    validate_enum(c, &at, spec, "completionMode", modes);
    check_indexed(c, &at, spec);
    check_failure_policy(c, &at, spec);
    validate_enum(c, &at, spec, "podReplacementPolicy", replacement);
    validate_pod_template(c, &template_at, validate_get(spec, "template"));
    check_restart_policy(c, &at, spec);
}

void validate_job(struct causes *c, const struct resource *r, struct jnode *obj)
{
    (void)r;
    check_generated_selector(c, obj);
    check_spec(c, validate_get(obj, "spec"));
}

/* ---- changes ---- */

/* completions may move with parallelism when indexed. */
static void check_completions_change(struct causes *c,
                                     const struct at *at,
                                     struct jnode *now,
                                     struct jnode *old)
{
    struct jnode *v = validate_get(now, "completions");
    if (jnode_eq(v, validate_get(old, "completions")))
        return;
    if (!is_indexed(now))
        validate_immutable(c, at, now, old, "completions");
    else if (!v || !jnode_eq(v, validate_get(now, "parallelism")))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "completions"), v ? v : jnode_null(c->a),
                       "can only be modified in tandem with spec.parallelism");
}

/* What may change in the template of a job that is suspended and has not started. */
static bool is_directive(struct str key)
{
    return str_is(key, "nodeSelector") || str_is(key, "tolerations") || str_is(key, "affinity") ||
           str_is(key, "schedulingGates") || str_is(key, "containers") ||
           str_is(key, "initContainers");
}

static bool same_but_resources(struct jnode *a, struct jnode *b)
{
    if (jnode_len(a) != jnode_len(b))
        return false;
    for (size_t i = 0; i < jnode_len(a); i++) {
        struct jnode *x = jnode_at(a, i), *y = jnode_at(b, i);
        for (size_t k = 0; k < jnode_len(x); k++) {
            struct str key = jnode_key_at(x, k);
            if (!str_is(key, "resources") && !jnode_eq(jnode_value_at(x, k), jnode_get(y, key)))
                return false;
        }
        if (jnode_len(x) != jnode_len(y))
            return false;
    }
    return true;
}

static bool only_directives_differ(struct jnode *now, struct jnode *old)
{
    struct jnode *a = validate_get(now, "spec"), *b = validate_get(old, "spec");
    for (size_t i = 0; i < jnode_len(a); i++) {
        struct str key = jnode_key_at(a, i);
        if (!is_directive(key) && !jnode_eq(jnode_value_at(a, i), jnode_get(b, key)))
            return false;
    }
    for (size_t i = 0; i < jnode_len(b); i++) {
        struct str key = jnode_key_at(b, i);
        if (!is_directive(key) && !jnode_get(a, key))
            return false;
    }
    return same_but_resources(validate_get(a, "containers"), validate_get(b, "containers")) &&
           same_but_resources(validate_get(a, "initContainers"), validate_get(b, "initContainers"));
}

static void
check_template_change(struct causes *c, const struct at *at, struct jnode *obj, struct jnode *old)
{
    struct jnode *now = validate_get(obj, "spec"), *was = validate_get(old, "spec");
    struct jnode *a = validate_get(now, "template"), *b = validate_get(was, "template");
    bool waiting =
        jnode_is_true(validate_get(was, "suspend")) && !jnode_path(old, "status.startTime");
    if (jnode_eq(a, b) || (waiting && only_directives_differ(a, b)))
        return;
    validate_wrong(c, CAUSE_INVALID, AT_IN(at, "template"), a, "field is immutable");
}

void validate_job_update(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old)
{
    static const char *const fixed[] = { "selector",         "completionMode",
                                         "podFailurePolicy", "backoffLimitPerIndex",
                                         "managedBy",        "successPolicy" };
    struct jnode *now = validate_get(obj, "spec"), *was = validate_get(old, "spec");
    struct at at = at_name(NULL, "spec");
    validate_object_meta(c, r, obj, meta_dns_subdomain, true);
    validate_job(c, r, obj);
    validate_object_meta_update(c, obj, old, true);
    check_spec(c, now); /* Kubernetes says it twice */
    check_completions_change(c, &at, now, was);
    check_template_change(c, &at, obj, old);
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        validate_immutable(c, &at, now, was, fixed[i]);
}

void validate_job_status(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("active"),      VALIDATE_NOT_NEGATIVE_ROW("succeeded"),
        VALIDATE_NOT_NEGATIVE_ROW("failed"),      VALIDATE_NOT_NEGATIVE_ROW("ready"),
        VALIDATE_NOT_NEGATIVE_ROW("terminating"),
    };
    (void)r;
    struct jnode *status = validate_get(obj, "status"), *was = validate_get(old, "status");
    struct at at = at_name(NULL, "status");
    validate_object_meta_update(c, obj, old, true);
    validate_bounds(c, &at, status, bounds, COUNT_OF(bounds));
    static const char *const growing[] = { "failed", "succeeded" };
    for (size_t i = 0; i < COUNT_OF(growing); i++) {
        int64_t value = validate_i64(status, growing[i], 0);
        if (value >= validate_i64(was, growing[i], 0))
            continue;
        struct str why = arena_printf(c->a, "cannot decrease the %s counter", growing[i]);
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, growing[i]), jnode_i64(c->a, value), why.p);
    }
}
