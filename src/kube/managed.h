/* SPDX-License-Identifier: Apache-2.0
 * managed — metadata.managedFields as a list of managers with their field sets. For apply.c. Pure.
 */
#pragma once

#include "base/time.h"
#include "kube/fieldset.h"

struct manager {
    struct str name, operation, api_version, subresource; /* the identity */
    struct str time;                                      /* as written; absent: none */
    const struct fieldset *fields;
};

struct managers {
    struct arena *a;
    struct manager *items;
    size_t n, cap;
};

/* Reads the entries of an object; NULL or no entries: none. */
void managed_read(struct managers *out, struct jnode *object);
/* Writes them to metadata.managedFields, those without fields left out, in Kubernetes' order; no
 * entries: the member goes. At most max_updaters entries of operation Update are kept apart; the
 * oldest are united as "ancient-changes". */
void managed_write(struct managers *m, struct jnode *object, size_t max_updaters);
/* The manager with the same identity as who, or NULL. */
struct manager *managed_find(struct managers *m, const struct manager *who);
/* The same, added without fields when there is none. Pointers into items move. */
struct manager *managed_need(struct managers *m, const struct manager *who);
/* '"alpha"', '"hand" using v1', '"x" with subresource "status" using v1'. Into the arena. */
struct str managed_text(struct arena *a, const struct manager *who);
