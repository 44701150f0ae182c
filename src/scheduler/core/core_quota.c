/* SPDX-License-Identifier: Apache-2.0
 * core_quota — how pods find their queues, and what happens when queues change. A queue object
 * changes seldom: then all pods find their queue anew, which is simple and costs microseconds a
 * thousand pods. */
#include <stdlib.h>

#include "scheduler/core/core_internal.h"
#include "scheduler/quota/quota_names.h"
#include "scheduler/quota/quota_objects.h"

struct local_queue {   /* Kueue's name for a queue within a namespace */
    struct str key;    /* "namespace/name", own text */
    struct str target; /* own text */
};

struct work_class {  /* Kueue's WorkloadPriorityClass, or a PriorityClass */
    struct str name; /* own text: quota_work_priority's key */
    int64_t priority;
};

static void work_class_free(struct work_class *w)
{
    if (!w)
        return;
    free((void *)(uintptr_t)w->name.p); /* own text */
    free(w);
}

static void local_free(struct local_queue *l)
{
    if (!l)
        return;
    free((void *)(uintptr_t)l->key.p); /* own texts */
    free((void *)(uintptr_t)l->target.p);
    free(l);
}

void core_quota_fini(struct sched_core *s)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->local_queues, &i));)
        local_free(slot->value);
    map_fini(&s->local_queues);
    for (size_t i = 0; (slot = map_next(&s->work_classes, &i));)
        work_class_free(slot->value);
    map_fini(&s->work_classes);
}

static struct str local_key(struct arena *a, struct str namespace, struct str name)
{
    return arena_printf(a, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name));
}

/* A LocalQueue stands for another queue; without one the name itself is the queue. */
static struct str
resolve(const struct sched_core *s, const struct quota_names *names, struct str namespace)
{
    if (!names->local || !s->local_queues.n)
        return names->queue;
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct local_queue *l = map_get(&s->local_queues, local_key(a, namespace, names->queue));
    return l ? l->target : names->queue;
}

/* The queue of a pod; key: of its gang, source: the object that speaks for that, NULL: none. */
static struct quota_names
claim(struct sched_core *s, struct spod *p, struct str key, const struct kobj *source)
{
    struct quota_names names =
        quota_names_of(p->obj, source, cluster_namespace_object(&s->cluster, p->obj->namespace));
    struct quota_owner owner = { resolve(s, &names, p->obj->namespace), key, names.user,
                                 p->obj->namespace };
    quota_join(s->cluster.quota, &owner, &p->quota);
    return names;
}

/* What the pod's label says, or, where the pod has no priority of its own, its group object. */
static const struct work_class *
work_class_of(const struct sched_core *s, const struct spod *p, struct str label)
{
    struct str class = p->gang->said.priority_class;
    if (label.n)
        return map_get(&s->work_classes, label);
    if (!class.n || p->view->priority_class.n || p->view->priority)
        return NULL;
    AUTO(arena_freep) struct arena *a = arena_new();
    return map_get(&s->work_classes, quota_class_key(a, class));
}

void core_quota_join(struct sched_core *s, struct spod *p)
{
    struct gang *g = p->gang;
    struct quota_names names = claim(s, p, g->key, g->source);
    const struct work_class *work = work_class_of(s, p, names.work_class);
    int64_t priority = quota_priority(p->quota.queue, p->view->priority_class, names.priority);
    priority = work ? work->priority : priority;
    struct quota_ticket *k = &g->ticket;
    bool first = k->queue == NULL;
    if (first)
        k->queue = p->quota.queue;
    if (first || priority > k->priority)
        k->priority = priority;
    if (first || names.tier > k->tier)
        k->tier = names.tier;
}

void core_quota_join_lone(struct sched_core *s, struct spod *p, struct str key)
{
    claim(s, p, key, NULL);
}

void core_quota_leave(struct sched_core *s, struct spod *p, struct gang *g)
{
    struct quota_queue *was = p->quota.queue;
    if (g && g->ticket.queue == was) {
        const struct spod *other =
            list_empty(&g->members) ? NULL : LIST_ITEM(g->members.next, struct spod, in_gang);
        queue_remove(&s->queue, g);
        g->ticket.queue = other ? other->quota.queue : NULL;
    }
    quota_leave(s->cluster.quota, &p->quota);
}

static void charge(struct spod *p, int sign)
{
    if (p->node >= 0)
        quota_charge(&p->quota, p->demands, p->n_demands, sign);
}

