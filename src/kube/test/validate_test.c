/* SPDX-License-Identifier: Apache-2.0
 * Rules of built-in kinds: what is refused, in which fields and for which reasons. Objects are
 * defaulted first, as the server does. The wanted causes are those of kube-apiserver 1.36. */
#include <stdlib.h>

#include "testkit/check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "kube/default.h"
#include "kube/validate.h"

struct trial {
    struct arena *a;
    struct json_doc *docs[2];
    const struct resource *r;
    struct causes causes;
};

static void begin(struct trial *t)
{
    *t = (struct trial){ .a = arena_new() };
    t->causes.a = t->a;
}

static void end(struct trial *t)
{
    cause_vec_fini(&t->causes.list);
    json_doc_unref(t->docs[0]);
    json_doc_unref(t->docs[1]);
    arena_free(t->a);
}

/* Documents are written with ' for ". */
static struct jnode *object(struct trial *t, size_t slot, const char *text)
{
    char *copy = mem_dup(text, strlen(text));
    for (char *p = copy; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    struct err err = { 0 };
    CHECK_OK(json_parse(&t->docs[slot], str_from(copy), &json_limits_own, &err), err);
    free(copy);
    struct json root = json_root(t->docs[slot]);
    t->r = resource_find_kind(json_str(json_get(root, STR("apiVersion"))),
                              json_str(json_get(root, STR("kind"))));
    CHECK(t->r != NULL);
    struct jnode *obj = jnode_thaw(t->a, root);
    default_object(t->a, t->r, obj);
    struct jnode *meta = jnode_need_obj(obj, STR("metadata"));
    if (t->r->namespaced && !jnode_get(meta, STR("namespace")))
        jnode_set_str(meta, STR("namespace"), STR("ns"));
    if (!jnode_get(meta, STR("name")))
        jnode_set_str(meta, STR("name"), STR("x"));
    return obj;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "field=Reason" of each cause, sorted, one a line, without "FieldValue". */
static void check_causes(struct trial *t, const char *object_text, const char *want)
{
    size_t n = t->causes.list.n;
    const char **lines = ARENA_ARRAY(t->a, const char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct cause *c = &t->causes.list.items[i];
        struct str reason = str_from(cause_reason(c->type));
        if (str_starts(reason, STR("FieldValue")))
            reason = str_skip(reason, strlen("FieldValue"));
        lines[i] = arena_printf(t->a, "%.*s=%.*s", STR_ARG(c->field), STR_ARG(reason)).p;
    }
    qsort(lines, n, sizeof *lines, by_text);
    struct buf b = { 0 };
    buf_init(&b, 65536);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? " " : "", lines[i]);
    if (!str_is(buf_view(&b), want))
        print_error("%s\n", object_text);
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

static void check_create(const char *text, const char *want)
{
    struct trial t;
    begin(&t);
    struct jnode *obj = object(&t, 0, text);
    validate_create(t.r, obj, &t.causes);
    check_causes(&t, text, want);
    end(&t);
}

static void check_update(const char *old_text, const char *text, const char *want)
{
    struct trial t;
    begin(&t);
    struct jnode *old = object(&t, 0, old_text), *obj = object(&t, 1, text);
    validate_update(t.r, obj, old, &t.causes);
    check_causes(&t, text, want);
    end(&t);
}

#define POD(meta, spec)                                                                            \
    "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p'" meta "},'spec':{" spec "}}"
#define MAIN(more) "'containers':[{'name':'main','image':'a'" more "}]"

static void metadata(void **state)
{
    (void)state;
    check_create(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'Upper'},'spec':{" MAIN("") "}}",
        "metadata.name=Invalid");
    check_create(POD(",'labels':{'ok':'bad value','bad key!':'v','x/y/z':'v'}", MAIN("")),
                 "metadata.labels=Invalid metadata.labels=Invalid metadata.labels=Invalid");
    check_create(
        POD(",'finalizers':['nodomain'],'annotations':{'Upper.io/A':'v','b d':''}", MAIN("")),
        "metadata.annotations=Invalid metadata.finalizers[0]=Invalid");
    check_create(POD(",'generateName':'Bad_'", MAIN("")), "metadata.generateName=Invalid");
    check_create(POD(",'generateName':'good-'", MAIN("")), "");
    check_create("{'apiVersion':'v1','kind':'ConfigMap','metadata':{'ownerReferences':[{"
                 "'apiVersion':'','kind':'','name':'','uid':''}]}}",
                 "metadata.ownerReferences.apiVersion=Invalid "
                 "metadata.ownerReferences.kind=Invalid metadata.ownerReferences.name=Invalid "
                 "metadata.ownerReferences.uid=Invalid");
    check_create("{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'dots.are.bad'}}",
                 "metadata.name=Invalid");
}

