/* SPDX-License-Identifier: Apache-2.0
 * fieldset — merges of sorted trees. Every operation walks both arguments once. */
#include "kube/fieldset.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"

static const struct fieldset nothing; /* stands for NULL in the walks */

static const struct fieldset *or_nothing(const struct fieldset *x)
{
    return x ? x : &nothing;
}

/* ---- making ---- */

struct out { /* a level being built; has room for every entry of its sources */
    struct arena *a;
    struct fieldset_entry *entries;
    size_t n;
};

static void put(struct out *o, struct str elem, bool member, const struct fieldset *sub)
{
    if (member || sub)
        o->entries[o->n++] = (struct fieldset_entry){ elem, member, sub };
}

static const struct fieldset *finish(struct out *o)
{
    if (o->n == 0)
        return NULL;
    struct fieldset *made = ARENA_NEW(o->a, struct fieldset);
    *made = (struct fieldset){ o->entries, o->n };
    return made;
}

static int entry_cmp(const void *a, const void *b)
{
    return str_cmp(((const struct fieldset_entry *)a)->elem,
                   ((const struct fieldset_entry *)b)->elem);
}

const struct fieldset *fieldset_make(struct arena *a, struct fieldset_entry *entries, size_t n)
{
    qsort(entries, n, sizeof *entries, entry_cmp);
    struct out o = { a, entries, 0 };
    for (size_t i = 0; i < n; i++) {
        struct fieldset_entry *last = o.n > 0 ? &o.entries[o.n - 1] : NULL;
        if (last && str_eq(last->elem, entries[i].elem)) {
            last->member |= entries[i].member;
            last->sub = fieldset_union(a, last->sub, entries[i].sub);
        } else {
            put(&o, entries[i].elem, entries[i].member, entries[i].sub);
        }
    }
    return finish(&o);
}

/* ---- algebra ---- */

typedef void (*combine_fn)(struct out *o,
                           const struct fieldset_entry *x,
                           const struct fieldset_entry *y);

/* Calls fn for each element of either level; the side that lacks it is NULL. */
static const struct fieldset *
zip(struct arena *a, const struct fieldset *x, const struct fieldset *y, combine_fn fn)
{
    x = or_nothing(x);
    y = or_nothing(y);
    struct out o = { a, ARENA_ARRAY(a, struct fieldset_entry, x->n + y->n), 0 };
    for (size_t i = 0, j = 0; i < x->n || j < y->n;) {
        int order = i == x->n ? 1 : j == y->n ? -1 : entry_cmp(&x->entries[i], &y->entries[j]);
        fn(&o, order <= 0 ? &x->entries[i] : NULL, order >= 0 ? &y->entries[j] : NULL);
        i += order <= 0;
        j += order >= 0;
    }
    return finish(&o);
}

static void unite(struct out *o, const struct fieldset_entry *x, const struct fieldset_entry *y)
{
    const struct fieldset_entry *one = x ? x : y;
    assert(one);
    if (x && y)
        put(o, x->elem, x->member || y->member, fieldset_union(o->a, x->sub, y->sub));
    else
        o->entries[o->n++] = *one;
}

static void intersect(struct out *o, const struct fieldset_entry *x, const struct fieldset_entry *y)
{
    if (x && y)
        put(o, x->elem, x->member && y->member, fieldset_intersection(o->a, x->sub, y->sub));
}

static void subtract(struct out *o, const struct fieldset_entry *x, const struct fieldset_entry *y)
{
    if (x && y)
        put(o, x->elem, x->member && !y->member, fieldset_difference(o->a, x->sub, y->sub));
    else if (x)
        o->entries[o->n++] = *x;
}

const struct fieldset *
fieldset_union(struct arena *a, const struct fieldset *x, const struct fieldset *y)
{
    if (!x || !y || x == y)
        return x ? x : y;
    return zip(a, x, y, unite);
}

const struct fieldset *
fieldset_intersection(struct arena *a, const struct fieldset *x, const struct fieldset *y)
{
    if (!x || !y)
        return NULL;
    return zip(a, x, y, intersect);
}

const struct fieldset *
fieldset_difference(struct arena *a, const struct fieldset *x, const struct fieldset *y)
{
    if (!x || !y)
        return x;
    return zip(a, x, y, subtract);
}

bool fieldset_eq(const struct fieldset *x, const struct fieldset *y)
{
    if (!x || !y || x == y)
        return x == y;
    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (!str_eq(x->entries[i].elem, y->entries[i].elem) ||
            x->entries[i].member != y->entries[i].member ||
            !fieldset_eq(x->entries[i].sub, y->entries[i].sub))
            return false;
    return true;
}

