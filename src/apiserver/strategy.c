/* SPDX-License-Identifier: Apache-2.0
 * strategy — the table; see strategy.h. */
#include "apiserver/strategy.h"

#include "base/mem.h"

#define SPEC (STRATEGY_STATUS | STRATEGY_GENERATION)

static const struct strategy_field pod_fields[] = {
    { "spec.nodeName", "spec.nodeName", NULL },
    { "spec.restartPolicy", "spec.restartPolicy", NULL },
    { "spec.schedulerName", "spec.schedulerName", NULL },
    { "spec.serviceAccountName", "spec.serviceAccountName", NULL },
    { "spec.hostNetwork", "spec.hostNetwork", "false" },
    { "status.phase", "status.phase", NULL },
    { "status.podIP", "status.podIP", NULL },
    { "status.podIPs", "status.podIPs.0.ip", NULL },
    { "status.nominatedNodeName", "status.nominatedNodeName", NULL },
};

static const struct strategy_field event_fields[] = {
    { "involvedObject.kind", "involvedObject.kind", NULL },
    { "involvedObject.namespace", "involvedObject.namespace", NULL },
    { "involvedObject.name", "involvedObject.name", NULL },
    { "involvedObject.uid", "involvedObject.uid", NULL },
    { "involvedObject.apiVersion", "involvedObject.apiVersion", NULL },
    { "involvedObject.resourceVersion", "involvedObject.resourceVersion", NULL },
    { "involvedObject.fieldPath", "involvedObject.fieldPath", NULL },
    { "reason", "reason", NULL },
    { "reportingComponent", "reportingComponent", NULL },
    { "source", "source.component", NULL },
    { "type", "type", NULL },
};

static const struct strategy_field new_event_fields[] = {
    { "regarding.kind", "involvedObject.kind", NULL },
    { "regarding.namespace", "involvedObject.namespace", NULL },
    { "regarding.name", "involvedObject.name", NULL },
    { "regarding.uid", "involvedObject.uid", NULL },
    { "regarding.apiVersion", "involvedObject.apiVersion", NULL },
    { "regarding.resourceVersion", "involvedObject.resourceVersion", NULL },
    { "regarding.fieldPath", "involvedObject.fieldPath", NULL },
    { "reason", "reason", NULL },
    { "reportingController", "reportingComponent", NULL },
    { "type", "type", NULL },
};

static const struct strategy_field node_fields[] = {
    { "spec.unschedulable", "spec.unschedulable", "false" },
};
static const struct strategy_field namespace_fields[] = {
    { "status.phase", "status.phase", NULL },
};
static const struct strategy_field secret_fields[] = {
    { "type", "type", NULL },
};
static const struct strategy_field job_fields[] = {
    { "status.successful", "status.succeeded", "0" },
};
static const struct strategy_field replicaset_fields[] = {
    { "status.replicas", "status.replicas", "0" },
};
static const struct strategy_field service_fields[] = {
    { "spec.clusterIP", "spec.clusterIP", NULL },
    { "spec.type", "spec.type", NULL },
};

#define FIELDS(rows) .fields = rows, .n_fields = COUNT_OF(rows)

