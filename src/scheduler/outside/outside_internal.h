/* SPDX-License-Identifier: Apache-2.0
 * What the files of outside/ share. */
#pragma once

#include <ganglion/plugin.h>

#include "scheduler/outside/outside.h"

#define OUTSIDE_SCRATCH_MAX ((size_t)1 << 20) /* of texts for one call; then there are none */

struct outside_plugin {
    struct sched_plugin row; /* first: rows are turned back into this */
    struct outside *all;
    struct ganglion_plugin table; /* a copy; members that it does not know are zero */
    char *file, *whom;            /* own texts */
    struct arena *words;          /* of the record, and reused for each example */
    struct arena *scratch;        /* texts of the call under way */
    int64_t late_debt;            /* 10 a late answer, less one for each in time */
    struct outside_record record;
};

struct outside {
    struct outside_world world;
    struct outside_plugin *plugins[OUTSIDE_PLUGINS_MAX];
    size_t n;
    uint64_t news;
};

struct outside_args { /* of a run: one start */
    struct outside_plugin *plugin;
    void *self;
};

/* What their hooks are given. */
struct ganglion_pod {
    struct outside_plugin *plugin;
    const struct shape *shape;
};
struct ganglion_node {
    struct outside_plugin *plugin;
    const struct snapshot *snap;
    uint32_t id;
};

extern const struct ganglion_host outside_host;

/* The row of a plugin with these hooks, without its words. */
struct sched_plugin outside_row(const struct ganglion_plugin *t);

static inline struct outside_plugin *outside_of(const struct sched_plugin *row)
{
    return CONTAINER_OF((void *)(uintptr_t)row, struct outside_plugin, row);
}
