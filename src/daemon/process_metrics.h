/* SPDX-License-Identifier: Apache-2.0
 * process_metrics — the metrics that every Prometheus client library gives of its own process. Any
 * one thread. */
#pragma once

#include "daemon/metrics.h"

extern const struct metric_table process_metric_table;

/* m: of that table. The process counts as started at the first call. */
void process_metrics_set(struct metrics *m);
