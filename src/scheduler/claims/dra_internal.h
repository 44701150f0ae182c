/* SPDX-License-Identifier: Apache-2.0
 * What the files of dra share; nobody else includes this. */
#pragma once

#include <stdlib.h>

#include "base/num.h"

#include "scheduler/claims/dra.h"
#include "scheduler/state/pod.h"

struct dra_name { /* "domain/name" of attributes and capacities */
    struct str domain, name;
};

struct dra_attribute {
    struct dra_name name;
    struct json value; /* {"string": …} */
};

struct dra_capacity {
    struct dra_name name;
    struct quantity total;
    int64_t milli;
    struct json policy;
    int64_t used; /* word: milli that shared allocations took */
};

struct dra_counter {
    struct str set, name;
    int64_t milli;
    int64_t used; /* word */
};

struct dra_use {                 /* of a shared counter */
    struct dra_counter *counter; /* NULL: there is no such counter, the device cannot be had */
    int64_t milli;
};

struct dra_device {
    struct dra_pool *pool;
    struct str name;
    uint32_t index; /* in dra->devices */
    struct json spec;
    struct str node;                /* local to it; absent: not */
    const struct node_terms *terms; /* reached from nodes that these match; NULL */
    struct json selector;           /* the same as JSON */
    bool all_nodes, multi, binds, conditions;
    struct dra_attribute *attributes;
    size_t n_attributes;
    struct dra_capacity *capacities;
    size_t n_capacities;
    struct dra_use *uses;
    size_t n_uses;
    struct cel_value value; /* for selectors; made on first use */
    bool has_value;
    enum device_kind gpu_kind; /* DEVICE_KINDS: it is no GPU that may have an index (dra_gpus.c) */
    int gpu_index;             /* -1: which is not said */
    /* words, through tx_set when a transaction is open */
    int64_t holders; /* allocations that have it alone */
    int64_t sharers; /* allocations that share it */
};
VEC_TYPE(dra_devices, struct dra_device *);
VEC_TYPE(dra_slices, struct kobj *);
VEC_TYPE(dra_names, struct str);
VEC_TYPE(dra_node_ids, int64_t);

struct dra_pool {
    struct dra *dra;
    struct str key, driver, name; /* own text */
    struct dra_slices slices;     /* of any generation */
    struct dra_slices stale;      /* replaced ones that devices borrow from until it is made anew */
    struct arena *a;              /* of what follows, made anew when dirty */
    struct dra_devices devices;
    struct dra_counter *counters;
    size_t n_counters;
    bool dirty;
};
VEC_TYPE(dra_pools, struct dra_pool *);

struct dra_ask {     /* one way to satisfy a request */
    struct str name; /* "request" or "request/alternative" */
    struct str class_name;
    struct json selectors, tolerations, capacity;
    bool all, admin;
    int64_t count;
};

struct dra_request {
    struct str name;
    struct dra_ask *asks;
    size_t n_asks;
};

struct dra_constraint {
    bool distinct;
    struct str attribute;
    struct json requests;
};

struct dra_taken {   /* of a capacity */
    struct str name; /* as the device has it */
    int64_t milli;
};

struct dra_result {
    struct str request, driver, pool, device, share;
    bool admin;
    struct json conditions, failures; /* for binding; of the API's only */
    struct json tolerations;
    struct dra_taken *taken;
    size_t n_taken;
    struct dra_device *at; /* NULL: not published now */
};

struct dra_allocation { /* immutable but for `at` */
    struct arena *a;
    struct dra_result *results;
    size_t n;
    const struct node_terms *terms; /* nodes where it can be used; NULL: all */
    struct json_doc *document;      /* status.allocation, of ours */
    bool waits;                     /* of ours: some devices have binding conditions */
    bool kept;                      /* while sweeping */
};
VEC_TYPE(dra_allocations, struct dra_allocation *);

struct dra_claim {
    struct str key;   /* own text */
    struct kobj *obj; /* NULL: named by pods, not there */
    struct arena *a;  /* of what is parsed from obj */
    struct dra_request *requests;
    size_t n_requests;
    struct dra_constraint *constraints;
    size_t n_constraints;
    struct dra_allocation *api; /* what the API says, NULL: none */
    bool unfit;                 /* its devices could not be made ready: it is to be released */
    struct dra_names failed;    /* "driver/pool/device" that could not be made ready for it */
    size_t users;               /* pods that name it */
    int64_t idle_told;          /* dra_idle_claims told of it then; 0: never */
    /* What went to the API: each plan that uses the claim is a write of its own. */
    size_t on_wire;    /* writes that are not answered yet */
    bool sent;         /* what came of ours is not known */
    uint64_t answered; /* events of this revision and later know it; 0: no answer yet */
    const struct dra_allocation *wrote; /* what they write; NULL: none is on the wire */
    /* words, through tx_set */
    int64_t allocation; /* const struct dra_allocation *, 0: none */
    int64_t placed;     /* pods on nodes that use it */
    int64_t left;       /* in a supposition: so many for whom it is reserved are gone */
    int64_t given_back; /* in a supposition: the allocation it had */
};
VEC_TYPE(dra_claim_vec, struct dra_claim *);

struct dra_program { /* a compiled selector */
    struct str text; /* own text */
    struct cel *cel; /* NULL: it does not compile */
    char error[232];
    uint8_t *memo; /* by device: what it said; MEMO_UNKNOWN … */
    size_t n_memo;
    uint64_t generation;
};
enum { DRA_MEMO_UNKNOWN, DRA_MEMO_NO, DRA_MEMO_YES, DRA_MEMO_FAILED };

