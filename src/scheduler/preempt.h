/* SPDX-License-Identifier: Apache-2.0
 * preempt — which placed pods must leave so that a pod that fits nowhere fits: what
 * kube-scheduler's DefaultPreemption does, node by node. Dry runs happen in a transaction that is
 * rolled back; who evicts, waits and holds the room is the caller's business. preempt_gang.h does
 * it for gangs.
 *
 * Beyond kube-scheduler: a victim that is a member of a gang takes the gang along when fewer than
 * its minimum would remain, and the whole gang must be of lower priority. Pure. */
#pragma once

#include "scheduler/evaluate.h"
#include "scheduler/gang.h"

struct victims {
    struct spod **pods; /* the most important first; those on other nodes (of gangs) last */
    size_t n;
    size_t violations; /* of PodDisruptionBudgets */
};

struct candidate { /* a node on which the pod fits once these left */
    uint32_t node;
    struct victims victims;
    bool is_best; /* no other is better by kube-scheduler's five criteria */
};

struct preemption {
    struct candidate *candidates;
    size_t n;
    const struct candidate *chosen; /* NULL: nothing helps, and message says why */
    struct str message;             /* "preemption: 0/5 nodes are available: …" */
};

/* e: the answers of evaluate() for this pod, which is not placed. Everything lives in a. No
 * transaction may be open. */
void preempt_pod(struct cluster *c,
                 const struct spod *pod,
                 const struct evaluation *e,
                 struct arena *a,
                 struct preemption *out);

/* ---- shared with preempt_gang.c ---- */

/* The more important of two victims first: higher priority, then longer running, then by name. For
 * qsort over struct spod *. */
int victim_compare(const void *a, const void *b);
/* The pod leaves because of a preemption: nobody need be evicted for the room it gives. */
bool victim_is_leaving(const struct spod *p);
/* May a pod of this priority push it out? A member of a gang only if the whole gang is lower. */
bool victim_is_lower(const struct spod *victim, int64_t priority);
