/* SPDX-License-Identifier: Apache-2.0
 * window — recent history, and watchers as cursors into it. Every table has a ring of its events;
 * one ring over all tables gives the order in which they are forgotten when the bytes run out. A
 * watcher is a number: the sequence of the next event of its table. A thousand watchers cost a
 * thousand numbers. An event is charged with the version it superseded, because that version lives
 * on only for the event's sake. */
#include <assert.h>
#include <stdlib.h>

#include "store/store_internal.h"

struct store_watch {
    struct list node; /* in table->watches, or in the list being woken */
    struct store_table *table;
    uint64_t seq;      /* of the next event to read */
    uint64_t revision; /* everything up to here was read */
    store_wake_fn wake;
    void *arg;
};

static void event_free(struct window_event *ev)
{
    kobj_unref(ev->object);
    kobj_unref(ev->before);
    free(ev);
}

static void forget_oldest(struct window *w)
{
    struct window_event *ev = ring_pop(&w->events);
    struct store_table *t = ev->table;
    struct window_event *same = ring_pop(&t->events);
    assert(same == ev);
    (void)same;
    t->first_seq++;
    t->gone_revision = ev->revision;
    w->bytes -= ev->bytes;
    event_free(ev);
}

void window_add(struct window *w, const struct window_event *ev)
{
    struct window_event *own = MEM_NEW(struct window_event);
    *own = *ev;
    own->bytes = STORE_EVENT_OVERHEAD;
    if (ev->before)
        own->bytes += kobj_bytes(ev->before);
    if (ev->type == EVENT_DELETED)
        own->bytes += kobj_bytes(ev->object);
    ring_push(&w->events, own);
    ring_push(&own->table->events, own);
    w->bytes += own->bytes;
    while (w->bytes > w->max && w->events.n > 1)
        forget_oldest(w);
}

void window_fini(struct window *w)
{
    for (struct window_event *ev; (ev = ring_pop(&w->events));)
        event_free(ev);
    ring_fini(&w->events);
}

/* Index in t->events of the first event after a revision. */
static size_t find_after(const struct store_table *t, uint64_t revision)
{
    size_t lo = 0, hi = t->events.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct window_event *ev = ring_at(&t->events, mid);
        if (ev->revision <= revision)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int store_watch_new(struct store_watch **out,
                    struct store_table *t,
                    uint64_t from,
                    store_wake_fn wake,
                    void *arg,
                    struct err *err)
{
    if (from < t->gone_revision)
        return err_set(err, ERR_GONE, "too old resource version: %llu (%llu)",
                       (unsigned long long)from, (unsigned long long)t->gone_revision);
    struct store_watch *w = MEM_NEW(struct store_watch);
    *w = (struct store_watch){ .table = t,
                               .seq = t->first_seq + find_after(t, from),
                               .revision = from,
                               .wake = wake,
                               .arg = arg };
    list_push_back(&t->watches, &w->node);
    *out = w;
    return 0;
}

void store_watch_free(struct store_watch *w)
{
    if (!w)
        return;
    list_remove(&w->node);
    free(w);
}

bool store_watch_next(struct store_watch *w, struct store_event *ev, struct err *err)
{
    struct store_table *t = w->table;
    if (err)
        err->kind = ERR_NONE;
    if (w->seq < t->first_seq) {
        err_set(err, ERR_GONE, "too old resource version: %llu (%llu)",
                (unsigned long long)w->revision, (unsigned long long)t->gone_revision);
        return false;
    }
    if (w->seq - t->first_seq == t->events.n) {
        if (t->store->revision > w->revision)
            w->revision = t->store->revision;
        return false;
    }
    const struct window_event *found = ring_at(&t->events, w->seq - t->first_seq);
    w->seq++;
    w->revision = found->revision;
    *ev = (struct store_event){ found->type, found->revision, found->object, found->before };
    return true;
}

uint64_t store_watch_revision(const struct store_watch *w)
{
    return w->revision;
}

/* The list is moved away first and put back one by one, so that a wake function may free any
 * watcher, or make new ones. */
static void wake_table(struct store_table *t)
{
    struct list due;
    list_init(&due);
    while (!list_empty(&t->watches)) {
        struct list *n = t->watches.next;
        list_remove(n);
        list_push_back(&due, n);
    }
    while (!list_empty(&due)) {
        struct store_watch *w = LIST_ITEM(due.next, struct store_watch, node);
        list_remove(&w->node);
        list_push_back(&t->watches, &w->node);
        w->wake(w->arg);
    }
}

void window_wake(struct store *s)
{
    for (size_t i = 0; i < s->all.n; i++) {
        if (!s->all.items[i]->touched)
            continue;
        s->all.items[i]->touched = false;
        wake_table(s->all.items[i]);
    }
}
