/* SPDX-License-Identifier: Apache-2.0
 * What the files of the core share; nobody else includes this. */
#pragma once

#include "kube/named.h"
#include "scheduler/core/core.h"

VEC_TYPE(profile_ptrs, struct profile *);
VEC_TYPE(gangs, struct gang *);

struct press { /* a NUMA cell of a node (core_pressure.c) */
    uint32_t node, cell;
    struct mono since;   /* reported from here on; ns 0: it is not */
    struct mono not_yet; /* somebody leaves, or left a moment ago */
};
VEC_TYPE(presses, struct press);

struct sched_core {
    struct profile_ptrs profiles;
    struct cluster cluster;
    struct shapes shapes;
    struct queue queue;
    struct named pods;        /* spods */
    struct map gangs;         /* key → gang */
    struct map ended;         /* "namespace/name" → ended (core_ended.c) */
    struct map groups;        /* "bit namespace/name" → group_entry (core_gangs.c) */
    struct map local_queues;  /* "namespace/name" → local_queue (core_quota.c) */
    struct map work_classes;  /* name → work_class (core_quota.c) */
    struct spod_ptrs orphans; /* bound to nodes that are not here */
    struct heap late;         /* gangs whose time-out runs (core_late.c) */
    core_gang_fn follow;      /* NULL: nobody follows gangs */
    void *follow_arg;
    struct extenders *extenders; /* NULL: none */
    uint64_t arrivals, steps, cycles, bound_pods;
    struct mono now;             /* of the step under way */
    struct backfill *backfill;   /* core_backfill.c */
    struct feuds *feuds;         /* feuds.h */
    struct gangs resumed;        /* evictions of an earlier scheduler to go on with */
    struct map reserved;         /* "namespace/name" → reserved (core_reserved.c) */
    size_t n_reserved;           /* entries of all of them */
    bool reserved_changed;       /* their status may differ from what was told */
    struct presses presses;      /* NUMA cells short of memory (core_pressure.c) */
    struct gangs half;           /* some of their members are bound, others were refused */
    struct mono consolidated_at; /* the last search of core_consolidate.c; ns 0: none */
    size_t n_stuck;              /* pods that do not go though they were deleted (core_leaving.c) */
    struct {
        struct mono mono;
        struct wall wall; /* ns 0: unknown */
    } clock;
};

/* ---- core_wake.c ---- */
/* Events that parked gangs may wait for; node: where, or -1. */
void core_wake(struct sched_core *s, uint32_t event, int64_t node, struct mono now);
/* Gangs whose quota would let them pass now. */
void core_wake_for_quota(struct sched_core *s, struct mono now);
/* True: it was woken for its quota, which somebody else took meanwhile, and is parked again. */
bool core_lacks_quota_again(struct sched_core *s, struct gang *g, struct mono now);

/* ---- core_pods.c ---- */
/* Takes the pod out of everything and frees it. */
void core_drop_pod(struct sched_core *s, struct spod *p);
/* The node of a bound pod is not here: it counts as lost until the node comes back. */
void core_orphan(struct sched_core *s, struct spod *p);
void core_adopt(struct spod *p);
/* Puts a bound pod on its node, with what its annotations say. */
void core_place_bound(struct sched_core *s, struct spod *p, struct snode *n);

/* ---- core_preempt.c ---- */
/* The gang does not fit: finds victims, keeps their room for it and fills out; plan->message gets
 * what there is to say when nothing helps. False: nobody is to be evicted. */
bool core_preempt(struct sched_core *s,
                  struct gang *g,
                  struct plan *plan,
                  struct arena *a,
                  struct decision *out);
/* Room is kept for it, and those who must leave it are still there. */
bool core_waits_for_victims(const struct sched_core *s, const struct gang *g);
/* Carries a plan to evict into the core: the room is kept (firm: against higher priorities too),
 * lower pods that waited for it look anew, who left for whom is remembered. */
void core_preempt_keep(struct sched_core *s,
                       struct gang *g,
                       bool firm,
                       struct arena *a,
                       struct decision *out);
/* Somebody whom it would have to evict is spared, though not from others: core_is_above tells of
 * whom, until this is asked of another pod. */
bool core_has_feud(const struct sched_core *s, const struct spod *p);
bool core_is_above(const struct sched_core *s, const struct spod *p);

/* ---- core_consolidate.c ---- */
/* Moving others may help the gang, and may be tried again. */
bool core_consolidation_due(const struct sched_core *s, const struct gang *g, struct mono now);
/* The same as core_preempt, by moving others; plan is of the failed cycle. */
bool core_consolidate(struct sched_core *s,
                      struct gang *g,
                      const struct plan *plan,
                      struct arena *a,
                      struct decision *out);

