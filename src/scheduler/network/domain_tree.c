/* SPDX-License-Identifier: Apache-2.0
 * domain_tree — see domain_tree.h. */
#include "scheduler/network/domain_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/cycle/cache.h"
#include "scheduler/state/cluster.h"

#define TREES_MAX 64
#define TIER_LEVEL "volcano.sh/tier-"
#define COUNT_MAX INT32_C(1000000) /* members of one shape on one node; saturates */

struct hyper { /* a HyperNode */
    struct kobj *obj;
    int64_t tier;
};

VEC_TYPE(domain_trees, struct domain_tree *);

struct domain_forest {
    struct domain_trees trees;
    struct map hypers; /* name → hyper */
};

/* ---- life ---- */

static void free_text(struct str *s)
{
    free((void *)(uintptr_t)s->p); /* own text */
    *s = (struct str){ 0 };
}

static void tree_free(struct domain_tree *t)
{
    for (uint32_t i = 1; i <= t->n_levels; i++)
        free_text(&t->levels[i]);
    for (size_t i = 0; i < COUNT_OF(t->counts); i++) {
        free(t->counts[i].fit);
        free(t->counts[i].sum);
    }
    free_text(&t->name);
    free(t->items);
    free(t->children);
    free(t->nodes);
    free(t->of);
    free(t);
}

struct domain_forest *domain_forest_new(void)
{
    struct domain_forest *f = MEM_NEW(struct domain_forest);
    map_init(&f->hypers);
    return f;
}

static void hyper_free(struct hyper *h)
{
    if (!h)
        return;
    kobj_unref(h->obj);
    free(h);
}

void domain_forest_free(struct domain_forest *f)
{
    if (!f)
        return;
    const struct map_slot *slot;
    for (size_t i = 0; i < f->trees.n; i++)
        tree_free(f->trees.items[i]);
    for (size_t i = 0; (slot = map_next(&f->hypers, &i));)
        hyper_free(slot->value);
    domain_trees_fini(&f->trees);
    map_fini(&f->hypers);
    free(f);
}

/* ---- objects ---- */

static struct domain_tree *find_named(const struct domain_forest *f, struct str name)
{
    for (size_t i = 0; i < f->trees.n; i++) {
        if (str_eq(f->trees.items[i]->name, name))
            return f->trees.items[i];
    }
    return NULL;
}

static void drop_named(struct domain_forest *f, struct str name)
{
    for (size_t i = 0; i < f->trees.n; i++) {
        if (!str_eq(f->trees.items[i]->name, name))
            continue;
        tree_free(f->trees.items[i]);
        f->trees.items[i] = f->trees.items[--f->trees.n];
        return;
    }
}

static struct domain_tree *tree_new(struct domain_forest *f, struct str name)
{
    if (f->trees.n == TREES_MAX) { /* the first are as good to forget as any */
        tree_free(f->trees.items[0]);
        f->trees.items[0] = f->trees.items[--f->trees.n];
    }
    struct domain_tree *t = MEM_NEW(struct domain_tree);
    t->name = str_make(str_dup(name), name.n);
    domain_trees_push(&f->trees, t);
    return t;
}

static void add_level(struct domain_tree *t, struct str label)
{
    if (t->n_levels < DOMAIN_LEVELS_MAX)
        t->levels[++t->n_levels] = str_make(str_dup(label), label.n);
}

static void topology_set(struct domain_forest *f, const struct kobj *o)
{
    struct domain_tree *t = tree_new(f, o->name);
    t->declared = true;
    for (struct json_iter it = json_iter(kobj_path(o, "spec.levels")); json_next(&it);)
        add_level(t, json_str(json_get(it.value, STR("nodeLabel"))));
}

/* One tree out of all HyperNodes: its levels are the tiers, the highest on top. */
static void hypers_changed(struct domain_forest *f)
{
    const struct map_slot *slot;
    bool seen[DOMAIN_LEVELS_MAX + 1] = { false };
    drop_named(f, STR("HyperNodes"));
    if (!f->hypers.n)
        return;
    struct domain_tree *t = tree_new(f, STR("HyperNodes"));
    t->declared = t->by_hyper = true;
    for (size_t i = 0; (slot = map_next(&f->hypers, &i));)
        seen[((struct hyper *)slot->value)->tier] = true;
    for (int tier = DOMAIN_LEVELS_MAX; tier > 0; tier--) {
        char label[32];
        snprintf(label, sizeof label, TIER_LEVEL "%d", tier);
        if (seen[tier])
            add_level(t, str_from(label));
    }
}

