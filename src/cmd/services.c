/* SPDX-License-Identifier: Apache-2.0
 * services — how each service is started and stopped inside `ganglion up`. */
#include "cmd/services.h"

#include <stdlib.h>

#include "apiserver/metrics.h"
#include "base/mem.h"
#include "client/informer.h"
#include "controllers/garbage/garbage.h"
#include "controllers/runner.h"
#include "daemon/process_metrics.h"
#include "node/agent.h"
#include "node/metrics.h"
#include "scheduler/service/metrics.h"
#include "scheduler/service/service.h"

/* ---- controllers ---- */

struct controllers {
    struct runner *runner;
    struct garbage *garbage;
};

static void *
controllers_start(struct transport *t, const struct service_given *given, struct err *err)
{
    (void)err;
    struct controllers *c = MEM_NEW(struct controllers);
    c->runner = runner_new(t, NULL, 0);
    runner_count(c->runner, given->metrics);
    runner_start(c->runner);
    c->garbage = garbage_new(t, runner_informers(c->runner));
    return c;
}

static void controllers_stop(void *self, loop_fn done, void *arg)
{
    struct controllers *c = self;
    garbage_free(c->garbage);
    runner_free(c->runner);
    free(c);
    done(arg);
}

static bool controllers_ready(const void *self)
{
    const struct controllers *c = self;
    return informers_synced(runner_informers(c->runner));
}

static void controllers_measure(void *self)
{
    const struct controllers *c = self;
    runner_measure(c->runner);
}

static const struct service_kind controllers_kind = {
    .name = "controllers",
    .check = "service/controllers",
    .user = "system:kube-controller-manager",
    .start = controllers_start,
    .stop = controllers_stop,
    .ready = controllers_ready,
    .metrics = &controllers_metric_table,
    .measure = controllers_measure,
};

/* ---- simulated nodes ---- */

static void *sim_start(struct transport *t, const struct service_given *given, struct err *err)
{
    const struct up_options *o = given->options;
    (void)err;
    struct sim_options sim = { .groups = o->sim.items, .n_groups = o->sim.n };
    return sim_nodes_new(t, &sim);
}

static void sim_stop(void *self, loop_fn done, void *arg)
{
    sim_nodes_free(self);
    done(arg);
}

static bool sim_ready(const void *self)
{
    return sim_nodes_registered(self);
}

static const struct service_kind sim_kind = {
    .name = "sim",
    .check = "service/sim",
    .user = "system:ganglion:sim",
    .start = sim_start,
    .stop = sim_stop,
    .ready = sim_ready,
};

/* ---- scheduler ---- */

static void *
scheduler_begin(struct transport *t, const struct service_given *given, struct err *err)
{
    const struct up_options *up = given->options;
    struct scheduler_options o = { .config = up->scheduler_config,
                                   .record = up->record,
                                   .outside = plugin_files_outside(up->plugins),
                                   .metrics = given->metrics };
    struct scheduler *s = scheduler_new(t, &o, err);
    if (s)
        scheduler_start(s);
    return s;
}

static void scheduler_end(void *self, loop_fn done, void *arg)
{
    scheduler_free(self);
    done(arg);
}

static bool scheduler_ready(const void *self)
{
    return scheduler_synced(self);
}

static void scheduler_gauge(void *self)
{
    scheduler_measure(self);
}

static const struct service_kind scheduler_kind = {
    .name = "scheduler",
    .check = "service/scheduler",
    .user = "system:kube-scheduler",
    .start = scheduler_begin,
    .stop = scheduler_end,
    .ready = scheduler_ready,
    .metrics = &scheduler_metric_table,
    .measure = scheduler_gauge,
};

/* ---- the local node ---- */

struct local_node {
    struct node_agent *agent;
    enum node_stop how;
    loop_fn done;
    void *arg;
};

static bool log_write(void *arg, struct str piece)
{
    return podlog_write(arg, piece);
}

static size_t log_unsent(void *arg)
{
    return podlog_unsent(arg);
}

