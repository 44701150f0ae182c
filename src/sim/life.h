/* SPDX-License-Identifier: Apache-2.0
 * life — what happens next to a pod on a simulated node, and when. Pure: replays on virtual time
 * run the same code. */
#pragma once

#include "base/arena.h"
#include "codec/jnode.h"
#include "kube/kobj.h"

/* Annotations that a pod may carry. */
#define SIM_RUN_KEY "sim.ganglion.io/run-seconds" /* may have a fraction; absent: see below */
#define SIM_EXIT_KEY "sim.ganglion.io/exit-code"  /* of the first container; absent: 0 */
#define SIM_RUN_DEFAULT_NS (5 * NS_PER_S) /* of pods that run to completion and name no time */
#define SIM_START_NS (100 * NS_PER_MS)    /* from bound to running */

/* How long the pod says it runs, in ns; -1: it says nothing. */
int64_t sim_said_run(const struct kobj *pod);

enum sim_action {
    SIM_NOTHING, /* it goes on until someone changes it */
    SIM_START,   /* becomes Running at `due` */
    SIM_END,     /* becomes Succeeded or Failed at `due` */
    SIM_REMOVE,  /* was deleted: goes at `due` */
};

/* seen: when this simulation first saw the pod bound. */
enum sim_action sim_next(const struct kobj *pod, struct wall seen, struct wall *due);

/* The new status as a merge patch's "status": started as Running with that address, or ended. */
struct jnode *sim_started(struct arena *a, const struct kobj *pod, struct str ip, struct wall now);
struct jnode *sim_ended(struct arena *a, const struct kobj *pod, struct wall now);
