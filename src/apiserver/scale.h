/* SPDX-License-Identifier: Apache-2.0
 * scale — the scale subresource: autoscaling/v1 Scale as a window on spec.replicas. */
#pragma once

#include "apiserver/action.h"

extern const action_step_fn scale_get_steps[];
extern const action_step_fn scale_put_steps[];
extern const action_step_fn scale_patch_steps[];
