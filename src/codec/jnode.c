/* SPDX-License-Identifier: Apache-2.0
 * jnode — making and changing trees; see jnode_internal.h for how they are kept. */
#include "codec/jnode_internal.h"

#include "base/map.h"
#include "base/vec.h"
#include "codec/json_escape.h"

/* ---- making ---- */

static struct jnode *new_node(struct arena *a, enum json_type type)
{
    struct jnode *n = ARENA_NEW(a, struct jnode);
    n->arena = a;
    n->type = type;
    return n;
}

/* v: of a document without parts. */
static struct jnode *thaw_flat(struct arena *a, struct json v)
{
    struct jnode *n = new_node(a, node_json_type(json_node(v)));
    n->lazy = true;
    n->doc = v.doc;
    n->at = v.at;
    return n;
}

struct jnode *jnode_thaw(struct arena *a, struct json v)
{
    if (!json_exists(v))
        return NULL;
    return thaw_flat(a, json_flat(v)); /* a tree is of one document */
}

struct jnode *jnode_obj(struct arena *a)
{
    return new_node(a, JSON_OBJ);
}

struct jnode *jnode_arr(struct arena *a)
{
    return new_node(a, JSON_ARR);
}

struct jnode *jnode_null(struct arena *a)
{
    return new_node(a, JSON_NULL);
}

struct jnode *jnode_bool(struct arena *a, bool b)
{
    struct jnode *n = new_node(a, JSON_BOOL);
    n->truth = b;
    return n;
}

struct jnode *jnode_i64(struct arena *a, int64_t i)
{
    struct jnode *n = new_node(a, JSON_NUM);
    char text[STR_NUMBER_MAX];
    n->text = arena_str(a, str_from_i64(text, i));
    return n;
}

struct jnode *jnode_num(struct arena *a, struct str text)
{
    assert(json_is_num(text));
    struct jnode *n = new_node(a, JSON_NUM);
    n->text = arena_str(a, text);
    return n;
}

/* First byte of s that is not valid UTF-8, or its end. */
static const char *valid_until(struct str s)
{
    const char *p = s.p, *end = s.p + s.n;
    while (p < end) {
        p = json_scan_until(p, end);
        if (p == end)
            break;
        unsigned n = (unsigned char)*p < 0x80 ? 1 : json_utf8_len(p, end);
        if (n == 0)
            return p;
        p += n;
    }
    return end;
}

/* A copy of s with U+FFFD for each byte that is not valid UTF-8. Never absent. */
static struct str copy_utf8(struct arena *a, struct str s)
{
    if (!s.p)
        return STR("");
    const char *end = s.p + s.n;
    if (valid_until(s) == end)
        return arena_str(a, s);
    char *out = arena_alloc(a, 3 * s.n), *w = out;
    while (s.n > 0) {
        size_t good = (size_t)(valid_until(s) - s.p);
        memcpy(w, s.p, good);
        w += good;
        s = str_skip(s, good);
        if (s.n == 0)
            break;
        memcpy(w, "\xEF\xBF\xBD", 3);
        w += 3;
        s = str_skip(s, 1);
    }
    return str_make(out, (size_t)(w - out));
}

struct jnode *jnode_str(struct arena *a, struct str s)
{
    struct jnode *n = new_node(a, JSON_STR);
    n->text = copy_utf8(a, s);
    n->plain = json_escaped_len(n->text) == n->text.n;
    return n;
}

/* ---- slots ---- */

static void index_forget(struct jnode *n)
{
    if (n->index)
        n->index->valid = false;
}

static void slots_reserve(struct jnode *n, uint32_t cap)
{
    if (cap <= n->cap)
        return;
    struct slot *slots = ARENA_ARRAY(n->arena, struct slot, cap);
    if (n->n)
        memcpy(slots, n->slots, n->n * sizeof *slots);
    n->slots = slots;
    n->cap = cap;
    index_forget(n);
}

void jnode_expand_lazy(struct jnode *n)
{
    struct json_iter it = json_iter(jnode_lazy_source(n));
    const struct json_doc *doc = it.v.doc;
    bool object = n->type == JSON_OBJ;
    uint32_t at = it.next;
    n->doc = doc; /* another one when the value was folded */
    n->at = it.v.at;
    n->lazy = false;
    slots_reserve(n, it.left + 2); /* an edit most often adds a member or two */
    for (struct slot *s = n->slots, *end = s + it.left; s < end; s++) {
        if (object) {
            s->key = doc_str(doc, at);
            s->plain = node_type(doc_node(doc, at)) == NODE_STR;
            at += s->plain ? 1 : 2;
        }
        s->at = at;
        at += doc_span(doc, at);
    }
    n->n = it.left;
}

