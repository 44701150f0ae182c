/* SPDX-License-Identifier: Apache-2.0
 * gang — pods that start together or not at all. A pod in no gang is a gang of one, so that queue
 * and cycle know one entity only. Loop thread only. */
#pragma once

#include "base/heap.h"
#include "kube/gang_dialect.h"
#include "scheduler/pod.h"

enum gang_state {
    GANG_IDLE,    /* nothing to place */
    GANG_ACTIVE,  /* waits for its cycle */
    GANG_DELAYED, /* back-off, or members still arriving: active at ready_at */
    GANG_PARKED,  /* did not fit; woken by events that could help */
};

struct gang {
    struct str key;                     /* "namespace/name", own text; for one pod its key */
    const struct gang_dialect *dialect; /* NULL: one pod */
    struct list members;                /* spods, pending and placed */
    size_t n_members, n_placed, n_gated;
    int64_t min;      /* 0: unknown or wrong */
    struct str wrong; /* own text: why min is 0 */
    int64_t priority; /* the highest of its members */
    struct wall created;
    uint64_t order; /* of arrival */
    const struct profile *profile;

    /* the queue's: */
    enum gang_state state;
    struct mono since; /* waiting since */
    struct mono last_attempt;
    struct mono ready_at;
    unsigned attempts;
    uint32_t wakes;              /* WAKE_* while parked */
    const struct shape *blocked; /* the shape that did not fit; NULL: something else */
    size_t pos, age_pos;         /* in the queue's heaps */
    struct list parked;
    struct str message; /* own text: why it waits */
};

struct gang *gang_new(struct str key, const struct gang_dialect *dialect, uint64_t order);
void gang_free(struct gang *g); /* must have no members */
void gang_add(struct gang *g, struct spod *p, const struct gang_claim *claim);
void gang_remove(struct gang *g, struct spod *p);
void gang_set_message(struct gang *g, struct str text);

/* Members that a cycle must place now: not placed, not gated. */
size_t gang_pending(const struct gang *g);
/* How many members must exist and be placed for the gang to run. */
size_t gang_needs(const struct gang *g);
/* Enough members exist, none of the needed ones is gated, and min makes sense. */
bool gang_is_complete(const struct gang *g);
/* Why an incomplete gang waits, for people. */
struct str gang_waiting_text(struct arena *a, const struct gang *g);
