/* SPDX-License-Identifier: Apache-2.0
 * talk_internal — the conversation with extenders, as extender_talk.c (filters, priorities) and
 * talk_victims.c (whom a preemption evicts) share it. Names of fields are those of
 * k8s.io/kube-scheduler/extender/v1, whose Go types have no JSON tags: they are written as they are
 * called, and read in any case. */
#pragma once

#include "scheduler/extender/extender_talk.h"

#define SHOWN_BYTES_MAX 80 /* of what an answer should not have said */

enum part { PART_FILTER, PART_PRIORITIZE, PART_VICTIMS, PART_OVER };

struct seen { /* a node that is talked about */
    struct kobj *obj;
    struct extender_node said;
    bool named; /* in the answer that is read */
};

struct proposed { /* the objects behind an offer of the answer, which has the same index */
    struct kobj *node;
    struct kobj **pods;
    bool *named; /* by pod: in the answer that is read */
    size_t n_named;
    int64_t violations; /* as that answer has it */
};

struct talk {
    const struct extenders *x;
    struct kobj *pod;
    struct seen *nodes;        /* by name */
    size_t n, left;            /* left: nodes which pass, or where somebody may leave, so far */
    struct proposed *proposed; /* NULL: about nodes, not about victims */
    enum part part;
    size_t at; /* which extender is next */
    const struct extender *asked;
    struct buf url, body;
    struct arena *a;
    struct extender_answer *answer;
    struct str complaint;
};

/* Without anything to talk about yet. */
struct talk *talk_begin(const struct extenders *x, const struct kobj *pod);
void talk_put_victims(struct talk *t, bool uids);
/* Judges first, so that a lying answer changes nothing. */
int talk_hear_victims(struct talk *t, struct json answer, struct err *err);
void talk_forget_victims(struct talk *t);
