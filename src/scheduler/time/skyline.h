/* SPDX-License-Identifier: Apache-2.0
 * skyline — how much of each node is free at which time to come: per node a step function over
 * time, changed where something starts and where it ends, and the question that backfill asks of
 * it: when is the earliest moment from which a gang's members all have room for as long as they
 * run? Knows numbers only, no pods. Times are in any one unit. Pure; shape (b); one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define SKYLINE_RES_MAX 8
#define SKYLINE_NEVER INT64_MAX

struct skyline;

/* n_res kinds of room, at most SKYLINE_RES_MAX. */
struct skyline *skyline_new(unsigned n_res);
void skyline_free(struct skyline *s); /* NULL is fine */

/* ---- changes ---- */

/* The node has this much, and nothing is taken from it: what was before is forgotten. Nodes are
 * numbered from 0, without large gaps. NULL: it has nothing. */
void skyline_node_set(struct skyline *s, uint32_t node, const int64_t *room);

struct skyline_span { /* something that takes room of one node from start up to, not with, end */
    uint32_t node;
    int64_t start, end;
    int64_t amounts[SKYLINE_RES_MAX];
};

/* Spans with end <= start take nothing. May leave less than nothing free: that is how conflicts
 * show. */
void skyline_take(struct skyline *s, const struct skyline_span *span);
/* Undoes a take of the same span. */
void skyline_give(struct skyline *s, const struct skyline_span *span);

/* ---- questions ---- */

/* The least that is free of each kind at any moment from start up to, not with, end. */
void skyline_least(const struct skyline *s,
                   uint32_t node,
                   int64_t start,
                   int64_t end,
                   int64_t *out);
/* The first change on this node after t; SKYLINE_NEVER: none. */
int64_t skyline_next(const struct skyline *s, uint32_t node, int64_t t);

struct skyline_role { /* members that are alike */
    size_t count;
    int64_t amounts[SKYLINE_RES_MAX]; /* of each member */
};

/* May a member of this role be on this node at all? */
typedef bool (*skyline_may_fn)(void *arg, size_t role, uint32_t node);

struct skyline_ask {
    const struct skyline_role *roles; /* those that find room hardest first */
    size_t n_roles;
    int64_t from, length; /* not before; how long. length SKYLINE_NEVER: for ever */
    skyline_may_fn may;   /* NULL: everywhere */
    void *arg;
    size_t steps_max; /* looks at one node; then the search gives up */
};

struct skyline_place {
    size_t role;
    uint32_t node;
    size_t count;
};

struct skyline_answer {
    int64_t start;                /* SKYLINE_NEVER: not found */
    bool gave_up;                 /* for want of steps: "not found" does not mean "never" */
    size_t steps;                 /* that were used */
    struct skyline_place *places; /* in the arena; none when not found */
    size_t n_places;
};

/* One kind of members: exact. Several: each role in turn takes the first nodes in order, so that a
 * moment may be missed at which another way to deal out the nodes would do. */
void skyline_earliest(const struct skyline *s,
                      const struct skyline_ask *ask,
                      struct arena *a,
                      struct skyline_answer *out);
