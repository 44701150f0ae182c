/* SPDX-License-Identifier: Apache-2.0
 * cache — see cache.h.
 *
 * local[n] is the weighted sum of the node-scope scores, or -1 where the shape does not fit.
 * total[n] adds the bonus of the node's class: its class-scope scores, normalised over the classes
 * that have a feasible node now. Blocks of 256 nodes keep their maximum and how many have it; a
 * changed node makes its block stale, so a pick costs nodes / 256 plus the stale blocks. */
#include "scheduler/cycle/alike.h"

#include <assert.h>
#include <stdlib.h>

#define BLOCK 256u

struct block {
    int32_t best; /* -1: no feasible node */
    uint32_t count;
    bool stale;
};

struct score_cache {
    struct arena *a; /* states of the runs */
    uint64_t version, score_version, seq;
    struct plugin_run runs[SCHED_PLUGINS_MAX];
    size_t n_runs;
    /* Those of node scope, by what is asked of them: */
    struct plugin_run *refuse[SCHED_PLUGINS_MAX], *score[SCHED_PLUGINS_MAX];
    size_t n_refuse, n_score;
    bool rejected; /* a prepare refused the shape: no node fits */
    bool complete;
    size_t n, cap;
    int32_t *local, *total;
    struct block *blocks;
    size_t n_classes;
    bool *class_ok;
    uint32_t *class_feasible; /* feasible nodes of the class */
    int64_t *class_raw;       /* [run][class] */
    int32_t *bonus;
    bool bonus_stale;
    uint64_t made;
    struct alike *alike[SCORE_CACHE_ALIKE];
};

static void free_arrays(struct score_cache *k)
{
    free(k->local);
    free(k->total);
    free(k->blocks);
    k->local = k->total = NULL;
    k->blocks = NULL;
    k->cap = 0;
}

void score_cache_free(struct score_cache *k)
{
    if (!k)
        return;
    free_arrays(k);
    for (size_t i = 0; i < SCORE_CACHE_ALIKE; i++)
        alike_free(k->alike[i]);
    arena_free(k->a);
    free(k);
}

size_t score_cache_bytes(const struct score_cache *k)
{
    if (!k)
        return 0;
    size_t bytes = sizeof *k + k->cap * 8 + (k->cap / BLOCK + 1) * sizeof(struct block);
    for (size_t i = 0; i < SCORE_CACHE_ALIKE; i++)
        bytes += alike_bytes(k->alike[i]);
    return bytes + arena_bytes(k->a);
}

static struct sched_cycle cycle_of(struct cluster *c, struct score_cache *k, struct shape *shape)
{
    return (struct sched_cycle){
        .cluster = c, .snap = &c->snap, .profile = shape->profile, .shape = shape, .a = k->a
    };
}

/* ---- classes ---- */

static bool is_class_run(const struct plugin_run *run)
{
    return run->scope == SCOPE_CLASS;
}

static bool class_passes(struct sched_cycle *c, struct score_cache *k, uint32_t node)
{
    for (size_t i = 0; i < k->n_runs; i++) {
        struct plugin_run *run = &k->runs[i];
        if (is_class_run(run) && run->filters &&
            run->plugin->filter(c, run, node, NULL) != SCHED_OK)
            return false;
    }
    return true;
}

/* Asks the class-scope plugins about one member of each class. */
static void fill_classes(struct sched_cycle *c, struct score_cache *k)
{
    const struct snapshot *s = c->snap;
    k->n_classes = s->classes.n;
    k->class_ok = ARENA_ARRAY(k->a, bool, k->n_classes);
    k->class_feasible = ARENA_ARRAY(k->a, uint32_t, k->n_classes);
    k->bonus = ARENA_ARRAY(k->a, int32_t, k->n_classes);
    k->class_raw = ARENA_ARRAY(k->a, int64_t, k->n_classes * k->n_runs);
    bool *seen = ARENA_ARRAY(k->a, bool, k->n_classes);
    size_t left = 0;
    for (size_t i = CLASS_GONE + 1; i < k->n_classes; i++)
        left += s->classes.items[i].members > 0;
    for (uint32_t n = 0; left && n < s->nodes.n; n++) {
        uint32_t class = s->class_of[n];
        if (class == CLASS_GONE || seen[class])
            continue;
        seen[class] = true;
        left--;
        k->class_ok[class] = class_passes(c, k, n);
        for (size_t i = 0; i < k->n_runs; i++) {
            struct plugin_run *run = &k->runs[i];
            if (is_class_run(run) && run->scores)
                k->class_raw[i * k->n_classes + class] = run->plugin->score(c, run, n);
        }
    }
    k->bonus_stale = true;
}

