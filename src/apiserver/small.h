/* SPDX-License-Identifier: Apache-2.0
 * small — subresources of a few lines. */
#pragma once

#include "apiserver/action.h"

extern const action_step_fn small_finalize_steps[]; /* PUT namespaces/NAME/finalize */
