/* SPDX-License-Identifier: Apache-2.0
 * service_volumes — plans whose pods' claims get their volumes before the pods may be bound. For
 * the pods of one plan together, all or none:
 *
 *     claimRef is written into volumes, the node into claims ─► controllers bind the claims
 *         ├─► all are bound: the pods are (after their devices are ready, service_wait.c)
 *         └─► a write was refused, a claim failed, or the time is over: the pods are queued again
 *
 * What was written stays, as in kube-scheduler: a volume keeps its claim, and a claim its node
 * until its driver takes it back; the next attempt goes on from there. */
#include <stdlib.h>

#include "client/calls.h"
#include "scheduler/plugins.h"
#include "scheduler/service/bind_batch.h"

struct volume_part { /* one claim */
    struct volume_wait *whole;
    struct volume_write write;
    struct call *call; /* NULL: it is answered, or there was nothing to write */
};

struct volume_wait {
    struct scheduler *s;
    struct list link; /* in s->volume_waits */
    struct bind_batch *batch;
    struct volume_part *parts;
    size_t n, on_wire;
    struct timer *deadline;
};

/* The batch goes on without the wait. */
static struct bind_batch *leave(struct volume_wait *w)
{
    struct bind_batch *b = w->batch;
    for (size_t i = 0; i < w->n; i++) {
        if (w->parts[i].call)
            w->s->t->ops->cancel(w->parts[i].call);
    }
    list_remove(&w->link);
    timer_free(w->deadline);
    free(w->parts);
    free(w);
    return b;
}

static void give_up(struct volume_wait *w, const struct reply *reply, const struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct err why = call_error(reply, err);
    for (size_t i = 0; i < w->batch->pods.n; i++) {
        const struct recorder_note note = {
            .about = w->batch->pods.items[i].pod,
            .type = "Warning",
            .reason = "FailedScheduling",
            .message = arena_printf(a, "binding volumes: %s", why.msg),
        };
        recorder_event(w->s->recorder, &note, loop_wall(w->s->t->loop));
    }
    service_bind_give_up(leave(w), reply, err);
}

/* ---- what came of it ---- */

static void look(struct volume_wait *w)
{
    const struct snapshot *snap = &core_cluster(w->s->core)->snap;
    bool bound = true;
    struct err err = { 0 };
    for (size_t i = 0; i < w->batch->pods.n; i++) {
        if (service_bind_pod(w->batch, i))
            continue;
        err_set(&err, ERR_CONFLICT, "a pod is gone that waited for volumes");
        give_up(w, NULL, &err);
        return;
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct volume_write *write = &w->parts[i].write;
        enum volume_progress p =
            volume_write_progress(snap->volumes, write, snapshot_node(snap, write->node), &err);
        if (p == VOLUME_FAILED) {
            give_up(w, NULL, &err);
            return;
        }
        bound = bound && p == VOLUME_BOUND;
    }
    if (bound)
        service_bind_go_on(leave(w));
}

void service_volumes_look(struct scheduler *s)
{
    LIST_EACH (&s->volume_waits, at) {
        struct volume_wait *w = LIST_ITEM(at, struct volume_wait, link);
        if (!w->on_wire)
            look(w);
    }
}

static void on_late(void *arg)
{
    struct volume_wait *w = arg;
    struct scheduler *s = w->s;
    struct err err = { 0 };
    err_set(&err, ERR_TIMEOUT, "volumes were not bound in time (bindTimeoutSeconds)");
    give_up(w, NULL, &err);
    service_poke(s);
}

/* ---- writing ---- */

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct volume_part *part = arg;
    struct volume_wait *w = part->whole;
    struct scheduler *s = w->s;
    part->call = NULL;
    w->on_wire--;
    if (call_refused(reply)) {
        give_up(w, reply, err);
    } else {
        part->write.revision = reply->object ? reply->object->revision : reply->revision;
        if (!w->on_wire)
            look(w);
    }
    service_poke(s);
}

