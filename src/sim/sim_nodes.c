/* SPDX-License-Identifier: Apache-2.0
 * sim_nodes — see sim_nodes.h. A pod's key waits in a work queue until its next change is due. */
#include "sim/sim_nodes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "client/informer.h"
#include "client/workqueue.h"
#include "kube/lease.h"
#include "kube/meta.h"
#include "kube/names.h"
#include "kube/pod.h"
#include "sim/life.h"
#include "sim/slice.h"

#define LEASE_PERIOD_NS (10 * NS_PER_S)
#define CALLS_MAX 2048 /* under way; more wait in the queue */
#define NODE_CALLS_MAX 128
#define LEASES GVR("coordination.k8s.io", "v1", "leases")
#define LEASE_NAMESPACE STR(LEASE_NODE_NAMESPACE)

struct sim_node {
    struct str name; /* behind the struct */
    const struct sim_shape *shape;
    const struct sim_group *group; /* NULL: adopted */
    bool leased;                   /* its Lease exists */
};
VEC_TYPE(sim_node_vec, struct sim_node *);

struct life {       /* one pod of ours */
    struct str key; /* "namespace/name", behind the struct */
    struct wall seen;
    uint32_t address; /* of 10.0.0.0/8 */
    bool busy;        /* a write is under way */
    uint64_t written; /* revision of our last write: an older picture of the pod is past */
};

struct sent { /* one call under way */
    struct list link;
    struct sim_nodes *sim;
    struct call *call;
    struct sim_node *node; /* of registrations and leases; NULL when it was dropped meanwhile */
    struct str key;        /* of pods; owned */
    bool of_node;
};

struct sim_nodes {
    struct transport *t;
    struct informers *informers;
    struct informer *pods, *objects; /* objects: the Node objects, for those that others add */
    struct sim_node_vec nodes;
    struct map by_name, lives;
    struct workqueue *queue;
    struct timer *turn, *renew;
    struct list sents;
    size_t n_sents, n_named, n_registered; /* n_named: of the nodes, those of our groups */
    size_t n_node_sents;                   /* of the calls under way, those about nodes */
    size_t register_next, renew_next;      /* places in nodes; renew_next == n: none is due */
    uint32_t next_address;
};

/* ---- calls ---- */

static struct sent *sent_new(struct sim_nodes *s, struct sim_node *node, struct str key)
{
    struct sent *x = MEM_NEW(struct sent);
    x->sim = s;
    x->node = node;
    x->of_node = node != NULL;
    s->n_node_sents += x->of_node;
    if (key.n)
        x->key = str_make(str_dup(key), key.n);
    list_push_back(&s->sents, &x->link);
    s->n_sents++;
    return x;
}

static void sent_free(struct sent *x)
{
    x->sim->n_sents--;
    x->sim->n_node_sents -= x->of_node;
    list_remove(&x->link);
    free((void *)(uintptr_t)x->key.p);
    free(x);
}

/* ---- nodes and leases ---- */

static void renew_lease(struct sim_nodes *s, struct sim_node *n);
static void node_turn(struct sim_nodes *s);

static void on_lease(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct sim_nodes *s = x->sim;
    bool exists = reply && reply->code == 409; /* an earlier run made it */
    (void)err;                                 /* the next period tries again */
    if (x->node)
        x->node->leased = exists || !call_refused(reply);
    if (x->node && exists)
        renew_lease(s, x->node);
    sent_free(x);
    node_turn(s);
}

static void create_lease(struct sim_nodes *s, struct sim_node *n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc = call_body(lease_of_node(a, n->name, loop_wall(s->t->loop)));
    struct sent *x = sent_new(s, n, (struct str){ 0 });
    struct call_create create = { LEASES, LEASE_NAMESPACE, json_root(doc) };
    x->call = call_create(s->t, &create, on_lease, x);
    json_doc_unref(doc);
}

