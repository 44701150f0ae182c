/* SPDX-License-Identifier: Apache-2.0
 * deletion — DELETE of one object or of a collection: preconditions, grace, finalizers,
 * propagation. */
#pragma once

#include "apiserver/action.h"

extern const action_step_fn deletion_one_steps[];
extern const action_step_fn deletion_many_steps[];

/* The options in a DELETE's body (metav1.DeleteOptions) joined with those of the query. */
enum turn deletion_options(struct action *a);
/* Makes a->obj the deleted or dying form of a->old, by the options of the request. Sets
 * a->removes when the object goes at once. Goes on to write_commit. False: nothing to write. */
bool deletion_prepare(struct action *a);
