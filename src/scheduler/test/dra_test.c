/* SPDX-License-Identifier: Apache-2.0
 * dra_test — claims get devices: what fits, what does not and why, what is written, and that a
 * device is never held twice. The rules are those of Kubernetes' documentation of dynamic resource
 * allocation. */
#include "scheduler/test/dra_fixture.h"

static void put_pod(struct sched_core *s, const char *name, const char *claim)
{
    char spec[200];
    snprintf(spec, sizeof spec, ",'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]", claim);
    fixture_pod(s, (struct fixture_pod){ .name = name, .spec = spec }, at_s(0));
}

/* The next decision; what the claims of its first pod got, as "device,device", or the message. */
static struct str step(struct sched_core *s, struct arena *a)
{
    struct decision d;
    static int64_t now; /* each step is beyond every back-off of the one before */
    core_step(s, at_s(now += 1000), a, &d);
    if (d.kind != DECISION_BIND)
        return d.kind == DECISION_WAIT ? d.message : STR("nothing");
    size_t n;
    struct str out = STR("");
    struct dra_write *w = dra_writes(d.items[0].pod, a, &n);
    for (size_t i = 0; i < n; i++)
        out = devices_text(a, out, json_root(w[i].allocation));
    return out;
}

/* ---- what is chosen, on one node with four GPUs: A100, H100, A100, H100 in cells 0 0 1 1 ---- */

struct row {
    const char *requests, *more, *want; /* want: devices, or a part of the message */
};

static const struct row choices[] = {
    { "{'name':'r','exactly':{" CLASS "}}", "", "gpu-0" },
    { "{'name':'r','exactly':{" CLASS ",'count':3}}", "", "gpu-0,gpu-1,gpu-2" },
    { "{'name':'r','exactly':{" CLASS ",'count':5}}", "", "cannot allocate all claims" },
    { "{'name':'r','exactly':{" CLASS ",'allocationMode':'All'}}", "", "gpu-0,gpu-1,gpu-2,gpu-3" },
    { "{'name':'r','exactly':{" CLASS ",'allocationMode':'All','selectors':[{'cel':{'expression':'"
      "device.attributes[\\\'gpu.example.com\\\'].index > 7'}}]}}",
      "", "cannot allocate all claims" },
    { "{'name':'r','exactly':{" CLASS ",'selectors':[{'cel':{'expression':'device.attributes["
      "\\\'gpu.example.com\\\'].model == \\\'H100\\\''}}]}}",
      "", "gpu-1" },
    { "{'name':'r','exactly':{" CLASS
      ",'selectors':[{'cel':{'expression':'device.capacity[\\\'gpu.example.com\\\'].memory."
      "isGreaterThan(quantity(\\\'80Gi\\\'))'}}]}}",
      "", "cannot allocate all claims" },
    { "{'name':'r','exactly':{" CLASS
      ",'selectors':[{'cel':{'expression':'device.attributes[\\\'gpu.example.com\\\']."
      "driverVersion.isGreaterThan(semver(\\\'535.0.9\\\'))'}}]}}",
      "", "gpu-0" },
    { "{'name':'r','exactly':{" CLASS
      ",'selectors':[{'cel':{'expression':'device.attributes[\\\'other.example.com\\\'].?model."
      "orValue(\\\'none\\\') == \\\'none\\\''}}]}}",
      "", "gpu-0" },
    { "{'name':'r','exactly':{" CLASS ",'selectors':[{'cel':{'expression':'device.attributes["
      "\\\'other.example.com\\\'].model == \\\'x\\\''}}]}}",
      "", "no such key: model" },
    { "{'name':'r','exactly':{" CLASS ",'selectors':[{'cel':{'expression':'device.nope'}}]}}", "",
      "undefined field 'nope'" },
    /* the first pair that agrees is not the first two devices */
    { "{'name':'r','exactly':{" CLASS ",'count':2}}",
      ",'constraints':[{'matchAttribute':'gpu.example.com/model'}]", "gpu-0,gpu-2" },
    { "{'name':'r','exactly':{" CLASS ",'count':2}}",
      ",'constraints':[{'distinctAttribute':'gpu.example.com/numa'}]", "gpu-0,gpu-2" },
    { "{'name':'r','exactly':{" CLASS ",'count':3}}",
      ",'constraints':[{'matchAttribute':'gpu.example.com/model'}]", "cannot allocate" },
    { "{'name':'r','exactly':{" CLASS ",'count':2}}",
      ",'constraints':[{'matchAttribute':'gpu.example.com/absent'}]", "cannot allocate" },
    /* two requests: both constraints at once need backtracking in the first one */
    { "{'name':'a','exactly':{" CLASS "}},{'name':'b','exactly':{" CLASS
      ",'selectors':[{'cel':{'expression':'device.attributes[\\\'gpu.example.com\\\'].index == "
      "3'}}]}}",
      ",'constraints':[{'matchAttribute':'gpu.example.com/numa','requests':['a','b']},"
      "{'distinctAttribute':'gpu.example.com/index'}]",
      "gpu-2,gpu-3" },
    { "{'name':'r','firstAvailable':[{'name':'big'," CLASS ",'count':9},{'name':'two'," CLASS
      ",'count':2}]}",
      "", "gpu-0,gpu-1" },
    { "{'name':'r','exactly':{'deviceClassName':'absent'}}", "",
      "request r: device class absent does not exist" },
};

