/* SPDX-License-Identifier: Apache-2.0
 * volumes_read — what is read of storage objects; see volumes.h. Texts borrow from the objects. */
#include "scheduler/volumes/volumes_internal.h"

static struct str text_at(const struct kobj *obj, const char *path)
{
    return json_str(kobj_path(obj, path));
}

/* The class by its old annotation, or by the member; absent and empty are the same: none. */
static struct str class_of(const struct kobj *obj)
{
    struct str class = kobj_annotation(obj, ANN_CLASS);
    if (!class.p)
        class = text_at(obj, "spec.storageClassName");
    return str_make(class.p ? class.p : "", class.p ? class.n : 0);
}

static struct volume_size size_of(struct json quantity)
{
    struct volume_size s = { .said = json_has(quantity) };
    if (!exact_parse(quantity, &s.nano))
        s.nano = 0;
    return s;
}

static unsigned modes_of(struct json list)
{
    static const char *const names[] = { "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany",
                                         "ReadWriteOncePod" };
    unsigned modes = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        unsigned mode = VOLUME_MODE_OTHER;
        for (unsigned i = 0; i < COUNT_OF(names); i++) {
            if (str_is(json_str(it.value), names[i]))
                mode = 1u << i;
        }
        modes |= mode;
    }
    return modes;
}

static struct str quality_of(const struct kobj *obj)
{
    struct str name = text_at(obj, "spec.volumeAttributesClassName");
    return name.p ? name : STR("");
}

/* ---- claims ---- */

struct volume_claim *volume_claim_of(struct volumes *v, struct str namespace, struct str name)
{
    struct buf b;
    struct str key = volume_key(&b, namespace, name);
    struct volume_claim *c = map_get(&v->claims, key);
    if (!c) {
        c = MEM_NEW(struct volume_claim);
        c->key = volume_text_copy(key);
        map_put(&v->claims, c->key, c);
    }
    buf_fini(&b);
    return c;
}

void volume_claim_drop(struct volumes *v, struct volume_claim *c)
{
    if (c->obj || c->users)
        return;
    if (c->promised)
        volume_promised(c)->promised = 0;
    map_del(&v->claims, c->key);
    arena_free(c->a);
    volume_text_free(c->key);
    free(c);
}

void volume_claim_read(struct volume_claim *c)
{
    const struct kobj *obj = c->obj;
    struct json selector = kobj_path(obj, "spec.selector");
    if (!c->a)
        c->a = arena_new();
    arena_reset(c->a);
    c->class_name = class_of(obj);
    c->volume = text_at(obj, "spec.volumeName");
    c->node = kobj_annotation(obj, STR(ANN_NODE));
    c->quality = quality_of(obj);
    c->owner = json_str(json_get(kobj_controller(obj), STR("uid")));
    c->size = size_of(kobj_path(obj, "spec.resources.requests.storage"));
    c->modes = modes_of(kobj_path(obj, "spec.accessModes"));
    c->block = str_is(text_at(obj, "spec.volumeMode"), "Block");
    c->selects = json_has(selector);
    c->selector = label_sel_compile(c->a, selector);
    c->bound = c->volume.n && kobj_annotation(obj, ANN_BOUND).p;
    c->lost = str_is(text_at(obj, "status.phase"), "Lost");
    c->deleting = kobj_deleting(obj);
}

void volume_claim_forget(struct volume_claim *c)
{
    const struct volume_claim kept = { .key = c->key,
                                       .a = c->a,
                                       .users = c->users,
                                       .placed = c->placed,
                                       .promised = c->promised,
                                       .promised_node = c->promised_node };
    kobj_unref(c->obj);
    *c = kept;
}

/* ---- volumes ---- */

static const struct node_terms *terms_of(const struct kobj *obj, struct arena *a)
{
    struct json required = kobj_path(obj, "spec.nodeAffinity.required");
    if (!json_has(required))
        return NULL;
    struct node_terms *terms = ARENA_NEW(a, struct node_terms);
    *terms = pod_node_terms(json_get(required, STR("nodeSelectorTerms")), a);
    return terms;
}

#define HOST "kubernetes.io/hostname"

/* A cluster has thousands of local volumes, and most nodes are ruled out by one comparison. */
static struct str host_of(const struct node_terms *t)
{
    for (size_t i = 0; t && t->n == 1 && i < t->items[0].n_labels; i++) {
        const struct need *n = &t->items[0].labels[i];
        if (str_is(n->key, HOST) && n->op == NEED_IN && n->values.n == 1)
            return n->values.items[0];
    }
    return (struct str){ 0 };
}

/* "z1__z2": a volume in several zones. False: an empty one among them, the label says nothing. */
static bool zone_values(struct volume_zone *z, struct str text, struct arena *a)
{
    struct str *values = ARENA_ARRAY(a, struct str, text.n / 2 + 1);
    for (;;) {
        ptrdiff_t at = str_find(text, STR("__"));
        struct str one = str_trim(at < 0 ? text : str_take(text, (size_t)at));
        if (!one.n)
            return false;
        values[z->n++] = one;
        if (at < 0)
            break;
        text = str_skip(text, (size_t)at + 2);
    }
    z->values = values;
    return true;
}

static void read_zones(struct volume_pv *pv)
{
    static const char *const keys[] = { "failure-domain.beta.kubernetes.io/zone",
                                        "failure-domain.beta.kubernetes.io/region",
                                        "topology.kubernetes.io/zone",
                                        "topology.kubernetes.io/region" };
    pv->zones = ARENA_ARRAY(pv->a, struct volume_zone, COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        struct volume_zone z = { .key = str_from(keys[i]) };
        struct str text = labelset_get(&pv->labels, z.key);
        if (text.p && zone_values(&z, text, pv->a))
            pv->zones[pv->n_zones++] = z;
    }
}

