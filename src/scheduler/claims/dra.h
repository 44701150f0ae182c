/* SPDX-License-Identifier: Apache-2.0
 * dra — dynamic resource allocation (resource.k8s.io/v1) as the scheduler knows it: devices that
 * ResourceSlices publish, what claims hold of them, and the search that gives a pod's claims their
 * devices on one node.
 *
 * Objects come by dra_set and dra_del. A pool counts when all slices of its newest generation are
 * there; changed pools are made anew before the next question. What claims hold are words written
 * through tx_set, so that a device taken inside a gang's transaction goes back with it.
 *
 * A claim's allocation is the API's when it has one, else one of ours that a placed pod (assumed)
 * made. Ours ends with the last placed pod that uses the claim; but once it was sent to the API, it
 * ends only when the claim's own event says what it holds, or the API that nothing was written:
 * streams lag behind one another, and between them the device must not look free. Loop thread only.
 *
 *     dra.c pools, ledger            dra_hold.c claims and pods that hold
 *     dra_claim.c claims parsed      dra_match.c selectors, attributes
 *     dra_allocate.c the search      dra_write.c an allocation as the API wants it
 *     dra_suppose.c dry runs         dra_gpus.c one ledger with nvidia.com/gpu */
#pragma once

#include "base/map.h"
#include "base/time.h"
#include "base/vec.h"
#include "codec/cel.h"
#include "kube/pod.h"

struct placement;
struct snapshot;
struct snode;
struct spod;
struct why;

#define DRA_BINDING_TIMEOUT_NS (600 * NS_PER_S) /* as kube-scheduler's bindingTimeout */
#define DRA_RESULTS_MAX 32                      /* devices of one claim, as Kubernetes */
#define DRA_POD_CLAIMS_MAX 16
#define DRA_RESERVED_MAX 256 /* consumers of one claim, as Kubernetes */
#define DRA_STEPS 100000     /* devices that one search may try */
#define DRA_DEVICES_MAX 128  /* of a slice, as Kubernetes; more are not read */
#define DRA_CAPACITIES_MAX 32
#define DRA_MILLI_MAX                                                                              \
    (INT64_MAX / 64)          /* an amount beyond it counts as this: sums stay in range            \
                               */
#define DRA_PROGRAMS_MAX 4096 /* compiled selectors kept */

enum dra_kind { DRA_CLAIM, DRA_CLASS, DRA_SLICE };

struct dra;

/* s: the nodes that have the devices; it outlives this. */
struct dra *dra_new(struct snapshot *s);
void dra_free(struct dra *d);
void dra_set(struct dra *d, enum dra_kind kind, const struct kobj *obj);
void dra_del(struct dra *d, enum dra_kind kind, const struct kobj *obj);
/* The node came or changed. Not inside a transaction. */
void dra_node_changed(struct dra *d, struct snode *node);
/* True: *node (in a) is one that offers GPUs by claim and as an extended resource, and which are
 * the same nobody says; told once each. */
bool dra_ambiguous_take(struct dra *d, struct arena *a, struct str *node);

/* True: claims gave GPUs of this node back, outside a transaction: they may be had by index. Once
 * or more often. */
bool dra_freed_take(struct dra *d, int64_t *node);

/* The DeviceClass whose devices stand for this extended resource: of several that name it the
 * newest, of those of one second the first by name; or deviceclass.resource.kubernetes.io/CLASS.
 * Absent: none. Borrowed. */
struct str dra_class_of(const struct dra *d, struct str resource);

/* ---- pods ---- */

struct dra_claim;

struct dra_claims { /* of one pod */
    struct dra_claim **items;
    size_t n;
    struct str missing; /* of spec.resourceClaims: not generated yet; absent: none. Own text */
    struct dra *dra;
};

/* What the pod names; counts its uses. Give back with dra_claims_fini. */
void dra_claims_init(struct dra *d, struct dra_claims *out, const struct kobj *pod);
void dra_claims_fini(struct dra_claims *c);

/* The pod goes to the node, or leaves it: its claims get their devices there (through tx_set), and
 * lose them; not those that the placement gives it by index. allocate: false for pods that the API
 * bound, their claims say what they hold. */
void dra_place(struct snapshot *s,
               const struct spod *pod,
               const struct placement *p,
               bool allocate);
void dra_remove(struct snapshot *s, const struct spod *pod);

/* From here on pods leave and return in thought only, all inside transactions that end before it is
 * over: whoever leaves frees the claims that only he uses, also what the API has allocated. Not
 * while a transaction is open. See dra_suppose.c. */
void dra_suppose(struct dra *d, bool on);
/* Devices that the node reaches are held by claims whose pods are all gone: they are free soon. */
bool dra_is_releasing(const struct dra *d, const struct snode *node);
/* Of all words that transactions change. */
uint64_t dra_hash(const struct dra *d);

/* Our allocations of the pod's claims go to the API (dra_writes). */
void dra_sent(const struct spod *pod);
struct claim_id {
    struct str namespace, name, uid;
};
/* What came of it: the API's claim is at this revision, whose event will tell or has told; 0: it
 * has no such claim. True: devices may have become free. */
bool dra_answered(struct dra *d, const struct claim_id *id, uint64_t revision);

/* ---- devices that are made ready before the pod may be bound (bindingConditions) ---- */

enum dra_binding {
    DRA_BINDING_READY,
    DRA_BINDING_WAITS,  /* a condition is not there yet, or the claim is not written */
    DRA_BINDING_FAILED, /* one of bindingFailureConditions is there */
};

/* Of the devices that the placed pod's claims hold. *since: when the first of those that are
 * waited for was allocated, ns 0 when nobody says. why, in a: what is waited for, or failed. */
enum dra_binding
dra_binding_of(const struct spod *pod, struct arena *a, struct wall *since, struct str *why);
/* They could not be made ready: the claims are no use until they are released, and then prefer
 * other devices. */
void dra_binding_failed(const struct spod *pod);

/* ---- claims that pods have and do not use ---- */

struct dra_idle { /* borrowed from the claim's object */
    struct claim_id id;
    uint64_t revision;
};

struct dra_waiting {                        /* who waits, as the caller knows */
    bool (*has)(void *arg, struct str uid); /* this pod does */
    void *arg;
    int64_t now_ns; /* monotonic */
};

/* The pod's claims that the API allocated for nobody but pods that wait: an earlier scheduler got
 * no further, or their room is gone. In a; each once in a while, since its release takes time. */
struct dra_idle *
dra_idle_claims(const struct spod *pod, const struct dra_waiting *who, struct arena *a, size_t *n);

/* ---- questions ---- */

/* Brings pools up to date. Only while no transaction is open, or when nothing changed. */
void dra_refresh(struct dra *d);

struct dra_search; /* of one pod, in the cycle's arena */

/* NULL: the pod waits for something, *reason says for what. */
struct dra_search *
dra_search_new(struct dra *d, const struct spod *pod, struct arena *a, struct str *reason);
/* Can the claims have their devices on this node? reason (or NULL) as after a number of nodes. */
bool dra_search_fits(struct dra_search *s, const struct snode *node, struct str *reason);
/* From now on without the GPUs that the placement names by index; it outlives the search. */
void dra_search_beside(struct dra_search *s, const struct placement *p);

/* ---- for the Binding: what to write into claims ---- */

struct dra_write {
    struct str namespace, name, uid;
    const struct json_doc *allocation; /* status.allocation, borrowed; NULL: it has one */
};

/* Of a placed pod; in a. */
struct dra_write *dra_writes(const struct spod *pod, struct arena *a, size_t *n);
