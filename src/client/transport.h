/* SPDX-License-Identifier: Apache-2.0
 * transport — how a service reaches the API. Two implementations, and a service cannot tell them
 * apart: in process (apiserver/inproc.h: requests and immutable objects are passed in memory
 * between loops) and HTTPS (client/rest.h). Opened as a named user; callbacks come on the opener's
 * loop. */
#pragma once

#include "base/err.h"
#include "io/loop.h"
#include "kube/request.h"

struct transport;
struct call;

/* The reply is borrowed for the callback; take references to what is kept. A transport failure
 * (no connection) arrives as err with reply NULL; the API's refusals are replies with code >= 400.
 */
typedef void (*reply_fn)(void *arg, const struct reply *reply, const struct err *err);

/* Events come in batches, objects borrowed for the callback. The stream ends with one call of the
 * end function: err NULL or ERR_NONE for a normal end (time-out), ERR_GONE for 410. */
typedef void (*events_fn)(void *arg, const struct watch_event *events, size_t n);
typedef void (*watch_end_fn)(void *arg, const struct err *err);

/* A ResourceClaim that a pod uses: reserved for the pod in the write that binds it. */
struct claim_use {
    struct str namespace, name, uid;
    struct str allocation; /* status.allocation as JSON; absent: the claim has one */
};

/* One placement of a gang: pod → node, with the annotations that land in the same write. */
struct binding {
    struct str namespace, pod, uid; /* uid: precondition */
    struct str node;
    struct jnode *annotations; /* an object of strings, or NULL */
    const struct claim_use *claims;
    size_t n_claims;
};

struct transport_ops {
    /* The request is copied before this returns (documents by reference). Callback once, later. */
    struct call *(*start)(struct transport *t, const struct request *r, reply_fn done, void *arg);
    struct call *(*watch)(struct transport *t,
                          const struct request *r,
                          events_fn events,
                          watch_end_fn end,
                          void *arg);
    /* All or none in process: done gets code 201 or the first refusal; with 201 reply.revision is
     * one at which all claims are written (0: unknown). Over HTTPS (binds_singly) each is bound by
     * itself: there is always a reply, reply.bound says which bindings stand, the code is 201 only
     * if all do, and err says more when no answer came for one. */
    struct call *(*bind_all)(struct transport *t,
                             const struct binding *b,
                             size_t n,
                             reply_fn done,
                             void *arg);
    bool binds_singly;
    void (*cancel)(struct call *c); /* no callback after it */
    void (*close)(struct transport *t);
};

struct transport { /* the head of every implementation */
    const struct transport_ops *ops;
    struct loop *loop;
};
