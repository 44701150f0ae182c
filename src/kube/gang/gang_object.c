/* SPDX-License-Identifier: Apache-2.0
 * gang_object — see gang_object.h. */
#include "kube/gang/gang_object.h"

#include "base/num.h"
#include "kube/gang/gang_owner.h"
#include "kube/meta.h"

#define NAME_MAX 253
#define SUBGROUPS_MAX (2 * GANG_ROLES_MAX) /* of one object, parents included */
#define SUBGROUP_DEPTH_MAX 16

#define RESOURCE(g, v, p)                                                                          \
    .group = STR_INIT(g), .version = STR_INIT(v), .plural = STR_INIT(p) /* literals only */

/* scheduler-plugins' apis/scheduling/v1alpha1/types.go; Koordinator serves its first form. */
#define COSCHEDULING                                                                               \
    .min = "spec.minMember", .timeout_s = "spec.scheduleTimeoutSeconds",                           \
    .resources = "spec.minResources",                                                              \
    .words = { "Pending", "Scheduling", "Running", "Finished", "Failed", "Unknown" },              \
    .owners = "occupiedBy", .started = "scheduleStartTime" /* two rows share it */

#define POLICY(condition) /* Kubernetes 1.36 and later; versions differ in the condition's name */ \
    .min = "spec.schedulingPolicy.gang.minCount", .any = "spec.schedulingPolicy.basic",            \
    .priority_class = "spec.priorityClassName",                                                    \
    .ignored = { "spec.resourceClaims", "spec.parentCompositePodGroupName" },                      \
    .loss = "spec.disruptionMode",                                                                 \
    .verdict = { .list = "conditions",                                                             \
                 .scheduled = condition,                                                           \
                 .scheduled_as = "Scheduled",                                                      \
                 .reasons = { "Unschedulable" },                                                   \
                 .disrupted = true }

#define KUBEFLOW(bit, kind, plural, path)                                                          \
    {                                                                                              \
        bit, "Kubeflow " kind, RESOURCE("kubeflow.org", "v1", plural), .replicas = path,           \
                                                                       .read = gang_owner_kubeflow \
    }

/* pkg/scheduler/plugins/gang of Volcano, and its PodGroup's types. */
#define VOLCANO_VERDICT                                                                            \
    {                                                                                              \
        .list = "conditions", .scheduled = "Scheduled", .scheduled_as = "ReadyToBeScheduled",      \
        .waiting = "Unschedulable",                                                                \
        .reasons = { [GANG_LACKS_ROOM] = "NotEnoughResources",                                     \
                     [GANG_LACKS_MEMBERS] = "NotEnoughTasks",                                      \
                     [GANG_LACKS_ROLE] = "NotEnoughPodsOfTask" },                                  \
    }

#define KAI_VERDICT                                                                                \
    {                                                                                              \
        .list = "schedulingConditions", .waiting = "UnschedulableOnNodePool",                      \
        .scheduled_as = "Scheduled",                                                               \
        .reasons = { [GANG_LACKS_ROOM] = "Unschedulable", [GANG_LACKS_QUOTA] = "OverLimit" },      \
        .node_pool = "default", .listed = true                                                     \
    }

