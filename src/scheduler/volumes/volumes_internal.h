/* SPDX-License-Identifier: Apache-2.0
 * What the files of volumes share; nobody else includes this. */
#pragma once

#include <stdlib.h>

#include "kube/quantities.h"
#include "scheduler/state/pod.h"
#include "scheduler/volumes/volumes.h"

#define ANN_BOUND STR("pv.kubernetes.io/bind-completed")
#define ANN_BY_US "pv.kubernetes.io/bound-by-controller"
#define ANN_NODE "volume.kubernetes.io/selected-node"
#define ANN_CLASS STR("volume.beta.kubernetes.io/storage-class")
#define ANN_MIGRATED STR("storage.alpha.kubernetes.io/migrated-plugins")

enum { /* access modes */
       VOLUME_RWO = 1u << 0,
       VOLUME_ROX = 1u << 1,
       VOLUME_RWX = 1u << 2,
       VOLUME_RWOP = 1u << 3,
       VOLUME_MODE_OTHER = 1u << 4,
};

struct volume_size { /* billionths of a byte */
    __int128 nano;
    bool said;
};

struct volume_mount { /* as drivers see a volume */
    struct str driver, handle;
    const struct volume_claim *claim; /* not made yet: it is this claim's; NULL */
};

struct volume_claim {
    struct str key;   /* "namespace/name", own text */
    struct kobj *obj; /* NULL: named by pods, not there */
    struct arena *a;  /* of what is read from it */
    struct str class_name, volume, node, quality, owner;
    struct volume_size size;
    struct label_sel selector;
    unsigned modes;
    bool selects, block, bound, lost, deleting;
    size_t users; /* pods that name it */
    /* words, through tx_set */
    int64_t placed;        /* pods on nodes that use it */
    int64_t promised;      /* struct volume_pv *, 0: none */
    int64_t promised_node; /* id + 1 of the node where its volume is to be made; 0: none */
};
VEC_TYPE(volume_claims, struct volume_claim *);

struct volume_pv {
    struct kobj *obj;
    struct arena *a;
    struct str class_name, quality;
    struct str ref_namespace, ref_name, ref_uid; /* claimRef; ref_name absent: none */
    struct volume_size size;
    struct labelset labels;
    unsigned modes;
    bool block, available, deleting;
    const struct node_terms *terms; /* nodes that reach it; NULL: all */
    struct str host; /* all of them have this host name, as local volumes say; absent: not so */
    const struct node_terms *migrated;     /* the same where its driver took it over */
    const struct volume_migration *plugin; /* NULL: no in-tree volume that a driver took over */
    struct volume_mount mount;             /* of the driver; driver absent: nobody counts it */
    struct volume_zone *zones;
    size_t n_zones;
    int64_t promised; /* word: struct volume_claim *, 0: none */
};
VEC_TYPE(volume_pvs, struct volume_pv *);

struct volume_shelf {      /* all of one class */
    struct str class_name; /* own text */
    struct volume_pvs pvs;
};

struct volume_class {
    struct kobj *obj;
    struct arena *a;
    struct str provisioner;
    bool waits; /* for the first consumer */
    bool anywhere;
    struct label_sel *topologies; /* any of them */
    size_t n;
};

struct volume_limit {
    struct str driver;
    int64_t count;
};

struct volume_node { /* CSINode */
    struct kobj *obj;
    struct arena *a;
    struct volume_limit *limits;
    size_t n;
    struct str migrated; /* names of plugins, by commas */
};

struct volume_capacity {
    struct kobj *obj;
    struct arena *a;
    struct str key; /* "namespace/name", in a */
    struct str class_name;
    struct label_sel nodes;
    int64_t limit_bytes;    /* largest volume; -1: none said */
    int64_t capacity_bytes; /* 0: none said */
};

VEC_TYPE(volume_objs, struct kobj *);

struct volumes {
    struct map claims, pvs, classes, nodes, drivers, capacities; /* key → struct volume_… */
    struct map by_class;                                         /* class → volume_shelf */
    struct map attachments;                                      /* node → volume_objs * */
};

/* "first/name" in b, which the caller ends. */
static inline struct str volume_key(struct buf *b, struct str first, struct str name)
{
    buf_init(b, 1024);
    buf_str(b, first);
    buf_char(b, '/');
    buf_str(b, name);
    return buf_view(b);
}

static inline struct str volume_text_copy(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static inline void volume_text_free(struct str s)
{
    free((void *)(uintptr_t)s.p);
}

static inline struct volume_pv *volume_promised(const struct volume_claim *c)
{
    return (struct volume_pv *)(uintptr_t)c->promised;
}

static inline int64_t volume_bytes(const struct volume_size *s) /* rounded up */
{
    __int128 units = (s->nano + 999999999) / 1000000000;
    return units > INT64_MAX ? INT64_MAX : (int64_t)units;
}

/* ---- volumes_read.c ---- */
struct volume_claim *volume_claim_of(struct volumes *v, struct str namespace, struct str name);
void volume_claim_drop(struct volumes *v, struct volume_claim *c); /* if nobody needs it */
void volume_claim_read(struct volume_claim *c);
void volume_claim_forget(struct volume_claim *c); /* its object went, and what was read of it */
struct volume_pv *volume_pv_new(const struct kobj *obj);
void volume_pv_free(struct volume_pv *pv);
struct volume_class *volume_class_new(const struct kobj *obj);
void volume_class_free(struct volume_class *c);
struct volume_node *volume_node_new(const struct kobj *obj);
void volume_node_free(struct volume_node *n);
struct volume_capacity *volume_capacity_new(const struct kobj *obj);
void volume_capacity_free(struct volume_capacity *c);

/* ---- volumes_csi.c ---- */
struct volume_migration {
    const char *plugin, *member, *id, *driver, *zone_key;
};
/* The in-tree source below v (spec of a volume, or an entry of a pod's volumes); NULL: none that a
 * driver took over. */
const struct volume_migration *volume_migration_of(struct json v);
/* By the name of its plugin, as StorageClasses have it. */
const struct volume_migration *volume_migration_named(struct str plugin);
/* The handle that the driver has for it. */
struct str volume_migrated_handle(const struct volume_migration *m, struct json v);
/* Zone keys as the driver's nodes have them; in a. */
const struct node_terms *volume_migrated_terms(const struct volume_migration *m,
                                               const struct volume_pv *pv,
                                               struct arena *a);
bool volume_is_migrated(const struct volume_migration *m, const struct volume_node *n);

/* ---- volumes_match.c ---- */
/* claimRef as it is, or as promised. */
bool volume_is_for(const struct volume_pv *pv, const struct volume_claim *c);
bool volume_reaches(const struct volumes *v, const struct volume_pv *pv, const struct snode *node);

struct volume_pick {
    struct volume_claim *claim;
    struct volume_pv *pv; /* NULL: one is to be made */
    const struct volume_capacity *from;
};
const struct volume_pick *volume_search_picks(const struct volume_search *s, size_t *n);
