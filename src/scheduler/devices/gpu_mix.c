/* SPDX-License-Identifier: Apache-2.0
 * gpu_mix — see gpu_mix.h. */
#include "scheduler/devices/gpu_mix.h"

#include <string.h>

#include "base/num.h"

#define SLOTS (2u * GPU_MIX_KINDS)

void gpu_mix_fini(struct gpu_mix *m)
{
    gpu_kinds_fini(&m->kinds);
    free(m->slots);
    *m = (struct gpu_mix){ 0 };
}

static bool same(const struct gpu_ask *a, const struct gpu_ask *b)
{
    return a->cpu_milli == b->cpu_milli && a->count == b->count && a->milli == b->milli &&
           a->models == b->models;
}

static uint32_t *slot_of(struct gpu_mix *m, const struct gpu_ask *ask)
{
    uint64_t h = num_mix64((uint64_t)ask->cpu_milli) ^
                 num_mix64(ask->models + ((uint64_t)ask->count << 32) + (uint64_t)ask->milli);
    uint32_t at = (uint32_t)(h & (SLOTS - 1));
    while (m->slots[at] && !same(&m->kinds.items[m->slots[at] - 1].ask, ask))
        at = (at + 1) & (SLOTS - 1);
    return &m->slots[at];
}

/* Halves all counts and forgets the kinds that came once. */
static void age(struct gpu_mix *m)
{
    size_t kept = 0;
    m->arrivals = 0;
    memset(m->slots, 0, SLOTS * sizeof *m->slots);
    for (size_t i = 0; i < m->kinds.n; i++) {
        struct gpu_kind k = m->kinds.items[i];
        k.count /= 2;
        if (!k.count)
            continue;
        m->kinds.items[kept++] = k;
        m->arrivals += k.count;
    }
    m->kinds.n = kept;
    for (size_t i = 0; i < kept; i++)
        *slot_of(m, &m->kinds.items[i].ask) = (uint32_t)i + 1;
}

void gpu_mix_add(struct gpu_mix *m, const struct gpu_ask *ask)
{
    if (!m->slots)
        m->slots = mem_alloc_array(SLOTS, sizeof *m->slots);
    while (m->arrivals >= GPU_MIX_WINDOW || m->kinds.n == GPU_MIX_KINDS)
        age(m);
    m->arrivals++;
    uint32_t *slot = slot_of(m, ask);
    if (*slot) {
        m->kinds.items[*slot - 1].count++;
        return;
    }
    gpu_kinds_push(&m->kinds, (struct gpu_kind){ *ask, 1 });
    *slot = (uint32_t)m->kinds.n;
}

/* A total order, so that the cut does not depend on the order of arrivals. */
static int by_count(const void *x, const void *y)
{
    const struct gpu_kind *a = x, *b = y;
    int64_t size_a = a->ask.count * (int64_t)a->ask.milli;
    int64_t size_b = b->ask.count * (int64_t)b->ask.milli;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    if (size_a != size_b)
        return size_a > size_b ? -1 : 1;
    if (a->ask.cpu_milli != b->ask.cpu_milli)
        return a->ask.cpu_milli > b->ask.cpu_milli ? -1 : 1;
    if (a->ask.count != b->ask.count)
        return a->ask.count > b->ask.count ? -1 : 1;
    return a->ask.models > b->ask.models ? -1 : a->ask.models < b->ask.models;
}

size_t gpu_mix_typical(struct gpu_mix *m, unsigned percent, struct gpu_typical *out)
{
    size_t n = m->kinds.n, kept = 0;
    uint64_t covered = 0;
    if (!n)
        return 0;
    struct gpu_kind *sorted = mem_alloc_array(n, sizeof *sorted);
    memcpy(sorted, m->kinds.items, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_count);
    while (kept < n && kept < GPU_TYPICAL_MAX && covered * 100 < m->arrivals * percent)
        covered += sorted[kept++].count;
    for (size_t i = 0; i < kept; i++)
        out[i] = (struct gpu_typical){ sorted[i].ask, (double)sorted[i].count / (double)covered };
    free(sorted);
    return kept;
}
