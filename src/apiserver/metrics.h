/* SPDX-License-Identifier: Apache-2.0
 * metrics — what GET /metrics tells: the API server's own rows under kube-apiserver's names, those
 * of the process, and those of services that were added. The server's loop. */
#pragma once

#include "base/buf.h"
#include "daemon/metrics.h"

struct action;
struct apiserver;
struct api_meter; /* the server's own metrics */

extern const struct metric_table apiserver_metric_table;

struct api_meter *api_meter_new(void);
void api_meter_free(struct api_meter *m); /* NULL is fine */

/* A call enters the pipeline; it is over, with its reply. */
void api_meter_begin(struct action *a);
void api_meter_end(struct action *a);

/* Appends the values of this moment in Prometheus' text format. */
void apiserver_metrics_write(struct buf *out, struct apiserver *s);
