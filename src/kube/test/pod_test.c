/* SPDX-License-Identifier: Apache-2.0
 * The views of Pods, Nodes and workloads. */
#include <stdio.h>
#include <stdlib.h>

#include "testkit/check.h"

#include "base/mem.h"
#include "kube/deployment.h"
#include "kube/job.h"
#include "kube/lease.h"
#include "kube/node.h"
#include "kube/pod.h"
#include "kube/replicaset.h"

/* Test documents are written with ' for ". */
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

static void pod_view_has_what_schedulers_need(void **state)
{
    (void)state;
    AUTO(kobj_unrefp)
    struct kobj *o = parse(
        "{'metadata':{'name':'p','labels':{'pod-group.scheduling.kubenexus.io/name':'g',"
        "'pod-group.scheduling.kubenexus.io/min-available':'8'}},"
        "'spec':{'schedulerName':'ganglion','priority':-5,'restartPolicy':'Never','nodeSelector':"
        "{'a':'b'},'containers':[{'name':'c','image':'i','ports':[{'containerPort':80,"
        "'hostPort':8080,'protocol':'UDP'},{'containerPort':81}],'resources':{'requests':"
        "{'cpu':'4','nvidia.com/gpu':'1'},'limits':{'nvidia.com/gpu':'1'}}}],"
        "'initContainers':[{'name':'i','ports':[{'hostPort':1}]},{'name':'s','restartPolicy':"
        "'Always','ports':[{'hostPort':2,'hostIP':'127.0.0.1'}]}],"
        "'tolerations':[{'key':'k','operator':'Exists','effect':'NoExecute',"
        "'tolerationSeconds':0},{'key':'x','value':'y'}],"
        "'schedulingGates':[{'name':'g'}],'topologySpreadConstraints':[{'maxSkew':2,'topologyKey':"
        "'zone','whenUnsatisfiable':'DoNotSchedule','labelSelector':{}}],"
        "'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':"
        "{'nodeSelectorTerms':[{'matchExpressions':[{'key':'z','operator':'In','values':['1']}]}]},"
        "'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':3,'preference':{'matchFields'"
        ":[{'key':'metadata.name','operator':'NotIn','values':['n']}]}}]},'podAntiAffinity':"
        "{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':9,'podAffinityTerm':"
        "{'topologyKey':'h','namespaces':['q'],'labelSelector':{'matchLabels':{'a':'b'}}}}]}}},"
        "'status':{'phase':'Running','conditions':[{'type':'Ready','status':'True'},"
        "{'type':'PodScheduled','status':'False','reason':'Unschedulable'}]}}");
    const struct pod *p = pod_of(o);
    CHECK(p == pod_of(o));
    CHECK_I64(p->phase, POD_RUNNING);
    CHECK_I64(p->restart_policy, POD_RESTART_NEVER);
    CHECK_I64(p->priority, -5);
    CHECK_STR(p->gang->name, "g");
    CHECK_I64(p->gang->min, 8);
    CHECK_I64(p->containers.n, 1);
    CHECK_I64(amounts_get(&p->containers.items[0].requests, STR("cpu")), 4000);
    CHECK_I64(amounts_get(&p->requests, STR("nvidia.com/gpu")), 1);
    CHECK_I64(p->nonzero_cpu_milli, 4000 + 100);
    CHECK_I64(p->nonzero_mem_bytes, 2 * INT64_C(200) << 20);
    CHECK_I64(p->host_ports.n, 2);
    CHECK_I64(p->host_ports.items[0].port, 8080);
    CHECK_I64(p->host_ports.items[0].protocol, PORT_UDP);
    CHECK_STR(p->host_ports.items[0].ip, "0.0.0.0");
    CHECK_STR(p->host_ports.items[1].ip, "127.0.0.1");
    CHECK_I64(p->tolerations.n, 2);
    CHECK(p->tolerations.items[0].has_seconds);
    CHECK_I64(p->tolerations.items[0].seconds, 0);
    CHECK(!p->tolerations.items[1].has_seconds);
    CHECK_I64(p->n_gates, 1);
    CHECK(p->spreads.n == 1 && p->spreads.items[0].hard);
    CHECK_I64(p->spreads.items[0].min_domains, 1);
    CHECK(p->affinity && p->affinity->has_node_required);
    CHECK_I64(p->affinity->node_required.items[0].labels[0].op, NEED_IN);
    CHECK_STR(p->affinity->node_required.items[0].labels[0].values.items[0], "1");
    CHECK_I64(p->affinity->node_preferred.items[0].weight, 3);
    CHECK_I64(p->affinity->node_preferred.items[0].fields[0].op, NEED_NOT_IN);
    CHECK_I64(p->affinity->anti_preferred.items[0].weight, 9);
    CHECK_STR(p->affinity->anti_preferred.items[0].namespaces.items[0], "q");
    CHECK(p->ready && p->unschedulable && !p->scheduled);
    CHECK_I64(p->deletion_grace_s, -1);
    CHECK_I64(p->termination_grace_s, 30);
}

