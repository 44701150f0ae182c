/* SPDX-License-Identifier: Apache-2.0
 * typed — the walks of server-side apply over a value and its type. */
#include "kube/typed.h"

#include "base/buf.h"
#include "base/map.h"
#include "kube/typed_internal.h"

/* What lies below preserved unknown fields: objects by key, everything else as one. */
static const struct schema deduced = { .type = SCHEMA_ANY, .flags = SCHEMA_PRESERVE };

struct spot typed_member(struct spot at, struct str key)
{
    const struct schema_field *f = schema_field(at.s, key);
    if (f)
        return (struct spot){ f->schema, f };
    if (at.s->type == SCHEMA_MAP)
        return (struct spot){ at.s->elem, NULL };
    return (struct spot){ at.s->flags & SCHEMA_PRESERVE ? &deduced : NULL, NULL };
}

bool typed_is_leaf(struct spot at, enum json_type type)
{
    if (schema_is_atomic(at.s, at.f))
        return true;
    if (at.s->type == SCHEMA_LIST)
        return type != JSON_ARR;
    return type != JSON_OBJ;
}

static bool is_empty(struct jnode *v)
{
    return jnode_type(v) <= JSON_NULL || jnode_len(v) == 0;
}

static struct str field_elem(struct arena *a, struct str key)
{
    char *p = arena_alloc(a, key.n + 2);
    memcpy(p, "f:", 2);
    memcpy(p + 2, key.p, key.n);
    return str_make(p, key.n + 2);
}

/* ---- the paths of a value ---- */

struct place { /* for error messages: where the walk is */
    const struct place *up;
    struct str elem;
};

static struct str place_text(struct arena *a, const struct place *at)
{
    struct str path[FIELDSET_DEPTH_MAX];
    size_t n = FIELDSET_DEPTH_MAX;
    for (; at && n > 0; at = at->up)
        path[--n] = at->elem;
    return str_take(fieldset_path_text(a, path + n, FIELDSET_DEPTH_MAX - n), 120);
}

static bool fits(const struct schema *s, struct jnode *v)
{
    enum json_type type = jnode_type(v);
    switch ((enum schema_type)s->type) {
    case SCHEMA_ANY:
        return true;
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
        return type == JSON_OBJ;
    case SCHEMA_LIST:
        return type == JSON_ARR;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_TIME:
    case SCHEMA_MICRO_TIME:
        return type == JSON_STR;
    case SCHEMA_INT:
    case SCHEMA_NUMBER:
        return type == JSON_NUM;
    case SCHEMA_BOOL:
        return type == JSON_BOOL;
    case SCHEMA_QUANTITY:
    case SCHEMA_INT_OR_STRING:
        return type == JSON_STR || type == JSON_NUM;
    }
    return true;
}

static int wrong_type(struct arena *a,
                      const struct schema *s,
                      struct jnode *v,
                      const struct place *at,
                      struct err *err)
{
    static const char *const numeric = "numeric (int or float)";
    const char *want = s->type == SCHEMA_INT || s->type == SCHEMA_NUMBER   ? numeric
                       : s->type == SCHEMA_LIST                            ? "list"
                       : s->type == SCHEMA_OBJECT || s->type == SCHEMA_MAP ? "map"
                                                                           : schema_type_name(s);
    struct buf b;
    buf_init(&b, JSON_DOC_BYTES_MAX);
    jnode_write(&b, v);
    int rc =
        err_set(err, ERR_INVALID, "%.*s: expected %s, got &value.valueUnstructured{Value:%.*s}",
                STR_ARG(place_text(a, at)), want, STR_ARG(str_take(buf_view(&b), 60)));
    buf_fini(&b);
    return rc;
}

struct fields_walk {
    struct arena *a;
    struct err *err;
};

static int walk(struct fields_walk *w,
                struct spot spot,
                struct jnode *v,
                const struct place *at,
                struct fieldset_entry *out);

static int walk_items(struct fields_walk *w,
                      const struct schema *s,
                      struct jnode *list,
                      const struct place *at,
                      struct fieldset_entry *out)
{
    struct typed_items items = typed_items(w->a, s, list);
    if (items.lacks.p)
        return err_set(
            w->err, ERR_INVALID,
            "%.*s: element %zu: associative list with keys has an element that omits key "
            "field \"%.*s\" (and doesn't have default value)",
            STR_ARG(place_text(w->a, at)), items.lacks_at, STR_ARG(items.lacks));
    if (items.twice)
        return err_set(w->err, ERR_INVALID, "%.*s: duplicate entries for key %.*s",
                       STR_ARG(place_text(w->a, at)),
                       STR_ARG(fieldset_path_text(w->a, &items.twice->elem, 1)));
    struct fieldset_entry *entries = ARENA_ARRAY(w->a, struct fieldset_entry, items.n);
    for (size_t i = 0; i < items.n; i++) {
        struct place below = { at, items.items[i].elem };
        entries[i].elem = below.elem;
        if (walk(w, (struct spot){ s->elem, NULL }, items.items[i].value, &below, &entries[i]) < 0)
            return -1;
        entries[i].member = true;
    }
    out->sub = fieldset_make(w->a, entries, items.n);
    return 0;
}

