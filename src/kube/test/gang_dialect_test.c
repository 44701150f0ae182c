/* SPDX-License-Identifier: Apache-2.0
 * Every spelling of a gang, and every nonsense in it. */
#include <stdio.h>
#include <stdlib.h>

#include "kube/gang/gang_dialect.h"
#include "testkit/check.h"

/* Documents are written with ' for ". */
static struct json_doc *parse(const char *text)
{
    struct json_doc *doc = NULL;
    struct err err = { 0 };
    char *copy = mem_dup(text, strlen(text));
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    CHECK_OK(json_parse(&doc, str_from(copy), &json_limits_own, &err), err);
    free(copy);
    return doc;
}

struct row {
    const char *pod; /* NULL: none */
    const char *project, *name, *object, *part, *role;
    int64_t min, size, timeout_s, role_min;
    const char *wrong; /* part of the text; NULL: nothing is wrong */
};

static void check_row(const struct row *row)
{
    AUTO(json_doc_unrefp) struct json_doc *doc = parse(row->pod);
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct gang_claim *c = gang_claim_of(a, json_root(doc));
    print_message("%s\n", row->pod);
    if (!row->project) {
        CHECK(c == NULL);
        return;
    }
    CHECK(c != NULL);
    CHECK_STR_EQ(str_from(c->dialect->project), str_from(row->project));
    CHECK_STR_EQ(c->name, str_from(row->name));
    CHECK_STR_EQ(c->object, str_from(row->object ? row->object : row->name));
    CHECK_STR_EQ(c->part, str_from(row->part));
    CHECK_STR_EQ(c->role, str_from(row->role));
    CHECK_I64(c->min, row->min);
    CHECK_I64(c->size, row->size);
    CHECK_I64(c->timeout_s, row->timeout_s);
    CHECK_I64(c->role_min, row->role_min);
    if (row->wrong)
        CHECK(str_find(c->wrong, str_from(row->wrong)) >= 0);
    else
        CHECK(!c->wrong.p);
}

