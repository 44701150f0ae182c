/* SPDX-License-Identifier: Apache-2.0
 * cache — per shape: which nodes it fits, taken alone, and how well; kept current from the
 * snapshot's journal, so that after a bind only the touched nodes are asked again. All nodes are
 * always scored; nothing is sampled. Loop thread only. */
#pragma once

#include "scheduler/config/profile.h"

struct score_cache;

void score_cache_free(struct score_cache *k); /* NULL is fine */
/* So far behind the snapshot that it will be made anew when next asked. */
bool score_cache_is_stale(const struct score_cache *k, const struct snapshot *s);
size_t score_cache_bytes(const struct score_cache *k);

/* Brings the shape's cache up to date, making it on first use. */
struct score_cache *score_cache_of(struct cluster *c, struct shape *shape);

/* Does the shape fit this node, asked of the cache (which must be up to date)? */
bool score_cache_fits(const struct score_cache *k, uint32_t node);
/* How many nodes have the best score, and the one at place `at` among them in node order.
 * 0: no node fits. Meaningful only if score_cache_complete. */
uint32_t score_cache_best(const struct score_cache *k, int64_t *score);
uint32_t score_cache_pick(const struct score_cache *k, uint32_t at);
/* False: some score of this shape must be normalised over nodes, use score_cache_sum. */
bool score_cache_complete(const struct score_cache *k);

/* ---- for select.c: nodes that are kept for other pods ---- */
/* The node's score as score_cache_best counts it; -1: it does not fit. */
int32_t score_cache_total(const struct score_cache *k, uint32_t node);
/* Hiding some nodes changes nobody else's score: no class is preferred to another. */
bool score_cache_is_flat(const struct score_cache *k);
/* The node counts as one that the shape does not fit, until it is shown again; returns what show
 * must be given. Nothing may change in between. */
int32_t score_cache_hide(struct score_cache *k, const struct snapshot *s, uint32_t node);
void score_cache_show(struct score_cache *k,
                      const struct snapshot *s,
                      uint32_t node,
                      int32_t hidden);
/* Would the shape fit the node as the snapshot is now, changed by a dry run? Nothing is kept. */
bool score_cache_try(struct cluster *c, struct shape *shape, uint32_t node);

/* ---- for alike.c ---- */
#define SCORE_CACHE_ALIKE 4 /* groupings of nodes kept per shape */
struct alike;
/* The node's score taken alone, without those normalised over nodes; -1: it does not fit. */
int32_t score_cache_score(const struct score_cache *k, uint32_t node);
/* What is normalised over nodes, for a class of nodes; the same number of words for each. */
size_t score_cache_class_words(const struct score_cache *k, uint32_t class_id, int64_t *out);
uint64_t score_cache_made(const struct score_cache *k);  /* changes when all was asked anew */
struct alike **score_cache_alike(struct score_cache *k); /* SCORE_CACHE_ALIKE places */

/* For cycles that ask more plugins: the weighted sum of the kept scores over feasible nodes, class
 * scores normalised over exactly these. */
void score_cache_sum(struct sched_cycle *c, const uint32_t *nodes, size_t n, int64_t *totals);
/* Feasible nodes, in node order, into out (room for all nodes); returns how many. */
size_t score_cache_feasible(const struct score_cache *k, uint32_t *out);
