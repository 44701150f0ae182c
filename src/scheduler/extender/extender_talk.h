/* SPDX-License-Identifier: Apache-2.0
 * extender_talk — what is said to the extenders about one pod, and what is believed of their
 * answers: filters in the order of the configuration, each over the nodes that the earlier ones
 * left, then priorities, as kube-scheduler does. No I/O: requests out, answers in.
 *
 *     talk_new ─► talk_next ─► (the caller asks) ─► talk_hear ─► talk_next … false ─► talk_take
 *
 * An extender that fails (no answer, no JSON, nodes that nobody named) is left out when it is
 * ignorable; else the whole answer is an error. Priorities of one that fails count nothing.
 *
 * talk_new_victims begins a talk about a preemption instead: see talk_victims.c. */
#pragma once

#include "scheduler/extender/extender.h"

#define TALK_QUESTION_BYTES_MAX (64u << 20)
#define TALK_ANSWER_BYTES_MAX (64u << 20)

struct talk_request { /* borrowed until the next talk_next */
    const struct extender *extender;
    struct str url, body;
};

struct talk;

/* nodes: those that pass our own filters; all objects are referenced. */
struct talk *talk_new(const struct extenders *x,
                      const struct kobj *pod,
                      const struct kobj *const *nodes,
                      size_t n);

struct talk_proposal { /* who would leave this node; at least one */
    const struct kobj *node;
    const struct kobj *const *pods;
    size_t n;
    size_t violations; /* of PodDisruptionBudgets */
};

/* Each node once. All objects are referenced. */
struct talk *talk_new_victims(const struct extenders *x,
                              const struct kobj *pod,
                              const struct talk_proposal *list,
                              size_t n);
void talk_free(struct talk *t); /* NULL is fine */
/* False: everything was asked. */
bool talk_next(struct talk *t, struct talk_request *out);
/* The answer to the last request; status 0: there was none, for the reason in `trouble`. What is
 * wrong with the answer is said in *complaint (borrowed; absent: nothing). */
void talk_hear(struct talk *t,
               int status,
               struct str body,
               struct str trouble,
               struct str *complaint);
/* The outcome; the caller owns it. */
struct extender_answer *talk_take(struct talk *t);
const struct kobj *talk_pod(const struct talk *t);

/* The body of a bind request, in a. */
struct str talk_bind_body(struct arena *a, const struct kobj *pod, struct str node);
/* 0: it is bound. Else what went wrong. */
int talk_bind_heard(int status, struct str body, struct str trouble, struct err *err);
