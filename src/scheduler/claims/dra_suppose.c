/* SPDX-License-Identifier: Apache-2.0
 * dra_suppose — claims while somebody asks what would be free if certain pods were gone
 * (preemption). A pod that really leaves frees nothing that the API has allocated: the claim's own
 * event does. In a supposition whoever is taken off a node gives back the claims that nobody else
 * uses or is reserved for, and takes the same devices again when he is put back.
 *
 * Claims whose pods are all gone are about to be released by the resourceclaim controller. Nobody
 * need be evicted for what they hold, so in a supposition it is free from the start. */
#include "scheduler/claims/dra_internal.h"

#include <assert.h>

bool dra_is_reserved_for(const struct dra_claim *c, const struct kobj *pod)
{
    for (struct json_iter it = json_iter(kobj_path(c->obj, "status.reservedFor"));
         json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("uid"))), pod->uid))
            return true;
    }
    return false;
}

/* All for whom it is reserved are pods, and we know none of them. */
static bool is_idle(const struct dra_claim *c)
{
    if (!c->api || c->users || c->sent)
        return false;
    for (struct json_iter it = json_iter(kobj_path(c->obj, "status.reservedFor"));
         json_next(&it);) {
        if (!str_is(json_str(json_get(it.value, STR("resource"))), "pods"))
            return false;
    }
    return true;
}

bool dra_is_releasing(const struct dra *d, const struct snode *node)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->claims, &i));) {
        const struct dra_claim *c = slot->value;
        if (!is_idle(c))
            continue;
        for (size_t k = 0; k < c->api->n; k++) {
            const struct dra_device *at = c->api->results[k].at;
            if (at && !c->api->results[k].admin && dra_reaches(at, node))
                return true;
        }
    }
    return false;
}

void dra_suppose(struct dra *d, bool on)
{
    const struct map_slot *slot;
    assert(d->supposing != on);
    dra_refresh(d);
    d->supposing = on;
    for (size_t i = 0; (slot = map_next(&d->claims, &i));) {
        struct dra_claim *c = slot->value;
        if (!is_idle(c))
            continue;
        dra_charge(NULL, c->api, on ? -1 : 1);
        c->allocation = on ? 0 : (int64_t)(uintptr_t)c->api;
    }
}

static bool is_free_without(const struct dra_claim *c)
{
    return c->allocation && c->placed == 0 &&
           (!c->api || c->left == (int64_t)json_len(kobj_path(c->obj, "status.reservedFor")));
}

void dra_suppose_gone(struct snapshot *s, struct dra_claim *c, const struct spod *pod)
{
    if (dra_is_reserved_for(c, pod->obj))
        tx_set(s, &c->left, c->left + 1);
    if (!is_free_without(c))
        return;
    dra_charge(s, dra_allocation_of(c), -1);
    tx_set(s, &c->given_back, c->allocation);
    tx_set(s, &c->allocation, 0);
}

void dra_suppose_back(struct snapshot *s, struct dra_claim *c, const struct spod *pod)
{
    if (dra_is_reserved_for(c, pod->obj))
        tx_set(s, &c->left, c->left - 1);
    if (!c->given_back || c->allocation)
        return;
    tx_set(s, &c->allocation, c->given_back);
    tx_set(s, &c->given_back, 0);
    dra_charge(s, dra_allocation_of(c), 1);
}

/* ---- for tests: what transactions change ---- */

static void mix(uint64_t *h, int64_t word)
{
    *h = num_mix64(*h ^ (uint64_t)word);
}

static void mix_device(uint64_t *h, const struct dra_device *dev)
{
    mix(h, dev->holders);
    mix(h, dev->sharers);
    for (size_t i = 0; i < dev->n_capacities; i++)
        mix(h, dev->capacities[i].used);
}

uint64_t dra_hash(const struct dra *d)
{
    uint64_t h = d->devices.n;
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->pools, &i));) {
        const struct dra_pool *p = slot->value;
        for (size_t k = 0; k < p->n_counters; k++)
            mix(&h, p->counters[k].used);
        for (size_t k = 0; k < p->devices.n; k++)
            mix_device(&h, p->devices.items[k]);
    }
    for (size_t i = 0; (slot = map_next(&d->claims, &i));) {
        const struct dra_claim *c = slot->value;
        const int64_t words[] = { c->allocation, c->placed, c->left, c->given_back };
        for (size_t k = 0; k < COUNT_OF(words); k++)
            mix(&h, words[k]);
    }
    return h;
}
