/* SPDX-License-Identifier: Apache-2.0
 * pod — a pod as the scheduler holds it, and its shape.
 *
 * A shape is everything about a pod that decides how well it fits one node taken alone: requests,
 * node selector and affinity, tolerations, host ports, images, NUMA wishes and the profile. Pods of
 * one template share a shape, so questions are asked once per shape. What relates a pod to other
 * pods (labels, spreading, inter-pod terms) stays with the pod. Loop thread only. */
#pragma once

#include "base/list.h"
#include "kube/workload.h"
#include "scheduler/claims/dra.h"
#include "scheduler/devices/gpu_ask.h"
#include "scheduler/devices/gpu_share.h"
#include "scheduler/quota/quota.h"

struct profile;
struct gang;
struct score_cache;
struct lack;
struct extender_answer;

enum numa_policy { NUMA_NONE, NUMA_BEST_EFFORT, NUMA_RESTRICTED, NUMA_SINGLE, NUMA_ISOLATED };

enum numa_spread {
    NUMA_SPREAD_NONE,
    NUMA_SPREAD_PACKED,   /* where most members are */
    NUMA_SPREAD_BALANCED, /* where fewest are */
    NUMA_SPREAD_ISOLATED, /* where none is */
};

struct numa_wish { /* texts borrow from the pod */
    enum numa_policy policy;
    enum numa_spread spread;    /* of its gang over the cells of one node */
    struct str group;           /* whose pods count as the gang; absent: the pod's gang */
    uint32_t cells;             /* that it may use; ~0: any */
    uint32_t distance_weight;   /* 0 to 100: how much it minds cells that are far apart */
    bool memory_intensive;      /* roomy cells, not tidy ones */
    bool cpu, memory;           /* which resources must come from the cells */
    bool devices[DEVICE_KINDS]; /* the same, by kind */
};

struct shape { /* counted by `pods`; interned by key in struct shapes */
    struct str key;
    uint64_t hash;
    const struct profile *profile;
    struct arena *a;
    struct kobj *obj; /* one pod of this shape: the view borrows from it */
    const struct pod *view;
    struct demand *demands; /* effective requests; zeroes left out */
    size_t n_demands;
    int64_t cpu, mem;       /* of them */
    int64_t nz_cpu, nz_mem; /* what a placed pod counts for scoring */
    /* Fit's score ignores spec.resources: */
    struct demand *score_demands;
    size_t n_score_demands;
    int64_t score_nz_cpu, score_nz_mem;
    uint32_t devices[DEVICE_KINDS]; /* how many of each kind */
    struct json by_claim;     /* status.extendedResourceClaimStatus.requestMappings: had by claim */
    struct gpu_share share;   /* or parts of NVIDIA ones */
    struct str share_trouble; /* why what it says about parts makes no sense; empty: it does */
    struct gpu_ask gpu_ask;   /* the same for the device policy */
    enum workload workload;   /* none also when its profile does not mind */
    struct numa_wish numa;
    bool cpus_are_pinned, memory_is_pinned; /* kubelet gives them out by cell (numa.h) */
    size_t pods;                            /* how many use it */
    struct score_cache *cache;              /* scheduler/cycle/cache.h; NULL until first asked */
    struct lack *lack; /* gangs that wait for a node that it fits (core/waits.h); NULL: none does */
};

/* This resource of its requests comes by a ResourceClaim, not from what nodes count. */
static inline bool shape_has_by_claim(const struct shape *s, struct str resource)
{
    for (struct json_iter it = json_iter(s->by_claim); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("resourceName"))), resource))
            return true;
    }
    return false;
}

struct term {                              /* of pod affinity, compiled */
    struct label_sel selector, namespaces; /* namespaces: by their labels */
    struct strs names;                     /* namespaces by name */
    struct str topology_key;
    int64_t weight;
};

struct spread_rule { /* a topology spread constraint, compiled */
    struct label_sel selector;
    struct str topology_key;
    int64_t max_skew, min_domains;
    bool hard, ignore_affinity, honor_taints;
};

struct relations { /* to other pods; NULL in a pod that has none; counted by `pods`, interned */
    struct arena *a;
    struct str key;
    struct kobj *obj;    /* one pod that has them: texts borrow from it */
    size_t pods;         /* how many have them */
    uint64_t serial;     /* never used twice */
    struct list tallies; /* of those pods (tally.h) */
    struct owned *owned; /* the terms as others meet them (relations.h) */
    size_t n_owned;
    struct term *required, *preferred, *anti_required, *anti_preferred;
    size_t n_required, n_preferred, n_anti_required, n_anti_preferred;
    struct spread_rule *spreads;
    size_t n_spreads;
    bool terms; /* any of the pod terms */
};

struct spod_stay { /* what matters only while a node is kept for a pod, as for few */
    struct spod *pod;
    struct list nominated;  /* in the node's list */
    struct list in_hold;    /* of pod->held_by */
    struct placement where; /* what of the node; without devices when only the API names it */
};

