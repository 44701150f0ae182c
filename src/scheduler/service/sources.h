/* SPDX-License-Identifier: Apache-2.0
 * sources — which resources the scheduler watches, and as what its core hears of them. The service
 * watches them, and so does whoever records beside it. */
#pragma once

#include "client/calls.h"
#include "scheduler/core/input.h"

struct sched_source {
    struct gvr resource;
    enum input_kind kind;
};

/* All are listed before the first cycle, and heard in this order: never a pod before its node and
 * its claims and volumes. */
#define SOURCES_MAIN 18
extern const struct sched_source sources_main[SOURCES_MAIN];

/* Queues, priorities and topologies of every project, as far as the API serves them: heard when
 * they come. Of one resource the newest version stands first; an older one is heard of objects that
 * no newer one shows. The kinds of group objects are in kube/gang/gang_object.h. */
#define SOURCES_QUEUES 20
extern const struct sched_source sources_queues[SOURCES_QUEUES];
