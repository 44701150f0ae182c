/* SPDX-License-Identifier: Apache-2.0
 * dra_order — in which order a search tries the devices of a node, so that the first that do are a
 * good choice: several devices from the closest set that has enough (by the node's links, else by
 * an attribute that says what they hang on), partitions that take least of their counters, shared
 * devices that are fullest. Equals keep the order of pools and slices. */
#include "scheduler/claims/dra_internal.h"

#include <stdlib.h>

#define GROUPED_MAX 32 /* devices of a node that are looked at for closeness */
#define SHARE 1000

struct place { /* of a device in the order; smaller comes first */
    struct dra_device *device;
    int far;
    int64_t cost, left;
    size_t at;
};

static int by_place(const void *pa, const void *pb)
{
    const struct place *a = pa, *b = pb;
    if (a->far != b->far)
        return a->far - b->far;
    if (a->cost != b->cost)
        return a->cost < b->cost ? -1 : 1;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* ---- close to each other ---- */

static bool is_free(const struct dra_device *dev, const struct snode *node)
{
    return !dev->holders && !dev->sharers && dra_gpu_is_free(dev, node, NULL);
}

static bool by_links(struct place *list, size_t n, const struct snode *node, size_t want)
{
    uint64_t free = 0;
    if (!node->links)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct dra_device *dev = list[i].device;
        bool known = dev->gpu_kind == DEVICE_NVIDIA && dev->gpu_index >= 0;
        free |= known && is_free(dev, node) ? UINT64_C(1) << dev->gpu_index : 0;
    }
    uint64_t best = links_choose(node->links, free, (uint32_t)want);
    for (size_t i = 0; best && i < n; i++) {
        int index = list[i].device->gpu_index;
        list[i].far = index < 0 || !(best >> index & 1);
    }
    return best != 0;
}

static bool is_beside(const struct dra_device *a, const struct dra_device *b, struct str name)
{
    const struct dra_attribute *x = dra_attribute(a, name), *y = dra_attribute(b, name);
    return x && y && json_eq(x->value, y->value);
}

/* The smallest set of free devices that agree in the attribute and are enough comes first. */
static bool
by_attribute(struct place *list, size_t n, const struct snode *node, size_t want, struct str name)
{
    const struct dra_device *best = NULL;
    size_t fewest = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t count = 0;
        for (size_t k = 0; k < n; k++)
            count +=
                is_free(list[k].device, node) && is_beside(list[i].device, list[k].device, name);
        if (count < want || count >= fewest)
            continue;
        fewest = count;
        best = list[i].device;
    }
    for (size_t i = 0; best && i < n; i++)
        list[i].far = !is_beside(list[i].device, best, name);
    return best != NULL;
}

static void find_close(struct place *list, size_t n, const struct snode *node, size_t want)
{
    static const struct str names[] = { STR_INIT("resource.kubernetes.io/pcieRoot"),
                                        STR_INIT("pcie-switch"), STR_INIT("numa"),
                                        STR_INIT("numa-node"), STR_INIT("nvlink-domain") };
    if (want < 2 || n > GROUPED_MAX || by_links(list, n, node, want))
        return;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (by_attribute(list, n, node, want, names[i]))
            return;
    }
}

/* ---- waste ---- */

static int64_t share(int64_t part, int64_t whole)
{
    return whole > 0 ? (int64_t)((__int128)part * SHARE / whole) : SHARE;
}

int64_t dra_left_of(const struct dra_device *dev)
{
    int64_t left = SHARE;
    for (size_t i = 0; dev->multi && i < dev->n_capacities; i++) {
        const struct dra_capacity *c = &dev->capacities[i];
        int64_t here = share(c->milli - c->used, c->milli);
        left = here < left ? here : left;
    }
    for (size_t i = 0; i < dev->n_uses; i++) {
        const struct dra_counter *c = dev->uses[i].counter;
        int64_t here = c ? share(c->milli - c->used, c->milli) : SHARE;
        left = here < left ? here : left;
    }
    return left;
}

/* What it takes of what it is a part of; a whole device all, one that is shared nothing yet. */
static int64_t cost_of(const struct dra_device *dev)
{
    int64_t most = 0;
    for (size_t i = 0; i < dev->n_uses; i++) {
        const struct dra_counter *c = dev->uses[i].counter;
        int64_t here = c ? share(dev->uses[i].milli, c->milli) : SHARE;
        most = here > most ? here : most;
    }
    return dev->n_uses || dev->multi ? most : SHARE;
}

/* ---- the order ---- */

void dra_order(struct dra_devices *devices, struct arena *a, const struct snode *node, size_t want)
{
    bool varied = false;
    for (size_t i = 0; i < devices->n; i++)
        varied = varied || devices->items[i]->multi || devices->items[i]->n_uses;
    if (!varied && (want < 2 || devices->n > GROUPED_MAX))
        return;
    struct place *list = ARENA_ARRAY(a, struct place, devices->n + 1);
    for (size_t i = 0; i < devices->n; i++) {
        struct dra_device *dev = devices->items[i];
        list[i] = (struct place){ dev, 0, cost_of(dev), dra_left_of(dev), i };
    }
    find_close(list, devices->n, node, want);
    if (devices->n)
        qsort(list, devices->n, sizeof *list, by_place);
    struct dra_device **items = ARENA_ARRAY(a, struct dra_device *, devices->n + 1);
    for (size_t i = 0; i < devices->n; i++)
        items[i] = list[i].device;
    *devices = (struct dra_devices){ .items = items, .n = devices->n };
}
