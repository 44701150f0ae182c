/* SPDX-License-Identifier: Apache-2.0
 * sources — see sources.h. */
#include "scheduler/service/sources.h"

/* Macros: static initialisers. */
#define SOURCE(g, v, p, k)                                                                         \
    {                                                                                              \
        { STR_INIT(g), STR_INIT(v), STR_INIT(p) }, k                                               \
    }
#define DEVICES(p, k) SOURCE("resource.k8s.io", "v1", p, k)
#define STORAGE(g, p) SOURCE(g, "v1", p, INPUT_STORAGE)
#define QUEUE(g, v, p) SOURCE(g, v, p, INPUT_QUEUE)
#define TOPOLOGY(g, v, p) SOURCE(g, v, p, INPUT_TOPOLOGY)

const struct sched_source sources_main[SOURCES_MAIN] = {
    SOURCE("", "v1", "nodes", INPUT_NODE),
    SOURCE("", "v1", "namespaces", INPUT_NAMESPACE),
    SOURCE("", "v1", "services", INPUT_SERVICE),
    SOURCE("apps", "v1", "replicasets", INPUT_REPLICASET),
    SOURCE("apps", "v1", "statefulsets", INPUT_STATEFULSET),
    SOURCE("", "v1", "replicationcontrollers", INPUT_CONTROLLER),
    SOURCE("policy", "v1", "poddisruptionbudgets", INPUT_BUDGET),
    DEVICES("deviceclasses", INPUT_CLASS),
    DEVICES("resourceslices", INPUT_SLICE),
    DEVICES("resourceclaims", INPUT_CLAIM),
    STORAGE("", "persistentvolumes"),
    STORAGE("", "persistentvolumeclaims"),
    STORAGE("storage.k8s.io", "storageclasses"),
    STORAGE("storage.k8s.io", "csinodes"),
    STORAGE("storage.k8s.io", "csidrivers"),
    STORAGE("storage.k8s.io", "csistoragecapacities"),
    STORAGE("storage.k8s.io", "volumeattachments"),
    SOURCE("", "v1", "pods", INPUT_POD),
};

const struct sched_source sources_queues[SOURCES_QUEUES] = {
    QUEUE("scheduling.k8s.io", "v1", "priorityclasses"),
    QUEUE("aiplatform.ganglion.io", "v1alpha1", "aijobqueues"),
    QUEUE("aiplatform.example.com", "v1alpha1", "aijobqueues"),
    QUEUE("kueue.x-k8s.io", "v1beta2", "clusterqueues"),
    QUEUE("kueue.x-k8s.io", "v1beta2", "cohorts"),
    QUEUE("kueue.x-k8s.io", "v1beta2", "localqueues"),
    QUEUE("kueue.x-k8s.io", "v1beta2", "workloadpriorityclasses"),
    TOPOLOGY("kueue.x-k8s.io", "v1beta2", "topologies"),
    QUEUE("kueue.x-k8s.io", "v1beta1", "clusterqueues"),
    QUEUE("kueue.x-k8s.io", "v1beta1", "cohorts"),
    QUEUE("kueue.x-k8s.io", "v1beta1", "localqueues"),
    QUEUE("kueue.x-k8s.io", "v1beta1", "workloadpriorityclasses"),
    TOPOLOGY("kueue.x-k8s.io", "v1beta1", "topologies"),
    QUEUE("kueue.x-k8s.io", "v1alpha1", "cohorts"),
    TOPOLOGY("kueue.x-k8s.io", "v1alpha1", "topologies"),
    QUEUE("scheduling.run.ai", "v2", "queues"),
    QUEUE("scheduling.volcano.sh", "v1beta1", "queues"),
    TOPOLOGY("kai.scheduler", "v1alpha1", "topologies"),
    TOPOLOGY("topology.volcano.sh", "v1alpha1", "hypernodes"),
    TOPOLOGY("topology.node.k8s.io", "v1alpha2", "noderesourcetopologies"),
};
