/* SPDX-License-Identifier: Apache-2.0
 * inter_pod_affinity — pods that want to be near other pods, or far from them, by a node label.
 * Required terms of the incoming pod and required anti-affinity of placed pods reject; preferred
 * terms of both sides, and required affinity of placed pods, score. The quirks of
 * kube-scheduler 1.36 are kept: namespace selectors of the incoming pod are expanded to names but
 * also tested against no labels; counts of one label are shared between terms. Pure. */
#include "scheduler/framework.h"

#define KEYS_MAX 64 /* different topology keys that one cycle looks at */

struct per_domain { /* sums by domain of one topology key */
    const struct domains *domains;
    int64_t *sum;
};

struct tally { /* (topology key, value) → sum */
    struct per_domain keys[KEYS_MAX];
    size_t n;
    size_t entries; /* additions, so that a sum of 0 still counts as said */
};

struct affinity_state {
    const struct relations *own; /* with namespaces merged; never NULL */
    struct tally affinity, anti, existing, score;
};

struct affinity_args {
    int64_t hard_weight;
    bool ignore_existing_preferred;
};

static int affinity_configure(void *args, struct json in, struct arena *a, struct err *err)
{
    (void)a;
    struct affinity_args *out = args;
    out->hard_weight = json_i64_or(json_get(in, STR("hardPodAffinityWeight")), 1);
    out->ignore_existing_preferred =
        json_bool(json_get(in, STR("ignorePreferredTermsOfExistingPods")), false);
    if (out->hard_weight < 0 || out->hard_weight > 100)
        return err_set(err, ERR_INVALID, "hardPodAffinityWeight must be 0 to 100");
    return 0;
}

/* ---- terms ---- */

static bool names_have(const struct strs *s, struct str name)
{
    for (size_t i = 0; i < s->n; i++) {
        if (str_eq(s->items[i], name))
            return true;
    }
    return false;
}

static bool term_matches(const struct term *t, const struct spod *p, const struct labelset *ns)
{
    return (names_have(&t->names, spod_namespace(p)) || label_sel_matches(&t->namespaces, ns)) &&
           label_sel_matches(&t->selector, &p->labels);
}

/* The incoming pod's namespace selectors are expanded once into names. */
static struct term *merge_names(struct sched_cycle *c, const struct term *terms, size_t n)
{
    struct term *out = ARENA_ARRAY(c->a, struct term, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = terms[i];
        if (!terms[i].namespaces.present || terms[i].namespaces.n == 0)
            continue;
        struct strs *names = &out[i].names;
        struct str *items = ARENA_ARRAY(c->a, struct str, names->n + c->cluster->namespaces.n);
        for (size_t j = 0; j < names->n; j++)
            items[j] = names->items[j];
        names->items = items;
        const struct map_slot *s;
        for (size_t j = 0; (s = map_next(&c->cluster->namespaces, &j));) {
            const struct namespace_entry *e = s->value;
            if (label_sel_matches(&terms[i].namespaces, &e->labels))
                names->items[names->n++] = s->key;
        }
    }
    return out;
}

static const struct relations *merged(struct sched_cycle *c)
{
    struct relations *out = ARENA_NEW(c->a, struct relations);
    const struct relations *r = c->pod->relations;
    if (!r || !r->terms)
        return out;
    *out = *r;
    out->required = merge_names(c, r->required, r->n_required);
    out->preferred = merge_names(c, r->preferred, r->n_preferred);
    out->anti_required = merge_names(c, r->anti_required, r->n_anti_required);
    out->anti_preferred = merge_names(c, r->anti_preferred, r->n_anti_preferred);
    return out;
}

static void
tally_add(struct sched_cycle *c, struct tally *t, struct str key, uint32_t node, int64_t amount)
{
    size_t i = 0;
    while (i < t->n && !str_eq(t->keys[i].domains->key, key))
        i++;
    if (i == t->n) {
        if (t->n == KEYS_MAX)
            return;
        const struct domains *d = domains_get(c->cluster->domains, c->snap, key);
        t->keys[t->n++] = (struct per_domain){ d, ARENA_ARRAY(c->a, int64_t, d->n) };
    }
    uint32_t domain = t->keys[i].domains->of[node];
    if (domain == DOMAIN_MISSING)
        return;
    t->keys[i].sum[domain] += amount;
    t->entries++;
}

