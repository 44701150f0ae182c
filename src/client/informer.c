/* SPDX-License-Identifier: Apache-2.0
 * informer — the reflector: list in pages, watch from the list's revision, resume, relist after
 * 410.
 *
 *     LISTING ──complete──► WATCHING ──end──► WATCHING (resume) or LISTING (410)
 *        └──error──► WAITING (back-off) ──► LISTING
 *
 * A relist marks every object it sees with its generation; what keeps an older mark was deleted
 * meanwhile. Calls are made and answered on the transport's loop. */
#include "client/informer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "client/informer_internal.h"
#include "io/clock.h"
#include "kube/status.h"

#define LIST_PAGE 1000
#define BACKOFF_MIN_NS (50 * NS_PER_MS)
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define NOT_SERVED_NS (10 * NS_PER_S) /* then we ask again for a resource that is not served */

struct handler {
    informer_event_fn fn;
    informer_batch_fn batch;
    void *arg;
};
VEC_TYPE(handler_vec, struct handler);

enum phase { PHASE_NEW, PHASE_LISTING, PHASE_WATCHING, PHASE_WAITING };

struct informer {
    struct transport *t;
    struct gvr resource;
    struct str field_selector; /* owned, as the texts of resource */
    struct informer_fields fields;
    struct json_keep *keep; /* NULL: everything */
    struct cache cache;
    struct handler_vec handlers;
    enum phase phase;
    bool synced;
    uint32_t generation;
    uint64_t revision;
    char *cont; /* next page's token while LISTING; owned */
    struct call *call;
    struct timer *retry;
    int64_t backoff_ns;
};
VEC_TYPE(informer_vec, struct informer *);

struct informers {
    struct transport *t;
    struct informer_vec all;
};

static void list_start(struct informer *i);
static void watch_start(struct informer *i);

/* ---- telling handlers ---- */

static void tell(struct informer *i, const struct kobj *before, const struct kobj *after)
{
    for (size_t h = 0; h < i->handlers.n; h++)
        i->handlers.items[h].fn(i->handlers.items[h].arg, before, after);
}

static void tell_batch(struct informer *i)
{
    for (size_t h = 0; h < i->handlers.n; h++)
        if (i->handlers.items[h].batch)
            i->handlers.items[h].batch(i->handlers.items[h].arg);
}

static void take_object(struct informer *i, const struct kobj *o)
{
    struct kobj *before;
    struct entry *e = cache_put(&i->cache, o, &before);
    e->generation = i->generation;
    if (!before || before->revision != o->revision)
        tell(i, before, o);
    kobj_unref(before);
}

static void drop_object(struct informer *i, const struct kobj *o)
{
    struct kobj *before = cache_remove(&i->cache, o->namespace, o->name);
    if (before)
        tell(i, before, NULL);
    kobj_unref(before);
}

/* ---- failures ---- */

static void retry_later(struct informer *i, const char *what, const struct err *err)
{
    i->phase = PHASE_WAITING;
    i->backoff_ns = num_clamp_i64(i->backoff_ns * 2, BACKOFF_MIN_NS, BACKOFF_MAX_NS);
    int64_t jitter = (int64_t)(clock_random_u64() % (uint64_t)(i->backoff_ns / 2));
    LOG_WARN("informer.retry", kv_str("resource", i->resource.plural), kv_cstr("after", what),
             kv_err(err), kv_i64("next_ms", (i->backoff_ns + jitter) / NS_PER_MS));
    timer_start(i->retry, i->backoff_ns + jitter);
}

static void on_retry(void *arg)
{
    struct informer *i = arg;
    /* After a failed list nothing was promised to be complete; after a failed watch the revision
     * still holds. */
    if (i->synced && !i->cont && i->revision)
        watch_start(i);
    else
        list_start(i);
}

static void relist(struct informer *i)
{
    free(i->cont);
    i->cont = NULL;
    i->revision = 0;
    i->generation++;
    list_start(i);
}

/* ---- list ---- */

static void sweep(struct informer *i)
{
    struct entry_vec gone = { 0 };
    struct entry *e;
    for (size_t at = 0; (e = named_next(&i->cache.entries, &at));)
        if (e->generation != i->generation)
            entry_vec_push(&gone, e);
    for (size_t n = 0; n < gone.n; n++) {
        AUTO(kobj_unrefp) struct kobj *o = kobj_ref(gone.items[n]->object);
        drop_object(i, o);
    }
    entry_vec_fini(&gone);
}

