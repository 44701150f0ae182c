/* SPDX-License-Identifier: Apache-2.0
 * domain_place — see domain_place.h.
 *
 * Counts say how many members each node and domain would hold; they are upper bounds for pods that
 * look at other pods. So a domain is chosen by counts, then filled for real inside the transaction;
 * when it holds less than promised, it is rolled back and the next one is tried. */
#include "scheduler/network/domain_place.h"

#include <stdlib.h>

#include "base/num.h"
#include "scheduler/cycle/select.h"

#define ROLES_COUNTED 6 /* shapes whose counts choose the domain; a tree keeps a few more */

struct role { /* members of one shape, side by side */
    struct spod **pods;
    size_t n;
    const struct domain_counts *k; /* before anything is placed; NULL: not counted */
};

struct search {
    struct cluster *c;
    const struct domain_job *job;
    struct domain_tree *tree;
    struct arena *a;
    struct str *why;
    struct role *roles;
    size_t n_roles;
    uint32_t required, slice; /* levels; 0: none */
    int64_t slice_size;       /* 1: none */
    uint32_t anchor;          /* the domain of the mate, at the required level; else the root */
    size_t tries;
    int64_t best; /* the most that one domain of the required level holds */
    uint32_t best_at;
};

/* Members of one shape while they are placed. */
struct filling {
    struct search *s;
    struct domain_counts *k;
    struct spod **next, **end;
    size_t placed;
};

/* ---- counts in slices ---- */

/* How many members the domain holds when slices stay whole within their level. */
static int64_t holds(const struct search *s, const struct domain_counts *k, uint32_t d)
{
    const struct domain *at = &s->tree->items[d];
    int64_t sum = 0;
    if (s->slice_size <= 1)
        return k->sum[d];
    if (at->level >= s->slice)
        return k->sum[d] / s->slice_size * s->slice_size;
    for (uint32_t i = 0; i < at->n_children; i++)
        sum += holds(s, k, s->tree->children[at->first_child + i]);
    return sum;
}

/* ---- filling ---- */

static size_t fill_node(struct filling *f, uint32_t node, size_t want)
{
    size_t done = 0;
    AUTO(arena_freep) struct arena *scratch = arena_new();
    while (done < want && f->next < f->end) {
        struct placement where;
        if (!select_on(f->s->c, *f->next, node, scratch, &where))
            break;
        snapshot_place(&f->s->c->snap, *f->next, &where);
        f->next++;
        done++;
        arena_reset(scratch);
    }
    f->placed += done;
    return done;
}

struct offer { /* of a child domain or a node */
    int64_t holds;
    uint32_t id;
    bool node;
};

