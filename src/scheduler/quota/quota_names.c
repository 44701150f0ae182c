/* SPDX-License-Identifier: Apache-2.0
 * quota_names — see quota_names.h. */
#include "scheduler/quota/quota_names.h"

#define USER_KEY STR("scheduling.ganglion.io/user")
#define TIER_KEY STR("tenant.kubenexus.io/tier")
#define TENANT_KEY STR("tenant.kubenexus.io/name")
#define WORK_CLASS_KEY STR("kueue.x-k8s.io/priority-class")
#define PRIORITY_KEY STR("scheduling.ganglion.io/default-priority")

/* The first that a pod carries counts. */
const struct quota_key quota_keys[] = {
    { "Ganglion", STR_INIT("scheduling.ganglion.io/queue"), true, true, false },
    { "Kueue", STR_INIT("kueue.x-k8s.io/queue-name"), true, false, true },
    { "KAI", STR_INIT("kai.scheduler/queue"), true, false, false },
    { "Volcano", STR_INIT("scheduling.volcano.sh/queue-name"), true, true, false },
    { "Koordinator", STR_INIT("quota.scheduling.koordinator.sh/name"), true, false, false },
    { "YuniKorn", STR_INIT("yunikorn.apache.org/queue"), false, true, false },
};

const size_t quota_keys_count = COUNT_OF(quota_keys);

/* KubeNexus reads tiers from names of priority classes too. */
static const struct {
    struct str class;
    bool prefix;
    enum quota_tier tier;
} class_tiers[] = {
    { STR_INIT("high-priority"), false, QUOTA_GOLD },
    { STR_INIT("system-"), true, QUOTA_GOLD },
    { STR_INIT("medium"), true, QUOTA_SILVER },
    { STR_INIT("default"), false, QUOTA_SILVER },
    { STR_INIT("low"), true, QUOTA_BRONZE },
    { STR_INIT("best-effort"), false, QUOTA_BRONZE },
};

struct said { /* what an object may carry keys in; looked up once */
    struct json labels, annotations;
};

static struct said said_by(const struct kobj *o)
{
    struct said s = { 0 };
    if (o) {
        s.labels = kobj_meta(o, STR("labels"));
        s.annotations = kobj_meta(o, STR("annotations"));
    }
    return s;
}

static struct str label_or_annotation(const struct said *s, struct str key)
{
    struct str text = json_str(json_get(s->labels, key));
    return text.n ? text : json_str(json_get(s->annotations, key));
}

static bool tier_parse(struct str s, enum quota_tier *out)
{
    if (str_eq_nocase(s, STR("gold")))
        *out = QUOTA_GOLD;
    else if (str_eq_nocase(s, STR("silver")))
        *out = QUOTA_SILVER;
    else if (str_eq_nocase(s, STR("bronze")))
        *out = QUOTA_BRONZE;
    else
        return false;
    return true;
}

/* The namespace's label, then the priority class, then the pod's annotation. */
static enum quota_tier tier_of(const struct pod *view, const struct said *namespace)
{
    enum quota_tier tier = QUOTA_BRONZE;
    struct str class = view->priority_class;
    if (tier_parse(label_or_annotation(namespace, TIER_KEY), &tier))
        return tier;
    for (size_t i = 0; class.n && i < COUNT_OF(class_tiers); i++) {
        if (class_tiers[i].prefix ? str_starts(class, class_tiers[i].class)
                                  : str_eq(class, class_tiers[i].class))
            return class_tiers[i].tier;
    }
    tier_parse(json_str(json_get(view->annotations, TIER_KEY)), &tier);
    return tier;
}

static void find_queue(struct quota_names *out,
                       const struct pod *view,
                       const struct kobj *group,
                       const struct said *namespace)
{
    for (size_t i = 0; i < quota_keys_count && !out->queue.n; i++) {
        const struct quota_key *k = &quota_keys[i];
        if (k->label)
            out->queue = json_str(json_get(view->labels, k->key));
        if (k->annotation && !out->queue.n)
            out->queue = json_str(json_get(view->annotations, k->key));
        out->local = out->queue.n && k->local;
    }
    if (!out->queue.n && group)
        out->queue = json_str(kobj_path(group, "spec.queue")); /* Volcano's and KAI's PodGroups */
    if (!out->queue.n)
        out->queue = label_or_annotation(namespace, quota_keys[0].key);
    if (!out->queue.n)
        out->queue = label_or_annotation(namespace, TENANT_KEY);
}

struct quota_names
quota_names_of(const struct kobj *pod, const struct kobj *group, const struct kobj *namespace)
{
    const struct pod *view = pod_of(pod);
    struct said ns = said_by(namespace), own = { view->labels, view->annotations };
    struct quota_names out = { .priority = view->priority, .tier = tier_of(view, &ns) };
    find_queue(&out, view, group, &ns);
    out.user = label_or_annotation(&own, USER_KEY);
    out.work_class = json_str(json_get(own.labels, WORK_CLASS_KEY));
    if (!view->priority_class.n && view->priority == 0)
        str_to_i64(label_or_annotation(&ns, PRIORITY_KEY), &out.priority);
    return out;
}
