/* SPDX-License-Identifier: Apache-2.0
 * domains — see domains.h. */
#include "scheduler/state/domains.h"

#include <stdlib.h>
#include <string.h>

static void domains_free(struct domains *d)
{
    for (uint32_t i = 1; d->values && i < d->n; i++)
        free((void *)(uintptr_t)d->values[i].p); /* own text */
    free((void *)(uintptr_t)d->key.p);           /* own text */
    free(d->of);
    free(d->next);
    free(d->prev);
    free(d->first);
    free(d->values);
    map_fini(&d->ids);
    id_vec_fini(&d->free);
    free(d);
}

void domain_index_fini(struct domain_index *ix)
{
    for (size_t i = 0; i < ix->list.n; i++)
        domains_free(ix->list.items[i]);
    domains_vec_fini(&ix->list);
}

/* ---- one label ---- */

static uint32_t *grow_zeroed(uint32_t *items, size_t from, size_t to)
{
    items = mem_realloc(items, to * sizeof *items);
    memset(items + from, 0, (to - from) * sizeof *items);
    return items;
}

static void room_for_node(struct domains *d, uint32_t node)
{
    if (node < d->node_cap)
        return;
    size_t cap = d->node_cap ? d->node_cap : 64;
    while (cap <= node)
        cap *= 2;
    d->of = grow_zeroed(d->of, d->node_cap, cap);
    d->next = grow_zeroed(d->next, d->node_cap, cap);
    d->prev = grow_zeroed(d->prev, d->node_cap, cap);
    d->node_cap = cap;
}

static void room_for_domain(struct domains *d, uint32_t domain)
{
    if (domain < d->domain_cap)
        return;
    size_t cap = d->domain_cap ? d->domain_cap : 16;
    while (cap <= domain)
        cap *= 2;
    d->first = grow_zeroed(d->first, d->domain_cap, cap);
    if (d->key.p)
        d->values = mem_realloc(d->values, cap * sizeof *d->values);
    d->domain_cap = cap;
}

static uint32_t domain_of_value(struct domains *d, struct str value)
{
    uintptr_t id = (uintptr_t)map_get(&d->ids, value);
    if (id)
        return (uint32_t)id;
    id = d->free.n ? id_vec_pop(&d->free) : d->n++;
    room_for_domain(d, (uint32_t)id);
    d->values[id] = str_make(str_dup(value), value.n);
    map_put(&d->ids, d->values[id], (void *)id); /* a number, never dereferenced */
    return (uint32_t)id;
}

static uint32_t domain_of(struct domains *d, const struct snode *n)
{
    if (d->key.p) {
        struct str value = labelset_get(&n->labels, d->key);
        return value.p ? domain_of_value(d, value) : DOMAIN_MISSING;
    }
    d->n = n->id + 2 > d->n ? n->id + 2 : d->n;
    room_for_domain(d, n->id + 1);
    return n->id + 1;
}

static void node_joins(struct domains *d, const struct snode *n)
{
    room_for_node(d, n->id);
    uint32_t domain = domain_of(d, n);
    d->of[n->id] = domain;
    if (domain == DOMAIN_MISSING)
        return;
    uint32_t head = d->first[domain];
    d->next[n->id] = head;
    d->prev[n->id] = 0;
    if (head)
        d->prev[head - 1] = n->id + 1;
    d->first[domain] = n->id + 1;
}

static void value_ends(struct domains *d, uint32_t domain)
{
    if (!d->key.p)
        return;
    map_del(&d->ids, d->values[domain]);
    free((void *)(uintptr_t)d->values[domain].p); /* own text */
    d->values[domain] = (struct str){ 0 };
    id_vec_push(&d->free, domain);
}

static void node_leaves(struct domains *d, const struct snode *n)
{
    uint32_t domain = n->id < d->node_cap ? d->of[n->id] : DOMAIN_MISSING;
    if (domain == DOMAIN_MISSING)
        return;
    uint32_t next = d->next[n->id], prev = d->prev[n->id];
    if (next)
        d->prev[next - 1] = prev;
    if (prev)
        d->next[prev - 1] = next;
    else
        d->first[domain] = next;
    d->of[n->id] = DOMAIN_MISSING;
    if (!d->first[domain])
        value_ends(d, domain);
}

/* ---- all of them ---- */

static void drop_idle(struct domain_index *ix)
{
    size_t oldest = ix->list.n;
    for (size_t i = 0; i < ix->list.n; i++) {
        const struct domains *d = ix->list.items[i];
        if (!d->holders && (oldest == ix->list.n || d->used < ix->list.items[oldest]->used))
            oldest = i;
    }
    if (oldest == ix->list.n)
        return;
    domains_free(ix->list.items[oldest]);
    ix->list.items[oldest] = ix->list.items[--ix->list.n];
}

static struct domains *
domains_new(struct domain_index *ix, const struct snapshot *s, struct str key)
{
    if (ix->list.n >= DOMAIN_LABELS_MAX)
        drop_idle(ix);
    struct domains *d = MEM_NEW(struct domains);
    map_init(&d->ids);
    d->serial = ++ix->serial;
    d->n = 1;
    if (key.p)
        d->key = str_make(str_dup(key), key.n);
    room_for_domain(d, 0);
    if (s->nodes.n)
        room_for_node(d, (uint32_t)(s->nodes.n - 1));
    for (size_t i = 0; i < s->nodes.n; i++) {
        if (s->nodes.items[i]->alive)
            node_joins(d, s->nodes.items[i]);
    }
    domains_vec_push(&ix->list, d);
    return d;
}

struct domains *domains_get(struct domain_index *ix, const struct snapshot *s, struct str key)
{
    struct domains *d = NULL;
    for (size_t i = 0; i < ix->list.n && !d; i++) {
        struct domains *at = ix->list.items[i];
        if (!at->key.p == !key.p && str_eq(at->key, key))
            d = at;
    }
    if (!d)
        d = domains_new(ix, s, key);
    d->used = ++ix->asks;
    return d;
}

void domain_index_join(struct domain_index *ix, const struct snode *n)
{
    for (size_t i = 0; i < ix->list.n; i++)
        node_joins(ix->list.items[i], n);
}

void domain_index_leave(struct domain_index *ix, const struct snode *n)
{
    for (size_t i = 0; i < ix->list.n; i++)
        node_leaves(ix->list.items[i], n);
}
