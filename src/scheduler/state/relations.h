/* SPDX-License-Identifier: Apache-2.0
 * relations — compiles a pod's affinity terms to other pods and its spreading rules. */
#pragma once

#include "scheduler/state/pod.h"

/* NULL when the pod has none. Texts borrow from the object. */
struct relations *relations_new(const struct kobj *obj, const struct labelset *labels);
void relations_free(struct relations *r);
