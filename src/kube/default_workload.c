/* SPDX-License-Identifier: Apache-2.0
 * default_workload — defaults of the kinds that make pods. */
#include "kube/default.h"
#include "kube/default_internal.h"

static void default_template(struct arena *a, struct jnode *spec)
{
    default_pod_spec(a, jnode_path(spec, "template.spec"));
}

static bool type_is(struct jnode *strategy, const char *type)
{
    return str_is(jnode_text_of_str(jnode_get(strategy, STR("type"))), type);
}

static void labels_from_template(struct arena *a, struct jnode *root)
{
    struct jnode *labels = jnode_path(root, "spec.template.metadata.labels");
    if (jnode_len(labels) == 0)
        return;
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    if (jnode_len(jnode_get(meta, STR("labels"))) == 0)
        jnode_set(meta, STR("labels"), jnode_copy(a, labels));
}

void default_replication_controller(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    struct jnode *labels = jnode_path(spec, "template.metadata.labels");
    if (jnode_len(labels) > 0 && jnode_len(jnode_get(spec, STR("selector"))) == 0)
        jnode_set(spec, STR("selector"), jnode_copy(a, labels));
    labels_from_template(a, root);
    default_template(a, spec);
}

void default_deployment(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    struct jnode *strategy = jnode_get(spec, STR("strategy"));
    if (type_is(strategy, "RollingUpdate")) {
        struct jnode *rolling = jnode_need_obj(strategy, STR("rollingUpdate"));
        default_str(a, rolling, "maxUnavailable", "25%");
        default_str(a, rolling, "maxSurge", "25%");
    }
    default_template(a, spec);
}

void default_replica_set(struct arena *a, struct jnode *root)
{
    default_template(a, jnode_get(root, STR("spec")));
}

void default_daemon_set(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    struct jnode *strategy = jnode_get(spec, STR("updateStrategy"));
    if (type_is(strategy, "RollingUpdate")) {
        struct jnode *rolling = jnode_need_obj(strategy, STR("rollingUpdate"));
        default_i64(a, rolling, "maxUnavailable", 1);
        default_i64(a, rolling, "maxSurge", 0);
    }
    default_template(a, spec);
}

void default_stateful_set(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    struct jnode *strategy = jnode_get(spec, STR("updateStrategy"));
    if (type_is(strategy, "RollingUpdate")) {
        struct jnode *rolling = jnode_need_obj(strategy, STR("rollingUpdate"));
        default_i64(a, rolling, "partition", 0);
    }
    default_template(a, spec);
}

void default_job(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    bool completions = jnode_get(spec, STR("completions")) != NULL;
    bool parallelism = jnode_get(spec, STR("parallelism")) != NULL;
    if (!completions && !parallelism)
        default_i64(a, spec, "completions", 1);
    default_i64(a, spec, "parallelism", 1);
    bool per_index = jnode_get(spec, STR("backoffLimitPerIndex")) != NULL;
    default_i64(a, spec, "backoffLimit", per_index ? INT32_MAX : 6);
    labels_from_template(a, root);
    default_str(a, spec, "completionMode", "NonIndexed");
    default_bool(a, spec, "suspend", false);
    bool policy = jnode_get(spec, STR("podFailurePolicy")) != NULL;
    default_str(a, spec, "podReplacementPolicy", policy ? "Failed" : "TerminatingOrFailed");
    default_template(a, spec);
}

void default_cron_job(struct arena *a, struct jnode *root)
{
    default_pod_spec(a, jnode_path(root, "spec.jobTemplate.spec.template.spec"));
}