void jnode_compact(struct jnode *n)
{
    if (jnode_live(n) == n->n)
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->n; i++) {
        if (!slot_is_dead(&n->slots[i]))
            n->slots[kept++] = n->slots[i];
    }
    n->n = kept;
    n->index->dead = 0;
    n->index->valid = false;
}

static uint64_t key_hash(struct str key)
{
    struct map process;
    map_init(&process);
    return str_hash(key, process.seed);
}

static void index_add(struct jnode *obj, uint32_t slot)
{
    struct jnode_index *x = obj->index;
    uint32_t mask = x->cap - 1;
    uint32_t i = (uint32_t)key_hash(obj->slots[slot].key) & mask;
    while (x->slots[i])
        i = (i + 1) & mask;
    x->slots[i] = slot + 1;
}

static void index_build(struct jnode *obj)
{
    uint32_t want = 64;
    while (want < 2 * obj->cap)
        want *= 2;
    if (!obj->index || want > obj->index->cap) {
        uint32_t dead = obj->index ? obj->index->dead : 0;
        obj->index = arena_alloc(obj->arena, sizeof *obj->index + want * sizeof(uint32_t));
        obj->index->cap = want;
        obj->index->dead = dead;
    } else {
        memset(obj->index->slots, 0, obj->index->cap * sizeof(uint32_t));
    }
    obj->index->valid = true;
    for (uint32_t i = 0; i < obj->n; i++) {
        if (!slot_is_dead(&obj->slots[i]))
            index_add(obj, i);
    }
}

static struct slot *find_indexed(struct jnode *obj, struct str key)
{
    if (!obj->index || !obj->index->valid)
        index_build(obj);
    const struct jnode_index *x = obj->index;
    uint32_t mask = x->cap - 1;
    for (uint32_t i = (uint32_t)key_hash(key) & mask; x->slots[i]; i = (i + 1) & mask) {
        struct slot *s = &obj->slots[x->slots[i] - 1];
        if (str_eq(s->key, key) && !slot_is_dead(s))
            return s;
    }
    return NULL;
}

struct slot *jnode_find(struct jnode *obj, struct str key)
{
    jnode_expand(obj);
    if (obj->n > JNODE_LINEAR_MAX)
        return find_indexed(obj, key);
    for (struct slot *s = obj->slots, *end = s + obj->n; s < end; s++) {
        if (s->key.n == key.n && str_bytes_eq(s->key.p, key.p, key.n) && !slot_is_dead(s))
            return s;
    }
    return NULL;
}

/* A new slot at the end. */
static struct slot *slot_add(struct jnode *n)
{
    if (n->n == n->cap && jnode_live(n) < n->n / 2)
        jnode_compact(n);
    if (n->n == n->cap)
        slots_reserve(n, n->cap ? 2 * n->cap : 4);
    struct slot *s = &n->slots[n->n++];
    *s = (struct slot){ 0 };
    return s;
}

struct jnode *jnode_child(struct jnode *parent, struct slot *s)
{
    if (!s->node)
        s->node = thaw_flat(parent->arena, (struct json){ parent->doc, s->at });
    return s->node;
}

/* ---- changing objects ---- */

struct jnode *jnode_set(struct jnode *obj, struct str key, struct jnode *child)
{
    assert(obj->type == JSON_OBJ && child);
    struct slot *s = jnode_find(obj, key);
    if (!s) {
        s = slot_add(obj);
        s->key = copy_utf8(obj->arena, key);
        s->plain = json_escaped_len(s->key) == s->key.n;
        s->node = child;
        if (obj->index && obj->index->valid)
            index_add(obj, obj->n - 1);
    }
    s->node = child;
    return child;
}

