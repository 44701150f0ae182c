/* SPDX-License-Identifier: Apache-2.0
 * lease — decoding of Leases; see lease.h. */
#include "kube/lease.h"

#include "kube/lens.h"

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
