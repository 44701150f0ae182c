/* SPDX-License-Identifier: Apache-2.0
 * The service against a transport whose peer is the test: what it asks of the API, and what it does
 * with the answers. */
#include "scheduler/service/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/test/fake_transport.h"
#include "io/http.h"
#include "io/loop.h"
#include "scheduler/service/metrics.h"
#include "testkit/check.h"

struct world {
    struct loop *loop;
    struct fake_transport *fake;
    struct scheduler *s;
};

static void stop(void *loop)
{
    loop_stop(loop);
}

static void run_briefly(struct world *w, int64_t ms)
{
    struct timer *t = timer_new(w->loop, stop, w->loop);
    timer_start(t, ms * NS_PER_MS);
    loop_run(w->loop);
    timer_free(t);
}

/* Index of the first pending call whose path starts so; fails when there is none. */
static size_t find(struct world *w, const char *path)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        if (strncmp(fake_at(w->fake, i)->path, path, strlen(path)) == 0)
            return i;
    }
    for (size_t i = 0; i < fake_pending(w->fake); i++)
        print_message("pending: %s\n", fake_at(w->fake, i)->path);
    print_message("wanted: %s\n", path);
    CHECK(false);
    return 0;
}

static bool is_pending(struct world *w, const char *path)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        if (strncmp(fake_at(w->fake, i)->path, path, strlen(path)) == 0)
            return true;
    }
    return false;
}

static const char *node_json(char out[512], const char *name)
{
    snprintf(out, 512,
             "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\","
             "\"resourceVersion\":\"3\"},\"status\":{\"allocatable\":{\"cpu\":\"4\","
             "\"memory\":\"8Gi\",\"pods\":\"10\",\"nvidia.com/gpu\":\"2\"}}}",
             name);
    return out;
}

static const char *pod_json(char out[768], const char *name, int gpus, const char *node, int rv)
{
    snprintf(out, 768,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\","
             "\"name\":\"%s\",\"uid\":\"u-%s\",\"resourceVersion\":\"%d\"},\"spec\":{%s%s%s"
             "\"schedulerName\":\"ganglion\",\"containers\":[{\"name\":\"c\",\"resources\":{"
             "\"requests\":{\"cpu\":\"1\",\"nvidia.com/gpu\":\"%d\"}}}]}}",
             name, name, rv, node ? "\"nodeName\":\"" : "", node ? node : "", node ? "\"," : "",
             gpus);
    return out;
}

static void answer_list(struct world *w, const char *path, const char *const *objects, size_t n)
{
    const struct fake_page page = { .revision = 5, .objects = objects, .n = n };
    fake_reply_list(w->fake, find(w, path), &page);
}

/* Lists are answered: one node, these pods, nothing else. */
static struct world *world_configured(struct str config,
                                      const char *const *pods,
                                      size_t n_pods,
                                      const char *const *mirrors,
                                      size_t n_mirrors)
{
    const struct scheduler_options options = { .config = config };
    struct err err = { 0 };
    static const char *const empty[] = { "namespaces",
                                         "services",
                                         "replicasets",
                                         "statefulsets",
                                         "replicationcontrollers",
                                         "poddisruptionbudgets",
                                         "deviceclasses",
                                         "resourceslices",
                                         "resourceclaims",
                                         "persistentvolumes",
                                         "persistentvolumeclaims",
                                         "storageclasses",
                                         "csinodes",
                                         "csidrivers",
                                         "csistoragecapacities",
                                         "volumeattachments",
                                         "resourcereservations" };
    struct world *w = MEM_NEW(struct world);
    char node[512];
    const char *nodes[] = { node_json(node, "n0") };
    w->loop = loop_new(NULL);
    w->fake = fake_transport_new(w->loop);
    w->s = scheduler_new(fake_transport_base(w->fake), &options, &err);
    CHECK_OK(w->s ? 0 : -1, err);
    scheduler_start(w->s);
    run_briefly(w, 5);
    for (size_t i = 0; i < COUNT_OF(empty); i++)
        answer_list(w, empty[i], NULL, 0);
    answer_list(w, "podgroups", mirrors, n_mirrors);
    answer_list(w, "pods", pods, n_pods);
    CHECK(!is_pending(w, "pods/d")); /* nothing is decided before the nodes are known */
    answer_list(w, "nodes", nodes, 1);
    run_briefly(w, 20);
    return w;
}

