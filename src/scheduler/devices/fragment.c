/* SPDX-License-Identifier: Apache-2.0
 * fragment — see fragment.h. Each typical pod m contributes gains at CPU levels: at cpu_m, where m
 * begins to fit, L less the milli on too small GPUs; and for the depth term one pod's milli at each
 * of cpu_m, 2·cpu_m, … All levels are sorted once per typical set; the table of a node's leftovers
 * is one walk over them. */
#include "scheduler/devices/fragment.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

#define TABLES_MAX 4096u /* leftovers remembered; then all are forgotten */
#define SLOTS (2u * TABLES_MAX)
#define DEVICES_AT_FIRST 8

struct gain {
    int64_t cpu;
    uint32_t typical, nth; /* the nth pod of this kind, from 1 */
    uint32_t level;
};
VEC_TYPE(gains, struct gain);

struct table_slot {
    uint64_t key;
    uint32_t table; /* + 1; 0: free */
};

struct fragment {
    struct gpu_typical typical[GPU_TYPICAL_MAX];
    size_t n_typical;
    double depth;
    uint32_t devices; /* the most that a node had */
    struct gains gains;
    int64_t *levels; /* distinct CPU amounts, rising */
    size_t n_levels;
    double *pool; /* tables of n_levels + 1 values: what is lost below level i */
    size_t n_tables, cap_tables;
    struct table_slot *slots;
    uint64_t terms[GPU_WHOLE + 1];
};

struct fragment *fragment_new(void)
{
    struct fragment *f = MEM_NEW(struct fragment);
    f->devices = DEVICES_AT_FIRST;
    f->slots = mem_alloc_array(SLOTS, sizeof *f->slots);
    for (int32_t i = 1; i <= GPU_WHOLE; i++) /* a full device adds nothing */
        f->terms[i] = num_mix64((uint64_t)i);
    fragment_set(f, NULL, 0, 0);
    return f;
}

void fragment_free(struct fragment *f)
{
    if (!f)
        return;
    gains_fini(&f->gains);
    free(f->levels);
    free(f->pool);
    free(f->slots);
    free(f);
}

/* ---- the typical pods ---- */

/* How many pods of this kind n idle devices hold. */
static uint32_t slots_idle(const struct gpu_ask *a, uint32_t n)
{
    return gpu_ask_is_shared(a) ? n * (uint32_t)(GPU_WHOLE / a->milli) / a->count : n / a->count;
}

static int by_cpu(const void *x, const void *y)
{
    const struct gain *a = x, *b = y;
    if (a->cpu != b->cpu)
        return a->cpu < b->cpu ? -1 : 1;
    if (a->typical != b->typical)
        return a->typical < b->typical ? -1 : 1;
    return a->nth < b->nth ? -1 : a->nth > b->nth;
}

static void forget_tables(struct fragment *f)
{
    f->n_tables = 0;
    memset(f->slots, 0, SLOTS * sizeof *f->slots);
}

static void build_levels(struct fragment *f)
{
    gains_clear(&f->gains);
    for (uint32_t t = 0; t < f->n_typical; t++) {
        const struct gpu_ask *a = &f->typical[t].ask;
        uint32_t n = !a->count ? 0 : f->depth > 0 ? slots_idle(a, f->devices) : 1;
        for (uint32_t nth = 1; nth <= n; nth++)
            gains_push(&f->gains, (struct gain){ a->cpu_milli * nth, t, nth, 0 });
    }
    if (f->gains.n)
        qsort(f->gains.items, f->gains.n, sizeof *f->gains.items, by_cpu);
    f->levels = mem_realloc(f->levels, (f->gains.n + 1) * sizeof *f->levels);
    f->n_levels = 0;
    for (size_t i = 0; i < f->gains.n; i++) {
        if (!f->n_levels || f->levels[f->n_levels - 1] != f->gains.items[i].cpu)
            f->levels[f->n_levels++] = f->gains.items[i].cpu;
        f->gains.items[i].level = (uint32_t)f->n_levels;
    }
    free(f->pool);
    f->pool = NULL;
    f->cap_tables = 0;
    forget_tables(f);
}

