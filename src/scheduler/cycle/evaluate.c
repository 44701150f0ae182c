/* SPDX-License-Identifier: Apache-2.0
 * evaluate — see evaluate.h. */
#include "scheduler/cycle/evaluate.h"

#include "scheduler/core/queue.h"
#include "scheduler/state/reservation.h"
#include <inttypes.h>
#include <stdlib.h>

struct run_set {
    struct plugin_run runs[SCHED_PLUGINS_MAX];
    size_t n;
};

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
    for (size_t i = 0; i < set->n; i++) {
        struct plugin_run *run = &set->runs[i];
        if (!run->admits || run->plugin->admits(c, run, node))
            continue;
        *out = (struct node_answer){ .verdict = SCHED_UNRESOLVABLE, .plugin = run->index };
        why_add(&out->why,
                arena_printf(c->a, "node(s) didn't satisfy plugin(s) [%s]", run->plugin->name));
        return false;
    }
    return true;
}

/* why: where reasons go, NULL when nobody asks. */
static void filter_node(struct sched_cycle *c,
                        struct run_set *set,
                        uint32_t node,
                        struct node_answer *out,
                        struct why *why)
{
    *out = (struct node_answer){ .plugin = -1 };
    for (size_t i = 0; i < set->n; i++) {
        struct plugin_run *run = &set->runs[i];
        if (!run->filters)
            continue;
        out->verdict = run->plugin->filter(c, run, node, why);
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

/* Places the pods that have this node kept for them and matter to the pod; true if there were any.
 */
static bool place_nominated(struct cluster *cl, const struct spod *pod, struct snode *node)
{
    bool any = false;
    LIST_EACH (&node->nominated, at) {
        struct spod *other = LIST_ITEM(at, struct spod, nominated);
        if (other == pod || !evaluate_minds(pod, other))
            continue;
        snapshot_place(&cl->snap, other, &other->kept_where);
        any = true;
    }
    return any;
}

/* The first pass of the two: with the nominated pods. False: it decided. */
static bool
passes_nominated(struct cluster *cl, struct sched_cycle *c, uint32_t node, struct node_answer *out)
{
    struct snode *n = cl->snap.nodes.items[node];
    if (list_empty(&n->nominated))
        return true;
    size_t mark = snapshot_mark(&cl->snap);
    bool ok = true;
    if (place_nominated(cl, c->pod, n)) {
        struct run_set set;
        int rejected;
        struct why ignored = { 0 };
        set.n = runs_prepare(c, ~0u, set.runs, &rejected, &ignored);
        filter_node(c, &set, node, out, &out->why);
        ok = out->verdict == SCHED_OK;
    }
    snapshot_rollback(&cl->snap, mark);
    return ok;
}

bool evaluate_beside_nominated(struct cluster *cl,
                               const struct spod *pod,
                               uint32_t node,
                               struct arena *a)
{
    struct sched_cycle c = cycle_of(cl, pod, a);
    struct node_answer ignored;
    return passes_nominated(cl, &c, node, &ignored);
}

static void answer_node(struct cluster *cl,
                        struct sched_cycle *c,
                        struct run_set *set,
                        uint32_t node,
                        struct node_answer *out)
{
    if (is_admitted(c, set, node, out) && passes_nominated(cl, c, node, out))
        filter_node(c, set, node, out, &out->why);
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

static void
evaluate_cycle(struct cluster *cl, struct sched_cycle c, bool with_scores, struct evaluation *out)
{
    struct arena *a = c.a;
    struct run_set set;
    int rejected;
    size_t n = cl->snap.nodes.n;
    cluster_images_refresh(cl);
    *out = (struct evaluation){ .rejected_by = -1, .n_nodes = n };
    out->nodes = ARENA_ARRAY(a, struct node_answer, n);
    out->feasible = ARENA_ARRAY(a, uint32_t, n);
    set.n = runs_prepare(&c, ~0u, set.runs, &rejected, &out->rejected_why);
    if (rejected >= 0)
        out->rejected_by = set.runs[rejected].index;
    for (uint32_t i = 0; i < n; i++) {
        struct node_answer *answer = &out->nodes[i];
        *answer = (struct node_answer){ .verdict = SCHED_UNRESOLVABLE, .plugin = -1 };
        if (!cl->snap.nodes.items[i]->alive || rejected >= 0)
            continue;
        answer_node(cl, &c, &set, i, answer);
        if (answer->verdict == SCHED_OK)
            out->feasible[out->n_feasible++] = i;
    }
    if (with_scores)
        score_all(&c, &set, out);
}

void evaluate(struct cluster *cl,
              const struct spod *pod,
              bool with_scores,
              struct arena *a,
              struct evaluation *out)
{
    evaluate_cycle(cl, cycle_of(cl, pod, a), with_scores, out);
}

void evaluate_as(struct cluster *cl,
                 const struct spod *pod,
                 const struct profile *profile,
                 struct arena *a,
                 struct evaluation *out)
{
    struct sched_cycle c = cycle_of(cl, pod, a);
    c.profile = profile;
    evaluate_cycle(cl, c, false, out);
}

void evaluate_node(struct cluster *cl,
                   const struct spod *pod,
                   uint32_t node,
                   struct arena *a,
                   struct node_answer *out)
{
    struct sched_cycle c = cycle_of(cl, pod, a);
    struct run_set set;
    struct why why = { 0 };
    int rejected;
    cluster_images_refresh(cl);
    set.n = runs_prepare(&c, ~0u, set.runs, &rejected, &why);
    *out = (struct node_answer){ .verdict = SCHED_UNRESOLVABLE, .plugin = -1 };
    if (rejected >= 0) {
        out->plugin = set.runs[rejected].index;
        out->why = why;
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
    struct run_set set;
    struct why why = { 0 };
    struct node_answer answer;
    int rejected;
    set.n = runs_prepare(&c, 1u << SCOPE_CLASS | 1u << SCOPE_NODE, set.runs, &rejected, &why);
    if (rejected >= 0 || !cl->snap.nodes.items[node]->alive ||
        !is_admitted(&c, &set, node, &answer))
        return false;
    filter_node(&c, &set, node, &answer, NULL);
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
    q->set.n = runs_prepare(&q->c, ~0u, q->set.runs, &rejected, &q->rejected_why);
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

enum verdict asking_node(struct asking *q, uint32_t node, struct why *why)
{
    struct node_answer answer = { .verdict = SCHED_UNRESOLVABLE };
    arena_reset(q->scratch);
    q->c.a = q->scratch;
    if (q->related)
        asking_prepare(q, q->scratch);
    if (q->rejected)
        answer.why = q->rejected_why;
    else if (!q->cl->snap.nodes.items[node]->alive)
        answer.why.n = 0;
    else if (is_admitted(&q->c, &q->set, node, &answer) &&
             passes_nominated(q->cl, &q->c, node, &answer))
        filter_node(&q->c, &q->set, node, &answer, why ? &answer.why : NULL);
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

static void count_reason(struct reason_count *list, size_t *n, struct str text)
{
    for (size_t i = 0; i < *n; i++) {
        if (str_eq(list[i].text, text)) {
            list[i].n++;
            return;
        }
    }
    if (*n < REASONS_MAX)
        list[(*n)++] = (struct reason_count){ .text = text, .n = 1 };
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
    for (size_t i = 0; i < e->n_nodes; i++) {
        for (size_t j = 0; j < e->nodes[i].why.n; j++)
            count_reason(list, &n, e->nodes[i].why.text[j]);
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