static struct world *
world_with(const char *const *pods, size_t n_pods, const char *const *mirrors, size_t n_mirrors)
{
    return world_configured(STR(""), pods, n_pods, mirrors, n_mirrors);
}

static struct world *world_new(const char *const *pods, size_t n_pods)
{
    return world_with(pods, n_pods, NULL, 0);
}

static void world_free(struct world *w)
{
    scheduler_free(w->s);
    CHECK_I64(fake_pending(w->fake), 0);
    fake_transport_free(w->fake);
    loop_free(w->loop);
    free(w);
}

static size_t find_bind(struct world *w)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        if (fake_at(w->fake, i)->is_bind)
            return i;
    }
    return find(w, "(no bind)");
}

static bool has_bind(struct world *w)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        if (fake_at(w->fake, i)->is_bind)
            return true;
    }
    return false;
}

static void test_binds_and_records(void **state)
{
    (void)state;
    char pod[768];
    const char *pods[] = { pod_json(pod, "a", 1, NULL, 4) };
    struct world *w = world_new(pods, 1);
    fake_reply(w->fake, find_bind(w), 201, "{\"kind\":\"Status\",\"status\":\"Success\"}");
    run_briefly(w, 20);
    CHECK(is_pending(w, "events"));
    CHECK(!has_bind(w));
    world_free(w);
}

static void test_refused_bind_is_tried_again(void **state)
{
    (void)state;
    char pod[768];
    const char *pods[] = { pod_json(pod, "a", 2, NULL, 4) };
    struct world *w = world_new(pods, 1);
    fake_reply(w->fake, find_bind(w), 409,
               "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"no\"}");
    run_briefly(w, 100);
    CHECK(!has_bind(w));
    run_briefly(w, 1100);
    CHECK(has_bind(w));
    world_free(w);
}

static void test_tells_why_once(void **state)
{
    (void)state;
    char pod[768];
    const char *pods[] = { pod_json(pod, "a", 3, NULL, 4) };
    struct world *w = world_new(pods, 1);
    size_t at = find(w, "pods/d/a/status");
    struct json body = json_root(fake_at(w->fake, at)->body);
    struct json c = json_path(body, "status.conditions.0");
    CHECK_STR(json_str(json_get(c, STR("reason"))), "Unschedulable");
    CHECK_STR(json_str(json_get(c, STR("message"))),
              "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes "
              "are available: 1 Preemption is not helpful for scheduling.");
    CHECK_STR(json_str(json_path(body, "metadata.uid")), "u-a");
    struct str why = json_str(
        json_get(json_path(body, "metadata.annotations"), STR("scheduling.ganglion.io/why")));
    CHECK(str_find(why, STR("Insufficient nvidia.com/gpu")) > 0);
    CHECK(is_pending(w, "events"));
    world_free(w);
}

static void test_placed_pods_fill_the_ledger(void **state)
{
    (void)state;
    char one[768], two[768];
    const char *pods[] = { pod_json(one, "a", 2, "n0", 4), pod_json(two, "b", 1, NULL, 4) };
    struct world *w = world_new(pods, 2);
    CHECK(!has_bind(w));
    char gone[768];
    fake_event(w->fake, find(w, "pods"), EVENT_DELETED, pod_json(gone, "a", 2, "n0", 6));
    run_briefly(w, 20);
    CHECK(has_bind(w)); /* woken by the room that came free */
    world_free(w);
}

/* ---- gangs ---- */

static const char *member_json(char out[768], const char *name, const char *phase, int rv)
{
    snprintf(out, 768,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\","
             "\"name\":\"%s\",\"uid\":\"u-%s\",\"resourceVersion\":\"%d\",\"labels\":{"
             "\"pod-group.scheduling.kubenexus.io/name\":\"g\","
             "\"pod-group.scheduling.kubenexus.io/min-available\":\"2\"},\"ownerReferences\":["
             "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"name\":\"j\",\"uid\":\"u-j\","
             "\"controller\":true}]},\"spec\":{%s\"schedulerName\":\"ganglion\",\"containers\":["
             "{\"name\":\"c\"}]},\"status\":{\"phase\":\"%s\"}}",
             name, name, rv, *phase == 'R' || *phase == 'S' ? "\"nodeName\":\"n0\"," : "", phase);
    return out;
}

