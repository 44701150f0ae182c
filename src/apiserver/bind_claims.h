/* SPDX-License-Identifier: Apache-2.0
 * bind_claims — the ResourceClaims of pods that are being bound: their allocation and the pod in
 * reservedFor land in the same transaction as the binding. Apiserver's loop. */
#pragma once

#include "apiserver/action.h"
#include "client/transport.h"
#include "store/store.h"

/* Adds the writes of the binding's claims to ops[0 … *n); several pods may use one claim, which is
 * then written once. The objects are kept in a->items. *why: it cannot be done. TURN_END: refused
 * already. */
enum turn bind_claims(struct action *a,
                      const struct binding *b,
                      struct store_op *ops,
                      size_t *n,
                      struct str *why);
