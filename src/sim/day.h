/* SPDX-License-Identifier: Apache-2.0
 * day — what a record says happened from outside: which nodes, queues and other objects came and
 * went, and which pods, with how long they ran. What the scheduler decided is left out, so that it
 * can be decided otherwise (scene.h). Pure but for day_read. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "scheduler/record/record.h"

#define DAY_NEVER INT64_C(-1)
#define DAY_LEAVE_NS NS_PER_S /* of preempted pods, when none was seen to go */

struct day_event { /* of an object that is no pod */
    int64_t at;    /* ns of the wall clock, never going back */
    uint64_t seq;  /* the order of what was heard; from 1 */
    enum input_kind kind;
    struct kobj *obj; /* counted */
    bool gone;
};
VEC_TYPE(day_events, struct day_event);

struct day_version { /* of a pod that waits */
    int64_t at;
    uint64_t seq;
    struct kobj *obj; /* counted */
};
VEC_TYPE(day_versions, struct day_version);

struct day_pod {
    struct str uid;               /* of its first version */
    struct day_versions versions; /* while it waited, at least one */
    struct kobj *bound_obj;       /* counted: as it was first seen on a node; NULL: never */
    uint64_t bound_seq;
    int64_t came, bound, ended, gone; /* DAY_NEVER: not within the record */
    bool placed;                      /* it was on its node when it came */
    bool succeeded;                   /* meaningful when it ended */
    bool leaves_at;                   /* somebody removes it at `gone`, however long it ran */
    bool preempted;
    int64_t marked;          /* when it was seen to be preempted; DAY_NEVER */
    bool again;              /* made anew in place of a pod that was preempted */
    struct day_pod *instead; /* that one; NULL: none was made, or it was not preempted */
    int64_t run_ns;          /* from its node to its end; DAY_NEVER: nobody knows, it goes on */
    uint32_t generation;     /* of the run that spoke of it last */
};
VEC_TYPE(day_pods, struct day_pod *);

struct day {
    struct arena *a;
    uint64_t seed;     /* as the first run's header says */
    struct str config; /* the same, as JSON; absent: the built-in profiles */
    struct day_events events;
    struct day_pods pods; /* in the order in which they came */
    int64_t begin, end;
    int64_t leave_ns; /* how long pods that are preempted take to go, as far as seen */
    /* while it is read: */
    struct map by_uid;   /* → day_pod */
    struct map alive;    /* objects that are there (day.c) */
    int64_t offset, now; /* of this run's clock; the last time heard */
    uint64_t seq;
    uint32_t generation;
    int64_t leave_sum, n_left; /* of preempted pods */
    bool first_feed;           /* of this run: what is not in it has gone */
};

struct day *day_new(void);
void day_free(struct day *d); /* NULL is fine */
/* A run of the recording program begins. The header's texts are copied. */
void day_begin(struct day *d, const struct record_header *h);
/* After a header. Inputs that are no objects only tell the time. */
void day_hear(struct day *d, const struct core_input *in);
/* Nothing more comes: works out how long pods run and which replaced which. */
void day_finish(struct day *d);

/* All of a record. ERR_* as record_file_next. */
int day_read(struct day **out, const char *path, struct err *err);

static inline void day_freep(struct day **d)
{
    day_free(*d);
}
