/* SPDX-License-Identifier: Apache-2.0
 * gang_source — what the group object that speaks for a gang is told of it, in its project's own
 * words: phase, counts, conditions, as the row of its kind says (kube/gang/gang_object.h). Pure;
 * service_gangs.c writes it. */
#pragma once

#include "scheduler/gang/gang_mirror.h"

/* A merge patch of the object's status; NULL: it is told nothing. old: the status now, absent when
 * there is none; it keeps times. */
struct jnode *gang_source_status(struct arena *a,
                                 const struct gang *g,
                                 const struct gang_sight *s,
                                 struct json old,
                                 struct wall now);
