/* SPDX-License-Identifier: Apache-2.0
 * snapshot — what the scheduler knows about nodes and the pods on them, as numbers: per resource
 * one array over dense node ids, per node its devices and NUMA cells, and lists of the pods it
 * holds.
 *
 * Everything that a placement changes is a 64-bit word written through tx_set, which logs the old
 * value: snapshot_mark and snapshot_rollback undo exactly (property: the hash is the same again).
 * Nodes with equal labels (but for the host name), taints and unschedulable flag share a class, so
 * that static questions are asked once per class. A journal of touched nodes lets caches of scores
 * catch up. Owned by the scheduler's loop thread; plugins read it, only place and remove write. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/vec.h"
#include "scheduler/devices/links.h"
#include "scheduler/state/match.h"
#include "scheduler/state/topology.h"

#define SCHED_RESOURCES_MAX 128 /* columns; further resource names share RES_NOBODY */
#define SCHED_NODES_MAX (1u << 20)
#define SCHED_JOURNAL (1u << 16) /* touched nodes remembered; a power of two */
#define SCHED_NO_NODE (-1)

enum { RES_CPU, RES_MEMORY, RES_EPHEMERAL, RES_PODS, RES_NOBODY, RES_FIXED };

struct demand { /* of one resource */
    uint32_t res;
    int64_t amount;
};

struct cell { /* the words are written through tx_set only */
    int64_t cpu_used, mem_used;
    int64_t pinned;    /* pods bound to this cell */
    int64_t exclusive; /* of them, with policy isolated */
    /* not written by transactions: what the node reports */
    int64_t cpu_left, mem_left; /* by a NodeResourceTopology; INT64_MAX: nobody says */
    int64_t pressed;            /* it is short of memory */
};

struct device_use { /* of a device that pods share; words, through tx_set only */
    int64_t milli, mem_mib;
};

struct snode {
    struct kobj *obj;
    const struct node *view;
    struct str name;
    struct labelset labels;
    struct topology topology;
    uint32_t id, class_id;
    uint32_t gpu_model;        /* bit number (gpu_sense.h) */
    const struct links *links; /* between its GPUs; NULL: not said */
    bool alive;
    /* words, through tx_set only */
    int64_t first_pod;             /* id, or -1 */
    int64_t free[DEVICE_KINDS];    /* masks of devices that no pod uses, not even a part of */
    int64_t claimed[DEVICE_KINDS]; /* masks of those that ResourceClaims hold: not free either */
    struct device_use *shares;     /* of each NVIDIA device; NULL: there are none */
    int64_t n_ports, n_terms;      /* pods here with host ports, with pod (anti-)affinity terms */
    struct cell *cells;            /* topology.n_cells */
    /* not words: */
    struct list nominated; /* pods that have this node kept for them */
    bool ambiguous;        /* which of its GPUs can be had by claim too is not known (dra_gpus.c) */
    struct list in_kept;   /* of the cluster, while there are any */
};

struct placement {  /* where a pod goes; plain data */
    int64_t node;   /* id or SCHED_NO_NODE */
    uint32_t cells; /* mask; 0: bound to none */
    bool exclusive; /* nobody else in these cells */
    uint64_t devices[DEVICE_KINDS];
    uint64_t shared;    /* mask of NVIDIA devices of which it takes a part: */
    int64_t part_milli; /* of each */
    int64_t part_mem_mib;
};

struct spod; /* scheduler/state/pod.h */
struct tallies;
struct relation_pool;
struct dra;     /* scheduler/claims/dra.h */
struct volumes; /* scheduler/volumes/volumes.h */

#define CLASS_GONE 0u /* the class of dead nodes */

struct node_class {
    struct labelset labels; /* without kubernetes.io/hostname */
    struct kobj *obj;       /* of one member, for the taints */
    const struct node *view;
    uint32_t members;
    uint64_t hash;
    /* as in view, beside one another for those who ask about every class: */
    const struct taint *taints;
    size_t n_taints;
    bool unschedulable;
};

struct tx_entry {
    int64_t *addr; /* NULL: node `old` was touched */
    int64_t old;
};
VEC_TYPE(tx_log, struct tx_entry);
VEC_TYPE(snode_vec, struct snode *);
VEC_TYPE(spod_ptrs, struct spod *);
VEC_TYPE(node_classes, struct node_class);
VEC_TYPE(id_vec, uint32_t);

