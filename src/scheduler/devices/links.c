/* SPDX-License-Identifier: Apache-2.0
 * links — see links.h. For each bandwidth that occurs, from the fastest down, one pass over all
 * subsets finds those that have a ring of links at least that fast: ends[s] is the set of devices
 * at which a path through all of s can end that began at the lowest device of s (Held and Karp's
 * recursion, with bits for ends). */
#include "scheduler/devices/links.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"
#include "kube/names.h"

#define KINDS_MAX 64 /* of nodes */
#define GBPS_MAX 60000
#define NVSWITCH_GBPS 450 /* one direction, as a Hopper node has it */
#define NVLINK_GBPS 200
#define PCIE_SWITCH_GBPS 25

struct links {
    uint32_t n;
    uint16_t gbps[LINKS_DEVICES_MAX][LINKS_DEVICES_MAX];
    uint16_t best[LINKS_DEVICES_MAX + 1]; /* by number of devices */
    uint16_t *ring;                       /* by subset */
};

static void links_free(struct links *l)
{
    free(l->ring);
    free(l);
}

void links_pool_fini(struct links_pool *p)
{
    for (size_t i = 0; i < p->items.n; i++)
        links_free(p->items.items[i]);
    links_vec_fini(&p->items);
}

/* ---- reading ---- */

static void join(struct links *l, uint64_t devices, int64_t gbps)
{
    for (uint32_t i = 0; i < l->n; i++) {
        for (uint32_t j = 0; j < l->n; j++) {
            if (i != j && (devices >> i & 1) && (devices >> j & 1) && l->gbps[i][j] < gbps)
                l->gbps[i][j] = (uint16_t)gbps;
        }
    }
}

static bool read_groups(struct links *l, const struct node *node)
{
    struct str text = json_str(json_get(node->annotations, STR(NAME_TOPOLOGY)));
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    if (!text.p || json_parse(&doc, text, &json_limits_body, NULL))
        return false;
    bool any = false;
    struct json_iter it = json_iter(json_get(json_root(doc), STR("links")));
    while (json_next(&it)) {
        int64_t gbps = json_i64_or(json_get(it.value, STR("gbps")), 0);
        uint64_t devices = 0;
        struct json_iter d = json_iter(json_get(it.value, STR("devices")));
        while (json_next(&d)) {
            int64_t index = json_i64_or(d.value, -1);
            devices |= index >= 0 && index < SCHED_DEVICES_MAX ? UINT64_C(1) << index : 0;
        }
        join(l, devices, num_clamp_i64(gbps, 0, GBPS_MAX));
        any = true;
    }
    return any;
}

static bool read_label(struct links *l, const struct topology *t, const struct node *node)
{
    static const struct {
        struct str kind;
        int64_t all, cell;
    } kinds[] = { { STR_INIT("nvswitch"), NVSWITCH_GBPS, NVSWITCH_GBPS },
                  { STR_INIT("nvlink"), LINKS_HOST_GBPS, NVLINK_GBPS },
                  { STR_INIT("pcie"), LINKS_HOST_GBPS, PCIE_SWITCH_GBPS } };
    struct str said = node_label(node, STR("gpu.kubenexus.io/topology"));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!str_eq_nocase(said, kinds[i].kind))
            continue;
        join(l, UINT64_MAX, kinds[i].all);
        for (unsigned c = 0; c < t->n_cells; c++)
            join(l, t->devices[DEVICE_NVIDIA][c], kinds[i].cell);
        return true;
    }
    return false;
}

/* ---- the table ---- */

static void mark_rings(struct links *l, uint16_t *ends, uint16_t gbps)
{
    uint16_t near[LINKS_DEVICES_MAX] = { 0 };
    for (uint32_t i = 0; i < l->n; i++) {
        for (uint32_t j = 0; j < l->n; j++)
            near[i] |= (uint16_t)((l->gbps[i][j] >= gbps) << j);
    }
    for (uint32_t s = 1; s < (1u << l->n); s++) {
        uint32_t first = s & -s;
        ends[s] = s == first ? (uint16_t)s : 0;
        for (uint32_t left = s & ~first; left; left &= left - 1) {
            uint32_t bit = left & -left;
            if (ends[s & ~bit] & near[__builtin_ctz(bit)])
                ends[s] |= (uint16_t)bit;
        }
        bool closes = (ends[s] & near[__builtin_ctz(first)]) != 0;
        if (closes && l->ring[s] < gbps)
            l->ring[s] = gbps;
    }
}

