/* SPDX-License-Identifier: Apache-2.0
 * domain_tree — the network as a tree of domains over the nodes: block, rack, NVLink clique, host.
 * Levels are node labels, from the top down, as a topology object lists them (Kueue's and KAI's
 * Topology), or Volcano's HyperNodes by tier. A node lies in the domains that its labels name, as
 * far down as no label is missing; below that it lies in no domain. Equal names under different
 * parents are different domains.
 *
 * A tree also keeps, per shape, how many members of it each node holds now and the sums per domain,
 * brought up to date from the snapshot's journal: after a bind only the touched nodes are counted
 * anew. Owned by the cluster; loop thread only. */
#pragma once

#include "scheduler/state/pod.h"

#define DOMAIN_LEVELS_MAX 16
#define DOMAIN_ROOT 0 /* the whole cluster */

struct cluster;

struct domain {
    struct str value;                 /* of the label; borrowed from a node's labels */
    uint32_t parent, level;           /* level 1 is the first label; the root is level 0 */
    uint32_t first_child, n_children; /* in tree->children */
    uint32_t first_node, n_nodes;     /* in tree->nodes: those that lie in no child */
};

struct domain_counts { /* of one shape */
    uint64_t shape;    /* hash of its key */
    uint64_t journal;  /* up to date to there; 0: never */
    uint64_t used;     /* when last asked for, to drop the oldest */
    int32_t *fit;      /* by node */
    int64_t *sum;      /* by domain */
};

struct domain_tree {
    struct str name;                          /* own text: of the object, or of the label */
    struct str levels[DOMAIN_LEVELS_MAX + 1]; /* own texts; [0] is not used */
    uint32_t n_levels;
    uint64_t version; /* of the snapshot's static state; 0: build */
    struct domain *items;
    uint32_t n, cap;
    uint32_t *children, *nodes, *of; /* of: node → its lowest domain */
    struct domain_counts counts[8];
    uint64_t asked;
    bool declared; /* an object lists the levels */
    bool by_hyper; /* levels are tiers of HyperNodes */
};

struct domain_forest;

struct domain_forest *domain_forest_new(void);
void domain_forest_free(struct domain_forest *f); /* NULL is fine */
/* A Topology of Kueue or KAI, or a HyperNode came, changed (obj) or went (deleted). False: the
 * object is none of these. */
bool domain_forest_set(struct domain_forest *f, const struct kobj *obj, bool deleted);

/* The tree that has this level, by name or any: the one that an object declares, else a tree of
 * that label alone. Current until a node changes. */
struct domain_tree *domain_tree_get(struct domain_forest *f,
                                    const struct snapshot *s,
                                    struct str name,
                                    struct str level);
/* 0: the tree has no such level. */
uint32_t domain_level(const struct domain_tree *t, struct str label);
/* How many members of the shape fit where, now. Borrowed until the next call. */
struct domain_counts *domain_count(struct domain_tree *t, struct cluster *c, struct shape *shape);
/* Is d the ancestor or inside it? */
bool domain_is_within(const struct domain_tree *t, uint32_t d, uint32_t ancestor);
/* The ancestor of d at a level, or d itself when it is higher. */
uint32_t domain_at_level(const struct domain_tree *t, uint32_t d, uint32_t level);
