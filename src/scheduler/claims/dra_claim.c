/* SPDX-License-Identifier: Apache-2.0
 * dra_claim — what a ResourceClaim asks for and what it holds, parsed once a revision. */
#include <stdlib.h>

#include "scheduler/claims/dra_internal.h"

static struct dra_ask read_ask(struct str name, struct json v)
{
    return (struct dra_ask){
        .name = name,
        .class_name = json_str(json_get(v, STR("deviceClassName"))),
        .selectors = json_get(v, STR("selectors")),
        .tolerations = json_get(v, STR("tolerations")),
        .capacity = json_path(v, "capacity.requests"),
        .all = str_is(json_str(json_get(v, STR("allocationMode"))), "All"),
        .admin = json_bool(json_get(v, STR("adminAccess")), false),
        .count = json_i64_or(json_get(v, STR("count")), 1),
    };
}

static void read_request(struct dra_request *out, struct json v, struct arena *a)
{
    struct json first = json_get(v, STR("firstAvailable")), exactly = json_get(v, STR("exactly"));
    out->name = json_str(json_get(v, STR("name")));
    out->asks = ARENA_ARRAY(a, struct dra_ask, json_len(first) + 1);
    if (json_has(exactly)) {
        out->asks[out->n_asks++] = read_ask(out->name, exactly);
        return;
    }
    for (struct json_iter it = json_iter(first); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        out->asks[out->n_asks++] =
            read_ask(arena_printf(a, "%.*s/%.*s", STR_ARG(out->name), STR_ARG(name)), it.value);
    }
}

/* ---- what it holds ---- */

static void read_taken(struct dra_result *r, struct json map, struct arena *a)
{
    r->taken = ARENA_ARRAY(a, struct dra_taken, json_len(map) + 1);
    for (struct json_iter it = json_iter(map); json_next(&it);)
        r->taken[r->n_taken++] = (struct dra_taken){ it.key, dra_milli(it.value) };
}

const struct node_terms *dra_terms(struct json selector, struct arena *a)
{
    if (!json_has(selector))
        return NULL;
    struct node_terms *terms = ARENA_NEW(a, struct node_terms);
    *terms = pod_node_terms(json_get(selector, STR("nodeSelectorTerms")), a);
    return terms;
}

static struct dra_allocation *read_allocation(struct json v)
{
    struct arena *a = arena_new();
    struct dra_allocation *al = ARENA_NEW(a, struct dra_allocation);
    struct json list = json_path(v, "devices.results"), selector = json_get(v, STR("nodeSelector"));
    al->a = a;
    al->results = ARENA_ARRAY(a, struct dra_result, json_len(list) + 1);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct dra_result *r = &al->results[al->n++];
        r->request = json_str(json_get(it.value, STR("request")));
        r->driver = json_str(json_get(it.value, STR("driver")));
        r->pool = json_str(json_get(it.value, STR("pool")));
        r->device = json_str(json_get(it.value, STR("device")));
        r->share = json_str(json_get(it.value, STR("shareID")));
        r->admin = json_bool(json_get(it.value, STR("adminAccess")), false);
        r->conditions = json_get(it.value, STR("bindingConditions"));
        r->failures = json_get(it.value, STR("bindingFailureConditions"));
        read_taken(r, json_get(it.value, STR("consumedCapacity")), a);
    }
    al->terms = dra_terms(selector, a);
    return al;
}

void dra_allocation_free(struct dra_allocation *al)
{
    if (!al)
        return;
    json_doc_unref(al->document);
    arena_free(al->a);
}

void dra_claim_resolve(struct dra *d, struct dra_allocation *al)
{
    for (size_t i = 0; i < al->n; i++) {
        struct dra_result *r = &al->results[i];
        r->at = dra_find_device(d, r->driver, r->pool, r->device);
    }
}

void dra_claim_parse(struct dra_claim *c)
{
    struct arena *a = arena_new();
    struct json requests = kobj_path(c->obj, "spec.devices.requests");
    struct json constraints = kobj_path(c->obj, "spec.devices.constraints");
    struct json allocation = kobj_path(c->obj, "status.allocation");
    arena_free(c->a);
    c->a = a;
    c->n_requests = c->n_constraints = 0;
    c->requests = ARENA_ARRAY(a, struct dra_request, json_len(requests) + 1);
    for (struct json_iter it = json_iter(requests); json_next(&it);)
        read_request(&c->requests[c->n_requests++], it.value, a);
    c->constraints = ARENA_ARRAY(a, struct dra_constraint, json_len(constraints) + 1);
    for (struct json_iter it = json_iter(constraints); json_next(&it);) {
        struct str attribute = json_str(json_get(it.value, STR("distinctAttribute")));
        bool distinct = attribute.n > 0;
        if (!distinct)
            attribute = json_str(json_get(it.value, STR("matchAttribute")));
        c->constraints[c->n_constraints++] =
            (struct dra_constraint){ .distinct = distinct,
                                     .attribute = attribute,
                                     .requests = json_get(it.value, STR("requests")) };
    }
    c->api = json_has(allocation) ? read_allocation(allocation) : NULL;
}
