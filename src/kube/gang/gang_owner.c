/* SPDX-License-Identifier: Apache-2.0
 * gang_owner — see gang_owner.h. Fields: Kubeflow's pkg/apis/kubeflow.org/v1, KubeRay's
 * ray-operator/apis/ray/v1, JobSet's api/jobset/v1alpha2, LeaderWorkerSet's
 * api/leaderworkerset/v1. */
#include "kube/gang/gang_owner.h"

#include "base/num.h"

#define REPLICAS_MAX GANG_MEMBERS_MAX

static int64_t count_at(struct json v, const char *path, int64_t otherwise)
{
    return num_clamp_i64(json_i64_or(json_path(v, path), otherwise), 0, REPLICAS_MAX);
}

/* People switched it off at the owner: one is enough. */
static bool is_off(struct json root, struct gang_spec *out)
{
    struct json meta = json_get(root, STR("metadata"));
    struct str by = json_str(json_get(json_get(meta, STR("annotations")), STR(GANG_SWITCH)));
    if (!by.p)
        by = json_str(json_get(json_get(meta, STR("labels")), STR(GANG_SWITCH)));
    if (!str_is(by, "off"))
        return false;
    out->min = 1;
    return true;
}

static struct gang_role *
add_role(struct arena *a, struct gang_spec *out, struct str name, int64_t n)
{
    if (!out->roles)
        out->roles = ARENA_ARRAY(a, struct gang_role, GANG_ROLES_MAX);
    out->crowded = out->crowded || (name.n && n && out->n_roles == GANG_ROLES_MAX);
    if (!name.n || !n || out->crowded)
        return NULL;
    out->roles[out->n_roles] = (struct gang_role){ .name = name, .min = n };
    return &out->roles[out->n_roles++];
}

void gang_owner_kubeflow(const struct gang_object_kind *k,
                         struct json root,
                         struct str part,
                         struct arena *a,
                         struct gang_spec *out)
{
    (void)part;
    if (is_off(root, out))
        return;
    out->min = count_at(root, "spec.runPolicy.schedulingPolicy.minAvailable", 0);
    if (out->min)
        return;
    int64_t least = count_at(root, "spec.elasticPolicy.minReplicas", 0);
    for (struct json_iter it = json_iter(json_path(root, k->replicas)); json_next(&it);) {
        struct str role = arena_lower(a, it.key);
        int64_t n = count_at(it.value, "replicas", 1);
        if (least && str_is(role, "worker"))
            n = num_min_i64(n, least);
        add_role(a, out, role, n);
    }
}

void gang_owner_mpijob(const struct gang_object_kind *k,
                       struct json root,
                       struct str part,
                       struct arena *a,
                       struct gang_spec *out)
{
    (void)k;
    (void)part;
    (void)a;
    if (!is_off(root, out))
        out->min = count_at(root, "spec.mpiReplicaSpecs.Worker.replicas", 0);
}

void gang_owner_raycluster(const struct gang_object_kind *k,
                           struct json root,
                           struct str part,
                           struct arena *a,
                           struct gang_spec *out)
{
    bool scaled = json_bool(json_path(root, "spec.enableInTreeAutoscaling"), false);
    (void)k;
    (void)part;
    if (is_off(root, out))
        return;
    add_role(a, out, STR("headgroup"), 1);
    for (struct json_iter it = json_iter(json_path(root, "spec.workerGroupSpecs"));
         json_next(&it);) {
        int64_t n = count_at(it.value, "replicas", 0);
        if (scaled)
            n = num_min_i64(n, count_at(it.value, "minReplicas", 0));
        if (json_bool(json_get(it.value, STR("suspend")), false))
            n = 0;
        n = num_min_i64(n * count_at(it.value, "numOfHosts", 1), REPLICAS_MAX);
        add_role(a, out, json_str(json_get(it.value, STR("groupName"))), n);
    }
}

void gang_owner_jobset(const struct gang_object_kind *k,
                       struct json root,
                       struct str part,
                       struct arena *a,
                       struct gang_spec *out)
{
    (void)k;
    (void)a;
    if (is_off(root, out))
        return;
    for (struct json_iter it = json_iter(json_path(root, "spec.replicatedJobs")); json_next(&it);) {
        int64_t pods = count_at(it.value, "template.spec.parallelism", 1);
        if (!str_eq(json_str(json_get(it.value, STR("name"))), part))
            continue;
        pods = num_min_i64(pods, count_at(it.value, "template.spec.completions", pods));
        out->min = num_min_i64(pods * count_at(it.value, "replicas", 1), REPLICAS_MAX);
    }
}

void gang_owner_lws(const struct gang_object_kind *k,
                    struct json root,
                    struct str part,
                    struct arena *a,
                    struct gang_spec *out)
{
    (void)k;
    (void)part;
    (void)a;
    if (is_off(root, out))
        return;
    bool in_turn = str_is(json_str(json_path(root, "spec.startupPolicy")), "LeaderReady");
    out->min = in_turn ? 1 : count_at(root, "spec.leaderWorkerTemplate.size", 1);
}
