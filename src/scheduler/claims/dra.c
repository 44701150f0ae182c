/* SPDX-License-Identifier: Apache-2.0
 * dra — pools of devices from slices, and the ledger of what claims hold; see dra.h. */
#include "scheduler/claims/dra_internal.h"

#include <assert.h>
#include <stdlib.h>

struct dra *dra_new(struct snapshot *s)
{
    struct dra *d = MEM_NEW(struct dra);
    d->snap = s;
    struct map *maps[] = { &d->pools, &d->homes, &d->claims, &d->classes, &d->programs, &d->local };
    for (size_t i = 0; i < COUNT_OF(maps); i++)
        map_init(maps[i]);
    d->generation = 1;
    return d;
}

static void pool_clear(struct dra_pool *p)
{
    arena_free(p->a);
    p->a = NULL;
    dra_devices_clear(&p->devices);
    p->counters = NULL;
    p->n_counters = 0;
    while (p->stale.n)
        kobj_unref(dra_slices_pop(&p->stale));
}

static void pool_free(struct dra_pool *p)
{
    pool_clear(p);
    for (size_t i = 0; i < p->slices.n; i++)
        kobj_unref(p->slices.items[i]);
    dra_slices_fini(&p->slices);
    dra_slices_fini(&p->stale);
    dra_devices_fini(&p->devices);
    dra_text_free(p->key);
    dra_text_free(p->driver);
    dra_text_free(p->name);
    free(p);
}

static void local_clear(struct dra *d)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->local, &i));) {
        struct dra_devices *v = slot->value;
        dra_devices_fini(v);
        free(v);
    }
    map_clear(&d->local);
}

void dra_free(struct dra *d)
{
    if (!d)
        return;
    const struct map_slot *slot;
    local_clear(d);
    for (size_t i = 0; (slot = map_next(&d->claims, &i));)
        dra_claim_free(slot->value);
    for (size_t i = 0; (slot = map_next(&d->pools, &i));)
        pool_free(slot->value);
    for (size_t i = 0; (slot = map_next(&d->classes, &i));)
        kobj_unref(slot->value);
    for (size_t i = 0; i < d->made.n; i++)
        dra_allocation_free(d->made.items[i]);
    dra_programs_free(d);
    struct map *maps[] = { &d->pools, &d->homes, &d->claims, &d->classes, &d->programs, &d->local };
    for (size_t i = 0; i < COUNT_OF(maps); i++)
        map_fini(maps[i]);
    dra_allocations_fini(&d->made);
    dra_devices_fini(&d->devices);
    dra_devices_fini(&d->wide);
    dra_devices_fini(&d->reached);
    for (size_t i = 0; i < d->news.n; i++)
        dra_text_free(d->news.items[i]);
    dra_names_fini(&d->news);
    dra_node_ids_fini(&d->freed);
    free(d);
}

/* ---- slices ---- */

struct str dra_key(struct buf *b, struct str first, struct str name)
{
    buf_init(b, 1024);
    buf_printf(b, "%.*s/%.*s", STR_ARG(first), STR_ARG(name));
    return buf_view(b);
}

static struct dra_pool *pool_of(struct dra *d, const struct kobj *slice)
{
    struct str driver = json_str(kobj_path(slice, "spec.driver"));
    struct str name = json_str(kobj_path(slice, "spec.pool.name"));
    struct buf b;
    struct str key = dra_key(&b, driver, name);
    struct dra_pool *p = map_get(&d->pools, key);
    if (!p) {
        p = MEM_NEW(struct dra_pool);
        p->dra = d;
        p->key = dra_text_copy(key);
        p->driver = dra_text_copy(driver);
        p->name = dra_text_copy(name);
        map_put(&d->pools, p->key, p);
    }
    buf_fini(&b);
    return p;
}

static void slice_drop(struct dra *d, struct str name)
{
    struct dra_pool *p = map_del(&d->homes, name);
    for (size_t k = 0; p && k < p->slices.n; k++) {
        if (!str_eq(p->slices.items[k]->name, name))
            continue;
        dra_slices_push(&p->stale, p->slices.items[k]);
        p->slices.items[k] = p->slices.items[--p->slices.n];
        p->dirty = d->dirty = true;
        return;
    }
}

