/* SPDX-License-Identifier: Apache-2.0
 * victim — who may be evicted for whom, and in what order: shared by preempt.c (one pod, as
 * kube-scheduler does it) and preempt_gang.c. Pure. */
#pragma once

#include "base/time.h"
#include "scheduler/gang/gang.h"

/* What the scheduler knows beyond the snapshot. Zeroes: nothing. */
struct preempt_policy {
    struct wall now; /* ns 0: unknown, minimum run times don't count */
    void *arg;
    /* This victim must stay, whatever its priority. NULL: nobody is spared. */
    bool (*spares)(void *arg, const struct spod *by, const struct spod *victim);
    /* This victim may be evicted although its priority is not lower: what it has belongs to `by`
     * (quota). NULL: never. */
    bool (*reclaims)(void *arg, const struct spod *by, const struct spod *victim);
    /* How long this victim may run before it leaves for `by`; nanoseconds. NULL: as it says. */
    int64_t (*promised)(void *arg, const struct spod *by, const struct spod *victim);
    /* Among victims of one priority those with a smaller cost go first. NULL: all alike. */
    int64_t (*cost)(void *arg, const struct spod *victim);
};

/* Labels and annotations with which pods say that they are no victims: scheduling.ganglion.io/
 * min-runtime ("10m": not before it ran so long) and those of other projects (victim.c). Fills the
 * fields of the pod; called when its object changes. */
void victim_read_wishes(struct spod *p);

/* Its priority, and that of its whole gang, is lower. */
bool victim_is_lower(const struct spod *victim, int64_t priority);
/* Lower priority (of the whole gang, if it is a member), or reclaimed; and not spared. */
bool victim_may_leave(const struct preempt_policy *policy,
                      const struct spod *by,
                      const struct spod *victim);
/* Its annotations ask autoscalers to leave it alone (safe-to-evict: "false", do-not-disrupt): it is
 * never moved, and of pods of one priority it leaves last. */
bool victim_is_costly(const struct spod *p);
/* The pod leaves because of a preemption: nobody need be evicted for the room it gives. Not one
 * that was to be gone long ago. */
bool victim_is_leaving(const struct spod *p);
/* When it started; one that has not is the youngest: INT64_MAX. */
int64_t victim_started(const struct spod *p);
/* The more important of two victims first: higher priority, then longer running, then by name. For
 * qsort over struct spod *. */
int victim_compare(const void *a, const void *b);