static void add_bonus(struct score_cache *k, size_t run_index, int32_t *bonus)
{
    const struct plugin_run *run = &k->runs[run_index];
    const int64_t *raw = &k->class_raw[run_index * k->n_classes];
    enum normalize mode = run->plugin->normalize;
    int64_t max = 0;
    for (size_t i = 0; i < k->n_classes; i++) {
        if (k->class_feasible[i] && raw[i] > max)
            max = raw[i];
    }
    for (size_t i = 0; i < k->n_classes; i++) {
        int64_t s = raw[i] > max ? max : raw[i]; /* larger only where nothing is feasible */
        if (mode != NORMALIZE_NONE)
            s = max ? SCHED_SCORE_MAX * s / max : 0;
        if (mode == NORMALIZE_MAX_REVERSE)
            s = SCHED_SCORE_MAX - s;
        bonus[i] += (int32_t)(s * run->weight);
    }
}

/* True if any bonus of a class with feasible nodes changed. */
static bool refresh_bonus(struct score_cache *k)
{
    k->bonus_stale = false;
    if (k->n_classes == 0)
        return false;
    int32_t *bonus = mem_alloc_array(k->n_classes, sizeof *bonus);
    for (size_t i = 0; i < k->n_runs; i++) {
        if (is_class_run(&k->runs[i]) && k->runs[i].scores)
            add_bonus(k, i, bonus);
    }
    bool changed = memcmp(bonus, k->bonus, k->n_classes * sizeof *bonus) != 0;
    memcpy(k->bonus, bonus, k->n_classes * sizeof *bonus);
    free(bonus);
    return changed;
}

/* ---- nodes ---- */

/* passed: a run that says yes already; NULL: none. */
static int32_t ask_node(struct sched_cycle *c,
                        struct score_cache *k,
                        const struct plugin_run *passed,
                        uint32_t node)
{
    const struct snapshot *s = c->snap;
    if (!k->class_ok[s->class_of[node]])
        return -1;
    int64_t sum = 0;
    for (size_t i = 0; i < k->n_refuse; i++) {
        struct plugin_run *run = k->refuse[i];
        if (run == passed)
            continue;
        if (run->admits && !run->plugin->admits(c, run, node))
            return -1;
        if (run->filters && run->plugin->filter(c, run, node, NULL) != SCHED_OK)
            return -1;
    }
    for (size_t i = 0; i < k->n_score; i++)
        sum += k->score[i]->weight * k->score[i]->plugin->score(c, k->score[i], node);
    return (int32_t)(sum < 0 ? 0 : sum);
}

static void set_local(struct score_cache *k, const struct snapshot *s, uint32_t node, int32_t now)
{
    int32_t before = k->local[node];
    uint32_t class = s->class_of[node];
    if (before == now)
        return;
    k->local[node] = now;
    if ((before < 0) != (now < 0)) {
        k->class_feasible[class] += now >= 0 ? 1u : (uint32_t)-1;
        if (k->class_feasible[class] == (now >= 0 ? 1u : 0u))
            k->bonus_stale = true;
    }
    k->total[node] = now < 0 ? -1 : now + k->bonus[class];
    k->blocks[node / BLOCK].stale = true;
}

static void update_node(struct sched_cycle *c, struct score_cache *k, uint32_t node)
{
    set_local(k, c->snap, node, ask_node(c, k, NULL, node));
}

static void refresh_totals(struct score_cache *k, const struct snapshot *s)
{
    for (size_t i = 0; i < k->n; i++)
        k->total[i] = k->local[i] < 0 ? -1 : k->local[i] + k->bonus[s->class_of[i]];
    for (size_t b = 0; b * BLOCK < k->n; b++)
        k->blocks[b].stale = true;
}

static void refresh_block(struct score_cache *k, size_t b)
{
    size_t from = b * BLOCK, to = from + BLOCK < k->n ? from + BLOCK : k->n;
    int32_t best = -1;
    uint32_t count = 0;
    for (size_t i = from; i < to; i++)
        best = k->total[i] > best ? k->total[i] : best;
    for (size_t i = from; i < to; i++)
        count += k->total[i] == best;
    k->blocks[b] = (struct block){ best, best < 0 ? 0 : count, false };
}

static void refresh_stale(struct score_cache *k, const struct snapshot *s)
{
    if (k->bonus_stale && refresh_bonus(k))
        refresh_totals(k, s);
    for (size_t b = 0; b * BLOCK < k->n; b++) {
        if (k->blocks[b].stale)
            refresh_block(k, b);
    }
}

