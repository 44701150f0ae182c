/* SPDX-License-Identifier: Apache-2.0
 * Days decided anew: what waits starts when something changes, pods run as long as they did, and
 * what followed from an old decision is not taken for something that happened by itself. */
#include "sim/whatif.h"

#include <stdio.h>

#include "scheduler/test/fixture.h"
#include "sim/whatif_change.h"

#define SECOND(n) ((n)*NS_PER_S)
#define START INT64_C(1795339126000000000)

/* ---- a day, told line by line ---- */

struct pod_facts {
    const char *name, *uid, *gang, *node, *phase;
    int members, gpus, priority;
    const char *meta, *spec; /* more, with a leading comma */
    const char *conditions;
};

static void hear(struct day *d, double at, enum input_kind kind, struct kobj *o, bool gone)
{
    const struct core_input in = {
        .kind = kind, .now = { (int64_t)(at * 1e9) }, .obj = o, .gone = gone
    };
    day_hear(d, &in);
    kobj_unref(o);
}

static struct day *day_begins(void)
{
    struct day *d = day_new();
    const struct record_header h = { .wall = { START }, .seed = 7 };
    day_begin(d, &h);
    return d;
}

static void node(struct day *d, double at, const char *name, bool gone)
{
    hear(d, at, INPUT_NODE,
         fixture_object(
             "{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s','labels':{"
             "'nvidia.com/gpu.product':'NVIDIA-H100-80GB-HBM3'}},'status':{'allocatable':{"
             "'cpu':'64','memory':'64Gi','pods':'110','nvidia.com/gpu':'8'}}}",
             name),
         gone);
}

static void step(struct day *d, double at)
{
    const struct core_input in = { .kind = INPUT_STEP, .now = { (int64_t)(at * 1e9) } };
    day_hear(d, &in);
}

static struct kobj *pod_object(const struct pod_facts *p)
{
    char gang[300] = "", where[80] = "";
    if (p->gang)
        snprintf(gang, sizeof gang,
                 ",'labels':{'pod-group.scheduling.kubenexus.io/name':'%s',"
                 "'pod-group.scheduling.kubenexus.io/min-available':'%d'}",
                 p->gang, p->members);
    if (p->node)
        snprintf(where, sizeof where, ",'nodeName':'%s'", p->node);
    return fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'d','name':'%s','uid':"
        "'%s'%s%s},'spec':{'schedulerName':'ganglion','priority':%d,'restartPolicy':"
        "'Never'%s%s,'containers':[{'name':'c','image':'i','resources':{'requests':{"
        "'nvidia.com/gpu':'%d'}}}]},'status':{'phase':'%s','conditions':[%s]}}",
        p->name, p->uid ? p->uid : p->name, gang, p->meta ? p->meta : "", p->priority,
        p->spec ? p->spec : "", where, p->gpus, p->phase ? p->phase : "Pending",
        p->conditions ? p->conditions : "");
}

static void pod(struct day *d, double at, struct pod_facts p)
{
    hear(d, at, INPUT_POD, pod_object(&p), false);
}

static void pod_gone(struct day *d, double at, struct pod_facts p)
{
    hear(d, at, INPUT_POD, pod_object(&p), true);
}

/* A pod that came, ran there from `bound` to `ended` and stays as Succeeded. */
static void pod_ran(struct day *d, struct pod_facts p, double bound, double ended)
{
    p.node = "n0";
    p.phase = "Running";
    pod(d, bound, p);
    p.phase = "Succeeded";
    pod(d, ended, p);
}

/* ---- asking ---- */

static struct whatif ask(struct day *d, struct whatif_change *w, double seconds)
{
    struct whatif out;
    struct err err = { 0 };
    const struct scene_change none = { 0 };
    const struct scene_change c = w ? whatif_change_get(w) : none;
    CHECK_OK(whatif_run(&out, d, &c, START + (int64_t)(seconds * 1e9), &err), err);
    return out;
}

static struct whatif_change *added(struct day *d, const char *nodes)
{
    struct whatif_change *w = whatif_change_new(d);
    struct err err = { 0 };
    CHECK_OK(whatif_add_nodes(w, str_from(nodes), &err), err);
    return w;
}

