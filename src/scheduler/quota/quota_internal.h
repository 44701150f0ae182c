/* SPDX-License-Identifier: Apache-2.0
 * What the files of the quota tree share; nobody else includes this. */
#pragma once

#include "scheduler/quota/quota.h"

#define QUOTA_NO_RES UINT8_MAX
#define QUOTA_HUGE (INT64_MAX / 4) /* amounts saturate here, so that sums cannot overflow */

struct quota_tally { /* running gangs of one user or namespace in one queue */
    struct str name; /* own text */
    size_t refs;
    int64_t gangs; /* word */
};

struct quota_job {                        /* one gang in one queue */
    struct str key;                       /* own text */
    struct quota_tally *user, *namespace; /* user: NULL when not said */
    size_t refs;
    int64_t pods; /* word: placed */
};

struct quota_queue {
    struct quota *tree;
    struct str name, about;               /* own texts */
    struct str parent_name, wrong, fault; /* own texts: as said; of the object; of the tree */
    bool said;                            /* an object defines it */
    bool closed, paused, kept;
    bool implies;     /* its parent_name needs no object */
    size_t n_implied; /* queues that imply this one */
    enum quota_reclaim reclaim;
    int64_t preempt_min_ns, reclaim_min_ns;
    double weight;
    int64_t priority;
    enum quota_order said_order, order; /* order: never INHERIT */
    int64_t max_gangs, max_per_user, max_per_namespace;
    struct quota_class *classes; /* own */
    size_t n_classes;
    int64_t nominal[QUOTA_RES_MAX], borrow[QUOTA_RES_MAX]; /* as said */
    int64_t lend[QUOTA_RES_MAX], limit[QUOTA_RES_MAX];

    struct quota_queue *parent; /* NULL: the root */
    struct quota_queue *top;    /* the last one that counts above: the root, or of a closed tree */
    struct list children, sibling;
    int mark;                        /* of the search for cycles */
    int64_t subtree[QUOTA_RES_MAX];  /* own and what the children lend */
    int64_t kept_own[QUOTA_RES_MAX]; /* of it, not lent upwards */
    bool names[QUOTA_RES_MAX];       /* it or a child speaks of this resource */

    /* words, through tx_set only */
    int64_t own[QUOTA_RES_MAX];   /* pods in this very queue */
    int64_t used[QUOTA_RES_MAX];  /* and below */
    int64_t taken[QUOTA_RES_MAX]; /* own and what children take beyond what they keep */
    int64_t gangs;                /* running here and below */

    double past[QUOTA_RES_MAX]; /* fading use */
    int64_t settled[QUOTA_RES_MAX], settled_ns;
    int64_t settled_gangs;
    bool dirty;
    bool relieved;       /* something was given back here, or below, since the last quota_relieve */
    struct list stalled; /* tickets that wait for that */

    struct heap waiting;       /* tickets of this very queue */
    struct heap eager;         /* children with somebody waiting */
    size_t n_waiting, pos;     /* here and below; in the parent's heap */
    struct quota_ticket *head; /* the first of them */
    bool over;                 /* as the order sees it */
    double share;

    size_t claims;
    struct map jobs, users, namespaces;
};

VEC_TYPE(quota_queues, struct quota_queue *);

struct quota {
    struct snapshot *snap;
    struct quota_queue *root, *standard; /* standard: the default queue; it may be said */
    struct map by_name;
    size_t n_said;
    struct str res_names[QUOTA_RES_MAX]; /* own texts */
    size_t n_res;
    uint8_t of_column[SCHED_RESOURCES_MAX];
    uint32_t n_columns; /* of_column is filled so far */
    int64_t capacity[QUOTA_RES_MAX];
    uint64_t capacity_version;
    bool linked; /* the tree is as the queues say */
    int64_t half_life_ns, now_ns, ticked_ns;
    double history;
    struct quota_queues dirty, relieved;
    bool gave; /* something was, perhaps only for a dry run; not settled yet */
};

/* Brings links, problems, capacity and derived amounts up to date. */
void quota_link(struct quota *t);
/* Position in the heap of its parent, share and head, from q up to the root. */
void quota_reorder(struct quota_queue *q);
void quota_mark_dirty(struct quota_queue *q);
/* Something was given back in q: that counts on the way up to the root. */
void quota_mark_relieved(struct quota_queue *q);
/* Index of a snapshot column; QUOTA_NO_RES: no queue names it. */
unsigned quota_column(struct quota *t, uint32_t column);
struct quota_queue *quota_queue_new(struct quota *t, struct str name);

static inline int64_t quota_sum(int64_t a, int64_t b) /* saturates */
{
    int64_t s;
    if (__builtin_add_overflow(a, b, &s))
        return a > 0 ? QUOTA_HUGE : -QUOTA_HUGE;
    return s > QUOTA_HUGE ? QUOTA_HUGE : s < -QUOTA_HUGE ? -QUOTA_HUGE : s;
}
