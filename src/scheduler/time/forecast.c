/* SPDX-License-Identifier: Apache-2.0
 * forecast — see forecast.h. */
#include "scheduler/time/forecast.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scheduler/config/profile.h"
#include "scheduler/gang/gang.h"
#include "scheduler/state/cluster.h"

#define ROLES_MAX 64 /* kinds of members of one gang; a gang with more has no forecast */

enum { AT_CPU, AT_MEMORY, AT_PODS, AT_DEVICES };
static_assert(FORECAST_RES <= SKYLINE_RES_MAX, "raise SKYLINE_RES_MAX");

struct hold { /* on one node */
    const struct booking *by;
    const struct skyline_span *span;
};
VEC_TYPE(hold_vec, struct hold);

struct line {                   /* one node, as the skyline was told */
    int64_t room[FORECAST_RES]; /* free at that moment */
    int64_t due;                /* the first guessed end: then the guess was wrong */
    size_t n_ends;              /* pods with a guessed end */
    struct hold_vec holds;
};
VEC_TYPE(line_vec, struct line);
VEC_TYPE(booking_ptrs, struct booking *);

struct forecast {
    struct runtimes *runtimes;
    struct skyline *skyline;
    struct line_vec lines;
    struct booking_ptrs taken;
    size_t n_held, n_ends;
    uint64_t seen; /* of the snapshot's journal; 0: nothing yet */
    int64_t due;   /* no line is due earlier */
    struct mono now;
};

struct forecast *forecast_new(void)
{
    struct forecast *f = MEM_NEW(struct forecast);
    f->runtimes = runtimes_new();
    f->skyline = skyline_new(FORECAST_RES);
    f->due = SKYLINE_NEVER;
    return f;
}

void forecast_free(struct forecast *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->lines.n; i++)
        hold_vec_fini(&f->lines.items[i].holds);
    line_vec_fini(&f->lines);
    booking_ptrs_fini(&f->taken);
    skyline_free(f->skyline);
    runtimes_free(f->runtimes);
    free(f);
}

struct runtimes *forecast_runtimes(struct forecast *f)
{
    return f->runtimes;
}

struct mono forecast_now(const struct forecast *f)
{
    return f->now;
}

bool forecast_holds(const struct forecast *f)
{
    return f->n_held > 0;
}

/* ---- amounts ---- */

static void put_demands(const struct spod *p, int64_t *out)
{
    memset(out, 0, SKYLINE_RES_MAX * sizeof *out);
    for (size_t i = 0; i < p->n_demands; i++) {
        if (p->demands[i].res == RES_CPU)
            out[AT_CPU] = p->demands[i].amount;
        else if (p->demands[i].res == RES_MEMORY)
            out[AT_MEMORY] = p->demands[i].amount;
    }
    out[AT_PODS] = 1;
}

static void of_waiting(const struct spod *p, int64_t *out)
{
    const struct gpu_share *share = &p->shape->share;
    put_demands(p, out);
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        out[AT_DEVICES + k] = INT64_C(1000) * p->shape->devices[k];
    int64_t milli = share->milli ? share->milli : share->mem_milli ? share->mem_milli : 1000;
    out[AT_DEVICES + DEVICE_NVIDIA] += milli * share->devices;
}

static void of_placed(const struct spod *p, int64_t *out)
{
    put_demands(p, out);
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        out[AT_DEVICES + k] = INT64_C(1000) * __builtin_popcountll((uint64_t)p->devices[k]);
    out[AT_DEVICES + DEVICE_NVIDIA] += p->part_milli * __builtin_popcountll((uint64_t)p->shared);
}

/* What is free on the node now, transactions included. */
static void room_of(const struct snapshot *s, const struct snode *n, int64_t *out)
{
    out[AT_CPU] = snapshot_free(s, RES_CPU, n->id);
    out[AT_MEMORY] = snapshot_free(s, RES_MEMORY, n->id);
    out[AT_PODS] = snapshot_free(s, RES_PODS, n->id);
    for (unsigned k = 0; k < DEVICE_KINDS; k++)
        out[AT_DEVICES + k] = INT64_C(1000) * __builtin_popcountll((uint64_t)n->free[k]);
    for (uint32_t i = 0; n->shares && i < n->topology.n_devices[DEVICE_NVIDIA]; i++) {
        if (n->shares[i].milli)
            out[AT_DEVICES + DEVICE_NVIDIA] += 1000 - n->shares[i].milli;
    }
}

