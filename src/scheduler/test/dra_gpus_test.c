/* SPDX-License-Identifier: Apache-2.0
 * GPUs that a node offers by claim and as nvidia.com/gpu: whatever comes and goes, none is given
 * out in both ways. */
#include "scheduler/test/dra_fixture.h"

#define OURS ",'labels':{'node.ganglion.io/executor':'simulated'}"
#define REQUEST(more) "{'name':'r','exactly':{'deviceClassName':'gpu'" more "}}"

static void put_nvidia(struct sched_core *s, const char *devices)
{
    put(s, DRA_SLICE,
        fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceSlice','metadata':{"
                       "'name':'s'},'spec':{'driver':'gpu.nvidia.com','pool':{'name':'n0',"
                       "'generation':1,'resourceSliceCount':1},'nodeName':'n0','devices':[%s]}}",
                       devices));
}

/* n devices with that attribute, in which # is the number. */
static void put_numbered(struct sched_core *s, int n, const char *attribute)
{
    char all[2048];
    size_t used = 0;
    for (int i = 0; i < n; i++) {
        char one[100];
        snprintf(one, sizeof one, "%s", attribute);
        for (char *p = strchr(one, '#'); p; p = strchr(one, '#'))
            *p = (char)('0' + i);
        used += (size_t)snprintf(all + used, sizeof all - used,
                                 "%s{'name':'gpu-%d','attributes':{%s}}", i ? "," : "", i, one);
    }
    put_nvidia(s, all);
}

static struct sched_core *core_with(const char *meta, int n, const char *attribute)
{
    struct sched_core *s = core_new_default();
    fixture_node(s, "n0", meta, "");
    put_class(s, "gpu", "true");
    put_numbered(s, n, attribute);
    return s;
}

static void by_claim(struct sched_core *s, const char *name, const char *request, int gpus)
{
    char spec[200];
    put_claim(s, name, request, "");
    snprintf(spec, sizeof spec, ",'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]", name);
    fixture_pod(s, (struct fixture_pod){ .name = name, .spec = spec, .gpus = gpus }, at_s(0));
}

static void by_number(struct sched_core *s, const char *name, int gpus)
{
    fixture_pod(s, (struct fixture_pod){ .name = name, .gpus = gpus }, at_s(0));
}

/* What the first pod got, indexes as a mask, or why it waits. */
static struct str step(struct sched_core *s, struct arena *a)
{
    struct decision d;
    static int64_t now;
    core_step(s, at_s(now += 1000), a, &d);
    if (d.kind != DECISION_BIND)
        return d.kind == DECISION_WAIT ? d.message : STR("nothing");
    size_t n;
    uint64_t mask = (uint64_t)d.items[0].pod->devices[DEVICE_NVIDIA];
    struct str out = mask ? arena_printf(a, "%02llx", (unsigned long long)mask) : STR("");
    struct dra_write *w = dra_writes(d.items[0].pod, a, &n);
    for (size_t i = 0; i < n; i++)
        out = devices_text(a, out, json_root(w[i].allocation));
    return out;
}

static void gone(struct sched_core *s, const char *name)
{
    core_pod_del(s, STR("default"), str_from(name), at_s(0));
}

static void a_claim_takes_the_index(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with(OURS, 8, "'index':{'int':#}");
    by_claim(s, "c", REQUEST(""), 0);
    CHECK_STR(step(s, a), "gpu-0");
    by_number(s, "all", 8);
    CHECK(has(step(s, a), "1 Insufficient nvidia.com/gpu"));
    gone(s, "all");
    by_number(s, "rest", 7);
    CHECK_STR(step(s, a), "fe");
    by_claim(s, "late", REQUEST(""), 0);
    CHECK(has(step(s, a), "cannot allocate all claims"));
    gone(s, "rest");
    CHECK_STR(step(s, a), "gpu-1");
    struct str ignored;
    CHECK(!dra_ambiguous_take(core_cluster(s)->snap.dra, a, &ignored));
    core_free(s);
}

static void parts_take_it_too(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with(OURS, 8, "'index':{'int':#}");
    fixture_pod(
        s, (struct fixture_pod){ .name = "half", .meta = ",'annotations':{'gpu-fraction':'0.5'}" },
        at_s(0));
    CHECK_STR(step(s, a), "");
    by_claim(s, "c", REQUEST(",'count':7"), 0);
    CHECK_STR(step(s, a), "gpu-1,gpu-2,gpu-3,gpu-4,gpu-5,gpu-6,gpu-7");
    gone(s, "c");
    by_claim(s, "d", REQUEST(",'count':8"), 0);
    CHECK(has(step(s, a), "cannot allocate all claims"));
    core_free(s);
}

