/* SPDX-License-Identifier: Apache-2.0
 * attach — what a scheduler would hear from a control plane, heard beside it: every resource that
 * scheduler/service/sources.h names and every group object, first all that is there, then what
 * changes. Writes nothing to the API. On the transport's loop. */
#pragma once

#include "client/transport.h"
#include "scheduler/core/input.h"

struct attach;

/* Borrowed for the call. After the objects that are there comes one INPUT_STEP. */
typedef void (*attach_fn)(void *arg, const struct core_input *in);

/* Begins at once. */
struct attach *attach_new(struct transport *t, attach_fn fn, void *arg);
bool attach_is_live(const struct attach *a); /* all that is there was told */
void attach_free(struct attach *a);          /* NULL is fine */