/* ---- core_leaving.c ---- */
/* Notes by when those on the node who leave must be gone, at the latest time of which (or least) is
 * returned. */
int64_t core_leaving_expect(struct sched_core *s, const struct snode *n, int64_t least);
/* Room that was kept until now: who should have left it is waited for no longer. */
void core_leaving_overdue(struct sched_core *s, struct mono now);
/* " Pod NS/NAME …": names one that does not go, if there is any. */
struct str core_leaving_text(const struct sched_core *s, struct arena *a);

/* ---- core_claims.c ---- */
/* The gang does not fit: says what else may help it, and that it does not speak for those like it.
 */
void core_claims_failed(const struct sched_core *s, const struct gang *g, struct plan *plan);
/* The gang waits: what its members hold by claim is to be released, and claims that they lack made
 * (out->releases, out->unclaimed, in a). */
void core_claims_tend(struct sched_core *s, struct arena *a, struct decision *out);

/* ---- core_eviction.c ---- */
/* Notes whom the decision evicts, and for which places, in the gang. */
void core_eviction_note(struct sched_core *s, struct gang *g, const struct decision *d);
/* True: out evicts for a gang what an earlier scheduler recorded and did not get to. */
bool core_eviction_resume(struct sched_core *s, struct arena *a, struct decision *out);
void core_eviction_forget(struct sched_core *s, const struct gang *g); /* the gang goes */

/* ---- core_pressure.c ---- */
/* The node may report other cells than before. */
void core_pressure_look(struct sched_core *s, const struct snode *n, struct mono now);
/* True: out says who leaves a cell that is short of memory. */
bool core_pressure_step(struct sched_core *s, struct arena *a, struct decision *out);
bool core_pressure_due(const struct sched_core *s, struct mono *when);
void core_pressure_fini(struct sched_core *s);

/* ---- core_reserved.c ---- */
/* A pod came: if room is reserved for it, it gets that. */
void core_reserved_take(struct sched_core *s, struct spod *p);
/* Before each step: room whose pod went is kept again, what is over ends. */
void core_reserved_tick(struct sched_core *s);
bool core_reserved_due(const struct sched_core *s, struct mono *when); /* by time alone */
void core_reserved_fini(struct sched_core *s);

/* ---- core_start.c ---- */
/* It was placed, for the first time since nobody of it ran. */
void core_start_begin(struct gang *g);
/* Members of it were bound, refused, or went. */
void core_start_look(struct sched_core *s, struct gang *g, struct mono now);
/* Its start was undone a moment ago. */
bool core_start_pauses(const struct gang *g, struct mono now);
/* True: the time of a half bound gang is over, and out says who leaves. */
bool core_start_step(struct sched_core *s, struct arena *a, struct decision *out);
bool core_start_due(const struct sched_core *s, struct mono *when);
void core_start_forget(struct sched_core *s, const struct gang *g); /* the gang goes */

/* ---- core_ended.c ---- */
/* A member ended, and counts from now on; pods in no gang are left out. */
void core_ended_add(struct sched_core *s, const struct kobj *pod, struct mono now);
/* A pod with this name was removed, or runs anew. */
void core_ended_drop(struct sched_core *s, struct str namespace, struct str name, struct mono now);
void core_ended_fini(struct sched_core *s);

/* ---- core_late.c ---- */
void core_late_init(struct sched_core *s);
void core_late_fini(struct sched_core *s);
/* The gang's state, its time-out or since when it waits changed. */
void core_late_watch(struct sched_core *s, struct gang *g);
void core_late_forget(struct sched_core *s, struct gang *g);
bool core_late_due(const struct sched_core *s, struct mono *when);
/* True: a time-out passed, and out says whose. */
bool core_late_step(struct sched_core *s, struct mono now, struct arena *a, struct decision *out);
/* ---- core_ask.c ---- */
/* True: extenders must be asked first; the gang waits for their answers. */
bool core_ask(struct sched_core *s, struct gang *g, struct arena *a, struct decision *out);
/* A cycle used the answers: the next one asks again, soon when an extender failed. */
void core_ask_spent(struct sched_core *s, struct gang *g);
/* After so long without an answer a question is asked again. */
int64_t core_ask_patience(const struct extenders *x);

/* ---- core_offers.c ---- */
struct preemption;
/* Leaves of what a preemption found what the extenders agree to. True: they must be asked first. */
bool core_offers_ask(struct sched_core *s,
                     struct spod *p,
                     struct preemption *found,
                     struct arena *a,
                     struct decision *out);

struct wall core_wall_now(const struct sched_core *s); /* ns 0: unknown */

