/* SPDX-License-Identifier: Apache-2.0
 * podstate — the decision table; podstatus.c writes the document. */
#include "node/pod/podstate.h"

#include <string.h>

/* One pass over the containers of a pod. */
struct pass {
    const struct podstate *s;
    const struct pod *pod;
    struct pod_plan *plan;
};

const struct container *podstate_container(const struct pod *p, size_t i)
{
    return i < p->init_containers.n ? &p->init_containers.items[i]
                                    : &p->containers.items[i - p->init_containers.n];
}

int64_t podstate_backoff_ns(int64_t crashes)
{
    int64_t ns = crashes > 0 ? PODSTATE_BACKOFF_NS : 0;
    for (int64_t i = 1; i < crashes && ns < PODSTATE_BACKOFF_MAX_NS; i++)
        ns *= 2;
    return ns < PODSTATE_BACKOFF_MAX_NS ? ns : PODSTATE_BACKOFF_MAX_NS;
}

void podstate_begin(struct run *r)
{
    struct run next = { .phase = RUN_BEGUN, .attempt = r->attempt, .last = r->last };
    if (r->phase == RUN_ENDED) {
        bool stable =
            !r->end.start_failed && r->end.finished.ns - r->end.started.ns >= PODSTATE_STABLE_NS;
        next.attempt = r->attempt + 1;
        next.last = r->end;
        next.crashes = stable ? 1 : r->crashes + 1;
    }
    *r = next;
}

void podstate_shift(struct run *r, int64_t ns)
{
    struct wall *const times[] = { &r->waits_from, &r->ends_at, &r->term_at };
    for (size_t i = 0; i < COUNT_OF(times); i++)
        if (times[i]->ns)
            times[i]->ns += ns;
}

static bool alive(const struct run *r)
{
    return r->phase == RUN_BEGUN || r->phase == RUN_UP;
}

static bool sidecar(const struct pass *p, size_t i)
{
    return i < p->pod->init_containers.n && p->pod->init_containers.items[i].sidecar;
}

static bool main_container(const struct pass *p, size_t i)
{
    return i >= p->pod->init_containers.n;
}

static void wake_at(struct pass *p, int64_t ns)
{
    if (ns > p->s->now.ns && (!p->plan->wake.ns || ns < p->plan->wake.ns))
        p->plan->wake.ns = ns;
}

/* True while a preStop hook has the grace to itself. */
static bool hook_first(struct pass *p, size_t i, int64_t deadline)
{
    const struct run *r = &p->s->runs[i];
    if (r->phase != RUN_UP || r->term_at.ns || p->s->now.ns >= deadline)
        return false;
    if (r->pre_stop != HOOK_DUE && r->pre_stop != HOOK_RUNNING)
        return false;
    if (r->pre_stop == HOOK_DUE)
        p->plan->steps[i] = POD_STEP_PRE_STOP;
    wake_at(p, deadline);
    return true;
}

/* The stop signal now, SIGKILL when the grace since `from` is over. A preStop hook comes first and
 * counts; after one the process has a little time in any case. */
static void end_run(struct pass *p, size_t i, int64_t from_ns, int64_t grace_s)
{
    const struct run *r = &p->s->runs[i];
    int64_t kill_at = from_ns + grace_s * NS_PER_S;
    if (!alive(r) || hook_first(p, i, kill_at))
        return;
    if (r->pre_stop == HOOK_RUNNING || r->pre_stop == HOOK_OVER) {
        int64_t term_at = r->term_at.ns ? r->term_at.ns : p->s->now.ns;
        int64_t least = term_at + PODSTATE_LEAST_GRACE_S * NS_PER_S;
        kill_at = least > kill_at ? least : kill_at;
    }
    if (p->s->now.ns >= kill_at) {
        p->plan->steps[i] = r->kill_sent ? POD_STEP_NONE : POD_STEP_KILL;
        return;
    }
    if (!r->term_at.ns)
        p->plan->steps[i] = POD_STEP_TERM;
    wake_at(p, kill_at);
}

bool podstate_held(const struct podstate *s, size_t i)
{
    const struct pod_hold *h = &s->hold;
    return (h->waiting || h->failed) && (h->container == SIZE_MAX || h->container == i);
}

static void start_run(struct pass *p, size_t i)
{
    const struct run *r = &p->s->runs[i];
    if (podstate_held(p->s, i))
        return;
    if (r->phase == RUN_ENDED) {
        bool stable =
            !r->end.start_failed && r->end.finished.ns - r->end.started.ns >= PODSTATE_STABLE_NS;
        int64_t from = r->waits_from.ns ? r->waits_from.ns : r->end.finished.ns;
        int64_t due = from + podstate_backoff_ns(stable ? 0 : r->crashes);
        if (p->s->now.ns < due) {
            wake_at(p, due);
            p->plan->waits[i] = true;
            return;
        }
    }
    p->plan->steps[i] = POD_STEP_START;
}

