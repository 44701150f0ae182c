/* SPDX-License-Identifier: Apache-2.0
 * metrics — see metrics.h. Names, labels and buckets of the first part are kubelet's 1.36. */
#include "node/metrics.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

enum {
    M_NODE_NAME,
    M_RUNNING_PODS,
    M_RUNNING_CONTAINERS,
    M_POD_START,
    M_POD_START_SLI,
    M_STARTED,
    M_PROBES,
    M_RESTARTS,
    M_GANG_SKEW,
};

/* Ours begin at 5 ms, where a kubelet's begin at 500 ms: no image is pulled here. */
static const int64_t start_bounds[] = {
    5 * NS_PER_MS,   10 * NS_PER_MS,  25 * NS_PER_MS,  50 * NS_PER_MS,  100 * NS_PER_MS,
    250 * NS_PER_MS, 500 * NS_PER_MS, 1 * NS_PER_S,    2 * NS_PER_S,    3 * NS_PER_S,
    4 * NS_PER_S,    5 * NS_PER_S,    6 * NS_PER_S,    8 * NS_PER_S,    10 * NS_PER_S,
    20 * NS_PER_S,   30 * NS_PER_S,   45 * NS_PER_S,   60 * NS_PER_S,   120 * NS_PER_S,
    180 * NS_PER_S,  240 * NS_PER_S,  300 * NS_PER_S,  360 * NS_PER_S,  480 * NS_PER_S,
    600 * NS_PER_S,  900 * NS_PER_S,  1200 * NS_PER_S, 1800 * NS_PER_S, 2700 * NS_PER_S,
    3600 * NS_PER_S,
};

static const int64_t skew_bounds[] = {
    100 * NS_PER_US, 250 * NS_PER_US, 500 * NS_PER_US,  1 * NS_PER_MS,  2 * NS_PER_MS,
    5 * NS_PER_MS,   10 * NS_PER_MS,  25 * NS_PER_MS,   50 * NS_PER_MS, 100 * NS_PER_MS,
    250 * NS_PER_MS, 500 * NS_PER_MS, 1000 * NS_PER_MS,
};

static const struct metric rows[] = {
    [M_NODE_NAME] = { "kubelet_node_name",
                      METRIC_GAUGE,
                      "The local node's name; the value is always 1.",
                      { "node" } },
    [M_RUNNING_PODS] = { "kubelet_running_pods", METRIC_GAUGE,
                         "Pods of this machine whose shim lives." },
    [M_RUNNING_CONTAINERS] = { "kubelet_running_containers",
                               METRIC_GAUGE,
                               "Containers, by state: created waits for its exec, unknown has yet "
                               "to be told by its shim.",
                               { "container_state" } },
    [M_POD_START] = { "kubelet_pod_start_duration_seconds", METRIC_HISTOGRAM,
                      "From a pod's first sight on the node to its running.",
                      METRIC_TIMES(start_bounds) },
    [M_POD_START_SLI] = { "kubelet_pod_start_sli_duration_seconds", METRIC_HISTOGRAM,
                          "From a pod's creation until the API has seen all its containers run, "
                          "without the time of init containers. Creation is known to the second.",
                          METRIC_TIMES(start_bounds) },
    [M_STARTED] = { "kubelet_started_containers_total",
                    METRIC_COUNTER,
                    "Runs of containers begun: container or init_container.",
                    { "container_type" } },
    [M_PROBES] = { "prober_probe_total",
                   METRIC_COUNTER,
                   "Answers of probes: successful, failed, or unknown when it could not be asked. "
                   "A pod's series end with the pod.",
                   { "probe_type", "result", "container", "pod", "namespace", "pod_uid" } },
    [M_RESTARTS] = { "ganglion_container_restarts_total",
                     METRIC_COUNTER,
                     "Runs that follow an earlier one, by its end: completed, error, oom, "
                     "start_failed, startup_probe, liveness_probe or post_start.",
                     { "reason" } },
    [M_GANG_SKEW] = { "ganglion_gang_start_skew_seconds", METRIC_HISTOGRAM,
                      "From the first to the last start of members that were released together.",
                      METRIC_TIMES(skew_bounds) },
};