static int walk_members(struct fields_walk *w,
                        struct spot spot,
                        struct jnode *v,
                        const struct place *at,
                        struct fieldset_entry *out)
{
    size_t n = jnode_len(v);
    struct fieldset_entry *entries = ARENA_ARRAY(w->a, struct fieldset_entry, n);
    for (size_t i = 0; i < n; i++) {
        struct str key = jnode_key_at(v, i);
        struct jnode *child = jnode_value_at(v, i);
        struct place below = { at, field_elem(w->a, key) };
        struct spot member = typed_member(spot, key);
        if (!member.s)
            return err_set(w->err, ERR_INVALID, "%.*s: field not declared in schema",
                           STR_ARG(place_text(w->a, &below)));
        entries[i].elem = below.elem;
        if (walk(w, member, child, &below, &entries[i]) < 0)
            return -1;
        bool empty_object = jnode_type(child) == JSON_OBJ && jnode_len(child) == 0;
        if (!member.f || empty_object)
            entries[i].member = true;
    }
    out->sub = fieldset_make(w->a, entries, n);
    return 0;
}

static int walk(struct fields_walk *w,
                struct spot spot,
                struct jnode *v,
                const struct place *at,
                struct fieldset_entry *out)
{
    if (jnode_type(v) != JSON_NULL && !fits(spot.s, v))
        return wrong_type(w->a, spot.s, v, at, w->err);
    if (typed_is_leaf(spot, jnode_type(v))) {
        out->member = true;
        return 0;
    }
    if (jnode_type(v) == JSON_ARR)
        return walk_items(w, spot.s, v, at, out);
    return walk_members(w, spot, v, at, out);
}

int typed_fields(struct arena *a,
                 const struct schema *s,
                 struct jnode *v,
                 const struct fieldset **out,
                 struct err *err)
{
    struct fields_walk w = { a, err };
    struct fieldset_entry root = { 0 };
    if (walk(&w, (struct spot){ s, NULL }, v, NULL, &root) < 0)
        return -1;
    *out = root.sub;
    return 0;
}

/* ---- differences ---- */

struct change { /* of one element: where it belongs in the three sets */
    struct fieldset_entry added, modified, removed;
};

static bool same_source(struct jnode *x, struct jnode *y)
{
    struct json a = jnode_source(x), b = jnode_source(y);
    return json_exists(a) && a.doc == b.doc && a.at == b.at;
}

static void
compare(struct arena *a, struct spot spot, struct jnode *l, struct jnode *r, struct change *out);

struct level { /* the elements of one container */
    struct arena *a;
    struct fieldset_entry *added, *modified, *removed;
    size_t n_added, n_modified, n_removed;
};

static void compare_elem(struct level *lv, struct spot spot, struct str elem, struct jnode *pair[2])
{
    struct change c = { 0 };
    if (!pair[0] || !pair[1] || !same_source(pair[0], pair[1]))
        compare(lv->a, spot, pair[0], pair[1], &c);
    c.added.elem = c.modified.elem = c.removed.elem = elem;
    if (c.added.member || c.added.sub)
        lv->added[lv->n_added++] = c.added;
    if (c.modified.member || c.modified.sub)
        lv->modified[lv->n_modified++] = c.modified;
    if (c.removed.member || c.removed.sub)
        lv->removed[lv->n_removed++] = c.removed;
}

static void compare_members(struct level *lv, struct spot spot, struct jnode *l, struct jnode *r)
{
    for (size_t i = 0; i < jnode_len(l); i++) {
        struct str key = jnode_key_at(l, i);
        struct spot at = typed_member(spot, key);
        struct jnode *pair[2] = { jnode_value_at(l, i), jnode_get(r, key) };
        if (at.s)
            compare_elem(lv, at, field_elem(lv->a, key), pair);
    }
    for (size_t i = 0; i < jnode_len(r); i++) {
        struct str key = jnode_key_at(r, i);
        struct spot at = typed_member(spot, key);
        struct jnode *pair[2] = { NULL, jnode_value_at(r, i) };
        if (at.s && !(l && jnode_get(l, key)))
            compare_elem(lv, at, field_elem(lv->a, key), pair);
    }
}

