/* SPDX-License-Identifier: Apache-2.0
 * metrics — see metrics.h. Names, labels and buckets of the first part are kube-scheduler's 1.36;
 * those of the second are KubeNexus', where "plugin" tells gangs from single pods. */
#include "scheduler/service/metrics.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/time.h"

enum {
    M_ATTEMPTS,
    M_ATTEMPT_DURATION,
    M_SLI_DURATION,
    M_PENDING,
    M_INCOMING,
    M_CACHE_SIZE,
    M_PREEMPTIONS,
    M_VICTIMS,
    M_NEXUS_ATTEMPTS,
    M_NEXUS_DURATION,
    M_NEXUS_GROUP_SIZE,
    M_NEXUS_WAITING,
    M_NEXUS_RESERVATIONS,
    M_WORKLOAD_PODS,
    M_PLUGIN_IGNORED,
    M_PLUGIN_LATE,
    M_PLUGIN_ON,
};

/* 1 ms doubled 15 times, with finer ones in front: here a cycle takes microseconds. */
static const int64_t attempt_bounds[] = {
    10 * NS_PER_US,   100 * NS_PER_US,   1 * NS_PER_MS,    2 * NS_PER_MS,    4 * NS_PER_MS,
    8 * NS_PER_MS,    16 * NS_PER_MS,    32 * NS_PER_MS,   64 * NS_PER_MS,   128 * NS_PER_MS,
    256 * NS_PER_MS,  512 * NS_PER_MS,   1024 * NS_PER_MS, 2048 * NS_PER_MS, 4096 * NS_PER_MS,
    8192 * NS_PER_MS, 16384 * NS_PER_MS,
};

/* 10 ms doubled 20 times. */
static const int64_t sli_bounds[] = {
    10 * NS_PER_MS,     20 * NS_PER_MS,      40 * NS_PER_MS,      80 * NS_PER_MS,
    160 * NS_PER_MS,    320 * NS_PER_MS,     640 * NS_PER_MS,     1280 * NS_PER_MS,
    2560 * NS_PER_MS,   5120 * NS_PER_MS,    10240 * NS_PER_MS,   20480 * NS_PER_MS,
    40960 * NS_PER_MS,  81920 * NS_PER_MS,   163840 * NS_PER_MS,  327680 * NS_PER_MS,
    655360 * NS_PER_MS, 1310720 * NS_PER_MS, 2621440 * NS_PER_MS, 5242880 * NS_PER_MS,
};

static const int64_t size_bounds[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 };

