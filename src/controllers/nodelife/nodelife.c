/* SPDX-License-Identifier: Apache-2.0
 * nodelife — a node whose Lease is not renewed becomes Ready=Unknown, gets the unreachable taints,
 * and loses its pods when their tolerations run out (kubernetes.io/docs: Nodes, taint-based
 * eviction). Pods of a node that no longer exists are deleted at once. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/pods.h"
#include "kube/lease.h"
#include "kube/meta.h"
#include "kube/node.h"

#define NODES GVR("", "v1", "nodes")
#define GRACE_NS (40 * NS_PER_S)         /* node-monitor-grace-period */
#define STARTUP_GRACE_NS (60 * NS_PER_S) /* of a node that never renewed */
#define NOT_READY "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

enum { WATCH_NODES, WATCH_LEASES, WATCH_PODS };

static void lease_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    const struct kobj *o = after ? after : before;
    if (str_is(o->namespace, "kube-node-lease") && !(before && after))
        buf_str(keys, o->name); /* renewals are looked at when they are due, not when they come */
}

static void pod_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    struct str was = before ? pod_of(before)->node_name : (struct str){ 0 };
    struct str is = after ? pod_of(after)->node_name : (struct str){ 0 };
    if (is.n && !str_eq(was, is))
        buf_str(keys, is);
}

static bool pod_node(const struct kobj *o, struct buf *key)
{
    buf_str(key, pod_of(o)->node_name);
    return pod_of(o)->node_name.n > 0;
}

struct view {
    struct reconcile *r;
    const struct kobj *node;
    struct wall heard; /* the last sign of life */
    bool silent;
    enum condition_status ready;
};

static void look(struct view *v)
{
    const struct kobj *lease =
        informer_find(v->r->caches[WATCH_LEASES], STR("kube-node-lease"), v->node->name);
    struct wall renewed = lease ? lease_of(lease)->renewed : (struct wall){ 0 };
    struct wall created = kobj_created(v->node);
    int64_t deadline = renewed.ns ? renewed.ns + GRACE_NS : created.ns + STARTUP_GRACE_NS;
    v->heard = renewed.ns ? renewed : created;
    v->silent = deadline <= v->r->now.ns;
    v->ready = condition_of(kobj_root(v->node), STR("Ready"));
    if (!v->silent)
        reconcile_again_at(v->r, (struct wall){ deadline });
}

/* ---- conditions and taints ---- */

