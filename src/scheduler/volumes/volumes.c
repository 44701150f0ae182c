/* SPDX-License-Identifier: Apache-2.0
 * volumes — storage objects as they come and go; see volumes.h. */
#include "scheduler/volumes/volumes_internal.h"

struct volumes *volumes_new(void)
{
    struct volumes *v = MEM_NEW(struct volumes);
    struct map *maps[] = { &v->claims,  &v->pvs,        &v->classes,  &v->nodes,
                           &v->drivers, &v->capacities, &v->by_class, &v->attachments };
    for (size_t i = 0; i < COUNT_OF(maps); i++)
        map_init(maps[i]);
    return v;
}

/* ---- volumes, by class ---- */

static void filed_add(struct volumes *v, struct volume_pv *pv)
{
    struct volume_shelf *shelf = map_get(&v->by_class, pv->class_name);
    if (!shelf) {
        shelf = MEM_NEW(struct volume_shelf);
        shelf->class_name = volume_text_copy(pv->class_name);
        map_put(&v->by_class, shelf->class_name, shelf);
    }
    volume_pvs_push(&shelf->pvs, pv);
}

static void shelf_free(struct volume_shelf *shelf)
{
    volume_pvs_fini(&shelf->pvs);
    volume_text_free(shelf->class_name);
    free(shelf);
}

static void filed_del(struct volumes *v, const struct volume_pv *pv)
{
    struct volume_shelf *shelf = map_get(&v->by_class, pv->class_name);
    struct volume_pvs *list = &shelf->pvs;
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) { /* in their order, for replays */
        if (list->items[i] != pv)
            list->items[n++] = list->items[i];
    }
    list->n = n;
    if (n == 0)
        shelf_free(map_del(&v->by_class, pv->class_name));
}

/* What was promised of a volume ends. */
static void pv_release(struct volume_pv *pv)
{
    struct volume_claim *c = (struct volume_claim *)(uintptr_t)pv->promised;
    if (c)
        c->promised = 0;
    pv->promised = 0;
}

static bool pv_del(struct volumes *v, struct str name)
{
    struct volume_pv *pv = map_del(&v->pvs, name);
    if (!pv)
        return false;
    pv_release(pv);
    filed_del(v, pv);
    volume_pv_free(pv);
    return true;
}

static bool same_at(const struct kobj *a, const struct kobj *b, const char *path)
{
    return str_eq(json_text(kobj_path(a, path)), json_text(kobj_path(b, path)));
}

static bool pv_set(struct volumes *v, const struct kobj *obj)
{
    struct volume_pv *pv = volume_pv_new(obj), *old = map_get(&v->pvs, obj->name);
    bool news = !old || !same_at(old->obj, obj, "spec") ||
                !same_at(old->obj, obj, "status.phase") ||
                !same_at(old->obj, obj, "metadata.labels");
    pv_del(v, obj->name);
    map_put(&v->pvs, pv->obj->name, pv);
    filed_add(v, pv);
    return news;
}

/* ---- claims ---- */

static void claim_release(struct volume_claim *c)
{
    if (c->promised)
        volume_promised(c)->promised = 0;
    c->promised = c->promised_node = 0;
}

static bool claim_set(struct volumes *v, const struct kobj *obj)
{
    struct volume_claim *c = volume_claim_of(v, obj->namespace, obj->name);
    claim_release(c);
    kobj_unref(c->obj);
    c->obj = kobj_ref(obj);
    volume_claim_read(c);
    return c->users > 0;
}

static bool claim_del(struct volumes *v, const struct kobj *obj)
{
    struct volume_claim *c = volume_claim_of(v, obj->namespace, obj->name);
    claim_release(c);
    volume_claim_forget(c);
    volume_claim_drop(v, c);
    return false;
}

/* ---- classes and what drivers say ---- */

static bool class_set(struct volumes *v, const struct kobj *obj)
{
    struct volume_class *c = volume_class_new(obj);
    volume_class_free(map_put(&v->classes, c->obj->name, c));
    return true;
}

static bool node_set(struct volumes *v, const struct kobj *obj)
{
    struct volume_node *n = volume_node_new(obj);
    volume_node_free(map_put(&v->nodes, n->obj->name, n));
    return true;
}

static bool driver_set(struct volumes *v, const struct kobj *obj)
{
    struct kobj *kept = kobj_ref(obj);
    kobj_unref(map_put(&v->drivers, kept->name, kept));
    return true;
}

static bool capacity_del(struct volumes *v, const struct kobj *obj)
{
    struct buf b;
    volume_capacity_free(map_del(&v->capacities, volume_key(&b, obj->namespace, obj->name)));
    buf_fini(&b);
    return false;
}

