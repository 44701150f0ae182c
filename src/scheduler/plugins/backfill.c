/* SPDX-License-Identifier: Apache-2.0
 * backfill — keeps pods off room that is held for a gang which waits longer, unless they end before
 * it starts or leave it enough. Who gets room is decided in core_backfill.c; how long pods run is
 * guessed by runtime_guess.h. Arguments: {policy: none|easy|conservative, depth: 1…32}. */
#include "scheduler/framework.h"
#include "scheduler/time/backfill_args.h"
#include "scheduler/time/forecast.h"

#define DEPTH 8

static int backfill_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    static const char *const names[] = {
        [BACKFILL_NONE] = "none", [BACKFILL_EASY] = "easy", [BACKFILL_CONSERVATIVE] = "conservative"
    };
    struct backfill_args *out = args;
    struct json policy = json_get(in, STR("policy"));
    (void)a;
    for (unsigned i = BACKFILL_NONE; i < COUNT_OF(names); i++) {
        if (str_is(json_str(policy), names[i]))
            out->policy = (enum backfill_policy)i;
    }
    if (json_has(policy) && out->policy == BACKFILL_BY_PROFILE)
        return err_set(err, ERR_INVALID,
                       "policy: %.*s is not \"none\", \"easy\" or \"conservative\"",
                       STR_ARG(str_take(json_text(policy), 60)));
    struct json depth = json_get(in, STR("depth"));
    out->depth = json_i64_or(depth, DEPTH);
    if (out->depth < 1 || out->depth > BACKFILL_DEPTH_MAX ||
        (json_has(depth) && !json_i64(depth, &out->depth)))
        return err_set(err, ERR_INVALID, "depth: must be 1 to %d, not %.*s", BACKFILL_DEPTH_MAX,
                       STR_ARG(str_take(json_text(depth), 60)));
    return 0;
}

static enum prepare backfill_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    struct forecast *f = c->cluster->forecast;
    (void)why;
    if (!forecast_holds(f))
        return PREPARE_SKIP;
    struct forecast_pod *ask = ARENA_NEW(c->a, struct forecast_pod);
    forecast_ask(f, c->pod, ask);
    run->state = ask;
    return PREPARE_OK;
}

static enum verdict backfill_filter(const struct sched_cycle *c,
                                    const struct plugin_run *run,
                                    uint32_t node,
                                    struct why *why)
{
    const struct forecast_pod *ask = run->state;
    if (forecast_allows(c->cluster->forecast, c->snap, ask, node))
        return SCHED_OK;
    why_add(why, ask->length_ns == RUNTIME_UNKNOWN
                     ? STR("node(s) are held for a gang that waits longer, and nobody knows how "
                           "long this pod runs")
                     : STR("node(s) are held for a gang that starts before this pod would end"));
    return SCHED_UNSCHEDULABLE;
}

const struct sched_plugin backfill_plugin = {
    .name = "Backfill",
    .help = "leaves alone what is held for gangs that wait longer",
    .scope = SCOPE_CLUSTER,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE,
    .args_size = sizeof(struct backfill_args),
    .configure = backfill_configure,
    .prepare = backfill_prepare,
    .filter = backfill_filter,
};
