/* SPDX-License-Identifier: Apache-2.0
 * service_wait — plans whose devices are made ready before their pods may be bound (KEP-5007:
 * bindingConditions). For the pods of one plan:
 *
 *     claims are written (allocation, reservedFor) ─► their drivers set conditions in the claims
 *         ├─► all are there: the pods are bound
 *         └─► a failure, or the time is over: the core releases the claims and chooses anew
 *
 * The time counts from status.allocation.allocationTimestamp, so a restart does not prolong it. */
#include <stdlib.h>

#include "client/calls.h"
#include "client/claim_chain.h"
#include "scheduler/config/profile.h"
#include "scheduler/plugins.h"
#include "scheduler/service/bind_batch.h"

struct wait_part { /* one pod */
    struct bind_wait *whole;
    struct claim_chain *chain; /* NULL: it uses no claims */
};

struct bind_wait {
    struct scheduler *s;
    struct list link; /* in s->waits */
    struct bind_batch *batch;
    struct wait_part *parts;
    size_t unwritten; /* pods whose claims are on the wire */
    bool refused;     /* the claims of one were */
    struct wall began;
    struct timer *timer;
};

static void wait_free(struct bind_wait *w)
{
    list_remove(&w->link);
    timer_free(w->timer);
    for (size_t i = 0; i < w->batch->pods.n; i++)
        claim_chain_free(w->parts[i].chain);
    free(w->parts);
    free(w);
}

/* The batch goes on without the wait. */
static struct bind_batch *leave(struct bind_wait *w)
{
    struct bind_batch *b = w->batch;
    wait_free(w);
    return b;
}

/* ---- the state of its devices ---- */

static void tell_failure(const struct bind_wait *w, struct str why, bool late)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    for (size_t i = 0; i < w->batch->pods.n; i++) {
        const struct recorder_note note = {
            .about = w->batch->pods.items[i].pod,
            .type = "Warning",
            .reason = "FailedBinding",
            .message = arena_printf(a, "%s: %.*s. Other devices are looked for",
                                    late ? "Devices were not ready in time"
                                         : "Devices could not be made ready",
                                    STR_ARG(why)),
        };
        recorder_event(w->s->recorder, &note, loop_wall(w->s->t->loop));
    }
    LOG_WARN("bind.devices_not_ready", kv_str("pod", w->batch->pods.items[0].pod->name),
             kv_str("why", why), kv_cstr("next", "their claims are released, and tried anew"));
}

static void fail(struct bind_wait *w, struct str why, bool late)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct scheduler *s = w->s;
    size_t n = w->batch->pods.n;
    struct pod_id *ids = ARENA_ARRAY(a, struct pod_id, n);
    tell_failure(w, why, late);
    for (size_t i = 0; i < n; i++) {
        const struct kobj *p = w->batch->pods.items[i].pod;
        ids[i] = (struct pod_id){ p->namespace, p->name, p->uid };
    }
    service_hear(s, &(struct core_input){ .kind = INPUT_UNREADY, .pods = ids, .n_pods = n }, NULL);
    service_bind_drop(leave(w));
}

static void give_up(struct bind_wait *w, const struct reply *reply, const struct err *err)
{
    service_bind_give_up(leave(w), reply, err);
}

/* As the pod's profile says. */
static int64_t timeout_ns(const struct spod *p)
{
    const struct profile *profile = p->shape->profile;
    for (size_t i = 0; i < profile->n; i++) {
        if (profile->plugins[i].plugin == &dynamic_resources_plugin)
            return dynamic_resources_timeout_ns(profile->plugins[i].args);
    }
    return DRA_BINDING_TIMEOUT_NS;
}

static void look(struct bind_wait *w)
{
    int64_t timeout = DRA_BINDING_TIMEOUT_NS;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct wall since = w->began, now = loop_wall(w->s->t->loop);
    struct str why = { 0 };
    bool ready = true;
    for (size_t i = 0; i < w->batch->pods.n; i++) {
        const struct spod *p = service_bind_pod(w->batch, i);
        struct wall t;
        struct str one;
        struct err gone = { .kind = ERR_CONFLICT, .msg = "a pod is gone that waited for devices" };
        enum dra_binding state = p ? dra_binding_of(p, a, &t, &one) : DRA_BINDING_WAITS;
        if (!p) {
            give_up(w, NULL, &gone);
            return;
        }
        if (state == DRA_BINDING_FAILED) {
            fail(w, one, false);
            return;
        }
        if (state == DRA_BINDING_READY)
            continue;
        ready = false;
        why = one;
        timeout = timeout_ns(p);
        since.ns = t.ns && t.ns < since.ns ? t.ns : since.ns;
    }
    int64_t left = since.ns + timeout - now.ns;
    if (ready)
        service_bind_send(leave(w));
    else if (left <= 0)
        fail(w, why, true);
    else
        timer_start(w->timer, left);
}