static void hyper_set(struct domain_forest *f, const struct kobj *o, bool deleted)
{
    int64_t tier = json_i64_or(kobj_path(o, "spec.tier"), 0);
    hyper_free(map_del(&f->hypers, o->name));
    if (!deleted && tier > 0 && tier <= DOMAIN_LEVELS_MAX) {
        struct hyper *h = MEM_NEW(struct hyper);
        *h = (struct hyper){ kobj_ref(o), tier };
        map_put(&f->hypers, h->obj->name, h);
    }
    hypers_changed(f);
}

bool domain_forest_set(struct domain_forest *f, const struct kobj *o, bool deleted)
{
    bool hyper =
        str_is(o->kind, "HyperNode") && str_starts(o->api_version, STR("topology.volcano.sh/"));
    bool topology =
        str_is(o->kind, "Topology") && (str_starts(o->api_version, STR("kueue.x-k8s.io/")) ||
                                        str_starts(o->api_version, STR("kai.scheduler/")));
    if (hyper)
        hyper_set(f, o, deleted);
    if (topology) {
        drop_named(f, o->name);
        if (!deleted)
            topology_set(f, o);
    }
    return hyper || topology;
}

/* ---- building ---- */

static uint32_t domain_add(struct domain_tree *t, uint32_t parent, uint32_t level, struct str value)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->items = mem_realloc(t->items, t->cap * sizeof *t->items);
    }
    t->items[t->n] = (struct domain){ .value = value, .parent = parent, .level = level };
    return t->n++;
}

struct building {
    struct domain_tree *t;
    const struct domain_forest *f;
    struct map known; /* "parent value" → id; keys in a */
    struct arena *a;
    struct map upper; /* HyperNode or node name → the HyperNode it is an exact member of */
};

static uint32_t domain_under(struct building *b, uint32_t parent, uint32_t level, struct str value)
{
    struct str key = arena_printf(b->a, "%u %.*s", (unsigned)parent, STR_ARG(value));
    uintptr_t id = (uintptr_t)map_get(&b->known, key);
    if (!id) {
        id = domain_add(b->t, parent, level, value);
        map_put(&b->known, key, (void *)id); /* a number, never dereferenced */
    }
    return (uint32_t)id;
}

static bool member_matches(struct json member, struct str name, const struct labelset *labels)
{
    struct json selector = json_get(member, STR("selector"));
    struct json wanted = json_path(selector, "labelMatch.matchLabels");
    if (str_eq(json_str(json_path(selector, "exactMatch.name")), name))
        return true;
    if (!labels || !json_len(wanted))
        return false;
    for (struct json_iter it = json_iter(wanted); json_next(&it);) {
        if (!str_eq(labelset_get(labels, it.key), json_str(it.value)))
            return false;
    }
    return true;
}

/* The HyperNode of this tier that has the node (labels set) or HyperNode as a member. */
static const struct hyper *
hyper_above(const struct building *b, int64_t tier, struct str name, const struct labelset *labels)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&b->f->hypers, &i));) {
        const struct hyper *h = slot->value;
        if (h->tier != tier)
            continue;
        struct json members = kobj_path(h->obj, "spec.members");
        for (struct json_iter it = json_iter(members); json_next(&it);) {
            bool of_nodes = str_is(json_str(json_get(it.value, STR("type"))), "Node");
            if (of_nodes == (labels != NULL) && member_matches(it.value, name, labels))
                return h;
        }
    }
    return NULL;
}

/* Climbs from the node to the top, then names the domains from the top down. */
static size_t hyper_path(const struct building *b, const struct snode *n, struct str *out)
{
    struct str up[DOMAIN_LEVELS_MAX];
    size_t k = 0;
    struct str name = n->name;
    const struct labelset *labels = &n->labels;
    for (int64_t tier = 1; tier <= DOMAIN_LEVELS_MAX; tier++) {
        const struct hyper *h = hyper_above(b, tier, name, labels);
        if (!h)
            continue;
        up[k++] = name = h->obj->name;
        labels = NULL;
    }
    for (size_t i = 0; i < k; i++)
        out[i] = up[k - 1 - i];
    return k;
}

static size_t label_path(const struct domain_tree *t, const struct snode *n, struct str *out)
{
    for (uint32_t l = 1; l <= t->n_levels; l++) {
        out[l - 1] = labelset_get(&n->labels, t->levels[l]);
        if (!out[l - 1].p)
            return l - 1;
    }
    return t->n_levels;
}

