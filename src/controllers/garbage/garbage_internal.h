/* SPDX-License-Identifier: Apache-2.0
 * garbage_internal — a collector's state, shared by the files of this folder: garbage.c follows
 * events and judges, calls.c makes the calls, namespace.c empties namespaces. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "client/workqueue.h"
#include "controllers/garbage/garbage.h"
#include "controllers/garbage/graph.h"

#define GARBAGE_KEYS_IN_WORK 64
#define GARBAGE_ABSENT_MAX 256 /* uids that are known to be gone: uids never come back */

struct garbage {
    struct transport *t;
    struct informers *informers;
    bool own_informers, scheduled;
    struct graph graph;
    struct graph_kind *namespaces, *definitions; /* kinds that mean more than themselves */
    struct workqueue *queue;                     /* "NUMBER/namespace/name" of graph.kinds */
    struct timer *timer;
    struct list tasks;
    size_t in_work;
    char *absent[GARBAGE_ABSENT_MAX]; /* a ring */
    size_t n_absent;
};

struct task { /* one key in work, until its calls are answered */
    struct list link;
    struct garbage *g;
    struct str key; /* the queue's */
    struct arena *a;
    struct graph_kind *kind;
    struct kobj *o; /* counted */
    struct list calls;
    size_t left;
    bool failed, again;           /* again: look at it anew at once */
    void (*next)(struct task *t); /* a further step when all calls were answered; NULL: end */
    size_t remaining;             /* namespace.c: what is left, and of which resource */
    struct str remaining_text;
};

void garbage_kick(struct garbage *g);
void garbage_enqueue(struct garbage *g, const struct graph_kind *k, const struct kobj *o);
bool garbage_is_absent(const struct garbage *g, struct str uid);
void garbage_note_absent(struct garbage *g, struct str uid);

/* ---- calls.c: each is one of the task's calls ---- */
typedef void (*task_answer_fn)(struct task *t, struct str uid, const struct reply *reply);
/* on_answer may be NULL; uid is kept for it (in the task's arena). A refusal other than 404 and 405
 * brings the key back with back-off. */
void task_call(struct task *t, const struct request *r, struct str uid, task_answer_fn on_answer);
void task_delete(struct task *t,
                 const struct graph_kind *k,
                 const struct kobj *o,
                 const char *propagation);
/* Drops references of o for which drop() says so. */
void task_strip_owners(struct task *t,
                       const struct graph_kind *k,
                       const struct kobj *o,
                       bool (*drop)(void *arg, struct json ref),
                       void *arg);
void task_drop_finalizer(struct task *t, const char *name);
struct request task_request(const struct graph_kind *k, enum verb verb);
void tasks_cancel(struct garbage *g);
void task_end(struct task *t); /* garbage.c */

/* ---- namespace.c ---- */
void namespace_empty(struct task *t); /* the task's object is a namespace that is being deleted */
