/* SPDX-License-Identifier: Apache-2.0
 * validate_scheduling — what a pod says about where it may run: affinity, tolerations, spreading,
 * gates. */
#include "kube/validate_internal.h"

void validate_taint_effect(struct causes *c, const struct at *at, struct jnode *effect)
{
    static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };
    struct str text = jnode_text_of_str(effect);
    if (text.n == 0) {
        validate_wrong(c, CAUSE_REQUIRED, at, NULL, NULL);
        return;
    }
    for (size_t i = 0; effects[i]; i++) {
        if (str_is(text, effects[i]))
            return;
    }
    validate_not_supported(c, at, effect, effects);
}

/* ---- node affinity ---- */

static void check_need(struct causes *c, const struct at *at, struct jnode *need)
{
    struct str op = validate_text(need, "operator");
    size_t n = jnode_len(validate_get(need, "values"));
    struct at key_at = at_name(at, "key");
    if (str_is(op, "In") || str_is(op, "NotIn")) {
        if (n == 0)
            validate_wrong(c, CAUSE_REQUIRED, AT_IN(at, "values"), NULL,
                           "must be specified when `operator` is 'In' or 'NotIn'");
    } else if (str_is(op, "Exists") || str_is(op, "DoesNotExist")) {
        if (n > 0)
            validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, "values"), NULL,
                           "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    } else if (str_is(op, "Gt") || str_is(op, "Lt")) {
        if (n != 1)
            validate_wrong(c, CAUSE_REQUIRED, AT_IN(at, "values"), NULL,
                           "must be specified single value when `operator` is 'Lt' or 'Gt'");
    } else {
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "operator"), validate_get(need, "operator"),
                       "not a valid selector operator");
    }
    validate_rule_at(c, &key_at, validate_get(need, "key"), meta_qualified_name);
}

static void check_field_need(struct causes *c, const struct at *at, struct jnode *need)
{
    struct str op = validate_text(need, "operator");
    if (!str_is(op, "In") && !str_is(op, "NotIn"))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "operator"), validate_get(need, "operator"),
                       "not a valid selector operator");
    else if (jnode_len(validate_get(need, "values")) != 1)
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(at, "values"), NULL,
                       "must be only one value when `operator` is 'In' or 'NotIn' for node "
                       "field selector");
    if (!str_is(validate_text(need, "key"), "metadata.name"))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "key"), validate_get(need, "key"),
                       "not a valid field selector key");
}

static void check_node_term(struct causes *c, const struct at *at, struct jnode *term)
{
    struct jnode *list = validate_get(term, "matchExpressions");
    struct at list_at = at_name(at, "matchExpressions");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i);
        check_need(c, &item_at, jnode_at(list, i));
    }
    list = validate_get(term, "matchFields");
    list_at = at_name(at, "matchFields");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i);
        check_field_need(c, &item_at, jnode_at(list, i));
    }
}

void validate_node_selector(struct causes *c, const struct at *at, struct jnode *selector)
{
    struct jnode *terms = validate_get(selector, "nodeSelectorTerms");
    struct at list_at = at_name(at, "nodeSelectorTerms");
    if (jnode_len(terms) == 0)
        validate_wrong(c, CAUSE_REQUIRED, &list_at, NULL,
                       "must have at least one node selector term");
    for (size_t i = 0; i < jnode_len(terms); i++) {
        struct at item_at = at_index(&list_at, i);
        check_node_term(c, &item_at, jnode_at(terms, i));
    }
}

static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
static const char preferred[] = "preferredDuringSchedulingIgnoredDuringExecution";
static const struct validate_bound weight_bounds[] = {
    { "weight", 1, 100, "must be in the range 1-100" },
};

static void check_weight(struct causes *c, const struct at *at, struct jnode *term)
{
    if (validate_get(term, "weight"))
        validate_bounds(c, at, term, weight_bounds, COUNT_OF(weight_bounds));
    else
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "weight"), jnode_i64(c->a, 0),
                       weight_bounds[0].why);
}

