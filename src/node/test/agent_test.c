/* SPDX-License-Identifier: Apache-2.0
 * The agent with real processes against an API that the test plays: one pod from its first sight to
 * its last, and over a restart of the agent. */
#include "node/agent.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "client/test/fake_transport.h"
#include "codec/patch.h"
#include "io/clock.h"
#include "io/file.h"
#include "kube/pod.h"
#include "testkit/check.h"

#define UID "11111111-2222-3333-4444-555555555555"
#define WAIT_NS (20 * NS_PER_S)

struct fixture {
    struct loop *loop;
    struct timer *tick;
    struct fake_transport *api;
    struct node_agent *agent;
    char root[64];
    char *pod; /* the stored Pod; NULL: none */
    int64_t revision;
    bool deleted, stopped, node_made, lease_made;
    bool (*until)(struct fixture *f);
    struct mono deadline;
};

/* ---- the API ---- */

static size_t pod_watch(struct fixture *f)
{
    for (size_t i = 0; i < fake_pending(f->api); i++)
        if (fake_at(f->api, i)->is_watch && strncmp(fake_at(f->api, i)->path, "pods", 4) == 0)
            return i;
    return SIZE_MAX;
}

static void tell_watch(struct fixture *f, enum event_type type)
{
    size_t w = pod_watch(f);
    if (w != SIZE_MAX)
        fake_event(f->api, w, type, f->pod);
}

/* Merges a patch into the stored Pod and raises its revision. */
static void merge(struct fixture *f, struct json patch)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json_doc *doc = NULL, *after = NULL;
    CHECK(json_parse(&doc, str_from(f->pod), &json_limits_own, NULL) == 0);
    struct jnode *n = patch_merge(a, jnode_thaw(a, json_root(doc)), patch);
    struct jnode *meta = jnode_need_obj(n, STR("metadata"));
    jnode_set_str(meta, STR("resourceVersion"), arena_printf(a, "%lld", (long long)++f->revision));
    CHECK(jnode_freeze(&after, n, NULL) == 0);
    free(f->pod);
    f->pod = str_dup(json_doc_text(after));
    json_doc_unref(doc);
    json_doc_unref(after);
}

static void merge_text(struct fixture *f, const char *text)
{
    struct json_doc *patch = NULL;
    CHECK(json_parse(&patch, str_from(text), &json_limits_own, NULL) == 0);
    merge(f, json_root(patch));
    json_doc_unref(patch);
    tell_watch(f, EVENT_MODIFIED);
}

static void serve_pod(struct fixture *f, size_t i, enum verb verb)
{
    if (verb == VERB_PATCH) {
        struct json_doc *body = json_doc_ref(fake_at(f->api, i)->body);
        merge(f, json_root(body));
        json_doc_unref(body);
        fake_reply(f->api, i, 200, f->pod);
        tell_watch(f, EVENT_MODIFIED);
        return;
    }
    CHECK_I64(verb, VERB_DELETE);
    f->deleted = true;
    fake_reply(f->api, i, 200, f->pod);
    tell_watch(f, EVENT_DELETED);
}

static void serve(struct fixture *f, size_t i)
{
    const struct fake_call *c = fake_at(f->api, i);
    const char *pods[] = { f->pod };
    struct fake_page page = { .revision = (uint64_t)f->revision, .objects = pods };
    f->node_made |= strncmp(c->path, "nodes/", 6) == 0 && c->verb == VERB_CREATE;
    f->lease_made |= strncmp(c->path, "leases/", 7) == 0 && c->verb == VERB_CREATE;
    if (c->verb == VERB_LIST) {
        page.n = strncmp(c->path, "pods", 4) == 0 && f->pod && !f->deleted;
        fake_reply_list(f->api, i, &page);
    } else if (strncmp(c->path, "pods/", 5) == 0) {
        serve_pod(f, i, c->verb);
    } else {
        fake_reply(f->api, i, 201, "{\"kind\":\"Any\",\"metadata\":{\"name\":\"any\"}}");
    }
}

