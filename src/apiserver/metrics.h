/* SPDX-License-Identifier: Apache-2.0
 * metrics — what GET /metrics of the API server tells: one row a metric. The server's loop. */
#pragma once

#include "base/buf.h"

struct apiserver;

/* Appends the values of this moment in Prometheus' text format. */
void apiserver_metrics_write(struct buf *out, struct apiserver *s);
