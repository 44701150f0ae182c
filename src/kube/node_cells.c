/* SPDX-License-Identifier: Apache-2.0
 * node_cells — see node_cells.h. */
#include "kube/node_cells.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "kube/meta.h"
#include "kube/names.h"

#define ANNOTATION_MAX 65536

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

/* ---- lists of numbers ---- */

/* How many numbers "0-15,32" has; parts that are no numbers are skipped. */
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
        count = num_clamp_i64(count + num_clamp_i64(hi - lo, 0, INT32_MAX) + 1, 0, INT32_MAX);
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

/* ---- our annotation ---- */

static void read_devices(struct node_cell *cell, struct json devices)
{
    for (struct json_iter it = json_iter(devices); json_next(&it);) {
        enum device_kind kind = device_kind_of(it.key);
        if (kind == DEVICE_KINDS)
            continue;
        for (struct json_iter d = json_iter(it.value); json_next(&d);) {
            int64_t index = json_i64_or(d.value, -1);
            if (index >= 0 && index < NODE_DEVICES_MAX)
                cell->devices[kind] |= UINT64_C(1) << index;
        }
    }
}

static struct node_cell *add_cell(struct node_cells *c)
{
    struct node_cell *cell = &c->cells[c->n++];
    cell->cpu_left = cell->mem_left = INT64_MAX;
    return cell;
}

static void read_annotation(struct node_cells *c, const struct node *node)
{
    struct str text = json_str(json_get(node->annotations, STR(NAME_TOPOLOGY)));
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (!text.p || json_parse(&doc, text, &json_limits_body, NULL))
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    for (struct json_iter it = json_iter(json_get(json_root(doc), STR("cells")));
         json_next(&it) && c->n < NODE_CELLS_MAX;) {
        struct amounts res = amounts_decode(a, json_get(it.value, STR("resources")));
        struct node_cell *cell = add_cell(c);
        cell->cpu_milli = amounts_get(&res, STR("cpu"));
        cell->mem_bytes = amounts_get(&res, STR("memory"));
        read_devices(cell, json_get(it.value, STR("devices")));
    }
}

/* ---- labels ---- */

static struct str pair_label(const struct node *node, uint32_t cell, const char *what)
{
    char key[96];
    int n = snprintf(key, sizeof key, "numa.kubenexus.io/node-%" PRIu32 "-%s", cell, what);
    return node_label(node, str_make(key, (size_t)n));
}

static void read_labels(struct node_cells *c, const struct node *node)
{
    int64_t count = 0;
    if (!str_to_i64(node_label(node, STR("numa.kubenexus.io/node-count")), &count) || count < 1)
        return;
    count = num_clamp_i64(count, 1, NODE_CELLS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct node_cell *cell = add_cell(c);
        struct str cpus = pair_label(node, i, "cpus");
        uint64_t ignored = 0;
        cell->cpu_milli = cpus.p ? 1000 * list_count(cpus, &ignored)
                                 : amounts_get(&node->allocatable, STR("cpu")) / count;
        if (!str_to_i64(pair_label(node, i, "memory"), &cell->mem_bytes))
            cell->mem_bytes = amounts_get(&node->allocatable, STR("memory")) / count;
    }
}

static void read_device_labels(struct node_cells *c, const struct node *node)
{
    for (uint32_t i = 0; c->n && i < NODE_DEVICES_MAX; i++) {
        char key[64];
        int n = snprintf(key, sizeof key, "gpu.kubenexus.io/gpu%" PRIu32 "-numa", i);
        int64_t cell;
        if (str_to_i64(node_label(node, str_make(key, (size_t)n)), &cell) && cell >= 0 &&
            cell < (int64_t)c->n) {
            for (unsigned k = 0; k < DEVICE_KINDS; k++)
                c->cells[cell].devices[k] |= UINT64_C(1) << i;
        }
    }
}

static void read_distance_labels(struct node_cells *c, const struct node *node)
{
    for (uint32_t i = 0; i < c->n; i++) {
        for (uint32_t j = 0; j < c->n; j++) {
            char what[32];
            int64_t d;
            snprintf(what, sizeof what, "distance-%" PRIu32, j);
            if (str_to_i64(pair_label(node, i, what), &d) && d > 0 && d <= UINT8_MAX)
                c->distance[i][j] = (uint8_t)d;
        }
    }
}

