/* SPDX-License-Identifier: Apache-2.0
 * service_queues — queues and topologies in: watches every form that the API serves (the others are
 * looked for again now and then) and hands them to the core. A queue in which nothing can start
 * gets a Warning event that says why. */
#include <stdlib.h>

#include "scheduler/service/service_internal.h"

struct service_queues {
    struct informers *informers;
    struct source_watch watches[SOURCES_QUEUES];
};

static void warn(struct scheduler *s, const struct kobj *o, const char *reason, struct str text)
{
    const struct recorder_note note = {
        .about = o, .type = "Warning", .reason = reason, .message = text
    };
    recorder_event(s->recorder, &note, loop_wall(s->t->loop));
}

/* Does a newer version of the resource show the object too? Then that one is heard. */
static bool is_shown_newer(const struct source_watch *w, const struct kobj *o)
{
    const struct gvr *own = &w->source->resource;
    for (const struct source_watch *at = w->s->queues->watches; at < w; at++) {
        if (str_eq(at->source->resource.group, own->group) &&
            str_eq(at->source->resource.plural, own->plural) &&
            informer_find(at->cache, o->namespace, o->name))
            return true;
    }
    return false;
}

static void tell_ignored(struct scheduler *s, const struct kobj *o)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str ignored = core_queue_ignored(o, a);
    if (ignored.n)
        warn(s, o, "FieldsIgnored",
             arena_printf(a, "without effect in this scheduler: %.*s", STR_ARG(ignored)));
}

static void on_object(void *arg, const struct kobj *before, const struct kobj *after)
{
    const struct source_watch *w = arg;
    struct scheduler *s = w->s;
    struct err err = { 0 };
    const struct core_input in = { .kind = w->source->kind,
                                   .obj = after ? after : before,
                                   .gone = !after };
    if (after && before && json_exists(kobj_path(after, "spec")) &&
        json_eq(kobj_path(before, "spec"), kobj_path(after, "spec")))
        return; /* somebody wrote a status */
    if (is_shown_newer(w, in.obj))
        return;
    bool refused = service_hear(s, &in, &err) != 0;
    bool queue = after && in.kind == INPUT_QUEUE;
    struct str problem = queue ? core_queue_problem(s->core, after) : (struct str){ 0 };
    if (refused)
        problem = str_from(err.msg);
    if (problem.p)
        warn(s, after, "InvalidQueue", problem);
    if (queue)
        tell_ignored(s, after);
    service_poke(s);
}

void service_queues_start(struct scheduler *s)
{
    struct service_queues *all = MEM_NEW(struct service_queues);
    s->queues = all;
    all->informers = informers_new(s->t);
    for (size_t i = 0; i < SOURCES_QUEUES; i++) {
        struct source_watch *w = &all->watches[i];
        *w = (struct source_watch){ .s = s, .source = &sources_queues[i] };
        w->cache = informers_get(all->informers, w->source->resource, (struct str){ 0 });
        informer_on_event(w->cache, on_object, NULL, w);
    }
    informers_start(all->informers);
}

void service_queues_stop(struct scheduler *s)
{
    if (!s->queues)
        return;
    informers_free(s->queues->informers);
    free(TAKE(s->queues));
}
