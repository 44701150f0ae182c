/* SPDX-License-Identifier: Apache-2.0
 * write — create, update, patch and what they share: metadata that the server owns, generation,
 * no-op writes, finalizers, commit. Each list of steps is run by action_start. */
#pragma once

#include "apiserver/action.h"

extern const action_step_fn write_create_steps[];
extern const action_step_fn write_update_steps[];
extern const action_step_fn write_patch_steps[];

/* ---- parts that subresources and deletion use too ---- */

/* a->old = the newest state of the named object, or a refusal. */
enum turn write_load_old(struct action *a);
/* Checks metadata.uid and .resourceVersion of a->obj against a->old. */
enum turn write_check_preconditions(struct action *a);
/* Raises metadata.generation when the kind counts it and something that counts changed. */
void write_count_generation(struct action *a);
/* Freezes a->obj at a new revision and commits it (a deletion when a->removes); waits; then goes on
 * with a->result as the new object. A write that changes nothing is not made. */
enum turn write_commit(struct action *a);
/* Replies with a->result. */
enum turn write_reply(struct action *a);
/* metadata.managedFields after a write by this request. */
void write_manage(struct action *a);