static void check_node_affinity(struct causes *c, const struct at *at, struct jnode *affinity)
{
    struct at required_at = at_name(at, required), list_at = at_name(at, preferred);
    if (validate_get(affinity, required))
        validate_node_selector(c, &required_at, validate_get(affinity, required));
    struct jnode *list = validate_get(affinity, preferred);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i), term_at = at_name(&item_at, "preference");
        check_weight(c, &item_at, jnode_at(list, i));
        check_node_term(c, &term_at, validate_get(jnode_at(list, i), "preference"));
    }
}

/* ---- pod affinity ---- */

static void check_pod_term(struct causes *c, const struct at *at, struct jnode *term)
{
    struct at selector_at = at_name(at, "labelSelector");
    struct at namespace_selector_at = at_name(at, "namespaceSelector");
    struct at key_at = at_name(at, "topologyKey"), list_at = at_name(at, "namespaces");
    validate_label_selector(c, &selector_at, validate_get(term, "labelSelector"));
    validate_label_selector(c, &namespace_selector_at, validate_get(term, "namespaceSelector"));
    struct jnode *namespaces = validate_get(term, "namespaces");
    for (size_t i = 0; i < jnode_len(namespaces); i++) {
        struct at item_at = at_index(&list_at, i);
        validate_rule_at(c, &item_at, jnode_at(namespaces, i), meta_dns_label);
    }
    if (validate_text(term, "topologyKey").n == 0)
        validate_wrong(c, CAUSE_REQUIRED, &key_at, NULL, "can not be empty");
    else
        validate_rule_at(c, &key_at, validate_get(term, "topologyKey"), meta_qualified_name);
}

static void check_pod_affinity(struct causes *c, const struct at *at, struct jnode *affinity)
{
    struct jnode *list = validate_get(affinity, required);
    struct at list_at = at_name(at, required);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i);
        check_pod_term(c, &item_at, jnode_at(list, i));
    }
    list = validate_get(affinity, preferred);
    list_at = at_name(at, preferred);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct at item_at = at_index(&list_at, i), term_at = at_name(&item_at, "podAffinityTerm");
        check_weight(c, &item_at, jnode_at(list, i));
        check_pod_term(c, &term_at, validate_get(jnode_at(list, i), "podAffinityTerm"));
    }
}

/* ---- tolerations, spreading, gates ---- */

static void check_toleration(struct causes *c, const struct at *at, struct jnode *t)
{
    static const char *const ops[] = { "Equal", "Exists", NULL };
    struct str op = validate_text(t, "operator");
    struct jnode *value = validate_get(t, "value");
    struct at op_at = at_name(at, "operator"), effect_at = at_name(at, "effect");
    validate_rule(c, at, t, "key", meta_qualified_name);
    if (validate_text(t, "key").n == 0 && !str_is(op, "Exists"))
        validate_wrong(c, CAUSE_INVALID, &op_at, jnode_str(c->a, op),
                       "operator must be Exists when `key` is empty, which means \"match all "
                       "values and all keys\"");
    struct str effect = validate_text(t, "effect");
    if (validate_get(t, "tolerationSeconds") && !str_is(effect, "NoExecute"))
        validate_wrong(c, CAUSE_INVALID, &effect_at, jnode_str(c->a, effect),
                       "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (op.n == 0 || str_is(op, "Equal")) {
        if (value)
            validate_rule_at(c, &op_at, value, meta_label_value);
    } else if (str_is(op, "Exists")) {
        if (jnode_text_of_str(value).n > 0)
            validate_wrong(c, CAUSE_INVALID, &op_at, value,
                           "value must be empty when `operator` is 'Exists'");
    } else {
        validate_not_supported(c, &op_at, validate_get(t, "operator"), ops);
    }
    if (effect.n > 0)
        validate_taint_effect(c, &effect_at, validate_get(t, "effect"));
}

