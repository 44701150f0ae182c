/* SPDX-License-Identifier: Apache-2.0
 * numa — see numa.h. */
#include "scheduler/numa.h"

static const struct {
    struct str text;
    enum numa_policy policy;
} policies[] = {
    { STR_INIT("best-effort"), NUMA_BEST_EFFORT },
    { STR_INIT("isolated"), NUMA_ISOLATED },
    { STR_INIT("none"), NUMA_NONE },
    { STR_INIT("restricted"), NUMA_RESTRICTED },
    { STR_INIT("single-numa"), NUMA_SINGLE },
    { STR_INIT("single-numa-node"), NUMA_SINGLE },
};

static enum numa_policy policy_of(struct str text)
{
    for (size_t i = 0; i < COUNT_OF(policies); i++) {
        if (str_eq_nocase(policies[i].text, str_trim(text)))
            return policies[i].policy;
    }
    return NUMA_NONE;
}

static void wish_for(struct numa_wish *w, struct str resource)
{
    enum device_kind kind = device_kind_of(resource);
    if (str_is(resource, "cpu"))
        w->cpu = true;
    else if (str_is(resource, "memory"))
        w->memory = true;
    else if (kind != DEVICE_KINDS)
        w->devices[kind] = true;
}

/* Cells by number: those of the affinity, without those of the anti-affinity. */
static uint32_t allowed_cells(struct json annotations)
{
    struct str only =
        json_str(json_get(annotations, STR("scheduling.kubenexus.io/numa-affinity-node-id")));
    struct str never =
        json_str(json_get(annotations, STR("scheduling.kubenexus.io/numa-anti-affinity-node-id")));
    uint32_t cells = only.n ? (uint32_t)mask_parse(only) : UINT32_MAX;
    return never.n ? cells & ~(uint32_t)mask_parse(never) : cells;
}

struct numa_wish numa_wish_of(struct json annotations)
{
    struct numa_wish w = { 0 };
    struct str policy = json_str(json_get(annotations, STR("numa.scheduling.kubenexus.io/policy")));
    if (!policy.p)
        policy = json_str(json_get(annotations, STR("scheduling.kubenexus.io/numa-policy")));
    w.policy = policy_of(policy);
    if (w.policy == NUMA_NONE)
        return w;
    w.cells = allowed_cells(annotations);
    struct str list =
        json_str(json_get(annotations, STR("numa.scheduling.kubenexus.io/resources")));
    if (!list.p) {
        w.cpu = w.memory = true;
        for (unsigned k = 0; k < DEVICE_KINDS; k++)
            w.devices[k] = true;
        return w;
    }
    while (list.p)
        wish_for(&w, str_trim(str_split(&list, ',')));
    return w;
}