static uint16_t next_below(const struct links *l, uint32_t gbps)
{
    uint16_t out = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        for (uint32_t j = 0; j < l->n; j++)
            out = l->gbps[i][j] < gbps && l->gbps[i][j] > out ? l->gbps[i][j] : out;
    }
    return out;
}

static void tabulate(struct links *l)
{
    l->ring = mem_alloc_array((size_t)1 << l->n, sizeof *l->ring);
    uint16_t *ends = mem_alloc_array((size_t)1 << l->n, sizeof *ends);
    for (uint16_t gbps = next_below(l, UINT32_MAX); gbps; gbps = next_below(l, gbps))
        mark_rings(l, ends, gbps);
    free(ends);
    for (uint32_t s = 1; s < (1u << l->n); s++) {
        uint16_t *best = &l->best[__builtin_popcount(s)];
        *best = l->ring[s] > *best ? l->ring[s] : *best;
    }
}

const struct links *
links_read(struct links_pool *p, const struct topology *t, const struct node *node)
{
    struct links l = { .n = t->n_devices[DEVICE_NVIDIA] };
    if (l.n < 2 || l.n > LINKS_DEVICES_MAX)
        return NULL;
    join(&l, UINT64_MAX, LINKS_HOST_GBPS);
    if (!read_groups(&l, node) && !read_label(&l, t, node))
        return NULL;
    for (size_t i = 0; i < p->items.n; i++) {
        const struct links *known = p->items.items[i];
        if (known->n == l.n && memcmp(known->gbps, l.gbps, sizeof l.gbps) == 0)
            return known;
    }
    if (p->items.n == KINDS_MAX)
        return NULL;
    struct links *fresh = MEM_NEW(struct links);
    *fresh = l;
    tabulate(fresh);
    return *links_vec_push(&p->items, fresh);
}

/* ---- questions ---- */

uint32_t links_ring(const struct links *l, uint64_t devices)
{
    return l->ring[devices & ((UINT64_C(1) << l->n) - 1)];
}

uint32_t links_best(const struct links *l, uint32_t n)
{
    return n <= l->n ? l->best[n] : 0;
}

uint32_t links_fastest(const struct links_pool *p, uint32_t n)
{
    uint32_t out = 0;
    for (size_t i = 0; i < p->items.n; i++) {
        uint32_t here = links_best(p->items.items[i], n);
        out = here > out ? here : out;
    }
    return out;
}

/* GB/s of all links between the set and the other free devices: what taking it tears apart. */
static uint32_t torn(const struct links *l, uint32_t set, uint32_t rest)
{
    uint32_t out = 0;
    for (uint32_t left = set; left; left &= left - 1) {
        for (uint32_t r = rest; r; r &= r - 1)
            out += l->gbps[__builtin_ctz(left)][__builtin_ctz(r)];
    }
    return out;
}

uint64_t links_choose(const struct links *l, uint64_t free, uint32_t n)
{
    uint32_t have = (uint32_t)(free & ((UINT64_C(1) << l->n) - 1)), best = 0, least = 0;
    if (n == 0 || (uint32_t)__builtin_popcount(have) < n)
        return 0;
    /* all subsets of the free devices, rising */
    for (uint32_t s = have & -have; s; s = (s - have) & have) {
        if ((uint32_t)__builtin_popcount(s) != n || (best && l->ring[s] < l->ring[best]))
            continue;
        uint32_t here = torn(l, s, have & ~s);
        if (best && l->ring[s] == l->ring[best] && here >= least)
            continue;
        best = s;
        least = here;
    }
    return best;
}
