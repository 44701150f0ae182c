/* SPDX-License-Identifier: Apache-2.0
 * dra_write — an allocation of ours as the API wants it in status.allocation, with the node
 * selector that keeps it where its devices are and the configuration for the drivers. */
#include "scheduler/claims/dra_internal.h"

/* ---- results ---- */

/* A UUID of the claim and the place in it: the same again when the same choice is made. */
static struct str share_id(struct arena *a, const struct dra_claim *c, size_t i)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    struct str uid = c->obj->uid;
    for (size_t k = 0; k < uid.n; k++)
        h = (h ^ (unsigned char)uid.p[k]) * UINT64_C(0x100000001b3);
    uint64_t x = num_mix64(h + i), y = num_mix64(x);
    return arena_printf(a, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(x >> 32),
                        (unsigned)(x >> 16 & 0xffff), (unsigned)(x & 0xfff),
                        (unsigned)(0x8000 | (y >> 48 & 0x3fff)),
                        (unsigned long long)(y & UINT64_C(0xffffffffffff)));
}

static struct str amount_text(struct arena *a, int64_t milli, enum quantity_format format)
{
    struct quantity q = quantity_from_milli(milli);
    struct buf b;
    q.format = format;
    buf_init(&b, 128);
    quantity_write(&b, &q);
    struct str s = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return s;
}

static void
put_result(struct jnode *list, struct dra_result *r, const struct dra_pick *p, struct arena *a)
{
    struct jnode *o = jnode_append(list, jnode_obj(a));
    jnode_set_str(o, STR("request"), r->request);
    jnode_set_str(o, STR("driver"), r->driver);
    jnode_set_str(o, STR("pool"), r->pool);
    jnode_set_str(o, STR("device"), r->device);
    if (r->admin)
        jnode_set(o, STR("adminAccess"), jnode_bool(a, true));
    static const char *const conditions[] = { "bindingConditions", "bindingFailureConditions" };
    for (size_t i = 0; i < COUNT_OF(conditions); i++) {
        struct json list_of = json_get(p->device->spec, str_from(conditions[i]));
        if (json_len(list_of) > 0)
            jnode_set(o, str_from(conditions[i]), jnode_thaw(a, list_of));
    }
    if (json_len(p->ask->tolerations) > 0)
        jnode_set(o, STR("tolerations"), jnode_thaw(a, p->ask->tolerations));
    if (!r->share.n)
        return;
    jnode_set_str(o, STR("shareID"), r->share);
    struct jnode *taken = jnode_need_obj(o, STR("consumedCapacity"));
    for (size_t i = 0; i < r->n_taken; i++) {
        enum quantity_format format = dra_capacity(p->device, r->taken[i].name)->total.format;
        jnode_set_str(taken, r->taken[i].name, amount_text(a, r->taken[i].milli, format));
    }
}

static void read_pick(struct dra_result *r,
                      const struct dra_claim *c,
                      const struct dra_pick *p,
                      size_t i,
                      struct arena *a)
{
    const struct dra_device *dev = p->device;
    *r = (struct dra_result){ .request = arena_str(a, p->ask->name),
                              .driver = arena_str(a, dev->pool->driver),
                              .pool = arena_str(a, dev->pool->name),
                              .device = arena_str(a, dev->name),
                              .admin = p->ask->admin,
                              .at = p->device };
    if (!dev->multi || p->ask->admin)
        return;
    r->share = share_id(a, c, i);
    r->taken = ARENA_ARRAY(a, struct dra_taken, p->n_taken + 1);
    for (; r->n_taken < p->n_taken; r->n_taken++)
        r->taken[r->n_taken] = (struct dra_taken){ arena_str(a, p->taken[r->n_taken].name),
                                                   p->taken[r->n_taken].milli };
}

/* ---- the node selector ---- */

static void need_name(struct jnode *term, struct str node, struct arena *a)
{
    struct jnode *need = jnode_append(jnode_need_arr(term, STR("matchFields")), jnode_obj(a));
    jnode_set_str(need, STR("key"), STR("metadata.name"));
    jnode_set_str(need, STR("operator"), STR("In"));
    jnode_append(jnode_need_arr(need, STR("values")), jnode_str(a, node));
}

static void join_needs(struct jnode *term, const char *list, struct json from, struct arena *a)
{
    for (struct json_iter it = json_iter(json_get(from, str_from(list))); json_next(&it);)
        jnode_append(jnode_need_arr(term, str_from(list)), jnode_thaw(a, it.value));
}

