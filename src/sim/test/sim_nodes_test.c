/* SPDX-License-Identifier: Apache-2.0
 * The calls that simulated nodes make: registration, Leases, and the writes of a pod's life. The
 * test is the server (fake_transport.h). */
#include "sim/sim_nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client/test/fake_transport.h"
#include "sim/life.h"
#include "testkit/check.h"

struct world {
    struct loop *loop;
    struct fake_transport *fake;
    struct sim_nodes *nodes;
};

static struct world world_new(const struct sim_group *groups, size_t n)
{
    struct world w = { .loop = loop_new(NULL) };
    w.fake = fake_transport_new(w.loop);
    w.nodes = sim_nodes_new(fake_transport_base(w.fake), &(struct sim_options){ groups, n });
    return w;
}

static void world_free(struct world *w)
{
    sim_nodes_free(w->nodes);
    CHECK_I64(fake_pending(w->fake), 0); /* every call was answered or cancelled */
    fake_transport_free(w->fake);
    loop_free(w->loop);
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static void run_for(struct world *w, int64_t ms)
{
    struct timer *t = timer_new(w->loop, stop, w->loop);
    timer_start(t, ms * NS_PER_MS);
    loop_run(w->loop);
    timer_free(t);
}

/* Index of the oldest waiting call of that verb and path; -1: none. */
static int find(struct world *w, enum verb verb, const char *path)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *c = fake_at(w->fake, i);
        if (c->verb == verb && strcmp(c->path, path) == 0)
            return (int)i;
    }
    return -1;
}

static size_t need(struct world *w, enum verb verb, const char *path)
{
    int i = find(w, verb, path);
    if (i < 0)
        CHECK_CSTR("no such call", path);
    return (size_t)i;
}

static struct str body(struct world *w, size_t call, const char *path)
{
    return json_str(json_path(json_root(fake_at(w->fake, call)->body), path));
}

static void test_names_and_registration(void **state)
{
    (void)state;
    const struct str names[] = { STR("edge") };
    const struct sim_label labels[] = { { STR("zone"), STR("a") } };
    const struct sim_taint taints[] = { { STR("edge"), STR("yes"), STR("NoSchedule") } };
    const struct sim_shape *cpu = sim_shape_find(STR("cpu"));
    const struct sim_group groups[] = {
        { .shape = cpu, .n = 1 },
        { .shape = cpu,
          .n = 1,
          .names = names,
          .labels = labels,
          .n_labels = 1,
          .taints = taints,
          .n_taints = 1 },
        { .shape = cpu, .n = 1, .prefix = STR("big-") },
        { .shape = cpu, .n = 1, .prefix = STR("sim-") },
    };
    static const char *const want[] = { "sim-0", "edge", "big-0", "sim-1" };
    struct world w = world_new(groups, COUNT_OF(groups));
    size_t seen = 0;
    for (size_t i = 0; i < fake_pending(w.fake); i++) {
        if (fake_at(w.fake, i)->verb != VERB_CREATE)
            continue;
        CHECK(seen < COUNT_OF(want));
        CHECK_STR_EQ(body(&w, i, "metadata.name"), str_from(want[seen++]));
        if (seen != 2)
            continue;
        CHECK_STR(body(&w, i, "metadata.labels.zone"), "a");
        struct json taint = json_path(json_root(fake_at(w.fake, i)->body), "spec.taints");
        CHECK_STR(json_text(taint),
                  "[{\"key\":\"edge\",\"value\":\"yes\",\"effect\":\"NoSchedule\"}]");
    }
    CHECK_I64(seen, 4);
    world_free(&w);
}

