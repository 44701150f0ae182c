/* SPDX-License-Identifier: Apache-2.0
 * What kind of work a pod does: the decision table, one pod a row. */
#include "kube/workload.h"

#include <stdio.h>
#include <stdlib.h>

#include "testkit/check.h"

/* Written with ' for "; parts of a Pod. */
struct row {
    const char *labels, *annotations, *owner, *image, *env, *gpus;
    enum workload kind;
    const char *because; /* NULL: there is no hint */
};

static struct kobj *pod_of_row(const struct row *r)
{
    char text[2048], owner[128] = "", env[128] = "", gpus[128] = "";
    if (r->owner)
        snprintf(owner, sizeof owner, ",'ownerReferences':[{'kind':'%s','name':'o'}]", r->owner);
    if (r->env)
        snprintf(env, sizeof env, ",'env':[{'name':'OTHER','value':'1'},{'name':'%s'}]", r->env);
    if (r->gpus)
        snprintf(gpus, sizeof gpus, ",'resources':{'requests':{%s}}", r->gpus);
    snprintf(text, sizeof text,
             "{'kind':'Pod','metadata':{'name':'p','labels':{%s},'annotations':{%s}%s},'spec':{"
             "'containers':[{'name':'c','image':'%s'%s%s}]}}",
             r->labels ? r->labels : "", r->annotations ? r->annotations : "", owner,
             r->image ? r->image : "registry.example/app:jupyter", env, gpus);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_parse(&o, str_from(text), &json_limits_own, &err), err);
    return o;
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        AUTO(kobj_unrefp) struct kobj *o = pod_of_row(&rows[i]);
        AUTO(arena_freep) struct arena *a = arena_new();
        struct str because;
        enum workload kind = workload_why(o, a, &because);
        print_message("row %zu: %s: %.*s\n", i, workload_defaults[kind].name, STR_ARG(because));
        CHECK_I64(kind, rows[i].kind);
        CHECK_I64(workload_of(o), kind);
        CHECK(!because.p == !rows[i].because);
        CHECK_STR_EQ(because, str_from(rows[i].because));
    }
}

#define TYPE "'workload.kubenexus.io/type':"
#define GANG "'pod-group.scheduling.kubenexus.io/name':'g'"
#define JOB "'batch.kubernetes.io/job-name':'j'"

static const struct row said[] = {
    { .kind = WORKLOAD_NONE },
    { .labels = "'app':'web'", .annotations = "'note':'x'", .kind = WORKLOAD_NONE },
    { .labels = TYPE "'training'",
      .kind = WORKLOAD_TRAINING,
      .because = "label workload.kubenexus.io/type: training" },
    { .labels = TYPE "'inference'",
      .kind = WORKLOAD_INFERENCE,
      .because = "label workload.kubenexus.io/type: inference" },
    { .labels = TYPE "'batch'",
      .kind = WORKLOAD_BATCH,
      .because = "label workload.kubenexus.io/type: batch" },
    { .labels = TYPE "'service'",
      .kind = WORKLOAD_SERVICE,
      .because = "label workload.kubenexus.io/type: service" },
    { .labels = TYPE "'interactive'",
      .kind = WORKLOAD_INTERACTIVE,
      .because = "label workload.kubenexus.io/type: interactive" },
    { .labels = TYPE "'Training'",
      .kind = WORKLOAD_TRAINING,
      .because = "label workload.kubenexus.io/type: Training" },
    { .annotations = TYPE "'batch'",
      .kind = WORKLOAD_BATCH,
      .because = "annotation workload.kubenexus.io/type: batch" },
    { .labels = TYPE "'service'",
      .annotations = TYPE "'batch'",
      .kind = WORKLOAD_SERVICE,
      .because = "label workload.kubenexus.io/type: service" },
    /* What is said goes before every hint, and batch that is said does not grow. */
    { .labels = TYPE "'batch'," GANG,
      .owner = "PyTorchJob",
      .gpus = "'nvidia.com/gpu':'8'",
      .kind = WORKLOAD_BATCH,
      .because = "label workload.kubenexus.io/type: batch" },
    /* An unknown word is told, not guessed about. */
    { .labels = TYPE "'tranining'",
      .owner = "Job",
      .kind = WORKLOAD_NONE,
      .because = "label workload.kubenexus.io/type: tranining, which is none that we know" },
    { .labels = TYPE "''",
      .owner = "Job",
      .kind = WORKLOAD_NONE,
      .because = "label workload.kubenexus.io/type: , which is none that we know" },
};

