/* SPDX-License-Identifier: Apache-2.0
 * The device policy's parts: the learnt mix, fragments against their definition, prices against
 * what linear programming says of them, and choices that follow. */
#include "scheduler/devices/gpu_policy.h"

#include <math.h>

#include "scheduler/devices/fragment.h"
#include "scheduler/devices/gpu_price.h"
#include "testkit/check.h"

#define ANY GPU_ANY_MODEL

/* ---- the mix ---- */

static void typical_pods_cover_the_percent(void **state)
{
    (void)state;
    struct gpu_mix m = { 0 };
    struct gpu_typical t[GPU_TYPICAL_MAX];
    CHECK_I64(gpu_mix_typical(&m, 95, t), 0);
    for (int i = 0; i < 100; i++) {
        gpu_mix_add(&m, &(struct gpu_ask){ 1000, 1, 1,
                                           i < 60   ? 500
                                           : i < 95 ? 800
                                                    : 100 + i,
                                           ANY });
    }
    CHECK_I64(gpu_mix_typical(&m, 60, t), 1);
    CHECK_I64(t[0].ask.milli, 500);
    CHECK_I64(gpu_mix_typical(&m, 95, t), 2);
    CHECK(fabs(t[0].share - 60.0 / 95) < 1e-12 && fabs(t[1].share - 35.0 / 95) < 1e-12);
    CHECK_I64(gpu_mix_typical(&m, 96, t), 3); /* of equals the larger request */
    CHECK_I64(t[2].ask.milli, 199);
    gpu_mix_fini(&m);
}

/* However many kinds come, few are kept, and the frequent ones survive. */
static void counts_age(void **state)
{
    (void)state;
    struct gpu_mix m = { 0 };
    struct gpu_typical t[GPU_TYPICAL_MAX];
    for (int i = 0; i < 20000; i++) {
        gpu_mix_add(&m, &(struct gpu_ask){ i, 1, 1, 100, ANY });
        gpu_mix_add(&m, &(struct gpu_ask){ 7, 1, 2, 1000, ANY });
    }
    CHECK(m.kinds.n <= GPU_MIX_KINDS);
    CHECK(gpu_mix_typical(&m, 10, t) == 1 && t[0].ask.cpu_milli == 7);
    uint64_t sum = 0;
    for (size_t i = 0; i < m.kinds.n; i++)
        sum += m.kinds.items[i].count;
    CHECK_I64(sum, m.arrivals);
    gpu_mix_fini(&m);
}

/* ---- fragments ---- */

/* F and F′ word by word from the definition. */
static double expected(const struct gpu_typical *t, size_t n, double depth, struct gpu_room r)
{
    double all = 0, sum = 0;
    for (uint32_t i = 0; i < r.n; i++)
        all += r.milli[i];
    for (size_t k = 0; k < n; k++) {
        const struct gpu_ask *a = &t[k].ask;
        double small = 0;
        uint32_t fitting = 0, pods = 0;
        for (uint32_t i = 0; i < r.n; i++) {
            small += r.milli[i] < a->milli ? r.milli[i] : 0;
            fitting += r.milli[i] >= a->milli;
            pods += a->milli ? (uint32_t)(r.milli[i] / a->milli) : 0;
        }
        bool model = a->models >> r.model & 1;
        bool fits = a->count && model && fitting >= a->count && r.cpu_milli >= a->cpu_milli;
        sum += t[k].share * (fits ? small : all);
        pods = a->count && model && fitting >= a->count ? pods / a->count : 0;
        while (pods && a->cpu_milli * pods > r.cpu_milli)
            pods--;
        sum += depth * t[k].share * (all - (double)pods * a->count * a->milli);
    }
    return sum;
}

static void fragments_follow_their_definition(void **state)
{
    (void)state;
    struct fragment *f = fragment_new();
    struct gpu_typical t[12];
    int32_t milli[16];
    for (int round = 0; round < 60; round++) {
        double share = 0, depth = round % 3 ? 0.1 * (double)check_random_below(10) : 0;
        for (size_t k = 0; k < COUNT_OF(t); k++) {
            uint32_t count = (uint32_t)check_random_below(4);
            int32_t size =
                check_random_below(2) ? 1000 : 10 * (1 + (int32_t)check_random_below(99));
            t[k].ask = (struct gpu_ask){ (int64_t)(1000 * check_random_below(9)), 1, count,
                                         count ? size : 0, check_random_below(3) ? ANY : 5 };
            share += t[k].share = (double)(1 + check_random_below(9));
        }
        for (size_t k = 0; k < COUNT_OF(t); k++)
            t[k].share /= share;
        fragment_set(f, t, COUNT_OF(t), depth);
        for (int i = 0; i < 200; i++) {
            uint32_t n = 1 + (uint32_t)check_random_below(round % 5 ? 4 : 16);
            for (uint32_t d = 0; d < n; d++)
                milli[d] = check_random_below(3) ? 10 * (int32_t)check_random_below(101) : 1000;
            struct gpu_room r = { (int64_t)(500 * check_random_below(200)), 1,
                                  (uint32_t)check_random_below(3), n, milli };
            double got = fragment_of(f, &r, fragment_key(f, &r));
            CHECK(fabs(got - expected(t, COUNT_OF(t), depth, r)) < 1e-6);
        }
    }
    fragment_free(f);
}