static void on_tick(void *arg)
{
    struct fixture *f = arg;
    for (size_t i = 0; i < fake_pending(f->api);) {
        if (fake_at(f->api, i)->is_watch) {
            i++;
        } else {
            serve(f, i);
            i = 0;
        }
    }
    if (!f->until(f) && clock_mono().ns <= f->deadline.ns)
        return;
    timer_stop(f->tick); /* a second stop would end the next wait */
    loop_stop(f->loop);
}

static void wait_until(struct fixture *f, bool (*until)(struct fixture *f))
{
    f->until = until;
    f->deadline.ns = clock_mono().ns + WAIT_NS;
    timer_start_every(f->tick, NS_PER_MS);
    loop_run(f->loop);
    timer_stop(f->tick);
    if (!until(f) && f->pod)
        print_message("%s\n", f->pod);
    CHECK(until(f));
}

/* ---- fixture ---- */

static void start_agent(struct fixture *f)
{
    struct err err = { 0 };
    struct node_options o = { .name = STR("here"), .data_dir = f->root, .gpus = 2 };
    f->agent = node_agent_new(fake_transport_base(f->api), &o, &err);
    if (!f->agent)
        print_message("%s\n", err.msg);
    CHECK(f->agent != NULL);
    f->stopped = false;
}

static void setup(struct fixture *f, const char *spec)
{
    char text[2048];
    *f = (struct fixture){ .loop = loop_new(NULL), .revision = 10 };
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, NULL);
    f->tick = timer_new(f->loop, on_tick, f);
    f->api = fake_transport_new(f->loop);
    snprintf(f->root, sizeof f->root, "/tmp/agent_test.XXXXXX");
    CHECK(mkdtemp(f->root) != NULL);
    snprintf(text, sizeof text,
             "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":"
             "\"d\",\"uid\":\"" UID
             "\",\"resourceVersion\":\"10\"},\"spec\":{\"nodeName\":\"here\","
             "%s},\"status\":{\"phase\":\"Pending\"}}",
             spec);
    f->pod = mem_dup(text, strlen(text));
    start_agent(f);
}

static void on_stopped(void *arg)
{
    struct fixture *f = arg;
    CHECK(!f->stopped); /* it is told once */
    f->stopped = true;
}

static bool is_stopped(struct fixture *f)
{
    return f->stopped;
}

static void stop_agent(struct fixture *f, enum node_stop how)
{
    node_agent_stop(f->agent, how, on_stopped, f);
    wait_until(f, is_stopped);
    node_agent_free(f->agent);
}

static size_t count_folders(struct fixture *f)
{
    char path[100];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/pods", f->root);
    DIR *d = opendir(path);
    CHECK(d != NULL);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void teardown(struct fixture *f)
{
    stop_agent(f, NODE_STOP_END_PODS);
    CHECK_I64(count_folders(f), 0);
    fake_transport_free(f->api);
    timer_free(f->tick);
    loop_stop(f->loop);
    loop_run(f->loop);
    loop_free(f->loop);
    free(f->pod);
    CHECK(file_remove_tree(f->root, NULL) == 0);
}

/* The text at a path of the stored Pod is this. */
static bool pod_says(struct fixture *f, const char *path, const char *want)
{
    struct json_doc *doc = NULL;
    CHECK(json_parse(&doc, str_from(f->pod), &json_limits_own, NULL) == 0);
    bool ok = str_is(json_str(json_path(json_root(doc), path)), want);
    json_doc_unref(doc);
    return ok;
}

static bool succeeded(struct fixture *f)
{
    return pod_says(f, "status.phase", "Succeeded");
}

static bool running(struct fixture *f)
{
    return pod_says(f, "status.phase", "Running");
}

static bool failed(struct fixture *f)
{
    return pod_says(f, "status.phase", "Failed");
}

static bool deleted(struct fixture *f)
{
    return f->deleted && node_agent_pods(f->agent) == 0;
}

/* ---- tests ---- */

static void a_pod_runs_to_its_end(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"command\":[\"sh\","
              "\"-c\",\"exit 0\"]}]");
    wait_until(&f, succeeded);
    CHECK(f.node_made && f.lease_made && node_agent_registered(f.agent));
    CHECK(pod_says(&f, "status.podIP", "127.64.0.1"));
    CHECK(pod_says(&f, "status.containerStatuses.0.state.terminated.reason", "Completed"));
    CHECK(pod_says(&f, "status.conditions.3.reason", "PodCompleted"));
    teardown(&f);
}

