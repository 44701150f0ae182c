/* SPDX-License-Identifier: Apache-2.0
 * forecast — the nodes as they will be: a skyline of what running pods leave behind when they end,
 * and room that is booked for work to come. Follows the snapshot by its journal; asked only while
 * somebody waits or something is booked, it costs nothing otherwise.
 *
 * It counts CPU, memory, pods and whole or partial devices by kind. What it does not count (ports,
 * claims, places in the network, pods that repel one another) may make it promise too much: a
 * booking is a promise to wait for, never a placement; the cycle decides when the time has come.
 *
 * A pod that runs beyond its guessed end is taken to run for a quarter of its guess more, a minute
 * at least, again and again. Owned by the cluster; loop thread only. */
#pragma once

#include "base/time.h"
#include "scheduler/state/snapshot.h"
#include "scheduler/time/runtime_guess.h"
#include "scheduler/time/skyline.h"

#define FORECAST_RES (3 + DEVICE_KINDS) /* CPU, memory, pods, devices in thousandths */
#define FORECAST_OVERRUN_NS (60 * NS_PER_S)

struct cluster;
struct gang;
struct forecast;

struct booking {             /* room for one owner; public only for its holder and the plugin */
    const struct gang *gang; /* for whom */
    int64_t start_ns, end_ns;
    bool held;                  /* others must leave it alone */
    struct skyline_span *spans; /* own array */
    size_t n;
};

struct forecast *forecast_new(void);
void forecast_free(struct forecast *f); /* NULL is fine */

/* What pods are believed to run; borrowed. */
struct runtimes *forecast_runtimes(struct forecast *f);
/* Follows what happened since the last call. Not inside a transaction. */
void forecast_refresh(struct forecast *f, struct cluster *c, struct mono now);
struct mono forecast_now(const struct forecast *f); /* of the last refresh */

/* ---- bookings ---- */

/* The earliest start, now or later, of the gang's needed members beside all that is taken, filled
 * into b without taking it. False: nobody knows, or steps (which counts down) ran out. */
bool forecast_find(struct forecast *f,
                   struct cluster *c,
                   const struct gang *g,
                   size_t *steps,
                   struct booking *b);
/* Takes its room, and gives it back. held: pods are kept off it too. */
void forecast_take(struct forecast *f, struct booking *b, bool held);
void forecast_give(struct forecast *f, struct booking *b);
void booking_clear(struct booking *b); /* must not be taken */
/* Is anything held against others? */
bool forecast_holds(const struct forecast *f);

/* ---- may a pod be there? ---- */

struct forecast_pod { /* one pod that asks about many nodes */
    const struct spod *pod;
    int64_t length_ns; /* RUNTIME_UNKNOWN: for ever */
    int64_t amounts[SKYLINE_RES_MAX];
};

void forecast_ask(struct forecast *f, const struct spod *pod, struct forecast_pod *out);
/* Would the pod, started now, leave alone what is held on the node for those who come before it? */
bool forecast_allows(struct forecast *f,
                     const struct snapshot *s,
                     const struct forecast_pod *ask,
                     uint32_t node);
