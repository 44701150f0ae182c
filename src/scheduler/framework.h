/* SPDX-License-Identifier: Apache-2.0
 * framework — what a scheduler plugin is. A plugin is a const struct of nullable hooks with one row
 * in plugins.c; it includes this header and kube/ only. Hooks are pure: they read the cycle and the
 * snapshot, allocate in the cycle's arena, and never write the snapshot.
 *
 * A plugin states its scope, which decides how its answers are kept:
 *   SCOPE_CLASS    depends on the shape and on the node's class: asked once per class and shape
 *   SCOPE_NODE     depends on the shape and on that node's numbers: asked again when they change
 *   SCOPE_CLUSTER  depends on other nodes and pods: asked in every cycle
 * Hooks of the first two scopes must look at c->shape only, c->pod is NULL when caches are filled.
 *
 * Order of calls: prepare, then admits and filter per node, then prescore, score per feasible node
 * and normalize, then reserve on the chosen node. */
#pragma once

#include "scheduler/state/cluster.h"
#include "scheduler/state/domains.h"

#define SCHED_PLUGINS_MAX 32
#define SCHED_SCORE_MAX 100
#define SCHED_WHY_MAX 16
#define SCHED_READINGS_MAX 48

enum verdict {
    SCHED_OK,
    SCHED_UNSCHEDULABLE, /* would fit if other pods left */
    SCHED_UNRESOLVABLE,  /* would not, whoever leaves */
};

enum prepare { PREPARE_OK, PREPARE_SKIP, PREPARE_REJECT };
enum sched_scope { SCOPE_CLASS, SCOPE_NODE, SCOPE_CLUSTER };
enum normalize { NORMALIZE_NONE, NORMALIZE_MAX, NORMALIZE_MAX_REVERSE, NORMALIZE_OWN };

/* What may make a rejected pod fit again; a plugin names the ones that concern it. */
enum {
    WAKE_NODE_ADDED = 1u << 0,
    WAKE_NODE_CHANGED = 1u << 1, /* allocatable, labels, taints */
    WAKE_POD_GONE = 1u << 2,     /* a placed pod left or shrank */
    WAKE_POD_PLACED = 1u << 3,   /* for affinity and spreading */
    WAKE_OBJECTS = 1u << 4,      /* namespaces, services and other selectors */
    WAKE_QUOTA = 1u << 5,        /* a queue may use more again */
    WAKE_STORAGE = 1u << 6,      /* volumes, claims and what drivers say about them */
};

/* Reasons, as texts that fit after a number of nodes: "Insufficient cpu". They live as long as the
 * cycle's arena, or for ever. */
struct why {
    size_t n;
    struct str text[SCHED_WHY_MAX];
};

static inline void why_add(struct why *w, struct str text) /* NULL: nobody asks why */
{
    if (w && w->n < SCHED_WHY_MAX)
        w->text[w->n++] = text;
}

struct sched_cycle {
    const struct cluster *cluster;
    const struct snapshot *snap;
    const struct profile *profile;
    const struct shape *shape;
    const struct spod *pod; /* NULL while caches are filled */
    struct arena *a;
    /* NULL: each of the nodes that scoring hooks get stands for itself. Else each stands for so
     * many feasible nodes that no plugin of cluster or class scope can tell from it. */
    const uint32_t *stands_for;
};

static inline size_t sched_stands_for(const struct sched_cycle *c, size_t i)
{
    return c->stands_for ? c->stands_for[i] : 1;
}

/* One thing by which a plugin of cluster scope tells nodes apart. */
struct sched_reading {
    enum {
        READ_SUM,    /* whether the node has the label, and the sum of its domain */
        READ_DOMAIN, /* which domain */
        READ_LABEL,  /* whether it has the label */
    } how;
    const struct domains *domains;
    const int64_t *sum; /* READ_SUM: of a tally that is kept, by domain */
    uint64_t serial;    /* of that tally */
};

struct sched_readings {
    struct sched_reading items[SCHED_READINGS_MAX];
    size_t n;
};

struct sched_plugin;

