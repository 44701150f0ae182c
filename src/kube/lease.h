/* SPDX-License-Identifier: Apache-2.0
 * lease — the view of a coordination.k8s.io/v1 Lease, for elections and node heartbeats. Decoded
 * once per revision. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "kube/field.h"
#include "kube/kobj.h"

struct lease {
    struct str holder; /* absent or "": free */
    int64_t duration_s, transitions;
    struct wall acquired, renewed;
};

/* The view of a Lease, borrowed as long as o is held. */
const struct lease *lease_of(const struct kobj *o);
