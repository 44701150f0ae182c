/* SPDX-License-Identifier: Apache-2.0
 * cluster — see cluster.h. */
#include "cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "io/loop.h"
#include "store/store.h"

#define BATCH 2000
#define TEMPLATES 500 /* Deployments */

struct making {
    struct loop *loop;
    struct store *store;
    struct store_table *nodes, *pods;
    size_t n_nodes, n_pods, next;
};

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "bench/restart: %s: %s\n", what, err->msg);
    exit(1);
}

static void node_text(struct buf *b, size_t i, uint64_t revision)
{
    buf_printf(
        b,
        "{'kind':'Node','apiVersion':'v1','metadata':{'name':'node-%zu','uid':'%08zx-91a5-4d40-9d3f"
        "-000000000000','resourceVersion':'%llu','creationTimestamp':'2026-11-01T10:11:12Z',"
        "'labels':{'beta.kubernetes.io/arch':'amd64','beta.kubernetes.io/os':'linux',"
        "'kubernetes.io/arch':'amd64','kubernetes.io/hostname':'node-%zu','kubernetes.io/"
        "os':'linux'"
        ",'topology.kubernetes.io/zone':'zone-%zu'},'annotations':{"
        "'node.alpha.kubernetes.io/ttl':'0'}},'spec':{'podCIDR':'10.%zu.%zu.0/24'},'status':{"
        "'capacity':{'cpu':'32','ephemeral-storage':'203056560Ki','hugepages-2Mi':'0',"
        "'memory':'131891492Ki','pods':'110'},'allocatable':{'cpu':'31850m',"
        "'ephemeral-storage':'187136925521','hugepages-2Mi':'0','memory':'128000000Ki',"
        "'pods':'110'},'conditions':[",
        i, i, (unsigned long long)revision, i, i % 3, i / 250 % 250, i % 250);
    static const char *const kinds[] = { "MemoryPressure", "DiskPressure", "PIDPressure", "Ready" };
    for (size_t k = 0; k < 4; k++)
        buf_printf(b,
                   "%s{'type':'%s','status':'%s','lastHeartbeatTime':'2026-11-20T10:11:12Z',"
                   "'lastTransitionTime':'2026-11-01T10:11:12Z','reason':'Kubelet%s','message':"
                   "'kubelet says so'}",
                   k ? "," : "", kinds[k], k == 3 ? "True" : "False", kinds[k]);
    buf_str(b, STR("],'addresses':[{'type':'InternalIP','address':'10.1.2.3'}],'nodeInfo':{"
                   "'kubeletVersion':'v1.36.0','architecture':'amd64','operatingSystem':'linux',"
                   "'containerRuntimeVersion':'containerd://2.2.0','kernelVersion':'6.12.0'}}}"));
}

static void pod_head(struct buf *b, size_t i, uint64_t revision)
{
    size_t t = i % TEMPLATES;
    buf_printf(
        b,
        "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'web-%zu-7d4b9c6f5-%06zx',"
        "'generateName':'web-%zu-7d4b9c6f5-','namespace':'team-%zu','uid':'%08zx-91a5-4d40-9d3f-"
        "8f0c6a52b1c2','resourceVersion':'%llu','creationTimestamp':'2026-11-03T10:11:12Z',"
        "'labels':{'app.kubernetes.io/name':'web-%zu','app.kubernetes.io/part-of':'shop',"
        "'pod-template-hash':'7d4b9c6f5','tier':'backend'},'annotations':{"
        "'prometheus.io/scrape':'true','kubectl.kubernetes.io/restartedAt':'2026-11-03T10:11:12Z'"
        "},'ownerReferences':[{'apiVersion':'apps/v1','kind':'ReplicaSet','name':"
        "'web-%zu-7d4b9c6f5','uid':'%08zx-1c2d-4e5f-8a9b-0123456789ab','controller':true,"
        "'blockOwnerDeletion':true}],",
        t, i, t, t % 20, i, (unsigned long long)revision, t, t, t);
    buf_str(b,
            STR("'managedFields':[{'manager':'kube-controller-manager','operation':'Update',"
                "'apiVersion':'v1','time':'2026-11-03T10:11:12Z','fieldsType':'FieldsV1',"
                "'fieldsV1':{'f:metadata':{'f:annotations':{'.':{},'f:prometheus.io/scrape':{}},"
                "'f:generateName':{},'f:labels':{'.':{},'f:app.kubernetes.io/name':{},"
                "'f:pod-template-hash':{}},'f:ownerReferences':{'.':{},"
                "'k:{\\'uid\\':\\'0123-4567\\'}':{}}},'f:spec':{'f:containers':{"
                "'k:{\\'name\\':\\'main\\'}':{'.':{},'f:image':{},'f:imagePullPolicy':{},"
                "'f:name':{},'f:resources':{'.':{},'f:requests':{'.':{},'f:cpu':{},'f:memory':{}}"
                "}}},'f:dnsPolicy':{},'f:restartPolicy':{},'f:schedulerName':{}}}}]},"));
}

