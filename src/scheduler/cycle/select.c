/* SPDX-License-Identifier: Apache-2.0
 * select — see select.h. The fast path reads the answer from the shape's cache; a pod with
 * relations to other pods asks the remaining plugins over the nodes that the cache calls feasible.
 */
#include "scheduler/cycle/select.h"

#include <stdlib.h>

#include "base/num.h"
#include "scheduler/cycle/alike.h"
#include "scheduler/cycle/evaluate.h"
#include "scheduler/time/forecast.h"

/* Which of count equally good nodes; the same for the same pod, so that replay holds. */
static uint32_t tie(const struct sched_cycle *c, uint32_t count)
{
    if (c->profile->ties == TIES_FIRST || count <= 1)
        return 0;
    uint64_t h = c->profile->seed;
    struct str id = c->pod->obj->uid.n ? c->pod->obj->uid : spod_text(c->a, c->pod);
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(num_mix64(h) % count);
}

/* The best of totals; among equals the profile's tie rule. nodes is in node order. */
static size_t best_of(const struct sched_cycle *c, const int64_t *totals, size_t n)
{
    int64_t best = INT64_MIN;
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (totals[i] > best) {
            best = totals[i];
            count = 0;
        }
        count += totals[i] == best;
    }
    uint32_t at = tie(c, count);
    for (size_t i = 0;; i++) {
        if (totals[i] == best && at-- == 0)
            return i;
    }
}

/* Tries nodes from the best down until one can reserve. */
static bool reserve_best(struct sched_cycle *c,
                         uint32_t *nodes,
                         int64_t *totals,
                         size_t n,
                         struct placement *out)
{
    while (n) {
        size_t at = best_of(c, totals, n);
        if (runs_reserve(c, nodes[at], out))
            return true;
        for (size_t i = at; i + 1 < n; i++) {
            nodes[i] = nodes[i + 1];
            totals[i] = totals[i + 1];
        }
        n--;
    }
    return false;
}

static bool passes(struct sched_cycle *c, struct plugin_run *runs, size_t n_runs, uint32_t node)
{
    for (size_t i = 0; i < n_runs; i++) {
        if (runs[i].filters && runs[i].plugin->filter(c, &runs[i], node, NULL) != SCHED_OK)
            return false;
    }
    return true;
}

/* The node would do even with the pods for which it is kept. */
static bool passes_kept(struct cluster *cl, struct sched_cycle *c, uint32_t node)
{
    return list_empty(&cl->snap.nodes.items[node]->nominated) ||
           evaluate_beside_nominated(cl, c->pod, node, c->a);
}

/* The same for a pod that looks at its own node only, unless those pods speak of others. */
static bool passes_kept_alone(struct cluster *cl, struct sched_cycle *c, uint32_t node)
{
    struct snapshot *s = &cl->snap;
    size_t mark = snapshot_mark(s);
    bool related;
    snapshot_quiet(s, true);
    bool ok = !evaluate_place_nominated(cl, c->pod, node, &related) ||
              (!related && score_cache_try(cl, c->pod->shape, node));
    snapshot_rollback(s, mark);
    snapshot_quiet(s, false);
    return related ? passes_kept(cl, c, node) : ok;
}

/* ---- nodes that are kept for others ---- */

struct hidden { /* while one pod chooses: it would not fit beside those for whom they are kept */
    uint32_t node;
    int32_t score;
};
VEC_TYPE(hidden_nodes, struct hidden);

/* Of nodes with this score (-1: any). False: none did. */
static bool
hide_kept(struct cluster *cl, struct sched_cycle *c, int64_t score, struct hidden_nodes *out)
{
    struct score_cache *k = c->shape->cache;
    size_t before = out->n;
    LIST_EACH (&cl->kept_nodes, at) {
        uint32_t node = LIST_ITEM(at, struct snode, in_kept)->id;
        int32_t total = score_cache_total(k, node);
        if (total >= 0 && (score < 0 || total == score) && !passes_kept_alone(cl, c, node))
            hidden_nodes_push(out, (struct hidden){ node, 0 });
    }
    for (size_t i = before; i < out->n; i++)
        out->items[i].score = score_cache_hide(k, c->snap, out->items[i].node);
    return out->n > before;
}