void fragment_set(struct fragment *f, const struct gpu_typical *typical, size_t n, double depth)
{
    assert(n <= GPU_TYPICAL_MAX);
    if (n)
        memcpy(f->typical, typical, n * sizeof *typical);
    f->n_typical = n;
    f->depth = depth;
    build_levels(f);
}

/* ---- one node's leftovers ---- */

struct gain_of { /* one typical pod on these leftovers */
    double first, each;
    uint32_t slots;
};

static struct gain_of gain_of(const struct fragment *f, size_t t, const struct gpu_room *r)
{
    const struct gpu_ask *a = &f->typical[t].ask;
    struct gain_of out = { 0 };
    uint32_t fitting = 0, slots = 0;
    int64_t usable = 0;
    if (!a->count || !gpu_ask_allows(a, r->model))
        return out;
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->milli[i] < a->milli)
            continue;
        fitting++;
        usable += r->milli[i];
        slots += (uint32_t)(r->milli[i] / a->milli);
    }
    if (fitting < a->count)
        return out;
    out.first = f->typical[t].share * (double)usable;
    out.each = f->depth * f->typical[t].share * (double)a->milli * a->count;
    out.slots = slots / a->count;
    return out;
}

static void fill_table(const struct fragment *f, const struct gpu_room *r, double *table)
{
    struct gain_of gains[GPU_TYPICAL_MAX];
    double left = 0;
    for (uint32_t i = 0; i < r->n; i++)
        left += r->milli[i];
    left *= 1 + f->depth;
    for (size_t t = 0; t < f->n_typical; t++)
        gains[t] = gain_of(f, t, r);
    size_t g = 0;
    for (size_t level = 0; level <= f->n_levels; level++) {
        for (; g < f->gains.n && f->gains.items[g].level == level; g++) {
            const struct gain_of *of = &gains[f->gains.items[g].typical];
            uint32_t nth = f->gains.items[g].nth;
            left -= (nth == 1 ? of->first : 0) + (nth <= of->slots ? of->each : 0);
        }
        table[level] = left;
    }
}

static struct table_slot *slot_of(const struct fragment *f, uint64_t key)
{
    size_t at = key & (SLOTS - 1);
    while (f->slots[at].table && f->slots[at].key != key)
        at = (at + 1) & (SLOTS - 1);
    return &f->slots[at];
}

static const double *table_of(struct fragment *f, const struct gpu_room *r, uint64_t key)
{
    size_t width = f->n_levels + 1;
    struct table_slot *slot = slot_of(f, key);
    if (slot->table)
        return &f->pool[(slot->table - 1) * width];
    if (f->n_tables == TABLES_MAX) {
        forget_tables(f);
        slot = slot_of(f, key);
    }
    if (f->n_tables == f->cap_tables) {
        f->cap_tables = f->cap_tables ? 2 * f->cap_tables : 64;
        f->pool = mem_realloc(f->pool, f->cap_tables * width * sizeof *f->pool);
    }
    double *table = &f->pool[f->n_tables++ * width];
    *slot = (struct table_slot){ key, (uint32_t)f->n_tables };
    fill_table(f, r, table);
    return table;
}

/* How many levels lie at or below cpu. */
static size_t level_at(const struct fragment *f, int64_t cpu)
{
    size_t from = 0, n = f->n_levels;
    while (n > 0) {
        size_t half = n / 2;
        bool below = f->levels[from + half] <= cpu;
        from = below ? from + half + 1 : from;
        n = below ? n - half - 1 : half;
    }
    return from;
}

uint64_t fragment_term(const struct fragment *f, int32_t milli)
{
    return f->terms[milli];
}

uint64_t fragment_key(const struct fragment *f, const struct gpu_room *room)
{
    uint64_t key = num_mix64(UINT64_C(1) << 32 | room->model);
    for (uint32_t i = 0; i < room->n; i++)
        key += f->terms[room->milli[i]];
    return key;
}

double fragment_of(struct fragment *f, const struct gpu_room *room, uint64_t key)
{
    if (room->n > f->devices) {
        f->devices = room->n;
        build_levels(f);
    }
    return table_of(f, room, key)[level_at(f, room->cpu_milli)];
}
