/* SPDX-License-Identifier: Apache-2.0
 * evaluate — see evaluate.h. */
#include "scheduler/cycle/evaluate.h"

#include "scheduler/core/queue.h"
#include "scheduler/state/reservation.h"
#include <inttypes.h>
#include <stdlib.h>

/* ---- reasons ---- */

#define KNOWN_LOOK_MAX 16 /* so many kept reasons are compared; then one is kept twice */

struct known_why {
    struct known_why *next;
    struct why why;
};

const struct why whys_none;

static bool same_why(const struct why *a, const struct why *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (a->text[i].p != b->text[i].p && !str_eq(a->text[i], b->text[i]))
            return false;
    }
    return true;
}

const struct why *whys_keep(struct whys *w, const struct why *why)
{
    if (!why->n)
        return &whys_none;
    if (w->known && same_why(&w->known->why, why))
        return &w->known->why;
    struct known_why **at = &w->known;
    for (int i = 0; *at && i < KNOWN_LOOK_MAX; i++, at = &(*at)->next) {
        struct known_why *k = *at;
        if (!same_why(&k->why, why))
            continue;
        *at = k->next;
        k->next = w->known;
        w->known = k;
        return &k->why;
    }
    struct known_why *k = ARENA_NEW(w->a, struct known_why);
    *k = (struct known_why){ w->known, *why };
    for (size_t i = 0; w->copies && i < why->n; i++)
        k->why.text[i] = arena_str(w->a, why->text[i]);
    w->known = k;
    return &k->why;
}

/* ---- one node ---- */

struct class_answer { /* of one plugin of class scope about one class of nodes */
    bool asked;
    enum verdict verdict;
    const struct why *why;
};

#define ALIKE_ANSWERS 64 /* slots */

struct alike_answer { /* about nodes of one class with the same code of the sieve */
    bool known;
    uint32_t class_id, code;
    struct node_answer answer;
};

struct run_set {
    struct plugin_run runs[SCHED_PLUGINS_MAX];
    size_t n;
    bool admits;                               /* some of them want to be asked first */
    bool related;                              /* some look at other nodes and pods */
    struct whys *whys;                         /* NULL: nobody asks why */
    struct class_answer *by_class;             /* [class][its place]; NULL: every node is asked */
    size_t place[SCHED_PLUGINS_MAX], n_places; /* of the runs that filter by class */
    /* Of a run before which only classes are asked, by node; 0: it passes. NULL: there is none. */
    uint32_t *codes;
    struct alike_answer *alike; /* [ALIKE_ANSWERS] */
};

static void prepare_set(struct sched_cycle *c,
                        unsigned scopes,
                        struct run_set *set,
                        int *rejected,
                        struct why *why)
{
    set->n = runs_prepare(c, scopes, set->runs, rejected, why);
    set->admits = set->related = false;
    for (size_t i = 0; i < set->n; i++) {
        set->admits = set->admits || set->runs[i].admits;
        set->related = set->related || set->runs[i].scope == SCOPE_CLUSTER;
    }
}

static struct sched_cycle cycle_of(struct cluster *c, const struct spod *pod, struct arena *a)
{
    return (struct sched_cycle){ .cluster = c,
                                 .snap = &c->snap,
                                 .profile = pod->shape->profile,
                                 .shape = pod->shape,
                                 .pod = pod,
                                 .a = a };
}

static bool
is_admitted(struct sched_cycle *c, struct run_set *set, uint32_t node, struct node_answer *out)
{
    for (size_t i = 0; set->admits && i < set->n; i++) {
        struct plugin_run *run = &set->runs[i];
        if (!run->admits || run->plugin->admits(c, run, node))
            continue;
        *out = (struct node_answer){ SCHED_UNRESOLVABLE, run->index, &whys_none };
        if (!set->whys)
            return false;
        struct why why = { .n = 1 };
        why.text[0] =
            arena_printf(c->a, "node(s) didn't satisfy plugin(s) [%s]", run->plugin->name);
        out->why = whys_keep(set->whys, &why);
        return false;
    }
    return true;
}

