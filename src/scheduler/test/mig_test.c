/* SPDX-License-Identifier: Apache-2.0
 * MIG layouts: all of them, model by model, against what the hardware's rules come to; and the
 * plans that lead from one to another. */
#include "scheduler/devices/mig.h"

#include "base/mem.h"
#include "scheduler/test/fixture.h"

static const struct {
    const char *product;
    int64_t mem_mib;
    const char *name;
} products[] = {
    { "NVIDIA-A30", 24576, "A30 24GB" },
    { "NVIDIA-A100-SXM4-40GB", 40960, "A100 40GB" },
    { "NVIDIA-A100-SXM4-80GB", 81920, "A100 80GB" },
    { "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", 81920, "A100 80GB" },
    { "NVIDIA-H100-80GB-HBM3", 81559, "H100 80GB" },
    { "NVIDIA-H100-NVL", 95830, "H100 94GB" },
    { "NVIDIA-H200", 143771, "H200 141GB" },
    { "NVIDIA-GH200-480GB", 97871, "GH200 96GB" },
    { "NVIDIA-B200", 183359, "B200 180GB" },
};

static void models_follow_labels(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(products); i++) {
        const struct mig_model *m =
            mig_model_of(str_from(products[i].product), products[i].mem_mib);
        CHECK(m != NULL);
        CHECK_CSTR(m->name, products[i].name);
    }
    CHECK(!mig_model_of(STR("NVIDIA-L40S"), 46068));
    const struct mig_model *m = mig_model_of(STR("NVIDIA-H200"), 0);
    CHECK_I64(mig_profile_named(m, STR("nvidia.com/mig-2g.35gb")), 3);
    CHECK_I64(mig_profile_named(m, STR("nvidia.com/mig-1g.18gb.me")), 1);
    CHECK_I64(mig_profile_named(m, STR("1g.10gb")), -1);
}

struct walk {
    uint64_t layouts;                /* sets of instances that are legal */
    unsigned most[MIG_PROFILES_MAX]; /* of one profile at once */
};

/* Visits every legal layout once: instances by rising start. */
static void visit(const struct mig_gpu *g, uint8_t from, struct walk *w)
{
    unsigned compute = 0, slices = 0, count[MIG_PROFILES_MAX] = { 0 };
    uint32_t used = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct mig_profile *p = &g->model->profiles[g->items[i].profile];
        uint32_t span = ((1u << p->slices) - 1u) << g->items[i].start;
        CHECK((used & span) == 0 && span < (1u << g->model->slices));
        used |= span;
        compute += p->compute;
        slices += p->slices;
        unsigned n = ++count[g->items[i].profile];
        CHECK(!p->media || n == 1);
        w->most[g->items[i].profile] =
            n > w->most[g->items[i].profile] ? n : w->most[g->items[i].profile];
    }
    /* Spans that do not overlap never ask for more compute than there is. */
    CHECK(compute <= (g->model->slices == 8 ? 7 : 4) && slices <= g->model->slices);
    w->layouts++;
    for (uint8_t start = from; start < MIG_SLICES_MAX; start++) {
        for (uint8_t p = 0; p < MIG_PROFILES_MAX && g->model->profiles[p].name; p++) {
            struct mig_gpu next = *g;
            if (!mig_can_add(g, p, start))
                continue;
            next.items[next.n++] = (struct mig_instance){ p, start, true };
            visit(&next, (uint8_t)(start + 1), w);
        }
    }
}

static void all_layouts_are_legal(void **state)
{
    (void)state;
    static const unsigned seven[] = { 7, 1, 4, 3, 2, 1, 1 }, four[] = { 4, 1, 2, 1, 1 };
    for (size_t i = 0; i < COUNT_OF(products); i++) {
        struct mig_gpu g = { mig_model_of(str_from(products[i].product), products[i].mem_mib) };
        struct walk w = { 0 };
        visit(&g, 0, &w);
        print_message("%s: %llu layouts\n", g.model->name, (unsigned long long)w.layouts);
        const unsigned *want = g.model->slices == 8 ? seven : four;
        for (size_t p = 0; p < MIG_PROFILES_MAX && g.model->profiles[p].name; p++)
            CHECK_I64(w.most[p], want[p]); /* "number of instances available" of the guide */
    }
}

static struct mig_gpu gpu(const char *text)
{
    struct mig_gpu g;
    struct err err = { 0 };
    CHECK_OK(
        mig_gpu_parse(&g, mig_model_of(STR("NVIDIA-H100-80GB-HBM3"), 81559), str_from(text), &err),
        err);
    return g;
}

static const struct {
    const char *before, *profile, *after; /* NULL: impossible */
} plans[] = {
    { "", "1g.10gb", "1g.10gb@6*" }, /* the slice that larger ones cannot use well */
    { "", "3g.40gb", "3g.40gb@4*" }, /* leaves 4g its only start */
    { "3g.40gb@4*", "3g.40gb", "3g.40gb@4* 3g.40gb@0*" },
    { "1g.10gb@6*", "2g.20gb", "1g.10gb@6* 2g.20gb@4*" },
    { "1g.10gb@2", "1g.10gb", "1g.10gb@2*" }, /* idle and ready */
    { "4g.40gb@0* 1g.10gb@4 1g.10gb@5*", "2g.20gb", NULL },
    { "4g.40gb@0* 1g.10gb@4 1g.10gb@5", "2g.20gb", "4g.40gb@0* 2g.20gb@4*" },
    { "3g.40gb@0 1g.10gb@4 1g.10gb@5", "3g.40gb", "3g.40gb@0* 1g.10gb@4 1g.10gb@5" },
    { "2g.20gb@0 2g.20gb@2 1g.10gb@4", "3g.40gb", "2g.20gb@0 2g.20gb@2 3g.40gb@4*" },
    { "1g.10gb@0*", "7g.80gb", NULL },
    { "1g.10gb@0 1g.10gb@1 3g.40gb@4", "7g.80gb", "7g.80gb@0*" },
    { "1g.10gb+me@0*", "1g.10gb+me", NULL },
};

