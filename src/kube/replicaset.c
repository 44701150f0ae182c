/* SPDX-License-Identifier: Apache-2.0
 * replicaset — decoding of ReplicaSets; see replicaset.h. */
#include "kube/replicaset.h"

#include "kube/lens.h"

static const struct field replicaset_fields[] = {
    FIELD_I64_OPT(struct replicaset, replicas, "spec.replicas"),
    FIELD_I64(struct replicaset, min_ready_s, "spec.minReadySeconds"),
    FIELD_JSON(struct replicaset, selector, "spec.selector"),
    FIELD_JSON(struct replicaset, template, "spec.template"),
    FIELD_I64(struct replicaset, generation, "metadata.generation"),
    FIELD_I64(struct replicaset, observed_generation, "status.observedGeneration"),
    FIELD_I64(struct replicaset, status_replicas, "status.replicas"),
    FIELD_I64(struct replicaset, fully_labeled, "status.fullyLabeledReplicas"),
    FIELD_I64(struct replicaset, ready, "status.readyReplicas"),
    FIELD_I64(struct replicaset, available, "status.availableReplicas"),
};

static void replicaset_decode(void *out, const struct kobj *o, struct arena *a)
{
    struct replicaset *r = out;
    r->replicas = 1;
    field_decode(r, replicaset_fields, COUNT_OF(replicaset_fields), kobj_root(o), a);
}

const struct replicaset *replicaset_of(const struct kobj *o)
{
    return lens_get(o, sizeof(struct replicaset), replicaset_decode);
}