static enum verdict ask_node(struct sched_cycle *c,
                             const struct run_set *set,
                             const struct plugin_run *run,
                             uint32_t node,
                             const struct why **why)
{
    struct why said;
    said.n = 0; /* the texts are no one's yet */
    enum verdict v = run->plugin->filter(c, run, node, set->whys ? &said : NULL);
    *why = said.n ? whys_keep(set->whys, &said) : &whys_none;
    return v;
}

static enum verdict ask_class(struct sched_cycle *c,
                              const struct run_set *set,
                              size_t i,
                              uint32_t node,
                              const struct why **why)
{
    struct class_answer *k =
        &set->by_class[c->snap->class_of[node] * set->n_places + set->place[i]];
    if (!k->asked) {
        k->verdict = ask_node(c, set, &set->runs[i], node, &k->why);
        k->asked = true;
    }
    *why = k->why;
    return k->verdict;
}

static void
filter_node(struct sched_cycle *c, struct run_set *set, uint32_t node, struct node_answer *out)
{
    *out = (struct node_answer){ SCHED_OK, -1, &whys_none };
    for (size_t i = 0; i < set->n; i++) {
        struct plugin_run *run = &set->runs[i];
        if (!run->filters)
            continue;
        if (set->by_class && run->scope == SCOPE_CLASS)
            out->verdict = ask_class(c, set, i, node, &out->why);
        else
            out->verdict = ask_node(c, set, run, node, &out->why);
        if (out->verdict != SCHED_OK) {
            out->plugin = run->index;
            return;
        }
    }
}

static bool is_placed(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        if (LIST_ITEM(at, struct spod, in_gang)->node != SCHED_NO_NODE)
            return true;
    }
    return false;
}

/* A gang does not wait for itself, but what it holds for members to come stays theirs. */
static bool is_own(const struct spod *kept, const struct spod *pod)
{
    return pod->gang && pod->gang == kept->gang && !(kept->to_come && kept->gang->admitted);
}

/* A member that came took over the place that was held for it: it had this room before anybody
 * starved for it, and its gang ends only when it runs. */
static bool comes_to_its_place(const struct spod *pod, const struct spod *kept)
{
    return kept->held_by && kept->held_by->starving && pod->held_by && !pod->held_by->firm &&
           pod->kept == kept->kept && pod->gang && pod->gang->admitted && is_placed(pod->gang);
}

/* The place of a member to come is worth as much as a member that runs: who wants it has to evict
 * the gang. */
bool evaluate_minds(const struct spod *pod, const struct spod *kept)
{
    if (kept->node != SCHED_NO_NODE || is_own(kept, pod) || comes_to_its_place(pod, kept))
        return false;
    bool firm = kept->to_come ? kept->gang->admitted && is_placed(kept->gang)
                              : kept->held_by && kept->held_by->firm;
    if (firm)
        return pod->view->priority < QUEUE_SYSTEM_PRIORITY;
    return kept->view->priority >= pod->view->priority;
}

size_t
evaluate_place_nominated(struct cluster *cl, const struct spod *pod, uint32_t node, bool *related)
{
    size_t n = 0;
    *related = false;
    LIST_EACH (&cl->snap.nodes.items[node]->nominated, at) {
        struct spod *other = LIST_ITEM(at, struct spod_stay, nominated)->pod;
        if (other == pod || !evaluate_minds(pod, other))
            continue;
        snapshot_place(&cl->snap, other, &other->stay->where);
        *related = *related || other->relations;
        n++;
    }
    return n;
}

/* Asks with others placed for a dry run. related: they have something to say about other pods. */
static void filter_beside(struct sched_cycle *c,
                          struct run_set *set,
                          uint32_t node,
                          bool related,
                          struct node_answer *out)
{
    struct run_set anew = { .whys = set->whys };
    struct why ignored = { 0 };
    int rejected;
    if (related || set->related) {
        prepare_set(c, ~0u, &anew, &rejected, &ignored);
        set = &anew;
    }
    filter_node(c, set, node, out);
}