static void choosing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct sched_core *s = core_with_nodes(1);
        put_class(s, "gpu", "device.driver == \\'gpu.example.com\\'");
        put_gpus(s, 0, 4);
        put_claim(s, "c", choices[i].requests, choices[i].more);
        put_pod(s, "p", "c");
        CHECK(has(step(s, a), choices[i].want));
        core_free(s);
    }
}

/* ---- who holds what ---- */

static void held_once(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(2);
    put_class(s, "gpu", "true");
    put_gpus(s, 1, 1);
    put_claim(s, "c1", "{'name':'r','exactly':{" CLASS "}}", "");
    put_claim(s, "c2", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "p1", "c1");
    CHECK_STR(step(s, a), "gpu-0");
    CHECK_STR(core_pod(s, STR("default"), STR("p1"))->kept ? STR("kept") : STR(""), "");
    put_pod(s, "p2", "c2");
    CHECK_STR(step(s, a),
              "0/2 nodes are available: 2 cannot allocate all claims. preemption: 0/2 nodes "
              "are available: 2 No preemption victims found for incoming pod.");
    core_pod_del(s, STR("default"), STR("p1"), at_s(2)); /* never bound: the device is free again */
    CHECK_STR(step(s, a), "gpu-0");
    core_free(s);
}

static void shared_claim_pins(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(3);
    put_class(s, "gpu", "true");
    put_gpus(s, 2, 1);
    put_claim(s, "c", "{'name':'r','exactly':{" CLASS "}}", "");
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        put_pod(s, name, "c");
        CHECK_STR(step(s, a), "gpu-0");
        CHECK_I64(core_pod(s, STR("default"), str_from(name))->node, 2);
    }
    core_free(s);
}

static void restart_keeps(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put(s, DRA_CLAIM,
        fixture_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
            "'namespace':'default','name':'held','uid':'x'},'spec':{'devices':{'requests'"
            ":[{'name':'r','exactly':{" CLASS "}}]}},'status':{'allocation':{'devices':"
            "{'results':[{'request':'r','driver':'gpu.example.com','pool':'n0','device':"
            "'gpu-0'}]}},'reservedFor':[{'resource':'pods','name':'p','uid':'u'}]}}"));
    put_gpus(s, 0, 2); /* after the claim: the ledger follows */
    put_claim(s, "c", "{'name':'r','exactly':{" CLASS "}}", "");
    put_claim(s, "d", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "p", "c");
    CHECK_STR(step(s, a), "gpu-1");
    put_pod(s, "q", "d");
    CHECK(has(step(s, a), "cannot allocate all claims"));
    AUTO(kobj_unrefp)
    struct kobj *gone = fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim',"
                                       "'metadata':{'namespace':'default','name':'held'}}");
    core_device_del(s, DRA_CLAIM, gone, at_s(2));
    CHECK_STR(step(s, a), "gpu-0");
    core_free(s);
}

