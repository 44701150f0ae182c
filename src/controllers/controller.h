/* SPDX-License-Identifier: Apache-2.0
 * controller — what a reconcile loop is, and nothing about how it runs (runner.c does that).
 *
 * A controller names the resources it watches and how an event maps to keys; its reconcile function
 * is pure: it reads caches and `now`, and returns writes to make. The runner makes the writes and
 * does not reconcile the key again before the caches have seen them (a stale cache can thus never
 * lead to a second pod in the place of the first; client-go's "expectations" without bookkeeping).
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "client/calls.h"
#include "client/informer.h"

#define CONTROLLER_WATCHES_MAX 6

struct reconcile;

/* Appends the keys ("namespace/name" or "name") that an event touches, newline-separated. before or
 * after may be NULL, not both. */
typedef void (*controller_keys_fn)(struct buf *keys,
                                   const struct kobj *before,
                                   const struct kobj *after);
void controller_key_self(struct buf *keys, const struct kobj *before, const struct kobj *after);

struct controller_watch {
    struct gvr resource;
    controller_keys_fn keys; /* NULL: the object's own key */
    informer_key_fn index;   /* an index that reconcile uses; NULL: none */
};

struct controller {
    const char *name, *help;
    struct controller_watch watches[CONTROLLER_WATCHES_MAX]; /* ends with an empty resource */
    /* -1: the key is retried with back-off; nothing of what was asked is written. */
    int (*reconcile)(struct reconcile *r, struct err *err);
};

/* The table of all controllers, sorted by name. */
extern const struct controller *const controllers[];
extern const size_t controllers_count;

/* ---- what reconcile sees ---- */
struct reconcile {
    struct arena *a;            /* dies with this pass */
    struct str namespace, name; /* the key */
    struct wall now;
    struct wall since; /* when this process began to watch: older silence proves nothing */
    const struct controller *self;
    struct informer *caches[CONTROLLER_WATCHES_MAX]; /* in the order of watches */
    size_t indexes[CONTROLLER_WATCHES_MAX];
    uint64_t random; /* differs on every pass: for generated names; a recorded input */
    struct reconcile_out *out;
};

/* ---- what reconcile asks for; documents are built in r->a ---- */
void reconcile_create(struct reconcile *r, struct gvr res, struct jnode *object);
/* A merge patch with uid and resourceVersion of `of` as preconditions when guard is set. */
void reconcile_patch(struct reconcile *r,
                     struct gvr res,
                     const struct kobj *of,
                     struct jnode *patch,
                     bool guard);
void reconcile_patch_status(struct reconcile *r,
                            struct gvr res,
                            const struct kobj *of,
                            struct jnode *status);
void reconcile_delete(struct reconcile *r,
                      struct gvr res,
                      const struct kobj *of,
                      struct str propagation);
/* Without grace: for pods whose node cannot end them. */
void reconcile_kill(struct reconcile *r, struct gvr res, const struct kobj *of);
/* Nothing of this pass is written, and its key is tried again, unless the API itself says that the
 * object (with this uid) is not there: caches lag, and absence from one proves nothing. */
void reconcile_if_absent(struct reconcile *r,
                         struct gvr res,
                         struct str namespace,
                         struct str name,
                         struct str uid);
/* An Event on `about`, recorded when this pass succeeds: of type Normal, or Warning. Equal ones are
 * counted, not repeated. reason lives as long as r->a. */
void reconcile_event(struct reconcile *r,
                     const struct kobj *about,
                     const char *reason,
                     const char *fmt,
                     ...) __attribute__((format(printf, 4, 5)));
void reconcile_warn(struct reconcile *r,
                    const struct kobj *about,
                    const char *reason,
                    const char *fmt,
                    ...) __attribute__((format(printf, 4, 5)));
/* Look at this key again then, whatever happens. */
void reconcile_again_at(struct reconcile *r, struct wall when);
