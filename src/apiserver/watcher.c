/* SPDX-License-Identifier: Apache-2.0
 * watcher — see watcher.h. The store wakes a watcher once per publication; the watcher then reads
 * on its own turn of the loop, so that a thousand of them do not delay the replies of the writes
 * that woke them. */
#include "apiserver/watcher.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/convert.h"
#include "apiserver/read.h"
#include "apiserver/refuse.h"
#include "io/clock.h"

#define BOOKMARK_NS (60 * NS_PER_S)
#define TIMEOUT_MIN_S 1800 /* of a watch that names none: half an hour to an hour */

struct watcher {
    struct list node;
    struct apiserver *s;
    struct served *what; /* counted */
    struct selection *selection;
    struct store_watch *cursor;
    struct kobj_vec initial; /* counted: still to be sent */
    size_t initial_next;
    struct watcher_sink sink;
    struct mono ends, bookmark_due;
    bool bookmarks;
    bool initial_end; /* a bookmark marks the end of the initial events */
    bool started, pumping, due, paused, dead;
};

/* ---- checking a request ---- */

struct watch_start {
    uint64_t from;
    bool initial; /* send the present objects first */
    bool mark_end;
};

static enum turn parse_start(struct action *a, struct watch_start *out)
{
    const struct list_options *o = &a->r.list;
    uint64_t revision = 0;
    if (o->resource_version.n > 0 && !str_to_u64(o->resource_version, &revision))
        return refuse_internal(a,
                               "Invalid value: \"%.*s\": strconv.ParseUint: parsing \"%.*s\": "
                               "invalid syntax",
                               STR_ARG(o->resource_version), STR_ARG(o->resource_version));
    *out = (struct watch_start){ .from = revision };
    if (o->has_send_initial_events) {
        out->initial = o->send_initial_events;
        out->mark_end = o->send_initial_events && o->bookmarks;
        if (!out->initial && revision == 0)
            out->from = store_revision(a->s->store);
    } else {
        out->initial = revision == 0;
    }
    return TURN_GO;
}

