/* SPDX-License-Identifier: Apache-2.0
 * alike — see alike.h.
 *
 * A group is named by words: the raw scores of the node's class, and one word per reading. Of a
 * label with few values that is the value, so that a sum may change without moving a node; of one
 * with many, such as the host name, it is the sum itself, so that equal hosts share a group. A
 * touched node gets its words anew; where a sum moved, so do the other nodes of its domain. */
#include "scheduler/cycle/alike.h"

#include <assert.h>
#include <stdlib.h>

#define FEW_VALUES 32
#define WORDS_MAX (SCHED_PLUGINS_MAX + SCHED_READINGS_MAX)
#define NO_GROUP UINT32_MAX
#define STALE_GROUPS 64 /* empty ones that are put up with */

struct alike {
    uint64_t plan[SCHED_READINGS_MAX]; /* which readings these are */
    size_t n_plan;
    bool by_sum[SCHED_READINGS_MAX];
    uint64_t made, seq, used;
    struct arena *a; /* words of the groups */
    struct groups groups;
    struct map by_words; /* → place in groups + 1 */
    uint32_t n_live;     /* groups with feasible nodes */
    size_t n, cap, n_words, n_class_words;
    uint32_t *group_of; /* by node; NO_GROUP for dead ones */
    int32_t *score_of;  /* -1: not feasible */
    struct id_vec todo; /* nodes whose words may have changed */
};

static void clear_groups(struct alike *k)
{
    for (size_t i = 0; i < k->groups.n; i++) {
        struct ranks *ranks = &k->groups.items[i].ranks;
        for (size_t j = 0; j < ranks->n; j++)
            free(ranks->items[j].nodes);
        ranks_fini(ranks);
    }
    groups_clear(&k->groups);
    map_clear(&k->by_words);
    arena_reset(k->a);
    k->n_live = 0;
}

void alike_free(struct alike *k)
{
    if (!k)
        return;
    clear_groups(k);
    groups_fini(&k->groups);
    map_fini(&k->by_words);
    id_vec_fini(&k->todo);
    arena_free(k->a);
    free(k->group_of);
    free(k->score_of);
    free(k);
}

size_t alike_bytes(const struct alike *k)
{
    return k ? sizeof *k + k->cap * 12 + arena_bytes(k->a) + k->groups.cap * sizeof(struct group)
             : 0;
}

/* ---- ranks: sorted sets of nodes ---- */

static uint32_t place_in(const struct rank *c, uint32_t node)
{
    uint32_t lo = 0, hi = c->n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (c->nodes[mid] < node)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void rank_add(struct rank *c, uint32_t node)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 4;
        c->nodes = mem_realloc(c->nodes, c->cap * sizeof *c->nodes);
    }
    uint32_t at = place_in(c, node);
    memmove(&c->nodes[at + 1], &c->nodes[at], (c->n - at) * sizeof *c->nodes);
    c->nodes[at] = node;
    c->n++;
}

static void rank_del(struct rank *c, uint32_t node)
{
    uint32_t at = place_in(c, node);
    assert(at < c->n && c->nodes[at] == node);
    c->n--;
    memmove(&c->nodes[at], &c->nodes[at + 1], (c->n - at) * sizeof *c->nodes);
}

