/* SPDX-License-Identifier: Apache-2.0
 * scene_claim — the ResourceClaims of a scene, as the API and its controller would have them: a
 * binding writes allocation and reservation; a pod that ends, or goes, gives its reservation back;
 * a claim that nobody reserves holds nothing; one that was made for a pod goes with it. */
#include <stdlib.h>

#include "kube/meta.h"
#include "sim/scene_internal.h"

struct scene_claim {
    struct str key; /* "namespace/name", in the scene's arena */
    struct kobj *obj;
};

void scene_claims_fini(struct scene *s)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->claims, &i));) {
        struct scene_claim *c = slot->value;
        kobj_unref(c->obj);
    }
    map_fini(&s->claims);
}

static struct scene_claim *find(struct scene *s, struct str namespace, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    return map_get(&s->claims, arena_printf(a, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name)));
}

static void forget(struct scene *s, struct scene_claim *c)
{
    scene_hear(s, INPUT_CLAIM, c->obj, true);
    map_del(&s->claims, c->key);
    kobj_unref(TAKE(c->obj));
}

static void renew(struct scene *s, struct scene_claim *c, struct kobj *obj) /* takes it over */
{
    kobj_unref(c->obj);
    c->obj = obj;
    scene_hear(s, INPUT_CLAIM, obj, false);
}

static bool is_of_a_pod(const struct kobj *claim)
{
    return str_is(json_str(json_get(kobj_controller(claim), STR("kind"))), "Pod");
}

/* When a recorded claim goes, its pod went: here that may be another time. */
void scene_claim_event(struct scene *s, const struct kobj *obj, bool gone)
{
    struct scene_claim *c = find(s, obj->namespace, obj->name);
    if (gone && c && !is_of_a_pod(c->obj))
        forget(s, c);
    if (gone)
        return;
    if (!c) {
        c = ARENA_NEW(s->a, struct scene_claim);
        c->key = kobj_key(s->a, obj);
        map_put(&s->claims, c->key, c);
    }
    renew(s, c, kobj_ref(obj));
}

/* ---- what pods do to them ---- */

static struct kobj *freeze(struct scene *s, struct jnode *root)
{
    struct kobj *out = NULL;
    meta_set_revision(root, ++s->revision);
    if (kobj_freeze(&out, root, NULL))
        abort(); /* it was read once, and grew by a reservation */
    return out;
}

/* The claim with the pod's reservation, and the allocation where it had none. */
static struct kobj *
reserved(struct scene *s, const struct kobj *claim, struct json allocation, const struct kobj *pod)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(claim));
    struct jnode *status = jnode_need_obj(root, STR("status"));
    if (json_exists(allocation))
        jnode_set(status, STR("allocation"), jnode_thaw(a, allocation));
    struct jnode *user = jnode_append(jnode_need_arr(status, STR("reservedFor")), jnode_obj(a));
    jnode_set_str(user, STR("resource"), STR("pods"));
    jnode_set_str(user, STR("name"), pod->name);
    jnode_set_str(user, STR("uid"), pod->uid);
    return freeze(s, root);
}

void scene_claims_place(struct scene *s, const struct spod *pod)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct kobj *obj = pod->obj;
    const struct pod_id id = { obj->namespace, obj->name, obj->uid };
    size_t n;
    const struct dra_write *writes = dra_writes(pod, a, &n);
    for (size_t i = 0; i < n; i++) {
        struct scene_claim *c = find(s, writes[i].namespace, writes[i].name);
        if (!c)
            continue;
        struct kobj *now = reserved(s, c->obj, json_root(writes[i].allocation), obj);
        kobj_unref(c->obj);
        c->obj = now; /* heard when the pod is bound */
    }
    const struct core_input sent = {
        .kind = INPUT_SENT, .now = { s->now }, .pods = &id, .n_pods = 1
    };
    if (n)
        core_hear(s->core, &sent, NULL);
}

/* Calls fn for each claim that the pod uses and that is there. */
static void each_of(struct scene *s,
                    const struct kobj *pod,
                    void (*fn)(struct scene *, struct scene_claim *, const struct kobj *))
{
    static const char *const lists[] = { "spec.resourceClaims", "status.resourceClaimStatuses" };
    for (size_t l = 0; l < COUNT_OF(lists); l++) {
        for (struct json_iter it = json_iter(kobj_path(pod, lists[l])); json_next(&it);) {
            struct str name = json_str(json_get(it.value, STR("resourceClaimName")));
            struct scene_claim *c = name.n ? find(s, pod->namespace, name) : NULL;
            if (c)
                fn(s, c, pod);
        }
    }
}

static void tell(struct scene *s, struct scene_claim *c, const struct kobj *pod)
{
    (void)pod;
    const struct core_input in = { .kind = INPUT_CLAIM_ANSWER,
                                   .now = { s->now },
                                   .claim = { c->obj->namespace, c->obj->name, c->obj->uid },
                                   .revision = c->obj->revision };
    scene_hear(s, INPUT_CLAIM, c->obj, false);
    core_hear(s->core, &in, NULL);
}

void scene_claims_bound(struct scene *s, const struct kobj *pod)
{
    each_of(s, pod, tell);
}

static void release(struct scene *s, struct scene_claim *c, const struct kobj *pod)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(c->obj));
    struct jnode *status = jnode_need_obj(root, STR("status"));
    struct jnode *users = jnode_need_arr(status, STR("reservedFor"));
    for (size_t i = jnode_len(users); i-- > 0;) {
        if (str_eq(jnode_text_of_str(jnode_get(jnode_at(users, i), STR("uid"))), pod->uid))
            jnode_remove_at(users, i);
    }
    if (jnode_len(users) == 0)
        jnode_del(status, STR("allocation"));
    renew(s, c, freeze(s, root));
}

void scene_claims_release(struct scene *s, const struct kobj *pod)
{
    each_of(s, pod, release);
}

/* A controller would make new claims for a pod that is made anew: here it takes over those of the
 * former one, which hold nothing any more. */
static void adopt(struct scene *s, struct scene_claim *c, const struct kobj *pod)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    if (!is_of_a_pod(c->obj) ||
        str_eq(json_str(json_get(kobj_controller(c->obj), STR("uid"))), pod->uid))
        return;
    struct jnode *root = jnode_thaw(a, kobj_root(c->obj));
    jnode_del(jnode_get(root, STR("metadata")), STR("ownerReferences"));
    meta_add_owner(a, root, pod, true);
    renew(s, c, freeze(s, root));
}

void scene_claims_adopt(struct scene *s, const struct kobj *pod)
{
    each_of(s, pod, adopt);
}
