/* SPDX-License-Identifier: Apache-2.0
 * validate_workload — Deployments, ReplicaSets, Jobs and Scale. */
#include "kube/validate_internal.h"

static struct at spec_place(void)
{
    return at_name(NULL, "spec");
}

void validate_template_selector(struct causes *c, const struct at *at, struct jnode *spec)
{
    struct jnode *selector = validate_get(spec, "selector");
    struct at selector_at = at_name(at, "selector"), template_at = at_name(at, "template");
    struct at meta_at = at_name(&template_at, "metadata");
    if (!selector) {
        validate_wrong(c, CAUSE_REQUIRED, &selector_at, NULL, NULL);
        return;
    }
    validate_label_selector(c, &selector_at, selector);
    struct jnode *labels = jnode_path(spec, "template.metadata.labels");
    if (!validate_selects(selector, labels))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&meta_at, "labels"),
                       labels ? labels : jnode_null(c->a),
                       "`selector` does not match template `labels`");
}

/* A lasting workload selects some pods, and they always restart. */
static void check_pods(struct causes *c, const struct at *at, struct jnode *spec)
{
    struct jnode *selector = validate_get(spec, "selector");
    if (selector && jnode_len(validate_get(selector, "matchLabels")) == 0 &&
        jnode_len(validate_get(selector, "matchExpressions")) == 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "selector"), selector,
                       "empty selector is invalid for deployment");
    else
        validate_template_selector(c, at, spec);
    static const char *const always[] = { "Always", NULL };
    struct at template_at = at_name(at, "template"), pod_at = at_name(&template_at, "spec");
    struct jnode *pod = jnode_path(spec, "template.spec");
    validate_enum(c, &pod_at, pod, "restartPolicy", always);
    if (validate_get(pod, "activeDeadlineSeconds"))
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&pod_at, "activeDeadlineSeconds"), NULL,
                       "activeDeadlineSeconds in ReplicaSet is not Supported");
    validate_pod_template(c, &template_at, validate_get(spec, "template"));
}

/* ---- Deployments ---- */

struct share { /* an IntOrString */
    bool percent;
    int64_t n;
};

static struct share check_share(struct causes *c, const struct at *at, struct jnode *v)
{
    struct share s = { 0 };
    struct str text = jnode_text_of_str(v);
    if (!text.p) {
        if (jnode_to_i64(v, &s.n) && s.n < 0)
            validate_wrong(c, CAUSE_INVALID, at, v, VALIDATE_NOT_NEGATIVE);
        return s;
    }
    s.percent = true;
    if (!str_ends(text, STR("%")) || !str_to_i64(str_take(text, text.n - 1), &s.n) || s.n < 0)
        validate_wrong(c, CAUSE_INVALID, at, v,
                       "a valid percent string must be a numeric string followed by an ending '%' "
                       "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')");
    return s;
}

static void check_rolling(struct causes *c, const struct at *at, struct jnode *rolling)
{
    struct at surge_at = at_name(at, "maxSurge"), unavailable_at = at_name(at, "maxUnavailable");
    struct jnode *v = validate_get(rolling, "maxUnavailable");
    struct share unavailable = check_share(c, &unavailable_at, v);
    struct share surge = check_share(c, &surge_at, validate_get(rolling, "maxSurge"));
    if (unavailable.n == 0 && surge.n == 0)
        validate_wrong(c, CAUSE_INVALID, &unavailable_at, v ? v : jnode_i64(c->a, 0),
                       "may not be 0 when `maxSurge` is 0");
    if (unavailable.percent && unavailable.n > 100)
        validate_wrong(c, CAUSE_INVALID, &unavailable_at, v, "must not be greater than 100%");
}

