/* SPDX-License-Identifier: Apache-2.0
 * strategic_list — merging of lists by key, or of scalars as a set.
 *
 * Order of the result: the items that the patch names (by its $setElementOrder, else by its items)
 * stand in the patch's order; the others keep the document's order and are woven in, each before
 * the first named item that stood behind it in the document. A named item that is new has no place
 * in the document, so it comes before them: hence "new items first". */
#include "kube/strategic_internal.h"

#include <assert.h>
#include <stdlib.h>

#define NOWHERE SIZE_MAX

struct element {
    struct str id; /* JSON text of the key's value, or of the scalar */
    struct jnode *node;
    size_t live;  /* place in the document, or NOWHERE */
    size_t named; /* place in the patch's order, or NOWHERE */
    bool gone;
};

struct merge {
    struct strategic *m;
    const struct schema *s; /* of the list */
    struct element *items;
    size_t n;
    struct map by_id; /* id → element */
};

/* ---- identity ---- */

static struct str node_id(struct arena *a, struct jnode *n)
{
    if (!n)
        return (struct str){ 0 };
    struct buf b;
    buf_init(&b, JSON_DOC_BYTES_MAX);
    jnode_write(&b, n);
    struct str id = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return id;
}

static int patch_id(struct merge *g, struct json item, struct str *out, struct err *err)
{
    if (g->s->merge_key.n == 0) {
        *out = json_text(item);
        return 0;
    }
    struct json key = json_get(item, g->s->merge_key);
    if (!json_has(key))
        return err_set(err, ERR_INVALID, "map: %.*s does not contain declared merge key: %.*s",
                       STR_ARG(str_take(json_text(item), 100)), STR_ARG(g->s->merge_key));
    *out = json_text(key);
    return 0;
}

static struct element *add(struct merge *g, struct str id, struct jnode *node, size_t live)
{
    struct element *e = &g->items[g->n++];
    *e = (struct element){ .id = id, .node = node, .live = live, .named = NOWHERE };
    if (id.p && !map_get(&g->by_id, id))
        map_put(&g->by_id, id, e);
    return e;
}

static void load(struct merge *g, struct jnode *list)
{
    struct arena *a = g->m->a;
    struct str key = g->s->merge_key;
    for (size_t i = 0; i < jnode_len(list); i++) {
        struct jnode *node = jnode_at(list, i);
        add(g, node_id(a, key.n ? jnode_get(node, key) : node), node, i);
    }
}

/* ---- what the patch does ---- */

static struct str directive_of(struct json item)
{
    return json_str(json_get(item, STR("$patch")));
}

static bool replaces_list(struct json items)
{
    for (struct json_iter it = json_iter(items); json_next(&it);)
        if (str_is(directive_of(it.value), "replace"))
            return true;
    return false;
}

static int merge_item(struct merge *g, struct json item, struct err *err)
{
    struct str id, directive = directive_of(item);
    if (str_is(directive, "replace"))
        return 0; /* stands for the whole list */
    if (patch_id(g, item, &id, err) < 0)
        return -1;
    struct element *e = map_get(&g->by_id, id);
    if (str_is(directive, "delete")) {
        if (e) {
            e->gone = true;
            map_del(&g->by_id, id);
        }
        return 0;
    }
    if (directive.p && !str_is(directive, "merge"))
        return err_set(err, ERR_INVALID, "unknown patch type: %.*s",
                       STR_ARG(str_take(directive, 64)));
    if (e && jnode_type(e->node) == JSON_OBJ && json_type(item) == JSON_OBJ)
        return strategic_object(g->m, g->s->elem, &e->node, item, err);
    struct jnode *node;
    if (e)
        return 0; /* a scalar that is there */
    if (strategic_take(g->m, &node, g->s->elem, item, err) < 0)
        return -1;
    jnode_del(node, STR("$patch"));
    add(g, id, node, NOWHERE);
    return 0;
}

static void delete_scalars(struct merge *g, struct json deletions)
{
    for (struct json_iter it = json_iter(deletions); json_next(&it);)
        for (struct element *e; (e = map_del(&g->by_id, json_text(it.value)));)
            e->gone = true;
}

/* ---- order ---- */

static void name_by(struct merge *g, struct json order)
{
    size_t i = 0;
    for (struct json_iter it = json_iter(order); json_next(&it); i++) {
        struct str id;
        if (directive_of(it.value).p || patch_id(g, it.value, &id, NULL) < 0)
            continue;
        struct element *e = map_get(&g->by_id, id);
        if (e && e->named == NOWHERE)
            e->named = i;
    }
}

static int by_name(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    if (x->named != y->named)
        return x->named < y->named ? -1 : 1;
    return x->live < y->live ? -1 : x->live > y->live;
}

/* Sorted by name, the named elements come first and the others follow in the document's order. */
static struct jnode *weave(struct merge *g)
{
    qsort(g->items, g->n, sizeof *g->items, by_name);
    size_t named_end = 0;
    while (named_end < g->n && g->items[named_end].named != NOWHERE)
        named_end++;
    struct jnode *out = jnode_arr(g->m->a);
    size_t named = 0, other = named_end;
    while (named < named_end || other < g->n) {
        struct element *l = other < g->n ? &g->items[other] : NULL;
        struct element *r = named < named_end ? &g->items[named] : NULL;
        bool left = !r || (l && l->live != NOWHERE && r->live != NOWHERE && l->live < r->live);
        struct element *e = left ? l : r;
        assert(e);
        other += left;
        named += !left;
        if (!e->gone)
            jnode_append(out, e->node);
    }
    return out;
}

static int merge_items(struct merge *g, const struct strategic_lists *lists, struct err *err)
{
    for (struct json_iter it = json_iter(lists->items); json_next(&it);)
        if (merge_item(g, it.value, err) < 0)
            return -1;
    delete_scalars(g, lists->deletions);
    name_by(g, json_exists(lists->order) ? lists->order : lists->items);
    return 0;
}

int strategic_list(struct strategic *m,
                   const struct schema *s,
                   struct jnode **list,
                   const struct strategic_lists *lists,
                   struct err *err)
{
    static const struct schema scalars = { .type = SCHEMA_LIST };
    struct merge g = { .m = m, .s = s && s->type == SCHEMA_LIST ? s : &scalars };
    size_t n_live = replaces_list(lists->items) ? 0 : jnode_len(*list);
    g.items = ARENA_ARRAY(m->a, struct element, n_live + json_len(lists->items));
    if (n_live > 0)
        load(&g, *list);
    int rc = merge_items(&g, lists, err);
    if (rc == 0)
        *list = weave(&g);
    map_fini(&g.by_id);
    return rc;
}
