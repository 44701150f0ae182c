/* SPDX-License-Identifier: Apache-2.0
 * service — see service.h. The home loop goes on serving the API while a service stops, so that a
 * service may make calls to the last. */
#include "cmd/service.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define BEAT_NS NS_PER_S
#define START_BEAT_NS (50 * NS_PER_MS) /* until it is ready */
#define SLOW_NS (10 * NS_PER_S)        /* without a beat: not ready */
#define STUCK_NS (60 * NS_PER_S)       /* not alive */

enum service_state { SERVICE_STARTING, SERVICE_FAILED, SERVICE_SYNCING, SERVICE_READY };

struct service {
    const struct service_kind *kind;
    struct service_given given;
    struct apiserver *api;
    struct loop *loop, *home;
    bool attached; /* on the home loop */
    struct transport *transport;
    struct thread *thread;
    void *self; /* NULL when start failed */
    loop_fn stopped;
    void *stopped_arg;
    struct timer *beat;
    _Atomic int64_t beat_ns; /* monotonic time of the last one; 0: none yet */
    _Atomic int state;       /* enum service_state */
    struct err failure;      /* written before the state says so */
};

static void on_started(void *arg)
{
    struct service *s = arg;
    if (!s->stopped) /* else it is about to go */
        s->kind->attach(s->self, s->api);
    s->attached = !s->stopped;
}

static void on_beat(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->beat_ns, loop_now(s->loop).ns);
    if (!s->self)
        return;
    if (s->kind->measure)
        s->kind->measure(s->self);
    bool ready = s->kind->ready(s->self);
    bool was = atomic_exchange(&s->state, ready ? SERVICE_READY : SERVICE_SYNCING) == SERVICE_READY;
    if (ready != was)
        timer_start_every(s->beat, ready ? BEAT_NS : START_BEAT_NS);
}

static void begin(void *arg)
{
    struct service *s = arg;
    struct err err = { 0 };
    s->beat = timer_new(s->loop, on_beat, s);
    timer_start_every(s->beat, START_BEAT_NS);
    s->self = s->kind->start(s->transport, &s->given, &err);
    s->failure = err;
    atomic_store(&s->state, s->self ? SERVICE_SYNCING : SERVICE_FAILED);
    if (!s->self)
        LOG_ERROR("service.failed", kv_cstr("service", s->kind->name), kv_err(&err),
                  kv_cstr("next", "the other services go on without it"));
    else if (s->kind->attach)
        loop_post(s->home, on_started, s);
}

static void run(void *arg)
{
    struct service *s = arg;
    loop_run(s->loop);
}

struct service *service_start(const struct service_kind *kind,
                              struct apiserver *api,
                              const void *options,
                              struct loop *home,
                              struct err *err)
{
    struct loop *loop = loop_new(err);
    if (!loop)
        return NULL;
    struct service *s = MEM_NEW(struct service);
    *s = (struct service){
        .kind = kind, .given.options = options, .api = api, .loop = loop, .home = home
    };
    if (kind->metrics)
        s->given.metrics = metrics_new(kind->metrics->rows, kind->metrics->n);
    s->transport = apiserver_transport(api, loop, str_from(kind->user), NULL, 0);
    s->thread = thread_start(kind->name, run, s, err);
    if (s->thread) {
        if (kind->metrics)
            apiserver_add_metrics(api, s->given.metrics);
        loop_post(loop, begin, s);
        return s;
    }
    s->transport->ops->close(s->transport);
    loop_free(loop);
    metrics_free(s->given.metrics);
    free(s);
    return NULL;
}

/* ---- stopping: home ─post─► service loop ─(its own stop)─► home ─join─► stopped ---- */

static void on_home(void *arg)
{
    struct service *s = arg;
    thread_join(s->thread); /* its loop has been told to stop: at once */
    loop_free(s->loop);
    s->loop = NULL;
    s->stopped(s->stopped_arg);
}

static void on_ended(void *arg)
{
    struct service *s = arg;
    s->transport->ops->close(s->transport);
    timer_free(TAKE(s->beat));
    loop_stop(s->loop);
    loop_post(s->home, on_home, s);
}

static void end(void *arg)
{
    struct service *s = arg;
    timer_stop(s->beat);
    if (s->self)
        s->kind->stop(s->self, on_ended, s);
    else
        on_ended(s);
}

void service_stop(struct service *s, loop_fn stopped, void *arg)
{
    s->stopped = stopped;
    s->stopped_arg = arg;
    if (s->attached)
        s->kind->detach(s->self, s->api);
    loop_post(s->loop, end, s);
}

void service_free(struct service *s)
{
    if (!s)
        return;
    assert(!s->loop);
    metrics_free(s->given.metrics);
    free(s);
}

/* ---- how it is ---- */

static bool beats(const struct service *s, int64_t within_ns, struct buf *why)
{
    int64_t last = atomic_load(&s->beat_ns);
    int64_t silent = !s->loop || last == 0 ? 0 : loop_now(s->home).ns - last;
    if (silent < within_ns)
        return true;
    buf_printf(why, "the loop of %s has not turned for %lld s", s->kind->name,
               (long long)(silent / NS_PER_S));
    return false;
}

bool service_is_ready(void *service, struct buf *why)
{
    const struct service *s = service;
    switch ((enum service_state)atomic_load(&s->state)) {
    case SERVICE_STARTING:
        buf_printf(why, "%s has not started yet", s->kind->name);
        return false;
    case SERVICE_FAILED:
        buf_printf(why, "%s did not start: %s", s->kind->name, s->failure.msg);
        return false;
    case SERVICE_SYNCING:
        buf_printf(why, "%s has not seen all objects yet", s->kind->name);
        return false;
    case SERVICE_READY:
        return beats(s, SLOW_NS, why);
    }
    return false;
}

bool service_is_alive(void *service, struct buf *why)
{
    return beats(service, STUCK_NS, why);
}
