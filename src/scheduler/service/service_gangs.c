/* SPDX-License-Identifier: Apache-2.0
 * service_gangs — group objects in, mirrors out. Watches the group objects of every project that
 * the API serves, and keeps one PodGroup of ours for each gang: made when the gang is first seen,
 * its status written when something that it shows changed. Changes are gathered for a moment, so
 * that a gang of a thousand costs as many writes as a gang of two; pods alone cost none.
 *
 *     change ─► dirty ─(100 ms)─► create, if missing ─► status ─► status of the foreign object */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/calls.h"
#include "scheduler/gang/gang_source.h"
#include "scheduler/service/service_internal.h"

#define GATHER_NS (100 * NS_PER_MS)
#define WRITES_MAX 64                  /* on the wire at once; the rest waits its turn */
#define NOT_SERVED_NS (30 * NS_PER_S)  /* then we try again to write PodGroups */
#define RECORDS_WAIT_NS (3 * NS_PER_S) /* for PodGroups at the start; then we go on without */
#define MANAGER "ganglion-scheduler"

#define MIRRORS GVR("aiplatform.ganglion.io", "v1alpha1", "podgroups")

struct follower { /* of one gang, until its last write is made */
    struct service_gangs *all;
    struct gang *g; /* NULL: gone */
    struct str key; /* "namespace/mirror", own text */
    struct list dirty;
    bool exists;           /* the mirror is there, as far as we know */
    struct json_doc *told; /* the last status written; NULL: none */
    struct json_doc *told_source;
    size_t writes; /* on the wire */
};

struct group_watch {
    struct service_gangs *all;
    const struct gang_object_kind *kind;
    struct informer *cache;
};

struct service_gangs {
    struct scheduler *s;
    struct informers *informers;
    struct informer *mirrors;
    struct group_watch watches[32];
    size_t n_watches;
    struct timer *timer;
    bool timer_set;
    struct mono timer_at;
    struct list dirty;
    struct map by_key; /* key → follower */
    struct list writes;
    size_t n_writes;
    struct mono started;
    struct mono not_before; /* PodGroups are not served: no writes until then */
};

struct afterwards { /* what may begin once a status is written; NULLs: nothing */
    struct bind_batch *bind;
    struct eviction *evict;
};

struct gang_write {
    struct service_gangs *all;
    struct follower *f; /* NULL: it is gone */
    struct list in_flight;
    struct call *call;
    struct gvr resource;
    struct str namespace, name; /* own texts */
    struct json_doc *object;    /* to create first; NULL: it is there */
    struct json_doc *status;
    struct afterwards then;
};

/* ---- followers ---- */

static void arm(struct service_gangs *all, int64_t delay_ns)
{
    int64_t at = loop_now(all->s->t->loop).ns + delay_ns;
    if (all->timer_set && all->timer_at.ns <= at)
        return;
    all->timer_set = true;
    all->timer_at.ns = at;
    timer_start(all->timer, delay_ns);
}

static void mark(struct follower *f)
{
    if (list_empty(&f->dirty))
        list_push_back(&f->all->dirty, &f->dirty);
    arm(f->all, GATHER_NS);
}

static struct follower *follower_new(struct service_gangs *all, struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str key =
        arena_printf(a, "%.*s/%.*s", STR_ARG(g->namespace), STR_ARG(gang_mirror_name(a, g)));
    struct follower *f = map_get(&all->by_key, key);
    if (!f) {
        f = MEM_NEW(struct follower);
        f->all = all;
        f->key = str_make(str_dup(key), key.n);
        list_init(&f->dirty);
        map_put(&all->by_key, f->key, f);
    }
    f->g = g;
    g->follower = f;
    return f;
}

static void follower_free(struct follower *f)
{
    map_del(&f->all->by_key, f->key);
    list_remove(&f->dirty);
    json_doc_unref(f->told);
    json_doc_unref(f->told_source);
    free((void *)(uintptr_t)f->key.p); /* own text */
    free(f);
}

/* ---- writes ---- */

