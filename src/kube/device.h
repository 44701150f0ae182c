/* SPDX-License-Identifier: Apache-2.0
 * device — what selectors of devices (resource.k8s.io/v1) may say: the CEL variable `device` as
 * Kubernetes declares it. Validation compiles against it, the scheduler evaluates. And when taints
 * of devices are tolerated. Pure. */
#pragma once

#include "codec/cel.h"

#define DEVICE_CEL_FIELDS 4
#define DEVICE_EXPRESSION_MAX 10240 /* bytes, as Kubernetes */

extern const struct cel_field device_cel_fields[DEVICE_CEL_FIELDS]; /* of `device`, in order */
extern const struct cel_env device_cel_env;

/* Does a claim's toleration match a device's taint? Both as the API has them. */
bool device_tolerates(struct json toleration, struct json taint);