static const struct strategy strategies[] = {
    { STR_INIT(""), STR_INIT("configmaps"), 0 },
    { STR_INIT(""), STR_INIT("endpoints"), STRATEGY_CREATE_ON_PUT },
    { STR_INIT(""), STR_INIT("events"), STRATEGY_CREATE_ON_PUT, FIELDS(event_fields) },
    { STR_INIT(""), STR_INIT("limitranges"), STRATEGY_CREATE_ON_PUT },
    { STR_INIT(""), STR_INIT("namespaces"), STRATEGY_STATUS, FIELDS(namespace_fields) },
    { STR_INIT(""), STR_INIT("nodes"), STRATEGY_STATUS | STRATEGY_KEEPS_STATUS,
      FIELDS(node_fields) },
    { STR_INIT(""), STR_INIT("persistentvolumeclaims"), STRATEGY_STATUS | STRATEGY_DELETE_OBJECT },
    { STR_INIT(""), STR_INIT("persistentvolumes"), STRATEGY_STATUS | STRATEGY_DELETE_OBJECT },
    { STR_INIT(""), STR_INIT("pods"), SPEC | STRATEGY_GRACEFUL | STRATEGY_DELETE_OBJECT,
      FIELDS(pod_fields) },
    { STR_INIT(""), STR_INIT("podtemplates"), STRATEGY_GENERATION },
    { STR_INIT(""), STR_INIT("replicationcontrollers"), SPEC | STRATEGY_ORPHAN,
      FIELDS(replicaset_fields) },
    { STR_INIT(""), STR_INIT("resourcequotas"), STRATEGY_STATUS | STRATEGY_DELETE_OBJECT },
    { STR_INIT(""), STR_INIT("secrets"), 0, FIELDS(secret_fields) },
    { STR_INIT(""), STR_INIT("serviceaccounts"), STRATEGY_DELETE_OBJECT },
    { STR_INIT(""), STR_INIT("services"),
      STRATEGY_STATUS | STRATEGY_DELETE_OBJECT | STRATEGY_CREATE_ON_PUT, FIELDS(service_fields) },
    { STR_INIT("apiextensions.k8s.io"), STR_INIT("customresourcedefinitions"), SPEC },
    { STR_INIT("apps"), STR_INIT("daemonsets"), SPEC },
    { STR_INIT("apps"), STR_INIT("deployments"), SPEC | STRATEGY_ANNOTATIONS },
    { STR_INIT("apps"), STR_INIT("replicasets"), SPEC, FIELDS(replicaset_fields) },
    { STR_INIT("apps"), STR_INIT("statefulsets"), SPEC },
    { STR_INIT("autoscaling"), STR_INIT("horizontalpodautoscalers"), STRATEGY_STATUS },
    { STR_INIT("batch"), STR_INIT("cronjobs"), SPEC },
    { STR_INIT("batch"), STR_INIT("jobs"), SPEC | STRATEGY_ORPHAN, FIELDS(job_fields) },
    { STR_INIT("coordination.k8s.io"), STR_INIT("leases"), STRATEGY_CREATE_ON_PUT },
    { STR_INIT("discovery.k8s.io"), STR_INIT("endpointslices"), STRATEGY_GENERATION },
    { STR_INIT("events.k8s.io"), STR_INIT("events"), STRATEGY_CREATE_ON_PUT,
      FIELDS(new_event_fields), STR_INIT("events"), STR_INIT("") },
    { STR_INIT("networking.k8s.io"), STR_INIT("ingresses"), SPEC },
    { STR_INIT("networking.k8s.io"), STR_INIT("networkpolicies"), STRATEGY_GENERATION },
    { STR_INIT("policy"), STR_INIT("poddisruptionbudgets"), SPEC },
    { STR_INIT("rbac.authorization.k8s.io"), STR_INIT("clusterrolebindings"),
      STRATEGY_CREATE_ON_PUT },
    { STR_INIT("rbac.authorization.k8s.io"), STR_INIT("clusterroles"), STRATEGY_CREATE_ON_PUT },
    { STR_INIT("rbac.authorization.k8s.io"), STR_INIT("rolebindings"), STRATEGY_CREATE_ON_PUT },
    { STR_INIT("rbac.authorization.k8s.io"), STR_INIT("roles"), STRATEGY_CREATE_ON_PUT },
    { STR_INIT("scheduling.k8s.io"), STR_INIT("priorityclasses"), STRATEGY_GENERATION },
};

static const struct strategy custom_with_status = {
    .flags = SPEC | STRATEGY_NEEDS_REVISION,
};
static const struct strategy custom_without_status = {
    .flags = STRATEGY_GENERATION | STRATEGY_NEEDS_REVISION,
};
static const struct strategy plain = { .flags = 0 };
static const struct strategy plain_with_status = { .flags = STRATEGY_STATUS };

const struct strategy *strategy_of(const struct resource *r)
{
    bool status = resource_has_sub(r, "status");
    if (r->custom)
        return status ? &custom_with_status : &custom_without_status;
    for (size_t i = 0; i < COUNT_OF(strategies); i++) {
        if (str_eq(strategies[i].group, r->group) && str_eq(strategies[i].plural, r->plural))
            return &strategies[i];
    }
    return status ? &plain_with_status : &plain;
}

const struct strategy_field *strategy_field(const struct strategy *s, struct str name)
{
    for (size_t i = 0; i < s->n_fields; i++) {
        if (str_is(name, s->fields[i].name))
            return &s->fields[i];
    }
    return NULL;
}
