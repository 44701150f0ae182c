/* SPDX-License-Identifier: Apache-2.0
 * Devices asked for by number (example.com/gpu: 1) that only a DeviceClass offers: which class it
 * is, which pods need a claim made for them, and that with it they are placed by it. */
#include "scheduler/test/dra_fixture.h"

static void
put_extended_class(struct sched_core *s, const char *name, const char *resource, int day)
{
    put(s, DRA_CLASS,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'DeviceClass','metadata':{"
                       "'name':'%s','creationTimestamp':'2026-01-%02dT00:00:00Z'},'spec':{"
                       "'extendedResourceName':'%s'}}",
                       name, day, resource));
}

/* mapped: it has claim "special" already. */
static void put_asking(struct sched_core *s, const char *name, const char *resource, bool mapped)
{
    char status[300] = "'phase':'Pending'";
    if (mapped)
        snprintf(status, sizeof status,
                 "'extendedResourceClaimStatus':{'resourceClaimName':'special','requestMappings':[{"
                 "'containerName':'c','resourceName':'%s','requestName':'container-0-request-0'}]}",
                 resource);
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default','name':'%s','uid':'u-%s'"
        "},'spec':{'schedulerName':'ganglion','containers':[{'name':'c','image':'i','resources':{"
        "'requests':{'cpu':'1','%s':'1'}}}]},'status':{%s}}",
        name, name, resource, status);
    core_pod_set(s, o, at_s(0));
}

static void step(struct sched_core *s, struct arena *a, struct decision *d)
{
    static int64_t now;
    core_step(s, at_s(now += 1000), a, d);
}

static void which_class(void **state)
{
    (void)state;
    struct sched_core *s = core_with_nodes(1);
    const struct dra *d = core_cluster(s)->snap.dra;
    put_extended_class(s, "old", "example.com/gpu", 1);
    put_extended_class(s, "b", "example.com/gpu", 2);
    put_extended_class(s, "a", "example.com/gpu", 2);
    put_extended_class(s, "gpu", "nvidia.com/gpu", 1);
    CHECK_STR(dra_class_of(d, STR("example.com/gpu")), "a");
    CHECK_STR(dra_class_of(d, STR("deviceclass.resource.kubernetes.io/old")), "old");
    CHECK(!dra_class_of(d, STR("deviceclass.resource.kubernetes.io/absent")).p);
    CHECK(!dra_class_of(d, STR("example.com/other")).p);
    CHECK_STR(core_extended_class(s, STR("example.com/gpu")), "a");
    CHECK(!core_extended_class(s, STR("nvidia.com/gpu")).p); /* the node offers it */
    core_free(s);
}

static void each_pod_gets_its_claim(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    struct sched_core *s = core_with_nodes(1);
    put_gpus(s, 0, 2);
    put_asking(s, "p", "example.com/gpu", false);
    put_asking(s, "q", "example.com/gpu", false);
    step(s, a, &d);
    CHECK(d.kind == DECISION_WAIT && d.n_unclaimed == 0); /* no class: it may come from a node */
    CHECK(has(d.message, "Insufficient example.com/gpu"));
    put_extended_class(s, "gpu", "example.com/gpu", 1); /* wakes them */
    size_t asked = 0;
    for (int i = 0; i < 6 && asked < 2; i++) {
        step(s, a, &d);
        CHECK(d.kind != DECISION_BIND);
        asked += d.n_unclaimed;
    }
    CHECK_I64(asked, 2);
    core_free(s);
}

static void it_is_placed_by_its_claim(void **state)
{
    (void)state;
    static const char *const resources[] = { "example.com/gpu",
                                             "deviceclass.resource.kubernetes.io/gpu",
                                             "amd.com/gpu" };
    for (size_t i = 0; i < COUNT_OF(resources); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct decision d;
        struct sched_core *s = core_with_nodes(2);
        put_extended_class(s, "gpu", "example.com/gpu", 1);
        put_gpus(s, 1, 1);
        put_asking(s, "p", resources[i], false);
        step(s, a, &d);
        put_claim(s, "special",
                  "{'name':'container-0-request-0','exactly':{'deviceClassName':'gpu'}}", "");
        put_asking(s, "p", resources[i], true);
        step(s, a, &d);
        CHECK(d.kind == DECISION_BIND);
        CHECK_STR(fixture_where(s, "p"), "n1");
        size_t n;
        struct dra_write *w = dra_writes(core_pod(s, STR("default"), STR("p")), a, &n);
        CHECK_I64(n, 1);
        CHECK_STR(devices_text(a, STR(""), json_root(w->allocation)), "gpu-0");
        core_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_class),
        cmocka_unit_test(each_pod_gets_its_claim),
        cmocka_unit_test(it_is_placed_by_its_claim),
    };
    return CHECK_MAIN(tests);
}
