/* SPDX-License-Identifier: Apache-2.0
 * Services on threads of their own write and watch through in-process transports while the API
 * server runs on its loop. Run under ThreadSanitizer too. */
#include <stdio.h>
#include <stdlib.h>

#include "apiserver/apiserver.h"
#include "io/file.h"
#include "testkit/check.h"

#define SERVICES 3
#define WRITES 60
#define HASTY 20 /* services that go at once */

struct service {
    struct apiserver *api;
    struct loop *loop;
    struct transport *t;
    struct thread *thread;
    int number, written, seen;
    struct call *watch;
    struct loop *home;
    int *left; /* home loop only */
};

/* On the home loop, after it has seen the transport close: nothing more comes to the service. */
static void end_service(void *arg)
{
    struct service *s = arg;
    loop_stop(s->loop);
    thread_join(s->thread);
    loop_free(s->loop);
    if (--*s->left == 0)
        loop_stop(s->home);
}

static void maybe_end(struct service *s)
{
    if (s->written < WRITES || s->seen < SERVICES * WRITES)
        return;
    s->t->ops->cancel(s->watch);
    s->t->ops->close(s->t);
    loop_post(s->home, end_service, s);
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

static struct call *write_one(struct service *s, reply_fn done)
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
    struct call *c = s->t->ops->start(s->t, &r, done, s);
    json_doc_unref(doc);
    return c;
}

static void write_next(struct service *s)
{
    write_one(s, on_written);
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
    int left = SERVICES;
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
        CHECK(services[i].seen >= SERVICES * WRITES);
    }
    apiserver_close(api, on_closed, home);
    loop_run(home);
    apiserver_free(api);
    loop_free(home);
}

static void on_cancelled(void *arg, const struct reply *r, const struct err *err)
{
    (void)arg;
    (void)r;
    (void)err;
    CHECK(false); /* no callback after cancel */
}

static void run_hasty(void *arg)
{
    struct service *s = arg;
    s->t->ops->cancel(write_one(s, on_cancelled));
    s->t->ops->close(s->t);
    loop_post(s->home, end_service, s);
    loop_run(s->loop);
}

static void test_a_service_goes_with_a_write_under_way(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct loop *home = loop_new(&err);
    char folder[] = "/tmp/inproc_threads_test.XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    struct apiserver *api = NULL;
    struct apiserver_options o = { .data_dir = folder }; /* a write takes a while */
    CHECK_OK(apiserver_new(&api, home, &o, &err), err);
    for (int i = 0; i < HASTY; i++) {
        int left = 1;
        struct service s = { .api = api, .number = i, .home = home, .left = &left };
        s.loop = loop_new(&err);
        s.t = apiserver_transport(api, s.loop, STR("service"), NULL, 0);
        s.thread = thread_start("service", run_hasty, &s, &err);
        loop_run(home);
    }
    apiserver_close(api, on_closed, home);
    loop_run(home);
    apiserver_free(api);
    loop_free(home);
    CHECK_OK(file_remove_tree(folder, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_services_on_threads),
        cmocka_unit_test(test_a_service_goes_with_a_write_under_way),
    };
    return CHECK_MAIN(tests);
}
