/* SPDX-License-Identifier: Apache-2.0
 * named — linear probing with backward-shift deletion, as base/map.c explains it; see named.h. */
#include "kube/named.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"

enum { FIRST_CAP = 8 };

static size_t home(uint64_t hash, size_t cap)
{
    return (size_t)num_mix64(hash + cap) & (cap - 1);
}

static const struct kobj *object_of(const void *value)
{
    return *(const struct kobj *const *)value;
}

static uint64_t hash_of(const struct named *m, struct str namespace, struct str name)
{
    return str_hash(name, str_hash(namespace, m->seed));
}

void named_init(struct named *m)
{
    *m = (struct named){ .seed = map_process_seed() };
}

void named_fini(struct named *m)
{
    free(m->slots);
    named_init(m);
}

static bool is(const struct named_slot *s, uint64_t hash, struct str namespace, struct str name)
{
    if (s->hash != hash)
        return false;
    const struct kobj *o = object_of(s->value);
    return str_eq(o->name, name) && str_eq(o->namespace, namespace);
}

/* The slot of that name, or the free slot where it would go. The table is never full. */
static size_t find(const struct named *m, uint64_t hash, struct str namespace, struct str name)
{
    size_t i = home(hash, m->cap);
    while (m->slots[i].value && !is(&m->slots[i], hash, namespace, name))
        i = (i + 1) & (m->cap - 1);
    return i;
}

void *named_get(const struct named *m, struct str namespace, struct str name)
{
    if (m->n == 0)
        return NULL;
    return m->slots[find(m, hash_of(m, namespace, name), namespace, name)].value;
}

static void grow(struct named *m)
{
    size_t old_cap = m->cap;
    struct named_slot *old = m->slots;
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

void named_put(struct named *m, void *value)
{
    const struct kobj *o = object_of(value);
    if (m->n >= m->cap / 4 * 3)
        grow(m);
    uint64_t hash = hash_of(m, o->namespace, o->name);
    struct named_slot *s = &m->slots[find(m, hash, o->namespace, o->name)];
    assert(!s->value);
    *s = (struct named_slot){ .value = value, .hash = hash };
    m->n++;
}

void *named_del(struct named *m, struct str namespace, struct str name)
{
    if (m->n == 0)
        return NULL;
    size_t mask = m->cap - 1;
    size_t hole = find(m, hash_of(m, namespace, name), namespace, name);
    void *value = m->slots[hole].value;
    if (!value)
        return NULL;
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        /* A value may move back to the hole unless its home lies after the hole. */
        size_t from_home = (i - home(m->slots[i].hash, m->cap)) & mask;
        size_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct named_slot){ 0 };
    m->n--;
    return value;
}

void *named_next(const struct named *m, size_t *i)
{
    while (*i < m->cap) {
        void *value = m->slots[(*i)++].value;
        if (value)
            return value;
    }
    return NULL;
}
