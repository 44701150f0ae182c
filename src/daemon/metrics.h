/* SPDX-License-Identifier: Apache-2.0
 * metrics — one table per service; the row is the registration and the documentation. A value is a
 * series: a metric with one value for each of its labels. Adding to a series is one atomic
 * instruction, from any thread; finding a series by labels takes a lock, so callers keep the
 * pointer. Values are integers; `per` divides them when they are written (nanoseconds as seconds).
 *
 *     enum { M_BINDS, M_BIND_TIME };
 *     static const struct metric rows[] = {
 *         [M_BINDS] = { "ganglion_binds_total", METRIC_COUNTER, "bound pods", { "result" } },
 *         [M_BIND_TIME] = { "ganglion_bind_seconds", METRIC_HISTOGRAM, "time to bind",
 *                           METRIC_TIMES(bounds) },
 *     }; */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"

#define METRIC_LABELS_MAX 8
/* Of one metric; beyond, values go to a series of labels "other". */
#define METRIC_SERIES_MAX 1000

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric { /* plain data: a row */
    const char *name;
    enum metric_kind kind;
    const char *help;
    const char *labels[METRIC_LABELS_MAX]; /* names; NULL ends */
    int64_t per;                           /* 0: 1 */
    const int64_t *bounds;                 /* of a histogram, ascending, in the values' unit */
    size_t n_bounds;
};

/* Members of a histogram of times: its bounds, in nanoseconds, which are written as seconds. A
 * macro because it stands inside an initialiser. */
#define METRIC_TIMES(list) .per = NS_PER_S, .bounds = (list), .n_bounds = COUNT_OF(list)

struct metric_table { /* of one service: its page of the reference, its values */
    const char *title;
    const struct metric *rows;
    size_t n;
};

struct metrics;
struct metric_series;

/* Borrows the rows for its life. */
struct metrics *metrics_new(const struct metric *rows, size_t n);
void metrics_free(struct metrics *m); /* NULL is fine */

/* The series of those label values, made when it is new. Lives as long as m. Any thread. */
struct metric_series *metrics_series(struct metrics *m, size_t row, const struct str *values);

void metric_add(struct metric_series *s, int64_t n);         /* counter (n >= 0) or gauge */
void metric_set(struct metric_series *s, int64_t value);     /* gauge */
void metric_observe(struct metric_series *s, int64_t value); /* histogram */

/* Forgets all series of a row, before they are set anew: what is not set again is not told any
 * more. Nobody may keep series of such a row. */
void metrics_clear(struct metrics *m, size_t row);

/* Forgets the series of a row whose label has this value, when what they told of is no more. Nobody
 * may keep series of such a row, and only the thread that adds to it may call. */
void metrics_forget(struct metrics *m, size_t row, struct str label, struct str value);

/* The same for rows without labels. */
void metrics_add(struct metrics *m, size_t row, int64_t n);
void metrics_set(struct metrics *m, size_t row, int64_t value);
/* A counter that somebody else counts: its newest value, never less than before. */
void metrics_raise(struct metrics *m, size_t row, int64_t value);
int64_t metrics_value(struct metrics *m, size_t row); /* not of a histogram */
void metrics_observe(struct metrics *m, size_t row, int64_t value);

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* Appends everything in Prometheus' text format, and a Markdown table of the rows. Any thread. */
void metrics_write(struct buf *out, struct metrics *m);
void metrics_reference(struct buf *out, const struct metric *rows, size_t n);