static void renew_lease(struct sim_nodes *s, struct sim_node *n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc = call_body(lease_of_node_renewal(a, n->name, loop_wall(s->t->loop)));
    struct sent *x = sent_new(s, n, (struct str){ 0 });
    struct call_patch patch = {
        .resource = LEASES, .namespace = LEASE_NAMESPACE, .name = n->name, .patch = json_root(doc)
    };
    x->call = call_merge_patch(s->t, &patch, on_lease, x);
    json_doc_unref(doc);
}

/* ---- what a kubelet would have registered, for objects that are there already ---- */

static void tell_refused(const struct sent *x, const char *event, struct err why, const char *next)
{
    LOG_WARN(event, kv_str("node", x->node->name), kv_err(&why), kv_cstr("next", next));
}

static void on_refreshed(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    if (call_refused(reply) && x->node)
        tell_refused(x, "sim.refresh_refused", call_error(reply, err),
                     "the node keeps the status it has");
    sent_free(x);
}

static struct jnode *node_object(struct arena *a, const struct sim_node *n, struct wall now)
{
    return n->group ? sim_group_object(a, n->group, n->name, now)
                    : sim_node_object(a, n->shape, n->name, now);
}

static void
send_refresh(struct sim_nodes *s, struct sim_node *n, struct jnode *patch, struct str subresource)
{
    struct json_doc *doc = call_body(patch);
    struct call_patch p = { .resource = GVR("", "v1", "nodes"),
                            .name = n->name,
                            .subresource = subresource,
                            .patch = json_root(doc) };
    struct sent *x = sent_new(s, n, (struct str){ 0 });
    x->call = call_merge_patch(s->t, &p, on_refreshed, x);
    json_doc_unref(doc);
}

static void refresh(struct sim_nodes *s, struct sim_node *n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *full = node_object(a, n, loop_wall(s->t->loop));
    struct jnode *status = jnode_obj(a), *labels = jnode_obj(a);
    jnode_set(status, STR("status"), jnode_copy(a, jnode_get(full, STR("status"))));
    jnode_set(jnode_need_obj(labels, STR("metadata")), STR("labels"),
              jnode_copy(a, jnode_path(full, "metadata.labels")));
    send_refresh(s, n, labels, (struct str){ 0 });
    send_refresh(s, n, status, STR("status"));
}

static void on_published(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct sim_nodes *s = x->sim;
    bool exists = reply && reply->code == 409; /* an earlier run made it */
    if (x->node && call_refused(reply) && !exists)
        tell_refused(x, "sim.slice_refused", call_error(reply, err), "its GPUs cannot be claimed");
    sent_free(x);
    node_turn(s);
}

static void publish_slice(struct sim_nodes *s, struct sim_node *n, const struct kobj *node)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc = call_body(sim_slice_object(a, n->shape, n->name, node));
    struct sent *x = sent_new(s, n, (struct str){ 0 });
    struct call_create create = { .resource = GVR("resource.k8s.io", "v1", "resourceslices"),
                                  .object = json_root(doc) };
    x->call = call_create(s->t, &create, on_published, x);
    json_doc_unref(doc);
}

static void on_registered(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct sim_nodes *s = x->sim;
    bool exists = reply && reply->code == 409;
    if (x->node && call_refused(reply) && !exists)
        tell_refused(x, "sim.node_refused", call_error(reply, err), "the node stays away");
    if (x->node && exists)
        refresh(s, x->node);
    if (x->node)
        create_lease(s, x->node);
    if (x->node && x->node->shape->claims)
        publish_slice(s, x->node, call_refused(reply) ? NULL : reply->object);
    sent_free(x);
    if (++s->n_registered == s->n_named)
        LOG_INFO("sim.nodes_registered", kv_i64("nodes", (int64_t)s->n_named));
    node_turn(s);
}

