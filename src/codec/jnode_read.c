/* SPDX-License-Identifier: Apache-2.0
 * jnode_read — the accessors of a tree under edit. */
#include "codec/jnode_internal.h"

enum json_type jnode_type(const struct jnode *n)
{
    return n ? n->type : JSON_ABSENT;
}

size_t jnode_len(struct jnode *n)
{
    if (!n || !jnode_is_container(n))
        return 0;
    return n->lazy ? json_len(jnode_lazy_source(n)) : jnode_live(n);
}

struct jnode *jnode_get(struct jnode *obj, struct str key)
{
    if (!obj || obj->type != JSON_OBJ)
        return NULL;
    struct slot *s = jnode_find(obj, key);
    return s ? jnode_child(obj, s) : NULL;
}

/* Slot i of a container of the type, or NULL. */
static struct slot *slot_at(struct jnode *n, enum json_type type, size_t i)
{
    if (!n || n->type != type)
        return NULL;
    jnode_expand(n);
    jnode_compact(n);
    return i < n->n ? &n->slots[i] : NULL;
}

struct jnode *jnode_at(struct jnode *arr, size_t i)
{
    struct slot *s = slot_at(arr, JSON_ARR, i);
    return s ? jnode_child(arr, s) : NULL;
}

struct str jnode_key_at(struct jnode *obj, size_t i)
{
    struct slot *s = slot_at(obj, JSON_OBJ, i);
    return s ? s->key : (struct str){ 0 };
}

struct jnode *jnode_value_at(struct jnode *obj, size_t i)
{
    struct slot *s = slot_at(obj, JSON_OBJ, i);
    return s ? jnode_child(obj, s) : NULL;
}

struct jnode *jnode_path(struct jnode *n, const char *path)
{
    struct str rest = str_from(path);
    while (rest.p && n) {
        struct str part = str_split(&rest, '.');
        uint64_t i;
        if (n->type == JSON_ARR)
            n = str_to_u64(part, &i) ? jnode_at(n, i) : NULL;
        else
            n = jnode_get(n, part);
    }
    return n;
}

struct str jnode_text_of_str(struct jnode *n)
{
    if (!n || n->type != JSON_STR)
        return (struct str){ 0 };
    return n->lazy ? json_str(jnode_lazy_source(n)) : n->text;
}

bool jnode_is_true(struct jnode *n)
{
    if (!n || n->type != JSON_BOOL)
        return false;
    return n->lazy ? json_bool(jnode_lazy_source(n), false) : n->truth;
}

struct str jnode_num_text(struct jnode *n)
{
    if (!n || n->type != JSON_NUM)
        return (struct str){ 0 };
    return n->lazy ? json_num_text(jnode_lazy_source(n)) : n->text;
}

bool jnode_to_i64(struct jnode *n, int64_t *out)
{
    return json_num_i64(jnode_num_text(n), out);
}

struct json jnode_source(struct jnode *n)
{
    return n && n->lazy ? jnode_lazy_source(n) : (struct json){ 0 };
}

/* ---- equality ---- */

static bool node_eq(struct jnode *a, struct jnode *b, unsigned depth);

static bool obj_eq(struct jnode *a, struct jnode *b, unsigned depth)
{
    for (size_t i = 0; i < jnode_len(a); i++) {
        struct jnode *other = jnode_get(b, jnode_key_at(a, i));
        if (!other || !node_eq(jnode_value_at(a, i), other, depth))
            return false;
    }
    return true;
}

static bool arr_eq(struct jnode *a, struct jnode *b, unsigned depth)
{
    for (size_t i = 0; i < jnode_len(a); i++) {
        if (!node_eq(jnode_at(a, i), jnode_at(b, i), depth))
            return false;
    }
    return true;
}

static bool node_eq(struct jnode *a, struct jnode *b, unsigned depth)
{
    if (depth > JSON_DEPTH_MAX || a->type != b->type)
        return false;
    if (a->lazy && b->lazy)
        return json_eq(jnode_lazy_source(a), jnode_lazy_source(b));
    if (jnode_len(a) != jnode_len(b))
        return false;
    switch (a->type) {
    case JSON_OBJ:
        return obj_eq(a, b, depth + 1);
    case JSON_ARR:
        return arr_eq(a, b, depth + 1);
    case JSON_STR:
        return str_eq(jnode_text_of_str(a), jnode_text_of_str(b));
    case JSON_NUM:
        return json_num_eq(jnode_num_text(a), jnode_num_text(b));
    case JSON_BOOL:
        return jnode_is_true(a) == jnode_is_true(b);
    case JSON_ABSENT:
    case JSON_NULL:
        break;
    }
    return true;
}

bool jnode_eq(struct jnode *a, struct jnode *b)
{
    if (!a || !b)
        return a == b;
    return node_eq(a, b, 0);
}