static void write_one(struct volume_part *part)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct volume_write *w = &part->write;
    bool of_volume = w->volume.n > 0;
    AUTO(json_doc_unrefp) struct json_doc *body = call_body(volume_write_patch(w, a));
    const struct call_patch p = {
        .resource = of_volume ? GVR("", "v1", "persistentvolumes")
                              : GVR("", "v1", "persistentvolumeclaims"),
        .namespace = of_volume ? (struct str){ 0 } : w->namespace,
        .name = of_volume ? w->volume : w->claim,
        .patch = json_root(body),
    };
    part->whole->on_wire++;
    part->call = call_merge_patch(part->whole->s->t, &p, on_written, part);
}

/* ---- life ---- */

static const struct profile_plugin *binding_of(const struct spod *p)
{
    const struct profile *profile = p->shape->profile;
    int at = profile_find(profile, STR("VolumeBinding"));
    const struct profile_plugin *e = at < 0 ? NULL : &profile->plugins[at];
    return e && e->filters ? e : NULL; /* else somebody else looks after volumes */
}

struct volume_write *
service_volumes_of(const struct spod *p, struct str node, struct arena *a, size_t *n)
{
    *n = 0;
    return p->volumes && binding_of(p) ? volumes_writes(p, node, a, n) : NULL;
}

bool service_volumes_must_wait(const struct decision *d)
{
    for (size_t i = 0; i < d->n; i++) {
        size_t n = 0;
        if (!d->items[i].pod->volumes)
            continue;
        AUTO(arena_freep) struct arena *a = arena_new();
        service_volumes_of(d->items[i].pod, STR(""), a, &n);
        if (n)
            return true;
    }
    return false;
}

/* Members may share a claim: it is written once. */
static void add_part(struct volume_wait *w, const struct volume_write *write)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct volume_write *have = &w->parts[i].write;
        if (str_eq(have->claim, write->claim) && str_eq(have->namespace, write->namespace))
            return;
    }
    w->parts[w->n++] = (struct volume_part){ .whole = w, .write = *write };
}

static int64_t timeout_ns(const struct scheduler *s, const struct bind_batch *b)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < b->pods.n; i++) {
        const struct kobj *o = b->pods.items[i].pod;
        const struct spod *p = core_pod(s->core, o->namespace, o->name);
        const struct profile_plugin *e = p ? binding_of(p) : NULL;
        int64_t ns = e ? volume_binding_timeout_ns(e->args) : INT64_MAX;
        least = ns < least ? ns : least;
    }
    return least == INT64_MAX ? 0 : least;
}

bool service_volumes_wait(struct bind_batch *b)
{
    struct scheduler *s = b->s;
    size_t n = 0;
    for (size_t i = 0; i < b->pods.n; i++)
        n += b->pods.items[i].n_volumes;
    if (n == 0)
        return false;
    struct volume_wait *w = MEM_NEW(struct volume_wait);
    *w = (struct volume_wait){ .s = s, .batch = b };
    w->parts = mem_alloc_array(n, sizeof *w->parts);
    w->deadline = timer_new(s->t->loop, on_late, w);
    list_push_back(&s->volume_waits, &w->link);
    for (size_t i = 0; i < b->pods.n; i++) {
        for (size_t k = 0; k < b->pods.items[i].n_volumes; k++)
            add_part(w, &b->pods.items[i].volumes[k]);
    }
    timer_start(w->deadline, timeout_ns(s, b));
    for (size_t i = 0; i < w->n; i++) {
        if (!w->parts[i].write.done)
            write_one(&w->parts[i]);
    }
    service_poke(s); /* all may be written already: then the next turn looks */
    return true;
}

void service_volumes_cancel(struct scheduler *s)
{
    while (!list_empty(&s->volume_waits))
        service_bind_drop(leave(LIST_ITEM(s->volume_waits.next, struct volume_wait, link)));
}
