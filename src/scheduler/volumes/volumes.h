/* SPDX-License-Identifier: Apache-2.0
 * volumes — storage as the scheduler knows it: PersistentVolumes, claims on them, StorageClasses
 * and what CSI drivers say about nodes; which volume a claim of a pod could get on a node, and what
 * pods that were placed have been promised.
 *
 * A claim whose class waits for its first consumer gets its volume when the pod gets its node: one
 * that is there (the volume's claimRef is written) or a new one (the node is written into the
 * claim, and its driver makes a volume there). Between the decision and the API's word that is
 * assumed: words written through tx_set, so that it goes back with a gang's transaction. An event
 * of the volume or of the claim ends what was assumed of it; so does the last placed pod that
 * leaves. Who really gets a volume is decided by the API: writes carry the resourceVersion that was
 * read here.
 *
 * The rules are those of kube-scheduler 1.36 (plugins VolumeBinding, VolumeRestrictions,
 * NodeVolumeLimits, VolumeZone), learned from running them: tools/oracle/volumes. Loop thread only.
 *
 *     volumes.c objects come and go     volumes_read.c what is read of them
 *     volumes_match.c the search        volumes_hold.c what placed pods were promised
 *     volumes_limits.c how many more    volumes_csi.c in-tree volumes that drivers took over
 *     volumes_write.c what to write, and whether it came true */
#pragma once

#include "base/err.h"
#include "base/map.h"
#include "base/vec.h"
#include "scheduler/state/match.h"

struct snapshot;
struct snode;
struct spod;
struct volumes;
struct volume_claim;

struct volumes *volumes_new(void);
void volumes_free(struct volumes *v); /* NULL is fine */
/* An object of kind PersistentVolume, PersistentVolumeClaim, StorageClass, CSINode, CSIDriver,
 * CSIStorageCapacity or VolumeAttachment came, changed or went; others are ignored. True: a pod
 * that waits for storage may fit now. Not inside a transaction. */
bool volumes_set(struct volumes *v, const struct kobj *obj);
bool volumes_del(struct volumes *v, const struct kobj *obj);

/* ---- pods ---- */

struct pod_volume {
    struct volume_claim *claim; /* NULL: the disk that source names */
    bool ephemeral;             /* the claim is the pod's own, made from a template in it */
    struct json source;         /* of spec.volumes */
};

struct pod_volumes { /* what of a pod's volumes matters here */
    struct volumes *all;
    struct kobj *pod; /* sources borrow from it */
    struct pod_volume *items;
    size_t n;
};

/* NULL: nothing that anybody here looks at, as for most pods. */
struct pod_volumes *pod_volumes_new(struct volumes *v, const struct kobj *pod);
void pod_volumes_free(struct pod_volumes *p); /* NULL is fine */

/* The pod goes to the node, or leaves it. promise: its claims get their volumes there (through
 * tx_set); false for pods that the API bound. */
void volumes_place(struct snapshot *s,
                   const struct spod *pod,
                   const struct snode *node,
                   bool promise);
void volumes_remove(struct snapshot *s, const struct spod *pod);
uint64_t volumes_hash(const struct volumes *v); /* of all words that change so */

/* ---- questions; reasons are texts as kube-scheduler has them, in the arena or for ever ---- */

/* PreFilter of VolumeRestrictions. False: *reason says which claim is missing. */
bool volumes_find_claims(const struct spod *pod, struct arena *a, struct str *reason);
/* A claim of the pod is for one pod only, and another one that was placed uses it. */
bool volumes_are_taken(const struct spod *pod);
/* The pod has disks of a kind that pods of one node cannot always share. */
bool volumes_may_conflict(const struct spod *pod);
bool volumes_conflict(const struct spod *pod, const struct spod *placed);

enum volumes_count { VOLUMES_FEW, VOLUMES_MANY, VOLUMES_UNKNOWN /* *reason says why */ };
/* Would the node's drivers have more volumes attached than they can? */
enum volumes_count volumes_count(const struct snapshot *s,
                                 const struct spod *pod,
                                 const struct snode *node,
                                 struct arena *a,
                                 struct str *reason);

struct volume_search; /* of one pod, in the cycle's arena */

/* NULL: the pod waits for something, *reason says for what. */
struct volume_search *
volume_search_new(const struct spod *pod, struct arena *a, struct str *reason);
/* Nothing is to be looked at by node: the pod has no claims. */
bool volume_search_is_empty(const struct volume_search *s);
enum {                              /* why not on this node; 0: it does */
       VOLUMES_ELSEWHERE = 1u << 0, /* a bound volume cannot be reached */
       VOLUMES_NONE = 1u << 1,      /* no volume to bind, and none can be made */
       VOLUMES_NO_SPACE = 1u << 2,
       VOLUMES_LOST = 1u << 3, /* a claim is bound to a volume that is not there */
};
unsigned volume_search_fits(struct volume_search *s, const struct snode *node);

struct volume_use {              /* of a class, on the node that was asked last */
    int64_t requested, capacity; /* bytes */
};
/* By class; of volumes to be bound, or if there are none of those to be made. In the arena. */
const struct volume_use *volume_search_uses(const struct volume_search *s, size_t *n);

struct volume_choice {        /* for those who check; "namespace/name" of the claim */
    struct str claim, volume; /* volume absent: one is to be made */
};
/* On the node that was asked last and fits; in the arena. */
const struct volume_choice *volume_search_choices(const struct volume_search *s, size_t *n);

struct volume_zone { /* a zone or region label of a volume that the pod is bound to */
    struct str key;
    const struct str *values;
    size_t n;
};
/* Of all its volumes, in a. NULL: *reason says why it cannot be said. */
const struct volume_zone *
volumes_zones(const struct spod *pod, struct arena *a, size_t *n, struct str *reason);
bool volumes_are_in_zone(const struct volume_zone *zones, size_t n, const struct snode *node);

/* ---- for the Binding: what to write before it, and what to wait for ---- */

struct volume_write { /* of one claim */
    struct str namespace, claim, claim_uid;
    struct str volume, volume_uid; /* the volume that gets the claim; absent: the claim is told the
                                      node */
    struct str node;
    struct str version; /* of what is written, when it was read */
    bool by_us;         /* nobody had kept the volume for this claim */
    bool done;          /* the API says the same already */
    uint64_t revision;  /* after the write, set by the caller; 0: not written */
};

/* Of a pod that was just placed on this node; all in a. */
struct volume_write *
volumes_writes(const struct spod *pod, struct str node, struct arena *a, size_t *n);
/* The merge patch of a write: of the volume, or of the claim. In a. */
struct jnode *volume_write_patch(const struct volume_write *w, struct arena *a);

enum volume_progress { VOLUME_BOUND, VOLUME_PENDING, VOLUME_FAILED };
/* What came of a write. ERR_CONFLICT with VOLUME_FAILED: the pod must be placed anew. node NULL:
 * it is gone. */
enum volume_progress volume_write_progress(const struct volumes *v,
                                           const struct volume_write *w,
                                           const struct snode *node,
                                           struct err *err);
