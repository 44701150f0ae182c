/* SPDX-License-Identifier: Apache-2.0
 * pod_list — see pod_list.h. The text is written by hand rather than through our writer, so that
 * the benchmark's input does not depend on what it measures. */
#include "json/pod_list.h"

#include <inttypes.h>

#include "base/num.h"

static const char *const apps[] = { "checkout", "frontend", "search-index", "billing",
                                    "inference" };

static const char *app_of(unsigned i)
{
    return apps[num_mix64(i) % (sizeof apps / sizeof apps[0])];
}

static void metadata(struct buf *out, unsigned i)
{
    uint64_t r = num_mix64(i);
    const char *app = app_of(i);
    uint32_t hash = (uint32_t)(r >> 20);
    buf_printf(
        out,
        "\"metadata\":{\"name\":\"%s-%08" PRIx32 "-%05" PRIx64 "\",\"generateName\":\"%s-%08" PRIx32
        "-\",\"namespace\":\"team-%u\",\"uid\":\"%08" PRIx32 "-%04x-4%03x-9%03x-%012" PRIx64
        "\",\"resourceVersion\":\"%u\",\"creationTimestamp\":\"2026-11-%02uT%02u:%02u:07Z\",",
        app, hash, r & 0xfffff, app, hash, i % 20, hash, i & 0xffff, i & 0xfff,
        (unsigned)(r & 0xfff), r & 0xffffffffffff, 100000 + 7 * i, 1 + i % 28, i % 24, i % 60);
    buf_printf(
        out,
        "\"labels\":{\"app.kubernetes.io/name\":\"%s\",\"app.kubernetes.io/part-of\":\"shop\","
        "\"pod-template-hash\":\"%08" PRIx32 "\",\"tier\":\"backend\"},"
        "\"annotations\":{\"prometheus.io/scrape\":\"true\",\"example.com/note\":\"a "
        "\\\"quoted\\\" word\"},"
        "\"ownerReferences\":[{\"apiVersion\":\"apps/"
        "v1\",\"kind\":\"ReplicaSet\",\"name\":\"%s-%08" PRIx32 "\",\"uid\":\"%08" PRIx32
        "-1c2d-4e5f-8a9b-0123456789ab\",\"controller\":true,"
        "\"blockOwnerDeletion\":true}],",
        app, hash, app, hash, hash ^ 0x5a5a5a5a);
    buf_str(
        out,
        STR("\"managedFields\":[{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\","
            "\"apiVersion\":\"v1\",\"time\":\"2026-11-03T10:11:12Z\",\"fieldsType\":\"FieldsV1\","
            "\"fieldsV1\":{\"f:metadata\":{\"f:generateName\":{},\"f:labels\":{\".\":{},"
            "\"f:app.kubernetes.io/name\":{},\"f:pod-template-hash\":{}},"
            "\"f:ownerReferences\":{\".\":{},\"k:{\\\"uid\\\":\\\"0123-4567\\\"}\":{}}},"
            "\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"main\\\"}\":{\".\":{},"
            "\"f:image\":{},\"f:imagePullPolicy\":{},\"f:name\":{},\"f:resources\":{}}},"
            "\"f:dnsPolicy\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{}}}}]}"));
}

static void container(struct buf *out, unsigned i, unsigned c, bool full)
{
    buf_printf(
        out,
        "{\"name\":\"%s\",\"image\":\"registry.example.com/shop/%s:1.%u.%u\",\"ports\":["
        "{\"containerPort\":%u,\"protocol\":\"TCP\"}],\"env\":[{\"name\":\"LOG_LEVEL\","
        "\"value\":\"info\"},{\"name\":\"REPLICA\",\"value\":\"%u\"}],\"resources\":{\"limits\":{"
        "\"cpu\":\"2\",\"memory\":\"%uMi\"},\"requests\":{\"cpu\":\"%um\",\"memory\":\"256Mi\"}},",
        c ? "sidecar" : "main", app_of(i), i % 40, i % 10, 8080 + c, i, 512 + i % 512,
        100 + i % 900);
    if (full)
        buf_str(out, STR("\"volumeMounts\":[{\"name\":\"token\",\"readOnly\":true,"
                         "\"mountPath\":\"/var/run/secrets/kubernetes.io/serviceaccount\"}],"
                         "\"livenessProbe\":{\"httpGet\":{\"path\":\"/healthz\",\"port\":8080,"
                         "\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,"
                         "\"successThreshold\":1,\"failureThreshold\":3},"
                         "\"terminationMessagePath\":\"/dev/termination-log\","
                         "\"terminationMessagePolicy\":\"File\","));
    buf_str(out, STR("\"imagePullPolicy\":\"IfNotPresent\"}"));
}

static void status(struct buf *out, unsigned i, unsigned containers)
{
    static const char *const conditions[] = { "Initialized", "Ready", "PodScheduled" };
    buf_str(out, STR("\"status\":{\"phase\":\"Running\",\"conditions\":["));
    for (unsigned c = 0; c < 3; c++)
        buf_printf(out,
                   "%s{\"type\":\"%s\",\"status\":\"True\",\"lastProbeTime\":null,"
                   "\"lastTransitionTime\":\"2026-11-03T10:%02u:%02uZ\"}",
                   c ? "," : "", conditions[c], i % 60, c);
    buf_printf(out, "],\"hostIP\":\"10.1.%u.%u\",\"podIP\":\"10.2.%u.%u\",\"containerStatuses\":[",
               i % 200, i % 250, i / 250, i % 250);
    for (unsigned c = 0; c < containers; c++)
        buf_printf(
            out,
            "%s{\"name\":\"%s\",\"ready\":true,\"started\":true,\"restartCount\":%u,\"state\":{"
            "\"running\":{\"startedAt\":\"2026-11-03T10:11:%02uZ\"}},\"containerID\":"
            "\"containerd://%016" PRIx64 "%016" PRIx64 "\"}",
            c ? "," : "", c ? "sidecar" : "main", i % 3, i % 60, num_mix64(i), num_mix64(~i));
    buf_str(out, STR("],\"qosClass\":\"Burstable\"}"));
}

void pod_list_pod(struct buf *out, unsigned i, unsigned containers)
{
    buf_str(out, STR("{\"apiVersion\":\"v1\",\"kind\":\"Pod\","));
    metadata(out, i);
    buf_str(out, STR(",\"spec\":{\"containers\":["));
    for (unsigned c = 0; c < containers; c++) {
        if (c)
            buf_char(out, ',');
        container(out, i, c, containers > 1);
    }
    buf_printf(out, "],\"nodeName\":\"node-%04u\",", i % 500);
    buf_str(out, STR("\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,"
                     "\"dnsPolicy\":\"ClusterFirst\",\"schedulerName\":\"default-scheduler\","
                     "\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\","
                     "\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":300}],"
                     "\"priority\":0,\"enableServiceLinks\":true},"));
    status(out, i, containers);
    buf_char(out, '}');
}

void pod_list(struct buf *out, unsigned n)
{
    buf_str(out,
            STR("{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":"
                "\"123456\"},\"items\":["));
    for (unsigned i = 0; i < n; i++) {
        if (i)
            buf_char(out, ',');
        pod_list_pod(out, i, 1);
    }
    buf_str(out, STR("]}\n"));
}
