/* SPDX-License-Identifier: Apache-2.0
 * quota_order — whose turn it is; see quota.h.
 *
 * Every queue keeps a heap of its own tickets and one of its children that have somebody waiting.
 * A ticket that comes or goes, and a share that changed, move the queues on the way up to the root:
 * O(depth · log children). Charges inside transactions only mark queues; quota_next settles them,
 * so that a rolled-back transaction costs nothing here. */
#include "scheduler/quota/quota_internal.h"

#include <assert.h>
#include <math.h>

#include "base/num.h"

#define TICKS_PER_HALF_LIFE 64 /* all shares are brought up to date so often, as past use fades */

void quota_mark_dirty(struct quota_queue *q)
{
    if (q->dirty)
        return;
    q->dirty = true;
    quota_queues_push(&q->tree->dirty, q);
}

/* ---- heads ---- */

static struct quota_ticket *head_of(const struct quota_queue *q)
{
    struct quota_ticket *own = heap_peek(&q->waiting);
    const struct quota_queue *child = heap_peek(&q->eager);
    if (!own || !child)
        return own ? own : child ? child->head : NULL;
    struct quota_ticket *other = child->head;
    if (q->order != QUOTA_FIFO && own->priority != other->priority)
        return own->priority > other->priority ? own : other;
    return own->created_ns <= other->created_ns ? own : other;
}

void quota_reorder(struct quota_queue *q)
{
    for (; q->parent; q = q->parent) {
        struct heap *h = &q->parent->eager;
        if (q->n_waiting == 0) {
            if (q->pos != HEAP_OUT)
                heap_remove(h, q->pos); /* before its head goes: the heap compares it */
            q->head = NULL;
            continue;
        }
        q->head = head_of(q);
        if (q->pos == HEAP_OUT)
            heap_push(h, q);
        else
            heap_fix(h, q->pos);
    }
    q->head = head_of(q); /* the root */
}

void quota_wait(struct quota_ticket *k)
{
    quota_link(k->queue->tree);
    heap_push(&k->queue->waiting, k);
    for (struct quota_queue *at = k->queue; at; at = at->parent)
        at->n_waiting++;
    quota_reorder(k->queue);
}

void quota_unwait(struct quota_ticket *k)
{
    quota_link(k->queue->tree);
    heap_remove(&k->queue->waiting, k->pos);
    for (struct quota_queue *at = k->queue; at; at = at->parent)
        at->n_waiting--;
    quota_reorder(k->queue);
}

/* ---- those that wait for room ---- */

void quota_stall(struct quota_ticket *k, struct quota_queue *at)
{
    quota_unstall(k);
    k->at = at ? at : k->queue->tree->root;
    list_push_back(&k->at->stalled, &k->stalled);
}

void quota_unstall(struct quota_ticket *k)
{
    if (k->at)
        list_remove(&k->stalled);
    k->at = NULL;
}

void quota_mark_relieved(struct quota_queue *q)
{
    for (; q && !q->relieved; q = q->parent) {
        q->relieved = true;
        quota_queues_push(&q->tree->relieved, q);
    }
}

void quota_yield(const struct quota_claim *c)
{
    if (c->queue && c->queue->tree->n_said)
        quota_mark_relieved(c->queue);
}

bool quota_may_relieve(const struct quota *t)
{
    return t->relieved.n || t->gave;
}

/* ---- shares ---- */

/* past → what it is now, the use since the last time being `settled`. */
static void fade(struct quota_queue *q, int64_t now_ns)
{
    const struct quota *t = q->tree;
    int64_t passed = now_ns - q->settled_ns;
    if (passed > 0) { /* a clock that went back changes nothing */
        double keep = exp2(-(double)passed / (double)t->half_life_ns);
        for (size_t r = 0; r < t->n_res; r++)
            q->past[r] = q->past[r] * keep + (double)q->settled[r] * (1 - keep);
    }
    q->settled_ns = num_max_i64(q->settled_ns, now_ns);
    for (size_t r = 0; r < t->n_res; r++)
        q->settled[r] = q->used[r];
}

static double share_of(const struct quota_queue *q)
{
    const struct quota *t = q->tree;
    double most = 0;
    for (size_t r = 0; r < t->n_res; r++) {
        double all = (double)(t->capacity[r] > 0 ? t->capacity[r] : q->subtree[r]);
        double used = (double)q->used[r] + t->history * q->past[r];
        if (all > 0 && used / all > most)
            most = used / all;
    }
    return most / q->weight;
}

/* Less is used, or fewer gangs run, than when it was settled last. */
static bool has_given_back(const struct quota_queue *q)
{
    for (size_t r = 0; r < q->tree->n_res; r++) {
        if (q->used[r] < q->settled[r])
            return true;
    }
    return q->gangs < q->settled_gangs;
}

static void settle_one(struct quota_queue *q, int64_t now_ns)
{
    if (has_given_back(q))
        quota_mark_relieved(q);
    q->settled_gangs = q->gangs;
    fade(q, now_ns);
    q->share = share_of(q);
    q->over = quota_over_nominal(q->tree, q, NULL);
    if (q->pos != HEAP_OUT)
        quota_reorder(q);
}

static void settle(struct quota *t, int64_t now_ns)
{
    t->now_ns = num_max_i64(t->now_ns, now_ns);
    if (t->n_said && t->now_ns - t->ticked_ns >= t->half_life_ns / TICKS_PER_HALF_LIFE) {
        const struct map_slot *slot;
        t->ticked_ns = t->now_ns;
        for (size_t i = 0; (slot = map_next(&t->by_name, &i));)
            quota_mark_dirty(slot->value);
    }
    for (size_t i = 0; i < t->dirty.n; i++) {
        struct quota_queue *q = t->dirty.items[i];
        q->dirty = false;
        settle_one(q, t->now_ns);
    }
    quota_queues_clear(&t->dirty);
    t->gave = false;
}

void quota_relieve(struct quota *t, int64_t now_ns, quota_ticket_fn visit, void *arg)
{
    quota_link(t);
    settle(t, now_ns);
    for (size_t i = 0; i < t->relieved.n; i++) {
        struct quota_queue *q = t->relieved.items[i];
        q->relieved = false;
        LIST_EACH (&q->stalled, at)
            visit(arg, LIST_ITEM(at, struct quota_ticket, stalled));
    }
    quota_queues_clear(&t->relieved);
}

struct quota_ticket *quota_next(struct quota *t, int64_t now_ns)
{
    quota_link(t);
    settle(t, now_ns);
    return t->root->head;
}

double quota_share(struct quota *t, const struct quota_queue *q)
{
    quota_link(t);
    settle(t, t->now_ns);
    return q->share;
}

/* ---- questions ---- */

int64_t quota_priority(const struct quota_queue *q, struct str class, int64_t otherwise)
{
    for (size_t i = 0; q && i < q->n_classes; i++) {
        if (str_eq(q->classes[i].name, class))
            return q->classes[i].priority;
    }
    return otherwise;
}

struct str quota_name(const struct quota_queue *q)
{
    return q->name;
}

struct str quota_problem(const struct quota_queue *q)
{
    return q->fault.p ? q->fault : q->wrong;
}

void quota_each(struct quota *t, quota_visit_fn visit, void *arg)
{
    const struct map_slot *slot;
    quota_link(t);
    for (size_t i = 0; (slot = map_next(&t->by_name, &i));) {
        const struct quota_queue *q = slot->value;
        if (q->said)
            visit(arg, q);
    }
}
