/* SPDX-License-Identifier: Apache-2.0
 * topology — see topology.h. */
#include "scheduler/topology.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "kube/names.h"

#define GPU_MEM_MIB_MAX (INT64_C(1) << 30)

const struct str device_resources[DEVICE_KINDS] = {
    [DEVICE_NVIDIA] = STR_INIT("nvidia.com/gpu"),
    [DEVICE_AMD] = STR_INIT("amd.com/gpu"),
    [DEVICE_INTEL] = STR_INIT("intel.com/gpu"),
};

enum device_kind device_kind_of(struct str resource)
{
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (str_eq(resource, device_resources[k]))
            return (enum device_kind)k;
    }
    return DEVICE_KINDS;
}

/* Calls visit for each number of "0-15,32"; parts that are no numbers are skipped. */
static int64_t list_count(struct str list, uint64_t *mask)
{
    int64_t count = 0;
    while (list.p) {
        struct str part = str_trim(str_split(&list, ','));
        struct str first = str_split(&part, '-');
        int64_t lo, hi;
        if (!str_to_i64(first, &lo) || lo < 0)
            continue;
        hi = lo;
        if (part.p && (!str_to_i64(part, &hi) || hi < lo))
            continue;
        count += hi - lo + 1;
        for (int64_t i = lo; i <= hi && i < 64; i++)
            *mask |= UINT64_C(1) << i;
    }
    return count;
}

uint64_t mask_parse(struct str list)
{
    uint64_t mask = 0;
    list_count(list, &mask);
    return mask;
}

struct str mask_text(struct arena *a, uint64_t mask)
{
    char text[64 * 3];
    size_t n = 0;
    for (unsigned i = 0; i < 64; i++) {
        if (mask & (UINT64_C(1) << i))
            n += (size_t)snprintf(text + n, sizeof text - n, n ? ",%u" : "%u", i);
    }
    return arena_str(a, str_make(text, n));
}

static uint64_t low_bits(uint32_t n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

uint64_t topology_mask(const struct topology *t, enum device_kind kind)
{
    uint64_t mask = 0;
    for (unsigned c = 0; c < SCHED_CELLS_MAX; c++)
        mask |= t->devices[kind][c];
    return mask;
}

/* A device plugin that offers parts of GPUs may not offer whole ones: labels count the devices. */
static void read_shared(struct topology *t, const struct node *node)
{
    static const struct str parts[] = { STR_INIT("nvidia.com/gpu.shared"),
                                        STR_INIT("volcano.sh/vgpu-number"),
                                        STR_INIT("koordinator.sh/gpu.shared"),
                                        STR_INIT("nvidia.com/gpu-memory") };
    int64_t count, replicas;
    if (!str_to_i64(node_label(node, STR("nvidia.com/gpu.memory")), &t->gpu_mem_mib) ||
        t->gpu_mem_mib < 0 || t->gpu_mem_mib > GPU_MEM_MIB_MAX)
        t->gpu_mem_mib = 0;
    if (str_to_i64(node_label(node, STR("nvidia.com/gpu.replicas")), &replicas) && replicas > 1 &&
        replicas <= 1000)
        t->gpu_replicas = (int32_t)replicas;
    if (!str_to_i64(node_label(node, STR("nvidia.com/gpu.count")), &count))
        return;
    count = num_clamp_i64(count, 0, SCHED_DEVICES_MAX);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (amounts_get(&node->allocatable, parts[i]) > 0 && count > t->n_devices[DEVICE_NVIDIA])
            t->n_devices[DEVICE_NVIDIA] = (uint32_t)count;
    }
}

static void read_counts(struct topology *t, const struct node *node)
{
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        int64_t n = amounts_get(&node->allocatable, device_resources[k]);
        t->n_devices[k] = n < 0 ? 0 : n > SCHED_DEVICES_MAX ? SCHED_DEVICES_MAX : (uint32_t)n;
    }
}