static void go_on(struct afterwards *then)
{
    if (then->bind)
        service_bind_go(TAKE(then->bind));
    if (then->evict)
        service_eviction_go(TAKE(then->evict));
}

static void give_up(struct afterwards *then, const struct reply *reply, const struct err *err)
{
    if (then->bind)
        service_bind_give_up(TAKE(then->bind), reply, err);
    if (then->evict)
        service_eviction_give_up(TAKE(then->evict), reply, err);
}

static void write_free(struct gang_write *w)
{
    list_remove(&w->in_flight);
    w->all->n_writes--;
    free((void *)(uintptr_t)w->namespace.p); /* own texts */
    free((void *)(uintptr_t)w->name.p);
    json_doc_unref(w->object);
    json_doc_unref(w->status);
    service_bind_drop(w->then.bind);
    service_eviction_drop(w->then.evict);
    free(w);
}

static void write_done(struct gang_write *w)
{
    struct follower *f = w->f;
    write_free(w);
    if (--f->writes == 0 && !f->g && list_empty(&f->dirty))
        follower_free(f);
}

/* What the API refused is told once in the log; the next change tries again. */
static void write_failed(struct gang_write *w, const struct reply *reply, const struct err *err)
{
    struct service_gangs *all = w->all;
    int code = reply ? reply->code : 0;
    struct err why = call_error(reply, err);
    json_doc_unref(TAKE(w->f->told));
    if (code == 404)
        w->f->exists = false;
    if (code == 404 && w->object)
        all->not_before.ns = loop_now(all->s->t->loop).ns + NOT_SERVED_NS;
    else if (code != 404 && code != 409)
        LOG_WARN("gang.status_refused", kv_str("gang", w->f->key), kv_i64("code", code),
                 kv_err(&why), kv_cstr("next", "written again when the gang changes"));
    if (code == 404) /* PodGroups are not served: nothing can be recorded */
        go_on(&w->then);
    give_up(&w->then, reply, err);
    if (w->f->g && code == 404)
        mark(w->f);
    write_done(w);
}

static void on_status(void *arg, const struct reply *reply, const struct err *err)
{
    struct gang_write *w = arg;
    if (call_refused(reply))
        write_failed(w, reply, err);
    else {
        go_on(&w->then);
        write_done(w);
    }
}

static void send_status(struct gang_write *w)
{
    struct request r = {
        .verb = VERB_PATCH,
        .group = w->resource.group,
        .version = w->resource.version,
        .plural = w->resource.plural,
        .subresource = STR("status"),
        .namespace = w->namespace,
        .name = w->name,
        .write = { .patch = PATCH_MERGE, .grace_s = -1, .field_manager = STR(MANAGER) },
        .body = json_root(w->status),
    };
    struct transport *t = w->all->s->t;
    w->call = t->ops->start(t, &r, on_status, w);
}

static void on_created(void *arg, const struct reply *reply, const struct err *err)
{
    struct gang_write *w = arg;
    if (!reply || (reply->code >= 400 && reply->code != 409)) {
        write_failed(w, reply, err);
        return;
    }
    w->f->exists = true;
    json_doc_unref(TAKE(w->object));
    send_status(w);
}

static void write_start(struct gang_write *w)
{
    struct call_create c = { .resource = w->resource, .namespace = w->namespace };
    w->f->writes++;
    w->all->n_writes++;
    list_push_back(&w->all->writes, &w->in_flight);
    if (!w->object) {
        send_status(w);
        return;
    }
    c.object = json_root(w->object);
    w->call = call_create(w->all->s->t, &c, on_created, w);
}

