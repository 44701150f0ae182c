/* SPDX-License-Identifier: Apache-2.0
 * scene — a day decided anew, on virtual time: its objects come and go as recorded, its pods come
 * as recorded, and what happens then follows from what the scheduler's core decides now. Placed
 * pods start at once and run as long as day.h says; those that are preempted leave as fast as
 * others did and, where they have a controller, are made anew. Changes make it a what-if
 * (whatif.h). Pure. */
#pragma once

#include "sim/day.h"

#define SCENE_START_NS (100 * NS_PER_MS) /* from its node to running */
#define SCENE_AGAIN_NS NS_PER_S          /* from gone to made anew */

struct scene_change {             /* what is not as recorded; zero: everything is. Borrowed */
    const struct day_event *sets; /* objects that are there from the beginning, in place of recorded
                                   * ones of their kind and name; at and seq do not matter */
    size_t n_sets;
    const struct str *drops; /* names of nodes that are not there */
    size_t n_drops;
    struct str config; /* KubeSchedulerConfiguration; absent: the recorded one */
};

struct scene_life {     /* of one pod; texts in the result's arena */
    struct str queue;   /* absent: none, or not ours */
    struct str gang;    /* key; absent: in none */
    int64_t waits_from; /* DAY_NEVER: another scheduler's, or it ran when the day began */
    int64_t started;    /* got its first node; DAY_NEVER */
    struct str why;     /* it waits at the end; absent: it does not */
    int64_t left;       /* its owner took it back while it waited; DAY_NEVER */
};

struct scene_result { /* scene_result_fini */
    struct arena *a;
    struct scene_life *lives; /* one for each pod of the day; made anew ones count with the first */
    size_t n_lives;
    size_t evictions;
    double gpu_used, gpu_offered; /* GPUs times seconds */
    size_t decisions;
};

/* Until `until`, in ns of the wall clock. ERR_INVALID: the configuration or an object is wrong. */
int scene_run(struct scene_result *out,
              const struct day *day,
              const struct scene_change *change,
              int64_t until,
              struct err *err);
void scene_result_fini(struct scene_result *r);
