/* SPDX-License-Identifier: Apache-2.0
 * service_bind — carries plans to the API. The gangs decided in one turn share a bind_all, which is
 * all or none; when it is refused, each gang is tried alone, and only those refused alone go back
 * to the queue. Where the API binds one by one (HTTPS), those that it refused go back, and the core
 * decides what becomes of a gang that is bound in part (core_start.c). */
#include <inttypes.h>
#include <stdlib.h>

#include "client/calls.h"
#include "scheduler/service/bind_batch.h"
#include "scheduler/service/metrics.h"

#define BATCH_PODS_MAX 64 /* plans are not split: a larger gang travels alone */

static struct bind_batch *batch_new(struct scheduler *s)
{
    struct bind_batch *b = MEM_NEW(struct bind_batch);
    b->s = s;
    b->a = arena_new();
    list_init(&b->in_flight);
    return b;
}

static void batch_free(struct bind_batch *b)
{
    list_remove(&b->in_flight);
    for (size_t i = 0; i < b->pods.n; i++)
        kobj_unref(b->pods.items[i].pod);
    bound_pods_fini(&b->pods);
    arena_free(b->a);
    free(b);
}

static const struct claim_use *copy_claims(struct arena *a, const struct bound_pod *p)
{
    struct claim_use *out = ARENA_ARRAY(a, struct claim_use, p->n_claims + 1);
    for (size_t i = 0; i < p->n_claims; i++) {
        const struct claim_use *u = &p->claims[i];
        out[i] = (struct claim_use){ arena_str(a, u->namespace), arena_str(a, u->name),
                                     arena_str(a, u->uid), arena_str(a, u->allocation) };
    }
    return out;
}

static void batch_add(struct bind_batch *b, const struct bound_pod *p)
{
    struct bound_pod copy = { .pod = kobj_ref(p->pod),
                              .node = arena_str(b->a, p->node),
                              .gang = b->n_gangs,
                              .asked = p->asked,
                              .annotations =
                                  p->annotations ? jnode_copy(b->a, p->annotations) : NULL,
                              .claims = copy_claims(b->a, p),
                              .n_claims = p->n_claims,
                              .volumes = p->volumes,
                              .n_volumes = p->n_volumes,
                              .since = p->since };
    bound_pods_push(&b->pods, copy);
}

const struct spod *service_bind_pod(const struct bind_batch *b, size_t i)
{
    const struct bound_pod *b_pod = &b->pods.items[i];
    const struct spod *p = core_pod(b->s->core, b_pod->pod->namespace, b_pod->pod->name);
    if (!p || !p->assumed || p->node < 0 || !str_eq(p->obj->uid, b_pod->pod->uid))
        return NULL;
    const struct snapshot *snap = &core_cluster(b->s->core)->snap;
    return str_eq(snap->nodes.items[p->node]->name, b_pod->node) ? p : NULL;
}

/* Those that an extender binds leave the batch. */
static void ask_extenders(struct bind_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->pods.n; i++) {
        const struct bound_pod p = b->pods.items[i];
        if (!p.asked) {
            b->pods.items[n++] = p;
            continue;
        }
        service_ask_bind(b->s, p.pod, p.node);
        kobj_unref(p.pod);
    }
    b->pods.n = n;
}

static void on_bound(void *arg, const struct reply *reply, const struct err *err);

void service_bind_send(struct bind_batch *b)
{
    struct scheduler *s = b->s;
    ask_extenders(b);
    if (b->pods.n == 0) {
        batch_free(b); /* an extender binds all of them */
        return;
    }
    struct binding *list = ARENA_ARRAY(b->a, struct binding, b->pods.n);
    for (size_t i = 0; i < b->pods.n; i++) {
        const struct bound_pod *p = &b->pods.items[i];
        list[i] = (struct binding){ .namespace = p->pod->namespace,
                                    .pod = p->pod->name,
                                    .uid = p->pod->uid,
                                    .node = p->node,
                                    .annotations = p->annotations,
                                    .claims = p->claims,
                                    .n_claims = p->n_claims };
    }
    list_push_back(&s->binds, &b->in_flight);
    b->started = loop_now(s->t->loop);
    b->call = s->t->ops->bind_all(s->t, list, b->pods.n, on_bound, b);
}

