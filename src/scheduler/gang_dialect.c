/* SPDX-License-Identifier: Apache-2.0
 * gang_dialect — see gang_dialect.h. */
#include "scheduler/gang_dialect.h"

/* The order decides when a pod carries several: KubeNexus' own first, aliases, then the others. */
const struct gang_dialect gang_dialects[] = {
    { "KubeNexus", GANG_LABEL, STR_INIT("pod-group.scheduling.kubenexus.io/name"), GANG_LABEL,
      STR_INIT("pod-group.scheduling.kubenexus.io/min-available") },
    { "scheduler-plugins, lightweight", GANG_LABEL,
      STR_INIT("pod-group.scheduling.sigs.k8s.io/name"), GANG_LABEL,
      STR_INIT("pod-group.scheduling.sigs.k8s.io/min-available") },
    { "KubeNexus, annotations", GANG_ANNOTATION, STR_INIT("scheduling.x-k8s.io/pod-group"),
      GANG_ANNOTATION, STR_INIT("scheduling.kubenexus.io/min-available") },
    { "scheduler-plugins",
      GANG_LABEL,
      STR_INIT("scheduling.x-k8s.io/pod-group"),
      GANG_NOWHERE,
      { 0 } },
    { "Kueue", GANG_LABEL, STR_INIT("kueue.x-k8s.io/pod-group-name"), GANG_ANNOTATION,
      STR_INIT("kueue.x-k8s.io/pod-group-total-count") },
    { "Koordinator", GANG_ANNOTATION, STR_INIT("gang.scheduling.koordinator.sh/name"),
      GANG_ANNOTATION, STR_INIT("gang.scheduling.koordinator.sh/min-available") },
    { "Volcano", GANG_ANNOTATION, STR_INIT("scheduling.volcano.sh/group-name"), GANG_ANNOTATION,
      STR_INIT("scheduling.volcano.sh/group-min-member") },
    { "Volcano, legacy", GANG_ANNOTATION, STR_INIT("scheduling.k8s.io/group-name"), GANG_ANNOTATION,
      STR_INIT("scheduling.volcano.sh/group-min-member") },
    { "Armada", GANG_ANNOTATION, STR_INIT("armadaproject.io/gangId"), GANG_ANNOTATION,
      STR_INIT("armadaproject.io/gangCardinality") },
    { "Kubernetes Workload",
      GANG_LABEL,
      STR_INIT("scheduling.k8s.io/pod-group"),
      GANG_NOWHERE,
      { 0 } },
    { "KAI", GANG_ANNOTATION, STR_INIT("pod-group-name"), GANG_NOWHERE, { 0 } },
};

const size_t gang_dialects_count = COUNT_OF(gang_dialects);

static struct str read_key(const struct kobj *pod, enum gang_place place, struct str key)
{
    switch (place) {
    case GANG_NOWHERE:
        return (struct str){ 0 };
    case GANG_LABEL:
        return kobj_label(pod, key);
    case GANG_ANNOTATION:
        return kobj_annotation(pod, key);
    }
    return (struct str){ 0 };
}

static void read_min(struct arena *a, const struct kobj *pod, struct gang_claim *claim)
{
    const struct gang_dialect *d = claim->dialect;
    struct str text = read_key(pod, d->min_in, d->min_key);
    if (d->min_in == GANG_NOWHERE)
        return;
    if (!text.p)
        claim->wrong = arena_printf(a, "%.*s is missing", STR_ARG(d->min_key));
    else if (!str_to_i64(text, &claim->min) || claim->min < 1 || claim->min > GANG_MEMBERS_MAX)
        claim->wrong = arena_printf(a, "%.*s is \"%.*s\", not a number from 1 to %d",
                                    STR_ARG(d->min_key), STR_ARG(text), GANG_MEMBERS_MAX);
    if (claim->wrong.p)
        claim->min = 0;
}

struct gang_claim gang_claim_of(struct arena *a, const struct kobj *pod)
{
    struct gang_claim claim = { 0 };
    for (size_t i = 0; i < gang_dialects_count; i++) {
        struct str name = read_key(pod, gang_dialects[i].name_in, gang_dialects[i].name_key);
        if (!name.n)
            continue;
        claim.dialect = &gang_dialects[i];
        claim.name = name;
        read_min(a, pod, &claim);
        return claim;
    }
    return claim;
}