static void gangs_roll_back(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(2);
    put_class(s, "gpu", "true");
    put_gpus(s, 0, 1);
    put_gpus(s, 1, 1);
    static const char meta[] = ",'labels':{'pod-group.scheduling.kubenexus.io/name':'g',"
                               "'pod-group.scheduling.kubenexus.io/min-available':'3'}";
    for (int i = 0; i < 3; i++) {
        char name[8], spec[100];
        snprintf(name, sizeof name, "g%d", i);
        snprintf(spec, sizeof spec, ",'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]",
                 name);
        put_claim(s, name, "{'name':'r','exactly':{" CLASS "}}", "");
        fixture_pod(s, (struct fixture_pod){ .name = name, .meta = meta, .spec = spec }, at_s(0));
    }
    CHECK(has(step(s, a), "2 of 3 members fit"));
    put_claim(s, "one", "{'name':'r','exactly':{" CLASS "}}", ""); /* nothing is left held */
    put_pod(s, "one", "one");
    CHECK_STR(step(s, a), "gpu-0");
    core_free(s);
}

/* ---- kinds of devices ---- */

static void partitions(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put(s, DRA_SLICE,
        fixture_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':'s'},"
            "'spec':{'driver':'gpu.example.com','pool':{'name':'n0','generation':2,"
            "'resourceSliceCount':1},'nodeName':'n0','sharedCounters':[{'name':'g','counters':{"
            "'slots':{'value':'4'}}}],'devices':["
            "{'name':'whole','consumesCounters':[{'counterSet':'g','counters':{'slots':{'value':'4'"
            "}}}]},"
            "{'name':'half-0','consumesCounters':[{'counterSet':'g','counters':{'slots':{'value':'"
            "2'}}}]},"
            "{'name':'half-1','consumesCounters':[{'counterSet':'g','counters':{'slots':{'value':'"
            "2'}}}]},"
            "{'name':'odd','consumesCounters':[{'counterSet':'absent','counters':{'slots':{'value':"
            "'1'}}"
            "}]}]}}"));
    static const char half[] = "{'name':'r','exactly':{" CLASS
                               ",'selectors':[{'cel':{'expression':'device.driver != \\\'\\\''}}]"
                               ",'count':2}}";
    put_claim(s, "c1", half, "");
    put_pod(s, "p1", "c1");
    CHECK_STR(step(s, a), "half-0,half-1"); /* whole and any other do not go together */
    put_claim(s, "c2", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "p2", "c2");
    CHECK(has(step(s, a), "cannot allocate all claims"));
    core_pod_del(s, STR("default"), STR("p1"), at_s(2));
    CHECK_STR(step(s, a), "half-0"); /* the least that will do */
    core_free(s);
}

static void consumable(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "device.allowMultipleAllocations");
    put_slice(
        s, "n0", "'nodeName':'n0'",
        "{'name':'nic','allowMultipleAllocations':true,'capacity':{'bandwidth':{'value':'10G',"
        "'requestPolicy':{'default':'1G','validRange':{'min':'1G','step':'1G','max':'8G'}}}}}");
    static const char *const asks[][2] = {
        { "3500M", "4G" }, { "4500M", "5G" }, { "2G", NULL }, { "9G", NULL }
    };
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        char name[8], request[200];
        snprintf(name, sizeof name, "c%zu", i);
        snprintf(request, sizeof request,
                 "{'name':'r','exactly':{" CLASS ",'capacity':{'requests':{'bandwidth':'%s'}}}}",
                 asks[i][0]);
        put_claim(s, name, request, "");
        put_pod(s, name, name);
        struct str got = step(s, a);
        CHECK(has(got, asks[i][1] ? "nic" : "cannot allocate all claims"));
        size_t n;
        struct dra_write *w = dra_writes(core_pod(s, STR("default"), str_from(name)), a, &n);
        struct json r =
            json_at(json_path(json_root(n ? w[0].allocation : NULL), "devices.results"), 0);
        if (asks[i][1])
            CHECK_STR_EQ(json_str(json_path(r, "consumedCapacity.bandwidth")),
                         str_from(asks[i][1]));
        CHECK_I64(json_str(json_get(r, STR("shareID"))).n, asks[i][1] ? 36 : 0);
    }
    put_claim(s, "small", "{'name':'r','exactly':{" CLASS "}}", ""); /* the policy's default: 1G */
    put_pod(s, "small", "small");
    CHECK_STR(step(s, a), "nic");
    core_free(s);
}

