/* SPDX-License-Identifier: Apache-2.0
 * What the files of gang.h share; nobody else includes this. */
#pragma once

#include "scheduler/gang/gang.h"

/* The number of the part with this name, made when missing; 0 for no name, or too many. */
uint32_t gang_part_of(struct gang *g, struct str name);
/* Enters (1) or takes out (-1) a member in the counts of its part. */
void gang_count_in_part(struct spod *p, int by);

/* The part of a member: by the object's policies, else by what it says. */
uint32_t gang_part_of_member(struct gang *g, const struct spod *p);
/* The object's policies came, changed or went: members may have other roles. */
void gang_regroup(struct gang *g);
/* Minima and places in the network of the subgroups; those of roles are set. */
void gang_need_subgroups(struct gang *g);
