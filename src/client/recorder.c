/* SPDX-License-Identifier: Apache-2.0
 * recorder — remembers the last RECORDER_REMEMBERED distinct events in a ring, so that a repeated
 * one becomes a patch of the first one's count. The name of an Event is the object's name and a
 * hash of what makes it distinct, as client-go's names look. */
#include "client/recorder.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "client/calls.h"

struct seen {         /* one distinct event */
    struct list link; /* least recently used first */
    struct str key;   /* "uid/type/reason/message" */
    char *name;
    char *namespace;
    int64_t count;
};

struct pending { /* a write under way */
    struct list link;
    struct recorder *recorder;
    struct call *call;
};

struct recorder {
    struct transport *t;
    const char *component;
    struct map by_key;
    struct list lru;
    struct list pending;
    size_t n_pending, dropped;
};

struct recorder *recorder_new(struct transport *t, const char *component)
{
    struct recorder *r = MEM_NEW(struct recorder);
    r->t = t;
    r->component = component;
    map_init(&r->by_key);
    list_init(&r->lru);
    list_init(&r->pending);
    return r;
}

static void seen_drop(struct recorder *r, struct seen *s)
{
    map_del(&r->by_key, s->key);
    list_remove(&s->link);
    free((void *)(uintptr_t)s->key.p);
    free(s->name);
    free(s->namespace);
    free(s);
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    LIST_EACH (&r->pending, node) {
        struct pending *p = LIST_ITEM(node, struct pending, link);
        r->t->ops->cancel(p->call);
        free(p);
    }
    while (!list_empty(&r->lru))
        seen_drop(r, LIST_ITEM(r->lru.next, struct seen, link));
    map_fini(&r->by_key);
    free(r);
}

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct pending *p = arg;
    (void)reply; /* an event that could not be written is lost: it is advice, not state */
    (void)err;
    list_remove(&p->link);
    p->recorder->n_pending--;
    free(p);
}

static struct pending *pending_new(struct recorder *r)
{
    struct pending *p = MEM_NEW(struct pending);
    p->recorder = r;
    list_push_back(&r->pending, &p->link);
    r->n_pending++;
    return p;
}

static struct jnode *involved(struct arena *a, const struct kobj *about)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("kind"), about->kind);
    if (about->namespace.n)
        jnode_set_str(o, STR("namespace"), about->namespace);
    jnode_set_str(o, STR("name"), about->name);
    jnode_set_str(o, STR("uid"), about->uid);
    jnode_set_str(o, STR("apiVersion"), about->api_version);
    jnode_set_str(o, STR("resourceVersion"), arena_printf(a, "%" PRIu64, about->revision));
    return o;
}

struct note { /* the arguments of recorder_event */
    const struct kobj *about;
    const char *type, *reason;
    struct str message, time;
};

static void
create_event(struct recorder *r, struct arena *a, const struct seen *s, const struct note *n)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("apiVersion"), STR("v1"));
    jnode_set_str(o, STR("kind"), STR("Event"));
    struct jnode *meta = jnode_need_obj(o, STR("metadata"));
    jnode_set_str(meta, STR("name"), str_from(s->name));
    jnode_set_str(meta, STR("namespace"), str_from(s->namespace));
    jnode_set(o, STR("involvedObject"), involved(a, n->about));
    jnode_set_str(o, STR("reason"), str_from(n->reason));
    jnode_set_str(o, STR("message"), n->message);
    jnode_set_str(o, STR("type"), str_from(n->type));
    jnode_set_str(jnode_need_obj(o, STR("source")), STR("component"), str_from(r->component));
    jnode_set_str(o, STR("reportingComponent"), str_from(r->component));
    jnode_set_str(o, STR("reportingInstance"), STR(""));
    jnode_set_str(o, STR("firstTimestamp"), n->time);
    jnode_set_str(o, STR("lastTimestamp"), n->time);
    jnode_set_i64(o, STR("count"), s->count);
    struct json_doc *doc;
    if (jnode_freeze(&doc, o, NULL) != 0)
        return;
    struct pending *p = pending_new(r);
    p->call = call_create(r->t, GVR("", "v1", "events"), str_from(s->namespace), json_root(doc),
                          on_written, p);
    json_doc_unref(doc);
}

static void
raise_count(struct recorder *r, struct arena *a, const struct seen *s, const struct note *n)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_i64(o, STR("count"), s->count);
    jnode_set_str(o, STR("lastTimestamp"), n->time);
    struct json_doc *doc;
    if (jnode_freeze(&doc, o, NULL) != 0)
        return;
    struct pending *p = pending_new(r);
    struct call_patch patch = {
        .resource = GVR("", "v1", "events"),
        .namespace = str_from(s->namespace),
        .name = str_from(s->name),
        .patch = json_root(doc),
    };
    p->call = call_merge_patch(r->t, &patch, on_written, p);
    json_doc_unref(doc);
}

static struct seen *remember(struct recorder *r,
                             struct arena *a,
                             struct str key,
                             const struct kobj *about,
                             struct wall now)
{
    if (r->by_key.n >= RECORDER_REMEMBERED)
        seen_drop(r, LIST_ITEM(r->lru.next, struct seen, link));
    struct seen *s = MEM_NEW(struct seen);
    s->key = str_make(str_dup(key), key.n);
    uint64_t mark = str_hash(key, (uint64_t)now.ns);
    s->name =
        str_dup(arena_printf(a, "%.*s.%016" PRIx64, STR_ARG(str_take(about->name, 230)), mark));
    s->namespace = str_dup(about->namespace.n ? about->namespace : STR("default"));
    map_put(&r->by_key, s->key, s);
    list_push_back(&r->lru, &s->link);
    return s;
}

static bool has_room(struct recorder *r)
{
    if (r->n_pending < RECORDER_IN_FLIGHT) {
        if (r->dropped)
            LOG_WARN("recorder.dropped", kv_cstr("component", r->component),
                     kv_i64("events", (int64_t)r->dropped), kv_cstr("next", "recording again"));
        r->dropped = 0;
        return true;
    }
    r->dropped++;
    return false;
}

void recorder_event(struct recorder *r,
                    const struct kobj *about,
                    const char *type,
                    const char *reason,
                    struct str message,
                    struct wall now)
{
    if (!has_room(r))
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    char time[TIME_TEXT_MAX];
    struct note n = { about, type, reason, str_take(message, 1024), wall_text(time, now) };
    struct str key =
        arena_printf(a, "%.*s/%s/%s/%.*s", STR_ARG(about->uid), type, reason, STR_ARG(n.message));
    struct seen *s = map_get(&r->by_key, key);
    if (!s)
        s = remember(r, a, key, about, now);
    s->count++;
    list_remove(&s->link);
    list_push_back(&r->lru, &s->link);
    if (s->count == 1)
        create_event(r, a, s, &n);
    else
        raise_count(r, a, s, &n);
}