static struct str own_text(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static struct gang_write *
write_new(struct follower *f, struct gvr resource, struct str namespace, struct str name)
{
    struct gang_write *w = MEM_NEW(struct gang_write);
    *w = (struct gang_write){ .all = f->all,
                              .f = f,
                              .resource = resource,
                              .namespace = own_text(namespace),
                              .name = own_text(name) };
    list_init(&w->in_flight);
    return w;
}

/* {"status": …}; NULL when it says nothing new. last is replaced. */
static struct json_doc *
patch_of(struct arena *a, struct jnode *status, struct json now, struct json_doc **last)
{
    struct json_doc *doc = NULL;
    struct jnode *root = jnode_obj(a);
    jnode_set(root, STR("status"), status);
    if (jnode_freeze(&doc, root, NULL))
        return NULL;
    struct json said = json_get(json_root(doc), STR("status"));
    struct json before = *last ? json_get(json_root(*last), STR("status")) : now;
    bool same = json_eq(said, before);
    json_doc_unref(*last);
    *last = json_doc_ref(doc);
    if (!same)
        return doc;
    json_doc_unref(doc);
    return NULL;
}

/* Its start is more than one write. */
static bool records_start(const struct scheduler *s, const struct gang *g)
{
    bool singly = s->t->ops->binds_singly;
    if (!g->start.under_way)
        return false;
    LIST_EACH (&g->members, at)
        singly = singly || service_ask_binds(s, LIST_ITEM(at, struct spod, in_gang)->obj);
    return singly;
}

static void write_mirror(struct follower *f, struct arena *a, struct afterwards then)
{
    struct service_gangs *all = f->all;
    struct loop *l = all->s->t->loop;
    struct str name = gang_mirror_name(a, f->g);
    const struct kobj *seen = informer_find(all->mirrors, f->g->namespace, name);
    struct json old = f->told ? json_get(json_root(f->told), STR("status"))
                              : json_get(kobj_root(seen), STR("status"));
    struct gang_moment now = { loop_wall(l), loop_now(l), records_start(all->s, f->g) };
    struct jnode *status = gang_mirror_status(a, f->g, core_cluster(all->s->core), old, now);
    struct json_doc *patch = patch_of(a, status, old, &f->told);
    if (!f->g->n_members && !f->exists && !seen) /* it ended before anybody looked */
        json_doc_unref(TAKE(patch));
    if (!patch) {
        go_on(&then);
        return;
    }
    struct gang_write *w = write_new(f, MIRRORS, f->g->namespace, name);
    w->status = patch;
    w->then = then;
    if (!f->exists && !seen && jnode_freeze(&w->object, gang_mirror_object(a, f->g), NULL))
        LOG_ERROR("gang.mirror", kv_str("gang", f->key));
    write_start(w);
}

/* Does its own project's controller write this status? Then we don't. */
static bool has_other_writer(const struct kobj *o)
{
    for (struct json_iter it = json_iter(kobj_meta(o, STR("managedFields"))); json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("subresource"))), "status") &&
            !str_is(json_str(json_get(it.value, STR("manager"))), MANAGER))
            return true;
    }
    return false;
}

/* The object that speaks for the gang, as it is now: the gang keeps the revision whose spec it
 * read. */
static const struct kobj *newest_source(const struct service_gangs *all, const struct gang *g)
{
    for (size_t i = 0; i < all->n_watches; i++) {
        const struct gang_object_kind *k = all->watches[i].kind;
        if (k->bit != g->source_kind->bit || !str_eq(k->version, g->source_kind->version))
            continue;
        const struct kobj *o =
            informer_find(all->watches[i].cache, g->source->namespace, g->source->name);
        return o ? o : g->source;
    }
    return g->source;
}

static void write_source(struct follower *f, struct arena *a)
{
    struct gang_sight sight;
    const struct gang *g = f->g;
    if (!g->source || g->source_kind->bit == GANG_BY_GANGLION)
        return;
    const struct kobj *o = newest_source(f->all, g);
    if (has_other_writer(o))
        return;
    gang_look(g, &sight);
    struct json old = f->told_source ? json_get(json_root(f->told_source), STR("status"))
                                     : json_get(kobj_root(o), STR("status"));
    struct jnode *status = gang_source_status(a, g, &sight, old, loop_wall(f->all->s->t->loop));
    struct json_doc *patch = status ? patch_of(a, status, old, &f->told_source) : NULL;
    if (!patch)
        return;
    const struct gang_object_kind *k = g->source_kind;
    struct gang_write *w = write_new(f, (struct gvr){ k->group, k->version, k->plural },
                                     g->source->namespace, g->source->name);
    w->status = patch;
    write_start(w);
}

