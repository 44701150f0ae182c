/* SPDX-License-Identifier: Apache-2.0
 * default — which kind gets which code. */
#include "kube/default.h"

#include "base/mem.h"
#include "kube/default_internal.h"
#include "kube/normalise.h"
#include "kube/structural.h"

static const struct {
    const char *type; /* of the schema */
    default_fn run;
} kinds[] = {
    { "apiextensions.v1.CustomResourceDefinition", default_crd },
    { "apps.v1.DaemonSet", default_daemon_set },
    { "apps.v1.Deployment", default_deployment },
    { "apps.v1.ReplicaSet", default_replica_set },
    { "apps.v1.StatefulSet", default_stateful_set },
    { "autoscaling.v2.HorizontalPodAutoscaler", default_hpa_v2 },
    { "batch.v1.CronJob", default_cron_job },
    { "batch.v1.Job", default_job },
    { "core.v1.LimitRange", default_limit_range },
    { "core.v1.Namespace", default_namespace },
    { "core.v1.Node", default_node },
    { "core.v1.Pod", default_pod },
    { "core.v1.PodTemplate", default_pod_template },
    { "core.v1.ReplicationController", default_replication_controller },
    { "core.v1.Secret", default_secret },
    { "core.v1.Service", default_service },
    { "networking.v1.NetworkPolicy", default_network_policy },
    { "rbac.v1.ClusterRoleBinding", default_role_binding },
    { "rbac.v1.RoleBinding", default_role_binding },
    { "resource.v1.ResourceClaim", default_resource_claim },
    { "resource.v1.ResourceClaimTemplate", default_resource_claim },
    { "storage.v1.CSIDriver", default_csi_driver },
};

void default_object(struct arena *a, const struct resource *r, struct jnode *root)
{
    if (!r->schema || jnode_type(root) != JSON_OBJ)
        return;
    if (r->custom) {
        structural_prune(a, r->schema, root);
        structural_default(a, r->schema, root);
        return;
    }
    normalise(a, r->schema, root);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_is(r->schema->name, kinds[i].type))
            kinds[i].run(a, root);
}
