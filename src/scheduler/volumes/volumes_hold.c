/* SPDX-License-Identifier: Apache-2.0
 * volumes_hold — pods' volumes, and what those on nodes were promised; see volumes.h. */
#include "base/num.h"
#include "scheduler/volumes/volumes_internal.h"

/* ---- what a pod names ---- */

static bool names_disk(struct json v)
{
    static const char *const members[] = {
        "gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd", "azureDisk", "cinder",
        "portworxVolume"
    };
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        if (json_has(json_get(v, str_from(members[i]))))
            return true;
    }
    return false;
}

static bool matters(struct json v)
{
    return json_has(json_get(v, STR("persistentVolumeClaim"))) ||
           json_has(json_get(v, STR("ephemeral"))) || names_disk(v);
}

/* The claim of a volume that lives with its pod has a name made of both. */
static struct volume_claim *own_claim(struct volumes *v, const struct kobj *pod, struct json volume)
{
    struct buf b;
    buf_init(&b, 1024);
    buf_printf(&b, "%.*s-%.*s", STR_ARG(pod->name),
               STR_ARG(json_str(json_get(volume, STR("name")))));
    struct volume_claim *c = volume_claim_of(v, pod->namespace, buf_view(&b));
    buf_fini(&b);
    return c;
}

static struct pod_volume read_volume(struct volumes *v, const struct kobj *pod, struct json volume)
{
    struct pod_volume out = { .source = volume };
    struct json claim = json_get(volume, STR("persistentVolumeClaim"));
    if (json_has(claim)) {
        out.claim = volume_claim_of(v, pod->namespace, json_str(json_get(claim, STR("claimName"))));
    } else if (json_has(json_get(volume, STR("ephemeral")))) {
        out.claim = own_claim(v, pod, volume);
        out.ephemeral = true;
    }
    if (out.claim)
        out.claim->users++;
    return out;
}

struct pod_volumes *pod_volumes_new(struct volumes *v, const struct kobj *pod)
{
    struct json list = kobj_path(pod, "spec.volumes");
    size_t n = 0;
    for (struct json_iter it = json_iter(list); json_next(&it);)
        n += matters(it.value);
    if (n == 0)
        return NULL;
    struct pod_volumes *p = MEM_NEW(struct pod_volumes);
    p->all = v;
    p->pod = kobj_ref(pod);
    p->items = mem_alloc_array(n, sizeof *p->items);
    for (struct json_iter it = json_iter(kobj_path(p->pod, "spec.volumes")); json_next(&it);) {
        if (matters(it.value))
            p->items[p->n++] = read_volume(v, p->pod, it.value);
    }
    return p;
}

void pod_volumes_free(struct pod_volumes *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        if (!p->items[i].claim)
            continue;
        p->items[i].claim->users--;
        volume_claim_drop(p->all, p->items[i].claim);
    }
    kobj_unref(p->pod);
    free(p->items);
    free(p);
}

/* ---- promises ---- */

static void promise(struct snapshot *s, const struct spod *pod, const struct snode *node)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str reason;
    size_t n;
    struct volume_search *search = volume_search_new(pod, a, &reason);
    if (!search || volume_search_fits(search, node))
        return; /* placed on trial without asking: it gets nothing */
    const struct volume_pick *picks = volume_search_picks(search, &n);
    for (size_t i = 0; i < n; i++) {
        struct volume_claim *c = picks[i].claim;
        if (picks[i].pv) {
            tx_set(s, &c->promised, (int64_t)(uintptr_t)picks[i].pv);
            tx_set(s, &picks[i].pv->promised, (int64_t)(uintptr_t)c);
        } else {
            tx_set(s, &c->promised_node, (int64_t)node->id + 1);
        }
    }
}

void volumes_place(struct snapshot *s,
                   const struct spod *pod,
                   const struct snode *node,
                   bool with_promise)
{
    if (!pod->volumes)
        return;
    if (with_promise)
        promise(s, pod, node);
    for (size_t i = 0; i < pod->volumes->n; i++) {
        struct volume_claim *c = pod->volumes->items[i].claim;
        if (c)
            tx_set(s, &c->placed, c->placed + 1);
    }
}

