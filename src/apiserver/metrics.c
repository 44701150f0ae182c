/* SPDX-License-Identifier: Apache-2.0
 * metrics — see metrics.h. Finding the series of a call takes the making of its labels and a lock,
 * so the last calls' series are remembered in a small table: most calls are alike. */
#include "apiserver/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "apiserver/action.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "daemon/process_metrics.h"
#include "io/clock.h"

enum { M_REQUESTS, M_DURATION, M_INFLIGHT, M_INPROC, M_WATCHES, M_REVISION, M_OBJECTS, M_BYTES };

/* kube-apiserver's, with finer ones in front: here most calls take less than 5 ms. */
static const int64_t duration_bounds[] = {
    1 * NS_PER_MS,    2 * NS_PER_MS,    5 * NS_PER_MS,    25 * NS_PER_MS,   50 * NS_PER_MS,
    100 * NS_PER_MS,  200 * NS_PER_MS,  400 * NS_PER_MS,  600 * NS_PER_MS,  800 * NS_PER_MS,
    1000 * NS_PER_MS, 1250 * NS_PER_MS, 1500 * NS_PER_MS, 2000 * NS_PER_MS, 3000 * NS_PER_MS,
    4000 * NS_PER_MS, 5000 * NS_PER_MS, 6000 * NS_PER_MS, 8000 * NS_PER_MS, 10 * NS_PER_S,
    15 * NS_PER_S,    20 * NS_PER_S,    30 * NS_PER_S,    45 * NS_PER_S,    60 * NS_PER_S,
};

static const struct metric rows[] = {
    [M_REQUESTS] = { "apiserver_request_total",
                     METRIC_COUNTER,
                     "Calls that were answered, over HTTP and in process.",
                     { "verb", "group", "version", "resource", "subresource", "code" } },
    [M_DURATION] = { "apiserver_request_duration_seconds",
                     METRIC_HISTOGRAM,
                     "From a call's arrival in the pipeline to its answer, waiting for the disk "
                     "included; of a watch, to its first event.",
                     { "verb", "group", "version", "resource", "subresource" },
                     METRIC_TIMES(duration_bounds) },
    [M_INFLIGHT] = { "apiserver_current_inflight_requests",
                     METRIC_GAUGE,
                     "Calls in the pipeline now.",
                     { "request_kind" } },
    [M_INPROC] = { "apiserver_inproc_calls_total", METRIC_COUNTER,
                   "Calls of the services in this process, all kinds of call counted." },
    [M_WATCHES] = { "apiserver_longrunning_requests",
                    METRIC_GAUGE,
                    "Watches open now.",
                    { "verb" } },
    [M_REVISION] = { "apiserver_storage_revision", METRIC_GAUGE, "Newest visible revision." },
    [M_OBJECTS] = { "apiserver_storage_objects", METRIC_GAUGE, "Stored objects.", { "resource" } },
    [M_BYTES] = { "apiserver_storage_size_bytes", METRIC_GAUGE, "Text of all stored objects." },
};

const struct metric_table apiserver_metric_table = { "The API server", rows, COUNT_OF(rows) };

#define REMEMBERED 64 /* a power of two */
#define WAYS 4        /* places looked at; when all are others', the last is overwritten */
#define KEY_BYTES 160

struct remembered {
    char key[KEY_BYTES];
    size_t n;
    struct metric_series *count, *duration;
};

struct api_meter {
    struct metrics *own, *process;
    struct metric_series *reading, *changing, *watches;
    struct remembered last[REMEMBERED];
};

struct api_meter *api_meter_new(void)
{
    struct api_meter *m = MEM_NEW(struct api_meter);
    m->own = metrics_new(rows, COUNT_OF(rows));
    m->process = metrics_new(process_metric_table.rows, process_metric_table.n);
    m->reading = metrics_series(m->own, M_INFLIGHT, &STR("readOnly"));
    m->changing = metrics_series(m->own, M_INFLIGHT, &STR("mutating"));
    m->watches = metrics_series(m->own, M_WATCHES, &STR("WATCH"));
    process_metrics_set(m->process);
    return m;
}

void api_meter_free(struct api_meter *m)
{
    if (!m)
        return;
    metrics_free(m->own);
    metrics_free(m->process);
    free(m);
}

/* ---- calls ---- */