static void check_about(int64_t ns, double seconds)
{
    double got = (double)ns / 1e9;
    if (got < seconds - 0.3 || got > seconds + 0.3)
        fail_msg("%.3f s, wanted about %.1f s", got, seconds);
}

static void test_a_node_starts_a_waiting_gang(void **state)
{
    (void)state;
    struct day *d = day_begins();
    node(d, 0, "n0", false);
    step(d, 0);
    for (int i = 0; i < 2; i++)
        pod(d, 1,
            (struct pod_facts){ .name = i ? "g-1" : "g-0", .gang = "g", .members = 2, .gpus = 8 });
    step(d, 100);
    day_finish(d);
    struct whatif_change *w = added(d, "1:h100");
    struct whatif r = ask(d, w, 100);
    CHECK_I64(r.pods, 2);
    CHECK_I64(r.gangs, 1);
    CHECK_I64(r.was.started, 0);
    CHECK_I64(r.was.waiting, 2);
    CHECK_I64(r.would.started, 2);
    CHECK_I64(r.only_would, 2);
    CHECK_I64(r.n_differ, 1);
    CHECK_STR(r.differ[0].key, "d/g");
    CHECK_I64(r.differ[0].was, DAY_NEVER);
    check_about(r.differ[0].would, 0);
    check_about(r.queues[0].was.p50, 99);
    check_about(r.queues[0].would.p99, 0);
    CHECK_STR(whatif_change_words(w), "1 node like n0 added");
    CHECK_I64(r.n_waiting, 0);
    whatif_fini(&r);
    r = ask(d, NULL, 100);
    CHECK_I64(r.n_waiting, 1);
    CHECK(
        str_starts(r.waiting[0].why, STR("gang d/g: 1 of 2 members fit: 0/1 nodes are available")));
    whatif_fini(&r);
    whatif_change_free(w);
    day_free(d);
}

/* The second of two gangs waits until the first has run its recorded time: with another node both
 * start at once. GPUs are counted by the second. */
static void test_pods_run_as_long_as_they_did(void **state)
{
    (void)state;
    struct day *d = day_begins();
    const struct pod_facts first = { .name = "a", .gpus = 8 }, second = { .name = "b", .gpus = 4 };
    node(d, 0, "n0", false);
    step(d, 0);
    pod(d, 1, first);
    pod(d, 1, second);
    pod_ran(d, first, 1, 31);
    pod_ran(d, second, 31, 41);
    step(d, 60);
    day_finish(d);
    struct whatif_change *w = added(d, "1:n0");
    struct whatif r = ask(d, w, 60);
    check_about(r.queues[0].was.p99, 30);
    check_about(r.queues[0].would.p99, 0);
    CHECK_I64(r.earlier, 1);
    CHECK_I64(r.recorded, 2);
    CHECK_I64(r.alike, 2);
    check_about((int64_t)(r.was.gpu_used * 1e9), 8 * 30 + 4 * 10);
    check_about((int64_t)(r.was.gpu_offered * 1e9), 8 * 60);
    check_about((int64_t)(r.would.gpu_used * 1e9), 8 * 30 + 4 * 10);
    check_about((int64_t)(r.would.gpu_offered * 1e9), 16 * 60);
    whatif_fini(&r);
    whatif_change_free(w);
    day_free(d);
}

#define OWNED                                                                                      \
    ",'ownerReferences':[{'apiVersion':'batch/v1','kind':'Job','name':'j','uid':'j1','controller'" \
    ":true}]"

/* The recorded day: low runs, high preempts it, the Job makes low again, which runs 20 s. With a
 * second node nobody is preempted, and there is only one low. */