static void log_end(void *arg, const struct err *err)
{
    podlog_end(arg, err);
}

static const struct node_log_sink log_sink = { log_write, log_unsent, log_end };

/* On the API's loop. */
static void on_podlog(void *arg, struct podlog *p, const struct podlog_query *q)
{
    struct local_node *n = arg;
    struct node_log_query query = {
        .namespace = q->namespace,
        .pod = q->pod,
        .uid = q->uid,
        .container = q->container,
        .follow = q->follow,
        .previous = q->previous,
        .timestamps = q->timestamps,
        .tail_lines = q->tail_lines,
        .since_s = q->since_s,
        .limit_bytes = q->limit_bytes,
        .since_time = q->since_time,
    };
    node_agent_logs(n->agent, &query, &log_sink, p);
}

static void *node_begin(struct transport *t, const struct service_given *given, struct err *err)
{
    const struct up_options *o = given->options;
    struct node_options options = o->node;
    options.metrics = given->metrics;
    struct node_agent *agent = node_agent_new(t, &options, err);
    if (!agent)
        return NULL;
    struct local_node *n = MEM_NEW(struct local_node);
    *n = (struct local_node){ .agent = agent,
                              .how = o->end_pods ? NODE_STOP_END_PODS : NODE_STOP_KEEP_PODS };
    return n;
}

static void on_node_stopped(void *arg)
{
    struct local_node *n = arg;
    loop_fn done = n->done;
    void *done_arg = n->arg;
    node_agent_free(n->agent);
    free(n);
    done(done_arg);
}

static void node_end(void *self, loop_fn done, void *arg)
{
    struct local_node *n = self;
    n->done = done;
    n->arg = arg;
    node_agent_stop(n->agent, n->how, on_node_stopped, n);
}

static void node_attach(void *self, struct apiserver *api)
{
    apiserver_set_podlog(api, on_podlog, self);
}

static void node_detach(void *self, struct apiserver *api)
{
    (void)self;
    apiserver_set_podlog(api, NULL, NULL);
}

static bool node_ready(const void *self)
{
    const struct local_node *n = self;
    return node_agent_registered(n->agent);
}

static void node_measure(void *self)
{
    struct local_node *n = self;
    node_agent_measure(n->agent);
}

static const struct service_kind node_kind = {
    .name = "node",
    .check = "service/node",
    .user = "system:node:local",
    .start = node_begin,
    .stop = node_end,
    .ready = node_ready,
    .metrics = &node_metric_table,
    .measure = node_measure,
    .attach = node_attach,
    .detach = node_detach,
};

size_t services_of(struct service_row rows[SERVICES_MAX], const struct up_options *o)
{
    size_t n = 0;
    rows[n++] = (struct service_row){ &controllers_kind, o };
    rows[n++] = (struct service_row){ &scheduler_kind, o };
    rows[n++] = (struct service_row){ &sim_kind, o }; /* also for nodes that users add later */
    if (o->local_node)
        rows[n++] = (struct service_row){ &node_kind, o };
    return n;
}

/* ---- the reference page of metrics ---- */

#define PAGE_BYTES_MAX ((size_t)1 << 20)

void services_metrics_page(FILE *out)
{
    static const struct metric_table *const tables[] = {
        &apiserver_metric_table, &scheduler_metric_table, &controllers_metric_table,
        &node_metric_table,      &process_metric_table,
    };
    struct buf b;
    buf_init(&b, PAGE_BYTES_MAX);
    buf_str(&b,
            STR("# Metrics\n\nThis page is made by `ganglion reference metrics`; do not edit it."
                "\n\n`GET /metrics` of `ganglion up` and `ganglion apiserver` answers in "
                "Prometheus' text format. It needs a token, as on Kubernetes.\n"));
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        buf_printf(&b, "\n## %s\n\n", tables[i]->title);
        metrics_reference(&b, tables[i]->rows, tables[i]->n);
    }
    fwrite(b.p, 1, b.n, out);
    buf_fini(&b);
}