static size_t count(struct world *w, enum verb verb, const char *path)
{
    size_t n = 0;
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *c = fake_at(w->fake, i);
        n += !c->is_watch && c->verb == verb && strncmp(c->path, path, strlen(path)) == 0;
    }
    return n;
}

static struct json status_of(struct world *w, size_t call)
{
    return json_get(json_root(fake_at(w->fake, call)->body), STR("status"));
}

static void test_a_gang_has_one_mirror(void **state)
{
    (void)state;
    char a[768], b[768];
    const char *pods[] = { member_json(a, "a", "Pending", 4), member_json(b, "b", "Pending", 5) };
    struct world *w = world_new(pods, 2);
    fake_reply(w->fake, find_bind(w), 201, "{\"kind\":\"Status\",\"status\":\"Success\"}");
    run_briefly(w, 150);
    CHECK_I64(count(w, VERB_CREATE, "podgroups/d"), 1);
    size_t at = find(w, "podgroups/d");
    struct json made = json_root(fake_at(w->fake, at)->body);
    CHECK_STR(json_str(json_path(made, "metadata.name")), "g");
    CHECK_STR(json_str(json_path(made, "metadata.ownerReferences.0.uid")), "u-j");
    CHECK_I64(json_i64_or(json_path(made, "spec.minMember"), 0), 2);
    fake_reply(w->fake, at, 201, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"g\"}}");
    run_briefly(w, 10);
    at = find(w, "podgroups/d/g/status");
    CHECK_STR(json_str(json_get(status_of(w, at), STR("phase"))), "Scheduled");
    CHECK_I64(json_i64_or(json_path(status_of(w, at), "plan.0.members"), 0), 2);
    fake_reply(w->fake, at, 200, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"g\"}}");
    /* both run: one write for both */
    fake_event(w->fake, find(w, "pods"), EVENT_MODIFIED, member_json(a, "a", "Running", 6));
    fake_event(w->fake, find(w, "pods"), EVENT_MODIFIED, member_json(b, "b", "Running", 7));
    run_briefly(w, 150);
    CHECK_I64(count(w, VERB_CREATE, "podgroups"), 0);
    CHECK_I64(count(w, VERB_PATCH, "podgroups/d/g/status"), 1);
    at = find(w, "podgroups/d/g/status");
    CHECK_STR(json_str(json_get(status_of(w, at), STR("phase"))), "Running");
    fake_reply(w->fake, at, 200, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"g\"}}");
    fake_event(w->fake, find(w, "pods"), EVENT_MODIFIED, member_json(a, "a", "Succeeded", 8));
    fake_event(w->fake, find(w, "pods"), EVENT_MODIFIED, member_json(b, "b", "Succeeded", 9));
    run_briefly(w, 150);
    at = find(w, "podgroups/d/g/status");
    CHECK_STR(json_str(json_get(status_of(w, at), STR("phase"))), "Finished");
    CHECK_I64(json_i64_or(json_get(status_of(w, at), STR("succeeded")), 0), 2);
    world_free(w);
}

static void test_a_lone_pod_has_no_mirror(void **state)
{
    (void)state;
    char pod[768];
    const char *pods[] = { pod_json(pod, "a", 1, NULL, 4) };
    struct world *w = world_new(pods, 1);
    fake_reply(w->fake, find_bind(w), 201, "{\"kind\":\"Status\",\"status\":\"Success\"}");
    run_briefly(w, 150);
    CHECK_I64(count(w, VERB_CREATE, "podgroups"), 0);
    CHECK_I64(count(w, VERB_PATCH, "podgroups"), 0);
    world_free(w);
}

/* On a cluster without our definition gangs start all the same. */
static void test_no_mirror_where_it_is_not_served(void **state)
{
    (void)state;
    char a[768], b[768];
    const char *pods[] = { member_json(a, "a", "Pending", 4), member_json(b, "b", "Pending", 5) };
    struct world *w = world_new(pods, 2);
    CHECK(has_bind(w));
    run_briefly(w, 150);
    fake_reply(w->fake, find(w, "podgroups/d"), 404,
               "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":404}");
    run_briefly(w, 300);
    CHECK_I64(count(w, VERB_CREATE, "podgroups"), 0); /* not before half a minute */
    world_free(w);
}