static void containers(void **state)
{
    (void)state;
    check_create(POD("", MAIN("")), "");
    check_create(POD("", "'containers':[]"), "spec.containers=Required");
    check_create(POD("", "'containers':[{'name':'a'},{'name':'a','image':'x'},{'image':'y'},"
                         "{'name':'B_C','image':' z'}]"),
                 "spec.containers[0].image=Required spec.containers[1].name=Duplicate "
                 "spec.containers[2].name=Required spec.containers[3].image=Invalid "
                 "spec.containers[3].name=Invalid");
    check_create(POD("", MAIN(",'ports':[{'containerPort':0},{'containerPort':80,'protocol':'X'},"
                              "{'containerPort':70000,'name':'waytoolongportname'}]")),
                 "spec.containers[0].ports[0].containerPort=Required "
                 "spec.containers[0].ports[1].protocol=NotSupported "
                 "spec.containers[0].ports[2].containerPort=Invalid "
                 "spec.containers[0].ports[2].name=Invalid");
    check_create(POD("", MAIN(",'ports':[{'containerPort':80,'name':'p','hostPort':80},"
                              "{'containerPort':81,'name':'p','hostPort':80}]")),
                 "spec.containers[0].ports[1].hostPort=Duplicate "
                 "spec.containers[0].ports[1].name=Duplicate");
    check_create(
        POD("",
            MAIN(",'env':[{'name':''},{'name':'A=B'},{'name':'C','value':'x',"
                 "'valueFrom':{'fieldRef':{'fieldPath':'nothing'}}},{'name':'D',"
                 "'valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027a\\u0027]'}}}]")),
        "spec.containers[0].env[0].name=Required spec.containers[0].env[1].name=Invalid "
        "spec.containers[0].env[2].valueFrom.fieldRef.fieldPath=Invalid "
        "spec.containers[0].env[2].valueFrom=Invalid");
    check_create(POD("", MAIN(",'livenessProbe':{},'readinessProbe':{'httpGet':{'port':0},"
                              "'periodSeconds':-1}")),
                 "spec.containers[0].livenessProbe=Required "
                 "spec.containers[0].readinessProbe.httpGet.port=Invalid "
                 "spec.containers[0].readinessProbe.periodSeconds=Invalid");
    check_create(POD("", "'initContainers':[{'name':'i','image':'a','livenessProbe':{'exec':{"
                         "'command':['x']}}},{'name':'main','image':'a'}]," MAIN("")),
                 "spec.initContainers[0].livenessProbe=Forbidden "
                 "spec.initContainers[1].name=Duplicate");
}

static void resources(void **state)
{
    (void)state;
    check_create(POD("", MAIN(",'resources':{'requests':{'unknown':'1','a/b/c':'2'}}")),
                 "spec.containers[0].resources.limits=Required "
                 "spec.containers[0].resources.requests[a/b/c]=Invalid "
                 "spec.containers[0].resources.requests[a/b/c]=Invalid "
                 "spec.containers[0].resources.requests[unknown]=Invalid "
                 "spec.containers[0].resources.requests[unknown]=Invalid");
    check_create(POD("", MAIN(",'resources':{'requests':{'nvidia.com/gpu':1}}")),
                 "spec.containers[0].resources.limits=Required");
    check_create(POD("", MAIN(",'resources':{'requests':{'nvidia.com/gpu':1},'limits':{"
                              "'nvidia.com/gpu':2}}")),
                 "spec.containers[0].resources.requests=Invalid");
    check_create(POD("", MAIN(",'resources':{'requests':{'cpu':'2'},'limits':{'cpu':'1'}}")),
                 "spec.containers[0].resources.requests=Invalid");
    check_create(POD("", MAIN(",'resources':{'limits':{'nvidia.com/gpu':'0.5'}}")),
                 "spec.containers[0].resources.limits[nvidia.com/gpu]=Invalid "
                 "spec.containers[0].resources.requests[nvidia.com/gpu]=Invalid");
    check_create(POD("", MAIN(",'resources':{'limits':{'hugepages-2Mi':'2Mi'}}")),
                 "spec.containers[0].resources=Forbidden");
}