struct snapshot {
    struct snode_vec nodes; /* by id; dead ones have alive == false */
    size_t n_alive;
    size_t cap; /* length of the arrays below */
    struct str res_names[SCHED_RESOURCES_MAX];
    struct str res_lacks[SCHED_RESOURCES_MAX]; /* "Insufficient NAME" */
    uint32_t n_res;
    int64_t *alloc[SCHED_RESOURCES_MAX], *used[SCHED_RESOURCES_MAX]; /* [res][node] */
    int64_t *nz_cpu, *nz_mem; /* used, with the scheduler's defaults for silent containers */
    uint32_t *class_of;       /* CLASS_GONE: a dead node */
    struct node_classes classes;
    int64_t *least_priority; /* no pod on the node is below; it may be too low. Not a word */
    struct spod_ptrs pods;   /* by id; NULL: free id */
    struct id_vec free_nodes, free_pods;
    struct map by_name; /* node name → snode */
    size_t n_managed;   /* nodes whose kubelet may refuse pods for their cells */
    struct map reports; /* node name → NodeResourceTopology, counted */
    struct links_pool links;
    uint64_t score_version;  /* what scores are made of changed, beside nodes and pods */
    uint64_t static_version; /* a node came, went, or changed labels, taints, images, cells */
    uint64_t alloc_version;  /* what nodes offer changed */
    int64_t n_terms;         /* pods placed with pod (anti-)affinity terms; a tx word */
    uint64_t journal_end;    /* how many touches there were */
    uint32_t *journal;       /* the last SCHED_JOURNAL of them */
    bool notes_matter;       /* plugins of others read annotations of nodes */
    bool quiet;              /* snapshot_quiet */
    struct tx_log log;
    struct tallies *tallies;         /* pods per domain (tally.h) */
    struct relation_pool *relations; /* what pods say about others (relations.h) */
    struct dra *dra;         /* the cluster's devices by claim (dra.h), charged with the pods */
    struct volumes *volumes; /* storage (volumes.h), promised with the pods */
};

void snapshot_init(struct snapshot *s);
void snapshot_fini(struct snapshot *s);

/* ---- nodes ---- */
/* Adds or changes a node; returns it. Not inside a transaction. The object is referenced. */
struct snode *snapshot_node_set(struct snapshot *s, const struct kobj *obj);
/* A NodeResourceTopology, counted; the node of its name must be set again to see it. */
void snapshot_report_set(struct snapshot *s, const struct kobj *report);
void snapshot_report_del(struct snapshot *s, struct str name);
/* Removes a node. Its pods must have been removed before. */
void snapshot_node_del(struct snapshot *s, struct snode *n);
struct snode *snapshot_node(const struct snapshot *s, struct str name); /* NULL: not there */
/* The column of a resource, made on first use; RES_NOBODY when there are too many. */
uint32_t snapshot_res(struct snapshot *s, struct str name);

/* The same without making one: RES_NOBODY when no node or pod has named it. */
uint32_t snapshot_find_res(const struct snapshot *s, struct str name);
/* Extended resources, huge pages, attachable volumes: resources counted by their own name. */
bool res_is_scalar(struct str name);
/* Of these, those that no kubernetes.io name and so no built-in plugin owns. */
bool res_is_extended(struct str name);

/* ---- pods; a pod gets an id when it enters and keeps it until it leaves ---- */
void snapshot_pod_enter(struct snapshot *s, struct spod *pod);
void snapshot_pod_leave(struct snapshot *s, struct spod *pod); /* must not be placed */
/* Takes the pod's demands, devices and cells from the node. Checks nothing: filters did. */
void snapshot_place(struct snapshot *s, struct spod *pod, const struct placement *p);
void snapshot_remove(struct snapshot *s, struct spod *pod); /* must be placed */
/* ResourceClaims hold these devices, no others of the kind: they are used like those of pods.
 * logged: through tx_set. */
void snapshot_set_claimed(struct snapshot *s,
                          struct snode *n,
                          enum device_kind kind,
                          uint64_t mask,
                          bool logged);
/* Before (-1) and after (1) the labels, relations or deletion of a pod change where it is. */
void snapshot_relabel(struct snapshot *s, struct spod *pod, int sign);

/* ---- transactions ---- */
static inline void tx_set(struct snapshot *s, int64_t *addr, int64_t value)
{
    tx_log_push(&s->log, (struct tx_entry){ addr, *addr });
    *addr = value;
}

static inline size_t snapshot_mark(const struct snapshot *s)
{
    return s->log.n;
}

void snapshot_rollback(struct snapshot *s, size_t mark);
void snapshot_commit(struct snapshot *s); /* forgets the log: no mark survives */
/* Something about this node changed, scores over it are stale. */
void snapshot_touch(struct snapshot *s, uint32_t node);
/* While quiet, changes are not told to caches: for dry runs that ask none and roll back before they
 * are loud again. */
void snapshot_quiet(struct snapshot *s, bool on);
/* Of all words that transactions change. */
uint64_t snapshot_hash(const struct snapshot *s);

static inline int64_t snapshot_free(const struct snapshot *s, uint32_t res, uint32_t node)
{
    return s->alloc[res][node] - s->used[res][node];
}

/* What static questions about the node are answered by. */
static inline const struct node_class *snapshot_class(const struct snapshot *s, uint32_t node)
{
    return &s->classes.items[s->class_of[node]];
}

/* In a loop over all nodes that reads their views: these lie anywhere in memory, and waiting for
 * one after the other is most of the time. */
static inline void snapshot_read_ahead(const struct snapshot *s, size_t node)
{
    if (node + 16 >= s->nodes.n)
        return;
    __builtin_prefetch(&s->nodes.items[node + 16]->view);
    __builtin_prefetch(&s->nodes.items[node + 8]->view->images);
}