static void test_every_dialect(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{'metadata':{}}" },
        { "{'metadata':{'labels':{'app':'x'},'annotations':{'a/b':'c'}}}" },
        { "{'metadata':{'labels':{'applicationId':'batch without task groups'}}}" },
        { "{'metadata':{'labels':{'scheduling.ganglion.io/pod-group':'g',"
          "'scheduling.ganglion.io/min-available':'3','scheduling.ganglion.io/role':'ps',"
          "'scheduling.ganglion.io/role-min-available':'2'}}}",
          "Ganglion", "g", .min = 3, .role = "ps", .role_min = 2 },
        { "{'metadata':{'labels':{'scheduling.ganglion.io/pod-group':'g'}}}", "Ganglion", "g" },
        { "{'metadata':{'labels':{'pod-group.scheduling.kubenexus.io/name':'g',"
          "'pod-group.scheduling.kubenexus.io/min-available':'8'}}}",
          "KubeNexus", "g", .min = 8 },
        { "{'metadata':{'labels':{'pod-group.scheduling.kubenexus.io/name':'g',"
          "'pod-group.scheduling.kubenexus.io/min-available':'8',"
          "'task-group.kubenexus.io/name':'worker','task-group.kubenexus.io/minMember':'6'}}}",
          "KubeNexus", "g", .min = 8, .role = "worker", .role_min = 6 },
        { "{'metadata':{'labels':{'pod-group.scheduling.sigs.k8s.io/name':'g',"
          "'pod-group.scheduling.sigs.k8s.io/min-available':'2'}}}",
          "scheduler-plugins, lightweight", "g", .min = 2 },
        { "{'metadata':{'annotations':{'scheduling.x-k8s.io/pod-group':'g',"
          "'scheduling.kubenexus.io/min-available':'2'}}}",
          "KubeNexus, annotations", "g", .min = 2 },
        { "{'metadata':{'labels':{'scheduling.x-k8s.io/pod-group':'g'}}}", "scheduler-plugins",
          "g" },
        { "{'metadata':{'labels':{'pod-group.scheduling.sigs.k8s.io':'g'}}}",
          "Koordinator PodGroup", "g" },
        { "{'metadata':{},'spec':{'schedulingGroup':{'podGroupName':'g'}}}", "Kubernetes", "g" },
        { "{'metadata':{},'spec':{'workloadRef':{'name':'w','podGroup':'workers',"
          "'podGroupReplicaKey':'3'}}}",
          "Kubernetes Workload", "w.workers.3", "w", "workers" },
        { "{'metadata':{'labels':{'scheduling.k8s.io/workload-name':'w',"
          "'scheduling.k8s.io/pod-group':'workers'}}}",
          "Kubernetes Workload, labels", "w.workers", "w", "workers" },
        { "{'metadata':{'labels':{'kueue.x-k8s.io/pod-group-name':'g'},'annotations':{"
          "'kueue.x-k8s.io/pod-group-total-count':'4'}}}",
          "Kueue", "g", .min = 4, .size = 4 },
        { "{'metadata':{'annotations':{'kueue.x-k8s.io/pod-group-name':'g',"
          "'kueue.x-k8s.io/pod-group-total-count':'4',"
          "'kueue.x-k8s.io/pod-group-fast-admission':'true'}}}",
          "Kueue", "g", .min = 1, .size = 4 },
        { "{'metadata':{'annotations':{'gang.scheduling.koordinator.sh/name':'g',"
          "'gang.scheduling.koordinator.sh/min-available':'3',"
          "'gang.scheduling.koordinator.sh/total-number':'5',"
          "'gang.scheduling.koordinator.sh/waiting-time':'1m30s'}}}",
          "Koordinator", "g", .min = 3, .size = 5, .timeout_s = 90 },
        { "{'metadata':{'annotations':{'scheduling.volcano.sh/group-name':'g',"
          "'scheduling.volcano.sh/group-min-member':'3','volcano.sh/task-spec':'ps'}}}",
          "Volcano", "g", .min = 3, .role = "ps" },
        { "{'metadata':{'annotations':{'scheduling.k8s.io/group-name':'g'}}}", "Volcano", "g" },
        { "{'metadata':{'annotations':{'armadaproject.io/gangId':'g',"
          "'armadaproject.io/gangCardinality':'3'}}}",
          "Armada", "g", .min = 3, .size = 3 },
        { "{'metadata':{'labels':{'kai.scheduler/subgroup-name':'decode'},'annotations':{"
          "'pod-group-name':'g'}}}",
          "KAI", "g", .role = "decode" },
        { "{'metadata':{'labels':{'applicationId':'g'},'annotations':{"
          "'yunikorn.apache.org/task-group-name':'driver','yunikorn.apache.org/task-groups':'[]',"
          "'yunikorn.apache.org/schedulingPolicyParameters':"
          "'placeholderTimeoutInSeconds=60 gangSchedulingStyle=Hard'}}}",
          "YuniKorn", "g", .role = "driver", .timeout_s = 60 },
        { "{'metadata':{'annotations':{'yunikorn.apache.org/app-id':'g',"
          "'yunikorn.apache.org/task-group-name':'w',"
          "'yunikorn.apache.org/schedulingPolicyParameters':'gangSchedulingStyle=Soft'}}}",
          "YuniKorn", "g", .role = "w" },
        { "{'metadata':{'labels':{'spark-app-selector':'g','spark-role':'driver'}}}", "Spark", "g",
          .role = "driver" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

static void test_pods_of_operators(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{'metadata':{'labels':{'training.kubeflow.org/replica-type':'worker'},"
          "'ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'no'},{'apiVersion':"
          "'kubeflow.org/v1','kind':'TFJob','name':'t','controller':true}]}}",
          "Kubeflow TFJob", "t.tfjob", "t", .role = "worker" },
        { "{'metadata':{'annotations':{'scheduling.ganglion.io/gang':'off'},'ownerReferences':"
          "[{'apiVersion':'ray.io/v1','kind':'RayCluster','name':'r','controller':true}]}}" },
        { "{'metadata':{'labels':{'leaderworkerset.sigs.k8s.io/name':'s',"
          "'leaderworkerset.sigs.k8s.io/group-index':'3'}}}",
          "LeaderWorkerSet", "s.3.lws", "s", "3" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

static void test_nonsense_is_named(void **state)
{
    (void)state;
    static const char *const values[] = { "0", "-1", "1000000000", "abc", "", "3.5", "1e3" };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        char pod[512], want[128];
        snprintf(pod, sizeof pod,
                 "{'metadata':{'labels':{'pod-group.scheduling.kubenexus.io/name':'g',"
                 "'pod-group.scheduling.kubenexus.io/min-available':'%s'}}}",
                 values[i]);
        snprintf(want, sizeof want, "min-available is \"%s\", not a number from 1 to 100000",
                 values[i]);
        check_row(&(struct row){ pod, "KubeNexus", "g", .wrong = want });
    }
    static const struct row rows[] = {
        { "{'metadata':{'labels':{'pod-group.scheduling.kubenexus.io/name':'g'}}}", "KubeNexus",
          "g", .wrong = "min-available is missing" },
        { "{'metadata':{'annotations':{'gang.scheduling.koordinator.sh/name':'g',"
          "'gang.scheduling.koordinator.sh/min-available':'8',"
          "'gang.scheduling.koordinator.sh/total-number':'5'}}}",
          "Koordinator", "g", .min = 8, .size = 5, .wrong = "is 8, but the gang has only 5" },
        { "{'metadata':{'annotations':{'gang.scheduling.koordinator.sh/name':'g',"
          "'gang.scheduling.koordinator.sh/min-available':'1',"
          "'gang.scheduling.koordinator.sh/waiting-time':'soon'}}}",
          "Koordinator", "g", .min = 1, .wrong = "\"soon\", not a duration" },
        { "{'metadata':{'labels':{'pod-group.scheduling.kubenexus.io/name':'g',"
          "'pod-group.scheduling.kubenexus.io/min-available':'2',"
          "'task-group.kubenexus.io/name':'w','task-group.kubenexus.io/minMember':'-2'}}}",
          "KubeNexus", "g", .min = 2, .role = "w", .wrong = "minMember is \"-2\"" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

/* Koordinator's gang groups: one name for all members, a role for each gang. */
static void test_gangs_that_start_together(void **state)
{
    (void)state;
#define GROUPED(list)                                                                              \
    "{'metadata':{'namespace':'d','annotations':{'gang.scheduling.koordinator.sh/name':'b',"       \
    "'gang.scheduling.koordinator.sh/min-available':'3',"                                          \
    "'gang.scheduling.koordinator.sh/total-number':'4',"                                           \
    "'gang.scheduling.koordinator.sh/groups':'" list "'}}}" /* literals are joined */
    static const struct row rows[] = {
        { GROUPED("[\\'d/c\\',\\'d/b\\',\\'a\\',\\'d/c\\']"), "Koordinator", "a+b+c", "b",
          .role = "b", .role_min = 3 },
        { GROUPED("[\\'d/b\\']"), "Koordinator", "b", .min = 3, .size = 4 },
        { GROUPED("[]"), "Koordinator", "b", .min = 3, .size = 4 },
        { GROUPED("[\\'d/a\\']"), "Koordinator", "b", .size = 4,
          .wrong = "groups does not name the pod's own gang b" },
        { GROUPED("[\\'d/b\\',\\'e/a\\']"), "Koordinator", "b", .size = 4,
          .wrong = "groups names a gang of another namespace, which cannot start with it: e/a" },
        { GROUPED("[\\'d/b\\',7]"), "Koordinator", "b", .size = 4,
          .wrong = "groups has an entry that is no name: 7" },
        { GROUPED("d/b,d/a"), "Koordinator", "b", .size = 4, .wrong = "is no JSON list of names" },
        { GROUPED("{}"), "Koordinator", "b", .size = 4, .wrong = "is no JSON list of at most 64" },
    };
#undef GROUPED
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

static void test_executors_to_come_are_a_role(void **state)
{
    (void)state;
    AUTO(json_doc_unrefp)
    struct json_doc *doc = parse("{'metadata':{'labels':{'spark-app-id':'s','spark-role':'driver'},"
                                 "'annotations':{'kubenexus.io/executor-count':'4',"
                                 "'kubenexus.io/executor-cpu':'2',"
                                 "'kubenexus.io/executor-memory':'4Gi'}}}");
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct gang_claim *c = gang_claim_of(a, json_root(doc));
    struct gang_roles roles;
    struct err err = { 0 };
    CHECK_OK(gang_roles_parse(&roles, c->roles, &err), err);
    CHECK_I64(roles.n, 1);
    CHECK_STR(roles.items[0].name, "executor");
    CHECK_I64(roles.items[0].min, 4);
    CHECK_STR(json_str(json_get(roles.items[0].resources, STR("memory"))), "4Gi");
    gang_roles_fini(&roles);
}

static void test_task_groups(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wrong;
    } rows[] = {
        { "[{'name':'a','minMember':2},{'name':'b','minMember':1}]", NULL },
        { "", "JSON" },
        { "[{", "task groups" },
        { "[]", "not a list of 1 to 64" },
        { "{}", "not a list of 1 to 64" },
        { "[{'name':'a'}]", "group \"a\" needs a name and a minMember" },
        { "[{'minMember':3}]", "group \"\" needs a name" },
        { "[{'name':'a','minMember':-3}]", "needs a name and a minMember" },
        { "[7]", "needs a name" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        struct gang_roles roles = { 0 };
        struct err err = { 0 };
        snprintf(text, sizeof text, "%s", rows[i].text);
        for (char *p = text; *p; p++)
            *p = *p == '\'' ? '"' : *p;
        int rc = gang_roles_parse(&roles, str_from(text), &err);
        CHECK_I64(rc, rows[i].wrong ? -1 : 0);
        if (rows[i].wrong)
            CHECK(strstr(err.msg, rows[i].wrong) || strstr(err.msg, "task groups"));
        gang_roles_fini(&roles);
    }
}

static void test_our_keys_are_those_of_published_manifests(void **state)
{
    (void)state;
    CHECK(gang_is_our_key(STR("pod-group.scheduling.sigs.k8s.io/min-available")));
    CHECK(
        !gang_is_our_key(STR("kueue.x-k8s.io/pod-group-name"))); /* Kueue's pods stay as written */
    CHECK(!gang_is_our_key(STR("workloadRef.name")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_dialect),
        cmocka_unit_test(test_pods_of_operators),
        cmocka_unit_test(test_nonsense_is_named),
        cmocka_unit_test(test_gangs_that_start_together),
        cmocka_unit_test(test_executors_to_come_are_a_role),
        cmocka_unit_test(test_task_groups),
        cmocka_unit_test(test_our_keys_are_those_of_published_manifests),
    };
    return CHECK_MAIN(tests);
}
