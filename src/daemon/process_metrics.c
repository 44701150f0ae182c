/* SPDX-License-Identifier: Apache-2.0
 * process_metrics — see process_metrics.h. Names and meanings are Prometheus' "process metrics". */
#include "daemon/process_metrics.h"

#include "base/mem.h"
#include "base/time.h"
#include "io/clock.h"
#include "io/usage.h"

enum { M_CPU, M_RESIDENT, M_VIRTUAL, M_OPEN_FDS, M_MAX_FDS, M_THREADS, M_START };

static const struct metric rows[] = {
    [M_CPU] = { "process_cpu_seconds_total", METRIC_COUNTER, "CPU time in user and system mode.",
                .per = NS_PER_S },
    [M_RESIDENT] = { "process_resident_memory_bytes", METRIC_GAUGE, "Memory that is resident." },
    [M_VIRTUAL] = { "process_virtual_memory_bytes", METRIC_GAUGE, "Address space." },
    [M_OPEN_FDS] = { "process_open_fds", METRIC_GAUGE, "Open file descriptors." },
    [M_MAX_FDS] = { "process_max_fds", METRIC_GAUGE, "How many may be open." },
    [M_THREADS] = { "process_threads", METRIC_GAUGE, "Threads." },
    [M_START] = { "process_start_time_seconds", METRIC_GAUGE,
                  "When the process started, in seconds since 1970.", .per = NS_PER_S },
};

const struct metric_table process_metric_table = { "The process", rows, COUNT_OF(rows) };

void process_metrics_set(struct metrics *m)
{
    struct usage u;
    usage_read(&u);
    metrics_raise(m, M_CPU, u.cpu_ns);
    metrics_set(m, M_RESIDENT, u.resident_bytes);
    metrics_set(m, M_VIRTUAL, u.virtual_bytes);
    metrics_set(m, M_OPEN_FDS, u.open_fds);
    metrics_set(m, M_MAX_FDS, u.max_fds);
    metrics_set(m, M_THREADS, u.threads);
    if (metrics_value(m, M_START) == 0)
        metrics_set(m, M_START, clock_wall().ns);
}
