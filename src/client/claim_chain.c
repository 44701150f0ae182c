/* SPDX-License-Identifier: Apache-2.0
 * claim_chain — see claim_chain.h. One call at a time is on the wire; `step` says which. */
#include "client/claim_chain.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/calls.h"
#include "kube/status.h"

#define CLAIMS GVR("resource.k8s.io", "v1", "resourceclaims")
#define FINALIZER "resource.kubernetes.io/delete-protection"
#define RESERVED_MAX 256 /* consumers of a claim, as Kubernetes */

struct link {
    struct claim_use use;
    struct json_doc *allocation; /* NULL: it has one */
    bool allocated, reserved;    /* by us */
};

struct claim_chain {
    struct transport *t;
    struct arena *a;
    struct str pod, namespace, uid;
    struct link *links;
    size_t n, at;
    unsigned tries;
    bool undo;
    uint64_t revision;
    struct call *call;
    struct reply refusal; /* given when what was written is taken back */
    struct kobj *why;
    reply_fn done;
    void *arg;
};

static void read_claim(struct claim_chain *c);
static void undo_next(struct claim_chain *c);

/* ---- ends ---- */

static void finish(struct claim_chain *c, const struct reply *r, const struct err *err)
{
    c->done(c->arg, r, err);
}

static void finish_well(struct claim_chain *c)
{
    const struct reply r = { .code = 200, .remaining = -1, .revision = c->revision };
    finish(c, &r, NULL);
}

/* Takes back what was written before, then tells. */
static void refuse_with(struct claim_chain *c, int code, struct kobj *status)
{
    c->why = status;
    c->refusal = (struct reply){ .code = code, .object = status, .remaining = -1 };
    c->undo = true;
    c->at = 0;
    c->tries = 0;
    undo_next(c);
}

static void refuse(struct claim_chain *c, const char *what)
{
    const struct link *l = &c->links[c->at];
    const struct status_spec s = { .code = 409,
                                   .reason = "Conflict",
                                   .message = arena_printf(c->a, "resourceclaim \"%.*s\" %s",
                                                           STR_ARG(l->use.name), what),
                                   .name = l->use.name,
                                   .kind = STR("resourceclaims") };
    refuse_with(c, s.code, status_new(&s));
}

/* ---- writing a claim ---- */

static void patch_claim(struct claim_chain *c,
                        const struct kobj *claim,
                        struct jnode *patch,
                        struct str subresource,
                        reply_fn done)
{
    const struct claim_use *u = &c->links[c->at].use;
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    struct jnode *meta = jnode_need_obj(patch, STR("metadata"));
    jnode_set_str(meta, STR("uid"), u->uid);
    jnode_set_str(meta, STR("resourceVersion"), arena_printf(c->a, "%" PRIu64, claim->revision));
    if (jnode_freeze(&doc, patch, &err)) {
        finish(c, NULL, &err);
        return;
    }
    const struct call_patch p = { .resource = CLAIMS,
                                  .namespace = u->namespace,
                                  .name = u->name,
                                  .subresource = subresource,
                                  .patch = json_root(doc) };
    c->call = call_merge_patch(c->t, &p, done, c);
    json_doc_unref(doc);
}

/* Another one was faster: read again. False: too often. */
static bool again(struct claim_chain *c, const struct reply *r)
{
    if (r->code != 409 || ++c->tries >= CHAIN_TRIES)
        return false;
    read_claim(c);
    return true;
}

static void on_status(void *arg, const struct reply *r, const struct err *err)
{
    struct claim_chain *c = arg;
    struct link *l = &c->links[c->at];
    c->call = NULL;
    if (!r) {
        finish(c, NULL, err);
        return;
    }
    if (r->code < 400) {
        l->reserved = true;
        l->allocated = l->allocation != NULL;
        c->revision = r->object->revision > c->revision ? r->object->revision : c->revision;
        c->at++;
        c->tries = 0;
        read_claim(c);
    } else if (!again(c, r)) {
        refuse_with(c, r->code, kobj_ref(r->object));
    }
}

