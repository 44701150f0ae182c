/* SPDX-License-Identifier: Apache-2.0
 * tree — see tree.h. Depth is about 1.4 log2(n) on average with random orders, so recursion is
 * shallow. */
#include "store/tree.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct tree {
    _Atomic uint32_t refs;
    struct tree *left, *right;
    struct tree_item item;
};

static int key_cmp(const struct kobj *o, struct str namespace, struct str name)
{
    int c = str_cmp(o->namespace, namespace);
    return c != 0 ? c : str_cmp(o->name, name);
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
    struct tree *copy = MEM_NEW(struct tree);
    atomic_init(&copy->refs, 1);
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
    if (!t) {
        struct tree *n = MEM_NEW(struct tree);
        atomic_init(&n->refs, 1);
        n->item = *item;
        kobj_ref(item->object);
        return n;
    }
    t = own(t);
    int c = key_cmp(t->item.object, item->object->namespace, item->object->name);
    if (c == 0) {
        const struct kobj *old = t->item.object;
        t->item.object = kobj_ref(item->object);
        t->item.id = item->id; /* the order stays: it keeps the heap in shape */
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
    int c = key_cmp(t->item.object, namespace, name);
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

const struct tree_item *tree_find(const struct tree *t, struct str namespace, struct str name)
{
    while (t) {
        int c = key_cmp(t->item.object, namespace, name);
        if (c == 0)
            return &t->item;
        t = c > 0 ? t->left : t->right;
    }
    return NULL;
}

/* True when the key of o lies behind the start of the range. */
static bool is_behind_start(const struct store_range *r, const struct kobj *o)
{
    if (r->after_namespace.n == 0 && r->after_name.n == 0)
        return r->namespace.n == 0 || str_cmp(o->namespace, r->namespace) >= 0;
    return key_cmp(o, r->after_namespace, r->after_name) > 0;
}

bool tree_walk(const struct tree *t, const struct store_range *r, tree_visit_fn fn, void *arg)
{
    if (!t)
        return true;
    const struct kobj *o = t->item.object;
    int against = r->namespace.n == 0 ? 0 : str_cmp(o->namespace, r->namespace);
    if (is_behind_start(r, o)) {
        if (!tree_walk(t->left, r, fn, arg))
            return false;
        if (against == 0 && !fn(arg, o))
            return false;
    }
    return against > 0 || tree_walk(t->right, r, fn, arg);
}
