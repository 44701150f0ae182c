/* SPDX-License-Identifier: Apache-2.0
 * gang_mirror — a gang as its PodGroup shows it: phase, counts, plan and reasons, as documents. The
 * same numbers in the words of other projects' group objects. Pure; service_gangs.c writes them. */
#pragma once

#include "codec/jnode.h"
#include "scheduler/core/core.h"

enum gang_phase {
    GANG_PENDING,   /* waits, for members or for room */
    GANG_SCHEDULED, /* all minima have nodes */
    GANG_RUNNING,   /* all minima run, or ran to their end */
    GANG_FINISHED,  /* nothing is left, and nothing failed */
    GANG_FAILED,    /* nothing is left, and something failed */
    GANG_GONE,      /* its members were deleted before they ended */
};

struct gang_sight { /* what can be seen of a gang at one moment */
    enum gang_phase phase;
    const char *reason;
    int64_t members; /* with those that ended */
    int64_t scheduled, running, succeeded, failed;
};

/* Why a gang (or a pod alone) that was tried is not placed, in one word: the reason of its members'
 * condition PodScheduled. "Unschedulable" only when another node could help: that word makes
 * Cluster Autoscaler and Karpenter add one. */
const char *gang_waiting_reason(const struct gang *g);
enum gang_lack gang_lack_of(const struct gang *g);
/* Why it waits, for people; once it does not, what is wrong with what it says, or "". */
struct str gang_message_of(struct arena *a, const struct gang *g, const struct gang_sight *s);

void gang_look(const struct gang *g, struct gang_sight *out);

/* The name of its PodGroup: the gang's own where that is a name, else made from it. */
struct str gang_mirror_name(struct arena *a, const struct gang *g);
/* The PodGroup of ours that mirrors it: owned by the owners of its members, or by members that have
 * none. */
struct jnode *gang_mirror_object(struct arena *a, const struct gang *g);
struct gang_moment { /* the same one, on both clocks */
    struct wall wall;
    struct mono mono;
    bool binds_singly; /* the API binds members one by one: a start under way is recorded */
};

/* Its status. old: the status now, absent when there is none; it keeps times of conditions. */
struct jnode *gang_mirror_status(struct arena *a,
                                 const struct gang *g,
                                 const struct cluster *c,
                                 struct json old,
                                 struct gang_moment now);
