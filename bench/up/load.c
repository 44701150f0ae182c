/* SPDX-License-Identifier: Apache-2.0
 * load — see load.h. One thread and one loop; each worker has a transport, and so a connection, of
 * its own. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "client/calls.h"
#include "client/kubeconfig.h"
#include "codec/jnode.h"
#include "server.h"

struct run;

struct worker {
    struct run *run;
    struct transport *t;
};

struct run {
    const struct load *load;
    struct load_result *out;
    struct loop *loop;
    struct worker workers[LOAD_CONNECTIONS];
    struct transport *watcher;
    struct timer *pace, *limit;
    double *started, *latency; /* by pod number */
    int next;
    double first;
};

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "bench/up: %s%s%s\n", what, err ? ": " : "", err ? err->msg : "");
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

static void on_created(void *arg, const struct reply *reply, const struct err *err)
{
    struct worker *w = arg;
    struct run *r = w->run;
    if (!reply)
        die("creating a pod", err);
    if (reply->code != 201) {
        struct str why = json_str(kobj_path(reply->object, "message"));
        fprintf(stderr, "bench/up: creating a pod: %d %.*s\n", reply->code, STR_ARG(why));
        exit(1);
    }
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
    struct json_doc *doc = pod_document(r, number);
    r->started[number] = bench_now_ms();
    struct call_create create = { GVR("", "v1", "pods"), STR("default"), json_root(doc) };
    call_create(w->t, &create, on_created, w);
    json_doc_unref(doc);
}

static void on_pace(void *arg)
{
    struct run *r = arg;
    double due = (bench_now_ms() - r->first) / 1e3 * r->load->per_second;
    while (r->next < r->load->pods && r->next < (int)due + 1)
        create_next(&r->workers[r->next % LOAD_CONNECTIONS]);
}

/* ---- watching ---- */

static void on_events(void *arg, const struct watch_event *events, size_t n)
{
    struct run *r = arg;
    size_t prefix = strlen(r->load->prefix);
    double now = bench_now_ms();
    for (size_t i = 0; i < n; i++) {
        const struct kobj *o = events[i].object;
        int64_t number;
        if (events[i].type > EVENT_MODIFIED || o->name.n <= prefix + 1 ||
            memcmp(o->name.p, r->load->prefix, prefix) != 0 ||
            !str_to_i64(str_skip(o->name, prefix + 1), &number) || number >= r->load->pods ||
            r->latency[number] > 0 || !json_str(kobj_path(o, "spec.nodeName")).n)
            continue;
        r->latency[number] = now - r->started[number];
        r->out->bound_s = (now - r->first) / 1e3;
        if (++r->out->bound == r->load->pods)
            loop_stop(r->loop);
    }
}

static void on_watch_end(void *arg, const struct err *err)
{
    (void)arg;
    die("the watch ended", err);
}

/* The watch starts at what a list says, so that no event is missed. */
static void on_list(void *arg, const struct reply *reply, const struct err *err)
{
    struct run *r = arg;
    char revision[24];
    if (!reply || reply->code != 200)
        die("listing pods", err);
    snprintf(revision, sizeof revision, "%llu", (unsigned long long)reply->revision);
    struct request q = { .verb = VERB_WATCH,
                         .version = STR("v1"),
                         .plural = STR("pods"),
                         .namespace = STR("default"),
                         .list = { .resource_version = str_from(revision) } };
    r->watcher->ops->watch(r->watcher, &q, on_events, on_watch_end, r);
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

void load_run(const struct load *l, struct load_result *out)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct err err = { 0 };
    struct kubeconfig config;
    *out = (struct load_result){ 0 };
    struct run r = { .load = l, .out = out, .loop = loop_new(&err) };
    if (kubeconfig_read(&config, a, str_from(l->kubeconfig), (struct str){ 0 }, &err) != 0)
        die("kubeconfig", &err);
    r.started = mem_alloc_array((size_t)l->pods, sizeof *r.started);
    r.latency = mem_alloc_array((size_t)l->pods, sizeof *r.latency);
    r.watcher = rest_transport_new(r.loop, &config.rest, &err);
    for (int i = 0; i < LOAD_CONNECTIONS; i++)
        r.workers[i] = (struct worker){ &r, rest_transport_new(r.loop, &config.rest, &err) };
    r.pace = timer_new(r.loop, on_pace, &r);
    r.limit = timer_new(r.loop, on_limit, &r);
    timer_start(r.limit, (int64_t)(l->timeout_s * 1e9));
    struct request q = { .verb = VERB_LIST,
                         .version = STR("v1"),
                         .plural = STR("pods"),
                         .namespace = STR("default"),
                         .list = { .limit = 1 } };
    r.watcher->ops->start(r.watcher, &q, on_list, &r);
    loop_run(r.loop);
    percentiles(&r);
    for (int i = 0; i < LOAD_CONNECTIONS; i++)
        r.workers[i].t->ops->close(r.workers[i].t);
    r.watcher->ops->close(r.watcher);
    timer_free(r.pace);
    timer_free(r.limit);
    loop_free(r.loop);
    free(r.started);
    free(r.latency);
}
