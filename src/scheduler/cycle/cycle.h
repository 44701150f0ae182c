/* SPDX-License-Identifier: Apache-2.0
 * cycle — one gang, one transaction: places all its waiting members on the snapshot, or, when fewer
 * than the gang's minimum fit, none, and says why. Members beyond the minimum are placed while they
 * fit. Pure: objects and numbers in, a plan out. */
#pragma once

#include "scheduler/cycle/evaluate.h"
#include "scheduler/gang/gang.h"

struct planned { /* one member's place */
    struct spod *pod;
    struct placement where;
};

struct plan {
    struct planned *items; /* in the cycle's arena */
    size_t n;
    bool silent;         /* nobody asks why */
    bool singular;       /* not placed: what is in its way may not be in that of its twins */
    bool placed;         /* the gang's minimum is met: the items are placed in the snapshot */
    size_t fits;         /* not placed: how many members fit before one did not */
    struct spod *failed; /* the first member that did not fit; NULL: all did */
    const struct evaluation *answers; /* why it did not, node by node; NULL: nobody asked */
    struct str message;               /* not placed: why, in kube-scheduler's words */
    uint32_t wakes;                   /* not placed: events that might help */
    struct quota_queue *bound;        /* not placed for want of quota: whose; NULL: unknown */
};

/* The snapshot's undo log must be empty (no transaction open) and is empty again afterwards. */
void cycle_run(struct cluster *c, struct gang *g, struct arena *a, struct plan *out);

/* Would the queue of a gang let its needed members start? If not, bound gets the queue whose limit
 * says so. */
bool cycle_has_quota(struct cluster *c, struct gang *g, struct quota_queue **bound);

/* Only tries: the snapshot is as before. True: the gang's minimum fits. cycle_probe finds no words
 * for a failure. */
bool cycle_probe(struct cluster *c, struct gang *g, struct arena *a, struct plan *out);
bool cycle_try(struct cluster *c, struct gang *g, struct arena *a, struct plan *out);
