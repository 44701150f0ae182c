/* SPDX-License-Identifier: Apache-2.0
 * explain — why a gang waits: per reason how many nodes it rejects, and single changes that would
 * let it start, each verified on the snapshot inside a transaction, cheapest first. */
#pragma once

#include "scheduler/cycle/cycle.h"

#define EXPLAIN_REASONS_MAX 64
#define EXPLAIN_CHANGES_MAX 8

struct explain_reason {
    const char *plugin;
    struct str text;
    size_t nodes;        /* rejected for it */
    struct str examples; /* "sim-0, sim-1, …" */
};

struct explanation {
    struct arena *a;        /* where its texts are */
    struct str gang;        /* key */
    struct str message;     /* as in the pod's condition */
    enum workload workload; /* of the pod that is asked about, and why it counts as that */
    struct str because;     /* absent: no hint, or its profile does not mind */
    bool fits_now;          /* it only waits for its turn */
    struct explain_reason reasons[EXPLAIN_REASONS_MAX];
    size_t n_reasons;
    struct str changes[EXPLAIN_CHANGES_MAX]; /* "2 more nodes like sim-3", … */
    size_t n_changes;
};

void explain_gang(struct cluster *c, struct gang *g, struct arena *a, struct explanation *out);
/* The pod's kind of work, where its profile minds it. */
enum workload explain_workload(const struct spod *pod, struct arena *a, struct str *because);
/* {"gang", "message", "fitsNow", "reasons": [{"plugin", "text", "nodes", "examples"}], "changes":
 * ["…"], "workload": {"kind", "because", "defaults"}}: what the annotation
 * scheduling.ganglion.io/why holds. */
struct jnode *explain_json(struct arena *a, const struct explanation *e);