static void mark_unknown(struct view *v)
{
    if (v->ready == CONDITION_UNKNOWN)
        return;
    struct json stored = kobj_path(v->node, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(v->r->a, stored) : jnode_arr(v->r->a);
    struct condition_spec spec = {
        .type = "Ready",
        .status = "Unknown",
        .reason = STR("NodeStatusUnknown"),
        .message = STR("Kubelet stopped posting node status."),
    };
    meta_set_condition(v->r->a, list, &spec, v->r->now);
    struct jnode *status = jnode_obj(v->r->a);
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(v->r, NODES, v->node, status);
    reconcile_event(v->r, v->node, "NodeNotReady", "Node %.*s status is now: NodeNotReady",
                    STR_ARG(v->node->name));
    v->ready = CONDITION_UNKNOWN;
}

static struct jnode *taint(struct view *v, const char *key, const char *effect)
{
    char text[TIME_TEXT_MAX];
    struct jnode *t = jnode_obj(v->r->a);
    jnode_set_str(t, STR("key"), str_from(key));
    jnode_set_str(t, STR("effect"), str_from(effect));
    jnode_set_str(t, STR("timeAdded"), wall_text(text, v->r->now));
    return t;
}

static bool is_ours(struct json t)
{
    struct str key = json_str(json_get(t, STR("key")));
    return str_is(key, NOT_READY) || str_is(key, UNREACHABLE);
}

static bool has_taint(const struct kobj *node, const char *key, const char *effect)
{
    for (struct json_iter it = json_iter(kobj_path(node, "spec.taints")); json_next(&it);)
        if (str_is(json_str(json_get(it.value, STR("key"))), key) &&
            str_is(json_str(json_get(it.value, STR("effect"))), effect))
            return true;
    return false;
}

/* The taints that the Ready condition asks for: none, not-ready (False) or unreachable (Unknown).
 */
static void put_taints(struct view *v)
{
    const char *want = v->ready == CONDITION_TRUE    ? NULL
                       : v->ready == CONDITION_FALSE ? NOT_READY
                                                     : UNREACHABLE;
    struct json stored = kobj_path(v->node, "spec.taints");
    struct jnode *taints = jnode_arr(v->r->a);
    size_t ours = 0;
    for (struct json_iter it = json_iter(stored); json_next(&it);) {
        if (is_ours(it.value))
            ours++;
        else
            jnode_append(taints, jnode_thaw(v->r->a, it.value));
    }
    bool right = want ? ours == 2 && has_taint(v->node, want, "NoSchedule") &&
                            has_taint(v->node, want, "NoExecute")
                      : ours == 0;
    if (right)
        return;
    if (want) {
        jnode_append(taints, taint(v, want, "NoSchedule"));
        jnode_append(taints, taint(v, want, "NoExecute"));
    }
    struct jnode *patch = jnode_obj(v->r->a);
    jnode_set(jnode_need_obj(patch, STR("spec")), STR("taints"), taints);
    reconcile_patch(v->r, NODES, v->node, patch, true);
}

/* ---- eviction ---- */

static struct wall taint_time(const struct kobj *node, const char *key)
{
    struct wall t = { 0 };
    for (struct json_iter it = json_iter(kobj_path(node, "spec.taints")); json_next(&it);)
        if (str_is(json_str(json_get(it.value, STR("key"))), key) &&
            str_is(json_str(json_get(it.value, STR("effect"))), "NoExecute"))
            wall_parse(json_str(json_get(it.value, STR("timeAdded"))), &t);
    return t;
}

/* How long the pod stays: -1 for ever. */
static int64_t stays_s(const struct pod *p, const char *key)
{
    int64_t s = -2;
    for (size_t i = 0; i < p->tolerations.n; i++) {
        const struct toleration *t = &p->tolerations.items[i];
        if (!pod_tolerates(t, str_from(key), STR(""), TAINT_NO_EXECUTE))
            continue;
        if (!t->has_seconds)
            return -1;
        s = s == -2 ? t->seconds : num_min_i64(s, t->seconds);
    }
    return s == -2 ? 0 : num_max_i64(s, 0);
}

struct eviction {
    struct view *v;
    const char *key;
    struct wall since;
};

static bool evict_one(void *arg, const struct kobj *pod)
{
    struct eviction *e = arg;
    const struct pod *p = pod_of(pod);
    int64_t s = stays_s(p, e->key);
    if (p->deleting || pod_finished(p) || s < 0)
        return true;
    struct wall due = { e->since.ns + s * NS_PER_S };
    if (due.ns > e->v->r->now.ns) {
        reconcile_again_at(e->v->r, due);
        return true;
    }
    reconcile_delete(e->v->r, PODS, pod, (struct str){ 0 });
    reconcile_event(e->v->r, pod, "TaintManagerEviction", "Marking for deletion Pod %.*s/%.*s",
                    STR_ARG(pod->namespace), STR_ARG(pod->name));
    return true;
}

static void evict(struct view *v)
{
    struct eviction e = { v, v->ready == CONDITION_FALSE ? NOT_READY : UNREACHABLE, { 0 } };
    e.since = taint_time(v->node, e.key);
    if (e.since.ns)
        informer_each_in(v->r->caches[WATCH_PODS], v->r->indexes[WATCH_PODS], v->node->name,
                         evict_one, &e);
}

static bool delete_lost(void *arg, const struct kobj *pod)
{
    struct reconcile *r = arg;
    if (!pod_of(pod)->deleting)
        reconcile_delete(r, PODS, pod, (struct str){ 0 });
    return true;
}

static int reconcile_node(struct reconcile *r, struct err *err)
{
    (void)err;
    struct view v = { .r = r };
    v.node = informer_find(r->caches[WATCH_NODES], (struct str){ 0 }, r->name);
    if (!v.node) {
        informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], r->name, delete_lost, r);
        return 0;
    }
    look(&v);
    if (v.silent)
        mark_unknown(&v);
    put_taints(&v);
    if (v.ready == CONDITION_FALSE || v.ready == CONDITION_UNKNOWN)
        evict(&v);
    return 0;
}

const struct controller nodelife_controller = {
    .name = "nodelife",
    .help = "marks silent nodes, taints them and evicts their pods",
    .watches = { [WATCH_NODES] = { .resource = { STR_INIT(""), STR_INIT("v1"),
                                                 STR_INIT("nodes") } },
                 [WATCH_LEASES] = { .resource = { STR_INIT("coordination.k8s.io"), STR_INIT("v1"),
                                                  STR_INIT("leases") },
                                    .keys = lease_keys },
                 [WATCH_PODS] = { .resource = { STR_INIT(""), STR_INIT("v1"), STR_INIT("pods") },
                                  .keys = pod_keys,
                                  .index = pod_node } },
    .reconcile = reconcile_node,
};
