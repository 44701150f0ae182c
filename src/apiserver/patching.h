/* SPDX-License-Identifier: Apache-2.0
 * patching — the four kinds of patches made into a document: what the object would be. */
#pragma once

#include "apiserver/action.h"
#include "kube/apply.h"

/* Applies a->r.body to a->old (NULL: apply creates) by a->r.write.patch and makes the result the
 * body, as if it had come by PUT. */
enum turn patching_apply(struct action *a);

/* Who writes, for the bookkeeping of managed fields. */
struct apply_writer patching_writer(struct action *a);