static void place_nodes(struct building *b, const struct snapshot *s)
{
    struct domain_tree *t = b->t;
    t->of = mem_realloc(t->of, (s->nodes.n + 1) * sizeof *t->of);
    for (size_t i = 0; i < s->nodes.n; i++) {
        const struct snode *n = s->nodes.items[i];
        struct str path[DOMAIN_LEVELS_MAX];
        uint32_t at = DOMAIN_ROOT;
        size_t k = !n->alive ? 0 : t->by_hyper ? hyper_path(b, n, path) : label_path(t, n, path);
        for (size_t l = 0; l < k; l++)
            at = domain_under(b, at, (uint32_t)l + 1, path[l]);
        t->of[i] = at;
    }
}

/* Children and nodes of each domain side by side, by counting. */
static void index_tree(struct domain_tree *t, size_t n_nodes)
{
    t->children = mem_realloc(t->children, (t->n + 1) * sizeof *t->children);
    t->nodes = mem_realloc(t->nodes, (n_nodes + 1) * sizeof *t->nodes);
    for (uint32_t d = 1; d < t->n; d++)
        t->items[t->items[d].parent].n_children++;
    for (size_t i = 0; i < n_nodes; i++)
        t->items[t->of[i]].n_nodes++;
    uint32_t child = 0, node = 0;
    for (uint32_t d = 0; d < t->n; d++) {
        t->items[d].first_child = child;
        t->items[d].first_node = node;
        child += t->items[d].n_children;
        node += t->items[d].n_nodes;
        t->items[d].n_children = t->items[d].n_nodes = 0;
    }
    for (uint32_t d = 1; d < t->n; d++) {
        struct domain *p = &t->items[t->items[d].parent];
        t->children[p->first_child + p->n_children++] = d;
    }
    for (size_t i = 0; i < n_nodes; i++) {
        struct domain *p = &t->items[t->of[i]];
        t->nodes[p->first_node + p->n_nodes++] = (uint32_t)i;
    }
}

static void build(struct domain_tree *t, const struct domain_forest *f, const struct snapshot *s)
{
    struct building b = { .t = t, .f = f, .a = arena_new() };
    map_init(&b.known);
    t->n = 0;
    domain_add(t, DOMAIN_ROOT, 0, STR("the cluster"));
    place_nodes(&b, s);
    index_tree(t, s->nodes.n);
    for (size_t i = 0; i < COUNT_OF(t->counts); i++) {
        struct domain_counts *k = &t->counts[i];
        k->journal = 0;
        k->fit = mem_realloc(k->fit, (s->nodes.n + 1) * sizeof *k->fit);
        k->sum = mem_realloc(k->sum, t->n * sizeof *k->sum);
    }
    t->version = s->static_version;
    map_fini(&b.known);
    arena_free(b.a);
}

/* ---- asking ---- */

uint32_t domain_level(const struct domain_tree *t, struct str label)
{
    for (uint32_t l = 1; l <= t->n_levels; l++) {
        if (str_eq(t->levels[l], label))
            return l;
    }
    return 0;
}

struct domain_tree *domain_tree_get(struct domain_forest *f,
                                    const struct snapshot *s,
                                    struct str name,
                                    struct str level)
{
    struct domain_tree *t = name.n ? find_named(f, name) : NULL;
    for (size_t i = 0; i < f->trees.n && !t; i++) {
        if (f->trees.items[i]->declared && domain_level(f->trees.items[i], level))
            t = f->trees.items[i];
    }
    if (!t)
        t = find_named(f, level);
    if (!t) {
        t = tree_new(f, level);
        add_level(t, level);
    }
    if (t->version != s->static_version)
        build(t, f, s);
    return t;
}

bool domain_is_within(const struct domain_tree *t, uint32_t d, uint32_t ancestor)
{
    while (t->items[d].level > t->items[ancestor].level)
        d = t->items[d].parent;
    return d == ancestor;
}

uint32_t domain_at_level(const struct domain_tree *t, uint32_t d, uint32_t level)
{
    while (t->items[d].level > level)
        d = t->items[d].parent;
    return d;
}

/* ---- counting ---- */