struct dra {
    struct map pools, claims, classes, programs; /* key → dra_pool, dra_claim, kobj, dra_program */
    struct map homes;                            /* slice → dra_pool; keys are the slices' */
    struct map local;                            /* node → dra_devices * */
    struct dra_devices devices, wide;            /* all; those that several nodes reach */
    struct dra_devices reached;                  /* the last answer of dra_reachable */
    struct dra_allocations made;                 /* ours; swept when nothing refers to them */
    struct snapshot *snap;
    struct dra_names news;     /* nodes for dra_ambiguous_take */
    struct dra_node_ids freed; /* for dra_freed_take */
    bool dirty;
    bool refreshing;     /* nodes are counted at its end */
    bool supposing;      /* dra_suppose */
    uint64_t generation; /* of devices */
};

static inline struct str dra_text_copy(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static inline void dra_text_free(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

/* "first/name" in b, which the caller ends. */
struct str dra_key(struct buf *b, struct str first, struct str name);
void dra_claim_set(struct dra *d, const struct kobj *obj);
void dra_claim_del(struct dra *d, const struct kobj *obj);
void dra_claim_free(struct dra_claim *c);

/* Takes what an allocation holds (sign 1) or gives it back (-1). s NULL: no transaction, plain. */
void dra_charge(struct snapshot *s, const struct dra_allocation *al, int sign);
void dra_word_add(struct snapshot *s, int64_t *word, int64_t delta);
struct dra_device *
dra_find_device(const struct dra *d, struct str driver, struct str pool, struct str name);
/* Devices that the node reaches, its own ones first. Borrowed until the next call or refresh. */
struct dra_devices dra_reachable(struct dra *d, const struct snode *node);

/* Is it a GPU? */
void dra_gpu_read(struct dra_device *dev);
/* No pod holds it, or a part of it, by index; nor does `own` (NULL: none). */
bool dra_gpu_is_free(const struct dra_device *dev,
                     const struct snode *node,
                     const struct placement *own);
/* It changed hands. s NULL: outside transactions. */
void dra_gpu_changed(struct snapshot *s, struct dra_device *dev);
/* All nodes anew. */
void dra_gpus_refresh(struct dra *d);

/* The device can be used from the node. */
bool dra_reaches(const struct dra_device *dev, const struct snode *node);

static inline const struct dra_allocation *dra_allocation_of(const struct dra_claim *c)
{
    return (const struct dra_allocation *)(uintptr_t)c->allocation;
}

/* status.reservedFor names the pod. */
bool dra_is_reserved_for(const struct dra_claim *c, const struct kobj *pod);
/* In a supposition the pod left, or returns. */
void dra_suppose_gone(struct snapshot *s, struct dra_claim *c, const struct spod *pod);
void dra_suppose_back(struct snapshot *s, struct dra_claim *c, const struct spod *pod);

struct dra_name dra_name_of(struct str text, struct str driver); /* a bare name is the driver's */
int64_t dra_milli(struct json quantity);

/* A NodeSelector compiled into a, borrowing from it; NULL when absent. */
const struct node_terms *dra_terms(struct json selector, struct arena *a);
/* Parses c->obj into c->a. */
void dra_claim_parse(struct dra_claim *c);
void dra_claim_resolve(struct dra *d, struct dra_allocation *al); /* finds the devices again */

/* The device could not be made ready for this claim before. */
bool dra_has_failed(const struct dra_claim *c, const struct dra_device *dev);
void dra_failed_clear(struct dra_claim *c);

/* Does the selector match? -1: it failed, *why says how. */
int dra_matches(struct dra *d, struct str expression, struct dra_device *dev, struct str *why);
void dra_programs_free(struct dra *d);
const struct dra_attribute *dra_attribute(const struct dra_device *dev, struct str name);
struct dra_capacity *dra_capacity(const struct dra_device *dev, struct str name);
/* No taint of the device (NoSchedule, NoExecute) is left untolerated. */
bool dra_tolerates(const struct dra_device *dev, struct json tolerations);
/* What an ask takes of each capacity of a shared device, in a; false: it cannot have that much. */
bool dra_consume(const struct dra_device *dev,
                 struct json requests,
                 struct arena *a,
                 struct dra_taken **out,
                 size_t *n);

struct dra_pick { /* one device in a search */
    struct dra_claim *claim;
    const struct dra_ask *ask;
    const struct dra_request *request;
    struct dra_device *device;
    struct dra_taken *taken;
    size_t n_taken;
};

/* Beside the picks there are GPUs enough for what the shape wants by number. */
bool dra_gpus_suffice(const struct dra_pick *picks,
                      size_t n,
                      const struct snode *node,
                      const struct shape *shape);

/* Puts the devices (borrowed; a copy in a, when it changes) into the order in which they are best
 * tried for a pod that wants so many. */
void dra_order(struct dra_devices *devices, struct arena *a, const struct snode *node, size_t want);
/* Of 1000 parts, those of the device, or of what it is a part of, that nobody has. */
int64_t dra_left_of(const struct dra_device *dev);

/* The picks of one claim as an allocation of ours; document included. */
struct dra_allocation *dra_allocation_new(struct dra *d,
                                          const struct dra_claim *c,
                                          const struct dra_pick *picks,
                                          size_t n,
                                          struct str node);
void dra_allocation_free(struct dra_allocation *al); /* NULL is fine */
/* The picks of the search that just fitted; NULL: no claim needed one. */
const struct dra_pick *dra_search_picks(const struct dra_search *s, size_t *n);
