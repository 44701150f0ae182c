/* SPDX-License-Identifier: Apache-2.0
 * quota — a tree of queues: what each may use, what it uses, and whose gang is next.
 *
 * Each queue has, per resource, a nominal amount (its own), a borrow limit (beyond it, from what
 * its siblings leave idle), a lend limit (how much of its own siblings may use) and a hard limit.
 * What a queue may still use is found on the way up the tree, at most QUOTA_DEPTH_MAX steps
 * [the arithmetic of Kueue's KEP-79]. The top of an imported Kueue tree is closed: it borrows from
 * nobody. Other trees are open: they may use what is idle in the whole cluster.
 *
 * Usage words are written through the snapshot's undo log by snapshot_place and snapshot_remove, so
 * that a transaction rolls quota back with everything else. Pure; loop thread only. */
#pragma once

#include "base/heap.h"
#include "base/list.h"
#include "scheduler/state/snapshot.h"

#define QUOTA_RES_MAX 16 /* different resources in one tree; further ones are refused by name */
#define QUOTA_DEPTH_MAX 8
#define QUOTA_QUEUES_MAX 16384
#define QUOTA_ANY INT64_MAX /* as an amount: no limit said */
#define QUOTA_DEFAULT STR("default")

struct quota;
struct quota_queue;
struct quota_job;

/* Who is next among the children of a queue, and among its own gangs. */
enum quota_order {
    QUOTA_INHERIT,    /* as the parent; at the top priority */
    QUOTA_FAIR_SHARE, /* below nominal first, then the smallest weighted dominant share */
    QUOTA_PRIORITY,   /* the highest priority, then the oldest */
    QUOTA_FIFO,       /* the oldest */
};

enum quota_tier { QUOTA_BRONZE, QUOTA_SILVER, QUOTA_GOLD }; /* absent counts as bronze */

struct quota_row { /* what a queue says about one resource; cpu in milli, others in units */
    struct str resource;
    int64_t nominal, borrow, lend, limit; /* QUOTA_ANY: not said; nominal not said is 0 */
};

struct quota_class { /* a name for a priority, known in one queue */
    struct str name;
    int64_t priority;
};

enum quota_reclaim { /* may a queue take back what others borrowed from it? */
                     QUOTA_RECLAIM_ANY,
                     QUOTA_RECLAIM_LOWER, /* from pods of lower priority */
                     QUOTA_RECLAIM_NEVER,
};

struct quota_spec {          /* plain data: one queue as an object says it (quota_objects.h) */
    struct str name, parent; /* parent absent or "": a top */
    struct str about;        /* kind of the object, for messages */
    struct str wrong;        /* what is wrong with the object itself; absent: nothing */
    const struct quota_row *rows;
    size_t n_rows;
    const struct quota_class *classes;
    size_t n_classes;
    double weight;    /* 0: 1 */
    int64_t priority; /* of the queue among its siblings, the higher first */
    enum quota_order order;
    int64_t max_gangs, max_per_user, max_per_namespace; /* running at once; QUOTA_ANY: no limit */
    bool closed;                                        /* tops: borrows nothing from the cluster */
    bool paused;                                        /* starts nothing */
    bool kept;    /* others may not reclaim what it borrowed */
    bool implies; /* its parent comes into being by being named, as a closed top */
    enum quota_reclaim reclaim;
    /* How long its pods may run before they are evicted for its own and for others'; 0: the
     * parent's. */
    int64_t preempt_min_ns, reclaim_min_ns;
    struct str ignored; /* what its object asks for in vain, for people; absent: nothing */
};

/* ---- the tree ---- */

/* snap must outlive it; capacity is the sum over its nodes. */
struct quota *quota_new(struct snapshot *snap);
void quota_free(struct quota *t); /* nothing may be charged or waiting; NULL is fine */

/* Adds or changes a queue; texts are copied. Not inside a transaction. Nonsense (negative amounts,
 * cycles, missing parents) is kept as the queue's problem: its gangs wait and say so.
 * ERR_TOO_LARGE: too many queues. */
int quota_set(struct quota *t, const struct quota_spec *spec, struct err *err);
void quota_del(struct quota *t, struct str name);
/* An object defines a queue: quota may say no at all. */
bool quota_has_rules(const struct quota *t);
struct quota_queue *quota_find(struct quota *t, struct str name); /* NULL: nobody spoke of it */
/* How fast past use fades from fair shares, and how much it counts beside use now (0: not). */
void quota_set_history(struct quota *t, int64_t half_life_ns, double weight);

/* ---- who uses what ---- */

struct quota_claim { /* of one pod; zero: counted nowhere */
    struct quota_queue *queue;
    struct quota_job *job;
};

struct quota_owner {            /* what a pod says */
    struct str queue;           /* absent: the default queue */
    struct str gang;            /* unique key */
    struct str user, namespace; /* user may be absent */
};

/* Enters a pod, not placed; both outside transactions. While no object defines a queue every pod
 * is in the default queue, whatever it says. */
void quota_join(struct quota *t, const struct quota_owner *o, struct quota_claim *out);
void quota_leave(struct quota *t, struct quota_claim *c);
/* Takes (sign 1) or gives back (-1) what a pod demands, through the undo log. */
void quota_charge(const struct quota_claim *c, const struct demand *d, size_t n, int sign);
/* The same for a question, outside the undo log: to be taken back before anything else changes.
 * After quota_fits. */
