/* SPDX-License-Identifier: Apache-2.0
 * domain_wish — where in the network a pod's gang wants to lie: within one domain of a level
 * (required), as low as possible (preferred), in slices that stay whole. Read from the annotations
 * of several projects and from group objects; one table of keys, only names come from the projects.
 * Pure. */
#pragma once

#include "base/arena.h"
#include "kube/kobj.h"

#define DOMAIN_SLICE_MAX 100000

struct domain_wish {
    struct str tree;        /* name of a topology object; absent: any that has the level */
    struct str required;    /* node label of the level all must share; absent: none */
    struct str preferred;   /* set: wanted, not needed */
    struct str slice_level; /* node label of the level each slice must share */
    int64_t slice_size;     /* 0: no slices */
    bool each_role;         /* holds for each role by itself, not for the gang */
    struct str wrong;       /* what is wrong with it, for people; absent: nothing */
};

struct domain_said {          /* what may say it; the first that says anything counts */
    struct json role;         /* the role's own, in the words of a group object; absent: none */
    struct json annotations;  /* the pod's */
    const struct kobj *group; /* NULL: none */
};

/* NULL: nobody says anything. Lives in a; texts are copied. */
const struct domain_wish *domain_wish_of(struct arena *a, const struct domain_said *by);
bool domain_wish_same(const struct domain_wish *a, const struct domain_wish *b);
