/* SPDX-License-Identifier: Apache-2.0
 * validate — which rules a kind has, and in which order they are asked; see validate.h.
 *
 * The order is that of Kubernetes' generic registry, so that causes come as often and in the same
 * places: on create the kind's own rules, and only when these are content the general ones of
 * metadata; on update the general ones first, then the kind's (which ask about metadata again). */
#include "kube/validate.h"

#include "kube/validate_internal.h"

struct kind_rules {
    const char *group, *kind;
    meta_rule_fn name; /* NULL: only the general rules of metadata */
    validate_fn check; /* of the whole object, new or changed; NULL: none */
    validate_change_fn change;
    validate_change_fn status;
    bool own_meta;       /* check also looks at metadata */
    bool own_update;     /* change does all that an update needs */
    bool rename_checked; /* on update the rules of new metadata are asked again */
};

static const struct kind_rules rules[] = {
    { .group = "",
      .kind = "ConfigMap",
      .name = meta_dns_subdomain,
      .check = validate_configmap,
      .change = validate_immutable_data },
    { .group = "", .kind = "Endpoints", .name = meta_dns_subdomain, .check = validate_endpoints },
    { .group = "",
      .kind = "Event",
      .check = validate_event,
      .change = validate_event_update,
      .own_meta = true,
      .own_update = true },
    { .group = "",
      .kind = "LimitRange",
      .name = meta_dns_subdomain,
      .check = validate_limit_range },
    { .group = "",
      .kind = "Namespace",
      .name = meta_dns_label,
      .check = validate_namespace,
      .rename_checked = true },
    { .group = "",
      .kind = "Node",
      .name = meta_dns_subdomain,
      .check = validate_node,
      .change = validate_node_update,
      .rename_checked = true },
    { .group = "",
      .kind = "PersistentVolumeClaim",
      .name = meta_dns_subdomain,
      .check = validate_volume_claim },
    { .group = "",
      .kind = "Pod",
      .name = meta_dns_subdomain,
      .check = validate_pod,
      .change = validate_pod_update,
      .status = validate_pod_status,
      .own_meta = true,
      .own_update = true },
    { .group = "", .kind = "ResourceQuota", .name = meta_dns_subdomain },
    { .group = "",
      .kind = "Secret",
      .name = meta_dns_subdomain,
      .check = validate_secret,
      .change = validate_secret_update },
    { .group = "",
      .kind = "Service",
      .name = meta_dns_label,
      .check = validate_service,
      .change = validate_service_update },
    { .group = "", .kind = "ServiceAccount", .name = meta_dns_subdomain },
    { .group = "apps",
      .kind = "Deployment",
      .name = meta_dns_subdomain,
      .check = validate_deployment,
      .change = validate_selector_update,
      .status = validate_workload_status },
    { .group = "apps",
      .kind = "ReplicaSet",
      .name = meta_dns_subdomain,
      .check = validate_replicaset,
      .change = validate_selector_update,
      .status = validate_workload_status,
      .rename_checked = true },
    { .group = "batch",
      .kind = "Job",
      .name = meta_dns_subdomain,
      .check = validate_job,
      .change = validate_job_update,
      .status = validate_job_status,
      .own_update = true },
    { .group = "coordination.k8s.io",
      .kind = "Lease",
      .name = meta_dns_subdomain,
      .check = validate_lease },
    { .group = "events.k8s.io",
      .kind = "Event",
      .check = validate_event,
      .change = validate_event_update,
      .own_meta = true,
      .own_update = true },
    { .group = "policy",
      .kind = "PodDisruptionBudget",
      .name = meta_dns_subdomain,
      .check = validate_disruption_budget },
    { .group = "rbac.authorization.k8s.io",
      .kind = "ClusterRole",
      .name = meta_path_segment,
      .check = validate_role },
    { .group = "rbac.authorization.k8s.io",
      .kind = "ClusterRoleBinding",
      .name = meta_path_segment,
      .check = validate_role_binding },
    { .group = "rbac.authorization.k8s.io",
      .kind = "Role",
      .name = meta_path_segment,
      .check = validate_role },
    { .group = "rbac.authorization.k8s.io",
      .kind = "RoleBinding",
      .name = meta_path_segment,
      .check = validate_role_binding },
    { .group = "resource.k8s.io",
      .kind = "DeviceClass",
      .name = meta_dns_subdomain,
      .check = validate_device_class },
    { .group = "resource.k8s.io",
      .kind = "ResourceClaim",
      .name = meta_dns_subdomain,
      .check = validate_resource_claim,
      .change = validate_spec_update },
    { .group = "resource.k8s.io",
      .kind = "ResourceClaimTemplate",
      .name = meta_dns_subdomain,
      .check = validate_resource_claim_template,
      .change = validate_spec_update },
    { .group = "resource.k8s.io",
      .kind = "ResourceSlice",
      .name = meta_dns_subdomain,
      .check = validate_resource_slice,
      .change = validate_resource_slice_update },
    { .group = "scheduling.k8s.io",
      .kind = "PriorityClass",
      .name = meta_dns_subdomain,
      .check = validate_priority_class,
      .change = validate_priority_class_update },
    { .group = "storage.k8s.io",
      .kind = "StorageClass",
      .name = meta_dns_subdomain,
      .check = validate_storage_class },
};

static const struct kind_rules *find_rules(const struct resource *r)
{
    if (r->custom)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (str_is(r->kind, rules[i].kind) && str_is(r->group, rules[i].group))
            return &rules[i];
    }
    return NULL;
}

void validate_meta_create(const struct resource *r, struct jnode *obj, struct causes *c)
{
    validate_object_meta(c, r, obj, r->custom ? meta_dns_subdomain : meta_path_segment, false);
}

void validate_create(const struct resource *r, struct jnode *obj, struct causes *c)
{
    const struct kind_rules *k = find_rules(r);
    size_t before = c->list.n;
    if (k && !k->own_meta)
        validate_object_meta(c, r, obj, k->name, true);
    if (k && k->check)
        k->check(c, r, obj);
    if (c->list.n == before)
        validate_meta_create(r, obj, c);
}

void validate_meta_update(const struct resource *r,
                          struct jnode *obj,
                          struct jnode *old,
                          struct causes *c)
{
    validate_object_meta(c, r, obj, meta_path_segment, false);
    validate_object_meta_update(c, obj, old, false);
    if (r->custom)
        validate_object_meta_update(c, obj, old, false);
}

void validate_update(const struct resource *r,
                     struct jnode *obj,
                     struct jnode *old,
                     struct causes *c)
{
    const struct kind_rules *k = find_rules(r);
    validate_meta_update(r, obj, old, c);
    if (!k)
        return;
    if (!k->own_update) {
        if (k->rename_checked)
            validate_object_meta(c, r, obj, k->name, true);
        validate_object_meta_update(c, obj, old, true);
    }
    if (k->change)
        k->change(c, r, obj, old);
    if (k->check && !k->own_update)
        k->check(c, r, obj);
}

void validate_update_status(const struct resource *r,
                            struct jnode *obj,
                            struct jnode *old,
                            struct causes *c)
{
    const struct kind_rules *k = find_rules(r);
    validate_meta_update(r, obj, old, c);
    if (k && k->status)
        k->status(c, r, obj, old);
    else if (k)
        validate_object_meta_update(c, obj, old, true);
}
