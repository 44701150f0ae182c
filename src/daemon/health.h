/* SPDX-License-Identifier: Apache-2.0
 * health — named checks behind /healthz, /livez and /readyz, with the texts and the ?verbose and
 * ?exclude=NAME parameters of Kubernetes' servers. Checks answer from memory, at once. One thread.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct health;

#define HEALTH_LIVE (1u << 0)  /* failing means: restart me. Also in /healthz */
#define HEALTH_READY (1u << 1) /* failing means: send me no requests */

/* True: well. Else appends why, for /readyz/NAME only (others see "reason withheld"). */
typedef bool (*health_fn)(void *arg, struct buf *why);

struct health *health_new(void); /* holds the check "ping", which is always well */
void health_free(struct health *h);
/* name: static. Checks are listed in the order of adding. */
void health_add(struct health *h, unsigned kinds, const char *name, health_fn fn, void *arg);

/* Appends the text for a path such as "/readyz" or "/livez/ping" and a raw query, and returns the
 * HTTP status: 200, 500, or 404 for a path or name that is none of ours. */
int health_answer(struct buf *out, const struct health *h, struct str path, struct str query);
