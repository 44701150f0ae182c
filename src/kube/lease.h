/* SPDX-License-Identifier: Apache-2.0
 * lease — the view of a coordination.k8s.io/v1 Lease, for elections and node heartbeats. Decoded
 * once per revision. Pure, any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/time.h"
#include "codec/jnode.h"
#include "kube/field.h"
#include "kube/kobj.h"

struct lease {
    struct str holder; /* absent or "": free */
    int64_t duration_s, transitions;
    struct wall acquired, renewed;
};

/* The view of a Lease, borrowed as long as o is held. */
const struct lease *lease_of(const struct kobj *o);

#define LEASE_NODE_NAMESPACE "kube-node-lease"
/* A node's heartbeat, held by the node itself for 40 s: the whole Lease, and the merge patch that
 * renews it. */
struct jnode *lease_of_node(struct arena *a, struct str node, struct wall now);
struct jnode *lease_of_node_renewal(struct arena *a, struct str node, struct wall now);
