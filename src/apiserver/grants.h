/* SPDX-License-Identifier: Apache-2.0
 * grants — nobody gives away rights that he has not: who writes a role must hold all that it
 * allows, who binds one too, unless he has the verb "escalate" on the role, or "bind" on the role
 * that is bound. As Kubernetes' RBAC storage has it, but what a write does not change is not asked
 * again. */
#pragma once

#include "apiserver/action.h"

/* A step's part, for every resource: a->obj is created, or a->old becomes it. */
enum turn grants_check(struct action *a);
