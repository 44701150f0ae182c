/* SPDX-License-Identifier: Apache-2.0
 * gang_dialect — the table; see gang_dialect.h. Pods are read by it in gang_claim.c. */
#include "kube/gang/gang_dialect.h"

#define LABEL(k)                                                                                   \
    {                                                                                              \
        GANG_LABEL, STR_INIT(k)                                                                    \
    } /* literals only */
#define ANNOTATION(k)                                                                              \
    {                                                                                              \
        GANG_ANNOTATION, STR_INIT(k)                                                               \
    }
#define EITHER(k)                                                                                  \
    {                                                                                              \
        GANG_EITHER, STR_INIT(k)                                                                   \
    }
#define SPEC(k)                                                                                    \
    {                                                                                              \
        GANG_SPEC, STR_INIT(k)                                                                     \
    } /* from there */

#define OWNER(k)                                                                                   \
    {                                                                                              \
        GANG_OWNER, STR_INIT(k)                                                                    \
    }                              /* the name of the controller */
#define KUBEFLOW(kind, lower, bit) /* training operator and trainer */                             \
    {                                                                                              \
        .project = "Kubeflow " kind, .name = OWNER("kubeflow.org/" kind), .suffix = lower,         \
        .role = LABEL("training.kubeflow.org/replica-type"), .objects = bit                        \
    }

#define VOLCANO_IGNORED                                                                            \
    {                                                                                              \
        "volcano.sh/sla-waiting-time", "volcano.sh/cooldown-time", "volcano.sh/revocable-zone",    \
            "volcano.sh/jdb-min-available", "volcano.sh/jdb-max-unavailable"                       \
    }

/* The order decides when a pod carries several: our own and KubeNexus' first, aliases, then the
 * others. */
