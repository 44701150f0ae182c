/* SPDX-License-Identifier: Apache-2.0
 * runtime_guess — how long a pod will run. From the user (annotation
 * scheduling.ganglion.io/run-time), else learnt from pods of the same name stem and namespace that
 * ended well; in any case no longer than spec.activeDeadlineSeconds, after which the pod is killed.
 *
 * What is learnt is a sketch of fixed size per (namespace, stem): counts of run times in buckets
 * that grow by a quarter, from a second to over a year; old runs fade. The guess is the upper edge
 * of the bucket below which nine of ten runs ended: too long a guess wastes room, too short a one
 * delays others. Bounded: RUNTIME_STEMS_MAX stems; then the one unused for longest goes. Pure. */
#pragma once

#include "base/time.h"
#include "kube/pod.h"

#define RUNTIME_STEMS_MAX 4096
#define RUNTIME_UNKNOWN INT64_MAX
#define RUNTIME_RUNS_MIN 3 /* runs of a stem before anything is guessed from them */

struct runtimes;

struct runtimes *runtimes_new(void);
void runtimes_free(struct runtimes *r); /* NULL is fine */

/* A pod ended well after so long. */
void runtimes_learn(struct runtimes *r, const struct kobj *pod, int64_t ran_ns);
/* How long it will run, from its start; RUNTIME_UNKNOWN. */
int64_t runtimes_guess(struct runtimes *r, const struct kobj *pod);
size_t runtimes_count(const struct runtimes *r);

/* What a user says: the annotation, if it makes sense; RUNTIME_UNKNOWN. */
int64_t runtime_said(const struct kobj *pod);
/* The name without what makes it one of many: "train-7f9c4-x2x9k" of generateName "train-7f9c4-",
 * "worker-12", "nightly-29384100-abcde": "train", "worker", "nightly". */
struct str runtime_stem(const struct kobj *pod);