static void show_again(struct sched_cycle *c, struct hidden_nodes *hidden)
{
    for (size_t i = 0; i < hidden->n; i++)
        score_cache_show(c->shape->cache, c->snap, hidden->items[i].node, hidden->items[i].score);
    hidden_nodes_fini(hidden);
}

/* How many nodes are best, without those that are kept for others: the cache hides them. */
static uint32_t count_best(struct cluster *cl, struct sched_cycle *c, struct hidden_nodes *hidden)
{
    const struct score_cache *k = c->shape->cache;
    int64_t score;
    if (!list_empty(&cl->kept_nodes) && !score_cache_is_flat(k))
        hide_kept(cl, c, -1, hidden);
    uint32_t count = score_cache_best(k, &score);
    while (count && hide_kept(cl, c, score, hidden))
        count = score_cache_best(k, &score);
    return count;
}

/* The weighted sum of all scores over these feasible nodes. */
static int64_t *sum_up(struct sched_cycle *c,
                       struct plugin_run *runs,
                       size_t n_runs,
                       const uint32_t *nodes,
                       size_t n)
{
    int64_t *totals = ARENA_ARRAY(c->a, int64_t, n), *scores = ARENA_ARRAY(c->a, int64_t, n);
    score_cache_sum(c, nodes, n, totals);
    for (size_t r = 0; r < n_runs; r++) {
        if (!runs_score(c, &runs[r], nodes, n, scores))
            continue;
        for (size_t i = 0; i < n; i++)
            totals[i] += scores[i] * runs[r].weight;
    }
    return totals;
}

/* Asks about every node that the cache calls feasible. */
static bool select_related(struct cluster *cl,
                           struct sched_cycle *c,
                           struct plugin_run *runs,
                           size_t n_runs,
                           struct placement *out)
{
    const struct score_cache *k = c->shape->cache;
    uint32_t *nodes = ARENA_ARRAY(c->a, uint32_t, cl->snap.nodes.n);
    size_t all = score_cache_feasible(k, nodes), n = 0;
    for (size_t i = 0; i < all; i++) {
        if (passes(c, runs, n_runs, nodes[i]) && passes_kept(cl, c, nodes[i]))
            nodes[n++] = nodes[i];
    }
    if (n == 0)
        return false;
    return reserve_best(c, nodes, sum_up(c, runs, n_runs, nodes, n), n, out);
}

/* ---- a sample of nodes: percentageOfNodesToScore ---- */

#define SAMPLE_MIN 100 /* nodes; fewer are not sampled, as in kube-scheduler */

static size_t sample_size(const struct sched_cycle *c)
{
    int64_t percent = c->profile->sample_percent;
    size_t all = c->snap->n_alive;
    if (percent <= 0 || percent >= 100)
        return all;
    size_t n = all * (size_t)percent / 100;
    return n < SAMPLE_MIN ? SAMPLE_MIN : n;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The best of the first so many nodes that fit, looked for from where the last search ended, so
 * that all have their turn. False: none of them, or none can be reserved; then all are asked. */
static bool select_sampled(struct cluster *cl,
                           struct sched_cycle *c,
                           struct plugin_run *runs,
                           size_t n_runs,
                           struct placement *out)
{
    uint32_t *all = ARENA_ARRAY(c->a, uint32_t, cl->snap.nodes.n);
    size_t n_all = score_cache_feasible(c->shape->cache, all), want = sample_size(c), n = 0, at = 0;
    uint32_t *nodes = ARENA_ARRAY(c->a, uint32_t, n_all + 1);
    while (at < n_all && all[at] < cl->sample_from)
        at++;
    for (size_t i = 0; i < n_all && n < want; i++) {
        uint32_t node = all[(at + i) % n_all];
        cl->sample_from = node + 1;
        if (passes(c, runs, n_runs, node) && passes_kept(cl, c, node))
            nodes[n++] = node;
    }
    if (n == 0)
        return false;
    qsort(nodes, n, sizeof *nodes, compare_ids); /* node order, as scores expect */
    return reserve_best(c, nodes, sum_up(c, runs, n_runs, nodes, n), n, out);
}

/* ---- one node of each sort ---- */

static bool read_all(const struct plugin_run *runs, size_t n, struct sched_readings *out)
{
    out->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!runs[i].plugin->readings || !runs[i].plugin->readings(&runs[i], out))
            return false;
    }
    return true;
}