/* ---- members to come ---- */

static const char *driver_json(char out[1024], const char *node)
{
    snprintf(
        out, 1024,
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\","
        "\"name\":\"driver\",\"uid\":\"u-driver\",\"resourceVersion\":\"4\",\"labels\":{"
        "\"applicationId\":\"app\"},\"annotations\":{"
        "\"yunikorn.apache.org/task-group-name\":\"driver\","
        "\"yunikorn.apache.org/task-groups\":\"[{\\\"name\\\":\\\"driver\\\",\\\"minMember\\\":1},"
        "{\\\"name\\\":\\\"executor\\\",\\\"minMember\\\":1,\\\"minResource\\\":"
        "{\\\"nvidia.com/gpu\\\":\\\"2\\\"}}]\"}},\"spec\":{%s\"schedulerName\":\"ganglion\","
        "\"containers\":[{\"name\":\"c\"}]}}",
        node ? "\"nodeName\":\"n0\"," : "");
    return out;
}

static void test_places_are_recorded_before_the_bind(void **state)
{
    (void)state;
    char driver[1024];
    const char *pods[] = { driver_json(driver, NULL) };
    struct world *w = world_new(pods, 1);
    const char *mirror = "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"app\"}}";
    run_briefly(w, 150);
    fake_reply(w->fake, find(w, "podgroups/d"), 201, mirror);
    run_briefly(w, 10);
    fake_reply(w->fake, find(w, "podgroups/d/app/status"), 200, mirror); /* it waits */
    run_briefly(w, 1000); /* others may arrive meanwhile */
    CHECK(!has_bind(w));
    size_t at = find(w, "podgroups/d/app/status");
    CHECK_STR(json_str(json_path(status_of(w, at), "reservations.0.role")), "executor");
    CHECK_STR(json_str(json_path(status_of(w, at), "reservations.0.node")), "n0");
    CHECK(json_str(json_get(status_of(w, at), STR("reservedUntil"))).n > 0);
    CHECK_STR(json_str(json_get(status_of(w, at), STR("reason"))), "PlacesHeld");
    fake_reply(w->fake, at, 200, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"app\"}}");
    run_briefly(w, 20);
    CHECK(has_bind(w));
    world_free(w);
}

static void test_recorded_places_outlive_the_scheduler(void **state)
{
    (void)state;
    static const struct {
        const char *until;
        bool held;
    } rows[] = { { "2099-01-01T00:00:00Z", true }, { "2001-01-01T00:00:00Z", false } };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char driver[1024], other[768], mirror[512];
        snprintf(mirror, sizeof mirror,
                 "{\"apiVersion\":\"aiplatform.ganglion.io/v1alpha1\",\"kind\":\"PodGroup\","
                 "\"metadata\":{\"namespace\":\"d\",\"name\":\"app\",\"annotations\":{"
                 "\"scheduling.ganglion.io/mirror-of\":\"YuniKorn\"}},\"status\":{"
                 "\"reservations\":[{\"role\":\"executor\",\"node\":\"n0\"}],"
                 "\"reservedUntil\":\"%s\"}}",
                 rows[i].until);
        const char *pods[] = { driver_json(driver, "n0"), pod_json(other, "other", 1, NULL, 5) };
        const char *mirrors[] = { mirror };
        struct world *w = world_with(pods, 2, mirrors, 1);
        CHECK(has_bind(w) == !rows[i].held); /* the other one takes what is not held */
        world_free(w);
    }
}

/* Of the calls that wait, the one with this verb and path; fails when there is none. */
static size_t find_verb(struct world *w, enum verb verb, const char *path)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        if (fake_at(w->fake, i)->verb == verb && strcmp(fake_at(w->fake, i)->path, path) == 0)
            return i;
    }
    return find(w, "(no call with this verb)");
}

#define HIGH                                                                                       \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"high\"," \
    "\"uid\":\"u-high\",\"resourceVersion\":\"4\"},\"spec\":{\"schedulerName\":\"ganglion\","      \
    "\"priority\":7,\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"1\","   \
    "\"nvidia.com/gpu\":\"2\"}}}]}}"

