/* SPDX-License-Identifier: Apache-2.0
 * print_pod — a pod's row: how many containers are ready, and what STATUS says of it all. The
 * rules are those of kube-apiserver's printer: an init container that has not ended well names the
 * status, else the first container that waits or has ended does. */
#include "kube/pod.h"
#include "kube/print_internal.h"

struct summary {
    struct str reason;
    int64_t ready, total, restarts;
    struct wall last_restart;
};

static void count_restart(const struct container_status *s, int64_t *restarts, struct wall *last)
{
    struct wall t;
    *restarts += s->restarts;
    if (wall_parse(json_str(json_path(s->last, "terminated.finishedAt")), &t) && t.ns > last->ns)
        *last = t;
}

static bool is_sidecar(const struct pod *p, struct str name)
{
    for (size_t i = 0; i < p->init_containers.n; i++) {
        if (str_eq(p->init_containers.items[i].name, name))
            return p->init_containers.items[i].sidecar;
    }
    return false;
}

static struct str
ended_reason(struct arena *a, const struct container_status *s, const char *prefix)
{
    if (s->reason.n > 0)
        return arena_printf(a, "%s%.*s", prefix, STR_ARG(s->reason));
    if (s->signal != 0)
        return arena_printf(a, "%sSignal:%lld", prefix, (long long)s->signal);
    return arena_printf(a, "%sExitCode:%lld", prefix, (long long)s->exit_code);
}

/* True when initialization still goes on or failed. */
static bool look_at_init(struct arena *a, const struct kobj *o, struct summary *sum)
{
    const struct pod *p = pod_of(o);
    struct container_statuses list =
        container_statuses_decode(a, kobj_path(o, "status.initContainerStatuses"));
    int64_t sidecar_restarts = 0;
    struct wall sidecar_last = { 0 };
    for (size_t i = 0; i < list.n; i++) {
        const struct container_status *s = &list.items[i];
        bool sidecar = is_sidecar(p, s->name);
        count_restart(s, &sum->restarts, &sum->last_restart);
        if (sidecar)
            count_restart(s, &sidecar_restarts, &sidecar_last);
        if (s->state == CONTAINER_TERMINATED && s->exit_code == 0)
            continue;
        if (sidecar && s->started) {
            sum->ready += s->ready;
            continue;
        }
        if (s->state == CONTAINER_TERMINATED)
            sum->reason = ended_reason(a, s, "Init:");
        else if (s->state == CONTAINER_WAITING && s->reason.n > 0 &&
                 !str_is(s->reason, "PodInitializing"))
            sum->reason = arena_printf(a, "Init:%.*s", STR_ARG(s->reason));
        else
            sum->reason = arena_printf(a, "Init:%zu/%zu", i, p->init_containers.n);
        return true;
    }
    sum->restarts = sidecar_restarts;
    sum->last_restart = sidecar_last;
    return false;
}

static void look_at_containers(struct arena *a, const struct kobj *o, struct summary *sum)
{
    struct container_statuses list =
        container_statuses_decode(a, kobj_path(o, "status.containerStatuses"));
    bool running = false;
    for (size_t i = list.n; i-- > 0;) {
        const struct container_status *s = &list.items[i];
        count_restart(s, &sum->restarts, &sum->last_restart);
        if (s->state == CONTAINER_WAITING && s->reason.n > 0) {
            sum->reason = s->reason;
        } else if (s->state == CONTAINER_TERMINATED) {
            sum->reason = ended_reason(a, s, "");
        } else if (s->ready && s->state == CONTAINER_RUNNING) {
            running = true;
            sum->ready++;
        }
    }
    if (running && str_is(sum->reason, "Completed"))
        sum->reason = pod_of(o)->ready ? STR("Running") : STR("NotReady");
}

static struct summary summarise(struct arena *a, const struct kobj *o)
{
    const struct pod *p = pod_of(o);
    struct summary sum = { .total = (int64_t)p->containers.n };
    for (size_t i = 0; i < p->init_containers.n; i++)
        sum.total += p->init_containers.items[i].sidecar;
    struct str said = json_str(kobj_path(o, "status.reason"));
    sum.reason = said.n ? said : json_str(kobj_path(o, "status.phase"));
    struct json scheduled = condition_find(kobj_root(o), STR("PodScheduled"));
    if (str_is(json_str(json_get(scheduled, STR("reason"))), "SchedulingGated"))
        sum.reason = STR("SchedulingGated");
    bool initialized = condition_of(kobj_root(o), STR("Initialized")) == CONDITION_TRUE;
    if (!look_at_init(a, o, &sum) || initialized)
        look_at_containers(a, o, &sum);
    if (p->deleting && str_is(said, "NodeLost"))
        sum.reason = STR("Unknown");
    else if (p->deleting && !pod_finished(p))
        sum.reason = STR("Terminating");
    return sum;
}

struct str print_pod_status(struct arena *a, const struct kobj *pod)
{
    return summarise(a, pod).reason;
}

static struct str readiness_gates(struct row *r)
{
    struct json gates = print_path(r, "spec.readinessGates");
    size_t met = 0;
    if (json_len(gates) == 0)
        return STR("<none>");
    for (struct json_iter it = json_iter(gates); json_next(&it);) {
        struct str type = json_str(json_get(it.value, STR("conditionType")));
        met += condition_of(r->o, type) == CONDITION_TRUE;
    }
    return arena_printf(r->a, "%zu/%u", met, (unsigned)json_len(gates));
}

void print_pod(struct row *r)
{
    const struct pod *p = pod_of(r->obj);
    struct summary sum = summarise(r->a, r->obj);
    print_str(r, arena_printf(r->a, "%lld/%lld", (long long)sum.ready, (long long)sum.total));
    print_str(r, sum.reason);
    char age[TIME_TEXT_MAX];
    if (sum.restarts != 0 && sum.last_restart.ns != 0)
        print_str(r, arena_printf(r->a, "%lld (%.*s ago)", (long long)sum.restarts,
                                  STR_ARG(duration_human(age, r->now.ns - sum.last_restart.ns))));
    else
        print_str(r, arena_printf(r->a, "%lld", (long long)sum.restarts));
    print_age(r);
    print_or(r, p->ip, "<none>");
    print_or(r, p->node_name, "<none>");
    print_or(r, p->nominated_node, "<none>");
    print_str(r, readiness_gates(r));
}
