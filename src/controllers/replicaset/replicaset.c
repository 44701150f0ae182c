/* SPDX-License-Identifier: Apache-2.0
 * replicaset — keeps as many pods as spec.replicas asks for (kubernetes.io/docs: ReplicaSet). */
#include "kube/replicaset.h"

#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/pods.h"
#include "kube/meta.h"

#define REPLICASETS GVR("apps", "v1", "replicasets")
#define BURST_MAX 500 /* pods created or deleted in one pass, as kube-controller-manager */

enum { WATCH_SETS, WATCH_PODS };

static void pod_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    pods_owner_keys(keys, before, after, "ReplicaSet");
}

struct census {
    struct pods_vec active;
    int64_t labeled, ready, available, terminating;
    struct wall next_available; /* when the next ready pod becomes available; 0: none waits */
};

static bool has_template_labels(const struct kobj *pod, struct json template)
{
    struct json labels = json_path(template, "metadata.labels");
    for (struct json_iter it = json_iter(labels); json_next(&it);)
        if (!str_eq(kobj_label(pod, it.key), json_str(it.value)))
            return false;
    return true;
}

static void count_pods(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct replicaset *rs = replicaset_of(o);
    struct pods_vec all = { 0 };
    pods_of_owner(r, WATCH_PODS, o, &all);
    for (size_t i = 0; i < all.n; i++) {
        const struct kobj *pod = all.items[i];
        const struct pod *p = pod_of(pod);
        if (pod_finished(p))
            continue;
        if (p->deleting) {
            c->terminating++;
            continue;
        }
        pods_vec_push(&c->active, pod);
        c->labeled += has_template_labels(pod, rs->template);
        c->ready += p->ready;
        if (pods_available(pod, rs->min_ready_s, r->now)) {
            c->available++;
        } else if (p->ready) {
            int64_t at = pods_ready_since(pod).ns + rs->min_ready_s * NS_PER_S;
            if (!c->next_available.ns || at < c->next_available.ns)
                c->next_available.ns = at;
        }
    }
    pods_vec_fini(&all);
}

static void scale(struct reconcile *r, const struct kobj *o, struct census *c)
{
    const struct replicaset *rs = replicaset_of(o);
    int64_t have = (int64_t)c->active.n, want = rs->replicas;
    for (int64_t i = 0; i < num_min_i64(want - have, BURST_MAX); i++)
        reconcile_create(r, PODS, pods_from_template(r, o, rs->template, o->name, (uint64_t)i));
    if (have <= want)
        return;
    pods_sort_for_deletion(&c->active);
    for (int64_t i = 0; i < num_min_i64(have - want, BURST_MAX); i++)
        reconcile_delete(r, PODS, c->active.items[i], (struct str){ 0 });
}

static void put_status(struct reconcile *r, const struct kobj *o, const struct census *c)
{
    struct jnode *status = jnode_obj(r->a);
    jnode_set_i64(status, STR("replicas"), (int64_t)c->active.n);
    if (c->labeled)
        jnode_set_i64(status, STR("fullyLabeledReplicas"), c->labeled);
    if (c->ready)
        jnode_set_i64(status, STR("readyReplicas"), c->ready);
    if (c->available)
        jnode_set_i64(status, STR("availableReplicas"), c->available);
    if (c->terminating)
        jnode_set_i64(status, STR("terminatingReplicas"), c->terminating);
    jnode_set_i64(status, STR("observedGeneration"), replicaset_of(o)->generation);
    struct json conditions = kobj_path(o, "status.conditions");
    if (json_has(conditions))
        jnode_set(status, STR("conditions"), jnode_thaw(r->a, conditions));
    pods_put_status(r, REPLICASETS, o, status);
}

static int reconcile_replicaset(struct reconcile *r, struct err *err)
{
    (void)err;
    const struct kobj *o = informer_find(r->caches[WATCH_SETS], r->namespace, r->name);
    if (!o)
        return 0;
    struct census c = { 0 };
    count_pods(r, o, &c);
    if (!kobj_deleting(o))
        scale(r, o, &c);
    put_status(r, o, &c);
    if (c.next_available.ns)
        reconcile_again_at(r, c.next_available);
    pods_vec_fini(&c.active);
    return 0;
}

const struct controller replicaset_controller = {
    .name = "replicaset",
    .help = "keeps spec.replicas pods of a ReplicaSet",
    .watches = { [WATCH_SETS] = { .resource = { STR_INIT("apps"), STR_INIT("v1"),
                                                STR_INIT("replicasets") } },
                 [WATCH_PODS] = { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") },
                                  .keys = pod_keys,
                                  .index = informer_key_owner } },
    .reconcile = reconcile_replicaset,
};
