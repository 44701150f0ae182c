/* SPDX-License-Identifier: Apache-2.0
 * cluster — what plugins may know beside nodes and pods: namespaces with their labels, the objects
 * whose selectors give default spreading (Services, ReplicaSets, …), and which images are where.
 * Objects are referenced. Loop thread only. */
#pragma once

#include "base/map.h"
#include "base/time.h"
#include "scheduler/state/anchor.h"
#include "scheduler/state/pod.h"

struct namespace_entry {
    struct kobj *obj;
    struct labelset labels;
};

enum selecting { /* kinds whose selectors say which pods belong together */
                 SELECTING_SERVICE,
                 SELECTING_RC,
                 SELECTING_RS,
                 SELECTING_STS,
                 SELECTING_KINDS,
};

struct selecting_entry {
    struct kobj *obj;
    enum selecting kind;
    struct str key; /* own text: kind digit, "namespace/name" */
    /* of a Service that selects pods: */
    struct arena *a;
    struct label_sel selector;
    struct anchored filed;
};

struct image_entry {
    struct str name;
    int64_t size_bytes; /* as the first reporting node says */
    uint32_t n_nodes;
    uint32_t last_node; /* while counting: a node that names it twice counts once */
};

VEC_TYPE(kobj_ptrs, struct kobj *);

struct lifted { /* a pod that a dry run took off its node */
    const struct spod *pod;
    uint32_t node;
    bool back; /* and put there again */
};
VEC_TYPE(lifted_pods, struct lifted);

struct forecast;
struct gpu_sense;

struct cluster {
    struct snapshot snap;
    struct gpu_sense *gpus;       /* what the device policy has learnt */
    struct map namespaces;        /* name → namespace_entry */
    struct map selecting;         /* key → selecting_entry */
    struct anchor_index services; /* of selecting_entry: who may select a pod (anchor.h) */
    struct map images;            /* name → image_entry, of images_version */
    uint64_t images_version;
    struct map budgets;           /* "namespace/name" → budget.h */
    struct lifted_pods lifted;    /* by the dry run under way; empty otherwise */
    struct quota *quota;          /* the tree of queues */
    struct domain_forest *forest; /* network topologies */
    struct forecast *forecast;    /* what will be free when, and what is held of it */
    size_t n_nominated;           /* pods that have a node kept for them */
    struct list kept_nodes;       /* these nodes, by in_kept */
    uint64_t nominations;         /* how often that changed */
    uint32_t sample_from;         /* the node where the next sample begins (select.c) */
    struct list reservations;     /* reservation.h */
    struct spod_ptrs supposed;    /* held pods that quota counts while a question is asked */
    struct mono reservations_due; /* none ends earlier; ns 0: none is there */
};

void cluster_init(struct cluster *c);
void cluster_fini(struct cluster *c);

void cluster_namespace_set(struct cluster *c, const struct kobj *obj);
void cluster_namespace_del(struct cluster *c, struct str name);
const struct kobj *cluster_namespace_object(const struct cluster *c, struct str name); /* NULL */
/* Labels of a namespace; empty when unknown. */
const struct labelset *cluster_namespace(const struct cluster *c, struct str name);

void cluster_selecting_set(struct cluster *c, enum selecting kind, const struct kobj *obj);
void cluster_selecting_del(struct cluster *c, enum selecting kind, const struct kobj *obj);
/* NULL: not there. */
const struct kobj *cluster_selecting(const struct cluster *c,
                                     enum selecting kind,
                                     struct str namespace,
                                     struct str name);

/* Brings the image table up to date with the nodes. */
void cluster_images_refresh(struct cluster *c);
/* "nginx" as the node reports it: with ":latest" when no tag follows the last slash. */
struct str cluster_image_name(struct arena *a, struct str image);

/* A node is kept for the pod (status.nominatedNodeName), or no longer (NULL). */
void cluster_nominate(struct cluster *c, struct spod *pod, struct snode *node);