static void test_what_followed_from_a_preemption(void **state)
{
    (void)state;
    struct day *d = day_begins();
    const struct pod_facts low = { .name = "low", .gpus = 8, .meta = OWNED };
    const struct pod_facts high = { .name = "high", .gpus = 8, .priority = 100 };
    const struct pod_facts again = { .name = "low-2", .gpus = 8, .meta = OWNED };
    struct pod_facts marked = low;
    node(d, 0, "n0", false);
    step(d, 0);
    pod(d, 1, low);
    marked.node = "n0";
    marked.phase = "Running";
    pod(d, 1, marked);
    pod(d, 5, high);
    marked.conditions =
        "{'type':'DisruptionTarget','status':'True','reason':'PreemptionByScheduler'}";
    pod(d, 5, marked);
    pod_gone(d, 6, marked);
    pod_ran(d, high, 6, 16);
    pod(d, 7, again);
    pod_ran(d, again, 16, 36);
    step(d, 60);
    day_finish(d);
    CHECK(d->pods.items[2]->again && d->pods.items[0]->instead == d->pods.items[2]);
    CHECK_I64(d->pods.items[0]->run_ns, SECOND(20));
    struct whatif_change *w = added(d, "1:n0");
    struct whatif r = ask(d, w, 60);
    CHECK_I64(r.pods, 2);
    CHECK_I64(r.was.started, 2);
    CHECK_I64(r.was.evictions, 1);
    CHECK_I64(r.would.evictions, 0);
    /* 4 s in vain and a second of leaving, 10 s of high, 20 s of low made anew */
    check_about((int64_t)(r.was.gpu_used / 8 * 1e9), 35);
    check_about((int64_t)(r.would.gpu_used / 8 * 1e9), 30);
    whatif_fini(&r);
    whatif_change_free(w);
    day_free(d);
}

static void test_a_service_leaves_when_somebody_removes_it(void **state)
{
    (void)state;
    struct day *d = day_begins();
    struct pod_facts web = { .name = "web",
                             .gpus = 8,
                             .spec = ",'terminationGracePeriodSeconds':0" };
    node(d, 0, "n0", false);
    step(d, 0);
    pod(d, 1, web);
    web.node = "n0";
    AUTO(kobj_unrefp)
    struct kobj *bound = pod_object(&web);
    struct jnode *root;
    AUTO(arena_freep) struct arena *a = arena_new();
    root = jnode_thaw(a, kobj_root(bound));
    jnode_set_str(jnode_get(root, STR("spec")), STR("restartPolicy"), STR("Always"));
    struct kobj *always = NULL;
    CHECK(kobj_freeze(&always, root, NULL) == 0);
    hear(d, 11, INPUT_POD, always, false); /* the recorded scheduler was slow */
    pod_gone(d, 21, web);
    step(d, 60);
    day_finish(d);
    CHECK(d->pods.items[0]->leaves_at);
    struct whatif r = ask(d, NULL, 60);
    check_about((int64_t)(r.was.gpu_used / 8 * 1e9), 20); /* from 1 to 21 */
    whatif_fini(&r);
    day_free(d);
}

static void test_without_a_node(void **state)
{
    (void)state;
    struct day *d = day_begins();
    struct err err = { 0 };
    node(d, 0, "n0", false);
    node(d, 0, "n1", false);
    pod(d, 0, (struct pod_facts){ .name = "r0", .gpus = 4, .node = "n0", .phase = "Running" });
    pod(d, 0, (struct pod_facts){ .name = "r1", .gpus = 6, .node = "n1", .phase = "Running" });
    pod(d, 0, (struct pod_facts){ .name = "s1", .gpus = 1, .node = "n1", .phase = "Running" });
    step(d, 0);
    step(d, 10);
    day_finish(d);
    struct whatif_change *w = whatif_change_new(d);
    CHECK_FAILS(whatif_remove_node(w, STR("n7"), &err), err, ERR_NOT_FOUND);
    CHECK_OK(whatif_remove_node(w, STR("n1"), &err), err);
    struct whatif r = ask(d, w, 20);
    CHECK_I64(r.pods, 0);
    CHECK_I64(r.displaced, 2);
    CHECK_I64(r.stranded, 1); /* six do not fit beside four */
    check_about((int64_t)(r.was.gpu_used / 11 * 1e9), 20);
    check_about((int64_t)(r.would.gpu_used / 5 * 1e9), 20);
    whatif_fini(&r);
    whatif_change_free(w);
    day_free(d);
}