/* The first pass of the two: with the nominated pods. False: it decided. */
static bool passes_nominated(struct cluster *cl,
                             struct sched_cycle *c,
                             struct run_set *set,
                             uint32_t node,
                             struct node_answer *out)
{
    if (!cl->n_nominated || list_empty(&cl->snap.nodes.items[node]->nominated))
        return true;
    size_t mark = snapshot_mark(&cl->snap);
    bool ok = true, related, quiet = cl->snap.quiet;
    if (!quiet)
        snapshot_quiet(&cl->snap, true);
    if (evaluate_place_nominated(cl, c->pod, node, &related)) {
        filter_beside(c, set, node, related, out);
        ok = out->verdict == SCHED_OK;
    }
    snapshot_rollback(&cl->snap, mark);
    if (!quiet)
        snapshot_quiet(&cl->snap, false);
    return ok;
}

bool evaluate_beside_nominated(struct cluster *cl,
                               const struct spod *pod,
                               uint32_t node,
                               struct arena *a)
{
    struct sched_cycle c = cycle_of(cl, pod, a);
    struct run_set set = { .related = true }; /* nothing is prepared */
    struct node_answer ignored;
    return passes_nominated(cl, &c, &set, node, &ignored);
}

static void answer_node(struct cluster *cl,
                        struct sched_cycle *c,
                        struct run_set *set,
                        uint32_t node,
                        struct node_answer *out)
{
    if (is_admitted(c, set, node, out) && passes_nominated(cl, c, set, node, out))
        filter_node(c, set, node, out);
}

static void keep_by_class(struct sched_cycle *c, struct run_set *set)
{
    for (size_t i = 0; i < set->n; i++) {
        set->place[i] = set->n_places;
        set->n_places += set->runs[i].filters && set->runs[i].scope == SCOPE_CLASS;
    }
    set->by_class = ARENA_ARRAY(c->a, struct class_answer, c->snap->classes.n * set->n_places);
}

/* Nodes of one class that the sieve refuses with one code are asked once. */
static void find_sieve(struct sched_cycle *c, struct run_set *set, size_t n)
{
    for (size_t i = 0; !set->admits && i < set->n; i++) {
        const struct plugin_run *run = &set->runs[i];
        if (!run->filters || run->scope == SCOPE_CLASS)
            continue;
        uint32_t *codes = ARENA_ARRAY(c->a, uint32_t, run->plugin->sieve ? n : 0);
        if (!run->plugin->sieve || !run->plugin->sieve(c, run, n, codes))
            return;
        set->codes = codes;
        set->alike = ARENA_ARRAY(c->a, struct alike_answer, ALIKE_ANSWERS);
        return;
    }
}

static bool is_sieved(const struct cluster *cl, const struct run_set *set, uint32_t node)
{
    return set->codes && set->codes[node] &&
           (!cl->n_nominated || list_empty(&cl->snap.nodes.items[node]->nominated));
}

static void
answer_sieved(struct sched_cycle *c, struct run_set *set, uint32_t node, struct node_answer *out)
{
    uint32_t class_id = c->snap->class_of[node], code = set->codes[node];
    struct alike_answer *k = &set->alike[(class_id * 7 + code) % ALIKE_ANSWERS];
    if (!k->known || k->class_id != class_id || k->code != code) {
        *k = (struct alike_answer){ .known = true, .class_id = class_id, .code = code };
        filter_node(c, set, node, &k->answer);
    }
    *out = k->answer;
}

static void score_all(struct sched_cycle *c, struct run_set *set, struct evaluation *out)
{
    out->totals = ARENA_ARRAY(c->a, int64_t, out->n_feasible);
    for (size_t i = 0; i < set->n; i++) {
        struct plugin_run *run = &set->runs[i];
        int64_t *scores = ARENA_ARRAY(c->a, int64_t, out->n_feasible);
        if (!runs_score(c, run, out->feasible, out->n_feasible, scores))
            continue;
        out->scores[run->index] = scores;
        for (size_t j = 0; j < out->n_feasible; j++)
            out->totals[j] += scores[j] * run->weight;
    }
}

static const struct node_answer not_asked = { SCHED_UNRESOLVABLE, -1, &whys_none };

enum evaluate_how { WITH_SCORES, WITHOUT_SCORES, REFUSED };

