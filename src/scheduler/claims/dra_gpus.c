/* SPDX-License-Identifier: Apache-2.0
 * dra_gpus — GPUs that a node gives out in two ways: by claim, and as an extended resource
 * (nvidia.com/gpu) by index. Both ways share one ledger, that of the node (state/snapshot.h):
 *
 *     a claim holds the device ─► its index is not free, and the node has one GPU less to offer
 *     a pod holds the index, or a part of it ─► the device cannot be had by claim
 *
 * Which index a device is, its attributes say: `index`, or a uuid or PCI address that the node's
 * own list of GPUs has too; a partition is where its parent is. That is believed where our choice
 * of indexes is carried out (NODE_MANAGER_OURS). Elsewhere kubelet picks which GPU a pod gets, so a
 * device may be any of them: then the node's GPUs are given out in one way at a time. */
#include "scheduler/claims/dra_internal.h"

#define GPU_LIST "agentaflow.gpu/devices" /* node annotation: [{"id", "pciBusID"}], by index */
#define UNKNOWN (-1)

static const struct {
    struct str driver;
    enum device_kind kind;
} drivers[] = {
    { STR_INIT("gpu.nvidia.com"), DEVICE_NVIDIA },
    { STR_INIT("gpu.amd.com"), DEVICE_AMD },
    { STR_INIT("gpu.intel.com"), DEVICE_INTEL },
    { STR_INIT("gpu.sim.ganglion.io"), DEVICE_NVIDIA },
};

void dra_gpu_read(struct dra_device *dev)
{
    dev->gpu_kind = DEVICE_KINDS;
    dev->gpu_index = UNKNOWN;
    for (size_t i = 0; i < COUNT_OF(drivers) && dev->node.n; i++) {
        if (str_eq(dev->pool->driver, drivers[i].driver))
            dev->gpu_kind = drivers[i].kind;
    }
}

/* ---- which one is it? ---- */

static struct str text_of(const struct dra_device *dev, struct str name)
{
    const struct dra_attribute *at = dra_attribute(dev, name);
    return at ? json_str(json_get(at->value, STR("string"))) : (struct str){ 0 };
}

static const struct dra_device *parent_of(const struct dra_device *dev)
{
    struct str uuid = text_of(dev, STR("parentUUID"));
    for (size_t i = 0; uuid.n && i < dev->pool->devices.n; i++) {
        if (str_eq(text_of(dev->pool->devices.items[i], STR("uuid")), uuid))
            return dev->pool->devices.items[i];
    }
    return dev;
}

static bool is_listed_as(const struct dra_device *dev, struct json entry)
{
    static const struct str addresses[] = { STR_INIT("resource.kubernetes.io/pciBusID"),
                                            STR_INIT("pciBusID"), STR_INIT("pcieBusID"),
                                            STR_INIT("pcie-bus-id") };
    struct str id = json_str(json_get(entry, STR("id")));
    struct str pci = json_str(json_get(entry, STR("pciBusID")));
    if (id.n && str_eq(text_of(dev, STR("uuid")), id))
        return true;
    for (size_t i = 0; pci.n && i < COUNT_OF(addresses); i++) {
        if (str_eq(text_of(dev, addresses[i]), pci))
            return true;
    }
    return false;
}

/* list: of the node, or absent. */
static int find_index(const struct dra_device *dev, struct json list)
{
    const struct dra_device *whole = parent_of(dev);
    const struct dra_attribute *at = dra_attribute(whole, STR("index"));
    int64_t said = at ? json_i64_or(json_get(at->value, STR("int")), UNKNOWN) : UNKNOWN;
    int i = 0;
    if (said >= 0 && said < NODE_DEVICES_MAX)
        return (int)said;
    for (struct json_iter it = json_iter(list); json_next(&it) && i < NODE_DEVICES_MAX; i++) {
        if (is_listed_as(whole, it.value))
            return i;
    }
    return UNKNOWN;
}

/* The indexes that the device is, or may be. */
static uint64_t mask_of(const struct dra_device *dev, const struct snode *node)
{
    uint64_t all = topology_mask(&node->topology, dev->gpu_kind);
    bool exact = node->topology.manager == NODE_MANAGER_OURS && dev->gpu_index != UNKNOWN;
    return exact ? all & UINT64_C(1) << dev->gpu_index : all;
}

/* ---- the ledger ---- */

bool dra_gpu_is_free(const struct dra_device *dev,
                     const struct snode *node,
                     const struct placement *own)
{
    if (dev->gpu_kind == DEVICE_KINDS)
        return true;
    unsigned k = dev->gpu_kind;
    uint64_t held = ~(uint64_t)node->free[k] & ~(uint64_t)node->claimed[k];
    if (own)
        held |= own->devices[k] | (k == DEVICE_NVIDIA ? own->shared : 0);
    return (mask_of(dev, node) & held) == 0;
}