/* It leaves the pool where it was: another slice of its name may have come when nobody looked. */
static void slice_set(struct dra *d, const struct kobj *obj)
{
    slice_drop(d, obj->name);
    struct dra_pool *p = pool_of(d, obj);
    struct kobj *slice = kobj_ref(obj);
    dra_slices_push(&p->slices, slice);
    map_put(&d->homes, slice->name, p);
    p->dirty = d->dirty = true;
}

/* ---- pools ---- */

int64_t dra_milli(struct json v)
{
    struct quantity q;
    struct str text = json_type(v) == JSON_NUM ? json_num_text(v) : json_str(v);
    return quantity_parse(&q, text, NULL) ? 0 : num_clamp_i64(quantity_milli(&q), 0, DRA_MILLI_MAX);
}

struct dra_name dra_name_of(struct str text, struct str driver)
{
    ptrdiff_t slash = str_find_char(text, '/');
    if (slash < 0)
        return (struct dra_name){ driver, text };
    return (struct dra_name){ str_take(text, (size_t)slash), str_skip(text, (size_t)slash + 1) };
}

static int64_t generation_of(const struct kobj *slice)
{
    return json_i64_or(kobj_path(slice, "spec.pool.generation"), 0);
}

static int by_name(const void *a, const void *b)
{
    const struct kobj *x = *(struct kobj *const *)a, *y = *(struct kobj *const *)b;
    return str_cmp(x->name, y->name);
}

static void read_members(struct dra_device *dev, struct arena *a)
{
    struct json attributes = json_get(dev->spec, STR("attributes"));
    struct json capacity = json_get(dev->spec, STR("capacity"));
    struct str driver = dev->pool->driver;
    dev->attributes = ARENA_ARRAY(a, struct dra_attribute, json_len(attributes) + 1);
    for (struct json_iter it = json_iter(attributes);
         json_next(&it) && dev->n_attributes < DRA_CAPACITIES_MAX;)
        dev->attributes[dev->n_attributes++] =
            (struct dra_attribute){ dra_name_of(it.key, driver), it.value };
    dev->capacities = ARENA_ARRAY(a, struct dra_capacity, json_len(capacity) + 1);
    for (struct json_iter it = json_iter(capacity);
         json_next(&it) && dev->n_capacities < DRA_CAPACITIES_MAX;) {
        struct dra_capacity *c = &dev->capacities[dev->n_capacities++];
        struct json value = json_get(it.value, STR("value"));
        *c = (struct dra_capacity){ .name = dra_name_of(it.key, driver),
                                    .milli = dra_milli(value),
                                    .policy = json_get(it.value, STR("requestPolicy")) };
        if (quantity_parse(&c->total, json_str(value), NULL))
            c->total = quantity_from_milli(c->milli);
    }
}

static struct dra_counter *find_counter(struct dra_pool *p, struct str set, struct str name)
{
    for (size_t i = 0; i < p->n_counters; i++) {
        if (str_eq(p->counters[i].set, set) && str_eq(p->counters[i].name, name))
            return &p->counters[i];
    }
    return NULL;
}

static void read_uses(struct dra_device *dev, struct arena *a)
{
    size_t n = 0;
    struct json list = json_get(dev->spec, STR("consumesCounters"));
    for (struct json_iter it = json_iter(list); json_next(&it);)
        n += json_len(json_get(it.value, STR("counters")));
    dev->uses = ARENA_ARRAY(a, struct dra_use, n + 1);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct str set = json_str(json_get(it.value, STR("counterSet")));
        struct json counters = json_get(it.value, STR("counters"));
        for (struct json_iter c = json_iter(counters); json_next(&c);)
            dev->uses[dev->n_uses++] =
                (struct dra_use){ find_counter(dev->pool, set, c.key),
                                  dra_milli(json_get(c.value, STR("value"))) };
    }
}