/* As kube-apiserver writes them. */
static const char *verb_label(enum verb v)
{
    static const char *const names[] = {
        [VERB_GET] = "GET",       [VERB_LIST] = "LIST",
        [VERB_WATCH] = "WATCH",   [VERB_CREATE] = "POST",
        [VERB_UPDATE] = "PUT",    [VERB_PATCH] = "PATCH",
        [VERB_DELETE] = "DELETE", [VERB_DELETE_COLLECTION] = "DELETECOLLECTION",
    };
    return (size_t)v < COUNT_OF(names) && names[v] ? names[v] : "OTHER";
}

static struct metric_series *inflight(const struct action *a)
{
    bool reads = a->r.verb == VERB_GET || a->r.verb == VERB_LIST || a->r.verb == VERB_WATCH;
    return reads ? a->s->meter->reading : a->s->meter->changing;
}

void api_meter_begin(struct action *a)
{
    a->began = clock_mono();
    metric_add(inflight(a), 1);
}

static size_t write_key(char key[KEY_BYTES], const struct action *a)
{
    const struct str parts[] = { a->r.group, a->r.version, a->r.plural, a->r.subresource };
    const int numbers[] = { (int)a->r.verb, a->reply.code };
    size_t n = sizeof numbers;
    memcpy(key, numbers, sizeof numbers);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].n >= KEY_BYTES - n)
            return 0;
        str_bytes_copy(key + n, parts[i].p, parts[i].n);
        n += parts[i].n;
        key[n++] = '/';
    }
    return n;
}

static void find_series(struct remembered *to, const struct action *a)
{
    struct api_meter *m = a->s->meter;
    char code[16];
    snprintf(code, sizeof code, "%d", a->reply.code);
    struct str labels[] = { str_from(verb_label(a->r.verb)),
                            a->r.group,
                            a->r.version,
                            a->r.plural,
                            a->r.subresource,
                            str_from(code) };
    to->count = metrics_series(m->own, M_REQUESTS, labels);
    to->duration = metrics_series(m->own, M_DURATION, labels);
}

static bool is_of(const struct remembered *slot, struct str key)
{
    return key.n > 0 && str_eq(key, str_make(slot->key, slot->n));
}

void api_meter_end(struct action *a)
{
    struct api_meter *m = a->s->meter;
    struct remembered now;
    metric_add(inflight(a), -1);
    now.n = write_key(now.key, a);
    struct str key = str_make(now.key, now.n);
    struct remembered *slot = &m->last[str_hash(key, 0) & (REMEMBERED - 1)];
    for (size_t i = 1; i < WAYS && slot->n > 0 && !is_of(slot, key); i++) /* they may share one */
        slot = &m->last[(size_t)(slot + 1 - m->last) & (REMEMBERED - 1)];
    if (!is_of(slot, key)) {
        find_series(&now, a);
        *slot = now;
    }
    metric_add(slot->count, 1);
    metric_observe(slot->duration, clock_mono().ns - a->began.ns);
}

/* ---- telling ---- */

static void put_stored(struct apiserver *s)
{
    struct api_meter *m = s->meter;
    metrics_clear(m->own, M_OBJECTS);
    for (size_t i = 0; i < s->registry.all.n; i++) {
        const struct served *what = s->registry.all.items[i];
        struct str group = what->res->group, plural = what->res->plural;
        size_t n = store_count(what->table);
        char name[512];
        if (n == 0)
            continue;
        snprintf(name, sizeof name, "%.*s%s%.*s", STR_ARG(plural), group.n ? "." : "",
                 STR_ARG(group));
        metric_set(metrics_series(m->own, M_OBJECTS, &(struct str){ name, strlen(name) }),
                   (int64_t)n);
    }
    metrics_set(m->own, M_REVISION, (int64_t)store_revision(s->store));
    metrics_set(m->own, M_BYTES, (int64_t)store_bytes(s->store));
}

void apiserver_metrics_write(struct buf *out, struct apiserver *s)
{
    struct api_meter *m = s->meter;
    metrics_raise(m->own, M_INPROC, (int64_t)s->counts.inproc_calls);
    metric_set(m->watches, (int64_t)s->counts.watches_open);
    put_stored(s);
    process_metrics_set(m->process);
    metrics_write(out, m->own);
    for (size_t i = 0; i < s->n_more_metrics; i++)
        metrics_write(out, s->more_metrics[i]);
    metrics_write(out, m->process);
}
