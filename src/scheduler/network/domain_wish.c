/* SPDX-License-Identifier: Apache-2.0
 * domain_wish — see domain_wish.h. */
#include "scheduler/network/domain_wish.h"

enum part { PART_TREE, PART_REQUIRED, PART_PREFERRED, PART_SLICE_LEVEL, PART_SLICE_SIZE, PART_ANY };

/* Annotations, some projects write them as labels too. The first row of a part counts. */
static const struct {
    enum part part;
    struct str key;
    bool each_role;
} keys[] = {
    { PART_TREE, STR_INIT("scheduling.ganglion.io/topology"), false },
    { PART_REQUIRED, STR_INIT("scheduling.ganglion.io/topology-required"), false },
    { PART_PREFERRED, STR_INIT("scheduling.ganglion.io/topology-preferred"), false },
    { PART_SLICE_LEVEL, STR_INIT("scheduling.ganglion.io/topology-slice"), false },
    { PART_SLICE_SIZE, STR_INIT("scheduling.ganglion.io/topology-slice-size"), false },
    { PART_REQUIRED, STR_INIT("kueue.x-k8s.io/podset-required-topology"), true },
    { PART_PREFERRED, STR_INIT("kueue.x-k8s.io/podset-preferred-topology"), true },
    { PART_ANY, STR_INIT("kueue.x-k8s.io/podset-unconstrained-topology"), true },
    { PART_SLICE_LEVEL, STR_INIT("kueue.x-k8s.io/podset-slice-required-topology"), true },
    { PART_SLICE_SIZE, STR_INIT("kueue.x-k8s.io/podset-slice-size"), true },
    { PART_TREE, STR_INIT("kai.scheduler/topology"), false },
    { PART_REQUIRED, STR_INIT("kai.scheduler/topology-required-placement"), false },
    { PART_PREFERRED, STR_INIT("kai.scheduler/topology-preferred-placement"), false },
    { PART_SLICE_SIZE, STR_INIT("kai.scheduler/segment-size"), false },
    { PART_SLICE_LEVEL, STR_INIT("kai.scheduler/segment-topology-required-placement"), false },
    { PART_REQUIRED, STR_INIT("armadaproject.io/gangNodeUniformityLabel"), false },
};

/* The same in group objects: KAI's (of a gang, of one of its subgroups), Kubernetes' and ours. */
static const struct {
    enum part part;
    const char *path;
} paths[] = {
    { PART_TREE, "spec.topologyConstraint.topology" },
    { PART_REQUIRED, "spec.topologyConstraint.requiredTopologyLevel" },
    { PART_PREFERRED, "spec.topologyConstraint.preferredTopologyLevel" },
    { PART_REQUIRED, "spec.schedulingConstraints.topology.0.key" },
}, role_paths[] = {
    { PART_TREE, "topology" },
    { PART_REQUIRED, "requiredTopologyLevel" },
    { PART_PREFERRED, "preferredTopologyLevel" },
};

static void take(struct domain_wish *w, struct arena *a, enum part part, struct str value)
{
    struct str *slot = &w->preferred;
    switch (part) {
    case PART_TREE:
        slot = &w->tree;
        break;
    case PART_REQUIRED:
        slot = &w->required;
        break;
    case PART_PREFERRED:
    case PART_ANY:
        break;
    case PART_SLICE_LEVEL:
        slot = &w->slice_level;
        break;
    case PART_SLICE_SIZE:
        if (!w->slice_size && (!str_to_i64(value, &w->slice_size) || w->slice_size < 1 ||
                               w->slice_size > DOMAIN_SLICE_MAX)) {
            w->wrong = arena_printf(a, "the slice size is \"%.*s\", not a number from 1 to %d",
                                    STR_ARG(value), DOMAIN_SLICE_MAX);
            w->slice_size = 1;
        }
        return;
    }
    if (!slot->p)
        *slot = arena_str(a, value);
}

/* Volcano: tiers count upwards from the hosts; domain_tree.h names their levels. */
static bool take_volcano(struct domain_wish *w, struct arena *a, struct json topology)
{
    struct str mode = json_str(json_get(topology, STR("mode")));
    int64_t tier = json_i64_or(json_get(topology, STR("highestTierAllowed")), 0);
    struct str level = tier > 0 ? arena_printf(a, "volcano.sh/tier-%lld", (long long)tier)
                                : json_str(json_get(topology, STR("highestTierName")));
    if (!mode.n && !level.n)
        return false;
    if (str_is(mode, "soft") || !level.n)
        w->preferred = level.n ? level : STR("volcano.sh/tier-1");
    else
        w->required = arena_str(a, level);
    return true;
}

static bool read_group(struct domain_wish *w, struct arena *a, const struct kobj *group)
{
    bool any = false;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct str value = json_str(kobj_path(group, paths[i].path));
        if (!value.n)
            continue;
        take(w, a, paths[i].part, value);
        any = true;
    }
    return take_volcano(w, a, kobj_path(group, "spec.networkTopology")) || any;
}

static bool read_role(struct domain_wish *w, struct arena *a, struct json role)
{
    bool any = false;
    if (json_type(role) != JSON_OBJ)
        return false;
    for (size_t i = 0; i < COUNT_OF(role_paths); i++) {
        struct str value = json_str(json_path(role, role_paths[i].path));
        if (!value.n)
            continue;
        take(w, a, role_paths[i].part, value);
        any = true;
    }
    any = take_volcano(w, a, role) || any;
    w->each_role = any;
    return any;
}

static bool read_pod(struct domain_wish *w, struct arena *a, struct json annotations)
{
    bool any = false;
    if (!json_len(annotations))
        return false;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct str value = json_str(json_get(annotations, keys[i].key));
        if (!value.p)
            continue;
        take(w, a, keys[i].part, value);
        w->each_role = w->each_role || keys[i].each_role;
        any = true;
    }
    struct str mode = json_str(json_get(annotations, STR("volcano.sh/network-topology-mode")));
    struct str tier =
        json_str(json_get(annotations, STR("volcano.sh/network-topology-highest-tier")));
    if (!mode.n)
        return any;
    struct str level =
        tier.n ? arena_printf(a, "volcano.sh/tier-%.*s", STR_ARG(tier)) : STR("volcano.sh/tier-1");
    *(str_is(mode, "hard") ? &w->required : &w->preferred) = level;
    return true;
}

const struct domain_wish *domain_wish_of(struct arena *a, const struct domain_said *by)
{
    struct domain_wish w = { 0 };
    if (!read_role(&w, a, by->role) && !read_pod(&w, a, by->annotations) &&
        !(by->group && read_group(&w, a, by->group)))
        return NULL;
    if (w.slice_size > 1 && !w.slice_level.n && !w.wrong.p)
        w.slice_level = w.required.n ? w.required : w.preferred;
    if (w.slice_size > 1 && !w.slice_level.n && !w.wrong.p)
        w.wrong = STR("a slice size is given, but no level that a slice must share");
    struct domain_wish *out = ARENA_NEW(a, struct domain_wish);
    *out = w;
    return out;
}

bool domain_wish_same(const struct domain_wish *a, const struct domain_wish *b)
{
    if (!a || !b)
        return a == b;
    return str_eq(a->tree, b->tree) && str_eq(a->required, b->required) &&
           str_eq(a->preferred, b->preferred) && str_eq(a->slice_level, b->slice_level) &&
           a->slice_size == b->slice_size && a->each_role == b->each_role;
}