/* ---- prices ---- */

static void prices_are_the_dual_of_packing(void **state)
{
    (void)state;
    struct gpu_price p;
    gpu_price_solve(&p, NULL, 0);
    CHECK(p.value[1000] == 0);
    /* Equal demand for 600 and 400: a GPU holds one of each, so together they cost one GPU; what
     * 400 more of the small ones cost is two and a half to a GPU, hence not more than 0.4. */
    gpu_price_solve(&p, (struct gpu_size[]){ { 600, 10 }, { 400, 20 } }, 2);
    CHECK(fabs(p.value[600] + p.value[400] - 1) < 1e-6 && fabs(p.value[400] - 0.5) < 1e-6);
    gpu_price_solve(&p, (struct gpu_size[]){ { 600, 20 }, { 400, 10 } }, 2);
    CHECK(fabs(p.value[600] - 1) < 1e-6 && p.value[400] < 1e-6);
}

static void prices_waste_nothing_that_fits(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct gpu_size sizes[GPU_PRICE_SIZES];
        struct gpu_price p;
        double worth = 0, volume = 0;
        size_t n = 1 + check_random_below(GPU_PRICE_SIZES);
        for (size_t i = 0; i < n; i++)
            sizes[i] = (struct gpu_size){ 40 + 47 * (int32_t)i + (int32_t)check_random_below(40),
                                          (double)(1 + check_random_below(1000)) };
        gpu_price_solve(&p, sizes, n);
        CHECK(fabs(p.value[1000] - 1) < 1e-6);
        for (int32_t r = 1; r <= 1000; r++) {
            CHECK(p.value[r] >= p.value[r - 1]);
            CHECK(gpu_price_regret(&p, r, (int32_t)check_random_below((uint64_t)r + 1)) > -1e-6);
        }
        for (size_t i = 0; i < n; i++) {
            worth += sizes[i].demand * p.value[sizes[i].milli];
            volume += sizes[i].demand * sizes[i].milli / 1000;
        }
        CHECK(worth >= volume - 1e-6); /* no packing needs less than the volume */
    }
}

/* ---- choices ---- */

static struct gpu_policy *learnt(struct gpu_ask a, struct gpu_ask b)
{
    struct gpu_policy *p = gpu_policy_new(&gpu_weights_default);
    gpu_policy_supply(p, 0, 8);
    gpu_policy_supply(p, 1, 8);
    for (int i = 0; i < 100; i++) {
        gpu_policy_learn(p, &a);
        gpu_policy_learn(p, &b);
    }
    CHECK(gpu_policy_refresh(p, false) && !gpu_policy_refresh(p, false));
    return p;
}

static void shared_pods_go_where_the_rest_stays_useful(void **state)
{
    (void)state;
    struct gpu_ask small = { 1000, 1, 1, 300, ANY }, large = { 1000, 1, 1, 700, ANY };
    struct gpu_policy *p = learnt(small, large);
    int32_t milli[] = { 1000, 0, 700, 300 };
    struct gpu_room room = { 64000, 64, 0, 4, milli };
    CHECK_I64(gpu_policy_choose(p, &small, &room).device, 3);
    CHECK_I64(gpu_policy_choose(p, &large, &room).device, 2);
    gpu_policy_free(p);
}

static void whole_pods_leave_scarce_models_alone(void **state)
{
    (void)state;
    struct gpu_ask tied = { 1000, 1, 1, 1000, 2 }, loose = { 1000, 1, 1, 1000, ANY };
    struct gpu_policy *p = learnt(tied, loose);
    int32_t milli[] = { 1000, 1000 };
    struct gpu_room common = { 64000, 64, 0, 2, milli }, scarce = { 64000, 64, 1, 2, milli };
    CHECK(gpu_policy_choose(p, &loose, &common).score >
          gpu_policy_choose(p, &loose, &scarce).score);
    gpu_policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typical_pods_cover_the_percent),
        cmocka_unit_test(counts_age),
        cmocka_unit_test(fragments_follow_their_definition),
        cmocka_unit_test(prices_are_the_dual_of_packing),
        cmocka_unit_test(prices_waste_nothing_that_fits),
        cmocka_unit_test(shared_pods_go_where_the_rest_stays_useful),
        cmocka_unit_test(whole_pods_leave_scarce_models_alone),
    };
    return CHECK_MAIN(tests);
}
