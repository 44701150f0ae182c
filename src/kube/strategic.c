/* SPDX-License-Identifier: Apache-2.0
 * strategic — objects merge member by member, lists by strategic_list.c. */
#include "kube/strategic.h"

#include "kube/strategic_internal.h"

/* ---- directives ---- */

static const struct str order_prefix = STR_INIT("$setElementOrder/");
static const struct str delete_prefix = STR_INIT("$deleteFromPrimitiveList/");

/* A value is looked through on this many levels before it is simply rebuilt, so that deep patches
 * cost linear time. */
#define TAKE_DEPTH 12

static bool is_directive(struct str key)
{
    return str_is(key, "$patch") || str_is(key, "$retainKeys") || str_starts(key, order_prefix) ||
           str_starts(key, delete_prefix);
}

/* Nulls and directives must not get into the document when a value is taken over whole. */
static bool is_plain(struct json v)
{
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        if (it.key.p && (json_type(it.value) == JSON_NULL || is_directive(it.key)))
            return false;
        if (!is_plain(it.value))
            return false;
    }
    return true;
}

/* The same with every value made anew: for containers with something to leave out. */
static int take_apart(struct strategic *m,
                      struct jnode **out,
                      const struct schema *s,
                      struct json v,
                      struct err *err)
{
    if (json_type(v) == JSON_OBJ) {
        struct jnode *made = jnode_obj(m->a);
        if (strategic_object(m, s, &made, v, err) < 0)
            return -1;
        *out = made;
        return 0;
    }
    if (json_type(v) != JSON_ARR) {
        *out = jnode_thaw(m->a, v);
        return 0;
    }
    struct jnode *list = jnode_arr(m->a);
    if (s && s->type == SCHEMA_LIST && (s->flags & SCHEMA_PATCH_MERGE)) {
        struct strategic_lists lists = { .items = v };
        if (strategic_list(m, s, &list, &lists, err) < 0)
            return -1;
        *out = list;
        return 0;
    }
    for (struct json_iter it = json_iter(v); json_next(&it);) {
        struct jnode *item;
        if (strategic_take(m, &item, s ? schema_child(s, STR("")) : NULL, it.value, err) < 0)
            return -1;
        jnode_append(list, item);
    }
    *out = list;
    return 0;
}

int strategic_take(struct strategic *m,
                   struct jnode **out,
                   const struct schema *s,
                   struct json v,
                   struct err *err)
{
    if (m->depth < TAKE_DEPTH && is_plain(v)) {
        *out = jnode_thaw(m->a, v);
        return 0;
    }
    m->depth++;
    int rc = take_apart(m, out, s, v, err);
    m->depth--;
    return rc;
}

/* $retainKeys: members of the object that it does not name go. */
static int retain_keys(struct arena *a, struct jnode *doc, struct json patch, struct err *err)
{
    struct json retain = json_get(patch, STR("$retainKeys"));
    if (!json_exists(retain))
        return 0;
    struct map names = { 0 };
    for (struct json_iter it = json_iter(retain); json_next(&it);)
        map_put(&names, json_str(it.value), doc);
    int rc = 0;
    for (struct json_iter it = json_iter(patch); json_next(&it) && rc == 0;)
        if (!is_directive(it.key) && !map_get(&names, it.key))
            rc = err_set(err, ERR_INVALID,
                         "$retainKeys directive must contain all the fields in the patch: %.*s",
                         STR_ARG(str_take(it.key, 64)));
    size_t len = jnode_len(doc), n_gone = 0;
    struct str *gone = ARENA_ARRAY(a, struct str, len);
    for (size_t i = 0; i < len; i++)
        if (!map_get(&names, jnode_key_at(doc, i)))
            gone[n_gone++] = jnode_key_at(doc, i);
    for (size_t i = 0; i < n_gone; i++)
        jnode_del(doc, gone[i]);
    map_fini(&names);
    return rc;
}

/* ---- members ---- */

static bool merges(const struct schema *s)
{
    return s && s->type == SCHEMA_LIST && (s->flags & SCHEMA_PATCH_MERGE);
}

static int put(struct strategic *m,
               struct jnode *doc,
               struct str key,
               const struct schema *s,
               struct json v,
               struct err *err)
{
    struct jnode *made;
    if (strategic_take(m, &made, s, v, err) < 0)
        return -1;
    jnode_set(doc, key, made);
    return 0;
}

