/* SPDX-License-Identifier: Apache-2.0
 * registry — see registry.h. */
#include "apiserver/registry.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/crd.h"
#include "apiserver/strategy.h"
#include "base/mem.h"

static size_t write_key(char *out, size_t cap, struct str g, struct str v, struct str p)
{
    size_t n = g.n + v.n + p.n + 2;
    if (n > cap)
        return 0;
    char *at = out;
    memcpy(at, g.p ? g.p : "", g.n);
    at += g.n;
    *at++ = '/';
    memcpy(at, v.p ? v.p : "", v.n);
    at += v.n;
    *at++ = '/';
    memcpy(at, p.p ? p.p : "", p.n);
    return n;
}

struct served *
registry_find(const struct registry *r, struct str group, struct str version, struct str plural)
{
    char key[1024];
    size_t n = write_key(key, sizeof key, group, version, plural);
    return n ? map_get(&r->by_key, str_make(key, n)) : NULL;
}

struct served *
registry_find_kind(const struct registry *r, struct str group, struct str version, struct str kind)
{
    for (size_t i = 0; i < r->all.n; i++) {
        const struct resource *res = r->all.items[i]->res;
        if (str_eq(res->group, group) && str_eq(res->kind, kind) &&
            (version.n == 0 || str_eq(res->version, version)))
            return r->all.items[i];
    }
    return NULL;
}

bool registry_has_group(const struct registry *r, struct str group, bool *custom)
{
    for (size_t i = 0; i < r->all.n; i++) {
        if (str_eq(r->all.items[i]->res->group, group)) {
            *custom = r->all.items[i]->res->custom;
            return true;
        }
    }
    return false;
}

bool registry_has_version(const struct registry *r, struct str group, struct str version)
{
    for (size_t i = 0; i < r->all.n; i++) {
        const struct resource *res = r->all.items[i]->res;
        if (str_eq(res->group, group) && str_eq(res->version, version))
            return true;
    }
    return false;
}

struct served *registry_add(struct registry *r, const struct resource *res, struct crd *crd)
{
    size_t cap = res->group.n + res->version.n + res->plural.n + 2;
    struct served *s = mem_alloc(sizeof *s + cap + 1);
    s->refs = 1;
    s->key =
        str_make(s->key_text, write_key(s->key_text, cap, res->group, res->version, res->plural));
    s->res = res;
    s->rules = strategy_of(res);
    bool shared = s->rules->table.n > 0;
    s->table = store_table(r->store, shared ? s->rules->table_group : res->group,
                           shared ? s->rules->table : res->plural);
    s->crd = crd ? crd_ref(crd) : NULL;
    struct served *before = map_put(&r->by_key, s->key, s);
    assert(!before);
    (void)before;
    served_vec_push(&r->all, s);
    r->version++;
    return s;
}

void registry_remove(struct registry *r, struct served *s)
{
    map_del(&r->by_key, s->key);
    r->version++;
    for (size_t i = 0; i < r->all.n; i++) {
        if (r->all.items[i] != s)
            continue;
        memmove(r->all.items + i, r->all.items + i + 1,
                (r->all.n - i - 1) * sizeof r->all.items[0]);
        r->all.n--;
        break;
    }
    served_unref(s);
}

void registry_init(struct registry *r, struct store *s)
{
    *r = (struct registry){ .store = s };
    for (size_t i = 0; i < resource_count(); i++)
        registry_add(r, resource_builtin(i), NULL);
}

void registry_fini(struct registry *r)
{
    for (size_t i = 0; i < r->all.n; i++)
        served_unref(r->all.items[i]);
    served_vec_fini(&r->all);
    map_fini(&r->by_key);
}

struct served *served_ref(struct served *s)
{
    s->refs++;
    return s;
}

void served_unref(struct served *s)
{
    if (!s || --s->refs > 0)
        return;
    crd_unref(s->crd);
    free(s);
}