/* Where it can be used: said by the slice, or by each device of a slice that says so. */
static void read_reach(struct dra_device *dev, struct json spec, struct arena *a)
{
    struct json of =
        json_bool(json_get(spec, STR("perDeviceNodeSelection")), false) ? dev->spec : spec;
    dev->node = json_str(json_get(of, STR("nodeName")));
    dev->all_nodes = json_bool(json_get(of, STR("allNodes")), false);
    dev->selector = json_get(of, STR("nodeSelector"));
    dev->terms = dra_terms(dev->selector, a);
}

static void read_device(struct dra_pool *p, struct json spec, struct json device)
{
    struct dra_device *dev = ARENA_NEW(p->a, struct dra_device);
    dev->pool = p;
    dev->spec = device;
    dev->name = json_str(json_get(device, STR("name")));
    dev->multi = json_bool(json_get(device, STR("allowMultipleAllocations")), false);
    dev->binds = json_bool(json_get(device, STR("bindsToNode")), false);
    dev->conditions = json_len(json_get(device, STR("bindingConditions"))) > 0;
    read_reach(dev, spec, p->a);
    read_members(dev, p->a);
    read_uses(dev, p->a);
    dra_gpu_read(dev);
    dra_devices_push(&p->devices, dev);
}

static size_t count_counters(struct json sets)
{
    size_t n = 0;
    for (struct json_iter set = json_iter(sets); json_next(&set);)
        n += json_len(json_get(set.value, STR("counters")));
    return n;
}

static void read_set(struct dra_pool *p, struct json set)
{
    struct json counters = json_get(set, STR("counters"));
    for (struct json_iter c = json_iter(counters); json_next(&c);)
        p->counters[p->n_counters++] =
            (struct dra_counter){ .set = json_str(json_get(set, STR("name"))),
                                  .name = c.key,
                                  .milli = dra_milli(json_get(c.value, STR("value"))) };
}

static void read_counters(struct dra_pool *p, struct kobj *const *slices, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += count_counters(kobj_path(slices[i], "spec.sharedCounters"));
    p->counters = ARENA_ARRAY(p->a, struct dra_counter, count + 1);
    for (size_t i = 0; i < n; i++) {
        struct json sets = kobj_path(slices[i], "spec.sharedCounters");
        for (struct json_iter set = json_iter(sets); json_next(&set);)
            read_set(p, set.value);
    }
}

static bool has_twins(const struct dra_devices *devices)
{
    struct map seen;
    bool twins = false;
    map_init(&seen);
    for (size_t i = 0; i < devices->n && !twins; i++)
        twins = map_put(&seen, devices->items[i]->name, devices->items[i]) != NULL;
    map_fini(&seen);
    return twins;
}

/* A pool is used when every slice of its newest generation is known, and each of its names means
 * one device. */
static void pool_read(struct dra_pool *p)
{
    int64_t newest = INT64_MIN;
    size_t n = 0;
    pool_clear(p);
    p->a = arena_new();
    p->dirty = false;
    for (size_t i = 0; i < p->slices.n; i++)
        newest =
            generation_of(p->slices.items[i]) > newest ? generation_of(p->slices.items[i]) : newest;
    struct kobj **current = ARENA_ARRAY(p->a, struct kobj *, p->slices.n + 1);
    for (size_t i = 0; i < p->slices.n; i++) {
        if (generation_of(p->slices.items[i]) == newest)
            current[n++] = p->slices.items[i];
    }
    if (n == 0 ||
        (int64_t)n != json_i64_or(kobj_path(current[0], "spec.pool.resourceSliceCount"), 1))
        return;
    qsort(current, n, sizeof(struct kobj *), by_name);
    read_counters(p, current, n);
    for (size_t i = 0; i < n; i++) {
        struct json spec = kobj_path(current[i], "spec");
        size_t count = 0;
        for (struct json_iter it = json_iter(json_get(spec, STR("devices")));
             json_next(&it) && count < DRA_DEVICES_MAX; count++)
            read_device(p, spec, it.value);
    }
    if (has_twins(&p->devices))
        dra_devices_clear(&p->devices);
}

