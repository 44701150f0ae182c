/* SPDX-License-Identifier: Apache-2.0
 * What --sim-nodes understands, and the Node objects that come of it. */
#include "sim/shape.h"

#include "testkit/check.h"

static struct arena *arena;

static void words_are_parsed(void **state)
{
    (void)state;
    struct err err = { 0 };
    int64_t n = -1;
    const struct sim_shape *s = NULL;
    CHECK_OK(sim_shape_parse(STR("16"), &n, &s, &err), err);
    CHECK_I64(n, 16);
    CHECK_CSTR(s->name, "gpu8");
    CHECK_OK(sim_shape_parse(STR("0:cpu"), &n, &s, &err), err);
    CHECK_I64(n, 0);
    CHECK_CSTR(s->name, "cpu");
}

static void wrong_words_say_what_is_right(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "x", "-1", "100001", "1.5", ":gpu8" };
    int64_t n = 7;
    const struct sim_shape *s = NULL;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = { 0 };
        CHECK_FAILS(sim_shape_parse(str_from(bad[i]), &n, &s, &err), err, ERR_INVALID);
        CHECK(strstr(err.msg, "--sim-nodes wants a number") != NULL);
    }
    struct err err = { 0 };
    CHECK_FAILS(sim_shape_parse(STR("1:huge"), &n, &s, &err), err, ERR_INVALID);
    CHECK_CSTR(err.msg, "no node shape \"huge\"; there are gpu8, gpu8-claims, gpu4, cpu, small");
    CHECK(n == 7 && !s); /* a failure writes nothing */
}

static struct str text_at(struct jnode *o, const char *path)
{
    return jnode_text_of_str(jnode_path(o, path));
}

static struct str label(struct jnode *o, struct str key)
{
    return jnode_text_of_str(jnode_get(jnode_path(o, "metadata.labels"), key));
}

static void nodes_say_what_they_have(void **state)
{
    (void)state;
    struct wall now = { 1700000000 * NS_PER_S };
    struct jnode *o = sim_node_object(arena, sim_shape_find(STR("gpu4")), STR("n1"), now);
    CHECK_STR(text_at(o, "metadata.name"), "n1");
    CHECK_STR(text_at(o, "status.capacity.cpu"), "64");
    CHECK_STR(text_at(o, "status.allocatable.memory"), "512Gi");
    CHECK_STR(
        jnode_text_of_str(jnode_get(jnode_path(o, "status.allocatable"), STR("nvidia.com/gpu"))),
        "4");
    CHECK_STR(label(o, STR("node.ganglion.io/executor")), "simulated");
    CHECK_STR(label(o, STR("numa.kubenexus.io/node-count")), "2");
    CHECK_STR(label(o, STR("numa.kubenexus.io/node-1-cpus")), "32-63");
    CHECK_STR(label(o, STR("numa.kubenexus.io/node-0-memory")), "274877906944");
    CHECK_STR(label(o, STR("numa.kubenexus.io/node-0-distance-1")), "21");
    CHECK_STR(label(o, STR("gpu.kubenexus.io/topology")), "nvlink");
    CHECK_STR(label(o, STR("gpu.kubenexus.io/gpu1-numa")), "0");
    CHECK_STR(label(o, STR("gpu.kubenexus.io/gpu2-numa")), "1");
}

static void nodes_without_gpus_have_no_gpu_labels(void **state)
{
    (void)state;
    struct sim_shape odd = *sim_shape_find(STR("small"));
    odd.mem_bytes = 1500000000;
    struct jnode *o = sim_node_object(arena, &odd, STR("n2"), (struct wall){ 0 });
    CHECK_STR(text_at(o, "status.capacity.memory"), "1500000000");
    CHECK(jnode_get(jnode_path(o, "status.capacity"), STR("nvidia.com/gpu")) == NULL);
    CHECK(!label(o, STR("gpu.kubenexus.io/count")).p);
}

int main(void)
{
    arena = arena_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_parsed),
        cmocka_unit_test(wrong_words_say_what_is_right),
        cmocka_unit_test(nodes_say_what_they_have),
        cmocka_unit_test(nodes_without_gpus_have_no_gpu_labels),
    };
    int rc = CHECK_MAIN(tests);
    arena_free(arena);
    return rc;
}
