/* SPDX-License-Identifier: Apache-2.0
 * local_pod — one pod's turns: what the shim tells goes into the runs, podstate plans, the steps go
 * to the shim. A turn is asked for by anything that changes and happens once per loop iteration. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "io/file.h"
#include "node/executor_internal.h"

#define TURNS_MAX 4 /* plans in a row: a step may make another one possible */

static struct wall now_of(const struct local_pod *p)
{
    return loop_wall(p->x->loop);
}

const struct container *local_pod_container(const struct local_pod *p, size_t i)
{
    return podstate_container(pod_of(p->pod), i);
}

void local_pod_event(struct local_pod *p, const char *type, const char *reason, struct str message)
{
    p->x->hooks.event(p->x->arg, p->pod, type, reason, message);
}

void local_pod_turn_soon(struct local_pod *p)
{
    timer_start(p->timer, 0);
}

/* ---- what the shim tells ---- */

static void take_running(struct local_pod *p, size_t i, const struct shim_state *s)
{
    struct run *r = &p->runs[i];
    bool fresh = r->phase != RUN_UP && p->settled;
    r->phase = RUN_UP;
    r->started = s->started;
    podprobe_begin(&p->probes[i], local_pod_container(p, i)->raw, r);
    if (!fresh)
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    local_pod_event(
        p, "Normal", "Started",
        arena_printf(a, "Container started: %.*s", STR_ARG(local_pod_container(p, i)->name)));
}

static void take_end(struct local_pod *p, size_t i, const struct shim_state *s)
{
    struct run *r = &p->runs[i];
    bool fresh = r->phase != RUN_ENDED && p->settled;
    r->phase = RUN_ENDED;
    r->ready = r->started_ok = false;
    r->end = (struct run_end){ .has = true,
                               .start_failed = s->phase == SHIM_IS_FAILED,
                               .attempt = s->attempt,
                               .code = s->code,
                               .signal = s->signal,
                               .started = s->started,
                               .finished = s->finished };
    r->end.oom = s->signal == SIGKILL && !r->kill_sent && pod_cgroup_oom(p);
    snprintf(r->end.message, sizeof r->end.message, "%.*s", STR_ARG(s->message));
    if (!fresh || !r->end.start_failed)
        return;
    AUTO(arena_freep) struct arena *a = arena_new();
    local_pod_event(p, "Warning", "Failed", arena_printf(a, "Error: %s", r->end.message));
}

static void on_state(void *arg, const struct shim_state *s)
{
    struct local_pod *p = arg;
    size_t i = s->container;
    if (i >= p->n_runs)
        return;
    struct run *r = &p->runs[i];
    uint64_t bit = UINT64_C(1) << i;
    if (!p->settled && (r->phase == RUN_NONE || s->attempt != r->attempt)) {
        *r = (struct run){ .attempt = s->attempt, .crashes = s->attempt };
        if (s->attempt > 0)
            pod_disk_end(p, i, s->attempt - 1, &r->last);
    }
    p->held &= ~bit;
    p->pids[i] = s->phase == SHIM_IS_RUNNING ? s->pid : 0;
    switch (s->phase) {
    case SHIM_IS_PREPARING:
        r->phase = RUN_BEGUN;
        break;
    case SHIM_IS_PREPARED:
        r->phase = RUN_BEGUN;
        p->held |= bit;
        break;
    case SHIM_IS_RUNNING:
        take_running(p, i, s);
        break;
    case SHIM_IS_EXITED:
    case SHIM_IS_FAILED:
        take_end(p, i, s);
        break;
    }
    if (p->gang)
        gang_start_check(p->gang);
    local_pod_turn_soon(p);
}

static void on_ready(void *arg)
{
    struct local_pod *p = arg;
    p->settled = true;
    if (p->held && !p->gang)
        shim_client_release(p->client); /* held by an agent that is no more */
    local_pod_turn_soon(p);
}

static void remove_now(struct local_pod *p);

/* The shim was killed: its children died with it, theirs did not. */
static void kill_groups(struct local_pod *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        if (p->pids[i] > 1)
            kill(-(pid_t)p->pids[i], SIGKILL);
        p->pids[i] = 0;
    }
}

static void on_gone(void *arg)
{
    struct local_pod *p = arg;
    shim_client_free(p->client);
    p->client = NULL;
    kill_groups(p);
    if (p->removing) {
        remove_now(p);
        return;
    }
    if (!p->quitting) {
        LOG_WARN("node.shim_gone", kv_str("pod", p->pod->name),
                 kv_cstr("next", "its containers count as killed"));
        pod_disk_recover(p);
    }
    p->quitting = false;
    p->settled = true;
    local_pod_turn_soon(p);
}

static void probe_event(struct local_pod *p, size_t i, enum probe_kind k, struct str output)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    (void)i;
    local_pod_event(
        p, "Warning", "Unhealthy",
        arena_printf(a, "%s probe failed: %.*s", podprobe_word(k), STR_ARG(str_trim(output))));
}

