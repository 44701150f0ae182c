/* SPDX-License-Identifier: Apache-2.0
 * service — the scheduler as a service: watches nodes, pods, namespaces and what gives default
 * spreading; runs cycles; binds each plan with bind_all; says why pods wait.
 *
 * Pods count as placed from the moment they are decided (assumed); a refused bind takes them back.
 * A waiting pod gets the condition PodScheduled=False, reason Unschedulable, with kube-scheduler's
 * words, the annotation scheduling.ganglion.io/why (explain_json: reasons, and changes that would
 * let it start, each verified) and the event FailedScheduling. Written only when the words changed.
 * After a restart the ledger of devices and cells is rebuilt from the annotations of bound pods
 * (intake.h).
 *
 * Everything on the transport's loop. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "client/transport.h"

struct metrics;
struct outside;
struct scheduler;

struct scheduler_options {
    struct str
        config; /* text of a KubeSchedulerConfiguration (config.h); absent: built-in profiles */
    const char *record; /* file to which all that is heard and decided goes; NULL: none */
    const struct outside *outside; /* plugins of others (plugin_files.h), to outlive it; NULL */
    struct metrics
        *metrics; /* of scheduler_metric_table (scheduler/service/metrics.h); NULL: none */
};

/* options may be NULL. ERR_INVALID when the configuration is wrong. The transport must outlive the
 * scheduler. */
struct scheduler *
scheduler_new(struct transport *t, const struct scheduler_options *options, struct err *err);
/* Sets the gauges; about once a second. */
void scheduler_measure(struct scheduler *s);
void scheduler_start(struct scheduler *s);
bool scheduler_synced(const struct scheduler *s); /* its caches are complete: it decides */
/* Cancels what is under way; binds on the wire may still arrive. NULL is fine. */
void scheduler_free(struct scheduler *s);