static int most_first(const void *pa, const void *pb)
{
    const struct offer *a = pa, *b = pb;
    if (a->holds != b->holds)
        return a->holds > b->holds ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static size_t offers_of(const struct filling *f, uint32_t d, struct offer *out)
{
    const struct domain_tree *t = f->s->tree;
    const struct domain *at = &t->items[d];
    bool whole = f->s->slice_size > 1 && at->level < f->s->slice; /* slices are cut below */
    size_t n = 0;
    for (uint32_t i = 0; i < at->n_children; i++) {
        uint32_t child = t->children[at->first_child + i];
        int64_t h = whole ? holds(f->s, f->k, child) : f->k->sum[child];
        if (h > 0)
            out[n++] = (struct offer){ h, child, false };
    }
    for (uint32_t i = 0; i < at->n_nodes && !whole; i++) {
        uint32_t node = t->nodes[at->first_node + i];
        if (f->k->fit[node] > 0)
            out[n++] = (struct offer){ f->k->fit[node], node, true };
    }
    qsort(out, n, sizeof *out, most_first);
    return n;
}

/* The last offer that holds the rest alone is the smallest that does; else the largest. */
static size_t choose(const struct offer *o, size_t n, size_t from, int64_t want)
{
    if (o[from].holds < want)
        return from;
    while (from + 1 < n && o[from + 1].holds >= want)
        from++;
    return from;
}

static size_t fill(struct filling *f, uint32_t d, size_t want)
{
    const struct domain *at = &f->s->tree->items[d];
    size_t done = 0, from = 0;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct offer *o = ARENA_ARRAY(a, struct offer, at->n_children + at->n_nodes + 1);
    size_t n = offers_of(f, d, o);
    while (from < n && done < want) {
        size_t i = choose(o, n, from, (int64_t)(want - done));
        size_t part = (size_t)num_min_i64(o[i].holds, (int64_t)(want - done));
        done += o[i].node ? fill_node(f, o[i].id, part) : fill(f, o[i].id, part); /* tree deep */
        for (; i > from; i--)
            o[i] = o[i - 1];
        from++;
    }
    return done;
}

/* ---- one domain ---- */

static size_t twins(struct spod *const *pods, size_t n)
{
    size_t k = 1;
    while (k < n && pods[k]->shape == pods[0]->shape)
        k++;
    return k;
}

static void find_roles(struct search *s)
{
    const struct domain_job *job = s->job;
    s->roles = ARENA_ARRAY(s->a, struct role, job->n);
    for (size_t i = 0; i < job->n; i += s->roles[s->n_roles++].n)
        s->roles[s->n_roles] =
            (struct role){ job->pods + i, twins(job->pods + i, job->n - i), NULL };
}

static void count_roles(struct search *s)
{
    for (size_t i = 0; i < s->n_roles && i < ROLES_COUNTED; i++)
        s->roles[i].k = domain_count(s->tree, s->c, s->roles[i].pods[0]->shape);
}

/* Every counted role has room by the numbers: all of it, or one member when less than all will
 * do. */
static bool promises(const struct search *s, uint32_t d, size_t want)
{
    for (size_t i = 0; i < s->n_roles && s->roles[i].k; i++) {
        size_t need = s->n_roles == 1 ? want : want < s->job->n ? 1 : s->roles[i].n;
        if (holds(s, s->roles[i].k, d) < (int64_t)need)
            return false;
    }
    return true;
}

/* Of all members, whatever their shape: for comparing domains. */
static int64_t room_in(const struct search *s, uint32_t d)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->n_roles && s->roles[i].k; i++)
        sum += holds(s, s->roles[i].k, d);
    return sum;
}

/* Places as many as go, at least `want`; else nothing. */
static size_t try_domain(struct search *s, uint32_t d, size_t want)
{
    size_t mark = snapshot_mark(&s->c->snap), placed = 0;
    s->tries++;
    for (size_t i = 0; i < s->n_roles; i++) {
        const struct role *r = &s->roles[i];
        struct filling f = { s, domain_count(s->tree, s->c, r->pods[0]->shape), r->pods,
                             r->pods + r->n, 0 };
        size_t most = r->n;
        if (s->slice_size > 1) /* no slice in part */
            most = (size_t)num_min_i64((int64_t)most, holds(s, f.k, d));
        fill(&f, d, most);
        placed += f.placed;
    }
    if (placed >= want)
        return placed;
    snapshot_rollback(&s->c->snap, mark);
    return 0;
}

/* ---- the search ---- */

struct candidate {
    uint32_t domain, level;
    int64_t holds;
};

/* The lowest level first, there the tightest; when not all fit anywhere, the roomiest. */
static int tightest_first(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;
    if (a->level != b->level)
        return a->level > b->level ? -1 : 1;
    if (a->holds != b->holds)
        return a->holds < b->holds ? -1 : 1;
    return a->domain < b->domain ? -1 : a->domain > b->domain;
}

static int roomiest_first(const void *pa, const void *pb)
{
    const struct candidate *a = pa, *b = pb;
    return a->holds != b->holds ? (a->holds > b->holds ? -1 : 1) : tightest_first(pa, pb);
}

