/* SPDX-License-Identifier: Apache-2.0
 * waits — parked gangs by what they wait for, so that an event asks one question for each shape,
 * not for each gang. Gangs whose waiting members are all of one shape stand with that shape; the
 * rest is asked one by one. Gangs that wait for quota alone stand with their queue instead
 * (quota_stall). Loop thread only. */
#pragma once

#include "scheduler/gang/gang.h"

struct lack { /* gangs that wait for a node that one shape fits */
    struct list in_all;
    struct shape *shape;
    struct list gangs;
    uint32_t wakes; /* of any of them, now or before */
};

struct waits {
    struct list lacks;
    struct list others;
};

void waits_init(struct waits *w);
/* g->wakes and g->blocked say what it waits for; one that waits for no event is left out. */
void waits_add(struct waits *w, struct gang *g);
void waits_remove(struct gang *g); /* harmless twice */
