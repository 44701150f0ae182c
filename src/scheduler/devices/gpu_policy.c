/* SPDX-License-Identifier: Apache-2.0
 * gpu_policy — see gpu_policy.h. */
#include "scheduler/devices/gpu_policy.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "scheduler/devices/fragment.h"
#include "scheduler/devices/gpu_price.h"

#define TYPICAL_PERCENT 95
#define REFRESH_MIN 64 /* arrivals */
#define REFRESH_PART 5 /* or this part of all arrivals so far, whichever is more */

const struct gpu_weights gpu_weights_default = { .depth = 0.14,
                                                 .regret = 20,
                                                 .scarce = 0.12,
                                                 .memory = 1.4 };

struct gpu_policy {
    struct gpu_weights w;
    struct gpu_mix mix;
    struct fragment *fragment;
    struct gpu_price price;
    uint64_t seen, refresh_at;      /* arrivals */
    double cpu_sum, mem_sum;        /* of pods with GPUs, aged with the mix */
    double mem_per_cpu;             /* MiB for each CPU milli; 0: not known */
    int64_t supply[GPU_MODELS_MAX]; /* devices */
    double pressure[GPU_MODELS_MAX];
};

struct gpu_policy *gpu_policy_new(const struct gpu_weights *w)
{
    struct gpu_policy *p = MEM_NEW(struct gpu_policy);
    p->w = *w;
    p->fragment = fragment_new();
    p->refresh_at = REFRESH_MIN;
    return p;
}

void gpu_policy_free(struct gpu_policy *p)
{
    if (!p)
        return;
    gpu_mix_fini(&p->mix);
    fragment_free(p->fragment);
    free(p);
}

void gpu_policy_learn(struct gpu_policy *p, const struct gpu_ask *ask)
{
    gpu_mix_add(&p->mix, ask);
    p->seen++;
    if (!ask->count)
        return;
    p->cpu_sum += (double)ask->cpu_milli;
    p->mem_sum += (double)ask->mem_mib;
}

void gpu_policy_supply(struct gpu_policy *p, uint32_t model, int64_t delta)
{
    p->supply[model] += delta;
}

/* ---- the estimate ---- */

/* The shared sizes with most demand in GPUs. */
static size_t shared_sizes(const struct gpu_mix *m, struct gpu_size *out)
{
    double demand[GPU_WHOLE] = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < m->kinds.n; i++) {
        const struct gpu_kind *k = &m->kinds.items[i];
        if (gpu_ask_is_shared(&k->ask))
            demand[k->ask.milli] += (double)k->count * k->ask.count;
    }
    for (; n < GPU_PRICE_SIZES; n++) {
        int32_t best = 0;
        for (int32_t s = 1; s < GPU_WHOLE; s++)
            best = demand[s] * s > demand[best] * best ? s : best;
        if (!best)
            break;
        out[n] = (struct gpu_size){ best, demand[best] };
        demand[best] = 0;
    }
    return n;
}

static void set_prices(struct gpu_policy *p)
{
    struct gpu_size sizes[GPU_PRICE_SIZES];
    gpu_price_solve(&p->price, sizes, shared_sizes(&p->mix, sizes));
}

static int64_t supply_of(const struct gpu_policy *p, uint64_t models)
{
    int64_t n = 0;
    for (unsigned i = 0; i < GPU_MODELS_MAX; i++)
        n += models >> i & 1 ? p->supply[i] : 0;
    return n;
}

/* The demand tied to a model, per GPU of it, as a share of all demand per GPU of the cluster. */
static void set_pressure(struct gpu_policy *p)
{
    double tied[GPU_MODELS_MAX] = { 0 }, total = 0;
    for (size_t i = 0; i < p->mix.kinds.n; i++) {
        const struct gpu_kind *k = &p->mix.kinds.items[i];
        double milli = (double)k->count * k->ask.count * k->ask.milli;
        int64_t supply = supply_of(p, k->ask.models);
        total += milli;
        for (unsigned m = 0; k->ask.models != GPU_ANY_MODEL && supply && m < GPU_MODELS_MAX; m++)
            tied[m] += k->ask.models >> m & 1 ? milli / (double)supply : 0;
    }
    double usual = total / (double)(supply_of(p, GPU_ANY_MODEL) + 1);
    for (unsigned m = 0; m < GPU_MODELS_MAX; m++)
        p->pressure[m] = usual > 0 ? tied[m] / usual : 0;
}

