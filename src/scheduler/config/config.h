/* SPDX-License-Identifier: Apache-2.0
 * config — reads a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1), YAML or JSON, into
 * profiles. Understood: profiles[] with schedulerName, plugins per extension point (enabled with
 * weights, disabled, "*"), pluginConfig; extenders; podInitialBackoffSeconds and
 * podMaxBackoffSeconds. Names of Kubernetes' and KubeNexus' plugins that we do otherwise, or not
 * yet, are accepted with a warning; unknown names are errors that name the nearest known ones.
 * Unknown fields, wrong types and values out of range are errors that name the full path, in
 * arguments of plugins too (config_fields.h). percentageOfNodesToScore bounds how many nodes that
 * fit are compared (cycle/select.c); 0 and absent mean all of them, where kube-scheduler then takes
 * a number of its own. parallelism is checked and not needed. leaderElection and clientConnection
 * are checked; `ganglion up` needs neither. Pure. */
#pragma once

#include "scheduler/config/profile.h"
#include "scheduler/extender/extender.h"

#define CONFIG_PROFILES_MAX 32

struct outside;

struct sched_config {
    struct profile
        *profiles[CONFIG_PROFILES_MAX]; /* the file's, then built-in ones it leaves out */
    size_t n;
    const struct outside *outside; /* plugins of others that profiles may name; NULL: none */
    struct extenders *extenders;   /* NULL: none; a core takes them over like profiles */
    int64_t backoff_min_ns, backoff_max_ns;
    struct buf warnings; /* one a line */
};

/* On success *out owns everything until sched_config_fini; a core takes profiles over when the
 * caller sets n to 0. ERR_INVALID names the field. */
int sched_config_parse(struct sched_config *out, struct str text, struct err *err);
/* The same with plugins of others (outside/outside.h, which must outlive the profiles): each
 * profile that enables one starts it. */
int sched_config_parse_with(struct sched_config *out,
                            struct str text,
                            const struct outside *outside,
                            struct err *err);
void sched_config_fini(struct sched_config *c);
