/* SPDX-License-Identifier: Apache-2.0
 * Table cells: what kubectl get shows. The wanted rows of pods, services and workloads are those
 * that kube-apiserver 1.36 gave for the same objects. */
#include <stdio.h>
#include <stdlib.h>

#include "testkit/check.h"

#include "base/buf.h"
#include "base/mem.h"
#include "kube/print.h"

/* Documents are written with ' for ". */
static struct kobj *parse(const char *text)
{
    char *copy = mem_dup(text, strlen(text));
    for (char *p = copy; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, str_from(copy), &json_limits_own, &err), err);
    free(copy);
    return o;
}

static void check_cells(const struct resource *r, const char *text, const char *want)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(kobj_unrefp) struct kobj *o = parse(text);
    struct wall now;
    CHECK(wall_parse(STR("2026-11-22T10:00:00Z"), &now));
    struct buf b = { 0 };
    buf_init(&b, 65536);
    struct jnode *cells = print_cells(a, r, o, now);
    size_t n;
    print_columns(r, &n);
    CHECK_I64(jnode_len(cells), n);
    jnode_write(&b, cells);
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] == '"')
            b.p[i] = '\'';
    }
    CHECK_STR_EQ(buf_view(&b), str_from(want));
    buf_fini(&b);
}

#define META "'creationTimestamp':'2026-11-22T09:55:00Z'"
#define INIT_POD(name, status)                                                                     \
    "{'metadata':{'name':'" name "'," META "},'spec':{'nodeName':'n','containers':[{'name':"       \
    "'main'}],'initContainers':[{'name':'i'}]},'status':" status "}"

static void pods(void **state)
{
    (void)state;
    const struct resource *r = resource_find(STR(""), STR("v1"), STR("pods"));
    check_cells(r,
                INIT_POD("init", "{'phase':'Pending','initContainerStatuses':[{'name':'i',"
                                 "'restartCount':1,'state':{'terminated':{'exitCode':1,'reason':"
                                 "'Error'}}}],'containerStatuses':[{'name':'main','state':{"
                                 "'waiting':{'reason':'PodInitializing'}}}]}"),
                "['init','0/1','Init:Error','1','5m','<none>','n','<none>','<none>']");
    check_cells(r,
                INIT_POD("first", "{'phase':'Pending','initContainerStatuses':[{'name':'i',"
                                  "'state':{'running':{}}}]}"),
                "['first','0/1','Init:0/1','0','5m','<none>','n','<none>','<none>']");
    check_cells(r,
                INIT_POD("done", "{'phase':'Succeeded','containerStatuses':[{'name':'main',"
                                 "'state':{'terminated':{'exitCode':0,'reason':'Completed'}}}]}"),
                "['done','0/1','Completed','0','5m','<none>','n','<none>','<none>']");
    check_cells(r,
                INIT_POD("oom", "{'phase':'Failed','reason':'Evicted','containerStatuses':[{"
                                "'name':'main','state':{'terminated':{'exitCode':137,'signal':"
                                "9}}}]}"),
                "['oom','0/1','Signal:9','0','5m','<none>','n','<none>','<none>']");
    check_cells(r,
                INIT_POD("loop", "{'phase':'Running','podIP':'127.1.0.2','containerStatuses':[{"
                                 "'name':'main','restartCount':4,'state':{'waiting':{'reason':"
                                 "'CrashLoopBackOff'}},'lastState':{'terminated':{'finishedAt':"
                                 "'2026-11-22T09:59:30Z'}}}]}"),
                "['loop','0/1','CrashLoopBackOff','4 (30s "
                "ago)','5m','127.1.0.2','n','<none>','<none>']");
    check_cells(r,
                "{'metadata':{'name':'going','deletionTimestamp':'2026-11-22T09:59:00Z'," META
                "},'spec':{'containers':[{'name':'main'},{'name':'b'}],'readinessGates':[{"
                "'conditionType':'x'}]},'status':{'phase':'Running','conditions':[{'type':'x',"
                "'status':'True'}],'containerStatuses':[{'name':'main','ready':true,'state':{"
                "'running':{}}}]}}",
                "['going','1/2','Terminating','0','5m','<none>','<none>','<none>','1/1']");
    check_cells(r,
                "{'metadata':{'name':'gated'},'spec':{'containers':[{'name':'m'}]},'status':{"
                "'phase':'Pending','conditions':[{'type':'PodScheduled','status':'False','reason':"
                "'SchedulingGated'}]}}",
                "['gated','0/1','SchedulingGated','0','<unknown>','<none>','<none>','<none>',"
                "'<none>']");
}

