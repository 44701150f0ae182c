/* SPDX-License-Identifier: Apache-2.0
 * volumes_write — what the API must say before a pod is bound, and whether it came true; see
 * volumes.h. */
#include "codec/jnode.h"
#include "scheduler/volumes/volumes_internal.h"

static struct str version_of(const struct kobj *obj)
{
    return json_str(kobj_meta(obj, STR("resourceVersion")));
}

static void
fill(struct volume_write *w, const struct volume_claim *c, struct str node, struct arena *a)
{
    const struct volume_pv *pv = volume_promised(c);
    *w = (struct volume_write){ .namespace = arena_str(a, c->obj->namespace),
                                .claim = arena_str(a, c->obj->name),
                                .claim_uid = arena_str(a, c->obj->uid),
                                .node = arena_str(a, node) };
    if (!pv) {
        w->version = arena_str(a, version_of(c->obj));
        w->done = str_eq(c->node, node);
        w->revision = w->done ? c->obj->revision : 0;
        return;
    }
    bool named = str_eq(pv->ref_name, c->obj->name) &&
                 str_eq(pv->ref_namespace, c->obj->namespace) &&
                 (!pv->ref_uid.n || str_eq(pv->ref_uid, c->obj->uid));
    w->volume = arena_str(a, pv->obj->name);
    w->volume_uid = arena_str(a, pv->obj->uid);
    w->version = arena_str(a, version_of(pv->obj));
    w->by_us = !named;
    w->done = named && pv->ref_uid.n;
    w->revision = w->done ? pv->obj->revision : 0;
}

struct volume_write *
volumes_writes(const struct spod *pod, struct str node, struct arena *a, size_t *n)
{
    const struct pod_volumes *p = pod->volumes;
    *n = 0;
    if (!p)
        return NULL;
    struct volume_write *out = ARENA_ARRAY(a, struct volume_write, p->n + 1);
    for (size_t i = 0; i < p->n; i++) {
        const struct volume_claim *c = p->items[i].claim;
        if (!c || !c->obj || c->bound)
            continue;
        fill(&out[(*n)++], c, node, a);
    }
    return out;
}

struct jnode *volume_write_patch(const struct volume_write *w, struct arena *a)
{
    struct jnode *root = jnode_obj(a), *meta = jnode_need_obj(root, STR("metadata"));
    jnode_set_str(meta, STR("uid"), w->volume.n ? w->volume_uid : w->claim_uid);
    jnode_set_str(meta, STR("resourceVersion"), w->version);
    if (!w->volume.n) {
        jnode_set_str(jnode_need_obj(meta, STR("annotations")), STR(ANN_NODE), w->node);
        return root;
    }
    if (w->by_us)
        jnode_set_str(jnode_need_obj(meta, STR("annotations")), STR(ANN_BY_US), STR("yes"));
    struct jnode *ref = jnode_need_obj(jnode_need_obj(root, STR("spec")), STR("claimRef"));
    jnode_set_str(ref, STR("apiVersion"), STR("v1"));
    jnode_set_str(ref, STR("kind"), STR("PersistentVolumeClaim"));
    jnode_set_str(ref, STR("namespace"), w->namespace);
    jnode_set_str(ref, STR("name"), w->claim);
    jnode_set_str(ref, STR("uid"), w->claim_uid);
    return root;
}

/* ---- afterwards ---- */

static enum volume_progress failed(struct err *err, const char *what, struct str name)
{
    err_set(err, ERR_CONFLICT, "%s \"%.*s\"", what, STR_ARG(name));
    return VOLUME_FAILED;
}

static enum volume_progress bind_progress(const struct volumes *v,
                                          const struct volume_write *w,
                                          const struct volume_claim *c,
                                          const struct snode *node,
                                          struct err *err)
{
    const struct volume_pv *pv = map_get(&v->pvs, w->volume);
    if (!pv)
        return failed(err, "there is no volume any more:", w->volume);
    if (pv->obj->revision < w->revision)
        return VOLUME_PENDING;
    if (!volume_reaches(v, pv, node))
        return failed(err, "the node does not reach the volume", w->volume);
    if (!pv->ref_uid.n)
        return failed(err, "claimRef was reset of volume", w->volume);
    return c->bound ? VOLUME_BOUND : VOLUME_PENDING;
}

static enum volume_progress make_progress(const struct volumes *v,
                                          const struct volume_write *w,
                                          const struct volume_claim *c,
                                          const struct snode *node,
                                          struct err *err)
{
    const struct volume_pv *pv = c->volume.n ? map_get(&v->pvs, c->volume) : NULL;
    if (c->obj->revision < w->revision)
        return VOLUME_PENDING;
    if (!str_eq(c->node, w->node)) /* the driver gave up, and asks for another node so */
        return failed(err, "no volume could be made for claim", w->claim);
    if (c->volume.n && !pv)
        return VOLUME_PENDING; /* its event comes */
    if (pv && !volume_reaches(v, pv, node))
        return failed(err, "the node does not reach the volume", c->volume);
    return c->bound ? VOLUME_BOUND : VOLUME_PENDING;
}

enum volume_progress volume_write_progress(const struct volumes *v,
                                           const struct volume_write *w,
                                           const struct snode *node,
                                           struct err *err)
{
    struct buf b;
    const struct volume_claim *c = map_get(&v->claims, volume_key(&b, w->namespace, w->claim));
    buf_fini(&b);
    if (!node)
        return failed(err, "there is no node any more:", w->node);
    if (!c || !c->obj || !str_eq(c->obj->uid, w->claim_uid))
        return failed(err, "there is no claim any more:", w->claim);
    return w->volume.n ? bind_progress(v, w, c, node, err) : make_progress(v, w, c, node, err);
}
