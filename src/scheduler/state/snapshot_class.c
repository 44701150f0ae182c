/* SPDX-License-Identifier: Apache-2.0
 * snapshot_class — groups nodes that no static question can tell apart: equal labels but for the
 * host name, equal taints, equal unschedulable flag. Ids are reused, which is safe because every
 * change of membership also moves the snapshot's static version. */
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/state/snapshot_internal.h"

#define HOSTNAME_LABEL STR("kubernetes.io/hostname")

static uint64_t hash_node(const struct node *view, const struct labelset *l)
{
    uint64_t h = view->unschedulable ? 7 : 11;
    for (size_t i = 0; i < l->n; i++) {
        h = num_mix64(h ^ str_hash(l->items[i].key, 1));
        h = num_mix64(h ^ str_hash(l->items[i].value, 2));
    }
    for (size_t i = 0; i < view->taints.n; i++) {
        const struct taint *t = &view->taints.items[i];
        h = num_mix64(h ^ str_hash(t->key, 3) ^ (uint64_t)t->effect);
        h = num_mix64(h ^ str_hash(t->value, 4));
    }
    return h;
}

static bool
same_class(const struct node_class *c, const struct node *view, const struct labelset *l)
{
    if (c->view->unschedulable != view->unschedulable || c->view->taints.n != view->taints.n ||
        !labelset_equal(&c->labels, l))
        return false;
    for (size_t i = 0; i < view->taints.n; i++) {
        const struct taint *a = &c->view->taints.items[i], *b = &view->taints.items[i];
        if (!str_eq(a->key, b->key) || !str_eq(a->value, b->value) || a->effect != b->effect)
            return false;
    }
    return true;
}

static struct labelset without_hostname(const struct labelset *l)
{
    struct labelset out = { 0 };
    if (!l->n)
        return out;
    struct label *items = mem_alloc_array(l->n, sizeof *items);
    for (size_t i = 0; i < l->n; i++) {
        if (!str_eq(l->items[i].key, HOSTNAME_LABEL))
            items[out.n++] = l->items[i];
    }
    out.items = items;
    return out;
}

/* A free or new class id. */
static uint32_t class_slot(struct snapshot *s)
{
    for (size_t i = 0; i < s->classes.n; i++) {
        if (s->classes.items[i].members == 0)
            return (uint32_t)i;
    }
    node_classes_push(&s->classes, (struct node_class){ 0 });
    return (uint32_t)(s->classes.n - 1);
}

void snapshot_class_join(struct snapshot *s, struct snode *n)
{
    struct labelset l = without_hostname(&n->labels);
    uint64_t hash = hash_node(n->view, &l);
    size_t id;
    for (id = CLASS_GONE + 1; id < s->classes.n; id++) {
        struct node_class *c = &s->classes.items[id];
        if (c->members && c->hash == hash && same_class(c, n->view, &l))
            break;
    }
    if (id == s->classes.n) {
        id = class_slot(s);
        /* The class keeps texts of this object alive. */
        s->classes.items[id] = (struct node_class){
            .labels = l,
            .obj = kobj_ref(n->obj),
            .view = n->view,
            .hash = hash,
            .taints = n->view->taints.items,
            .n_taints = n->view->taints.n,
            .unschedulable = n->view->unschedulable,
        };
        l = (struct labelset){ 0 };
    }
    labelset_fini(&l);
    s->classes.items[id].members++;
    n->class_id = (uint32_t)id;
    s->class_of[n->id] = (uint32_t)id;
}

static void class_clear(struct node_class *c)
{
    labelset_fini(&c->labels);
    kobj_unref(c->obj);
    *c = (struct node_class){ 0 };
}

void snapshot_class_leave(struct snapshot *s, struct snode *n)
{
    struct node_class *c = &s->classes.items[n->class_id];
    s->class_of[n->id] = CLASS_GONE;
    if (--c->members == 0)
        class_clear(c);
}

void snapshot_classes_fini(struct snapshot *s)
{
    for (size_t i = 0; i < s->classes.n; i++)
        class_clear(&s->classes.items[i]);
    node_classes_fini(&s->classes);
}
