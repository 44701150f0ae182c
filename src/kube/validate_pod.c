/* SPDX-License-Identifier: Apache-2.0
 * validate_pod — pods, pod templates and bindings, and what of a pod may change. */
#include "kube/validate_internal.h"

#define PAIRED_MAX 1000 /* tolerations or needs of a pod that may still change */

static const struct validate_bound spec_bounds[] = {
    { "activeDeadlineSeconds", 1, INT32_MAX, "must be between 1 and 2147483647, inclusive" },
};

static void check_host_network(struct causes *c, const struct at *at, struct jnode *spec)
{
    if (!jnode_is_true(validate_get(spec, "hostNetwork")))
        return;
    struct jnode *list = validate_get(spec, "containers");
    struct at list_at = at_name(at, "containers");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *ports = validate_get(jnode_at(list, i), "ports");
        struct at item_at = at_index(&list_at, i), ports_at = at_name(&item_at, "ports");
        for (size_t k = 0; k < jnode_len(ports); k++) {
            struct jnode *port = jnode_at(ports, k);
            struct at port_at = at_index(&ports_at, k);
            if (validate_i64(port, "hostPort", 0) != validate_i64(port, "containerPort", 0))
                validate_wrong(c, CAUSE_INVALID, AT_IN(&port_at, "containerPort"),
                               validate_get(port, "containerPort"),
                               "must match `hostPort` when `hostNetwork` is true");
        }
    }
}

static void check_host_aliases(struct causes *c, const struct at *up, struct jnode *spec)
{
    struct jnode *list = validate_get(spec, "hostAliases");
    struct at list_at = at_name(up, "hostAliases");
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *names = validate_get(jnode_at(list, i), "hostnames");
        struct at item_at = at_index(&list_at, i), names_at = at_name(&item_at, "hostnames");
        validate_required(c, &item_at, jnode_at(list, i), "ip");
        for (size_t k = 0; k < jnode_len(names); k++)
            validate_rule_at(c, &names_at, jnode_at(names, k), meta_dns_subdomain);
    }
}

void validate_pod_spec(struct causes *c, const struct at *at, struct jnode *spec)
{
    static const char *const restart[] = { "Always", "OnFailure", "Never", NULL };
    static const char *const dns[] = { "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None",
                                       NULL };
    static const char *const preemption[] = { "PreemptLowerPriority", "Never", NULL };
    struct at volumes_at = at_name(at, "volumes"), resources_at = at_name(at, "resources");
    validate_volumes(c, &volumes_at, validate_get(spec, "volumes"));
    validate_containers_of(c, at, spec);
    validate_pod_claims(c, at, spec);
    if (validate_required(c, at, spec, "restartPolicy"))
        validate_enum(c, at, spec, "restartPolicy", restart);
    validate_bounds(c, at, spec, spec_bounds, COUNT_OF(spec_bounds));
    if (validate_required(c, at, spec, "dnsPolicy"))
        validate_enum(c, at, spec, "dnsPolicy", dns);
    validate_scheduling(c, at, spec);
    validate_rule(c, at, spec, "serviceAccountName", meta_dns_subdomain);
    validate_rule(c, at, spec, "nodeName", meta_dns_subdomain);
    validate_rule(c, at, spec, "hostname", meta_dns_label);
    validate_rule(c, at, spec, "subdomain", meta_dns_label);
    validate_rule(c, at, spec, "priorityClassName", meta_dns_subdomain);
    validate_rule(c, at, spec, "runtimeClassName", meta_dns_subdomain);
    validate_enum(c, at, spec, "preemptionPolicy", preemption);
    check_host_network(c, at, spec);
    check_host_aliases(c, at, spec);
    if (validate_get(spec, "resources"))
        validate_resources(c, &resources_at, validate_get(spec, "resources"));
}

void validate_pod_template(struct causes *c, const struct at *at, struct jnode *template)
{
    struct jnode *meta = validate_get(template, "metadata");
    /* Kubernetes says "template.labels", without metadata. */
    struct at labels = at_name(at, "labels"), annotations = at_name(at, "annotations");
    struct at spec_at = at_name(at, "spec");
    validate_labels(c, &labels, validate_get(meta, "labels"));
    validate_annotations(c, &annotations, validate_get(meta, "annotations"));
    struct jnode *spec = validate_get(template, "spec");
    validate_pod_spec(c, &spec_at, spec);
    if (jnode_len(validate_get(spec, "ephemeralContainers")) > 0)
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&spec_at, "ephemeralContainers"), NULL,
                       "ephemeral containers not allowed in pod template");
}

