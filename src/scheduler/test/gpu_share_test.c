/* SPDX-License-Identifier: Apache-2.0
 * Parts of GPUs: every spelling, what it comes to on a node, and the words that carry the choice
 * over a restart. */
#include "scheduler/cycle/evaluate.h"
#include "scheduler/devices/devices.h"
#include "scheduler/test/fixture.h"

struct spelling {
    const char *annotations, *requests; /* members, with a leading comma each */
    uint32_t devices;
    int32_t milli;
    int64_t mem_mib; /* on a node with 81920 MiB a device and ten replicas */
    const char *error;
};

static const struct spelling spellings[] = {
    { "", "", 0, 0, 0, NULL },
    { "'gpu-fraction':'0.5'", "", 1, 500, 40960, NULL },
    { "'gpu-fraction':'0.0001'", "", 1, 1, 81, NULL }, /* rounded up to a milli */
    { "'gpu-fraction':'1'", "", 1, 1000, 81920, NULL },
    { "'gpu-fraction':'0.5','gpu-fraction-num-devices':'2'", "", 2, 500, 40960, NULL },
    { "'gpu-memory':'8192'", "", 1, 100, 8192, NULL },
    { "'gpu-memory':'1'", "", 1, 1, 1, NULL },
    { "'gpu-fraction-num-devices':'2'", "", 0, 0, 0, NULL },
    { "", ",'nvidia.com/gpu.shared':'2'", 2, 100, 8192, NULL },
    { "", ",'nvidia.com/gpu-memory':'4096'", 1, 50, 4096, NULL },
    { "",
      ",'volcano.sh/vgpu-number':'2','volcano.sh/vgpu-cores':'30','volcano.sh/vgpu-memory':'1024'",
      2, 300, 1024, NULL },
    { "", ",'volcano.sh/vgpu-memory':'1024'", 1, 13, 1024, NULL },
    { "", ",'koordinator.sh/gpu-core':'50','koordinator.sh/gpu-memory-ratio':'25'", 1, 500, 20480,
      NULL },
    { "", ",'koordinator.sh/gpu-core':'200','koordinator.sh/gpu-memory-ratio':'200'", 2, 1000,
      81920, NULL },
    { "",
      ",'koordinator.sh/gpu.shared':'2','koordinator.sh/gpu-core':'100','koordinator.sh/"
      "gpu-memory':'16Gi'",
      2, 500, 8192, NULL },
    { "'gpu-fraction':'1.5'", "", 0, 0, 0,
      "gpu-fraction 1.5: must be a number above 0 and at most 1, such as 0.25" },
    { "'gpu-fraction':'half'", "", 0, 0, 0,
      "gpu-fraction half: must be a number above 0 and at most 1, such as 0.25" },
    { "'gpu-memory':'-4'", "", 0, 0, 0, "gpu-memory -4: must be a whole number, at least 1" },
    { "", ",'volcano.sh/vgpu-cores':'101'", 0, 0, 0,
      "volcano.sh/vgpu-cores 101: must be a percentage of devices that exist" },
    { "'gpu-fraction':'0.5'", ",'nvidia.com/gpu':'1'", 0, 0, 0,
      "asks for whole GPUs and for parts of GPUs: choose one" },
};

static struct kobj *pod_saying(const struct spelling *s)
{
    return fixture_object("{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'a','name':'p',"
                          "'annotations':{%s}},'spec':{'containers':[{'name':'c','resources':{"
                          "'requests':{'cpu':'1'%s}}}]}}",
                          s->annotations, s->requests);
}

static void every_spelling_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        const struct spelling *want = &spellings[i];
        print_message("%s%s\n", want->annotations, want->requests);
        AUTO(kobj_unrefp) struct kobj *o = pod_saying(want);
        struct gpu_share got = { 0 };
        struct err err = { 0 };
        if (want->error) {
            CHECK_FAILS(gpu_share_of(&got, pod_of(o), &err), err, ERR_INVALID);
            CHECK_CSTR(err.msg, want->error);
            continue;
        }
        CHECK_OK(gpu_share_of(&got, pod_of(o), &err), err);
        CHECK_I64(got.devices, want->devices);
        struct topology t = { .gpu_mem_mib = 81920, .gpu_replicas = 10 };
        struct gpu_part part = { 0 };
        CHECK_I64(gpu_share_on(&got, &t, &part), want->devices > 0);
        CHECK_I64(part.milli, want->milli);
        CHECK_I64(part.mem_mib, want->mem_mib);
    }
}