/* ---- following the snapshot ---- */

static int64_t add_sat(int64_t a, int64_t b)
{
    int64_t sum;
    return num_add_i64(&sum, a, b) ? sum : INT64_MAX;
}

/* When it is believed to end, later than now. */
static int64_t end_of(struct forecast *f, struct spod *p)
{
    int64_t now = f->now.ns;
    if (!p->begun_ns)
        p->begun_ns = now;
    if (!p->ends_ns)
        p->ends_ns = add_sat(p->begun_ns, runtimes_guess(f->runtimes, p->obj));
    if ((p->view->deleting || p->evicting) && !p->stuck) {
        int64_t grace = p->view->deletion_grace_s > 0 ? p->view->deletion_grace_s : 0;
        int64_t gone = add_sat(now, grace * NS_PER_S + NS_PER_S);
        return gone < p->ends_ns || p->ends_ns <= now ? gone : p->ends_ns;
    }
    if (p->ends_ns <= now) {
        int64_t more = (p->ends_ns - p->begun_ns) / 4;
        p->ends_ns = add_sat(now, more > FORECAST_OVERRUN_NS ? more : FORECAST_OVERRUN_NS);
    }
    return p->ends_ns;
}

static void add_pods(struct forecast *f, const struct snapshot *s, const struct snode *n)
{
    struct line *line = &f->lines.items[n->id];
    for (int64_t id = n->first_pod; id >= 0; id = s->pods.items[id]->next) {
        struct spod *p = s->pods.items[id];
        struct skyline_span span = { .node = n->id, .start = INT64_MIN, .end = end_of(f, p) };
        of_placed(p, span.amounts);
        skyline_take(f->skyline, &span);
        line->n_ends += span.end != SKYLINE_NEVER;
        line->due = span.end < line->due ? span.end : line->due;
    }
}

/* The node's whole line, from what is there now and what is booked. */
static void rebuild(struct forecast *f, const struct snapshot *s, uint32_t id)
{
    const struct snode *n = s->nodes.items[id];
    struct line *line = &f->lines.items[id];
    int64_t all[FORECAST_RES];
    f->n_ends -= line->n_ends;
    line->n_ends = 0;
    line->due = SKYLINE_NEVER;
    if (!n->alive) {
        skyline_node_set(f->skyline, id, NULL);
        return;
    }
    room_of(s, n, line->room);
    memcpy(all, line->room, sizeof all);
    for (int64_t p = n->first_pod; p >= 0; p = s->pods.items[p]->next) {
        int64_t amounts[SKYLINE_RES_MAX];
        of_placed(s->pods.items[p], amounts);
        for (unsigned r = 0; r < FORECAST_RES; r++)
            all[r] += amounts[r];
    }
    skyline_node_set(f->skyline, id, all);
    add_pods(f, s, n);
    for (size_t i = 0; i < line->holds.n; i++)
        skyline_take(f->skyline, line->holds.items[i].span);
    f->n_ends += line->n_ends;
    f->due = line->due < f->due ? line->due : f->due;
}

/* Guessed ends that passed: the pods are still there. */
static void rebuild_overdue(struct forecast *f, const struct snapshot *s)
{
    if (f->due > f->now.ns)
        return;
    f->due = SKYLINE_NEVER;
    for (uint32_t i = 0; i < f->lines.n; i++) {
        if (f->lines.items[i].due <= f->now.ns)
            rebuild(f, s, i);
        f->due = f->lines.items[i].due < f->due ? f->lines.items[i].due : f->due;
    }
}

void forecast_refresh(struct forecast *f, struct cluster *c, struct mono now)
{
    const struct snapshot *s = &c->snap;
    assert(snapshot_mark(s) == 0);
    bool all = f->seen == 0 || s->journal_end - f->seen >= SCHED_JOURNAL;
    f->now = now;
    while (f->lines.n < s->nodes.n)
        line_vec_push(&f->lines, (struct line){ .due = SKYLINE_NEVER });
    for (uint32_t i = 0; all && i < s->nodes.n; i++)
        rebuild(f, s, i);
    for (uint64_t i = f->seen; !all && i < s->journal_end; i++)
        rebuild(f, s, s->journal[i & (SCHED_JOURNAL - 1)]);
    f->seen = s->journal_end;
    rebuild_overdue(f, s);
}

