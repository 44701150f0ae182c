/* SPDX-License-Identifier: Apache-2.0
 * metrics — what the local node counts: kubelet's names with the same meanings, and some of ours
 * for what a kubelet does not do. The agent's loop; a NULL meter counts nothing. */
#pragma once

#include "daemon/metrics.h"
#include "kube/kobj.h"
#include "node/pod/podprobe.h"
#include "node/pod/podstate.h"

struct node_meter;

extern const struct metric_table node_metric_table;

/* Borrows m, of that table; NULL: none. */
struct node_meter *node_meter_new(struct metrics *m, struct str node_name);
void node_meter_free(struct node_meter *m);

/* A pod began to run, this long after it was first seen here. */
void node_meter_pod_ran(struct node_meter *m, int64_t took_ns);
/* All containers of the pod are known to run: took_ns from the pod's creation, without its init
 * containers. */
void node_meter_pod_reported(struct node_meter *m, int64_t took_ns);

enum node_container { NODE_CONTAINER_INIT, NODE_CONTAINER_MAIN };
/* A run of a container begins. before: the run that it follows; NULL: the first. */
void node_meter_started(struct node_meter *m, enum node_container type, const struct run *before);

enum probe_outcome { PROBE_SUCCESSFUL, PROBE_FAILED, PROBE_UNKNOWN };
void node_meter_probed(struct node_meter *m,
                       const struct kobj *pod,
                       struct str container,
                       enum probe_kind kind,
                       enum probe_outcome outcome);
/* The pod is gone: its probes are told no more. */
void node_meter_forget(struct node_meter *m, struct str uid);

/* The members of a gang were released together; their first and last start lie this far apart. */
void node_meter_gang(struct node_meter *m, int64_t skew_ns);

struct node_tally {                            /* of this moment */
    int64_t pods;                              /* with a shim */
    int64_t running, created, exited, unknown; /* containers */
};
void node_meter_measure(struct node_meter *m, const struct node_tally *t);
