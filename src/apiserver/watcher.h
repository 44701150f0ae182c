/* SPDX-License-Identifier: Apache-2.0
 * watcher — one open watch: a cursor of the store, a selection, and a sink that takes events in
 * batches. Starts with the present objects when the request asks for them. A sink that is full
 * pauses; when history has moved past the cursor the watch ends with 410. On the apiserver's
 * loop. */
#pragma once

#include "apiserver/action.h"
#include "apiserver/select.h"

struct watcher;

#define WATCHER_BATCH 256 /* events handed over at one time */

/* Events, objects borrowed for the call, converted to the version asked for. False: full, come back
 * with watcher_resume. */
typedef bool (*watcher_events_fn)(void *arg, const struct watch_event *events, size_t n);
/* The watch is over; the watcher is freed after the call. err ERR_NONE: its time has passed. */
typedef void (*watcher_end_fn)(void *arg, const struct err *err);

struct watcher_sink {
    watcher_events_fn events;
    watcher_end_fn end;
    void *arg;
};

/* Checks the request (authorization was done): the steps end with code 200 and a watcher to be
 * started, in a->wait, or with a refusal. */
extern const action_step_fn watcher_steps[];

/* Takes the watcher out of the finished action and starts it: events come from the loop's next turn
 * on. */
struct watcher *watcher_start(struct action *a, const struct watcher_sink *sink);
void watcher_resume(struct watcher *w); /* the sink has room again */
void watcher_free(struct watcher *w);   /* the sink is gone; no further calls. NULL is fine */
/* Ends all: the server stops. */
void watcher_end_all(struct apiserver *s);
/* Bookmarks and time-outs; called about every second. */
void watcher_tick(struct apiserver *s);
/* Ends the watches of a resource that is served no more. */
void watcher_end_of(struct apiserver *s, const struct served *what);