/* Nobody is marked before the API knows for which node the pod waits. */
static void answer_nomination(struct world *w)
{
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *call = fake_at(w->fake, i);
        CHECK(strcmp(call->path, "pods/d/low/status") != 0);
        if (strcmp(call->path, "pods/d/high/status") != 0 ||
            !str_is(json_str(json_path(json_root(call->body), "status.nominatedNodeName")), "n0"))
            continue;
        fake_reply(w->fake, i, 200, HIGH);
        run_briefly(w, 20);
        return;
    }
    CHECK(false);
}

static void test_victims_are_marked_then_deleted(void **state)
{
    (void)state;
    char low[768];
    const char *pods[] = { pod_json(low, "low", 2, "n0", 4), HIGH };
    struct world *w = world_new(pods, 2);
    answer_nomination(w);
    size_t at = find_verb(w, VERB_PATCH, "pods/d/low/status");
    struct json c = json_path(json_root(fake_at(w->fake, at)->body), "status.conditions.0");
    CHECK_STR(json_str(json_get(c, STR("type"))), "DisruptionTarget");
    CHECK_STR(json_str(json_get(c, STR("reason"))), "PreemptionByScheduler");
    fake_reply(w->fake, at, 200, low);
    run_briefly(w, 20);
    at = find_verb(w, VERB_DELETE, "pods/d/low/");
    fake_reply(w->fake, at, 200, low);
    run_briefly(w, 20);
    CHECK(!has_bind(w)); /* the victim is not gone yet */
    world_free(w);
}

