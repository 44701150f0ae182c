/* SPDX-License-Identifier: Apache-2.0
 * strategy — how kinds differ in their life: which count a generation, which keep status apart,
 * which end gracefully, what a field selector may name. One table; custom resources share one row.
 * Facts from observing Kubernetes 1.36. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "kube/kind.h"

enum {
    STRATEGY_STATUS = 1u << 0,         /* status is written by its subresource only */
    STRATEGY_GENERATION = 1u << 1,     /* generation counts changes of the specification */
    STRATEGY_ANNOTATIONS = 1u << 2,    /* ... and of annotations */
    STRATEGY_CREATE_ON_PUT = 1u << 3,  /* PUT of a missing object creates it */
    STRATEGY_GRACEFUL = 1u << 4,       /* pods */
    STRATEGY_DELETE_OBJECT = 1u << 5,  /* a finished DELETE answers with the object */
    STRATEGY_ORPHAN = 1u << 6,         /* dependents are orphaned unless told otherwise */
    STRATEGY_NEEDS_REVISION = 1u << 7, /* PUT needs metadata.resourceVersion */
    STRATEGY_KEEPS_STATUS = 1u << 8,   /* a given status is kept on create */
};

struct strategy_field { /* what a field selector may name beside metadata.name and .namespace */
    const char *name;   /* as selectors write it */
    const char *path;   /* in the object */
    const char *zero;   /* the text of an absent value; NULL: empty */
};

struct strategy {
    struct str group, plural;
    uint32_t flags;
    const struct strategy_field *fields;
    size_t n_fields;
    struct str table; /* the plural it is stored under, when shared by versions or groups */
    struct str table_group;
};

const struct strategy *strategy_of(const struct resource *r);
/* NULL when the kind does not know it. */
const struct strategy_field *strategy_field(const struct strategy *s, struct str name);
