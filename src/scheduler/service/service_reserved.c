/* SPDX-License-Identifier: Apache-2.0
 * service_reserved — ResourceReservations in, their status out. They are heard once all pods are
 * known, before the first cycle: who has which entry is seen from where pods run. The core says
 * when something changed (core_reserved.c); one status is written at a time. */
#include <stdlib.h>

#include "client/calls.h"
#include "codec/patch.h"
#include "scheduler/service/service_internal.h"

#define RESERVATIONS GVR("scheduling.kubenexus.io", "v1alpha1", "resourcereservations")
#define WAIT_NS (3 * NS_PER_S)   /* for the list at the start; then we go on without */
#define AGAIN_NS (10 * NS_PER_S) /* after a refusal */

struct told { /* of one object: the status that was written last, and up to which revision of the
                 object there is no use in writing it again */
    struct str key;
    uint64_t status, revision;
};

struct service_reserved {
    struct scheduler *s;
    struct informers *informers;
    struct informer *cache;
    struct timer *timer;
    struct call *call;
    struct mono started, not_before;
    bool more;       /* statuses may differ from what is written */
    struct map told; /* "namespace/name" → struct told */
    struct told *writing;
};

static void on_timer(void *arg)
{
    struct service_reserved *all = arg;
    if (all->s->live)
        service_reserved_tell(all->s);
    else
        service_try_begin(all->s);
}

/* ---- what was told ---- */

static struct told *told_of(struct service_reserved *all, const struct kobj *o)
{
    AUTO(arena_freep) struct arena *a = arena_new_sized(512);
    struct str key = kobj_key(a, o);
    struct told *t = map_get(&all->told, key);
    if (!t) {
        t = MEM_NEW(struct told);
        t->key = str_make(str_dup(key), key.n);
        map_put(&all->told, t->key, t);
    }
    return t;
}

static void told_free(struct told *t)
{
    if (!t)
        return;
    free((void *)(uintptr_t)t->key.p); /* own text */
    free(t);
}

static void forget(struct service_reserved *all, const struct kobj *o)
{
    AUTO(arena_freep) struct arena *a = arena_new_sized(512);
    struct told *t = map_del(&all->told, kobj_key(a, o));
    if (t && t == all->writing)
        all->writing = NULL;
    told_free(t);
}

/* ---- in ---- */

static void on_reservation(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct service_reserved *all = arg;
    const struct core_input in = { .kind = INPUT_RESERVATION,
                                   .obj = after ? after : before,
                                   .gone = !after };
    if (!after)
        forget(all, before);
    if (!all->s->live)
        return;
    service_hear(all->s, &in, NULL);
    service_poke(all->s);
}

static bool hear_one(void *arg, const struct kobj *o)
{
    on_reservation(arg, NULL, o);
    return true;
}

void service_reserved_begin(struct scheduler *s)
{
    informer_each(s->reserved->cache, hear_one, s->reserved);
}

bool service_reserved_ready(const struct scheduler *s)
{
    return informer_synced(s->reserved->cache) ||
           loop_now(s->t->loop).ns >= s->reserved->started.ns + WAIT_NS;
}

/* ---- status ---- */

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct service_reserved *all = arg;
    bool gone = reply && (reply->code == 404 || reply->code == 409);
    struct err why = call_error(reply, err);
    struct told *t = TAKE(all->writing);
    all->call = NULL;
    all->more = true; /* others wait */
    if (call_refused(reply) && !gone) {
        LOG_WARN("reservation.status_refused", kv_i64("code", reply ? reply->code : 0),
                 kv_err(&why), kv_cstr("next", "written again in 10s"));
        all->not_before.ns = loop_now(all->s->t->loop).ns + AGAIN_NS;
        timer_start(all->timer, AGAIN_NS);
        if (t)
            t->revision = 0;
        return;
    }
    if (t && !gone && reply->object)
        t->revision = reply->object->revision;
    timer_start(all->timer, 0);
}

/* False: it is being written; the rest waits. */
static bool write_one(void *arg, const struct kobj *o)
{
    struct service_reserved *all = arg;
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    struct jnode *root = jnode_obj(a), *status = core_reservation_status(all->s->core, o, a);
    if (!status)
        return true;
    jnode_set(root, STR("status"), status);
    if (jnode_freeze(&doc, root, NULL))
        return true;
    struct json patch = json_root(doc);
    struct jnode *was = jnode_obj(a);
    if (json_exists(kobj_path(o, "status")))
        jnode_set(was, STR("status"), jnode_thaw(a, kobj_path(o, "status")));
    if (jnode_eq(patch_merge(a, jnode_copy(a, was), patch), was))
        return true;
    struct told *t = told_of(all, o);
    uint64_t hash = str_hash(json_text(patch), 0);
    if (t->status == hash && o->revision <= t->revision)
        return true; /* its event is on the way, or the API does not take it */
    *t = (struct told){ t->key, hash, o->revision };
    all->writing = t;
    const struct call_patch c = { .resource = RESERVATIONS,
                                  .namespace = o->namespace,
                                  .name = o->name,
                                  .subresource = STR("status"),
                                  .patch = patch };
    all->call = call_merge_patch(all->s->t, &c, on_written, all);
    return false;
}

void service_reserved_tell(struct scheduler *s)
{
    struct service_reserved *all = s->reserved;
    all->more |= core_reservations_changed(s->core);
    if (!all->more || all->call || loop_now(s->t->loop).ns < all->not_before.ns)
        return;
    all->more = false;
    informer_each(all->cache, write_one, all);
}

/* ---- life ---- */

void service_reserved_start(struct scheduler *s)
{
    struct service_reserved *all = MEM_NEW(struct service_reserved);
    s->reserved = all;
    all->s = s;
    all->started = loop_now(s->t->loop);
    map_init(&all->told);
    all->timer = timer_new(s->t->loop, on_timer, all);
    all->informers = informers_new(s->t);
    all->cache = informers_get(all->informers, RESERVATIONS, (struct str){ 0 });
    informer_on_event(all->cache, on_reservation, on_timer, all);
    informers_start(all->informers);
    timer_start(all->timer, WAIT_NS);
}

void service_reserved_stop(struct scheduler *s)
{
    struct service_reserved *all = s->reserved;
    if (!all)
        return;
    if (all->call)
        s->t->ops->cancel(all->call);
    timer_free(all->timer);
    informers_free(all->informers);
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&all->told, &i));)
        told_free(slot->value);
    map_fini(&all->told);
    free(all);
    s->reserved = NULL;
}