static void evaluate_cycle(struct cluster *cl,
                           struct sched_cycle c,
                           enum evaluate_how how,
                           struct evaluation *out)
{
    struct arena *a = c.a;
    struct whys whys = { .a = a };
    struct run_set set = { .whys = &whys };
    int rejected;
    size_t n = cl->snap.nodes.n;
    cluster_images_refresh(cl);
    *out = (struct evaluation){ .rejected_by = -1, .n_nodes = n };
    out->nodes = ARENA_ARRAY(a, struct node_answer, n);
    out->feasible = ARENA_ARRAY(a, uint32_t, n);
    prepare_set(&c, ~0u, &set, &rejected, &out->rejected_why);
    if (rejected >= 0)
        out->rejected_by = set.runs[rejected].index;
    if (how == REFUSED && rejected < 0 && cl->snap.classes.n <= n / 4 + 1) {
        keep_by_class(&c, &set);
        find_sieve(&c, &set, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct node_answer *answer = &out->nodes[i];
        *answer = not_asked;
        if (cl->snap.class_of[i] == CLASS_GONE || rejected >= 0)
            continue;
        if (is_sieved(cl, &set, i))
            answer_sieved(&c, &set, i, answer);
        else
            answer_node(cl, &c, &set, i, answer);
        if (answer->verdict == SCHED_OK)
            out->feasible[out->n_feasible++] = i;
    }
    if (how == WITH_SCORES)
        score_all(&c, &set, out);
}

void evaluate(struct cluster *cl,
              const struct spod *pod,
              bool with_scores,
              struct arena *a,
              struct evaluation *out)
{
    evaluate_cycle(cl, cycle_of(cl, pod, a), with_scores ? WITH_SCORES : WITHOUT_SCORES, out);
}

void evaluate_refused(struct cluster *cl,
                      const struct spod *pod,
                      struct arena *a,
                      struct evaluation *out)
{
    evaluate_cycle(cl, cycle_of(cl, pod, a), REFUSED, out);
}

void evaluate_as(struct cluster *cl,
                 const struct spod *pod,
                 const struct profile *profile,
                 struct arena *a,
                 struct evaluation *out)
{
    struct sched_cycle c = cycle_of(cl, pod, a);
    c.profile = profile;
    evaluate_cycle(cl, c, WITHOUT_SCORES, out);
}

void evaluate_node(struct cluster *cl,
                   const struct spod *pod,
                   uint32_t node,
                   struct arena *a,
                   struct node_answer *out)
{
    struct sched_cycle c = cycle_of(cl, pod, a);
    struct whys whys = { .a = a };
    struct run_set set = { .whys = &whys };
    struct why why = { 0 };
    int rejected;
    cluster_images_refresh(cl);
    prepare_set(&c, ~0u, &set, &rejected, &why);
    *out = not_asked;
    if (rejected >= 0) {
        out->plugin = set.runs[rejected].index;
        out->why = whys_keep(&whys, &why);
        return;
    }
    if (cl->snap.nodes.items[node]->alive)
        answer_node(cl, &c, &set, node, out);
}

bool evaluate_shape(struct cluster *cl, struct shape *shape, uint32_t node)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct sched_cycle c = {
        .cluster = cl, .snap = &cl->snap, .profile = shape->profile, .shape = shape, .a = a
    };
    struct run_set set = { 0 };
    struct why why = { 0 };
    struct node_answer answer;
    int rejected;
    prepare_set(&c, 1u << SCOPE_CLASS | 1u << SCOPE_NODE, &set, &rejected, &why);
    if (rejected >= 0 || !cl->snap.nodes.items[node]->alive ||
        !is_admitted(&c, &set, node, &answer))
        return false;
    filter_node(&c, &set, node, &answer);
    return answer.verdict == SCHED_OK;
}

/* ---- many questions ---- */

struct asking {
    struct cluster *cl;
    struct arena *fixed, *scratch;
    struct sched_cycle c;
    struct run_set set;
    bool related, rejected;
    struct why rejected_why;
};

static void asking_prepare(struct asking *q, struct arena *a)
{
    int rejected;
    q->c.a = a;
    q->rejected_why = (struct why){ 0 };
    prepare_set(&q->c, ~0u, &q->set, &rejected, &q->rejected_why);
    q->rejected = rejected >= 0;
}

struct asking *asking_new(struct cluster *c, const struct spod *pod)
{
    struct asking *q = MEM_NEW(struct asking);
    q->cl = c;
    q->fixed = arena_new();
    q->scratch = arena_new();
    q->c = cycle_of(c, pod, q->fixed);
    cluster_images_refresh(c);
    asking_prepare(q, q->fixed);
    for (size_t i = 0; i < q->set.n; i++)
        q->related =
            q->related || (q->set.runs[i].scope == SCOPE_CLUSTER && q->set.runs[i].filters);
    return q;
}

