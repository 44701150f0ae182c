/* SPDX-License-Identifier: Apache-2.0
 * metrics — see metrics.h. */
#include "daemon/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"

enum { LABEL_BYTES_MAX = 256 };

struct metric_series {
    const struct metric *row;
    struct metric_series *next; /* of the same row, in order of making */
    char *labels;               /* `a="x",b="y"`, escaped; also the key in the map */
    _Atomic int64_t value;      /* a histogram's sum */
    _Atomic int64_t counts[];   /* of a histogram: for each bound, and beyond the last */
};

struct row_state {
    struct map by_labels;
    struct metric_series *first, *last;
    struct metric_series *plain; /* the one of a row without labels */
};

struct metrics {
    const struct metric *rows;
    size_t n;
    pthread_mutex_t lock; /* guards the maps and the lists; values are atomic */
    struct row_state *states;
};

static struct metric_series *series_new(struct metrics *m, size_t row, struct str labels)
{
    const struct metric *r = &m->rows[row];
    struct row_state *st = &m->states[row];
    size_t n_counts = r->kind == METRIC_HISTOGRAM ? r->n_bounds + 1 : 0;
    struct metric_series *s = mem_alloc(sizeof *s + n_counts * sizeof s->counts[0]);
    s->row = r;
    s->labels = str_dup(labels);
    map_put(&st->by_labels, str_make(s->labels, labels.n), s);
    if (st->last)
        st->last->next = s;
    else
        st->first = s;
    st->last = s;
    return s;
}

struct metrics *metrics_new(const struct metric *rows, size_t n)
{
    struct metrics *m = MEM_NEW(struct metrics);
    m->rows = rows;
    m->n = n;
    m->states = mem_alloc_array(n ? n : 1, sizeof *m->states);
    pthread_mutex_init(&m->lock, NULL);
    for (size_t i = 0; i < n; i++) {
        map_init(&m->states[i].by_labels);
        if (!rows[i].labels[0])
            m->states[i].plain = series_new(m, i, STR(""));
    }
    return m;
}

static void series_free(struct metric_series *s)
{
    free(s->labels);
    free(s);
}

static void row_fini(struct row_state *st)
{
    for (struct metric_series *s = st->first, *next; s; s = next) {
        next = s->next;
        series_free(s);
    }
    map_fini(&st->by_labels);
}

void metrics_clear(struct metrics *m, size_t row)
{
    struct row_state *st = &m->states[row];
    assert(!st->plain);
    pthread_mutex_lock(&m->lock);
    row_fini(st);
    *st = (struct row_state){ 0 };
    map_init(&st->by_labels);
    pthread_mutex_unlock(&m->lock);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        row_fini(&m->states[i]);
    }
    pthread_mutex_destroy(&m->lock);
    free(m->states);
    free(m);
}

static void put_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n') {
            buf_str(out, STR("\\n"));
            continue;
        }
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_char(out, '\\');
        buf_char(out, s.p[i]);
    }
}

/* No label's value holds such a text itself: its quotes are escaped. */
void metrics_forget(struct metrics *m, size_t row, struct str label, struct str value)
{
    struct row_state *st = &m->states[row];
    AUTO(buf_fini) struct buf pair;
    buf_init(&pair, 2 * LABEL_BYTES_MAX + 128);
    buf_printf(&pair, "%.*s=\"", STR_ARG(label));
    put_escaped(&pair, str_take(value, LABEL_BYTES_MAX));
    buf_char(&pair, '"');
    assert(!st->plain);
    pthread_mutex_lock(&m->lock);
    st->last = NULL;
    for (struct metric_series **at = &st->first; *at;) {
        struct metric_series *s = *at;
        if (str_find(str_from(s->labels), buf_view(&pair)) < 0) {
            st->last = s;
            at = &s->next;
            continue;
        }
        *at = s->next;
        map_del(&st->by_labels, str_from(s->labels));
        series_free(s);
    }
    pthread_mutex_unlock(&m->lock);
}

static void put_labels(struct buf *out, const struct metric *r, const struct str *values)
{
    for (size_t i = 0; i < METRIC_LABELS_MAX && r->labels[i]; i++) {
        buf_printf(out, "%s%s=\"", i > 0 ? "," : "", r->labels[i]);
        put_escaped(out, values ? str_take(values[i], LABEL_BYTES_MAX) : STR("other"));
        buf_char(out, '"');
    }
}

