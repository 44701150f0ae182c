/* SPDX-License-Identifier: Apache-2.0
 * default_kinds — defaults of the other kinds. */
#include "base/buf.h"
#include "codec/base64.h"
#include "kube/default_internal.h"

static struct str text_at(struct jnode *obj, const char *path)
{
    return jnode_text_of_str(jnode_path(obj, path));
}

/* A copy of the value at from, unless the member exists. */
static void default_copy(struct arena *a, struct jnode *obj, const char *key, struct jnode *from)
{
    if (from && jnode_type(obj) == JSON_OBJ && !jnode_get(obj, str_from(key)))
        jnode_set(obj, str_from(key), jnode_copy(a, from));
}

static void default_service_ports(struct jnode *spec)
{
    struct jnode *ports = jnode_get(spec, STR("ports"));
    for (size_t i = 0; i < jnode_len(ports); i++) {
        struct jnode *port = jnode_at(ports, i);
        struct jnode *target = jnode_get(port, STR("targetPort"));
        int64_t number;
        bool unset = !target ||
                     (jnode_type(target) == JSON_STR && jnode_text_of_str(target).n == 0) ||
                     (jnode_to_i64(target, &number) && number == 0);
        if (unset && jnode_to_i64(jnode_get(port, STR("port")), &number))
            jnode_set_i64(port, STR("targetPort"), number);
    }
}

void default_service(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    struct str type = text_at(spec, "type");
    if (str_is(text_at(spec, "sessionAffinity"), "ClientIP")) {
        struct jnode *config = jnode_need_obj(spec, STR("sessionAffinityConfig"));
        default_i64(a, jnode_need_obj(config, STR("clientIP")), "timeoutSeconds", 10800);
    }
    default_service_ports(spec);
    bool balancer = str_is(type, "LoadBalancer"), node_port = str_is(type, "NodePort");
    bool cluster = str_is(type, "ClusterIP");
    bool external_ips = jnode_len(jnode_get(spec, STR("externalIPs"))) > 0;
    if (balancer || node_port || (cluster && external_ips))
        default_str(a, spec, "externalTrafficPolicy", "Cluster");
    if (balancer || node_port || cluster)
        default_str(a, spec, "internalTrafficPolicy", "Cluster");
    if (balancer)
        default_bool(a, spec, "allocateLoadBalancerNodePorts", true);
}

void default_node(struct arena *a, struct jnode *root)
{
    struct jnode *status = jnode_get(root, STR("status"));
    default_copy(a, status, "allocatable", jnode_get(status, STR("capacity")));
}

void default_namespace(struct arena *a, struct jnode *root)
{
    (void)a;
    struct str name = text_at(root, "metadata.name");
    if (name.n == 0)
        return;
    struct jnode *labels = jnode_need_obj(jnode_get(root, STR("metadata")), STR("labels"));
    struct str key = STR("kubernetes.io/metadata.name");
    if (!str_eq(jnode_text_of_str(jnode_get(labels, key)), name))
        jnode_set_str(labels, key, name);
}

/* stringData is a write-only convenience: its texts become data. */
void default_secret(struct arena *a, struct jnode *root)
{
    struct jnode *texts = jnode_get(root, STR("stringData"));
    for (size_t i = 0; i < jnode_len(texts); i++) {
        struct str text = jnode_text_of_str(jnode_value_at(texts, i));
        struct buf b;
        buf_init(&b, text.n / 3 * 4 + 8);
        base64_encode(&b, text, BASE64_STD);
        struct jnode *data = jnode_need_obj(root, STR("data"));
        jnode_set(data, jnode_key_at(texts, i), jnode_str(a, buf_view(&b)));
        buf_fini(&b);
    }
    jnode_del(root, STR("stringData"));
}

void default_limit_range(struct arena *a, struct jnode *root)
{
    struct jnode *limits = jnode_path(root, "spec.limits");
    for (size_t i = 0; i < jnode_len(limits); i++) {
        struct jnode *item = jnode_at(limits, i);
        if (!str_is(text_at(item, "type"), "Container"))
            continue;
        static const char *const steps[][2] = { { "default", "max" },
                                                { "defaultRequest", "default" },
                                                { "defaultRequest", "min" } };
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            struct jnode *from = jnode_get(item, str_from(steps[j][1]));
            for (size_t k = 0; k < jnode_len(from); k++) {
                struct jnode *to = jnode_need_obj(item, str_from(steps[j][0]));
                struct str key = jnode_key_at(from, k);
                if (!jnode_get(to, key))
                    jnode_set(to, key, jnode_copy(a, jnode_value_at(from, k)));
            }
        }
    }
}

