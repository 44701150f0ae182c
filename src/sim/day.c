/* SPDX-License-Identifier: Apache-2.0
 * day — see day.h. How long pods run is in day_runs.c. */
#include "sim/day.h"

#include <stdlib.h>

#include "base/num.h"
#include "sim/day_runs.h"
#include "sim/record_file.h"

struct alive { /* an object that is there */
    struct str key;
    enum input_kind kind;
    struct kobj *obj;
    uint32_t generation;
};

struct day *day_new(void)
{
    struct day *d = MEM_NEW(struct day);
    d->a = arena_new();
    map_init(&d->by_uid);
    map_init(&d->alive);
    return d;
}

static void pod_free(struct day_pod *p)
{
    for (size_t i = 0; i < p->versions.n; i++)
        kobj_unref(p->versions.items[i].obj);
    day_versions_fini(&p->versions);
    kobj_unref(p->bound_obj);
    free(p);
}

static void forget_alive(struct day *d)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&d->alive, &i));) {
        struct alive *e = slot->value;
        kobj_unref(e->obj);
        free(e);
    }
    map_fini(&d->alive);
    map_fini(&d->by_uid);
}

void day_free(struct day *d)
{
    if (!d)
        return;
    forget_alive(d);
    for (size_t i = 0; i < d->events.n; i++)
        kobj_unref(d->events.items[i].obj);
    for (size_t i = 0; i < d->pods.n; i++)
        pod_free(d->pods.items[i]);
    day_events_fini(&d->events);
    day_pods_fini(&d->pods);
    arena_free(d->a);
    free(d);
}

void day_begin(struct day *d, const struct record_header *h)
{
    d->offset = h->wall.ns - h->mono.ns;
    d->now = num_max_i64(d->now, h->wall.ns);
    d->first_feed = true;
    if (d->generation++)
        return;
    d->begin = d->now;
    d->seed = h->seed;
    d->config = arena_str(d->a, json_text(h->config));
}

/* ---- objects ---- */

static void push_event(struct day *d, enum input_kind kind, const struct kobj *obj, bool gone)
{
    struct day_event e = {
        .at = d->now, .seq = ++d->seq, .kind = kind, .obj = kobj_ref(obj), .gone = gone
    };
    day_events_push(&d->events, e);
}

static void object_gone(struct day *d, struct alive *e)
{
    push_event(d, e->kind, e->obj, true);
    map_del(&d->alive, e->key);
    kobj_unref(e->obj);
    free(e);
}

static void hear_object(struct day *d, const struct core_input *in)
{
    struct str key =
        arena_printf(d->a, "%s %.*s %.*s/%.*s", input_names[in->kind], STR_ARG(in->obj->kind),
                     STR_ARG(in->obj->namespace), STR_ARG(in->obj->name));
    struct alive *e = map_get(&d->alive, key);
    if (in->gone) {
        if (e)
            object_gone(d, e);
        return;
    }
    if (e && in->kind == INPUT_CLAIM) { /* what schedulers made of it */
        e->generation = d->generation;
        return;
    }
    if (!e) {
        e = MEM_NEW(struct alive);
        e->key = key;
        e->kind = in->kind;
        map_put(&d->alive, e->key, e);
    }
    e->generation = d->generation;
    bool same =
        e->obj && json_eq(kobj_path(e->obj, "spec"), kobj_path(in->obj, "spec")) &&
        json_eq(kobj_path(e->obj, "status"), kobj_path(in->obj, "status")) &&
        json_eq(kobj_meta(e->obj, STR("labels")), kobj_meta(in->obj, STR("labels"))) &&
        json_eq(kobj_meta(e->obj, STR("annotations")), kobj_meta(in->obj, STR("annotations")));
    kobj_unref(e->obj);
    e->obj = kobj_ref(in->obj);
    if (!same)
        push_event(d, in->kind, in->obj, false);
}

/* ---- pods ---- */

static void pod_gone(struct day *d, struct day_pod *p)
{
    if (p->gone != DAY_NEVER)
        return;
    p->gone = d->now;
    if (p->preempted) {
        d->leave_sum += d->now - p->marked;
        d->n_left++;
    }
    if (p->bound != DAY_NEVER && p->ended == DAY_NEVER) {
        p->ended = d->now;
        p->leaves_at = pod_of(p->bound_obj)->restart_policy == POD_RESTART_ALWAYS;
    }
}

static bool is_new_version(const struct day_pod *p, const struct kobj *obj)
{
    if (p->versions.n == 0)
        return true;
    const struct kobj *old = p->versions.items[p->versions.n - 1].obj;
    return !json_eq(kobj_path(old, "spec"), kobj_path(obj, "spec")) ||
           !json_eq(kobj_meta(old, STR("labels")), kobj_meta(obj, STR("labels"))) ||
           !json_eq(kobj_meta(old, STR("annotations")), kobj_meta(obj, STR("annotations"))) ||
           !json_eq(kobj_path(old, "status.resourceClaimStatuses"),
                    kobj_path(obj, "status.resourceClaimStatuses"));
}

