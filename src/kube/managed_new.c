/* SPDX-License-Identifier: Apache-2.0
 * managed_new — managedFields of an object that nobody owned before. The general way (apply.c)
 * makes sets of what was added, takes out what the server sets, and writes the rest as a tree. Here
 * all that the object has is owned, so its FieldsV1 is written as text beside one walk over the
 * object: on each level the members in bytewise order, "." for the member itself.
 *
 * Nobody reads that text again before the object is stored: it becomes a folded document. */
#include <stdlib.h>

#include "base/buf.h"
#include "codec/json_escape.h"
#include "kube/apply.h"
#include "kube/typed_internal.h"

#define AROUND                                                                                     \
    4 /* levels of what stands around a field: list, entry, FieldsV1, the field's own              \
       */
#define DEEPEST 60u /* an object that nests deeper takes the general way */

struct fields {
    struct arena *a;
    struct buf out;
    unsigned depth, deepest;
};

struct owned { /* a member of an object or an item of a list */
    struct str name;
    struct jnode *node; /* or NULL, and then: */
    struct json v;
    struct spot spot;
};

static enum json_type owned_type(const struct owned *o)
{
    return o->node ? jnode_type(o->node) : json_type(o->v);
}

/* What the document has is read there, so that the tree is not expanded. */
static struct owned owned_make(struct str name, struct jnode *node, struct spot spot)
{
    struct json v = jnode_source(node);
    return (struct owned){ name, json_exists(v) ? NULL : node, v, spot };
}

static int owned_cmp(const void *a, const void *b)
{
    return str_cmp(((const struct owned *)a)->name, ((const struct owned *)b)->name);
}

#define FEW 16 /* members that are sorted by insertion */

static void owned_sort(struct owned *list, size_t n)
{
    if (n > FEW) {
        qsort(list, n, sizeof *list, owned_cmp);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        struct owned one = list[i];
        size_t j = i;
        for (; j > 0 && str_cmp(list[j - 1].name, one.name) > 0; j--)
            list[j] = list[j - 1];
        list[j] = one;
    }
}

/* The members whose type is known, sorted. */
static size_t members_of(struct arena *a, const struct owned *o, struct owned **out)
{
    struct json_iter it = json_iter(o->v);
    size_t len = o->node ? jnode_len(o->node) : it.left, n = 0;
    struct owned *list = ARENA_ARRAY(a, struct owned, len);
    for (size_t i = 0; i < len; i++) {
        bool more = !o->node && json_next(&it);
        struct str key = more ? it.key : jnode_key_at(o->node, i);
        struct spot spot = typed_member(o->spot, key);
        if (!spot.s)
            continue;
        list[n++] = more ? (struct owned){ key, NULL, it.value, spot }
                         : owned_make(key, jnode_value_at(o->node, i), spot);
    }
    owned_sort(list, n);
    *out = list;
    return n;
}

/* The items by element, sorted, each element once. */
static size_t items_of(struct arena *a, const struct owned *o, struct owned **out)
{
    struct jnode *node =
        o->node ? o->node : jnode_thaw(a, o->v); /* of its own: o's stays as it is */
    struct typed_items items = typed_items(a, o->spot.s, node);
    struct owned *list = ARENA_ARRAY(a, struct owned, items.n);
    for (size_t i = 0; i < items.n; i++)
        list[i] = owned_make(items.items[i].elem, items.items[i].value,
                             (struct spot){ o->spot.s->elem, NULL });
    owned_sort(list, items.n);
    *out = list;
    return items.n;
}

static bool has_parts(const struct owned *o)
{
    enum json_type type = owned_type(o);
    size_t len = o->node ? jnode_len(o->node) : json_len(o->v);
    return type > JSON_NULL && len > 0 && !typed_is_leaf(o->spot, type);
}

/* "name": behind a comma unless it is the first. */
static void write_name(struct buf *out, const struct owned *o, struct str prefix, bool first)
{
    struct buf raw;
    if (!first)
        buf_char(out, ',');
    if (o->spot.f || json_escaped_len(o->name) == o->name.n) { /* fields need no escapes */
        char *p = buf_room(out, prefix.n + o->name.n + 3);
        if (!p)
            return;
        *p++ = '"';
        str_bytes_copy(p, prefix.p, prefix.n);
        str_bytes_copy(p + prefix.n, o->name.p, o->name.n);
        memcpy(p + prefix.n + o->name.n, "\":", 2);
        out->n += prefix.n + o->name.n + 3;
        return;
    }
    buf_init(&raw, JSON_DOC_BYTES_MAX);
    buf_str(&raw, prefix);
    buf_str(&raw, o->name);
    json_write_str(out, buf_view(&raw));
    buf_char(out, ':');
    buf_fini(&raw);
}

