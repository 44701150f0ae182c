/* SPDX-License-Identifier: Apache-2.0
 * nodelife — a node whose Lease is not renewed becomes Ready=Unknown, gets the unreachable taints,
 * and loses its pods when their tolerations run out (kubernetes.io/docs: Nodes, taint-based
 * eviction). Pods of a node that no longer exists end at once. A node that was silent because the
 * whole machine slept is marked ready again when its Lease moves: our own agents report changes
 * only, they do not repeat themselves. */
#include "base/num.h"
#include "controllers/controllers.h"
#include "controllers/pods.h"
#include "kube/lease.h"
#include "kube/meta.h"
#include "kube/node.h"

#define NODES GVR("", "v1", "nodes")
#define GRACE_NS (40 * NS_PER_S)         /* node-monitor-grace-period */
#define MISSING_GRACE_NS (40 * NS_PER_S) /* a pod may be heard of before its node is */
#define SOON_NS (10 * NS_PER_MS)         /* after the write of this pass */
#define STARTUP_GRACE_NS (60 * NS_PER_S) /* of a node that never renewed */
#define LOST_NODE "DeletionByPodGC"
#define SILENT "NodeStatusUnknown"
#define NOT_READY "node.kubernetes.io/not-ready"
#define UNREACHABLE "node.kubernetes.io/unreachable"

enum { WATCH_NODES, WATCH_LEASES, WATCH_PODS };

static void lease_keys(struct buf *keys, const struct kobj *before, const struct kobj *after)
{
    const struct kobj *o = after ? after : before;
    if (!str_is(o->namespace, LEASE_NODE_NAMESPACE))
        return;
    /* Timely renewals are looked at when they are due, not when they come. */
    if (!before || !after || lease_of(after)->renewed.ns - lease_of(before)->renewed.ns > GRACE_NS)
        buf_str(keys, o->name);
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
    bool wrote; /* the node's status: its next event brings us back */
    enum condition_status ready;
};

static void look(struct view *v)
{
    const struct kobj *lease =
        informer_find(v->r->caches[WATCH_LEASES], STR(LEASE_NODE_NAMESPACE), v->node->name);
    struct wall renewed = lease ? lease_of(lease)->renewed : (struct wall){ 0 };
    struct wall created = kobj_created(v->node);
    int64_t deadline = renewed.ns ? renewed.ns + GRACE_NS : created.ns + STARTUP_GRACE_NS;
    deadline = num_max_i64(deadline, v->r->since.ns + GRACE_NS);
    v->heard = renewed.ns ? renewed : created;
    v->silent = deadline <= v->r->now.ns;
    v->ready = condition_of(kobj_root(v->node), STR("Ready"));
    if (!v->silent)
        reconcile_again_at(v->r, (struct wall){ deadline });
}

/* ---- the Ready condition ---- */