/* Of a pod whose CPUs, memory and devices must come from one cell: the sum over cells. */
static int64_t fit_in_cells(const struct shape *shape, const struct snode *n)
{
    int64_t sum = 0;
    for (unsigned c = 0; c < n->topology.n_cells; c++) {
        int64_t fit = COUNT_MAX;
        if (n->cells[c].exclusive || !(shape->numa.cells & (1u << c)))
            continue;
        if (shape->numa.policy == NUMA_ISOLATED)
            fit = n->cells[c].pinned ? 0 : 1;
        if (shape->numa.cpu && shape->cpu > 0)
            fit = num_min_i64(fit,
                              (n->topology.cells[c].cpu_milli - n->cells[c].cpu_used) / shape->cpu);
        if (shape->numa.memory && shape->mem > 0)
            fit = num_min_i64(fit,
                              (n->topology.cells[c].mem_bytes - n->cells[c].mem_used) / shape->mem);
        for (unsigned k = 0; k < DEVICE_KINDS; k++) {
            uint64_t free = (uint64_t)n->free[k] & n->topology.devices[k][c];
            if (shape->devices[k] && shape->numa.devices[k])
                fit = num_min_i64(fit, __builtin_popcountll(free) / (int64_t)shape->devices[k]);
        }
        sum += num_max_i64(fit, 0);
    }
    return sum;
}

/* An upper bound from the numbers; placing proves it. */
static int32_t fit_on(const struct snapshot *s, const struct shape *shape, uint32_t node)
{
    const struct snode *n = s->nodes.items[node];
    int64_t fit = num_min_i64(COUNT_MAX, snapshot_free(s, RES_PODS, node));
    for (size_t i = 0; i < shape->n_demands; i++) {
        const struct demand *d = &shape->demands[i];
        fit = num_min_i64(fit, snapshot_free(s, d->res, node) / d->amount);
    }
    for (unsigned k = 0; k < DEVICE_KINDS; k++) {
        if (shape->devices[k])
            fit = num_min_i64(fit, __builtin_popcountll((uint64_t)n->free[k]) /
                                       (int64_t)shape->devices[k]);
    }
    if (shape->numa.policy == NUMA_SINGLE || shape->numa.policy == NUMA_ISOLATED)
        fit = num_min_i64(fit, fit_in_cells(shape, n));
    if (shape->view->host_ports.n)
        fit = num_min_i64(fit, 1);
    return (int32_t)num_max_i64(fit, 0);
}

static void count_all(struct domain_tree *t,
                      struct domain_counts *k,
                      const struct snapshot *s,
                      const struct score_cache *cache,
                      const struct shape *shape)
{
    for (uint32_t d = 0; d < t->n; d++)
        k->sum[d] = 0;
    for (uint32_t i = 0; i < s->nodes.n; i++) {
        k->fit[i] = score_cache_fits(cache, i) ? fit_on(s, shape, i) : 0;
        k->sum[t->of[i]] += k->fit[i];
    }
    for (uint32_t d = t->n - 1; d > 0; d--) /* children come after their parents */
        k->sum[t->items[d].parent] += k->sum[d];
}

static void recount(struct domain_tree *t, struct domain_counts *k, uint32_t node, int32_t fit)
{
    int32_t delta = fit - k->fit[node];
    if (!delta)
        return;
    k->fit[node] = fit;
    uint32_t d = t->of[node];
    for (k->sum[d] += delta; d != DOMAIN_ROOT; k->sum[d] += delta)
        d = t->items[d].parent;
}

static struct domain_counts *counts_of(struct domain_tree *t, uint64_t shape)
{
    struct domain_counts *oldest = &t->counts[0];
    for (size_t i = 0; i < COUNT_OF(t->counts); i++) {
        if (t->counts[i].journal && t->counts[i].shape == shape)
            return &t->counts[i];
        if (t->counts[i].used < oldest->used)
            oldest = &t->counts[i];
    }
    oldest->shape = shape;
    oldest->journal = 0;
    return oldest;
}

struct domain_counts *domain_count(struct domain_tree *t, struct cluster *c, struct shape *shape)
{
    const struct snapshot *s = &c->snap;
    struct domain_counts *k = counts_of(t, str_hash(shape->key, 7));
    const struct score_cache *cache = score_cache_of(c, shape);
    k->used = ++t->asked;
    if (!k->journal || s->journal_end - k->journal >= SCHED_JOURNAL) {
        count_all(t, k, s, cache, shape);
    } else {
        for (uint64_t j = k->journal; j < s->journal_end; j++) {
            uint32_t node = s->journal[j & (SCHED_JOURNAL - 1)];
            recount(t, k, node, score_cache_fits(cache, node) ? fit_on(s, shape, node) : 0);
        }
    }
    k->journal = s->journal_end;
    return k;
}
