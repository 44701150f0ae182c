/* SPDX-License-Identifier: Apache-2.0
 * checkpoint — what a pod says about the time that it wants before it is evicted, in annotations:
 *
 *     scheduling.ganglion.io/checkpoint-time: "2m"                 how long it may take
 *     scheduling.ganglion.io/checkpoint-signal: "trainer=SIGUSR1"  how its program is told; without
 *                                                                  "NAME=" all its containers are
 *
 * The scheduler answers with scheduling.ganglion.io/checkpoint-by: a time of the API; the pod is
 * evicted then, not before. The node agent sends the signal when it sees that. Pure. */
#pragma once

#include "base/time.h"
#include "kube/pod.h"

#define CHECKPOINT_NS (30 * NS_PER_S)      /* with a signal, without a time */
#define CHECKPOINT_NS_MAX (600 * NS_PER_S) /* whatever the pod says */

/* How long the pod wants; 0: it is told nothing. A time that cannot be read counts as
 * CHECKPOINT_NS. */
int64_t checkpoint_ns(const struct pod *p);
/* It was told, and has until *by. */
bool checkpoint_told(const struct pod *p, struct wall *by);
/* The name of the signal for this container; absent: none. */
struct str checkpoint_signal(const struct pod *p, struct str container);
