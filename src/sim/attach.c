/* SPDX-License-Identifier: Apache-2.0
 * attach — see attach.h. */
#include "sim/attach.h"

#include <assert.h>
#include <stdlib.h>

#include "client/informer.h"
#include "io/loop.h"
#include "scheduler/service/sources.h"

#define WATCHES_MAX 64

struct attach_watch {
    struct attach *all;
    enum input_kind kind;
    struct informer *cache;
};

struct attach {
    struct transport *t;
    attach_fn fn;
    void *arg;
    struct informers *informers;
    struct attach_watch watches[WATCHES_MAX]; /* in the order of the first feed */
    size_t n;
    bool live;
};

static void tell(struct attach *a, const struct core_input *in)
{
    struct core_input full = *in;
    full.now = loop_now(a->t->loop);
    a->fn(a->arg, &full);
}

static void on_object(void *arg, const struct kobj *before, const struct kobj *after)
{
    const struct attach_watch *w = arg;
    const struct core_input in = { .kind = w->kind, .obj = after ? after : before, .gone = !after };
    if (w->all->live)
        tell(w->all, &in);
}

static bool feed_one(void *arg, const struct kobj *o)
{
    const struct attach_watch *w = arg;
    tell(w->all, &(struct core_input){ .kind = w->kind, .obj = o });
    return true;
}

static void on_batch(void *arg)
{
    const struct attach_watch *w = arg;
    struct attach *a = w->all;
    if (a->live || !informers_synced(a->informers))
        return;
    for (size_t i = 0; i < a->n; i++)
        informer_each(a->watches[i].cache, feed_one, &a->watches[i]);
    a->live = true;
    tell(a, &(struct core_input){ .kind = INPUT_STEP });
}

static void watch(struct attach *a, struct gvr resource, enum input_kind kind)
{
    struct informer *cache = informers_get(a->informers, resource, (struct str){ 0 });
    for (size_t i = 0; i < a->n; i++) {
        if (a->watches[i].cache == cache)
            return; /* two rows read the same object */
    }
    assert(a->n < WATCHES_MAX);
    struct attach_watch *w = &a->watches[a->n++];
    *w = (struct attach_watch){ a, kind, cache };
    informer_on_event(cache, on_object, on_batch, w);
}

struct attach *attach_new(struct transport *t, attach_fn fn, void *arg)
{
    struct attach *a = MEM_NEW(struct attach);
    a->t = t;
    a->fn = fn;
    a->arg = arg;
    a->informers = informers_new(t);
    for (size_t i = 0; i < SOURCES_QUEUES; i++)
        watch(a, sources_queues[i].resource, sources_queues[i].kind);
    for (size_t i = 0; i < gang_object_kinds_count; i++) {
        const struct gang_object_kind *k = &gang_object_kinds[i];
        watch(a, (struct gvr){ k->group, k->version, k->plural }, INPUT_GROUP);
    }
    for (size_t i = 0; i < SOURCES_MAIN; i++)
        watch(a, sources_main[i].resource, sources_main[i].kind);
    informers_start(a->informers);
    return a;
}

bool attach_is_live(const struct attach *a)
{
    return a->live;
}

void attach_free(struct attach *a)
{
    if (!a)
        return;
    informers_free(a->informers);
    free(a);
}
