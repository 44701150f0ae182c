/* SPDX-License-Identifier: Apache-2.0
 * whatif — the same day decided twice, as it was and with a change (whatif_change.h), and what is
 * different: which gangs and pods start, when, how long each queue waits, how busy the GPUs are.
 * Both are decided on virtual time (scene.h), so that only the change makes the difference. Pure.
 */
#pragma once

#include "sim/scene.h"

#define WHATIF_ALIKE_NS NS_PER_S /* starts that are no further apart are the same */

struct whatif_side {         /* of one of the two */
    size_t started, waiting; /* pods; waiting: at the end, and not taken back */
    size_t gangs_started;
    size_t evictions;
    double gpu_used, gpu_offered; /* GPUs times seconds */
};

struct whatif_wait { /* ns until the start; until the end for those that never start */
    int64_t p50, p99;
};

struct whatif_queue {
    struct str name; /* absent: all pods */
    size_t pods;
    struct whatif_wait was, would;
};

struct whatif_gang {
    struct str key;
    size_t pods;
    int64_t was, would; /* when it starts, ns after it came; DAY_NEVER */
    struct str why;     /* it would not have started; absent: it would */
};

struct whatif { /* texts live in a; whatif_fini */
    struct arena *a;
    int64_t begin, end;
    size_t pods, gangs; /* that came to wait */
    struct whatif_side was, would;
    size_t earlier, later, only_would, only_was; /* pods */
    size_t displaced, stranded;  /* ran before on a node that is not there; never start again */
    struct whatif_queue *queues; /* the first is for all; then by name */
    size_t n_queues;
    struct whatif_gang *differ; /* gangs; that only was or would start first, then by how much */
    size_t n_differ;
    struct whatif_gang *waiting; /* gangs that would wait at the end, by name */
    size_t n_waiting;
    size_t alike, recorded; /* of the pods that the record saw start, those that start within
                             * WHATIF_ALIKE_NS of it when nothing is changed */
};

/* Until `until`, ns of the wall clock. */
int whatif_run(struct whatif *out,
               const struct day *day,
               const struct scene_change *change,
               int64_t until,
               struct err *err);
void whatif_fini(struct whatif *w);

struct jnode *whatif_json(struct arena *a, const struct whatif *w, struct str change);
