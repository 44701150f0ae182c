/* SPDX-License-Identifier: Apache-2.0
 * fields — see fields.h. */
#include "scheduler/core/fields.h"

#include <assert.h>

#include "kube/kobj.h"

static const struct json_mask owner[] = { JSON_MASK("apiVersion"), JSON_MASK("kind"),
                                          JSON_MASK("name"), JSON_MASK("uid"),
                                          JSON_MASK("controller") };
/* Pods of one template have the shared ones in common. */
static const struct json_mask metadata[] = {
    JSON_MASK("name"),
    JSON_MASK("generateName"),
    JSON_MASK("namespace"),
    JSON_MASK("uid"),
    JSON_MASK("resourceVersion"),
    JSON_MASK("creationTimestamp"),
    JSON_MASK("deletionTimestamp"),
    JSON_MASK("deletionGracePeriodSeconds"),
    JSON_MASK_SHARED("labels"),
    JSON_MASK_SHARED("annotations"),
    JSON_MASK_SHARED_OF("ownerReferences", owner),
};

/* ---- pods ---- */

static const struct json_mask port[] = { JSON_MASK("hostPort"), JSON_MASK("hostIP"),
                                         JSON_MASK("protocol") };
static const struct json_mask container[] = {
    JSON_MASK("name"),      JSON_MASK("image"),         JSON_MASK_OF("ports", port),
    JSON_MASK("resources"), JSON_MASK("restartPolicy"),
};
static const struct json_mask claim_source[] = { JSON_MASK("claimName") };
static const struct json_mask presence[] = { JSON_MASK("") }; /* that it is there, nothing of it */
/* A name alone says nothing: every pod has such a volume, for its token, and no two the same. */
static const struct json_mask volume[] = {
    JSON_MASK("name"),
    JSON_MASK("image"),
    JSON_MASK_OF("persistentVolumeClaim", claim_source),
    JSON_MASK_OF("ephemeral", presence),
    JSON_MASK("gcePersistentDisk"),
    JSON_MASK("awsElasticBlockStore"),
    JSON_MASK("iscsi"),
    JSON_MASK("rbd"),
    JSON_MASK("azureDisk"),
    JSON_MASK("cinder"),
    JSON_MASK("portworxVolume"),
};
static const struct json_mask pod_spec[] = {
    JSON_MASK("nodeName"),
    JSON_MASK("schedulerName"),
    JSON_MASK_SHARED_OF("containers", container),
    JSON_MASK_SHARED_OF("initContainers", container),
    { .key = STR_INIT("volumes"),
      .below = volume,
      .n = COUNT_OF(volume),
      .share = true,
      .least = 2 },
    JSON_MASK_UNLESS("priority", "0"),
    JSON_MASK("priorityClassName"),
    JSON_MASK_UNLESS("preemptionPolicy", "\"PreemptLowerPriority\""),
    JSON_MASK_SHARED("nodeSelector"),
    JSON_MASK_SHARED("affinity"),
    JSON_MASK_SHARED("tolerations"),
    JSON_MASK_SHARED("topologySpreadConstraints"),
    JSON_MASK("schedulingGates"),
    JSON_MASK("schedulingGroup"),
    JSON_MASK("workloadRef"),
    JSON_MASK("resources"),
    JSON_MASK_SHARED("resourceClaims"),
    JSON_MASK("overhead"),
    JSON_MASK("hostNetwork"),
    JSON_MASK_UNLESS("restartPolicy", "\"Always\""), /* a what-if asks whether it ends by itself */
    JSON_MASK("activeDeadlineSeconds"),
    JSON_MASK_UNLESS("terminationGracePeriodSeconds", "30"),
};
static const struct json_mask condition[] = { JSON_MASK("type"), JSON_MASK("status"),
                                              JSON_MASK("reason"), JSON_MASK("message") };
static const struct json_mask container_status[] = { JSON_MASK("name"), JSON_MASK("resources"),
                                                     JSON_MASK("allocatedResources") };
static const struct json_mask pod_status[] = {
    JSON_MASK("phase"),
    JSON_MASK("nominatedNodeName"),
    JSON_MASK("startTime"),
    JSON_MASK_SHARED_OF("conditions", condition),
    JSON_MASK("resourceClaimStatuses"),
    JSON_MASK("extendedResourceClaimStatus"),
    JSON_MASK_SHARED_OF("containerStatuses", container_status),
    JSON_MASK_SHARED_OF("initContainerStatuses", container_status),
};
static const struct json_mask pod[] = {
    JSON_MASK("kind"),
    JSON_MASK("apiVersion"),
    JSON_MASK_OF("metadata", metadata),
    JSON_MASK_OF("spec", pod_spec),
    JSON_MASK_OF("status", pod_status),
};

/* ---- nodes ---- */