static const struct metric rows[] = {
    [M_ATTEMPTS] = { "scheduler_schedule_attempts_total",
                     METRIC_COUNTER,
                     "Attempts to schedule pods: \"scheduled\" is bound, \"unschedulable\" found "
                     "no "
                     "place, \"error\" was refused by the API.",
                     { "result" } },
    [M_ATTEMPT_DURATION] = { "scheduler_scheduling_attempt_duration_seconds",
                             METRIC_HISTOGRAM,
                             "One cycle, that of a gang included.",
                             { "profile", "result" },
                             METRIC_TIMES(attempt_bounds) },
    [M_SLI_DURATION] = { "scheduler_pod_scheduling_sli_duration_seconds", METRIC_HISTOGRAM,
                         "From a pod's first waiting to its binding.", METRIC_TIMES(sli_bounds) },
    [M_PENDING] = { "scheduler_pending_pods",
                    METRIC_GAUGE,
                    "Pods that wait: active, backoff, unschedulable or gated.",
                    { "queue" } },
    [M_INCOMING] = { "scheduler_queue_incoming_pods_total",
                     METRIC_COUNTER,
                     "Pods put into a queue, by the event that put them.",
                     { "queue", "event" } },
    [M_CACHE_SIZE] = { "scheduler_scheduler_cache_size",
                       METRIC_GAUGE,
                       "What the scheduler knows of: nodes, pods, assumed_pods.",
                       { "type" } },
    [M_PREEMPTIONS] = { "scheduler_preemption_attempts_total", METRIC_COUNTER,
                        "Decisions that others must leave so that a gang or pod fits." },
    [M_VICTIMS] = { "scheduler_preemption_victims", METRIC_HISTOGRAM,
                    "Pods evicted by one such decision.", .bounds = size_bounds,
                    .n_bounds = COUNT_OF(size_bounds) },
    [M_NEXUS_ATTEMPTS] = { "kubenexus_scheduling_attempts_total",
                           METRIC_COUNTER,
                           "Cycles, by what came of them; plugin is gang or pod.",
                           { "result", "plugin" } },
    [M_NEXUS_DURATION] = { "kubenexus_scheduling_duration_seconds",
                           METRIC_HISTOGRAM,
                           "Operation cycle: deciding. Operation bind: the binding of a batch.",
                           { "operation", "plugin" },
                           METRIC_TIMES(attempt_bounds) },
    [M_NEXUS_GROUP_SIZE] = { "kubenexus_pod_group_size",
                             METRIC_HISTOGRAM,
                             "Members placed by one decision about a gang.",
                             { "namespace" },
                             .bounds = size_bounds,
                             .n_bounds = COUNT_OF(size_bounds) },
    [M_NEXUS_WAITING] = { "kubenexus_waiting_pods",
                          METRIC_GAUGE,
                          "Members of gangs that wait.",
                          { "namespace", "pod_group" } },
    [M_NEXUS_RESERVATIONS] = { "kubenexus_resource_reservations",
                               METRIC_GAUGE,
                               "Pods that a place is held for.",
                               { "namespace" } },
    [M_WORKLOAD_PODS] = { "ganglion_scheduler_workload_pods",
                          METRIC_GAUGE,
                          "Pods by kind of work (training, inference, batch, service, interactive, "
                          "none) and state (waiting, placed).",
                          { "workload", "state" } },
    [M_PLUGIN_IGNORED] = { "ganglion_scheduler_plugin_ignored_answers_total",
                           METRIC_COUNTER,
                           "Answers of a plugin from outside that break a rule: a score, a "
                           "verdict, a reason.",
                           { "plugin", "why" } },
    [M_PLUGIN_LATE] = { "ganglion_scheduler_plugin_late_answers_total",
                        METRIC_COUNTER,
                        "Answers of a plugin from outside that took longer than 10 ms.",
                        { "plugin" } },
    [M_PLUGIN_ON] = { "ganglion_scheduler_plugin_on",
                      METRIC_GAUGE,
                      "1 for each plugin from outside, 0 once it is switched off.",
                      { "plugin" } },
};

const struct metric_table scheduler_metric_table = { "The scheduler", rows, COUNT_OF(rows) };

enum { QUEUE_ACTIVE, QUEUE_BACKOFF, QUEUE_UNSCHEDULABLE, QUEUE_GATED, QUEUES };

static const char *const queue_names[QUEUES] = { "active", "backoff", "unschedulable", "gated" };

static const struct {
    struct str event;
    const char *queue;
} incoming_labels[] = {
    [SCHED_POD_ADDED] = { STR_INIT("PodAdd"), "active" },
    [SCHED_ATTEMPT_FAILED] = { STR_INIT("ScheduleAttemptFailure"), "unschedulable" },
};

enum { RESULT_UNSCHEDULABLE, RESULT_SCHEDULED, RESULTS };
enum { PLUGIN_POD, PLUGIN_GANG, PLUGINS };

static const struct str results[RESULTS] = { STR_INIT("unschedulable"), STR_INIT("scheduled") };
static const struct str plugins[PLUGINS] = { STR_INIT("pod"), STR_INIT("gang") };