/* ---- core_backfill.c ---- */
#define BACKFILL_LINE_MAX 40 /* gangs whose start is foretold */

struct backfill *core_backfill_new(void);
void core_backfill_fini(struct sched_core *s);
/* The gang does not fit: it gets in line, and a start if one can be foretold. */
void core_backfill_wait(struct sched_core *s, struct gang *g);
/* It started, or went: its room is for others. */
void core_backfill_leave(struct sched_core *s, struct gang *g);
/* Before each decision: follows what happened, and wakes those whose time has come. */
void core_backfill_tick(struct sched_core *s);
/* When tick will have something to do by time alone. */
bool core_backfill_due(const struct sched_core *s, int64_t *when_ns);
/* A pod ended well: learns how long it ran. Before it is dropped. */
void core_backfill_ended(struct sched_core *s, struct spod *p, struct mono now);

/* ---- core_gangs.c ---- */
/* The gang that the pod is in, made when it is the first. */
struct gang *
core_gang_of(struct sched_core *s, const struct kobj *pod, const struct profile *profile);
/* A group object of one of these kinds; NULL: none is here. */
const struct kobj *
core_group(const struct sched_core *s, uint32_t bits, struct str namespace, struct str name);

/* ---- core_together.c ---- */
/* What the pod says, and its group object with it; in a, or the pod's own. NULL: it is alone. */
const struct gang_claim *
core_claim_of(const struct sched_core *s, const struct kobj *pod, struct arena *a);
/* What is said of the pod now is not what it joined its gang by. */
bool core_claim_moved(const struct sched_core *s, const struct spod *p);
/* The pod remembers its claim, where that is not its own. */
void core_claim_keep(const struct sched_core *s, struct spod *p);
/* A group object came, changed or went: pods whose claims that changes come anew. */
void core_claims_anew(struct sched_core *s, uint32_t bit, const struct kobj *obj, struct mono now);
/* As if it went and came again. Not one that is being bound. */
void core_pod_anew(struct sched_core *s, struct spod *p, struct mono now);

/* ---- core_gangs.c, on ---- */
/* Frees the gang if nobody is left in it. */
void core_gang_gone(struct sched_core *s, struct gang *g);
void core_join_gang(struct sched_core *s, struct spod *p);
void core_leave_gang(struct sched_core *s, struct spod *p);
/* The API says where the pod runs: alone, it needs its gang no more. Most pods of a cluster are
 * such, and a gang is larger than all else that is kept of them. */
void core_dissolve(struct sched_core *s, struct spod *p);
/* The key of the gang of one. */
struct str core_lone_key(struct arena *a, const struct kobj *pod);
/* Queues the gang if it has members to place. */
void core_gang_changed(struct sched_core *s, struct gang *g, struct mono now);
void core_groups_fini(struct sched_core *s);

/* ---- core_quota.c ---- */
/* The pod, already in its gang, finds its queue. */
void core_quota_join(struct sched_core *s, struct spod *p);
/* The same for a pod that is in no gang; key: core_lone_key. */
void core_quota_join_lone(struct sched_core *s, struct spod *p, struct str key);
/* It must have left its node and its gang g, which may be NULL when it was the last. */
void core_quota_leave(struct sched_core *s, struct spod *p, struct gang *g);
/* Members find their queue anew; the gang is in no line afterwards. */
void core_quota_rejoin(struct sched_core *s, struct gang *g);
/* A namespace changed what it says for its pods. */
void core_quota_namespace(struct sched_core *s, struct str namespace, struct mono now);
void core_quota_fini(struct sched_core *s);

/* ---- core_places.c ---- */
/* One place for each declared member that does not exist yet; earlier ones go. */
void core_places_make(struct sched_core *s, struct gang *g);
/* Only those that nobody holds: left from an attempt, when no member is to come any more. */
void core_places_prune(struct sched_core *s, struct gang *g);
void core_places_drop(struct sched_core *s, struct gang *g);
/* Nobody of a gang runs any more, or its first bind was refused: what it held goes, and it starts
 * anew with all it needs. */
void core_places_lose(struct sched_core *s, struct gang *g);
/* Takes the places out of a plan that was carried out, and holds them. */
void core_places_hold(struct sched_core *s, struct gang *g, struct plan *plan, struct mono now);
/* A new member takes over a place that is held for its role. */
void core_places_take(struct sched_core *s, struct spod *member);
void core_places_expire(struct sched_core *s, struct mono now);

/* Something about the gang changed that a follower may want to see. */
void core_touch(struct sched_core *s, struct gang *g);

/* ---- core_starving.c ---- */
/* A gang was parked: if it starved, room is held for the oldest that did. */
void core_starving_help(struct sched_core *s, const struct gang *failed, struct mono now);
