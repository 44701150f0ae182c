/* SPDX-License-Identifier: Apache-2.0
 * tally — how many placed pods of one sort each domain holds, kept current: "pods of app=web in
 * namespace shop, per zone". A tally is counted over all pods when it is first asked for; after
 * that each placement, removal, rollback and node change moves it by what changed. The sums are
 * words of the snapshot's undo log. Tallies with the same question are one; the least used make
 * room when there are too many. Loop thread only. */
#pragma once

#include "scheduler/state/anchor.h"
#include "scheduler/state/domains.h"
#include "scheduler/state/pod.h"

#define TALLIES_MAX 4096
#define TALLIES_MIN 512 /* kept whatever they weigh: more than any cycle asks for */
#define TALLY_BYTES_MAX (256u << 20)

struct podset { /* pods in a namespace that a selector matches */
    struct strs names;
    bool everywhere; /* whatever their namespace */
    struct label_sel selector;
};

struct tally_ask {
    /* Which pods: those in all sets, or those with these relations. */
    const struct podset *sets;
    size_t n_sets;
    struct relations *owner;
    bool nobody;    /* no pod at all: what matters are the nodes */
    bool staying;   /* no pods that are being deleted */
    bool by_node;   /* each node is a domain, or */
    struct str key; /* by this label */
    /* On which nodes: those with all these labels, that the node selector and affinity of one pod
     * allow and whose taints another tolerates. NULL: any. */
    const struct str *labels;
    size_t n_labels;
    const struct kobj *wanting, *tolerating;
};

struct tally {
    const struct domains *domains;
    int64_t *sum;    /* by domain; 0 for DOMAIN_MISSING; a word, like the next one */
    int64_t total;   /* of all domains */
    uint32_t *nodes; /* by domain: those on which pods count */
    uint32_t n_seen; /* domains with such a node */
    uint64_t serial; /* never used twice; 0: counted for this once only, not kept */
    /* private */
    struct arena *a;
    struct tally_ask ask; /* copied into a */
    struct str key;
    int64_t counted;  /* word: the sums hold */
    int64_t *levels;  /* words: domains with nodes by sum, those beyond in the last */
    uint64_t *counts; /* bit per node: pods on it count */
    size_t node_cap, domain_cap, place;
    uint64_t used;
    struct anchored filed;
    struct list of_owner;
};

struct tallies;

struct tallies *tallies_new(struct snapshot *s);
void tallies_free(struct tallies *ts); /* NULL is fine */

/* Never NULL; current until pods or nodes change while serial is 0, else for as long as fewer than
 * TALLIES_MIN others are asked for. What is not kept lives in a. */
const struct tally *tally_get(struct tallies *ts, const struct tally_ask *ask, struct arena *a);
bool podset_has(const struct podset *c, const struct spod *p);
/* Does the node count, as far as the question goes? */
bool tally_ask_allows(const struct tally_ask *ask, const struct snode *n);
/* The smallest sum of a domain with nodes; INT32_MAX when there is none. */
int64_t tally_min(const struct tally *t);
const struct domains *tallies_domains(struct tallies *ts, struct str key);

/* ---- for the snapshot ---- */
/* The pod is on that node now (1) or about to leave it (-1). */
void tallies_pod(struct tallies *ts, const struct spod *p, uint32_t node, int sign);
void tallies_node_join(struct tallies *ts, struct snode *n);
void tallies_node_leave(struct tallies *ts, struct snode *n);
/* Nobody has these relations any more. */
void tallies_owner_gone(struct tallies *ts, struct relations *r);

/* ---- for tests ---- */
bool tallies_hold(struct tallies *ts); /* each is what counting anew gives */
size_t tallies_count(const struct tallies *ts);
