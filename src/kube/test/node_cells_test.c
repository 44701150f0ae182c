/* SPDX-License-Identifier: Apache-2.0
 * What writers publish, the reader reads; NodeResourceTopology objects; nonsense. */
#include "kube/node_cells.h"

#include "kube/meta.h"
#include "testkit/check.h"

static struct kobj *object(const char *text)
{
    char copy[4096];
    struct kobj *o = NULL;
    struct err err = { 0 };
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    CHECK_OK(kobj_parse(&o, str_make(copy, n), &json_limits_own, &err), err);
    return o;
}

static struct node_cells example(void)
{
    struct node_cells c = { .n = 2 };
    for (unsigned i = 0; i < 2; i++) {
        c.cells[i] = (struct node_cell){ .cpu_milli = 16000,
                                         .mem_bytes = 1024 * (i + 1),
                                         .cpus = i ? STR("16-31") : STR("0-15"),
                                         .devices = { i ? 0x6 : 0x1 } };
        c.distance[i][i] = 10;
        c.distance[i][1 - i] = 21;
    }
    return c;
}

static void check_example(struct jnode *node)
{
    struct node_cells got;
    AUTO(kobj_unrefp) struct kobj *o = NULL;
    struct err err = { 0 };
    CHECK_OK(kobj_freeze(&o, node, &err), err);
    node_cells_read(&got, node_of(o), (struct json){ 0 });
    CHECK_I64(got.n, 2);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_I64(got.cells[i].cpu_milli, 16000);
        CHECK_I64(got.cells[i].mem_bytes, 1024 * (i + 1));
        CHECK_I64(got.cells[i].devices[DEVICE_NVIDIA], i ? 0x6 : 0x1);
        CHECK(got.cells[i].cpu_left == INT64_MAX);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct node_cells c = example();
    struct jnode *labelled = meta_object(a, "v1", "Node", (struct str){ 0 }, STR("n"));
    struct jnode *annotated = meta_object(a, "v1", "Node", (struct str){ 0 }, STR("n"));
    node_cells_label(a, labelled, &c);
    node_cells_annotate(annotated, &c);
    check_example(labelled);
    check_example(annotated);
}

static const char report[] =
    "{'apiVersion':'topology.node.k8s.io/v1alpha2','kind':'NodeResourceTopology','metadata':{"
    "'name':'n'},'attributes':[{'name':'topologyManagerPolicy','value':'restricted'}],'zones':["
    "{'name':'node-1','type':'Node','costs':[{'name':'node-0','value':21}],'resources':["
    "{'name':'cpu','capacity':'9','allocatable':'8','available':'7500m'},"
    "{'name':'nvidia.com/gpu','capacity':'2','allocatable':'2','available':'1'}]},"
    "{'name':'node-0','type':'Node','resources':[{'name':'cpu','capacity':'4'}]},"
    "{'name':'socket-0','type':'Socket','resources':[{'name':'cpu','capacity':'99'}]},"
    "{'name':'node-77','type':'Node'},{'name':'node','type':'Node'},7]}";

static void reports_are_read(void **state)
{
    (void)state;
    struct node_cells got;
    AUTO(kobj_unrefp)
    struct kobj *node = object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n'}}");
    AUTO(kobj_unrefp) struct kobj *o = object(report);
    node_cells_read(&got, node_of(node), kobj_root(o));
    CHECK_I64(got.n, 2);
    CHECK_I64(got.manager, NODE_MANAGER_RESTRICTED);
    CHECK_I64(got.cells[0].cpu_milli, 4000);
    CHECK(got.cells[0].cpu_left == INT64_MAX);
    CHECK_I64(got.cells[1].cpu_milli, 8000);
    CHECK_I64(got.cells[1].cpu_left, 7500);
    CHECK_I64(got.cells[1].devices[DEVICE_NVIDIA], 3);
    CHECK_I64(got.distance[1][0], 21);
}

static void nonsense_is_no_cell(void **state)
{
    (void)state;
    static const char *const nodes[] = {
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n'}}",
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n','labels':{"
        "'numa.kubenexus.io/node-count':'-3'}}}",
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n','annotations':{"
        "'scheduling.ganglion.io/topology':'[1,2'}}}",
    };
    for (size_t i = 0; i < COUNT_OF(nodes); i++) {
        struct node_cells got;
        AUTO(kobj_unrefp) struct kobj *node = object(nodes[i]);
        node_cells_read(&got, node_of(node), (struct json){ 0 });
        CHECK_I64(got.n, 0);
    }
    struct node_cells got;
    AUTO(kobj_unrefp)
    struct kobj *many = object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n','labels':{"
                               "'numa.kubenexus.io/node-count':'1000000',"
                               "'numa.kubenexus.io/node-0-cpus':'0-9223372036854775807,3-1,x',"
                               "'numa.kubenexus.io/node-0-distance-0':'900',"
                               "'gpu.kubenexus.io/gpu0-numa':'99'}}}");
    node_cells_read(&got, node_of(many), (struct json){ 0 });
    CHECK_I64(got.n, NODE_CELLS_MAX);
    CHECK(got.cells[0].cpu_milli > 0 && got.distance[0][0] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(reports_are_read),
        cmocka_unit_test(nonsense_is_no_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
