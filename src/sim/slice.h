/* SPDX-License-Identifier: Apache-2.0
 * slice — the ResourceSlice of a simulated node whose GPUs are had by claim: what a DRA driver
 * would publish. Pure. */
#pragma once

#include "kube/kobj.h"
#include "sim/shape.h"

#define SIM_DRIVER "gpu.sim.ganglion.io"

/* node: the Node object, which owns the slice; NULL: unknown, nobody owns it. */
struct jnode *sim_slice_object(struct arena *a,
                               const struct sim_shape *s,
                               struct str name,
                               const struct kobj *node);