static void on_time(void *arg)
{
    struct bind_wait *w = arg;
    look(w);
}

void service_waits_look(struct scheduler *s)
{
    LIST_EACH (&s->waits, at) {
        struct bind_wait *w = LIST_ITEM(at, struct bind_wait, link);
        if (!w->unwritten)
            look(w);
    }
}

/* ---- writing the claims ---- */

/* They are written: what the Binding has to say of them is that they are used. */
static void drop_allocations(struct bound_pod *p, struct arena *a)
{
    struct claim_use *uses = ARENA_ARRAY(a, struct claim_use, p->n_claims + 1);
    for (size_t i = 0; i < p->n_claims; i++) {
        uses[i] = p->claims[i];
        uses[i].allocation = (struct str){ 0 };
    }
    p->claims = uses;
}

static void on_written(void *arg, const struct reply *reply, const struct err *err)
{
    struct wait_part *part = arg;
    struct bind_wait *w = part->whole;
    struct scheduler *s = w->s;
    struct bound_pod *p = &w->batch->pods.items[part - w->parts];
    bool ok = reply && reply->code < 400;
    w->unwritten--;
    if (ok) {
        service_claims_answered(s, p->claims, p->n_claims, reply->revision);
        drop_allocations(p, w->batch->a);
    }
    w->refused = w->refused || !ok;
    if (w->unwritten == 0 && w->refused)
        give_up(w, ok ? NULL : reply, err); /* what others wrote is used or released by the core */
    else if (w->unwritten == 0)
        look(w);
    service_poke(s);
}

/* The allocation with the time from which its devices are waited for. */
static struct str dated(struct str allocation, struct wall now, struct arena *a)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    char text[TIME_TEXT_MAX];
    struct buf b;
    if (!allocation.p || json_parse(&doc, allocation, &json_limits_own, NULL))
        return allocation;
    struct jnode *root = jnode_thaw(a, json_root(doc));
    jnode_set_str(root, STR("allocationTimestamp"), wall_text(text, now));
    buf_init(&b, json_limits_own.bytes);
    jnode_write(&b, root);
    struct str out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

static void write_claims(struct bind_wait *w, size_t i)
{
    struct bound_pod *p = &w->batch->pods.items[i];
    struct arena *a = w->batch->a;
    struct claim_use *uses = ARENA_ARRAY(a, struct claim_use, p->n_claims + 1);
    for (size_t k = 0; k < p->n_claims; k++) {
        uses[k] = p->claims[k];
        uses[k].allocation = dated(uses[k].allocation, w->began, a);
    }
    p->claims = uses;
    const struct binding b = { .namespace = p->pod->namespace,
                               .pod = p->pod->name,
                               .uid = p->pod->uid,
                               .node = p->node,
                               .claims = uses,
                               .n_claims = p->n_claims };
    w->unwritten++;
    w->parts[i].chain = claim_chain_start(w->s->t, &b, on_written, &w->parts[i]);
}

/* ---- life ---- */

static bool is_ready(const struct spod *p)
{
    if (!p || p->claims.n == 0)
        return true;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct wall since;
    struct str why;
    return dra_binding_of(p, a, &since, &why) == DRA_BINDING_READY;
}

bool service_must_wait(const struct scheduler *s, const struct decision *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct spod *p = d->items[i].pod;
        if (!is_ready(p) || (p->claims.n && service_ask_binds(s, p->obj)))
            return true;
    }
    return false;
}

bool service_wait(struct bind_batch *b)
{
    struct scheduler *s = b->s;
    bool ready = true;
    for (size_t i = 0; i < b->pods.n; i++) {
        const struct bound_pod *p = &b->pods.items[i];
        ready = ready && is_ready(service_bind_pod(b, i)) && !(p->asked && p->n_claims);
    }
    if (ready)
        return false;
    struct bind_wait *w = MEM_NEW(struct bind_wait);
    *w = (struct bind_wait){ .s = s, .batch = b, .began = loop_wall(s->t->loop) };
    w->timer = timer_new(s->t->loop, on_time, w);
    w->parts = mem_alloc_array(b->pods.n, sizeof *w->parts);
    list_push_back(&s->waits, &w->link);
    for (size_t i = 0; i < b->pods.n; i++)
        w->parts[i].whole = w;
    for (size_t i = 0; i < b->pods.n; i++) {
        if (b->pods.items[i].n_claims)
            write_claims(w, i);
    }
    return true;
}

void service_waits_cancel(struct scheduler *s)
{
    while (!list_empty(&s->waits))
        service_bind_drop(leave(LIST_ITEM(s->waits.next, struct bind_wait, link)));
}
