/* SPDX-License-Identifier: Apache-2.0
 * service — see service.h. The home loop goes on serving the API while a service stops, so that a
 * service may make calls to the last. */
#include "cmd/service.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

struct service {
    const struct service_kind *kind;
    const void *options;
    struct apiserver *api;
    struct loop *loop, *home;
    bool attached; /* on the home loop */
    struct transport *transport;
    struct thread *thread;
    void *self; /* NULL when start failed */
    loop_fn stopped;
    void *stopped_arg;
};

static void on_started(void *arg)
{
    struct service *s = arg;
    if (!s->stopped) /* else it is about to go */
        s->kind->attach(s->self, s->api);
    s->attached = !s->stopped;
}

static void begin(void *arg)
{
    struct service *s = arg;
    struct err err = { 0 };
    s->self = s->kind->start(s->transport, s->options, &err);
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
        .kind = kind, .options = options, .api = api, .loop = loop, .home = home
    };
    s->transport = apiserver_transport(api, loop, str_from(kind->user), NULL, 0);
    loop_post(loop, begin, s);
    s->thread = thread_start(kind->name, run, s, err);
    if (s->thread)
        return s;
    s->transport->ops->close(s->transport);
    loop_free(loop);
    free(s);
    return NULL;
}

/* ---- stopping: home ─post─► service loop ─(its own stop)─► home ─join─► stopped ---- */

static void on_home(void *arg)
{
    struct service *s = arg;
    thread_join(s->thread); /* its loop has been told to stop: at once */
    loop_free(s->loop);
    s->stopped(s->stopped_arg);
    free(s);
}

static void on_ended(void *arg)
{
    struct service *s = arg;
    s->transport->ops->close(s->transport);
    loop_stop(s->loop);
    loop_post(s->home, on_home, s);
}

static void end(void *arg)
{
    struct service *s = arg;
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