static void taints_and_admins(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_slice(s, "n0", "'nodeName':'n0'",
              "{'name':'sick','taints':[{'key':'health','value':'bad','effect':'NoSchedule'}]}");
    put_claim(s, "c", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "p", "c");
    CHECK(has(step(s, a), "cannot allocate all claims"));
    put_claim(s, "t",
              "{'name':'r','exactly':{" CLASS ",'tolerations':[{'key':'health','operator':'Exists',"
              "'effect':'NoSchedule'}]}}",
              "");
    put_pod(s, "q", "t");
    CHECK_STR(step(s, a), "sick");
    put_claim(s, "admin",
              "{'name':'r','exactly':{" CLASS ",'adminAccess':true,'tolerations':[{'operator':"
              "'Exists'}]}}",
              "");
    put_pod(s, "r", "admin");
    CHECK_STR(step(s, a), "sick"); /* beside the holder */
    core_free(s);
}

static void network_devices(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(2);
    put_class(s, "gpu", "true");
    put_slice(s, "net",
              "'nodeSelector':{'nodeSelectorTerms':[{'matchExpressions':[{'key':'zone','operator':"
              "'In','values':['b']}]}]}",
              "{'name':'far'}");
    put_claim(s, "c", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "p", "c");
    CHECK_STR(step(s, a), "far");
    const struct spod *p = core_pod(s, STR("default"), STR("p"));
    CHECK_I64(p->node, 1);
    size_t n;
    struct dra_write *w = dra_writes(p, a, &n);
    CHECK_STR(
        json_text(json_path(json_root(w[0].allocation), "nodeSelector.nodeSelectorTerms")),
        "[{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":\"In\",\"values\":[\"b\"]}]}]");
    put_slice(s, "all", "'allNodes':true", "{'name':'any'},{'name':'pinning','bindsToNode':true}");
    put_claim(s, "d", "{'name':'r','exactly':{" CLASS ",'count':2}}", "");
    put_pod(s, "q", "d");
    CHECK_STR(step(s, a), "any,pinning");
    w = dra_writes(core_pod(s, STR("default"), STR("q")), a, &n);
    CHECK(has(json_text(json_path(json_root(w[0].allocation), "nodeSelector")), "metadata.name"));
    core_free(s);
}

static void pools_wait_for_their_slices(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_gpus(s, 0, 1);
    put(s, DRA_SLICE,
        fixture_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':"
            "'s-new'},'spec':{'driver':'gpu.example.com','pool':{'name':'n0','generation':"
            "2,'resourceSliceCount':2},'nodeName':'n0','devices':[{'name':'new'}]}}"));
    put_claim(s, "c", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "p", "c");
    CHECK(has(step(s, a), "cannot allocate all claims")); /* generation 2 is half there */
    put(s, DRA_SLICE,
        fixture_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{'name':"
            "'s-n0'},'spec':{'driver':'gpu.example.com','pool':{'name':'n0','generation':"
            "2,'resourceSliceCount':2},'nodeName':'n0','devices':[{'name':'more'}]}}"));
    CHECK_STR(step(s, a), "more");
    core_free(s);
}

static void waiting(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_gpus(s, 0, 1);
    put_pod(s, "p", "late");
    CHECK(has(step(s, a), "resourceclaim.resource.k8s.io \"late\" not found"));
    put_claim(s, "late", "{'name':'r','exactly':{" CLASS "}}", "");
    CHECK_STR(step(s, a), "gpu-0");
    fixture_pod(s,
                (struct fixture_pod){
                    .name = "t",
                    .spec = ",'resourceClaims':[{'name':'c','resourceClaimTemplateName':'t'}]" },
                at_s(0));
    CHECK(has(step(s, a), "is not created yet"));
    core_free(s);
}

/* ---- streams that lag: between the write and the claim's event the device is not free ---- */

