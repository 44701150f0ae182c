/* SPDX-License-Identifier: Apache-2.0
 * mig — NVIDIA GPUs that are cut into instances (MIG): which profiles a model has, on which of its
 * memory slices an instance may begin, where the next one does the least harm to those that may
 * come, and which idle instances must go when it fits nowhere. An instance of `slices` memory
 * slices begins at one of a few starts and overlaps no other; that is the whole rule.
 *
 * Facts: NVIDIA Multi-Instance GPU User Guide, "Supported MIG Profiles", and the placements that
 * `nvidia-smi mig -lgipp` prints. Pure. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define MIG_SLICES_MAX 8
#define MIG_PROFILES_MAX 8

struct mig_profile {
    const char *name; /* "1g.10gb", as in nvidia.com/mig-1g.10gb */
    uint8_t compute, slices;
    uint8_t starts; /* mask of the first slices that are allowed */
    bool media;     /* one of these on a GPU */
};

struct mig_model {
    const char *name;
    const char *product; /* how nvidia.com/gpu.product begins */
    int64_t mem_mib_min; /* of the device: products of one name differ */
    uint8_t slices;
    struct mig_profile profiles[MIG_PROFILES_MAX]; /* name NULL at the end */
};

/* By the node's labels; mem_mib 0: not said. NULL: not a model that can be cut. */
const struct mig_model *mig_model_of(struct str product, int64_t mem_mib);
/* Place in profiles, from "1g.10gb" or "nvidia.com/mig-1g.10gb"; -1: there is none. */
int mig_profile_named(const struct mig_model *m, struct str name);

struct mig_instance {
    uint8_t profile, start;
    bool busy; /* a pod has it */
};

struct mig_gpu {
    const struct mig_model *model;
    struct mig_instance items[MIG_SLICES_MAX];
    size_t n;
};

/* "1g.10gb@0 3g.40gb@4*" (a star: busy) and back. ERR_INVALID: no such profile or start, or it
 * overlaps another instance. */
int mig_gpu_parse(struct mig_gpu *out, const struct mig_model *m, struct str text, struct err *err);
void mig_gpu_write(struct buf *out, const struct mig_gpu *g);
/* May such an instance be made beside those that are there? */
bool mig_can_add(const struct mig_gpu *g, uint8_t profile, uint8_t start);

/* How many slices are of no use to the profiles that tend to come: the fragments of fragment.h,
 * over slices. share[i]: of profile i; NULL: all alike. */
double mig_fragments(const struct mig_gpu *g, const double *share);

struct mig_plan {
    uint8_t profile, start;
    bool create;     /* false: an idle instance at start serves as it is */
    uint8_t destroy; /* mask of items to remove first; all of them idle */
    double harm;     /* growth of fragments */
};

/* The least change that gives an instance of the profile: an idle one, else a new one, else a new
 * one in place of as few idle ones as possible (of these, of as few slices); among equals the least
 * harm, then the lowest start. False: busy instances leave no room. */
bool mig_plan(const struct mig_gpu *g, uint8_t profile, const double *share, struct mig_plan *out);
/* What the plan makes of the GPU; the new instance is busy. */
void mig_apply(struct mig_gpu *g, const struct mig_plan *plan);