/* ---- keeping it current ---- */

static void sort_run(struct score_cache *k, struct plugin_run *run)
{
    if (is_class_run(run))
        return;
    if (run->admits || run->filters)
        k->refuse[k->n_refuse++] = run;
    if (run->scores && run->plugin->normalize == NORMALIZE_NONE)
        k->score[k->n_score++] = run;
}

static void prepare_runs(struct sched_cycle *c, struct score_cache *k)
{
    int rejected;
    struct why why = { 0 };
    k->n_runs = runs_prepare(c, 1u << SCOPE_CLASS | 1u << SCOPE_NODE, k->runs, &rejected, &why);
    k->rejected = rejected >= 0;
    k->complete = true;
    k->n_refuse = k->n_score = 0;
    for (size_t i = 0; i < k->n_runs; i++) {
        struct plugin_run *run = &k->runs[i];
        if (run->scores && run->plugin->prescore &&
            run->plugin->prescore(c, run, NULL, 0) == PREPARE_SKIP)
            run->scores = false;
        if (run->scores && !is_class_run(run) && run->plugin->normalize != NORMALIZE_NONE)
            k->complete = false;
        sort_run(k, run);
    }
}

/* The first run that can look at all nodes at once does; its codes stand in local then. */
static const struct plugin_run *sieve_nodes(struct sched_cycle *c, struct score_cache *k)
{
    for (size_t i = 0; i < k->n_refuse; i++) {
        const struct plugin_run *run = k->refuse[i];
        if (run->filters && !run->admits && run->plugin->sieve &&
            run->plugin->sieve(c, run, k->n, (uint32_t *)k->local))
            return run;
    }
    return NULL;
}

static void ask_all(struct sched_cycle *c, struct score_cache *k)
{
    const struct plugin_run *passed = k->rejected ? NULL : sieve_nodes(c, k);
    for (uint32_t i = 0; i < k->n; i++) {
        bool refused = k->rejected || (passed && k->local[i]);
        k->local[i] = refused ? -1 : ask_node(c, k, passed, i);
        if (k->local[i] >= 0)
            k->class_feasible[c->snap->class_of[i]]++;
    }
}

static void rebuild(struct cluster *cl, struct score_cache *k, struct shape *shape)
{
    size_t n = cl->snap.nodes.n;
    arena_reset(k->a);
    struct sched_cycle c = cycle_of(cl, k, shape);
    if (n > k->cap || !k->local) {
        free_arrays(k);
        k->cap = cl->snap.cap ? cl->snap.cap : 1;
        k->local = mem_alloc_array(k->cap, sizeof *k->local);
        k->total = mem_alloc_array(k->cap, sizeof *k->total);
        k->blocks = mem_alloc_array(k->cap / BLOCK + 1, sizeof *k->blocks);
    }
    k->n = n;
    k->made++;
    k->version = cl->snap.static_version;
    k->score_version = cl->snap.score_version;
    k->seq = cl->snap.journal_end;
    cluster_images_refresh(cl);
    prepare_runs(&c, k);
    fill_classes(&c, k);
    ask_all(&c, k);
    refresh_bonus(k);
    refresh_totals(k, &cl->snap);
    refresh_stale(k, &cl->snap);
}

static void catch_up(struct cluster *cl, struct score_cache *k, struct shape *shape)
{
    struct sched_cycle c = cycle_of(cl, k, shape);
    const struct snapshot *s = &cl->snap;
    for (; k->seq < s->journal_end; k->seq++)
        update_node(&c, k, s->journal[k->seq & (SCHED_JOURNAL - 1)]);
    refresh_stale(k, s);
}

bool score_cache_is_stale(const struct score_cache *k, const struct snapshot *s)
{
    uint64_t behind = s->journal_end - k->seq;
    return k->version != s->static_version || k->score_version != s->score_version ||
           behind >= SCHED_JOURNAL || behind > 2 * s->nodes.n + 64;
}

struct score_cache *score_cache_of(struct cluster *cl, struct shape *shape)
{
    struct score_cache *k = shape->cache;
    if (!k) {
        k = shape->cache = MEM_NEW(struct score_cache);
        k->a = arena_new();
    }
    if (score_cache_is_stale(k, &cl->snap))
        rebuild(cl, k, shape);
    else if (!k->rejected)
        catch_up(cl, k, shape);
    return k;
}

/* ---- nodes that are kept for others ---- */

