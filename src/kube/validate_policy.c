/* SPDX-License-Identifier: Apache-2.0
 * validate_policy — LimitRanges, PodDisruptionBudgets and RBAC's roles and bindings. */
#include "kube/validate_internal.h"

/* ---- LimitRanges ---- */

static struct str amount_text(struct jnode *v)
{
    struct str text = jnode_text_of_str(v);
    return text.p ? text : jnode_num_text(v);
}

struct order { /* the amount named low must not be above the one named high */
    const char *low, *low_word, *high, *high_word;
    const char *blamed;
};

static void check_orders(struct causes *c, const struct at *at, struct jnode *limit, struct str key)
{
    static const struct order orders[] = {
        { "min", "min value", "max", "max value", "min" },
        { "min", "min value", "defaultRequest", "default request value", "defaultRequest" },
        { "defaultRequest", "default request value", "max", "max value", "defaultRequest" },
        { "defaultRequest", "default request value", "default", "default limit value",
          "defaultRequest" },
        { "min", "min value", "default", "default value", "default" },
        { "default", "default value", "max", "max value", "default" },
    };
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        const struct order *o = &orders[i];
        struct jnode *low = jnode_get(validate_get(limit, o->low), key);
        struct jnode *high = jnode_get(validate_get(limit, o->high), key);
        if (!low || !high || validate_quantity_cmp(low, high) <= 0)
            continue;
        struct str why =
            arena_printf(c->a, "%s %.*s is greater than %s %.*s", o->low_word,
                         STR_ARG(amount_text(low)), o->high_word, STR_ARG(amount_text(high)));
        struct at list_at = at_name(at, o->blamed), key_at = at_key(&list_at, key);
        validate_wrong(c, CAUSE_INVALID, &key_at, o->blamed == o->low ? low : high, why.p);
    }
}

void validate_limit_range(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const char *const lists[] = { "max", "min", "default", "defaultRequest" };
    (void)r;
    struct jnode *limits = jnode_path(obj, "spec.limits");
    struct at at = at_name(NULL, "spec"), list_at = at_name(&at, "limits");
    AUTO(map_fini) struct map types = { 0 };
    for (size_t i = 0; i < jnode_len(limits); i++) {
        struct jnode *limit = jnode_at(limits, i);
        struct at item_at = at_index(&list_at, i);
        if (validate_seen(&types, validate_text(limit, "type")))
            validate_wrong(c, CAUSE_DUPLICATE, AT_IN(&item_at, "type"), validate_get(limit, "type"),
                           NULL);
        AUTO(map_fini) struct map keys = { 0 };
        for (size_t l = 0; l < COUNT_OF(lists); l++) {
            struct jnode *list = validate_get(limit, lists[l]);
            for (size_t k = 0; k < jnode_len(list); k++) {
                if (!validate_seen(&keys, jnode_key_at(list, k)))
                    check_orders(c, &item_at, limit, jnode_key_at(list, k));
            }
        }
    }
}

/* ---- PodDisruptionBudgets ---- */

void validate_disruption_budget(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const struct validate_bound bounds[] = {
        VALIDATE_NOT_NEGATIVE_ROW("minAvailable"),
        VALIDATE_NOT_NEGATIVE_ROW("maxUnavailable"),
    };
    (void)r;
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = at_name(NULL, "spec"), selector_at = at_name(&at, "selector");
    if (validate_get(spec, "minAvailable") && validate_get(spec, "maxUnavailable"))
        validate_wrong(c, CAUSE_INVALID, &at, spec,
                       "minAvailable and maxUnavailable cannot be both set");
    validate_bounds(c, &at, spec, bounds, COUNT_OF(bounds));
    validate_label_selector(c, &selector_at, validate_get(spec, "selector"));
}

/* ---- RBAC ---- */

static void need_items(struct causes *c,
                       const struct at *at,
                       struct jnode *rule,
                       const char *name,
                       const char *why)
{
    if (jnode_len(validate_get(rule, name)) == 0)
        validate_wrong(c, CAUSE_REQUIRED, AT_IN(at, name), NULL, why);
}

void validate_role(struct causes *c, const struct resource *r, struct jnode *obj)
{
    struct jnode *rules = validate_get(obj, "rules");
    struct at list_at = at_name(NULL, "rules");
    for (size_t i = 0; i < jnode_len(rules); i++) {
        struct jnode *rule = jnode_at(rules, i);
        struct at at = at_index(&list_at, i);
        struct jnode *urls = validate_get(rule, "nonResourceURLs");
        need_items(c, &at, rule, "verbs", "verbs must contain at least one value");
        if (jnode_len(urls) == 0) {
            need_items(c, &at, rule, "apiGroups",
                       "resource rules must supply at least one api group");
            need_items(c, &at, rule, "resources",
                       "resource rules must supply at least one resource");
        } else if (r->namespaced) {
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "nonResourceURLs"), urls,
                           "namespaced rules cannot apply to non-resource URLs");
        } else if (jnode_len(validate_get(rule, "apiGroups")) > 0 ||
                   jnode_len(validate_get(rule, "resources")) > 0) {
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "nonResourceURLs"), urls,
                           "rules cannot apply to both regular resources and non-resource URLs");
        }
    }
}

static void
check_subject(struct causes *c, const struct at *at, struct jnode *subject, bool namespaced)
{
    static const char *const kinds[] = { "ServiceAccount", "User", "Group", NULL };
    static const char *const rbac[] = { "rbac.authorization.k8s.io", NULL };
    validate_required(c, at, subject, "name");
    if (!str_is(validate_text(subject, "kind"), "ServiceAccount")) {
        struct at kind_at = at_name(at, "kind");
        if (validate_text(subject, "kind").n == 0)
            validate_not_supported(c, &kind_at, jnode_str(c->a, STR("")), kinds);
        validate_enum(c, at, subject, "kind", kinds);
        validate_enum(c, at, subject, "apiGroup", rbac);
        return;
    }
    validate_rule(c, at, subject, "name", meta_dns_subdomain);
    if (!namespaced)
        validate_required(c, at, subject, "namespace");
}

void validate_role_binding(struct causes *c, const struct resource *r, struct jnode *obj)
{
    static const char *const rbac[] = { "rbac.authorization.k8s.io", NULL };
    static const char *const kinds[] = { "Role", "ClusterRole", NULL };
    struct jnode *ref = validate_get(obj, "roleRef");
    struct at at = at_name(NULL, "roleRef"), list_at = at_name(NULL, "subjects");
    validate_enum(c, &at, ref, "apiGroup", rbac);
    validate_enum(c, &at, ref, "kind", r->namespaced ? kinds : kinds + 1);
    validate_required_rule(c, &at, ref, "name", meta_path_segment);
    struct jnode *subjects = validate_get(obj, "subjects");
    for (size_t i = 0; i < jnode_len(subjects); i++) {
        struct at item_at = at_index(&list_at, i);
        check_subject(c, &item_at, jnode_at(subjects, i), r->namespaced);
    }
}
