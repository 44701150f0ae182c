/* SPDX-License-Identifier: Apache-2.0
 * calls — shorthands over struct transport for the calls that services make. Each starts one call
 * and answers by callback, as transport.h says. Services write only by create, patch, status,
 * subresource and delete with preconditions: there is no update from a cached object, because
 * caches may hold trimmed objects. */
#pragma once

#include "client/transport.h"
#include "codec/jnode.h"

struct gvr { /* which resource */
    struct str group, version, plural;
};

/* The body of a call: an object made here, which is far below the limits. The caller's. */
struct json_doc *call_body(struct jnode *object);

/* No answer came, or it is a refusal. reply may be NULL. */
bool call_refused(const struct reply *reply);
/* Why, for a log line or a condition: what the refusal's Status says, or err when no answer came.
 * Takes what a reply_fn got, as it is. */
struct err call_error(const struct reply *reply, const struct err *err);

#define GVR(g, v, p) ((struct gvr){ STR(g), STR(v), STR(p) }) /* literals only */

struct call_create {
    struct gvr resource;
    struct str namespace; /* absent: cluster-scoped */
    struct json object;   /* borrowed for the call */
};
struct call *
call_create(struct transport *t, const struct call_create *c, reply_fn done, void *arg);

struct call_get {
    struct gvr resource;
    struct str namespace, name;
};
struct call *call_get(struct transport *t, const struct call_get *g, reply_fn done, void *arg);

struct call_patch { /* a merge patch of an object or of a subresource */
    struct gvr resource;
    struct str namespace, name;
    struct str subresource; /* absent: the object; "status" */
    struct json patch; /* put metadata.uid and metadata.resourceVersion in it as preconditions */
};
struct call *
call_merge_patch(struct transport *t, const struct call_patch *p, reply_fn done, void *arg);

struct call_delete {
    struct gvr resource;
    struct str namespace, name;
    struct str uid;         /* precondition; absent: none */
    struct str propagation; /* absent: the kind's default */
    int64_t grace_s;        /* -1: the object's own */
};
struct call *
call_delete(struct transport *t, const struct call_delete *d, reply_fn done, void *arg);