/* Claim "a" as an event of that revision tells, with gpu-0 or nothing. */
static void claim_event(struct sched_core *s, int revision, bool allocated)
{
    put(s, DRA_CLAIM,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
                       "'namespace':'default','name':'a','uid':'claim-a','resourceVersion':'%d'},"
                       "'spec':{'devices':{'requests':[{'name':'r','exactly':{" CLASS "}}]}},"
                       "'status':{%s}}",
                       revision,
                       allocated ? "'allocation':{'devices':{'results':[{'request':'r','driver':"
                                   "'gpu.example.com','pool':'n0','device':'gpu-0'}]}}"
                                 : ""));
}

/* One GPU; pod a was decided to have it, and its claim was sent. */
static struct sched_core *core_that_sent(void)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_gpus(s, 0, 1);
    claim_event(s, 3, false);
    put_pod(s, "a", "a");
    CHECK_STR(step(s, a), "gpu-0");
    dra_sent(core_pod(s, STR("default"), STR("a")));
    return s;
}

/* A second pod wants the one device: does it get it? */
static bool is_free(struct sched_core *s)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    put_claim(s, "b", "{'name':'r','exactly':{" CLASS "}}", "");
    put_pod(s, "b", "b");
    bool got = str_is(step(s, a), "gpu-0");
    core_pod_del(s, STR("default"), STR("b"), at_s(0));
    return got;
}

static void bound_event(struct sched_core *s, const char *meta)
{
    fixture_pod(s,
                (struct fixture_pod){ .name = "a",
                                      .meta = meta,
                                      .node = "n0",
                                      .spec = ",'resourceClaims':[{'name':'c',"
                                              "'resourceClaimName':'a'}]" },
                at_s(0));
}

static void a_bound_pod_that_changed_keeps(void **state)
{
    (void)state;
    const struct claim_id id = { STR("default"), STR("a"), STR("claim-a") };
    struct sched_core *s = core_that_sent();
    bound_event(s, ",'labels':{'new':'label'}"); /* read anew, as a pod that we never placed */
    CHECK(!is_free(s));
    claim_event(s, 4, false); /* somebody labelled the claim before */
    CHECK(!is_free(s));
    claim_event(s, 5, true);
    CHECK(!is_free(s));
    core_claim_answered(s, &id, 5, at_s(0));
    core_pod_del(s, STR("default"), STR("a"), at_s(0));
    CHECK(!is_free(s)); /* until it is released */
    claim_event(s, 6, false);
    CHECK(is_free(s));
    core_free(s);
}

static void a_pod_that_went_keeps(void **state)
{
    (void)state;
    struct sched_core *s = core_that_sent();
    const struct claim_id id = { STR("default"), STR("a"), STR("claim-a") };
    core_pod_del(s, STR("default"), STR("a"), at_s(0));
    CHECK(!is_free(s)); /* the write may still succeed */
    core_claim_answered(s, &id, 5, at_s(0));
    CHECK(!is_free(s)); /* it did */
    claim_event(s, 4, false);
    CHECK(!is_free(s)); /* of before */
    claim_event(s, 7, false);
    CHECK(is_free(s)); /* allocated and released between two events */
    core_free(s);
}

static void a_refusal_frees(void **state)
{
    (void)state;
    struct sched_core *s = core_that_sent();
    const struct claim_id id = { STR("default"), STR("a"), STR("claim-a") };
    const struct claim_id other = { STR("default"), STR("a"), STR("another") };
    const struct pod_id pod = { STR("default"), STR("a"), STR("a") };
    core_forget(s, &pod, 1, at_s(0));
    core_pod_del(s, STR("default"), STR("a"), at_s(0));
    core_claim_answered(s, &other, 0, at_s(0));
    CHECK(!is_free(s));
    core_claim_answered(s, &id, 3, at_s(0)); /* read: as it was before */
    CHECK(is_free(s));
    core_free(s);
}

/* Two pods share the claim, and a write of each is underway. */
static struct sched_core *core_that_sent_twice(void)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_that_sent();
    put_pod(s, "a2", "a");
    CHECK_STR(step(s, a), "gpu-0");
    dra_sent(core_pod(s, STR("default"), STR("a2")));
    return s;
}