static void test_what_is_said(void **state)
{
    (void)state;
    check_rows(said, COUNT_OF(said));
}

static const struct row hints[] = {
    /* operators that train */
    { .labels = "'training.kubeflow.org/job-name':'x'",
      .kind = WORKLOAD_TRAINING,
      .because = "label training.kubeflow.org/job-name" },
    { .labels = "'pytorch.org/job-name':'x'",
      .kind = WORKLOAD_TRAINING,
      .because = "label pytorch.org/job-name" },
    { .labels = "'tensorflow.org/job-name':'x'",
      .kind = WORKLOAD_TRAINING,
      .because = "label tensorflow.org/job-name" },
    { .labels = "'pytorch-replica-type':'worker'",
      .kind = WORKLOAD_TRAINING,
      .because = "label pytorch-replica-type" },
    { .labels = "'tf-replica-type':'ps'",
      .kind = WORKLOAD_TRAINING,
      .because = "label tf-replica-type" },
    { .owner = "PyTorchJob", .kind = WORKLOAD_TRAINING, .because = "owner PyTorchJob" },
    { .owner = "Job",
      .env = "WORLD_SIZE",
      .kind = WORKLOAD_TRAINING,
      .because = "variable WORLD_SIZE" },
    { .owner = "Job",
      .env = "TF_CONFIG",
      .kind = WORKLOAD_TRAINING,
      .because = "variable TF_CONFIG" },
    /* data */
    { .labels = "'spark-role':'driver'", .kind = WORKLOAD_BATCH, .because = "label spark-role" },
    { .labels = "'spark-app-id':'x'," GANG,
      .gpus = "'nvidia.com/gpu':'4'",
      .kind = WORKLOAD_BATCH,
      .because = "label spark-app-id" },
    /* what runs to its end */
    { .labels = "'ray.io/node-type':'worker'",
      .kind = WORKLOAD_BATCH,
      .because = "label ray.io/node-type" },
    { .labels = "'mpi-job-role':'worker'",
      .kind = WORKLOAD_BATCH,
      .because = "label mpi-job-role" },
    { .labels = "'kubeflow.org/component':'x'",
      .kind = WORKLOAD_BATCH,
      .because = "label kubeflow.org/component" },
    { .labels = JOB,
      .owner = "Job",
      .kind = WORKLOAD_BATCH,
      .because = "label batch.kubernetes.io/job-name" },
    { .owner = "Job",
      .gpus = "'nvidia.com/gpu':'1'",
      .kind = WORKLOAD_BATCH,
      .because = "owner Job" },
    { .owner = "Job",
      .gpus = "'nvidia.com/gpu':'2'",
      .kind = WORKLOAD_TRAINING,
      .because = "owner Job, and it asks for 2 GPUs" },
    { .owner = "Job",
      .gpus = "'amd.com/gpu':'1','nvidia.com/gpu':'1'",
      .kind = WORKLOAD_TRAINING,
      .because = "owner Job, and it asks for 2 GPUs" },
    { .labels = JOB "," GANG,
      .kind = WORKLOAD_TRAINING,
      .because = "label batch.kubernetes.io/job-name, and it is in a gang" },
    { .labels = GANG, .kind = WORKLOAD_TRAINING, .because = "it is in a gang" },
    { .labels = GANG,
      .owner = "ReplicaSet",
      .kind = WORKLOAD_TRAINING,
      .because = "it is in a gang" },
    { .labels = "'batch.volcano.sh/x':'y'",
      .annotations = "'scheduling.volcano.sh/group-name':'g'",
      .kind = WORKLOAD_TRAINING,
      .because = "it is in a gang" },
    /* models */
    { .labels = "'serving.kserve.io/inferenceservice':'m'",
      .owner = "ReplicaSet",
      .kind = WORKLOAD_INFERENCE,
      .because = "label serving.kserve.io/inferenceservice" },
    { .labels = "'serving.kubeflow.org/inferenceservice':'m'",
      .kind = WORKLOAD_INFERENCE,
      .because = "label serving.kubeflow.org/inferenceservice" },
    { .labels = "'seldon.io/deployment':'m'",
      .kind = WORKLOAD_INFERENCE,
      .because = "label seldon.io/deployment" },
    { .labels = "'app.kubernetes.io/component':'predictor'",
      .owner = "ReplicaSet",
      .kind = WORKLOAD_INFERENCE,
      .because = "label app.kubernetes.io/component" },
    { .labels = "'app.kubernetes.io/component':'database'",
      .owner = "StatefulSet",
      .kind = WORKLOAD_SERVICE,
      .because = "owner StatefulSet" },
    { .labels = "'leaderworkerset.sigs.k8s.io/name':'m'," GANG,
      .owner = "StatefulSet",
      .kind = WORKLOAD_INFERENCE,
      .because = "label leaderworkerset.sigs.k8s.io/name" },
    { .owner = "ReplicaSet",
      .image = "docker.io/vllm/vllm-openai:v1",
      .kind = WORKLOAD_INFERENCE,
      .because = "an image of vllm" },
    { .owner = "Job",
      .image = "docker.io/vllm/vllm-openai:v1",
      .kind = WORKLOAD_BATCH,
      .because = "owner Job" },
    /* people */
    { .labels = "'app.kubernetes.io/name':'JupyterHub'",
      .owner = "StatefulSet",
      .kind = WORKLOAD_INTERACTIVE,
      .because = "label app.kubernetes.io/name" },
    { .labels = "'app.kubernetes.io/name':'provider'",
      .owner = "ReplicaSet",
      .kind = WORKLOAD_SERVICE,
      .because = "owner ReplicaSet" },
    { .labels = "'app.jupyter.org/hub-version':'5'",
      .kind = WORKLOAD_INTERACTIVE,
      .because = "label app.jupyter.org/hub-version" },
    { .labels = "'app.rstudio.com/rstudio-server':''",
      .kind = WORKLOAD_INTERACTIVE,
      .because = "label app.rstudio.com/rstudio-server" },
    { .owner = "StatefulSet",
      .env = "JUPYTERHUB_API_TOKEN",
      .kind = WORKLOAD_INTERACTIVE,
      .because = "variable JUPYTERHUB_API_TOKEN" },
    { .owner = "StatefulSet",
      .image = "quay.io/jupyter/scipy-notebook@sha256:0",
      .kind = WORKLOAD_INTERACTIVE,
      .because = "an image of jupyter" },
    { .owner = "Job",
      .image = "quay.io/jupyter/scipy-notebook",
      .kind = WORKLOAD_BATCH,
      .because = "owner Job" },
    { .image = "registry.example:5000/app:jupyter", .kind = WORKLOAD_NONE },
    { .image = "jupyter", .kind = WORKLOAD_INTERACTIVE, .because = "an image of jupyter" },
    /* services */
    { .owner = "ReplicaSet",
      .gpus = "'nvidia.com/gpu':'4'",
      .kind = WORKLOAD_SERVICE,
      .because = "owner ReplicaSet" },
    { .owner = "DaemonSet", .kind = WORKLOAD_SERVICE, .because = "owner DaemonSet" },
    { .owner = "SomethingElse", .gpus = "'nvidia.com/gpu':'4'", .kind = WORKLOAD_NONE },
};

static void test_hints(void **state)
{
    (void)state;
    check_rows(hints, COUNT_OF(hints));
}

/* Each kind has its defaults, and batch leaves before training before who serves people. */
static void test_defaults(void **state)
{
    const struct workload_defaults *d = workload_defaults;
    (void)state;
    for (unsigned i = 0; i < WORKLOADS; i++)
        CHECK(!d[i].name[0] == (i == WORKLOAD_NONE) && !d[i].help[0] == (i == WORKLOAD_NONE));
    CHECK(d[WORKLOAD_BATCH].leaves < d[WORKLOAD_TRAINING].leaves);
    CHECK(d[WORKLOAD_TRAINING].leaves < d[WORKLOAD_NONE].leaves);
    CHECK(d[WORKLOAD_NONE].leaves < d[WORKLOAD_INTERACTIVE].leaves);
    CHECK(d[WORKLOAD_INTERACTIVE].leaves < d[WORKLOAD_SERVICE].leaves);
    CHECK(d[WORKLOAD_NONE].room == WORKLOAD_AS_PROFILE && !d[WORKLOAD_NONE].one_cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_defaults),
    };
    return CHECK_MAIN(tests);
}