/* ---- answers ---- */

/* Its binding is in the API. */
static bool stands(const struct reply *reply, size_t i)
{
    return reply && (reply->bound ? reply->bound[i] : reply->code < 400);
}

static void tell_bound(const struct bind_batch *b, const struct bound_pod *p)
{
    AUTO(arena_freep) struct arena *a = arena_new_sized(512);
    struct loop *l = b->s->t->loop;
    struct str text =
        arena_printf(a, "Successfully assigned %.*s/%.*s to %.*s", STR_ARG(p->pod->namespace),
                     STR_ARG(p->pod->name), STR_ARG(p->node));
    const struct recorder_note note = {
        .about = p->pod, .type = "Normal", .reason = "Scheduled", .message = text
    };
    recorder_event(b->s->recorder, &note, loop_wall(l));
    sched_meter_pod(b->s->meter, loop_now(l).ns - p->since.ns);
    LOG_DEBUG("pod.bound", kv_str("namespace", p->pod->namespace), kv_str("pod", p->pod->name),
              kv_str("node", p->node),
              kv_i64("took_us", (loop_now(l).ns - b->started.ns) / NS_PER_US));
}

static size_t tell_all_bound(const struct bind_batch *b, const struct reply *reply)
{
    size_t n = 0;
    for (size_t i = 0; i < b->pods.n; i++) {
        const struct bound_pod *p = &b->pods.items[i];
        if (!stands(reply, i))
            continue;
        tell_bound(b, p);
        service_claims_answered(b->s, p->claims, p->n_claims, reply->revision);
        n++;
    }
    return n;
}

/* Each gang of a refused batch alone. */
static void split(const struct bind_batch *b)
{
    for (size_t g = 0; g < b->n_gangs; g++) {
        struct bind_batch *one = batch_new(b->s);
        for (size_t i = 0; i < b->pods.n; i++) {
            if (b->pods.items[i].gang == g)
                batch_add(one, &b->pods.items[i]);
        }
        one->n_gangs = 1;
        service_bind_send(one);
    }
}

/* Those that are not bound; with no reply, none is. */
static void take_back(const struct bind_batch *b, const struct reply *reply, const struct err *err)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct pod_id *ids = ARENA_ARRAY(a, struct pod_id, b->pods.n);
    size_t n = 0;
    for (size_t i = 0; i < b->pods.n; i++) {
        const struct kobj *p = b->pods.items[i].pod;
        if (!stands(reply, i))
            ids[n++] = (struct pod_id){ p->namespace, p->name, p->uid };
    }
    struct err why = call_error(reply, err);
    LOG_WARN("bind.refused", kv_str("pod", ids[0].name), kv_i64("pods", (int64_t)n),
             kv_i64("bound", (int64_t)(b->pods.n - n)), kv_i64("code", reply ? reply->code : 0),
             kv_err(&why), kv_cstr("next", "they are queued again in 1s"));
    service_hear(b->s, &(struct core_input){ .kind = INPUT_FORGET, .pods = ids, .n_pods = n },
                 NULL);
    for (size_t i = 0; i < b->pods.n; i++) {
        if (!stands(reply, i))
            service_claims_answered(b->s, b->pods.items[i].claims, b->pods.items[i].n_claims, 0);
    }
}

static void answered(const struct bind_batch *b, const struct reply *reply, const struct err *err)
{
    struct sched_meter *m = b->s->meter;
    int64_t took_ns = loop_now(b->s->t->loop).ns - b->started.ns;
    size_t bound = tell_all_bound(b, reply);
    if (bound)
        sched_meter_bound(m, bound, true, took_ns);
    if (bound == b->pods.n)
        return;
    sched_meter_bound(m, b->pods.n - bound, false, took_ns);
    take_back(b, reply, err);
}

