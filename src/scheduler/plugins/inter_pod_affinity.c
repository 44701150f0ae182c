/* SPDX-License-Identifier: Apache-2.0
 * inter_pod_affinity — pods that want to be near other pods, or far from them, by a node label.
 * Required terms of the incoming pod and required anti-affinity of placed pods reject; preferred
 * terms of both sides, and required affinity of placed pods, score. The quirks of
 * kube-scheduler 1.36 are kept: namespace selectors of the incoming pod are expanded to names but
 * also tested against no labels; counts of one label are shared between terms. What counts is kept
 * by tally.h. Pure. */
#include <stdlib.h>

#include "scheduler/framework.h"
#include "scheduler/state/relations.h"
#include "scheduler/state/tally.h"

#define TERMS_MAX 64  /* of one pod; "64" in the message below */
#define OTHERS_MAX 64 /* terms of others looked at one by one; more are added up per pod */

struct part { /* of a sum by domain */
    const struct domains *domains;
    const int64_t *sum;
    int64_t times;
    uint64_t serial; /* of the tally; 0: the sum is of this cycle only */
};

struct parts {
    struct part *items;
    size_t n;
    int64_t entries; /* pods that count, so that a sum of 0 still counts as said */
};

struct own_terms { /* of one sort, of the incoming pod */
    const struct term *items;
    struct podset *sets; /* whom each is about */
    size_t n;
};