static void volumes(void **state)
{
    (void)state;
    check_create(POD("", MAIN(",'volumeMounts':[{'name':'none','mountPath':'/x'},{'name':'',"
                              "'mountPath':''}]")),
                 "spec.containers[0].volumeMounts[0].name=NotFound "
                 "spec.containers[0].volumeMounts[1].mountPath=Required "
                 "spec.containers[0].volumeMounts[1].name=NotFound "
                 "spec.containers[0].volumeMounts[1].name=Required");
    check_create(POD("", MAIN("") ",'volumes':[{'name':'v'},{'name':'v','emptyDir':{},'hostPath':{"
                                  "'path':'/x'}},{'name':'W'},{'name':'s','secret':{}}]"),
                 "spec.volumes[1].hostPath=Forbidden spec.volumes[1].name=Duplicate "
                 "spec.volumes[2].name=Invalid spec.volumes[3].secret.secretName=Required");
    check_create(POD("", MAIN("") ",'volumes':[{'name':'c','configMap':{'name':'m','items':[{"
                                  "'key':'k','path':'../up'},{'key':'','path':'/abs'}]}}]"),
                 "spec.volumes[0].configMap.items[0].path=Invalid "
                 "spec.volumes[0].configMap.items[1].key=Required "
                 "spec.volumes[0].configMap.items[1].path=Invalid");
}

static void scheduling(void **state)
{
    (void)state;
    check_create(POD("", MAIN("") ",'schedulingGates':[{'name':'a b'}],"
                                  "'topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'',"
                                  "'whenUnsatisfiable':'Maybe'}],'tolerations':[{'operator':"
                                  "'Exists','value':'x','effect':'Never'}]"),
                 "spec.schedulingGates[0]=Invalid spec.tolerations[0].effect=NotSupported "
                 "spec.tolerations[0].operator=Invalid "
                 "spec.topologySpreadConstraints[0].maxSkew=Invalid "
                 "spec.topologySpreadConstraints[0].topologyKey=Required "
                 "spec.topologySpreadConstraints[0].whenUnsatisfiable=NotSupported");
    check_create(
        POD("", MAIN("") ",'affinity':{'nodeAffinity':{"
                         "'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':"
                         "[]},'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':101,"
                         "'preference':{'matchExpressions':[{'key':'a','operator':'In'}]}}]}}"),
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference."
        "matchExpressions[0].values=Required "
        "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight="
        "Invalid "
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
        "nodeSelectorTerms=Required");
    check_create(POD("", MAIN("") ",'nodeName':'Bad_Node','hostname':'a.b',"
                                  "'activeDeadlineSeconds':0,'restartPolicy':'Maybe'"),
                 "spec.activeDeadlineSeconds=Invalid spec.hostname=Invalid spec.nodeName=Invalid "
                 "spec.restartPolicy=NotSupported");
}

