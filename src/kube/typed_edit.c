/* SPDX-License-Identifier: Apache-2.0
 * typed_edit — merging a value into another, taking paths out, naming the parents of paths. */
#include "base/map.h"
#include "kube/typed_internal.h"

/* ---- merging ---- */

static struct jnode *
merge(struct arena *a, struct spot spot, struct jnode *base, struct jnode *over)
{
    if (!base || !over)
        return jnode_copy(a, over ? over : base);
    if (jnode_type(over) == JSON_NULL && jnode_len(base) > 0 &&
        !typed_is_leaf(spot, jnode_type(base)))
        return jnode_copy(a, base); /* null adds nothing to a container that merges */
    if (typed_is_leaf(spot, jnode_type(over)) || jnode_type(base) != jnode_type(over))
        return jnode_copy(a, over);
    if (spot.s->type == SCHEMA_LIST)
        return typed_merge_list(a, spot.s, base, over);
    struct jnode *out = jnode_copy(a, base);
    for (size_t i = 0; i < jnode_len(over); i++) {
        struct str key = jnode_key_at(over, i);
        struct spot member = typed_member(spot, key);
        if (member.s)
            jnode_set(out, key, merge(a, member, jnode_get(base, key), jnode_value_at(over, i)));
    }
    return out;
}

struct jnode *
typed_merge(struct arena *a, const struct schema *s, struct jnode *base, struct jnode *over)
{
    return merge(a, (struct spot){ s, NULL }, base, over);
}

/* ---- taking out ---- */

static void take_out(struct arena *a, struct spot spot, struct jnode *v, const struct fieldset *x);

/* Removes what x names below the child. True: nothing is left of it. */
static bool
take_below(struct arena *a, struct spot spot, struct jnode *child, const struct fieldset_entry *e)
{
    if (!e->sub || typed_is_leaf(spot, jnode_type(child)) || jnode_len(child) == 0)
        return false;
    take_out(a, spot, child, e->sub);
    return jnode_len(child) == 0;
}

static void
take_members(struct arena *a, struct spot spot, struct jnode *v, const struct fieldset *x)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct fieldset_entry *e = &x->entries[i];
        if (!str_starts(e->elem, STR("f:")))
            continue;
        struct str key = str_skip(e->elem, 2);
        struct jnode *child = jnode_get(v, key);
        struct spot member = typed_member(spot, key);
        if (!child || !member.s)
            continue;
        if (e->member)
            jnode_del(v, key);
        else if (take_below(a, member, child, e))
            jnode_set(v, key, jnode_null(a));
    }
}

static void
take_items(struct arena *a, const struct schema *s, struct jnode *v, const struct fieldset *x)
{
    struct typed_items items = typed_items(a, s, v);
    struct jnode **gone = ARENA_ARRAY(a, struct jnode *, items.n);
    size_t n_gone = 0;
    for (size_t i = 0; i < items.n; i++) {
        const struct fieldset_entry *e = fieldset_find(x, items.items[i].elem);
        if (e && e->member)
            gone[n_gone++] = items.items[i].value;
        else if (e)
            take_below(a, (struct spot){ s->elem, NULL }, items.items[i].value, e);
    }
    if (n_gone == 0)
        return;
    size_t kept = 0, len = jnode_len(v); /* gone is in the list's order */
    for (size_t i = 0, g = 0; i < len; i++) {
        struct jnode *item = jnode_at(v, i);
        if (g < n_gone && gone[g] == item)
            g++;
        else
            jnode_replace_at(v, kept++, item);
    }
    while (jnode_len(v) > kept)
        jnode_remove_at(v, jnode_len(v) - 1);
}

static void take_out(struct arena *a, struct spot spot, struct jnode *v, const struct fieldset *x)
{
    if (spot.s->type == SCHEMA_LIST)
        take_items(a, spot.s, v, x);
    else
        take_members(a, spot, v, x);
}

void typed_remove(struct arena *a,
                  const struct schema *s,
                  struct jnode *v,
                  const struct fieldset *paths)
{
    struct spot root = { s, NULL };
    if (paths && !typed_is_leaf(root, jnode_type(v)))
        take_out(a, root, v, paths);
}

/* ---- naming parents ---- */

const struct fieldset *
typed_name_parents(struct arena *a, const struct schema *s, const struct fieldset *x)
{
    if (!x || !s)
        return x;
    struct fieldset_entry *entries = ARENA_ARRAY(a, struct fieldset_entry, x->n);
    for (size_t i = 0; i < x->n; i++) {
        struct fieldset_entry e = x->entries[i];
        const struct schema *below = NULL;
        if (str_starts(e.elem, STR("f:"))) {
            const struct schema_field *f = schema_field(s, str_skip(e.elem, 2));
            below = f ? f->schema : s->type == SCHEMA_MAP ? s->elem : NULL;
            e.member |= f != NULL;
        } else if (s->type == SCHEMA_LIST) {
            below = s->elem;
        }
        e.sub = typed_name_parents(a, below, e.sub);
        entries[i] = e;
    }
    return fieldset_make(a, entries, x->n);
}
