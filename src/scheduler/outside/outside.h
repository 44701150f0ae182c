/* SPDX-License-Identifier: Apache-2.0
 * outside — scheduler plugins of others (ganglion/plugin.h) as rows like ours. Nothing that they
 * answer is believed: a wrong answer is ignored and counted, a plugin that answers late too often
 * is switched off, and from then on lets every node pass and scores all alike.
 *
 * They share the rows of SCOPE_NODE: what a plugin may read of a pod is part of the shape's key
 * (core/intake.c asks outside_put_key), so that kept answers stay true. Pure but for the clock that
 * it is given. The scheduler's loop; outside_new and outside_add before. Shape (b). */
#pragma once

#include "scheduler/framework.h"

struct ganglion_plugin;
struct outside;

#define OUTSIDE_PLUGINS_MAX 8
#define OUTSIDE_LATE_MAX 10 /* late answers in a row */
#define OUTSIDE_HANG_NS NS_PER_S

struct outside_world { /* what a core may not ask itself */
    int64_t (*now_ns)(void);
    void (*blame)(const char *whom); /* their code begins to run; NULL: it ended */
};

struct outside *outside_new(const struct outside_world *world);
void outside_free(struct outside *o); /* no profile may use it. NULL is fine */

/* Adds what the library in this file exports, of so many bytes. It must live until outside_free.
 * ERR_INVALID says what is wrong with it. */
int outside_add(struct outside *o,
                const char *file,
                const struct ganglion_plugin *p,
                size_t bytes,
                struct err *err);
size_t outside_count(const struct outside *o); /* NULL has none */
const struct sched_plugin *outside_plugin(const struct outside *o, size_t i);

/* ---- for profiles ---- */

/* Calls its start with these arguments (absent: "{}"). What comes back is the run's args. */
int outside_start(const struct sched_plugin *p, struct json args, void **out, struct err *err);
void outside_stop(void *args); /* NULL is fine */

/* What plugins may read of a pod: labels, annotations, namespace, spec. */
void outside_put_key(struct buf *b, const struct kobj *pod);

/* ---- for those who tell people ---- */

enum outside_fault {
    OUTSIDE_SCORE,     /* no number from 0 to 100 */
    OUTSIDE_NORMALISE, /* the same, or no finite number to make it of */
    OUTSIDE_VERDICT,   /* none of the three */
    OUTSIDE_REASON,    /* too long, no UTF-8, more than a line */
    OUTSIDE_FAULTS,
};

struct outside_record { /* what one plugin has done so far */
    uint64_t ignored[OUTSIDE_FAULTS], late;
    struct str off;     /* why it was switched off; absent: it is on */
    struct str example; /* of the last fault: "score nan for node a" */
};

extern const char *const outside_fault_names[OUTSIDE_FAULTS];

/* Grows when any record changes; NULL: 0. */
uint64_t outside_news(const struct outside *o);
const struct outside_record *outside_record(const struct outside *o, size_t i);
const char *outside_file(const struct outside *o, size_t i);
