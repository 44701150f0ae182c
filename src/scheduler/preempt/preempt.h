/* SPDX-License-Identifier: Apache-2.0
 * preempt — which placed pods must leave so that a pod that fits nowhere fits: what
 * kube-scheduler's DefaultPreemption does, node by node. Dry runs happen in a transaction that is
 * rolled back; who evicts, waits and holds the room is the caller's business. preempt_gang.h does
 * it for gangs. A pod that came with status.nominatedNodeName, so from an earlier scheduler, is
 * given room on that node if it can be, whatever others would cost.
 *
 * Beyond kube-scheduler: a victim that is a member of a gang takes the gang along when fewer than
 * its minimum would remain, and the whole gang must be of lower priority. Pure. */
#pragma once

#include "scheduler/cycle/evaluate.h"
#include "scheduler/preempt/victim.h"

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
    bool searched; /* false: it may not preempt, or waits for those that leave already */
    const struct candidate *chosen; /* NULL: nothing helps, and message says why */
    struct str message;             /* "preemption: 0/5 nodes are available: …" */
};

/* Of the victims of a candidate, those that run on its node; these come first. */
static inline size_t preempt_here(const struct candidate *k)
{
    size_t n = 0;
    while (n < k->victims.n && k->victims.pods[n]->node == (int64_t)k->node)
        n++;
    return n;
}

struct preempt_request {
    const struct spod *pod;           /* not placed */
    const struct evaluation *answers; /* of evaluate() for it */
    struct preempt_policy policy;
};

/* Everything lives in a, and may be changed: preempt_choose then chooses anew. No transaction may
 * be open. */
void preempt_pod(struct cluster *c,
                 const struct preempt_request *want,
                 struct arena *a,
                 struct preemption *out);
/* The best of the candidates; NULL when there is none. */
void preempt_choose(struct preemption *out);
