/* SPDX-License-Identifier: Apache-2.0
 * cache — objects by key and by index. An object replaced by one with the same index key keeps its
 * place; every change is O(1) in the number of objects. */
#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "client/informer_internal.h"

#define KEY_BYTES_MAX 1024 /* what indexes make of names */

struct entry *cache_find(const struct cache *c, struct str namespace, struct str name)
{
    return named_get(&c->entries, namespace, name);
}

static struct bucket *bucket_need(struct index *ix, struct str key)
{
    struct bucket *b = map_get(&ix->buckets, key);
    if (b)
        return b;
    b = mem_alloc(sizeof *b + key.n + 1);
    char *text = (char *)(b + 1);
    memcpy(text, key.p, key.n);
    b->key = str_make(text, key.n);
    map_put(&ix->buckets, b->key, b);
    return b;
}

static void place_leave(struct index *ix, size_t number, struct entry *e)
{
    struct place *p = &e->places[number];
    struct bucket *b = p->bucket;
    if (!b)
        return;
    struct entry *last = entry_vec_pop(&b->entries);
    if (last != e) {
        b->entries.items[p->pos] = last;
        last->places[number].pos = p->pos;
    }
    p->bucket = NULL;
    if (b->entries.n)
        return;
    map_del(&ix->buckets, b->key);
    entry_vec_fini(&b->entries);
    free(b);
}

static void place_enter(struct index *ix, size_t number, struct entry *e, struct str key)
{
    struct bucket *b = bucket_need(ix, key);
    e->places[number] = (struct place){ b, b->entries.n };
    entry_vec_push(&b->entries, e);
}

static void place_update(struct index *ix, size_t number, struct entry *e)
{
    struct buf key;
    buf_init(&key, KEY_BYTES_MAX);
    bool in = ix->fn(e->object, &key) && !key.failed;
    const struct bucket *b = e->places[number].bucket;
    if (!b || !in || !str_eq(b->key, buf_view(&key))) {
        place_leave(ix, number, e);
        if (in)
            place_enter(ix, number, e, buf_view(&key));
    }
    buf_fini(&key);
}

struct entry *cache_put(struct cache *c, const struct kobj *o, struct kobj **before)
{
    struct entry *e = cache_find(c, o->namespace, o->name);
    *before = NULL;
    if (e) {
        *before = e->object;
    } else {
        e = MEM_NEW(struct entry);
        if (c->n_indexes)
            e->places = mem_alloc_array(c->n_indexes, sizeof *e->places);
    }
    e->object = kobj_ref(o);
    if (!*before)
        named_put(&c->entries, e);
    for (size_t i = 0; i < c->n_indexes; i++)
        place_update(&c->indexes[i], i, e);
    return e;
}

struct kobj *cache_remove(struct cache *c, struct str namespace, struct str name)
{
    struct entry *e = cache_find(c, namespace, name);
    if (!e)
        return NULL;
    for (size_t i = 0; i < c->n_indexes; i++)
        place_leave(&c->indexes[i], i, e);
    named_del(&c->entries, namespace, name);
    struct kobj *o = e->object;
    free(e->places);
    free(e);
    return o;
}

size_t cache_index(struct cache *c, informer_key_fn fn)
{
    for (size_t i = 0; i < c->n_indexes; i++)
        if (c->indexes[i].fn == fn)
            return i;
    assert(c->n_indexes < INFORMER_INDEXES_MAX);
    size_t number = c->n_indexes++;
    c->indexes[number].fn = fn;
    map_init(&c->indexes[number].buckets);
    struct entry *e;
    for (size_t i = 0; (e = named_next(&c->entries, &i));) {
        e->places = mem_realloc(e->places, c->n_indexes * sizeof *e->places);
        e->places[number] = (struct place){ 0 };
        place_update(&c->indexes[number], number, e);
    }
    return number;
}

void cache_fini(struct cache *c)
{
    const struct map_slot *s;
    for (size_t n = 0; n < c->n_indexes; n++) {
        for (size_t i = 0; (s = map_next(&c->indexes[n].buckets, &i));) {
            entry_vec_fini(&((struct bucket *)s->value)->entries);
            free(s->value);
        }
        map_fini(&c->indexes[n].buckets);
    }
    struct entry *e;
    for (size_t i = 0; (e = named_next(&c->entries, &i));) {
        kobj_unref(e->object);
        free(e->places);
        free(e);
    }
    named_fini(&c->entries);
}
