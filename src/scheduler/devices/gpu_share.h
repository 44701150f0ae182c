/* SPDX-License-Identifier: Apache-2.0
 * gpu_share — pods that want a part of a GPU: one table of the ways in which projects say so
 * (KAI's annotations, shared and virtual GPUs as resources of NVIDIA's, Volcano's and Koordinator's
 * device plugins). A part is milli of the device, MiB of its memory, or one replica of a device
 * that its plugin offers several times; each stands for the other where only one is given. Pure. */
#pragma once

#include "base/err.h"
#include "kube/pod.h"
#include "scheduler/state/topology.h"

struct gpu_share { /* zeroes: no part of a GPU is wanted */
    uint32_t devices;
    int32_t milli;     /* of each device; 0: not given */
    int64_t mem_mib;   /* of each device; 0: not given */
    int32_t mem_milli; /* the same as a part of the device's memory */
    bool replica;      /* one of the node's replicas of a device */
};

/* ERR_INVALID names the annotation or resource and what it may be. */
int gpu_share_of(struct gpu_share *out, const struct pod *pod, struct err *err);

struct gpu_part { /* of each device, on one node */
    int32_t milli;
    int64_t mem_mib; /* 0 where the node does not say how much it has */
};

/* What the share comes to on a node. False: it cannot be told, or is more than a device. */
bool gpu_share_on(const struct gpu_share *share, const struct topology *t, struct gpu_part *out);