static int merge_member(struct strategic *m,
                        struct jnode *doc,
                        const struct schema *s,
                        const struct json_iter *it,
                        struct err *err)
{
    if (json_type(it->value) == JSON_NULL) {
        jnode_del(doc, it->key);
        return 0;
    }
    const struct schema_field *f = schema_field(s, it->key);
    const struct schema *child = schema_child(s, it->key);
    struct jnode *have = jnode_get(doc, it->key);
    bool object = jnode_type(have) == JSON_OBJ && json_type(it->value) == JSON_OBJ;
    if (!object || (f && (f->flags & SCHEMA_FIELD_REPLACE)))
        return put(m, doc, it->key, child, it->value, err);
    struct jnode *merged = have;
    if (strategic_object(m, child, &merged, it->value, err) < 0)
        return -1;
    if (merged != have)
        jnode_set(doc, it->key, merged);
    return 0;
}

/* The list called name is merged when the patch holds items, an order or deletions for it. */
static int merge_list_member(struct strategic *m,
                             struct jnode *doc,
                             const struct schema *s,
                             struct str name,
                             const struct strategic_lists *lists,
                             struct err *err)
{
    struct jnode *have = jnode_get(doc, name);
    if (jnode_type(have) != JSON_ARR)
        have = NULL;
    struct jnode *merged = have ? have : jnode_arr(m->a);
    if (strategic_list(m, schema_child(s, name), &merged, lists, err) < 0)
        return -1;
    if (have || jnode_len(merged) > 0 || json_exists(lists->items))
        jnode_set(doc, name, merged);
    return 0;
}

static struct json
with_prefix(struct arena *a, struct json patch, struct str prefix, struct str name)
{
    return json_get(patch, arena_printf(a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(name)));
}

/* The list that a key of the patch is about; absent when it is about none. */
static struct str list_of(const struct schema *s, struct str key)
{
    if (str_starts(key, order_prefix))
        return str_skip(key, order_prefix.n);
    if (str_starts(key, delete_prefix))
        return str_skip(key, delete_prefix.n);
    return merges(schema_child(s, key)) ? key : (struct str){ 0 };
}

static int merge_key(struct strategic *m,
                     struct jnode *doc,
                     const struct schema *s,
                     struct json patch,
                     const struct json_iter *it,
                     struct err *err)
{
    struct str list = list_of(s, it->key);
    bool removes = str_eq(list, it->key) && json_type(it->value) != JSON_ARR;
    if (!list.p || removes)
        return is_directive(it->key) ? 0 : merge_member(m, doc, s, it, err);
    struct strategic_lists lists = {
        .items = json_get(patch, list),
        .order = with_prefix(m->a, patch, order_prefix, list),
        .deletions = with_prefix(m->a, patch, delete_prefix, list),
    };
    bool first =
        str_eq(it->key, list) || (!json_exists(lists.items) &&
                                  (str_starts(it->key, order_prefix) || !json_exists(lists.order)));
    if (json_exists(lists.items) && json_type(lists.items) != JSON_ARR)
        return 0; /* the list itself is set to null or a scalar */
    return first ? merge_list_member(m, doc, s, list, &lists, err) : 0;
}

int strategic_object(struct strategic *m,
                     const struct schema *s,
                     struct jnode **doc,
                     struct json patch,
                     struct err *err)
{
    struct str directive = json_str(json_get(patch, STR("$patch")));
    if (str_is(directive, "replace") || str_is(directive, "delete"))
        *doc = jnode_obj(m->a);
    else if (directive.p && !str_is(directive, "merge"))
        return err_set(err, ERR_INVALID, "unknown patch type: %.*s",
                       STR_ARG(str_take(directive, 64)));
    if (str_is(directive, "delete"))
        return 0;
    if (retain_keys(m->a, *doc, patch, err) < 0)
        return -1;
    for (struct json_iter it = json_iter(patch); json_next(&it);)
        if (merge_key(m, *doc, s, patch, &it, err) < 0)
            return -1;
    return 0;
}

int strategic_merge(struct arena *a,
                    const struct schema *s,
                    struct jnode **doc,
                    struct json patch,
                    struct err *err)
{
    if (json_type(patch) != JSON_OBJ)
        return err_set(err, ERR_INVALID, "a strategic merge patch must be an object");
    struct strategic m = { .a = a };
    return strategic_object(&m, s, doc, patch, err);
}
