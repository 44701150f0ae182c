/* SPDX-License-Identifier: Apache-2.0
 * Which of several devices and nodes that would do a claim gets: earlier alternatives, what wastes
 * least, what is close together. */
#include "scheduler/test/dra_fixture.h"

#define EXACT(more) "{'name':'r','exactly':{'deviceClassName':'gpu'" more "}}"

#define ALTERNATIVE(name, kind)                                                                    \
    "{'name':'" name "','deviceClassName':'gpu','selectors':[{'cel':{'expression':'"               \
    "device.attributes[\\\'gpu.example.com\\\'].kind == \\\'" kind "\\\''}}]}"
#define NIC(n)                                                                                     \
    "{'name':'nic-" n "','allowMultipleAllocations':true,'capacity':{'bandwidth':{'value':'10G'}}" \
    "}"

static struct sched_core *core_ready(int nodes)
{
    struct sched_core *s = core_with_nodes(nodes);
    put_class(s, "gpu", "true");
    return s;
}

/* "n1: gpu-0,gpu-1" for a new pod and claim of that name. */
static struct str
placed(struct sched_core *s, struct arena *a, const char *name, const char *request)
{
    static int64_t now;
    struct decision d;
    char spec[200];
    size_t n;
    put_claim(s, name, request, "");
    snprintf(spec, sizeof spec, ",'resourceClaims':[{'name':'c','resourceClaimName':'%s'}]", name);
    fixture_pod(s, (struct fixture_pod){ .name = name, .spec = spec }, at_s(0));
    core_step(s, at_s(now += 1000), a, &d);
    if (d.kind != DECISION_BIND)
        return STR("waits");
    struct dra_write *w = dra_writes(d.items[0].pod, a, &n);
    struct str where = arena_printf(a, "%.*s: ", STR_ARG(fixture_where(s, name)));
    return arena_printf(a, "%.*s%.*s", STR_ARG(where),
                        STR_ARG(devices_text(a, STR(""), json_root(w->allocation))));
}

/* Cells 0 0 1 1; one of cell 0 is held. */
static void close_ones_go_together(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_ready(1);
    put_gpus(s, 0, 4);
    CHECK_STR(placed(s, a, "one", EXACT("")), "n0: gpu-0");
    CHECK_STR(placed(s, a, "two", EXACT(",'count':2")), "n0: gpu-2,gpu-3");
    core_free(s);
}

static void shared_devices_fill_up(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_ready(1);
    static const char devices[] = "{'name':'whole'}," NIC("0") "," NIC("1");
    put_slice(s, "n0", "'nodeName':'n0'", devices);
    static const char *const wants[][2] = {
        { "6G", "n0: nic-0" }, { "5G", "n0: nic-1" }, { "4G", "n0: nic-0" }, { "5G", "n0: nic-1" }
    };
    for (size_t i = 0; i < COUNT_OF(wants); i++) {
        char name[8], request[200];
        snprintf(name, sizeof name, "c%zu", i);
        snprintf(request, sizeof request, EXACT(",'capacity':{'requests':{'bandwidth':'%s'}}"),
                 wants[i][0]);
        CHECK_STR_EQ(placed(s, a, name, request), str_from(wants[i][1]));
    }
    CHECK_STR(placed(s, a, "any", EXACT("")), "n0: whole"); /* nothing else is left */
    core_free(s);
}

/* A list of alternatives decides between nodes too: n1 has the first. */
static void earlier_alternatives_win(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_ready(3);
    static const char *const kinds[] = { "small", "big", "small" };
    static const char request[] =
        "{'name':'r','firstAvailable':[" ALTERNATIVE("a", "big") "," ALTERNATIVE("b", "small") "]}";
    for (int i = 0; i < 3; i++) {
        char name[8], where[32], device[100];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(where, sizeof where, "'nodeName':'n%d'", i);
        snprintf(device, sizeof device, "{'name':'%s','attributes':{'kind':{'string':'%s'}}}",
                 kinds[i], kinds[i]);
        put_slice(s, name, where, device);
    }
    CHECK_STR(placed(s, a, "first", request), "n1: big");
    CHECK(has(placed(s, a, "second", request), "small"));
    core_free(s);
}

static void nodes_fill_up(void **state)
{
    (void)state;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_core *s = core_ready(3);
    for (int i = 0; i < 3; i++)
        put_gpus(s, i, 4);
    struct str first = str_take(placed(s, a, "a", EXACT("")), 2);
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "b%d", i);
        CHECK_STR_EQ(str_take(placed(s, a, name, EXACT("")), 2), first);
    }
    CHECK(!str_eq(str_take(placed(s, a, "c", EXACT(",'count':4")), 2), first));
    CHECK(has(placed(s, a, "d", EXACT(",'count':4")), "gpu-3")); /* nothing was broken up */
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_ones_go_together),
        cmocka_unit_test(shared_devices_fill_up),
        cmocka_unit_test(earlier_alternatives_win),
        cmocka_unit_test(nodes_fill_up),
    };
    return CHECK_MAIN(tests);
}
