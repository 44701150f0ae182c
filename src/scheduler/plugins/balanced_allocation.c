/* SPDX-License-Identifier: Apache-2.0
 * balanced_allocation — prefers nodes whose resources the pod brings closer to equal use: the
 * spread of the used fractions with the pod against that without it. Floating point in the order of
 * kube-scheduler, so that truncation gives the same integer. Pure. */
#include <math.h>

#include "scheduler/framework.h"

#define BALANCED_RESOURCES_MAX 32

struct balanced_args {
    struct str names[BALANCED_RESOURCES_MAX];
    size_t n;
};

struct balanced_state {
    uint32_t res[BALANCED_RESOURCES_MAX];
    int64_t add[BALANCED_RESOURCES_MAX];
    size_t n;
};

static int balanced_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    struct balanced_args *out = args;
    for (struct json_iter it = json_iter(json_get(in, STR("resources"))); json_next(&it);) {
        if (out->n == BALANCED_RESOURCES_MAX)
            return err_set(err, ERR_TOO_LARGE, "more than %d resources", BALANCED_RESOURCES_MAX);
        out->names[out->n++] = arena_str(a, json_str(json_get(it.value, STR("name"))));
    }
    if (out->n == 0) {
        out->names[out->n++] = STR("cpu");
        out->names[out->n++] = STR("memory");
    }
    return 0;
}

static enum prepare balanced_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    const struct balanced_args *args = run->args;
    struct balanced_state *st = ARENA_NEW(c->a, struct balanced_state);
    bool any = false;
    for (size_t i = 0; i < args->n; i++) {
        uint32_t res = snapshot_find_res(c->snap, args->names[i]);
        int64_t add = 0;
        for (size_t j = 0; j < c->shape->n_demands; j++) {
            if (c->shape->demands[j].res == res)
                add = c->shape->demands[j].amount;
        }
        any = any || add;
        if (res == RES_NOBODY || (add == 0 && res_is_scalar(args->names[i])))
            continue;
        st->res[st->n] = res;
        st->add[st->n++] = add;
    }
    run->state = st;
    run->scores = run->scores && any;
    return PREPARE_SKIP;
}

static int64_t balance(const double *f, size_t n)
{
    double std = 0;
    if (n == 2) {
        std = fabs((f[0] - f[1]) / 2);
    } else if (n > 2) {
        double total = 0, sum = 0;
        for (size_t i = 0; i < n; i++)
            total += f[i];
        double mean = total / (double)n;
        for (size_t i = 0; i < n; i++)
            sum = sum + (f[i] - mean) * (f[i] - mean);
        std = sqrt(sum / (double)n);
    }
    return (int64_t)((1 - std) * SCHED_SCORE_MAX);
}

static double fraction(int64_t used, int64_t cap)
{
    double f = (double)used / (double)cap;
    return f > 1 ? 1 : f;
}

static int64_t
balanced_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct balanced_state *st = run->state;
    double with[BALANCED_RESOURCES_MAX], without[BALANCED_RESOURCES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < st->n; i++) {
        int64_t cap = c->snap->alloc[st->res[i]][node], used = c->snap->used[st->res[i]][node];
        if (cap == 0)
            continue;
        with[n] = fraction(used + st->add[i], cap);
        without[n++] = fraction(used, cap);
    }
    int64_t half = SCHED_SCORE_MAX / 2;
    return half + (half + balance(with, n) - balance(without, n)) / 2;
}

const struct sched_plugin balanced_allocation_plugin = {
    .name = "NodeResourcesBalancedAllocation",
    .help = "prefers nodes that the pod brings into balance",
    .scope = SCOPE_NODE,
    .default_weight = 1,
    .spreads = true,
    .args_size = sizeof(struct balanced_args),
    .configure = balanced_configure,
    .prepare = balanced_prepare,
    .score = balanced_score,
};