/* A victim that asks for it is told first, has its time, and is deleted then. */
static void test_a_victim_may_write_a_checkpoint(void **state)
{
    (void)state;
    static const char low[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":"
        "\"low\","
        "\"uid\":\"u-low\",\"resourceVersion\":\"4\",\"annotations\":{"
        "\"scheduling.ganglion.io/checkpoint-time\":\"100ms\"}},\"spec\":{\"nodeName\":\"n0\","
        "\"schedulerName\":\"ganglion\",\"containers\":[{\"name\":\"c\",\"resources\":{"
        "\"requests\":{\"cpu\":\"1\",\"nvidia.com/gpu\":\"2\"}}}]}}";
    const char *pods[] = { low, HIGH };
    struct world *w = world_new(pods, 2);
    answer_nomination(w);
    fake_reply(w->fake, find_verb(w, VERB_PATCH, "pods/d/low/status"), 200, low);
    run_briefly(w, 20);
    size_t at = find_verb(w, VERB_PATCH, "pods/d/low/");
    struct json meta = json_get(json_root(fake_at(w->fake, at)->body), STR("metadata"));
    struct wall by;
    CHECK(wall_parse(json_str(json_get(json_get(meta, STR("annotations")),
                                       STR("scheduling.ganglion.io/checkpoint-by"))),
                     &by));
    CHECK_STR(json_str(json_get(meta, STR("uid"))), "u-low");
    fake_reply(w->fake, at, 200, low);
    for (int waited = 0; count(w, VERB_DELETE, "pods/d/low") == 0; waited++) {
        CHECK(waited < 1000);
        run_briefly(w, 10);
    }
    CHECK(loop_wall(w->loop).ns >= by.ns);
    world_free(w);
}

static void test_refused_evictions_are_given_up(void **state)
{
    (void)state;
    char low[768];
    const char *pods[] = { pod_json(low, "low", 2, "n0", 4), HIGH };
    struct world *w = world_new(pods, 2);
    answer_nomination(w);
    fake_reply(w->fake, find_verb(w, VERB_PATCH, "pods/d/low/status"), 403,
               "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"no\"}");
    run_briefly(w, 50);
    for (size_t i = 0; i < fake_pending(w->fake); i++)
        CHECK(fake_at(w->fake, i)->verb != VERB_DELETE);
    world_free(w);
}

/* A node that the API says is kept for a pod, where nobody could leave for it any more. */
static void test_a_nomination_that_is_history_is_cleared(void **state)
{
    (void)state;
    const char *pods[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"p\","
        "\"uid\":\"u-p\",\"resourceVersion\":\"4\"},\"spec\":{\"schedulerName\":\"ganglion\","
        "\"priority\":9,\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{"
        "\"nvidia.com/gpu\":\"5\"}}}]},\"status\":{\"nominatedNodeName\":\"n0\"}}"
    };
    struct world *w = world_new(pods, 1);
    size_t cleared = 0;
    for (size_t i = 0; i < fake_pending(w->fake); i++) {
        const struct fake_call *call = fake_at(w->fake, i);
        struct json name = json_path(json_root(call->body), "status.nominatedNodeName");
        cleared += strcmp(call->path, "pods/d/p/status") == 0 && json_type(name) == JSON_NULL;
    }
    CHECK_I64(cleared, 1);
    world_free(w);
}

/* YuniKorn's Hard gang that cannot start in time: its members fail, and events say so. */
static void test_a_late_gang_fails(void **state)
{
    (void)state;
    const char *pods[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"a\","
        "\"uid\":\"u-a\",\"resourceVersion\":\"4\",\"labels\":{\"applicationId\":\"app\"},"
        "\"annotations\":{\"yunikorn.apache.org/task-group-name\":\"w\","
        "\"yunikorn.apache.org/schedulingPolicyParameters\":"
        "\"placeholderTimeoutInSeconds=1 gangSchedulingStyle=Hard\","
        "\"yunikorn.apache.org/task-groups\":\"[{\\\"name\\\":\\\"w\\\",\\\"minMember\\\":2}]\"}},"
        "\"spec\":{\"schedulerName\":\"ganglion\",\"containers\":[{\"name\":\"c\"}]}}"
    };
    struct world *w = world_new(pods, 1);
    run_briefly(w, 1000);
    while (is_pending(w, "pods/d/a/status"))
        fake_reply(w->fake, find(w, "pods/d/a/status"), 200, pods[0]);
    run_briefly(w, 1000);
    struct json body = json_root(fake_at(w->fake, find(w, "pods/d/a/status"))->body);
    CHECK_STR(json_str(json_path(body, "status.phase")), "Failed");
    CHECK_STR(json_str(json_path(body, "status.reason")), "ResourceReservationTimeout");
    CHECK(str_find(json_str(json_path(body, "status.message")),
                   STR("could not start within its time-out of 1s")) > 0);
    world_free(w);
}

/* ---- an extender in a process of its own ---- */

/* Paths: /yes lets every node pass, /bind agrees, /html and /liar answer nonsense, /huge answers
 * with more than is read, /never does not answer. */
static void extend(void *arg, struct http_exchange *x, const struct http_request *r)
{
    static char huge[3u << 20];
    static const struct {
        const char *path, *body;
    } answers[] = {
        { "/yes", "{\"NodeNames\":[\"n0\"]}" },
        { "/bind", "{}" },
        { "/preempt", "{\"NodeNameToMetaVictims\":{\"n0\":{\"Pods\":[{\"UID\":\"u-low\"}]}}}" },
        { "/strike", "{\"NodeNameToMetaVictims\":{}}" },
        { "/refuse", "{\"Error\":\"the licence server is down\"}" },
        { "/html", "<html>hello</html>" },
        { "/liar", "{\"NodeNames\":[\"n99\"]}" },
    };
    (void)arg;
    struct http_answer a = { .status = 404, .content_type = STR("application/json") };
    if (str_is(r->path, "/never"))
        return;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (!str_is(r->path, answers[i].path))
            continue;
        a.status = str_is(r->method, "POST") ? 200 : 405;
        a.body = str_from(answers[i].body);
    }
    if (str_is(r->path, "/huge")) {
        memset(huge, ' ', sizeof huge);
        a.status = 200;
        a.body = str_make(huge, sizeof huge);
    }
    http_respond(x, &a);
}

struct extender_process {
    pid_t pid;
    uint16_t port;
};

static void serve_extender(int out)
{
    struct loop *l = loop_new(NULL);
    const struct http_options o = { .address = STR("127.0.0.1"), .handler = extend };
    struct http_server *server;
    if (http_server_new(&server, l, &o, NULL))
        _exit(1);
    uint16_t port = http_server_port(server);
    if (write(out, &port, sizeof port) != sizeof port)
        _exit(1);
    loop_run(l);
    _exit(0);
}

static struct extender_process extender_start(void)
{
    struct extender_process e = { 0 };
    int ends[2];
    CHECK_I64(pipe(ends), 0);
    e.pid = fork();
    if (e.pid == 0)
        serve_extender(ends[1]);
    CHECK(e.pid > 0);
    CHECK_I64(read(ends[0], &e.port, sizeof e.port), sizeof e.port);
    close(ends[0]);
    close(ends[1]);
    return e;
}