const struct gang_object_kind gang_object_kinds[] = {
    { GANG_BY_GANGLION, "Ganglion", RESOURCE("aiplatform.ganglion.io", "v1alpha1", "podgroups"),
      .min = "spec.minMember", .timeout_s = "spec.scheduleTimeoutSeconds",
      .resources = "spec.minResources", .priority_class = "spec.priorityClassName",
      .roles = "spec.subGroups" },
    { GANG_BY_SCHEDULER_PLUGINS, "scheduler-plugins",
      RESOURCE("scheduling.x-k8s.io", "v1alpha1", "podgroups"), COSCHEDULING,
      .counts = { NULL, "running", "succeeded", "failed" } },
    { GANG_BY_KOORDINATOR, "Koordinator",
      RESOURCE("scheduling.sigs.k8s.io", "v1alpha1", "podgroups"), COSCHEDULING,
      .counts = { "scheduled", "running", "succeeded", "failed" } },
    { GANG_BY_VOLCANO, "Volcano", RESOURCE("scheduling.volcano.sh", "v1beta1", "podgroups"),
      .min = "spec.minMember", .resources = "spec.minResources",
      .priority_class = "spec.priorityClassName", .role_mins = "spec.minTaskMember",
      .policies = "spec.subGroupPolicy",
      .words = { "Pending", "Inqueue", "Running", "Completed", "Completed", "Unknown" },
      .counts = { NULL, "running", "succeeded", "failed" }, .verdict = VOLCANO_VERDICT },
    { GANG_BY_KAI, "KAI", RESOURCE("scheduling.run.ai", "v2alpha2", "podgroups"),
      .min = "spec.minMember", .priority_class = "spec.priorityClassName",
      .roles = "spec.subGroups", .kept = "spec.preemptibility",
      .counts = { NULL, "running", "succeeded", "failed", "pending" }, .verdict = KAI_VERDICT },
    { GANG_BY_KUBERNETES, "Kubernetes", RESOURCE("scheduling.k8s.io", "v1alpha2", "podgroups"),
      POLICY("PodGroupScheduled") },
    { GANG_BY_KUBERNETES, "Kubernetes", RESOURCE("scheduling.k8s.io", "v1alpha3", "podgroups"),
      POLICY("PodGroupInitiallyScheduled") },
    { GANG_BY_WORKLOAD, "Kubernetes Workload",
      RESOURCE("scheduling.k8s.io", "v1alpha1", "workloads"), .groups = "spec.podGroups",
      .min = "policy.gang.minCount", .any = "policy.basic" },
    { GANG_BY_WORKLOAD, "KubeNexus Workload",
      RESOURCE("scheduling.k8s.io", "v1alpha1", "workloads"), .groups = "spec.podSets",
      .min = "count", .priority_class = "spec.priorityClassName" },
    KUBEFLOW(GANG_BY_PYTORCHJOB, "PyTorchJob", "pytorchjobs", "spec.pytorchReplicaSpecs"),
    KUBEFLOW(GANG_BY_TFJOB, "TFJob", "tfjobs", "spec.tfReplicaSpecs"),
    KUBEFLOW(GANG_BY_XGBOOSTJOB, "XGBoostJob", "xgboostjobs", "spec.xgbReplicaSpecs"),
    KUBEFLOW(GANG_BY_PADDLEJOB, "PaddleJob", "paddlejobs", "spec.paddleReplicaSpecs"),
    KUBEFLOW(GANG_BY_JAXJOB, "JAXJob", "jaxjobs", "spec.jaxReplicaSpecs"),
    { GANG_BY_MPIJOB, "MPI operator", RESOURCE("kubeflow.org", "v2beta1", "mpijobs"),
      .read = gang_owner_mpijob },
    { GANG_BY_MPIJOB, "Kubeflow MPIJob", RESOURCE("kubeflow.org", "v1", "mpijobs"),
      .read = gang_owner_mpijob },
    { GANG_BY_RAYCLUSTER, "KubeRay", RESOURCE("ray.io", "v1", "rayclusters"),
      .read = gang_owner_raycluster },
    { GANG_BY_JOBSET, "JobSet", RESOURCE("jobset.x-k8s.io", "v1alpha2", "jobsets"),
      .read = gang_owner_jobset },
    { GANG_BY_LWS, "LeaderWorkerSet",
      RESOURCE("leaderworkerset.x-k8s.io", "v1", "leaderworkersets"), .read = gang_owner_lws },
};

const size_t gang_object_kinds_count = COUNT_OF(gang_object_kinds);

static bool is_of(const struct kobj *o, const struct gang_object_kind *k)
{
    struct str rest = o->api_version;
    struct str group = str_split(&rest, '/');
    return str_eq(group, k->group) && str_eq(rest, k->version) && o->kind.n + 1 == k->plural.n &&
           str_eq_nocase(o->kind, str_take(k->plural, o->kind.n));
}

uint32_t gang_object_bit(const struct kobj *o)
{
    for (size_t i = 0; i < gang_object_kinds_count; i++) {
        if (is_of(o, &gang_object_kinds[i]))
            return gang_object_kinds[i].bit;
    }
    return 0;
}

