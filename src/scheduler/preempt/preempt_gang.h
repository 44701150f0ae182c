/* SPDX-License-Identifier: Apache-2.0
 * preempt_gang — which placed pods must leave so that a whole gang fits. Victims are units: a lone
 * pod, a member that its gang can spare, or all others of a gang together; so no gang is left below
 * its minimum. Units are sorted by cost (budget violations, priority, what the policy says, nodes
 * that need few evictions, the youngest, the smallest). The shortest prefix that makes room is
 * found, by counting places for gangs of one kind and by gallop and bisect otherwise; then each
 * victim is given back that is not needed, the most valuable first. The set is minimal: without any
 * one of its units the gang would not fit. Dry runs are rolled back. Pure. */
#pragma once

#include "scheduler/cycle/cycle.h"
#include "scheduler/preempt/victim.h"

struct gang_preemption {
    bool found;
    struct spod **victims; /* those to evict, the most important first */
    size_t n_victims;
    size_t violations;       /* of PodDisruptionBudgets */
    struct planned *members; /* where the gang goes when they left */
    size_t n_members;
    bool minimal;       /* false: too many attempts; a victim may not be needed */
    struct str message; /* not found: "preemption: …", or nothing when nobody is lower */
};

struct gang_request {
    struct gang *gang;
    const struct spod *failed; /* a member that did not fit */
    struct preempt_policy policy;
    bool by_quota; /* its queue denied it, not the nodes: room alone does not count */
};

/* No transaction may be open. Everything lives in a. */
void preempt_gang(struct cluster *c,
                  const struct gang_request *want,
                  struct arena *a,
                  struct gang_preemption *out);