void validate_pod(struct causes *c, const struct resource *r, struct jnode *obj)
{
    struct jnode *spec = validate_get(obj, "spec");
    struct at at = at_name(NULL, "spec");
    validate_object_meta(c, r, obj, meta_dns_subdomain, true);
    validate_pod_spec(c, &at, spec);
    if (jnode_len(validate_get(spec, "ephemeralContainers")) > 0)
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, "ephemeralContainers"), NULL,
                       "cannot be set on create");
    if (jnode_len(validate_get(spec, "schedulingGates")) > 0 && validate_text(spec, "nodeName").n)
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, "nodeName"), NULL,
                       "cannot be set until all schedulingGates have been cleared");
}

/* ---- changes ---- */

static bool same_but(struct jnode *a, struct jnode *b, const char *member)
{
    for (size_t i = 0; i < jnode_len(a); i++) {
        struct str key = jnode_key_at(a, i);
        if (!str_is(key, member) && !jnode_eq(jnode_value_at(a, i), jnode_get(b, key)))
            return false;
    }
    for (size_t i = 0; i < jnode_len(b); i++) {
        struct str key = jnode_key_at(b, i);
        if (!str_is(key, member) && !jnode_get(a, key))
            return false;
    }
    return true;
}

static bool same_containers(struct jnode *a, struct jnode *b)
{
    if (jnode_len(a) != jnode_len(b))
        return false;
    for (size_t i = 0; i < jnode_len(a); i++) {
        if (!same_but(jnode_at(a, i), jnode_at(b, i), "image"))
            return false;
    }
    return true;
}

/* Comparing each with each is only done for lists that a sane pod has. */
static bool too_long(struct jnode *a, struct jnode *b)
{
    return jnode_len(a) > PAIRED_MAX || jnode_len(b) > PAIRED_MAX;
}

/* Every old toleration is still there (its seconds may change). */
static bool only_adds_tolerations(struct jnode *now, struct jnode *old)
{
    if (too_long(now, old))
        return false;
    for (size_t i = 0; i < jnode_len(old); i++) {
        bool found = false;
        for (size_t k = 0; k < jnode_len(now) && !found; k++)
            found = same_but(jnode_at(old, i), jnode_at(now, k), "tolerationSeconds");
        if (!found)
            return false;
    }
    return true;
}

static bool only_adds_labels(struct jnode *now, struct jnode *old)
{
    for (size_t i = 0; i < jnode_len(old); i++) {
        if (!jnode_eq(jnode_value_at(old, i), jnode_get(now, jnode_key_at(old, i))))
            return false;
    }
    return true;
}

static bool keeps_all(struct jnode *now, struct jnode *old)
{
    if (too_long(now, old))
        return false;
    for (size_t i = 0; i < jnode_len(old); i++) {
        bool found = false;
        for (size_t k = 0; k < jnode_len(now) && !found; k++)
            found = jnode_eq(jnode_at(old, i), jnode_at(now, k));
        if (!found)
            return false;
    }
    return true;
}

