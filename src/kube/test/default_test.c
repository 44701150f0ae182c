/* SPDX-License-Identifier: Apache-2.0
 * default_test — completed objects, as a Kubernetes 1.36 server stores them. */
#include "kube/default.h"

#include "codec/json.h"
#include "kube/schema_check.h"
#include "testkit/check.h"

/* The body after decoding and defaulting, in the arena. */
static struct str defaulted(struct arena *a, const char *body)
{
    struct json_doc *doc;
    struct err err = { 0 };
    CHECK_OK(json_parse(&doc, str_from(body), &json_limits_body, &err), err);
    struct json root = json_root(doc);
    const struct resource *r = resource_find_kind(json_str(json_get(root, STR("apiVersion"))),
                                                  json_str(json_get(root, STR("kind"))));
    CHECK(r != NULL);
    CHECK_OK(schema_check_types(r->schema, root, (struct json){ 0 }, NULL, &err), err);
    struct jnode *tree = jnode_thaw(a, root);
    default_object(a, r, tree);
    struct buf b;
    buf_init(&b, 1u << 20);
    jnode_write(&b, tree);
    struct str once = arena_str(a, buf_view(&b));
    default_object(a, r, tree); /* idempotent */
    buf_clear(&b);
    jnode_write(&b, tree);
    CHECK_STR_EQ(buf_view(&b), once);
    buf_fini(&b);
    json_doc_unref(doc);
    return once;
}

/* The value at a path of the defaulted body, as text; "absent" when there is none. */
static void check_at(const char *body, const char *path, const char *want)
{
    struct arena *a = arena_new();
    struct json_doc *doc;
    struct err err = { 0 };
    struct str text = defaulted(a, body);
    CHECK_OK(json_parse(&doc, text, &json_limits_own, &err), err);
    struct json v = json_path(json_root(doc), path);
    CHECK_STR_EQ(json_exists(v) ? json_text(v) : STR("absent"), str_from(want));
    json_doc_unref(doc);
    arena_free(a);
}

#define POD(spec)                                                                                  \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":" spec "}"

static void completes_a_pod(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    CHECK_STR(defaulted(a, POD("{\"containers\":[{\"name\":\"c\",\"image\":\"a:1\"}]}")),
              "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
              "\"containers\":[{\"name\":\"c\",\"image\":\"a:1\",\"resources\":{},"
              "\"terminationMessagePath\":\"/dev/termination-log\","
              "\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],"
              "\"dnsPolicy\":\"ClusterFirst\",\"restartPolicy\":\"Always\","
              "\"schedulerName\":\"default-scheduler\",\"securityContext\":{},"
              "\"terminationGracePeriodSeconds\":30,\"enableServiceLinks\":true},"
              "\"status\":{\"phase\":\"Pending\"}}");
    arena_free(a);
}

static void fills_what_depends_on_something(void **state)
{
    (void)state;
    const char *pod =
        POD("{\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"ports\":["
            "{\"containerPort\":80}],\"resources\":{\"limits\":{\"cpu\":1,"
            "\"nvidia.com/gpu\":\"8\"},\"requests\":{\"cpu\":\"500m\"}},"
            "\"livenessProbe\":{\"httpGet\":{\"port\":80}},\"env\":[{\"name\":\"N\","
            "\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}}]}],"
            "\"volumes\":[{\"name\":\"v\"},{\"name\":\"s\",\"secret\":{\"secretName\":"
            "\"x\"}}]}");
    check_at(pod, "spec.containers.0.ports.0",
             "{\"containerPort\":80,\"protocol\":\"TCP\",\"hostPort\":80}");
    check_at(pod, "spec.containers.0.resources.limits", "{\"cpu\":\"1\",\"nvidia.com/gpu\":\"8\"}");
    check_at(pod, "spec.containers.0.resources.requests",
             "{\"cpu\":\"500m\",\"nvidia.com/gpu\":\"8\"}");
    check_at(pod, "spec.containers.0.livenessProbe.periodSeconds", "10");
    check_at(pod, "spec.containers.0.livenessProbe.httpGet",
             "{\"port\":80,\"path\":\"/\",\"scheme\":\"HTTP\"}");
    check_at(pod, "spec.containers.0.env.0.valueFrom.fieldRef.apiVersion", "\"v1\"");
    check_at(pod, "spec.volumes.0", "{\"name\":\"v\",\"emptyDir\":{}}");
    check_at(pod, "spec.volumes.1.secret.defaultMode", "420");
}