/* Is what the API has what we mean to write? Two pods of one plan may share a claim. */
static bool same_allocation(const struct link *l, struct json there)
{
    static const char *const names[] = { "driver", "pool", "device", "request" };
    struct json ours = json_path(json_root(l->allocation), "devices.results");
    struct json theirs = json_path(there, "devices.results");
    bool same = json_len(ours) == json_len(theirs);
    for (uint32_t i = 0; i < json_len(ours) && same; i++) {
        for (size_t k = 0; k < COUNT_OF(names); k++)
            same = same && json_eq(json_get(json_at(ours, i), str_from(names[k])),
                                   json_get(json_at(theirs, i), str_from(names[k])));
    }
    return same;
}

/* The list without this pod. */
static struct jnode *others(struct claim_chain *c, const struct kobj *claim)
{
    struct jnode *list = jnode_arr(c->a);
    for (struct json_iter it = json_iter(kobj_path(claim, "status.reservedFor")); json_next(&it);) {
        if (!str_eq(json_str(json_get(it.value, STR("uid"))), c->uid))
            jnode_append(list, jnode_thaw(c->a, it.value));
    }
    return list;
}

static void write_status(struct claim_chain *c, const struct kobj *claim)
{
    const struct link *l = &c->links[c->at];
    struct json there = kobj_path(claim, "status.allocation");
    struct jnode *patch = jnode_obj(c->a), *status = jnode_need_obj(patch, STR("status"));
    struct jnode *list = others(c, claim);
    if (json_has(there) && l->allocation && !same_allocation(l, there)) {
        refuse(c, "was allocated by another scheduler");
        return;
    }
    if (!json_has(there) && !l->allocation) {
        refuse(c, "lost its allocation");
        return;
    }
    if (jnode_len(list) >= RESERVED_MAX) {
        refuse(c, "is in use by as many pods as may use it");
        return;
    }
    if (!json_has(there))
        jnode_set(status, STR("allocation"), jnode_thaw(c->a, json_root(l->allocation)));
    struct jnode *o = jnode_append(list, jnode_obj(c->a));
    jnode_set_str(o, STR("resource"), STR("pods"));
    jnode_set_str(o, STR("name"), c->pod);
    jnode_set_str(o, STR("uid"), c->uid);
    jnode_set(status, STR("reservedFor"), list);
    patch_claim(c, claim, patch, STR("status"), on_status);
}

static void on_protected(void *arg, const struct reply *r, const struct err *err)
{
    struct claim_chain *c = arg;
    c->call = NULL;
    if (!r)
        finish(c, NULL, err);
    else if (r->code < 400)
        write_status(c, r->object);
    else if (!again(c, r))
        refuse_with(c, r->code, kobj_ref(r->object));
}

static bool is_protected(const struct kobj *claim)
{
    for (struct json_iter it = json_iter(kobj_path(claim, "metadata.finalizers"));
         json_next(&it);) {
        if (str_is(json_str(it.value), FINALIZER))
            return true;
    }
    return false;
}

static void protect(struct claim_chain *c, const struct kobj *claim)
{
    struct jnode *patch = jnode_obj(c->a), *meta = jnode_need_obj(patch, STR("metadata"));
    struct jnode *list = jnode_set(meta, STR("finalizers"), jnode_arr(c->a));
    for (struct json_iter it = json_iter(kobj_path(claim, "metadata.finalizers")); json_next(&it);)
        jnode_append(list, jnode_thaw(c->a, it.value));
    jnode_append(list, jnode_str(c->a, STR(FINALIZER)));
    patch_claim(c, claim, patch, (struct str){ 0 }, on_protected);
}

static void on_claim(void *arg, const struct reply *r, const struct err *err)
{
    struct claim_chain *c = arg;
    c->call = NULL;
    if (!r)
        finish(c, NULL, err);
    else if (r->code >= 400)
        refuse_with(c, r->code, kobj_ref(r->object));
    else if (!str_eq(r->object->uid, c->links[c->at].use.uid))
        refuse(c, "is not there any more");
    else if (kobj_deleting(r->object))
        refuse(c, "is being deleted");
    else if (is_protected(r->object))
        write_status(c, r->object);
    else
        protect(c, r->object);
}

/* ---- taking back ---- */