static void pod_updates(void **state)
{
    (void)state;
    const char *old = POD("", MAIN("") ",'tolerations':[{'key':'a','operator':'Exists'}]");
    check_update(old, old, "");
    check_update(old,
                 POD("", "'containers':[{'name':'main','image':'b'}],'activeDeadlineSeconds':5,"
                         "'tolerations':[{'key':'a','operator':'Exists'},{'key':'b','operator':"
                         "'Exists'}]"),
                 "");
    check_update(old, POD("", MAIN("")), "spec=Forbidden");
    check_update(old,
                 POD("", MAIN("") ",'nodeName':'n','tolerations':[{'key':'a','operator':"
                                  "'Exists'}]"),
                 "spec=Forbidden");
    check_update(old,
                 POD("", "'containers':[{'name':'main','image':'a'},{'name':'b','image':'c'}]"),
                 "spec.containers=Forbidden");
    check_update(POD("", MAIN("") ",'schedulingGates':[{'name':'a/b'}]"),
                 POD("", MAIN("") ",'nodeSelector':{'x':'y'}"), "");
    check_update(POD("", MAIN("")), POD("", MAIN("") ",'schedulingGates':[{'name':'a/late'}]"),
                 "spec.schedulingGates[0].name=Forbidden");
    check_update(POD(",'uid':'1'", MAIN("")), POD(",'uid':'2'", MAIN("")),
                 "metadata.uid=Invalid metadata.uid=Invalid");
    check_update(POD(",'deletionTimestamp':'2026-01-01T00:00:00Z'", MAIN("")),
                 POD(",'finalizers':['a.b/c']", MAIN("")),
                 "metadata.finalizers=Forbidden metadata.finalizers=Forbidden");
}

#define DEPLOYMENT(spec)                                                                           \
    "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'d'},'spec':{" spec "}}"
#define TEMPLATE(more)                                                                             \
    "'template':{'metadata':{'labels':{'app':'d'}},'spec':{'containers':[{'name':'m','image':'i'"  \
    "}]" more "}}"
#define SELECTOR(value) "'selector':{'matchLabels':{'app':'" value "'}},"

static void deployments(void **state)
{
    (void)state;
    check_create(DEPLOYMENT(SELECTOR("d") TEMPLATE("")), "");
    check_create(DEPLOYMENT("'replicas':-1," SELECTOR("d") TEMPLATE(",'restartPolicy':'Never'")),
                 "spec.replicas=Invalid spec.template.spec.restartPolicy=NotSupported");
    check_create(DEPLOYMENT(SELECTOR("nope") TEMPLATE("")),
                 "spec.template.metadata.labels=Invalid");
    check_create(DEPLOYMENT(TEMPLATE("")), "spec.selector=Required");
    check_create(DEPLOYMENT(SELECTOR("d") TEMPLATE(
                     "") ",'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,"
                         "'maxUnavailable':'0%'}}"),
                 "spec.strategy.rollingUpdate.maxUnavailable=Invalid");
    check_create(DEPLOYMENT(SELECTOR("d") TEMPLATE(
                     "") ",'strategy':{'type':'Recreate','rollingUpdate':{'maxSurge':1}}"),
                 "spec.strategy.rollingUpdate=Forbidden");
    check_update(DEPLOYMENT(SELECTOR("d") TEMPLATE("")), DEPLOYMENT(SELECTOR("other") TEMPLATE("")),
                 "spec.selector=Invalid spec.template.metadata.labels=Invalid");
    check_update(DEPLOYMENT(SELECTOR("d") TEMPLATE("")),
                 DEPLOYMENT("'replicas':7," SELECTOR("d") TEMPLATE("")), "");
}

#define JOB(spec)                                                                                  \
    "{'apiVersion':'batch/v1','kind':'Job','metadata':{'name':'j','uid':'u'},'spec':{"             \
    "'selector':{'matchLabels':{'batch.kubernetes.io/controller-uid':'u'}},'template':{"           \
    "'metadata':{'labels':{'batch.kubernetes.io/controller-uid':'u'}},'spec':{'containers':[{"     \
    "'name':'m','image':'i'}],'restartPolicy':'Never'}}" spec "}}"

static void jobs(void **state)
{
    (void)state;
    check_create(JOB(""), "");
    check_create(JOB(",'parallelism':-1,'completions':-2,'backoffLimit':-3"),
                 "spec.backoffLimit=Invalid spec.completions=Invalid spec.parallelism=Invalid");
    check_create(JOB(",'completionMode':'Indexed','parallelism':2"), "spec.completions=Required");
    check_create(JOB(",'podFailurePolicy':{'rules':[{'action':'Odd'},{'action':'Ignore',"
                     "'onExitCodes':{'operator':'In','values':[0]}}]}"),
                 "spec.podFailurePolicy.rules[0].action=NotSupported "
                 "spec.podFailurePolicy.rules[0]=Invalid "
                 "spec.podFailurePolicy.rules[1].onExitCodes.values[0]=Invalid");
    const char *indexed = JOB(",'completionMode':'Indexed','completions':3,'parallelism':3");
    check_update(indexed, JOB(",'completionMode':'Indexed','completions':5,'parallelism':3"),
                 "spec.completions=Invalid");
    check_update(indexed, JOB(",'completionMode':'Indexed','completions':5,'parallelism':5"), "");
    check_update(indexed, JOB(",'completions':3,'parallelism':3"), "spec.completionMode=Invalid");
    check_update(JOB(",'parallelism':1"), JOB(",'parallelism':9,'suspend':true"), "");
}