static struct day_pod *pod_new(struct day *d, const struct kobj *obj)
{
    struct day_pod *p = MEM_NEW(struct day_pod);
    *p = (struct day_pod){ .uid = arena_str(d->a, obj->uid),
                           .placed = pod_of(obj)->node_name.n > 0,
                           .came = d->now,
                           .bound = DAY_NEVER,
                           .ended = DAY_NEVER,
                           .gone = DAY_NEVER,
                           .run_ns = DAY_NEVER };
    day_pods_push(&d->pods, p);
    map_put(&d->by_uid, p->uid, p);
    return p;
}

static void hear_pod(struct day *d, const struct core_input *in)
{
    const struct pod *view = pod_of(in->obj);
    struct day_pod *p = map_get(&d->by_uid, in->obj->uid);
    if (!p && (in->gone || pod_finished(view) || !in->obj->uid.n))
        return; /* it ended before the record began */
    if (!p)
        p = pod_new(d, in->obj);
    p->generation = d->generation;
    struct json condition = condition_find(kobj_root(in->obj), STR("DisruptionTarget"));
    bool marked = str_is(json_str(json_get(condition, STR("reason"))), "PreemptionByScheduler");
    if (marked && !p->preempted)
        p->marked = d->now;
    p->preempted |= marked;
    if (in->gone) {
        pod_gone(d, p);
        return;
    }
    bool binds = view->node_name.n && p->bound == DAY_NEVER;
    if (p->versions.n == 0 || (!view->node_name.n && is_new_version(p, in->obj))) {
        struct day_version v = { .at = d->now, .seq = ++d->seq, .obj = kobj_ref(in->obj) };
        day_versions_push(&p->versions, v);
    }
    if (binds) {
        p->bound = d->now;
        p->bound_obj = kobj_ref(in->obj);
        p->bound_seq = ++d->seq;
    }
    if (pod_finished(view) && p->ended == DAY_NEVER) {
        p->ended = d->now;
        p->succeeded = view->phase == POD_SUCCEEDED;
    }
}

/* ---- runs ---- */

/* What a scheduler that starts is not told of went while none ran. Kinds that come later than the
 * first feed keep their objects. */
static void sweep(struct day *d)
{
    const struct map_slot *slot;
    struct alive **missing = NULL;
    size_t n = 0;
    d->first_feed = false;
    missing = mem_alloc_array(d->alive.n + 1, sizeof *missing);
    for (size_t i = 0; (slot = map_next(&d->alive, &i));) {
        struct alive *e = slot->value;
        if (e->generation != d->generation && e->kind < INPUT_GROUP)
            missing[n++] = e;
    }
    for (size_t i = 0; i < n; i++)
        object_gone(d, missing[i]);
    free(missing);
    for (size_t i = 0; i < d->pods.n; i++) {
        if (d->pods.items[i]->generation != d->generation)
            pod_gone(d, d->pods.items[i]);
    }
}

void day_hear(struct day *d, const struct core_input *in)
{
    d->now = num_max_i64(d->now, d->offset + in->now.ns);
    if (in->kind == INPUT_STEP && d->first_feed)
        sweep(d);
    if (in->kind == INPUT_POD)
        hear_pod(d, in);
    else if (in->kind < INPUT_OBJECT_KINDS)
        hear_object(d, in);
}

void day_finish(struct day *d)
{
    d->end = d->now;
    d->leave_ns = d->n_left ? d->leave_sum / d->n_left : DAY_LEAVE_NS;
    forget_alive(d);
    map_init(&d->alive);
    map_init(&d->by_uid);
    day_work_out_runs(d);
}

int day_read(struct day **out, const char *path, struct err *err)
{
    AUTO(record_file_closep) struct record_file *file = NULL;
    AUTO(day_freep) struct day *d = day_new();
    struct record_line *l;
    int got;
    if (record_file_open(&file, path, err))
        return -1;
    while ((got = record_file_next(file, &l, err)) == 1) {
        if (!l->is_header && d->generation == 0)
            return err_set(err, ERR_INVALID,
                           "%s: line 1: a record begins with {\"ganglionRecord\":…", path);
        if (!l->is_header)
            day_hear(d, &l->input);
        else
            day_begin(d, &l->header);
    }
    if (got < 0)
        return -1;
    if (d->generation == 0)
        return err_set(err, ERR_INVALID, "%s: empty: it has no header", path);
    day_finish(d);
    *out = TAKE(d);
    return 0;
}
