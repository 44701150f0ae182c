/* SPDX-License-Identifier: Apache-2.0
 * What group objects and owners say of a gang: minima, roles, subgroups, and their nonsense. */
#include "kube/gang/gang_object.h"

#include <stdlib.h>

#include "testkit/check.h"

struct row {
    const char *object; /* with ' for " */
    const char *part;
    int64_t min;
    const char *roles; /* "name=min name=min" */
    const char *wrong; /* part of the text; NULL: nothing is wrong */
};

static struct kobj *parse(const char *text)
{
    struct kobj *o = NULL;
    struct err err = { 0 };
    char *copy = mem_dup(text, strlen(text));
    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    CHECK_OK(kobj_parse(&o, str_from(copy), &json_limits_own, &err), err);
    free(copy);
    return o;
}

static struct str roles_text(struct arena *a, const struct gang_spec *s)
{
    struct str out = STR("");
    for (size_t i = 0; i < s->n_roles; i++)
        out = arena_printf(a, "%.*s%s%.*s=%lld", STR_ARG(out), i ? " " : "",
                           STR_ARG(s->roles[i].name), (long long)s->roles[i].min);
    return out;
}

static void check_row(const struct row *row)
{
    AUTO(kobj_unrefp) struct kobj *o = parse(row->object);
    AUTO(arena_freep) struct arena *a = arena_new();
    struct gang_spec said;
    bool read = false;
    print_message("%s\n", row->object);
    CHECK(gang_object_bit(o) != 0);
    for (size_t i = 0; i < gang_object_kinds_count && !read; i++)
        read = gang_object_read(&gang_object_kinds[i], o, str_from(row->part), a, &said);
    CHECK(read);
    CHECK_I64(said.min, row->min);
    CHECK_STR_EQ(roles_text(a, &said), str_from(row->roles ? row->roles : ""));
    if (row->wrong)
        CHECK(str_find(said.wrong, str_from(row->wrong)) >= 0);
    else
        CHECK(!said.wrong.p);
}

#define META "'metadata':{'name':'x','namespace':'d'}"
#define PYTORCH(spec)                                                                              \
    "{'apiVersion':'kubeflow.org/v1','kind':'PyTorchJob'," META ",'spec':" spec "}"
#define RAY(spec) "{'apiVersion':'ray.io/v1','kind':'RayCluster'," META ",'spec':" spec "}"
#define KAI(spec)                                                                                  \
    "{'apiVersion':'scheduling.run.ai/v2alpha2','kind':'PodGroup'," META ",'spec':" spec "}"
#define VOLCANO(spec)                                                                              \
    "{'apiVersion':'scheduling.volcano.sh/v1beta1','kind':'PodGroup'," META ",'spec':" spec "}"

