/* SPDX-License-Identifier: Apache-2.0
 * What the files of the scheduler service share; nobody else includes this. */
#pragma once

#include "base/log.h"
#include "client/informer.h"
#include "client/recorder.h"
#include "io/loop.h"
#include "scheduler/core/input.h"
#include "scheduler/outside/outside.h"
#include "scheduler/service/service.h"
#include "scheduler/service/sources.h"
#include "scheduler/volumes/volumes.h"

#include <assert.h>

struct bind_batch;
struct eviction;
struct service_ask;
struct service_gangs;
struct service_record;
VEC_TYPE(pod_refs, struct kobj *);

struct source_watch {
    struct scheduler *s;
    const struct sched_source *source;
    struct informer *cache;
    bool open; /* of the main ones: the core hears of it */
};

struct scheduler {
    struct transport *t;
    struct sched_core *core;
    struct arena *cycle_arena;
    struct informers *informers;
    struct source_watch watches[SOURCES_MAIN];
    struct recorder *recorder;
    struct sched_meter *meter; /* NULL: nobody asks */
    struct timer *timer;
    bool live;                /* the caches were complete once: it decides */
    bool turn_pending;        /* the timer will run a turn */
    struct list binds;        /* batches on the wire */
    struct bind_batch *batch; /* filled in this turn; NULL: none */
    struct list claim_reads;  /* claims that are looked up (service_claims.c) */
    struct list waits;        /* plans whose devices are made ready (service_wait.c) */
    struct list volume_waits; /* plans whose volumes are bound (service_volumes.c) */
    struct list claim_releases;
    struct list extended_claims; /* on the wire (service_extended.c) */
    struct list patches;         /* status patches on the wire */
    size_t n_patches;
    struct { /* of preemptions (service_preempt.c) */
        struct list waiting, on_wire, resting;
        size_t n_on_wire;
    } errands;
    struct pod_refs report; /* pods whose waiting is to be told, from report_at on */
    size_t report_at;
    struct { /* the last explanation, for pods that wait for the same */
        struct str message, because, json; /* own texts */
    } explained;
    const struct outside *outside; /* plugins of others (service_outside.c); NULL: none */
    uint64_t outside_told;         /* of its news */
    struct outside_record told[OUTSIDE_PLUGINS_MAX];
    struct service_ask *ask;           /* talks with extenders; NULL: there are none */
    struct service_gangs *gangs;       /* group objects and mirrors; service_gangs.c */
    struct service_nodes *nodes;       /* requests for nodes; service_nodes.c */
    struct service_reserved *reserved; /* ResourceReservations; service_reserved.c */
    struct service_queues *queues;     /* queues and topologies; service_queues.c */
    struct service_record *record;     /* what the core hears, on file; NULL: nobody asked for it */
};

/* Begins to work when everything is known that must be. */
void service_try_begin(struct scheduler *s);
/* Tells the core, with the time of now, and the record. The one way in; see core/input.h. */
int service_hear(struct scheduler *s, const struct core_input *in, struct err *err);
/* Runs a turn soon. */
void service_poke(struct scheduler *s);

void service_bind(struct scheduler *s, const struct decision *d);
/* The same, but it is only carried out by service_bind_go, or given up: its pods are queued again.
 * drop: when the service ends. */
struct bind_batch *service_bind_hold(struct scheduler *s, const struct decision *d);
void service_bind_go(struct bind_batch *b);
void service_bind_give_up(struct bind_batch *b, const struct reply *reply, const struct err *err);
void service_bind_drop(struct bind_batch *b); /* NULL is fine */
/* Claims of the plan are written before it is bound: their devices must be made ready, or an
 * extender binds their pod. */
bool service_must_wait(const struct scheduler *s, const struct decision *d);
/* True: that is so, and the batch is sent, or given up, when it is known. */
bool service_wait(struct bind_batch *b);
void service_waits_look(struct scheduler *s); /* claims changed */
void service_waits_cancel(struct scheduler *s);
/* The same for volumes, which come first: what is to be written for a pod's claims (texts in a),
 * and whether a plan has any. */
struct volume_write *
service_volumes_of(const struct spod *p, struct str node, struct arena *a, size_t *n);
bool service_volumes_must_wait(const struct decision *d);
bool service_volumes_wait(struct bind_batch *b);
void service_volumes_look(struct scheduler *s);
void service_volumes_cancel(struct scheduler *s);
void service_bind_flush(struct scheduler *s);
void service_bind_cancel(struct scheduler *s);