static struct json at(struct json v, const char *path)
{
    return path ? json_path(v, path) : (struct json){ 0 };
}

static void wrong(struct gang_spec *out, struct str text)
{
    if (!out->wrong.p)
        out->wrong = text;
}

static void
read_min(const struct gang_object_kind *k, struct json from, struct arena *a, struct gang_spec *out)
{
    struct json v = at(from, k->min);
    int64_t min;
    if (json_exists(at(from, k->any)))
        out->min = 1;
    else if (json_i64(v, &min) && gang_min_ok(min))
        out->min = min;
    else if (json_has(v))
        wrong(out, arena_printf(a, "%s of its group is %.*s, not a number from 1 to %d", k->min,
                                STR_ARG(json_text(v)), GANG_MEMBERS_MAX));
    else if (!k->roles && !k->role_mins)
        wrong(out, arena_printf(a, "its group has no %s", k->min));
}

static void add_role(struct arena *a, struct gang_spec *out, struct str name, struct json min)
{
    int64_t n = 0;
    bool absent = !json_has(min); /* KAI's subgroups need none */
    if (!name.n || (!absent && !json_i64(min, &n)) || n < 0 || n > GANG_MEMBERS_MAX)
        wrong(out, arena_printf(a, "role \"%.*s\" of its group has minimum %.*s", STR_ARG(name),
                                STR_ARG(json_text(min))));
    else if (out->n_roles < GANG_ROLES_MAX)
        out->roles[out->n_roles++] = (struct gang_role){ .name = name, .min = n };
    else
        out->crowded = true;
}

/* KAI's subgroups may have parents, which have no members of their own. */
static bool is_parent(struct json list, struct str name)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("parent"))), name))
            return true;
    }
    return false;
}

static struct json entry_of(struct json list, struct str part);

/* Parents of parents without an end, or nearly. */
static bool is_in_circle(struct json list, struct json entry)
{
    struct str parent = json_str(json_get(entry, STR("parent")));
    for (int depth = 0; parent.n && depth < SUBGROUP_DEPTH_MAX; depth++)
        parent = json_str(json_get(entry_of(list, parent), STR("parent")));
    return parent.n > 0;
}

/* Nothing of it counts: with part of its subgroups the gang would start in part. */
static void refuse_roles(struct gang_spec *out, struct str text)
{
    wrong(out, text);
    out->min = 0;
    out->n_roles = 0;
}

static void read_roles(const struct gang_object_kind *k,
                       struct json from,
                       struct arena *a,
                       struct gang_spec *out)
{
    struct json list = at(from, k->roles);
    out->roles = ARENA_ARRAY(a, struct gang_role, GANG_ROLES_MAX);
    out->crowded = json_len(list) > SUBGROUPS_MAX;
    for (struct json_iter it = json_iter(list); !out->crowded && json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        size_t n = out->n_roles;
        if (is_in_circle(list, it.value)) {
            refuse_roles(out, arena_printf(a,
                                           "subgroup \"%.*s\" of its group is below itself, or "
                                           "more than %d deep",
                                           STR_ARG(name), SUBGROUP_DEPTH_MAX));
            return;
        }
        if (name.n && is_parent(list, name))
            continue;
        add_role(a, out, name, json_get(it.value, STR("minMember")));
        if (out->n_roles > n)
            out->roles[n].topology = json_get(it.value, STR("topologyConstraint"));
    }
    for (struct json_iter it = json_iter(at(from, k->role_mins)); json_next(&it);)
        add_role(a, out, it.key, it.value);
}

