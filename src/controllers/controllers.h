/* SPDX-License-Identifier: Apache-2.0
 * controllers — the names that controllers.c puts in its table; one line a controller. */
#pragma once

#include "controllers/controller.h"

extern const struct controller deployment_controller;
extern const struct controller devicetaint_controller;
extern const struct controller gang_controller;
extern const struct controller job_controller;
extern const struct controller nodelife_controller;
extern const struct controller replicaset_controller;
extern const struct controller resourceclaim_controller;