static void plans_change_as_little_as_they_can(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        struct mig_gpu g = gpu(plans[i].before);
        struct mig_plan plan;
        int profile = mig_profile_named(g.model, str_from(plans[i].profile));
        print_message("%s + %s\n", plans[i].before, plans[i].profile);
        bool found = mig_plan(&g, (uint8_t)profile, NULL, &plan);
        CHECK_I64(found, plans[i].after != NULL);
        if (!found)
            continue;
        mig_apply(&g, &plan);
        struct buf b;
        buf_init(&b, 512);
        mig_gpu_write(&b, &g);
        CHECK_STR_EQ(buf_view(&b), str_from(plans[i].after));
        buf_fini(&b);
    }
}

static void impossible_layouts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "1g.5gb@0",  "1g.10gb@7", "2g.20gb@1",
                                       "2g.20gb@6", "4g.40gb@4", "1g.10gb@0 1g.10gb@0",
                                       "1g.10gb",   "1g.10gb@x", "1g.10gb+me@0 1g.10gb+me@1" };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct mig_gpu g;
        struct err err = { 0 };
        CHECK_FAILS(mig_gpu_parse(&g, mig_model_of(STR("NVIDIA-H100"), 0), str_from(bad[i]), &err),
                    err, ERR_INVALID);
    }
}

/* From every order of arrivals: whatever could still be made on the empty slices is found, and what
 * is busy never moves. */
static void random_arrivals_keep_the_rules(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct mig_gpu g = gpu("");
        for (int i = 0; i < 20; i++) {
            uint8_t profile = (uint8_t)check_random_below(7);
            struct mig_plan plan;
            bool free_start = false;
            for (uint8_t s = 0; s < MIG_SLICES_MAX; s++)
                free_start = free_start || mig_can_add(&g, profile, s);
            bool found = mig_plan(&g, profile, NULL, &plan);
            CHECK(found || !free_start);
            if (!found)
                continue;
            CHECK(!free_start || !plan.destroy);
            for (size_t k = 0; k < g.n; k++)
                CHECK(!(plan.destroy >> k & 1) || !g.items[k].busy);
            mig_apply(&g, &plan);
            CHECK(mig_fragments(&g, NULL) >= 0);
            if (check_random_below(2))
                g.items[check_random_below(g.n)].busy = false; /* somebody left */
        }
    }
}

/* ---- through the scheduler ---- */

static void cut_node(struct sched_core *s, const char *name, const char *cut, const char *has)
{
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s','labels':{"
        "'nvidia.com/gpu.product':'NVIDIA-H100-80GB-HBM3','nvidia.com/gpu.memory':'81559'},"
        "'annotations':{'scheduling.ganglion.io/mig':'%s'}},'status':{'allocatable':{'cpu':'16',"
        "'memory':'64Gi','pods':'110'%s}}}",
        name, cut, has);
    core_node_set(s, o, at_s(0));
}

static void waiting_pods_learn_how_to_cut(void **state)
{
    (void)state;
    struct sched_core *s = core_new_default();
    AUTO(arena_freep) struct arena *a = arena_new();
    struct decision d;
    struct explanation e;
    cut_node(s, "full", "0=7g.80gb@0*", ",'nvidia.com/mig-7g.80gb':'1'");
    cut_node(s, "costly", "0=3g.40gb@0* 2g.20gb@4 1g.10gb@6", ",'nvidia.com/mig-2g.20gb':'1'");
    cut_node(s, "best", "0=7g.80gb@0*;1=4g.40gb@0* 1g.10gb@4", ",'nvidia.com/mig-1g.10gb':'1'");
    AUTO(kobj_unrefp)
    struct kobj *o = fixture_object(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'namespace':'default','name':'p','uid':'u'},"
        "'spec':{'schedulerName':'ganglion','containers':[{'name':'c','image':'i','resources':{"
        "'requests':{'cpu':'1','nvidia.com/mig-3g.40gb':'1'}}}]}}");
    core_pod_set(s, o, at_s(0));
    core_step(s, at_s(0), a, &d);
    CHECK_I64(d.kind, DECISION_WAIT);
    explain_gang(core_cluster(s), d.gang, a, &e);
    bool told = false;
    for (size_t i = 0; i < e.n_changes; i++)
        told = told || str_is(e.changes[i], "cut GPUs of node best anew: GPU 1: remove 1g.10gb@4, "
                                            "create 3g.40gb@4");
    CHECK(told);
    core_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_follow_labels),
        cmocka_unit_test(all_layouts_are_legal),
        cmocka_unit_test(plans_change_as_little_as_they_can),
        cmocka_unit_test(impossible_layouts_are_refused),
        cmocka_unit_test(random_arrivals_keep_the_rules),
        cmocka_unit_test(waiting_pods_learn_how_to_cut),
    };
    return CHECK_MAIN(tests);
}
