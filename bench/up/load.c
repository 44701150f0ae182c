/* SPDX-License-Identifier: Apache-2.0
 * load — see load.h. One thread and one loop; each worker has a connection of its own. Bodies are
 * made before the clock starts. Of an answer the status counts, of a watch event the text of two
 * fields: on the cores that it shares with the server the load should cost little. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "client/kubeconfig.h"
#include "codec/jnode.h"
#include "server.h"
#include "wire.h"

#define PODS STR("/api/v1/namespaces/default/pods")
#define ANSWER_BYTES_MAX ((size_t)64 << 10) /* what is kept of one, for a message */
#define EVENT_BYTES_MAX ((size_t)8 << 20)

struct run;

struct worker {
    struct run *run;
    struct wire *wire;
    struct buf answer;
};

struct run {
    const struct load *load;
    struct load_result *out;
    struct loop *loop;
    struct worker workers[LOAD_CONNECTIONS];
    struct wire *watcher;
    struct buf line; /* of the watch: an event that is not complete; first the list */
    struct timer *pace, *limit;
    struct json_doc **documents; /* by pod number, as are the next two */
    double *started, *latency;
    char mark[64]; /* how a pod's name begins in an event */
    int next;
    double first;
};

static void die(const char *what, int status, struct str why)
{
    fprintf(stderr, "bench/up: %s: %d %.*s\n", what, status, STR_ARG(why));
    exit(1);
}

static struct json_doc *pod_document(const struct run *r, int number)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct jnode *pod = jnode_obj(a);
    jnode_set_str(pod, STR("apiVersion"), STR("v1"));
    jnode_set_str(pod, STR("kind"), STR("Pod"));
    struct jnode *meta = jnode_need_obj(pod, STR("metadata"));
    jnode_set_str(meta, STR("name"), arena_printf(a, "%s-%d", r->load->prefix, number));
    jnode_set_str(jnode_need_obj(meta, STR("labels")), STR("app"), STR("bench"));
    struct jnode *spec = jnode_need_obj(pod, STR("spec"));
    struct jnode *c = jnode_append(jnode_need_arr(spec, STR("containers")), jnode_obj(a));
    jnode_set_str(c, STR("name"), STR("main"));
    jnode_set_str(c, STR("image"), STR("registry.example/app:1"));
    struct jnode *requests = jnode_need_obj(jnode_need_obj(c, STR("resources")), STR("requests"));
    jnode_set_str(requests, STR("cpu"), STR("100m"));
    jnode_set_str(requests, STR("memory"), STR("128Mi"));
    struct json_doc *doc = NULL;
    jnode_freeze(&doc, pod, NULL);
    return doc;
}

/* ---- creating ---- */

static void create_next(struct worker *w);

static void on_answer(void *arg, struct str piece)
{
    struct worker *w = arg;
    buf_str(&w->answer, piece);
}

static void on_created(void *arg, int status)
{
    struct worker *w = arg;
    struct run *r = w->run;
    if (status != 201 || !str_starts(buf_view(&w->answer), STR("{")))
        die("creating a pod", status, buf_view(&w->answer));
    buf_clear(&w->answer);
    r->out->created++;
    r->out->create_s = (bench_now_ms() - r->first) / 1e3;
    if (r->load->per_second <= 0)
        create_next(w);
}

static void create_next(struct worker *w)
{
    struct run *r = w->run;
    if (r->next == r->load->pods)
        return;
    int number = r->next++;
    r->started[number] = bench_now_ms();
    struct wire_request create = { .path = PODS,
                                   .body = json_doc_text(r->documents[number]),
                                   .piece = on_answer,
                                   .done = on_created,
                                   .arg = w };
    wire_send(w->wire, &create);
}

static void on_pace(void *arg)
{
    struct run *r = arg;
    double due = (bench_now_ms() - r->first) / 1e3 * r->load->per_second;
    while (r->next < r->load->pods && r->next < (int)due + 1)
        create_next(&r->workers[r->next % LOAD_CONNECTIONS]);
}

/* ---- watching ---- */

/* The pod's number, when this event says that it is bound; -1: another event, or not of this run.
 * Neither text can stand in a pod of ours but where it belongs: strings there hold no quotes. */
static int64_t bound_pod(const struct run *r, struct str event)
{
    struct str mark = str_from(r->mark);
    ptrdiff_t name = str_find(event, mark);
    if (name < 0 || str_find(event, STR("\"nodeName\":\"")) < 0)
        return -1;
    struct str digits = str_skip(event, (size_t)name + mark.n);
    ptrdiff_t end = str_find_char(digits, '"');
    int64_t number;
    if (end < 0 || !str_to_i64(str_take(digits, (size_t)end), &number) || number >= r->load->pods)
        return -1;
    return number;
}

static void on_event(struct run *r, struct str event, double now)
{
    if (str_find(str_take(event, 40), STR("\"ERROR\"")) >= 0)
        die("the watch", 0, event);
    int64_t number = bound_pod(r, event);
    if (number < 0 || r->latency[number] > 0)
        return;
    r->latency[number] = now - r->started[number];
    r->out->bound_s = (now - r->first) / 1e3;
    if (++r->out->bound == r->load->pods)
        loop_stop(r->loop);
}

