/* SPDX-License-Identifier: Apache-2.0
 * core_gangs — how pods come together in gangs, and how group objects speak for them. */
#include <stdlib.h>

#include "scheduler/core/core_internal.h"

struct group_entry {
    struct str key; /* own text */
    struct kobj *obj;
};

/* ---- group objects ---- */

static struct str group_key(struct arena *a, uint32_t bit, struct str namespace, struct str name)
{
    return arena_printf(a, "%u %.*s/%.*s", (unsigned)bit, STR_ARG(namespace), STR_ARG(name));
}

static void entry_free(struct group_entry *e)
{
    kobj_unref(e->obj);
    free((void *)(uintptr_t)e->key.p); /* own text */
    free(e);
}

void core_groups_fini(struct sched_core *s)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->groups, &i));)
        entry_free(slot->value);
    map_fini(&s->groups);
}

const struct kobj *
core_group(const struct sched_core *s, uint32_t bits, struct str namespace, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    for (uint32_t left = bits; left; left &= left - 1) {
        const struct group_entry *e =
            map_get(&s->groups, group_key(a, left & -left, namespace, name));
        if (e)
            return e->obj;
    }
    return NULL;
}

/* The object that speaks for the gang; NULL: none is here. */
static const struct kobj *find_source(const struct sched_core *s, const struct gang *g)
{
    return g->dialect ? core_group(s, g->dialect->objects, g->namespace, g->object) : NULL;
}

/* Tells all gangs for which this object speaks. Objects are few beside pods: a scan will do. */
static void tell_gangs(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->gangs, &i));) {
        struct gang *g = slot->value;
        if (!g->dialect || !(g->dialect->objects & bit) || !str_eq(g->object, obj->name) ||
            !str_eq(g->namespace, obj->namespace))
            continue;
        gang_set_source(g, find_source(s, g));
        core_quota_rejoin(s, g); /* the object may name a queue */
        core_gang_changed(s, g, now);
    }
}

void core_group_set(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str key = group_key(a, bit, obj->namespace, obj->name);
    struct group_entry *e = map_get(&s->groups, key);
    if (!e) {
        e = MEM_NEW(struct group_entry);
        e->key = str_make(str_dup(key), key.n);
        map_put(&s->groups, e->key, e);
    }
    struct kobj *old = e->obj;
    e->obj = kobj_ref(obj);
    if (!old || !json_eq(kobj_path(old, "spec"), kobj_path(obj, "spec")) ||
        !json_eq(kobj_meta(old, STR("annotations")), kobj_meta(obj, STR("annotations"))))
        core_claims_anew(s, bit, obj, now);
    /* Our own status writes come back as events: only what is asked for matters. */
    if (!old || !json_eq(kobj_path(old, "spec"), kobj_path(obj, "spec")))
        tell_gangs(s, bit, obj, now);
    kobj_unref(old);
}

void core_group_del(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct group_entry *e = map_del(&s->groups, group_key(a, bit, obj->namespace, obj->name));
    if (!e)
        return;
    core_claims_anew(s, bit, obj, now);
    tell_gangs(s, bit, obj, now);
    entry_free(e);
}

/* ---- followers ---- */

void core_follow_gangs(struct sched_core *s, core_gang_fn fn, void *arg)
{
    s->follow = fn;
    s->follow_arg = arg;
}

void core_touch(struct sched_core *s, struct gang *g)
{
    if (s->follow && g->dialect)
        s->follow(s->follow_arg, g, false);
}

struct gang *core_gang(const struct sched_core *s, struct str namespace, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    return map_get(&s->gangs, arena_printf(a, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name)));
}

/* ---- gangs ---- */

struct str core_lone_key(struct arena *a, const struct kobj *pod)
{
    return arena_printf(a, "pod %.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(pod->name));
}

struct gang *
core_gang_of(struct sched_core *s, const struct kobj *pod, const struct profile *profile)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct gang_claim *claim = profile->gangs ? core_claim_of(s, pod, a) : NULL;
    struct str key =
        claim ? arena_printf(a, "%.*s/%.*s", STR_ARG(pod->namespace), STR_ARG(claim->name))
              : core_lone_key(a, pod);
    struct gang *g = map_get(&s->gangs, key);
    if (g)
        return g;
    g = gang_new(key, pod->namespace, claim, ++s->arrivals);
    map_put(&s->gangs, g->key, g);
    const struct kobj *source = find_source(s, g);
    if (source)
        gang_set_source(g, source);
    return g;
}