static void a_deleted_pod_is_ended_and_its_object_removed(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "\"containers\":[{\"name\":\"c\",\"command\":[\"sleep\",\"1000\"]}]");
    wait_until(&f, running);
    merge_text(&f, "{\"metadata\":{\"deletionTimestamp\":\"2026-11-22T00:00:00Z\","
                   "\"deletionGracePeriodSeconds\":1}}");
    wait_until(&f, deleted);
    CHECK_I64(count_folders(&f), 0);
    teardown(&f);
}

static void a_restarted_agent_finds_its_pod_running(void **state)
{
    struct fixture f;
    char id[200];
    (void)state;
    setup(&f, "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"command\":[\"sh\","
              "\"-c\",\"trap 'exit 5' TERM; while :; do sleep 0.05; done\"]}]");
    wait_until(&f, running);
    stop_agent(&f, NODE_STOP_KEEP_PODS);
    CHECK_I64(count_folders(&f), 1);
    snprintf(id, sizeof id, "%s/pods/" UID "/shim.pid", f.root);
    CHECK(file_exists(id));
    start_agent(&f);
    merge_text(&f, "{\"metadata\":{\"annotations\":{\"seen\":\"again\"}}}");
    merge_text(&f, "{\"spec\":{\"activeDeadlineSeconds\":1}}");
    wait_until(&f, failed);
    CHECK(pod_says(&f, "status.reason", "DeadlineExceeded"));
    teardown(&f);
}

static bool swept(struct fixture *f)
{
    return count_folders(f) == 0;
}

static void a_pod_deleted_while_nobody_looked_is_ended(void **state)
{
    struct fixture f;
    char path[200];
    struct buf text;
    (void)state;
    setup(&f, "\"containers\":[{\"name\":\"c\",\"command\":[\"sh\",\"-c\",\"sleep 1000\"]}]");
    wait_until(&f, running);
    stop_agent(&f, NODE_STOP_KEEP_PODS);
    snprintf(path, sizeof path, "%s/pods/" UID "/shim.pid", f.root);
    buf_init(&text, 100);
    CHECK(file_read(&text, path, NULL) == 0);
    pid_t shim = (pid_t)strtol(text.p, NULL, 10);
    buf_fini(&text);
    f.deleted = true;
    start_agent(&f);
    wait_until(&f, swept);
    while (waitpid(shim, NULL, WNOHANG) > 0)
        continue;
    CHECK(kill(shim, 0) < 0);
    teardown(&f);
}

static void a_job_without_a_command_fails_with_its_reason(void **state)
{
    struct fixture f;
    (void)state;
    setup(&f, "\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\",\"image\":\"cuda\"}]");
    wait_until(&f, failed);
    CHECK(pod_says(&f, "status.reason", "ImageNotRunnable"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_runs_to_its_end),
        cmocka_unit_test(a_deleted_pod_is_ended_and_its_object_removed),
        cmocka_unit_test(a_restarted_agent_finds_its_pod_running),
        cmocka_unit_test(a_pod_deleted_while_nobody_looked_is_ended),
        cmocka_unit_test(a_job_without_a_command_fails_with_its_reason),
    };
    return CHECK_MAIN(tests);
}