static void read_policies(struct json list, struct arena *a, struct gang_spec *out)
{
    if (json_len(list) > GANG_POLICIES_MAX)
        wrong(out,
              arena_printf(a, "its group has more than %d subgroup policies", GANG_POLICIES_MAX));
    out->policies = ARENA_ARRAY(a, struct gang_policy, GANG_POLICIES_MAX);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct gang_policy p = { .name = json_str(json_get(it.value, STR("name"))),
                                 .selector = json_get(it.value, STR("labelSelector")),
                                 .keys = json_get(it.value, STR("matchLabelKeys")),
                                 .size = json_i64_or(json_get(it.value, STR("subGroupSize")), 1),
                                 .least = json_i64_or(json_get(it.value, STR("minSubGroups")), 0),
                                 .topology = json_get(it.value, STR("networkTopology")) };
        if (!gang_min_ok(p.size) || p.least < 0 || p.least > GANG_ROLES_MAX)
            wrong(out, arena_printf(a,
                                    "policy \"%.*s\" of its group has a subGroupSize that is not "
                                    "from 1 to %d, or minSubGroups beyond %d",
                                    STR_ARG(p.name), GANG_MEMBERS_MAX, GANG_ROLES_MAX));
        else if (out->n_policies < GANG_POLICIES_MAX)
            out->policies[out->n_policies++] = p;
    }
}

/* Kubernetes' word for whether one pod may be disrupted, or only all. */
static struct str loss_of(struct json mode)
{
    struct str word = json_str(mode);
    if (str_eq_nocase(word, STR("all")) || str_is(word, "PodGroup") ||
        json_has(json_get(mode, STR("all"))))
        return STR("gang");
    if (str_eq_nocase(word, STR("single")) || str_is(word, "Pod") ||
        json_has(json_get(mode, STR("single"))))
        return STR("member");
    return (struct str){ 0 };
}

/* The entry of a list whose name is the part; absent: none. */
static struct json entry_of(struct json list, struct str part)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("name"))), part))
            return it.value;
    }
    return (struct json){ 0 };
}

static void refuse_crowd(struct arena *a, struct gang_spec *out)
{
    if (out->crowded)
        refuse_roles(out, arena_printf(a, "its group has more than %d roles", GANG_ROLES_MAX));
}

bool gang_object_read(const struct gang_object_kind *k,
                      const struct kobj *o,
                      struct str part,
                      struct arena *a,
                      struct gang_spec *out)
{
    struct json root = kobj_root(o);
    struct json from = k->groups ? entry_of(json_path(root, k->groups), part) : root;
    *out = (struct gang_spec){ 0 };
    if (!is_of(o, k) || !json_exists(from) || kobj_annotation(o, STR(GANG_MIRROR_OF)).n)
        return false;
    if (k->read) {
        k->read(k, root, part, a, out);
        refuse_crowd(a, out);
        return true;
    }
    read_min(k, from, a, out);
    if (k->roles || k->role_mins)
        read_roles(k, from, a, out);
    refuse_crowd(a, out);
    if (json_len(at(from, k->policies)))
        read_policies(at(from, k->policies), a, out);
    if (k->loss)
        out->loss = loss_of(at(root, k->loss));
    for (size_t i = 0; i < COUNT_OF(k->ignored) && k->ignored[i]; i++) {
        struct str path = str_from(k->ignored[i]);
        if (json_has(json_path(root, k->ignored[i])))
            out->ignored = out->ignored.n
                               ? arena_printf(a, "%.*s, %.*s", STR_ARG(out->ignored), STR_ARG(path))
                               : path;
    }
    out->timeout_s = num_clamp_i64(json_i64_or(at(root, k->timeout_s), 0), 0, INT32_MAX);
    out->resources = at(root, k->resources);
    out->priority_class = json_str(at(root, k->priority_class));
    out->kept = str_is(json_str(at(root, k->kept)), "non-preemptible");
    return true;
}

struct str gang_object_mirror_name(struct arena *a, struct str gang)
{
    if (meta_dns_subdomain(gang).n == 0)
        return gang;
    struct str out = arena_lower(a, str_take(gang, NAME_MAX - 16));
    char *p = (char *)(uintptr_t)out.p; /* our copy */
    for (size_t i = 0; i < out.n; i++) {
        bool fine = char_is_digit(p[i]) || (p[i] >= 'a' && p[i] <= 'z');
        p[i] = fine ? p[i] : '-';
    }
    return arena_printf(a, "gang-%.*s-%08x", STR_ARG(out), (unsigned)str_hash(gang, 0));
}
