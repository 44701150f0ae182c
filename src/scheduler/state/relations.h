/* SPDX-License-Identifier: Apache-2.0
 * relations — compiles a pod's affinity terms to other pods and its spreading rules, once for all
 * pods that say the same, and finds those whose terms may be about a given pod. */
#pragma once

#include "scheduler/state/anchor.h"
#include "scheduler/state/pod.h"

enum owned_kind { OWNED_REQUIRED, OWNED_PREFERRED, OWNED_ANTI_REQUIRED, OWNED_ANTI_PREFERRED };

struct owned { /* a term, and who has it */
    struct anchored filed;
    struct relations *by;
    const struct term *term;
    enum owned_kind kind;
};

struct relation_pool {
    struct map by_key;
    struct anchor_index terms; /* of struct owned */
    uint64_t serial;
};

struct tallies;

struct relation_pool *relation_pool_new(void);
void relation_pool_free(struct relation_pool *pool); /* nobody may have relations any more */
/* NULL when the pod has none. Give it back by relations_put. */
struct relations *
relations_get(struct relation_pool *pool, const struct kobj *obj, const struct labelset *labels);
/* Not while a transaction is open: tallies about the last owner go with it. NULL is fine. */
void relations_put(struct relation_pool *pool, struct tallies *ts, struct relations *r);