static void list_complete(struct informer *i, uint64_t revision)
{
    sweep(i);
    i->revision = revision;
    i->synced = true;
    i->backoff_ns = 0;
    tell_batch(i);
    watch_start(i);
}

/* The API does not serve the resource (yet): it has no objects, which is all there is to know. */
static void not_served(struct informer *i)
{
    if (!i->synced)
        LOG_DEBUG("informer.not_served", kv_str("resource", i->resource.plural),
                  kv_str("group", i->resource.group), kv_cstr("next", "asking again every 10 s"));
    else if (i->cache.entries.n)
        LOG_INFO("informer.not_served", kv_str("resource", i->resource.plural),
                 kv_str("group", i->resource.group), kv_cstr("next", "asking again every 10 s"));
    sweep(i);
    i->revision = 0; /* the next one is a list again */
    i->synced = true;
    tell_batch(i);
    i->phase = PHASE_WAITING;
    timer_start(i->retry, NOT_SERVED_NS);
}

static void on_list(void *arg, const struct reply *reply, const struct err *err)
{
    struct informer *i = arg;
    struct err refusal = { 0 };
    if (!reply || !reply->more)
        i->call = NULL;
    if (!reply) {
        retry_later(i, "list", err);
        return;
    }
    if (reply->code >= 400) {
        status_to_err(reply->object, reply->code, &refusal);
        if (refusal.kind == ERR_GONE && i->cont)
            relist(i); /* the pages' snapshot expired: start again with the first one */
        else if (refusal.kind == ERR_NOT_FOUND)
            not_served(i);
        else
            retry_later(i, "list", &refusal);
        return;
    }
    for (size_t n = 0; n < reply->n_items; n++)
        take_object(i, reply->items[n]);
    free(i->cont);
    i->cont = reply->cont.n ? str_dup(reply->cont) : NULL;
    if (reply->more)
        tell_batch(i);
    else if (i->cont)
        list_start(i);
    else
        list_complete(i, reply->revision);
}

static struct request request_of(const struct informer *i, enum verb verb)
{
    return (struct request){
        .verb = verb,
        .group = i->resource.group,
        .version = i->resource.version,
        .plural = i->resource.plural,
        .list = { .field_selector = i->field_selector, .keep = i->keep },
    };
}

static void list_start(struct informer *i)
{
    i->phase = PHASE_LISTING;
    struct request r = request_of(i, VERB_LIST);
    r.list.limit = LIST_PAGE;
    r.list.all_pages = true;
    r.list.cont = str_from(i->cont);
    i->call = i->t->ops->start(i->t, &r, on_list, i);
}

/* ---- watch ---- */

static void on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct informer *i = arg;
    i->backoff_ns = 0;
    for (size_t e = 0; e < n; e++) {
        switch (events[e].type) {
        case EVENT_ADDED:
        case EVENT_MODIFIED:
            take_object(i, events[e].object);
            break;
        case EVENT_DELETED:
            drop_object(i, events[e].object);
            break;
        case EVENT_BOOKMARK:
            break;
        case EVENT_ERROR: /* the transport ends the watch with this as its error */
            continue;
        }
        i->revision = events[e].revision;
    }
    tell_batch(i);
}

static void on_watch_end(void *arg, const struct err *err)
{
    struct informer *i = arg;
    i->call = NULL;
    if (!err || err->kind == ERR_NONE)
        watch_start(i);
    else if (err->kind == ERR_GONE || err->kind == ERR_NOT_FOUND)
        relist(i);
    else
        retry_later(i, "watch", err);
}

static void watch_start(struct informer *i)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, i->revision);
    struct request r = request_of(i, VERB_WATCH);
    r.list.resource_version = str_make(text, (size_t)n);
    r.list.bookmarks = true;
    i->phase = PHASE_WATCHING;
    i->call = i->t->ops->watch(i->t, &r, on_events, on_watch_end, i);
}

/* ---- life cycle ---- */

