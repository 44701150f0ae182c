/* SPDX-License-Identifier: Apache-2.0
 * validate_resources — requests and limits of a container or a pod. */
#include "kube/validate_internal.h"

static bool one_of(struct str s, const char *const *values)
{
    for (size_t i = 0; values[i]; i++) {
        if (str_is(s, values[i]))
            return true;
    }
    return false;
}

static bool is_huge(struct str name)
{
    return str_starts(name, STR("hugepages-"));
}

/* Kubernetes' own: without a domain, or of kubernetes.io. */
static bool is_native(struct str name)
{
    return str_find_char(name, '/') < 0 || str_find(name, STR("kubernetes.io/")) >= 0;
}

static bool is_extended(struct causes *c, struct str name)
{
    if (is_native(name) || str_starts(name, STR("requests.")))
        return false;
    struct str quota_name = arena_printf(c->a, "requests.%.*s", STR_ARG(name));
    return meta_qualified_name(quota_name).n == 0;
}

static bool is_standard(struct str name)
{
    static const char *const standard[] = { "cpu",
                                            "memory",
                                            "ephemeral-storage",
                                            "storage",
                                            "requests.cpu",
                                            "requests.memory",
                                            "requests.ephemeral-storage",
                                            "limits.cpu",
                                            "limits.memory",
                                            "limits.ephemeral-storage",
                                            "pods",
                                            "resourcequotas",
                                            "services",
                                            "replicationcontrollers",
                                            "secrets",
                                            "configmaps",
                                            "persistentvolumeclaims",
                                            "requests.storage",
                                            "services.nodeports",
                                            "services.loadbalancers",
                                            NULL };
    return one_of(name, standard) || is_huge(name) || str_starts(name, STR("requests.hugepages-"));
}

static void check_name(struct causes *c, const struct at *at, struct str name)
{
    static const char *const for_containers[] = { "cpu", "memory", "ephemeral-storage", NULL };
    struct jnode *value = jnode_str(c->a, name);
    struct meta_wrong w = meta_qualified_name(name);
    for (size_t i = 0; i < w.n; i++)
        validate_wrong(c, CAUSE_INVALID, at, value, w.texts[i]);
    if (str_find_char(name, '/') >= 0) {
        if (!is_native(name) && !is_extended(c, name))
            validate_wrong(c, CAUSE_INVALID, at, value,
                           "doesn't follow extended resource name standard");
        return;
    }
    if (w.n == 0 && !is_standard(name))
        validate_wrong(c, CAUSE_INVALID, at, value,
                       "must be a standard resource type or fully qualified");
    if (!one_of(name, for_containers) && !is_huge(name))
        validate_wrong(c, CAUSE_INVALID, at, value, "must be a standard resource for containers");
}

static void check_list(struct causes *c, const struct at *at, struct jnode *list)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct str name = jnode_key_at(list, i);
        struct at item_at = at_key(at, name);
        check_name(c, &item_at, name);
        validate_quantity(c, &item_at, jnode_value_at(list, i), is_extended(c, name));
    }
}

static void check_against_limit(struct causes *c,
                                const struct at *at,
                                struct str name,
                                struct jnode *request,
                                struct jnode *limit)
{
    bool overcommit = is_native(name) && !is_huge(name);
    int order = validate_quantity_cmp(request, limit);
    if (order == 0 || (overcommit && order < 0))
        return;
    struct str text = jnode_text_of_str(limit);
    if (!text.p)
        text = jnode_num_text(limit);
    struct str why = arena_printf(c->a, "must be %s %.*s limit of %.*s",
                                  overcommit ? "less than or equal to" : "equal to", STR_ARG(name),
                                  STR_ARG(text));
    validate_wrong(c, CAUSE_INVALID, at, request, why.p);
}

static bool names_huge(struct jnode *list)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (is_huge(jnode_key_at(list, i)))
            return true;
    }
    return false;
}

void validate_resources(struct causes *c, const struct at *at, struct jnode *resources)
{
    struct jnode *limits = validate_get(resources, "limits");
    struct jnode *requests = validate_get(resources, "requests");
    struct at limits_at = at_name(at, "limits"), requests_at = at_name(at, "requests");
    check_list(c, &limits_at, limits);
    check_list(c, &requests_at, requests);
    for (size_t i = 0; i < jnode_len(requests); i++) {
        struct str name = jnode_key_at(requests, i);
        struct jnode *limit = jnode_get(limits, name);
        if (limit)
            check_against_limit(c, &requests_at, name, jnode_value_at(requests, i), limit);
        else if (!is_native(name) || is_huge(name))
            validate_wrong(c, CAUSE_REQUIRED, &limits_at, NULL,
                           "Limit must be set for non overcommitable resources");
    }
    bool has_plain = jnode_get(limits, STR("cpu")) || jnode_get(limits, STR("memory")) ||
                     jnode_get(requests, STR("cpu")) || jnode_get(requests, STR("memory"));
    if (!has_plain && (names_huge(limits) || names_huge(requests)))
        validate_wrong(c, CAUSE_FORBIDDEN, at, NULL, "HugePages require cpu or memory");
}
