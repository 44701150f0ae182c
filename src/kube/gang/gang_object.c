/* SPDX-License-Identifier: Apache-2.0
 * gang_object — see gang_object.h. */
#include "kube/gang/gang_object.h"

#include "base/num.h"
#include "kube/meta.h"

#define NAME_MAX 253

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
    .verdict = { .list = "conditions",                                                             \
                 .scheduled = condition,                                                           \
                 .scheduled_as = "Scheduled",                                                      \
                 .reasons = { "Unschedulable" },                                                   \
                 .disrupted = true }

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
      .words = { "Pending", "Inqueue", "Running", "Completed", "Completed", "Unknown" },
      .counts = { NULL, "running", "succeeded", "failed" }, .verdict = VOLCANO_VERDICT },
    { GANG_BY_KAI, "KAI", RESOURCE("scheduling.run.ai", "v2alpha2", "podgroups"),
      .min = "spec.minMember", .priority_class = "spec.priorityClassName",
      .roles = "spec.subGroups", .counts = { NULL, "running", "succeeded", "failed", "pending" },
      .verdict = KAI_VERDICT },
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
    int64_t n;
    if (!name.n || !json_i64(min, &n) || n < 0 || n > GANG_MEMBERS_MAX)
        wrong(out, arena_printf(a, "role \"%.*s\" of its group has minimum %.*s", STR_ARG(name),
                                STR_ARG(json_text(min))));
    else if (out->n_roles < GANG_ROLES_MAX)
        out->roles[out->n_roles++] = (struct gang_role){ .name = name, .min = n };
}

static void read_roles(const struct gang_object_kind *k,
                       struct json from,
                       struct arena *a,
                       struct gang_spec *out)
{
    out->roles = ARENA_ARRAY(a, struct gang_role, GANG_ROLES_MAX);
    for (struct json_iter it = json_iter(at(from, k->roles)); json_next(&it);)
        add_role(a, out, json_str(json_get(it.value, STR("name"))),
                 json_get(it.value, STR("minMember")));
    for (struct json_iter it = json_iter(at(from, k->role_mins)); json_next(&it);)
        add_role(a, out, it.key, it.value);
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
    read_min(k, from, a, out);
    if (k->roles || k->role_mins)
        read_roles(k, from, a, out);
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
