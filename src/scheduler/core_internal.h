/* SPDX-License-Identifier: Apache-2.0
 * What the files of the core share; nobody else includes this. */
#pragma once

#include "scheduler/core.h"

VEC_TYPE(profile_ptrs, struct profile *);

struct sched_core {
    struct profile_ptrs profiles;
    struct cluster cluster;
    struct shapes shapes;
    struct queue queue;
    struct map pods;          /* "namespace/name" → spod */
    struct map gangs;         /* key → gang */
    struct spod_ptrs orphans; /* bound to nodes that are not here */
    uint64_t arrivals, cycles, bound_pods;
    struct { /* of a pod alone, on the snapshot that its shape remembers */
        const struct shape *shape;
        uint32_t wakes;
        struct str message;
        char text[16384];
    } failure;
};

/* Events that parked gangs may wait for; node: where, or -1. */
void core_wake(struct sched_core *s, uint32_t event, int64_t node, struct mono now);
/* Takes the pod out of everything and frees it. */
void core_drop_pod(struct sched_core *s, struct spod *p);
/* Puts a bound pod on its node, with what its annotations say. */
void core_place_bound(struct sched_core *s, struct spod *p, struct snode *n);