static void core_kinds(void **state)
{
    (void)state;
    check_create("{'apiVersion':'v1','kind':'Service','metadata':{},'spec':{'type':'Weird','ports':"
                 "[{'port':99999,'protocol':'QUIC'}]}}",
                 "spec.ports[0].port=Invalid spec.ports[0].protocol=NotSupported "
                 "spec.ports[0].targetPort=Invalid spec.type=NotSupported");
    check_create("{'apiVersion':'v1','kind':'ConfigMap','data':{'no/slash':'1','..':'2','k':''},"
                 "'binaryData':{'k':'AAEC'}}",
                 "data[..]=Invalid data[k]=Invalid data[no/slash]=Invalid");
    check_update("{'apiVersion':'v1','kind':'ConfigMap','immutable':true,'data':{'a':'1'}}",
                 "{'apiVersion':'v1','kind':'ConfigMap','data':{'a':'2'}}",
                 "data=Forbidden immutable=Forbidden");
    check_create("{'apiVersion':'v1','kind':'Secret','type':'kubernetes.io/tls','data':{'tls.crt':"
                 "'eA=='}}",
                 "data[tls.key]=Required");
    check_create("{'apiVersion':'v1','kind':'Secret','type':'kubernetes.io/dockerconfigjson','data'"
                 ":{'.dockerconfigjson':'bm9wZQ=='}}",
                 "data[.dockerconfigjson]=Invalid");
    check_create("{'apiVersion':'coordination.k8s.io/v1','kind':'Lease','spec':{"
                 "'leaseDurationSeconds':0,'leaseTransitions':-1}}",
                 "spec.leaseDurationSeconds=Invalid spec.leaseTransitions=Invalid");
    check_create("{'apiVersion':'scheduling.k8s.io/v1','kind':'PriorityClass','metadata':{'name':"
                 "'system-x'},'value':1}",
                 "metadata.name=Forbidden");
    check_create("{'apiVersion':'v1','kind':'Node','spec':{'taints':[{'key':'a','effect':'Odd'},{"
                 "'key':'b c','effect':'NoSchedule'}]}}",
                 "spec.taints[0].effect=NotSupported spec.taints[1].key=Invalid");
    check_create("{'apiVersion':'v1','kind':'Event','involvedObject':{'kind':'Node','name':'n'}}",
                 "involvedObject.namespace=Invalid");
    check_create("{'apiVersion':'v1','kind':'Endpoints','subsets':[{'addresses':[{'ip':'x'}],"
                 "'ports':[{'port':0}]},{}]}",
                 "subsets[0].addresses[0].ip=Invalid subsets[0].ports[0].port=Invalid "
                 "subsets[1]=Required");
}

static void bindings_and_scales(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct causes c = { .a = a };
    struct jnode *binding = jnode_obj(a);
    jnode_set_str(jnode_need_obj(binding, STR("target")), STR("kind"), STR("Pod"));
    validate_binding(binding, &c);
    CHECK_I64(c.list.n, 2);
    CHECK_STR(c.list.items[0].field, "target.kind");
    CHECK_STR(c.list.items[0].message,
              "Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\"");
    CHECK_STR(c.list.items[1].field, "target.name");
    cause_vec_clear(&c.list);
    struct jnode *scale = jnode_obj(a);
    jnode_set_i64(jnode_need_obj(scale, STR("spec")), STR("replicas"), -1);
    validate_scale(scale, &c);
    CHECK_I64(c.list.n, 1);
    CHECK_STR(c.list.items[0].message, "Invalid value: -1: must be greater than or equal to 0");
    cause_vec_fini(&c.list);
}

