/* SPDX-License-Identifier: Apache-2.0
 * restart_bench — a scheduler that starts on a large cluster: how long to its first binding, beyond
 * what the same server needs to stream nodes and pods to a client that throws them away; and what
 * it holds of memory a pod. Server and scheduler are processes of their own; the connection is TLS.
 *
 * restart_bench PROGRAM              measures, one JSON line a figure
 * restart_bench scheduler KUBECONFIG the scheduler's process
 * restart_bench cluster DIR N M      only writes a store of N nodes and M pods, for profiling */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "base/vec.h"
#include "client/calls.h"
#include "client/kubeconfig.h"
#include "io/clock.h"
#include "restart/cluster.h"
#include "scheduler/service/service.h"
#include "up/server.h"

#define RUNS 3
#define PAGE 1000
#define TIMEOUT_NS (120 * NS_PER_S)

struct bench {
    struct loop *loop;
    struct arena *a;
    struct kubeconfig config;
    struct transport *t;
    struct timer *limit;
    size_t nodes, pods;
};

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "bench/restart: %s: %s\n", what, err && err->msg[0] ? err->msg : "?");
    exit(1);
}

static void line(const char *metric, double value, const char *unit)
{
    printf("{\"bench\":\"restart\",\"metric\":\"%s\",\"value\":%.1f,\"unit\":\"%s\"}\n", metric,
           value, unit);
    fflush(stdout);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void on_limit(void *arg)
{
    (void)arg;
    die("waiting", &(struct err){ .msg = "nothing came in time" });
}

static void connect_to(struct bench *b, const char *kubeconfig)
{
    struct err err = { 0 };
    b->a = arena_new();
    b->loop = loop_new(&err);
    if (!b->loop ||
        kubeconfig_read(&b->config, b->a, str_from(kubeconfig), (struct str){ 0 }, &err) != 0)
        die("kubeconfig", &err);
    b->t = rest_transport_new(b->loop, &b->config.rest, &err);
    b->limit = timer_new(b->loop, on_limit, b);
    if (!b->t)
        die("transport", &err);
}

/* ---- a client that throws lists away ---- */

struct stream {
    struct bench *b;
    struct fetch_client *fetch;
    const char *plural;
    size_t bytes;
};

static void stream_page(struct stream *s, struct str cont);

static void on_page(void *arg, const struct fetch_answer *a, const struct err *err)
{
    static const char mark[] = "\"continue\":\"";
    struct stream *s = arg;
    if (a->status != 200)
        die("listing", err);
    s->bytes += a->body.n;
    const char *at = memmem(a->body.p, a->body.n < 500 ? a->body.n : 500, mark, sizeof mark - 1);
    struct str cont = { 0 };
    if (at)
        cont = str_make(at + sizeof mark - 1, strcspn(at + sizeof mark - 1, "\""));
    if (cont.n)
        stream_page(s, cont);
    else
        loop_stop(s->b->loop);
}

static void stream_page(struct stream *s, struct str cont)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct rest_options *o = &s->b->config.rest;
    struct http_header headers[2] = { { STR("accept"), STR("application/json") } };
    size_t n = 1;
    if (o->token.n)
        headers[n++] = (struct http_header){ STR("authorization"),
                                             arena_printf(a, "Bearer %.*s", STR_ARG(o->token)) };
    struct fetch_request f = {
        .method = "GET",
        .url = arena_printf(a, "%.*s/api/v1/%s?limit=%d&continue=%.*s", STR_ARG(o->server),
                            s->plural, PAGE, STR_ARG(cont)),
        .headers = headers,
        .n_headers = n,
        .answer_bytes = REST_ANSWER_BYTES_MAX,
    };
    fetch_start(s->fetch, &f, NULL, on_page, s);
}

static double stream_ms(struct bench *b, size_t *bytes)
{
    struct err err = { 0 };
    struct stream s = { .b = b, .fetch = fetch_client_new(b->loop, &b->config.rest.tls, &err) };
    if (!s.fetch)
        die("fetch", &err);
    double start = bench_now_ms();
    s.plural = "nodes";
    stream_page(&s, (struct str){ 0 });
    loop_run(b->loop);
    s.plural = "pods";
    stream_page(&s, (struct str){ 0 });
    loop_run(b->loop);
    double ms = bench_now_ms() - start;
    fetch_client_free(s.fetch);
    *bytes = s.bytes;
    return ms;
}

/* ---- the scheduler's process ---- */

static int run_scheduler(const char *kubeconfig)
{
    struct bench b = { 0 };
    struct err err = { 0 };
    connect_to(&b, kubeconfig);
    struct scheduler *s = scheduler_new(b.t, NULL, &err);
    if (!s)
        die("scheduler", &err);
    scheduler_start(s);
    loop_run(b.loop);
    return 0;
}

/* ---- one restart ---- */

struct weight {
    double resident, cpu_s;
};