void default_network_policy(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    if (jnode_type(spec) != JSON_OBJ || jnode_len(jnode_get(spec, STR("policyTypes"))) > 0)
        return;
    struct jnode *types = jnode_set(spec, STR("policyTypes"), jnode_arr(a));
    jnode_append(types, jnode_str(a, STR("Ingress")));
    if (jnode_len(jnode_get(spec, STR("egress"))) > 0)
        jnode_append(types, jnode_str(a, STR("Egress")));
}

void default_role_binding(struct arena *a, struct jnode *root)
{
    struct jnode *subjects = jnode_get(root, STR("subjects"));
    for (size_t i = 0; i < jnode_len(subjects); i++) {
        struct jnode *subject = jnode_at(subjects, i);
        struct str kind = text_at(subject, "kind");
        if (str_is(kind, "User") || str_is(kind, "Group"))
            default_str(a, subject, "apiGroup", "rbac.authorization.k8s.io");
    }
}

static void add_policy(struct arena *a, struct jnode *rules, const char *type, int64_t value)
{
    struct jnode *policy = jnode_append(jnode_need_arr(rules, STR("policies")), jnode_obj(a));
    jnode_set_str(policy, STR("type"), str_from(type));
    jnode_set_i64(policy, STR("value"), value);
    jnode_set_i64(policy, STR("periodSeconds"), 15);
}

void default_hpa_v2(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    if (jnode_type(spec) == JSON_OBJ && jnode_len(jnode_get(spec, STR("metrics"))) == 0) {
        struct jnode *metric = jnode_append(jnode_need_arr(spec, STR("metrics")), jnode_obj(a));
        jnode_set_str(metric, STR("type"), STR("Resource"));
        struct jnode *resource = jnode_need_obj(metric, STR("resource"));
        jnode_set_str(resource, STR("name"), STR("cpu"));
        struct jnode *target = jnode_need_obj(resource, STR("target"));
        jnode_set_str(target, STR("type"), STR("Utilization"));
        jnode_set_i64(target, STR("averageUtilization"), 80);
    }
    struct jnode *behavior = jnode_get(spec, STR("behavior"));
    if (jnode_type(behavior) != JSON_OBJ)
        return;
    struct jnode *up = jnode_need_obj(behavior, STR("scaleUp"));
    default_i64(a, up, "stabilizationWindowSeconds", 0);
    struct jnode *down = jnode_need_obj(behavior, STR("scaleDown"));
    default_str(a, up, "selectPolicy", "Max");
    default_str(a, down, "selectPolicy", "Max");
    if (!jnode_get(up, STR("policies"))) {
        add_policy(a, up, "Pods", 4);
        add_policy(a, up, "Percent", 100);
    }
    if (!jnode_get(down, STR("policies")))
        add_policy(a, down, "Percent", 100);
}

void default_crd(struct arena *a, struct jnode *root)
{
    struct jnode *names = jnode_path(root, "spec.names");
    struct str kind = text_at(names, "kind");
    if (kind.n == 0)
        return;
    if (!jnode_get(names, STR("singular"))) {
        struct str lower = arena_str(a, kind);
        char *p = (char *)(uintptr_t)lower.p; /* our own copy */
        for (size_t i = 0; i < lower.n; i++)
            p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + 32) : p[i];
        jnode_set_str(names, STR("singular"), lower);
    }
    if (!jnode_get(names, STR("listKind")))
        jnode_set_str(names, STR("listKind"), arena_printf(a, "%.*sList", STR_ARG(kind)));
}

void default_csi_driver(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    if (jnode_type(spec) == JSON_OBJ &&
        jnode_len(jnode_get(spec, STR("volumeLifecycleModes"))) == 0)
        jnode_append(jnode_need_arr(spec, STR("volumeLifecycleModes")),
                     jnode_str(a, STR("Persistent")));
}

static void default_count(struct arena *a, struct jnode *request)
{
    if (str_is(text_at(request, "allocationMode"), "ExactCount"))
        default_i64(a, request, "count", 1);
}

void default_resource_claim(struct arena *a, struct jnode *root)
{
    struct jnode *spec = jnode_get(root, STR("spec"));
    struct jnode *inner = jnode_get(spec, STR("spec")); /* of a template */
    struct jnode *requests = jnode_path(inner ? inner : spec, "devices.requests");
    for (size_t i = 0; i < jnode_len(requests); i++) {
        struct jnode *request = jnode_at(requests, i);
        default_count(a, jnode_get(request, STR("exactly")));
        struct jnode *first = jnode_get(request, STR("firstAvailable"));
        for (size_t j = 0; j < jnode_len(first); j++)
            default_count(a, jnode_at(first, j));
    }
}