struct plugin_run { /* one plugin in one cycle */
    const struct sched_plugin *plugin;
    const void *args; /* decoded configuration, args_size bytes */
    void *state;      /* what prepare and prescore computed */
    enum sched_scope scope;
    int64_t weight;
    bool filters, scores; /* still wanted */
    bool admits;          /* set by prepare: ask the admits hook first */
    bool first;           /* of equal nodes the profile takes the first in order */
    bool packs;           /* set by prepare: plugins that `spread` have no say beside this one */
    int index;            /* in the profile */
};

struct sched_plugin {
    const char *name; /* as in KubeSchedulerConfiguration */
    const char *help; /* one line, for the reference page */
    enum sched_scope scope;
    enum normalize normalize;
    uint32_t wakes;         /* WAKE_* */
    int64_t default_weight; /* of score; 0: not in default profiles */
    size_t args_size;
    bool optional;  /* off unless the configuration turns it on */
    bool own_scale; /* its scores are weighted already and may be any size */
    bool outside;   /* of others (outside/outside.h): its args are made by outside_start */
    bool spreads;   /* its score weighs room that is left, which a packing device policy does too */

    /* Decodes pluginConfig args (absent: defaults) into args_size zeroed bytes; a is the profile's
     * and lives as long. */
    int (*configure)(void *args, struct json in, struct arena *a, struct err *err);
    /* PreFilter. SKIP: filter is not asked. REJECT: no node will do, for the reasons in why. May
     * narrow run->scope, and clear run->scores when score would have nothing to say. */
    enum prepare (*prepare)(struct sched_cycle *c, struct plugin_run *run, struct why *why);
    /* Only if prepare set run->admits: may this node be looked at at all? */
    bool (*admits)(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node);
    /* why is NULL when nobody asks. */
    enum verdict (*filter)(const struct sched_cycle *c,
                           const struct plugin_run *run,
                           uint32_t node,
                           struct why *why);
    /* SCOPE_NODE: the filter about the first n nodes in one pass. codes[node] is 0 where it says
     * SCHED_OK; nodes with the same code get the same verdict for the same reasons. False, or no
     * hook: ask node by node. */
    bool (*sieve)(const struct sched_cycle *c,
                  const struct plugin_run *run,
                  size_t n,
                  uint32_t *codes);
    /* SKIP: score is not asked and counts 0. */
    enum prepare (*prescore)(struct sched_cycle *c,
                             struct plugin_run *run,
                             const uint32_t *nodes,
                             size_t n);
    int64_t (*score)(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node);
    /* NORMALIZE_OWN only: maps raw scores to 0…100. */
    void (*normalize_own)(const struct sched_cycle *c,
                          const struct plugin_run *run,
                          const uint32_t *nodes,
                          int64_t *scores,
                          size_t n);
    /* SCOPE_CLUSTER: adds everything by which filter and score tell nodes apart, so that they need
     * to be asked about one of each sort only. False, or no hook: ask about every node. */
    bool (*readings)(const struct plugin_run *run, struct sched_readings *out);
    /* Chooses what the pod takes inside the node. False: it does not fit after all. */
    bool (*reserve)(const struct sched_cycle *c,
                    const struct plugin_run *run,
                    uint32_t node,
                    struct placement *p);
};

/* All plugins, in the order in which filters run. */
extern const struct sched_plugin *const sched_plugins[];
extern const size_t sched_plugins_count;

/* ---- for those who call plugins: evaluate.c, cache.c, select.c ---- */

/* Fills runs with the plugins of the profile that have one of the scopes (bits 1u << scope) and
 * prepares them. Returns their number. A plugin that rejects the pod outright: *rejected is its
 * index in runs and why says why; else -1. */
size_t runs_prepare(struct sched_cycle *c,
                    unsigned scopes,
                    struct plugin_run *runs,
                    int *rejected,
                    struct why *why);
/* prescore, score and normalize of one run over feasible nodes into out[n]; false: skipped. */
bool runs_score(struct sched_cycle *c,
                struct plugin_run *run,
                const uint32_t *nodes,
                size_t n,
                int64_t *out);
/* Lets every reserving plugin choose inside the node. */
bool runs_reserve(struct sched_cycle *c, uint32_t node, struct placement *out);

/* False: there is no room for one more. */
bool sched_reads(struct sched_readings *out, struct sched_reading reading);

/* The normalisation that most plugins share: 100·s/max, or 100 − that. */
void sched_normalize(int64_t *scores, size_t n, bool reverse);