static void pod_spec(struct buf *b, size_t i, size_t nodes)
{
    size_t t = i % TEMPLATES;
    buf_printf(
        b,
        "'spec':{'volumes':[{'name':'kube-api-access-%05zx','projected':{'sources':[{"
        "'serviceAccountToken':{'expirationSeconds':3607,'path':'token'}},{'configMap':{'name':"
        "'kube-root-ca.crt','items':[{'key':'ca.crt','path':'ca.crt'}]}},{'downwardAPI':{'items':[{"
        "'path':'namespace','fieldRef':{'apiVersion':'v1','fieldPath':'metadata.namespace'}}]}}],"
        "'defaultMode':420}}],'containers':[{'name':'main','image':"
        "'registry.example.com/shop/web-%zu:1.2.3','ports':[{'containerPort':8080,'protocol':'TCP'}"
        "],'env':[{'name':'LOG_LEVEL','value':'info'},{'name':'REGION','value':'eu-west-1'}],"
        "'resources':{'limits':{'cpu':'1','memory':'1Gi'},'requests':{'cpu':'%zum','memory':"
        "'512Mi'}},'volumeMounts':[{'name':'kube-api-access-%05zx','readOnly':true,'mountPath':"
        "'/var/run/secrets/kubernetes.io/serviceaccount'}],'livenessProbe':{'httpGet':{'path':"
        "'/healthz','port':8080,'scheme':'HTTP'},'timeoutSeconds':1,'periodSeconds':10,"
        "'successThreshold':1,'failureThreshold':3},'terminationMessagePath':"
        "'/dev/termination-log','terminationMessagePolicy':'File','imagePullPolicy':"
        "'IfNotPresent'}],",
        i & 0xfffff, t, 100 + t % 50, i & 0xfffff);
    buf_printf(
        b,
        "'restartPolicy':'Always','terminationGracePeriodSeconds':30,'dnsPolicy':'ClusterFirst',"
        "'serviceAccountName':'default','serviceAccount':'default','nodeName':'node-%zu',"
        "'securityContext':{},'schedulerName':'default-scheduler','tolerations':[{'key':"
        "'node.kubernetes.io/not-ready','operator':'Exists','effect':'NoExecute',"
        "'tolerationSeconds':300},{'key':'node.kubernetes.io/unreachable','operator':'Exists',"
        "'effect':'NoExecute','tolerationSeconds':300}],'priority':0,'enableServiceLinks':true,"
        "'preemptionPolicy':'PreemptLowerPriority'},",
        i % nodes);
}