void asking_free(struct asking *q)
{
    if (!q)
        return;
    arena_free(q->fixed);
    arena_free(q->scratch);
    free(q);
}

bool asking_is_related(const struct asking *q)
{
    return q->related;
}

bool asking_reserve(struct asking *q, uint32_t node, struct placement *out)
{
    return runs_reserve(&q->c, node, out);
}

enum verdict asking_node(struct asking *q, uint32_t node, const struct why **why)
{
    struct node_answer answer = not_asked;
    struct whys whys = { .a = q->scratch };
    arena_reset(q->scratch);
    q->c.a = q->scratch;
    q->set.whys = why ? &whys : NULL;
    if (q->related)
        asking_prepare(q, q->scratch);
    if (q->rejected)
        answer.why = &q->rejected_why;
    else if (q->cl->snap.nodes.items[node]->alive && is_admitted(&q->c, &q->set, node, &answer) &&
             passes_nominated(q->cl, &q->c, &q->set, node, &answer))
        filter_node(&q->c, &q->set, node, &answer);
    if (why)
        *why = answer.why;
    return answer.verdict;
}

/* ---- words ---- */

#define REASONS_MAX 256 /* different texts in one message */

struct reason_count {
    struct str text;
    size_t n;
    struct str line; /* "16 Insufficient cpu" */
};

static void count_reason(struct reason_count *list, size_t *n, struct str text, size_t times)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_eq(list[i].text, text)) {
            list[i].n += times;
            return;
        }
    }
    if (*n < REASONS_MAX)
        list[(*n)++] = (struct reason_count){ .text = text, .n = times };
}

static int compare_lines(const void *a, const void *b)
{
    const struct reason_count *x = a, *y = b;
    return str_cmp(x->line, y->line);
}

static void put_counts(struct arena *a, struct buf *b, const struct evaluation *e)
{
    struct reason_count *list = ARENA_ARRAY(a, struct reason_count, REASONS_MAX);
    size_t n = 0;
    for (size_t i = 0, same = 1; i < e->n_nodes; i += same, same = 1) {
        const struct why *why = e->nodes[i].why;
        while (i + same < e->n_nodes && e->nodes[i + same].why == why)
            same++;
        for (size_t j = 0; j < why->n; j++)
            count_reason(list, &n, why->text[j], same);
    }
    for (size_t i = 0; i < n; i++)
        list[i].line = arena_printf(a, "%zu %.*s", list[i].n, STR_ARG(list[i].text));
    qsort(list, n, sizeof *list, compare_lines);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s%.*s", i ? ", " : " ", STR_ARG(list[i].line));
    if (n)
        buf_char(b, '.');
}

#define MESSAGE_BYTES_MAX 16384

struct str evaluation_message(struct arena *a, const struct cluster *c, const struct evaluation *e)
{
    struct buf b;
    buf_init(&b, MESSAGE_BYTES_MAX);
    if (c->snap.n_alive == 0) {
        buf_str(&b, STR("no nodes available to schedule pods"));
    } else {
        buf_printf(&b, "0/%zu nodes are available:", c->snap.n_alive);
        if (e->rejected_by >= 0) {
            for (size_t i = 0; i < e->rejected_why.n; i++)
                buf_printf(&b, "%s%.*s", i ? ", " : " ", STR_ARG(e->rejected_why.text[i]));
            buf_char(&b, '.');
        } else {
            put_counts(a, &b, e);
        }
    }
    struct str out = arena_str(a, buf_view(&b));
    buf_fini(&b);
    return out;
}

uint32_t evaluation_wakes(const struct profile *p, const struct evaluation *e)
{
    uint32_t wakes = WAKE_NODE_ADDED;
    if (e->rejected_by >= 0)
        wakes |= p->plugins[e->rejected_by].plugin->wakes;
    for (size_t i = 0; i < e->n_nodes; i++) {
        if (e->nodes[i].plugin >= 0)
            wakes |= p->plugins[e->nodes[i].plugin].plugin->wakes;
    }
    return wakes;
}
