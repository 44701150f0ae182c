/* SPDX-License-Identifier: Apache-2.0
 * config_fields — the parts of a KubeSchedulerConfiguration that are plain values: which fields
 * exist, of what type and range, as kube-scheduler 1.36 validates them. One table row a field.
 * Pure. */
#pragma once

#include "scheduler/profile.h"

/* Fields of the file itself, and of leaderElection and clientConnection. Unknown ones, wrong types
 * and values out of range: ERR_INVALID names the path. */
int config_check_file(struct json root, struct err *err);
/* One entry of profiles[], but for plugins and pluginConfig. */
int config_check_profile(struct json profile, struct err *err);
/* Arguments of plugins that have no file under plugins/: DefaultPreemption fills out->preempt,
 * others are checked only. 1 when the name has no arguments that we know. */
int config_read_args(struct profile *out, struct str plugin, struct json args, struct err *err);