static void sidecars_count(void **state)
{
    (void)state;
    const struct resource *r = resource_find(STR(""), STR("v1"), STR("pods"));
    check_cells(r,
                "{'metadata':{'name':'s'," META "},'spec':{'containers':[{'name':'m'}],"
                "'initContainers':[{'name':'log','restartPolicy':'Always'}]},'status':{'phase':"
                "'Running','initContainerStatuses':[{'name':'log','ready':true,'started':true,"
                "'restartCount':2,'state':{'running':{}}}],'containerStatuses':[{'name':'m',"
                "'ready':true,'restartCount':1,'state':{'running':{}}}]}}",
                "['s','2/2','Running','3','5m','<none>','<none>','<none>','<none>']");
}

#define TEMPLATE                                                                                   \
    "'selector':{'matchLabels':{'b':'2','a':'1'}},'template':{'spec':{'containers':[{'name':'m',"  \
    "'image':'i:1'},{'name':'n','image':'j'}]}}"

static void workloads(void **state)
{
    (void)state;
    check_cells(resource_find(STR("apps"), STR("v1"), STR("deployments")),
                "{'metadata':{'name':'d'," META "},'spec':{'replicas':3," TEMPLATE
                "},'status':{'readyReplicas':2,'updatedReplicas':3,'availableReplicas':1}}",
                "['d','2/3',3,1,'5m','m,n','i:1,j','a=1,b=2']");
    check_cells(resource_find(STR("apps"), STR("v1"), STR("replicasets")),
                "{'metadata':{'name':'rs'," META "},'spec':{'replicas':1," TEMPLATE
                "},'status':{'replicas':0}}",
                "['rs',1,0,0,'5m','m,n','i:1,j','a=1,b=2']");
    const struct resource *jobs = resource_find(STR("batch"), STR("v1"), STR("jobs"));
    check_cells(jobs,
                "{'metadata':{'name':'j'," META
                "},'spec':{'completions':8,'parallelism':8," TEMPLATE
                "},'status':{'succeeded':3,'startTime':'2026-11-22T09:58:00Z'}}",
                "['j','Running','3/8','2m','5m','m,n','i:1,j','a=1,b=2']");
    check_cells(jobs,
                "{'metadata':{'name':'j'," META "},'spec':{'parallelism':2," TEMPLATE
                "},'status':{'conditions':[{'type':'Failed','status':'True'}]}}",
                "['j','Failed','0/1 of 2','','5m','m,n','i:1,j','a=1,b=2']");
    check_cells(resource_find(STR("batch"), STR("v1"), STR("cronjobs")),
                "{'metadata':{'name':'cj'," META "},'spec':{'schedule':'*/5 * * * *','jobTemplate':"
                "{'spec':{'template':{'spec':{'containers':[{'name':'m','image':'i'}]}}}}}}",
                "['cj','*/5 * * * *','<none>','False',0,'<none>','5m','m','i','<none>']");
}

