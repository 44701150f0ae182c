/* SPDX-License-Identifier: Apache-2.0
 * controllers — the table of all controllers, sorted by name. */
#include "controllers/controllers.h"

#include "base/mem.h"

const struct controller *const controllers[] = {
    &deployment_controller, &devicetaint_controller, &gang_controller,          &job_controller,
    &nodelife_controller,   &replicaset_controller,  &resourceclaim_controller,
};
const size_t controllers_count = COUNT_OF(controllers);
