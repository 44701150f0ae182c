/* SPDX-License-Identifier: Apache-2.0
 * queue — which gang gets the next cycle. Highest priority first, then the oldest; in profiles that
 * prevent starvation a gang that waited a minute goes before all but system priorities. A gang that
 * did not fit is parked until an event that could help, and backs off (1 s doubling to 10 s) when
 * the event is only a guess. Gangs that are alike stand behind the oldest of them (crowd.h). Time
 * is an argument. Pure; loop thread only. */
#pragma once

#include "scheduler/core/crowd.h"
#include "scheduler/core/waits.h"

#define QUEUE_BACKOFF_MIN_NS NS_PER_S
#define QUEUE_BACKOFF_MAX_NS (10 * NS_PER_S)
#define QUEUE_PARKED_MAX_NS (300 * NS_PER_S) /* tried again after so long, whatever happens */
#define QUEUE_ARRIVAL_NS NS_PER_S            /* grace for members to arrive before anyone is told */
#define QUEUE_SYSTEM_PRIORITY INT64_C(2000000000)

struct cluster;

struct queue {
    struct cluster *cluster; /* borrowed; its quota orders the active gangs */
    struct heap ages;        /* the same gangs by the moment they count as starved */
    struct heap delayed;
    struct list parked; /* by their last attempt */
    struct waits waits; /* the same by what they wait for */
    size_t n_parked;
    struct map crowds;   /* key → crowd */
    struct list telling; /* crowds in which somebody is to be told why he waits */
    bool apart;          /* no two gangs are alike */
    uint64_t epoch;      /* what is known of attempts in vain is of no use after a change */
    int64_t backoff_min_ns, backoff_max_ns;
};

struct hitch {                 /* why a gang is parked */
    uint32_t wakes;            /* WAKE_* that could help */
    struct shape *blocked;     /* that did not fit; NULL: something else */
    struct quota_queue *bound; /* whose quota denied it; NULL: nobody's, or unknown */
};

void queue_init(struct queue *q, struct cluster *c);
void queue_fini(struct queue *q);

/* Active now, and all that are alike with it. */
void queue_add(struct queue *q, struct gang *g, struct mono now);
/* It is new, or changed: active now, unless others like it are parked and nothing speaks for it. */
void queue_arrive(struct queue *q, struct gang *g, struct mono now);
void queue_delay(struct queue *q, struct gang *g, struct mono when); /* active then */
/* After a failed attempt, on behalf of those behind it. */
void queue_park(struct queue *q, struct gang *g, const struct hitch *why, struct mono now);
/* For the same reason as before, but for the queue that denies it; there was no attempt. */
void queue_park_again(struct queue *q, struct gang *g, struct quota_queue *bound, struct mono now);
void queue_remove(struct queue *q, struct gang *g); /* from wherever it is; now GANG_IDLE */
/* Of a parked gang: active at once if sure, else after its back-off. */
void queue_wake(struct queue *q, struct gang *g, bool sure, struct mono now);
/* Its quota may do now: active, but ask the quota again before it is tried. */
void queue_wake_for_quota(struct queue *q, struct gang *g, struct mono now);
/* The shape that blocks a parked gang goes away. */
void queue_unblock(struct gang *g, struct waits *w);

/* Something sets it apart from those like it, who take its place: it goes on as it is, alone; one
 * that was behind another becomes active. */
void queue_part(struct queue *q, struct gang *g);
/* Of a parked leader: the same, and the next one is tried. */
void queue_part_and_try_next(struct queue *q, struct gang *g);
/* Of a parked leader: those behind it are parked for the same reason, and are to be told. */
void queue_say(struct queue *q, struct gang *g, struct str message, struct mono now);
/* One that is behind another and was not told yet; its message is set. NULL: everybody was. */
struct gang *queue_tell(struct queue *q);

/* The next gang, now GANG_IDLE; NULL: none is due. */
struct gang *queue_take(struct queue *q, struct mono now);
/* When queue_take may have more; false: never by time alone. */
bool queue_next_due(const struct queue *q, struct mono *when);

/* As its leader, if it is behind one. */
enum gang_state queue_state(const struct gang *g);
struct queue_counts {
    size_t active, delayed, parked;
};
struct queue_counts queue_count(const struct queue *q);
