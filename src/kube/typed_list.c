/* SPDX-License-Identifier: Apache-2.0
 * typed_list — items of lists by key or by value, and the order in which two lists merge. */
#include "base/buf.h"
#include "base/map.h"
#include "kube/normalise.h"
#include "kube/typed_internal.h"

/* ---- elements ---- */

static void write_value(struct buf *b, struct jnode *v)
{
    struct json source = jnode_source(v);
    if (json_exists(source))
        buf_str(b, json_text(source));
    else
        jnode_write(b, v);
}

/* The text of an item's key field, or what stands for a missing one. False: nothing does. */
static bool write_key(struct buf *b, const struct schema *item, struct jnode *v, struct str key)
{
    struct jnode *have = jnode_get(v, key);
    if (have) {
        write_value(b, have);
        return true;
    }
    const struct schema_field *f = schema_field(item, key);
    if (!f)
        return false;
    if (f->schema->default_json.n > 0)
        buf_str(b, f->schema->default_json);
    else if ((f->flags & SCHEMA_FIELD_EMPTY) && f->schema->type == SCHEMA_STRING)
        buf_str(b, STR("\"\""));
    else
        return false;
    return true;
}

/* The order in which FieldsV1 writes an item's keys: by name. */
static size_t key_after(const struct schema *s, size_t last)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < s->n_keys; i++)
        if ((last == SIZE_MAX || str_cmp(s->keys[i], s->keys[last]) > 0) &&
            (best == SIZE_MAX || str_cmp(s->keys[i], s->keys[best]) < 0))
            best = i;
    return best;
}

static struct str
element(struct arena *a, const struct schema *s, struct jnode *v, struct str *lacks)
{
    struct buf b;
    buf_init(&b, JSON_DOC_BYTES_MAX);
    if (s->list == SCHEMA_LIST_SET) {
        buf_str(&b, STR("v:"));
        write_value(&b, v);
    } else {
        buf_str(&b, STR("k:{"));
        for (size_t i = key_after(s, SIZE_MAX); i != SIZE_MAX; i = key_after(s, i)) {
            size_t start = b.n;
            if (b.n > 3)
                buf_char(&b, ',');
            json_write_str(&b, s->keys[i]);
            buf_char(&b, ':');
            if (!write_key(&b, s->elem, v, s->keys[i])) {
                b.n = start;
                *lacks = s->keys[i];
            }
        }
        buf_char(&b, '}');
    }
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}

struct typed_items typed_items(struct arena *a, const struct schema *s, struct jnode *list)
{
    struct typed_items out = { 0 };
    size_t len = jnode_len(list);
    out.items = ARENA_ARRAY(a, struct typed_item, len);
    struct map seen = { 0 };
    for (size_t i = 0; i < len; i++) {
        struct str lacks = { 0 };
        struct jnode *v = jnode_at(list, i);
        struct str elem = element(a, s, v, &lacks);
        if (lacks.p && !out.lacks.p) {
            out.lacks = lacks;
            out.lacks_at = i;
        }
        struct typed_item *known = map_get(&seen, elem);
        if (known) {
            out.twice = out.twice ? out.twice : known;
            continue;
        }
        struct typed_item *item = &out.items[out.n++];
        *item = (struct typed_item){ elem, v };
        map_put(&seen, elem, item);
    }
    map_fini(&seen);
    return out;
}

/* ---- merging ---- */

/* Items of both lists stand in over's order, items of base alone keep their place between the
 * shared ones, items of over alone stand behind their forerunner in over. */
struct weave {
    struct arena *a;
    const struct schema *s;
    struct jnode *out;
    struct map in_base, in_over, done; /* by element → struct typed_item */
};

static void emit(struct weave *w, const struct typed_item *item)
{
    struct typed_item *base = map_get(&w->in_base, item->elem);
    struct typed_item *over = map_get(&w->in_over, item->elem);
    struct jnode *v = over ? typed_merge(w->a, w->s->elem, base ? base->value : NULL, over->value)
                           : jnode_copy(w->a, item->value);
    jnode_append(w->out, v);
    map_put(&w->done, item->elem, w);
}

/* The index of the first item from i on that base has too and that was not emitted. */
static size_t next_shared(struct weave *w, const struct typed_items *over, size_t i)
{
    while (i < over->n &&
           (map_get(&w->done, over->items[i].elem) || !map_get(&w->in_base, over->items[i].elem)))
        i++;
    return i;
}

static void weave(struct weave *w, const struct typed_items *base, const struct typed_items *over)
{
    size_t b = 0, o = 0, shared = next_shared(w, over, 0);
    while (b < base->n || o < over->n) {
        const struct typed_item *mine = b < base->n ? &base->items[b] : NULL;
        const struct typed_item *theirs = o < over->n ? &over->items[o] : NULL;
        if (mine && !map_get(&w->in_over, mine->elem)) { /* base alone has it */
            emit(w, mine);
            b++;
            continue;
        }
        bool same = mine && theirs && str_eq(mine->elem, theirs->elem);
        bool next = mine && shared < over->n && str_eq(mine->elem, over->items[shared].elem);
        if (mine && !same && !next) { /* over puts it elsewhere */
            b++;
            continue;
        }
        emit(w, theirs);
        b += same;
        o++;
        shared = next_shared(w, over, shared);
    }
}

struct jnode *
typed_merge_list(struct arena *a, const struct schema *s, struct jnode *base, struct jnode *over)
{
    struct weave w = { .a = a, .s = s, .out = jnode_arr(a) };
    struct typed_items b = typed_items(a, s, base), o = typed_items(a, s, over);
    for (size_t i = 0; i < b.n; i++)
        map_put(&w.in_base, b.items[i].elem, &b.items[i]);
    for (size_t i = 0; i < o.n; i++)
        map_put(&w.in_over, o.items[i].elem, &o.items[i]);
    weave(&w, &b, &o);
    map_fini(&w.in_base);
    map_fini(&w.in_over);
    map_fini(&w.done);
    return w.out;
}
