/* SPDX-License-Identifier: Apache-2.0
 * metrics — what the scheduler counts: kube-scheduler's names with the same meanings, and those
 * that KubeNexus publishes. The scheduler's loop; a NULL meter counts nothing. */
#pragma once

#include "daemon/metrics.h"
#include "scheduler/core/core.h"

struct sched_meter;

extern const struct metric_table scheduler_metric_table;

struct sched_meter *sched_meter_new(struct metrics *m); /* borrows m, of that table; NULL: none */
void sched_meter_free(struct sched_meter *m);

enum sched_incoming { SCHED_POD_ADDED, SCHED_ATTEMPT_FAILED };

void sched_meter_queued(struct sched_meter *m, enum sched_incoming why);
/* A cycle ended: how long it took, and what it decided. */
void sched_meter_cycle(struct sched_meter *m, const struct decision *d, int64_t took_ns);
/* A batch came back after took_ns: its pods are bound, or go back to the queue. */
void sched_meter_bound(struct sched_meter *m, size_t pods, bool bound, int64_t took_ns);
/* One of the bound pods, which first waited at `since`. */
void sched_meter_pod(struct sched_meter *m, int64_t waited_ns);
/* Plugins of others: answers that were ignored, late ones, and whether one is on. */
void sched_meter_ignored(struct sched_meter *m, struct str plugin, struct str why, int64_t n);
void sched_meter_late(struct sched_meter *m, struct str plugin, int64_t n);
void sched_meter_plugin(struct sched_meter *m, struct str plugin, bool on);
/* The gauges of this moment; about once a second. */
void sched_meter_measure(struct sched_meter *m, const struct sched_core *core);
