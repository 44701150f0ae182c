/* SPDX-License-Identifier: Apache-2.0
 * registry — which resources are served: the built-in ones, and those that
 * CustomResourceDefinitions add while the server runs. On the apiserver's loop. */
#pragma once

#include <stdbool.h>

#include "base/map.h"
#include "base/vec.h"
#include "kube/kind.h"
#include "store/store.h"

struct strategy;
struct crd; /* apiserver/crd.h */

/* A resource in one version. Shape (c), counted on the loop only. */
struct served {
    uint32_t refs;
    struct str key; /* "group/version/plural", inside */
    const struct resource *res;
    const struct strategy *rules;
    struct store_table *table;
    struct crd *crd; /* counted; NULL for built-in ones */
    char key_text[];
};
VEC_TYPE(served_vec, struct served *);

struct registry {
    struct store *store;
    struct map by_key;
    struct served_vec all; /* in the order of adding */
    uint64_t version;      /* raised by each change */
};

void registry_init(struct registry *r, struct store *s); /* with the built-in resources */
void registry_fini(struct registry *r);

/* Borrowed; NULL when nothing of the kind is served. */
struct served *
registry_find(const struct registry *r, struct str group, struct str version, struct str plural);
struct served *
registry_find_kind(const struct registry *r, struct str group, struct str version, struct str kind);
bool registry_has_group(const struct registry *r, struct str group, bool *custom);
bool registry_has_version(const struct registry *r, struct str group, struct str version);

struct served *registry_add(struct registry *r, const struct resource *res, struct crd *crd);
void registry_remove(struct registry *r, struct served *s);

struct served *served_ref(struct served *s);
void served_unref(struct served *s); /* NULL is fine */