/* ---- NodeResourceTopology ---- */

/* "node-3" is zone 3; -1: it is not one of ours. */
static int64_t zone_number(struct json zone)
{
    struct str name = json_str(json_get(zone, STR("name")));
    size_t digits = 0;
    int64_t number;
    while (digits < name.n && name.p[name.n - 1 - digits] >= '0' &&
           name.p[name.n - 1 - digits] <= '9')
        digits++;
    if (!digits || !str_to_i64(str_make(name.p + name.n - digits, digits), &number) || number < 0 ||
        number >= NODE_CELLS_MAX)
        return -1;
    return number;
}

static bool zone_is_cell(struct json zone)
{
    return str_is(json_str(json_get(zone, STR("type"))), "Node") && zone_number(zone) >= 0;
}

static int64_t zone_amount(struct json resource, struct str which, int64_t parts, int64_t otherwise)
{
    int64_t value;
    return amount_parse(json_get(resource, which), parts, &value) && value >= 0 ? value : otherwise;
}

/* next: by kind, the number of the first device that no cell has yet. Zones only count devices, so
 * they are dealt out in the order of zones. */
static void read_zone(struct node_cell *cell, struct json zone, bool sizes, int64_t *next)
{
    for (struct json_iter it = json_iter(json_get(zone, STR("resources"))); json_next(&it);) {
        struct str name = json_str(json_get(it.value, STR("name")));
        bool cpu = str_is(name, "cpu");
        int64_t parts = cpu ? 1000 : 1;
        int64_t capacity = zone_amount(it.value, STR("capacity"), parts, 0);
        int64_t have = zone_amount(it.value, STR("allocatable"), parts, capacity);
        int64_t left = zone_amount(it.value, STR("available"), parts, INT64_MAX);
        enum device_kind kind = device_kind_of(name);
        if (cpu) {
            cell->cpu_left = left;
            cell->cpu_milli = sizes ? have : cell->cpu_milli;
        } else if (str_is(name, "memory")) {
            cell->mem_left = left;
            cell->mem_bytes = sizes ? have : cell->mem_bytes;
        } else if (kind != DEVICE_KINDS && sizes) {
            for (int64_t i = 0; i < have && next[kind] < NODE_DEVICES_MAX; i++)
                cell->devices[kind] |= UINT64_C(1) << next[kind]++;
        }
    }
}

static void read_costs(struct node_cells *c, struct json zone, int64_t from)
{
    for (struct json_iter it = json_iter(json_get(zone, STR("costs"))); json_next(&it);) {
        int64_t to = zone_number(it.value);
        int64_t cost = json_i64_or(json_get(it.value, STR("value")), 0);
        if (to >= 0 && to < (int64_t)c->n && cost > 0 && cost <= UINT8_MAX)
            c->distance[from][to] = (uint8_t)cost;
    }
}

static const struct {
    struct str prefix; /* of the attribute's value, and of the older topologyPolicies */
    enum node_manager manager;
} managers[] = {
    { STR_INIT("single-numa-node"), NODE_MANAGER_SINGLE },
    { STR_INIT("SingleNUMANode"), NODE_MANAGER_SINGLE },
    { STR_INIT("restricted"), NODE_MANAGER_RESTRICTED },
    { STR_INIT("Restricted"), NODE_MANAGER_RESTRICTED },
    { STR_INIT("best-effort"), NODE_MANAGER_LOOSE },
    { STR_INIT("BestEffort"), NODE_MANAGER_LOOSE },
    { STR_INIT("none"), NODE_MANAGER_LOOSE },
    { STR_INIT("None"), NODE_MANAGER_LOOSE },
};

static enum node_manager manager_of(struct str policy)
{
    for (size_t i = 0; i < COUNT_OF(managers); i++) {
        if (str_starts(policy, managers[i].prefix))
            return managers[i].manager;
    }
    return NODE_MANAGER_UNKNOWN;
}

static enum node_manager read_manager(struct json report)
{
    for (struct json_iter it = json_iter(json_get(report, STR("attributes"))); json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("name"))), "topologyManagerPolicy"))
            return manager_of(json_str(json_get(it.value, STR("value"))));
    }
    struct json_iter it = json_iter(json_get(report, STR("topologyPolicies")));
    return json_next(&it) ? manager_of(json_str(it.value)) : NODE_MANAGER_UNKNOWN;
}