static void compare_items(struct level *lv, struct spot spot, struct jnode *l, struct jnode *r)
{
    struct spot item = { spot.s->elem, NULL };
    struct typed_items ls = typed_items(lv->a, spot.s, l), rs = typed_items(lv->a, spot.s, r);
    struct map in_l = { 0 }, in_r = { 0 };
    for (size_t i = 0; i < ls.n; i++)
        map_put(&in_l, ls.items[i].elem, &ls.items[i]);
    for (size_t i = 0; i < rs.n; i++)
        map_put(&in_r, rs.items[i].elem, &rs.items[i]);
    for (size_t i = 0; i < ls.n; i++) {
        const struct typed_item *other = map_get(&in_r, ls.items[i].elem);
        struct jnode *pair[2] = { ls.items[i].value, other ? other->value : NULL };
        compare_elem(lv, item, ls.items[i].elem, pair);
    }
    for (size_t i = 0; i < rs.n; i++) {
        struct jnode *pair[2] = { NULL, rs.items[i].value };
        if (!map_get(&in_l, rs.items[i].elem))
            compare_elem(lv, item, rs.items[i].elem, pair);
    }
    map_fini(&in_l);
    map_fini(&in_r);
}

/* Everything at and below v, which the other side lacks: members of an object, items of a list. */
static const struct fieldset *whole(struct arena *a, struct spot spot, struct jnode *v);

static const struct fieldset *whole_items(struct arena *a, struct spot spot, struct jnode *list)
{
    struct typed_items items = typed_items(a, spot.s, list);
    struct fieldset_entry *entries = ARENA_ARRAY(a, struct fieldset_entry, items.n);
    for (size_t i = 0; i < items.n; i++)
        entries[i] = (struct fieldset_entry){
            .elem = items.items[i].elem,
            .member = true,
            .sub = whole(a, (struct spot){ spot.s->elem, NULL }, items.items[i].value),
        };
    return fieldset_make(a, entries, items.n);
}

static const struct fieldset *whole_members(struct arena *a, struct spot spot, struct jnode *v)
{
    size_t len = jnode_len(v), n = 0;
    struct fieldset_entry *entries = ARENA_ARRAY(a, struct fieldset_entry, len);
    for (size_t i = 0; i < len; i++) {
        struct str key = jnode_key_at(v, i);
        struct spot at = typed_member(spot, key);
        if (at.s)
            entries[n++] = (struct fieldset_entry){
                .elem = field_elem(a, key),
                .member = true,
                .sub = whole(a, at, jnode_value_at(v, i)),
            };
    }
    return fieldset_make(a, entries, n);
}

static const struct fieldset *whole(struct arena *a, struct spot spot, struct jnode *v)
{
    if (is_empty(v) || typed_is_leaf(spot, jnode_type(v)))
        return NULL;
    return spot.s->type == SCHEMA_LIST ? whole_items(a, spot, v) : whole_members(a, spot, v);
}

static void
compare(struct arena *a, struct spot spot, struct jnode *l, struct jnode *r, struct change *out)
{
    if (!l || !r) {
        struct fieldset_entry *only = l ? &out->removed : &out->added;
        only->member = true;
        only->sub = whole(a, spot, l ? l : r);
        return;
    }
    if ((typed_is_leaf(spot, jnode_type(l)) && jnode_type(l) != JSON_NULL) ||
        (typed_is_leaf(spot, jnode_type(r)) && jnode_type(r) != JSON_NULL) ||
        (is_empty(l) && is_empty(r))) {
        out->modified.member = !jnode_eq(l, r);
        return;
    }
    size_t n = jnode_len(l) + jnode_len(r);
    struct fieldset_entry *room = ARENA_ARRAY(a, struct fieldset_entry, 3 * n);
    struct level lv = { .a = a, .added = room, .modified = room + n, .removed = room + 2 * n };
    if (spot.s->type == SCHEMA_LIST)
        compare_items(&lv, spot, l, r);
    else
        compare_members(&lv, spot, l, r);
    out->added.sub = fieldset_make(a, lv.added, lv.n_added);
    out->modified.sub = fieldset_make(a, lv.modified, lv.n_modified);
    out->removed.sub = fieldset_make(a, lv.removed, lv.n_removed);
}

void typed_compare(struct arena *a,
                   const struct schema *s,
                   struct jnode *before,
                   struct jnode *after,
                   struct typed_delta *out)
{
    struct change c = { 0 };
    if (!before || !after || !same_source(before, after))
        compare(a, (struct spot){ s, NULL }, before, after, &c);
    *out = (struct typed_delta){ c.added.sub, c.modified.sub, c.removed.sub };
}