/* A token is "CONTAINER-KIND-ATTEMPT". */
static void on_probe(void *arg, struct str token, int64_t code, struct str output)
{
    struct local_pod *p = arg;
    int64_t i, k, attempt;
    if (!str_to_i64(str_split(&token, '-'), &i) || !str_to_i64(str_split(&token, '-'), &k) ||
        !str_to_i64(token, &attempt) || i < 0 || (size_t)i >= p->n_runs || k < 0 ||
        k >= PROBE_KINDS || attempt != p->runs[i].attempt)
        return;
    if (code != 0 && p->runs[i].phase == RUN_UP)
        probe_event(p, (size_t)i, (enum probe_kind)k, code < 0 ? STR("command timed out") : output);
    podprobe_answer(&p->probes[i], &p->runs[i], (enum probe_kind)k, code == 0, now_of(p));
    local_pod_turn_soon(p);
}

static const struct shim_events shim_hooks = {
    .state = on_state,
    .probe = on_probe,
    .ready = on_ready,
    .gone = on_gone,
};

/* ---- steps ---- */

static void need_shim(struct local_pod *p)
{
    if (!p->client)
        p->client = shim_client_start(p->x->loop, p->x->program, p->dir, &shim_hooks, p);
}

static void step_start(struct local_pod *p, size_t i)
{
    need_shim(p);
    podstate_begin(&p->runs[i]);
    p->waits &= ~(UINT64_C(1) << i);
    if (p->gang)
        shim_client_prepare(p->client, i, p->runs[i].attempt);
    else
        shim_client_run(p->client, i, p->runs[i].attempt);
}

static void step_term(struct local_pod *p, size_t i)
{
    struct run *r = &p->runs[i];
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str name = local_pod_container(p, i)->name;
    r->term_at = now_of(p);
    if (p->client)
        shim_client_signal(p->client, i, SIGTERM);
    local_pod_event(p, "Normal", "Killing",
                    r->unhealthy
                        ? arena_printf(a, "Container %.*s failed its %s probe, will be restarted",
                                       STR_ARG(name), r->started_ok ? "liveness" : "startup")
                        : arena_printf(a, "Stopping container %.*s", STR_ARG(name)));
}

static void step(struct local_pod *p, size_t i)
{
    switch (p->plan.steps[i]) {
    case POD_STEP_NONE:
        break;
    case POD_STEP_START:
        step_start(p, i);
        break;
    case POD_STEP_TERM:
        step_term(p, i);
        break;
    case POD_STEP_KILL:
        p->runs[i].kill_sent = true;
        if (p->client)
            shim_client_signal(p->client, i, SIGKILL);
        break;
    }
}

static void tell_waits(struct local_pod *p)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (!p->plan.waits[i] || (p->waits & bit))
            continue;
        AUTO(arena_freep) struct arena *a = arena_new();
        p->waits |= bit;
        local_pod_event(
            p, "Warning", "BackOff",
            arena_printf(a, "Back-off restarting failed container %.*s in pod %.*s_%.*s(%.*s)",
                         STR_ARG(local_pod_container(p, i)->name), STR_ARG(p->pod->name),
                         STR_ARG(p->pod->namespace), STR_ARG(p->uid)));
    }
}

static struct podstate state_of(const struct local_pod *p)
{
    const struct pod *pod = pod_of(p->pod);
    return (struct podstate){
        .pod = p->pod,
        .runs = p->runs,
        .n_runs = p->n_runs,
        .hold = p->hold,
        .sandbox = p->prepared,
        .start_time = p->start_time,
        .now = now_of(p),
        .stop_at = p->stop_at,
        .grace_s = pod->deletion_grace_s >= 0 ? pod->deletion_grace_s : pod->termination_grace_s,
        .pod_ip = str_from(p->ip),
        .host_ip = p->x->o.host_ip,
    };
}

/* ---- probes ---- */

static void ask(struct local_pod *p, size_t i, enum probe_kind k)
{
    struct str fields[PODPROBE_FIELDS_MAX];
    AUTO(arena_freep) struct arena *a = arena_new();
    struct json raw = local_pod_container(p, i)->raw, spec = podprobe_spec(raw, k);
    size_t n = podprobe_fields(fields, a, spec, raw, str_from(p->ip));
    struct str token = arena_printf(a, "%zu-%d-%lld", i, (int)k, (long long)p->runs[i].attempt);
    if (!n || !p->client) {
        on_probe(p, token, 1, STR("the local node cannot make a probe of this kind"));
        return;
    }
    if (str_is(fields[0], "exec"))
        fields[1] = arena_printf(a, "%zu", i);
    shim_client_probe(p->client, token, p->probes[i].items[k].timeout_ms, fields, n);
}