static void claim(struct day *d, double at, const char *name, const char *pod_uid)
{
    hear(d, at, INPUT_CLAIM,
         fixture_object(
             "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{'namespace':"
             "'d','name':'%s','uid':'%s','resourceVersion':'5','ownerReferences':[{'apiVersion':"
             "'v1','kind':'Pod','name':'x','uid':'%s','controller':true}]},'spec':{'devices':{"
             "'requests':[{'name':'g','exactly':{'deviceClassName':'gpu'}}]}}}",
             name, name, pod_uid),
         false);
}

/* One device: the second pod has it when the first, which ran 10 s, gave it back. */
static void test_claims_are_given_back(void **state)
{
    (void)state;
    struct day *d = day_begins();
    node(d, 0, "n0", false);
    hear(d, 0, INPUT_CLASS,
         fixture_object(
             "{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass','metadata':{'name':'gpu'},"
             "'spec':{}}"),
         false);
    hear(d, 0, INPUT_SLICE,
         fixture_object(
             "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':'s'},"
             "'spec':{'driver':'x','nodeName':'n0','pool':{'name':'n0','generation':1,"
             "'resourceSliceCount':1},'devices':[{'name':'g0'}]}}"),
         false);
    step(d, 0);
    const char *const names[] = { "a", "b" };
    for (int i = 0; i < 2; i++) {
        char spec[160], name[16];
        snprintf(name, sizeof name, "claim-%s", names[i]);
        snprintf(spec, sizeof spec, ",'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]",
                 name);
        claim(d, 1, name, names[i]);
        pod(d, 1, (struct pod_facts){ .name = names[i], .spec = spec });
    }
    pod_ran(d, (struct pod_facts){ .name = "a" }, 1, 11);
    pod_ran(d, (struct pod_facts){ .name = "b" }, 14, 19);
    step(d, 60);
    day_finish(d);
    struct whatif r = ask(d, NULL, 60);
    CHECK_I64(r.was.started, 2);
    check_about(r.queues[0].was.p50, 0);
    check_about(r.queues[0].was.p99, 10);
    whatif_fini(&r);
    day_free(d);
}

static void test_another_limit_of_a_queue(void **state)
{
    (void)state;
    static const char wide[] =
        "apiVersion: scheduling.run.ai/v2\nkind: Queue\nmetadata: {name: q}\n"
        "spec: {resources: {gpu: {quota: 8, limit: 8}}}\n";
    struct day *d = day_begins();
    struct err err = { 0 };
    node(d, 0, "n0", false);
    hear(d, 0, INPUT_QUEUE,
         fixture_object(
             "{'apiVersion':'scheduling.run.ai/v2','kind':'Queue','metadata':{'name':'q'},'spec':"
             "{'resources':{'gpu':{'quota':2,'limit':2}}}}"),
         false);
    step(d, 0);
    pod(d, 1,
        (struct pod_facts){
            .name = "p", .gpus = 4, .meta = ",'labels':{'kai.scheduler/queue':'q'}" });
    step(d, 10);
    day_finish(d);
    struct whatif_change *w = whatif_change_new(d);
    CHECK_OK(whatif_add_queue_file(w, str_from(wide), &err), err);
    struct whatif r = ask(d, w, 20);
    CHECK_I64(r.was.started, 0);
    CHECK_I64(r.would.started, 1);
    CHECK_I64(r.n_queues, 2);
    CHECK_STR(r.queues[1].name, "q");
    CHECK_STR(whatif_change_words(w), "Queue q given");
    whatif_fini(&r);
    whatif_change_free(w);
    day_free(d);
}

/* A scheduler that starts again is not told of what went meanwhile. */
static void test_a_second_run(void **state)
{
    (void)state;
    struct day *d = day_begins();
    const struct record_header second = { .mono = { SECOND(500) }, .wall = { START + SECOND(50) } };
    node(d, 0, "n0", false);
    node(d, 0, "n1", false);
    pod(d, 0, (struct pod_facts){ .name = "stays", .gpus = 1, .node = "n0", .phase = "Running" });
    pod(d, 0, (struct pod_facts){ .name = "went", .gpus = 1, .node = "n0", .phase = "Running" });
    step(d, 0);
    day_begin(d, &second);
    node(d, 500, "n0", false);
    pod(d, 500, (struct pod_facts){ .name = "stays", .gpus = 1, .node = "n0", .phase = "Running" });
    step(d, 500);
    step(d, 510);
    day_finish(d);
    CHECK_I64(d->end - d->begin, SECOND(60));
    CHECK_I64(d->pods.n, 2);
    CHECK_I64(d->pods.items[0]->gone, DAY_NEVER);
    CHECK_I64(d->pods.items[1]->run_ns, SECOND(50));
    struct whatif r = ask(d, NULL, 60);
    check_about((int64_t)(r.was.gpu_offered / 8 * 1e9), 50 + 60);
    check_about((int64_t)(r.was.gpu_used * 1e9), 50 + 60);
    whatif_fini(&r);
    day_free(d);
}