static void on_bound(void *arg, const struct reply *reply, const struct err *err)
{
    struct bind_batch *b = arg;
    struct scheduler *s = b->s;
    if (reply && reply->code >= 400 && !reply->bound && b->n_gangs > 1)
        split(b); /* each is tried alone, and counted then */
    else
        answered(b, reply, err);
    batch_free(b);
    service_poke(s);
}

/* ---- requests ---- */

void service_bind_flush(struct scheduler *s)
{
    if (s->batch && s->batch->pods.n)
        service_bind_send(TAKE(s->batch));
}

/* What the pod's claims got, as the API is to write it; from here on it is kept until it answers.
 */
static void
put_claims(struct scheduler *s, struct bound_pod *b, const struct spod *pod, struct arena *a)
{
    const struct pod_id id = { pod->obj->namespace, pod->obj->name, pod->obj->uid };
    struct dra_write *writes = dra_writes(pod, a, &b->n_claims);
    struct claim_use *uses = ARENA_ARRAY(a, struct claim_use, b->n_claims + 1);
    for (size_t i = 0; i < b->n_claims; i++)
        uses[i] = (struct claim_use){ writes[i].namespace, writes[i].name, writes[i].uid,
                                      json_text(json_root(writes[i].allocation)) };
    b->claims = uses;
    if (b->n_claims)
        service_hear(s, &(struct core_input){ .kind = INPUT_SENT, .pods = &id, .n_pods = 1 }, NULL);
}

static void add_plan(struct bind_batch *batch, const struct decision *d)
{
    const struct snapshot *snap = &core_cluster(batch->s->core)->snap;
    for (size_t i = 0; i < d->n; i++) {
        const struct planned *p = &d->items[i];
        struct bound_pod b = { .pod = p->pod->obj,
                               .node = snap->nodes.items[p->where.node]->name,
                               .asked = service_ask_binds(batch->s, p->pod->obj),
                               .annotations = placement_annotations(batch->a, &p->where),
                               .since = d->since };
        put_claims(batch->s, &b, p->pod, batch->a);
        b.volumes = service_volumes_of(p->pod, b.node, batch->a, &b.n_volumes);
        batch_add(batch, &b);
    }
    batch->n_gangs++;
}

void service_bind(struct scheduler *s, const struct decision *d)
{
    if (service_must_wait(s, d) || service_volumes_must_wait(d)) {
        service_bind_go(service_bind_hold(s, d));
        return;
    }
    if (s->batch && s->batch->pods.n + d->n > BATCH_PODS_MAX)
        service_bind_flush(s);
    if (!s->batch)
        s->batch = batch_new(s);
    add_plan(s->batch, d);
}

/* ---- plans that wait for a record ---- */

struct bind_batch *service_bind_hold(struct scheduler *s, const struct decision *d)
{
    struct bind_batch *b = batch_new(s);
    add_plan(b, d);
    return b;
}

void service_bind_go_on(struct bind_batch *b)
{
    if (!service_wait(b))
        service_bind_send(b);
}

void service_bind_go(struct bind_batch *b)
{
    const struct err gone = { .kind = ERR_CONFLICT,
                              .msg = "a pod or its node went while this was recorded" };
    for (size_t i = 0; i < b->pods.n; i++) {
        if (service_bind_pod(b, i))
            continue;
        service_bind_give_up(b, NULL, &gone);
        return;
    }
    if (!service_volumes_wait(b))
        service_bind_go_on(b);
}

void service_bind_give_up(struct bind_batch *b, const struct reply *reply, const struct err *err)
{
    take_back(b, reply, err);
    batch_free(b);
}

void service_bind_drop(struct bind_batch *b)
{
    if (b)
        batch_free(b);
}

void service_bind_cancel(struct scheduler *s)
{
    if (s->batch)
        batch_free(TAKE(s->batch));
    LIST_EACH (&s->binds, at) {
        struct bind_batch *b = LIST_ITEM(at, struct bind_batch, in_flight);
        s->t->ops->cancel(b->call);
        batch_free(b);
    }
}
