/* SPDX-License-Identifier: Apache-2.0
 * evict — the eviction subresource: a deletion that PodDisruptionBudgets may refuse. */
#pragma once

#include "apiserver/action.h"

extern const action_step_fn evict_steps[];