/* What the server sets and nobody owns: of the object, and of its metadata. */
static bool is_servers(struct str name, unsigned depth)
{
    static const struct str top[] = { STR_INIT("apiVersion"), STR_INIT("kind") };
    static const struct str meta[] = { STR_INIT("clusterName"),
                                       STR_INIT("creationTimestamp"),
                                       STR_INIT("generation"),
                                       STR_INIT("managedFields"),
                                       STR_INIT("name"),
                                       STR_INIT("namespace"),
                                       STR_INIT("resourceVersion"),
                                       STR_INIT("selfLink"),
                                       STR_INIT("uid") };
    const struct str *list = depth ? meta : top;
    for (size_t i = 0, n = depth ? COUNT_OF(meta) : COUNT_OF(top); i < n; i++)
        if (str_eq(name, list[i]))
            return true;
    return false;
}

/* Writes "name":{…} for one member or item, behind a comma unless it is the first. */
static void write_owned(struct fields *w, const struct owned *o, struct str prefix, bool first)
{
    write_name(&w->out, o, prefix, first);
    if (!has_parts(o)) {
        buf_str(&w->out, STR("{}"));
        return;
    }
    struct owned *parts;
    bool list = o->spot.s->type == SCHEMA_LIST;
    size_t n = list ? items_of(w->a, o, &parts) : members_of(w->a, o, &parts);
    if (++w->depth > w->deepest)
        w->deepest = w->depth;
    buf_str(&w->out, n ? STR("{\".\":{}") : STR("{"));
    for (size_t i = 0; i < n; i++)
        write_owned(w, &parts[i], list ? STR("") : STR("f:"), false);
    buf_char(&w->out, '}');
    w->depth--;
}

/* The metadata without what the server sets; nothing when that is all there is. */
static bool write_metadata(struct fields *w, const struct owned *o, bool first)
{
    size_t start = w->out.n, n = 0;
    struct owned *parts = NULL;
    if (has_parts(o))
        n = members_of(w->a, o, &parts);
    if (!first)
        buf_char(&w->out, ',');
    buf_str(&w->out, STR("\"f:metadata\":{"));
    bool none = true;
    for (size_t i = 0; i < n; i++) {
        if (is_servers(parts[i].name, 1))
            continue;
        write_owned(w, &parts[i], STR("f:"), none);
        none = false;
    }
    if (none)
        w->out.n = start;
    else
        buf_char(&w->out, '}');
    return !none;
}

/* False: nothing is owned. */
static bool write_fields(struct fields *w, struct jnode *object, const struct apply_writer *by)
{
    struct owned root = owned_make(STR(""), object, (struct spot){ by->schema, NULL }), *parts;
    size_t n = members_of(w->a, &root, &parts);
    bool first = true;
    w->depth = w->deepest = 1; /* inside of f:metadata */
    buf_char(&w->out, '{');
    for (size_t i = 0; i < n; i++) {
        if (is_servers(parts[i].name, 0) || str_eq(parts[i].name, by->ignored))
            continue;
        if (str_is(parts[i].name, "metadata")) {
            first = !write_metadata(w, &parts[i], first) && first;
            continue;
        }
        write_owned(w, &parts[i], STR("f:"), first);
        first = false;
    }
    buf_char(&w->out, '}');
    return !first;
}

static void write_text(struct buf *out, const char *before, struct str text)
{
    buf_str(out, str_from(before));
    json_write_str(out, text);
}

bool apply_track_new(struct arena *a,
                     const struct apply_writer *by,
                     struct jnode *object,
                     struct json_doc **held)
{
    struct jnode *meta = jnode_get(object, STR("metadata"));
    if (by->schema->type != SCHEMA_OBJECT || schema_is_atomic(by->schema, NULL) ||
        jnode_type(meta) != JSON_OBJ || jnode_get(meta, STR("managedFields")))
        return false;
    char time[TIME_TEXT_MAX];
    struct fields w = { .a = a };
    buf_init(&w.out, JSON_DOC_BYTES_MAX);
    write_text(&w.out, "[{\"manager\":", by->manager);
    buf_str(&w.out, STR(",\"operation\":\"Update\""));
    write_text(&w.out, ",\"apiVersion\":", by->api_version);
    write_text(&w.out, ",\"time\":", wall_text(time, by->now));
    buf_str(&w.out, STR(",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":"));
    bool some = write_fields(&w, object, by) && w.deepest <= DEEPEST;
    if (by->subresource.n > 0)
        write_text(&w.out, ",\"subresource\":", by->subresource);
    buf_str(&w.out, STR("}]"));
    some &= !w.out.failed;
    if (some) {
        *held = json_fold_text(buf_view(&w.out), AROUND + w.deepest);
        jnode_set(meta, STR("managedFields"), jnode_thaw(a, json_root(*held)));
    }
    buf_fini(&w.out);
    return some;
}