/* ---- bookings ---- */

void forecast_take(struct forecast *f, struct booking *b, bool held)
{
    booking_ptrs_push(&f->taken, b);
    b->held = held;
    f->n_held += held;
    for (size_t i = 0; i < b->n; i++) {
        skyline_take(f->skyline, &b->spans[i]);
        hold_vec_push(&f->lines.items[b->spans[i].node].holds, (struct hold){ b, &b->spans[i] });
    }
}

static void drop_hold(struct hold_vec *v, const struct skyline_span *span)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->items[i].span != span)
            continue;
        v->items[i] = v->items[--v->n];
        return;
    }
}

void forecast_give(struct forecast *f, struct booking *b)
{
    size_t at = 0;
    while (at < f->taken.n && f->taken.items[at] != b)
        at++;
    if (at == f->taken.n)
        return;
    f->taken.items[at] = f->taken.items[--f->taken.n];
    f->n_held -= b->held;
    b->held = false;
    for (size_t i = 0; i < b->n; i++) {
        skyline_give(f->skyline, &b->spans[i]);
        drop_hold(&f->lines.items[b->spans[i].node].holds, &b->spans[i]);
    }
}

void booking_clear(struct booking *b)
{
    free(b->spans);
    *b = (struct booking){ 0 };
}

/* ---- finding a start ---- */

struct search {
    struct cluster *c;
    struct arena *a;
    struct skyline_role roles[ROLES_MAX];
    const struct spod *samples[ROLES_MAX];
    size_t n;
    bool too_many;
    int64_t length;                /* of the member that runs longest */
    unsigned char *may[ROLES_MAX]; /* by node: 0 not asked, 1 yes, 2 no */
    struct plugin_run runs[ROLES_MAX][SCHED_PLUGINS_MAX];
    size_t n_runs[ROLES_MAX];
    struct sched_cycle cycles[ROLES_MAX];
};

static void add_member(struct search *q, struct forecast *f, const struct spod *p)
{
    size_t i = 0;
    int64_t length = runtimes_guess(f->runtimes, p->obj);
    q->length = length > q->length ? length : q->length;
    while (i < q->n && q->samples[i]->shape != p->shape)
        i++;
    if (i == ROLES_MAX) {
        q->too_many = true;
        return;
    }
    if (i == q->n) {
        q->samples[q->n++] = p;
        q->roles[i].count = 0;
        of_waiting(p, q->roles[i].amounts);
    }
    q->roles[i].count++;
}

/* The members without which the gang does not start. */
static void add_needed(struct search *q, struct forecast *f, const struct gang *g)
{
    size_t part[1 + GANG_ROLES_MAX] = { 0 }, sum = 0;
    size_t need = gang_needs(g) > g->n_placed ? gang_needs(g) - g->n_placed : 1;
    for (size_t i = 1; i < g->n_parts; i++) {
        int64_t left = g->parts[i].min - (int64_t)g->parts[i].n_placed;
        part[i] = left > 0 ? (size_t)left : 0;
        sum += part[i];
    }
    size_t spare = need > sum ? need - sum : 0;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        size_t *left = part[p->part] ? &part[p->part] : &spare;
        if (p->node != SCHED_NO_NODE || p->view->n_gates || *left == 0)
            continue;
        --*left;
        add_member(q, f, p);
    }
    LIST_EACH (&g->places, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!p->kept)
            add_member(q, f, p);
    }
}

/* Rules about kinds of nodes: labels, taints. */
static bool may_be_on(void *arg, size_t role, uint32_t node)
{
    struct search *q = arg;
    unsigned char *known = &q->may[role][node];
    for (size_t i = 0; *known == 0 && i < q->n_runs[role]; i++) {
        struct plugin_run *run = &q->runs[role][i];
        if (run->filters &&
            run->plugin->filter(&q->cycles[role], run, node, NULL) == SCHED_UNRESOLVABLE)
            *known = 2;
    }
    *known = *known ? *known : 1;
    return *known == 1;
}