struct metric_series *metrics_series(struct metrics *m, size_t row, const struct str *values)
{
    assert(row < m->n);
    struct row_state *st = &m->states[row];
    AUTO(buf_fini) struct buf labels;
    buf_init(&labels, (size_t)METRIC_LABELS_MAX * (2 * LABEL_BYTES_MAX + 128));
    put_labels(&labels, &m->rows[row], values);
    pthread_mutex_lock(&m->lock);
    struct metric_series *s = map_get(&st->by_labels, buf_view(&labels));
    if (!s && st->by_labels.n >= METRIC_SERIES_MAX) {
        buf_clear(&labels);
        put_labels(&labels, &m->rows[row], NULL);
        s = map_get(&st->by_labels, buf_view(&labels));
    }
    if (!s)
        s = series_new(m, row, buf_view(&labels));
    pthread_mutex_unlock(&m->lock);
    return s;
}

void metric_add(struct metric_series *s, int64_t n)
{
    assert(s->row->kind != METRIC_HISTOGRAM && (n >= 0 || s->row->kind == METRIC_GAUGE));
    atomic_fetch_add_explicit(&s->value, n, memory_order_relaxed);
}

void metric_set(struct metric_series *s, int64_t value)
{
    assert(s->row->kind == METRIC_GAUGE);
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

void metric_observe(struct metric_series *s, int64_t value)
{
    const struct metric *r = s->row;
    size_t i = 0;
    assert(r->kind == METRIC_HISTOGRAM);
    while (i < r->n_bounds && value > r->bounds[i])
        i++;
    atomic_fetch_add_explicit(&s->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->value, value, memory_order_relaxed);
}

static struct metric_series *plain(struct metrics *m, size_t row)
{
    assert(row < m->n && m->states[row].plain); /* rows with labels need metrics_series */
    return m->states[row].plain;
}

void metrics_add(struct metrics *m, size_t row, int64_t n)
{
    metric_add(plain(m, row), n);
}

void metrics_set(struct metrics *m, size_t row, int64_t value)
{
    metric_set(plain(m, row), value);
}

void metrics_raise(struct metrics *m, size_t row, int64_t value)
{
    struct metric_series *s = plain(m, row);
    assert(s->row->kind == METRIC_COUNTER);
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

int64_t metrics_value(struct metrics *m, size_t row)
{
    return atomic_load_explicit(&plain(m, row)->value, memory_order_relaxed);
}

void metrics_observe(struct metrics *m, size_t row, int64_t value)
{
    metric_observe(plain(m, row), value);
}

/* ---- writing ---- */
static void put_value(struct buf *out, const struct metric *r, int64_t value)
{
    if (r->per <= 1)
        buf_i64(out, value);
    else
        buf_printf(out, "%.9g", (double)value / (double)r->per);
}

static void put_name(struct buf *out, const struct metric_series *s, const char *suffix)
{
    buf_printf(out, "%s%s", s->row->name, suffix);
    if (s->labels[0])
        buf_printf(out, "{%s}", s->labels);
    buf_char(out, ' ');
}

static void put_histogram(struct buf *out, const struct metric_series *s)
{
    const struct metric *r = s->row;
    int64_t count = 0;
    for (size_t i = 0; i <= r->n_bounds; i++) {
        count += atomic_load_explicit(&s->counts[i], memory_order_relaxed);
        buf_printf(out, "%s_bucket{%s%sle=\"", r->name, s->labels, s->labels[0] ? "," : "");
        if (i < r->n_bounds)
            put_value(out, r, r->bounds[i]);
        else
            buf_str(out, STR("+Inf"));
        buf_printf(out, "\"} %" PRId64 "\n", count);
    }
    put_name(out, s, "_sum");
    put_value(out, r, atomic_load_explicit(&s->value, memory_order_relaxed));
    buf_char(out, '\n');
    put_name(out, s, "_count");
    buf_printf(out, "%" PRId64 "\n", count);
}

static const char *const kind_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

void metrics_write(struct buf *out, struct metrics *m)
{
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < m->n; i++) {
        const struct metric *r = &m->rows[i];
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", r->name, r->help, r->name,
                   kind_names[r->kind]);
        for (const struct metric_series *s = m->states[i].first; s; s = s->next) {
            if (r->kind == METRIC_HISTOGRAM) {
                put_histogram(out, s);
                continue;
            }
            put_name(out, s, "");
            put_value(out, r, atomic_load_explicit(&s->value, memory_order_relaxed));
            buf_char(out, '\n');
        }
    }
    pthread_mutex_unlock(&m->lock);
}

void metrics_reference(struct buf *out, const struct metric *rows, size_t n)
{
    buf_str(out, STR("| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "| `%s` | %s | ", rows[i].name, kind_names[rows[i].kind]);
        for (size_t k = 0; k < METRIC_LABELS_MAX && rows[i].labels[k]; k++)
            buf_printf(out, "%s`%s`", k > 0 ? ", " : "", rows[i].labels[k]);
        buf_printf(out, " | %s |\n", rows[i].help);
    }
}
