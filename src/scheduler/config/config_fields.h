/* SPDX-License-Identifier: Apache-2.0
 * config_fields — is every field of a KubeSchedulerConfiguration one that exists, of the right type
 * and in range (config_rows.h has the tables)? Pure. */
#pragma once

#include "scheduler/config/profile.h"

/* The whole file with the arguments of all plugins that we know. ERR_INVALID names the full path:
 * "profiles[0].pluginConfig[2].args.scoringStrategy.type: must be …". */
int config_check_file(struct json root, struct err *err);
/* These have no files under plugins/. */
void config_read_provisioning(struct profile *out, struct json args);  /* checked already */
void config_read_consolidation(struct profile *out, struct json args); /* checked already */
int config_read_preemption(struct profile *out, struct json args, struct err *err);