struct spod {         /* there are a hundred thousand: what few need is behind a pointer */
    struct kobj *obj; /* first: kube/named.h */
    const struct pod *view;
    struct labelset labels;
    struct shape *shape;
    struct relations *relations;
    const struct demand *demands; /* what it takes from its node; of the shape */
    size_t n_demands;
    int64_t nz_cpu, nz_mem;
    struct gang *gang;               /* NULL: another scheduler's, or a lone pod that runs */
    const struct gang_claim *joined; /* where its group object says more than itself; else NULL */
    struct arena *joined_a;          /* own: of joined */
    struct list in_gang;
    struct snode *kept;          /* a node is kept for it; NULL: none */
    struct spod_stay *stay;      /* own: what of it; NULL: no node is kept */
    struct reservation *held_by; /* that keeps it; NULL: the API does */
    uint32_t id;                 /* in the snapshot */
    uint32_t part;               /* its role in the gang: a number of gang->parts; 0: none */
    bool to_come;                /* no pod yet: a place of its gang (core_places.c) */
    bool resumes;                /* it came with a node for which an earlier scheduler evicted */
    bool nomination_over;        /* what the API still says about a kept node is history */
    bool nomination_cleared;     /* and the API was asked to forget it */
    bool away;                   /* bound to a node that is not here */
    bool assumed;                /* placed by us, the API has not said so yet */
    bool evicting;               /* we asked for its eviction */
    bool stuck;                  /* it was to be gone by now, and is deleted only in name */
    bool asked, asked_victims;   /* extenders are being asked */
    bool stays;                  /* it says that it must not be preempted */
    int64_t gone_by_ns;          /* monotonic; by then it must be gone; 0: it does not leave, or
                                    nobody waits for its room */
    struct quota_claim quota;    /* where what it uses counts */
    struct dra_claims claims;    /* ResourceClaims that it uses */
    struct pod_volumes *volumes; /* claims and disks (volumes.h); NULL: none, as most pods */
    struct extender_answer *extended; /* what extenders said; NULL: nothing (extender.h) */
    struct extender_answer *offered;  /* the same about who may leave for it */
    int64_t claim_asked_ns;    /* monotonic; for a claim of its extended resources; 0: never */
    int64_t begun_ns, ends_ns; /* monotonic; since when it holds its room, and until when it is
                                  thought to (forecast.c); 0: nobody asked */
    int64_t checkpoint_ns;     /* what it wants to be told before its eviction; 0: nothing */
    int64_t min_runtime_ns;    /* nor before it ran so long; 0: no such wish */
    /* words, through tx_set only */
    int64_t node;                             /* SCHED_NO_NODE: not placed */
    int64_t next, prev;                       /* pods of one node, by id; -1: end */
    int64_t cells;                            /* mask; bit 32: exclusive */
    int64_t devices[DEVICE_KINDS];            /* masks */
    int64_t shared, part_milli, part_mem_mib; /* as in struct placement */
};

#define SPOD_EXCLUSIVE (INT64_C(1) << 32)

/* Of which gang it is, and as what; NULL: it is alone. */
static inline const struct gang_claim *spod_claim(const struct spod *p)
{
    return p->joined ? p->joined : p->view->gang;
}

/* It waits for a node. */
static inline bool spod_is_pending(const struct spod *p)
{
    return p->node == SCHED_NO_NODE && !p->away && !p->view->n_gates;
}

/* Nothing but its shape decides where it fits: what holds for one holds for its twins. */
static inline bool spod_is_plain(const struct spod *p)
{
    return !p->relations && !p->extended && p->claims.n == 0 && !p->claims.missing.p && !p->volumes;
}

/* Its schedulerName is one of ours. */
static inline bool spod_is_ours(const struct spod *p)
{
    return p->quota.queue != NULL;
}

static inline struct str spod_namespace(const struct spod *p)
{
    return p->obj->namespace;
}

/* By namespace, then name. */
static inline int spod_compare(const struct spod *a, const struct spod *b)
{
    int c = str_cmp(a->obj->namespace, b->obj->namespace);
    return c ? c : str_cmp(a->obj->name, b->obj->name);
}

/* "namespace/name", in a. */
static inline struct str spod_text(struct arena *a, const struct spod *p)
{
    return arena_printf(a, "%.*s/%.*s", STR_ARG(p->obj->namespace), STR_ARG(p->obj->name));
}

static inline struct placement spod_placement(const struct spod *p)
{
    struct placement out = { .node = p->node,
                             .cells = (uint32_t)p->cells,
                             .exclusive = (p->cells & SPOD_EXCLUSIVE) != 0 };
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        out.devices[k] = (uint64_t)p->devices[k];
    out.shared = (uint64_t)p->shared;
    out.part_milli = p->part_milli;
    out.part_mem_mib = p->part_mem_mib;
    return out;
}

/* What one cell of a mask gives to a demand that k cells share: equal parts, the rest to the lowest
 * cell. A fixed rule, so that a restart rebuilds the ledger from the mask alone. */
static inline int64_t cell_share(int64_t amount, uint32_t mask, unsigned cell)
{
    int64_t k = __builtin_popcount(mask);
    int64_t part = amount / k;
    return cell == (unsigned)__builtin_ctz(mask) ? amount - part * (k - 1) : part;
}