static bool prepare_roles(struct search *q)
{
    for (size_t i = 0; i < q->n; i++) {
        const struct spod *p = q->samples[i];
        int rejected;
        struct why why = { 0 };
        q->cycles[i] = (struct sched_cycle){ .cluster = q->c,
                                             .snap = &q->c->snap,
                                             .profile = p->shape->profile,
                                             .shape = p->shape,
                                             .pod = p,
                                             .a = q->a };
        q->n_runs[i] = runs_prepare(&q->cycles[i], 1u << SCOPE_CLASS, q->runs[i], &rejected, &why);
        if (rejected >= 0)
            return false;
        size_t n = q->c->snap.nodes.n;
        q->may[i] = arena_alloc(q->a, n + 1);
        memset(q->may[i], 0, n + 1);
    }
    return true;
}

static void fill(struct booking *b, const struct search *q, const struct skyline_answer *found)
{
    b->start_ns = found->start;
    b->end_ns = add_sat(found->start, q->length);
    b->n = found->n_places;
    b->spans = mem_alloc_array(b->n + 1, sizeof *b->spans);
    for (size_t i = 0; i < b->n; i++) {
        const struct skyline_place *at = &found->places[i];
        struct skyline_span *span = &b->spans[i];
        *span = (struct skyline_span){ at->node, b->start_ns, b->end_ns, { 0 } };
        for (unsigned r = 0; r < FORECAST_RES; r++)
            span->amounts[r] = (int64_t)at->count * q->roles[at->role].amounts[r];
    }
}

bool forecast_find(struct forecast *f,
                   struct cluster *c,
                   const struct gang *g,
                   size_t *steps,
                   struct booking *b)
{
    if (f->n_ends == 0 && f->taken.n == 0)
        return false; /* nothing is known to end */
    AUTO(arena_freep) struct arena *a = arena_new();
    struct search *q = ARENA_NEW(a, struct search);
    q->c = c;
    q->a = a;
    add_needed(q, f, g);
    if (q->n == 0 || q->too_many || !prepare_roles(q))
        return false;
    struct skyline_answer found;
    const struct skyline_ask ask = { .roles = q->roles,
                                     .n_roles = q->n,
                                     .from = f->now.ns,
                                     .length = q->length,
                                     .may = may_be_on,
                                     .arg = q,
                                     .steps_max = *steps };
    skyline_earliest(f->skyline, &ask, a, &found);
    *steps -= found.steps < *steps ? found.steps : *steps;
    if (found.start == SKYLINE_NEVER)
        return false;
    booking_clear(b);
    fill(b, q, &found);
    b->gang = g;
    return true;
}

/* ---- may a pod be there? ---- */

void forecast_ask(struct forecast *f, const struct spod *pod, struct forecast_pod *out)
{
    out->pod = pod;
    out->length_ns = runtimes_guess(f->runtimes, pod->obj);
    of_waiting(pod, out->amounts);
}

/* Must the pod leave this room alone? Not its own gang's, nor that of lower priority, nor that of
 * those who come later if its own gang has no start to look forward to. */
static bool concerns(const struct booking *b, const struct spod *pod)
{
    const struct gang *g = pod->gang;
    if (!b->held || b->gang == g)
        return false;
    if (!g || g->priority != b->gang->priority)
        return pod->view->priority <= b->gang->priority;
    return g->starts_at.ns || !gang_is_before(g, b->gang);
}

bool forecast_allows(struct forecast *f,
                     const struct snapshot *s,
                     const struct forecast_pod *ask,
                     uint32_t node)
{
    struct line *line = node < f->lines.n ? &f->lines.items[node] : NULL;
    int64_t least[SKYLINE_RES_MAX], room[FORECAST_RES];
    bool any = false, ok = true;
    for (size_t i = 0; line && i < line->holds.n; i++)
        any = any || concerns(line->holds.items[i].by, ask->pod);
    if (!any)
        return true;
    for (size_t i = 0; i < line->holds.n; i++) {
        if (!concerns(line->holds.items[i].by, ask->pod))
            skyline_give(f->skyline, line->holds.items[i].span);
    }
    skyline_least(f->skyline, node, f->now.ns, add_sat(f->now.ns, ask->length_ns), least);
    for (size_t i = 0; i < line->holds.n; i++) {
        if (!concerns(line->holds.items[i].by, ask->pod))
            skyline_take(f->skyline, line->holds.items[i].span);
    }
    /* What the transaction under way placed and removed counts as if for ever. */
    room_of(s, s->nodes.items[node], room);
    for (unsigned r = 0; r < FORECAST_RES; r++)
        ok = ok && (ask->amounts[r] == 0 || least[r] + room[r] - line->room[r] >= ask->amounts[r]);
    return ok;
}