struct first {
    struct bench *b;
    struct str name;
};

static void on_created(void *arg, const struct reply *reply, const struct err *err)
{
    struct bench *b = arg;
    if (!reply || reply->code != 201)
        die("creating a pod", err);
    loop_stop(b->loop);
}

static void create_first(struct bench *b, struct str name)
{
    struct jnode *pod = jnode_obj(b->a);
    jnode_set_str(jnode_need_obj(pod, STR("metadata")), STR("name"), name);
    struct jnode *list = jnode_need_arr(jnode_need_obj(pod, STR("spec")), STR("containers"));
    struct jnode *c = jnode_append(list, jnode_obj(b->a));
    jnode_set_str(c, STR("name"), STR("main"));
    jnode_set_str(c, STR("image"), STR("registry.example.com/first:1"));
    struct json_doc *doc = NULL;
    if (jnode_freeze(&doc, pod, NULL) != 0)
        die("pod", NULL);
    struct call_create create = { GVR("", "v1", "pods"), STR("default"), json_root(doc) };
    call_create(b->t, &create, on_created, b);
    json_doc_unref(doc);
    loop_run(b->loop);
}

static void on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct first *f = arg;
    for (size_t i = 0; i < n; i++)
        if (str_eq(events[i].object->name, f->name) &&
            json_str(kobj_path(events[i].object, "spec.nodeName")).n)
            loop_stop(f->b->loop);
}

static void on_watch_end(void *arg, const struct err *err)
{
    (void)arg;
    die("the watch ended", err);
}

static void wait_bound(struct first *f)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct request r = { .verb = VERB_WATCH,
                         .version = STR("v1"),
                         .plural = STR("pods"),
                         .namespace = STR("default"),
                         .list = { .field_selector =
                                       arena_printf(a, "metadata.name=%.*s", STR_ARG(f->name)) } };
    struct call *c = f->b->t->ops->watch(f->b->t, &r, on_events, on_watch_end, f);
    loop_run(f->b->loop);
    f->b->t->ops->cancel(c);
}

static double
restart_ms(struct bench *b, const struct server *server, int run, struct weight *weight)
{
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n < 0 ? 0 : n] = '\0';
    struct first f = { b, arena_printf(b->a, "first-%d", run) };
    create_first(b, f.name);
    double start = bench_now_ms();
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, "scheduler", server->kubeconfig, (char *)NULL);
        _exit(127);
    }
    timer_start(b->limit, TIMEOUT_NS);
    wait_bound(&f);
    timer_stop(b->limit);
    double ms = bench_now_ms() - start;
    const struct server child = { .pid = pid };
    weight->cpu_s = server_cpu_s(&child);
    sleep(2);
    weight->resident = (double)server_rss_kb(&child) * 1024;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return ms;
}

static void measure(struct bench *b, const struct server *server)
{
    double stream[RUNS], restart[RUNS];
    struct weight weight;
    size_t bytes = 0;
    for (int i = 0; i < RUNS; i++) {
        stream[i] = stream_ms(b, &bytes);
        restart[i] = restart_ms(b, server, i, &weight);
    }
    qsort(stream, RUNS, sizeof *stream, compare_doubles);
    qsort(restart, RUNS, sizeof *restart, compare_doubles);
    line("streamed", (double)bytes / 1e6, "MB");
    line("stream_lists", stream[RUNS / 2], "ms");
    line("restart_to_first_bind", restart[RUNS / 2], "ms");
    line("beyond", restart[RUNS / 2] - stream[RUNS / 2], "ms");
    line("resident", weight.resident / 1e6, "MB");
    line("resident_of_a_pod", weight.resident / (double)b->pods, "bytes");
    line("cpu_of_a_pod", weight.cpu_s / (double)b->pods * 1e6, "us");
}

int main(int argc, char **argv)
{
    map_set_process_seed(clock_random_u64());
    if (argc == 3 && strcmp(argv[1], "scheduler") == 0)
        return run_scheduler(argv[2]);
    if (argc == 5 && strcmp(argv[1], "cluster") == 0) {
        cluster_write(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
        return 0;
    }
    if (argc != 2) {
        fputs("usage: restart_bench PROGRAM\n", stderr);
        return 2;
    }
    bool quick = getenv("GANGLION_BENCH_QUICK") != NULL;
    struct bench b = { .nodes = quick ? 500 : 5000, .pods = quick ? 14000 : 140000 };
    struct server server = { 0 };
    server_make_folder(&server);
    cluster_write(server.dir, b.nodes, b.pods);
    server_start(&server, argv[1], -1);
    connect_to(&b, server.kubeconfig);
    measure(&b, &server);
    b.t->ops->close(b.t);
    timer_free(b.limit);
    loop_free(b.loop);
    arena_free(b.a);
    server_stop(&server);
    server_remove(&server);
    return 0;
}
