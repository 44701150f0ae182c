/* SPDX-License-Identifier: Apache-2.0
 * node_resources_fit — rejects nodes that cannot hold the pod's requests, and scores what would be
 * left: LeastAllocated (spread), MostAllocated (pack) or RequestedToCapacityRatio. Integer rules
 * and words as in kube-scheduler 1.36. Pure. */
#include <math.h>

#include "base/num.h"
#include "scheduler/framework.h"
#include "scheduler/plugins/score_shape.h"

#define FIT_RESOURCES_MAX 32

enum strategy { LEAST_ALLOCATED, MOST_ALLOCATED, REQUESTED_TO_CAPACITY };

struct fit_resource {
    struct str name;
    int64_t weight;
};

struct fit_args {
    enum strategy strategy;
    bool said; /* the strategy stands in the configuration */
    struct fit_resource resources[FIT_RESOURCES_MAX];
    size_t n_resources;
    struct score_shape shape; /* of RequestedToCapacityRatio */
    struct strs ignored, ignored_groups;
};

struct fit_term { /* one scored resource, resolved */
    uint32_t res;
    const int64_t *used; /* by node */
    int64_t add, weight;
};

struct fit_state {
    enum strategy strategy;
    struct demand *checks; /* requests that the filter looks at */
    size_t n_checks;
    struct fit_term terms[FIT_RESOURCES_MAX];
    size_t n_terms;
};

/* ---- configuration ---- */

static struct strs copy_strs(struct arena *a, struct json list)
{
    struct strs out = { ARENA_ARRAY(a, struct str, json_len(list)), 0 };
    for (struct json_iter it = json_iter(list); json_next(&it);)
        out.items[out.n++] = arena_str(a, json_str(it.value));
    return out;
}

static int
decode_resources(struct fit_args *out, struct json list, struct arena *a, struct err *err)
{
    for (struct json_iter it = json_iter(list); json_next(&it);) {
        if (out->n_resources == FIT_RESOURCES_MAX)
            return err_set(err, ERR_TOO_LARGE, "more than %d scored resources", FIT_RESOURCES_MAX);
        int64_t weight = json_i64_or(json_get(it.value, STR("weight")), 1);
        out->resources[out->n_resources++] =
            (struct fit_resource){ arena_str(a, json_str(json_get(it.value, STR("name")))),
                                   weight ? weight : 1 };
    }
    if (out->n_resources == 0) {
        out->resources[0] = (struct fit_resource){ STR("cpu"), 1 };
        out->resources[1] = (struct fit_resource){ STR("memory"), 1 };
        out->n_resources = 2;
    }
    return 0;
}

static int fit_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    struct fit_args *out = args;
    struct json strategy = json_get(in, STR("scoringStrategy"));
    struct str type = json_str(json_get(strategy, STR("type")));
    out->said = type.p != NULL;
    if (!type.p || str_is(type, "LeastAllocated"))
        out->strategy = LEAST_ALLOCATED;
    else if (str_is(type, "MostAllocated"))
        out->strategy = MOST_ALLOCATED;
    else if (str_is(type, "RequestedToCapacityRatio"))
        out->strategy = REQUESTED_TO_CAPACITY;
    else
        return err_set(err, ERR_INVALID,
                       "scoringStrategy.type: \"%.*s\" is not LeastAllocated, MostAllocated or "
                       "RequestedToCapacityRatio",
                       STR_ARG(type));
    out->ignored = copy_strs(a, json_get(in, STR("ignoredResources")));
    out->ignored_groups = copy_strs(a, json_get(in, STR("ignoredResourceGroups")));
    if (decode_resources(out, json_get(strategy, STR("resources")), a, err))
        return -1;
    return score_shape_read(&out->shape, json_path(strategy, "requestedToCapacityRatio.shape"),
                            err);
}

/* ---- filter ---- */

static bool is_ignored(const struct fit_args *args, struct str name)
{
    if (!res_is_extended(name))
        return false;
    struct str group = str_take(name, (size_t)str_find_char(name, '/'));
    for (size_t i = 0; i < args->ignored.n; i++) {
        if (str_eq(args->ignored.items[i], name))
            return true;
    }
    for (size_t i = 0; i < args->ignored_groups.n; i++) {
        if (str_eq(args->ignored_groups.items[i], group))
            return true;
    }
    return false;
}

static int64_t demand_in(const struct demand *d, size_t n, uint32_t res)
{
    for (size_t i = 0; i < n; i++) {
        if (d[i].res == res)
            return d[i].amount;
    }
    return 0;
}

static void
prepare_terms(const struct sched_cycle *c, const struct fit_args *args, struct fit_state *st)
{
    const struct snapshot *s = c->snap;
    const struct shape *shape = c->shape;
    for (size_t i = 0; i < args->n_resources; i++) {
        uint32_t res = snapshot_find_res(s, args->resources[i].name);
        struct fit_term t = { .res = res, .weight = args->resources[i].weight };
        t.add = demand_in(shape->score_demands, shape->n_score_demands, res);
        t.used = s->used[res];
        if (res == RES_CPU) {
            t.add = shape->score_nz_cpu;
            t.used = s->nz_cpu;
        } else if (res == RES_MEMORY) {
            t.add = shape->score_nz_mem;
            t.used = s->nz_mem;
        }
        if (res == RES_NOBODY || (t.add == 0 && res_is_scalar(args->resources[i].name)))
            continue;
        st->terms[st->n_terms++] = t;
    }
}

