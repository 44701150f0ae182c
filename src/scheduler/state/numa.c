/* SPDX-License-Identifier: Apache-2.0
 * numa — see numa.h. */
#include "scheduler/state/numa.h"

#include "base/num.h"

#define NUMA_DISTANCE_WEIGHT 50 /* for pods that do not say */

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

static enum numa_spread spread_of(struct str text)
{
    static const char *const names[] = {
        [NUMA_SPREAD_PACKED] = "packed",
        [NUMA_SPREAD_BALANCED] = "balanced",
        [NUMA_SPREAD_ISOLATED] = "isolated",
    };
    for (size_t i = NUMA_SPREAD_PACKED; i < COUNT_OF(names); i++) {
        if (str_eq_nocase(str_from(names[i]), str_trim(text)))
            return (enum numa_spread)i;
    }
    return NUMA_SPREAD_NONE;
}

static void read_preferences(struct numa_wish *w, struct json annotations)
{
    int64_t weight;
    w->spread =
        spread_of(json_str(json_get(annotations, STR("scheduling.kubenexus.io/gang-numa-spread"))));
    w->group = json_str(json_get(annotations, STR("scheduling.kubenexus.io/gang-group")));
    w->memory_intensive = str_is(
        json_str(json_get(annotations, STR("scheduling.kubenexus.io/memory-intensive"))), "true");
    w->distance_weight = NUMA_DISTANCE_WEIGHT;
    if (str_to_i64(
            json_str(json_get(annotations, STR("scheduling.kubenexus.io/numa-distance-weight"))),
            &weight))
        w->distance_weight = (uint32_t)num_clamp_i64(weight, 0, 100);
}

static bool is_guaranteed(const struct containers *all)
{
    static const struct str both[] = { STR_INIT("cpu"), STR_INIT("memory") };
    for (size_t i = 0; i < all->n; i++) {
        const struct container *c = &all->items[i];
        for (size_t k = 0; k < COUNT_OF(both); k++) {
            int64_t limit = amounts_get(&c->limits, both[k]);
            if (!limit ||
                (amounts_has(&c->requests, both[k]) && amounts_get(&c->requests, both[k]) != limit))
                return false;
        }
    }
    return true;
}

bool numa_memory_is_pinned(const struct pod *p)
{
    return is_guaranteed(&p->containers) && is_guaranteed(&p->init_containers);
}

bool numa_cpus_are_pinned(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        if (amounts_get(&p->containers.items[i].limits, STR("cpu")) % 1000 == 0)
            return numa_memory_is_pinned(p);
    }
    return false;
}

static struct str policy_text(struct json annotations)
{
    struct str documented =
        json_str(json_get(annotations, STR("numa.scheduling.kubenexus.io/policy")));
    return documented.p
               ? documented
               : json_str(json_get(annotations, STR("scheduling.kubenexus.io/numa-policy")));
}

bool numa_is_said(struct json annotations)
{
    return policy_text(annotations).p != NULL;
}

static void wish_for_all(struct numa_wish *w)
{
    w->cpu = w->memory = true;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        w->devices[k] = true;
}

struct numa_wish numa_wish_default(void)
{
    struct numa_wish w = { .policy = NUMA_BEST_EFFORT };
    w.cells = allowed_cells((struct json){ 0 });
    read_preferences(&w, (struct json){ 0 });
    wish_for_all(&w);
    return w;
}

struct numa_wish numa_wish_of(struct json annotations)
{
    struct numa_wish w = { 0 };
    w.policy = policy_of(policy_text(annotations));
    if (w.policy == NUMA_NONE)
        return w;
    w.cells = allowed_cells(annotations);
    read_preferences(&w, annotations);
    struct str list =
        json_str(json_get(annotations, STR("numa.scheduling.kubenexus.io/resources")));
    if (!list.p) {
        wish_for_all(&w);
        return w;
    }
    while (list.p)
        wish_for(&w, str_trim(str_split(&list, ',')));
    return w;
}