static size_t rank_at(const struct ranks *ranks, int32_t score)
{
    size_t lo = 0, hi = ranks->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (ranks->items[mid].score < score)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void put_in(struct alike *k, uint32_t group, uint32_t node, int32_t score)
{
    struct group *g = &k->groups.items[group];
    size_t at = rank_at(&g->ranks, score);
    if (at == g->ranks.n || g->ranks.items[at].score != score) {
        ranks_push(&g->ranks, (struct rank){ 0 });
        memmove(&g->ranks.items[at + 1], &g->ranks.items[at],
                (g->ranks.n - 1 - at) * sizeof(struct rank));
        g->ranks.items[at] = (struct rank){ .score = score };
    }
    rank_add(&g->ranks.items[at], node);
    k->n_live += g->n++ == 0;
}

static void take_out(struct alike *k, uint32_t group, uint32_t node, int32_t score)
{
    struct group *g = &k->groups.items[group];
    size_t at = rank_at(&g->ranks, score);
    struct rank *c = &g->ranks.items[at];
    rank_del(c, node);
    k->n_live -= --g->n == 0;
    if (c->n)
        return;
    free(c->nodes);
    g->ranks.n--;
    memmove(c, c + 1, (g->ranks.n - at) * sizeof *c);
}

/* ---- groups ---- */

static int64_t word_of(const struct sched_reading *r, bool by_sum, uint32_t node)
{
    uint32_t domain = r->domains->of[node];
    switch (r->how) {
    case READ_SUM:
        return !by_sum ? (int64_t)domain : domain == DOMAIN_MISSING ? INT64_MIN : r->sum[domain];
    case READ_DOMAIN:
        return domain;
    case READ_LABEL:
        return domain != DOMAIN_MISSING;
    }
    return 0;
}

static uint32_t group_with(struct alike *k, const int64_t *words)
{
    struct str key = str_make(words, k->n_words * sizeof *words);
    uintptr_t found = (uintptr_t)map_get(&k->by_words, key);
    if (found)
        return (uint32_t)(found - 1);
    struct group g = { .words = ARENA_ARRAY(k->a, int64_t, k->n_words) };
    memcpy(g.words, words, key.n);
    groups_push(&k->groups, g);
    map_put(&k->by_words, str_make(g.words, key.n), (void *)(uintptr_t)k->groups.n); /* a number */
    return (uint32_t)(k->groups.n - 1);
}

/* The other nodes of the domain count with the same sum. */
static void
call_mates(struct alike *k, const struct sched_reading *r, size_t word, uint32_t node, int64_t now)
{
    uint32_t domain = r->domains->of[node];
    if (domain == DOMAIN_MISSING)
        return;
    for (uint32_t at = r->domains->first[domain]; at; at = r->domains->next[at - 1]) {
        uint32_t group = k->group_of[at - 1];
        if (group != NO_GROUP && k->groups.items[group].words[word] != now)
            id_vec_push(&k->todo, at - 1);
    }
}

struct source { /* what words and scores are made of */
    const struct score_cache *cache;
    const struct snapshot *s;
    const struct sched_readings *r;
};

static void update_node(struct alike *k, const struct source *from, uint32_t node)
{
    int64_t words[WORDS_MAX];
    uint32_t before = k->group_of[node], now = NO_GROUP;
    int32_t score = score_cache_score(from->cache, node);
    if (from->s->nodes.items[node]->alive) {
        size_t n = score_cache_class_words(from->cache, from->s->class_of[node], words);
        for (size_t i = 0; i < from->r->n; i++)
            words[n + i] = word_of(&from->r->items[i], k->by_sum[i], node);
        now = group_with(k, words);
    }
    if (before == now && k->score_of[node] == score)
        return;
    if (k->score_of[node] >= 0)
        take_out(k, before, node, k->score_of[node]);
    if (score >= 0)
        put_in(k, now, node, score);
    k->group_of[node] = now;
    k->score_of[node] = score;
    if (before == now || before == NO_GROUP || now == NO_GROUP)
        return;
    for (size_t i = 0; i < from->r->n; i++) {
        size_t word = k->n_class_words + i;
        if (k->by_sum[i] && k->groups.items[before].words[word] != words[word])
            call_mates(k, &from->r->items[i], word, node, words[word]);
    }
}

static void rebuild(struct alike *k, const struct source *from)
{
    int64_t words[SCHED_PLUGINS_MAX];
    clear_groups(k);
    k->made = score_cache_made(from->cache);
    k->seq = from->s->journal_end;
    k->n = from->s->nodes.n;
    if (k->n > k->cap) {
        k->cap = from->s->cap;
        k->group_of = mem_realloc(k->group_of, k->cap * sizeof *k->group_of);
        k->score_of = mem_realloc(k->score_of, k->cap * sizeof *k->score_of);
    }
    k->n_class_words = from->s->classes.n ? score_cache_class_words(from->cache, 0, words) : 0;
    k->n_words = k->n_class_words + from->r->n;
    for (size_t i = 0; i < from->r->n; i++) {
        const struct sched_reading *r = &from->r->items[i];
        k->by_sum[i] = r->how == READ_SUM && r->domains->n > FEW_VALUES;
    }
    for (uint32_t i = 0; i < k->n; i++) {
        k->group_of[i] = NO_GROUP;
        k->score_of[i] = -1;
        update_node(k, from, i);
    }
}

static void catch_up(struct alike *k, const struct source *from)
{
    const struct snapshot *s = from->s;
    for (; k->seq < s->journal_end; k->seq++) {
        id_vec_push(&k->todo, s->journal[k->seq & (SCHED_JOURNAL - 1)]);
        while (k->todo.n)
            update_node(k, from, id_vec_pop(&k->todo));
    }
}

static uint64_t plan_word(const struct sched_reading *r)
{
    return (r->how == READ_SUM ? r->serial : r->domains->serial) * 4 + (uint64_t)r->how;
}

static bool is_for(const struct alike *k, const struct sched_readings *r)
{
    bool same = k && k->n_plan == r->n;
    for (size_t i = 0; same && i < r->n; i++)
        same = k->plan[i] == plan_word(&r->items[i]);
    return same;
}

static struct alike *alike_new(const struct sched_readings *r)
{
    struct alike *k = MEM_NEW(struct alike);
    k->a = arena_new();
    map_init(&k->by_words);
    k->n_plan = r->n;
    for (size_t i = 0; i < r->n; i++)
        k->plan[i] = plan_word(&r->items[i]);
    return k;
}

/* The one for these readings, in a free place or in that of the least used. */
static struct alike *find(struct score_cache *cache, const struct sched_readings *r, uint64_t now)
{
    struct alike **all = score_cache_alike(cache);
    size_t at = 0;
    for (size_t i = 0; i < SCORE_CACHE_ALIKE && all[at]; i++) {
        if (is_for(all[i], r)) {
            all[i]->used = now;
            return all[i];
        }
        if (!all[i] || all[i]->used < all[at]->used)
            at = i;
    }
    alike_free(all[at]);
    all[at] = alike_new(r);
    all[at]->used = now;
    return all[at];
}

struct alike *
alike_of(struct score_cache *cache, const struct snapshot *s, const struct sched_readings *r)
{
    struct source from = { cache, s, r };
    struct alike *k = find(cache, r, s->journal_end);
    uint64_t behind = s->journal_end - k->seq;
    if (k->made != score_cache_made(cache) || behind > s->nodes.n ||
        k->groups.n > STALE_GROUPS + 2 * (size_t)k->n_live)
        rebuild(k, &from);
    else
        catch_up(k, &from);
    return k;
}

const struct groups *alike_groups(const struct alike *k)
{
    return &k->groups;
}

void alike_hide(struct alike *k, uint32_t node)
{
    assert(k->score_of[node] >= 0);
    take_out(k, k->group_of[node], node, k->score_of[node]);
}

void alike_show(struct alike *k, uint32_t node)
{
    put_in(k, k->group_of[node], node, k->score_of[node]);
}

/* ---- choosing ---- */

static const struct rank *best_rank(const struct group *g)
{
    return &g->ranks.items[g->ranks.n - 1];
}

static uint32_t
count_below(const struct groups *groups, const uint32_t *chosen, size_t n, uint32_t node)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += place_in(best_rank(&groups->items[chosen[i]]), node);
    return sum;
}

uint32_t alike_pick(const struct groups *groups, const uint32_t *chosen, size_t n, uint32_t at)
{
    uint32_t lo = 0, hi = SCHED_NODES_MAX;
    if (n == 1)
        return best_rank(&groups->items[chosen[0]])->nodes[at];
    while (hi - lo > 1) { /* the largest node with at most `at` before it is the one */
        uint32_t mid = lo + (hi - lo) / 2;
        if (count_below(groups, chosen, n, mid) <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}
