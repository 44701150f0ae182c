/* SPDX-License-Identifier: Apache-2.0
 * agent_pod — one pod between the API and the executor: prepares it, writes its status when that
 * changed, deletes it when its processes have ended. At most one write of a pod is under way. */
#include <stdlib.h>

#include "base/log.h"
#include "client/calls.h"
#include "node/agent/agent_internal.h"
#include "node/metrics.h"

#define RETRY_MIN_NS NS_PER_S
#define RETRY_MAX_NS (30 * NS_PER_S)

static void write_status(struct tracked *t);
static void on_timer(void *arg);

struct tracked *tracked_new(struct node_agent *n, const struct kobj *pod)
{
    struct tracked *t = MEM_NEW(struct tracked);
    t->n = n;
    t->first = kobj_ref(pod);
    t->latest = kobj_ref(pod);
    t->uid = t->first->uid;
    t->timer = timer_new(n->t->loop, on_timer, t);
    t->retry_ns = RETRY_MIN_NS;
    map_put(&n->tracked, t->uid, t);
    return t;
}

void tracked_free(struct tracked *t)
{
    if (!t)
        return;
    struct node_agent *n = t->n;
    for (size_t i = 0; t->fresh && i < n->fresh.n; i++)
        if (n->fresh.items[i] == t)
            n->fresh.items[i] = NULL;
    map_del(&n->tracked, t->uid);
    agent_refs_drop(t);
    agent_volumes_end(t);
    timer_free(t->timer);
    json_doc_unref(t->written);
    json_doc_unref(t->in_flight);
    kobj_unref(t->latest);
    kobj_unref(t->first);
    free(t);
}

struct tracked *agent_answered(struct sent *x, size_t *index)
{
    struct node_agent *n = x->n;
    struct tracked *t = map_get(&n->tracked, str_from(x->uid));
    if (index)
        *index = x->index;
    agent_sent_free(x);
    return t;
}

static void retry_later(struct tracked *t)
{
    timer_start(t->timer, t->retry_ns);
    t->retry_ns = t->retry_ns * 2 < RETRY_MAX_NS ? t->retry_ns * 2 : RETRY_MAX_NS;
}

/* ---- deletion ---- */

static void on_deleted(void *arg, const struct reply *reply, const struct err *err)
{
    struct tracked *t = agent_answered(arg, NULL);
    (void)err;
    if (!t)
        return;
    t->writing = false;
    if (call_refused(reply) && !(reply && (reply->code == 404 || reply->code == 409)))
        retry_later(t); /* else the watch tells the end */
}

static void delete_pod(struct tracked *t)
{
    struct call_delete d = { .resource = PODS,
                             .namespace = t->latest->namespace,
                             .name = t->latest->name,
                             .uid = t->uid,
                             .grace_s = 0 };
    struct sent *x = agent_sent(t->n, t->uid);
    t->writing = true;
    x->call = call_delete(t->n->t, &d, on_deleted, x);
}

static void trouble(struct tracked *t, const struct podspec_trouble *why)
{
    bool mount = why->container == SIZE_MAX;
    agent_event(t->n, t->latest, "Warning", mount ? "FailedMount" : "Failed", why->message);
    local_pod_hold(t->p, why);
    if (why->final && !local_pod_prepared(t->p))
        return;
    t->prepare_again = true;
    retry_later(t);
}

void tracked_prepare(struct tracked *t)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct podspec_trouble why = { 0 };
    bool again = local_pod_prepared(t->p);
    int rc = again ? local_pod_renew(t->p, a, agent_refs_find, t, &why)
                   : local_pod_prepare(t->p, a, agent_refs_find, t, &why);
    agent_refs_drop(t);
    if (rc < 0) {
        trouble(t, &why);
        return;
    }
    t->retry_ns = RETRY_MIN_NS;
    if (!again)
        agent_volumes_begin(t);
}

void tracked_renew(struct tracked *t)
{
    if (!t->n_waiting) /* else the answers under way will do */
        agent_refs_look_up(t);
}

/* ---- status ---- */

static bool same(const struct json_doc *a, const struct json_doc *b)
{
    return a && b && str_eq(json_doc_text(a), json_doc_text(b));
}