static void read_report(struct node_cells *c, struct json report)
{
    bool sizes = c->n == 0;
    int64_t next[DEVICE_KINDS] = { 0 };
    struct json zones = json_get(report, STR("zones"));
    if (sizes) {
        int64_t highest = -1;
        for (struct json_iter it = json_iter(zones); json_next(&it);) {
            if (zone_is_cell(it.value) && zone_number(it.value) > highest)
                highest = zone_number(it.value);
        }
        while ((int64_t)c->n <= highest)
            add_cell(c);
    }
    for (struct json_iter it = json_iter(zones); json_next(&it);) {
        int64_t number = zone_is_cell(it.value) ? zone_number(it.value) : -1;
        if (number < 0 || number >= (int64_t)c->n)
            continue;
        read_zone(&c->cells[number], it.value, sizes, next);
        read_costs(c, it.value, number);
    }
    c->manager = read_manager(report);
}

void node_cells_read(struct node_cells *out, const struct node *node, struct json report)
{
    *out = (struct node_cells){ 0 };
    read_annotation(out, node);
    read_report(out, report);
    if (!out->n) {
        read_labels(out, node);
        read_device_labels(out, node);
    }
    read_distance_labels(out, node);
    if (node_label(node, STR(NAME_EXECUTOR)).n)
        out->manager = NODE_MANAGER_OURS;
    uint32_t all = (1u << out->n) - 1;
    out->pressed =
        (uint32_t)mask_parse(json_str(json_get(node->annotations, STR(NAME_CELL_PRESSURE)))) & all;
}

/* ---- writing ---- */

static void put_label(struct arena *a, struct jnode *node, struct str key, int64_t value)
{
    meta_set_label(node, key, arena_printf(a, "%lld", (long long)value));
}

static void label_cell(struct arena *a, struct jnode *node, const struct node_cells *c, uint32_t i)
{
    const struct node_cell *cell = &c->cells[i];
    if (cell->cpus.n && meta_label_value(cell->cpus).n == 0)
        meta_set_label(node, arena_printf(a, "numa.kubenexus.io/node-%u-cpus", i), cell->cpus);
    put_label(a, node, arena_printf(a, "numa.kubenexus.io/node-%u-memory", i), cell->mem_bytes);
    for (uint32_t j = 0; j < c->n; j++) {
        if (c->distance[i][j])
            put_label(a, node, arena_printf(a, "numa.kubenexus.io/node-%u-distance-%u", i, j),
                      c->distance[i][j]);
    }
    for (uint64_t left = cell->devices[DEVICE_NVIDIA]; left; left &= left - 1)
        put_label(a, node, arena_printf(a, "gpu.kubenexus.io/gpu%d-numa", __builtin_ctzll(left)),
                  i);
}

void node_cells_label(struct arena *a, struct jnode *node, const struct node_cells *c)
{
    if (!c->n)
        return;
    put_label(a, node, STR("numa.kubenexus.io/node-count"), c->n);
    for (uint32_t i = 0; i < c->n; i++)
        label_cell(a, node, c, i);
}

static void put_cell(struct buf *b, const struct node_cell *cell)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    buf_printf(b, "{\"resources\":{\"cpu\":\"%lldm\",\"memory\":\"%lld\"},\"devices\":{",
               (long long)cell->cpu_milli, (long long)cell->mem_bytes);
    bool first = true;
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (!cell->devices[k])
            continue;
        buf_printf(b, "%s\"%.*s\":[%.*s]", first ? "" : ",", STR_ARG(device_resources[k]),
                   STR_ARG(mask_text(a, cell->devices[k])));
        first = false;
    }
    buf_str(b, STR("}}"));
}

void node_cells_annotate(struct jnode *node, const struct node_cells *c)
{
    if (!c->n)
        return;
    struct buf b;
    buf_init(&b, ANNOTATION_MAX);
    buf_str(&b, STR("{\"cells\":["));
    for (uint32_t i = 0; i < c->n; i++) {
        if (i)
            buf_char(&b, ',');
        put_cell(&b, &c->cells[i]);
    }
    buf_str(&b, STR("]}"));
    meta_set_annotation(node, STR(NAME_TOPOLOGY), buf_view(&b));
    buf_fini(&b);
}