static void on_events(void *arg, struct str piece)
{
    struct run *r = arg;
    double now = bench_now_ms();
    buf_str(&r->line, piece);
    if (r->line.failed)
        die("the watch", 0, STR("an event is too large"));
    struct str rest = buf_view(&r->line);
    for (ptrdiff_t at; (at = str_find_char(rest, '\n')) >= 0; rest = str_skip(rest, (size_t)at + 1))
        on_event(r, str_take(rest, (size_t)at), now);
    buf_drop(&r->line, r->line.n - rest.n);
}

static void on_watch_end(void *arg, int status)
{
    (void)arg;
    die("the watch ended", status, (struct str){ 0 });
}

static void on_list_piece(void *arg, struct str piece)
{
    struct run *r = arg;
    buf_str(&r->line, piece);
}

/* The watch starts at what a list says, so that no event is missed. */
static void on_list(void *arg, int status)
{
    struct run *r = arg;
    char path[160];
    struct json_doc *list = NULL;
    if (status != 200 || json_parse(&list, buf_view(&r->line), &json_limits_own, NULL) != 0)
        die("listing pods", status, buf_view(&r->line));
    struct str revision =
        json_str(json_get(json_get(json_root(list), STR("metadata")), STR("resourceVersion")));
    snprintf(path, sizeof path, "%s?watch=true&resourceVersion=%.*s", PODS.p, STR_ARG(revision));
    json_doc_unref(list);
    buf_clear(&r->line);
    struct wire_request watch = {
        .path = str_from(path), .piece = on_events, .done = on_watch_end, .arg = r
    };
    wire_send(r->watcher, &watch);
    r->first = bench_now_ms();
    if (r->load->per_second > 0)
        timer_start_every(r->pace, NS_PER_MS);
    for (int i = 0; i < LOAD_CONNECTIONS && r->load->per_second <= 0; i++)
        create_next(&r->workers[i]);
}

static void on_limit(void *arg)
{
    loop_stop(((struct run *)arg)->loop);
}

/* ---- one run ---- */

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void percentiles(struct run *r)
{
    double *sorted = mem_alloc_array((size_t)r->load->pods + 1, sizeof *sorted);
    size_t n = 0;
    for (int i = 0; i < r->load->pods; i++)
        if (r->latency[i] > 0)
            sorted[n++] = r->latency[i];
    qsort(sorted, n, sizeof *sorted, by_value);
    r->out->p50_ms = n ? sorted[n / 2] : 0;
    r->out->p99_ms = n ? sorted[n - 1 - n / 100] : 0;
    free(sorted);
}

static void prepare(struct run *r)
{
    size_t n = (size_t)r->load->pods;
    r->documents = mem_alloc_array(n, sizeof *r->documents);
    r->started = mem_alloc_array(n, sizeof *r->started);
    r->latency = mem_alloc_array(n, sizeof *r->latency);
    for (int i = 0; i < r->load->pods; i++)
        r->documents[i] = pod_document(r, i);
    snprintf(r->mark, sizeof r->mark, "\"name\":\"%s-", r->load->prefix);
    buf_init(&r->line, EVENT_BYTES_MAX);
    r->pace = timer_new(r->loop, on_pace, r);
    r->limit = timer_new(r->loop, on_limit, r);
}

static void connect_all(struct run *r, struct wire_tls *tls)
{
    r->watcher = wire_open(r->loop, tls);
    for (int i = 0; i < LOAD_CONNECTIONS; i++) {
        r->workers[i] = (struct worker){ r, wire_open(r->loop, tls), { 0 } };
        buf_init(&r->workers[i].answer, ANSWER_BYTES_MAX);
    }
}

static void run_fini(struct run *r)
{
    for (int i = 0; i < LOAD_CONNECTIONS; i++) {
        wire_close(r->workers[i].wire);
        buf_fini(&r->workers[i].answer);
    }
    wire_close(r->watcher);
    for (int i = 0; i < r->load->pods; i++)
        json_doc_unref(r->documents[i]);
    timer_free(r->pace);
    timer_free(r->limit);
    loop_free(r->loop);
    buf_fini(&r->line);
    free(r->documents);
    free(r->started);
    free(r->latency);
}

void load_run(const struct load *l, struct load_result *out)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct err err = { 0 };
    struct kubeconfig config;
    *out = (struct load_result){ 0 };
    struct run r = { .load = l, .out = out, .loop = loop_new(&err) };
    if (kubeconfig_read(&config, a, str_from(l->kubeconfig), (struct str){ 0 }, &err) != 0)
        die("kubeconfig", 0, str_from(err.msg));
    prepare(&r);
    struct wire_tls *tls = wire_tls_new(&config.rest);
    connect_all(&r, tls);
    timer_start(r.limit, (int64_t)(l->timeout_s * 1e9));
    struct wire_request list = { .path = STR("/api/v1/namespaces/default/pods?limit=1"),
                                 .piece = on_list_piece,
                                 .done = on_list,
                                 .arg = &r };
    wire_send(r.watcher, &list);
    loop_run(r.loop);
    percentiles(&r);
    run_fini(&r);
    wire_tls_free(tls);
}