static void check_spread(struct causes *c, const struct at *at, struct jnode *s)
{
    static const char *const when[] = { "DoNotSchedule", "ScheduleAnyway", NULL };
    static const char *const policies[] = { "Honor", "Ignore", NULL };
    struct at key_at = at_name(at, "topologyKey"), selector_at = at_name(at, "labelSelector");
    if (validate_i64(s, "maxSkew", 0) <= 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "maxSkew"),
                       jnode_i64(c->a, validate_i64(s, "maxSkew", 0)), "must be greater than zero");
    if (validate_text(s, "topologyKey").n == 0)
        validate_wrong(c, CAUSE_REQUIRED, &key_at, NULL, "can not be empty");
    else
        validate_rule_at(c, &key_at, validate_get(s, "topologyKey"), meta_qualified_name);
    if (validate_required(c, at, s, "whenUnsatisfiable"))
        validate_enum(c, at, s, "whenUnsatisfiable", when);
    struct jnode *domains = validate_get(s, "minDomains");
    if (domains && validate_i64(s, "minDomains", 0) <= 0)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "minDomains"), domains,
                       "must be greater than zero");
    if (domains && str_is(validate_text(s, "whenUnsatisfiable"), "ScheduleAnyway"))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "minDomains"), domains,
                       "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not "
                       "ScheduleAnyway");
    validate_enum(c, at, s, "nodeAffinityPolicy", policies);
    validate_enum(c, at, s, "nodeTaintsPolicy", policies);
    struct jnode *selector = validate_get(s, "labelSelector");
    if (jnode_len(validate_get(s, "matchLabelKeys")) > 0 && !selector)
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(at, "matchLabelKeys"), NULL,
                       "must not be specified when labelSelector is not set");
    validate_label_selector(c, &selector_at, selector);
}

static void check_spreads(struct causes *c, const struct at *at, struct jnode *list)
{
    AUTO(map_fini) struct map seen = { 0 };
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *s = jnode_at(list, i);
        struct at item_at = at_index(at, i);
        check_spread(c, &item_at, s);
        struct str pair =
            arena_printf(c->a, "{%.*s, %.*s}", STR_ARG(validate_text(s, "topologyKey")),
                         STR_ARG(validate_text(s, "whenUnsatisfiable")));
        if (validate_seen(&seen, pair))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "{topologyKey, whenUnsatisfiable}"),
                           jnode_str(c->a, pair), NULL);
    }
}

static void check_gates(struct causes *c, const struct at *at, struct jnode *list)
{
    AUTO(map_fini) struct map seen = { 0 };
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *name = validate_get(jnode_at(list, i), "name");
        struct at item_at = at_index(at, i);
        struct str text = jnode_text_of_str(name);
        struct meta_wrong w = meta_qualified_name(text);
        for (size_t k = 0; k < w.n; k++)
            validate_wrong(c, CAUSE_INVALID, &item_at, jnode_str(c->a, text), w.texts[k]);
        if (validate_seen(&seen, text))
            validate_wrong(c, CAUSE_DUPLICATE, &item_at, name, NULL);
    }
}

void validate_scheduling(struct causes *c, const struct at *at, struct jnode *spec)
{
    struct jnode *affinity = validate_get(spec, "affinity");
    struct at affinity_at = at_name(at, "affinity"), selector_at = at_name(at, "nodeSelector");
    struct at node_at = at_name(&affinity_at, "nodeAffinity");
    struct at pod_at = at_name(&affinity_at, "podAffinity");
    struct at anti_at = at_name(&affinity_at, "podAntiAffinity");
    validate_labels(c, &selector_at, validate_get(spec, "nodeSelector"));
    check_node_affinity(c, &node_at, validate_get(affinity, "nodeAffinity"));
    check_pod_affinity(c, &pod_at, validate_get(affinity, "podAffinity"));
    check_pod_affinity(c, &anti_at, validate_get(affinity, "podAntiAffinity"));
    struct at spreads_at = at_name(at, "topologySpreadConstraints");
    check_spreads(c, &spreads_at, validate_get(spec, "topologySpreadConstraints"));
    struct at gates_at = at_name(at, "schedulingGates");
    check_gates(c, &gates_at, validate_get(spec, "schedulingGates"));
    struct jnode *tolerations = validate_get(spec, "tolerations");
    struct at list_at = at_name(at, "tolerations");
    for (size_t i = 0; i < jnode_len(tolerations); i++) {
        struct at item_at = at_index(&list_at, i);
        check_toleration(c, &item_at, jnode_at(tolerations, i));
    }
}
