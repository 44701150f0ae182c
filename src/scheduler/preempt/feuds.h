/* SPDX-License-Identifier: Apache-2.0
 * feuds — who must not evict whom any more. Whoever evicted somebody stands above him, and so do
 * all who stand above the evictor: nobody may evict one who stands above himself, over however many
 * others.
 *
 * Why: priorities alone order everybody, but a queue that takes back what belongs to it evicts
 * whatever the priorities, so A may be entitled to evict B, B to evict C, and C to evict A, for
 * ever. With this rule evictions end. The relation "evicted" never gets a cycle, because the
 * eviction that would close one is not allowed. So among those who are there now somebody has
 * nobody above himself: he is never evicted, starts once at most, and evicts once for it. Leave him
 * out, and the same holds of the next: he is evicted as often at most as those above him start. So
 * each starts finitely often, as long as nobody new comes, nobody ends and no room appears.
 *
 * The memory is bounded: beyond FEUDS_MAX the half that fought longest ago is forgotten. A cycle
 * then takes at least so many evictions, whatever happens. Pure; loop thread only. */
#pragma once

#include "base/str.h"

#define FEUDS_MAX 16384 /* identities */

struct feuds;

struct feuds *feuds_new(void);
void feuds_free(struct feuds *f); /* NULL is fine */

/* `by` evicts `victim`; both are identities, which a pod that comes back under another name keeps.
 * What would close a cycle is not remembered. */
void feuds_remember(struct feuds *f, struct str victim, struct str by);
/* True: somebody stands above `who`, and feuds_is_above tells of them until the next call that
 * takes f. */
bool feuds_ask(struct feuds *f, struct str who);
bool feuds_is_above(const struct feuds *f, struct str other);
