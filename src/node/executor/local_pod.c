/* SPDX-License-Identifier: Apache-2.0
 * local_pod — one pod's turns: what the shim tells goes into the runs, podstate plans, the steps go
 * to the shim. A turn is asked for by anything that changes and happens once per loop iteration. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "io/clock.h"
#include "io/file.h"
#include "kube/checkpoint.h"
#include "kube/names.h"
#include "node/executor/executor_internal.h"

#define TURNS_MAX 4 /* plans in a row: a step may make another one possible */

static void shift_pod(struct local_pod *p, int64_t ns)
{
    if (p->stop_at.ns)
        p->stop_at.ns += ns;
    for (size_t i = 0; i < p->n_runs; i++) {
        podstate_shift(&p->runs[i], ns);
        podprobe_shift(&p->probes[i], ns);
    }
}

static void follow_clock(struct executor *x)
{
    const struct map_slot *slot;
    int64_t offset_ns = clock_offset(), jump_ns = offset_ns - x->clock_offset_ns;
    x->clock_offset_ns = offset_ns;
    if (jump_ns < CLOCK_JUMP_NS && jump_ns > -CLOCK_JUMP_NS)
        return;
    LOG_WARN("node.clock_set", kv_i64("by_ms", jump_ns / NS_PER_MS),
             kv_cstr("next", "back-offs, graces and probes go on as if it had not been"));
    for (size_t i = 0; (slot = map_next(&x->pods, &i));)
        shift_pod(slot->value, jump_ns);
}

