/* SPDX-License-Identifier: Apache-2.0
 * What the two files of preempt_gang share; nobody else includes this. */
#pragma once

#include "scheduler/preempt/preempt_gang.h"

#define UNIT_ALONE SIZE_MAX
#define UNIT_USELESS UINT32_MAX

struct unit { /* pods that are evicted together */
    struct spod **pods;
    struct placement *where;
    size_t n;
    const struct gang *gang; /* NULL: a lone pod */
    bool spare;              /* a member that its gang can lose */
    int64_t priority;        /* the highest of its pods */
    int64_t cost;            /* what the policy says */
    int64_t started;         /* the latest of its pods */
    uint32_t rank;           /* evictions that give one place on its best node; or UNIT_USELESS */
    uint32_t node;           /* that node */
    bool violates;           /* a disruption budget */
    bool conditional;        /* of another queue: only as long as that has too much */
    bool leaving;            /* it goes anyway */
    bool out;                /* of the snapshot, in the dry run */
};

VEC_TYPE(unit_vec, struct unit);

struct hunt {
    struct cluster *c;
    struct gang *g;
    const struct spod *failed;
    const struct preempt_policy *policy;
    struct arena *a;
    struct asking *asking; /* about failed */
    struct unit_vec units; /* the cheapest first */
    bool by_quota;         /* its queue denied the gang, not the nodes */
};

void unit_collect(struct hunt *h); /* in no order */
void unit_sort(struct hunt *h);
/* Takes a unit's pods off their nodes, and puts them back. */
void unit_take(struct hunt *h, struct unit *u);
void unit_return(struct hunt *h, struct unit *u);