/* A gated pod's required node terms may get more needs, not fewer. */
static void
check_gated_affinity(struct causes *c, const struct at *at, struct jnode *now, struct jnode *old)
{
    static const char path[] =
        "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
    struct jnode *terms = jnode_path(validate_get(now, "affinity"), path);
    struct jnode *was = jnode_path(validate_get(old, "affinity"), path);
    struct at affinity_at = at_name(at, "affinity"), list_at = at_name(&affinity_at, path);
    if (jnode_len(was) == 0)
        return;
    if (jnode_len(was) != jnode_len(terms)) {
        validate_wrong(c, CAUSE_INVALID, &list_at, terms,
                       "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
        return;
    }
    static const char *const lists[] = { "matchExpressions", "matchFields" };
    for (size_t i = 0; i < jnode_len(was); i++) {
        struct at item_at = at_index(&list_at, i);
        for (size_t l = 0; l < COUNT_OF(lists); l++) {
            if (!keeps_all(validate_get(jnode_at(terms, i), lists[l]),
                           validate_get(jnode_at(was, i), lists[l])))
                validate_wrong(c, CAUSE_INVALID, &item_at, jnode_at(terms, i),
                               "only additions are allowed (no mutations or deletions)");
        }
    }
}

static void
check_gates_change(struct causes *c, const struct at *up, struct jnode *now, struct jnode *old)
{
    struct jnode *gates = validate_get(now, "schedulingGates");
    struct jnode *was = validate_get(old, "schedulingGates");
    AUTO(map_fini) struct map names = { 0 };
    for (size_t i = 0; i < jnode_len(was); i++)
        validate_seen(&names, validate_text(jnode_at(was, i), "name"));
    struct at list_at = at_name(up, "schedulingGates");
    for (size_t i = 0; i < jnode_len(gates); i++) {
        struct str name = validate_text(jnode_at(gates, i), "name");
        if (map_get(&names, name))
            continue;
        struct at item_at = at_index(&list_at, i);
        struct str why = arena_printf(
            c->a, "only deletion is allowed, but found new scheduling gate '%.*s'", STR_ARG(name));
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&item_at, "name"), NULL, why.p);
    }
}

static void
check_deadline_change(struct causes *c, const struct at *at, struct jnode *now, struct jnode *old)
{
    struct jnode *deadline = validate_get(now, "activeDeadlineSeconds");
    struct jnode *was = validate_get(old, "activeDeadlineSeconds");
    int64_t value = validate_i64(now, "activeDeadlineSeconds", 0);
    if (deadline && (value < 0 || value > INT32_MAX))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "activeDeadlineSeconds"), deadline,
                       "must be between 0 and 2147483647, inclusive");
    else if (deadline && was && value > validate_i64(old, "activeDeadlineSeconds", 0))
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "activeDeadlineSeconds"), deadline,
                       "must be less than or equal to previous value");
    else if (!deadline && was)
        validate_wrong(c, CAUSE_INVALID, AT_IN(at, "activeDeadlineSeconds"), jnode_null(c->a),
                       "must not update from a positive integer to nil value");
}

static void check_images(struct causes *c, const struct at *at, struct jnode *spec)
{
    static const char *const lists[] = { "containers", "initContainers" };
    for (size_t l = 0; l < COUNT_OF(lists); l++) {
        struct jnode *list = validate_get(spec, lists[l]);
        struct at list_at = at_name(at, lists[l]);
        for (size_t i = 0; i < jnode_len(list); i++) {
            struct at item_at = at_index(&list_at, i);
            validate_required(c, &item_at, jnode_at(list, i), "image");
        }
    }
}

/* Members of a pod's spec that may change by rules of their own. */
static bool may_change(struct str key, struct jnode *now, struct jnode *old, bool gated)
{
    struct jnode *a = jnode_get(now, key), *b = jnode_get(old, key);
    if (str_is(key, "activeDeadlineSeconds") || str_is(key, "schedulingGates"))
        return true;
    if (str_is(key, "containers") || str_is(key, "initContainers"))
        return same_containers(a, b);
    if (str_is(key, "tolerations"))
        return only_adds_tolerations(a, b);
    if (str_is(key, "terminationGracePeriodSeconds"))
        return validate_i64(old, "terminationGracePeriodSeconds", 0) < 0 &&
               validate_i64(now, "terminationGracePeriodSeconds", 0) == 1;
    if (str_is(key, "affinity") && gated)
        return same_but(a, b, "nodeAffinity");
    return str_is(key, "nodeSelector") && gated;
}

static bool changes_more(struct jnode *now, struct jnode *old, bool gated)
{
    for (size_t i = 0; i < jnode_len(now); i++) {
        struct str key = jnode_key_at(now, i);
        if (!jnode_eq(jnode_value_at(now, i), jnode_get(old, key)) &&
            !may_change(key, now, old, gated))
            return true;
    }
    for (size_t i = 0; i < jnode_len(old); i++) {
        struct str key = jnode_key_at(old, i);
        if (!jnode_get(now, key) && !may_change(key, now, old, gated))
            return true;
    }
    return false;
}

