/* SPDX-License-Identifier: Apache-2.0
 * queue — which gang gets the next cycle. Highest priority first, then the oldest; in profiles that
 * prevent starvation a gang that waited a minute goes before all but system priorities. A gang that
 * did not fit is parked until an event that could help, and backs off (1 s doubling to 10 s) when
 * the event is only a guess. Time is an argument. Pure; loop thread only. */
#pragma once

#include "scheduler/gang/gang.h"

#define QUEUE_BACKOFF_MIN_NS NS_PER_S
#define QUEUE_BACKOFF_MAX_NS (10 * NS_PER_S)
#define QUEUE_PARKED_MAX_NS (300 * NS_PER_S) /* tried again after so long, whatever happens */
#define QUEUE_ARRIVAL_NS NS_PER_S            /* grace for members to arrive before anyone is told */
#define QUEUE_SYSTEM_PRIORITY INT64_C(2000000000)

struct queue {
    struct quota *quota; /* orders the active gangs, borrowed */
    struct heap ages;    /* the same gangs by the moment they count as starved */
    struct heap delayed;
    struct list parked;
    size_t n_parked;
    int64_t backoff_min_ns, backoff_max_ns;
};

void queue_init(struct queue *q, struct quota *quota);
void queue_fini(struct queue *q);

void queue_add(struct queue *q, struct gang *g, struct mono now);    /* active now */
void queue_delay(struct queue *q, struct gang *g, struct mono when); /* active then */
/* After a failed attempt. */
void queue_park(struct queue *q, struct gang *g, uint32_t wakes, struct mono now);
void queue_remove(struct queue *q, struct gang *g); /* from wherever it is; now GANG_IDLE */
/* Of a parked gang: active at once if sure, else after its back-off. */
void queue_wake(struct queue *q, struct gang *g, bool sure, struct mono now);

/* The next gang, now GANG_IDLE; NULL: none is due. */
struct gang *queue_take(struct queue *q, struct mono now);
/* When queue_take may have more; false: never by time alone. */
bool queue_next_due(const struct queue *q, struct mono *when);
