/* SPDX-License-Identifier: Apache-2.0
 * plugins — the admission plugins, one file each beside this one. A new one gets a line here and a
 * place in the table of ../admit.c. */
#pragma once

#include "apiserver/admit.h"

extern const struct admission admit_namespace_lifecycle;
extern const struct admission admit_limit_ranger;
extern const struct admission admit_resource_quota;
extern const struct admission admit_service_account;
extern const struct admission admit_taint_nodes;
extern const struct admission admit_priority;
extern const struct admission admit_default_tolerations;

/* Is the action a write of a core/v1 Pod itself, not of a subresource? */
static inline bool admit_is_pod(const struct action *a)
{
    return a->what->res->group.n == 0 && str_is(a->what->res->plural, "pods") &&
           a->r.subresource.n == 0;
}