/* A lone pod that runs has no gang: most pods of a cluster, so none is made to be dissolved. */
static bool join_lone(struct sched_core *s, struct spod *p)
{
    const struct profile *profile = p->shape->profile;
    if (!p->view->node_name.n || (profile->gangs && p->view->gang))
        return false;
    AUTO(arena_freep) struct arena *a = arena_new_sized(256);
    struct str key = core_lone_key(a, p->obj);
    if (map_get(&s->gangs, key))
        return false;
    core_quota_join_lone(s, p, key);
    return true;
}

void core_join_gang(struct sched_core *s, struct spod *p)
{
    if (join_lone(s, p))
        return;
    if (p->shape->profile->gangs)
        core_claim_keep(s, p);
    struct gang *g = core_gang_of(s, p->obj, p->shape->profile);
    queue_remove(&s->queue, g); /* its place in the order may change */
    gang_add(g, p);
    core_quota_join(s, p);
    if (!p->view->node_name.n)
        core_places_take(s, p);
}

void core_leave_gang(struct sched_core *s, struct spod *p)
{
    struct gang *g = p->gang;
    if (!g)
        return;
    if (g->dialect)
        queue_remove(&s->queue, g); /* it is not like others any more; who calls queues it anew */
    gang_remove(g, p);
    core_touch(s, g);
    if (g->n_members)
        return;
    core_places_drop(s, g);
    core_backfill_leave(s, g);
    queue_remove(&s->queue, g);
    g->since.ns = 0; /* what may come later is a new start */
    g->attempts = 0;
    g->admitted = false;
    core_late_watch(s, g);
    core_gang_gone(s, g);
}

void core_dissolve(struct sched_core *s, struct spod *p)
{
    if (p->gang && !p->gang->dialect)
        core_leave_gang(s, p);
}

void core_gang_gone(struct sched_core *s, struct gang *g)
{
    if (g->n_members || !list_empty(&g->ended))
        return;
    if (s->follow && g->dialect)
        s->follow(s->follow_arg, g, true);
    core_late_forget(s, g);
    core_eviction_forget(s, g);
    core_start_forget(s, g);
    map_del(&s->gangs, g->key);
    gang_free(g);
}

/* Pods of an operator may be seen before the object that they were made from. Without it, each
 * starts when it fits. */
static bool awaits_owner(struct gang *g, struct mono now)
{
    if (!g->dialect || !g->dialect->suffix || g->source)
        return false;
    if (!g->source_by.ns)
        g->source_by.ns = now.ns + QUEUE_ARRIVAL_NS;
    return now.ns < g->source_by.ns;
}

void core_gang_changed(struct sched_core *s, struct gang *g, struct mono now)
{
    core_touch(s, g);
    if (g->dialect && g->crowd)
        queue_remove(&s->queue, g); /* what it has in common with others may have changed */
    core_places_lose(s, g);
    gang_settle(g);
    if (!gang_is_complete(g) || gang_has_started(g))
        core_backfill_leave(s, g);
    g->has_run = g->has_run || gang_has_started(g);
    core_start_look(s, g, now);
    if (g->n_placed && gang_to_come(g))
        g->admitted = true; /* in the life of an earlier scheduler */
    if (g->n_members == g->n_placed + g->n_away || (!g->dialect && g->n_gated)) {
        queue_remove(&s->queue, g);
        core_late_watch(s, g);
        return;
    }
    if (awaits_owner(g, now))
        queue_delay(&s->queue, g, g->source_by);
    else if (gang_is_complete(g) && !gang_to_come(g))
        queue_arrive(&s->queue, g, now);
    else
        queue_delay(&s->queue, g, (struct mono){ now.ns + QUEUE_ARRIVAL_NS });
    core_late_watch(s, g);
}
