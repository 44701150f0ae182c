/* SPDX-License-Identifier: Apache-2.0
 * runs — calling the hooks of a profile's plugins in the right order. */
#include <assert.h>

#include "scheduler/config/profile.h"

/* A packing device policy that wants GPUs together is not outvoted by scores for empty nodes. */
static void silence_spreading(struct plugin_run *runs, size_t n)
{
    bool packs = false;
    for (size_t i = 0; i < n; i++)
        packs = packs || (runs[i].packs && runs[i].scores);
    for (size_t i = 0; packs && i < n; i++)
        runs[i].scores = runs[i].scores && !runs[i].plugin->spreads;
}

/* False: this plugin has nothing to do in this cycle. */
static bool prepare_one(struct sched_cycle *c,
                        struct plugin_run *run,
                        const struct profile_plugin *e,
                        bool *rejected,
                        struct why *why)
{
    const struct sched_plugin *p = e->plugin;
    *run = (struct plugin_run){
        .plugin = p,
        .args = e->args,
        .scope = p->scope,
        .weight = e->weight,
        .filters = e->filters && p->filter,
        .scores = e->scores && p->score,
        .first = c->profile->ties == TIES_FIRST,
    };
    if (!run->filters && !run->scores)
        return false;
    if (!p->prepare)
        return true;
    switch (p->prepare(c, run, why)) {
    case PREPARE_OK:
        return true;
    case PREPARE_SKIP:
        run->filters = false;
        run->admits = false;
        return run->scores;
    case PREPARE_REJECT:
        *rejected = run->filters;
        return true;
    }
    return true;
}

size_t runs_prepare(struct sched_cycle *c,
                    unsigned scopes,
                    struct plugin_run *runs,
                    int *rejected,
                    struct why *why)
{
    size_t n = 0;
    *rejected = -1;
    for (size_t i = 0; i < c->profile->n; i++) {
        const struct profile_plugin *e = &c->profile->plugins[i];
        bool no = false;
        if (!(scopes & (1u << e->plugin->scope)) || !prepare_one(c, &runs[n], e, &no, why))
            continue;
        runs[n].index = (int)i;
        if (no) {
            *rejected = (int)n;
            return n + 1;
        }
        n++;
    }
    silence_spreading(runs, n);
    return n;
}

bool sched_reads(struct sched_readings *out, struct sched_reading reading)
{
    if (out->n == SCHED_READINGS_MAX)
        return false;
    out->items[out->n++] = reading;
    return true;
}

void sched_normalize(int64_t *scores, size_t n, bool reverse)
{
    int64_t max = 0;
    for (size_t i = 0; i < n; i++)
        max = scores[i] > max ? scores[i] : max;
    for (size_t i = 0; i < n; i++) {
        int64_t s = max ? SCHED_SCORE_MAX * scores[i] / max : 0;
        scores[i] = reverse ? SCHED_SCORE_MAX - s : s;
    }
}

bool runs_score(struct sched_cycle *c,
                struct plugin_run *run,
                const uint32_t *nodes,
                size_t n,
                int64_t *out)
{
    const struct sched_plugin *p = run->plugin;
    if (!run->scores || (p->prescore && p->prescore(c, run, nodes, n) == PREPARE_SKIP))
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = p->score(c, run, nodes[i]);
    switch (p->normalize) {
    case NORMALIZE_NONE:
        break;
    case NORMALIZE_MAX:
    case NORMALIZE_MAX_REVERSE:
        sched_normalize(out, n, p->normalize == NORMALIZE_MAX_REVERSE);
        break;
    case NORMALIZE_OWN:
        p->normalize_own(c, run, nodes, out, n);
        break;
    }
    for (size_t i = 0; i < n && !p->own_scale; i++)
        out[i] = out[i] < 0 ? 0 : out[i] > SCHED_SCORE_MAX ? SCHED_SCORE_MAX : out[i];
    return true;
}

bool runs_reserve(struct sched_cycle *c, uint32_t node, struct placement *out)
{
    *out = (struct placement){ .node = node };
    for (size_t i = 0; i < c->profile->n; i++) {
        const struct profile_plugin *e = &c->profile->plugins[i];
        struct plugin_run run = { .plugin = e->plugin, .args = e->args, .index = (int)i };
        run.first = c->profile->ties == TIES_FIRST;
        if (e->reserves && !e->plugin->reserve(c, &run, node, out))
            return false;
    }
    return true;
}