static void drops_what_the_decoder_drops(void **state)
{
    (void)state;
    const char *pod = POD("{\"hostNetwork\":false,\"hostPID\":null,\"junk\":1,\"nodeSelector\":{},"
                          "\"automountServiceAccountToken\":false,\"volumes\":[],"
                          "\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"tty\":false,"
                          "\"workingDir\":\"\",\"args\":null}]}");
    static const char *const gone[] = { "spec.hostNetwork",
                                        "spec.hostPID",
                                        "spec.junk",
                                        "spec.nodeSelector",
                                        "spec.volumes",
                                        "spec.containers.0.tty",
                                        "spec.containers.0.workingDir",
                                        "spec.containers.0.args" };
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        check_at(pod, gone[i], "absent");
    check_at(pod, "spec.automountServiceAccountToken", "false");
    check_at(pod, "spec.containers.0.imagePullPolicy", "\"Always\"");
}

static void writes_canonical_texts(void **state)
{
    (void)state;
    const char *pod = POD("{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":"
                          "\"1000m\",\"memory\":\"1024Mi\"}}}]}");
    check_at(pod, "spec.containers.0.resources.limits", "{\"cpu\":\"1\",\"memory\":\"1Gi\"}");
    check_at("{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":"
             "\"l\",\"creationTimestamp\":\"2026-01-01T01:00:00.5+01:00\"},\"spec\":{\"renewTime\":"
             "\"2026-01-01T00:00:00.500000Z\"}}",
             "metadata.creationTimestamp", "\"2026-01-01T00:00:00Z\"");
}

static void completes_workloads(void **state)
{
    (void)state;
    const char *deploy =
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},"
        "\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}";
    check_at(deploy, "spec.strategy",
             "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":\"25%\","
             "\"maxSurge\":\"25%\"}}");
    check_at(deploy, "spec.replicas", "1");
    check_at(deploy, "spec.template.metadata", "{}");
    check_at(deploy, "spec.template.spec.enableServiceLinks", "absent");
    check_at(deploy, "status", "{}");
    const char *job = "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"j\"},"
                      "\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"
                      "\"restartPolicy\":\"Never\",\"containers\":[]}}}}";
    check_at(job, "spec.completions", "1");
    check_at(job, "spec.backoffLimit", "6");
    check_at(job, "spec.podReplacementPolicy", "\"TerminatingOrFailed\"");
    check_at(job, "metadata.labels", "{\"a\":\"b\"}");
    check_at("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
             "\"stringData\":{\"k\":\"x\"},\"data\":{\"k\":\"\"}}",
             "data", "{\"k\":\"eA==\"}");
    check_at("{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\"},\"spec\":{"
             "\"ports\":[{\"port\":80}],\"type\":\"NodePort\"}}",
             "spec.ports.0", "{\"port\":80,\"protocol\":\"TCP\",\"targetPort\":80}");
}

static void chooses_the_pull_policy(void **state)
{
    (void)state;
    CHECK_STR(default_pull_policy(STR("a")), "Always");
    CHECK_STR(default_pull_policy(STR("r:5000/a")), "Always");
    CHECK_STR(default_pull_policy(STR("r:5000/a:1")), "IfNotPresent");
    CHECK_STR(default_pull_policy(STR("a:latest")), "Always");
    CHECK_STR(default_pull_policy(STR("a@sha256:0")), "IfNotPresent");
    CHECK_STR(default_pull_policy(STR("")), "IfNotPresent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_a_pod),
        cmocka_unit_test(fills_what_depends_on_something),
        cmocka_unit_test(drops_what_the_decoder_drops),
        cmocka_unit_test(writes_canonical_texts),
        cmocka_unit_test(completes_workloads),
        cmocka_unit_test(chooses_the_pull_policy),
    };
    return CHECK_MAIN(tests);
}