static void pod_status(struct buf *b, size_t i)
{
    static const char *const conditions[] = { "PodReadyToStartContainers", "Initialized", "Ready",
                                              "ContainersReady", "PodScheduled" };
    buf_str(b, STR("'status':{'phase':'Running','conditions':["));
    for (size_t c = 0; c < 5; c++)
        buf_printf(b,
                   "%s{'type':'%s','status':'True','lastProbeTime':null,'lastTransitionTime':"
                   "'2026-11-03T10:%02zu:%02zuZ'}",
                   c ? "," : "", conditions[c], i % 60, c);
    buf_printf(b,
               "],'hostIP':'10.1.%zu.%zu','hostIPs':[{'ip':'10.1.%zu.%zu'}],'podIP':'10.2.%zu.%zu',"
               "'podIPs':[{'ip':'10.2.%zu.%zu'}],'startTime':'2026-11-03T10:11:12Z',"
               "'containerStatuses':[{'name':'main','state':{'running':{'startedAt':"
               "'2026-11-03T10:11:13Z'}},'lastState':{},'ready':true,'restartCount':0,'image':"
               "'registry.example.com/shop/web:1.2.3','imageID':'registry.example.com/shop/web@sha"
               "256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',"
               "'containerID':'containerd://%064zx','started':true,'resources':{'limits':{'cpu':'1'"
               ",'memory':'1Gi'},'requests':{'cpu':'%zum','memory':'512Mi'}}}],"
               "'qosClass':'Burstable'}}",
               i % 200, i % 250, i % 200, i % 250, i / 250 % 250, i % 250, i / 250 % 250, i % 250,
               i, 100 + i % TEMPLATES % 50);
}

static struct kobj *object_at(const struct making *m, size_t i, uint64_t revision)
{
    struct buf b;
    struct err err = { 0 };
    struct kobj *o = NULL;
    buf_init(&b, 1 << 20);
    if (i < m->n_nodes) {
        node_text(&b, i, revision);
    } else {
        pod_head(&b, i - m->n_nodes, revision);
        pod_spec(&b, i - m->n_nodes, m->n_nodes);
        pod_status(&b, i - m->n_nodes);
    }
    for (size_t k = 0; k < b.n; k++)
        b.p[k] = b.p[k] == '\'' ? '"' : b.p[k];
    if (kobj_parse(&o, buf_view(&b), &json_limits_own, &err) != 0)
        die("making an object", &err);
    buf_fini(&b);
    return o;
}

static void write_batch(struct making *m);

static void on_written(void *arg, const struct err *err)
{
    struct making *m = arg;
    if (err)
        die("writing", err);
    if (m->next < m->n_nodes + m->n_pods)
        write_batch(m);
    else
        loop_stop(m->loop);
}

static void write_batch(struct making *m)
{
    static struct store_op ops[BATCH];
    struct err err = { 0 };
    size_t n = 0;
    for (; n < BATCH && m->next < m->n_nodes + m->n_pods; n++, m->next++) {
        struct kobj *o = object_at(m, m->next, store_next_revision(m->store));
        ops[n] = (struct store_op){ .table = m->next < m->n_nodes ? m->nodes : m->pods,
                                    .namespace = o->namespace,
                                    .name = o->name,
                                    .object = o };
    }
    if (store_commit(m->store, ops, n, on_written, m, &err) != 0)
        die("writing", &err);
    for (size_t i = 0; i < n; i++)
        kobj_unref(ops[i].object);
}

void cluster_write(const char *dir, size_t nodes, size_t pods)
{
    char path[400];
    struct err err = { 0 };
    struct making m = { .loop = loop_new(&err), .n_nodes = nodes, .n_pods = pods };
    snprintf(path, sizeof path, "%s/store.db", dir);
    struct store_options o = { .path = path };
    if (!m.loop || store_open(&m.store, m.loop, &o, &err) != 0)
        die(path, &err);
    m.nodes = store_table(m.store, STR(""), STR("nodes"));
    m.pods = store_table(m.store, STR(""), STR("pods"));
    write_batch(&m);
    loop_run(m.loop);
    store_close(m.store);
    loop_free(m.loop);
}