void core_quota_rejoin(struct sched_core *s, struct gang *g)
{
    queue_remove(&s->queue, g);
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        charge(p, -1);
        snapshot_commit(&s->cluster.snap);
    }
    g->ticket.queue = NULL;
    s->queue.epoch++; /* other limits may hold */
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        quota_leave(s->cluster.quota, &p->quota);
        core_quota_join(s, p);
        charge(p, 1);
        snapshot_commit(&s->cluster.snap);
    }
}

/* The same for lone pods that run, and have no gang any more. */
static void rejoin_dissolved(struct sched_core *s, struct str namespace)
{
    struct spod *p;
    for (size_t i = 0; (p = named_next(&s->pods, &i));) {
        if (p->gang || !spod_is_ours(p) || (namespace.p && !str_eq(p->obj->namespace, namespace)))
            continue;
        AUTO(arena_freep) struct arena *a = arena_new();
        charge(p, -1);
        snapshot_commit(&s->cluster.snap);
        quota_leave(s->cluster.quota, &p->quota);
        core_quota_join_lone(s, p, core_lone_key(a, p->obj));
        charge(p, 1);
        snapshot_commit(&s->cluster.snap);
    }
}

/* All gangs, or those of one namespace, find their queue anew and try again. */
static void rejoin_all(struct sched_core *s, struct str namespace, struct mono now)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->gangs, &i));) {
        struct gang *g = slot->value;
        if (!g->n_members) /* all have ended */
            continue;
        const struct spod *first = LIST_ITEM(g->members.next, struct spod, in_gang);
        if (namespace.p && !str_eq(first->obj->namespace, namespace))
            continue;
        core_quota_rejoin(s, g);
        core_gang_changed(s, g, now);
    }
    rejoin_dissolved(s, namespace);
}

void core_quota_namespace(struct sched_core *s, struct str namespace, struct mono now)
{
    rejoin_all(s, namespace, now);
}

/* A LocalQueue stands for its ClusterQueue; while it holds, for a queue of its own below that. */
static int local_set(struct sched_core *s, const struct kobj *obj, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str target = quota_local_target(obj);
    struct str key = local_key(a, obj->namespace, obj->name);
    struct quota_spec spec;
    if (quota_object_read(obj, a, &spec) && spec.paused) {
        if (quota_set(s->cluster.quota, &spec, err))
            return -1;
        target = spec.name;
    } else {
        quota_del(s->cluster.quota, key);
    }
    struct local_queue *l = MEM_NEW(struct local_queue);
    *l = (struct local_queue){ { str_dup(key), key.n }, { str_dup(target), target.n } };
    local_free(map_put(&s->local_queues, l->key, l));
    return 0;
}

static void work_class_set(struct sched_core *s, struct str key, int64_t priority)
{
    struct work_class *w = MEM_NEW(struct work_class);
    *w = (struct work_class){ { str_dup(key), key.n }, priority };
    work_class_free(map_put(&s->work_classes, w->name, w));
}

int core_queue_set(struct sched_core *s, const struct kobj *obj, struct mono now, struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct quota_spec spec;
    struct str key;
    int64_t priority = 0;
    if (quota_local_target(obj).n) {
        if (local_set(s, obj, err))
            return -1;
        rejoin_all(s, obj->namespace, now);
        return 0;
    }
    if (quota_work_priority(obj, a, &key, &priority)) {
        work_class_set(s, key, priority);
    } else if (!quota_object_read(obj, a, &spec)) {
        return err_set(err, ERR_INVALID, "%.*s of %.*s is no kind of queue", STR_ARG(obj->kind),
                       STR_ARG(obj->api_version));
    } else if (quota_set(s->cluster.quota, &spec, err)) {
        return -1;
    }
    rejoin_all(s, (struct str){ 0 }, now);
    return 0;
}

void core_queue_del(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct quota_spec spec;
    struct str key;
    int64_t priority = 0;
    if (quota_work_priority(obj, a, &key, &priority))
        work_class_free(map_del(&s->work_classes, key));
    if (quota_local_target(obj).n)
        local_free(map_del(&s->local_queues, local_key(a, obj->namespace, obj->name)));
    if (quota_object_read(obj, a, &spec))
        quota_del(s->cluster.quota, spec.name);
    rejoin_all(s, (struct str){ 0 }, now);
}

struct str core_queue_problem(struct sched_core *s, const struct kobj *obj)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct quota_spec spec;
    struct quota_queue *q =
        quota_object_read(obj, a, &spec) ? quota_find(s->cluster.quota, spec.name) : NULL;
    return q ? quota_problem(q) : (struct str){ 0 };
}

struct str core_queue_ignored(const struct kobj *obj, struct arena *a)
{
    struct quota_spec spec;
    return quota_object_read(obj, a, &spec) ? spec.ignored : (struct str){ 0 };
}