static void extender_stop(struct extender_process *e)
{
    kill(e->pid, SIGKILL);
    CHECK_I64(waitpid(e->pid, NULL, 0), e->pid);
}

static struct world *
world_extended_with(uint16_t port, const char *verbs, const char *const *pods, size_t n)
{
    char config[1024];
    snprintf(config, sizeof config,
             "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
             "extenders: [{urlPrefix: 'http://127.0.0.1:%d', nodeCacheCapable: true, httpTimeout: "
             "200ms, %s}]\n",
             port, verbs);
    return world_configured(str_from(config), pods, n, NULL, 0);
}

static struct world *world_extended(uint16_t port, const char *verbs)
{
    char pod[768];
    const char *pods[] = { pod_json(pod, "p", 1, NULL, 4) };
    return world_extended_with(port, verbs, pods, 1);
}

/* Runs until such a call is pending and its body holds the text. */
static bool comes(struct world *w, const char *path, const char *text)
{
    for (int tries = 0; tries < 500; tries++) {
        for (size_t i = 0; i < fake_pending(w->fake); i++) {
            const struct fake_call *c = fake_at(w->fake, i);
            if (strncmp(c->path, path, strlen(path)) == 0 && c->body &&
                str_find(json_doc_text(c->body), str_from(text)) >= 0)
                return true;
        }
        run_briefly(w, 10);
    }
    return false;
}

static void test_an_extender_filters_and_binds(void **state)
{
    (void)state;
    struct extender_process e = extender_start();
    struct world *w = world_extended(e.port, "filterVerb: 'yes', bindVerb: bind");
    CHECK(comes(w, "events/d", "Successfully assigned d/p to n0"));
    CHECK(!has_bind(w)); /* it was the extender's to do */
    world_free(w);
    w = world_extended(e.port, "filterVerb: 'yes'");
    for (int tries = 0; tries < 500 && !has_bind(w); tries++)
        run_briefly(w, 10);
    CHECK(has_bind(w));
    world_free(w);
    extender_stop(&e);
}

#define GANG_POD(name)                                                                             \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"d\",\"name\":\"" name   \
    "\",\"uid\":\"u-" name "\",\"resourceVersion\":\"4\",\"labels\":{"                             \
    "\"scheduling.ganglion.io/pod-group\":\"g\",\"scheduling.ganglion.io/min-available\":\"2\"}}," \
    "\"spec\":{\"schedulerName\":\"ganglion\",\"containers\":[{\"name\":\"c\",\"resources\":{"     \
    "\"requests\":{\"nvidia.com/gpu\":\"1\"}}}]}}"

/* It binds one by one, so the gang's start is on record before the first. */
static void test_an_extender_binds_a_gang(void **state)
{
    (void)state;
    struct extender_process e = extender_start();
    const char *pods[] = { GANG_POD("g0"), GANG_POD("g1") };
    struct world *w = world_extended_with(e.port, "bindVerb: bind", pods, 2);
    CHECK(comes(w, "podgroups/d", "PodGroup"));
    CHECK(!has_bind(w) && !is_pending(w, "events/d"));
    fake_reply(w->fake, find(w, "podgroups/d"), 201,
               "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"g\",\"namespace\":\"d\"}}");
    CHECK(comes(w, "podgroups/d/g/status", "u-g1"));
    run_briefly(w, 50);
    CHECK(!is_pending(w, "events/d")); /* nobody is bound yet */
    fake_reply(w->fake, find(w, "podgroups/d/g/status"), 200,
               "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"g\",\"namespace\":\"d\"}}");
    CHECK(comes(w, "events/d", "Successfully assigned d/g0 to n0"));
    CHECK(comes(w, "events/d", "Successfully assigned d/g1 to n0"));
    CHECK(!has_bind(w));
    world_free(w);
    extender_stop(&e);
}

/* low fills the only node, high is more important. */
static void test_an_extender_decides_about_victims(void **state)
{
    (void)state;
    char low[768];
    const char *pods[] = { pod_json(low, "low", 2, "n0", 4), HIGH };
    struct extender_process e = extender_start();
    struct world *w = world_extended_with(e.port, "preemptVerb: preempt", pods, 2);
    CHECK(comes(w, "pods/d/high/status", "nominatedNodeName"));
    world_free(w);
    w = world_extended_with(e.port, "preemptVerb: strike", pods, 2);
    CHECK(comes(w, "pods/d/high/status", "the extenders let nobody leave"));
    CHECK(!is_pending(w, "pods/d/low"));
    world_free(w);
    extender_stop(&e);
}

