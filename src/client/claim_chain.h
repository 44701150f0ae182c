/* SPDX-License-Identifier: Apache-2.0
 * claim_chain — the ResourceClaims of one pod that is bound, over single calls: for API servers
 * where claims and binding cannot be one transaction.
 *
 *     per claim: read ─► finalizer ─► status (allocation, reservedFor) at the revision read
 *     binding refused: is the pod bound after all? ─► no: each claim back to what it was
 *
 * A conflict reads again, CHAIN_TRIES times. What is taken back is only what this chain wrote. If
 * the process dies between, the pod finds its claims allocated and goes where they are. */
#pragma once

#include "client/transport.h"

#define CHAIN_TRIES 8

struct claim_chain;

/* Begins to reserve the claims of the binding (copied); done once: code 200 and the newest revision
 * written, or a refusal, after which nothing of it is left; err: the outcome is unknown. */
struct claim_chain *
claim_chain_start(struct transport *t, const struct binding *b, reply_fn done, void *arg);
/* The binding was refused: takes back what was written unless the pod is bound. done when it is,
 * or cannot be; its reply says nothing. */
void claim_chain_undo(struct claim_chain *c, reply_fn done, void *arg);
/* Cancels what is on the wire; may be called by done. NULL is fine. */
void claim_chain_free(struct claim_chain *c);
