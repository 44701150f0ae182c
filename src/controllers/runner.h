/* SPDX-License-Identifier: Apache-2.0
 * runner — runs controllers: keeps their caches, queues their keys, makes the writes they ask for.
 *
 *     event ─► keys ─► queue ─► reconcile (pure) ─► writes ─► wait for the caches ─► done
 *
 * Writes of one pass start together; status is written last and only when all else succeeded. A
 * refused write makes the key come back with back-off. Everything on the transport's loop. */
#pragma once

#include "client/transport.h"
#include "controllers/controller.h"
#include "daemon/metrics.h"

struct runner;

extern const struct metric_table controllers_metric_table;

#define RUNNER_KEYS_IN_WORK 64 /* per controller; more wait in its queue */

/* list: NULL and 0 for all. The transport must outlive the runner. */
struct runner *runner_new(struct transport *t, const struct controller *const *list, size_t n);
/* Before runner_start: count into m, of controllers_metric_table; borrowed. */
void runner_count(struct runner *r, struct metrics *m);
void runner_measure(struct runner *r); /* sets the gauges; about once a second */
void runner_start(struct runner *r);
/* Cancels what is under way. */
void runner_free(struct runner *r);
/* The runner's caches, for what else runs on its loop; belongs to the runner. */
struct informers *runner_informers(struct runner *r);
bool runner_idle(const struct runner *r); /* caches complete, nothing queued as due or in work */
