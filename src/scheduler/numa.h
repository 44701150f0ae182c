/* SPDX-License-Identifier: Apache-2.0
 * numa — what a pod's annotations say about NUMA cells: every spelling KubeNexus documents or
 * reads. numa.scheduling.kubenexus.io/policy      best-effort, restricted, single-numa, isolated
 *   numa.scheduling.kubenexus.io/resources   "cpu,memory,nvidia.com/gpu"; absent: all of them
 *   scheduling.kubenexus.io/numa-affinity-node-id, …/numa-anti-affinity-node-id   "0,1"
 *   scheduling.kubenexus.io/numa-policy      single-numa-node, restricted, best-effort, none
 * Unknown policies count as none; admission warns about them. Pure. */
#pragma once

#include "scheduler/pod.h"

struct numa_wish numa_wish_of(struct json annotations);
