/* SPDX-License-Identifier: Apache-2.0
 * map — linear probing with backward-shift deletion; see map.h.
 *
 * A key's home slot is a mix of its hash AND the capacity. Without the capacity in the mix, copying
 * one map into another in table order would fill the smaller table from one end and probe
 * quadratically. Deleting closes the gap by moving later entries of the same run back, so no
 * tombstones exist and lookups stop at the first free slot. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"

enum { FIRST_CAP = 8 };

/* Set once before threads start, then only read: see map_set_process_seed. */
static uint64_t process_seed = UINT64_C(0x67616e676c696f6e);

void map_set_process_seed(uint64_t seed)
{
    process_seed = seed;
}

uint64_t map_process_seed(void)
{
    return process_seed;
}

static size_t home(uint64_t hash, size_t cap)
{
    return (size_t)num_mix64(hash + cap) & (cap - 1);
}

void map_init(struct map *m)
{
    *m = (struct map){ .seed = process_seed };
}

void map_fini(struct map *m)
{
    free(m->slots);
    map_init(m);
}

void map_clear(struct map *m)
{
    if (m->n)
        memset(m->slots, 0, m->cap * sizeof *m->slots);
    m->n = 0;
}

/* The slot that holds key, or the free slot where it would go. The table is never full. */
static size_t find(const struct map *m, struct str key, uint64_t hash)
{
    size_t i = home(hash, m->cap);
    while (m->slots[i].value && !(m->slots[i].hash == hash && str_eq(m->slots[i].key, key)))
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->n == 0)
        return NULL;
    return m->slots[find(m, key, str_hash(key, m->seed))].value;
}

static void grow(struct map *m)
{
    size_t old_cap = m->cap;
    struct map_slot *old = m->slots;
    if (!old && m->seed == 0)
        m->seed = process_seed;
    m->cap = old_cap ? old_cap * 2 : FIRST_CAP;
    m->slots = mem_alloc_array(m->cap, sizeof *m->slots);
    for (size_t i = 0; i < old_cap; i++) {
        if (!old[i].value)
            continue;
        size_t at = home(old[i].hash, m->cap);
        while (m->slots[at].value)
            at = (at + 1) & (m->cap - 1);
        m->slots[at] = old[i];
    }
    free(old);
}

void *map_put(struct map *m, struct str key, void *value)
{
    assert(value);
    if (m->n >= m->cap / 4 * 3)
        grow(m);
    uint64_t hash = str_hash(key, m->seed);
    struct map_slot *s = &m->slots[find(m, key, hash)];
    void *before = s->value;
    *s = (struct map_slot){ .key = key, .value = value, .hash = hash };
    m->n += before == NULL;
    return before;
}

void *map_del(struct map *m, struct str key)
{
    if (m->n == 0)
        return NULL;
    size_t mask = m->cap - 1;
    size_t hole = find(m, key, str_hash(key, m->seed));
    void *value = m->slots[hole].value;
    if (!value)
        return NULL;
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        /* An entry may move back to the hole unless its home lies after the hole. */
        size_t from_home = (i - home(m->slots[i].hash, m->cap)) & mask;
        size_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){ 0 };
    m->n--;
    return value;
}

const struct map_slot *map_next(const struct map *m, size_t *i)
{
    while (*i < m->cap) {
        const struct map_slot *s = &m->slots[(*i)++];
        if (s->value)
            return s;
    }
    return NULL;
}