static void test_the_same_answer_twice(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct day *d = day_begins();
    struct buf texts[2];
    node(d, 0, "n0", false);
    node(d, 0, "n1", false);
    step(d, 0);
    for (int i = 0; i < 60; i++) {
        char name[16], gang[16];
        snprintf(name, sizeof name, "p%d", i);
        snprintf(gang, sizeof gang, "g%d", i / 3);
        const struct pod_facts p = { .name = name, .gang = gang, .members = 3, .gpus = 1 + i % 4 };
        pod(d, 1 + i / 10, p);
        pod_ran(d, p, 10 + i, 15 + 2 * i);
    }
    step(d, 200);
    day_finish(d);
    for (int i = 0; i < 2; i++) {
        struct whatif_change *w = added(d, "1:gpu4");
        struct whatif r = ask(d, w, 200);
        buf_init(&texts[i], 1 << 20);
        jnode_write(&texts[i], whatif_json(a, &r, whatif_change_words(w)));
        whatif_fini(&r);
        whatif_change_free(w);
    }
    CHECK(texts[0].n > 500);
    CHECK_STR_EQ(buf_view(&texts[0]), buf_view(&texts[1]));
    buf_fini(&texts[0]);
    buf_fini(&texts[1]);
    day_free(d);
}

static void test_wrong_changes(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct day *d = day_begins();
    node(d, 0, "n0", false);
    step(d, 0);
    day_finish(d);
    struct whatif_change *w = whatif_change_new(d);
    static const char *const nodes[] = { "", "0", "x", "-1", "1:nothing", "99999999", ":gpu8" };
    for (size_t i = 0; i < COUNT_OF(nodes); i++)
        CHECK_FAILS(whatif_add_nodes(w, str_from(nodes[i]), &err), err, ERR_INVALID);
    static const char *const files[] = {
        "",    "kind: Pod\nmetadata: {name: p}", "kind: Queue",
        "[1]", "nodes: [{count: -1}]",           "nodes: [{colour: red}]"
    };
    for (size_t i = 0; i < COUNT_OF(files); i++)
        CHECK_FAILS(whatif_add_node_file(w, str_from(files[i]), &err), err, ERR_INVALID);
    CHECK_I64(whatif_change_get(w).n_sets, 0);
    CHECK_STR(whatif_change_words(w), "nothing changed");
    CHECK_OK(whatif_add_node_file(w, STR("nodes:\n- {prefix: 'n', count: 2, shape: gpu4}\n"), &err),
             err);
    const struct scene_change c = whatif_change_get(w);
    CHECK_I64(c.n_sets, 2);
    CHECK_STR(c.sets[0].obj->name, "n1"); /* n0 is taken */
    CHECK_STR(c.sets[1].obj->name, "n2");
    whatif_change_free(w);
    day_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_node_starts_a_waiting_gang),
        cmocka_unit_test(test_pods_run_as_long_as_they_did),
        cmocka_unit_test(test_what_followed_from_a_preemption),
        cmocka_unit_test(test_a_service_leaves_when_somebody_removes_it),
        cmocka_unit_test(test_without_a_node),
        cmocka_unit_test(test_claims_are_given_back),
        cmocka_unit_test(test_another_limit_of_a_queue),
        cmocka_unit_test(test_a_second_run),
        cmocka_unit_test(test_the_same_answer_twice),
        cmocka_unit_test(test_wrong_changes),
    };
    return CHECK_MAIN(tests);
}
