/* SPDX-License-Identifier: Apache-2.0
 * world — a small API server and the runner's rules on virtual time, around one controller. The
 * test writes objects, delivers watch events when it likes, moves the clock, and looks at what the
 * controller asked for and at what came of it. Writes meet the API's rules: preconditions, names,
 * finalizers, graceful deletion of pods, status apart. */
#pragma once

#include "controllers/controller.h"

struct world;

struct world *world_new(const struct controller *c);
void world_free(struct world *w);

struct wall world_now(const struct world *w);

/* ---- what others do; plural names one of the controller's watched resources ---- */
/* Creates from JSON text; uid, revision and times are the world's. Returns the stored object,
 * borrowed until its next change. */
const struct kobj *world_create(struct world *w, const char *plural, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Merges the JSON text into the object "namespace/name" (or "name"), status included. */
void world_merge(struct world *w, const char *plural, const char *key, const char *patch);
void world_delete(struct world *w, const char *plural, const char *key);
/* As a kubelet ends a pod that is being deleted: gone unless finalizers hold it. */
void world_end_deletion(struct world *w, const char *key);
/* Takes the object away whatever holds it. */
void world_vanish(struct world *w, const char *plural, const char *key);

/* ---- time and events ---- */
/* Everything due now until nothing is: deliver, reconcile, write. Fails the test when that does not
 * end. Returns the passes made. */
size_t world_run(struct world *w);
/* The same while the clock moves on by seconds, stopping wherever something is due. */
void world_advance(struct world *w, int64_t seconds);
bool world_deliver_one(struct world *w); /* of a random resource; false: none waits */
bool world_deliver_of(struct world *w, const char *plural); /* the oldest of this resource */
/* One due key, if any: its caches first see what was written for it before. False: none due. */
bool world_reconcile_one(struct world *w);
/* The controller dies and starts again: caches, queue and back-off are lost. */
void world_restart(struct world *w);
/* The next n writes that succeed are the last: then all are refused with 500 until world_heal. */
void world_break_after(struct world *w, size_t n);
void world_heal(struct world *w);

/* ---- what came of it ---- */
const struct kobj *world_get(const struct world *w, const char *plural, const char *key);
size_t world_count(const struct world *w, const char *plural);
/* The i-th object of the resource in order of creation; NULL beyond the last. */
const struct kobj *world_at(const struct world *w, const char *plural, size_t i);
/* Every write since the last call, "create pods d/a" or "patch jobs d/j status" a line, and events
 * as "event REASON d/j". Borrowed until the next call of a world function. */
struct str world_log(struct world *w);
void world_log_clear(struct world *w);
size_t world_refused(const struct world *w); /* writes that the API refused, ever */
int64_t world_num(const struct world *w, const char *plural, const char *key, const char *path);
struct str world_text(const struct world *w, const char *plural, const char *key, const char *path);