void validate_pod_update(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old)
{
    (void)r;
    struct jnode *now = validate_get(obj, "spec"), *was = validate_get(old, "spec");
    struct at at = at_name(NULL, "spec");
    validate_object_meta_update(c, obj, old, true);
    if (jnode_eq(now, was))
        return;
    static const char *const lists[] = { "containers", "initContainers" };
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        if (jnode_len(validate_get(now, lists[i])) == jnode_len(validate_get(was, lists[i])))
            continue;
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&at, lists[i]), NULL,
                       "pod updates may not add or remove containers");
        return;
    }
    bool gated = jnode_len(validate_get(was, "schedulingGates")) > 0;
    check_images(c, &at, now);
    check_deadline_change(c, &at, now, was);
    check_gates_change(c, &at, now, was);
    if (gated) {
        struct jnode *selector = validate_get(now, "nodeSelector");
        if (!only_adds_labels(selector, validate_get(was, "nodeSelector")))
            validate_wrong(c, CAUSE_INVALID, AT_IN(&at, "nodeSelector"), selector,
                           "only additions to spec.nodeSelector are allowed (no mutations or "
                           "deletions)");
        check_gated_affinity(c, &at, now, was);
    }
    if (changes_more(now, was, gated))
        validate_wrong(c, CAUSE_FORBIDDEN, &at, NULL,
                       "pod updates may not change fields other than `spec.containers[*].image`,"
                       "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
                       "`spec.tolerations` (only additions to existing tolerations),"
                       "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
                       "previously negative)");
}

/* ---- status ---- */

static struct jnode *status_named(struct jnode *list, struct str name)
{
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (str_eq(validate_text(jnode_at(list, i), "name"), name))
            return jnode_at(list, i);
    }
    return NULL;
}

/* A container that ended for good stays ended. */
static void check_states(struct causes *c,
                         const struct at *up,
                         struct jnode *obj,
                         struct jnode *old,
                         const char *name)
{
    struct str policy = jnode_text_of_str(jnode_path(old, "spec.restartPolicy"));
    if (str_is(policy, "Always"))
        return;
    struct jnode *list = validate_get(validate_get(obj, "status"), name);
    struct jnode *was = validate_get(validate_get(old, "status"), name);
    struct at list_at = at_name(up, name);
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *before = status_named(was, validate_text(jnode_at(list, i), "name"));
        struct jnode *ended = jnode_path(before, "state.terminated");
        if (!ended || jnode_path(jnode_at(list, i), "state.terminated"))
            continue;
        if (validate_i64(ended, "exitCode", 0) != 0 && str_is(policy, "OnFailure"))
            continue;
        struct at item_at = at_index(&list_at, i);
        validate_wrong(c, CAUSE_FORBIDDEN, AT_IN(&item_at, "state"), NULL,
                       "may not be transitioned to non-terminated state");
    }
}

void validate_pod_status(struct causes *c,
                         const struct resource *r,
                         struct jnode *obj,
                         struct jnode *old)
{
    (void)r;
    struct at at = at_name(NULL, "status");
    validate_object_meta_update(c, obj, old, true);
    validate_rule(c, &at, validate_get(obj, "status"), "nominatedNodeName", meta_dns_subdomain);
    check_states(c, &at, obj, old, "containerStatuses");
    struct str node = jnode_text_of_str(jnode_path(obj, "spec.nodeName"));
    struct str was = jnode_text_of_str(jnode_path(old, "spec.nodeName"));
    struct at node_at = at_name(&at, "nodeName");
    if (!str_eq(node, was))
        validate_wrong(c, CAUSE_FORBIDDEN, &node_at, NULL, "may not be changed directly");
}

/* ---- bindings ---- */

void validate_binding(struct jnode *binding, struct causes *c)
{
    static const char *const kinds[] = { "Node", "<empty>", NULL };
    struct jnode *target = validate_get(binding, "target");
    struct at at = at_name(NULL, "target"), kind_at = at_name(&at, "kind");
    struct str kind = validate_text(target, "kind");
    if (kind.n > 0 && !str_is(kind, "Node"))
        validate_not_supported(c, &kind_at, validate_get(target, "kind"), kinds);
    validate_required(c, &at, target, "name");
}
