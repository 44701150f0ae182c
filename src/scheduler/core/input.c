/* SPDX-License-Identifier: Apache-2.0
 * input — see input.h. */
#include "scheduler/core/input.h"

#include <assert.h>

typedef int (*hear_fn)(struct sched_core *s, const struct core_input *in, struct err *err);

const char *const input_names[INPUT_KINDS] = {
    [INPUT_NODE] = "node",
    [INPUT_POD] = "pod",
    [INPUT_NAMESPACE] = "namespace",
    [INPUT_SERVICE] = "service",
    [INPUT_REPLICASET] = "replicaset",
    [INPUT_STATEFULSET] = "statefulset",
    [INPUT_CONTROLLER] = "controller",
    [INPUT_BUDGET] = "budget",
    [INPUT_CLASS] = "class",
    [INPUT_SLICE] = "slice",
    [INPUT_CLAIM] = "claim",
    [INPUT_GROUP] = "group",
    [INPUT_QUEUE] = "queue",
    [INPUT_STORAGE] = "storage",
    [INPUT_RESERVATION] = "reservation",
    [INPUT_TOPOLOGY] = "topology",
    [INPUT_FORGET] = "forget",
    [INPUT_SENT] = "sent",
    [INPUT_REFUSED] = "refused",
    [INPUT_UNREADY] = "unready",
    [INPUT_ANSWER] = "answer",
    [INPUT_WHY] = "why",
    [INPUT_CLAIM_ANSWER] = "claim-answer",
    [INPUT_PLACES] = "places",
    [INPUT_EVICTION] = "eviction",
    [INPUT_START] = "start",
    [INPUT_CLOCK] = "clock",
    [INPUT_RULES] = "rules",
    [INPUT_STEP] = "step",
};

/* ---- objects ---- */

static int hear_node(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    if (in->gone)
        core_node_del(s, in->obj->name, in->now);
    else
        core_node_set(s, in->obj, in->now);
    return 0;
}

static int hear_pod(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    if (in->gone)
        core_pod_del(s, in->obj->namespace, in->obj->name, in->now);
    else
        core_pod_set(s, in->obj, in->now);
    return 0;
}

static int hear_namespace(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    if (in->gone)
        core_namespace_del(s, in->obj->name);
    else
        core_namespace_set(s, in->obj, in->now);
    return 0;
}

static int hear_selecting(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    static const enum selecting kinds[INPUT_KINDS] = {
        [INPUT_SERVICE] = SELECTING_SERVICE,
        [INPUT_REPLICASET] = SELECTING_RS,
        [INPUT_STATEFULSET] = SELECTING_STS,
        [INPUT_CONTROLLER] = SELECTING_RC,
    };
    if (in->gone)
        core_selecting_del(s, kinds[in->kind], in->obj);
    else
        core_selecting_set(s, kinds[in->kind], in->obj, in->now);
    return 0;
}

static int hear_budget(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    if (in->gone)
        core_budget_del(s, in->obj->namespace, in->obj->name);
    else
        core_budget_set(s, in->obj);
    return 0;
}

static int hear_device(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    static const enum dra_kind kinds[INPUT_KINDS] = {
        [INPUT_CLASS] = DRA_CLASS,
        [INPUT_SLICE] = DRA_SLICE,
        [INPUT_CLAIM] = DRA_CLAIM,
    };
    if (in->gone)
        core_device_del(s, kinds[in->kind], in->obj, in->now);
    else
        core_device_set(s, kinds[in->kind], in->obj, in->now);
    return 0;
}

static int hear_storage(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_storage_changed(s, in->obj, in->gone, in->now);
    return 0;
}

static int hear_group(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    uint32_t bit = gang_object_bit(in->obj);
    if (bit && in->gone)
        core_group_del(s, bit, in->obj, in->now);
    else if (bit)
        core_group_set(s, bit, in->obj, in->now);
    return 0;
}

static int hear_queue(struct sched_core *s, const struct core_input *in, struct err *err)
{
    if (!in->gone)
        return core_queue_set(s, in->obj, in->now, err);
    core_queue_del(s, in->obj, in->now);
    return 0;
}