/* ---- the index ---- */

static int by_pool(const void *a, const void *b)
{
    const struct dra_pool *x = *(struct dra_pool *const *)a, *y = *(struct dra_pool *const *)b;
    return str_cmp(x->key, y->key);
}

static void index_device(struct dra *d, struct dra_device *dev)
{
    dev->index = (uint32_t)d->devices.n;
    dra_devices_push(&d->devices, dev);
    if (!dev->node.n) {
        dra_devices_push(&d->wide, dev);
        return;
    }
    struct dra_devices *v = map_get(&d->local, dev->node);
    if (!v) {
        v = MEM_NEW(struct dra_devices);
        map_put(&d->local, dev->node, v);
    }
    dra_devices_push(v, dev);
}

/* In the order of pools, slices and devices: the same objects give the same choice. */
static void index_all(struct dra *d)
{
    struct dra_pools pools = { 0 };
    const struct map_slot *slot;
    local_clear(d);
    dra_devices_clear(&d->devices);
    dra_devices_clear(&d->wide);
    for (size_t i = 0; (slot = map_next(&d->pools, &i));)
        dra_pools_push(&pools, slot->value);
    if (pools.n)
        qsort(pools.items, pools.n, sizeof *pools.items, by_pool);
    for (size_t i = 0; i < pools.n; i++) {
        for (size_t k = 0; k < pools.items[i]->devices.n; k++)
            index_device(d, pools.items[i]->devices.items[k]);
    }
    dra_pools_fini(&pools);
}

static void reset_words(struct dra_pool *p)
{
    for (size_t i = 0; i < p->n_counters; i++)
        p->counters[i].used = 0;
    for (size_t i = 0; i < p->devices.n; i++) {
        struct dra_device *dev = p->devices.items[i];
        dev->holders = dev->sharers = 0;
        for (size_t k = 0; k < dev->n_capacities; k++)
            dev->capacities[k].used = 0;
    }
}

/* Pools of which the last slice went. */
static void drop_empty_pools(struct dra *d)
{
    struct dra_pools empty = { 0 };
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->pools, &i));) {
        struct dra_pool *p = slot->value;
        if (p->slices.n == 0)
            dra_pools_push(&empty, p);
    }
    for (size_t i = 0; i < empty.n; i++) {
        map_del(&d->pools, empty.items[i]->key);
        pool_free(empty.items[i]);
    }
    dra_pools_fini(&empty);
}

void dra_refresh(struct dra *d)
{
    const struct map_slot *slot;
    if (!d->dirty)
        return;
    d->dirty = false;
    d->refreshing = true;
    d->generation++;
    drop_empty_pools(d);
    for (size_t i = 0; (slot = map_next(&d->pools, &i));) {
        struct dra_pool *p = slot->value;
        if (p->dirty)
            pool_read(p);
        reset_words(p);
    }
    index_all(d);
    for (size_t i = 0; (slot = map_next(&d->claims, &i));) {
        struct dra_claim *c = slot->value;
        struct dra_allocation *al = (struct dra_allocation *)(uintptr_t)c->allocation;
        if (!al)
            continue;
        dra_claim_resolve(d, al);
        dra_charge(NULL, al, 1);
    }
    d->refreshing = false;
    dra_gpus_refresh(d);
}

struct dra_device *
dra_find_device(const struct dra *d, struct str driver, struct str pool, struct str name)
{
    struct buf b;
    struct dra_pool *p = map_get(&d->pools, dra_key(&b, driver, pool));
    buf_fini(&b);
    for (size_t i = 0; p && i < p->devices.n; i++) {
        if (str_eq(p->devices.items[i]->name, name))
            return p->devices.items[i];
    }
    return NULL;
}

static bool is_wide_here(const struct dra_device *dev, const struct snode *node)
{
    return dev->all_nodes ||
           (dev->terms && match_node_terms(dev->terms, &node->labels, node->name));
}

