/* SPDX-License-Identifier: Apache-2.0
 * Files of simulated nodes: what a group changes of its shape, and errors that name the field. */
#include "sim/sim_file.h"

#include "testkit/check.h"

static struct arena *arena;

static void groups_change_what_they_name(void **state)
{
    (void)state;
    struct err err = { 0 };
    struct sim_groups g = { 0 };
    CHECK_OK(sim_file_parse(&g, arena,
                            STR("nodes:\n"
                                "- {prefix: big-, count: 4, labels: {zone: a}}\n"
                                "- names: [edge, far]\n"
                                "  shape: small\n"
                                "  cpus: 8\n"
                                "  memory: 32Gi\n"
                                "  gpus: 2\n"
                                "  gpu-model: T4\n"
                                "  gpu-memory: 16Gi\n"
                                "  taints: [\"edge=yes:NoSchedule\", \"slow:PreferNoSchedule\"]\n"
                                "- {shape: gpu8, gpus: 0, cells: 1, pods: 10}\n"),
                            &err),
             err);
    CHECK_I64(g.n, 3);
    CHECK_I64(g.items[0].n, 4);
    CHECK_STR(g.items[0].prefix, "big-");
    CHECK_I64(g.items[0].shape->gpus, 8);
    CHECK_STR(g.items[0].labels[0].value, "a");
    const struct sim_group *edge = &g.items[1];
    CHECK_I64(edge->n, 2);
    CHECK_STR(edge->names[1], "far");
    CHECK_I64(edge->shape->cpus, 8);
    CHECK_I64(edge->shape->mem_bytes, INT64_C(32) << 30);
    CHECK_I64(edge->shape->gpus, 2);
    CHECK_CSTR(edge->shape->gpu_model, "T4");
    CHECK_I64(edge->shape->gpu_mem_mib, 16384);
    CHECK_CSTR(edge->shape->gpu_topology, "pcie");
    CHECK_STR(edge->taints[0].key, "edge");
    CHECK_STR(edge->taints[0].value, "yes");
    CHECK_STR(edge->taints[0].effect, "NoSchedule");
    CHECK(!edge->taints[1].value.n);
    CHECK_I64(g.items[2].shape->gpus, 0);
    CHECK_I64(g.items[2].shape->cells, 1);
    CHECK_I64(g.items[2].shape->pods, 10);
    CHECK_I64(g.items[2].n, 1);
}

static void errors_name_the_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } bad[] = {
        { "nodes: [{cpu: 4}]", "nodes[0]: unknown key \"cpu\"; did you mean \"cpus\"?" },
        { "nodes: [{}, {cpus: 0}]", "nodes[1]: cpus: 0 is not from 1 to 4096" },
        { "nodes: [{cpus: 1, cells: 2}]", "nodes[0]: cpus: 1 CPUs are fewer than 2 cells" },
        { "nodes: [{shape: big}]", "nodes[0]: shape: no node shape \"big\"" },
        { "nodes: [{memory: lots}]", "nodes[0]: memory: \"lots\" is not a size" },
        { "nodes: [{prefix: UP}]", "nodes[0]: prefix: \"UP\"" },
        { "nodes: [{names: [a_b]}]", "nodes[0]: names: \"a_b\"" },
        { "nodes: [{labels: {zone: [a, b]}}]", "nodes[0]: labels.zone: wants one text" },
        { "nodes: [{labels: {zone: \"a b\"}}]", "nodes[0]: labels: \"a b\"" },
        { "nodes: [{gpu-model: \"a b\"}]", "nodes[0]: gpu-model: \"a b\"" },
        { "nodes: [{gpu-topology: ring}]", "nodes[0]: gpu-topology: \"ring\" is not one of" },
        { "nodes: [{taints: [\"a=b\"]}]", "nodes[0]: taints: \"a=b\" is not KEY=VALUE:EFFECT" },
        { "nodes: [{taints: [\"a:Never\"]}]", "nodes[0]: taints: \"a:Never\" is not" },
        { "nodes: [{count: 60000}, {count: 60000}]", "nodes: 120000 nodes are more than 100000" },
        { "nodes: [3]", "nodes[0]: is not a mapping" },
        { "nodes: 3", "nodes: wants a list" },
        { "groups: []", "unknown key \"groups\"; the file holds \"nodes\"" },
        { "- a", "the file is one mapping" },
        { "", "the file is one mapping" },
        { "nodes: [", "line" },
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        struct sim_groups g = { 0 };
        CHECK_FAILS(sim_file_parse(&g, arena, str_from(bad[i].text), &err), err, ERR_INVALID);
        if (!strstr(err.msg, bad[i].want))
            CHECK_CSTR(err.msg, bad[i].want);
        CHECK(!g.items); /* a failure writes nothing */
    }
}

int main(void)
{
    arena = arena_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_change_what_they_name),
        cmocka_unit_test(errors_name_the_field),
    };
    int rc = CHECK_MAIN(tests);
    arena_free(arena);
    return rc;
}
