/* SPDX-License-Identifier: Apache-2.0
 * world — clusters and pods for the scheduler benchmark, as objects. */
#pragma once

#include "scheduler/core/core.h"

enum pod_kind { POD_PLAIN, POD_SPREAD, POD_ANTI, POD_GANG, POD_NUMA, POD_RACK };

/* 4 CPUs, 32Gi and 110 pods (the node of Kubernetes' scheduler_perf) in three zones; or with GPUs:
 * 128 CPUs, 1Ti, 8 GPUs, two cells. Racks hold 16 nodes, blocks 20 racks. */
struct sched_core *world_new(size_t nodes, bool gpus);
/* An object from JSON in which single quotes stand for double ones. Ends the program if it is
 * none. */
struct kobj *world_object(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
struct kobj *world_node(size_t i, bool gpus);
struct kobj *world_topology(void); /* of blocks and racks */
/* 100m and 500Mi; gang members: one GPU and the labels of gang number group with `members`;
 * POD_RACK: without GPU, all in one rack. */
struct kobj *world_pod(enum pod_kind kind, size_t i, size_t group, size_t members);
