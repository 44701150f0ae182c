/* SPDX-License-Identifier: Apache-2.0
 * pod_ask — what a pod's containers are asked while they run: probes and lifecycle hooks. Each
 * question is one probe command of the shim; its token "CONTAINER-KIND-ATTEMPT" says what the
 * answer is about. Kinds are those of probes, then those of hooks. */
#include "node/executor/executor_internal.h"
#include "node/shim/protocol.h"

#define FOR_EVER_MS INT32_MAX

static bool is_hook(int64_t kind)
{
    return kind >= PROBE_KINDS;
}

static size_t probe_fields(struct str *fields,
                           struct arena *a,
                           const struct local_pod *p,
                           size_t i,
                           enum probe_kind kind)
{
    struct json raw = local_pod_container(p, i)->raw;
    return podprobe_fields(fields, a, podprobe_spec(raw, kind), raw, str_from(p->ip));
}

static void
tell_failure(struct local_pod *p, size_t i, enum probe_kind kind, int64_t code, struct str output)
{
    struct str fields[PODPROBE_FIELDS_MAX];
    AUTO(arena_freep) struct arena *a = arena_new();
    if (p->runs[i].phase != RUN_UP || p->runs[i].ends_at.ns)
        return;
    if (code < 0 && !output.n)
        output = podprobe_late(a, fields, probe_fields(fields, a, p, i, kind));
    local_pod_event(
        p, "Warning", "Unhealthy",
        arena_printf(a, "%s probe failed: %.*s", podprobe_word(kind), STR_ARG(str_trim(output))));
}

static void count(struct local_pod *p, size_t i, enum probe_kind kind, enum probe_outcome outcome)
{
    p->probed = true;
    node_meter_probed(p->x->o.meter, p->pod, local_pod_container(p, i)->name, kind, outcome);
}

static void
probe_answered(struct local_pod *p, size_t i, enum probe_kind kind, int64_t code, struct str output)
{
    count(p, i, kind, code == 0 ? PROBE_SUCCESSFUL : PROBE_FAILED);
    if (code != 0)
        tell_failure(p, i, kind, code, output);
    podprobe_answer(&p->probes[i], &p->runs[i], kind, code == 0, local_pod_now(p));
}

/* Kubelet throws away what such a probe would say: the container's state stays what it is. */
static void probe_impossible(struct local_pod *p, size_t i, enum probe_kind kind)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    local_pod_event(p, "Warning", "Unhealthy",
                    arena_printf(a,
                                 "%s probe errored and resulted in unknown state: it names no "
                                 "command, or no port of the container: correct the probe",
                                 podprobe_word(kind)));
    count(p, i, kind, PROBE_UNKNOWN);
    podprobe_discard(&p->probes[i], kind, local_pod_now(p));
}

/* Any HTTP answer will do for a hook. What it said is kept from the event: it may be a secret. */
static void hook_answered(struct local_pod *p, size_t i, enum hook_kind kind, int64_t code)
{
    struct run *r = &p->runs[i];
    enum hook_phase *phase = kind == HOOK_POST_START ? &r->post_start : &r->pre_stop;
    bool failed = code != 0 && code != SHIM_PROBE_HTTP_STATUS;
    if (*phase != HOOK_RUNNING)
        return;
    *phase = HOOK_OVER;
    if (!failed || r->phase != RUN_UP)
        return;
    if (kind == HOOK_PRE_STOP) {
        local_pod_event(p, "Warning", "FailedPreStopHook", STR("PreStopHook failed"));
        return;
    }
    local_pod_event(p, "Warning", "FailedPostStartHook", STR("PostStartHook failed"));
    if (r->fault == RUN_FINE)
        r->fault = RUN_HOOK_FAILED;
}

void pod_ask_answered(struct local_pod *p, struct str token, int64_t code, struct str output)
{
    int64_t i, kind, attempt;
    if (!str_to_i64(str_split(&token, '-'), &i) || !str_to_i64(str_split(&token, '-'), &kind) ||
        !str_to_i64(token, &attempt) || i < 0 || (size_t)i >= p->n_runs || kind < 0 ||
        kind >= PROBE_KINDS + HOOK_KINDS || attempt != p->runs[i].attempt)
        return;
    if (is_hook(kind))
        hook_answered(p, (size_t)i, (enum hook_kind)(kind - PROBE_KINDS), code);
    else
        probe_answered(p, (size_t)i, (enum probe_kind)kind, code, output);
    local_pod_turn_soon(p);
}