void volumes_remove(struct snapshot *s, const struct spod *pod)
{
    for (size_t i = 0; pod->volumes && i < pod->volumes->n; i++) {
        struct volume_claim *c = pod->volumes->items[i].claim;
        if (!c)
            continue;
        tx_set(s, &c->placed, c->placed - 1);
        if (c->placed > 0)
            continue;
        if (c->promised) {
            tx_set(s, &volume_promised(c)->promised, 0);
            tx_set(s, &c->promised, 0);
        }
        if (c->promised_node)
            tx_set(s, &c->promised_node, 0);
    }
}

uint64_t volumes_hash(const struct volumes *v)
{
    uint64_t h = 0;
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&v->claims, &i));) {
        const struct volume_claim *c = slot->value;
        const int64_t words[] = { c->placed, c->promised, c->promised_node };
        for (size_t k = 0; k < COUNT_OF(words); k++)
            h = num_mix64(h ^ (uint64_t)words[k]);
    }
    for (size_t i = 0; (slot = map_next(&v->pvs, &i));)
        h = num_mix64(h ^ (uint64_t)((const struct volume_pv *)slot->value)->promised);
    return h;
}

/* ---- who may share ---- */

bool volumes_find_claims(const struct spod *pod, struct arena *a, struct str *reason)
{
    for (size_t i = 0; i < pod->volumes->n; i++) {
        const struct pod_volume *p = &pod->volumes->items[i];
        if (!p->claim || p->ephemeral || p->claim->obj)
            continue;
        struct str name = p->claim->key;
        str_split(&name, '/');
        *reason = arena_printf(a, "persistentvolumeclaim \"%.*s\" not found", STR_ARG(name));
        return false;
    }
    return true;
}

bool volumes_are_taken(const struct spod *pod)
{
    for (size_t i = 0; i < pod->volumes->n; i++) {
        const struct pod_volume *p = &pod->volumes->items[i];
        if (p->claim && !p->ephemeral && (p->claim->modes & VOLUME_RWOP) && p->claim->placed)
            return true;
    }
    return false;
}

/* Two mounts of one disk: never of Amazon's, else only if both read. */
static bool same_member(struct json a, struct json b, const char *member)
{
    struct str x = json_str(json_get(a, str_from(member)));
    struct str y = json_str(json_get(b, str_from(member)));
    return str_eq(x.p ? x : STR(""), y.p ? y : STR(""));
}

static bool both_read(struct json a, struct json b)
{
    return json_bool(json_get(a, STR("readOnly")), false) &&
           json_bool(json_get(b, STR("readOnly")), false);
}

static bool share_one(struct json a, struct json b)
{
    for (struct json_iter i = json_iter(a); json_next(&i);) {
        for (struct json_iter k = json_iter(b); json_next(&k);) {
            if (str_eq(json_str(i.value), json_str(k.value)))
                return true;
        }
    }
    return false;
}

static bool same_image(struct json a, struct json b)
{
    return share_one(json_get(a, STR("monitors")), json_get(b, STR("monitors"))) &&
           str_eq(json_str(json_get(a, STR("image"))), json_str(json_get(b, STR("image")))) &&
           same_member(a, b, "pool");
}

static const char *const exclusive_disks[][2] = { /* member of a volume; what names the disk */
                                                  { "gcePersistentDisk", "pdName" },
                                                  { "awsElasticBlockStore", "volumeID" },
                                                  { "iscsi", "iqn" },
                                                  { "rbd", NULL }
};

static bool clash(struct json a, struct json b)
{
    for (size_t i = 0; i < COUNT_OF(exclusive_disks); i++) {
        const char *member = exclusive_disks[i][0], *id = exclusive_disks[i][1];
        struct json x = json_get(a, str_from(member)), y = json_get(b, str_from(member));
        if (!json_has(x) || !json_has(y))
            continue;
        bool same = id ? same_member(x, y, id) : same_image(x, y);
        return same && (strcmp(member, "awsElasticBlockStore") == 0 || !both_read(x, y));
    }
    return false;
}