struct request_case {
    const char *pod, *resource;
    unsigned flags;
    int64_t want;
};

static void pod_requests_follow_the_rules(void **state)
{
    (void)state;
#define R(cpu) "'resources':{'requests':{'cpu':'" cpu "'}}"
    static const struct request_case cases[] = {
        { "{'spec':{'containers':[{" R("1.0001") "},{" R("1.0001") "}]}}", "cpu", 0, 2001 },
        { "{'spec':{'containers':[{" R("1") "}],'initContainers':[{" R("3") "}]}}", "cpu", 0,
          3000 },
        { "{'spec':{'containers':[{" R("2") "}],'initContainers':[{'restartPolicy':'Always'," R(
              "1") "},{" R("2500m") "}]}}",
          "cpu", 0, 3500 },
        { "{'spec':{'containers':[{" R("2") "}],'initContainers':[{" R(
              "2500m") "},{'restartPolicy':'Always'," R("1") "}]}}",
          "cpu", 0, 3000 },
        { "{'spec':{'resources':{'requests':{'cpu':'5','nvidia.com/gpu':'9'}},'overhead':{'cpu':"
          "'1'},'containers':[{" R("2") "}]}}",
          "cpu", 0, 6000 },
        { "{'spec':{'resources':{'requests':{'cpu':'5'}},'containers':[{" R("2") "}]}}", "cpu",
          POD_REQUESTS_NO_POD_LEVEL, 2000 },
        { "{'spec':{'containers':[{" R("0") "},{}]}}", "cpu", POD_REQUESTS_NONZERO, 100 },
        { "{'spec':{'resources':{'requests':{'cpu':'5'}},'containers':[{}]}}", "cpu",
          POD_REQUESTS_NONZERO, 5000 },
        { "{'spec':{'resources':{'requests':{'cpu':'5'}},'containers':[{}]}}", "memory",
          POD_REQUESTS_NONZERO, INT64_C(200) << 20 },
        { "{'spec':{'containers':[{'name':'c'," R(
              "1") "}]},'status':{'containerStatuses':[{"
                   "'name':'c'," R("2") ",'allocatedResources':{'cpu':'3'}}]}}",
          "cpu", 0, 3000 },
        { "{'spec':{'containers':[{'name':'c'," R(
              "9") "}]},'status':{'conditions':[{'type':"
                   "'PodResizePending','reason':'Infeasible'}],'containerStatuses':[{'name':'c'," R(
                       "2") "}]}}",
          "cpu", 0, 2000 },
    };
#undef R
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(kobj_unrefp) struct kobj *o = parse(cases[i].pod);
        AUTO(arena_freep) struct arena *a = arena_new();
        struct amounts m = pod_requests(a, kobj_root(o), cases[i].flags);
        int64_t got = amounts_get(&m, str_from(cases[i].resource));
        if (got != cases[i].want)
            print_error("case %zu: %s\n", i, cases[i].pod);
        CHECK_I64(got, cases[i].want);
    }
}

static void tolerations_match_taints(void **state)
{
    (void)state;
    struct toleration all = { .op = TOLERATION_EXISTS };
    CHECK(pod_tolerates(&all, STR("k"), STR("v"), TAINT_NO_EXECUTE));
    struct toleration equal = { .key = STR("k"), .value = STR("v"), .effect = TAINT_NO_SCHEDULE };
    CHECK(pod_tolerates(&equal, STR("k"), STR("v"), TAINT_NO_SCHEDULE));
    CHECK(!pod_tolerates(&equal, STR("k"), STR("w"), TAINT_NO_SCHEDULE));
    CHECK(!pod_tolerates(&equal, STR("k"), STR("v"), TAINT_NO_EXECUTE));
    CHECK_I64(taint_effect_parse(STR("Odd")), TAINT_OTHER_EFFECT);
    CHECK_I64(taint_effect_parse((struct str){ 0 }), TAINT_ANY_EFFECT);
    CHECK_STR(taint_effect_text(TAINT_PREFER_NO_SCHEDULE), "PreferNoSchedule");
}

