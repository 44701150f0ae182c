/* SPDX-License-Identifier: Apache-2.0
 * Services on threads of their own write and watch through in-process transports while the API
 * server runs on its loop. Run under ThreadSanitizer too. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "apiserver/apiserver.h"
#include "testkit/check.h"

#define SERVICES 3
#define WRITES 60

struct service {
    struct apiserver *api;
    struct loop *loop;
    struct transport *t;
    struct thread *thread;
    int number, written, seen;
    struct call *watch;
    struct loop *home;
    _Atomic int *left;
};

static void stop_home(void *arg)
{
    loop_stop(arg);
}

static void maybe_end(struct service *s)
{
    if (s->written < WRITES || s->seen < SERVICES * WRITES)
        return;
    s->t->ops->cancel(s->watch);
    s->t->ops->close(s->t);
    if (atomic_fetch_sub(s->left, 1) == 1)
        loop_post(s->home, stop_home, s->home);
    loop_stop(s->loop);
}

static void on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct service *s = arg;
    for (size_t i = 0; i < n; i++)
        s->seen += events[i].type == EVENT_ADDED;
    maybe_end(s);
}

static void on_end(void *arg, const struct err *err)
{
    (void)arg;
    (void)err;
    CHECK(false); /* the watch must not end by itself */
}

static void write_next(struct service *s);

static void on_written(void *arg, const struct reply *r, const struct err *err)
{
    struct service *s = arg;
    CHECK(err == NULL);
    CHECK_I64(r->code, 201);
    s->written++;
    if (s->written < WRITES)
        write_next(s);
    maybe_end(s);
}

static void write_next(struct service *s)
{
    char body[200];
    int n =
        snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"s%d-%d\"}}", s->number, s->written);
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_make(body, (size_t)n), &json_limits_own, &err), err);
    struct request r = { .verb = VERB_CREATE,
                         .group = STR(""),
                         .version = STR("v1"),
                         .plural = STR("configmaps"),
                         .namespace = STR("default"),
                         .body = json_root(doc) };
    s->t->ops->start(s->t, &r, on_written, s);
    json_doc_unref(doc);
}

static void run_service(void *arg)
{
    struct service *s = arg;
    struct request r = { .verb = VERB_WATCH,
                         .group = STR(""),
                         .version = STR("v1"),
                         .plural = STR("configmaps"),
                         .list.resource_version = STR("0") };
    s->watch = s->t->ops->watch(s->t, &r, on_events, on_end, s);
    write_next(s);
    loop_run(s->loop);
}

static void on_closed(void *arg)
{
    loop_stop(arg);
}

static void test_services_on_threads(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct loop *home = loop_new(&err);
    struct apiserver *api = NULL;
    struct apiserver_options o = { 0 };
    CHECK_OK(apiserver_new(&api, home, &o, &err), err);
    struct service services[SERVICES] = { 0 };
    _Atomic int left = SERVICES;
    for (int i = 0; i < SERVICES; i++) {
        struct service *s = &services[i];
        *s = (struct service){ .api = api, .number = i, .home = home, .left = &left };
        s->loop = loop_new(&err);
        s->t = apiserver_transport(api, s->loop, STR("service"), NULL, 0);
        s->thread = thread_start("service", run_service, s, &err);
        CHECK(s->thread != NULL);
    }
    loop_run(home);
    for (int i = 0; i < SERVICES; i++) {
        thread_join(services[i].thread);
        CHECK(services[i].seen >= SERVICES * WRITES);
    }
    apiserver_close(api, on_closed, home);
    loop_run(home);
    apiserver_free(api);
    for (int i = 0; i < SERVICES; i++)
        loop_free(services[i].loop);
    loop_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_services_on_threads),
    };
    return CHECK_MAIN(tests);
}