/* What each pod counts in is looked up once: a look-up writes labels and takes a lock. */
struct sched_meter {
    struct metrics *m;
    struct metric_series *pending[QUEUES], *scheduled, *error, *unschedulable, *bind_time;
    struct metric_series *nodes, *pods, *assumed;
    struct metric_series *incoming[COUNT_OF(incoming_labels)];
    struct metric_series *cycles[RESULTS][PLUGINS], *cycle_time[PLUGINS];
    const struct profile *profile; /* the last one that attempts are of */
    struct metric_series *attempt_time[RESULTS];
};

static struct metric_series *labelled(struct metrics *m, size_t row, const char *a)
{
    return metrics_series(m, row, (struct str[]){ str_from(a) });
}

static struct metric_series *labelled2(struct metrics *m, size_t row, struct str a, struct str b)
{
    return metrics_series(m, row, (struct str[]){ a, b });
}

struct sched_meter *sched_meter_new(struct metrics *m)
{
    if (!m)
        return NULL;
    struct sched_meter *s = MEM_NEW(struct sched_meter);
    s->m = m;
    for (size_t i = 0; i < QUEUES; i++)
        s->pending[i] = labelled(m, M_PENDING, queue_names[i]);
    s->scheduled = labelled(m, M_ATTEMPTS, "scheduled");
    s->unschedulable = labelled(m, M_ATTEMPTS, "unschedulable");
    s->error = labelled(m, M_ATTEMPTS, "error");
    s->nodes = labelled(m, M_CACHE_SIZE, "nodes");
    s->pods = labelled(m, M_CACHE_SIZE, "pods");
    s->assumed = labelled(m, M_CACHE_SIZE, "assumed_pods");
    s->bind_time = labelled2(m, M_NEXUS_DURATION, STR("bind"), STR("batch"));
    for (size_t i = 0; i < COUNT_OF(incoming_labels); i++)
        s->incoming[i] =
            labelled2(m, M_INCOMING, str_from(incoming_labels[i].queue), incoming_labels[i].event);
    for (size_t p = 0; p < PLUGINS; p++) {
        s->cycle_time[p] = labelled2(m, M_NEXUS_DURATION, STR("cycle"), plugins[p]);
        for (size_t r = 0; r < RESULTS; r++)
            s->cycles[r][p] = labelled2(m, M_NEXUS_ATTEMPTS, results[r], plugins[p]);
    }
    return s;
}

void sched_meter_free(struct sched_meter *m)
{
    free(m);
}

void sched_meter_queued(struct sched_meter *m, enum sched_incoming why)
{
    if (m)
        metric_add(m->incoming[why], 1);
}

/* Profiles are few and pods of one come together. */
static struct metric_series *
attempt_time(struct sched_meter *m, const struct profile *profile, size_t result)
{
    if (!m->attempt_time[0] || m->profile != profile) {
        struct str name = profile ? profile->name : STR("");
        for (size_t r = 0; r < RESULTS; r++)
            m->attempt_time[r] = labelled2(m->m, M_ATTEMPT_DURATION, name, results[r]);
        m->profile = profile;
    }
    return m->attempt_time[result];
}

void sched_meter_cycle(struct sched_meter *m, const struct decision *d, int64_t took_ns)
{
    if (!m || d->kind == DECISION_NONE || d->kind == DECISION_LATE || d->kind == DECISION_ASK ||
        d->kind == DECISION_UNDO || d->kind == DECISION_RELIEVE)
        return;
    bool binds = d->kind == DECISION_BIND;
    const struct gang *g = d->gang;
    size_t result = binds ? RESULT_SCHEDULED : RESULT_UNSCHEDULABLE;
    size_t plugin = g->dialect ? PLUGIN_GANG : PLUGIN_POD;
    metric_observe(attempt_time(m, g->profile, result), took_ns);
    metric_observe(m->cycle_time[plugin], took_ns);
    metric_add(m->cycles[result][plugin], 1);
    if (d->kind == DECISION_PREEMPT) {
        metrics_add(m->m, M_PREEMPTIONS, 1);
        metrics_observe(m->m, M_VICTIMS, (int64_t)d->n_victims);
    }
    if (!binds) {
        metric_add(m->unschedulable, (int64_t)(g->n_members - g->n_placed));
        return;
    }
    struct str key = g->key, namespace = str_split(&key, '/');
    if (g->dialect)
        metric_observe(metrics_series(m->m, M_NEXUS_GROUP_SIZE, &namespace), (int64_t)d->n);
}