/* A run that just began has its hook; one at fault is ended with the grace of the probe or the pod,
 * counted from the end's begin. */
static int64_t fault_grace_s(const struct podstate *s, const struct run *r)
{
    return r->fault_grace_s >= 0 ? r->fault_grace_s : pod_of(s->pod)->termination_grace_s;
}

static void watch_run(struct pass *p, size_t i)
{
    const struct run *r = &p->s->runs[i];
    if (!alive(r))
        return;
    if (r->fault != RUN_FINE)
        end_run(p, i, r->ends_at.ns ? r->ends_at.ns : p->s->now.ns, fault_grace_s(p->s, r));
    else if (r->phase == RUN_UP && r->post_start == HOOK_DUE)
        p->plan->steps[i] = POD_STEP_POST_START;
}

struct wall podstate_hook_deadline(const struct podstate *s, size_t i)
{
    const struct run *r = &s->runs[i];
    int64_t from = s->stop_at.ns ? s->stop_at.ns : r->ends_at.ns ? r->ends_at.ns : s->now.ns;
    int64_t grace_s = s->stop_at.ns          ? s->grace_s
                      : r->fault != RUN_FINE ? fault_grace_s(s, r)
                                             : pod_of(s->pod)->termination_grace_s;
    return (struct wall){ from + grace_s * NS_PER_S };
}

static bool restarts(const struct pass *p, size_t i)
{
    const struct run *r = &p->s->runs[i];
    if (sidecar(p, i))
        return true;
    bool failed = r->end.code != 0 || r->end.start_failed;
    switch (p->pod->restart_policy) {
    case POD_RESTART_ALWAYS:
        return main_container(p, i) || failed;
    case POD_RESTART_ON_FAILURE:
        return failed;
    case POD_RESTART_NEVER:
        return false;
    }
    return false;
}

static bool mains_asked(const struct pass *p)
{
    for (size_t i = p->pod->init_containers.n; i < p->s->n_runs; i++)
        if (p->s->runs[i].phase != RUN_NONE)
            return true;
    return false;
}

/* Init containers, one after the other. False while the main ones must wait; *failed: for ever. */
static bool run_inits(struct pass *p, bool *failed)
{
    for (size_t i = 0; i < p->pod->init_containers.n; i++) {
        const struct run *r = &p->s->runs[i];
        watch_run(p, i);
        if (r->phase == RUN_NONE || (r->phase == RUN_ENDED && sidecar(p, i)))
            start_run(p, i);
        if (sidecar(p, i) && r->started_ok && run_is_up(r))
            continue;
        if (sidecar(p, i) && mains_asked(p))
            continue; /* it restarts beside the main ones */
        if (sidecar(p, i))
            return false;
        if (alive(r) || r->phase == RUN_NONE)
            return false;
        if (r->end.code == 0 && !r->end.start_failed)
            continue;
        *failed = !restarts(p, i);
        if (!*failed)
            start_run(p, i);
        return false;
    }
    return true;
}

static size_t count_alive(const struct pass *p, bool sidecars)
{
    size_t n = 0;
    for (size_t i = 0; i < p->s->n_runs; i++)
        n += alive(&p->s->runs[i]) && sidecar(p, i) == sidecars;
    return n;
}

/* Everything ends: sidecars after the others, all within one grace. */
static void end_all(struct pass *p, int64_t from_ns, int64_t grace_s)
{
    bool others = count_alive(p, false) > 0;
    bool late = p->s->now.ns >= from_ns + grace_s * NS_PER_S;
    for (size_t i = 0; i < p->s->n_runs; i++)
        if (!sidecar(p, i) || !others || late)
            end_run(p, i, from_ns, grace_s);
    p->plan->over = count_alive(p, false) + count_alive(p, true) == 0;
}

static bool any_failed(const struct pass *p)
{
    for (size_t i = 0; i < p->s->n_runs; i++) {
        const struct run *r = &p->s->runs[i];
        bool failed = r->phase == RUN_ENDED && (r->end.code != 0 || r->end.start_failed);
        if (failed && !sidecar(p, i))
            return true;
    }
    return false;
}

/* Has every main container run to an end? */
static bool mains_ended(const struct pass *p)
{
    for (size_t i = p->pod->init_containers.n; i < p->s->n_runs; i++)
        if (p->s->runs[i].phase != RUN_ENDED)
            return false;
    return true;
}

