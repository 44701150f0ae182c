/* SPDX-License-Identifier: Apache-2.0
 * The text format, labels, the limit of series, and adding from several threads. */
#include "daemon/metrics.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/time.h"
#include "io/loop.h"
#include "testkit/check.h"

enum { M_BINDS, M_PODS, M_TIME, M_SIZES, M_COUNT };

static const int64_t sizes[] = { 10, 100 };
static const int64_t times[] = { 1 * NS_PER_MS, 2 * NS_PER_MS, 5 * NS_PER_MS };
static const struct metric rows[M_COUNT] = {
    [M_BINDS] = { "t_binds_total", METRIC_COUNTER, "bound pods", { "result", "node" } },
    [M_PODS] = { "t_pods", METRIC_GAUGE, "pods now" },
    [M_TIME] = { "t_seconds", METRIC_HISTOGRAM, "time", METRIC_TIMES(times) },
    [M_SIZES] = { "t_bytes",
                  METRIC_HISTOGRAM,
                  "sizes",
                  { "kind" },
                  .bounds = sizes,
                  .n_bounds = COUNT_OF(sizes) },
};

static void text_is_prometheus(void **state)
{
    (void)state;
    struct metrics *m = metrics_new(rows, M_COUNT);
    const struct str ok[] = { STR("ok"), STR("n1") }, odd[] = { STR("a\"b\\c\nd"), STR("") };
    struct metric_series *s = metrics_series(m, M_BINDS, ok);
    metric_add(s, 2);
    metric_add(metrics_series(m, M_BINDS, odd), 1);
    CHECK(metrics_series(m, M_BINDS, ok) == s);
    metrics_set(m, M_PODS, 7);
    metrics_add(m, M_PODS, -3);
    metrics_observe(m, M_TIME, 1 * NS_PER_MS); /* a bound belongs to its own bucket */
    metrics_observe(m, M_TIME, 4 * NS_PER_MS);
    metrics_observe(m, M_TIME, 2 * NS_PER_S);
    const struct str kind[] = { STR("x") };
    metric_observe(metrics_series(m, M_SIZES, kind), 101);
    struct buf b;
    buf_init(&b, 1 << 16);
    metrics_write(&b, m);
    CHECK_STR(buf_view(&b), "# HELP t_binds_total bound pods\n"
                            "# TYPE t_binds_total counter\n"
                            "t_binds_total{result=\"ok\",node=\"n1\"} 2\n"
                            "t_binds_total{result=\"a\\\"b\\\\c\\nd\",node=\"\"} 1\n"
                            "# HELP t_pods pods now\n"
                            "# TYPE t_pods gauge\n"
                            "t_pods 4\n"
                            "# HELP t_seconds time\n"
                            "# TYPE t_seconds histogram\n"
                            "t_seconds_bucket{le=\"0.001\"} 1\n"
                            "t_seconds_bucket{le=\"0.002\"} 1\n"
                            "t_seconds_bucket{le=\"0.005\"} 2\n"
                            "t_seconds_bucket{le=\"+Inf\"} 3\n"
                            "t_seconds_sum 2.005\n"
                            "t_seconds_count 3\n"
                            "# HELP t_bytes sizes\n"
                            "# TYPE t_bytes histogram\n"
                            "t_bytes_bucket{kind=\"x\",le=\"10\"} 0\n"
                            "t_bytes_bucket{kind=\"x\",le=\"100\"} 0\n"
                            "t_bytes_bucket{kind=\"x\",le=\"+Inf\"} 1\n"
                            "t_bytes_sum{kind=\"x\"} 101\n"
                            "t_bytes_count{kind=\"x\"} 1\n");
    buf_clear(&b);
    metrics_reference(&b, rows, M_COUNT);
    CHECK(str_find(buf_view(&b),
                   STR("| `t_binds_total` | counter | `result`, `node` | bound pods |\n")) > 0);
    buf_fini(&b);
    metrics_free(m);
    metrics_free(NULL);
}

static void series_are_limited(void **state)
{
    (void)state;
    struct metrics *m = metrics_new(rows, M_COUNT);
    char name[32];
    for (int i = 0; i < 2 * METRIC_SERIES_MAX; i++) {
        int n = snprintf(name, sizeof name, "n%d", i);
        const struct str values[] = { STR("ok"), str_make(name, (size_t)n) };
        metric_add(metrics_series(m, M_BINDS, values), 1);
    }
    struct buf b;
    buf_init(&b, 1 << 20);
    metrics_write(&b, m);
    CHECK(str_find(buf_view(&b), STR("{result=\"other\",node=\"other\"} 1000\n")) > 0);
    buf_fini(&b);
    metrics_free(m);
}

static void forgotten_series_make_room(void **state)
{
    (void)state;
    struct metrics *m = metrics_new(rows, M_COUNT);
    const struct str gone[] = { STR("ok"), STR("n\"1") }, stays[] = { STR("ok"), STR("n2") },
                     odd[] = { STR("node=\"n\"1\""), STR("n3") };
    metric_add(metrics_series(m, M_BINDS, gone), 5);
    metric_add(metrics_series(m, M_BINDS, stays), 6);
    metric_add(metrics_series(m, M_BINDS, odd), 7);
    metrics_forget(m, M_BINDS, STR("node"), STR("n3 or none"));
    metrics_forget(m, M_BINDS, STR("node"), STR("n\"1"));
    metric_add(metrics_series(m, M_BINDS, gone), 1); /* a new one, behind the others */
    struct buf b;
    buf_init(&b, 1 << 16);
    metrics_write(&b, m);
    CHECK(str_find(buf_view(&b), STR("node=\"n2\"} 6\n"
                                     "t_binds_total{result=\"node=\\\"n\\\"1\\\"\",node=\"n3\"} 7\n"
                                     "t_binds_total{result=\"ok\",node=\"n\\\"1\"} 1\n")) > 0);
    buf_fini(&b);
    metrics_free(m);
}

static void add_many(void *arg)
{
    struct metrics *m = arg;
    const struct str ok[] = { STR("ok"), STR("n1") };
    for (int i = 0; i < 10000; i++) {
        metric_add(metrics_series(m, M_BINDS, ok), 1);
        metrics_observe(m, M_TIME, NS_PER_MS);
    }
}

static void threads_lose_nothing(void **state)
{
    (void)state;
    struct metrics *m = metrics_new(rows, M_COUNT);
    struct thread *t[4];
    for (size_t i = 0; i < COUNT_OF(t); i++)
        t[i] = thread_start("adder", add_many, m, NULL);
    struct buf b;
    buf_init(&b, 1 << 16);
    metrics_write(&b, m); /* while they add */
    for (size_t i = 0; i < COUNT_OF(t); i++)
        thread_join(t[i]);
    buf_clear(&b);
    metrics_write(&b, m);
    CHECK(str_find(buf_view(&b), STR("node=\"n1\"} 40000\n")) > 0);
    CHECK(str_find(buf_view(&b), STR("t_seconds_count 40000\n")) > 0);
    buf_fini(&b);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_prometheus),
        cmocka_unit_test(series_are_limited),
        cmocka_unit_test(forgotten_series_make_room),
        cmocka_unit_test(threads_lose_nothing),
    };
    return CHECK_MAIN(tests);
}
