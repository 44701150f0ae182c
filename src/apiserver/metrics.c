/* SPDX-License-Identifier: Apache-2.0
 * metrics — see metrics.h. The loop counts in plain numbers (struct api_metrics); they become
 * series only when somebody asks. */
#include "apiserver/metrics.h"

#include "apiserver/apiserver_internal.h"
#include "daemon/metrics.h"

enum { M_REQUESTS, M_REFUSED, M_INPROC, M_WATCHES, M_REVISION };

static const struct metric rows[] = {
    [M_REQUESTS] = { "apiserver_requests_total", METRIC_COUNTER,
                     "Calls that entered the pipeline." },
    [M_REFUSED] = { "apiserver_refused_total", METRIC_COUNTER, "Calls answered with an error." },
    [M_INPROC] = { "apiserver_inproc_calls_total", METRIC_COUNTER,
                   "Calls of the services in this process." },
    [M_WATCHES] = { "apiserver_watches_open", METRIC_GAUGE, "Watches open now." },
    [M_REVISION] = { "apiserver_storage_revision", METRIC_GAUGE, "Newest visible revision." },
};

void apiserver_metrics_write(struct buf *out, struct apiserver *s)
{
    struct metrics *m = metrics_new(rows, COUNT_OF(rows));
    metrics_add(m, M_REQUESTS, (int64_t)s->metrics.requests);
    metrics_add(m, M_REFUSED, (int64_t)s->metrics.refused);
    metrics_add(m, M_INPROC, (int64_t)s->metrics.inproc_calls);
    metrics_set(m, M_WATCHES, (int64_t)s->metrics.watches_open);
    metrics_set(m, M_REVISION, (int64_t)store_revision(s->store));
    metrics_write(out, m);
    metrics_free(m);
}