/* How its driver knows it: by itself, or through a driver that took an in-tree plugin over. */
static void read_mount(struct volume_pv *pv)
{
    struct json spec = kobj_path(pv->obj, "spec"), csi = json_get(spec, STR("csi"));
    pv->mount.driver = json_str(json_get(csi, STR("driver")));
    pv->mount.handle = json_str(json_get(csi, STR("volumeHandle")));
    pv->plugin = volume_migration_of(spec);
    if (!pv->plugin || json_has(csi))
        return;
    pv->mount.driver = str_from(pv->plugin->driver);
    pv->mount.handle = volume_migrated_handle(pv->plugin, spec);
    pv->migrated = volume_migrated_terms(pv->plugin, pv, pv->a);
}

struct volume_pv *volume_pv_new(const struct kobj *obj)
{
    struct volume_pv *pv = MEM_NEW(struct volume_pv);
    pv->obj = kobj_ref(obj);
    pv->a = arena_new();
    pv->class_name = class_of(obj);
    pv->quality = quality_of(obj);
    pv->ref_namespace = text_at(obj, "spec.claimRef.namespace");
    pv->ref_name = text_at(obj, "spec.claimRef.name");
    pv->ref_uid = text_at(obj, "spec.claimRef.uid");
    pv->size = size_of(kobj_path(obj, "spec.capacity.storage"));
    pv->labels = labelset_decode(kobj_meta(obj, STR("labels")));
    pv->modes = modes_of(kobj_path(obj, "spec.accessModes"));
    pv->block = str_is(text_at(obj, "spec.volumeMode"), "Block");
    pv->available = str_is(text_at(obj, "status.phase"), "Available");
    pv->deleting = kobj_deleting(obj);
    pv->terms = terms_of(obj, pv->a);
    pv->host = host_of(pv->terms);
    read_zones(pv);
    read_mount(pv);
    return pv;
}

void volume_pv_free(struct volume_pv *pv)
{
    labelset_fini(&pv->labels);
    kobj_unref(pv->obj);
    arena_free(pv->a);
    free(pv);
}

/* ---- classes ---- */

static void read_topologies(struct volume_class *c)
{
    struct json list = kobj_path(c->obj, "allowedTopologies");
    c->anywhere = json_len(list) == 0;
    c->topologies = ARENA_ARRAY(c->a, struct label_sel, json_len(list) + 1);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct json needs = json_get(it.value, STR("matchLabelExpressions"));
        struct label_sel *s = &c->topologies[c->n];
        for (struct json_iter one = json_iter(needs); json_next(&one);) {
            struct json values = json_get(one.value, STR("values"));
            struct need n = { .key = json_str(json_get(one.value, STR("key"))), .op = NEED_IN };
            n.values.items = ARENA_ARRAY(c->a, struct str, json_len(values) + 1);
            for (struct json_iter v = json_iter(values); json_next(&v);)
                n.values.items[n.values.n++] = json_str(v.value);
            label_sel_add(c->a, s, n);
        }
        c->n += s->n > 0; /* an empty term stands for no node */
    }
}

struct volume_class *volume_class_new(const struct kobj *obj)
{
    struct volume_class *c = MEM_NEW(struct volume_class);
    c->obj = kobj_ref(obj);
    c->a = arena_new();
    c->provisioner = text_at(obj, "provisioner");
    c->waits = str_is(text_at(obj, "volumeBindingMode"), "WaitForFirstConsumer");
    read_topologies(c);
    return c;
}

void volume_class_free(struct volume_class *c)
{
    if (!c)
        return;
    kobj_unref(c->obj);
    arena_free(c->a);
    free(c);
}

/* ---- what drivers say ---- */

struct volume_node *volume_node_new(const struct kobj *obj)
{
    struct volume_node *n = MEM_NEW(struct volume_node);
    struct json list = kobj_path(obj, "spec.drivers");
    n->obj = kobj_ref(obj);
    n->a = arena_new();
    n->migrated = kobj_annotation(obj, ANN_MIGRATED);
    n->limits = ARENA_ARRAY(n->a, struct volume_limit, json_len(list) + 1);
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        struct volume_limit *l = &n->limits[n->n];
        l->driver = json_str(json_get(it.value, STR("name")));
        n->n += json_i64(json_path(it.value, "allocatable.count"), &l->count);
    }
    return n;
}

void volume_node_free(struct volume_node *n)
{
    if (!n)
        return;
    kobj_unref(n->obj);
    arena_free(n->a);
    free(n);
}

struct volume_capacity *volume_capacity_new(const struct kobj *obj)
{
    struct volume_capacity *c = MEM_NEW(struct volume_capacity);
    struct volume_size capacity = size_of(kobj_path(obj, "capacity"));
    struct volume_size largest = size_of(kobj_path(obj, "maximumVolumeSize"));
    c->obj = kobj_ref(obj);
    c->a = arena_new();
    c->key = arena_printf(c->a, "%.*s/%.*s", STR_ARG(obj->namespace), STR_ARG(obj->name));
    c->class_name = text_at(obj, "storageClassName");
    c->nodes = label_sel_compile(c->a, kobj_path(obj, "nodeTopology"));
    c->capacity_bytes = volume_bytes(&capacity);
    c->limit_bytes = largest.said    ? volume_bytes(&largest)
                     : capacity.said ? volume_bytes(&capacity)
                                     : -1;
    return c;
}

void volume_capacity_free(struct volume_capacity *c)
{
    if (!c)
        return;
    kobj_unref(c->obj);
    arena_free(c->a);
    free(c);
}
