/* SPDX-License-Identifier: Apache-2.0
 * bind_each — see bind_each.h. */
#include "client/bind_each.h"

#include <assert.h>
#include <stdlib.h>

#include "client/claim_chain.h"

struct part { /* one pod */
    struct bind_each *whole;
    struct str namespace, name; /* in the document */
    struct json_doc *binding;
    struct claim_chain *chain; /* NULL: it uses no claims */
    struct call *call;         /* the Binding, or the question after it, on the wire */
    struct err lost;           /* why no answer came for the Binding */
};

struct bind_each {
    struct transport *t;
    size_t n, left;
    struct part *parts;
    bool *bound;        /* by part */
    struct kobj *first; /* the first refusal, or the last success */
    int code;
    uint64_t revision; /* the newest of the claims; 0: none written */
    struct err err;
    reply_fn done;
    void *arg;
};

static void each_free(struct bind_each *e)
{
    for (size_t i = 0; i < e->n; i++) {
        claim_chain_free(e->parts[i].chain);
        json_doc_unref(e->parts[i].binding);
    }
    kobj_unref(e->first);
    free(e->bound);
    free(e->parts);
    free(e);
}

static void part_over(struct bind_each *e)
{
    if (--e->left)
        return;
    const struct reply all = { .code = e->err.kind == ERR_NONE || e->code >= 400 ? e->code : 503,
                               .object = e->first,
                               .remaining = -1,
                               .revision = e->revision,
                               .bound = e->bound };
    e->done(e->arg, &all, &e->err);
    each_free(e);
}

/* The outcome counts: the first that is not a success stays. */
static void note(struct bind_each *e, const struct reply *reply, const struct err *err)
{
    if (!reply && e->err.kind == ERR_NONE)
        e->err = *err;
    if (!reply || e->code >= 400)
        return;
    kobj_unref(e->first);
    e->first = reply->object ? kobj_ref(reply->object) : NULL;
    e->code = reply->code;
}

static void on_given_back(void *arg, const struct reply *reply, const struct err *err)
{
    struct part *p = arg;
    (void)reply;
    (void)err;
    part_over(p->whole);
}

static void settle(struct part *p, const struct reply *reply, const struct err *err)
{
    note(p->whole, reply, err);
    p->whole->bound[p - p->whole->parts] = reply && reply->code < 400;
    if (reply && reply->code >= 400 && p->chain)
        claim_chain_undo(p->chain, on_given_back, p);
    else
        part_over(p->whole);
}

/* The pod as it is after a Binding whose answer was lost. An answer without a node says nothing:
 * the Binding may still be under way. */
static void on_read(void *arg, const struct reply *reply, const struct err *err)
{
    struct part *p = arg;
    struct json binding = json_root(p->binding);
    (void)err;
    p->call = NULL;
    if (!reply || reply->code != 200 || !reply->object) {
        bool gone = reply && reply->code == 404;
        settle(p, gone ? reply : NULL, &p->lost);
        return;
    }
    struct str uid = json_str(json_path(binding, "metadata.uid"));
    struct str node = json_str(json_path(kobj_root(reply->object), "spec.nodeName"));
    if ((uid.n && !str_eq(reply->object->uid, uid)) || !node.n) {
        settle(p, NULL, &p->lost);
        return;
    }
    bool ours = str_eq(node, json_str(json_path(binding, "target.name")));
    const struct reply there = { .code = ours ? 201 : 409, .remaining = -1 };
    settle(p, &there, NULL);
}

/* Nobody answered: whether it is bound is for the API to say. */
static void read_pod(struct part *p)
{
    const struct request req = {
        .verb = VERB_GET,
        .version = STR("v1"),
        .plural = STR("pods"),
        .namespace = p->namespace,
        .name = p->name,
    };
    p->call = p->whole->t->ops->start(p->whole->t, &req, on_read, p);
}

static void on_bound(void *arg, const struct reply *reply, const struct err *err)
{
    struct part *p = arg;
    p->call = NULL;
    if (reply) {
        settle(p, reply, err);
        return;
    }
    p->lost = *err;
    read_pod(p);
}

static void bind(struct part *p)
{
    const struct request req = {
        .verb = VERB_CREATE,
        .version = STR("v1"),
        .plural = STR("pods"),
        .subresource = STR("binding"),
        .namespace = p->namespace,
        .name = p->name,
        .body = json_root(p->binding),
    };
    p->call = p->whole->t->ops->start(p->whole->t, &req, on_bound, p);
}

static void on_reserved(void *arg, const struct reply *reply, const struct err *err)
{
    struct part *p = arg;
    struct bind_each *e = p->whole;
    if (!reply || reply->code >= 400) {
        note(e, reply, err);
        part_over(e);
        return;
    }
    e->revision = reply->revision > e->revision ? reply->revision : e->revision;
    bind(p);
}

static struct json_doc *binding_of(const struct binding *b)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("apiVersion"), STR("v1"));
    jnode_set_str(o, STR("kind"), STR("Binding"));
    struct jnode *meta = jnode_need_obj(o, STR("metadata"));
    jnode_set_str(meta, STR("namespace"), b->namespace);
    jnode_set_str(meta, STR("name"), b->pod);
    if (b->uid.n)
        jnode_set_str(meta, STR("uid"), b->uid);
    if (b->annotations)
        jnode_set(meta, STR("annotations"), jnode_copy(a, b->annotations));
    struct jnode *target = jnode_need_obj(o, STR("target"));
    jnode_set_str(target, STR("kind"), STR("Node"));
    jnode_set_str(target, STR("name"), b->node);
    struct json_doc *doc = NULL;
    int rc = jnode_freeze(&doc, o, NULL);
    assert(rc == 0); /* a binding is far below the limit */
    (void)rc;
    return doc;
}

struct bind_each *
bind_each_start(struct transport *t, const struct binding *b, size_t n, reply_fn done, void *arg)
{
    struct bind_each *e = MEM_NEW(struct bind_each);
    *e = (struct bind_each){ .t = t, .n = n, .left = n, .done = done, .arg = arg };
    e->parts = mem_alloc_array(n, sizeof *e->parts);
    e->bound = mem_alloc_array(n, sizeof *e->bound);
    for (size_t i = 0; i < n; i++) {
        struct part *p = &e->parts[i];
        *p = (struct part){ .whole = e, .binding = binding_of(&b[i]) };
        p->namespace = json_str(json_path(json_root(p->binding), "metadata.namespace"));
        p->name = json_str(json_path(json_root(p->binding), "metadata.name"));
        if (b[i].n_claims)
            p->chain = claim_chain_start(t, &b[i], on_reserved, p);
        else
            bind(p);
    }
    return e;
}

void bind_each_cancel(struct bind_each *e)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->parts[i].call)
            e->t->ops->cancel(e->parts[i].call);
    }
    each_free(e);
}
