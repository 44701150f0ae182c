/* SPDX-License-Identifier: Apache-2.0
 * dra_binding — devices that must be made ready on the node before the pod is bound (KEP-5007):
 * their drivers set conditions in status.devices of the claim. A device that failed for a claim is
 * tried again for it only when nothing else fits. */
#include "scheduler/claims/dra_internal.h"

#include <stdlib.h>

#define FAILED_MAX 16 /* remembered for a claim; then all are forgotten */

/* ---- what is waited for ---- */

/* The device's entry in status.devices. */
static struct json entry_of(const struct dra_claim *c, const struct dra_result *r)
{
    for (struct json_iter it = json_iter(kobj_path(c->obj, "status.devices")); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("driver"))), r->driver) &&
            str_eq(json_str(json_get(it.value, STR("pool"))), r->pool) &&
            str_eq(json_str(json_get(it.value, STR("device"))), r->device) &&
            str_eq(json_str(json_get(it.value, STR("shareID"))), r->share))
            return it.value;
    }
    return (struct json){ 0 };
}

static bool is_true(struct json entry, struct str type)
{
    for (struct json_iter it = json_iter(json_get(entry, STR("conditions"))); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("type"))), type))
            return str_is(json_str(json_get(it.value, STR("status"))), "True");
    }
    return false;
}

static enum dra_binding result_state(const struct dra_claim *c,
                                     const struct dra_result *r,
                                     struct arena *a,
                                     struct str *why)
{
    struct json entry = entry_of(c, r);
    enum dra_binding out = DRA_BINDING_READY;
    for (struct json_iter it = json_iter(r->failures); json_next(&it);) {
        if (!is_true(entry, json_str(it.value)))
            continue;
        *why = arena_printf(a, "device %.*s/%.*s/%.*s: %.*s", STR_ARG(r->driver), STR_ARG(r->pool),
                            STR_ARG(r->device), STR_ARG(json_str(it.value)));
        return DRA_BINDING_FAILED;
    }
    for (struct json_iter it = json_iter(r->conditions); json_next(&it);) {
        if (is_true(entry, json_str(it.value)))
            continue;
        *why = arena_printf(a, "device %.*s/%.*s/%.*s is not %.*s yet", STR_ARG(r->driver),
                            STR_ARG(r->pool), STR_ARG(r->device), STR_ARG(json_str(it.value)));
        out = DRA_BINDING_WAITS;
    }
    return out;
}

static enum dra_binding
claim_state(const struct dra_claim *c, struct arena *a, struct wall *since, struct str *why)
{
    enum dra_binding out = DRA_BINDING_READY;
    const struct dra_allocation *al = dra_allocation_of(c);
    if (al && al != c->api && al->waits) {
        *why = arena_printf(a, "resourceclaim %.*s is not written yet", STR_ARG(c->key));
        return DRA_BINDING_WAITS;
    }
    for (size_t i = 0; al && al == c->api && i < al->n; i++) {
        enum dra_binding one = result_state(c, &al->results[i], a, why);
        if (one == DRA_BINDING_FAILED)
            return one;
        out = one == DRA_BINDING_WAITS ? one : out;
    }
    struct wall t;
    if (out == DRA_BINDING_WAITS &&
        wall_parse(json_str(kobj_path(c->obj, "status.allocation.allocationTimestamp")), &t) &&
        (!since->ns || t.ns < since->ns))
        *since = t;
    return out;
}

enum dra_binding
dra_binding_of(const struct spod *pod, struct arena *a, struct wall *since, struct str *why)
{
    enum dra_binding out = DRA_BINDING_READY;
    since->ns = 0;
    *why = (struct str){ 0 };
    for (size_t i = 0; i < pod->claims.n; i++) {
        enum dra_binding one = claim_state(pod->claims.items[i], a, since, why);
        if (one == DRA_BINDING_FAILED)
            return one;
        out = one == DRA_BINDING_WAITS ? one : out;
    }
    return out;
}

/* ---- what failed ---- */

static struct str device_key(struct buf *b, struct str driver, struct str pool, struct str device)
{
    buf_init(b, 1024);
    buf_printf(b, "%.*s/%.*s/%.*s", STR_ARG(driver), STR_ARG(pool), STR_ARG(device));
    return buf_view(b);
}

static bool remembers(const struct dra_claim *c, struct str key)
{
    for (size_t i = 0; i < c->failed.n; i++) {
        if (str_eq(c->failed.items[i], key))
            return true;
    }
    return false;
}

bool dra_has_failed(const struct dra_claim *c, const struct dra_device *dev)
{
    struct buf b;
    if (!c->failed.n)
        return false;
    bool out = remembers(c, device_key(&b, dev->pool->driver, dev->pool->name, dev->name));
    buf_fini(&b);
    return out;
}

void dra_failed_clear(struct dra_claim *c)
{
    while (c->failed.n)
        dra_text_free(dra_names_pop(&c->failed));
}

static void remember(struct dra_claim *c, const struct dra_result *r)
{
    struct buf b;
    struct str key = device_key(&b, r->driver, r->pool, r->device);
    if (!remembers(c, key)) {
        if (c->failed.n == FAILED_MAX)
            dra_failed_clear(c);
        dra_names_push(&c->failed, dra_text_copy(key));
    }
    buf_fini(&b);
}

void dra_binding_failed(const struct spod *pod)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str ignored;
    for (size_t i = 0; i < pod->claims.n; i++) {
        struct dra_claim *c = pod->claims.items[i];
        const struct dra_allocation *al = dra_allocation_of(c);
        for (size_t k = 0; al && al == c->api && k < al->n; k++) {
            if (result_state(c, &al->results[k], a, &ignored) == DRA_BINDING_READY)
                continue;
            remember(c, &al->results[k]);
            c->unfit = true;
        }
    }
}