const struct metric_table node_metric_table = { "The local node", rows, COUNT_OF(rows) };

struct node_meter {
    struct metrics *m;
    struct metric_series *running, *created, *exited, *unknown, *started[2];
};

static struct metric_series *labelled(struct metrics *m, size_t row, const char *value)
{
    return metrics_series(m, row, (struct str[]){ str_from(value) });
}

struct node_meter *node_meter_new(struct metrics *m, struct str node_name)
{
    if (!m)
        return NULL;
    struct node_meter *s = MEM_NEW(struct node_meter);
    s->m = m;
    s->running = labelled(m, M_RUNNING_CONTAINERS, "running");
    s->created = labelled(m, M_RUNNING_CONTAINERS, "created");
    s->exited = labelled(m, M_RUNNING_CONTAINERS, "exited");
    s->unknown = labelled(m, M_RUNNING_CONTAINERS, "unknown");
    s->started[NODE_CONTAINER_INIT] = labelled(m, M_STARTED, "init_container");
    s->started[NODE_CONTAINER_MAIN] = labelled(m, M_STARTED, "container");
    metric_set(metrics_series(m, M_NODE_NAME, &node_name), 1);
    return s;
}

void node_meter_free(struct node_meter *m)
{
    free(m);
}

void node_meter_pod_ran(struct node_meter *m, int64_t took_ns)
{
    if (m)
        metrics_observe(m->m, M_POD_START, took_ns);
}

/* The wall clock may have been set meanwhile. */
void node_meter_pod_reported(struct node_meter *m, int64_t took_ns)
{
    if (m)
        metrics_observe(m->m, M_POD_START_SLI, took_ns > 0 ? took_ns : 0);
}

static const char *restart_reason(const struct run *r)
{
    switch (r->fault) {
    case RUN_STARTUP_FAILED:
        return "startup_probe";
    case RUN_LIVENESS_FAILED:
        return "liveness_probe";
    case RUN_HOOK_FAILED:
        return "post_start";
    case RUN_FINE:
        break;
    }
    if (r->end.start_failed)
        return "start_failed";
    if (r->end.oom)
        return "oom";
    return r->end.code || r->end.signal ? "error" : "completed";
}

void node_meter_started(struct node_meter *m, enum node_container type, const struct run *before)
{
    if (!m)
        return;
    metric_add(m->started[type], 1);
    if (before)
        metric_add(labelled(m->m, M_RESTARTS, restart_reason(before)), 1);
}

void node_meter_probed(struct node_meter *m,
                       const struct kobj *pod,
                       struct str container,
                       enum probe_kind kind,
                       enum probe_outcome outcome)
{
    static const char *const results[] = {
        [PROBE_SUCCESSFUL] = "successful",
        [PROBE_FAILED] = "failed",
        [PROBE_UNKNOWN] = "unknown",
    };
    const struct str values[] = {
        str_from(podprobe_word(kind)),
        str_from(results[outcome]),
        container,
        pod->name,
        pod->namespace,
        pod->uid,
    };
    if (m)
        metric_add(metrics_series(m->m, M_PROBES, values), 1);
}

void node_meter_forget(struct node_meter *m, struct str uid)
{
    if (m)
        metrics_forget(m->m, M_PROBES, STR("pod_uid"), uid);
}

void node_meter_gang(struct node_meter *m, int64_t skew_ns)
{
    if (m)
        metrics_observe(m->m, M_GANG_SKEW, skew_ns);
}

void node_meter_measure(struct node_meter *m, const struct node_tally *t)
{
    if (!m)
        return;
    metrics_set(m->m, M_RUNNING_PODS, t->pods);
    metric_set(m->running, t->running);
    metric_set(m->created, t->created);
    metric_set(m->exited, t->exited);
    metric_set(m->unknown, t->unknown);
}
