/* SPDX-License-Identifier: Apache-2.0
 * gang_dialect — how pods say that they belong to a gang, in every spelling we honour. One table;
 * later dialects are rows. Only the key names come from the projects named. Pure. */
#pragma once

#include "base/arena.h"
#include "kube/kobj.h"

#define GANG_MEMBERS_MAX 100000 /* a larger min-available is refused as nonsense */

enum gang_place { GANG_NOWHERE, GANG_LABEL, GANG_ANNOTATION };

struct gang_dialect {
    const char *project; /* who defined it */
    enum gang_place name_in;
    struct str name_key;
    enum gang_place min_in; /* GANG_NOWHERE: a group object says how many */
    struct str min_key;
};

struct gang_claim {                     /* what one pod says */
    const struct gang_dialect *dialect; /* NULL: in no gang */
    struct str name;
    int64_t min;      /* 0: not said by the pod */
    struct str wrong; /* what is wrong with it, for people; absent: nothing */
};

extern const struct gang_dialect gang_dialects[];
extern const size_t gang_dialects_count;

/* The first row that the pod carries wins. Texts borrow from the pod or live in a. */
struct gang_claim gang_claim_of(struct arena *a, const struct kobj *pod);