void sched_meter_bound(struct sched_meter *m, size_t pods, bool bound, int64_t took_ns)
{
    if (!m)
        return;
    metric_add(bound ? m->scheduled : m->error, (int64_t)pods);
    metric_observe(m->bind_time, took_ns);
}

void sched_meter_pod(struct sched_meter *m, int64_t waited_ns)
{
    if (m)
        metrics_observe(m->m, M_SLI_DURATION, waited_ns);
}

void sched_meter_ignored(struct sched_meter *m, struct str plugin, struct str why, int64_t n)
{
    if (m)
        metric_add(labelled2(m->m, M_PLUGIN_IGNORED, plugin, why), n);
}

void sched_meter_late(struct sched_meter *m, struct str plugin, int64_t n)
{
    if (m)
        metric_add(metrics_series(m->m, M_PLUGIN_LATE, &plugin), n);
}

void sched_meter_plugin(struct sched_meter *m, struct str plugin, bool on)
{
    if (m)
        metric_set(metrics_series(m->m, M_PLUGIN_ON, &plugin), on);
}

/* ---- gauges ---- */

struct tally {
    struct sched_meter *m;
    int64_t pending[QUEUES], assumed;
    int64_t workloads[WORKLOADS][2]; /* waiting, placed */
};

static size_t queue_of(const struct spod *p)
{
    if (p->view->n_gates > 0)
        return QUEUE_GATED;
    switch (queue_state(p->gang)) {
    case GANG_ACTIVE:
        return QUEUE_ACTIVE;
    case GANG_DELAYED:
        return QUEUE_BACKOFF;
    case GANG_IDLE:
    case GANG_PARKED:
    case GANG_BEHIND:
        break;
    }
    return QUEUE_UNSCHEDULABLE;
}

static void tally_pod(void *arg, const struct spod *p)
{
    struct tally *t = arg;
    if (spod_is_ours(p))
        t->workloads[p->shape->workload][p->node >= 0]++;
    t->assumed += p->assumed;
    if (p->held_by)
        metric_add(metrics_series(t->m->m, M_NEXUS_RESERVATIONS, &p->obj->namespace), 1);
    if (p->node >= 0 || !p->gang) /* it runs, or its node is not here */
        return;
    t->pending[queue_of(p)]++;
    if (!p->gang->dialect)
        return;
    struct str group = p->gang->key, namespace = str_split(&group, '/');
    metric_add(labelled2(t->m->m, M_NEXUS_WAITING, namespace, group), 1);
}

void sched_meter_measure(struct sched_meter *m, const struct sched_core *core)
{
    if (!m)
        return;
    struct tally t = { .m = m };
    struct core_counts n = core_count(core);
    metrics_clear(m->m, M_NEXUS_WAITING);
    metrics_clear(m->m, M_NEXUS_RESERVATIONS);
    core_each_pod(core, tally_pod, &t);
    for (size_t i = 0; i < QUEUES; i++)
        metric_set(m->pending[i], t.pending[i]);
    metric_set(m->nodes, (int64_t)n.nodes);
    metric_set(m->pods, (int64_t)n.pods);
    metric_set(m->assumed, t.assumed);
    for (size_t i = 0; i < WORKLOADS; i++) {
        struct str kind = i ? str_from(workload_defaults[i].name) : STR("none");
        metric_set(labelled2(m->m, M_WORKLOAD_PODS, kind, STR("waiting")), t.workloads[i][0]);
        metric_set(labelled2(m->m, M_WORKLOAD_PODS, kind, STR("placed")), t.workloads[i][1]);
    }
}
