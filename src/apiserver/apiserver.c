/* SPDX-License-Identifier: Apache-2.0
 * apiserver — starting and stopping; see apiserver.h. */
#include "apiserver/apiserver.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/admit.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/boot.h"
#include "apiserver/checks.h"
#include "apiserver/crd.h"
#include "apiserver/expire.h"
#include "apiserver/front.h"
#include "apiserver/identity.h"
#include "apiserver/metrics.h"
#include "apiserver/read.h"
#include "apiserver/watcher.h"
#include "base/log.h"
#include "io/clock.h"
#include "io/file.h"
#include "kube/status.h"

#define TRIM_AFTER_WRITES 2000
#define TRIM_QUIET_WRITES 200 /* in a second: leases and the like */
#define CLOSE_GRACE_NS (NS_PER_S / 2)

struct wall api_now(struct apiserver *s)
{
    return loop_wall(s->loop);
}

/* After a burst of writes, in the first quiet second: superseded versions were freed in holes. */
static void trim_when_quiet(struct apiserver *s)
{
    uint64_t revision = store_revision(s->store);
    bool quiet = revision - s->ticked_revision < TRIM_QUIET_WRITES;
    s->ticked_revision = revision;
    if (!quiet || revision - s->trimmed_revision < TRIM_AFTER_WRITES)
        return;
    s->trimmed_revision = revision;
    mem_trim();
}

static void on_tick(void *arg)
{
    struct apiserver *s = arg;
    struct mono now = loop_now(s->loop);
    checks_tick(s);
    store_retry(s->store);
    trim_when_quiet(s);
    watcher_tick(s);
    read_retry(s);
    read_expire_pages(s, now);
    expire_events(s, now);
}

static int open_store(struct apiserver *s, const struct apiserver_options *o, struct err *err)
{
    struct store_options so = { .window_bytes = o->window_bytes };
    struct buf path;
    buf_init(&path, 4096);
    if (o->data_dir) {
        buf_printf(&path, "%s/store.db", o->data_dir);
        so.path = path.p;
    }
    int rc = -1;
    if (path.failed)
        err_set(err, ERR_INVALID, "the path of the data directory is too long");
    else if (!o->data_dir || file_make_dirs(o->data_dir, 0700, err) == 0)
        rc = store_open(&s->store, s->loop, &so, err);
    buf_fini(&path);
    return rc;
}

/* What the HTTP engine refuses by itself (a body over the limit, slow headers) reads as a Status.
 */
static struct str refusal_body(struct buf *body, int status, struct str why)
{
    struct status_spec spec = { .code = status, .message = why };
    AUTO(kobj_unrefp) struct kobj *o = status_new(&spec);
    buf_str(body, json_doc_text(o->doc));
    return STR("application/json");
}

static int listen_http(struct apiserver *s, const struct apiserver_options *o, struct err *err)
{
    if (o->address.n == 0)
        return 0;
    if (identity_server(s, o->address, err) != 0)
        return -1;
    struct http_options ho = { .address = o->address,
                               .port = o->port,
                               .allow_remote = o->allow_remote,
                               .tls = s->tls,
                               .limits = { .body_bytes = API_BODY_BYTES_MAX + (1 << 20) },
                               .handler = front_handle,
                               .head = front_head,
                               .strangers = true,
                               .arg = s,
                               .refusal = refusal_body };
    if (http_server_new(&s->http, s->loop, &ho, err) != 0)
        return -1;
    bool v6 = str_find_char(o->address, ':') >= 0;
    struct buf b;
    buf_init(&b, 512);
    buf_printf(&b, v6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(o->address), http_server_port(s->http));
    s->address_text = str_dup(buf_view(&b));
    buf_clear(&b);
    buf_printf(&b, "https://%s", s->address_text);
    s->url = str_dup(buf_view(&b));
    buf_fini(&b);
    return 0;
}

static int start(struct apiserver *s, const struct apiserver_options *o, struct err *err)
{
    if (admit_choose(&s->plugins_on, o->enable_admission, o->disable_admission, err) != 0 ||
        open_store(s, o, err) != 0)
        return -1;
    registry_init(&s->registry, s->store);
    if (crd_start(s, err) != 0 || identity_load(s, o->data_dir, err) != 0 ||
        boot_objects(s, err) != 0 ||
        boot_definitions(s, o->definitions, o->n_definitions, err) != 0 ||
        listen_http(s, o, err) != 0)
        return -1;
    s->housekeeping = timer_new(s->loop, on_tick, s);
    timer_start_every(s->housekeeping, API_TICK_NS);
    return 0;
}

int apiserver_new(struct apiserver **out,
                  struct loop *l,
                  const struct apiserver_options *o,
                  struct err *err)
{
    struct apiserver *s = MEM_NEW(struct apiserver);
    s->loop = l;
    list_init(&s->pages);
    list_init(&s->watchers);
    list_init(&s->waits);
    while (s->n_spare < API_SPARE_ARENAS)
        s->spare[s->n_spare++] = arena_new_sized(API_SPARE_BYTES);
    s->health = health_new();
    s->meter = api_meter_new();
    checks_add(s);
    if (start(s, o, err) != 0) {
        apiserver_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

static void on_http_closed(void *arg)
{
    struct apiserver *s = arg;
    s->closed(s->closed_arg);
}

void apiserver_close(struct apiserver *s, loop_fn done, void *arg)
{
    s->closing = true;
    s->closed = done;
    s->closed_arg = arg;
    timer_stop(s->housekeeping);
    read_retry(s);
    watcher_end_all(s);
    if (s->http)
        http_server_close(s->http, CLOSE_GRACE_NS, on_http_closed, s);
    else
        loop_defer(s->loop, on_http_closed, s);
}

void apiserver_free(struct apiserver *s)
{
    if (!s)
        return;
    timer_free(s->housekeeping);
    read_drop_pages(s);
    if (s->store)
        crd_stop(s);
    store_close(s->store);
    http_server_free(s->http);
    registry_fini(&s->registry);
    tls_server_free(s->tls);
    tls_pair_fini(&s->ca);
    health_free(s->health);
    api_meter_free(s->meter);
    while (s->n_spare > 0)
        arena_free(s->spare[--s->n_spare]);
    free(s->url);
    free(s->token);
    free(s->token_key);
    free(s->address_text);
    free(s);
}

void apiserver_add_check(struct apiserver *s,
                         unsigned kinds,
                         const char *name,
                         health_fn fn,
                         void *arg)
{
    health_add(s->health, kinds, name, fn, arg);
}

void apiserver_add_metrics(struct apiserver *s, struct metrics *m)
{
    assert(s->n_more_metrics < API_METRICS_MAX);
    s->more_metrics[s->n_more_metrics++] = m;
}

uint16_t apiserver_port(const struct apiserver *s)
{
    return s->http ? http_server_port(s->http) : 0;
}

struct str apiserver_url(const struct apiserver *s)
{
    return str_from(s->url);
}

struct str apiserver_token(const struct apiserver *s)
{
    return str_from(s->token);
}

struct str apiserver_ca(const struct apiserver *s)
{
    return str_from(s->ca.cert_pem);
}