struct wall local_pod_now(const struct local_pod *p)
{
    follow_clock(p->x);
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
    struct json raw = local_pod_container(p, i)->raw;
    if (r->phase == RUN_UP)
        return; /* told again after a broken connection */
    r->phase = RUN_UP;
    r->started = s->started;
    gang_start_ran(p, s->started);
    podprobe_begin(&p->probes[i], raw, r);
    r->pre_stop = podhook_has(raw, HOOK_PRE_STOP) ? HOOK_DUE : HOOK_NONE;
    if (!p->settled)
        return; /* found again: its postStart hook ran, or was interrupted with our predecessor */
    r->post_start = podhook_has(raw, HOOK_POST_START) ? HOOK_DUE : HOOK_NONE;
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
    r->waits_from = fresh ? local_pod_now(p) : s->finished;
    r->end.oom = s->signal == SIGKILL && !r->kill_sent && pod_cgroup_oom(p);
    snprintf(r->end.message, sizeof r->end.message, "%.*s", STR_ARG(s->message));
    if (fresh && r->end.code && !r->end.start_failed && !r->ends_at.ns && !p->own_network)
        pod_ports_check(p, i);
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
    pod_ask_again(p);
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

static void on_probe(void *arg, struct str token, int64_t code, struct str output)
{
    pod_ask_answered(arg, token, code, output);
}

static void on_warning(void *arg, struct str text)
{
    struct local_pod *p = arg;
    AUTO(arena_freep) struct arena *a = arena_new();
    p->own_network = false;
    local_pod_event(p, "Warning", "NoPodNetwork",
                    arena_printf(a, "The pod shares the machine's network: %.*s", STR_ARG(text)));
}

static const struct shim_events shim_hooks = {
    .warning = on_warning,
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

/* Must container i's variables be looked up before it runs again? Asks for it. */
static bool renews(struct local_pod *p, size_t i)
{
    uint64_t bit = UINT64_C(1) << i;
    if (p->runs[i].phase != RUN_ENDED || p->fresh & bit ||
        !podenv_follows(local_pod_container(p, i)))
        return false;
    bool asked = p->stale;
    p->stale |= bit;
    if (!asked)
        p->x->hooks.renew(p->x->arg, p);
    return true;
}

static void step_start(struct local_pod *p, size_t i)
{
    struct run before = p->runs[i];
    p->fresh &= ~(UINT64_C(1) << i);
    need_shim(p);
    podstate_begin(&p->runs[i]);
    node_meter_started(p->x->o.meter,
                       i < pod_of(p->pod)->init_containers.n ? NODE_CONTAINER_INIT
                                                             : NODE_CONTAINER_MAIN,
                       before.phase == RUN_ENDED ? &before : NULL);
    p->waits &= ~(UINT64_C(1) << i);
    if (p->gang)
        shim_client_prepare(p->client, i, p->runs[i].attempt);
    else
        shim_client_run(p->client, i, p->runs[i].attempt);
}

static struct str end_reason(struct arena *a, const struct local_pod *p, size_t i)
{
    const struct run *r = &p->runs[i];
    struct str name = local_pod_container(p, i)->name;
    const char *next =
        pod_of(p->pod)->restart_policy == POD_RESTART_NEVER ? "" : ", will be restarted";
    switch (p->stop_at.ns ? RUN_FINE : r->fault) {
    case RUN_STARTUP_FAILED:
        return arena_printf(a, "Container %.*s failed startup probe%s", STR_ARG(name), next);
    case RUN_LIVENESS_FAILED:
        return arena_printf(a, "Container %.*s failed liveness probe%s", STR_ARG(name), next);
    case RUN_HOOK_FAILED:
        return STR("FailedPostStartHook");
    case RUN_FINE:
        break;
    }
    return arena_printf(a, "Stopping container %.*s", STR_ARG(name));
}

static void begin_end(struct local_pod *p, size_t i)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    if (p->runs[i].ends_at.ns)
        return;
    p->runs[i].ends_at = local_pod_now(p);
    local_pod_event(p, "Normal", "Killing", end_reason(a, p, i));
}

static void step_term(struct local_pod *p, size_t i)
{
    begin_end(p, i);
    p->runs[i].term_at = local_pod_now(p);
    if (p->client)
        shim_client_signal(p->client, i, podhook_stop_signal(local_pod_container(p, i)->raw));
}

static void step(struct local_pod *p, size_t i)
{
    switch (p->plan.steps[i]) {
    case POD_STEP_NONE:
        break;
    case POD_STEP_START:
        if (!renews(p, i))
            step_start(p, i);
        break;
    case POD_STEP_POST_START:
        pod_ask_hook(p, i, HOOK_POST_START);
        break;
    case POD_STEP_PRE_STOP:
        begin_end(p, i);
        pod_ask_hook(p, i, HOOK_PRE_STOP);
        break;
    case POD_STEP_TERM:
        pod_ask_hook_late(p, i);
        step_term(p, i);
        break;
    case POD_STEP_KILL:
        begin_end(p, i);
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

struct podstate local_pod_state(const struct local_pod *p)
{
    const struct pod *pod = pod_of(p->pod);
    return (struct podstate){
        .pod = p->pod,
        .runs = p->runs,
        .n_runs = p->n_runs,
        .hold = p->hold,
        .sandbox = p->prepared,
        .start_time = p->start_time,
        .now = local_pod_now(p),
        .stop_at = p->stop_at,
        .grace_s = pod->deletion_grace_s >= 0 ? pod->deletion_grace_s : pod->termination_grace_s,
        .pod_ip = str_from(p->ip),
        .host_ip = p->x->o.host_ip,
    };
}

/* ---- turns ---- */

static bool carry_out(struct local_pod *p)
{
    struct podstate s = local_pod_state(p);
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
    if (!p->ran && p->plan.phase == POD_RUNNING) {
        p->ran = true;
        node_meter_pod_ran(p->x->o.meter, loop_now(p->x->loop).ns - p->seen.ns);
    }
    tell_waits(p);
    struct wall wake = p->plan.wake;
    pod_ask_probes(p, &wake);
    if (p->plan.over && p->client && !p->quitting) {
        p->quitting = true; /* nothing is left to keep; logs and codes are on disk */
        shim_client_quit(p->client);
    }
    if (p->plan.over)
        gang_start_leave(p);
    if (wake.ns) {
        int64_t in = wake.ns - local_pod_now(p).ns;
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
    p->hold = (struct pod_hold){ .waiting = p->prepared || !t->final,
                                 .failed = !p->prepared && t->final, /* else others may run */
                                 .reason = str_from(p->hold_reason),
                                 .message = str_from(p->hold_text),
                                 .container = t->container };
    local_pod_turn_soon(p);
}

/* It is to be evicted soon, and asked for a signal then. */
static void tell_checkpoint(struct local_pod *p, struct wall by)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    char time[TIME_TEXT_MAX];
    for (size_t i = 0; p->client && i < p->n_runs; i++) {
        struct str name = local_pod_container(p, i)->name;
        struct str text = checkpoint_signal(pod_of(p->pod), name);
        int number = podhook_signal(text);
        if (text.n && !number)
            local_pod_event(p, "Warning", "InvalidCheckpointSignal",
                            arena_printf(a,
                                         NAME_CHECKPOINT_SIGNAL " names %.*s, which is no signal",
                                         STR_ARG(text)));
        if (!number || p->runs[i].phase != RUN_UP)
            continue;
        shim_client_signal(p->client, i, number);
        local_pod_event(p, "Normal", "Checkpointing",
                        arena_printf(a, "Sent %.*s to container %.*s, which is evicted at %.*s",
                                     STR_ARG(text), STR_ARG(name), STR_ARG(wall_text(time, by))));
    }
}

void local_pod_update(struct local_pod *p, const struct kobj *pod)
{
    struct wall by, told;
    const struct kobj *before = p->pod;
    bool fresh = checkpoint_told(pod_of(pod), &by) &&
                 !(checkpoint_told(pod_of(before), &told) && told.ns == by.ns);
    p->pod = kobj_ref(pod);
    kobj_unref(before);
    if (fresh)
        tell_checkpoint(p, by);
    bool ends = pod_of(pod)->deleting || pod_finished(pod_of(pod));
    if (ends && !p->stop_at.ns && !p->plan.over)
        p->stop_at = local_pod_now(p); /* deleted, or declared finished by someone else */
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
    if (p->probed)
        node_meter_forget(p->x->o.meter, p->uid);
    probe_fetch_cancel(p->x->fetches, p);
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

int64_t local_pod_init_ns(const struct local_pod *p)
{
    const struct containers *init = &pod_of(p->pod)->init_containers;
    int64_t ns = 0;
    for (size_t i = 0; i < init->n && i < p->n_runs; i++) {
        const struct run_end *end = &p->runs[i].end;
        if (!init->items[i].sidecar && end->has && end->finished.ns > end->started.ns)
            ns += end->finished.ns - end->started.ns;
    }
    return ns;
}

struct jnode *local_pod_status(struct arena *a, const struct local_pod *p)
{
    struct podstate s = local_pod_state(p);
    return podstate_status(a, &s, &p->plan);
}
