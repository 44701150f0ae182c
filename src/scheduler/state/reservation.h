/* SPDX-License-Identifier: Apache-2.0
 * reservation — room held on nodes for pods that are not placed yet, with a deadline: after a
 * preemption until the victims are gone, or for members that others create later. Each held pod has
 * its node kept for it (cluster_nominate): pods of the same or lower priority see that room as
 * taken, the pod itself goes there first. A pod that is placed or leaves takes itself out; the
 * reservation ends with its last pod, when it is closed, or when its time is over. Loop thread
 * only. */
#pragma once

#include "base/time.h"
#include "scheduler/state/cluster.h"

struct reservation {
    struct list in_all; /* cluster.reservations */
    struct str owner;   /* own text: a gang's key */
    struct list held;   /* spod_stays, by in_hold */
    struct mono expires;
    bool firm;     /* against any priority but the system's */
    bool starving; /* for one that starved (core_starving.c) */
};

/* A new, empty one; one that the owner has already is closed first. Hold something at once: an
 * empty one stays until it is closed. */
struct reservation *reservation_open(struct cluster *c, struct str owner, struct mono expires);
/* The pod must be in the snapshot and not placed. */
void reservation_hold(struct cluster *c,
                      struct reservation *r,
                      struct spod *p,
                      const struct placement *where);
/* Lets go of everything it holds. */
void reservation_close(struct cluster *c, struct reservation *r);
/* The owner's, borrowed; NULL: none. */
struct reservation *reservation_of(const struct cluster *c, struct str owner);

/* Closes those whose time is over; how many there were. */
size_t reservation_expire_all(struct cluster *c, struct mono now);
/* For cluster_nominate: the pod's node is no longer kept. */
void reservation_leave(struct spod *p);
