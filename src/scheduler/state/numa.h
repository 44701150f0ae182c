/* SPDX-License-Identifier: Apache-2.0
 * numa — what a pod says about NUMA cells: every spelling KubeNexus documents or reads.
 *   numa.scheduling.kubenexus.io/policy      best-effort, restricted, single-numa, isolated
 *   numa.scheduling.kubenexus.io/resources   "cpu,memory,nvidia.com/gpu"; absent: all of them
 *   scheduling.kubenexus.io/numa-policy      single-numa-node, restricted, best-effort, none
 *   scheduling.kubenexus.io/numa-affinity-node-id, …/numa-anti-affinity-node-id   "0,1"
 *   scheduling.kubenexus.io/gang-numa-spread, …/gang-group    packed, balanced, isolated; whose
 *   scheduling.kubenexus.io/memory-intensive, …/numa-distance-weight   "true"; "0" to "100"
 * Unknown policies count as none; admission warns about them. Pure. */
#pragma once

#include "scheduler/state/pod.h"

struct numa_wish numa_wish_of(struct json annotations);
/* Is there a policy among them, be it none? */
bool numa_is_said(struct json annotations);
/* Best-effort for all resources. */
struct numa_wish numa_wish_default(void);

/* Does a kubelet with static managers give out its memory, or CPUs of any container, by cell? Only
 * of pods of class Guaranteed, and CPUs only to containers that ask for whole ones. */
bool numa_memory_is_pinned(const struct pod *p);
bool numa_cpus_are_pinned(const struct pod *p);