static void test_extenders_that_fail_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *verbs, *says;
        bool ignored; /* the pod is bound all the same */
    } cases[] = {
        { "filterVerb: html", "what is no JSON: <html>hello</html>", false },
        { "filterVerb: liar", "names the node \\\"n99\\\", which was not in the question", false },
        { "filterVerb: never", "/never gave no answer", false },
        { "filterVerb: nowhere", "answered with status 404", false },
        { "filterVerb: never, ignorable: true", "/never gave no answer", true },
        { "bindVerb: refuse", "the extender that binds says: the licence server is down", false },
        { "bindVerb: huge", "the extender that binds", false },
    };
    struct extender_process e = extender_start();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_extended(e.port, cases[i].verbs);
        print_message("%s\n", cases[i].verbs);
        CHECK(comes(w, "events/d", cases[i].says));
        CHECK(comes(w, "events/d", "ExtenderFailed"));
        run_briefly(w, 20);
        CHECK(has_bind(w) == cases[i].ignored);
        world_free(w);
    }
    extender_stop(&e);
    struct world *w = world_extended(e.port, "filterVerb: 'yes'"); /* nobody listens */
    CHECK(comes(w, "events/d", "gave no answer"));
    CHECK(comes(w, "pods/d/p/status", "Unschedulable"));
    world_free(w);
}

/* Bound by another scheduler to a node that is not here: it neither runs nor waits, and is in no
 * gang. */
static void test_pods_of_others_are_no_waiting_pods(void **state)
{
    (void)state;
    const struct metric_table *t = &scheduler_metric_table;
    struct metrics *values = metrics_new(t->rows, t->n);
    struct sched_meter *meter = sched_meter_new(values);
    struct sched_core *core = core_new_default();
    AUTO(kobj_unrefp) struct kobj *pod = NULL;
    struct err err = { 0 };
    struct str text =
        STR("{\"metadata\":{\"namespace\":\"d\",\"name\":\"p\",\"uid\":\"u\"},\"spec\":{"
            "\"schedulerName\":\"other\",\"nodeName\":\"gone\"}}");
    CHECK_OK(kobj_parse(&pod, text, &json_limits_own, &err), err);
    core_pod_set(core, pod, (struct mono){ 1 });
    sched_meter_measure(meter, core);
    AUTO(buf_fini) struct buf out;
    buf_init(&out, 1u << 20);
    metrics_write(&out, values);
    CHECK(str_find(buf_view(&out), STR("scheduler_pending_pods{queue=\"active\"} 0\n")) >= 0);
    CHECK(str_find(buf_view(&out), STR("cache_size{type=\"pods\"} 1\n")) >= 0);
    sched_meter_free(meter);
    metrics_free(values);
    core_free(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_victims_are_marked_then_deleted),
        cmocka_unit_test(test_a_victim_may_write_a_checkpoint),
        cmocka_unit_test(test_refused_evictions_are_given_up),
        cmocka_unit_test(test_a_nomination_that_is_history_is_cleared),
        cmocka_unit_test(test_binds_and_records),
        cmocka_unit_test(test_refused_bind_is_tried_again),
        cmocka_unit_test(test_tells_why_once),
        cmocka_unit_test(test_placed_pods_fill_the_ledger),
        cmocka_unit_test(test_a_late_gang_fails),
        cmocka_unit_test(test_a_gang_has_one_mirror),
        cmocka_unit_test(test_places_are_recorded_before_the_bind),
        cmocka_unit_test(test_recorded_places_outlive_the_scheduler),
        cmocka_unit_test(test_an_extender_filters_and_binds),
        cmocka_unit_test(test_an_extender_binds_a_gang),
        cmocka_unit_test(test_an_extender_decides_about_victims),
        cmocka_unit_test(test_extenders_that_fail_are_told),
        cmocka_unit_test(test_a_lone_pod_has_no_mirror),
        cmocka_unit_test(test_no_mirror_where_it_is_not_served),
        cmocka_unit_test(test_pods_of_others_are_no_waiting_pods),
    };
    return CHECK_MAIN(tests);
}
