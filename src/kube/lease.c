/* SPDX-License-Identifier: Apache-2.0
 * lease — decoding of Leases; see lease.h. */
#include "kube/lease.h"

#include "kube/lens.h"
#include "kube/meta.h"

#define NODE_LEASE_DURATION_S 40 /* kubelet's default */

static const struct field lease_fields[] = {
    FIELD_STR(struct lease, holder, "spec.holderIdentity"),
    FIELD_I64(struct lease, duration_s, "spec.leaseDurationSeconds"),
    FIELD_I64(struct lease, transitions, "spec.leaseTransitions"),
    FIELD_TIME(struct lease, acquired, "spec.acquireTime"),
    FIELD_TIME(struct lease, renewed, "spec.renewTime"),
};

static void lease_decode(void *out, const struct kobj *o, struct arena *a)
{
    field_decode(out, lease_fields, COUNT_OF(lease_fields), kobj_root(o), a);
}

const struct lease *lease_of(const struct kobj *o)
{
    return lens_get(o, sizeof(struct lease), lease_decode);
}

static void put_spec(struct jnode *lease, struct str node, struct wall now)
{
    char text[TIME_TEXT_MAX];
    struct jnode *spec = jnode_need_obj(lease, STR("spec"));
    jnode_set_str(spec, STR("holderIdentity"), node);
    jnode_set_i64(spec, STR("leaseDurationSeconds"), NODE_LEASE_DURATION_S);
    jnode_set_str(spec, STR("renewTime"), wall_text_micro(text, now));
}

struct jnode *lease_of_node(struct arena *a, struct str node, struct wall now)
{
    struct jnode *o =
        meta_object(a, "coordination.k8s.io/v1", "Lease", STR(LEASE_NODE_NAMESPACE), node);
    put_spec(o, node, now);
    return o;
}

struct jnode *lease_of_node_renewal(struct arena *a, struct str node, struct wall now)
{
    struct jnode *o = jnode_obj(a);
    put_spec(o, node, now);
    return o;
}