static const struct json_mask node_spec[] = { JSON_MASK("unschedulable"), JSON_MASK("taints") };
static const struct json_mask node_status[] = {
    JSON_MASK("allocatable"),
    JSON_MASK("capacity"),
    JSON_MASK("images"),
    JSON_MASK_SHARED_OF("conditions", condition),
};
static const struct json_mask node[] = {
    JSON_MASK("kind"),
    JSON_MASK("apiVersion"),
    JSON_MASK_OF("metadata", metadata),
    JSON_MASK_OF("spec", node_spec),
    JSON_MASK_OF("status", node_status),
};

/* ---- whoever selects pods ---- */

static const struct json_mask selecting_spec[] = { JSON_MASK("selector") };
static const struct json_mask selecting[] = {
    JSON_MASK("kind"),
    JSON_MASK("apiVersion"),
    JSON_MASK_OF("metadata", metadata),
    JSON_MASK_OF("spec", selecting_spec),
};

/* ---- storage: all its kinds ---- */

static const struct json_mask csi[] = { JSON_MASK("driver"), JSON_MASK("volumeHandle") };
static const struct json_mask storage_spec[] = {
    /* volumes and claims */
    JSON_MASK("accessModes"),
    JSON_MASK("capacity"),
    JSON_MASK("claimRef"),
    JSON_MASK("nodeAffinity"),
    JSON_MASK("resources"),
    JSON_MASK("selector"),
    JSON_MASK("storageClassName"),
    JSON_MASK("volumeAttributesClassName"),
    JSON_MASK("volumeMode"),
    JSON_MASK("volumeName"),
    JSON_MASK_OF("csi", csi),
    JSON_MASK("awsElasticBlockStore"),
    JSON_MASK("azureDisk"),
    JSON_MASK("cinder"),
    JSON_MASK("gcePersistentDisk"),
    JSON_MASK("portworxVolume"),
    /* CSINode, CSIDriver, VolumeAttachment */
    JSON_MASK("drivers"),
    JSON_MASK("storageCapacity"),
    JSON_MASK("attacher"),
    JSON_MASK("nodeName"),
    JSON_MASK("source"),
};
static const struct json_mask storage_status[] = { JSON_MASK("phase") };
static const struct json_mask storage[] = {
    JSON_MASK("kind"),
    JSON_MASK("apiVersion"),
    JSON_MASK_OF("metadata", metadata),
    JSON_MASK_OF("spec", storage_spec),
    JSON_MASK_OF("status", storage_status),
    /* StorageClass, CSIStorageCapacity */
    JSON_MASK("provisioner"),
    JSON_MASK("volumeBindingMode"),
    JSON_MASK("allowedTopologies"),
    JSON_MASK("storageClassName"),
    JSON_MASK("nodeTopology"),
    JSON_MASK("capacity"),
    JSON_MASK("maximumVolumeSize"),
};

#define FIELDS(rows)                                                                               \
    {                                                                                              \
        rows, COUNT_OF(rows)                                                                       \
    } /* a macro: counts the array */

const struct sched_fields sched_fields[INPUT_KINDS] = {
    [INPUT_NODE] = FIELDS(node),
    [INPUT_POD] = FIELDS(pod),
    [INPUT_STORAGE] = FIELDS(storage),
    [INPUT_SERVICE] = FIELDS(selecting),
    [INPUT_REPLICASET] = FIELDS(selecting),
    [INPUT_STATEFULSET] = FIELDS(selecting),
    [INPUT_CONTROLLER] = FIELDS(selecting),
};

struct kobj *sched_keeps_cached(struct sched_keeps *k, const struct kobj *o)
{
    static const struct {
        const char *kind;
        enum input_kind input;
    } kinds[] = {
        { "Node", INPUT_NODE },
        { "Pod", INPUT_POD },
        { "Service", INPUT_SERVICE },
        { "ReplicaSet", INPUT_REPLICASET },
        { "StatefulSet", INPUT_STATEFULSET },
        { "ReplicationController", INPUT_CONTROLLER },
        { "PersistentVolume", INPUT_STORAGE },
        { "PersistentVolumeClaim", INPUT_STORAGE },
        { "StorageClass", INPUT_STORAGE },
        { "CSINode", INPUT_STORAGE },
        { "CSIDriver", INPUT_STORAGE },
        { "CSIStorageCapacity", INPUT_STORAGE },
        { "VolumeAttachment", INPUT_STORAGE },
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (!str_is(o->kind, kinds[i].kind))
            continue;
        const struct sched_fields *f = &sched_fields[kinds[i].input];
        struct json_keep **keep = &k->of[kinds[i].input];
        if (!*keep)
            *keep = json_keep_new(f->rows, f->n);
        struct kobj *kept = NULL;
        int rc = kobj_keep(&kept, *keep, kobj_root(o), (struct json){ 0 }, NULL);
        assert(rc == 0); /* smaller than o */
        (void)rc;
        return kept;
    }
    return kobj_ref(o);
}

void sched_keeps_fini(struct sched_keeps *k)
{
    for (size_t i = 0; i < INPUT_KINDS; i++)
        json_keep_free(k->of[i]);
}
