/* SPDX-License-Identifier: Apache-2.0
 * scene — see scene.h. The loop of events, and what the core's decisions lead to. */
#include <stdlib.h>

#include "base/num.h"
#include "kube/checkpoint.h"
#include "sim/record_file.h"
#include "sim/scene_internal.h"

#define REVISION_FIRST (UINT64_C(1) << 48) /* beyond those of the record */
#define STEPS_MAX 10000000 /* at one moment: more is a decision that leads nowhere */

/* ---- events ---- */

static bool is_earlier(const void *x, const void *y)
{
    const struct scene_event *a = x, *b = y;
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void scene_push(struct scene *s, const struct scene_event *e)
{
    struct scene_event *copy = MEM_NEW(struct scene_event);
    *copy = *e;
    copy->seq = e->seq ? e->seq : ++s->seq;
    heap_push(&s->events, copy);
}

static void event_free(struct scene_event *e)
{
    kobj_unref(e->obj);
    free(e);
}

void scene_hear(struct scene *s, enum input_kind kind, const struct kobj *obj, bool gone)
{
    const struct core_input in = { .kind = kind, .now = { s->now }, .obj = obj, .gone = gone };
    core_hear(s->core, &in, NULL); /* a queue that was wrong in the record is wrong here */
}

/* ---- objects ---- */

static bool is_same_thing(const struct day_event *a, enum input_kind kind, const struct kobj *o)
{
    return a->kind == kind && str_eq(a->obj->kind, o->kind) && str_eq(a->obj->name, o->name) &&
           str_eq(a->obj->namespace, o->namespace);
}

static bool is_changed(const struct scene *s, const struct day_event *e)
{
    for (size_t i = 0; i < s->change->n_sets; i++) {
        if (is_same_thing(&s->change->sets[i], e->kind, e->obj))
            return true;
    }
    for (size_t i = 0; e->kind == INPUT_NODE && i < s->change->n_drops; i++) {
        if (str_eq(s->change->drops[i], e->obj->name))
            return true;
    }
    return false;
}

static void count_gpus(struct scene *s)
{
    const struct snapshot *snap = &core_cluster(s->core)->snap;
    s->gpus = 0;
    for (size_t i = 0; i < snap->nodes.n; i++) {
        const struct snode *n = snap->nodes.items[i];
        for (unsigned k = 0; n->alive && k < DEVICE_KINDS; k++)
            s->gpus += n->topology.n_devices[k];
    }
}

/* Pods on a node that goes are lost with it. */
static void node_gone(struct scene *s, struct str name)
{
    for (size_t i = 0; i < s->day->pods.n; i++) {
        if (str_eq(s->pods[i].node, name))
            scene_pod_evict(s, &s->pods[i], 0);
    }
}

static void object_event(struct scene *s, const struct day_event *e)
{
    if (e->kind == INPUT_CLAIM) {
        scene_claim_event(s, e->obj, e->gone);
        return;
    }
    if (e->kind == INPUT_NODE && e->gone)
        node_gone(s, e->obj->name);
    scene_hear(s, e->kind, e->obj, e->gone);
    if (e->kind == INPUT_NODE)
        count_gpus(s);
}

static void plan_objects(struct scene *s)
{
    for (size_t i = 0; i < s->day->events.n; i++) {
        const struct day_event *e = &s->day->events.items[i];
        if (!is_changed(s, e))
            scene_push(s, &(struct scene_event){
                              .at = e->at, .seq = e->seq, .what = SCENE_OBJECT, .object = e });
    }
}

/* ---- decisions ---- */

static void place_all(struct scene *s, const struct decision *d)
{
    for (size_t i = 0; i < d->n; i++) {
        struct scene_pod *p = scene_pod_of(s, d->items[i].pod->obj);
        if (p && p->state == SCENE_WAITING)
            scene_pod_place(s, p, &d->items[i]);
    }
}

/* By identity: eviction is heard, and the decision's own lists may then be gone. */
static void evict_all(struct scene *s, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct scene_pod **victims = ARENA_ARRAY(a, struct scene_pod *, d->n_victims + 1);
    size_t n = d->n_victims;
    for (size_t i = 0; i < n; i++)
        victims[i] = scene_pod_of(s, d->victims[i]->obj);
    for (size_t i = 0; i < n; i++) {
        if (victims[i])
            scene_pod_evict(s, victims[i],
                            num_max_i64(s->day->leave_ns, checkpoint_ns(pod_of(victims[i]->obj))));
    }
}

static void fail_all(struct scene *s, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct scene_pod **members = ARENA_ARRAY(a, struct scene_pod *, d->gang->n_members + 1);
    size_t n = 0;
    LIST_EACH (&d->gang->members, at)
        members[n++] = scene_pod_of(s, LIST_ITEM(at, struct spod, in_gang)->obj);
    for (size_t i = 0; i < n; i++) {
        if (members[i])
            scene_pod_fail(s, members[i]);
    }
}

static void decide(struct scene *s)
{
    struct decision d = { .kind = DECISION_WAIT };
    for (size_t i = 0; d.kind != DECISION_NONE && i < STEPS_MAX; i++) {
        arena_reset(s->step_a);
        core_step(s->core, (struct mono){ s->now }, s->step_a, &d);
        s->out->decisions += d.kind != DECISION_NONE;
        if (d.kind == DECISION_BIND)
            place_all(s, &d);
        else if (d.kind == DECISION_PREEMPT || d.kind == DECISION_UNDO ||
                 d.kind == DECISION_RELIEVE)
            evict_all(s, &d);
        else if (d.kind == DECISION_LATE && d.fails)
            fail_all(s, &d);
    }
}

/* ---- the loop ---- */

/* The next moment at which something happens; false: nothing will, until `until`. */
static bool next_moment(struct scene *s, int64_t until, int64_t *at)
{
    const struct scene_event *e = heap_peek(&s->events);
    struct mono due;
    int64_t next = e ? e->at : INT64_MAX;
    if (core_next_due(s->core, &due))
        next = num_min_i64(next, num_max_i64(due.ns, s->now + NS_PER_MS));
    *at = num_max_i64(next, s->now);
    return next <= until;
}

static void go_to(struct scene *s, int64_t at)
{
    double seconds = (double)(at - s->now) / (double)NS_PER_S;
    s->out->gpu_used += seconds * (double)s->gpu_used_milli / 1000;
    s->out->gpu_offered += seconds * (double)s->gpus;
    s->now = at;
}

static void live_until(struct scene *s, int64_t until)
{
    int64_t at;
    while (next_moment(s, until, &at)) {
        const struct scene_event *first;
        go_to(s, at);
        core_set_wall(s->core, (struct mono){ at }, (struct wall){ at });
        while ((first = heap_peek(&s->events)) && first->at <= at) {
            struct scene_event *e = heap_pop(&s->events);
            if (e->what == SCENE_OBJECT)
                object_event(s, e->object);
            else
                scene_pod_event(s, e);
            event_free(e);
        }
        decide(s);
    }
    go_to(s, until);
    scene_note_reasons(s);
}

static int begin(struct scene *s, struct err *err)
{
    const struct record_header h = { .seed = s->day->seed };
    struct str text = s->change->config.n ? s->change->config : s->day->config;
    if (record_file_core(&s->core, &h, text, err))
        return -1;
    core_set_extenders(s->core, NULL); /* nobody is there to ask */
    s->now = s->day->begin;
    s->seq = s->day->seq;
    for (size_t i = 0; i < s->change->n_sets; i++) {
        const struct day_event *e = &s->change->sets[i];
        const struct core_input in = { .kind = e->kind, .now = { s->now }, .obj = e->obj };
        if (core_hear(s->core, &in, err))
            return err_wrap(err, "%.*s %.*s", STR_ARG(e->obj->kind), STR_ARG(e->obj->name));
    }
    count_gpus(s);
    plan_objects(s);
    scene_plan_pods(s);
    return 0;
}

int scene_run(struct scene_result *out,
              const struct day *day,
              const struct scene_change *change,
              int64_t until,
              struct err *err)
{
    struct scene s = { .day = day, .change = change, .out = out };
    *out = (struct scene_result){ .a = arena_new(), .n_lives = day->pods.n };
    out->lives = ARENA_ARRAY(out->a, struct scene_life, day->pods.n + 1);
    s.a = arena_new();
    s.step_a = arena_new();
    s.pods = mem_alloc_array(day->pods.n + 1, sizeof *s.pods);
    memset(s.pods, 0, (day->pods.n + 1) * sizeof *s.pods);
    map_init(&s.by_uid);
    map_init(&s.claims);
    s.revision = REVISION_FIRST;
    heap_init(&s.events, is_earlier, NULL);
    int rc = begin(&s, err);
    if (rc == 0)
        live_until(&s, until);
    else
        scene_result_fini(out);
    while (heap_peek(&s.events))
        event_free(heap_pop(&s.events));
    for (size_t i = 0; i < day->pods.n; i++)
        kobj_unref(s.pods[i].obj);
    heap_fini(&s.events);
    map_fini(&s.by_uid);
    scene_claims_fini(&s);
    free(s.pods);
    core_free(s.core);
    arena_free(s.step_a);
    arena_free(s.a);
    return rc;
}

void scene_result_fini(struct scene_result *r)
{
    arena_free(r->a);
    *r = (struct scene_result){ 0 };
}
