/* SPDX-License-Identifier: Apache-2.0
 * volumes_limits — how many volumes a node's drivers would have attached; see volumes.h. A volume
 * counts once for all pods of the node that use it, and one that is not made yet by its claim. */
#include "scheduler/volumes/volumes_internal.h"

VEC_TYPE(mounts, struct volume_mount);

struct counting {
    const struct snapshot *s;
    const struct volumes *v;
    const struct volume_node *node;
    struct mounts wanted, there;
};

static bool same_mount(const struct volume_mount *a, const struct volume_mount *b)
{
    return str_eq(a->driver, b->driver) && a->claim == b->claim &&
           (a->claim || str_eq(a->handle, b->handle));
}

static void add(struct mounts *list, const struct volume_mount *m)
{
    for (size_t i = 0; i < list->n; i++) {
        if (same_mount(&list->items[i], m))
            return;
    }
    mounts_push(list, *m);
}

static bool has(const struct mounts *list, const struct volume_mount *m)
{
    for (size_t i = 0; i < list->n; i++) {
        if (same_mount(&list->items[i], m))
            return true;
    }
    return false;
}

/* Of a claim without a volume: its class says whose it will be. */
static struct volume_mount class_mount(const struct counting *k, const struct volume_claim *c)
{
    const struct volume_class *class = map_get(&k->v->classes, c->class_name);
    struct volume_mount m = { .claim = c };
    if (!c->class_name.n || !class)
        return m;
    const struct volume_migration *old = volume_migration_named(class->provisioner);
    m.driver = old ? str_from(old->driver) : class->provisioner;
    return m;
}

static struct volume_mount mount_of(const struct counting *k, const struct pod_volume *p)
{
    const struct volume_claim *c = p->claim;
    struct volume_mount m = { 0 };
    if (!c) {
        const struct volume_migration *old = volume_migration_of(p->source);
        if (old)
            m = (struct volume_mount){ .driver = str_from(old->driver),
                                       .handle = volume_migrated_handle(old, p->source) };
        return m;
    }
    const struct volume_pv *pv = c->volume.n ? map_get(&k->v->pvs, c->volume) : NULL;
    return pv ? pv->mount : class_mount(k, c);
}

static bool is_limited(const struct counting *k, struct str driver)
{
    for (size_t i = 0; k->node && i < k->node->n; i++) {
        if (str_eq(k->node->limits[i].driver, driver))
            return true;
    }
    return false;
}

/* Only those of drivers that have a limit here. */
static void add_pod(struct counting *k, const struct spod *pod, struct mounts *list)
{
    for (size_t i = 0; pod->volumes && i < pod->volumes->n; i++) {
        const struct pod_volume *p = &pod->volumes->items[i];
        if (p->claim && !p->claim->obj)
            continue;
        struct volume_mount m = mount_of(k, p);
        if (m.driver.n && (m.claim || m.handle.n) && is_limited(k, m.driver))
            add(list, &m);
    }
}

/* Volumes that the node still has, whoever used them. */
static void add_attached(struct counting *k, const struct snode *node)
{
    const struct volume_objs *list = map_get(&k->v->attachments, node->name);
    for (size_t i = 0; list && i < list->n; i++) {
        const struct kobj *o = list->items[i];
        struct str name = json_str(kobj_path(o, "spec.source.persistentVolumeName"));
        const struct volume_pv *pv = name.n ? map_get(&k->v->pvs, name) : NULL;
        struct volume_mount m = { .driver = json_str(kobj_path(o, "spec.attacher")) };
        if (!pv || !m.driver.n || !json_has(kobj_path(pv->obj, "spec.csi")))
            continue;
        m.handle = pv->mount.handle;
        add(&k->there, &m);
    }
}

static int64_t count_of(const struct mounts *list, struct str driver)
{
    int64_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        n += str_eq(list->items[i].driver, driver);
    return n;
}

static bool is_over(struct counting *k, const struct snode *node)
{
    for (int64_t id = node->first_pod; id >= 0; id = k->s->pods.items[id]->next)
        add_pod(k, k->s->pods.items[id], &k->there);
    size_t n = 0;
    for (size_t i = 0; i < k->wanted.n; i++) { /* what is there for a pod needs no place */
        if (!has(&k->there, &k->wanted.items[i]))
            k->wanted.items[n++] = k->wanted.items[i];
    }
    k->wanted.n = n;
    add_attached(k, node);
    for (size_t i = 0; i < k->node->n; i++) {
        const struct volume_limit *l = &k->node->limits[i];
        int64_t more = count_of(&k->wanted, l->driver);
        if (more && count_of(&k->there, l->driver) + more > l->count)
            return true;
    }
    return false;
}

enum volumes_count volumes_count(const struct snapshot *s,
                                 const struct spod *pod,
                                 const struct snode *node,
                                 struct arena *a,
                                 struct str *reason)
{
    const struct pod_volumes *p = pod->volumes;
    struct counting k = { .s = s, .v = p->all, .node = map_get(&p->all->nodes, node->name) };
    for (size_t i = 0; i < p->n; i++) {
        const struct volume_claim *c = p->items[i].claim;
        if (!c || c->obj)
            continue;
        struct str name = c->key;
        str_split(&name, '/');
        *reason = arena_printf(a, "looking up PVC %.*s: persistentvolumeclaim \"%.*s\" not found",
                               STR_ARG(c->key), STR_ARG(name));
        return VOLUMES_UNKNOWN;
    }
    add_pod(&k, pod, &k.wanted);
    bool over = k.wanted.n && is_over(&k, node);
    mounts_fini(&k.wanted);
    mounts_fini(&k.there);
    return over ? VOLUMES_MANY : VOLUMES_FEW;
}
