/* SPDX-License-Identifier: Apache-2.0
 * podstatus — the status document of a pod, in kubelet's words. */
#include <string.h>

#include "base/buf.h"
#include "kube/meta.h"
#include "node/pod/podstate.h"

#define NAMES_MAX 1024

struct page { /* what every part of the document needs */
    struct arena *a;
    const struct podstate *s;
    const struct pod *pod;
    const struct pod_plan *plan;
};

static struct str container_id(const struct page *p, size_t i, int64_t attempt)
{
    struct str name = podstate_container(p->pod, i)->name;
    return arena_printf(p->a, "ganglion://%.*s-%.*s-%lld", STR_ARG(p->s->pod->uid), STR_ARG(name),
                        (long long)attempt);
}

static struct jnode *terminated(const struct page *p, size_t i, const struct run_end *end)
{
    struct jnode *t = jnode_obj(p->a);
    struct str reason = end->oom            ? STR("OOMKilled")
                        : end->start_failed ? STR("StartError")
                        : end->code         ? STR("Error")
                                            : STR("Completed");
    jnode_set_i64(t, STR("exitCode"), end->code);
    if (end->signal)
        jnode_set_i64(t, STR("signal"), end->signal);
    jnode_set_str(t, STR("reason"), reason);
    if (end->message[0])
        jnode_set_str(t, STR("message"), str_from(end->message));
    meta_set_time(t, STR("startedAt"), end->started);
    meta_set_time(t, STR("finishedAt"), end->finished);
    jnode_set_str(t, STR("containerID"), container_id(p, i, end->attempt));
    return t;
}

static void
waiting(const struct page *p, struct jnode *state, struct str reason, struct str message)
{
    struct jnode *w = jnode_set(state, STR("waiting"), jnode_obj(p->a));
    jnode_set_str(w, STR("reason"), reason);
    if (message.n)
        jnode_set_str(w, STR("message"), message);
}

static void never_begun(const struct page *p, size_t i, struct jnode *state)
{
    if (podstate_held(p->s, i))
        waiting(p, state, p->s->hold.reason, p->s->hold.message);
    else if (i >= p->pod->init_containers.n && p->pod->init_containers.n && !p->plan->initialized)
        waiting(p, state, STR("PodInitializing"), (struct str){ 0 });
    else
        waiting(p, state, STR("ContainerCreating"), (struct str){ 0 });
}

/* An ended container that waits for its restart is not "terminated" but "waiting". */
static bool waits_again(const struct page *p, size_t i)
{
    return p->s->runs[i].phase == RUN_ENDED && p->plan->phase != POD_FAILED &&
           p->plan->phase != POD_SUCCEEDED && !p->s->stop_at.ns &&
           (p->plan->waits[i] || podstate_held(p->s, i));
}

static struct jnode *state_of(const struct page *p, size_t i)
{
    const struct run *r = &p->s->runs[i];
    struct jnode *state = jnode_obj(p->a);
    if (run_is_up(r)) {
        struct jnode *running = jnode_set(state, STR("running"), jnode_obj(p->a));
        meta_set_time(running, STR("startedAt"), r->started);
    } else if (waits_again(p, i) && podstate_held(p->s, i)) {
        waiting(p, state, p->s->hold.reason, p->s->hold.message);
    } else if (waits_again(p, i)) {
        struct str name = podstate_container(p->pod, i)->name;
        waiting(p, state, STR("CrashLoopBackOff"),
                arena_printf(p->a,
                             "back-off %llds restarting failed container=%.*s pod=%.*s_%.*s(%.*s)",
                             (long long)(podstate_backoff_ns(r->crashes) / NS_PER_S), STR_ARG(name),
                             STR_ARG(p->s->pod->name), STR_ARG(p->s->pod->namespace),
                             STR_ARG(p->s->pod->uid)));
    } else if (r->phase == RUN_ENDED) {
        jnode_set(state, STR("terminated"), terminated(p, i, &r->end));
    } else if ((r->phase == RUN_BEGUN && r->attempt > 0) || r->phase == RUN_UP) {
        waiting(p, state, STR("ContainerCreating"), (struct str){ 0 });
    } else {
        never_begun(p, i, state);
    }
    return state;
}

static bool run_ready(const struct page *p, size_t i)
{
    const struct run *r = &p->s->runs[i];
    const struct container *c = podstate_container(p->pod, i);
    if (i < p->pod->init_containers.n && !c->sidecar)
        return r->phase == RUN_ENDED && r->end.code == 0 && !r->end.start_failed;
    return run_is_up(r) && r->started_ok && r->ready;
}

static struct jnode *container_status(const struct page *p, size_t i)
{
    const struct run *r = &p->s->runs[i];
    const struct container *c = podstate_container(p->pod, i);
    struct jnode *o = jnode_obj(p->a);
    jnode_set_str(o, STR("name"), c->name);
    jnode_set(o, STR("state"), state_of(p, i));
    struct jnode *last = jnode_set(o, STR("lastState"), jnode_obj(p->a));
    const struct run_end *before = waits_again(p, i) ? &r->end : &r->last;
    if (before->has)
        jnode_set(last, STR("terminated"), terminated(p, i, before));
    jnode_set_bool(o, STR("ready"), run_ready(p, i));
    jnode_set_i64(o, STR("restartCount"), r->attempt);
    jnode_set_str(o, STR("image"), c->image.p ? c->image : STR(""));
    jnode_set_str(o, STR("imageID"), STR(""));
    if (r->phase == RUN_UP || r->phase == RUN_ENDED)
        jnode_set_str(o, STR("containerID"), container_id(p, i, r->attempt));
    jnode_set_bool(o, STR("started"), run_is_up(r) && r->started_ok);
    struct str stop = json_str(json_path(c->raw, "lifecycle.stopSignal"));
    if (stop.n)
        jnode_set_str(o, STR("stopSignal"), stop);
    return o;
}