static void container_states_are_told_apart(void **state)
{
    (void)state;
    AUTO(kobj_unrefp)
    struct kobj *o =
        parse("{'status':{'containerStatuses':[{'name':'a','ready':true,'restartCount':3,'state':"
              "{'running':{'startedAt':'2026-11-22T02:43:49Z'}}},{'name':'b','state':{'terminated':"
              "{'exitCode':137,'signal':9,'reason':'OOMKilled'}}},{'name':'c','state':{'waiting':"
              "{'reason':'CrashLoopBackOff'}},'started':false}]}}");
    AUTO(arena_freep) struct arena *a = arena_new();
    struct container_statuses s =
        container_statuses_decode(a, kobj_path(o, "status.containerStatuses"));
    CHECK_I64(s.n, 3);
    CHECK(s.items[0].state == CONTAINER_RUNNING && s.items[0].ready && s.items[0].restarts == 3);
    CHECK(s.items[0].started_at.ns > 0 && !s.items[0].has_started);
    CHECK(s.items[1].state == CONTAINER_TERMINATED && s.items[1].exit_code == 137);
    CHECK_STR(s.items[1].reason, "OOMKilled");
    CHECK(s.items[2].state == CONTAINER_WAITING && s.items[2].has_started);
    CHECK_STR(s.items[2].reason, "CrashLoopBackOff");
}

static void node_view(void **state)
{
    (void)state;
    AUTO(kobj_unrefp)
    struct kobj *o =
        parse("{'metadata':{'name':'n','labels':{'zone':'z'}},'spec':{'unschedulable':true,"
              "'taints':[{'key':'k','effect':'NoExecute'}]},'status':{'capacity':{'cpu':'8'},"
              "'images':[{'names':['a','b'],'sizeBytes':7}],'addresses':[{'type':'InternalIP',"
              "'address':'10.0.0.1'}],'conditions':[{'type':'Ready','status':'Unknown'}]}}");
    const struct node *n = node_of(o);
    CHECK_I64(amounts_get(&n->allocatable, STR("cpu")), 8000);
    CHECK(n->unschedulable && n->taints.n == 1);
    CHECK_I64(n->taints.items[0].effect, TAINT_NO_EXECUTE);
    CHECK_I64(n->images.items[0].names.n, 2);
    CHECK_STR(n->internal_ip, "10.0.0.1");
    CHECK_I64(n->ready, CONDITION_UNKNOWN);
    CHECK_STR(node_label(n, STR("zone")), "z");
}

static void workload_views(void **state)
{
    (void)state;
    AUTO(kobj_unrefp)
    struct kobj *jo =
        parse("{'spec':{'completions':3,'completionMode':'Indexed','suspend':true,"
              "'ttlSecondsAfterFinished':0,'template':{'x':1}},'status':{'failed':2,'conditions':"
              "[{'type':'Complete','status':'True'}]}}");
    const struct job *j = job_of(jo);
    CHECK(j->parallelism == 1 && !j->has_parallelism && j->completions == 3 && j->indexed);
    CHECK(j->suspend && j->has_ttl_s && j->ttl_s == 0 && j->backoff_limit == 6);
    CHECK(j->failed == 2 && job_finished(j) && !j->failed_condition);
    AUTO(kobj_unrefp)
    struct kobj *ro =
        parse("{'metadata':{'generation':2},'spec':{'replicas':0},'status':{'readyReplicas':1}}");
    const struct replicaset *r = replicaset_of(ro);
    CHECK(r->replicas == 0 && r->has_replicas && r->ready == 1 && r->generation == 2);
    AUTO(kobj_unrefp)
    struct kobj *d_o =
        parse("{'spec':{'strategy':{'rollingUpdate':{'maxSurge':'25%','maxUnavailable':1}}}}");
    const struct deployment *d = deployment_of(d_o);
    CHECK(d->replicas == 1 && d->revision_history == 10 && d->progress_deadline_s == 600);
    CHECK_I64(deployment_share(d->max_surge, 10, true, -1), 3);
    CHECK_I64(deployment_share(d->max_surge, 10, false, -1), 2);
    CHECK_I64(deployment_share(d->max_unavailable, 10, false, -1), 1);
    CHECK_I64(deployment_share((struct json){ 0 }, 10, false, -1), -1);
    AUTO(kobj_unrefp)
    struct kobj *lo = parse("{'spec':{'holderIdentity':'me','leaseDurationSeconds':15,'renewTime':"
                            "'2026-11-22T02:43:49.000001Z'}}");
    const struct lease *l = lease_of(lo);
    CHECK_STR(l->holder, "me");
    CHECK(l->duration_s == 15 && l->renewed.ns % NS_PER_S == 1000);
}