static size_t search(struct search *s, size_t want)
{
    const struct domain_tree *t = s->tree;
    struct candidate *list = ARENA_ARRAY(s->a, struct candidate, t->n);
    size_t n = 0;
    count_roles(s);
    for (uint32_t d = 0; d < t->n; d++) {
        uint32_t level = t->items[d].level;
        if (level < s->required || !domain_is_within(t, d, s->anchor))
            continue;
        int64_t room = room_in(s, d);
        if (level == s->required && room > s->best) {
            s->best = room;
            s->best_at = d;
        }
        /* A slice lies within its level: below it no domain may hold one alone. */
        if (room >= (int64_t)want && (s->slice_size <= 1 || level <= s->slice) &&
            promises(s, d, want))
            list[n++] = (struct candidate){ d, level, room };
    }
    qsort(list, n, sizeof *list, want < s->job->n ? roomiest_first : tightest_first);
    for (size_t i = 0; i < n && s->tries < DOMAIN_TRIES_MAX; i++) {
        size_t placed = try_domain(s, list[i].domain, want);
        if (placed)
            return placed;
    }
    return 0;
}

/* ---- why not ---- */

static struct str domain_text(const struct search *s, uint32_t d)
{
    return s->tree->items[d].value;
}

static size_t outside(const struct search *s)
{
    const struct snapshot *snap = &s->c->snap;
    size_t n = 0;
    for (size_t i = 0; i < snap->nodes.n; i++)
        n += snap->nodes.items[i]->alive && s->tree->items[s->tree->of[i]].level < s->required;
    return n;
}

static void explain(struct search *s)
{
    struct arena *a = s->a;
    size_t missing = s->required ? outside(s) : 0;
    struct str level = s->required ? s->tree->levels[s->required] : STR("(any)");
    struct str text =
        arena_printf(a, "no domain of %.*s holds %zu members", STR_ARG(level), s->job->least);
    if (s->anchor != DOMAIN_ROOT)
        text = arena_printf(
            a, "the domain %.*s of %.*s, in which the gang runs, does not hold %zu more",
            STR_ARG(domain_text(s, s->anchor)), STR_ARG(level), s->job->least);
    else if (s->best > 0)
        text = arena_printf(a, "%.*s: the best, %.*s, holds %lld", STR_ARG(text),
                            STR_ARG(domain_text(s, s->best_at)), (long long)s->best);
    if (s->slice_size > 1)
        text = arena_printf(a, "%.*s in slices of %lld within %.*s", STR_ARG(text),
                            (long long)s->slice_size, STR_ARG(s->tree->levels[s->slice]));
    if (missing)
        text = arena_printf(a, "%.*s; %zu node%s no such label and lie in none", STR_ARG(text),
                            missing, missing == 1 ? " has" : "s have");
    if (s->tries >= DOMAIN_TRIES_MAX)
        text = arena_printf(a, "%.*s; the search ended after %d domains", STR_ARG(text),
                            DOMAIN_TRIES_MAX);
    *s->why = text;
}

static bool find_levels(struct search *s)
{
    const struct domain_wish *w = s->job->wish;
    if (w->wrong.p) {
        *s->why = w->wrong;
        return false;
    }
    s->required = w->required.n ? domain_level(s->tree, w->required) : 0;
    s->slice = w->slice_size > 1 ? domain_level(s->tree, w->slice_level) : 0;
    s->slice_size = s->slice ? w->slice_size : 1;
    struct str absent = w->required.n && !s->required    ? w->required
                        : w->slice_size > 1 && !s->slice ? w->slice_level
                                                         : (struct str){ 0 };
    if (!absent.p)
        return true;
    *s->why = arena_printf(s->a, "topology %.*s has no level %.*s", STR_ARG(s->tree->name),
                           STR_ARG(absent));
    return false;
}

size_t
domain_place(struct cluster *c, const struct domain_job *job, struct arena *a, struct str *why)
{
    const struct domain_wish *w = job->wish;
    struct str level = w->required.n ? w->required : w->preferred.n ? w->preferred : w->slice_level;
    struct search s = { .c = c, .job = job, .a = a, .why = why };
    s.tree = domain_tree_get(c->forest, &c->snap, w->tree, level);
    if (!find_levels(&s))
        return 0;
    if (job->mate && s.required) {
        s.anchor = domain_at_level(s.tree, s.tree->of[job->mate->node], s.required);
        s.anchor = s.tree->items[s.anchor].level < s.required ? DOMAIN_ROOT : s.anchor;
    }
    find_roles(&s);
    size_t placed = search(&s, job->n);
    if (!placed && job->least < job->n)
        placed = search(&s, job->least);
    if (!placed)
        explain(&s);
    return placed;
}