static void check_part(const char *part, const char *old_text, const char *text, const char *want)
{
    struct trial t;
    begin(&t);
    struct jnode *old = object(&t, 0, old_text), *obj = object(&t, 1, text);
    validate_update_pod_part(str_from(part), obj, old, &t.causes);
    check_causes(&t, text, want);
    end(&t);
}

#define EPHEMERAL(list) POD("", MAIN("") ",'ephemeralContainers':[" list "]")

static void pod_parts(void **state)
{
    (void)state;
    const char *one = EPHEMERAL("{'name':'e','image':'i'}");
    check_part("ephemeralcontainers", POD("", MAIN("")), one, "");
    check_part("ephemeralcontainers", one, POD("", MAIN("")), "spec.ephemeralContainers=Forbidden");
    check_part("ephemeralcontainers", one,
               EPHEMERAL("{'name':'e','image':'j'},{'name':'main','image':'',"
                         "'targetContainerName':'x','livenessProbe':{'exec':{'command':['a']}}}"),
               "spec.ephemeralContainers=Forbidden spec.ephemeralContainers[1].image=Required "
               "spec.ephemeralContainers[1].livenessProbe=Forbidden "
               "spec.ephemeralContainers[1].name=Duplicate "
               "spec.ephemeralContainers[1].targetContainerName=NotFound");
    check_part("resize", POD("", MAIN("")),
               POD("", MAIN(",'resources':{'requests':{'cpu':'2'},'limits':{'cpu':'1'}}")),
               "spec.containers[0].resources.requests=Invalid");
}

/* Long lists with equal names must not take quadratic time, nor fill memory with causes. */
#define DRA(kind, spec)                                                                            \
    "{'apiVersion':'resource.k8s.io/v1','kind':'" kind "','metadata':{'name':'x'},'spec':{" spec   \
    "}}"
#define CLAIM(requests) DRA("ResourceClaim", "'devices':{'requests':[" requests "]}")
#define SLICE(more)                                                                                \
    DRA("ResourceSlice", "'driver':'d.example.com','pool':{'name':'p','generation':1,"             \
                         "'resourceSliceCount':1}" more)