/* All main containers run, says the API: the end of a start, as kubelet counts it. */
static void note_started(struct tracked *t)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct wall created = kobj_created(t->latest);
    if (!t->starting || !t->p)
        return;
    struct container_statuses all =
        container_statuses_decode(a, kobj_path(t->latest, "status.containerStatuses"));
    for (size_t i = 0; i < all.n; i++)
        if (all.items[i].state != CONTAINER_RUNNING)
            return;
    if (!all.n)
        return;
    t->starting = false;
    node_meter_pod_reported(t->n->meter,
                            loop_wall(t->n->t->loop).ns - created.ns - local_pod_init_ns(t->p));
}

static void newer(struct tracked *t, const struct kobj *pod)
{
    if (pod->revision < t->latest->revision || !str_eq(pod->uid, t->uid))
        return;
    const struct kobj *before = t->latest;
    t->latest = kobj_ref(pod);
    if (t->p) {
        local_pod_update(t->p, t->latest);
        agent_volumes_changed(t, before);
    }
    kobj_unref(before);
    note_started(t);
}

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct tracked *t = agent_answered(arg, NULL);
    if (!t)
        return;
    t->writing = false;
    if (call_refused(reply)) {
        struct err why = call_error(reply, err);
        json_doc_unref(TAKE(t->in_flight));
        if (reply && (reply->code == 404 || reply->code == 409))
            return; /* gone, or another pod of this name: the watch tells */
        LOG_WARN("node.status", kv_str("pod", t->latest->name),
                 kv_i64("code", reply ? reply->code : 0), kv_err(&why),
                 kv_cstr("next", "retrying"));
        retry_later(t);
        return;
    }
    t->retry_ns = RETRY_MIN_NS;
    json_doc_unref(t->written);
    t->written = TAKE(t->in_flight);
    if (reply->object && reply->object->revision)
        newer(t, reply->object);
    if (t->p)
        local_pod_update(t->p, t->latest); /* its turn sees what else changed meanwhile */
}

static void send_status(struct tracked *t, struct arena *a, struct jnode *status)
{
    struct jnode *patch = jnode_obj(a);
    jnode_set_str(jnode_need_obj(patch, STR("metadata")), STR("uid"), t->uid);
    jnode_set(patch, STR("status"), status);
    struct json_doc *doc = call_body(patch);
    struct call_patch c = {
        .resource = PODS,
        .namespace = t->latest->namespace,
        .name = t->latest->name,
        .subresource = STR("status"),
        .patch = json_root(doc),
    };
    struct sent *x = agent_sent(t->n, t->uid);
    t->writing = true;
    x->call = call_merge_patch(t->n->t, &c, on_written, x);
    json_doc_unref(doc);
}

/* A phase that is final is never left again. */
static bool may_write(const struct tracked *t)
{
    return !pod_finished(pod_of(t->latest)) || t->written;
}

static void write_status(struct tracked *t)
{
    if (!t->p || t->writing || !local_pod_settled(t->p))
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *status = local_pod_status(a, t->p);
    struct json_doc *doc = call_body(jnode_copy(a, status));
    if (may_write(t) && !same(doc, t->written)) {
        json_doc_unref(t->in_flight);
        t->in_flight = doc;
        send_status(t, a, status);
        return;
    }
    json_doc_unref(doc);
    if (pod_of(t->latest)->deleting && local_pod_plan(t->p)->over)
        delete_pod(t);
}

void tracked_turned(struct tracked *t)
{
    if (local_pod_plan(t->p)->over)
        agent_volumes_end(t);
    write_status(t);
}

/* ---- life ---- */

static void on_timer(void *arg)
{
    struct tracked *t = arg;
    if (t->prepare_again && t->p && !pod_of(t->latest)->deleting) {
        t->prepare_again = false;
        agent_refs_look_up(t);
    } else if (t->p) {
        write_status(t);
    } else if (pod_of(t->latest)->deleting && !t->writing) {
        delete_pod(t);
    }
}

void tracked_begin(struct tracked *t)
{
    const struct pod *pod = pod_of(t->latest);
    t->recovered = executor_remembers(t->n->executor, t->uid);
    if (!t->recovered && (pod_finished(pod) || pod->deleting)) {
        if (pod->deleting)
            delete_pod(t);
        return;
    }
    t->starting = !t->recovered && !pod->start_time.ns;
    t->p = executor_add(t->n->executor, t->latest, t);
    if (t->p && local_pod_prepared(t->p))
        agent_volumes_begin(t);
    else if (t->p)
        agent_refs_look_up(t);
}

void tracked_update(struct tracked *t, const struct kobj *pod)
{
    newer(t, pod);
    if (!t->p && pod_of(t->latest)->deleting && !t->writing)
        delete_pod(t);
}
