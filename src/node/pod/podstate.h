/* SPDX-License-Identifier: Apache-2.0
 * podstate — what to do next with a pod, and what to say about it: kubelet's rules as pure
 * functions of the Pod, what is known of its containers, and now. Containers are numbered as in the
 * shim's spec: init containers first, then the main ones. The executor carries the steps out and
 * keeps struct run up to date. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/time.h"
#include "codec/jnode.h"
#include "kube/kobj.h"
#include "kube/pod.h"

#define PODSTATE_BACKOFF_NS (10 * NS_PER_S)
#define PODSTATE_BACKOFF_MAX_NS (300 * NS_PER_S)
#define PODSTATE_STABLE_NS (600 * NS_PER_S) /* a run this long forgets the crashes before it */

enum run_phase {
    RUN_NONE,  /* never begun */
    RUN_BEGUN, /* the shim was told; not executed yet */
    RUN_UP,
    RUN_ENDED, /* exited, or could not be executed */
};

struct run_end {
    bool has, start_failed, oom; /* oom: killed for want of memory */
    int64_t attempt, code, signal;
    struct wall started, finished;
    char message[232]; /* "" : none */
};

/* A lifecycle hook of one run. */
enum hook_phase {
    HOOK_NONE, /* there is none, or it concerns this run no more */
    HOOK_DUE,
    HOOK_RUNNING,
    HOOK_OVER,
};

/* Why a run must end though nobody asked the pod to. */
enum run_fault { RUN_FINE, RUN_STARTUP_FAILED, RUN_LIVENESS_FAILED, RUN_HOOK_FAILED };

struct run { /* one container */
    enum run_phase phase;
    int64_t attempt; /* of the current run; the restart count */
    struct wall started;
    struct run_end end;     /* of the current run, when ENDED */
    struct run_end last;    /* of the run before */
    struct wall waits_from; /* the back-off after the end; 0: from end.finished */
    int64_t crashes;        /* restarts since a stable run */
    enum hook_phase post_start, pre_stop;
    struct wall ends_at; /* when the end of this run began: its hook, else the signal; 0: not */
    struct wall term_at; /* when the stop signal was sent to this run; 0: not */
    bool kill_sent;
    bool started_ok; /* the startup probe passed, or there is none */
    bool ready;      /* the readiness probe passes, or there is none */
    enum run_fault fault;
    int64_t fault_grace_s; /* of a probe that names its own; -1: the pod's */
};

/* Counts as running: after its postStart hook. */
static inline bool run_is_up(const struct run *r)
{
    return r->phase == RUN_UP && r->post_start != HOOK_DUE && r->post_start != HOOK_RUNNING;
}

/* Why a pod that has no process yet must wait or end; or why a container that ended must wait for
 * its next run. */
struct pod_hold {
    bool waiting, failed; /* failed: never start it, the pod is Failed */
    struct str reason;    /* of the containers' waiting state; of the pod when failed */
    struct str message;
    size_t container; /* which one; SIZE_MAX: all */
};

struct podstate { /* everything known; borrowed */
    const struct kobj *pod;
    const struct run *runs;
    size_t n_runs;
    struct pod_hold hold;
    bool sandbox; /* address, directory and shim are there */
    struct wall start_time, now;
    struct wall stop_at; /* deletion seen or asked for; 0: not. Grace counts from here */
    int64_t grace_s;
    struct str pod_ip, host_ip;
};

enum pod_step {
    POD_STEP_NONE,
    POD_STEP_START,
    POD_STEP_POST_START, /* run the hook */
    POD_STEP_PRE_STOP,   /* run the hook; its time is part of the grace */
    POD_STEP_TERM,
    POD_STEP_KILL
};

#define PODSTATE_LEAST_GRACE_S 2 /* what a preStop hook leaves to the process in any case */

#define PODSTATE_RUNS_MAX 64

struct pod_plan {
    enum pod_step steps[PODSTATE_RUNS_MAX];
    bool waits[PODSTATE_RUNS_MAX]; /* ended, and its restart waits for the back-off */
    struct wall wake;              /* look again then; 0: only after an event */
    enum pod_phase phase;
    struct str reason, message; /* of the pod; static */
    bool initialized;
    bool over; /* no process lives and none will be started */
};

void podstate_plan(const struct podstate *s, struct pod_plan *out);

/* The whole status, with the stored conditions of others kept. */
struct jnode *
podstate_status(struct arena *a, const struct podstate *s, const struct pod_plan *plan);

/* The pause before a restart after this many crashes: 0, 10 s, 20 s, … 300 s. */
int64_t podstate_backoff_ns(int64_t crashes);
/* Begins the next run in the record: attempt, last end, crash count. */
void podstate_begin(struct run *r);
/* The wall clock was set forward by ns: what waits for a time waits as long as before. Times that
 * are told stay. */
void podstate_shift(struct run *r, int64_t ns);
/* Must container i wait with its next run, for the reason in s->hold? */
bool podstate_held(const struct podstate *s, size_t i);
/* When a preStop hook that begins now is given up. */
struct wall podstate_hook_deadline(const struct podstate *s, size_t i);
/* The view of container i. */
const struct container *podstate_container(const struct pod *p, size_t i);