static void the_second_plan_holds_when_the_first_is_refused(void **state)
{
    (void)state;
    const struct claim_id id = { STR("default"), STR("a"), STR("claim-a") };
    struct sched_core *s = core_that_sent_twice();
    core_pod_del(s, STR("default"), STR("a"), at_s(0));
    core_claim_answered(s, &id, 3, at_s(0)); /* nothing was written */
    core_pod_del(s, STR("default"), STR("a2"), at_s(0));
    CHECK(!is_free(s)); /* the other write may land */
    core_claim_answered(s, &id, 3, at_s(0));
    CHECK(is_free(s));
    core_free(s);
}

static void the_second_plan_holds_when_the_first_is_over(void **state)
{
    (void)state;
    const struct claim_id id = { STR("default"), STR("a"), STR("claim-a") };
    struct sched_core *s = core_that_sent_twice();
    core_claim_answered(s, &id, 4, at_s(0));
    claim_event(s, 4, true);
    core_pod_del(s, STR("default"), STR("a"), at_s(0));
    core_pod_del(s, STR("default"), STR("a2"), at_s(0));
    claim_event(s, 5, false); /* its one known user is gone: released */
    CHECK(!is_free(s));
    claim_event(s, 6, true); /* there it is */
    claim_event(s, 7, false);
    CHECK(!is_free(s)); /* still no answer: this may have been somebody else's doing */
    core_claim_answered(s, &id, 6, at_s(0));
    CHECK(is_free(s));
    core_free(s);
}

static void another_claim_of_the_name_holds_nothing(void **state)
{
    (void)state;
    struct sched_core *s = core_that_sent();
    put(s, DRA_CLAIM,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
                       "'namespace':'default','name':'a','uid':'new'}}"));
    CHECK(is_free(s));
    core_free(s);
}

/* Claims and pods come and go at random; at every moment no device is held by two. */
static void never_twice(void **state)
{
    (void)state;
    struct sched_core *s = core_with_nodes(3);
    put_class(s, "gpu", "true");
    for (int i = 0; i < 3; i++)
        put_gpus(s, i, 4);
    for (int i = 0; i < 600; i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        char name[8], request[100];
        snprintf(name, sizeof name, "p%d", (int)check_random_below(20));
        snprintf(request, sizeof request, "{'name':'r','exactly':{" CLASS ",'count':%d}}",
                 (int)check_random_below(4) + 1);
        if (core_pod(s, STR("default"), str_from(name))) {
            core_pod_del(s, STR("default"), str_from(name), at_s(i));
        } else {
            put_claim(s, name, request, "");
            put_pod(s, name, name);
        }
        if (check_random_below(20) == 0)
            put_gpus(s, (int)check_random_below(3), 4);
        struct decision d;
        core_step(s, at_s(i), a, &d);
        struct dra *dra = core_cluster(s)->snap.dra;
        size_t held = 0, said = 0;
        dra_refresh(dra);
        for (size_t k = 0; k < dra->devices.n; k++) {
            CHECK(dra->devices.items[k]->holders >= 0 && dra->devices.items[k]->holders <= 1);
            held += (size_t)dra->devices.items[k]->holders;
        }
        const struct map_slot *slot;
        for (size_t k = 0; (slot = map_next(&dra->claims, &k));) {
            const struct dra_allocation *al = dra_allocation_of(slot->value);
            said += al ? al->n : 0;
        }
        CHECK_I64(held, said);
    }
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choosing),
        cmocka_unit_test(held_once),
        cmocka_unit_test(shared_claim_pins),
        cmocka_unit_test(restart_keeps),
        cmocka_unit_test(gangs_roll_back),
        cmocka_unit_test(partitions),
        cmocka_unit_test(consumable),
        cmocka_unit_test(taints_and_admins),
        cmocka_unit_test(network_devices),
        cmocka_unit_test(pools_wait_for_their_slices),
        cmocka_unit_test(waiting),
        cmocka_unit_test(never_twice),
        cmocka_unit_test(a_bound_pod_that_changed_keeps),
        cmocka_unit_test(a_pod_that_went_keeps),
        cmocka_unit_test(a_refusal_frees),
        cmocka_unit_test(the_second_plan_holds_when_the_first_is_refused),
        cmocka_unit_test(the_second_plan_holds_when_the_first_is_over),
        cmocka_unit_test(another_claim_of_the_name_holds_nothing),
    };
    return CHECK_MAIN(tests);
}