/* Which GPU is which: by PCI address of the node's own list, by uuid of it, by the parent. */
static void addresses_match(void **state)
{
    (void)state;
    static const char list[] =
        OURS ",'annotations':{'agentaflow.gpu/devices':'[{\\'id\\':\\'GPU-a\\',\\'pciBusID\\':"
             "\\'00:01\\'},{\\'id\\':\\'GPU-b\\',\\'pciBusID\\':\\'00:02\\'}]'}";
    static const char *const rows[][2] = {
        { "'resource.kubernetes.io/pciBusID':{'string':'00:02'}", "fd" },
        { "'pcieBusID':{'string':'00:02'}", "fd" },
        { "'uuid':{'string':'GPU-b'}", "fd" },
        { "'uuid':{'string':'GPU-a'}", "fe" },
        { "'index':{'int':12}", "ff" }, /* none that is offered by number */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        char device[300];
        struct sched_core *s = core_new_default();
        snprintf(device, sizeof device, "{'name':'x','attributes':{%s}}", rows[i][0]);
        /* fixture_node has annotations of its own: this one is put as it is */
        AUTO(kobj_unrefp)
        struct kobj *node = fixture_object(
            "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n0'%s},'status':{'allocatable':"
            "{'cpu':'16','memory':'64Gi','pods':'110','nvidia.com/gpu':'8'}}}",
            list);
        core_node_set(s, node, at_s(0));
        put_class(s, "gpu", "true");
        put_nvidia(s, device);
        by_claim(s, "c", REQUEST(""), 0);
        CHECK_STR(step(s, a), "x");
        by_number(s, "rest", i == 4 ? 8 : 7);
        CHECK_STR_EQ(step(s, a), str_from(rows[i][1]));
        core_free(s);
    }
}

static void partitions_are_where_their_parent_is(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_new_default();
    fixture_node(s, "n0", OURS, "");
    put_class(s, "gpu", "true");
    put_nvidia(s, "{'name':'gpu-3','attributes':{'uuid':{'string':'u'},'index':{'int':3}},'taints':"
                  "[{'key':'k','effect':'NoSchedule'}]},"
                  "{'name':'part','attributes':{'parentUUID':{'string':'u'}}}");
    by_claim(s, "c", REQUEST(""), 0);
    CHECK_STR(step(s, a), "part");
    by_number(s, "rest", 7);
    CHECK_STR(step(s, a), "f7");
    core_free(s);
}

/* Nobody says which is which, or kubelet picks: one way at a time, and people are told once. */
static void unknown_ones_go_one_way_at_a_time(void **state)
{
    (void)state;
    static const char *const worlds[][2] = { { OURS, "" }, { "", "'index':{'int':#}" } };
    for (size_t i = 0; i < COUNT_OF(worlds); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct sched_core *s = core_with(worlds[i][0], 8, worlds[i][1]);
        struct dra *dra = core_cluster(s)->snap.dra;
        struct str node;
        by_number(s, "one", 1);
        CHECK_STR(step(s, a), "01");
        by_claim(s, "c", REQUEST(""), 0);
        CHECK(has(step(s, a), "cannot allocate all claims"));
        CHECK(dra_ambiguous_take(dra, a, &node));
        CHECK_STR(node, "n0");
        fixture_node(s, "n0", worlds[i][0], "");
        CHECK(!dra_ambiguous_take(dra, a, &node));
        gone(s, "one");
        CHECK_STR(step(s, a), "gpu-0");
        by_claim(s, "d", REQUEST(""), 0);
        CHECK_STR(step(s, a), "gpu-1");
        by_number(s, "two", 1);
        CHECK(has(step(s, a), "1 Insufficient nvidia.com/gpu"));
        gone(s, "c");
        gone(s, "d");
        CHECK_STR(step(s, a), "01");
        core_free(s);
    }
}

static void one_pod_may_ask_in_both_ways(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_with(OURS, 8, "'index':{'int':#}");
    by_claim(s, "much", REQUEST(",'count':2"), 7);
    CHECK(has(step(s, a), "cannot allocate all claims"));
    gone(s, "much");
    by_claim(s, "both", REQUEST(",'count':2"), 6);
    CHECK_STR(step(s, a), "3f,gpu-6,gpu-7");
    core_free(s);
}

/* ---- anything goes ---- */

static void check_node(struct sched_core *s)
{
    const struct snapshot *snap = &core_cluster(s)->snap;
    const struct snode *n = snap->nodes.items[0];
    const struct dra *d = snap->dra;
    uint64_t pods = 0, claims = 0;
    for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        const struct spod *p = snap->pods.items[id];
        CHECK((pods & (uint64_t)p->devices[DEVICE_NVIDIA]) == 0);
        pods |= (uint64_t)p->devices[DEVICE_NVIDIA];
    }
    for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        CHECK((pods & (uint64_t)snap->pods.items[id]->shared) == 0);
        claims |= (uint64_t)snap->pods.items[id]->shared;
    }
    pods |= claims;
    claims = 0;
    for (size_t i = 0; i < d->devices.n; i++) {
        const struct dra_device *dev = d->devices.items[i];
        CHECK(dev->holders >= 0 && dev->holders <= 1);
        if (dev->holders)
            claims |= UINT64_C(1) << dev->gpu_index;
    }
    CHECK((pods & claims) == 0);
    CHECK_I64(n->claimed[DEVICE_NVIDIA], claims);
    CHECK_I64(n->free[DEVICE_NVIDIA], 0xff & ~(pods | claims));
}

