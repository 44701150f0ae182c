/* SPDX-License-Identifier: Apache-2.0
 * cluster — see cluster.h. */
#include "scheduler/state/cluster.h"

#include <stdlib.h>

#include "scheduler/devices/gpu_sense.h"
#include "scheduler/network/domain_tree.h"
#include "scheduler/preempt/budget.h"
#include "scheduler/state/reservation.h"
#include "scheduler/time/forecast.h"
#include "scheduler/volumes/volumes.h"

void cluster_init(struct cluster *c)
{
    *c = (struct cluster){ 0 };
    snapshot_init(&c->snap);
    c->quota = quota_new(&c->snap);
    c->gpus = gpu_sense_new();
    c->forecast = forecast_new();
    c->snap.dra = dra_new(&c->snap);
    c->snap.volumes = volumes_new();
    c->forest = domain_forest_new();
    map_init(&c->namespaces);
    map_init(&c->selecting);
    anchor_index_init(&c->services);
    map_init(&c->images);
    map_init(&c->budgets);
    list_init(&c->reservations);
    list_init(&c->kept_nodes);
}

static void namespace_free(struct namespace_entry *e)
{
    if (!e)
        return;
    labelset_fini(&e->labels);
    kobj_unref(e->obj);
    free(e);
}

static void selecting_free(struct cluster *c, struct selecting_entry *e)
{
    if (!e)
        return;
    if (e->a) {
        anchor_del(&c->services, &e->filed);
        arena_free(e->a);
    }
    kobj_unref(e->obj);
    free((void *)(uintptr_t)e->key.p); /* own text */
    free(e);
}

static void images_clear(struct cluster *c)
{
    const struct map_slot *s;
    for (size_t i = 0; (s = map_next(&c->images, &i));)
        free(s->value);
    map_clear(&c->images);
}

void cluster_fini(struct cluster *c)
{
    const struct map_slot *s;
    for (size_t i = 0; (s = map_next(&c->namespaces, &i));)
        namespace_free(s->value);
    for (size_t i = 0; (s = map_next(&c->selecting, &i));)
        selecting_free(c, s->value);
    images_clear(c);
    gpu_sense_free(c->gpus);
    forecast_free(c->forecast);
    domain_forest_free(c->forest);
    map_fini(&c->namespaces);
    map_fini(&c->selecting);
    anchor_index_fini(&c->services);
    map_fini(&c->images);
    cluster_budgets_fini(c);
    lifted_pods_fini(&c->lifted);
    spod_ptrs_fini(&c->supposed);
    snapshot_commit(&c->snap);
    quota_free(c->quota);
    dra_free(c->snap.dra);
    volumes_free(c->snap.volumes);
    snapshot_fini(&c->snap);
}

/* ---- namespaces ---- */

void cluster_namespace_set(struct cluster *c, const struct kobj *obj)
{
    struct namespace_entry *e = MEM_NEW(struct namespace_entry);
    e->obj = kobj_ref(obj);
    e->labels = labelset_decode(kobj_meta(obj, STR("labels")));
    namespace_free(map_put(&c->namespaces, obj->name, e));
}

void cluster_namespace_del(struct cluster *c, struct str name)
{
    namespace_free(map_del(&c->namespaces, name));
}

const struct labelset *cluster_namespace(const struct cluster *c, struct str name)
{
    static const struct labelset none = { 0 };
    const struct namespace_entry *e = map_get(&c->namespaces, name);
    return e ? &e->labels : &none;
}

const struct kobj *cluster_namespace_object(const struct cluster *c, struct str name)
{
    const struct namespace_entry *e = map_get(&c->namespaces, name);
    return e ? e->obj : NULL;
}

/* ---- objects with selectors ---- */

static struct str
selecting_key(struct arena *a, enum selecting kind, struct str namespace, struct str name)
{
    return arena_printf(a, "%d%.*s/%.*s", (int)kind, STR_ARG(namespace), STR_ARG(name));
}