static void container_lists(const struct page *p, struct jnode *status)
{
    size_t n_init = p->pod->init_containers.n;
    if (n_init) {
        struct jnode *list = jnode_need_arr(status, STR("initContainerStatuses"));
        for (size_t i = 0; i < n_init; i++)
            jnode_append(list, container_status(p, i));
    }
    struct jnode *list = jnode_need_arr(status, STR("containerStatuses"));
    for (size_t i = n_init; i < p->s->n_runs; i++)
        jnode_append(list, container_status(p, i));
}

/* Names of the containers (or of the init containers) that are not ready: "[a b]". */
static struct str unready_names(const struct page *p, bool inits)
{
    struct buf b;
    size_t n_init = p->pod->init_containers.n;
    buf_init(&b, NAMES_MAX);
    for (size_t i = inits ? 0 : n_init; i < (inits ? n_init : p->s->n_runs); i++)
        if (!run_ready(p, i))
            buf_printf(&b, "%s%.*s", b.n ? " " : "", STR_ARG(podstate_container(p->pod, i)->name));
    struct str out = arena_printf(p->a, "[%.*s]", STR_ARG(buf_view(&b)));
    buf_fini(&b);
    return out;
}

static bool all_ready(const struct page *p)
{
    for (size_t i = 0; i < p->s->n_runs; i++) {
        const struct container *c = podstate_container(p->pod, i);
        if ((i >= p->pod->init_containers.n || c->sidecar) && !run_ready(p, i))
            return false;
    }
    return p->plan->initialized;
}

static bool gates_open(const struct page *p)
{
    struct json_iter it = json_iter(kobj_path(p->s->pod, "spec.readinessGates"));
    while (json_next(&it)) {
        struct str type = json_str(json_get(it.value, STR("conditionType")));
        if (condition_of(kobj_root(p->s->pod), type) != CONDITION_TRUE)
            return false;
    }
    return true;
}

static void
condition(const struct page *p, struct jnode *list, const char *type, struct condition_spec c)
{
    c.type = type;
    meta_set_condition(p->a, list, &c, p->s->now);
}

/* The answer to "are the containers ready", with kubelet's reasons. */
static struct condition_spec readiness(const struct page *p)
{
    if (p->plan->phase == POD_SUCCEEDED)
        return (struct condition_spec){ .status = "False", .reason = STR("PodCompleted") };
    if (p->plan->phase == POD_FAILED)
        return (struct condition_spec){ .status = "False", .reason = STR("PodFailed") };
    if (all_ready(p))
        return (struct condition_spec){ .status = "True" };
    return (struct condition_spec){
        .status = "False",
        .reason = STR("ContainersNotReady"),
        .message = arena_printf(p->a, "containers with unready status: %.*s",
                                STR_ARG(unready_names(p, false))),
    };
}

static struct condition_spec initialization(const struct page *p)
{
    if (p->plan->phase == POD_SUCCEEDED)
        return (struct condition_spec){ .status = "True", .reason = STR("PodCompleted") };
    if (p->plan->initialized || !p->pod->init_containers.n)
        return (struct condition_spec){ .status = "True" };
    return (struct condition_spec){
        .status = "False",
        .reason = STR("ContainersNotInitialized"),
        .message = arena_printf(p->a, "containers with incomplete status: %.*s",
                                STR_ARG(unready_names(p, true))),
    };
}

static struct jnode *conditions(const struct page *p)
{
    struct json stored = kobj_path(p->s->pod, "status.conditions");
    struct jnode *list = json_has(stored) ? jnode_thaw(p->a, stored) : jnode_arr(p->a);
    struct condition_spec ready = readiness(p);
    bool network = p->s->sandbox && p->plan->phase != POD_FAILED && p->plan->phase != POD_SUCCEEDED;
    condition(p, list, "PodReadyToStartContainers",
              (struct condition_spec){ .status = network ? "True" : "False" });
    condition(p, list, "Initialized", initialization(p));
    condition(p, list, "ContainersReady", ready);
    if (strcmp(ready.status, "True") == 0 && !gates_open(p))
        ready =
            (struct condition_spec){ .status = "False", .reason = STR("ReadinessGatesNotReady") };
    condition(p, list, "Ready", ready);
    return list;
}

static void address_list(struct jnode *status, struct arena *a, struct str key, struct str ip)
{
    struct jnode *one = jnode_append(jnode_need_arr(status, key), jnode_obj(a));
    jnode_set_str(one, STR("ip"), ip);
}

struct jnode *
podstate_status(struct arena *a, const struct podstate *s, const struct pod_plan *plan)
{
    struct page p = { .a = a, .s = s, .pod = pod_of(s->pod), .plan = plan };
    struct jnode *status = jnode_obj(a);
    jnode_set_str(status, STR("phase"), str_from(pod_phase_text(plan->phase)));
    jnode_set(status, STR("conditions"), conditions(&p));
    if (plan->reason.n)
        jnode_set_str(status, STR("reason"), plan->reason);
    if (plan->message.n)
        jnode_set_str(status, STR("message"), plan->message);
    if (s->host_ip.n) {
        jnode_set_str(status, STR("hostIP"), s->host_ip);
        address_list(status, a, STR("hostIPs"), s->host_ip);
    }
    if (s->pod_ip.n) {
        jnode_set_str(status, STR("podIP"), s->pod_ip);
        address_list(status, a, STR("podIPs"), s->pod_ip);
    }
    meta_set_time(status, STR("startTime"), s->start_time);
    container_lists(&p, status);
    return status;
}