bool jnode_del(struct jnode *obj, struct str key)
{
    if (!obj || obj->type != JSON_OBJ)
        return false;
    struct slot *s = jnode_find(obj, key);
    if (!s)
        return false;
    if (obj->n > JNODE_LINEAR_MAX) {
        s->node = NULL;
        s->at = 0;
        obj->index->dead++; /* that found it */
        return true;
    }
    memmove(s, s + 1, (size_t)(obj->slots + obj->n - (s + 1)) * sizeof *s);
    obj->n--;
    index_forget(obj);
    return true;
}

static struct jnode *need(struct jnode *obj, struct str key, enum json_type type)
{
    assert(obj->type == JSON_OBJ);
    struct jnode *child = jnode_get(obj, key);
    if (child && child->type == type)
        return child;
    return jnode_set(obj, key, new_node(obj->arena, type));
}

struct jnode *jnode_need_obj(struct jnode *obj, struct str key)
{
    return need(obj, key, JSON_OBJ);
}

struct jnode *jnode_need_arr(struct jnode *obj, struct str key)
{
    return need(obj, key, JSON_ARR);
}

void jnode_set_str(struct jnode *obj, struct str key, struct str value)
{
    jnode_set(obj, key, jnode_str(obj->arena, value));
}

void jnode_set_i64(struct jnode *obj, struct str key, int64_t value)
{
    jnode_set(obj, key, jnode_i64(obj->arena, value));
}

void jnode_set_bool(struct jnode *obj, struct str key, bool value)
{
    jnode_set(obj, key, jnode_bool(obj->arena, value));
}

/* ---- changing arrays ---- */

struct jnode *jnode_insert(struct jnode *arr, size_t i, struct jnode *child)
{
    assert(arr->type == JSON_ARR && child);
    jnode_expand(arr);
    assert(i <= arr->n);
    slot_add(arr);
    struct slot *s = arr->slots + i;
    memmove(s + 1, s, (arr->n - 1 - i) * sizeof *s);
    *s = (struct slot){ .node = child };
    return child;
}

struct jnode *jnode_append(struct jnode *arr, struct jnode *child)
{
    return jnode_insert(arr, jnode_len(arr), child);
}

struct jnode *jnode_replace_at(struct jnode *arr, size_t i, struct jnode *child)
{
    assert(arr->type == JSON_ARR && child);
    jnode_expand(arr);
    assert(i < arr->n);
    arr->slots[i].node = child;
    return child;
}

void jnode_remove_at(struct jnode *arr, size_t i)
{
    assert(arr->type == JSON_ARR);
    jnode_expand(arr);
    assert(i < arr->n);
    struct slot *s = arr->slots + i;
    memmove(s, s + 1, (arr->n - 1 - i) * sizeof *s);
    arr->n--;
}

/* ---- copying ---- */

VEC_TYPE(node_vec, struct jnode *);

/* A copy of one node whose slots still point to the children of n. */
static struct jnode *copy_shallow(struct arena *a, const struct jnode *n)
{
    struct jnode *copy = new_node(a, n->type);
    bool same_arena = a == n->arena;
    copy->lazy = n->lazy;
    copy->truth = n->truth;
    copy->plain = n->plain;
    copy->doc = n->doc;
    copy->at = n->at;
    if (n->lazy)
        return copy;
    if (!jnode_is_container(n)) {
        copy->text = same_arena ? n->text : arena_str(a, n->text);
        return copy;
    }
    slots_reserve(copy, n->n);
    for (uint32_t i = 0; i < n->n; i++) {
        struct slot *s = &n->slots[i];
        if (slot_is_dead(s))
            continue;
        struct slot *to = &copy->slots[copy->n++];
        *to = *s;
        if (!same_arena)
            to->key = arena_str(a, s->key);
    }
    return copy;
}

/* Level by level rather than by recursion: a tree may be deeper than a document. */
struct jnode *jnode_copy(struct arena *a, struct jnode *n)
{
    if (!n)
        return NULL;
    struct jnode *root = copy_shallow(a, n);
    struct node_vec todo = { 0 };
    node_vec_push(&todo, root);
    while (todo.n > 0) {
        struct jnode *copy = node_vec_pop(&todo);
        if (copy->lazy || !jnode_is_container(copy))
            continue;
        for (uint32_t i = 0; i < copy->n; i++) {
            struct slot *s = &copy->slots[i];
            if (s->node)
                node_vec_push(&todo, s->node = copy_shallow(a, s->node));
        }
    }
    node_vec_fini(&todo);
    return root;
}
