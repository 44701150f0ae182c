/* SPDX-License-Identifier: Apache-2.0
 * Which GPUs belong together: rings against a search that tries every order, the choice against
 * every subset, and placements through the scheduler. */
#include "scheduler/devices/links.h"

#include "scheduler/test/fixture.h"

static const struct links *read(struct links_pool *p, const char *links, int gpus)
{
    AUTO(kobj_unrefp)
    struct kobj *o =
        fixture_object("{'apiVersion':'v1','kind':'Node','metadata':{'name':'n','annotations':{"
                       "'scheduling.ganglion.io/topology':'{\\'links\\':[%s]}'}},"
                       "'status':{'allocatable':{'nvidia.com/gpu':'%d'}}}",
                       links, gpus);
    struct topology t;
    struct node_cells cells;
    node_cells_read(&cells, node_of(o), (struct json){ 0 });
    topology_read(&t, node_of(o), &cells);
    return links_read(p, &t, node_of(o));
}

/* The best ring by trying all orders. */
static uint32_t
slowest(uint16_t gbps[8][8], uint32_t first, uint32_t at, uint32_t left, uint32_t sofar)
{
    uint32_t best = 0;
    if (!left)
        return gbps[at][first] < sofar ? gbps[at][first] : sofar;
    for (uint32_t i = 0; i < 8; i++) {
        if (!(left >> i & 1))
            continue;
        uint32_t here = gbps[at][i] < sofar ? gbps[at][i] : sofar;
        uint32_t got = slowest(gbps, first, i, left & ~(1u << i), here);
        best = got > best ? got : best;
    }
    return best;
}

static const struct links *random_links(struct links_pool *pool, uint16_t gbps[8][8])
{
    char text[4096] = "";
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned j = 0; j < i; j++) {
            gbps[i][j] = gbps[j][i] = (uint16_t)(10 + 20 * check_random_below(4));
            snprintf(text + strlen(text), sizeof text - strlen(text),
                     "%s{\\'devices\\':[%u,%u],\\'gbps\\':%u}", *text ? "," : "", i, j, gbps[i][j]);
        }
    }
    return read(pool, text, 8);
}

static void check_choice(const struct links *l, uint32_t free, uint32_t n)
{
    uint64_t got = links_choose(l, free, n);
    CHECK(__builtin_popcountll(got) == (int)n && !(got & ~(uint64_t)free));
    for (uint32_t other = 1; other < 256; other++) {
        if (!(other & ~free) && (uint32_t)__builtin_popcount(other) == n)
            CHECK(links_ring(l, other) <= links_ring(l, got));
    }
}

static void rings_are_exact(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct links_pool pool = { 0 };
        uint16_t gbps[8][8] = { 0 };
        const struct links *l = random_links(&pool, gbps);
        for (uint32_t s = 1; s < 256; s++) {
            uint32_t first = (uint32_t)__builtin_ctz(s), others = s & (s - 1);
            uint32_t want = others ? slowest(gbps, first, first, others, UINT32_MAX) : 0;
            CHECK_I64(links_ring(l, s), want);
            for (uint32_t n = 1; n <= (uint32_t)__builtin_popcount(s); n++)
                check_choice(l, s, n);
        }
        links_pool_fini(&pool);
    }
}

static void nodes_alike_share_a_table(void **state)
{
    (void)state;
    struct links_pool pool = { 0 };
    const char *all = "{\\'devices\\':[0,1,2,3],\\'gbps\\':450}";
    CHECK(read(&pool, all, 4) == read(&pool, all, 4));
    CHECK(read(&pool, all, 8) != read(&pool, all, 4));
    CHECK_I64(pool.items.n, 2);
    CHECK(!read(&pool, all, 1) && !read(&pool, all, 17) && !read(&pool, "", 4));
    CHECK_I64(links_best(read(&pool, all, 8), 4), 450);
    CHECK_I64(links_best(read(&pool, all, 8), 5), LINKS_HOST_GBPS);
    links_pool_fini(&pool);
}

/* Sixteen devices behind two switches: exact, and fast enough to be made while nodes are listed. */
static void sixteen_devices(void **state)
{
    (void)state;
    struct links_pool pool = { 0 };
    const struct links *l = read(&pool,
                                 "{\\'devices\\':[0,1,2,3,4,5,6,7],\\'gbps\\':300},"
                                 "{\\'devices\\':[8,9,10,11,12,13,14,15],\\'gbps\\':300}",
                                 16);
    CHECK_I64(links_choose(l, 0xff00 | 0x0f, 4), 0x0f); /* leaves the other eight whole */
    CHECK_I64(links_choose(l, 0xffff, 8), 0xff);
    CHECK_I64(links_best(l, 9), LINKS_HOST_GBPS);
    links_pool_fini(&pool);
}

/* Pairs (0,1) … (6,7) are joined by NVLink, whatever the indexes that are free. */
static void pods_get_joined_gpus(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'n','annotations':{"
        "'scheduling.ganglion.io/topology':'{\\'links\\':["
        "{\\'devices\\':[0,4],\\'gbps\\':300},{\\'devices\\':[1,5],\\'gbps\\':300},"
        "{\\'devices\\':[2,6],\\'gbps\\':300},{\\'devices\\':[3,7],\\'gbps\\':300}]}'}},"
        "'status':{'allocatable':{'cpu':'16','memory':'64Gi','pods':'9','nvidia.com/gpu':'8'}}}");
    core_node_set(s, o, at_s(0));
    fixture_pod(s, (struct fixture_pod){ .name = "one", .gpus = 1 }, at_s(0));
    core_step(s, at_s(0), a, &d);
    CHECK_I64(d.items[0].where.devices[DEVICE_NVIDIA], 0x01);
    fixture_pod(s, (struct fixture_pod){ .name = "two", .gpus = 2 }, at_s(0));
    core_step(s, at_s(0), a, &d);
    CHECK_I64(d.items[0].where.devices[DEVICE_NVIDIA], 0x22);
    fixture_pod(s, (struct fixture_pod){ .name = "single", .gpus = 1 }, at_s(0));
    core_step(s, at_s(0), a, &d);
    CHECK_I64(d.items[0].where.devices[DEVICE_NVIDIA], 0x10); /* whose partner is gone */
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_are_exact),
        cmocka_unit_test(nodes_alike_share_a_table),
        cmocka_unit_test(sixteen_devices),
        cmocka_unit_test(pods_get_joined_gpus),
    };
    return CHECK_MAIN(tests);
}