static enum turn check_initial(struct action *a)
{
    const struct list_options *o = &a->r.list;
    const char *why = NULL;
    const char *field = "resourceVersionMatch";
    if (o->has_send_initial_events && o->resource_version_match.n == 0) {
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    } else if (o->resource_version_match.n > 0 && !o->has_send_initial_events) {
        why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    }
    if (!why)
        return TURN_GO;
    struct causes c = { .a = a->arena };
    cause_add(&c, CAUSE_FORBIDDEN, str_from(field), NULL, "%s", why);
    enum turn t =
        action_reply(a, 422, status_invalid(STR("ListOptions"), STR("meta.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

static void on_wake(void *arg);

static bool add_initial(void *arg, const struct kobj *o)
{
    struct watcher *w = arg;
    if (selection_matches(w->selection, o))
        kobj_vec_push(&w->initial, kobj_ref(o));
    return true;
}

static int
open_cursor(struct watcher *w, struct action *a, const struct watch_start *start, struct err *err)
{
    uint64_t from = start->from;
    if (start->initial) {
        struct store_snapshot *now = store_snapshot(a->what->table);
        from = store_snapshot_revision(now);
        store_snapshot_walk(now, &(struct store_range){ .namespace = a->r.namespace }, add_initial,
                            w);
        store_snapshot_unref(now);
    }
    return store_watch_new(&w->cursor, a->what->table, from, on_wake, w, err);
}

static int64_t timeout_of(const struct action *a)
{
    if (a->r.list.timeout_s > 0)
        return a->r.list.timeout_s;
    return TIMEOUT_MIN_S + (int64_t)(clock_random_u64() % TIMEOUT_MIN_S);
}

static enum turn open_watch(struct action *a)
{
    struct watch_start start = { 0 };
    enum turn t = check_initial(a);
    if (t == TURN_GO)
        t = parse_start(a, &start);
    if (t != TURN_GO)
        return t;
    AUTO(selection_freep) struct selection *selection = NULL;
    t = read_select(a, &selection);
    if (t != TURN_GO)
        return t;
    struct watcher *w = MEM_NEW(struct watcher);
    struct mono now = loop_now(a->s->loop);
    *w = (struct watcher){ .s = a->s,
                           .what = served_ref(a->what),
                           .selection = TAKE(selection),
                           .bookmarks = a->r.list.bookmarks,
                           .initial_end = start.mark_end,
                           .ends.ns = now.ns + timeout_of(a) * NS_PER_S,
                           .bookmark_due.ns = now.ns + BOOKMARK_NS };
    list_init(&w->node);
    struct err err = { 0 };
    if (open_cursor(w, a, &start, &err) != 0) {
        watcher_free(w);
        return refuse_err(a, &err);
    }
    list_push_back(&a->s->watchers, &w->node);
    a->s->counts.watches_open++;
    a->reply.code = 200;
    a->wait = w;
    return TURN_END;
}

const action_step_fn watcher_steps[] = { authz_check, open_watch, NULL };

/* ---- running ---- */

static void pump(void *arg);

static void schedule(struct watcher *w)
{
    if (!w->started || w->due || w->paused)
        return;
    w->due = true;
    loop_defer(w->s->loop, pump, w);
}

static void on_wake(void *arg)
{
    schedule(arg);
}

static void release(struct watcher *w)
{
    list_remove(&w->node);
    store_watch_free(w->cursor);
    selection_free(w->selection);
    for (; w->initial_next < w->initial.n; w->initial_next++)
        kobj_unref(w->initial.items[w->initial_next]);
    kobj_vec_fini(&w->initial);
    served_unref(w->what);
    free(w);
}

void watcher_free(struct watcher *w)
{
    if (!w || w->dead)
        return;
    w->s->counts.watches_open -= w->started;
    w->dead = true;
    if (!w->due && !w->pumping)
        release(w);
}

static void end(struct watcher *w, const struct err *err)
{
    struct watcher_sink sink = w->sink;
    watcher_free(w);
    sink.end(sink.arg, err);
}

/* What an event of the store is to this watcher; false: nothing. A change that leaves the selection
 * is a deletion to it, one that enters it an addition. */
static bool translate(struct watcher *w, const struct store_event *ev, struct watch_event *out)
{
    bool was = ev->before && selection_matches(w->selection, ev->before);
    bool is = ev->type != EVENT_DELETED && selection_matches(w->selection, ev->object);
    if (!was && !is)
        return false;
    *out = (struct watch_event){ .revision = ev->revision };
    if (is) {
        out->type = was ? EVENT_MODIFIED : EVENT_ADDED;
        out->object = convert_out(w->what, ev->object);
        return true;
    }
    out->type = EVENT_DELETED;
    if (ev->type == EVENT_DELETED) {
        out->object = convert_out(w->what, ev->object);
        return true;
    }
    /* it left: the last state that was seen, at the new revision */
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *root = jnode_thaw(a, kobj_root(ev->before));
    struct str revision = json_str(kobj_meta(ev->object, STR("resourceVersion")));
    jnode_set_str(jnode_need_obj(root, STR("metadata")), STR("resourceVersion"), revision);
    struct kobj *last = NULL;
    if (kobj_freeze(&last, root, NULL) != 0)
        return false;
    out->object = convert_out(w->what, last);
    kobj_unref(last);
    return true;
}

static struct watch_event bookmark(struct watcher *w, uint64_t revision, bool initial_end)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    char version[256];
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("kind"), w->what->res->kind);
    jnode_set_str(root, STR("apiVersion"),
                  resource_api_version(version, sizeof version, w->what->res));
    struct jnode *meta = jnode_set(root, STR("metadata"), jnode_obj(a));
    jnode_set_str(meta, STR("resourceVersion"),
                  arena_printf(a, "%llu", (unsigned long long)revision));
    if (initial_end)
        jnode_set_str(jnode_set(meta, STR("annotations"), jnode_obj(a)),
                      STR("k8s.io/initial-events-end"), STR("true"));
    else
        jnode_set(meta, STR("creationTimestamp"), jnode_null(a));
    struct watch_event ev = { .type = EVENT_BOOKMARK,
                              .revision = revision,
                              .initial_end = initial_end };
    int rc = kobj_freeze(&ev.object, root, NULL);
    assert(rc == 0); /* small */
    (void)rc;
    return ev;
}

/* Fills the batch from the initial objects, then their bookmark, then the cursor. */
static size_t next_batch(struct watcher *w, struct watch_event *batch, struct err *err)
{
    size_t n = 0;
    while (n < WATCHER_BATCH && w->initial_next < w->initial.n) {
        struct kobj *o = w->initial.items[w->initial_next++];
        batch[n++] = (struct watch_event){ .type = EVENT_ADDED,
                                           .revision = o->revision,
                                           .object = convert_out(w->what, o) };
        kobj_unref(o);
    }
    if (n < WATCHER_BATCH && w->initial_end && w->initial_next == w->initial.n) {
        w->initial_end = false;
        batch[n++] = bookmark(w, store_watch_revision(w->cursor), true);
    }
    struct store_event ev;
    while (n < WATCHER_BATCH && store_watch_next(w->cursor, &ev, err)) {
        if (translate(w, &ev, &batch[n]))
            n++;
    }
    return n;
}

static void pump(void *arg)
{
    struct watcher *w = arg;
    struct err err = { 0 };
    w->due = false;
    w->pumping = true;
    while (!w->dead && !w->paused) {
        struct watch_event batch[WATCHER_BATCH];
        size_t n = next_batch(w, batch, &err);
        if (n > 0 && !w->sink.events(w->sink.arg, batch, n))
            w->paused = true;
        for (size_t i = 0; i < n; i++)
            kobj_unref(batch[i].object);
        if (n < WATCHER_BATCH || err.kind != ERR_NONE)
            break;
    }
    w->pumping = false;
    if (w->dead)
        release(w);
    else if (err.kind != ERR_NONE)
        end(w, &err);
}

struct watcher *watcher_start(struct action *a, const struct watcher_sink *sink)
{
    struct watcher *w = TAKE(a->wait);
    w->sink = *sink;
    w->started = true;
    schedule(w);
    return w;
}

void watcher_resume(struct watcher *w)
{
    w->paused = false;
    schedule(w);
}

static void end_all_of(struct apiserver *s, const struct served *what)
{
    LIST_EACH (&s->watchers, n) {
        struct watcher *w = LIST_ITEM(n, struct watcher, node);
        if (w->dead || !w->started || (what && w->what != what))
            continue;
        end(w, &(struct err){ 0 });
    }
}

void watcher_end_all(struct apiserver *s)
{
    end_all_of(s, NULL);
}

void watcher_end_of(struct apiserver *s, const struct served *what)
{
    end_all_of(s, what);
}

void watcher_tick(struct apiserver *s)
{
    struct mono now = loop_now(s->loop);
    LIST_EACH (&s->watchers, n) {
        struct watcher *w = LIST_ITEM(n, struct watcher, node);
        if (w->dead || !w->started)
            continue;
        if (now.ns >= w->ends.ns) {
            end(w, &(struct err){ 0 });
            continue;
        }
        if (!w->bookmarks || w->paused || w->due || now.ns < w->bookmark_due.ns)
            continue;
        w->bookmark_due.ns = now.ns + BOOKMARK_NS;
        struct watch_event ev = bookmark(w, store_watch_revision(w->cursor), false);
        if (!w->sink.events(w->sink.arg, &ev, 1))
            w->paused = true;
        kobj_unref(ev.object);
    }
}