/* After a restart the Node and its Lease exist: both are brought up to date. */
static void test_what_exists_is_refreshed(void **state)
{
    (void)state;
    const struct sim_group one = { .shape = sim_shape_find(STR("cpu")), .n = 1 };
    struct world w = world_new(&one, 1);
    int at = -1;
    for (size_t i = 0; i < fake_pending(w.fake); i++)
        if (fake_at(w.fake, i)->verb == VERB_CREATE)
            at = (int)i;
    CHECK(at >= 0);
    fake_reply(w.fake, (size_t)at, 409, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":409}");
    size_t status = need(&w, VERB_PATCH, "nodes//sim-0/status");
    CHECK_STR(body(&w, status, "status.capacity.cpu"), "64");
    need(&w, VERB_PATCH, "nodes//sim-0/");
    for (size_t i = 0; i < fake_pending(w.fake); i++)
        if (fake_at(w.fake, i)->verb == VERB_CREATE)
            at = (int)i;
    CHECK_STR(body(&w, (size_t)at, "spec.holderIdentity"), "sim-0");
    fake_reply(w.fake, (size_t)at, 409, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":409}");
    need(&w, VERB_PATCH, "leases/kube-node-lease/sim-0/");
    world_free(&w);
}

static void remember(void *arg, struct str line)
{
    buf_str(arg, line);
}

/* A disk without room refuses the refresh of a node that is there: the log says why. */
static void test_a_refused_refresh_says_why(void **state)
{
    (void)state;
    const struct sim_group one = { .shape = sim_shape_find(STR("cpu")), .n = 1 };
    struct world w = world_new(&one, 1);
    struct buf log;
    buf_init(&log, 65536);
    log_set_sink(remember, &log);
    fake_reply(w.fake, need(&w, VERB_CREATE, "nodes///"), 409,
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":409}");
    fake_reply(w.fake, need(&w, VERB_PATCH, "nodes//sim-0/status"), 503,
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":503,"
               "\"message\":\"no space left on the disk\"}");
    fake_fail(w.fake, need(&w, VERB_PATCH, "nodes//sim-0/"), ERR_IO);
    log_set_sink(NULL, NULL);
    CHECK(strstr(log.p, "no space left on the disk") != NULL);
    CHECK(strstr(log.p, "the test says so") != NULL);
    buf_fini(&log);
    world_free(&w);
}

static const char *pod(char out[600], const char *node, const char *more, const char *status)
{
    snprintf(out, 600,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
             "\"p\",\"uid\":\"u1\",\"resourceVersion\":\"7\",\"annotations\":"
             "{\"sim.ganglion.io/run-seconds\":\"0\",\"sim.ganglion.io/exit-code\":\"2\"}%s},"
             "\"spec\":{\"nodeName\":\"%s\",\"restartPolicy\":\"Never\",\"containers\":"
             "[{\"name\":\"c\",\"image\":\"i\"}]},\"status\":{\"phase\":\"%s\"}}",
             more, node, status);
    return out;
}

static void list_pods(struct world *w, const char *object)
{
    fake_reply_list(w->fake, need(w, VERB_LIST, "pods///"),
                    &(struct fake_page){ 7, "", &object, 1 });
}