/* Makes a Service that selects pods known to them. */
static void file_service(struct cluster *c, struct selecting_entry *e)
{
    struct json map = kobj_path(e->obj, "spec.selector");
    if (json_type(map) != JSON_OBJ || json_len(map) == 0)
        return;
    e->a = arena_new_sized(256);
    e->selector = label_sel_of_map(e->a, map);
    anchor_add(&c->services, &e->filed, e->obj->namespace, &e->selector);
}

void cluster_selecting_set(struct cluster *c, enum selecting kind, const struct kobj *obj)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str key = selecting_key(a, kind, obj->namespace, obj->name);
    struct selecting_entry *e = MEM_NEW(struct selecting_entry);
    *e = (struct selecting_entry){ .obj = kobj_ref(obj),
                                   .kind = kind,
                                   .key = { str_dup(key), key.n } };
    if (kind == SELECTING_SERVICE)
        file_service(c, e);
    selecting_free(c, map_put(&c->selecting, e->key, e));
}

void cluster_selecting_del(struct cluster *c, enum selecting kind, const struct kobj *obj)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    selecting_free(c, map_del(&c->selecting, selecting_key(a, kind, obj->namespace, obj->name)));
}

const struct kobj *cluster_selecting(const struct cluster *c,
                                     enum selecting kind,
                                     struct str namespace,
                                     struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct selecting_entry *e =
        map_get(&c->selecting, selecting_key(a, kind, namespace, name));
    return e ? e->obj : NULL;
}

/* ---- images ---- */

struct str cluster_image_name(struct arena *a, struct str image)
{
    bool tagged = false;
    for (size_t i = image.n; i > 0 && image.p[i - 1] != '/'; i--)
        tagged = tagged || image.p[i - 1] == ':';
    return tagged ? image : arena_printf(a, "%.*s:latest", STR_ARG(image));
}

static void count_image(struct cluster *c, struct str name, int64_t size, uint32_t node)
{
    struct image_entry *e = map_get(&c->images, name);
    if (!e) {
        e = MEM_NEW(struct image_entry);
        *e = (struct image_entry){ name, size, 0, UINT32_MAX };
        map_put(&c->images, name, e);
    }
    e->n_nodes += e->last_node != node;
    e->last_node = node;
}

void cluster_images_refresh(struct cluster *c)
{
    if (c->images_version == c->snap.static_version)
        return;
    images_clear(c);
    for (size_t i = 0; i < c->snap.nodes.n; i++) {
        const struct snode *n = c->snap.nodes.items[i];
        snapshot_read_ahead(&c->snap, i);
        if (c->snap.class_of[i] == CLASS_GONE)
            continue;
        for (size_t j = 0; j < n->view->images.n; j++) {
            const struct node_image *image = &n->view->images.items[j];
            for (size_t k = 0; k < image->names.n; k++)
                count_image(c, image->names.items[k], image->size_bytes, n->id);
        }
    }
    c->images_version = c->snap.static_version;
}

/* ---- nominated pods ---- */

static void stay_begin(struct spod *pod, struct snode *node)
{
    struct spod_stay *stay = MEM_NEW(struct spod_stay);
    stay->pod = pod;
    stay->where = (struct placement){ .node = node->id };
    list_init(&stay->nominated);
    list_init(&stay->in_hold);
    list_push_back(&node->nominated, &stay->nominated);
    pod->stay = stay;
}

static void stay_end(struct spod *pod)
{
    free(pod->stay); /* it has left its lists */
    pod->stay = NULL;
}

void cluster_nominate(struct cluster *c, struct spod *pod, struct snode *node)
{
    if (pod->kept == node)
        return;
    c->nominations++;
    if (pod->kept) {
        list_remove(&pod->stay->nominated);
        c->n_nominated--;
        if (list_empty(&pod->kept->nominated))
            list_remove(&pod->kept->in_kept);
    }
    if (pod->held_by)
        reservation_leave(pod);
    stay_end(pod);
    pod->kept = node;
    if (node) {
        stay_begin(pod, node);
        list_remove(&node->in_kept);
        list_push_back(&c->kept_nodes, &node->in_kept);
        c->n_nominated++;
    }
}
