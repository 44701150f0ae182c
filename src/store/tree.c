/* SPDX-License-Identifier: Apache-2.0
 * tree — see tree.h. Depth is about 1.4 log2(n) on average with random orders, so recursion is
 * shallow. */
#include "store/tree.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct tree {
    _Atomic uint32_t refs;
    uint32_t namespace_n, name_n;
    struct tree *left, *right;
    struct tree_item item;
    char key[]; /* namespace and name: a look-up reads no other memory on its way down */
};

static struct tree *node_new(struct str namespace, struct str name)
{
    struct tree *n = mem_alloc(sizeof *n + namespace.n + name.n);
    atomic_init(&n->refs, 1);
    n->namespace_n = (uint32_t) namespace.n;
    n->name_n = (uint32_t)name.n;
    if (namespace.n)
        memcpy(n->key, namespace.p, namespace.n);
    if (name.n)
        memcpy(n->key + namespace.n, name.p, name.n);
    return n;
}

static struct str namespace_of(const struct tree *n)
{
    return str_make(n->key, n->namespace_n);
}

static struct str name_of(const struct tree *n)
{
    return str_make(n->key + n->namespace_n, n->name_n);
}

static int key_cmp(const struct tree *n, struct str namespace, struct str name)
{
    int c = str_cmp(namespace_of(n), namespace);
    return c != 0 ? c : str_cmp(name_of(n), name);
}

struct tree *tree_ref(const struct tree *t)
{
    struct tree *n = (struct tree *)(uintptr_t)t; /* the count is not part of the picture */
    if (n)
        atomic_fetch_add_explicit(&n->refs, 1, memory_order_relaxed);
    return n;
}

void tree_unref(struct tree *t)
{
    while (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1) {
        struct tree *right = t->right;
        tree_unref(t->left);
        kobj_unref(t->item.object);
        free(t);
        t = right;
    }
}

/* The node itself when nobody else holds it, else a copy. Takes n over. The acquire pairs with the
 * release of a reader on another thread that just let go. */
static struct tree *own(struct tree *n)
{
    if (atomic_load_explicit(&n->refs, memory_order_acquire) == 1)
        return n;
    struct tree *copy = node_new(namespace_of(n), name_of(n));
    copy->left = tree_ref(n->left);
    copy->right = tree_ref(n->right);
    copy->item = n->item;
    kobj_ref(copy->item.object);
    tree_unref(n);
    return copy;
}

/* Lifts n's left (or right) child above n. All three are owned. */
static struct tree *lift_left(struct tree *n)
{
    struct tree *top = n->left;
    n->left = top->right;
    top->right = n;
    return top;
}

static struct tree *lift_right(struct tree *n)
{
    struct tree *top = n->right;
    n->right = top->left;
    top->left = n;
    return top;
}

struct tree *tree_put(struct tree *t, const struct tree_item *item)
{
    const struct kobj *o = item->object;
    if (!t) {
        struct tree *n = node_new(o->namespace, o->name);
        n->item = *item;
        kobj_ref(item->object);
        return n;
    }
    t = own(t);
    int c = key_cmp(t, o->namespace, o->name);
    if (c == 0) {
        const struct kobj *old = t->item.object;
        t->item.object = kobj_ref(o);
        t->item.id = item->id; /* the order stays: it keeps the heap in shape */
        t->item.deleted = item->deleted;
        kobj_unref(old);
        return t;
    }
    if (c > 0) {
        t->left = tree_put(t->left, item);
        return t->left->item.order > t->item.order ? lift_left(t) : t;
    }
    t->right = tree_put(t->right, item);
    return t->right->item.order > t->item.order ? lift_right(t) : t;
}

/* One tree of two, all keys of a before those of b. Takes both over. */
static struct tree *join(struct tree *a, struct tree *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->item.order > b->item.order) {
        a = own(a);
        a->right = join(a->right, b);
        return a;
    }
    b = own(b);
    b->left = join(a, b->left);
    return b;
}

static struct tree *del(struct tree *t, struct str namespace, struct str name)
{
    t = own(t);
    int c = key_cmp(t, namespace, name);
    if (c > 0) {
        t->left = del(t->left, namespace, name);
        return t;
    }
    if (c < 0) {
        t->right = del(t->right, namespace, name);
        return t;
    }
    struct tree *rest = join(TAKE(t->left), TAKE(t->right));
    tree_unref(t);
    return rest;
}

struct tree *tree_del(struct tree *t, struct str namespace, struct str name)
{
    if (!tree_find(t, namespace, name))
        return t;
    return del(t, namespace, name);
}

struct tree *tree_apply(struct tree *t, const struct tree *changes)
{
    if (!changes)
        return t;
    t = tree_apply(t, changes->left);
    t = changes->item.deleted ? tree_del(t, namespace_of(changes), name_of(changes))
                              : tree_put(t, &changes->item);
    return tree_apply(t, changes->right);
}

const struct tree_item *tree_find(const struct tree *t, struct str namespace, struct str name)
{
    while (t) {
        int c = key_cmp(t, namespace, name);
        if (c == 0)
            return &t->item;
        t = c > 0 ? t->left : t->right;
    }
    return NULL;
}

/* True when the key of n lies behind the start of the range. */
static bool is_behind_start(const struct store_range *r, const struct tree *n)
{
    if (r->after_namespace.n == 0 && r->after_name.n == 0)
        return r->namespace.n == 0 || str_cmp(namespace_of(n), r->namespace) >= 0;
    return key_cmp(n, r->after_namespace, r->after_name) > 0;
}

bool tree_walk(const struct tree *t, const struct store_range *r, tree_visit_fn fn, void *arg)
{
    if (!t)
        return true;
    int against = r->namespace.n == 0 ? 0 : str_cmp(namespace_of(t), r->namespace);
    if (is_behind_start(r, t)) {
        if (!tree_walk(t->left, r, fn, arg))
            return false;
        if (against == 0 && !fn(arg, t->item.object))
            return false;
    }
    return against > 0 || tree_walk(t->right, r, fn, arg);
}