bool dra_reaches(const struct dra_device *dev, const struct snode *node)
{
    return dev->node.n ? str_eq(dev->node, node->name) : is_wide_here(dev, node);
}

struct dra_devices dra_reachable(struct dra *d, const struct snode *node)
{
    const struct dra_devices *local = map_get(&d->local, node->name);
    if (d->wide.n == 0)
        return local ? *local : (struct dra_devices){ 0 };
    dra_devices_clear(&d->reached);
    for (size_t i = 0; local && i < local->n; i++)
        dra_devices_push(&d->reached, local->items[i]);
    for (size_t i = 0; i < d->wide.n; i++) {
        if (is_wide_here(d->wide.items[i], node))
            dra_devices_push(&d->reached, d->wide.items[i]);
    }
    return d->reached;
}

/* ---- the ledger ---- */

void dra_word_add(struct snapshot *s, int64_t *word, int64_t delta)
{
    if (s)
        tx_set(s, word, *word + delta);
    else
        *word += delta;
}

static void charge_result(struct snapshot *s, const struct dra_result *r, int sign)
{
    struct dra_device *dev = r->at;
    if (!dev || r->admin)
        return;
    dra_word_add(s, r->share.n ? &dev->sharers : &dev->holders, sign);
    for (size_t i = 0; i < r->n_taken; i++) {
        struct dra_capacity *c = dra_capacity(dev, r->taken[i].name);
        if (c && r->share.n)
            dra_word_add(s, &c->used, sign * r->taken[i].milli);
    }
    bool counts = !r->share.n || dev->sharers == (sign > 0 ? 1 : 0);
    for (size_t i = 0; i < dev->n_uses && counts; i++) {
        if (dev->uses[i].counter)
            dra_word_add(s, &dev->uses[i].counter->used, sign * dev->uses[i].milli);
    }
    dra_gpu_changed(s, dev);
}

void dra_charge(struct snapshot *s, const struct dra_allocation *al, int sign)
{
    for (size_t i = 0; i < al->n; i++)
        charge_result(s, &al->results[i], sign);
}

/* ---- classes ---- */

#define CLASS_PREFIX "deviceclass.resource.kubernetes.io/"

static bool is_preferred(const struct kobj *a, const struct kobj *b)
{
    int order = str_cmp(json_str(kobj_meta(a, STR("creationTimestamp"))),
                        json_str(kobj_meta(b, STR("creationTimestamp"))));
    return order ? order > 0 : str_cmp(a->name, b->name) < 0;
}

struct str dra_class_of(const struct dra *d, struct str resource)
{
    const struct kobj *best = NULL;
    const struct map_slot *slot;
    if (str_starts(resource, STR(CLASS_PREFIX)))
        best = map_get(&d->classes, str_skip(resource, STR(CLASS_PREFIX).n));
    if (best)
        return best->name;
    for (size_t i = 0; (slot = map_next(&d->classes, &i));) {
        const struct kobj *c = slot->value;
        if (str_eq(json_str(kobj_path(c, "spec.extendedResourceName")), resource) &&
            (!best || is_preferred(c, best)))
            best = c;
    }
    return best ? best->name : (struct str){ 0 };
}

/* ---- objects ---- */

static void class_set(struct dra *d, const struct kobj *obj)
{
    struct kobj *copy = kobj_ref(obj);
    kobj_unref(map_put(&d->classes, copy->name, copy));
}

void dra_set(struct dra *d, enum dra_kind kind, const struct kobj *obj)
{
    switch (kind) {
    case DRA_CLAIM:
        dra_claim_set(d, obj);
        return;
    case DRA_CLASS:
        class_set(d, obj);
        return;
    case DRA_SLICE:
        slice_set(d, obj);
        return;
    }
}

void dra_del(struct dra *d, enum dra_kind kind, const struct kobj *obj)
{
    switch (kind) {
    case DRA_CLAIM:
        dra_claim_del(d, obj);
        return;
    case DRA_CLASS:
        kobj_unref(map_del(&d->classes, obj->name));
        return;
    case DRA_SLICE:
        slice_drop(d, obj->name);
        return;
    }
}
