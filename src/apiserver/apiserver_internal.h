/* SPDX-License-Identifier: Apache-2.0
 * apiserver_internal — the server itself, for the files of this folder. */
#pragma once

#include "apiserver/action.h"
#include "apiserver/apiserver.h"
#include "apiserver/registry.h"
#include "base/list.h"
#include "daemon/health.h"
#include "io/clock.h"
#include "io/http.h"
#include "io/tls.h"
#include "store/store.h"

#define API_TICK_NS NS_PER_S /* of housekeeping */
#define API_BODY_BYTES_MAX ((size_t)3 << 20)

#define API_METRICS_MAX 16 /* services that may add theirs */

struct api_meter; /* apiserver/metrics.h */

struct api_counts {
    uint64_t watches_open, inproc_calls;
};

#define API_SPARE_ARENAS 32
#define API_SPARE_BYTES ((size_t)32 << 10) /* most actions take less */

struct apiserver {
    struct loop *loop;
    struct store *store;
    struct registry registry;
    uint64_t plugins_on; /* bits by the order of the admission table */
    bool loading;        /* while default objects are written: no admission */

    struct http_server *http;
    struct tls_server *tls;
    struct tls_pair ca;
    struct str address;
    char *url, *token, *address_text;
    char *token_key; /* signs tokens of service accounts */
    bool closing;
    loop_fn closed;
    void *closed_arg;

    struct list pages;    /* struct page: paging snapshots, oldest first */
    struct list watchers; /* struct watcher */
    struct list waits;    /* struct read_wait: lists of a revision that is still to come */
    struct timer *housekeeping;
    struct health *health;
    struct mono tick_due, late_at; /* checks.c: of the next tick; when late_ns was seen */
    int64_t late_ns;
    struct store_watch *crd_watch;
    struct mono expire_due;
    uint64_t ticked_revision, trimmed_revision; /* at the last tick; at the last mem_trim */
    podlog_source_fn podlog;
    void *podlog_arg;
    struct api_counts counts;
    /* Empty arenas that actions take and give back, made at the start so that none of them stands
     * on top of the heap that a burst leaves behind. */
    struct arena *spare[API_SPARE_ARENAS];
    size_t n_spare;
    struct clock_pool uids; /* random bytes for them */
    struct api_meter *meter;
    struct metrics *more_metrics[API_METRICS_MAX];
    size_t n_more_metrics;
};

struct wall api_now(struct apiserver *s);