static int64_t tally_get(const struct tally *t, struct str key, uint32_t node)
{
    for (size_t i = 0; i < t->n; i++) {
        if (str_eq(t->keys[i].domains->key, key))
            return t->keys[i].sum[t->keys[i].domains->of[node]];
    }
    return 0;
}

static bool matches_all(const struct term *terms, size_t n, const struct spod *p)
{
    static const struct labelset none = { 0 };
    for (size_t i = 0; i < n; i++) {
        if (!term_matches(&terms[i], p, &none))
            return false;
    }
    return n > 0;
}

/* ---- counting over placed pods ---- */

static void count_own_required(struct sched_cycle *c,
                               struct affinity_state *st,
                               const struct spod *p,
                               uint32_t node)
{
    static const struct labelset none = { 0 };
    const struct relations *own = st->own;
    if (matches_all(own->required, own->n_required, p)) {
        for (size_t i = 0; i < own->n_required; i++)
            tally_add(c, &st->affinity, own->required[i].topology_key, node, 1);
    }
    for (size_t i = 0; i < own->n_anti_required; i++) {
        if (term_matches(&own->anti_required[i], p, &none))
            tally_add(c, &st->anti, own->anti_required[i].topology_key, node, 1);
    }
}

struct terms { /* whose terms are asked about whom, and what a match on this node adds */
    const struct term *items;
    size_t n;
    const struct spod *target;
    const struct labelset *ns; /* labels of the target's namespace, as far as they count */
    uint32_t node;
    int64_t sign;
};

static void score_terms(struct sched_cycle *c, struct tally *t, struct terms q)
{
    for (size_t i = 0; i < q.n; i++) {
        if (term_matches(&q.items[i], q.target, q.ns))
            tally_add(c, t, q.items[i].topology_key, q.node, q.sign * q.items[i].weight);
    }
}

static void score_existing(struct sched_cycle *c,
                           const struct affinity_args *args,
                           struct affinity_state *st,
                           const struct spod *p,
                           uint32_t node)
{
    static const struct labelset none = { 0 };
    const struct relations *own = st->own, *theirs = p->relations;
    score_terms(c, &st->score,
                (struct terms){ own->preferred, own->n_preferred, p, &none, node, 1 });
    score_terms(c, &st->score,
                (struct terms){ own->anti_preferred, own->n_anti_preferred, p, &none, node, -1 });
    if (!theirs || !theirs->terms)
        return;
    const struct labelset *ns = cluster_namespace(c->cluster, spod_namespace(c->pod));
    for (size_t i = 0; args->hard_weight && i < theirs->n_required; i++) {
        if (term_matches(&theirs->required[i], c->pod, ns))
            tally_add(c, &st->score, theirs->required[i].topology_key, node, args->hard_weight);
    }
    score_terms(c, &st->score,
                (struct terms){ theirs->preferred, theirs->n_preferred, c->pod, ns, node, 1 });
    score_terms(
        c, &st->score,
        (struct terms){ theirs->anti_preferred, theirs->n_anti_preferred, c->pod, ns, node, -1 });
}

static void count_existing_anti(struct sched_cycle *c,
                                struct affinity_state *st,
                                const struct spod *p,
                                uint32_t node)
{
    const struct relations *theirs = p->relations;
    if (!theirs || !theirs->n_anti_required)
        return;
    const struct labelset *ns = cluster_namespace(c->cluster, spod_namespace(c->pod));
    for (size_t i = 0; i < theirs->n_anti_required; i++) {
        if (term_matches(&theirs->anti_required[i], c->pod, ns))
            tally_add(c, &st->existing, theirs->anti_required[i].topology_key, node, 1);
    }
}

static void count_node(struct sched_cycle *c,
                       const struct plugin_run *run,
                       struct affinity_state *st,
                       const struct snode *n)
{
    const struct affinity_args *args = run->args;
    bool prefers = st->own->n_preferred || st->own->n_anti_preferred;
    bool score = run->scores && (prefers || !args->ignore_existing_preferred) && n->labels.n;
    for (int64_t id = n->first_pod; id >= 0; id = c->snap->pods.items[id]->next) {
        const struct spod *p = c->snap->pods.items[id];
        count_existing_anti(c, st, p, n->id);
        if (st->own->terms)
            count_own_required(c, st, p, n->id);
        if (score)
            score_existing(c, args, st, p, n->id);
    }
}

