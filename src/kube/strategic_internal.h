/* SPDX-License-Identifier: Apache-2.0
 * strategic_internal — shared by strategic.c (objects) and strategic_list.c (lists). */
#pragma once

#include "base/map.h"
#include "kube/strategic.h"

struct strategic { /* one merge */
    struct arena *a;
    unsigned depth; /* of values being taken over from the patch */
};

struct strategic_lists { /* what a patch says about one list; absent: nothing */
    struct json items;
    struct json order;     /* $setElementOrder */
    struct json deletions; /* $deleteFromPrimitiveList */
};

int strategic_object(struct strategic *m,
                     const struct schema *s,
                     struct jnode **doc,
                     struct json patch,
                     struct err *err);
int strategic_list(struct strategic *m,
                   const struct schema *s,
                   struct jnode **list,
                   const struct strategic_lists *lists,
                   struct err *err);
/* A value of the patch as a new node, without nulls and directives. */
int strategic_take(struct strategic *m,
                   struct jnode **out,
                   const struct schema *s,
                   struct json v,
                   struct err *err);