bool gpu_policy_refresh(struct gpu_policy *p, bool now)
{
    struct gpu_typical typical[GPU_TYPICAL_MAX];
    if (!now && p->seen < p->refresh_at)
        return false;
    uint64_t step = p->seen / REFRESH_PART;
    p->refresh_at = p->seen + (step > REFRESH_MIN ? step : REFRESH_MIN);
    size_t n = gpu_mix_typical(&p->mix, TYPICAL_PERCENT, typical);
    fragment_set(p->fragment, typical, n, p->w.depth);
    p->mem_per_cpu = p->cpu_sum > 0 ? p->w.memory * p->mem_sum / p->cpu_sum : 0;
    if (p->w.regret > 0)
        set_prices(p);
    if (p->w.scarce > 0)
        set_pressure(p);
    return true;
}

/* ---- scores ---- */

static int score_of(double gain)
{
    return (int)floor(GPU_SCORE_MAX / (1 + exp(-gain / GPU_WHOLE)));
}

/* A node's CPU is worth no more than the memory that pods tend to take with it. */
static int64_t useful_cpu(const struct gpu_policy *p, int64_t cpu_milli, int64_t mem_mib)
{
    double cpu = p->mem_per_cpu > 0 ? (double)mem_mib / p->mem_per_cpu : (double)cpu_milli;
    return cpu < (double)cpu_milli ? (int64_t)cpu : cpu_milli;
}

static double scarcity(const struct gpu_policy *p, const struct gpu_ask *a, uint32_t model)
{
    return a->models == GPU_ANY_MODEL ? p->w.scarce * p->pressure[model] * a->count * a->milli : 0;
}

static uint32_t take_idle(const struct gpu_ask *a, const struct gpu_room *room, int32_t *after)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < room->n && taken < a->count; i++) {
        if (after[i] < a->milli)
            continue;
        after[i] -= a->milli;
        taken++;
    }
    return taken;
}

/* Devices alike are tried once: of equals the first is taken. */
static bool is_known(const int32_t *milli, uint32_t n, int32_t r)
{
    uint32_t i = 0;
    while (i < n && milli[i] != r)
        i++;
    return i < n;
}

struct gpu_choice
gpu_policy_choose(struct gpu_policy *p, const struct gpu_ask *ask, const struct gpu_room *room)
{
    int32_t after[GPU_ROOM_MAX];
    assert(room->n <= GPU_ROOM_MAX);
    memcpy(after, room->milli, room->n * sizeof *after);
    struct gpu_room now = *room, then = *room;
    now.cpu_milli = useful_cpu(p, room->cpu_milli, room->mem_mib);
    then.cpu_milli = useful_cpu(p, room->cpu_milli - ask->cpu_milli, room->mem_mib - ask->mem_mib);
    then.milli = after;
    uint64_t key = fragment_key(p->fragment, room);
    double before = fragment_of(p->fragment, &now, key) - scarcity(p, ask, room->model);
    struct gpu_choice best = { .score = -1 };
    if (!(gpu_ask_is_shared(ask) && ask->count == 1)) {
        take_idle(ask, room, after);
        best.score =
            score_of(before - fragment_of(p->fragment, &then, fragment_key(p->fragment, &then)));
        return best;
    }
    for (uint32_t i = 0; i < room->n; i++) {
        int32_t r = room->milli[i];
        if (r < ask->milli || is_known(room->milli, i, r))
            continue;
        after[i] = r - ask->milli;
        double gain = before - fragment_of(p->fragment, &then,
                                           key - fragment_term(p->fragment, r) +
                                               fragment_term(p->fragment, after[i]));
        after[i] = r;
        gain -= p->w.regret * GPU_WHOLE * gpu_price_regret(&p->price, r, ask->milli);
        int score = score_of(gain);
        if (score > best.score)
            best = (struct gpu_choice){ score, i };
    }
    return best;
}