static enum prepare affinity_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    (void)why;
    struct affinity_state *st = run->state = NULL;
    const struct relations *r = c->pod->relations;
    bool own = r && r->terms;
    if (!own && c->snap->n_terms == 0) {
        run->scores = false;
        return PREPARE_SKIP;
    }
    run->state = st = ARENA_NEW(c->a, struct affinity_state);
    st->own = merged(c);
    for (size_t i = 0; i < c->snap->nodes.n; i++) {
        const struct snode *n = c->snap->nodes.items[i];
        if (n->alive && (own || n->n_terms))
            count_node(c, run, st, n);
    }
    run->scores = run->scores && st->score.entries;
    bool filters = st->existing.entries || st->own->n_required || st->own->n_anti_required;
    return filters ? PREPARE_OK : PREPARE_SKIP;
}

/* ---- filter ---- */

static bool
affinity_holds(const struct sched_cycle *c, const struct affinity_state *st, uint32_t node)
{
    const struct relations *own = st->own;
    const struct labelset *labels = &c->snap->nodes.items[node]->labels;
    bool all = true;
    for (size_t i = 0; i < own->n_required; i++) {
        if (!labelset_get(labels, own->required[i].topology_key).p)
            return false;
        all = all && tally_get(&st->affinity, own->required[i].topology_key, node) > 0;
    }
    /* The first pod of a series that wants to be near its own kind may start anywhere. */
    return all ||
           (st->affinity.entries == 0 && matches_all(own->required, own->n_required, c->pod));
}

static bool anti_affinity_holds(const struct affinity_state *st, uint32_t node)
{
    for (size_t i = 0; i < st->own->n_anti_required; i++) {
        if (tally_get(&st->anti, st->own->anti_required[i].topology_key, node) > 0)
            return false;
    }
    return true;
}

static bool existing_holds(const struct affinity_state *st, uint32_t node)
{
    for (size_t i = 0; i < st->existing.n; i++) {
        if (st->existing.keys[i].sum[st->existing.keys[i].domains->of[node]] > 0)
            return false;
    }
    return true;
}

static enum verdict affinity_filter(const struct sched_cycle *c,
                                    const struct plugin_run *run,
                                    uint32_t node,
                                    struct why *why)
{
    const struct affinity_state *st = run->state;
    if (!affinity_holds(c, st, node)) {
        why_add(why, STR("node(s) didn't match pod affinity rules"));
        return SCHED_UNRESOLVABLE;
    }
    if (!anti_affinity_holds(st, node)) {
        why_add(why, STR("node(s) didn't match pod anti-affinity rules"));
        return SCHED_UNSCHEDULABLE;
    }
    if (!existing_holds(st, node)) {
        why_add(why, STR("node(s) didn't satisfy existing pods anti-affinity rules"));
        return SCHED_UNSCHEDULABLE;
    }
    return SCHED_OK;
}

/* ---- score ---- */

static int64_t
affinity_score(const struct sched_cycle *c, const struct plugin_run *run, uint32_t node)
{
    (void)c;
    const struct affinity_state *st = run->state;
    int64_t sum = 0;
    for (size_t i = 0; i < st->score.n; i++)
        sum += st->score.keys[i].sum[st->score.keys[i].domains->of[node]];
    return sum;
}

static void affinity_normalize(const struct sched_cycle *c,
                               const struct plugin_run *run,
                               const uint32_t *nodes,
                               int64_t *scores,
                               size_t n)
{
    (void)c;
    (void)run;
    (void)nodes;
    int64_t min = INT64_MAX, max = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        min = scores[i] < min ? scores[i] : min;
        max = scores[i] > max ? scores[i] : max;
    }
    for (size_t i = 0; i < n; i++) {
        double f =
            max > min ? SCHED_SCORE_MAX * ((double)(scores[i] - min) / (double)(max - min)) : 0;
        scores[i] = (int64_t)f;
    }
}

const struct sched_plugin inter_pod_affinity_plugin = {
    .name = "InterPodAffinity",
    .help = "pod affinity and anti-affinity",
    .scope = SCOPE_CLUSTER,
    .normalize = NORMALIZE_OWN,
    .wakes = WAKE_NODE_ADDED | WAKE_NODE_CHANGED | WAKE_POD_GONE | WAKE_POD_PLACED | WAKE_OBJECTS,
    .default_weight = 2,
    .args_size = sizeof(struct affinity_args),
    .configure = affinity_configure,
    .prepare = affinity_prepare,
    .filter = affinity_filter,
    .score = affinity_score,
    .normalize_own = affinity_normalize,
};
