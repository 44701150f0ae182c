/* SPDX-License-Identifier: Apache-2.0
 * core_pressure — NUMA cells that a node reports to be short of memory. New pods keep out of them
 * (numa_choice.c); residents that say that they may be preempted make room, one at a time:
 *
 *     reported ─(30 s without a break)─► one leaves ─(gone, and a minute)─► the next, and so on
 *         └─ not reported any more: nothing, and the next report has to last as long again
 *
 * So a report that flickers evicts nobody, and no more leave than it takes. Who leaves: of the
 * residents of that cell with the label preemptible the one with the lowest priority, of these the
 * one that autoscalers may evict, of these the one that uses most memory there. A member of a gang
 * stays when the gang could not go on without it. */
#include <stdlib.h>

#include "scheduler/core/core_internal.h"
#include "scheduler/preempt/victim.h"

#define LASTS_NS (30 * NS_PER_S)
#define COOLS_NS (60 * NS_PER_S)

void core_pressure_fini(struct sched_core *s)
{
    presses_fini(&s->presses);
}

static struct press *press_of(struct sched_core *s, uint32_t node, uint32_t cell)
{
    for (size_t i = 0; i < s->presses.n; i++) {
        struct press *p = &s->presses.items[i];
        if (p->node == node && p->cell == cell)
            return p;
    }
    return NULL;
}

void core_pressure_look(struct sched_core *s, const struct snode *n, struct mono now)
{
    for (uint32_t c = 0; c < n->topology.n_cells; c++) {
        bool pressed = n->cells[c].pressed;
        struct press *p = pressed || s->presses.n ? press_of(s, n->id, c) : NULL;
        if (pressed && !p)
            presses_push(&s->presses, (struct press){ .node = n->id, .cell = c, .since = now });
        else if (pressed && !p->since.ns)
            p->since = now;
        else if (!pressed && p)
            p->since.ns = 0; /* it stays while it cools */
    }
}

/* ---- who leaves ---- */

static bool says_yes(const struct spod *p)
{
    static const struct {
        const char *key, *value;
    } words[] = {
        { "workload.kubenexus.io/preemptible", "true" },
        { "volcano.sh/preemptable", "true" },
        { "kai.scheduler/preemptibility", "preemptible" },
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct str label = labelset_get(&p->labels, str_from(words[i].key));
        struct str note = json_str(json_get(p->view->annotations, str_from(words[i].key)));
        if (str_is(label, words[i].value) || str_is(note, words[i].value))
            return true;
    }
    return false;
}

/* Its gang, and its part of the gang, have more than they need, even when all have left that were
 * told to: for another cell, or for a pod that preempts. */
static bool is_spare(const struct spod *p)
{
    const struct gang *g = p->gang;
    if (!g || !g->dialect)
        return true;
    const struct gang_part *part = p->part ? &g->parts[p->part] : NULL;
    size_t leave = 0, leave_part = 0;
    LIST_EACH (&g->members, at) {
        const struct spod *m = LIST_ITEM(at, struct spod, in_gang);
        bool leaves = m->evicting && m->node >= 0 && !m->view->deleting; /* others are counted */
        leave += leaves;
        leave_part += leaves && m->part == p->part;
    }
    return gang_has(g) > gang_needs(g) + leave &&
           (!part || (int64_t)gang_part_has(part) > part->min + (int64_t)leave_part);
}

static bool may_leave(const struct spod *p)
{
    return says_yes(p) && !p->stays && !p->evicting && !p->assumed && !p->view->deleting &&
           is_spare(p);
}

static int64_t mem_in(const struct spod *p, uint32_t cell)
{
    return p->shape->mem ? cell_share(p->shape->mem, (uint32_t)p->cells, cell) : 0;
}

static bool leaves_before(const struct spod *a, const struct spod *b, uint32_t cell)
{
    if (a->view->priority != b->view->priority)
        return a->view->priority < b->view->priority;
    if (victim_is_costly(a) != victim_is_costly(b))
        return victim_is_costly(b);
    if (mem_in(a, cell) != mem_in(b, cell))
        return mem_in(a, cell) > mem_in(b, cell);
    return spod_compare(a, b) < 0;
}

static struct spod *victim_in(const struct sched_core *s, const struct press *at)
{
    const struct snapshot *snap = &s->cluster.snap;
    const struct snode *n = snap->nodes.items[at->node];
    struct spod *best = NULL;
    for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        struct spod *p = snap->pods.items[id];
        if (!((uint32_t)p->cells & 1u << at->cell) || !may_leave(p))
            continue;
        if (!best || leaves_before(p, best, at->cell))
            best = p;
    }
    return best;
}

/* One that was evicted for it, or leaves anyway, is still there. */
static bool somebody_leaves(const struct sched_core *s, const struct press *at)
{
    const struct snapshot *snap = &s->cluster.snap;
    const struct snode *n = snap->nodes.items[at->node];
    for (int64_t id = n->first_pod; id >= 0; id = snap->pods.items[id]->next) {
        const struct spod *p = snap->pods.items[id];
        if (((uint32_t)p->cells & 1u << at->cell) && !p->stuck &&
            (p->evicting || p->view->deleting))
            return true;
    }
    return false;
}

/* ---- when ---- */

static int64_t due_ns(const struct press *p)
{
    int64_t lasts = p->since.ns + LASTS_NS;
    return lasts > p->not_yet.ns ? lasts : p->not_yet.ns;
}

static bool is_alive(const struct sched_core *s, const struct press *p)
{
    return p->node < s->cluster.snap.nodes.n && s->cluster.snap.nodes.items[p->node]->alive;
}

static bool relieve(struct sched_core *s, struct press *p, struct arena *a, struct decision *out)
{
    const struct snode *n = s->cluster.snap.nodes.items[p->node];
    bool waits = somebody_leaves(s, p);
    struct spod *victim = waits ? NULL : victim_in(s, p);
    p->not_yet.ns = s->now.ns + COOLS_NS;
    if (!victim)
        return false;
    victim->evicting = true;
    core_leaving_expect(s, n, 0);
    *out = (struct decision){ .kind = DECISION_RELIEVE, .n_victims = 1 };
    out->victims = ARENA_NEW(a, struct spod *);
    out->victims[0] = victim;
    out->message =
        arena_printf(a,
                     "cell %u of node %.*s has been short of memory for %llds: one of its "
                     "preemptible pods leaves",
                     p->cell, STR_ARG(n->name), (long long)((s->now.ns - p->since.ns) / NS_PER_S));
    return true;
}

bool core_pressure_step(struct sched_core *s, struct arena *a, struct decision *out)
{
    for (size_t i = 0; i < s->presses.n; i++) {
        struct press *p = &s->presses.items[i];
        if (!is_alive(s, p) || (!p->since.ns && p->not_yet.ns <= s->now.ns)) {
            s->presses.items[i--] = s->presses.items[--s->presses.n];
            continue;
        }
        if (p->since.ns && due_ns(p) <= s->now.ns && relieve(s, p, a, out))
            return true;
    }
    return false;
}

bool core_pressure_due(const struct sched_core *s, struct mono *when)
{
    bool any = false;
    for (size_t i = 0; i < s->presses.n; i++) {
        const struct press *p = &s->presses.items[i];
        if (!p->since.ns || (any && when->ns <= due_ns(p)))
            continue;
        when->ns = due_ns(p);
        any = true;
    }
    return any;
}