static void devices(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { CLAIM("{'name':'r','exactly':{'deviceClassName':'c'}}"), "" },
        { CLAIM("{'name':'r'}"), "spec.devices.requests[0]=Required" },
        { CLAIM("{'name':'r','exactly':{'deviceClassName':'c','count':-1}}"),
          "spec.devices.requests[0].exactly.count=Invalid" },
        { CLAIM("{'name':'r','exactly':{'deviceClassName':'c','allocationMode':'All','count':2}}"),
          "spec.devices.requests[0].exactly.count=Invalid" },
        { CLAIM("{'name':'r','exactly':{'deviceClassName':'c'}},"
                "{'name':'r','firstAvailable':[{'name':'a','deviceClassName':'c'}]}"),
          "spec.devices.requests[1].name=Duplicate" },
        { CLAIM("{'name':'r','firstAvailable':[{'name':'a'}]}"),
          "spec.devices.requests[0].firstAvailable[0].deviceClassName=Required" },
        { CLAIM("{'name':'r','exactly':{'deviceClassName':'c','selectors':[{'cel':{'expression':"
                "'device.driver + 1'}}]}}"),
          "spec.devices.requests[0].exactly.selectors[0].cel.expression=Invalid" },
        { DRA("DeviceClass", "'selectors':[{'cel':{'expression':'1'}}]"),
          "spec.selectors[0].cel.expression=Invalid" },
        { SLICE(",'nodeName':'n'"), "" },
        { SLICE(""), "spec=Required" },
        { SLICE(",'nodeName':'n','allNodes':true"), "spec=Invalid" },
        { SLICE(",'nodeName':'n','devices':[{'name':'a'},{'name':'a'}]"),
          "spec.devices[1].name=Duplicate" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_create(rows[i].text, rows[i].want);
    check_update(CLAIM("{'name':'r','exactly':{'deviceClassName':'c'}}"),
                 CLAIM("{'name':'r','exactly':{'deviceClassName':'d'}}"), "spec=Invalid");
    check_update(SLICE(",'nodeName':'n'"), SLICE(",'nodeName':'m'"), "spec.nodeName=Invalid");
}

#define USES(claims, use)                                                                          \
    POD("", claims "'dnsPolicy':'Default','restartPolicy':'Never'," MAIN(                          \
                ",'imagePullPolicy':'Never','terminationMessagePolicy':'File','resources':{"       \
                "'claims':[{'name':'" use "'}]}"))

static void claims_of_pods(void **state)
{
    (void)state;
    check_create(USES("'resourceClaims':[{'name':'g','resourceClaimName':'c'}],", "g"), "");
    check_create(USES("'resourceClaims':[{'name':'g','resourceClaimName':'c'}],", "gg"),
                 "spec.containers[0].resources.claims[0].name=NotFound");
    check_create(USES("", "g"), "spec.containers[0].resources.claims[0].name=NotFound");
    check_create(USES("'resourceClaims':[{'name':'g'}],", "g"), "spec.resourceClaims[0]=Invalid");
    check_create(USES("'resourceClaims':[{'name':'g','resourceClaimName':'c',"
                      "'resourceClaimTemplateName':'t'},{'name':'g','resourceClaimName':'c'}],",
                      "g"),
                 "spec.resourceClaims[0]=Invalid spec.resourceClaims[1].name=Duplicate");
}

#define PVC(modes, size)                                                                           \
    "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'c'},'spec':{"           \
    "'accessModes':[" modes "],'resources':{'requests':{" size "}}}}"

static void storage(void **state)
{
    (void)state;
    check_create(PVC("'ReadWriteOnce'", "'storage':'1Gi'"), "");
    check_create(PVC("", ""), "spec.accessModes=Required spec.resources[storage]=Required");
    check_create(PVC("'ReadWriteOnce'", "'storage':'-1Gi'"), "spec.resources[storage]=Invalid");
    check_create(PVC("'ReadWriteTwice'", "'storage':0"),
                 "spec.accessModes=NotSupported spec.resources[storage]=Invalid");
    check_create(PVC("'ReadWriteOncePod','ReadWriteOnce'", "'storage':1"),
                 "spec.accessModes=Forbidden");
    check_create("{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass','metadata':{'name':'s'},"
                 "'volumeBindingMode':'Later','reclaimPolicy':'Recycle'}",
                 "provisioner=Required reclaimPolicy=NotSupported "
                 "volumeBindingMode=NotSupported");
}

static void hostile_lists_stay_cheap(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct resource *r = resource_find(STR(""), STR("v1"), STR("pods"));
    struct jnode *pod = jnode_obj(a);
    jnode_set_str(jnode_need_obj(pod, STR("metadata")), STR("name"), STR("p"));
    struct jnode *list = jnode_need_arr(jnode_need_obj(pod, STR("spec")), STR("containers"));
    struct jnode *c0 = jnode_append(list, jnode_obj(a));
    struct jnode *ports = jnode_need_arr(c0, STR("ports"));
    for (int64_t i = 0; i < 50000; i++) {
        struct jnode *port = jnode_append(ports, jnode_obj(a));
        jnode_set_i64(port, STR("hostPort"), i % 65535 + 1);
        jnode_set_str(port, STR("name"), arena_printf(a, "p-%lld", (long long)i));
    }
    struct causes c = { .a = a };
    validate_create(r, pod, &c);
    CHECK(c.list.n > 0 && c.list.n <= 512);
    cause_vec_fini(&c.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata),       cmocka_unit_test(containers),
        cmocka_unit_test(resources),      cmocka_unit_test(volumes),
        cmocka_unit_test(scheduling),     cmocka_unit_test(pod_updates),
        cmocka_unit_test(deployments),    cmocka_unit_test(jobs),
        cmocka_unit_test(core_kinds),     cmocka_unit_test(bindings_and_scales),
        cmocka_unit_test(devices),        cmocka_unit_test(hostile_lists_stay_cheap),
        cmocka_unit_test(claims_of_pods), cmocka_unit_test(storage),
        cmocka_unit_test(pod_parts),
    };
    return CHECK_MAIN(tests);
}