void quota_suppose(const struct quota_claim *c, const struct demand *d, size_t n, int sign);

/* One queue, one user, one namespace: what quota says to one of two equal asks it says to both.
 * Plain data, only to be compared. */
struct quota_kin {
    const void *queue, *user, *namespace;
};
struct quota_kin quota_kin_of(const struct quota_claim *c);

/* What `other` uses may count in a limit of `c`: of a tree that is closed, only what is in it.
 * After quota_fits. */
bool quota_concerns(const struct quota_claim *c, const struct quota_claim *other);

struct quota_ask { /* what a gang wants to add */
    int64_t amount[QUOTA_RES_MAX];
};

void quota_ask_add(struct quota *t, struct quota_ask *ask, const struct demand *d, size_t n);
/* May the gang of this claim use that much more now? why (may be NULL) gets the queue, the
 * resource, the numbers and what would change it, in the arena. */
bool quota_fits(struct quota *t,
                const struct quota_claim *c,
                const struct quota_ask *ask,
                struct arena *a,
                struct str *why);
/* Of an ask that does not fit: the queue whose limit says so. Until something that counts there is
 * given back, it will not fit. */
struct quota_queue *
quota_bound(struct quota *t, const struct quota_claim *c, const struct quota_ask *ask);

/* ---- whose turn it is ---- */

struct quota_ticket { /* inside what waits; plain data, set before quota_wait */
    struct quota_queue *queue;
    int64_t priority;
    enum quota_tier tier;
    int64_t turn_ns; /* of its last attempt in vain, else when it began to wait: they take turns */
    int64_t created_ns;     /* age in words of the API */
    uint64_t seq;           /* of arrival: the last word among equals */
    size_t pos;             /* the heap's */
    struct list stalled;    /* with those that wait until a queue may use more; init it */
    struct quota_queue *at; /* that queue; NULL: it does not stall */
};

void quota_wait(struct quota_ticket *k);
void quota_unwait(struct quota_ticket *k);
/* Instead of waiting its turn it waits until something is given back at or below `at`; NULL: in any
 * queue. Harmless twice; so is the other. */
void quota_stall(struct quota_ticket *k, struct quota_queue *at);
void quota_unstall(struct quota_ticket *k);
/* Calls visit for each stalled ticket that what was given back since the last call may help. visit
 * may unstall the ticket, or stall it elsewhere. */
typedef void (*quota_ticket_fn)(void *arg, struct quota_ticket *k);
void quota_relieve(struct quota *t, int64_t now_ns, quota_ticket_fn visit, void *arg);
/* What was kept for this pod is kept no more: others may use it. */
void quota_yield(const struct quota_claim *c);
/* quota_relieve may have something to do. */
bool quota_may_relieve(const struct quota *t);
/* The first in line; NULL: nobody waits. now brings past use up to date. */
struct quota_ticket *quota_next(struct quota *t, int64_t now_ns);
/* The priority of a class that the queue knows; otherwise as given. */
int64_t quota_priority(const struct quota_queue *q, struct str class, int64_t otherwise);

/* ---- questions ---- */

struct str quota_name(const struct quota_queue *q);
struct str quota_problem(const struct quota_queue *q); /* absent: none */
/* Weighted dominant share: the largest used / capacity over resources, over weight. */
double quota_share(struct quota *t, const struct quota_queue *q);
/* Uses more than its nominal amount of some resource that ask names (NULL: of any). */
bool quota_over_nominal(struct quota *t, const struct quota_queue *q, const struct quota_ask *ask);
/* May `to`, for ask, take back what `from` uses? At the lowest common queue, the branch of `to`
 * stays within its nominal amount with ask added, and that of `from` is beyond its own. */
bool quota_may_reclaim(struct quota *t,
                       const struct quota_queue *to,
                       const struct quota_queue *from,
                       const struct quota_ask *ask);
/* Must what `from` uses stay, whatever the priorities, because `to` would take for ask what belongs
 * to another? Where objects define both: at the lowest common queue, the branch of `from` is within
 * its nominal amount of every resource that ask names. */
bool quota_protects(struct quota *t,
                    const struct quota_queue *from,
                    const struct quota_queue *to,
                    const struct quota_ask *ask);
/* Whom `to` may take back from; ANY says nothing about quota_may_reclaim. */
enum quota_reclaim quota_reclaim_of(const struct quota_queue *to);
/* How long a pod of `from` may run before it is evicted for one of `to`: by the nearest queue that
 * says it, on the way up, for others than its own as far as the branches differ. */
int64_t
quota_min_runtime(struct quota *t, const struct quota_queue *from, const struct quota_queue *to);
struct quota_usage { /* of one resource in one queue */
    struct str resource;
    int64_t nominal, used, borrowed;
};
size_t quota_usage(struct quota *t, const struct quota_queue *q, struct quota_usage *out);
/* Calls visit for each queue that an object defines, in no order. */
typedef void (*quota_visit_fn)(void *arg, const struct quota_queue *q);
void quota_each(struct quota *t, quota_visit_fn visit, void *arg);
/* Of all words that transactions change. */
uint64_t quota_hash(const struct quota *t);
