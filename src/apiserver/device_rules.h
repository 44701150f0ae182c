/* SPDX-License-Identifier: Apache-2.0
 * device_rules — who may ask for administrators' access to devices (resource.k8s.io): it shows
 * devices that others hold, so only namespaces that an administrator labelled
 * resource.kubernetes.io/admin-access: "true" may. Apiserver's loop. */
#pragma once

#include "apiserver/action.h"
#include "kube/status.h"

/* a->obj, a new ResourceClaim or ResourceClaimTemplate, asks; of other kinds nothing is said. */
void device_rules_create(struct action *a, struct causes *c);
/* A claim's status: an allocation with adminAccess that the old one did not have. */
void device_rules_status(struct action *a, struct jnode *old, struct causes *c);
