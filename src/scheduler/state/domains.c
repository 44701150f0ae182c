/* SPDX-License-Identifier: Apache-2.0
 * domains — see domains.h. */
#include "scheduler/state/domains.h"

#include <stdlib.h>

static void domains_free(struct domains *d)
{
    free((void *)(uintptr_t)d->key.p); /* own text */
    free(d->of);
    free(d);
}

void domain_index_fini(struct domain_index *ix)
{
    for (size_t i = 0; i < ix->list.n; i++)
        domains_free(ix->list.items[i]);
    domains_vec_fini(&ix->list);
}

static void refresh(struct domains *d, const struct snapshot *s)
{
    struct map ids;
    map_init(&ids);
    d->of = mem_realloc(d->of, (s->nodes.n + 1) * sizeof *d->of);
    d->n = 1;
    for (size_t i = 0; i < s->nodes.n; i++) {
        const struct snode *n = s->nodes.items[i];
        struct str value = n->alive ? labelset_get(&n->labels, d->key) : (struct str){ 0 };
        d->of[i] = DOMAIN_MISSING;
        if (!value.p)
            continue;
        uintptr_t id = (uintptr_t)map_get(&ids, value);
        if (!id) {
            id = d->n++;
            map_put(&ids, value, (void *)id); /* a number, never dereferenced */
        }
        d->of[i] = (uint32_t)id;
    }
    map_fini(&ids);
    d->version = s->static_version;
}

const struct domains *domains_get(struct domain_index *ix, const struct snapshot *s, struct str key)
{
    struct domains *d = NULL;
    for (size_t i = 0; i < ix->list.n && !d; i++) {
        if (str_eq(ix->list.items[i]->key, key))
            d = ix->list.items[i];
    }
    if (!d) {
        d = MEM_NEW(struct domains);
        d->key = str_make(str_dup(key), key.n);
        domains_vec_push(&ix->list, d);
    }
    if (d->version != s->static_version)
        refresh(d, s);
    return d;
}