static void ask_all(struct local_pod *p, struct wall *wake)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        for (;;) {
            struct wall due;
            enum probe_kind k = podprobe_next(&p->probes[i], &p->runs[i], now_of(p), &due);
            if (due.ns && (!wake->ns || due.ns < wake->ns))
                *wake = due;
            if (k == PROBE_KINDS)
                break;
            ask(p, i, k);
        }
    }
}

/* ---- turns ---- */

static bool carry_out(struct local_pod *p)
{
    struct podstate s = state_of(p);
    bool stepped = false;
    podstate_plan(&s, &p->plan);
    for (size_t i = 0; i < p->n_runs; i++) {
        stepped |= p->plan.steps[i] != POD_STEP_NONE;
        step(p, i);
    }
    return stepped;
}

static void on_turn(void *arg)
{
    struct local_pod *p = arg;
    if (p->removing || !p->settled)
        return;
    for (int i = 0; i < TURNS_MAX && carry_out(p); i++)
        continue;
    tell_waits(p);
    struct wall wake = p->plan.wake;
    ask_all(p, &wake);
    if (p->plan.over && p->client && !p->quitting) {
        p->quitting = true; /* nothing is left to keep; logs and codes are on disk */
        shim_client_quit(p->client);
    }
    if (p->plan.over)
        gang_start_leave(p);
    if (wake.ns) {
        int64_t in = wake.ns - now_of(p).ns;
        timer_start(p->timer, in > 0 ? in : 0);
    }
    p->x->hooks.turned(p->x->arg, p);
}

bool local_pod_all_held(const struct local_pod *p)
{
    bool any = false;
    for (size_t i = 0; i < p->n_runs; i++) {
        if (p->runs[i].phase == RUN_BEGUN && !(p->held & UINT64_C(1) << i))
            return false;
        any |= p->runs[i].phase != RUN_NONE;
    }
    return any;
}

/* ---- life ---- */

void local_pod_join(struct local_pod *p)
{
    p->timer = timer_new(p->x->loop, on_turn, p);
    p->settled = true;
    if (!p->prepared)
        return;
    p->settled = false;
    p->client = shim_client_join(p->x->loop, p->dir, &shim_hooks, p, NULL);
    if (p->client)
        return;
    pod_disk_recover(p);
    p->settled = true;
    local_pod_turn_soon(p);
}

void local_pod_hold(struct local_pod *p, const struct podspec_trouble *t)
{
    snprintf(p->hold_reason, sizeof p->hold_reason, "%.*s", STR_ARG(t->reason));
    snprintf(p->hold_text, sizeof p->hold_text, "%.*s", STR_ARG(t->message));
    p->hold = (struct pod_hold){ .waiting = !t->final,
                                 .failed = t->final,
                                 .reason = str_from(p->hold_reason),
                                 .message = str_from(p->hold_text),
                                 .container = t->container };
    local_pod_turn_soon(p);
}

void local_pod_update(struct local_pod *p, const struct kobj *pod)
{
    const struct kobj *before = p->pod;
    p->pod = kobj_ref(pod);
    kobj_unref(before);
    bool ends = pod_of(pod)->deleting || pod_finished(pod_of(pod));
    if (ends && !p->stop_at.ns && !p->plan.over)
        p->stop_at = now_of(p); /* deleted, or declared finished by someone else */
    local_pod_turn_soon(p);
}

static void remove_now(struct local_pod *p)
{
    struct executor *x = p->x;
    struct err err = { 0 };
    pod_cgroup_remove(p);
    if (file_remove_tree(p->dir, &err) < 0 && err.kind != ERR_NOT_FOUND)
        LOG_WARN("node.pod_dir", kv_err(&err), kv_cstr("next", "the next start tries again"));
    map_del(&x->pods, p->uid);
    local_pod_free(p);
    x->hooks.removed(x->arg);
}

void local_pod_remove(struct local_pod *p)
{
    if (p->removing)
        return;
    p->removing = true;
    p->owner = NULL;
    gang_start_leave(p);
    if (p->client)
        shim_client_quit(p->client); /* gone follows */
    else
        remove_now(p);
}

void local_pod_free(struct local_pod *p)
{
    gang_start_leave(p);
    shim_client_free(p->client);
    timer_free(p->timer);
    addresses_free(&p->x->addresses, p->address);
    kobj_unref(p->pod);
    free(p->dir);
    free(p);
}

bool local_pod_prepared(const struct local_pod *p)
{
    return p->prepared;
}

bool local_pod_settled(const struct local_pod *p)
{
    return p->settled && !p->removing;
}

void *local_pod_owner(const struct local_pod *p)
{
    return p->owner;
}

const struct pod_plan *local_pod_plan(const struct local_pod *p)
{
    return &p->plan;
}

struct str local_pod_dir(const struct local_pod *p)
{
    return str_from(p->dir);
}

struct jnode *local_pod_status(struct arena *a, const struct local_pod *p)
{
    struct podstate s = state_of(p);
    return podstate_status(a, &s, &p->plan);
}
