/* SPDX-License-Identifier: Apache-2.0
 * Slices and claims that contradict themselves or what was said before: no device goes to two
 * claims, no sum leaves its range, and no search takes longer for it. */
#include "scheduler/test/dra_fixture.h"

#define REQUEST(more) "{'name':'r','exactly':{" CLASS more "}}"

static struct sched_core *core_with_device(const char *device)
{
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_slice(s, "n0", "'nodeName':'n0'", device);
    return s;
}

/* A pod with a claim of this request; the devices that it got, or why it waits. */
static struct str ask(struct sched_core *s, struct arena *a, const char *name, const char *request)
{
    static int64_t now;
    struct decision d;
    char spec[200];
    put_claim(s, name, request, "");
    snprintf(spec, sizeof spec, ",'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]", name);
    fixture_pod(s, (struct fixture_pod){ .name = name, .spec = spec }, at_s(0));
    core_step(s, at_s(now += 1000), a, &d);
    if (d.kind != DECISION_BIND)
        return d.kind == DECISION_WAIT ? d.message : STR("nothing");
    size_t n;
    struct dra_write *w = dra_writes(core_pod(s, STR("default"), str_from(name)), a, &n);
    return n ? devices_text(a, STR(""), json_root(w[0].allocation)) : STR("");
}

/* A claim that the API gave this result. */
static void put_held(struct sched_core *s, const char *result)
{
    put(s, DRA_CLAIM,
        fixture_object(
            "{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
            "'namespace':'default','name':'held','uid':'held'},'spec':{'devices':{"
            "'requests':[" REQUEST(
                "") "]}},'status':{'allocation':{'devices':{"
                    "'results':[{'request':'r','driver':'gpu.example.com','pool':'n0',%s}]}},"
                    "'reservedFor':[{'resource':'pods','name':'x','uid':'x'}]}}",
            result));
}

#define NIC "{'name':'nic','allowMultipleAllocations':true,'capacity':{'bandwidth':{'value':'%s'}}}"
#define WANT(amount) REQUEST(",'capacity':{'requests':{'bandwidth':'" amount "'}}")

static void no_amount_is_negative(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    char device[200];
    snprintf(device, sizeof device, NIC, "10G");
    struct sched_core *s = core_with_device(device);
    CHECK(has(ask(s, a, "negative", WANT("-90G")), "nic"));
    CHECK(has(ask(s, a, "all", WANT("10G")), "nic"));
    CHECK(has(ask(s, a, "more", WANT("1G")), "cannot allocate all claims"));
    core_free(s);
}

static void sums_stay_in_range(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    char device[200];
    snprintf(device, sizeof device, NIC, "9E");
    struct sched_core *s = core_with_device(device);
    CHECK(has(ask(s, a, "first", WANT("9E")), "nic"));
    CHECK(has(ask(s, a, "second", WANT("9E")), "cannot allocate all claims"));
    core_free(s);
}

static void counters_stay_in_range(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put(s, DRA_SLICE,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{"
                       "'name':'s'},'spec':{'driver':'gpu.example.com','pool':{'name':'n0',"
                       "'generation':1,'resourceSliceCount':1},'nodeName':'n0','sharedCounters':["
                       "{'name':'set','counters':{'c':{'value':'9E'}}}],'devices':["
                       "{'name':'a','consumesCounters':[{'counterSet':'set','counters':{'c':{"
                       "'value':'9E'}}}]},{'name':'b','consumesCounters':[{'counterSet':'set',"
                       "'counters':{'c':{'value':'9E'}}}]}]}}"));
    CHECK_STR(ask(s, a, "first", REQUEST("")), "a");
    CHECK(has(ask(s, a, "second", REQUEST("")), "cannot allocate all claims"));
    core_free(s);
}

/* Shared as long as its driver allowed it; he does not any more. */
static void a_shared_device_is_nobodys_alone(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_device("{'name':'was-shared'}");
    put_held(s, "'device':'was-shared','shareID':'11111111-1111-4111-8111-111111111111'");
    CHECK(has(ask(s, a, "c", REQUEST("")), "cannot allocate all claims"));
    core_free(s);
}

/* As kube-scheduler: a pool in which a name means two devices is not used. */
static void a_pool_with_twins_is_not_used(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_device("{'name':'twin'},{'name':'twin'}");
    CHECK(has(ask(s, a, "c", REQUEST("")), "cannot allocate all claims"));
    put_slice(s, "n0", "'nodeName':'n0'", "{'name':'twin'},{'name':'other'}");
    CHECK_STR(ask(s, a, "d", REQUEST(",'count':2")), "twin,other");
    core_free(s);
}

/* Its deletion was missed: another one of this name came, of another pool. */
static void a_slice_is_in_one_pool(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_device("{'name':'old'}");
    put(s, DRA_SLICE,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{"
                       "'name':'s-n0'},'spec':{'driver':'gpu.example.com','pool':{'name':'new',"
                       "'generation':1,'resourceSliceCount':1},'nodeName':'n0','devices':["
                       "{'name':'new'}]}}"));
    CHECK(has(ask(s, a, "c", REQUEST(",'count':2")), "cannot allocate all claims"));
    CHECK_STR(ask(s, a, "d", REQUEST("")), "new");
    core_free(s);
}

static void pools_go_with_their_slices(void **state)
{
    (void)state;
    struct sched_core *s = core_with_nodes(1);
    struct dra *d = core_cluster(s)->snap.dra;
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        put_slice(s, name, "'nodeName':'n0'", "{'name':'x'}");
        AUTO(kobj_unrefp)
        struct kobj *o = fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':"
                                        "'ResourceSlice','metadata':{'name':'s-%s'}}",
                                        name);
        core_device_del(s, DRA_SLICE, o, at_s(0));
        dra_refresh(d);
    }
    CHECK_I64(d->pools.n, 0);
    core_free(s);
}

/* Who asks for more than there is need not be tried in all ways. */
static void too_many_are_found_missing_at_once(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with_nodes(1);
    put_class(s, "gpu", "true");
    put_gpus(s, 0, 20);
    struct str why = ask(s, a, "c", REQUEST(",'count':21"));
    CHECK(has(why, "cannot allocate all claims"));
    CHECK(str_find(why, STR("the search ended")) < 0);
    why = ask(s, a, "d",
              "{'name':'r','exactly':{" CLASS ",'count':11,'selectors':[{'cel':{"
              "'expression':'device.attributes[\\'gpu.example.com\\'].model == "
              "\\'H100\\''}}]}}");
    CHECK(str_find(why, STR("the search ended")) < 0);
    static const char *const senseless[] = { REQUEST(",'count':0"), REQUEST(",'count':-1"),
                                             REQUEST(",'count':9223372036854775807") };
    for (size_t i = 0; i < COUNT_OF(senseless); i++) {
        why = ask(s, a, (const char *[]){ "e", "f", "g" }[i], senseless[i]);
        CHECK(has(why, "1 cannot allocate all claims. "));
    }
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_amount_is_negative),
        cmocka_unit_test(sums_stay_in_range),
        cmocka_unit_test(counters_stay_in_range),
        cmocka_unit_test(a_shared_device_is_nobodys_alone),
        cmocka_unit_test(a_pool_with_twins_is_not_used),
        cmocka_unit_test(a_slice_is_in_one_pool),
        cmocka_unit_test(pools_go_with_their_slices),
        cmocka_unit_test(too_many_are_found_missing_at_once),
    };
    return CHECK_MAIN(tests);
}
