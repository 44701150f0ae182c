/* SPDX-License-Identifier: Apache-2.0
 * evaluate — asks every plugin about every node, without caches: the verdict and reasons per node
 * and each plugin's score per feasible node. Serves explanations, the oracle and tests; the fast
 * path (select.h) must agree with it. Everything lives in the given arena. */
#pragma once

#include "scheduler/config/profile.h"

struct node_answer {
    enum verdict verdict;
    int plugin;            /* index in the profile of the plugin that said no; -1: none did */
    const struct why *why; /* never NULL; nodes with the same reasons mostly share one */
};

struct evaluation {
    int rejected_by; /* index in the profile of the plugin whose prepare refused; -1: none */
    struct why rejected_why;
    size_t n_nodes;
    struct node_answer *nodes; /* by node id; dead nodes have verdict SCHED_UNRESOLVABLE, no why */
    uint32_t *feasible;
    size_t n_feasible;
    int64_t *scores[SCHED_PLUGINS_MAX]; /* by plugin and place in feasible; NULL: skipped */
    int64_t *totals;                    /* weighted */
};

/* The pod must not be placed. Nominated pods of equal or higher priority count as placed for a
 * first pass of the filters, as in kube-scheduler. */
void evaluate(struct cluster *c,
              const struct spod *pod,
              bool with_scores,
              struct arena *a,
              struct evaluation *out);
/* The same without scores, for a pod that did not fit: plugins of class scope are asked once for
 * each class of nodes. */
void evaluate_refused(struct cluster *c,
                      const struct spod *pod,
                      struct arena *a,
                      struct evaluation *out);
/* The same with another profile than the pod's own: what if a rule did not exist? */
void evaluate_as(struct cluster *c,
                 const struct spod *pod,
                 const struct profile *profile,
                 struct arena *a,
                 struct evaluation *out);
/* The verdict for one node alone. */
void evaluate_node(struct cluster *c,
                   const struct spod *pod,
                   uint32_t node,
                   struct arena *a,
                   struct node_answer *out);

/* Does the room that is kept for `kept` count for the pod as if it were in use? Not what its own
 * gang keeps for itself, nor, but for firm reservations, what is kept for pods of lower priority.
 */
bool evaluate_minds(const struct spod *pod, const struct spod *kept);
/* Does the shape fit the node as it is, other pods and kept room aside? What is false for the shape
 * is false for all its pods. */
bool evaluate_shape(struct cluster *c, struct shape *shape, uint32_t node);
/* The first of the two passes, alone: the node would do even with the pods for which it is kept. */
bool evaluate_beside_nominated(struct cluster *c,
                               const struct spod *pod,
                               uint32_t node,
                               struct arena *a);
/* Puts those there for which the node is kept, for a dry run: it must be quiet and roll back. How
 * many count for the pod; related: one of them has something to say about other pods. */
size_t
evaluate_place_nominated(struct cluster *c, const struct spod *pod, uint32_t node, bool *related);
/* Many questions about one pod while others come and go: what depends on its shape is prepared
 * once, what depends on other pods anew for each question. */
struct asking;
struct asking *asking_new(struct cluster *c, const struct spod *pod);
void asking_free(struct asking *q); /* NULL is fine */
/* The verdict for one node now. why may be NULL; what it gets lives until the next question. */
enum verdict asking_node(struct asking *q, uint32_t node, const struct why **why);
/* What the pod would take there; false: it does not fit after all. */
bool asking_reserve(struct asking *q, uint32_t node, struct placement *out);
/* Other pods decide too: the answer for one node may change when pods move elsewhere. */
bool asking_is_related(const struct asking *q);

DEFINE_FREEP(struct asking *, asking_freep, asking_free)

/* Reasons that many nodes give: each different one is kept once, mostly. */
struct whys {
    struct arena *a;
    struct known_why *known; /* the last used first */
    bool copies;             /* texts too: they go before the arena */
};

/* n 0: nobody gave any. */
extern const struct why whys_none;
/* The kept one that says the same. */
const struct why *whys_keep(struct whys *w, const struct why *why);

/* "0/17 nodes are available: 1 node(s) had untolerated taint(s), 16 Insufficient nvidia.com/gpu."
 * as kube-scheduler words it. */
struct str evaluation_message(struct arena *a, const struct cluster *c, const struct evaluation *e);
/* Which WAKE_* events might help, from the plugins that said no. */
uint32_t evaluation_wakes(const struct profile *p, const struct evaluation *e);