struct sorts { /* of nodes: the best of each group that passes */
    uint32_t *groups, *nodes, *stands_for;
    size_t n;
};

static struct sorts passing_sorts(struct sched_cycle *c,
                                  struct plugin_run *runs,
                                  size_t n_runs,
                                  const struct groups *groups)
{
    struct sorts out = { ARENA_ARRAY(c->a, uint32_t, groups->n),
                         ARENA_ARRAY(c->a, uint32_t, groups->n),
                         ARENA_ARRAY(c->a, uint32_t, groups->n), 0 };
    for (uint32_t g = 0; g < groups->n; g++) {
        const struct group *group = &groups->items[g];
        if (!group->n)
            continue;
        uint32_t node = group->ranks.items[group->ranks.n - 1].nodes[0];
        if (!passes(c, runs, n_runs, node))
            continue;
        out.groups[out.n] = g;
        out.nodes[out.n] = node;
        out.stands_for[out.n++] = group->n;
    }
    return out;
}

/* Keeps the best; returns how many nodes these are. */
static uint32_t keep_best(const struct groups *groups, const int64_t *totals, struct sorts *sorts)
{
    int64_t best = INT64_MIN;
    uint32_t count = 0;
    size_t n = 0;
    for (size_t i = 0; i < sorts->n; i++)
        best = totals[i] > best ? totals[i] : best;
    for (size_t i = 0; i < sorts->n; i++) {
        const struct group *g = &groups->items[sorts->groups[i]];
        if (totals[i] != best)
            continue;
        sorts->groups[n++] = sorts->groups[i];
        count += g->ranks.items[g->ranks.n - 1].n;
    }
    sorts->n = n;
    return count;
}

struct asked { /* plugins of cluster scope that have a say */
    struct plugin_run runs[SCHED_PLUGINS_MAX];
    size_t n;
    struct sched_readings readings;
};

enum picked { PICKED, PICKED_NONE, PICKED_FULL /* what is best cannot be reserved */ };

static enum picked pick_alike(struct sched_cycle *c,
                              struct plugin_run *runs,
                              size_t n_runs,
                              const struct groups *groups,
                              struct placement *out)
{
    struct sorts sorts = passing_sorts(c, runs, n_runs, groups);
    if (!sorts.n)
        return PICKED_NONE;
    c->stands_for = sorts.stands_for;
    int64_t *totals = sum_up(c, runs, n_runs, sorts.nodes, sorts.n);
    c->stands_for = NULL;
    uint32_t count = keep_best(groups, totals, &sorts);
    uint32_t node = alike_pick(groups, sorts.groups, sorts.n, tie(c, count));
    return runs_reserve(c, node, out) ? PICKED : PICKED_FULL;
}