static bool mains_begun(const struct pass *p)
{
    for (size_t i = p->pod->init_containers.n; i < p->s->n_runs; i++) {
        const struct run *r = &p->s->runs[i];
        if (run_is_up(r) || r->phase == RUN_ENDED || r->attempt > 0)
            return true;
    }
    return false;
}

static enum pod_phase ended_phase(const struct pass *p)
{
    return any_failed(p) || !mains_ended(p) ? POD_FAILED : POD_SUCCEEDED;
}

/* When the latest container of a finished pod ended: sidecars' grace counts from there. */
static int64_t last_end_ns(const struct pass *p)
{
    int64_t ns = 0;
    for (size_t i = 0; i < p->s->n_runs; i++)
        if (!sidecar(p, i) && p->s->runs[i].end.finished.ns > ns)
            ns = p->s->runs[i].end.finished.ns;
    return ns;
}

static void finish(struct pass *p)
{
    end_all(p, last_end_ns(p), p->pod->termination_grace_s);
    if (p->plan->over)
        p->plan->phase = ended_phase(p);
}

/* The deadline as an instant; 0 without one. */
static int64_t deadline_ns(const struct pass *p)
{
    int64_t s = json_i64_or(kobj_path(p->s->pod, "spec.activeDeadlineSeconds"), 0);
    return s > 0 && s < INT64_C(1) << 32 && p->s->start_time.ns ? p->s->start_time.ns + s * NS_PER_S
                                                                : 0;
}

/* Ends that come from outside the containers. True when one applies. */
static bool stopped(struct pass *p)
{
    struct pod_plan *plan = p->plan;
    if (p->s->hold.failed) {
        plan->over = true;
        plan->phase = POD_FAILED;
        plan->reason = p->s->hold.reason;
        plan->message = p->s->hold.message;
        return true;
    }
    if (p->s->stop_at.ns) {
        end_all(p, p->s->stop_at.ns, p->s->grace_s);
        if (plan->over)
            plan->phase = p->s->sandbox ? ended_phase(p) : plan->phase;
        return true;
    }
    return false;
}

/* What still runs at the deadline is ended. The pod has failed only when it has: a final phase is
 * never told of a pod that still runs (KEP-3329, as kubelet's status manager keeps it). */
static void meet_deadline(struct pass *p)
{
    struct pod_plan *plan = p->plan;
    int64_t deadline = deadline_ns(p);
    if (!deadline || (plan->over && last_end_ns(p) < deadline))
        return;
    if (p->s->now.ns < deadline) {
        wake_at(p, deadline);
        return;
    }
    memset(plan->steps, 0, sizeof plan->steps);
    memset(plan->waits, 0, sizeof plan->waits);
    end_all(p, deadline, p->pod->termination_grace_s);
    if (!plan->over)
        return;
    plan->phase = POD_FAILED;
    plan->reason = STR("DeadlineExceeded");
    plan->message = STR("Pod was active on the node longer than the specified deadline");
}

/* A postStart hook holds back the containers behind its own, as kubelet starts them in turn. */
static bool hook_pending(const struct run *r)
{
    return r->phase == RUN_UP && r->fault == RUN_FINE && !run_is_up(r);
}

static void run_mains(struct pass *p)
{
    bool more = false, held = false;
    for (size_t i = p->pod->init_containers.n; i < p->s->n_runs; i++) {
        const struct run *r = &p->s->runs[i];
        watch_run(p, i);
        if (!held && (r->phase == RUN_NONE || (r->phase == RUN_ENDED && restarts(p, i))))
            start_run(p, i);
        more |= r->phase != RUN_ENDED || restarts(p, i);
        held |= hook_pending(r);
    }
    if (!more) {
        memset(p->plan->steps, 0, sizeof p->plan->steps); /* no restart of a sidecar now */
        finish(p);
    }
}

/* Init containers, then the main ones, to their end. */
static void follow_course(struct pass *p)
{
    bool failed = false;
    bool was_initialized = p->plan->initialized;
    p->plan->initialized = run_inits(p, &failed) || was_initialized;
    if (failed) {
        memset(p->plan->steps, 0, sizeof p->plan->steps);
        finish(p);
    } else if (p->plan->initialized) {
        run_mains(p);
    }
}

void podstate_plan(const struct podstate *s, struct pod_plan *out)
{
    *out = (struct pod_plan){ .phase = POD_PENDING };
    struct pass p = { .s = s, .pod = pod_of(s->pod), .plan = out };
    if (mains_begun(&p))
        out->phase = POD_RUNNING;
    out->initialized = out->phase == POD_RUNNING;
    if (stopped(&p))
        return;
    if (s->sandbox)
        follow_course(&p);
    meet_deadline(&p);
}
