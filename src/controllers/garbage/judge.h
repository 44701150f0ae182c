/* SPDX-License-Identifier: Apache-2.0
 * judge — what to do with one object, from what is known of its owners and dependents. Pure; the
 * rules are those of kubernetes/kubernetes pkg/controller/garbagecollector. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct garbage_case {
    /* of its owner references: */
    size_t solid;    /* exist and stay */
    size_t waiting;  /* are being deleted in the foreground: wait for their dependents */
    size_t absent;   /* verified to be gone */
    size_t unproven; /* not in the caches; only a live look can tell */
    /* of itself: */
    bool deleting, foreground, orphan; /* deletionTimestamp; finalizers */
    size_t dependents;
    size_t blocking; /* dependents with blockOwnerDeletion */
};

enum garbage_action {
    GARBAGE_KEEP,
    GARBAGE_VERIFY,             /* look at the unproven owners */
    GARBAGE_DELETE,             /* in the background */
    GARBAGE_DELETE_FOREGROUND,  /* it has dependents, and its owner waits for all of them */
    GARBAGE_STRIP,              /* drop the references to absent and waiting owners */
    GARBAGE_DELETE_DEPENDENTS,  /* foreground: they go first */
    GARBAGE_RELEASE_FOREGROUND, /* ... and now itself: drop the finalizer */
    GARBAGE_ORPHAN_DEPENDENTS,  /* drop their references to it */
    GARBAGE_RELEASE_ORPHAN,
};

enum garbage_action garbage_judge(const struct garbage_case *c);
