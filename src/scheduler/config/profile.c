/* SPDX-License-Identifier: Apache-2.0
 * profile — see profile.h. */
#include "scheduler/config/profile.h"

#include <assert.h>
#include <stdlib.h>

#include "scheduler/outside/outside.h"

#define STARVATION_NS (60 * NS_PER_S) /* KubeNexus' own constant */

#define PROVISIONING_NS (30 * NS_PER_S)
#define CONSOLIDATION_NS (60 * NS_PER_S)

const char *const profile_builtin_names[] = { "default-scheduler", "gang-scheduler", "ganglion",
                                              "kubenexus-scheduler", NULL };

/* How built-in profiles differ from the table's default weights. */
static const struct {
    const char *profile, *plugin;
    int64_t weight;
} weights[] = {
    { "ganglion", "GPUDevices", 5 },
    { "ganglion", "NUMATopology", 10 },
    { "kubenexus-scheduler", "GPUDevices", 5 },
    { "kubenexus-scheduler", "NUMATopology", 10 },
    { "gang-scheduler", "GPUDevices", 5 },
};

static int64_t weight_of(struct str profile, const struct sched_plugin *p)
{
    for (size_t i = 0; i < COUNT_OF(weights); i++) {
        if (str_is(profile, weights[i].profile) && strcmp(p->name, weights[i].plugin) == 0)
            return weights[i].weight;
    }
    return p->default_weight;
}

/* Built in, and more than what kube-scheduler does. */
static bool is_ours(struct str name)
{
    for (size_t i = 0; profile_builtin_names[i]; i++) {
        if (str_is(name, profile_builtin_names[i]))
            return !str_is(name, "default-scheduler");
    }
    return false;
}

struct profile *profile_new(struct str name)
{
    struct profile *p = MEM_NEW(struct profile);
    p->a = arena_new();
    p->name = arena_str(p->a, name);
    for (size_t i = 0; i < sched_plugins_count; i++) {
        const struct sched_plugin *plugin = sched_plugins[i];
        int64_t weight = weight_of(name, plugin);
        p->plugins[p->n++] = (struct profile_plugin){
            .plugin = plugin,
            .filters = plugin->filter && !plugin->optional,
            .scores = plugin->score && weight > 0,
            .reserves = plugin->reserve != NULL,
            .weight = weight,
        };
        struct err err = { 0 };
        int rc = profile_configure(p, i, (struct json){ 0 }, &err);
        assert(rc == 0); /* defaults are ours */
        (void)rc;
    }
    bool plain = str_is(name, "default-scheduler");
    p->ties = str_is(name, "ganglion") ? TIES_FIRST : TIES_BY_HASH;
    p->starvation_ns = plain ? 0 : STARVATION_NS;
    p->workloads = is_ours(name);
    p->preempts = true;
    p->preempt = (struct preempt_args){ .min_candidates_percent = 10, .min_candidates = 100 };
    p->nodes.wait_ns = PROVISIONING_NS;
    p->consolidation = (struct consolidation){ .period_ns = CONSOLIDATION_NS, .max_moves = 8 };
    p->gangs = true; /* a pod that carries a gang's labels means it, whoever schedules it */
    return p;
}

void profile_free(struct profile *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        if (p->plugins[i].plugin->outside)
            outside_stop(p->plugins[i].args);
    }
    arena_free(p->a);
    free(p);
}

int profile_add(struct profile *p, const struct sched_plugin *outside, struct err *err)
{
    if (p->n == SCHED_PLUGINS_MAX)
        return err_set(err, ERR_TOO_LARGE, "more than %d plugins", SCHED_PLUGINS_MAX);
    p->plugins[p->n++] = (struct profile_plugin){ .plugin = outside };
    return 0;
}

static int
start_outside(struct profile *p, struct profile_plugin *e, struct json args, struct err *err)
{
    outside_stop(e->args);
    e->args = NULL;
    if (outside_start(e->plugin, args, &e->args, err) != 0)
        return -1;
    p->asks_outside = true;
    return 0;
}

int profile_find(const struct profile *p, struct str plugin)
{
    for (size_t i = 0; i < p->n; i++) {
        if (str_is(plugin, p->plugins[i].plugin->name))
            return (int)i;
    }
    return -1;
}

int profile_configure(struct profile *p, size_t index, struct json args, struct err *err)
{
    struct profile_plugin *e = &p->plugins[index];
    if (e->plugin->outside)
        return start_outside(p, e, args, err);
    if (!e->plugin->configure) {
        e->args = NULL;
        return 0;
    }
    void *decoded = arena_alloc(p->a, e->plugin->args_size);
    if (e->plugin->configure(decoded, args, p->a, err))
        return err_wrap(err, "profile %.*s, arguments of %s", STR_ARG(p->name), e->plugin->name);
    e->args = decoded;
    return 0;
}
