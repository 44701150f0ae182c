/* SPDX-License-Identifier: Apache-2.0
 * bind — pods get their nodes: the binding subresource for one, bind_all for a gang in one
 * transaction. */
#pragma once

#include "apiserver/action.h"
#include "client/transport.h"

extern const action_step_fn bind_steps[];      /* POST pods/NAME/binding, POST bindings */
extern const action_step_fn bind_gang_steps[]; /* with a->bindings: all or none */

struct bindings { /* in the action's arena */
    const struct binding *items;
    size_t n;
};
