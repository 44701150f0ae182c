/* SPDX-License-Identifier: Apache-2.0
 * core — the whole scheduler without its surroundings: events in, decisions out, `now` as an
 * argument. The service (service.c) feeds it from watches and carries its decisions to the API; the
 * simulator and tests feed it directly. One thread at a time. */
#pragma once

#include "scheduler/core/intake.h"
#include "scheduler/core/queue.h"
#include "scheduler/cycle/cycle.h"
#include "scheduler/cycle/explain.h"
#include "scheduler/extender/extender.h"

struct sched_core;

/* Takes the profiles over (at least one). */
struct sched_core *core_new(struct profile **profiles, size_t n);
/* The built-in profiles. */
struct sched_core *core_new_default(void);
void core_free(struct sched_core *s);

/* Of gangs that did not fit; the first and the longest. */
void core_set_backoff(struct sched_core *s, int64_t min_ns, int64_t max_ns);

/* HTTP extenders, for all profiles (each must have its plugin Extenders on, as config.h does it).
 * Taken over. A caller that sets them carries out DECISION_ASK. */
void core_set_extenders(struct sched_core *s, struct extenders *x);
const struct extenders *core_extenders(const struct sched_core *s); /* NULL: none */
#define CORE_ASK_ROUND 16 /* so many pods at least are asked about at a time */

/* A plugin answers by other rules from now on (one of others was switched off). */
void core_rules_changed(struct sched_core *s, struct mono now);

/* ---- events ---- */
void core_node_set(struct sched_core *s, const struct kobj *node, struct mono now);
void core_node_del(struct sched_core *s, struct str name, struct mono now);
/* A new or changed pod, whoever schedules it; finished ones leave. */
void core_pod_set(struct sched_core *s, const struct kobj *pod, struct mono now);
void core_pod_del(struct sched_core *s, struct str namespace, struct str name, struct mono now);
void core_namespace_set(struct sched_core *s, const struct kobj *obj, struct mono now);
void core_namespace_del(struct sched_core *s, struct str name);
void core_selecting_set(struct sched_core *s,
                        enum selecting kind,
                        const struct kobj *obj,
                        struct mono now);
void core_selecting_del(struct sched_core *s, enum selecting kind, const struct kobj *obj);
/* A group object (kube/gang/gang_object.h) of the kind with this bit. */
void core_group_set(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now);
void core_group_del(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now);

/* A Topology of Kueue or KAI, a Volcano HyperNode, or a NodeResourceTopology. False: it is none of
 * these. */
bool core_topology_set(struct sched_core *s, const struct kobj *obj, struct mono now);
bool core_topology_del(struct sched_core *s, const struct kobj *obj, struct mono now);
/* A ResourceReservation of KubeNexus. All pods should be known. */
void core_reservation_set(struct sched_core *s, const struct kobj *obj, struct mono now);
void core_reservation_del(struct sched_core *s, const struct kobj *obj, struct mono now);
/* Some of their statuses may have changed since this was asked. */
bool core_reservations_changed(struct sched_core *s);
/* The status of one, as a merge patch of it; NULL: it is not known. */
struct jnode *
core_reservation_status(const struct sched_core *s, const struct kobj *obj, struct arena *a);

/* A queue of any form (quota_objects.h), a LocalQueue, a WorkloadPriorityClass or a PriorityClass.
 * ERR_INVALID: it is none; ERR_TOO_LARGE.
 */
int core_queue_set(struct sched_core *s, const struct kobj *obj, struct mono now, struct err *err);
void core_queue_del(struct sched_core *s, const struct kobj *obj, struct mono now);
/* Why nothing can start in this queue, for its object's condition; absent: nothing is wrong. */
struct str core_queue_problem(struct sched_core *s, const struct kobj *obj);
/* What a queue's object asks for and does not get here, for people; absent: nothing. */
struct str core_queue_ignored(const struct kobj *obj, struct arena *a);

/* Called when something about a gang (never a pod alone) changed that people may want to see, and
 * with gone when its last member left, before it is freed. Only remember it: no call back. */
typedef void (*core_gang_fn)(void *arg, struct gang *g, bool gone);
void core_follow_gangs(struct sched_core *s, core_gang_fn fn, void *arg);
/* NULL: no such gang. */
struct gang *core_gang(const struct sched_core *s, struct str namespace, struct str name);
/* Resource claims, device classes, resource slices (dra.h). */
void core_device_set(struct sched_core *s,
                     enum dra_kind kind,
                     const struct kobj *obj,
                     struct mono now);
void core_device_del(struct sched_core *s,
                     enum dra_kind kind,
                     const struct kobj *obj,
                     struct mono now);
/* What the API says of a claim whose allocation was sent to it: see dra_answered. */
void core_claim_answered(struct sched_core *s,
                         const struct claim_id *id,
                         uint64_t revision,
                         struct mono now);
/* The DeviceClass by which an extended resource is had, since no node offers it; absent: none.
 * Borrowed. */
struct str core_extended_class(const struct sched_core *s, struct str resource);
/* An object that volumes_set (volumes.h) knows came, changed or went. */
void core_storage_changed(struct sched_core *s, const struct kobj *obj, bool gone, struct mono now);
/* PodDisruptionBudgets, which preemption breaks last. */
void core_budget_set(struct sched_core *s, const struct kobj *obj);
void core_budget_del(struct sched_core *s, struct str namespace, struct str name);

/* Takes up places that an earlier scheduler held for members to come, as gang_mirror_status wrote
 * them; those that are no longer needed are left out. */