/* Devices of the node itself pin the claim to it; others must all be reachable. NULL: anywhere. */
static struct jnode *
node_selector(const struct dra_pick *picks, size_t n, struct str node, struct arena *a)
{
    struct jnode *term = jnode_obj(a);
    bool pinned = false, any = false;
    for (size_t i = 0; i < n; i++) {
        const struct dra_device *dev = picks[i].device;
        pinned = pinned || dev->node.n || dev->binds;
        struct json first = json_at(json_get(dev->selector, STR("nodeSelectorTerms")), 0);
        if (dev->terms && !dev->node.n) {
            join_needs(term, "matchExpressions", first, a);
            join_needs(term, "matchFields", first, a);
            any = true;
        }
    }
    if (!pinned && !any)
        return NULL;
    if (pinned) {
        term = jnode_obj(a);
        need_name(term, node, a);
    }
    struct jnode *selector = jnode_obj(a);
    jnode_append(jnode_need_arr(selector, STR("nodeSelectorTerms")), term);
    return selector;
}

/* ---- configuration ---- */

static void put_config(struct arena *a,
                       struct jnode *devices,
                       struct json from,
                       const char *source,
                       struct jnode *requests)
{
    struct jnode *o = jnode_append(jnode_need_arr(devices, STR("config")), jnode_obj(a));
    jnode_set_str(o, STR("source"), str_from(source));
    if (requests)
        jnode_set(o, STR("requests"), requests);
    if (json_has(json_get(from, STR("opaque"))))
        jnode_set(o, STR("opaque"), jnode_thaw(a, json_get(from, STR("opaque"))));
}

struct whole { /* an allocation while it is written */
    struct dra *d;
    const struct dra_claim *claim;
    const struct dra_pick *picks;
    size_t n;
    struct arena *a; /* of the tree */
};

static void put_configs(const struct whole *w, struct jnode *devices)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct dra_ask *ask = w->picks[i].ask;
        if (i && ask == w->picks[i - 1].ask)
            continue;
        const struct kobj *class = map_get(&w->d->classes, ask->class_name);
        for (struct json_iter it = json_iter(kobj_path(class, "spec.config")); json_next(&it);) {
            struct jnode *requests = jnode_arr(w->a);
            jnode_append(requests, jnode_str(w->a, ask->name));
            put_config(w->a, devices, it.value, "FromClass", requests);
        }
    }
    struct json list = kobj_path(w->claim->obj, "spec.devices.config");
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct json requests = json_get(it.value, STR("requests"));
        put_config(w->a, devices, it.value, "FromClaim",
                   json_len(requests) ? jnode_thaw(w->a, requests) : NULL);
    }
}

/* ---- whole ---- */

static struct json_doc *document(const struct whole *w, struct dra_allocation *al, struct str node)
{
    struct jnode *root = jnode_obj(w->a);
    struct jnode *devices = jnode_need_obj(root, STR("devices"));
    struct jnode *list = jnode_need_arr(devices, STR("results"));
    for (size_t i = 0; i < w->n; i++) {
        read_pick(&al->results[i], w->claim, &w->picks[i], i, al->a);
        al->waits = al->waits || w->picks[i].device->conditions;
        put_result(list, &al->results[i], &w->picks[i], w->a);
    }
    put_configs(w, devices);
    struct jnode *selector = node_selector(w->picks, w->n, node, w->a);
    if (selector)
        jnode_set(root, STR("nodeSelector"), selector);
    struct json_doc *doc = NULL;
    return jnode_freeze(&doc, root, NULL) ? NULL : doc;
}

struct dra_allocation *dra_allocation_new(struct dra *d,
                                          const struct dra_claim *c,
                                          const struct dra_pick *picks,
                                          size_t n,
                                          struct str node)
{
    AUTO(arena_freep) struct arena *scratch = arena_new();
    struct arena *a = arena_new();
    struct dra_allocation *al = ARENA_NEW(a, struct dra_allocation);
    *al = (struct dra_allocation){ .a = a, .n = n };
    al->results = ARENA_ARRAY(a, struct dra_result, n + 1);
    const struct whole w = { d, c, picks, n, scratch };
    al->document = document(&w, al, node);
    al->terms = dra_terms(json_get(json_root(al->document), STR("nodeSelector")), a);
    return al;
}

struct dra_write *dra_writes(const struct spod *pod, struct arena *a, size_t *n)
{
    *n = 0;
    struct dra_write *out = ARENA_ARRAY(a, struct dra_write, pod->claims.n + 1);
    for (size_t i = 0; i < pod->claims.n; i++) {
        const struct dra_claim *c = pod->claims.items[i];
        const struct dra_allocation *al = dra_allocation_of(c);
        if (!c->obj || !al)
            continue;
        out[(*n)++] = (struct dra_write){
            .namespace = c->obj->namespace,
            .name = c->obj->name,
            .uid = c->obj->uid,
            .allocation = al->document,
        };
    }
    return out;
}
