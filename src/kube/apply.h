/* SPDX-License-Identifier: Apache-2.0
 * apply — server-side apply and the bookkeeping behind it: metadata.managedFields says which
 * manager set which fields. An apply merges the applied configuration into the live object, takes
 * out what the manager applied before and now leaves out (unless somebody else owns it), and
 * conflicts with whoever else owns a field that it changes. Other writes own what they change.
 * Works by type, on built-in and custom kinds. Pure. */
#pragma once

#include "base/time.h"
#include "codec/jnode.h"
#include "kube/schema.h"
#include "kube/status.h"

#define APPLY_UPDATERS_MAX 10 /* entries of non-apply managers kept apart, as Kubernetes does */

struct apply_writer { /* who writes, through what. Plain data */
    const struct schema *schema;
    struct str manager;     /* fieldManager */
    struct str api_version; /* of the object written */
    struct str subresource; /* absent or empty: the object itself */
    /* A top-level field that this endpoint does not write ("status" on objects with a status
     * subresource, "spec" on that subresource); absent: none. Nobody comes to own it here. */
    struct str ignored;
    struct wall now;
};

struct apply_request {
    struct apply_writer by;
    struct jnode *live;  /* the stored object; NULL: create */
    struct json applied; /* the parsed body */
    bool force;          /* take over what others own */
};

/* Server-side apply. The body's apiVersion, kind and name have been checked against the URL, and it
 * has no managedFields. *out is the merged object with new managedFields; it must still be
 * defaulted, checked and validated, and everything the server sets (uid, resourceVersion, …) is as
 * in live.
 *
 * ERR_CONFLICT: other managers own fields that would change; conflicts (its arena set) then holds a
 * cause each. With force they lose them instead. ERR_INVALID: the configuration does not fit the
 * type (Kubernetes answers 500: "failed to create typed patch object (…): …"). */
int apply_merge(struct arena *a,
                const struct apply_request *q,
                struct causes *conflicts,
                struct jnode **out,
                struct err *err);

/* 'Apply failed with 1 conflict: conflict with "alpha": .data.a', in the causes' arena. */
struct str apply_conflict_message(const struct causes *conflicts);

/* Any other write: sets after's managedFields from what changed between before (NULL: created) and
 * after, which is complete and defaulted. Managed fields that after itself brings count (a client
 * may edit them; [] or [{}] forgets all), else before's. */
void apply_track_update(struct arena *a,
                        const struct apply_writer *w,
                        struct jnode *before,
                        struct jnode *after);

/* The same for a new object, as text and without making sets. *held: what after then borrows from;
 * to be released when the tree is gone. False, and nothing done, when that is not the way: after
 * brings managed fields, owns nothing, nests deep; then call apply_track_update. */
bool apply_track_new(struct arena *a,
                     const struct apply_writer *w,
                     struct jnode *after,
                     struct json_doc **held);

/* Is the only difference in the times of managedFields? Then a write changes nothing. */
bool apply_same_but_times(struct arena *a, struct jnode *x, struct jnode *y);
