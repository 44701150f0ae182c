/* SPDX-License-Identifier: Apache-2.0
 * graph — see graph.h. */
#include "controllers/garbage/graph.h"

#include <stdlib.h>

struct json graph_owners(const struct kobj *o)
{
    return kobj_meta(o, STR("ownerReferences"));
}

bool graph_has_finalizer(const struct kobj *o, const char *name)
{
    for (struct json_iter it = json_iter(kobj_meta(o, STR("finalizers"))); json_next(&it);)
        if (str_is(json_str(it.value), name))
            return true;
    return false;
}

static struct str uid_of(struct json ref)
{
    return json_str(json_get(ref, STR("uid")));
}

static bool first_owner(const struct kobj *o, struct buf *key)
{
    struct str uid = uid_of(json_at(graph_owners(o), 0));
    buf_str(key, uid);
    return uid.n > 0;
}

/* ---- kinds ---- */

static struct str copy(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static void drop(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

struct graph_kind *
graph_add_kind(struct graph *g, struct informers *set, struct gvr r, struct str kind)
{
    for (size_t i = 0; i < g->kinds.n; i++)
        if (str_eq(g->kinds.items[i]->resource.group, r.group) &&
            str_eq(g->kinds.items[i]->resource.plural, r.plural))
            return NULL;
    struct graph_kind *k = MEM_NEW(struct graph_kind);
    k->resource = (struct gvr){ copy(r.group), copy(r.version), copy(r.plural) };
    k->kind = copy(kind);
    k->number = g->kinds.n;
    k->cache = informers_get(set, k->resource, (struct str){ 0 });
    k->index = informer_index(k->cache, first_owner);
    graph_kind_vec_push(&g->kinds, k);
    return k;
}

struct graph_kind *graph_kind_of(const struct graph *g, struct json owner)
{
    struct str group = json_str(json_get(owner, STR("apiVersion"))), version = group;
    group = str_split(&version, '/');
    if (!version.p)
        group = STR("");
    struct str kind = json_str(json_get(owner, STR("kind")));
    for (size_t i = 0; i < g->kinds.n; i++)
        if (str_eq(g->kinds.items[i]->kind, kind) &&
            str_eq(g->kinds.items[i]->resource.group, group))
            return g->kinds.items[i];
    return NULL;
}

/* ---- owners beyond the first ---- */

static void extra_fini(struct graph_extra *e)
{
    drop(e->owner);
    drop(e->namespace);
    drop(e->name);
}

static void forget_extras(struct graph *g, struct graph_kind *k, const struct kobj *o)
{
    size_t n = 0;
    for (size_t i = 0; i < g->extras.n; i++) {
        struct graph_extra *e = &g->extras.items[i];
        if (e->kind == k && str_eq(e->namespace, o->namespace) && str_eq(e->name, o->name))
            extra_fini(e);
        else
            g->extras.items[n++] = *e;
    }
    g->extras.n = n;
}

void graph_follow(struct graph *g,
                  struct graph_kind *k,
                  const struct kobj *before,
                  const struct kobj *after)
{
    if (before && json_len(graph_owners(before)) > 1)
        forget_extras(g, k, before);
    struct json owners = graph_owners(after);
    for (uint32_t i = 1; after && i < json_len(owners); i++)
        graph_extra_vec_push(&g->extras,
                             (struct graph_extra){ k, copy(uid_of(json_at(owners, i))),
                                                   copy(after->namespace), copy(after->name) });
}

void graph_fini(struct graph *g)
{
    for (size_t i = 0; i < g->extras.n; i++)
        extra_fini(&g->extras.items[i]);
    graph_extra_vec_fini(&g->extras);
    for (size_t i = 0; i < g->kinds.n; i++) {
        struct graph_kind *k = g->kinds.items[i];
        drop(k->resource.group);
        drop(k->resource.version);
        drop(k->resource.plural);
        drop(k->kind);
        free(k);
    }
    graph_kind_vec_fini(&g->kinds);
}

/* ---- questions ---- */

struct visit {
    graph_visit_fn fn;
    void *arg;
    struct graph_kind *kind;
};

static bool visit_one(void *arg, const struct kobj *o)
{
    struct visit *v = arg;
    v->fn(v->arg, v->kind, o);
    return true;
}

void graph_each_dependent(const struct graph *g, struct str uid, graph_visit_fn fn, void *arg)
{
    for (size_t i = 0; i < g->kinds.n; i++) {
        struct visit v = { fn, arg, g->kinds.items[i] };
        informer_each_in(v.kind->cache, v.kind->index, uid, visit_one, &v);
    }
    for (size_t i = 0; i < g->extras.n; i++) {
        const struct graph_extra *e = &g->extras.items[i];
        const struct kobj *o = informer_find(e->kind->cache, e->namespace, e->name);
        if (o && str_eq(e->owner, uid))
            fn(arg, e->kind, o);
    }
}

const struct kobj *
graph_owner(const struct graph *g, const struct kobj *o, struct json ref, struct graph_kind **kind)
{
    *kind = graph_kind_of(g, ref);
    if (!*kind)
        return NULL;
    struct str name = json_str(json_get(ref, STR("name")));
    const struct kobj *owner =
        informer_find((*kind)->cache, (*kind)->namespaced ? o->namespace : (struct str){ 0 }, name);
    return owner && str_eq(owner->uid, uid_of(ref)) ? owner : NULL;
}
