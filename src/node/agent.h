/* SPDX-License-Identifier: Apache-2.0
 * agent — the local node: registers a Node for this machine, keeps its Lease fresh, and runs the
 * pods bound to it as processes under one shim each (executor.h). What survives a restart of this
 * process lies in the data directory: the next agent with the same directory finds its pods again.
 *
 * Everything but node_agent_logs is called on the transport's loop. Called by cmd/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "client/transport.h"
#include "daemon/metrics.h"
#include "io/loop.h"

struct node_agent;

/* Images are not pulled: a container without `command` runs what this table names for its image.
 * The container's args follow argv. */
struct node_image_command {
    struct str image; /* "busybox:1.36"; without a tag or digest it matches every tag */
    const struct str *argv;
    size_t n;
};

enum node_pod_network {
    NODE_NETWORK_HOST,      /* pods share the machine's, each with an address to listen on */
    NODE_NETWORK_NAMESPACE, /* each has its own, where that is allowed (shim/network.h) */
};

struct node_options {     /* plain data; copied */
    struct str name;      /* of the Node; absent: the machine's host name in lower case */
    const char *data_dir; /* pods, logs and volumes live below; made when missing */
    int64_t max_pods;     /* 0: 250 */
    int64_t gpus;         /* nvidia.com/gpu announced: -1 what NVML finds (0 without it), else N */
    int64_t cpu_milli;    /* announced; 0: what the machine has */
    int64_t mem_bytes;    /* announced; 0: what the machine has */
    int64_t log_bytes;    /* of one log file before it rotates; 0: 10 MiB */
    int64_t log_files;    /* kept per container; 0: 5 */
    const struct node_image_command *images;
    size_t n_images;
    enum node_pod_network pod_network;
    struct metrics *metrics; /* of node_metric_table, borrowed; NULL: nothing is counted */
};

/* Registers in the background and takes up the pods that an earlier agent left running. NULL:
 * ERR_BUSY when another agent uses the data directory, ERR_IO when it cannot be made. */
struct node_agent *
node_agent_new(struct transport *t, const struct node_options *o, struct err *err);

enum node_stop {
    NODE_STOP_KEEP_PODS, /* processes go on; the next agent takes them up */
    NODE_STOP_END_PODS,  /* SIGKILL to all, wait for them, remove the pods' directories */
};
/* Stops writing, and calls done(arg) on the loop when it is over; then call node_agent_free. */
void node_agent_stop(struct node_agent *n, enum node_stop how, loop_fn done, void *arg);
void node_agent_free(struct node_agent *n); /* NULL is fine; implies NODE_STOP_KEEP_PODS */

bool node_agent_registered(const struct node_agent *n); /* the Node object is there */
void node_agent_measure(struct node_agent *n);          /* sets the gauges; about once a second */
size_t node_agent_pods(const struct node_agent *n);     /* with a directory here */

/* ---- logs: cmd/ joins these with apiserver_set_podlog ---- */
struct node_log_query { /* copied; the meaning of apiserver.h's podlog_query */
    struct str namespace, pod, uid, container;
    bool follow, previous, timestamps;
    int64_t tail_lines;  /* -1: all */
    int64_t since_s;     /* -1: all */
    int64_t limit_bytes; /* -1: no limit */
    struct str since_time;
};

struct node_log_sink {
    bool (*write)(void *arg, struct str piece);    /* false: the reader is gone */
    size_t (*unsent)(void *arg);                   /* bytes that still wait there */
    void (*end)(void *arg, const struct err *err); /* exactly once; err NULL: a normal end */
};

/* Any thread. The sink is called on the agent's loop until its end. */
void node_agent_logs(struct node_agent *n,
                     const struct node_log_query *q,
                     const struct node_log_sink *sink,
                     void *arg);