/* What a node does not say cannot be promised. */
static void nodes_that_say_little(void **state)
{
    (void)state;
    struct topology silent = { 0 };
    struct gpu_part part;
    CHECK(gpu_share_on(&(struct gpu_share){ .devices = 1, .milli = 300 }, &silent, &part));
    CHECK(part.milli == 300 && part.mem_mib == 0);
    CHECK(!gpu_share_on(&(struct gpu_share){ .devices = 1, .mem_mib = 1 }, &silent, &part));
    CHECK(!gpu_share_on(&(struct gpu_share){ .devices = 1, .replica = true }, &silent, &part));
    struct topology small = { .gpu_mem_mib = 1000 };
    CHECK(!gpu_share_on(&(struct gpu_share){ .devices = 1, .mem_mib = 1001 }, &small, &part));
}

static void words_survive(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct placement p = { .shared = 0x24, .part_milli = 250, .part_mem_mib = 1024 }, q = { 0 };
    struct str text = devices_parts_text(a, &p);
    CHECK_STR(text, "nvidia.com/gpu=2,5:250m:1024Mi");
    devices_parts_parse(text, &q);
    CHECK(q.shared == p.shared && q.part_milli == 250 && q.part_mem_mib == 1024);
    static const char *const bad[] = { "",
                                       "nvidia.com/gpu=2",
                                       "amd.com/gpu=2:250m:1Mi",
                                       "nvidia.com/gpu=2:250:1Mi",
                                       "nvidia.com/gpu=2:0m:1Mi",
                                       "nvidia.com/gpu=2:1001m:1Mi",
                                       "nvidia.com/gpu=2:250m:-1Mi",
                                       "nvidia.com/gpu=2:250m:Mi" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct placement none = { 0 };
        devices_parts_parse(str_from(bad[i]), &none);
        CHECK(!none.shared && !none.part_milli);
    }
}

static void add(struct sched_core *s, const char *name, const char *annotations, const char *node)
{
    char meta[256];
    snprintf(meta, sizeof meta, ",'annotations':{%s}", annotations);
    fixture_pod(s, (struct fixture_pod){ .name = name, .meta = meta, .node = node }, at_s(0));
}

static struct placement step(struct sched_core *s)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    core_step(s, at_s(0), a, &d);
    CHECK_I64(d.kind, DECISION_BIND);
    return d.items[0].where;
}

/* After a restart the ledger holds what annotations say, and new parts go around them. */
static void restart_rebuilds_the_ledger(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    fixture_node(s, "n", "", "");
    add(s, "a",
        "'gpu-fraction':'0.6','scheduling.ganglion.io/device-parts':'nvidia.com/gpu=1:600m:0Mi'",
        "n");
    add(s, "whole", "'scheduling.ganglion.io/devices':'nvidia.com/gpu=0'", "n");
    const struct snode *n = core_cluster(s)->snap.nodes.items[0];
    CHECK_I64(n->free[DEVICE_NVIDIA], 0xfc);
    CHECK_I64(devices_left(n, 0), 0);
    CHECK_I64(devices_left(n, 1), 400);
    add(s, "b", "'gpu-fraction':'0.4'", NULL);
    CHECK_I64(step(s).shared, 2); /* the rest of the same device */
    add(s, "c", "'gpu-fraction':'0.4'", NULL);
    CHECK_I64(step(s).shared, 4);
    core_pod_del(s, STR("default"), STR("a"), at_s(1));
    CHECK_I64(devices_left(n, 1), 600);
    core_pod_del(s, STR("default"), STR("b"), at_s(1));
    CHECK_I64(n->free[DEVICE_NVIDIA], 0xfa); /* nobody uses device 1 any more */
    core_free(s);
}

static void nonsense_waits_with_a_reason(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    fixture_node(s, "n", "", "");
    add(s, "p", "'gpu-fraction':'7'", NULL);
    core_step(s, at_s(0), a, &d);
    CHECK_I64(d.kind, DECISION_WAIT);
    CHECK(str_starts(d.message, STR("0/1 nodes are available: gpu-fraction 7: must be a number "
                                    "above 0 and at most 1, such as 0.25.")));
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_read),
        cmocka_unit_test(nodes_that_say_little),
        cmocka_unit_test(words_survive),
        cmocka_unit_test(restart_rebuilds_the_ledger),
        cmocka_unit_test(nonsense_waits_with_a_reason),
    };
    return CHECK_MAIN(tests);
}