static void on_undone(void *arg, const struct reply *r, const struct err *err)
{
    struct claim_chain *c = arg;
    (void)err;
    c->call = NULL;
    if (r && again(c, r))
        return;
    c->at++; /* what could not be taken back stays with the pod, whose next place it decides */
    c->tries = 0;
    undo_next(c);
}

static void on_claim_to_undo(void *arg, const struct reply *r, const struct err *err)
{
    struct claim_chain *c = arg;
    const struct link *l = &c->links[c->at];
    if (!r || r->code >= 400 || !str_eq(r->object->uid, l->use.uid)) {
        on_undone(c, NULL, err);
        return;
    }
    c->call = NULL;
    struct jnode *patch = jnode_obj(c->a), *status = jnode_need_obj(patch, STR("status"));
    struct jnode *list = others(c, r->object);
    bool last = jnode_len(list) == 0;
    jnode_set(status, STR("reservedFor"), last ? jnode_null(c->a) : list);
    if (l->allocated && last)
        jnode_set(status, STR("allocation"), jnode_null(c->a));
    patch_claim(c, r->object, patch, STR("status"), on_undone);
}

static void undo_next(struct claim_chain *c)
{
    while (c->at < c->n && !c->links[c->at].reserved)
        c->at++;
    if (c->at < c->n)
        read_claim(c);
    else
        finish(c, &c->refusal, NULL);
}

static void on_pod(void *arg, const struct reply *r, const struct err *err)
{
    struct claim_chain *c = arg;
    c->call = NULL;
    bool free_again =
        r &&
        (r->code == 404 || (r->code < 400 && (!str_eq(r->object->uid, c->uid) ||
                                              !json_str(kobj_path(r->object, "spec.nodeName")).n)));
    if (free_again)
        undo_next(c);
    else
        finish(c, r, err); /* it runs with these claims, or nobody can tell */
}

void claim_chain_undo(struct claim_chain *c, reply_fn done, void *arg)
{
    const struct call_get get = { .resource = GVR("", "v1", "pods"),
                                  .namespace = c->namespace,
                                  .name = c->pod };
    c->done = done;
    c->arg = arg;
    c->undo = true;
    c->at = 0;
    c->tries = 0;
    c->call = call_get(c->t, &get, on_pod, c);
}

/* ---- life ---- */

static void read_claim(struct claim_chain *c)
{
    if (c->at == c->n) {
        finish_well(c);
        return;
    }
    const struct call_get get = { .resource = CLAIMS,
                                  .namespace = c->links[c->at].use.namespace,
                                  .name = c->links[c->at].use.name };
    c->call = call_get(c->t, &get, c->undo ? on_claim_to_undo : on_claim, c);
}

struct claim_chain *
claim_chain_start(struct transport *t, const struct binding *b, reply_fn done, void *arg)
{
    struct claim_chain *c = MEM_NEW(struct claim_chain);
    struct arena *a = arena_new();
    *c = (struct claim_chain){ .t = t, .a = a, .n = b->n_claims, .done = done, .arg = arg };
    c->pod = arena_str(a, b->pod);
    c->namespace = arena_str(a, b->namespace);
    c->uid = arena_str(a, b->uid);
    c->links = ARENA_ARRAY(a, struct link, b->n_claims + 1);
    for (size_t i = 0; i < b->n_claims; i++) {
        const struct claim_use *u = &b->claims[i];
        struct link *l = &c->links[i];
        l->use = (struct claim_use){ .namespace = arena_str(a, u->namespace),
                                     .name = arena_str(a, u->name),
                                     .uid = arena_str(a, u->uid) };
        if (u->allocation.p && json_parse(&l->allocation, u->allocation, &json_limits_own, NULL))
            assert(false); /* an allocation that we wrote is JSON */
    }
    read_claim(c);
    return c;
}

void claim_chain_free(struct claim_chain *c)
{
    if (!c)
        return;
    if (c->call)
        c->t->ops->cancel(c->call);
    for (size_t i = 0; i < c->n; i++)
        json_doc_unref(c->links[i].allocation);
    kobj_unref(c->why);
    arena_free(c->a);
    free(c);
}