struct question {
    size_t container;
    int kind;
    int64_t timeout_ms;
    struct str *fields;
    size_t n; /* 0: it cannot be asked */
};

static void on_fetched(void *arg, struct str token, int64_t code, struct str output)
{
    pod_ask_answered(arg, token, code, output);
}

static void ask(struct local_pod *p, struct arena *a, const struct question *q)
{
    struct str token = arena_printf(a, "%zu-%d-%lld", q->container, q->kind,
                                    (long long)p->runs[q->container].attempt);
    const struct probe_fetch fetch = { q->fields, q->n, token, q->timeout_ms };
    if (!q->n || !p->client) {
        pod_ask_answered(p, token, 1, STR("it cannot be run"));
        return;
    }
    if (probe_fetch_takes(q->fields, q->n)) {
        probe_fetch_start(p->x->fetches, &fetch, on_fetched, p);
        return;
    }
    if (str_is(q->fields[0], "exec"))
        q->fields[1] = arena_printf(a, "%zu", q->container);
    shim_client_probe(p->client, token, q->timeout_ms, q->fields, q->n);
}

static void ask_probe(struct local_pod *p, size_t i, enum probe_kind kind)
{
    struct str fields[PODPROBE_FIELDS_MAX];
    AUTO(arena_freep) struct arena *a = arena_new();
    struct question q = { .container = i,
                          .kind = (int)kind,
                          .timeout_ms = p->probes[i].items[kind].timeout_ms,
                          .fields = fields };
    q.n = probe_fields(fields, a, p, i, kind);
    if (q.n)
        ask(p, a, &q);
    else
        probe_impossible(p, i, kind);
}

void pod_ask_probes(struct local_pod *p, struct wall *wake)
{
    for (size_t i = 0; i < p->n_runs; i++) {
        for (;;) {
            struct wall due;
            enum probe_kind kind =
                podprobe_next(&p->probes[i], &p->runs[i], local_pod_now(p), &due);
            if (due.ns && (!wake->ns || due.ns < wake->ns))
                *wake = due;
            if (kind == PROBE_KINDS)
                break;
            ask_probe(p, i, kind);
        }
    }
}

void pod_ask_hook(struct local_pod *p, size_t i, enum hook_kind kind)
{
    struct str fields[PODPROBE_FIELDS_MAX];
    AUTO(arena_freep) struct arena *a = arena_new();
    struct podstate s = local_pod_state(p);
    struct question q = {
        .container = i, .kind = PROBE_KINDS + (int)kind, .timeout_ms = FOR_EVER_MS, .fields = fields
    };
    if (kind == HOOK_POST_START) {
        p->runs[i].post_start = HOOK_RUNNING;
    } else {
        p->runs[i].pre_stop = HOOK_RUNNING;
        int64_t left = (podstate_hook_deadline(&s, i).ns - s.now.ns) / NS_PER_MS;
        q.timeout_ms = left < 1 ? 1 : left < FOR_EVER_MS ? left : FOR_EVER_MS;
    }
    q.n = podhook_fields(fields, a, local_pod_container(p, i)->raw, kind, str_from(p->ip));
    ask(p, a, &q);
}

void pod_ask_hook_late(struct local_pod *p, size_t i)
{
    hook_answered(p, i, HOOK_PRE_STOP, 1);
}

void pod_ask_again(struct local_pod *p)
{
    probe_fetch_cancel(p->x->fetches, p);
    for (size_t i = 0; i < p->n_runs; i++) {
        podprobe_forget(&p->probes[i]);
        if (p->runs[i].post_start == HOOK_RUNNING)
            p->runs[i].post_start = HOOK_OVER;
        if (p->runs[i].pre_stop == HOOK_RUNNING)
            p->runs[i].pre_stop = HOOK_OVER;
    }
}