/* Some kinds of work fill nodes up, unless the configuration says how nodes are filled. */
static enum strategy strategy_for(const struct fit_args *args, const struct shape *shape)
{
    bool packs = workload_defaults[shape->workload].room == WORKLOAD_PACKS;
    return packs && !args->said ? MOST_ALLOCATED : args->strategy;
}

static enum prepare fit_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    struct fit_state *st = ARENA_NEW(c->a, struct fit_state);
    const struct shape *shape = c->shape;
    st->strategy = strategy_for(run->args, shape);
    st->checks = ARENA_ARRAY(c->a, struct demand, shape->n_demands);
    for (size_t i = 0; i < shape->n_demands; i++) {
        struct str name = c->snap->res_names[shape->demands[i].res];
        if (shape->demands[i].amount > 0 && !is_ignored(run->args, name) &&
            !shape_has_by_claim(shape, name))
            st->checks[st->n_checks++] = shape->demands[i];
    }
    prepare_terms(c, run->args, st);
    run->state = st;
    return PREPARE_OK;
}

static enum verdict fit_filter(const struct sched_cycle *c,
                               const struct plugin_run *run,
                               uint32_t node,
                               struct why *why)
{
    const struct fit_state *st = run->state;
    const struct snapshot *s = c->snap;
    enum verdict v = SCHED_OK;
    if (s->used[RES_PODS][node] + 1 > s->alloc[RES_PODS][node]) {
        v = SCHED_UNSCHEDULABLE;
        why_add(why, STR("Too many pods"));
    }
    for (size_t i = 0; i < st->n_checks && (why || v == SCHED_OK); i++) {
        uint32_t res = st->checks[i].res;
        int64_t want = st->checks[i].amount, have = s->alloc[res][node];
        if (want <= have - s->used[res][node])
            continue;
        if (v != SCHED_UNRESOLVABLE)
            v = want > have ? SCHED_UNRESOLVABLE : SCHED_UNSCHEDULABLE;
        why_add(why, s->res_lacks[res]);
    }
    return v;
}

#define SIEVE_CHECKS_MAX 30
#define SIEVE_NEVER (1u << 31) /* more than the whole node has */

static void
sieve_by(const struct snapshot *s, const struct demand *d, uint32_t bit, size_t n, uint32_t *codes)
{
    const int64_t *alloc = s->alloc[d->res], *used = s->used[d->res], want = d->amount;
    for (size_t i = 0; i < n; i++) {
        uint32_t lacks = want > alloc[i] - used[i], never = want > alloc[i];
        codes[i] |= lacks * bit | (lacks & never) * SIEVE_NEVER;
    }
}

/* One bit for each resource that lacks, in linear passes over the arrays. */
static bool
fit_sieve(const struct sched_cycle *c, const struct plugin_run *run, size_t n, uint32_t *codes)
{
    const struct fit_state *st = run->state;
    const int64_t *alloc = c->snap->alloc[RES_PODS], *used = c->snap->used[RES_PODS];
    if (st->n_checks > SIEVE_CHECKS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        codes[i] = used[i] + 1 > alloc[i];
    for (size_t i = 0; i < st->n_checks; i++)
        sieve_by(c->snap, &st->checks[i], 2u << i, n, codes);
    return true;
}

/* ---- score ---- */

static int64_t
score_resource(const struct fit_args *args, enum strategy strategy, int64_t used, int64_t cap)
{
    switch (strategy) {
    case LEAST_ALLOCATED:
        return used > cap ? 0 : (cap - used) * SCHED_SCORE_MAX / cap;
    case MOST_ALLOCATED:
        return num_min_i64(used, cap) * SCHED_SCORE_MAX / cap;
    case REQUESTED_TO_CAPACITY:
        return score_shape_at(&args->shape, used > cap ? 100 : used * 100 / cap);
    }
    return 0;
}

static int64_t fit_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    const struct fit_args *args = run->args;
    const struct fit_state *st = run->state;
    int64_t sum = 0, weights = 0;
    for (size_t i = 0; i < st->n_terms; i++) {
        const struct fit_term *t = &st->terms[i];
        int64_t cap = c->snap->alloc[t->res][node];
        if (cap == 0)
            continue;
        int64_t score = score_resource(args, st->strategy, t->used[node] + t->add, cap);
        if (args->strategy == REQUESTED_TO_CAPACITY && score <= 0)
            continue;
        sum += score * t->weight;
        weights += t->weight;
    }
    if (weights == 0)
        return 0;
    if (args->strategy == REQUESTED_TO_CAPACITY)
        return (int64_t)round((double)sum / (double)weights);
    return sum / weights;
}

const struct sched_plugin node_resources_fit_plugin = {
    .name = "NodeResourcesFit",
    .help = "enough of every requested resource",
    .scope = SCOPE_NODE,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE,
    .default_weight = 1,
    .spreads = true,
    .args_size = sizeof(struct fit_args),
    .configure = fit_configure,
    .prepare = fit_prepare,
    .filter = fit_filter,
    .sieve = fit_sieve,
    .score = fit_score,
};
