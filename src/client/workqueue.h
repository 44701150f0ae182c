/* SPDX-License-Identifier: Apache-2.0
 * workqueue — which keys need work, and when. A key is queued once however often it is added; a key
 * added while it is being worked on is queued again when that work is done; a key that failed comes
 * back after an exponential delay of its own. The rules are client-go's workqueue; time is an
 * argument, so tests run on virtual time. Pure; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "base/time.h"

struct workqueue;

#define WORKQUEUE_RETRY_MIN_NS (5 * NS_PER_MS)
#define WORKQUEUE_RETRY_MAX_NS (300 * NS_PER_S)

struct workqueue *workqueue_new(void);
void workqueue_free(struct workqueue *q);

void workqueue_add(struct workqueue *q, struct str key); /* due now */
/* Due at `when`; an earlier due time of the same key wins. */
void workqueue_add_at(struct workqueue *q, struct str key, struct mono when);
/* The oldest due key, now "in work"; false when none is due. The text lives until workqueue_done.
 */
bool workqueue_take(struct workqueue *q, struct mono now, struct str *key);
/* The key's work ended. */
void workqueue_done(struct workqueue *q, struct str key);
/* It failed: due again after its back-off (5 ms, doubled each time, 300 s at most). Call before
 * workqueue_done. */
void workqueue_retry(struct workqueue *q, struct str key, struct mono now);
void workqueue_forget(struct workqueue *q, struct str key); /* it succeeded: back-off starts anew */
/* When to call workqueue_take next; false: never, until something is added. */
bool workqueue_next_due(const struct workqueue *q, struct mono *when);
size_t workqueue_len(const struct workqueue *q); /* queued or waiting, not those in work */
