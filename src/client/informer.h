/* SPDX-License-Identifier: Apache-2.0
 * informer — a cache of one resource that keeps itself current by list and watch, and tells its
 * handlers what changed. After an interrupted watch it resumes from its revision; after 410 it
 * lists again and reports exactly the differences: no gap, no duplicate. Failed lists are retried
 * with exponential back-off and jitter; a resource that the API does not serve (404) is an empty
 * one that is asked for again every 10 s. All on the transport's loop.
 *
 * One struct informers per service shares informers between its parts: the same resource and
 * selectors give the same cache. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/calls.h"
#include "client/transport.h"
#include "codec/json_keep.h"

struct informers;
struct informer;

struct informers *informers_new(struct transport *t);
void informers_free(struct informers *set); /* stops all watches */

/* The cache of a resource, made on first use. field_selector narrows it ("spec.nodeName=x"; absent:
 * everything). Belongs to the set. */
struct informer *informers_get(struct informers *set, struct gvr r, struct str field_selector);
/* The same for a reader of few fields: rows (constant) name them, and whoever asks with other rows
 * gets another cache. kind, apiVersion and metadata's name, namespace, uid and resourceVersion must
 * be among them. Objects that a transport shares in memory stay whole all the same. */
struct informer_fields {
    const struct json_mask *rows;
    size_t n;
};
struct informer *
informers_get_fields(struct informers *set, struct gvr r, const struct informer_fields *f);
/* Starts every informer that is not running yet. */
void informers_start(struct informers *set);
bool informers_synced(const struct informers *set); /* every cache had its first complete list */

/* Objects are borrowed for the call. before is NULL for an addition, after for a deletion. */
typedef void (*informer_event_fn)(void *arg, const struct kobj *before, const struct kobj *after);
/* After each batch of events, and once when the first list is complete. */
typedef void (*informer_batch_fn)(void *arg);

/* A handler added late gets the present objects as additions at once. */
void informer_on_event(struct informer *i,
                       informer_event_fn fn,
                       informer_batch_fn batch,
                       void *arg);

bool informer_synced(const struct informer *i);
uint64_t informer_revision(const struct informer *i); /* the cache has seen everything up to here */
/* Borrowed until the loop's next turn; NULL: not there. */
const struct kobj *informer_find(const struct informer *i, struct str namespace, struct str name);

/* Visits in no order until fn returns false. The cache must not change meanwhile. */
typedef bool (*informer_visit_fn)(void *arg, const struct kobj *o);
void informer_each(const struct informer *i, informer_visit_fn fn, void *arg);

/* ---- indexes: a second way to find objects ("which pods belong to this owner") ---- */
/* Writes the index key of o into key (an object has one at most); false: not in this index. */
typedef bool (*informer_key_fn)(const struct kobj *o, struct buf *key);
/* Adds the index, or returns the number of the one with the same function. */
size_t informer_index(struct informer *i, informer_key_fn fn);
void informer_each_in(const struct informer *i,
                      size_t index,
                      struct str key,
                      informer_visit_fn fn,
                      void *arg);
/* Ready-made: the uid of the controlling owner. */
bool informer_key_owner(const struct kobj *o, struct buf *key);
