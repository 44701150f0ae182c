/* SPDX-License-Identifier: Apache-2.0
 * graph — who owns whom, over the caches of all resources. The caches hold the objects; here are
 * only an index by the first owner's uid, and the few further owners that objects have. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "client/informer.h"

struct graph_kind { /* one resource */
    struct gvr resource;
    struct str kind; /* "ReplicaSet"; owned, as the texts of resource */
    bool namespaced;
    size_t number; /* in kinds */
    struct informer *cache;
    size_t index;
    void *user; /* the collector's */
};
VEC_TYPE(graph_kind_vec, struct graph_kind *);

struct graph_extra { /* a second or later owner; texts owned */
    struct graph_kind *kind;
    struct str owner, namespace, name;
};
VEC_TYPE(graph_extra_vec, struct graph_extra);

struct graph {
    struct graph_kind_vec kinds;
    struct graph_extra_vec extras;
};

void graph_fini(struct graph *g);
/* NULL when the group and plural are there already. Texts are copied. */
struct graph_kind *
graph_add_kind(struct graph *g, struct informers *set, struct gvr r, struct str kind);
/* The kind that an owner reference names; NULL: unknown. */
struct graph_kind *graph_kind_of(const struct graph *g, struct json owner);
/* Follows an event. */
void graph_follow(struct graph *g,
                  struct graph_kind *k,
                  const struct kobj *before,
                  const struct kobj *after);

typedef void (*graph_visit_fn)(void *arg, struct graph_kind *k, const struct kobj *dependent);
void graph_each_dependent(const struct graph *g, struct str uid, graph_visit_fn fn, void *arg);

/* The owner that a reference of o names, from the caches; NULL when it is not there. */
const struct kobj *
graph_owner(const struct graph *g, const struct kobj *o, struct json ref, struct graph_kind **kind);
struct json graph_owners(const struct kobj *o); /* metadata.ownerReferences */
bool graph_has_finalizer(const struct kobj *o, const char *name);
