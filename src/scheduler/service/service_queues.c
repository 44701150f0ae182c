/* SPDX-License-Identifier: Apache-2.0
 * service_queues — queues and topologies in: watches every form that the API serves (the others are
 * looked for again now and then) and hands them to the core. A queue in which nothing can start
 * gets a Warning event that says why. */
#include <stdlib.h>

#include "scheduler/service/service_internal.h"

static const struct gvr watched[] = {
    { STR_INIT("aiplatform.ganglion.io"), STR_INIT("v1alpha1"), STR_INIT("aijobqueues") },
    { STR_INIT("aiplatform.example.com"), STR_INIT("v1alpha1"), STR_INIT("aijobqueues") },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("v1beta2"), STR_INIT("clusterqueues") },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("v1beta2"), STR_INIT("cohorts") },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("v1beta2"), STR_INIT("localqueues") },
    { STR_INIT("kueue.x-k8s.io"), STR_INIT("v1beta2"), STR_INIT("topologies") },
    { STR_INIT("scheduling.run.ai"), STR_INIT("v2"), STR_INIT("queues") },
    { STR_INIT("scheduling.volcano.sh"), STR_INIT("v1beta1"), STR_INIT("queues") },
    { STR_INIT("kai.scheduler"), STR_INIT("v1alpha1"), STR_INIT("topologies") },
    { STR_INIT("topology.volcano.sh"), STR_INIT("v1alpha1"), STR_INIT("hypernodes") },
    { STR_INIT("topology.node.k8s.io"), STR_INIT("v1alpha2"), STR_INIT("noderesourcetopologies") },
};

struct service_queues {
    struct informers *informers;
};

static void tell_problem(struct scheduler *s, const struct kobj *o, struct str problem)
{
    const struct recorder_note note = {
        .about = o, .type = "Warning", .reason = "InvalidQueue", .message = problem
    };
    recorder_event(s->recorder, &note, loop_wall(s->t->loop));
}

static void set(struct scheduler *s, const struct kobj *o)
{
    struct mono now = loop_now(s->t->loop);
    struct err err = { 0 };
    if (core_topology_set(s->core, o, now))
        return;
    if (core_queue_set(s->core, o, now, &err)) {
        tell_problem(s, o, str_from(err.msg));
        return;
    }
    struct str problem = core_queue_problem(s->core, o->name);
    if (problem.p)
        tell_problem(s, o, problem);
}

static void on_object(void *arg, const struct kobj *before, const struct kobj *after)
{
    struct scheduler *s = arg;
    if (after && before && json_exists(kobj_path(after, "spec")) &&
        json_eq(kobj_path(before, "spec"), kobj_path(after, "spec")))
        return; /* somebody wrote a status */
    if (after)
        set(s, after);
    else if (!core_topology_del(s->core, before, loop_now(s->t->loop)))
        core_queue_del(s->core, before, loop_now(s->t->loop));
    service_poke(s);
}

void service_queues_start(struct scheduler *s)
{
    struct service_queues *all = MEM_NEW(struct service_queues);
    s->queues = all;
    all->informers = informers_new(s->t);
    for (size_t i = 0; i < COUNT_OF(watched); i++) {
        struct informer *cache = informers_get(all->informers, watched[i], (struct str){ 0 });
        informer_on_event(cache, on_object, NULL, s);
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