static uint64_t
masks_of(const struct dra_pick *picks, size_t n, const struct snode *node, unsigned k)
{
    uint64_t out = 0;
    for (size_t i = 0; i < n; i++) {
        if (picks[i].device->gpu_kind == k && !picks[i].ask->admin)
            out |= mask_of(picks[i].device, node);
    }
    return out;
}

bool dra_gpus_suffice(const struct dra_pick *picks,
                      size_t n,
                      const struct snode *node,
                      const struct shape *shape)
{
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint32_t want = shape->devices[k] + (k == DEVICE_NVIDIA ? shape->share.devices : 0);
        uint64_t left = want ? (uint64_t)node->free[k] & ~masks_of(picks, n, node, k) : 0;
        if ((uint32_t)__builtin_popcountll(left) < want)
            return false;
    }
    return true;
}

static bool has_gpus(const struct snode *node)
{
    uint32_t n = 0;
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        n += node->topology.n_devices[k];
    return n > 0;
}

/* Outside transactions changes leave no mark in the log. */
static void write_claimed(struct dra *d, bool logged, struct snode *node, unsigned k, uint64_t mask)
{
    bool was_empty = d->snap->log.n == 0;
    if ((uint64_t)node->claimed[k] == mask)
        return;
    if (!logged && !d->supposing && ((uint64_t)node->claimed[k] & ~mask))
        dra_node_ids_push(&d->freed, node->id);
    snapshot_set_claimed(d->snap, node, (enum device_kind)k, mask, logged);
    if (!logged && was_empty)
        snapshot_commit(d->snap);
}

static void count_claimed(struct dra *d, bool logged, struct snode *node)
{
    const struct dra_devices *local = map_get(&d->local, node->name);
    uint64_t masks[DEVICE_KINDS] = { 0 };
    for (size_t i = 0; local && i < local->n; i++) {
        const struct dra_device *dev = local->items[i];
        if (dev->gpu_kind != DEVICE_KINDS && (dev->holders || dev->sharers))
            masks[dev->gpu_kind] |= mask_of(dev, node);
    }
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        write_claimed(d, logged, node, k, masks[k]);
}

void dra_gpu_changed(struct snapshot *s, struct dra_device *dev)
{
    struct dra *d = dev->pool->dra;
    struct snode *node =
        dev->gpu_kind == DEVICE_KINDS || d->refreshing ? NULL : snapshot_node(d->snap, dev->node);
    if (node && has_gpus(node))
        count_claimed(d, s != NULL, node);
}

/* ---- what is offered ---- */

static void find_indexes(const struct dra_devices *local, const struct snode *node)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct str text = json_str(json_get(node->view->annotations, STR(GPU_LIST)));
    if (text.p && json_parse(&doc, text, &json_limits_body, NULL))
        doc = NULL; /* what it says is not understood: it says nothing */
    struct json list = doc ? json_root(doc) : (struct json){ 0 };
    for (size_t i = 0; i < local->n; i++) {
        if (local->items[i]->gpu_kind != DEVICE_KINDS)
            local->items[i]->gpu_index = find_index(local->items[i], list);
    }
}

static bool is_ambiguous(const struct dra_devices *local, const struct snode *node)
{
    for (size_t i = 0; local && i < local->n; i++) {
        const struct dra_device *dev = local->items[i];
        uint64_t mask = dev->gpu_kind == DEVICE_KINDS ? 0 : mask_of(dev, node);
        if (mask & (mask - 1))
            return true;
    }
    return false;
}

void dra_node_changed(struct dra *d, struct snode *node)
{
    const struct dra_devices *local = map_get(&d->local, node->name);
    bool before = node->ambiguous;
    if (local && has_gpus(node))
        find_indexes(local, node);
    count_claimed(d, false, node);
    node->ambiguous = is_ambiguous(local, node);
    if (node->ambiguous && !before)
        dra_names_push(&d->news, dra_text_copy(node->name));
}

void dra_gpus_refresh(struct dra *d)
{
    for (size_t i = 0; i < d->snap->nodes.n; i++) {
        struct snode *node = d->snap->nodes.items[i];
        if (node->alive && has_gpus(node))
            dra_node_changed(d, node);
    }
}

bool dra_ambiguous_take(struct dra *d, struct arena *a, struct str *node)
{
    if (d->news.n == 0)
        return false;
    struct str name = dra_names_pop(&d->news);
    *node = arena_str(a, name);
    dra_text_free(name);
    return true;
}

bool dra_freed_take(struct dra *d, int64_t *node)
{
    if (d->freed.n == 0)
        return false;
    *node = dra_node_ids_pop(&d->freed);
    return true;
}