/* As select_related, where every plugin says by what it tells nodes apart. */
static enum picked
select_alike(struct cluster *cl, struct sched_cycle *c, struct asked *asked, struct placement *out)
{
    const struct score_cache *k = c->shape->cache;
    struct id_vec hidden = { 0 };
    LIST_EACH (&cl->kept_nodes, at) {
        uint32_t node = LIST_ITEM(at, struct snode, in_kept)->id;
        if (score_cache_fits(k, node) && !passes_kept(cl, c, node))
            id_vec_push(&hidden, node);
    }
    struct alike *alike = alike_of(c->shape->cache, c->snap, &asked->readings);
    for (size_t i = 0; i < hidden.n; i++)
        alike_hide(alike, hidden.items[i]);
    enum picked picked = pick_alike(c, asked->runs, asked->n, alike_groups(alike), out);
    for (size_t i = 0; i < hidden.n; i++)
        alike_show(alike, hidden.items[i]);
    id_vec_fini(&hidden);
    return picked;
}

/* For a pod that no plugin of cluster scope minds. */
static bool select_plain(struct cluster *cl, struct sched_cycle *c, struct placement *out)
{
    const struct score_cache *k = c->shape->cache;
    struct hidden_nodes hidden = { 0 };
    uint32_t count = count_best(cl, c, &hidden);
    bool ok = count && runs_reserve(c, score_cache_pick(k, tie(c, count)), out);
    show_again(c, &hidden);
    return ok || (count && select_related(cl, c, NULL, 0, out));
}

/* A pod for which a node is kept goes there if it fits, as in kube-scheduler. */
static bool select_kept(struct cluster *cl, struct sched_cycle *c, struct placement *out)
{
    const struct snode *n = c->pod->kept;
    struct node_answer answer;
    if (!n)
        return false;
    evaluate_node(cl, c->pod, n->id, c->a, &answer);
    return answer.verdict == SCHED_OK && runs_reserve(c, n->id, out);
}

bool select_node(struct cluster *cl, const struct spod *pod, struct arena *a, struct placement *out)
{
    struct sched_cycle c = { .cluster = cl,
                             .snap = &cl->snap,
                             .profile = pod->shape->profile,
                             .shape = pod->shape,
                             .pod = pod,
                             .a = a };
    if (select_kept(cl, &c, out))
        return true;
    struct score_cache *k = score_cache_of(cl, pod->shape);
    int64_t score;
    struct asked asked;
    struct why why = { 0 };
    int rejected;
    if (score_cache_complete(k) && score_cache_best(k, &score) == 0)
        return false;
    size_t n = asked.n = runs_prepare(&c, 1u << SCOPE_CLUSTER, asked.runs, &rejected, &why);
    if (rejected >= 0)
        return false;
    if (sample_size(&c) < cl->snap.n_alive)
        return select_sampled(cl, &c, asked.runs, n, out) ||
               select_related(cl, &c, asked.runs, n, out);
    if (n && score_cache_complete(k) && read_all(asked.runs, n, &asked.readings)) {
        enum picked picked = select_alike(cl, &c, &asked, out);
        return picked == PICKED ||
               (picked == PICKED_FULL && select_related(cl, &c, asked.runs, n, out));
    }
    if (n || !score_cache_complete(k))
        return select_related(cl, &c, asked.runs, n, out);
    return select_plain(cl, &c, out);
}

bool select_on(struct cluster *cl,
               const struct spod *pod,
               uint32_t node,
               struct arena *a,
               struct placement *out)
{
    struct sched_cycle c = { .cluster = cl,
                             .snap = &cl->snap,
                             .profile = pod->shape->profile,
                             .shape = pod->shape,
                             .pod = pod,
                             .a = a };
    if (!score_cache_fits(score_cache_of(cl, pod->shape), node))
        return false;
    if (pod->relations || pod->extended || pod->volumes || cl->snap.n_terms ||
        !list_empty(&cl->snap.nodes.items[node]->nominated) ||
        forecast_holds(cl->forecast)) { /* other pods decide too */
        struct node_answer answer;
        evaluate_node(cl, pod, node, a, &answer);
        if (answer.verdict != SCHED_OK)
            return false;
    }
    return runs_reserve(&c, node, out);
}