static void write_all(struct follower *f)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct gang_sight sight;
    gang_look(f->g, &sight);
    if (sight.phase == GANG_GONE)
        return;
    write_mirror(f, a, (struct afterwards){ 0 });
    write_source(f, a);
}

static void flush(void *arg)
{
    struct service_gangs *all = arg;
    all->timer_set = false;
    service_try_begin(all->s);
    int64_t wait = all->not_before.ns - loop_now(all->s->t->loop).ns;
    if (wait > 0) {
        arm(all, wait);
        return;
    }
    LIST_EACH (&all->dirty, at) {
        struct follower *f = LIST_ITEM(at, struct follower, dirty);
        if (all->n_writes >= WRITES_MAX)
            break;
        if (f->writes)
            continue; /* one after the other */
        list_remove(&f->dirty);
        if (f->g) {
            write_all(f);
            service_nodes_look(all->s, f->g);
        }
    }
    if (!list_empty(&all->dirty))
        arm(all, GATHER_NS);
}

/* ---- the core tells ---- */

/* Pods of an operator whose object nobody can read are no gang that people need to see. */
static bool is_shown(const struct gang *g)
{
    return g->follower || !g->dialect->suffix || g->source;
}

static void on_gang(void *arg, struct gang *g, bool gone)
{
    struct service_gangs *all = arg;
    if (!is_shown(g))
        return;
    struct follower *f = g->follower ? g->follower : follower_new(all, g);
    if (!gone) {
        mark(f);
        return;
    }
    list_remove(&f->dirty);
    service_nodes_gone(all->s, g);
    write_all(f); /* the last word, while there is something to look at */
    f->g = NULL;
    if (f->writes == 0)
        follower_free(f);
}

static void record_first(struct scheduler *s, struct gang *g, struct afterwards then)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    if (!is_shown(g)) {
        go_on(&then);
        return;
    }
    struct follower *f = g->follower ? g->follower : follower_new(s->gangs, g);
    if (s->gangs->not_before.ns > loop_now(s->t->loop).ns)
        go_on(&then);
    else
        write_mirror(f, a, then);
}

void service_gangs_bind(struct scheduler *s, const struct decision *d)
{
    record_first(s, d->gang, (struct afterwards){ .bind = service_bind_hold(s, d) });
}

void service_gangs_evict(struct scheduler *s, const struct decision *d)
{
    record_first(s, d->gang, (struct afterwards){ .evict = service_eviction_hold(s, d) });
}

/* ---- an earlier scheduler's reservations ---- */

bool service_gangs_ready(const struct scheduler *s)
{
    const struct service_gangs *all = s->gangs;
    return informer_synced(all->mirrors) ||
           loop_now(s->t->loop).ns >= all->started.ns + RECORDS_WAIT_NS;
}

/* until: as it is written. */
static void
hear_record(struct follower *f, enum input_kind kind, struct json what, struct str until)
{
    struct loop *l = f->all->s->t->loop;
    struct wall end;
    if (!json_len(what) || !wall_parse(until, &end))
        return;
    const struct core_input in = { .kind = kind,
                                   .gang = f->g->key,
                                   .places = what,
                                   .until = { loop_now(l).ns + end.ns - loop_wall(l).ns } };
    service_hear(f->all->s, &in, NULL);
    LOG_INFO("gang.restored", kv_str("gang", f->key), kv_cstr("what", input_names[kind]),
             kv_i64("places", (int64_t)f->g->n_places), kv_str("until", until));
}