bool volumes_may_conflict(const struct spod *pod)
{
    for (size_t i = 0; i < pod->volumes->n; i++) {
        for (size_t k = 0; k < COUNT_OF(exclusive_disks); k++) {
            if (json_has(json_get(pod->volumes->items[i].source, str_from(exclusive_disks[k][0]))))
                return true;
        }
    }
    return false;
}

bool volumes_conflict(const struct spod *pod, const struct spod *placed)
{
    for (size_t i = 0; placed->volumes && i < pod->volumes->n; i++) {
        for (size_t k = 0; k < placed->volumes->n; k++) {
            if (clash(pod->volumes->items[i].source, placed->volumes->items[k].source))
                return true;
        }
    }
    return false;
}

/* ---- zones ---- */

/* The volume of a claim; NULL without a reason: it has none yet, and gets it later. */
static const struct volume_pv *bound_volume(const struct volume_claim *c,
                                            const struct volumes *v,
                                            struct arena *a,
                                            struct str *why)
{
    struct str name = c->key;
    str_split(&name, '/');
    const struct volume_class *class = map_get(&v->classes, c->class_name);
    const struct volume_pv *pv = c->volume.n ? map_get(&v->pvs, c->volume) : NULL;
    if (!c->obj)
        *why = arena_printf(a, "persistentvolumeclaim \"%.*s\" not found", STR_ARG(name));
    else if (c->volume.n && !pv)
        *why = arena_printf(a, "persistentvolume \"%.*s\" not found", STR_ARG(c->volume));
    else if (!c->volume.n && !c->class_name.n)
        *why = STR("PersistentVolumeClaim had no pv name and storageClass name");
    else if (!c->volume.n && !class)
        *why = arena_printf(a, "storageclass.storage.k8s.io \"%.*s\" not found",
                            STR_ARG(c->class_name));
    else if (!c->volume.n && !class->waits)
        *why = STR("PersistentVolume had no name");
    return pv;
}

const struct volume_zone *
volumes_zones(const struct spod *pod, struct arena *a, size_t *n, struct str *reason)
{
    const struct pod_volumes *p = pod->volumes;
    struct volume_zone *out = ARENA_ARRAY(a, struct volume_zone, 4 * p->n + 1);
    *n = 0;
    *reason = (struct str){ 0 };
    for (size_t i = 0; i < p->n; i++) {
        if (!p->items[i].claim || p->items[i].ephemeral)
            continue;
        const struct volume_pv *pv = bound_volume(p->items[i].claim, p->all, a, reason);
        if (reason->p)
            return NULL;
        for (size_t k = 0; pv && k < pv->n_zones; k++)
            out[(*n)++] = pv->zones[k];
    }
    return out;
}

/* The key that took the place of an old one. */
static struct str new_key(struct str key)
{
    if (str_is(key, "failure-domain.beta.kubernetes.io/zone"))
        return STR("topology.kubernetes.io/zone");
    if (str_is(key, "failure-domain.beta.kubernetes.io/region"))
        return STR("topology.kubernetes.io/region");
    return key;
}

static bool is_zoned(const struct snode *node)
{
    static const char *const keys[] = { "failure-domain.beta.kubernetes.io/zone",
                                        "failure-domain.beta.kubernetes.io/region",
                                        "topology.kubernetes.io/zone",
                                        "topology.kubernetes.io/region" };
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (labelset_get(&node->labels, str_from(keys[i])).p)
            return true;
    }
    return false;
}

bool volumes_are_in_zone(const struct volume_zone *zones, size_t n, const struct snode *node)
{
    if (!is_zoned(node))
        return true; /* a cluster of one zone need not say so */
    for (size_t i = 0; i < n; i++) {
        struct str at = labelset_get(&node->labels, zones[i].key);
        bool found = false;
        if (!at.p)
            at = labelset_get(&node->labels, new_key(zones[i].key));
        for (size_t k = 0; at.p && k < zones[i].n; k++)
            found = found || str_eq(zones[i].values[k], at);
        if (!found)
            return false;
    }
    return true;
}
