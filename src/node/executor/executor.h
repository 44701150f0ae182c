/* SPDX-License-Identifier: Apache-2.0
 * executor — runs pods as local processes: a folder and a shim for each, steps by podstate, probes,
 * gangs released together. It knows no API: the agent brings Pods, ConfigMaps and Secrets and takes
 * statuses and events away. Everything that a restart must not forget is in the pods' folders. One
 * loop thread. */
#pragma once

#include "io/loop.h"
#include "node/machine/machine.h"
#include "node/metrics.h"
#include "node/pod/podspec.h"
#include "node/pod/podstate.h"

struct executor;
struct local_pod;
struct gang_start;

struct executor_options { /* borrowed for the executor's life */
    const char *dir;      /* of all pods' folders, absolute */
    struct str node_name, host_ip;
    const struct machine *machine;
    const struct node_image_command *images;
    size_t n_images;
    int64_t log_bytes, log_files;
    struct node_meter *meter; /* NULL: nothing is counted */
    bool own_networks;        /* each pod gets a network namespace */
};

struct executor_hooks {
    /* The pod may have a new status, or is over. */
    void (*turned)(void *arg, struct local_pod *p);
    void (*event)(void *arg,
                  const struct kobj *pod,
                  const char *type,
                  const char *reason,
                  struct str message);
    /* A container is to run again, and its variables come from the API: look up what it names, then
     * local_pod_renew. Not told again before that succeeded. */
    void (*renew)(void *arg, struct local_pod *p);
    void (*removed)(void *arg); /* a removed pod's folder is gone */
};

struct executor *executor_new(struct loop *l,
                              const struct executor_options *o,
                              const struct executor_hooks *hooks,
                              void *arg,
                              struct err *err);
/* Leaves processes running. Pods are freed too. */
void executor_free(struct executor *x);
size_t executor_count(const struct executor *x); /* pods, those being removed included */
struct node_tally executor_tally(const struct executor *x);
bool executor_remembers(const struct executor *x, struct str uid); /* has a folder of it */
/* Kills and removes the folders whose pod is not in the executor: their pods were deleted while
 * nobody looked. Call when the list of pods is known. */
void executor_sweep(struct executor *x);

/* A pod to run, or one found again. owner is for the agent. NULL: no address is free. */
struct local_pod *executor_add(struct executor *x, const struct kobj *pod, void *owner);
struct local_pod *executor_find(const struct executor *x, struct str uid); /* NULL: not here */
/* Kills what runs, removes the folder, frees p; hooks->removed follows. */
void local_pod_remove(struct local_pod *p);

bool local_pod_prepared(const struct local_pod *p); /* has its spec: needs no look-ups */
/* Makes volumes and spec, and starts the shim. -1: *trouble in the arena; may be tried again. */
int local_pod_prepare(struct local_pod *p,
                      struct arena *a,
                      podspec_find_fn find,
                      void *find_arg,
                      struct podspec_trouble *trouble);
/* Brings what containers run next time up to date, for those that wait for it. -1: the first
 * *trouble; the others go on. */
int local_pod_renew(struct local_pod *p,
                    struct arena *a,
                    podspec_find_fn find,
                    void *find_arg,
                    struct podspec_trouble *trouble);
/* Brings the volumes that come from the API up to date. -1: the first *trouble; what cannot be
 * brought up to date shows what it did. */
int local_pod_project(struct local_pod *p,
                      struct arena *a,
                      podspec_find_fn find,
                      void *find_arg,
                      struct podspec_trouble *trouble);
void local_pod_hold(struct local_pod *p, const struct podspec_trouble *t); /* shown in the status */
void local_pod_update(struct local_pod *p, const struct kobj *pod);

void *local_pod_owner(const struct local_pod *p);
const struct pod_plan *local_pod_plan(const struct local_pod *p); /* of the latest turn */
bool local_pod_settled(const struct local_pod *p); /* the plan is based on what is the case */
struct jnode *local_pod_status(struct arena *a, const struct local_pod *p);
/* How long its init containers ran, sidecars not counted. */
int64_t local_pod_init_ns(const struct local_pod *p);
struct str local_pod_dir(const struct local_pod *p);

/* ---- gangs: members are prepared first, then released together ---- */
#define GANG_START_LATE_NS                                                                         \
    (2 * NS_PER_S) /* then the waiting members are told for whom they wait                         \
                    */
#define GANG_START_MAX_NS                                                                          \
    (30 * NS_PER_S) /* then those that are ready go, unless a member waits for                     \
                       something that the API lacks, which has no limit */

/* A start of n_expected members at most; frees itself when it is over. */
struct gang_start *gang_start_new(struct executor *x);
void gang_start_join(struct gang_start *g, struct local_pod *p); /* before the pod's first step */
/* No more members will join. */
void gang_start_complete(struct gang_start *g);
