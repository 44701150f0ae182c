/* SPDX-License-Identifier: Apache-2.0
 * pods — see pods.h. */
#include "controllers/pods.h"

#include <stdlib.h>

#include "base/num.h"
#include "codec/patch.h"
#include "kube/meta.h"

static bool collect(void *arg, const struct kobj *o)
{
    pods_vec_push(arg, o);
    return true;
}

void pods_of_owner(struct reconcile *r,
                   size_t watch,
                   const struct kobj *owner,
                   struct pods_vec *out)
{
    informer_each_in(r->caches[watch], r->indexes[watch], owner->uid, collect, out);
}

struct jnode *pods_from_template(struct reconcile *r,
                                 const struct kobj *owner,
                                 struct json template,
                                 struct str base,
                                 uint64_t n)
{
    struct jnode *pod = jnode_obj(r->a);
    jnode_set_str(pod, STR("apiVersion"), STR("v1"));
    jnode_set_str(pod, STR("kind"), STR("Pod"));
    struct jnode *meta = jnode_set(pod, STR("metadata"), jnode_obj(r->a));
    struct str prefix = arena_printf(r->a, "%.*s-", STR_ARG(base));
    jnode_set_str(meta, STR("name"), meta_generate_name(r->a, prefix, num_mix64(r->random + n)));
    jnode_set_str(meta, STR("generateName"), prefix);
    jnode_set_str(meta, STR("namespace"), owner->namespace);
    static const char *const kept[] = { "labels", "annotations", "finalizers" };
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct json v = json_get(json_get(template, STR("metadata")), str_from(kept[i]));
        if (json_has(v))
            jnode_set(meta, str_from(kept[i]), jnode_thaw(r->a, v));
    }
    meta_add_owner(r->a, pod, owner, true);
    jnode_set(pod, STR("spec"), jnode_thaw(r->a, json_get(template, STR("spec"))));
    return pod;
}

static int deletion_rank(const struct pod *p)
{
    if (!p->node_name.n)
        return 0;
    if (p->phase == POD_PENDING)
        return 1;
    return p->ready ? 3 : 2;
}

static int deletion_order(const void *x, const void *y)
{
    const struct kobj *a = *(const struct kobj *const *)x, *b = *(const struct kobj *const *)y;
    int ra = deletion_rank(pod_of(a)), rb = deletion_rank(pod_of(b));
    if (ra != rb)
        return ra - rb;
    int64_t ta = kobj_created(a).ns, tb = kobj_created(b).ns;
    if (ta != tb)
        return ta > tb ? -1 : 1;
    return str_cmp(a->name, b->name);
}

void pods_sort_for_deletion(struct pods_vec *pods)
{
    if (pods->n)
        qsort(pods->items, pods->n, sizeof(pods->items[0]), deletion_order);
}

static void owner_key(struct buf *keys, const struct kobj *o, const char *owner_kind)
{
    struct json owner = kobj_controller(o);
    if (!str_is(json_str(json_get(owner, STR("kind"))), owner_kind))
        return;
    buf_str(keys, o->namespace);
    buf_char(keys, '/');
    buf_str(keys, json_str(json_get(owner, STR("name"))));
    buf_char(keys, '\n');
}

void pods_owner_keys(struct buf *keys,
                     const struct kobj *before,
                     const struct kobj *after,
                     const char *owner_kind)
{
    struct str was = json_str(json_get(kobj_controller(before), STR("uid")));
    struct str is = json_str(json_get(kobj_controller(after), STR("uid")));
    if (before && !str_eq(was, is))
        owner_key(keys, before, owner_kind); /* it lost this one */
    if (after)
        owner_key(keys, after, owner_kind);
}

struct wall pods_ready_since(const struct kobj *pod)
{
    struct wall since = { 0 };
    struct json ready = condition_find(kobj_root(pod), STR("Ready"));
    if (str_is(json_str(json_get(ready, STR("status"))), "True"))
        wall_parse(json_str(json_get(ready, STR("lastTransitionTime"))), &since);
    return since;
}

bool pods_available(const struct kobj *pod, int64_t min_ready_s, struct wall now)
{
    if (!pod_of(pod)->ready)
        return false;
    return min_ready_s == 0 || pods_ready_since(pod).ns + min_ready_s * NS_PER_S <= now.ns;
}

bool pods_disrupted_for(const struct kobj *pod, const char *reason)
{
    struct json c = condition_find(kobj_root(pod), STR(PODS_DISRUPTED));
    return str_is(json_str(json_get(c, STR("status"))), "True") &&
           str_is(json_str(json_get(c, STR("reason"))), reason);
}

bool pods_gang_restarted(const struct kobj *pod)
{
    return pods_disrupted_for(pod, PODS_GANG_RESTART);
}

bool pods_disrupt(struct reconcile *r,
                  const struct kobj *pod,
                  const char *reason,
                  const char *message)
{
    if (pods_disrupted_for(pod, reason))
        return false;
    struct json stored = kobj_path(pod, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(r->a, stored) : jnode_arr(r->a);
    struct condition_spec spec = {
        .type = PODS_DISRUPTED,
        .status = "True",
        .reason = str_from(reason),
        .message = str_from(message),
    };
    meta_set_condition(r->a, list, &spec, r->now);
    struct jnode *status = jnode_obj(r->a);
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(r, PODS, pod, status);
    return true;
}

void pods_put_status(struct reconcile *r,
                     struct gvr res,
                     const struct kobj *of,
                     struct jnode *status)
{
    struct jnode *diff = patch_diff(r->a, kobj_path(of, "status"), status);
    if (diff)
        reconcile_patch_status(r, res, of, diff);
}
