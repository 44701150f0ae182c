/* SPDX-License-Identifier: Apache-2.0
 * prepare — what the server itself puts into objects of certain kinds: a pod's first status, a
 * job's generated selector, a namespace's finalizer, a service's address. One table of hooks. */
#pragma once

#include "apiserver/action.h"

/* Before admission, on a->obj. */
enum turn prepare_create(struct action *a);
/* Before admission, on a->obj with a->old at hand; for writes of the object and of its status. */
enum turn prepare_update(struct action *a);
