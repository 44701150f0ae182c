/* SPDX-License-Identifier: Apache-2.0
 * scene_object — what a pod of a scene looks like to the scheduler as its life goes on. */
#include "kube/meta.h"
#include "kube/names.h"
#include "sim/scene_internal.h"

static struct kobj *freeze(struct jnode *root)
{
    struct kobj *out = NULL;
    struct err err = { 0 };
    if (kobj_freeze(&out, root, &err))
        return NULL; /* not with objects that were read once */
    return out;
}

/* Where it was, in the record or before it was evicted, is forgotten. */
struct kobj *scene_waiting(const struct kobj *o, uint32_t remade)
{
    static const char *const placed[] = { NAME_DEVICES, NAME_DEVICE_PARTS, NAME_NUMA_CELLS };
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    struct jnode *annotations = jnode_get(meta, STR("annotations"));
    struct jnode *claims = jnode_path(root, "status.resourceClaimStatuses");
    struct jnode *status = jnode_obj(a);
    jnode_set_str(status, STR("phase"), STR("Pending"));
    if (claims)
        jnode_set(status, STR("resourceClaimStatuses"), jnode_copy(a, claims));
    jnode_set(root, STR("status"), status);
    jnode_del(jnode_need_obj(root, STR("spec")), STR("nodeName"));
    for (size_t i = 0; i < COUNT_OF(placed) && jnode_type(annotations) == JSON_OBJ; i++)
        jnode_del(annotations, str_from(placed[i]));
    if (remade) {
        jnode_del(meta, STR("deletionTimestamp"));
        jnode_set_str(meta, STR("name"),
                      arena_printf(a, "%.*s-again-%u", STR_ARG(o->name), remade));
        jnode_set_str(meta, STR("uid"), arena_printf(a, "%.*s-again-%u", STR_ARG(o->uid), remade));
    }
    return freeze(root);
}

struct kobj *scene_bound(const struct kobj *o, struct str node, struct jnode *annotations)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    jnode_set_str(jnode_need_obj(root, STR("spec")), STR("nodeName"), node);
    for (size_t i = 0; i < jnode_len(annotations); i++)
        meta_set_annotation(root, jnode_key_at(annotations, i),
                            jnode_text_of_str(jnode_value_at(annotations, i)));
    return freeze(root);
}

static struct kobj *with_phase(const struct kobj *o, const char *phase, struct wall started)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    struct jnode *status = jnode_need_obj(root, STR("status"));
    jnode_set_str(status, STR("phase"), str_from(phase));
    meta_set_time(status, STR("startTime"), started);
    return freeze(root);
}

struct kobj *scene_running(const struct kobj *o, int64_t now)
{
    return with_phase(o, "Running", (struct wall){ now });
}

struct kobj *scene_ended(const struct kobj *o, bool succeeded)
{
    return with_phase(o, succeeded ? "Succeeded" : "Failed", (struct wall){ 0 });
}

struct kobj *scene_leaving(const struct kobj *o, int64_t now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(o));
    meta_set_time(jnode_need_obj(root, STR("metadata")), STR("deletionTimestamp"),
                  (struct wall){ now });
    return freeze(root);
}
