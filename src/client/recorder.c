/* SPDX-License-Identifier: Apache-2.0
 * recorder — remembers the last RECORDER_REMEMBERED distinct events in a ring, so that a repeated
 * one becomes a patch of the first one's count. The name of an Event is the object's name and a
 * hash of what makes it distinct, as client-go's names look. */
#include "client/recorder.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "client/calls.h"
#include "io/clock.h"
#include "kube/meta.h"

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

static void
create_event(struct recorder *r, struct arena *a, struct seen *s, const struct event_spec *spec)
{
    struct jnode *o = event_make(a, spec);
    struct jnode *meta = jnode_get(o, STR("metadata"));
    s->name = str_dup(jnode_text_of_str(jnode_get(meta, STR("name"))));
    s->namespace = str_dup(jnode_text_of_str(jnode_get(meta, STR("namespace"))));
    struct json_doc *doc;
    if (jnode_freeze(&doc, o, NULL) != 0)
        return; /* cannot be: the message is cut far below the limit */
    struct pending *p = pending_new(r);
    struct call_create create = {
        .resource = GVR("", "v1", "events"),
        .namespace = str_from(s->namespace),
        .object = json_root(doc),
    };
    p->call = call_create(r->t, &create, on_written, p);
    json_doc_unref(doc);
}

static void raise_count(struct recorder *r, struct arena *a, const struct seen *s, struct wall now)
{
    struct json_doc *doc;
    if (jnode_freeze(&doc, event_count_patch(a, s->count, now), NULL) != 0)
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

static struct seen *remember(struct recorder *r, struct str key)
{
    if (r->by_key.n >= RECORDER_REMEMBERED)
        seen_drop(r, LIST_ITEM(r->lru.next, struct seen, link));
    struct seen *s = MEM_NEW(struct seen);
    s->key = str_make(str_dup(key), key.n);
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

void recorder_event(struct recorder *r, const struct recorder_note *note, struct wall now)
{
    if (!has_room(r))
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct event_spec spec = {
        .about = note->about,
        .type = note->type,
        .reason = str_from(note->reason),
        .message = str_take(note->message, 1024),
        .component = str_from(r->component),
        .now = now,
        .random = clock_random_u64(),
    };
    struct str key = event_key(a, &spec);
    struct seen *s = map_get(&r->by_key, key);
    if (!s)
        s = remember(r, key);
    s->count++;
    list_remove(&s->link);
    list_push_back(&r->lru, &s->link);
    if (s->count == 1)
        create_event(r, a, s, &spec);
    else
        raise_count(r, a, s, now);
}
