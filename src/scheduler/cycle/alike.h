/* SPDX-License-Identifier: Apache-2.0
 * alike — nodes in groups that no plugin of class or cluster scope can tell apart, per shape and
 * per set of sums that those plugins read (framework.h, readings). A plugin is asked about one node
 * of each group, and a decision costs what groups there are, not nodes. Inside a group nodes are
 * ordered by the score that they have taken alone; kept current from the snapshot's journal. Loop
 * thread only. */
#pragma once

#include "scheduler/cycle/cache.h"

struct rank { /* nodes of one group with one score */
    int32_t score;
    uint32_t n, cap;
    uint32_t *nodes; /* ascending */
};
VEC_TYPE(ranks, struct rank);

struct group {
    int64_t *words;     /* what its nodes have in common */
    struct ranks ranks; /* by score, ascending; none is empty */
    uint32_t n;         /* feasible nodes */
};
VEC_TYPE(groups, struct group);

struct alike;

void alike_free(struct alike *k); /* NULL is fine */
size_t alike_bytes(const struct alike *k);

/* Up to date; cache must be. Borrowed until the next question about this shape. */
struct alike *
alike_of(struct score_cache *cache, const struct snapshot *s, const struct sched_readings *r);
const struct groups *alike_groups(const struct alike *k);
/* The node counts as not feasible until it is shown again. Nothing may change in between. */
void alike_hide(struct alike *k, uint32_t node);
void alike_show(struct alike *k, uint32_t node);
/* The node at place `at` in node order among the best ranks of the chosen groups. */
uint32_t alike_pick(const struct groups *groups, const uint32_t *chosen, size_t n, uint32_t at);
