/* SPDX-License-Identifier: Apache-2.0
 * pod_disk — what a pod's folder remembers: its address and start in "meta", ends of runs in
 * "exits", begun runs by their logs. */
#include <stdio.h>

#include "io/file.h"
#include "node/executor/executor_internal.h"
#include "node/executor/podlogs.h"

#define LOST_CODE 137

int pod_disk_write_meta(const struct local_pod *p, struct err *err)
{
    char path[700], text[128];
    snprintf(path, sizeof path, "%s/meta", p->dir);
    int n = snprintf(text, sizeof text, "%u %lld\n", p->address, (long long)p->start_time.ns);
    return file_write_atomic(path, str_make(text, (size_t)n), 0600, err);
}

static bool read_text(struct buf *b, const struct local_pod *p, const char *name)
{
    char path[1100];
    int n = snprintf(path, sizeof path, "%s/%s", p->dir, name);
    return n > 0 && (size_t)n < sizeof path && file_read(b, path, NULL) == 0;
}

bool pod_disk_read_meta(struct local_pod *p)
{
    struct buf b;
    int64_t address, start;
    buf_init(&b, 256);
    bool ok = read_text(&b, p, "meta");
    struct str text = str_trim(buf_view(&b));
    ok = ok && str_to_i64(str_split(&text, ' '), &address) && str_to_i64(text, &start) &&
         address >= 0 && address < ADDRESSES_MAX;
    if (ok) {
        p->address = (uint32_t)address;
        p->start_time.ns = start;
    }
    buf_fini(&b);
    return ok;
}

bool pod_disk_end(const struct local_pod *p, size_t i, int64_t attempt, struct run_end *out)
{
    char name[400];
    struct shim_state s;
    struct buf b;
    struct str container = podstate_container(pod_of(p->pod), i)->name;
    snprintf(name, sizeof name, "exits/%.*s.%lld", STR_ARG(container), (long long)attempt);
    buf_init(&b, 4096);
    bool ok = read_text(&b, p, name) && shim_state_parse(buf_view(&b), ' ', &s);
    if (ok) {
        *out = (struct run_end){ .has = true,
                                 .start_failed = s.phase == SHIM_IS_FAILED,
                                 .attempt = attempt,
                                 .code = s.code,
                                 .signal = s.signal,
                                 .started = s.started,
                                 .finished = s.finished };
        snprintf(out->message, sizeof out->message, "%.*s", STR_ARG(s.message));
    }
    buf_fini(&b);
    return ok;
}

/* -1: never begun. */
static int64_t last_attempt(const struct local_pod *p, size_t i)
{
    char path[1000];
    struct str container = podstate_container(pod_of(p->pod), i)->name;
    snprintf(path, sizeof path, "%s/logs/%.*s", p->dir, STR_ARG(container));
    return podlogs_latest_attempt(path);
}

static void recover_one(struct local_pod *p, size_t i, int64_t attempt)
{
    struct run *r = &p->runs[i];
    struct wall started = r->started;
    bool begun = r->phase == RUN_UP;
    *r = (struct run){ .phase = RUN_ENDED, .attempt = attempt, .crashes = attempt };
    if (attempt > 0)
        pod_disk_end(p, i, attempt - 1, &r->last);
    if (pod_disk_end(p, i, attempt, &r->end))
        return;
    r->end = (struct run_end){ .has = true,
                               .start_failed = !begun && last_attempt(p, i) < attempt,
                               .attempt = attempt,
                               .code = LOST_CODE,
                               .started = started,
                               .finished = loop_wall(p->x->loop) };
    snprintf(r->end.message, sizeof r->end.message,
             "The container's process and its shim were gone when the node looked for them");
}

void pod_disk_recover(struct local_pod *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        struct run *r = &p->runs[i];
        int64_t attempt = last_attempt(p, i);
        if (r->phase == RUN_ENDED || (r->phase == RUN_NONE && attempt < 0))
            continue;
        recover_one(p, i, attempt > r->attempt ? attempt : r->attempt);
    }
}