static void check_strategy(struct causes *c, const struct at *up, struct jnode *spec)
{
    static const char *const types[] = { "Recreate", "RollingUpdate", NULL };
    struct jnode *strategy = validate_get(spec, "strategy");
    struct jnode *rolling = validate_get(strategy, "rollingUpdate");
    struct at at = at_name(up, "strategy"), rolling_at = at_name(&at, "rollingUpdate");
    struct str type = validate_text(strategy, "type");
    if (str_is(type, "Recreate")) {
        if (rolling)
            validate_wrong(c, CAUSE_FORBIDDEN, &rolling_at, NULL,
                           "may not be specified when strategy `type` is 'Recreate'");
    } else if (str_is(type, "RollingUpdate")) {
        if (rolling)
            check_rolling(c, &rolling_at, rolling);
        else
            validate_wrong(c, CAUSE_REQUIRED, &rolling_at, NULL,
                           "this should be defaulted and never be nil");
    } else {
        validate_enum(c, &at, strategy, "type", types);
    }
}

void validate_deployment(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("replicas"),
        VALIDATE_NOT_NEGATIVE_ROW("minReadySeconds"),
        VALIDATE_NOT_NEGATIVE_ROW("revisionHistoryLimit"),
        VALIDATE_NOT_NEGATIVE_ROW("progressDeadlineSeconds"),
    };
    (void)r;
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = spec_place();
    validate_bounds(c, &at, spec, bounds, COUNT_OF(bounds));
    check_pods(c, &at, spec);
    check_strategy(c, &at, spec);
    struct jnode *deadline = validate_get(spec, "progressDeadlineSeconds");
    if (deadline && validate_i64(spec, "progressDeadlineSeconds", 0) <=
                        validate_i64(spec, "minReadySeconds", 0))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "progressDeadlineSeconds"), deadline,
                       "must be greater than minReadySeconds");
}

void validate_selector_update(struct causes *c,
                              const struct resource *r,
                              struct jnode *obj,
                              struct jnode *old)
{
    (void)r;
    struct at at = spec_place();
    validate_immutable(c, &at, validate_get(obj, "spec"), validate_get(old, "spec"), "selector");
}

void validate_replicaset(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("replicas"),
        VALIDATE_NOT_NEGATIVE_ROW("minReadySeconds"),
    };
    (void)r;
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = spec_place();
    validate_bounds(c, &at, spec, bounds, COUNT_OF(bounds));
    check_pods(c, &at, spec);
}

/* Counts in the status of a workload. */
void validate_workload_status(struct causes *c,
                              const struct resource *r,
                              struct jnode *obj,
                              struct jnode *old)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("observedGeneration"),
        VALIDATE_NOT_NEGATIVE_ROW("replicas"),
        VALIDATE_NOT_NEGATIVE_ROW("updatedReplicas"),
        VALIDATE_NOT_NEGATIVE_ROW("readyReplicas"),
        VALIDATE_NOT_NEGATIVE_ROW("availableReplicas"),
        VALIDATE_NOT_NEGATIVE_ROW("unavailableReplicas"),
        VALIDATE_NOT_NEGATIVE_ROW("fullyLabeledReplicas"),
        VALIDATE_NOT_NEGATIVE_ROW("collisionCount"),
    };
    static const char *const parts[] = { "updatedReplicas", "readyReplicas", "availableReplicas",
                                         "fullyLabeledReplicas" };
    (void)r;
    struct jnode *status = validate_get(obj, "status");
    struct at at = at_name(NULL, "status");
    validate_object_meta_update(c, obj, old, true);
    validate_bounds(c, &at, status, bounds, COUNT_OF(bounds));
    int64_t replicas = validate_i64(status, "replicas", 0);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (validate_i64(status, parts[i], 0) > replicas)
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, parts[i]), validate_get(status, parts[i]),
                           "cannot be greater than status.replicas");
    }
    if (validate_i64(status, "availableReplicas", 0) > validate_i64(status, "readyReplicas", 0))
        validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "availableReplicas"),
                       validate_get(status, "availableReplicas"),
                       "cannot be greater than readyReplicas");
}

void validate_scale(struct jnode *scale, struct causes *c)
{
    static const struct validate_bound bounds[] = { VALIDATE_NOT_NEGATIVE_ROW("replicas") };
    struct at at = spec_place();
    validate_bounds(c, &at, validate_get(scale, "spec"), bounds, COUNT_OF(bounds));
}