static void core_kinds(void **state)
{
    (void)state;
    check_cells(resource_find(STR(""), STR("v1"), STR("services")),
                "{'metadata':{'name':'s'," META "},'spec':{'type':'ClusterIP','clusterIP':'None',"
                "'ports':[{'port':80,'protocol':'TCP'},{'port':53,'protocol':'UDP','nodePort':"
                "30053}]}}",
                "['s','ClusterIP','None','<none>','80/TCP,53:30053/UDP','5m','<none>']");
    check_cells(resource_find(STR(""), STR("v1"), STR("nodes")),
                "{'metadata':{'name':'n'," META ",'labels':{'node-role.kubernetes.io/worker':''}},"
                "'spec':{'unschedulable':true},'status':{'conditions':[{'type':'Ready','status':"
                "'True'}],'nodeInfo':{'kubeletVersion':'v1'},'addresses':[{'type':'InternalIP',"
                "'address':'127.0.0.1'}]}}",
                "['n','Ready,SchedulingDisabled','worker','5m','v1','127.0.0.1','<none>',"
                "'<unknown>','<unknown>','<unknown>']");
    const struct resource *ingresses =
        resource_find(STR("networking.k8s.io"), STR("v1"), STR("ingresses"));
    check_cells(ingresses, "{'metadata':{'name':'i'," META "},'spec':{'rules':[{'host':'a.b'}]}}",
                "['i','<none>','a.b','','80','5m']");
    check_cells(ingresses,
                "{'metadata':{'name':'i'," META
                "},'spec':{'ingressClassName':'c','tls':[{}],'rules':["
                "{'host':'a'},{'host':'b'},{},{'host':'c'},{'host':'d'}]},'status':{'loadBalancer':"
                "{'ingress':[{'ip':'10.10.10.10'},{'hostname':'example.com'}]}}}",
                "['i','c','a,b,c + 1 more...','10.10.10.10,e...','80, 443','5m']");
    check_cells(resource_find(STR(""), STR("v1"), STR("endpoints")),
                "{'metadata':{'name':'e'," META "},'subsets':[{'addresses':[{'ip':'1.1.1.1'},{'ip':"
                "'::1'}],'ports':[{'port':1},{'port':2}]}]}",
                "['e','1.1.1.1:1,1.1.1.1:2,[::1]:1 + 1 more...','5m']");
    check_cells(resource_find(STR(""), STR("v1"), STR("secrets")),
                "{'metadata':{'name':'x'," META "},'type':'Opaque','data':{'a':'Yg=='}}",
                "['x','Opaque',1,'5m']");
    check_cells(resource_find(STR(""), STR("v1"), STR("events")),
                "{'metadata':{'name':'e'},'involvedObject':{'kind':'Pod','name':'p'},'reason':'R',"
                "'message':' m ','type':'Normal','count':3,'firstTimestamp':'2026-11-22T09:00:00Z',"
                "'lastTimestamp':'2026-11-22T09:59:59Z','source':{'component':'c','host':'h'}}",
                "['1s','Normal','R','pod/p','','c, h','m','60m',3,'e']");
    check_cells(resource_find(STR("scheduling.k8s.io"), STR("v1"), STR("priorityclasses")),
                "{'metadata':{'name':'pc'," META "},'value':5,'preemptionPolicy':'Never'}",
                "['pc',5,false,'5m','Never']");
    check_cells(resource_find(STR("rbac.authorization.k8s.io"), STR("v1"), STR("roles")),
                "{'metadata':{'name':'r'," META "}}", "['r','2026-11-22T09:55:00Z']");
}