const struct gang_dialect gang_dialects[] = {
    { .project = "Ganglion",
      .name = LABEL("scheduling.ganglion.io/pod-group"),
      .min = EITHER("scheduling.ganglion.io/min-available"),
      .role = LABEL("scheduling.ganglion.io/role"),
      .role_min = EITHER("scheduling.ganglion.io/role-min-available"),
      .objects = GANG_BY_GANGLION },
    { .project = "KubeNexus",
      .name = LABEL("pod-group.scheduling.kubenexus.io/name"),
      .min = LABEL("pod-group.scheduling.kubenexus.io/min-available"),
      .role = EITHER("task-group.kubenexus.io/name"),
      .role_min = EITHER("task-group.kubenexus.io/minMember") },
    { .project = "scheduler-plugins, lightweight",
      .name = LABEL("pod-group.scheduling.sigs.k8s.io/name"),
      .min = LABEL("pod-group.scheduling.sigs.k8s.io/min-available"),
      .ours = true },
    { .project = "KubeNexus, annotations",
      .name = ANNOTATION("scheduling.x-k8s.io/pod-group"),
      .min = ANNOTATION("scheduling.kubenexus.io/min-available") },
    { .project = "scheduler-plugins",
      .name = LABEL("scheduling.x-k8s.io/pod-group"),
      .late = GANG_BACKS_OFF,
      .objects = GANG_BY_SCHEDULER_PLUGINS },
    { .project = "Koordinator PodGroup",
      .name = LABEL("pod-group.scheduling.sigs.k8s.io"),
      .together = ANNOTATION("gang.scheduling.koordinator.sh/groups"),
      .match = ANNOTATION("gang.scheduling.koordinator.sh/match-policy"),
      .mode = ANNOTATION("gang.scheduling.koordinator.sh/mode"),
      .late = GANG_BACKS_OFF,
      .objects = GANG_BY_KOORDINATOR },
    { .project = "Kubernetes",
      .name = SPEC("schedulingGroup.podGroupName"),
      .objects = GANG_BY_KUBERNETES },
    { .project = "Kubernetes Workload",
      .name = SPEC("workloadRef.name"),
      .part = SPEC("workloadRef.podGroup"),
      .replica = SPEC("workloadRef.podGroupReplicaKey"),
      .objects = GANG_BY_WORKLOAD },
    { .project = "Kubernetes Workload, labels",
      .name = LABEL("scheduling.k8s.io/workload-name"),
      .part = LABEL("scheduling.k8s.io/pod-group"),
      .objects = GANG_BY_WORKLOAD },
    { .project = "Kueue",
      .name = EITHER("kueue.x-k8s.io/pod-group-name"),
      .min = ANNOTATION("kueue.x-k8s.io/pod-group-total-count"),
      .size = ANNOTATION("kueue.x-k8s.io/pod-group-total-count"),
      .any = ANNOTATION("kueue.x-k8s.io/pod-group-fast-admission"),
      .alone = ANNOTATION("kueue.x-k8s.io/retriable-in-group"),
      .ignored = { "kueue.x-k8s.io/prebuilt-workload-name", "kueue.x-k8s.io/elastic-job",
                   "kueue.x-k8s.io/admission-gated-by" } },
    { .project = "Koordinator",
      .name = ANNOTATION("gang.scheduling.koordinator.sh/name"),
      .min = ANNOTATION("gang.scheduling.koordinator.sh/min-available"),
      .size = ANNOTATION("gang.scheduling.koordinator.sh/total-number"),
      .timeout = ANNOTATION("gang.scheduling.koordinator.sh/waiting-time"),
      .together = ANNOTATION("gang.scheduling.koordinator.sh/groups"),
      .match = ANNOTATION("gang.scheduling.koordinator.sh/match-policy"),
      .mode = ANNOTATION("gang.scheduling.koordinator.sh/mode"),
      .ignored = { "gang.scheduling.koordinator.sh/network-topology-spec" },
      .late = GANG_BACKS_OFF },
    { .project = "Volcano",
      .name = ANNOTATION("scheduling.volcano.sh/group-name"),
      .min = ANNOTATION("scheduling.volcano.sh/group-min-member"),
      .role = EITHER("volcano.sh/task-spec"),
      .ignored = VOLCANO_IGNORED,
      .objects = GANG_BY_VOLCANO },
    { .project = "Volcano",
      .name = ANNOTATION("scheduling.k8s.io/group-name"),
      .min = ANNOTATION("scheduling.volcano.sh/group-min-member"),
      .role = EITHER("volcano.sh/task-spec"),
      .ignored = VOLCANO_IGNORED,
      .objects = GANG_BY_VOLCANO },
    { .project = "Armada",
      .name = ANNOTATION("armadaproject.io/gangId"),
      .min = ANNOTATION("armadaproject.io/gangCardinality"),
      .size = ANNOTATION("armadaproject.io/gangCardinality") },
    { .project = "KAI",
      .name = ANNOTATION("pod-group-name"),
      .role = LABEL("kai.scheduler/subgroup-name"),
      .ignored = { "kai.scheduler/node-pool" },
      .objects = GANG_BY_KAI },
    { .project = "YuniKorn",
      .name = EITHER("yunikorn.apache.org/app-id"),
      .role = ANNOTATION("yunikorn.apache.org/task-group-name"),
      .roles = ANNOTATION("yunikorn.apache.org/task-groups"),
      .timeout = ANNOTATION("yunikorn.apache.org/schedulingPolicyParameters"),
      .timeout_s = 15 * 60,
      .late = GANG_LETS_GO,
      .with_role = true },
    { .project = "YuniKorn",
      .name = LABEL("applicationId"),
      .role = ANNOTATION("yunikorn.apache.org/task-group-name"),
      .roles = ANNOTATION("yunikorn.apache.org/task-groups"),
      .timeout = ANNOTATION("yunikorn.apache.org/schedulingPolicyParameters"),
      .timeout_s = 15 * 60,
      .late = GANG_LETS_GO,
      .with_role = true },
    { .project = "Spark, KubeNexus",
      .name = LABEL("scheduling.kubenexus.io/app-id"),
      .role = LABEL("spark-role"),
      .later = ANNOTATION("kubenexus.io/executor-count"),
      .with_role = true,
      .open = true },
    { .project = "Spark",
      .name = LABEL("spark-app-id"),
      .role = LABEL("spark-role"),
      .later = ANNOTATION("kubenexus.io/executor-count"),
      .with_role = true,
      .open = true },
    { .project = "Spark",
      .name = LABEL("spark-app-selector"),
      .role = LABEL("spark-role"),
      .later = ANNOTATION("kubenexus.io/executor-count"),
      .with_role = true,
      .open = true },
    KUBEFLOW("PyTorchJob", "pytorchjob", GANG_BY_PYTORCHJOB),
    KUBEFLOW("TFJob", "tfjob", GANG_BY_TFJOB),
    KUBEFLOW("XGBoostJob", "xgboostjob", GANG_BY_XGBOOSTJOB),
    KUBEFLOW("PaddleJob", "paddlejob", GANG_BY_PADDLEJOB),
    KUBEFLOW("JAXJob", "jaxjob", GANG_BY_JAXJOB),
    { .project = "MPI operator",
      .name = OWNER("kubeflow.org/MPIJob"),
      .suffix = "mpijob",
      .objects = GANG_BY_MPIJOB },
    { .project = "KubeRay",
      .name = OWNER("ray.io/RayCluster"),
      .suffix = "raycluster",
      .role = LABEL("ray.io/group"),
      .objects = GANG_BY_RAYCLUSTER },
    { .project = "JobSet",
      .name = LABEL("jobset.sigs.k8s.io/jobset-name"),
      .part = LABEL("jobset.sigs.k8s.io/replicatedjob-name"),
      .suffix = "jobset",
      .objects = GANG_BY_JOBSET },
    { .project = "LeaderWorkerSet",
      .name = LABEL("leaderworkerset.sigs.k8s.io/name"),
      .part = LABEL("leaderworkerset.sigs.k8s.io/group-index"),
      .suffix = "lws",
      .objects = GANG_BY_LWS },
};

const size_t gang_dialects_count = COUNT_OF(gang_dialects);

bool gang_is_our_key(struct str key)
{
    for (size_t i = 0; i < gang_dialects_count; i++) {
        const struct gang_dialect *d = &gang_dialects[i];
        const struct gang_key *keys[] = { &d->name, &d->part,     &d->min,   &d->size, &d->timeout,
                                          &d->role, &d->role_min, &d->roles, &d->later };
        for (size_t k = 0; k < COUNT_OF(keys); k++) {
            if (d->ours && keys[k]->in != GANG_NOWHERE && str_eq(keys[k]->key, key))
                return true;
        }
    }
    return false;
}