static void register_node(struct sim_nodes *s, struct sim_node *n)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc = call_body(node_object(a, n, loop_wall(s->t->loop)));
    struct sent *x = sent_new(s, n, (struct str){ 0 });
    struct call_create create = { .resource = GVR("", "v1", "nodes"), .object = json_root(doc) };
    x->call = call_create(s->t, &create, on_registered, x);
    json_doc_unref(doc);
}

/* Registers and renews up to NODE_CALLS_MAX at a time: enough that one fsync serves many, few
 * enough that a thousand requests never stand in memory at once. */
static void node_turn(struct sim_nodes *s)
{
    while (s->register_next < s->n_named && s->n_node_sents < NODE_CALLS_MAX)
        register_node(s, s->nodes.items[s->register_next++]);
    while (s->renew_next < s->nodes.n && s->n_node_sents < NODE_CALLS_MAX) {
        struct sim_node *n = s->nodes.items[s->renew_next++];
        if (n->leased)
            renew_lease(s, n);
        else
            create_lease(s, n);
    }
}

static void on_renew(void *arg)
{
    struct sim_nodes *s = arg;
    s->renew_next = 0;
    node_turn(s);
}

/* ---- pods ---- */

static void schedule_turn(struct sim_nodes *s)
{
    struct mono due, now = loop_now(s->t->loop);
    if (s->n_sents < CALLS_MAX && workqueue_next_due(s->queue, &due))
        timer_start(s->turn, due.ns > now.ns ? due.ns - now.ns : 0);
}

static void wait_until(struct sim_nodes *s, struct life *l, struct wall due)
{
    int64_t in = due.ns - loop_wall(s->t->loop).ns;
    workqueue_add_at(s->queue, l->key,
                     (struct mono){ loop_now(s->t->loop).ns + (in > 0 ? in : 0) });
}

static void on_pod_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct sent *x = arg;
    struct sim_nodes *s = x->sim;
    struct life *l = map_get(&s->lives, x->key);
    (void)err;
    if (l) {
        l->busy = false;
        if (call_refused(reply)) { /* changed under us, or the server is busy: look again soon */
            workqueue_add_at(s->queue, l->key,
                             (struct mono){ loop_now(s->t->loop).ns + 50 * NS_PER_MS });
        } else {
            l->written = reply->object ? reply->object->revision : 0;
            workqueue_add(s->queue, l->key);
        }
    }
    sent_free(x);
    schedule_turn(s);
}

static void patch_status(struct sim_nodes *s,
                         struct life *l,
                         const struct kobj *pod,
                         struct arena *a,
                         struct jnode *status)
{
    struct jnode *patch = jnode_obj(a);
    jnode_set_str(jnode_need_obj(patch, STR("metadata")), STR("uid"), pod->uid);
    jnode_set(patch, STR("status"), status);
    struct json_doc *doc = call_body(patch);
    struct call_patch p = {
        .resource = GVR("", "v1", "pods"),
        .namespace = pod->namespace,
        .name = pod->name,
        .subresource = STR("status"),
        .patch = json_root(doc),
    };
    struct sent *x = sent_new(s, NULL, l->key);
    l->busy = true;
    x->call = call_merge_patch(s->t, &p, on_pod_written, x);
    json_doc_unref(doc);
}

static void remove_pod(struct sim_nodes *s, struct life *l, const struct kobj *pod)
{
    struct call_delete d = { .resource = GVR("", "v1", "pods"),
                             .namespace = pod->namespace,
                             .name = pod->name,
                             .uid = pod->uid,
                             .grace_s = 0 };
    struct sent *x = sent_new(s, NULL, l->key);
    l->busy = true;
    x->call = call_delete(s->t, &d, on_pod_written, x);
}

static struct str address_text(struct arena *a, uint32_t n)
{
    return arena_printf(a, "10.%u.%u.%u", (n >> 16) & 255, (n >> 8) & 255, n & 255);
}