static void set_ready(struct view *v, const struct condition_spec *spec)
{
    struct json stored = kobj_path(v->node, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(v->r->a, stored) : jnode_arr(v->r->a);
    meta_set_condition(v->r->a, list, spec, v->r->now);
    struct jnode *status = jnode_obj(v->r->a);
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(v->r, NODES, v->node, status);
    v->wrote = true;
}

static void mark_unknown(struct view *v)
{
    if (v->ready == CONDITION_UNKNOWN)
        return;
    struct condition_spec spec = {
        .type = "Ready",
        .status = "Unknown",
        .reason = STR(SILENT),
        .message = STR("Kubelet stopped posting node status."),
    };
    set_ready(v, &spec);
    reconcile_event(v->r, v->node, "NodeNotReady", "Node %.*s status is now: NodeNotReady",
                    STR_ARG(v->node->name));
    v->ready = CONDITION_UNKNOWN;
}

/* Only what we marked ourselves. */
static void mark_heard(struct view *v)
{
    struct json ready = condition_find(kobj_root(v->node), STR("Ready"));
    if (v->ready != CONDITION_UNKNOWN || !str_is(json_str(json_get(ready, STR("reason"))), SILENT))
        return;
    struct condition_spec spec = {
        .type = "Ready",
        .status = "True",
        .reason = STR("LeaseRenewed"),
        .message = STR("the node renews its lease again"),
    };
    set_ready(v, &spec);
    reconcile_event(v->r, v->node, "NodeReady", "Node %.*s status is now: NodeReady",
                    STR_ARG(v->node->name));
    v->ready = CONDITION_TRUE;
}

/* ---- taints ---- */

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

/* A NoExecute taint tells since when: tolerationSeconds count from there. */
static bool lacks_time(struct json t)
{
    return str_is(json_str(json_get(t, STR("effect"))), "NoExecute") &&
           !json_has(json_get(t, STR("timeAdded")));
}

/* The taints that the Ready condition asks for: none, not-ready (False or absent) or unreachable
 * (Unknown). */
static void put_taints(struct view *v)
{
    const char *want = v->ready == CONDITION_TRUE      ? NULL
                       : v->ready == CONDITION_UNKNOWN ? UNREACHABLE
                                                       : NOT_READY;
    char now[TIME_TEXT_MAX];
    struct json stored = kobj_path(v->node, "spec.taints");
    struct jnode *taints = jnode_arr(v->r->a);
    size_t ours = 0, stamped = 0;
    for (struct json_iter it = json_iter(stored); json_next(&it);)
        ours += is_ours(it.value);
    bool right = want ? ours == 2 && has_taint(v->node, want, "NoSchedule") &&
                            has_taint(v->node, want, "NoExecute")
                      : ours == 0;
    for (struct json_iter it = json_iter(stored); json_next(&it);) {
        if (is_ours(it.value) && !right)
            continue;
        struct jnode *t = jnode_append(taints, jnode_thaw(v->r->a, it.value));
        if (!lacks_time(it.value))
            continue;
        jnode_set_str(t, STR("timeAdded"), wall_text(now, v->r->now));
        stamped++;
    }
    if (right && !stamped)
        return;
    if (want && !right) {
        jnode_append(taints, taint(v, want, "NoSchedule"));
        jnode_append(taints, taint(v, want, "NoExecute"));
    }
    struct jnode *patch = jnode_obj(v->r->a);
    jnode_set(jnode_need_obj(patch, STR("spec")), STR("taints"), taints);
    reconcile_patch(v->r, NODES, v->node, patch, true);
}

/* ---- eviction ---- */

struct eviction {
    struct view *v;
    bool unready; /* pods of a silent node are not ready either */
};

/* When the pod must go: .ns < 0 never. Every NoExecute taint must be tolerated; of the tolerations
 * that match one, the shortest counts. */
static struct wall stays_until(const struct pod *p, struct json t, struct wall now)
{
    struct str key = json_str(json_get(t, STR("key"))), value = json_str(json_get(t, STR("value")));
    struct wall since = now;
    int64_t shortest = INT64_MAX;
    bool tolerated = false;
    wall_parse(json_str(json_get(t, STR("timeAdded"))), &since);
    for (size_t i = 0; i < p->tolerations.n; i++) {
        const struct toleration *o = &p->tolerations.items[i];
        if (!pod_tolerates(o, key, value, TAINT_NO_EXECUTE))
            continue;
        tolerated = true;
        if (o->has_seconds)
            shortest = num_min_i64(shortest, num_max_i64(o->seconds, 0));
    }
    if (!tolerated)
        return since;
    if (shortest > INT64_MAX / NS_PER_S / 4)
        return (struct wall){ -1 };
    return (struct wall){ since.ns + shortest * NS_PER_S };
}

static struct wall eviction_due(const struct view *v, const struct pod *p)
{
    struct wall due = { -1 };
    for (struct json_iter it = json_iter(kobj_path(v->node, "spec.taints")); json_next(&it);) {
        if (!str_is(json_str(json_get(it.value, STR("effect"))), "NoExecute"))
            continue;
        struct wall t = stays_until(p, it.value, v->r->now);
        if (t.ns >= 0 && (due.ns < 0 || t.ns < due.ns))
            due = t;
    }
    return due;
}

static void mark_unready(struct view *v, const struct kobj *pod)
{
    struct jnode *list = jnode_thaw(v->r->a, kobj_path(pod, "status.conditions"));
    struct condition_spec spec = { .type = "Ready", .status = "False" };
    meta_set_condition(v->r->a, list, &spec, v->r->now);
    struct jnode *status = jnode_obj(v->r->a);
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(v->r, PODS, pod, status);
    reconcile_warn(v->r, pod, "NodeNotReady", "Node is not ready");
}

/* A write of status must be seen before the pod's deletion is asked for. */
static void look_soon(struct reconcile *r)
{
    reconcile_again_at(r, (struct wall){ r->now.ns + SOON_NS });
}

static bool look_at_pod(void *arg, const struct kobj *pod)
{
    struct eviction *e = arg;
    struct reconcile *r = e->v->r;
    const struct pod *p = pod_of(pod);
    struct wall due = eviction_due(e->v, p);
    if (pod_finished(p))
        return true;
    if (e->unready && p->ready) {
        mark_unready(e->v, pod);
        look_soon(r);
        return true;
    }
    if (p->deleting || due.ns < 0)
        return true;
    if (due.ns > r->now.ns) {
        reconcile_again_at(r, due);
    } else if (pods_disrupt(r, pod, "DeletionByTaintManager",
                            "Taint manager: deleting due to NoExecute taint")) {
        look_soon(r);
    } else {
        reconcile_delete(r, PODS, pod, (struct str){ 0 });
        reconcile_event(r, pod, "TaintManagerEviction", "Marking for deletion Pod %.*s/%.*s",
                        STR_ARG(pod->namespace), STR_ARG(pod->name));
    }
    return true;
}

/* ---- a node that is gone ---- */

static bool surely_gone(const struct reconcile *r, const struct kobj *pod)
{
    struct wall bound = kobj_created(pod);
    struct json c = condition_find(kobj_root(pod), STR("PodScheduled"));
    wall_parse(json_str(json_get(c, STR("lastTransitionTime"))), &bound);
    return pods_disrupted_for(pod, LOST_NODE) || /* we were sure before */
           informer_revision(r->caches[WATCH_NODES]) >= pod->revision ||
           num_max_i64(bound.ns, r->since.ns) + MISSING_GRACE_NS <= r->now.ns;
}

static bool end_lost(void *arg, const struct kobj *pod)
{
    struct reconcile *r = arg;
    if (!surely_gone(r, pod)) {
        reconcile_again_at(r, (struct wall){ r->now.ns + NS_PER_S });
        return true;
    }
    if (pod_finished(pod_of(pod))) {
        if (!pod_of(pod)->deleting || json_len(kobj_meta(pod, STR("finalizers"))) == 0)
            reconcile_kill(r, PODS, pod);
        return true;
    }
    struct json stored = kobj_path(pod, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(r->a, stored) : jnode_arr(r->a);
    struct condition_spec spec = {
        .type = PODS_DISRUPTED,
        .status = "True",
        .reason = STR(LOST_NODE),
        .message = STR("PodGC: node no longer exists"),
    };
    meta_set_condition(r->a, list, &spec, r->now);
    struct jnode *status = jnode_obj(r->a);
    jnode_set_str(status, STR("phase"), STR("Failed"));
    jnode_set(status, STR("conditions"), list);
    reconcile_patch_status(r, PODS, pod, status);
    look_soon(r);
    return true;
}

static bool has_no_execute(const struct kobj *node)
{
    for (struct json_iter it = json_iter(kobj_path(node, "spec.taints")); json_next(&it);)
        if (str_is(json_str(json_get(it.value, STR("effect"))), "NoExecute"))
            return true;
    return false;
}

static int reconcile_node(struct reconcile *r, struct err *err)
{
    (void)err;
    struct view v = { .r = r };
    v.node = informer_find(r->caches[WATCH_NODES], (struct str){ 0 }, r->name);
    if (!v.node) {
        informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], r->name, end_lost, r);
        return 0;
    }
    look(&v);
    if (v.silent)
        mark_unknown(&v);
    else
        mark_heard(&v);
    if (!v.wrote) /* two writes of one object in one pass would be refused */
        put_taints(&v);
    struct eviction e = { &v, v.silent };
    if (v.silent || has_no_execute(v.node))
        informer_each_in(r->caches[WATCH_PODS], r->indexes[WATCH_PODS], r->name, look_at_pod, &e);
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