size_t fieldset_count(const struct fieldset *x)
{
    size_t n = 0;
    for (size_t i = 0; x && i < x->n; i++)
        n += (x->entries[i].member ? 1u : 0u) + fieldset_count(x->entries[i].sub);
    return n;
}

const struct fieldset_entry *fieldset_find(const struct fieldset *x, struct str elem)
{
    size_t lo = 0, hi = x ? x->n : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int order = str_cmp(elem, x->entries[mid].elem);
        if (order == 0)
            return &x->entries[mid];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

bool fieldset_has(const struct fieldset *x, const struct str *path, size_t n)
{
    const struct fieldset_entry *e = NULL;
    for (size_t i = 0; i < n; i++) {
        e = fieldset_find(x, path[i]);
        if (!e)
            return false;
        x = e->sub;
    }
    return e && e->member;
}

/* ---- FieldsV1 ---- */

const struct fieldset *fieldset_read(struct arena *a, struct jnode *fields_v1)
{
    if (jnode_type(fields_v1) != JSON_OBJ)
        return NULL;
    size_t n = 0, len = jnode_len(fields_v1);
    struct fieldset_entry *entries = ARENA_ARRAY(a, struct fieldset_entry, len);
    for (size_t i = 0; i < len; i++) {
        struct str elem = jnode_key_at(fields_v1, i);
        struct jnode *below = jnode_value_at(fields_v1, i);
        if (str_is(elem, "."))
            continue;
        const struct fieldset *sub = fieldset_read(a, below);
        bool member = !sub || jnode_get(below, STR("."));
        entries[n++] = (struct fieldset_entry){ elem, member, sub };
    }
    return fieldset_make(a, entries, n);
}

static struct jnode *write_level(struct arena *a, const struct fieldset *x, bool member)
{
    struct jnode *out = jnode_obj(a);
    if (member && x)
        jnode_set(out, STR("."), jnode_obj(a));
    for (size_t i = 0; x && i < x->n; i++)
        jnode_set(out, x->entries[i].elem, write_level(a, x->entries[i].sub, x->entries[i].member));
    return out;
}

struct jnode *fieldset_write(struct arena *a, const struct fieldset *x)
{
    return write_level(a, x, false);
}

/* ---- paths ---- */

struct visit {
    fieldset_fn fn;
    void *arg;
    struct str path[FIELDSET_DEPTH_MAX];
};

static void visit(struct visit *v, const struct fieldset *x, size_t depth)
{
    if (depth == FIELDSET_DEPTH_MAX)
        return;
    for (size_t i = 0; x && i < x->n; i++) {
        v->path[depth] = x->entries[i].elem;
        if (x->entries[i].member)
            v->fn(v->arg, v->path, depth + 1);
        visit(v, x->entries[i].sub, depth + 1);
    }
}

void fieldset_each(const struct fieldset *x, fieldset_fn fn, void *arg)
{
    struct visit v = { .fn = fn, .arg = arg };
    visit(&v, x, 0);
}

/* {"name":"a","port":80} → name="a",port=80 */
static void write_keys(struct buf *out, struct str json)
{
    struct json_doc *doc;
    if (json_parse(&doc, json, &json_limits_body, NULL) < 0) {
        buf_str(out, json);
        return;
    }
    const char *sep = "";
    for (struct json_iter it = json_iter(json_root(doc)); json_next(&it); sep = ",") {
        buf_printf(out, "%s%.*s=", sep, STR_ARG(it.key));
        buf_str(out, json_text(it.value));
    }
    json_doc_unref(doc);
}

static void write_elem(struct buf *out, struct str elem)
{
    struct str rest = str_skip(elem, elem.n < 2 ? elem.n : 2);
    if (str_starts(elem, STR("f:"))) {
        buf_char(out, '.');
        buf_str(out, rest);
        return;
    }
    buf_char(out, '[');
    if (str_starts(elem, STR("k:")))
        write_keys(out, rest);
    else if (str_starts(elem, STR("v:")))
        buf_printf(out, "=%.*s", STR_ARG(rest));
    else
        buf_str(out, rest);
    buf_char(out, ']');
}

struct str fieldset_path_text(struct arena *a, const struct str *path, size_t n)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    for (size_t i = 0; i < n; i++)
        write_elem(&b, path[i]);
    struct str text = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return text;
}