void core_places_restore(struct sched_core *s,
                         struct gang *g,
                         struct json reservations,
                         struct mono until,
                         struct mono now);

/* Goes on with an eviction that an earlier scheduler recorded in the gang's PodGroup, as
 * core_eviction.c wrote it, before the first step: its room is held again, and the first steps
 * evict whoever is left. Not when its time is over, or nobody of the gang waits. */
void core_eviction_restore(struct sched_core *s,
                           struct gang *g,
                           struct json record,
                           struct mono until,
                           struct mono now);

/* Takes up the first start of a gang that an earlier scheduler recorded in its PodGroup, before the
 * first step: {"members": [{"name", "uid"}]} were being bound one by one. If only some of them are,
 * the rest has until then to find room, and two seconds at least. */
void core_start_restore(struct sched_core *s,
                        struct gang *g,
                        struct json record,
                        struct mono until,
                        struct mono now);

/* ---- decisions ---- */
enum decision_kind {
    DECISION_NONE,    /* nothing is due */
    DECISION_BIND,    /* bind these pods, all or none */
    DECISION_WAIT,    /* this gang does not fit, or is not complete: message says why */
    DECISION_LATE,    /* the gang's time-out passed: message says it, and what would help */
    DECISION_ASK,     /* ask the extenders about these members, or about whom a preemption for one
                         would evict, then tell core_answer */
    DECISION_PREEMPT, /* the same, and it will fit when the victims left: evict them */
    DECISION_RELIEVE, /* a NUMA cell is short of memory: evict the victim; no gang */
    DECISION_UNDO,    /* this gang is bound in part, and the rest found no room in its time: evict
                         the victims, and tell about those who stay */
};

struct question { /* to the extenders, about one member */
    struct spod *pod;
    const uint32_t *nodes; /* that pass our own filters; at least one */
    size_t n;
    const struct candidate *candidates; /* instead: where it fits once others left (preempt.h) */
    size_t n_candidates;
};

struct decision { /* borrowed until the next call that takes the core */
    enum decision_kind kind;
    struct gang *gang;
    struct planned
        *items; /* BIND: placed (assumed) in the snapshot already; PREEMPT: places kept */
    size_t n;
    struct str message;    /* WAIT, LATE, PREEMPT */
    struct spod **victims; /* PREEMPT; none when all of them are leaving already; UNDO: the gang's
                            * own members, that somebody makes anew */
    size_t n_victims;
    struct spod **stay; /* UNDO: bound members that nobody would make anew */
    size_t n_stay;
    struct spod *
        *displaced; /* for which a node was kept until now: lower pods that a PREEMPT pushes
                     * aside, on WAIT the gang's own members, since nothing would help */
    size_t n_displaced;
    struct dra_idle
        *releases; /* WAIT: claims that its members hold and cannot use, to be released */
    size_t n_releases;
    struct spod **unclaimed; /* WAIT: what they ask for by number is had by claim
                              * (core_extended_class), and the claim is to be made */
    size_t n_unclaimed;
    struct question *questions; /* ASK */
    size_t n_questions;
    int64_t attempts;
    struct mono since; /* BIND: the gang waited from here on */
    bool fails;        /* LATE: members that wait are to fail */
    bool reserves;     /* BIND: places are held for members to come; record them before you bind */
    bool starts;       /* BIND: the gang's first start; record it first if not all of it is bound in
                          one write */
};

/* Runs the cycle of the next due gang. The plan lives in a. */
void core_step(struct sched_core *s, struct mono now, struct arena *a, struct decision *out);
/* When core_step may have something to do; false: not before another event. */
bool core_next_due(const struct sched_core *s, struct mono *when);

/* A bind was refused, or its outcome is unknown and the pod is not bound: the pods (that still
 * exist with these uids and are assumed) leave their nodes and are queued again. */
struct pod_id {
    struct str namespace, name, uid;
};
void core_forget(struct sched_core *s, const struct pod_id *pods, size_t n, struct mono now);

/* The same, because devices of their claims could not be made ready (bindingConditions): they get
 * others. */
void core_unready(struct sched_core *s, const struct pod_id *pods, size_t n, struct mono now);

/* What the extenders said about a pod of a DECISION_ASK; takes the answer over. The gang's cycle
 * runs again when all its questions are answered. Answers that nobody waits for are dropped. */
void core_answer(struct sched_core *s,
                 const struct pod_id *id,
                 struct extender_answer *answer,
                 struct mono now);

/* What time it is for people, as of `now`: minimum run times need it. */
void core_set_wall(struct sched_core *s, struct mono now, struct wall wall);
/* An eviction was refused: the pod is no victim any more, and room kept for the sake of it is given
 * up. */
void core_evict_refused(struct sched_core *s, const struct pod_id *pod, struct mono now);

/* ---- questions ---- */
struct spod *core_pod(const struct sched_core *s, struct str namespace, struct str name);
struct cluster *core_cluster(struct sched_core *s);
const struct profile *core_profile(const struct sched_core *s, struct str name); /* NULL: none */
/* Why the pod's gang waits, and the smallest changes that would let it start. */
void core_why(struct sched_core *s, struct spod *pod, struct arena *a, struct explanation *out);

struct core_counts {
    size_t nodes, pods, placed, active, delayed, parked;
    uint64_t cycles, bound_pods;
};
struct core_counts core_count(const struct sched_core *s);
/* All pods that the core knows, in no order. */
void core_each_pod(const struct sched_core *s,
                   void (*fn)(void *arg, const struct spod *p),
                   void *arg);