static void random_pod(struct sched_core *s, const char *name)
{
    char request[80];
    uint32_t kind = (uint32_t)check_random_below(4);
    snprintf(request, sizeof request, "{'name':'r','exactly':{'deviceClassName':'gpu','count':%d}}",
             (int)check_random_below(3) + 1);
    if (kind == 0)
        by_number(s, name, 1 + (int)check_random_below(4));
    else if (kind == 1)
        fixture_pod(
            s,
            (struct fixture_pod){ .name = name, .meta = ",'annotations':{'gpu-fraction':'0.3'}" },
            at_s(0));
    else
        by_claim(s, name, request, kind == 2 ? 0 : (int)check_random_below(3));
}

/* A dry run in which pods leave, and its undoing. */
static void check_undo(struct sched_core *s)
{
    struct snapshot *snap = &core_cluster(s)->snap;
    uint64_t before = snapshot_hash(snap);
    dra_suppose(snap->dra, true);
    for (size_t i = 0; i < snap->pods.n; i++) {
        struct spod *p = snap->pods.items[i];
        if (!p || p->node < 0 || check_random_below(2))
            continue;
        struct placement where = spod_placement(p);
        snapshot_remove(snap, p);
        if (check_random_below(2))
            snapshot_place(snap, p, &where);
    }
    check_node(s);
    snapshot_rollback(snap, 0);
    dra_suppose(snap->dra, false);
    CHECK(snapshot_hash(snap) == before);
}

static void none_is_given_out_twice(void **state)
{
    (void)state;
    struct sched_core *s = core_with(OURS, 8, "'index':{'int':#}");
    size_t bound = 0;
    for (int i = 0; i < 800; i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        char name[8];
        struct decision d;
        snprintf(name, sizeof name, "p%d", (int)check_random_below(12));
        if (core_pod(s, STR("default"), str_from(name)))
            gone(s, name);
        else
            random_pod(s, name);
        if (check_random_below(30) == 0)
            put_numbered(s, 8, "'index':{'int':#}");
        if (check_random_below(30) == 0)
            fixture_node(s, "n0", check_random_below(2) ? OURS : OURS ",'resourceVersion':'2'", "");
        core_step(s, at_s(i * 10), a, &d);
        bound += d.kind == DECISION_BIND;
        dra_refresh(core_cluster(s)->snap.dra);
        check_node(s);
        if (i % 8 == 0)
            check_undo(s);
    }
    CHECK(bound > 100);
    core_free(s);
}

/* Who waits for GPUs by number hears of it when a claim gives them back, and when nobody publishes
 * the devices any more: no pod leaves then. */
static void who_waits_by_number_is_woken(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    for (int by_slice = 0; by_slice < 2; by_slice++) {
        struct sched_core *s = core_with(OURS, 2, "'index':{'int':#}");
        struct decision d;
        put(s, DRA_CLAIM,
            fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':'ResourceClaim','metadata':{"
                           "'namespace':'default','name':'c','uid':'c'},'spec':{},'status':{"
                           "'allocation':{'devices':{'results':[{'request':'r','driver':"
                           "'gpu.nvidia.com','pool':'n0','device':'gpu-1'}]}}}}"));
        by_number(s, "all", 8);
        core_step(s, at_s(100000), a, &d);
        CHECK(has(d.message, "1 Insufficient nvidia.com/gpu"));
        if (by_slice) {
            AUTO(kobj_unrefp)
            struct kobj *o = fixture_object("{'apiVersion':'resource.k8s.io/v1','kind':"
                                            "'ResourceSlice','metadata':{'name':'s'}}");
            core_device_del(s, DRA_SLICE, o, at_s(100001));
        } else {
            put_claim(s, "c", "", "");
        }
        core_step(s, at_s(100020), a, &d);
        CHECK_I64(d.kind, DECISION_BIND);
        core_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_takes_the_index),
        cmocka_unit_test(parts_take_it_too),
        cmocka_unit_test(addresses_match),
        cmocka_unit_test(partitions_are_where_their_parent_is),
        cmocka_unit_test(unknown_ones_go_one_way_at_a_time),
        cmocka_unit_test(one_pod_may_ask_in_both_ways),
        cmocka_unit_test(who_waits_by_number_is_woken),
        cmocka_unit_test(none_is_given_out_twice),
    };
    return CHECK_MAIN(tests);
}