int32_t score_cache_total(const struct score_cache *k, uint32_t node)
{
    return node < k->n ? k->total[node] : -1;
}

bool score_cache_is_flat(const struct score_cache *k)
{
    int64_t bonus = -1;
    for (size_t i = 0; i < k->n_classes; i++) {
        if (!k->class_feasible[i])
            continue;
        if (bonus >= 0 && bonus != k->bonus[i])
            return false;
        bonus = k->bonus[i];
    }
    return true;
}

int32_t score_cache_hide(struct score_cache *k, const struct snapshot *s, uint32_t node)
{
    int32_t hidden = k->local[node];
    set_local(k, s, node, -1);
    refresh_stale(k, s);
    return hidden;
}

void score_cache_show(struct score_cache *k,
                      const struct snapshot *s,
                      uint32_t node,
                      int32_t hidden)
{
    set_local(k, s, node, hidden);
    refresh_stale(k, s);
}

bool score_cache_try(struct cluster *cl, struct shape *shape, uint32_t node)
{
    struct sched_cycle c = cycle_of(cl, shape->cache, shape);
    return ask_node(&c, shape->cache, NULL, node) >= 0;
}

/* ---- questions ---- */

bool score_cache_fits(const struct score_cache *k, uint32_t node)
{
    return node < k->n && k->local[node] >= 0;
}

bool score_cache_complete(const struct score_cache *k)
{
    return k->complete;
}

uint32_t score_cache_best(const struct score_cache *k, int64_t *score)
{
    int32_t best = -1;
    uint32_t count = 0;
    for (size_t b = 0; b * BLOCK < k->n; b++) {
        const struct block *block = &k->blocks[b];
        if (block->best > best) {
            best = block->best;
            count = block->count;
        } else if (block->best == best) {
            count += block->count;
        }
    }
    *score = best;
    return best < 0 ? 0 : count;
}

uint32_t score_cache_pick(const struct score_cache *k, uint32_t at)
{
    int64_t best;
    uint32_t count = score_cache_best(k, &best);
    assert(at < count);
    for (size_t b = 0; b * BLOCK < k->n; b++) {
        const struct block *block = &k->blocks[b];
        if (block->best != best)
            continue;
        if (at >= block->count) {
            at -= block->count;
            continue;
        }
        for (uint32_t i = (uint32_t)(b * BLOCK);; i++) {
            if (k->total[i] == best && at-- == 0)
                return i;
        }
    }
    assert(false);
    return 0;
}

int32_t score_cache_score(const struct score_cache *k, uint32_t node)
{
    return k->local[node];
}

size_t score_cache_class_words(const struct score_cache *k, uint32_t class_id, int64_t *out)
{
    size_t n = 0;
    for (size_t r = 0; r < k->n_runs; r++) {
        if (is_class_run(&k->runs[r]) && k->runs[r].scores)
            out[n++] = k->class_raw[r * k->n_classes + class_id];
    }
    return n;
}

uint64_t score_cache_made(const struct score_cache *k)
{
    return k->made;
}

struct alike **score_cache_alike(struct score_cache *k)
{
    return k->alike;
}

size_t score_cache_feasible(const struct score_cache *k, uint32_t *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < k->n; i++) {
        if (k->local[i] >= 0)
            out[n++] = i;
    }
    return n;
}

void score_cache_sum(struct sched_cycle *cycle, const uint32_t *nodes, size_t n, int64_t *totals)
{
    struct score_cache *k = cycle->shape->cache;
    struct sched_cycle c = *cycle;
    c.pod = NULL; /* runs of the cache look at the shape only */
    int64_t *scores = ARENA_ARRAY(c.a, int64_t, n);
    for (size_t i = 0; i < n; i++)
        totals[i] = k->local[nodes[i]];
    for (size_t r = 0; r < k->n_runs; r++) {
        struct plugin_run *run = &k->runs[r];
        if (!run->scores || (!is_class_run(run) && run->plugin->normalize == NORMALIZE_NONE))
            continue;
        if (is_class_run(run)) {
            for (size_t i = 0; i < n; i++)
                scores[i] = k->class_raw[r * k->n_classes + c.snap->class_of[nodes[i]]];
            if (run->plugin->normalize != NORMALIZE_NONE)
                sched_normalize(scores, n, run->plugin->normalize == NORMALIZE_MAX_REVERSE);
        } else if (!runs_score(&c, run, nodes, n, scores)) {
            continue;
        }
        for (size_t i = 0; i < n; i++)
            totals[i] += scores[i] * run->weight;
    }
}