static void live(struct sim_nodes *s, struct life *l)
{
    struct str name = l->key, namespace = str_split(&name, '/');
    const struct kobj *pod = informer_find(s->pods, namespace, name);
    struct wall due, now = loop_wall(s->t->loop);
    if (!pod || l->busy || pod->revision < l->written) /* the watch will bring it */
        return;
    enum sim_action next = sim_next(pod, l->seen, &due);
    if (next == SIM_NOTHING)
        return;
    if (due.ns > now.ns) {
        wait_until(s, l, due);
        return;
    }
    AUTO(arena_freep) struct arena *a = arena_new();
    if (next == SIM_REMOVE)
        remove_pod(s, l, pod);
    else if (next == SIM_START)
        patch_status(s, l, pod, a, sim_started(a, pod, address_text(a, l->address), now));
    else
        patch_status(s, l, pod, a, sim_ended(a, pod, now));
}

static void on_turn(void *arg)
{
    struct sim_nodes *s = arg;
    struct str key;
    while (s->n_sents < CALLS_MAX && workqueue_take(s->queue, loop_now(s->t->loop), &key)) {
        struct life *l = map_get(&s->lives, key);
        if (l)
            live(s, l);
        workqueue_done(s->queue, key);
    }
    schedule_turn(s);
}

