/* SPDX-License-Identifier: Apache-2.0
 * crowd — gangs that wait and are alike: as many members of each shape, part, priority and queue,
 * the same minima and wishes, and nothing that sets one apart. What is decided about the oldest of
 * them, the leader, holds for all: only the leader stands in the queue, the others are behind it
 * (GANG_BEHIND). When it does not fit nobody else is tried; when it is placed the next one leads.
 * So ten thousand twins that do not fit cost one attempt, and an event that may help them one
 * question.
 *
 * For queue.c, which moves leaders; others see crowds only through queue.h. Loop thread only. */
#pragma once

#include "scheduler/gang/gang.h"

struct crowd {
    struct str key;           /* all that decides; own bytes */
    struct gang *leader;      /* anything but BEHIND; IDLE while it is being tried */
    struct heap behind;       /* the oldest first */
    struct list told, untold; /* those behind, by whether they were told why they wait */
    struct list telling;      /* in the queue's list while somebody is untold */
    /* of the last attempt in vain: */
    struct mono tried;
    unsigned attempts;
    struct str message;          /* own text, without the gang's name; absent: there was none */
    struct mono said;            /* since when it is that */
    uint64_t epoch, nominations; /* as they were */
    bool by_quota;               /* its queue said no, not the nodes */
};

/* The crowd to which an idle gang belongs, made if it is the first (then it leads); NULL: it is
 * like no other. */
struct crowd *crowd_enter(struct map *crowds, struct gang *g);
/* The same if it exists already; g is not in it yet. */
struct crowd *crowd_find(const struct map *crowds, const struct gang *g);
/* Of a gang that is to be behind, and of one that is. Idle before and after. */
void crowd_push(struct crowd *c, struct gang *g);
void crowd_pull(struct crowd *c, struct gang *g);
/* The oldest leads from now on; the leader may have to step behind. Both idle. */
struct gang *crowd_lead(struct crowd *c);
/* The leader leaves; the next one, now idle, leads. NULL: there is none, and the crowd is gone. */
struct gang *crowd_succeed(struct map *crowds, struct crowd *c);
/* What a gang says begins with its name, which is not that of those like it. False: this text does
 * not. */
bool crowd_text(const struct gang *g, struct str message, struct str *out);
/* The text of its crowd, for this one; in a. */
struct str crowd_message(const struct gang *g, struct arena *a);
/* Everybody behind must hear this; not again soon when only the words differ. */
void crowd_say(struct crowd *c, struct str message, struct mono now);