static void storage(void **state)
{
    (void)state;
    const struct resource *claims =
        resource_find(STR(""), STR("v1"), STR("persistentvolumeclaims"));
    const char *held = "'status':{'phase':'Bound','capacity':{'storage':'2Gi'},'accessModes':["
                       "'ReadWriteMany','ReadWriteOnce']}}";
    char text[512];
    snprintf(text, sizeof text,
             "{'metadata':{'name':'c'," META "},'spec':{'storageClassName':'fast','volumeName':"
             "'pv','volumeMode':'Block'},%s",
             held);
    check_cells(claims, text, "['c','Bound','pv','2Gi','RWO,RWX','fast','<unset>','5m','Block']");
    snprintf(text, sizeof text,
             "{'metadata':{'name':'c'," META ",'deletionTimestamp':'2026-11-22T09:56:00Z'},'spec':"
             "{'storageClassName':'fast'},%s",
             held); /* without a volume it has nothing */
    check_cells(claims, text, "['c','Terminating','','','','fast','<unset>','5m','<unset>']");
    check_cells(resource_find(STR(""), STR("v1"), STR("persistentvolumes")),
                "{'metadata':{'name':'pv'," META "},'spec':{'capacity':{'storage':'2Gi'},"
                "'accessModes':['ReadWriteOncePod'],'persistentVolumeReclaimPolicy':'Retain',"
                "'claimRef':{'namespace':'n','name':'c'},'storageClassName':'fast','volumeMode':"
                "'Filesystem'},'status':{'phase':'Bound'}}",
                "['pv','2Gi','RWOP','Retain','Bound','n/c','fast','<unset>','','5m','Filesystem']");
    check_cells(resource_find(STR("storage.k8s.io"), STR("v1"), STR("storageclasses")),
                "{'metadata':{'name':'fast'," META
                ",'annotations':{'storageclass.kubernetes.io/is-default-class':'true'}},"
                "'provisioner':'p','volumeBindingMode':'WaitForFirstConsumer'}",
                "['fast (default)','p','Delete','WaitForFirstConsumer',false,'5m']");
    check_cells(resource_find(STR("storage.k8s.io"), STR("v1"), STR("csinodes")),
                "{'metadata':{'name':'n'," META "},'spec':{'drivers':[{'name':'a'},{'name':'b'}]}}",
                "['n',2,'5m']");
    check_cells(resource_find(STR("storage.k8s.io"), STR("v1"), STR("volumeattachments")),
                "{'metadata':{'name':'va'," META "},'spec':{'attacher':'a','nodeName':'n','source':"
                "{'persistentVolumeName':'pv'}},'status':{'attached':true}}",
                "['va','a','pv','n',true,'5m']");
}

static void every_kind_fills_its_columns(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{'metadata':{'name':'x'}}",
        "{'metadata':{'name':'x','labels':3},'spec':7,'status':[],'data':'x','subsets':{}}",
    };
    for (size_t i = 0; i < resource_count(); i++) {
        for (size_t t = 0; t < COUNT_OF(texts); t++) {
            AUTO(arena_freep) struct arena *a = arena_new();
            AUTO(kobj_unrefp) struct kobj *o = parse(texts[t]);
            const struct resource *r = resource_builtin(i);
            size_t n;
            print_columns(r, &n);
            CHECK_I64(jnode_len(print_cells(a, r, o, (struct wall){ 0 })), n);
        }
    }
}

static void custom_resources(void **state)
{
    (void)state;
    static const struct column columns[] = {
        { .name = STR_INIT("Name"), .type = STR_INIT("string"), .format = STR_INIT("name") },
        { .name = STR_INIT("Replicas"),
          .type = STR_INIT("integer"),
          .json_path = STR_INIT(".spec.replicas") },
        { .name = STR_INIT("First"),
          .type = STR_INIT("string"),
          .json_path = STR_INIT(".spec.items[0]") },
        { .name = STR_INIT("Ok"),
          .type = STR_INIT("boolean"),
          .json_path = STR_INIT(".status.ok") },
        { .name = STR_INIT("Gone"), .type = STR_INIT("string"), .json_path = STR_INIT(".a.b") },
        { .name = STR_INIT("Odd"),
          .type = STR_INIT("integer"),
          .json_path = STR_INIT(".spec.items") },
        { .name = STR_INIT("Age"),
          .type = STR_INIT("date"),
          .json_path = STR_INIT(".metadata.creationTimestamp") },
    };
    struct resource r = { .kind = STR("Pool"),
                          .group = STR("x.example.com"),
                          .columns = columns,
                          .n_columns = COUNT_OF(columns),
                          .custom = true };
    check_cells(&r,
                "{'metadata':{'name':'p'," META "},'spec':{'replicas':8,'items':['a']},'status':{"
                "'ok':true}}",
                "['p',8,'a',true,null,null,'5m']");
    r.n_columns = 0;
    check_cells(&r, "{'metadata':{'name':'p'," META "}}", "['p','2026-11-22T09:55:00Z']");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pods),
        cmocka_unit_test(sidecars_count),
        cmocka_unit_test(workloads),
        cmocka_unit_test(core_kinds),
        cmocka_unit_test(storage),
        cmocka_unit_test(every_kind_fills_its_columns),
        cmocka_unit_test(custom_resources),
    };
    return CHECK_MAIN(tests);
}