static struct life *life_need(struct sim_nodes *s, const struct kobj *pod)
{
    char text[600];
    int n = snprintf(text, sizeof text, "%.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(pod->name));
    struct str key = str_make(text, (size_t)n);
    struct life *l = map_get(&s->lives, key);
    if (l)
        return l;
    l = mem_alloc(sizeof *l + key.n + 1);
    memcpy(l + 1, key.p, key.n);
    l->key = str_make(l + 1, key.n);
    l->seen = loop_wall(s->t->loop);
    l->address = ++s->next_address;
    map_put(&s->lives, l->key, l);
    return l;
}

static void life_drop(struct sim_nodes *s, const struct kobj *pod)
{
    char text[600];
    int n = snprintf(text, sizeof text, "%.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(pod->name));
    free(map_del(&s->lives, str_make(text, (size_t)n)));
}

static void on_pod(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct sim_nodes *s = arg;
    if (!after || (before && !str_eq(before->uid, after->uid)))
        life_drop(s, before);
    if (!after || !map_get(&s->by_name, pod_of(after)->node_name))
        return;
    struct wall due;
    struct life *l = life_need(s, after);
    if (!l->busy && sim_next(after, l->seen, &due) != SIM_NOTHING)
        wait_until(s, l, due);
}

static void on_batch(void *arg)
{
    schedule_turn(arg);
}

/* ---- life cycle ---- */

static struct sim_node *
node_add(struct sim_nodes *s, struct str name, const struct sim_shape *shape)
{
    struct sim_node *n = mem_alloc(sizeof *n + name.n + 1);
    memcpy(n + 1, name.p, name.n);
    n->name = str_make(n + 1, name.n);
    n->shape = shape;
    n->group = NULL;
    n->leased = false;
    sim_node_vec_push(&s->nodes, n);
    map_put(&s->by_name, n->name, n);
    return n;
}

static void node_drop(struct sim_nodes *s, struct str name)
{
    struct sim_node *n = map_del(&s->by_name, name);
    if (!n)
        return;
    for (size_t i = 0; i < s->nodes.n; i++)
        if (s->nodes.items[i] == n)
            s->nodes.items[i] = s->nodes.items[s->nodes.n - 1];
    s->nodes.n--;
    LIST_EACH (&s->sents, link) {
        struct sent *x = LIST_ITEM(link, struct sent, link);
        if (x->node == n)
            x->node = NULL;
    }
    free(n);
}

static struct str prefix_of(const struct sim_group *g)
{
    return g->prefix.n ? g->prefix : STR("sim-");
}

/* The number that the next node of that prefix gets: groups before `upto` have taken some. */
static int64_t count_before(const struct sim_options *o, size_t upto, struct str prefix)
{
    int64_t n = 0;
    for (size_t g = 0; g < upto; g++)
        n += !o->groups[g].names && str_eq(prefix_of(&o->groups[g]), prefix) ? o->groups[g].n : 0;
    return n;
}

static void name_group(struct sim_nodes *s, const struct sim_group *g, int64_t first)
{
    struct str prefix = prefix_of(g);
    for (int64_t i = 0; i < g->n; i++) {
        char text[300];
        int n = snprintf(text, sizeof text, "%.*s%lld", STR_ARG(prefix), (long long)(first + i));
        struct str name = g->names ? g->names[i] : str_make(text, (size_t)n);
        if (map_get(&s->by_name, name))
            LOG_WARN("sim.name_twice", kv_str("node", name), kv_cstr("next", "one of them stays"));
        else
            node_add(s, name, g->shape)->group = g;
    }
}

static void name_nodes(struct sim_nodes *s, const struct sim_options *o)
{
    for (size_t g = 0; g < o->n_groups; g++)
        name_group(s, &o->groups[g], count_before(o, g, prefix_of(&o->groups[g])));
    s->n_named = s->nodes.n;
}

/* ---- Node objects that others add with the label node.ganglion.io/executor=simulated ---- */

static void adopt(struct sim_nodes *s, const struct kobj *o)
{
    struct sim_node *n = node_add(s, o->name, sim_shape_find(kobj_label(o, STR(SIM_SHAPE_KEY))));
    refresh(s, n);
    create_lease(s, n);
    LOG_INFO("sim.node_adopted", kv_str("node", n->name), kv_cstr("shape", n->shape->name));
}

static void on_node(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct sim_nodes *s = arg;
    if (!after)
        node_drop(s, before->name);
    else if (!map_get(&s->by_name, after->name) &&
             str_is(kobj_label(after, STR(NAME_EXECUTOR)), "simulated"))
        adopt(s, after);
}

struct sim_nodes *sim_nodes_new(struct transport *t, const struct sim_options *o)
{
    struct sim_nodes *s = MEM_NEW(struct sim_nodes);
    s->t = t;
    map_init(&s->by_name);
    map_init(&s->lives);
    list_init(&s->sents);
    name_nodes(s, o);
    s->queue = workqueue_new();
    s->turn = timer_new(t->loop, on_turn, s);
    s->renew = timer_new(t->loop, on_renew, s);
    s->informers = informers_new(t);
    s->pods = informers_get(s->informers, GVR("", "v1", "pods"), (struct str){ 0 });
    s->objects = informers_get(s->informers, GVR("", "v1", "nodes"), (struct str){ 0 });
    informer_on_event(s->pods, on_pod, on_batch, s);
    informer_on_event(s->objects, on_node, NULL, s);
    informers_start(s->informers);
    s->renew_next = s->nodes.n; /* each registration makes its Lease */
    node_turn(s);
    timer_start_every(s->renew, LEASE_PERIOD_NS);
    return s;
}

bool sim_nodes_registered(const struct sim_nodes *s)
{
    return s->n_registered >= s->n_named && informers_synced(s->informers);
}

void sim_nodes_free(struct sim_nodes *s)
{
    if (!s)
        return;
    LIST_EACH (&s->sents, node) {
        struct sent *x = LIST_ITEM(node, struct sent, link);
        s->t->ops->cancel(x->call);
        sent_free(x);
    }
    informers_free(s->informers);
    timer_free(s->turn);
    timer_free(s->renew);
    workqueue_free(s->queue);
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->lives, &i));)
        free(slot->value);
    for (size_t i = 0; i < s->nodes.n; i++)
        free(s->nodes.items[i]);
    map_fini(&s->lives);
    map_fini(&s->by_name);
    sim_node_vec_fini(&s->nodes);
    free(s);
}
