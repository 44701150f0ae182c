/* SPDX-License-Identifier: Apache-2.0
 * service_claims — what came of the claims that a bind_all wrote. When it succeeded, its revision
 * says from which event on the watch knows; else each claim is read from the API itself, until it
 * answers: only then may its devices be given to somebody else. Also releases claims that waiting
 * pods hold and cannot use (core_claims.c). */
#include <inttypes.h>
#include <stdlib.h>

#include "client/calls.h"
#include "scheduler/service/service_internal.h"

#define RETRY_NS (2 * NS_PER_S)

struct claim_read {
    struct scheduler *s;
    struct list link; /* in s->claim_reads */
    struct arena *a;
    struct claim_id id;
    struct call *call; /* NULL: waits for its timer */
    struct timer *again;
};

static void read_free(struct claim_read *r)
{
    list_remove(&r->link);
    timer_free(r->again);
    arena_free(r->a);
    free(r);
}

static void tell_core(struct scheduler *s, const struct claim_id *id, uint64_t revision)
{
    const struct core_input in = { .kind = INPUT_CLAIM_ANSWER, .claim = *id, .revision = revision };
    service_hear(s, &in, NULL);
}

static void on_read(void *arg, const struct reply *reply, const struct err *err)
{
    struct claim_read *r = arg;
    struct scheduler *s = r->s;
    r->call = NULL;
    if (!reply || (reply->code >= 400 && reply->code != 404)) {
        struct err why = call_error(reply, err);
        LOG_WARN("claim.read_failed", kv_str("namespace", r->id.namespace),
                 kv_str("claim", r->id.name), kv_err(&why),
                 kv_cstr("next", "its devices stay held; reading again in 2s"));
        timer_start(r->again, RETRY_NS);
        return;
    }
    tell_core(s, &r->id, reply->code == 404 ? 0 : reply->object->revision);
    read_free(r);
    service_poke(s);
}

static void read_claim(void *arg)
{
    struct claim_read *r = arg;
    const struct call_get get = { .resource = GVR("resource.k8s.io", "v1", "resourceclaims"),
                                  .namespace = r->id.namespace,
                                  .name = r->id.name };
    r->call = call_get(r->s->t, &get, on_read, r);
}

static void read_start(struct scheduler *s, const struct claim_use *u)
{
    struct claim_read *r = MEM_NEW(struct claim_read);
    r->s = s;
    r->a = arena_new();
    r->id = (struct claim_id){ arena_str(r->a, u->namespace), arena_str(r->a, u->name),
                               arena_str(r->a, u->uid) };
    r->again = timer_new(s->t->loop, read_claim, r);
    list_push_back(&s->claim_reads, &r->link);
    read_claim(r);
}

void service_claims_answered(struct scheduler *s,
                             const struct claim_use *uses,
                             size_t n,
                             uint64_t revision)
{
    for (size_t i = 0; i < n; i++) {
        const struct claim_use *u = &uses[i];
        const struct claim_id id = { u->namespace, u->name, u->uid };
        if (!u->allocation.p)
            continue;
        if (revision)
            tell_core(s, &id, revision);
        else
            read_start(s, u);
    }
}

/* ---- what pods hold and do not use ---- */

struct claim_release {
    struct scheduler *s;
    struct list link; /* in s->claim_releases */
    struct arena *a;
    struct claim_id id;
    struct call *call;
};

static void release_free(struct claim_release *r)
{
    list_remove(&r->link);
    arena_free(r->a);
    free(r);
}

/* Whatever came of it, the claim's events tell; a refusal means that somebody else changed it. */
static void on_released(void *arg, const struct reply *reply, const struct err *err)
{
    struct claim_release *r = arg;
    struct err why = call_error(reply, err);
    if (call_refused(reply))
        LOG_WARN("claim.not_released", kv_str("namespace", r->id.namespace),
                 kv_str("claim", r->id.name), kv_err(&why),
                 kv_cstr("next", "tried again when its pod is tried again"));
    else
        LOG_INFO("claim.released", kv_str("namespace", r->id.namespace),
                 kv_str("claim", r->id.name),
                 kv_cstr("why", "no pod runs with it, and those that wait cannot use it"));
    release_free(r);
}

/* Only as it was read: whoever reserved it meanwhile keeps it. */
static void release_start(struct scheduler *s, const struct dra_idle *idle)
{
    struct claim_release *r = MEM_NEW(struct claim_release);
    struct arena *a = arena_new();
    *r = (struct claim_release){ .s = s, .a = a };
    r->id = (struct claim_id){ arena_str(a, idle->id.namespace), arena_str(a, idle->id.name),
                               arena_str(a, idle->id.uid) };
    struct jnode *root = jnode_obj(a), *meta = jnode_need_obj(root, STR("metadata"));
    struct jnode *status = jnode_need_obj(root, STR("status"));
    jnode_set_str(meta, STR("uid"), r->id.uid);
    jnode_set_str(meta, STR("resourceVersion"), arena_printf(a, "%" PRIu64, idle->revision));
    static const char *const fields[] = { "allocation", "reservedFor", "devices" };
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        jnode_set(status, str_from(fields[i]), jnode_null(a));
    AUTO(json_doc_unrefp) struct json_doc *body = call_body(root);
    const struct call_patch p = { .resource = GVR("resource.k8s.io", "v1", "resourceclaims"),
                                  .namespace = r->id.namespace,
                                  .name = r->id.name,
                                  .subresource = STR("status"),
                                  .patch = json_root(body) };
    list_push_back(&s->claim_releases, &r->link);
    r->call = call_merge_patch(s->t, &p, on_released, r);
}

void service_claims_release(struct scheduler *s, const struct decision *d)
{
    for (size_t i = 0; i < d->n_releases; i++)
        release_start(s, &d->releases[i]);
}

/* ---- GPUs in two ways ---- */

void service_claims_tell(struct scheduler *s)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct cluster *c = core_cluster(s->core);
    struct str name;
    while (dra_ambiguous_take(c->snap.dra, a, &name)) {
        const struct snode *n = snapshot_node(&c->snap, name);
        const struct recorder_note note = {
            .about = n ? n->obj : NULL,
            .type = "Warning",
            .reason = "GPUsInTwoWays",
            .message = STR("GPUs are offered by claim and as an extended resource, and which are "
                           "the same cannot be told or trusted: they are given out in one way at "
                           "a time. Offer them in one way only")
        };
        if (!n)
            continue;
        recorder_event(s->recorder, &note, loop_wall(s->t->loop));
        LOG_WARN("node.gpus_in_two_ways", kv_str("node", name),
                 kv_cstr("next", "they are given out in one way at a time"));
    }
}

void service_claims_cancel(struct scheduler *s)
{
    while (!list_empty(&s->claim_reads)) {
        struct claim_read *r = LIST_ITEM(s->claim_reads.next, struct claim_read, link);
        if (r->call)
            s->t->ops->cancel(r->call);
        read_free(r);
    }
    while (!list_empty(&s->claim_releases)) {
        struct claim_release *r = LIST_ITEM(s->claim_releases.next, struct claim_release, link);
        s->t->ops->cancel(r->call);
        release_free(r);
    }
}