static int hear_reservation(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    if (in->gone)
        core_reservation_del(s, in->obj, in->now);
    else
        core_reservation_set(s, in->obj, in->now);
    return 0;
}

static int hear_topology(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    if (in->gone)
        core_topology_del(s, in->obj, in->now);
    else
        core_topology_set(s, in->obj, in->now);
    return 0;
}

/* ---- what came of decisions ---- */

static int hear_forget(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_forget(s, in->pods, in->n_pods, in->now);
    return 0;
}

static int hear_sent(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    const struct spod *p = core_pod(s, in->pods->namespace, in->pods->name);
    if (p && str_eq(p->obj->uid, in->pods->uid))
        dra_sent(p);
    return 0;
}

static int hear_refused(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_evict_refused(s, in->pods, in->now);
    return 0;
}

static int hear_unready(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_unready(s, in->pods, in->n_pods, in->now);
    return 0;
}

static int hear_answer(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_answer(s, in->pods, in->answer, in->now);
    return 0;
}

static int hear_why(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    AUTO(arena_freep) struct arena *own = in->why ? NULL : arena_new();
    struct explanation unread;
    struct spod *p = core_pod(s, in->pods->namespace, in->pods->name);
    if (p && p->gang)
        core_why(s, p, in->why ? in->a : own, in->why ? in->why : &unread);
    return 0;
}

static int hear_claim_answer(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_claim_answered(s, &in->claim, in->revision, in->now);
    return 0;
}

static struct gang *gang_of(struct sched_core *s, const struct core_input *in)
{
    struct str name = in->gang;
    struct str namespace = str_split(&name, '/');
    return core_gang(s, namespace, name);
}

static int hear_places(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    struct gang *g = gang_of(s, in);
    if (g)
        core_places_restore(s, g, in->places, in->until, in->now);
    return 0;
}

static int hear_eviction(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    struct gang *g = gang_of(s, in);
    if (g)
        core_eviction_restore(s, g, in->places, in->until, in->now);
    return 0;
}

static int hear_start(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    struct gang *g = gang_of(s, in);
    if (g)
        core_start_restore(s, g, in->places, in->until, in->now);
    return 0;
}

static int hear_clock(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_set_wall(s, in->now, in->wall);
    return 0;
}

static int hear_rules(struct sched_core *s, const struct core_input *in, struct err *err)
{
    (void)err;
    core_rules_changed(s, in->now);
    return 0;
}

int core_hear(struct sched_core *s, const struct core_input *in, struct err *err)
{
    static const hear_fn fns[INPUT_KINDS] = {
        [INPUT_NODE] = hear_node,
        [INPUT_POD] = hear_pod,
        [INPUT_NAMESPACE] = hear_namespace,
        [INPUT_SERVICE] = hear_selecting,
        [INPUT_REPLICASET] = hear_selecting,
        [INPUT_STATEFULSET] = hear_selecting,
        [INPUT_CONTROLLER] = hear_selecting,
        [INPUT_BUDGET] = hear_budget,
        [INPUT_CLASS] = hear_device,
        [INPUT_SLICE] = hear_device,
        [INPUT_CLAIM] = hear_device,
        [INPUT_GROUP] = hear_group,
        [INPUT_QUEUE] = hear_queue,
        [INPUT_STORAGE] = hear_storage,
        [INPUT_RESERVATION] = hear_reservation,
        [INPUT_TOPOLOGY] = hear_topology,
        [INPUT_FORGET] = hear_forget,
        [INPUT_SENT] = hear_sent,
        [INPUT_REFUSED] = hear_refused,
        [INPUT_UNREADY] = hear_unready,
        [INPUT_ANSWER] = hear_answer,
        [INPUT_WHY] = hear_why,
        [INPUT_CLAIM_ANSWER] = hear_claim_answer,
        [INPUT_PLACES] = hear_places,
        [INPUT_EVICTION] = hear_eviction,
        [INPUT_START] = hear_start,
        [INPUT_CLOCK] = hear_clock,
        [INPUT_RULES] = hear_rules,
    };
    assert(fns[in->kind]); /* a step is a question, not an input */
    return fns[in->kind](s, in, err);
}