static void test_owners(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { PYTORCH("{'pytorchReplicaSpecs':{'Master':{},'Worker':{'replicas':3}}}"),
          .roles = "master=1 worker=3" },
        { PYTORCH("{'runPolicy':{'schedulingPolicy':{'minAvailable':2}},"
                  "'pytorchReplicaSpecs':{'Worker':{'replicas':3}}}"),
          .min = 2 },
        { PYTORCH("{'elasticPolicy':{'minReplicas':2},"
                  "'pytorchReplicaSpecs':{'Master':{},'Worker':{'replicas':8}}}"),
          .roles = "master=1 worker=2" },
        { PYTORCH("{'pytorchReplicaSpecs':{'Worker':{'replicas':-4}}}") }, /* no gang */
        { PYTORCH("'nonsense'") },
        { "{'apiVersion':'kubeflow.org/v1','kind':'PyTorchJob','metadata':{'name':'x',"
          "'annotations':{'scheduling.ganglion.io/gang':'off'}},"
          "'spec':{'pytorchReplicaSpecs':{'Worker':{'replicas':3}}}}",
          .min = 1 },
        { "{'apiVersion':'kubeflow.org/v2beta1','kind':'MPIJob'," META
          ",'spec':{'mpiReplicaSpecs':{'Launcher':{'replicas':1},'Worker':{'replicas':4}}}}",
          .min = 4 },
        { RAY("{'workerGroupSpecs':[{'groupName':'gpu','replicas':2,'numOfHosts':4},"
              "{'groupName':'idle','replicas':0},{'groupName':'off','replicas':3,'suspend':true}]"
              "}"),
          .roles = "headgroup=1 gpu=8" },
        { RAY("{'enableInTreeAutoscaling':true,'workerGroupSpecs':[{'groupName':'gpu',"
              "'replicas':5,'minReplicas':2},{'groupName':'cpu','replicas':5}]}"),
          .roles = "headgroup=1 gpu=2" },
        { "{'apiVersion':'jobset.x-k8s.io/v1alpha2','kind':'JobSet'," META
          ",'spec':{'replicatedJobs':[{'name':'a','replicas':9},{'name':'b','replicas':3,"
          "'template':{'spec':{'parallelism':4,'completions':2}}}]}}",
          .part = "b", .min = 6 },
        { "{'apiVersion':'leaderworkerset.x-k8s.io/v1','kind':'LeaderWorkerSet'," META
          ",'spec':{'leaderWorkerTemplate':{'size':4}}}",
          .part = "0", .min = 4 },
        { "{'apiVersion':'leaderworkerset.x-k8s.io/v1','kind':'LeaderWorkerSet'," META
          ",'spec':{'startupPolicy':'LeaderReady','leaderWorkerTemplate':{'size':4}}}",
          .part = "0", .min = 1 },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

static void test_subgroups(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { KAI("{'subGroups':[{'name':'all'},{'name':'a','parent':'all','minMember':2},"
              "{'name':'b','parent':'all'}]}"),
          .roles = "a=2 b=0" },
        { KAI("{'minMember':3,'subGroups':[{'name':'a','minMember':-1}]}"), .min = 3,
          .wrong = "role \"a\" of its group has minimum -1" },
        { VOLCANO("{'minMember':4,'subGroupPolicy':[{'name':'s','subGroupSize':0}]}"), .min = 4,
          .wrong = "policy \"s\" of its group has a subGroupSize" },
        { VOLCANO("{'minMember':4,'subGroupPolicy':[{'name':'s','minSubGroups':65}]}"), .min = 4,
          .wrong = "policy \"s\"" },
        { VOLCANO("{'minMember':4,'minTaskMember':{'ps':1,'worker':3}}"), .min = 4,
          .roles = "ps=1 worker=3" },
        { KAI("{'minMember':3,'subGroups':[{'name':'a','parent':'a','minMember':2}]}"),
          .wrong = "subgroup \"a\" of its group is below itself" },
        { KAI("{'minMember':3,'subGroups':[{'name':'a','parent':'b'},{'name':'b','parent':'a'},"
              "{'name':'c','minMember':2}]}"),
          .wrong = "subgroup \"a\" of its group is below itself" },
        { KAI("{'minMember':3,'subGroups':[{'name':'a','parent':'none','minMember':2}]}"), .min = 3,
          .roles = "a=2" },
        { KAI("{'minMember':1,'subGroups':[7,null,[],{'name':8},{'name':'a','minMember':'2'}]}"),
          .min = 1, .wrong = "role" },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

/* The first 64 roles of more would let the gang start in part; and what a stranger's object costs
 * must not grow with its square. */
static void test_too_many_roles(void **state)
{
    (void)state;
    static const struct {
        const char *start, *before, *after, *end;
    } forms[] = {
        { "{'apiVersion':'scheduling.run.ai/v2alpha2','kind':'PodGroup'," META
          ",'spec':{'minMember':3,'subGroups':[",
          "{'name':'r", "','minMember':1}", "]}}" },
        { "{'apiVersion':'scheduling.volcano.sh/v1beta1','kind':'PodGroup'," META
          ",'spec':{'minMember':3,'minTaskMember':{",
          "'r", "':1", "}}}" },
        { "{'apiVersion':'ray.io/v1','kind':'RayCluster'," META ",'spec':{'workerGroupSpecs':[",
          "{'groupName':'r", "','replicas':1}", "]}}" },
    };
    static const int counts[] = { 65, 20000 };
    for (size_t i = 0; i < COUNT_OF(forms) * COUNT_OF(counts); i++) {
        struct buf b;
        buf_init(&b, 4 << 20);
        buf_str(&b, str_from(forms[i / 2].start));
        for (int k = 0; k < counts[i % 2]; k++)
            buf_printf(&b, "%s%s%d%s", k ? "," : "", forms[i / 2].before, k, forms[i / 2].after);
        buf_str(&b, str_from(forms[i / 2].end));
        buf_char(&b, 0);
        AUTO(kobj_unrefp) struct kobj *o = parse(b.p);
        AUTO(arena_freep) struct arena *a = arena_new();
        struct gang_spec said;
        bool read = false;
        for (size_t k = 0; k < gang_object_kinds_count && !read; k++)
            read = gang_object_read(&gang_object_kinds[k], o, STR(""), a, &said);
        CHECK(read);
        CHECK_I64(said.min, 0);
        CHECK_I64(said.n_roles, 0);
        CHECK_STR(said.wrong, "its group has more than 64 roles");
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owners),
        cmocka_unit_test(test_subgroups),
        cmocka_unit_test(test_too_many_roles),
    };
    return CHECK_MAIN(tests);
}
