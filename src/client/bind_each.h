/* SPDX-License-Identifier: Apache-2.0
 * bind_each — bind_all by one Binding each, for API servers that have no bind_all: all go out in
 * parallel, each after the claims of its pod (claim_chain.h); a refused one gives its claims back.
 * Answered when all are answered: the first refusal, else 201 (503: no answer came for one), and
 * which bindings stand. */
#pragma once

#include "client/transport.h"

struct bind_each;

/* Copies the bindings. done once, later; it may not call bind_each_cancel. */
struct bind_each *
bind_each_start(struct transport *t, const struct binding *b, size_t n, reply_fn done, void *arg);
void bind_each_cancel(struct bind_each *e); /* no callback after it */