static void read_cell_devices(struct topology *t, uint32_t cell, struct json devices)
{
    for (struct json_iter it = json_iter(devices); json_next(&it);) {
        enum device_kind kind = device_kind_of(it.key);
        if (kind == DEVICE_KINDS)
            continue;
        for (struct json_iter d = json_iter(it.value); json_next(&d);) {
            int64_t index = json_i64_or(d.value, -1);
            if (index >= 0 && index < SCHED_DEVICES_MAX)
                t->devices[kind][cell] |= UINT64_C(1) << index;
        }
    }
}

static bool read_annotation(struct topology *t, const struct node *node)
{
    struct str text = json_str(json_get(node->annotations, STR(NAME_TOPOLOGY)));
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (!text.p || json_parse(&doc, text, &json_limits_body, NULL))
        return false;
    AUTO(arena_freep) struct arena *a = arena_new();
    for (struct json_iter it = json_iter(json_get(json_root(doc), STR("cells")));
         json_next(&it) && t->n_cells < SCHED_CELLS_MAX;) {
        struct amounts res = amounts_decode(a, json_get(it.value, STR("resources")));
        t->cells[t->n_cells] = (struct cell_size){
            .cpu_milli = amounts_get(&res, STR("cpu")),
            .mem_bytes = amounts_get(&res, STR("memory")),
        };
        read_cell_devices(t, t->n_cells, json_get(it.value, STR("devices")));
        t->n_cells++;
    }
    return t->n_cells > 0;
}

static struct str cell_label(const struct node *node, uint32_t cell, const char *what)
{
    char key[96];
    int n = snprintf(key, sizeof key, "numa.kubenexus.io/node-%" PRIu32 "-%s", cell, what);
    return node_label(node, str_make(key, (size_t)n));
}

static void read_label_cells(struct topology *t, const struct node *node)
{
    int64_t count = 0;
    if (!str_to_i64(node_label(node, STR("numa.kubenexus.io/node-count")), &count) || count < 1)
        return;
    t->n_cells = count > SCHED_CELLS_MAX ? SCHED_CELLS_MAX : (uint32_t)count;
    for (uint32_t c = 0; c < t->n_cells; c++) {
        struct str cpus = cell_label(node, c, "cpus");
        uint64_t ignored = 0;
        t->cells[c].cpu_milli =
            cpus.p ? 1000 * list_count(cpus, &ignored)
                   : amounts_get(&node->allocatable, STR("cpu")) / (int64_t)t->n_cells;
        if (!str_to_i64(cell_label(node, c, "memory"), &t->cells[c].mem_bytes))
            t->cells[c].mem_bytes =
                amounts_get(&node->allocatable, STR("memory")) / (int64_t)t->n_cells;
    }
}

/* The cell of a GPU by label, or by its place in n devices dealt out in equal blocks. */
static uint32_t device_cell(const struct topology *t,
                            const struct node *node,
                            enum device_kind kind,
                            uint32_t index)
{
    char key[64];
    int n = snprintf(key, sizeof key, "gpu.kubenexus.io/gpu%" PRIu32 "-numa", index);
    int64_t cell;
    if (str_to_i64(node_label(node, str_make(key, (size_t)n)), &cell) && cell >= 0 &&
        cell < (int64_t)t->n_cells)
        return (uint32_t)cell;
    return index * t->n_cells / t->n_devices[kind];
}

void topology_read(struct topology *out, const struct node *node)
{
    *out = (struct topology){ 0 };
    read_counts(out, node);
    read_shared(out, node);
    bool exact = read_annotation(out, node);
    if (!exact)
        read_label_cells(out, node);
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        uint64_t all = low_bits(out->n_devices[k]);
        for (unsigned c = 0; exact && c < SCHED_CELLS_MAX; c++)
            out->devices[k][c] &= all; /* what kubelet does not offer is not ours to give */
        uint64_t unknown = all & ~topology_mask(out, (enum device_kind)k);
        for (uint32_t i = 0; i < out->n_devices[k]; i++) {
            if (!(unknown & (UINT64_C(1) << i)))
                continue;
            uint32_t cell = out->n_cells ? device_cell(out, node, (enum device_kind)k, i) : 0;
            out->devices[k][cell] |= UINT64_C(1) << i;
        }
    }
}