/* A typical training pod must stay small: there are as many views as pods. */
static void pod_view_is_small(void **state)
{
    (void)state;
    CHECK(sizeof(struct pod) <= 512);
}

/* Pods that share parts show what they show alone, each its own and in its place. */
static void views_of_shared_parts_are_the_same(void **state)
{
    (void)state;
    static const struct json_mask spec[] = { JSON_MASK_SHARED("containers"),
                                             JSON_MASK_SHARED("initContainers"),
                                             JSON_MASK_SHARED("tolerations"),
                                             JSON_MASK("priority") };
    static const struct json_mask status[] = { JSON_MASK_SHARED("conditions") };
    static const struct json_mask rows[] = { JSON_MASK("kind"), JSON_MASK("metadata"),
                                             JSON_MASK_OF("spec", spec),
                                             JSON_MASK_OF("status", status) };
    static const char same[] = "[{'key':'k','name':'k','effect':'NoExecute','resources':{"
                               "'requests':{'cpu':'2','memory':'1Gi'},'limits':{'x.io/y':'3'}}}]";
    AUTO(json_keep_freep) struct json_keep *k = json_keep_new(rows, COUNT_OF(rows));
    for (int i = 0; i < 6; i++) { /* odd ones have one text in different places */
        char text[700];
        snprintf(text, sizeof text,
                 "{'kind':'Pod','metadata':{'name':'p%d'},'spec':{'priority':%d,'tolerations':%s,"
                 "'containers':%s,'initContainers':%s},'status':{'conditions':[{'type':"
                 "'PodScheduled','status':'%s','reason':'Unschedulable'}]}}",
                 i, i, same, same, i % 2 ? same : "[{'name':'another and a longer one'}]",
                 i % 3 ? "False" : "True");
        AUTO(kobj_unrefp) struct kobj *whole = parse(text), *kept = NULL;
        struct err err = { 0 };
        CHECK_OK(kobj_keep(&kept, k, kobj_root(whole), (struct json){ 0 }, &err), err);
        const struct pod *a = pod_of(whole), *b = pod_of(kept);
        CHECK_I64(b->priority, i);
        CHECK_I64(b->containers.n, 1);
        CHECK_I64(b->init_containers.n, 1);
        CHECK_I64(b->tolerations.n, 1);
        CHECK_STR(b->containers.items[0].name, "k");
        CHECK_I64(amounts_get(&b->containers.items[0].requests, STR("cpu")), 2000);
        CHECK_I64(amounts_get(&b->containers.items[0].limits, STR("x.io/y")), 3);
        CHECK_STR_EQ(b->init_containers.items[0].name, a->init_containers.items[0].name);
        CHECK_STR(b->tolerations.items[0].key, "k");
        CHECK_I64(b->tolerations.items[0].effect, TAINT_NO_EXECUTE);
        CHECK_I64(amounts_get(&b->requests, STR("cpu")), amounts_get(&a->requests, STR("cpu")));
        CHECK_I64(b->nonzero_mem_bytes, a->nonzero_mem_bytes);
        CHECK(b->scheduled == (i % 3 == 0) && b->unschedulable == (i % 3 != 0) && !b->ready);
        CHECK(i < 2 || (json_has_shared(kept->doc) && kobj_bytes(kept) < kobj_bytes(whole)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pod_view_has_what_schedulers_need),
        cmocka_unit_test(views_of_shared_parts_are_the_same),
        cmocka_unit_test(pod_requests_follow_the_rules),
        cmocka_unit_test(tolerations_match_taints),
        cmocka_unit_test(container_states_are_told_apart),
        cmocka_unit_test(node_view),
        cmocka_unit_test(workload_views),
        cmocka_unit_test(pod_view_is_small),
    };
    return CHECK_MAIN(tests);
}
