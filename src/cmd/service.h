/* SPDX-License-Identifier: Apache-2.0
 * service — a service on a thread and a loop of its own inside one process, reaching the API in
 * process. `ganglion up` starts several; each is a row that says how to start and stop it. */
#pragma once

#include "apiserver/apiserver.h"
#include "client/transport.h"
#include "daemon/metrics.h"

struct service_given {
    const void *options;     /* of service_start */
    struct metrics *metrics; /* of the kind's table; NULL when it has none */
};

struct service_kind {
    const char *name;  /* of the thread and in logs; 15 bytes at most */
    const char *check; /* its name in /readyz and /livez: "service/scheduler" */
    const char *user;  /* as whom it calls the API: "system:kube-scheduler" */
    /* On the service's loop. Returns the service's own state, or NULL with err. */
    void *(*start)(struct transport *t, const struct service_given *given, struct err *err);
    /* On the service's loop: end all work, free the state, then call done(arg). */
    void (*stop)(void *self, loop_fn done, void *arg);
    /* On the service's loop, each second: has it seen all there is, and begun its work? */
    bool (*ready)(const void *self);
    /* What it counts, NULL: nothing; and, with the beat above, the setting of gauges. */
    const struct metric_table *metrics;
    void (*measure)(void *self);
    /* On the home loop, after start and before stop: what ties the service to the API server beyond
     * its transport. NULL: nothing. */
    void (*attach)(void *self, struct apiserver *api);
    void (*detach)(void *self, struct apiserver *api);
};

struct service;

/* Starts the thread; options must live until the service stopped. A service whose start fails says
 * so in the log and stays idle. */
struct service *service_start(const struct service_kind *kind,
                              struct apiserver *api,
                              const void *options,
                              struct loop *home,
                              struct err *err);
/* Asks it to stop; stopped(arg) is called on the home loop when its thread has ended. */
void service_stop(struct service *s, loop_fn stopped, void *arg);
void service_free(struct service *s); /* after it has stopped; NULL is fine */

/* health_fn of a service, on the home loop: it started, is ready, and its loop turns. */
bool service_is_ready(void *service, struct buf *why);
/* ... its loop turns, or has not begun to. */
bool service_is_alive(void *service, struct buf *why);