static void test_a_pod_starts_ends_and_goes(void **state)
{
    (void)state;
    const struct sim_group one = { .shape = sim_shape_find(STR("cpu")), .n = 1 };
    struct world w = world_new(&one, 1);
    char text[600];
    list_pods(&w, pod(text, "sim-0", "", "Pending"));
    CHECK_I64(find(&w, VERB_PATCH, "pods/d/p/status"), -1); /* starting takes its time */
    run_for(&w, (SIM_START_NS / NS_PER_MS) + 100);
    size_t call = need(&w, VERB_PATCH, "pods/d/p/status");
    CHECK_STR(body(&w, call, "status.phase"), "Running");
    CHECK_STR(body(&w, call, "metadata.uid"), "u1");
    fake_event(w.fake, need(&w, VERB_WATCH, "pods///"), EVENT_MODIFIED,
               pod(text, "sim-0", "", "Running"));
    fake_reply(w.fake, need(&w, VERB_PATCH, "pods/d/p/status"), 200, text);
    run_for(&w, 100);
    call = need(&w, VERB_PATCH, "pods/d/p/status");
    CHECK_STR(body(&w, call, "status.phase"), "Failed");
    fake_reply(w.fake, call, 200, pod(text, "sim-0", "", "Failed"));
    fake_event(w.fake, need(&w, VERB_WATCH, "pods///"), EVENT_MODIFIED,
               pod(text, "sim-0", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", "Failed"));
    run_for(&w, 100);
    need(&w, VERB_DELETE, "pods/d/p/");
    world_free(&w);
}

static void test_a_refused_write_is_tried_again(void **state)
{
    (void)state;
    const struct sim_group one = { .shape = sim_shape_find(STR("cpu")), .n = 1 };
    struct world w = world_new(&one, 1);
    char text[600];
    list_pods(&w, pod(text, "sim-0", "", "Pending"));
    run_for(&w, (SIM_START_NS / NS_PER_MS) + 100);
    fake_reply(w.fake, need(&w, VERB_PATCH, "pods/d/p/status"), 409,
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":409}");
    CHECK_I64(find(&w, VERB_PATCH, "pods/d/p/status"), -1);
    run_for(&w, 150);
    need(&w, VERB_PATCH, "pods/d/p/status");
    world_free(&w);
}

/* The answer to a write comes before the watch shows it: the old picture is not acted on again. */
static void test_a_write_is_not_repeated(void **state)
{
    (void)state;
    const struct sim_group one = { .shape = sim_shape_find(STR("cpu")), .n = 1 };
    struct world w = world_new(&one, 1);
    char text[600];
    list_pods(&w, pod(text, "sim-0", "", "Pending"));
    run_for(&w, (SIM_START_NS / NS_PER_MS) + 100);
    pod(text, "sim-0", "", "Running");
    strstr(text, "\"7\"")[1] = '8'; /* the revision */
    fake_reply(w.fake, need(&w, VERB_PATCH, "pods/d/p/status"), 200, text);
    run_for(&w, 50);
    CHECK_I64(find(&w, VERB_PATCH, "pods/d/p/status"), -1);
    fake_event(w.fake, need(&w, VERB_WATCH, "pods///"), EVENT_MODIFIED, text);
    run_for(&w, 100);
    size_t call = need(&w, VERB_PATCH, "pods/d/p/status");
    CHECK_STR(body(&w, call, "status.phase"), "Failed");
    world_free(&w);
}

static void test_pods_of_other_nodes_are_left_alone(void **state)
{
    (void)state;
    const struct sim_group one = { .shape = sim_shape_find(STR("cpu")), .n = 1 };
    struct world w = world_new(&one, 1);
    char text[600];
    list_pods(&w, pod(text, "elsewhere", "", "Pending"));
    run_for(&w, (SIM_START_NS / NS_PER_MS) + 100);
    CHECK_I64(find(&w, VERB_PATCH, "pods/d/p/status"), -1);
    world_free(&w);
}

static void test_labelled_nodes_are_adopted(void **state)
{
    (void)state;
    struct world w = world_new(NULL, 0);
    const char *node = "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"mine\","
                       "\"labels\":{\"node.ganglion.io/executor\":\"simulated\","
                       "\"sim.ganglion.io/shape\":\"small\"}}}";
    fake_reply_list(w.fake, need(&w, VERB_LIST, "nodes///"),
                    &(struct fake_page){ 7, "", &node, 1 });
    size_t status = need(&w, VERB_PATCH, "nodes//mine/status");
    CHECK_STR(body(&w, status, "status.capacity.cpu"), "4");
    /* and forgotten when they go, with calls still under way */
    fake_event(w.fake, need(&w, VERB_WATCH, "nodes///"), EVENT_DELETED, node);
    fake_reply(w.fake, need(&w, VERB_PATCH, "nodes//mine/status"), 404,
               "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":404}");
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_registration),
        cmocka_unit_test(test_what_exists_is_refreshed),
        cmocka_unit_test(test_a_refused_refresh_says_why),
        cmocka_unit_test(test_a_pod_starts_ends_and_goes),
        cmocka_unit_test(test_a_refused_write_is_tried_again),
        cmocka_unit_test(test_a_write_is_not_repeated),
        cmocka_unit_test(test_pods_of_other_nodes_are_left_alone),
        cmocka_unit_test(test_labelled_nodes_are_adopted),
    };
    return CHECK_MAIN(tests);
}