static bool capacity_set(struct volumes *v, const struct kobj *obj)
{
    struct volume_capacity *new = volume_capacity_new(obj);
    struct volume_capacity *old = map_put(&v->capacities, new->key, new);
    bool more = !old || new->limit_bytes > old->limit_bytes;
    volume_capacity_free(old);
    return more;
}

/* ---- attachments, by node ---- */

static bool attachment_del(struct volumes *v, struct str name)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&v->attachments, &i));) {
        struct volume_objs *list = slot->value;
        for (size_t k = 0; k < list->n; k++) {
            if (!str_eq(list->items[k]->name, name))
                continue;
            kobj_unref(list->items[k]);
            list->items[k] = list->items[--list->n];
            return true;
        }
    }
    return false;
}

static bool attachment_set(struct volumes *v, const struct kobj *obj)
{
    struct str node = json_str(kobj_path(obj, "spec.nodeName"));
    attachment_del(v, obj->name);
    if (!node.n)
        return false;
    struct volume_objs *list = map_get(&v->attachments, node);
    if (!list) {
        list = MEM_NEW(struct volume_objs);
        map_put(&v->attachments, volume_text_copy(node), list);
    }
    volume_objs_push(list, kobj_ref(obj));
    return false;
}

/* ---- all kinds ---- */

bool volumes_set(struct volumes *v, const struct kobj *obj)
{
    static const struct {
        const char *kind;
        bool (*set)(struct volumes *v, const struct kobj *obj);
    } kinds[] = {
        { "PersistentVolume", pv_set },
        { "PersistentVolumeClaim", claim_set },
        { "StorageClass", class_set },
        { "CSINode", node_set },
        { "CSIDriver", driver_set },
        { "CSIStorageCapacity", capacity_set },
        { "VolumeAttachment", attachment_set },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (str_is(obj->kind, kinds[i].kind))
            return kinds[i].set(v, obj);
    }
    return false;
}

bool volumes_del(struct volumes *v, const struct kobj *obj)
{
    if (str_is(obj->kind, "PersistentVolume"))
        pv_del(v, obj->name);
    else if (str_is(obj->kind, "PersistentVolumeClaim"))
        claim_del(v, obj);
    else if (str_is(obj->kind, "StorageClass"))
        volume_class_free(map_del(&v->classes, obj->name));
    else if (str_is(obj->kind, "CSINode"))
        volume_node_free(map_del(&v->nodes, obj->name));
    else if (str_is(obj->kind, "CSIDriver"))
        kobj_unref(map_del(&v->drivers, obj->name));
    else if (str_is(obj->kind, "CSIStorageCapacity"))
        capacity_del(v, obj);
    else if (str_is(obj->kind, "VolumeAttachment"))
        return attachment_del(v, obj->name);
    return false;
}

/* ---- the end ---- */

static void lists_free(struct volumes *v)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&v->by_class, &i));)
        shelf_free(slot->value);
    for (size_t i = 0; (slot = map_next(&v->attachments, &i));) {
        struct volume_objs *list = slot->value;
        for (size_t k = 0; k < list->n; k++)
            kobj_unref(list->items[k]);
        volume_objs_fini(list);
        free(list);
        volume_text_free(slot->key);
    }
    for (size_t i = 0; (slot = map_next(&v->capacities, &i));)
        volume_capacity_free(slot->value);
}

void volumes_free(struct volumes *v)
{
    if (!v)
        return;
    const struct map_slot *slot;
    lists_free(v);
    for (size_t i = 0; (slot = map_next(&v->pvs, &i));)
        volume_pv_free(slot->value);
    for (size_t i = 0; (slot = map_next(&v->classes, &i));)
        volume_class_free(slot->value);
    for (size_t i = 0; (slot = map_next(&v->nodes, &i));)
        volume_node_free(slot->value);
    for (size_t i = 0; (slot = map_next(&v->drivers, &i));)
        kobj_unref(slot->value);
    for (size_t i = 0; (slot = map_next(&v->claims, &i));) {
        struct volume_claim *c = slot->value;
        kobj_unref(c->obj);
        arena_free(c->a);
        volume_text_free(c->key);
        free(c);
    }
    struct map *maps[] = { &v->claims,  &v->pvs,        &v->classes,  &v->nodes,
                           &v->drivers, &v->capacities, &v->by_class, &v->attachments };
    for (size_t i = 0; i < COUNT_OF(maps); i++)
        map_fini(maps[i]);
    free(v);
}