static bool restore(void *arg, const struct kobj *o)
{
    struct service_gangs *all = arg;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct follower *f = map_get(&all->by_key, kobj_key(a, o));
    if (!f || !f->g)
        return true;
    hear_record(f, INPUT_PLACES, kobj_path(o, "status.reservations"),
                json_str(kobj_path(o, "status.reservedUntil")));
    struct json eviction = kobj_path(o, "status.eviction");
    hear_record(f, INPUT_EVICTION, eviction, json_str(json_get(eviction, STR("until"))));
    struct json start = kobj_path(o, "status.start");
    hear_record(f, INPUT_START, start, json_str(json_get(start, STR("until"))));
    return true;
}

void service_gangs_restore(struct scheduler *s)
{
    informer_each(s->gangs->mirrors, restore, s->gangs);
}

const struct kobj *
service_gangs_mirror(const struct scheduler *s, struct str namespace, struct str name)
{
    return informer_find(s->gangs->mirrors, namespace, name);
}

struct gang *service_gangs_find(const struct scheduler *s, struct str namespace, struct str name)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct follower *f =
        map_get(&s->gangs->by_key, arena_printf(a, "%.*s/%.*s", STR_ARG(namespace), STR_ARG(name)));
    return f ? f->g : NULL;
}

static void on_mirrors(void *arg)
{
    struct service_gangs *all = arg;
    service_try_begin(all->s);
}

/* ---- group objects ---- */

static void on_group(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct group_watch *w = arg;
    struct scheduler *s = w->all->s;
    const struct core_input in = { .kind = INPUT_GROUP,
                                   .obj = after ? after : before,
                                   .gone = !after };
    service_hear(s, &in, NULL);
    service_poke(s);
}

/* Somebody removed a mirror: it is made anew if its gang is still here. */
static void on_mirror(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct service_gangs *all = arg;
    AUTO(arena_freep) struct arena *a = arena_new();
    if (after)
        return;
    struct follower *f = map_get(&all->by_key, kobj_key(a, before));
    if (!f || !f->g)
        return;
    f->exists = false;
    json_doc_unref(TAKE(f->told));
    mark(f);
}

static void watch_kind(struct service_gangs *all, const struct gang_object_kind *k)
{
    struct gvr r = { k->group, k->version, k->plural };
    struct informer *cache = informers_get(all->informers, r, (struct str){ 0 });
    for (size_t i = 0; i < all->n_watches; i++) {
        if (all->watches[i].cache == cache)
            return; /* two rows read the same object */
    }
    assert(all->n_watches < COUNT_OF(all->watches));
    struct group_watch *w = &all->watches[all->n_watches++];
    *w = (struct group_watch){ all, k, cache };
    informer_on_event(cache, on_group, NULL, w);
}

/* ---- life ---- */

void service_gangs_start(struct scheduler *s)
{
    struct service_gangs *all = MEM_NEW(struct service_gangs);
    s->gangs = all;
    all->s = s;
    all->informers = informers_new(s->t);
    all->timer = timer_new(s->t->loop, flush, all);
    list_init(&all->dirty);
    list_init(&all->writes);
    map_init(&all->by_key);
    for (size_t i = 0; i < gang_object_kinds_count; i++)
        watch_kind(all, &gang_object_kinds[i]);
    all->mirrors = informers_get(all->informers, MIRRORS, (struct str){ 0 });
    informer_on_event(all->mirrors, on_mirror, on_mirrors, all);
    all->started = loop_now(s->t->loop);
    arm(all, RECORDS_WAIT_NS);
    core_follow_gangs(s->core, on_gang, all);
    informers_start(all->informers);
}

void service_gangs_stop(struct scheduler *s)
{
    struct service_gangs *all = s->gangs;
    if (!all)
        return;
    core_follow_gangs(s->core, NULL, NULL);
    LIST_EACH (&all->writes, at) {
        struct gang_write *w = LIST_ITEM(at, struct gang_write, in_flight);
        s->t->ops->cancel(w->call);
        write_free(w);
    }
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&all->by_key, &i)); i = 0)
        follower_free(slot->value);
    map_fini(&all->by_key);
    timer_free(all->timer);
    informers_free(all->informers);
    free(all);
    s->gangs = NULL;
}