struct affinity_state {
    struct own_terms required, preferred, anti_required, anti_preferred;
    struct parts affinity, anti; /* by own required term */
    struct parts existing;       /* others' required anti-affinity that is about this pod */
    struct parts score;
    bool starts; /* nobody matches the required terms, but the pod itself does */
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

/* The namespaces that the term names, and those that its selector chooses now. */
static struct strs names_of(struct sched_cycle *c, const struct term *t)
{
    struct strs names = t->names;
    if (!t->namespaces.present || t->namespaces.n == 0)
        return names;
    names.items = ARENA_ARRAY(c->a, struct str, names.n + c->cluster->namespaces.n);
    for (size_t i = 0; i < names.n; i++)
        names.items[i] = t->names.items[i];
    const struct map_slot *s;
    for (size_t i = 0; (s = map_next(&c->cluster->namespaces, &i));) {
        const struct namespace_entry *e = s->value;
        if (label_sel_matches(&t->namespaces, &e->labels))
            names.items[names.n++] = s->key;
    }
    return names;
}

static struct own_terms own_terms_of(struct sched_cycle *c, const struct term *terms, size_t n)
{
    static const struct labelset none = { 0 };
    struct own_terms out = { terms, ARENA_ARRAY(c->a, struct podset, n), n };
    for (size_t i = 0; i < n; i++)
        out.sets[i] = (struct podset){ .names = names_of(c, &terms[i]),
                                       .everywhere = label_sel_matches(&terms[i].namespaces, &none),
                                       .selector = terms[i].selector };
    return out;
}

static bool is_in_all(const struct own_terms *terms, const struct spod *p)
{
    for (size_t i = 0; i < terms->n; i++) {
        if (!podset_has(&terms->sets[i], p))
            return false;
    }
    return terms->n > 0;
}

/* ---- sums ---- */

static void parts_add(struct parts *to, const struct tally *t, int64_t times)
{
    to->items[to->n++] = (struct part){ t->domains, t->sum, times, t->serial };
    to->entries += t->total;
}

static void parts_room(struct sched_cycle *c, struct parts *parts, size_t n)
{
    parts->items = ARENA_ARRAY(c->a, struct part, n);
}

/* A pod counts only when it is meant by all required terms at once. */
static void count_required(struct sched_cycle *c, struct affinity_state *st)
{
    const struct own_terms *all = &st->required, *anti = &st->anti_required;
    parts_room(c, &st->affinity, all->n);
    parts_room(c, &st->anti, anti->n);
    for (size_t i = 0; i < all->n; i++) {
        struct tally_ask q = { .sets = all->sets,
                               .n_sets = all->n,
                               .key = all->items[i].topology_key };
        parts_add(&st->affinity, tally_get(c->snap->tallies, &q, c->a), 1);
    }
    for (size_t i = 0; i < anti->n; i++) {
        struct tally_ask q = { .sets = &anti->sets[i],
                               .n_sets = 1,
                               .key = anti->items[i].topology_key };
        parts_add(&st->anti, tally_get(c->snap->tallies, &q, c->a), 1);
    }
    st->starts = st->affinity.entries == 0 && is_in_all(all, c->pod);
}

static void
count_preferred(struct sched_cycle *c, struct parts *to, const struct own_terms *terms, int sign)
{
    for (size_t i = 0; i < terms->n; i++) {
        struct tally_ask q = { .sets = &terms->sets[i],
                               .n_sets = 1,
                               .key = terms->items[i].topology_key };
        parts_add(to, tally_get(c->snap->tallies, &q, c->a), sign * terms->items[i].weight);
    }
}

/* ---- terms of others that are about this pod ---- */

VEC_TYPE(owned_ptrs, const struct owned *);

struct meeting {
    struct sched_cycle *c;
    const struct labelset *ns; /* labels of the pod's namespace */
    struct affinity_state *st;
    int64_t hard_weight;
    bool scores;
    struct owned_ptrs met;
};

static int64_t worth(const struct meeting *m, const struct owned *o)
{
    switch (o->kind) {
    case OWNED_REQUIRED:
        return m->hard_weight;
    case OWNED_PREFERRED:
        return o->term->weight;
    case OWNED_ANTI_REQUIRED:
        return 1;
    case OWNED_ANTI_PREFERRED:
        return -o->term->weight;
    }
    return 0;
}

static struct parts *place_of(const struct meeting *m, const struct owned *o)
{
    return o->kind == OWNED_ANTI_REQUIRED ? &m->st->existing : &m->st->score;
}

static void meet(void *arg, struct anchored *filed)
{
    struct meeting *m = arg;
    const struct owned *o = CONTAINER_OF(filed, struct owned, filed);
    struct podset whom = { o->term->names, label_sel_matches(&o->term->namespaces, m->ns),
                           o->term->selector };
    if ((m->scores || o->kind == OWNED_ANTI_REQUIRED) && worth(m, o) &&
        podset_has(&whom, m->c->pod))
        owned_ptrs_push(&m->met, o);
}

/* ---- so many of them that their owners are counted together, once for this pod ---- */

static int compare_owners(const void *a, const void *b)
{
    const struct owned *const *x = a, *const *y = b;
    uint64_t p = (*x)->by->serial, q = (*y)->by->serial;
    return (p > q) - (p < q);
}

/* The first met term whose owner comes at or after this one. */
static size_t first_of(const struct meeting *m, const struct relations *by)
{
    size_t lo = 0, hi = m->met.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (m->met.items[mid]->by->serial < by->serial)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void add_on(const struct meeting *m, const struct owned *o, uint32_t node)
{
    struct parts *to = place_of(m, o);
    const struct domains *d = tallies_domains(m->c->snap->tallies, o->term->topology_key);
    size_t i = 0;
    while (i < to->n && to->items[i].domains != d)
        i++;
    if (d->of[node] == DOMAIN_MISSING || i == OTHERS_MAX)
        return; /* so many labels: the rest is not looked at */
    if (i == to->n)
        to->items[to->n++] =
            (struct part){ .domains = d, .sum = ARENA_ARRAY(m->c->a, int64_t, d->n), .times = 1 };
    ((int64_t *)(uintptr_t)to->items[i].sum)[d->of[node]] += worth(m, o); /* ours */
    to->entries++;
}

static void count_owners(struct meeting *m)
{
    const struct snapshot *s = m->c->snap;
    qsort(m->met.items, m->met.n, sizeof *m->met.items, compare_owners);
    for (uint32_t n = 0; n < s->nodes.n; n++) {
        const struct snode *node = s->nodes.items[n];
        for (int64_t id = node->n_terms ? node->first_pod : -1; id >= 0;) {
            const struct spod *p = s->pods.items[id];
            size_t i = p->relations ? first_of(m, p->relations) : m->met.n;
            for (; i < m->met.n && m->met.items[i]->by == p->relations; i++)
                add_on(m, m->met.items[i], n);
            id = p->next;
        }
    }
}

static void meet_others(struct sched_cycle *c,
                        const struct affinity_args *args,
                        struct affinity_state *st,
                        bool scores)
{
    struct meeting m = { .c = c,
                         .ns = cluster_namespace(c->cluster, spod_namespace(c->pod)),
                         .st = st,
                         .hard_weight = args->hard_weight,
                         .scores = scores };
    anchor_visit(&c->snap->relations->terms, spod_namespace(c->pod), &c->pod->labels, meet, &m);
    parts_room(c, &st->existing, OTHERS_MAX);
    parts_room(c, &st->score, TERMS_MAX + OTHERS_MAX);
    if (m.met.n > OTHERS_MAX)
        count_owners(&m);
    for (size_t i = 0; i < m.met.n && m.met.n <= OTHERS_MAX; i++) {
        const struct owned *o = m.met.items[i];
        struct tally_ask q = { .owner = o->by, .key = o->term->topology_key };
        parts_add(place_of(&m, o), tally_get(c->snap->tallies, &q, c->a), worth(&m, o));
    }
    owned_ptrs_fini(&m.met);
}

static void read_own(struct sched_cycle *c, struct affinity_state *st)
{
    const struct relations *r = c->pod->relations;
    if (!r || !r->terms)
        return;
    st->required = own_terms_of(c, r->required, r->n_required);
    st->preferred = own_terms_of(c, r->preferred, r->n_preferred);
    st->anti_required = own_terms_of(c, r->anti_required, r->n_anti_required);
    st->anti_preferred = own_terms_of(c, r->anti_preferred, r->n_anti_preferred);
}

static enum prepare affinity_prepare(struct sched_cycle *c, struct plugin_run *run, struct why *why)
{
    const struct affinity_args *args = run->args;
    const struct relations *r = c->pod->relations;
    bool own = r && r->terms;
    if (!own && c->snap->n_terms == 0) {
        run->scores = false;
        return PREPARE_SKIP;
    }
    if (r && r->n_owned > TERMS_MAX) {
        why_add(why, STR("pod has more than 64 terms of pod affinity and anti-affinity"));
        run->scores = false;
        return PREPARE_REJECT;
    }
    struct affinity_state *st = ARENA_NEW(c->a, struct affinity_state);
    run->state = st;
    read_own(c, st);
    count_required(c, st);
    bool prefers = st->preferred.n || st->anti_preferred.n;
    bool scores = run->scores && (prefers || !args->ignore_existing_preferred);
    meet_others(c, args, st, scores);
    if (scores) {
        count_preferred(c, &st->score, &st->preferred, 1);
        count_preferred(c, &st->score, &st->anti_preferred, -1);
    }
    run->scores = scores && st->score.entries;
    bool filters = st->existing.entries || st->required.n || st->anti_required.n;
    return filters ? PREPARE_OK : PREPARE_SKIP;
}

/* ---- filter ---- */

static bool any_at(const struct parts *parts, uint32_t node)
{
    for (size_t i = 0; i < parts->n; i++) {
        const struct part *p = &parts->items[i];
        if (p->sum[p->domains->of[node]] > 0)
            return true;
    }
    return false;
}

static bool affinity_holds(const struct affinity_state *st, uint32_t node)
{
    bool all = true;
    for (size_t i = 0; i < st->affinity.n; i++) {
        const struct part *p = &st->affinity.items[i];
        uint32_t domain = p->domains->of[node];
        if (domain == DOMAIN_MISSING)
            return false;
        all = all && p->sum[domain] > 0;
    }
    /* The first pod of a series that wants to be near its own kind may start anywhere. */
    return all || st->starts;
}

static enum verdict affinity_filter(const struct sched_cycle *c,
                                    const struct plugin_run *run,
                                    uint32_t node,
                                    struct why *why)
{
    (void)c;
    const struct affinity_state *st = run->state;
    if (!affinity_holds(st, node)) {
        why_add(why, STR("node(s) didn't match pod affinity rules"));
        return SCHED_UNRESOLVABLE;
    }
    if (any_at(&st->anti, node)) {
        why_add(why, STR("node(s) didn't match pod anti-affinity rules"));
        return SCHED_UNSCHEDULABLE;
    }
    if (any_at(&st->existing, node)) {
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
    for (size_t i = 0; i < st->score.n; i++) {
        const struct part *p = &st->score.items[i];
        sum += p->times * p->sum[p->domains->of[node]];
    }
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

static bool read_parts(const struct parts *parts, struct sched_readings *out)
{
    for (size_t i = 0; i < parts->n; i++) {
        const struct part *p = &parts->items[i];
        if (!p->serial ||
            !sched_reads(out, (struct sched_reading){ READ_SUM, p->domains, p->sum, p->serial }))
            return false;
    }
    return true;
}

static bool affinity_readings(const struct plugin_run *run, struct sched_readings *out)
{
    const struct affinity_state *st = run->state;
    return (!run->filters || (read_parts(&st->affinity, out) && read_parts(&st->anti, out) &&
                              read_parts(&st->existing, out))) &&
           (!run->scores || read_parts(&st->score, out));
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
    .readings = affinity_readings,
};
