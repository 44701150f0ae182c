/* SPDX-License-Identifier: Apache-2.0
 * executor_internal — what the files of the executor share. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "node/executor/executor.h"
#include "node/executor/probe_fetch.h"
#include "node/executor/shim_client.h"
#include "node/machine/cgroups.h"
#include "node/pod/addresses.h"
#include "node/pod/podhook.h"
#include "node/pod/podprobe.h"

struct local_pod {
    struct executor *x;
    const struct kobj *pod; /* a reference */
    void *owner;
    char *dir;
    struct str uid;   /* inside dir */
    uint32_t address; /* 0: host network */
    char ip[16];
    struct wall start_time, stop_at;
    struct mono seen;           /* first, by this agent */
    struct shim_client *client; /* NULL: no shim lives */
    struct timer *timer;        /* the next turn */
    struct run runs[PODSTATE_RUNS_MAX];
    struct probes probes[PODSTATE_RUNS_MAX];
    int64_t pids[PODSTATE_RUNS_MAX]; /* of runs that are up: their process groups; 0 */
    size_t n_runs;
    uint64_t held;  /* runs that the shim holds before exec */
    uint64_t stale; /* ended containers that wait for local_pod_renew */
    uint64_t fresh; /* those that had it, and start next */
    uint64_t waits; /* runs whose back-off was told */
    struct pod_hold hold;
    char hold_text[512], hold_reason[64];
    struct pod_plan plan;
    struct gang_start *gang;
    struct gang_skew *skew; /* released with others, and not running yet */
    bool own_network;       /* a network namespace, unless its shim warns */
    bool prepared, settled, quitting, removing;
    bool unlimited_told; /* that its limits are not enforced */
    bool ran;            /* was Running: its start was counted */
    bool probed;         /* has series of probes */
};
VEC_TYPE(local_pod_vec, struct local_pod *);

struct executor {
    struct loop *loop;
    struct executor_options o;
    struct executor_hooks hooks;
    void *arg;
    int program;
    struct map pods; /* by uid */
    struct addresses addresses;
    struct probe_fetches *fetches;
    struct arena *arena; /* of cgroups */
    struct cgroups_host cgroups;
    int64_t clock_offset_ns; /* of the wall clock to the monotonic one */
};

/* ---- local_pod.c ---- */
void local_pod_turn_soon(struct local_pod *p);
void local_pod_join(struct local_pod *p); /* connects to its shim, or recovers from disk */
void local_pod_free(struct local_pod *p);
bool local_pod_all_held(const struct local_pod *p);
void local_pod_event(struct local_pod *p, const char *type, const char *reason, struct str message);
/* Every look at the clock notices when it was set: what waits goes on waiting as long as before. */
struct wall local_pod_now(const struct local_pod *p);
struct podstate local_pod_state(const struct local_pod *p);
const struct container *local_pod_container(const struct local_pod *p, size_t i);

/* ---- pod_ask.c: probes and hooks ---- */
void pod_ask_probes(struct local_pod *p, struct wall *wake); /* those due; wake: the next ones */
void pod_ask_hook(struct local_pod *p, size_t i, enum hook_kind kind);
void pod_ask_answered(struct local_pod *p, struct str token, int64_t code, struct str output);
/* The grace is over: a preStop hook that still runs has failed. The answer of its end, which may
 * come after the container's, is then ignored. */
void pod_ask_hook_late(struct local_pod *p, size_t i);
void pod_ask_again(struct local_pod *p); /* the connection broke: answers may be lost */

/* ---- pod_ports.c ---- */
/* Container i failed on its own: an event when another one holds a port of its. */
void pod_ports_check(struct local_pod *p, size_t i);

/* ---- gang_start.c ---- */
void gang_start_leave(struct local_pod *p); /* harmless outside a gang */
void gang_start_check(struct gang_start *g);
/* The first container of a pod runs, or none will: counted in the skew of its gang's start. */
void gang_start_ran(struct local_pod *p, struct wall started);

/* ---- pod_disk.c: the folder ---- */
int pod_disk_write_meta(const struct local_pod *p, struct err *err);
bool pod_disk_read_meta(struct local_pod *p);
/* The latest run of each container, when no shim can tell. */
void pod_disk_recover(struct local_pod *p);
/* The end of one run of container i; false: not known. */
bool pod_disk_end(const struct local_pod *p, size_t i, int64_t attempt, struct run_end *out);

/* ---- pod_cgroup.c ---- */
void pod_cgroup_find(struct executor *x);
/* Makes the pod's cgroup; the cgroup.procs files to enter, none when it has no limits. */
size_t pod_cgroup_make(struct local_pod *p, struct arena *a, struct str procs[CGROUPS_DIRS_MAX]);
void pod_cgroup_remove(const struct local_pod *p);
bool pod_cgroup_oom(const struct local_pod *p); /* did the kernel kill for want of memory? */
