/* SPDX-License-Identifier: Apache-2.0
 * anchor — see anchor.h. */
#include "scheduler/state/anchor.h"

#include <stdlib.h>

#include "base/num.h"

struct chain {
    uint64_t hash; /* the key in the map */
    struct list entries;
};

void anchor_index_init(struct anchor_index *ix)
{
    map_init(&ix->chains);
    list_init(&ix->loose);
}

void anchor_index_fini(struct anchor_index *ix)
{
    map_fini(&ix->chains);
}

static uint64_t hash_of(struct str namespace, struct str key, struct str value)
{
    uint64_t h = namespace.p ? str_hash(namespace, 5) : 0;
    return num_mix64(h ^ num_mix64(str_hash(key, 6) ^ num_mix64(str_hash(value, 7))));
}

static struct chain *chain_of(const struct anchor_index *ix, uint64_t hash)
{
    return map_get(&ix->chains, str_make(&hash, sizeof hash));
}

static const struct need *anchor_of(const struct label_sel *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->needs[i].op == NEED_IN && s->needs[i].values.n == 1)
            return &s->needs[i];
    }
    return NULL;
}

void anchor_add(struct anchor_index *ix,
                struct anchored *entry,
                struct str namespace,
                const struct label_sel *selector)
{
    const struct need *need = anchor_of(selector);
    *entry = (struct anchored){ 0 };
    if (!need) {
        list_push_back(&ix->loose, &entry->at);
        return;
    }
    entry->namespace = namespace;
    entry->key = need->key;
    entry->value = need->values.items[0];
    uint64_t hash = hash_of(namespace, entry->key, entry->value);
    struct chain *chain = chain_of(ix, hash);
    if (!chain) {
        chain = MEM_NEW(struct chain);
        chain->hash = hash;
        list_init(&chain->entries);
        map_put(&ix->chains, str_make(&chain->hash, sizeof chain->hash), chain);
    }
    list_push_back(&chain->entries, &entry->at);
}

void anchor_del(struct anchor_index *ix, struct anchored *entry)
{
    list_remove(&entry->at);
    if (!entry->key.p)
        return;
    struct chain *chain = chain_of(ix, hash_of(entry->namespace, entry->key, entry->value));
    if (!list_empty(&chain->entries))
        return;
    map_del(&ix->chains, str_make(&chain->hash, sizeof chain->hash));
    free(chain);
}

/* Another label may share the hash: entries say what they were filed under. */
static void visit_chain(const struct chain *chain, const struct label *l, anchor_fn fn, void *arg)
{
    if (!chain)
        return;
    LIST_EACH (&chain->entries, at) {
        struct anchored *e = LIST_ITEM(at, struct anchored, at);
        if (str_eq(e->key, l->key) && str_eq(e->value, l->value))
            fn(arg, e);
    }
}

void anchor_visit(const struct anchor_index *ix,
                  struct str namespace,
                  const struct labelset *labels,
                  anchor_fn fn,
                  void *arg)
{
    for (size_t i = 0; ix->chains.n && i < labels->n; i++) {
        const struct label *l = &labels->items[i];
        visit_chain(chain_of(ix, hash_of(namespace, l->key, l->value)), l, fn, arg);
        visit_chain(chain_of(ix, hash_of((struct str){ 0 }, l->key, l->value)), l, fn, arg);
    }
    LIST_EACH (&ix->loose, at)
        fn(arg, LIST_ITEM(at, struct anchored, at));
}