/* The claims of these uses were sent to the API; when it answers, the core is told what is there.
 * revision: that of the write, 0: it failed or its outcome is unknown, the claims are read. */
void service_claims_answered(struct scheduler *s,
                             const struct claim_use *uses,
                             size_t n,
                             uint64_t revision);
/* Asks the API to release what the decision's gang holds and cannot use. */
void service_claims_release(struct scheduler *s, const struct decision *d);
void service_claims_cancel(struct scheduler *s);
/* Makes the claims of extended resources that the decision's pods lack. */
void service_extended(struct scheduler *s, const struct decision *d);
void service_extended_cancel(struct scheduler *s);
/* Nodes whose GPUs might be given out twice (dra_gpus.c) hear of it. */
void service_claims_tell(struct scheduler *s);

/* Extenders (service_ask.c). ERR_* when their certificates cannot be read. */
int service_ask_start(struct scheduler *s, struct err *err);
void service_ask_stop(struct scheduler *s);
void service_ask(struct scheduler *s, const struct decision *d);
/* An extender binds this pod, not we. */
bool service_ask_binds(const struct scheduler *s, const struct kobj *pod);
void service_ask_bind(struct scheduler *s, const struct kobj *pod, struct str node);

/* Plugins of others: what they did wrong goes to the log and the metrics (service_outside.c). */
void service_outside_start(struct scheduler *s, const struct outside *o);
void service_outside_tell(struct scheduler *s);

void service_preempt(struct scheduler *s, const struct decision *d);
/* Evicts the members of a gang that is bound in part, and tells about those who stay; or a pod in a
 * cell that is short of memory. */
void service_undo(struct scheduler *s, const struct decision *d);
/* The same, but carried out by service_eviction_go, or given up: the core looks for room again.
 * drop: when the service ends. */
struct eviction *service_eviction_hold(struct scheduler *s, const struct decision *d);
void service_eviction_go(struct eviction *v);
void service_eviction_give_up(struct eviction *v, const struct reply *reply, const struct err *err);
void service_eviction_drop(struct eviction *v); /* NULL is fine */
void service_preempt_cancel(struct scheduler *s);

void service_report(struct scheduler *s, const struct decision *d);
/* Tells that the gang's time-out passed, and fails its members where its dialect says so. */
void service_late(struct scheduler *s, const struct decision *d);
void service_report_cancel(struct scheduler *s);

void service_gangs_start(struct scheduler *s);
void service_gangs_stop(struct scheduler *s);
/* What earlier schedulers recorded was read, or cannot be. */
bool service_gangs_ready(const struct scheduler *s);
/* Takes up the reservations that an earlier scheduler recorded. All pods are known. */
void service_gangs_restore(struct scheduler *s);
/* Binds a plan that holds places, or is more than one write: it is recorded first. */
void service_gangs_bind(struct scheduler *s, const struct decision *d);
/* Evicts when the gang's PodGroup says whom. */
void service_gangs_evict(struct scheduler *s, const struct decision *d);

/* The record (service_record.c); without one these do nothing. ERR_* when its file cannot be made.
 */
int service_record_start(struct scheduler *s, const struct scheduler_options *o, struct err *err);
void service_record_stop(struct scheduler *s);
void service_record_input(struct scheduler *s, const struct core_input *in);
/* d, which core_step gave just now; before anything is done about it. */
void service_record_step(struct scheduler *s, const struct decision *d);
/* What was written so far goes to the file. At the end of a turn. */
void service_record_flush(struct scheduler *s);

/* The PodGroup with this name, borrowed, and the gang that it mirrors; NULL: not here. */
const struct kobj *
service_gangs_mirror(const struct scheduler *s, struct str namespace, struct str name);
struct gang *service_gangs_find(const struct scheduler *s, struct str namespace, struct str name);

/* ResourceReservations (service_reserved.c). begin: all pods are known. */
void service_reserved_start(struct scheduler *s);
bool service_reserved_ready(const struct scheduler *s); /* they were read, or cannot be */
void service_reserved_begin(struct scheduler *s);
void service_reserved_tell(struct scheduler *s); /* writes what changed */
void service_reserved_stop(struct scheduler *s);

/* Requests for nodes (service_nodes.c). begin: all pods are known. */
void service_nodes_start(struct scheduler *s);
void service_nodes_begin(struct scheduler *s);
void service_nodes_stop(struct scheduler *s);
/* The gang changed; it goes. */
void service_nodes_look(struct scheduler *s, const struct gang *g);
void service_nodes_gone(struct scheduler *s, const struct gang *g);

void service_queues_start(struct scheduler *s);
void service_queues_stop(struct scheduler *s);
