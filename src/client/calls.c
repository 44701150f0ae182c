/* SPDX-License-Identifier: Apache-2.0
 * calls — fills a struct request and starts it. */
#include "client/calls.h"

#include <assert.h>

#include "kube/status.h"

struct json_doc *call_body(struct jnode *object)
{
    struct json_doc *doc = NULL;
    int rc = jnode_freeze(&doc, object, NULL);
    assert(rc == 0);
    (void)rc;
    return doc;
}

bool call_refused(const struct reply *reply)
{
    return !reply || reply->code >= 400;
}

struct err call_error(const struct reply *reply, const struct err *err)
{
    struct err why = { 0 };
    if (reply)
        status_to_err(reply->object, reply->code, &why);
    else if (err)
        why = *err;
    return why;
}

static struct request
request_of(enum verb verb, struct gvr r, struct str namespace, struct str name)
{
    return (struct request){
        .verb = verb,
        .group = r.group,
        .version = r.version,
        .plural = r.plural,
        .namespace = namespace,
        .name = name,
        .write = { .grace_s = -1 },
    };
}

struct call *call_create(struct transport *t, const struct call_create *c, reply_fn done, void *arg)
{
    struct request req = request_of(VERB_CREATE, c->resource, c->namespace, (struct str){ 0 });
    req.body = c->object;
    return t->ops->start(t, &req, done, arg);
}

struct call *call_get(struct transport *t, const struct call_get *g, reply_fn done, void *arg)
{
    struct request req = request_of(VERB_GET, g->resource, g->namespace, g->name);
    return t->ops->start(t, &req, done, arg);
}

struct call *
call_merge_patch(struct transport *t, const struct call_patch *p, reply_fn done, void *arg)
{
    struct request req = request_of(VERB_PATCH, p->resource, p->namespace, p->name);
    req.subresource = p->subresource;
    req.body = p->patch;
    req.write.patch = PATCH_MERGE;
    return t->ops->start(t, &req, done, arg);
}

struct call *call_delete(struct transport *t, const struct call_delete *d, reply_fn done, void *arg)
{
    struct request req = request_of(VERB_DELETE, d->resource, d->namespace, d->name);
    req.write.uid = d->uid;
    req.write.propagation = d->propagation;
    req.write.grace_s = d->grace_s;
    return t->ops->start(t, &req, done, arg);
}
