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

static void tell_problem(struct scheduler *s, const struct kobj *o, struct str problem)
{
    const struct recorder_note note = {
        .about = o, .type = "Warning", .reason = "InvalidQueue", .message = problem
    };
    recorder_event(s->recorder, &note, loop_wall(s->t->loop));
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
    bool refused = service_hear(s, &in, &err) != 0;
    bool queue = after && in.kind == INPUT_QUEUE;
    struct str problem = queue ? core_queue_problem(s->core, after->name) : (struct str){ 0 };
    if (refused)
        problem = str_from(err.msg);
    if (problem.p)
        tell_problem(s, after, problem);
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
