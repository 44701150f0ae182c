/* SPDX-License-Identifier: Apache-2.0
 * Completion of the three published examples, and of what is not ours. */
#include <stdlib.h>

#include "testkit/check.h"

#include "base/mem.h"
#include "kube/complete.h"

static const struct resource pods = { .version = STR_INIT("v1"), .kind = STR_INIT("Pod") };
static const struct resource jobs = { .group = STR_INIT("batch"), .kind = STR_INIT("Job") };
static const struct resource deployments = { .group = STR_INIT("apps"),
                                             .kind = STR_INIT("Deployment") };
static const struct resource configs = { .kind = STR_INIT("ConfigMap") };

struct run {
    struct arena *a;
    struct json_doc *doc;
    struct jnode *obj;
    struct warning_vec warnings;
    bool did;
};

/* Documents are written with ' for ". */
static void run(struct run *t, const struct resource *r, const char *text)
{
    char *copy = mem_dup(text, strlen(text));
    for (char *p = copy; *p; p++) {
        if (*p == '\'')
            *p = '"';
    }
    struct err err = { 0 };
    *t = (struct run){ .a = arena_new() };
    CHECK_OK(json_parse(&t->doc, str_from(copy), &json_limits_own, &err), err);
    free(copy);
    t->obj = jnode_thaw(t->a, json_root(t->doc));
    t->did = complete_object(r, t->obj, t->a, &t->warnings);
    CHECK(t->did == (t->warnings.n > 0));
}

static void finish(struct run *t)
{
    warning_vec_fini(&t->warnings);
    arena_free(t->a);
    json_doc_unref(t->doc);
}

static void check_text(struct run *t, const char *path, const char *want)
{
    CHECK_STR_EQ(jnode_text_of_str(jnode_path(t->obj, path)), str_from(want));
}

static struct jnode *gpu_limit(struct run *t, const char *path)
{
    return jnode_get(jnode_path(t->obj, path), STR("nvidia.com/gpu"));
}

static void training_job(void **state)
{
    (void)state;
    struct run t;
    run(&t, &jobs,
        "{'metadata':{'name':'distributed-training'},'spec':{'parallelism':8,'completions':8,"
        "'template':{'metadata':{'labels':{'pod-group.scheduling.kubenexus.io/name':"
        "'training-job','pod-group.scheduling.kubenexus.io/min-available':'8'}},'spec':{"
        "'schedulerName':'kubenexus-scheduler','containers':[{'name':'worker','image':"
        "'pytorch/pytorch:latest','resources':{'requests':{'cpu':'4','memory':'16Gi',"
        "'nvidia.com/gpu':'1'}}}]}}}}");
    check_text(&t, "spec.template.spec.restartPolicy", "Never");
    struct jnode *limit = gpu_limit(&t, "spec.template.spec.containers.0.resources.limits");
    CHECK_STR(jnode_text_of_str(limit), "1");
    CHECK_I64(jnode_len(jnode_path(t.obj, "spec.template.spec.containers.0.resources.limits")), 1);
    CHECK_I64(t.warnings.n, 2);
    CHECK_STR(t.warnings.items[1],
              "spec.template.spec.containers[0].resources.limits[nvidia.com/gpu] was missing and "
              "is set to its request: extended resources need equal limits");
    finish(&t);
}

static void numa_pod(void **state)
{
    (void)state;
    struct run t;
    run(&t, &pods,
        "{'metadata':{'name':'ml-training','annotations':{'numa.scheduling.kubenexus.io/policy':"
        "'single-numa'}},'spec':{'containers':[{'name':'training','resources':{'requests':{'cpu':"
        "'16','nvidia.com/gpu':2}}}]}}");
    int64_t n = 0;
    CHECK(jnode_to_i64(gpu_limit(&t, "spec.containers.0.resources.limits"), &n));
    CHECK_I64(n, 2);
    CHECK(!jnode_path(t.obj, "spec.restartPolicy"));
    CHECK_I64(t.warnings.n, 1);
    finish(&t);
}

static void service_deployment(void **state)
{
    (void)state;
    struct run t;
    run(&t, &deployments,
        "{'metadata':{'name':'api-server'},'spec':{'replicas':10,'template':{'spec':{"
        "'schedulerName':'kubenexus-scheduler','containers':[{'name':'api','resources':{"
        "'requests':{'cpu':'500m','memory':'1Gi'}}}]}}}}");
    check_text(&t, "spec.selector.matchLabels.app", "api-server");
    check_text(&t, "spec.template.metadata.labels.app", "api-server");
    CHECK(!jnode_path(t.obj, "spec.template.spec.containers.0.resources.limits"));
    CHECK_I64(t.warnings.n, 2);
    finish(&t);
}

static void what_the_user_wrote_stays(void **state)
{
    (void)state;
    struct run t;
    run(&t, &deployments,
        "{'metadata':{'name':'d'},'spec':{'template':{'metadata':{'labels':{'app':'own'}},'spec':"
        "{'schedulerName':'ganglion','containers':[{'resources':{'requests':{'a.b/c':1},'limits':"
        "{'a.b/c':2}}}]}}}}");
    check_text(&t, "spec.selector.matchLabels.app", "own");
    check_text(&t, "spec.template.metadata.labels.app", "own");
    CHECK_I64(t.warnings.n, 1);
    finish(&t);
    run(&t, &deployments,
        "{'metadata':{'name':'d'},'spec':{'selector':{'matchLabels':{'x':'y'}},'template':{'spec':"
        "{'schedulerName':'ganglion','containers':[]}}}}");
    CHECK(!t.did);
    finish(&t);
    run(&t, &jobs,
        "{'metadata':{'name':'j'},'spec':{'template':{'spec':{'schedulerName':'ganglion',"
        "'restartPolicy':'Always'}}}}");
    CHECK(!t.did);
    finish(&t);
}

static void others_are_left_alone(void **state)
{
    (void)state;
    struct run t;
    run(&t, &pods,
        "{'metadata':{'name':'p','labels':{'notkubenexus.io/x':'1','app':'kubenexus.io'}},'spec':{"
        "'containers':[{'resources':{'requests':{'nvidia.com/gpu':1}}}]}}");
    CHECK(!t.did);
    finish(&t);
    run(&t, &jobs, "{'metadata':{'name':'j'},'spec':{'template':{'spec':{'schedulerName':'x'}}}}");
    CHECK(!t.did);
    finish(&t);
    run(&t, &configs, "{'metadata':{'labels':{'a.kubenexus.io/x':'1'}},'spec':{}}");
    CHECK(!t.did);
    finish(&t);
    CHECK(complete_is_our_key(STR("kubenexus.io/x")));
    CHECK(complete_is_our_key(STR("a.b.ganglion.io/x")));
    CHECK(!complete_is_our_key(STR("kubenexus.io")));
    CHECK(!complete_is_our_scheduler(STR("default-scheduler")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_job),          cmocka_unit_test(numa_pod),
        cmocka_unit_test(service_deployment),    cmocka_unit_test(what_the_user_wrote_stays),
        cmocka_unit_test(others_are_left_alone),
    };
    return CHECK_MAIN(tests);
}
