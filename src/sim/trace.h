/* SPDX-License-Identifier: Apache-2.0
 * trace — the published experiment on placing GPU-sharing pods ("Beware of Fragmentation", USENIX
 * ATC '23), on lists of nodes and pods in its file format: the pods arrive in random order, 1.3
 * times the cluster's GPUs in all, each is placed once or skipped, nothing leaves; measured is the
 * share of the GPUs that is allocated after 100 % and 130 % have arrived.
 *
 * The policies see one pod and the nodes as they are; `ganglion` is the scheduler's own device
 * policy (scheduler/devices/gpu_policy.h). Pure: the same seed gives the same run. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "scheduler/devices/gpu_ask.h"

#define TRACE_NODES_MAX 100000u
#define TRACE_PODS_MAX 1000000u
#define TRACE_DEVICES_MAX 16

struct trace_node {
    struct str name;
    int64_t cpu_milli, mem_mib;
    uint32_t gpus, model;
};

struct trace_pod {
    struct str name;
    int64_t mem_mib;
    uint32_t kind;
};

struct trace {                /* everything lives in the arena; plain data */
    struct trace_node *nodes; /* those with GPUs */
    struct trace_pod *pods;   /* by name */
    struct gpu_ask *kinds;    /* distinct requests */
    size_t n_nodes, n_pods, n_kinds;
    struct str models[GPU_MODELS_MAX];
    uint32_t n_models;
    int64_t capacity_milli;
};

/* Reads two CSV files with header lines: sn, cpu_milli, memory_mib, gpu, model; and name,
 * cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec (optional, models with | between).
 * Other columns are ignored. ERR_INVALID names the file, line and column. */
int trace_read(struct trace *out,
               struct arena *a,
               struct str nodes,
               struct str pods,
               struct err *err);

enum trace_reason { /* the first of these that no node has for the pod */
                    TRACE_MODEL,
                    TRACE_GPU,
                    TRACE_CPU,
                    TRACE_MEMORY,
                    TRACE_REASONS,
};
extern const char *const trace_reason_names[TRACE_REASONS];

struct trace_result {
    double at_100, at_130; /* per cent of the cluster's GPU allocated */
    size_t pods, placed;
    size_t unplaced[TRACE_REASONS];
};

/* policy: a row of trace_policies. ERR_INVALID: there is none of that name; the message lists them.
 */
int trace_run(struct trace_result *out,
              const struct trace *t,
              struct str policy,
              uint64_t seed,
              struct err *err);