static void informer_free(struct informer *i)
{
    if (i->call)
        i->t->ops->cancel(i->call);
    timer_free(i->retry);
    cache_fini(&i->cache);
    json_keep_free(i->keep);
    handler_vec_fini(&i->handlers);
    free(i->cont);
    free((void *)(uintptr_t)i->field_selector.p);
    free((void *)(uintptr_t)i->resource.group.p);
    free((void *)(uintptr_t)i->resource.version.p);
    free((void *)(uintptr_t)i->resource.plural.p);
    free(i);
}

struct informers *informers_new(struct transport *t)
{
    struct informers *set = MEM_NEW(struct informers);
    set->t = t;
    return set;
}

void informers_free(struct informers *set)
{
    if (!set)
        return;
    for (size_t n = 0; n < set->all.n; n++)
        informer_free(set->all.items[n]);
    informer_vec_fini(&set->all);
    free(set);
}

static bool gvr_eq(struct gvr a, struct gvr b)
{
    return str_eq(a.group, b.group) && str_eq(a.version, b.version) && str_eq(a.plural, b.plural);
}

static struct str copy(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static struct informer *
get(struct informers *set, struct gvr r, struct str field_selector, struct informer_fields f)
{
    for (size_t n = 0; n < set->all.n; n++) {
        struct informer *i = set->all.items[n];
        if (gvr_eq(i->resource, r) && str_eq(i->field_selector, field_selector) &&
            i->fields.rows == f.rows)
            return i;
    }
    struct informer *i = MEM_NEW(struct informer);
    i->t = set->t;
    i->resource = (struct gvr){ copy(r.group), copy(r.version), copy(r.plural) };
    if (field_selector.n)
        i->field_selector = copy(field_selector);
    i->fields = f;
    if (f.n)
        i->keep = json_keep_new(f.rows, f.n);
    named_init(&i->cache.entries);
    i->retry = timer_new(set->t->loop, on_retry, i);
    informer_vec_push(&set->all, i);
    return i;
}

struct informer *informers_get(struct informers *set, struct gvr r, struct str field_selector)
{
    return get(set, r, field_selector, (struct informer_fields){ 0 });
}

struct informer *
informers_get_fields(struct informers *set, struct gvr r, const struct informer_fields *f)
{
    return get(set, r, (struct str){ 0 }, *f);
}

void informers_start(struct informers *set)
{
    for (size_t n = 0; n < set->all.n; n++)
        if (set->all.items[n]->phase == PHASE_NEW)
            list_start(set->all.items[n]);
}

bool informers_synced(const struct informers *set)
{
    for (size_t n = 0; n < set->all.n; n++)
        if (!set->all.items[n]->synced)
            return false;
    return true;
}

/* ---- handlers and queries ---- */

void informer_on_event(struct informer *i, informer_event_fn fn, informer_batch_fn batch, void *arg)
{
    handler_vec_push(&i->handlers, (struct handler){ fn, batch, arg });
    const struct entry *e;
    for (size_t at = 0; (e = named_next(&i->cache.entries, &at));)
        fn(arg, NULL, e->object);
    if (i->synced && batch)
        batch(arg);
}

bool informer_synced(const struct informer *i)
{
    return i->synced;
}

uint64_t informer_revision(const struct informer *i)
{
    return i->revision;
}

const struct kobj *informer_find(const struct informer *i, struct str namespace, struct str name)
{
    const struct entry *e = cache_find(&i->cache, namespace, name);
    return e ? e->object : NULL;
}

void informer_each(const struct informer *i, informer_visit_fn fn, void *arg)
{
    const struct entry *e;
    for (size_t at = 0; (e = named_next(&i->cache.entries, &at));)
        if (!fn(arg, e->object))
            return;
}

size_t informer_index(struct informer *i, informer_key_fn fn)
{
    return cache_index(&i->cache, fn);
}

void informer_each_in(const struct informer *i,
                      size_t index,
                      struct str key,
                      informer_visit_fn fn,
                      void *arg)
{
    assert(index < i->cache.n_indexes);
    const struct bucket *b = map_get(&i->cache.indexes[index].buckets, key);
    for (size_t n = 0; b && n < b->entries.n; n++)
        if (!fn(arg, b->entries.items[n]->object))
            return;
}

bool informer_key_owner(const struct kobj *o, struct buf *key)
{
    struct str uid = json_str(json_get(kobj_controller(o), STR("uid")));
    if (!uid.n)
        return false;
    buf_str(key, uid);
    return true;
}
