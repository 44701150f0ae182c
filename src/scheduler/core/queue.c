/* SPDX-License-Identifier: Apache-2.0
 * queue — see queue.h. */
#include "scheduler/core/queue.h"

#include <assert.h>

#include "scheduler/config/profile.h"
#include "scheduler/framework.h"

#define IN_VAIN_MAX 200 /* times that quota wakes one gang at one moment, before it backs off */

static void delayed_moved(void *item, size_t pos)
{
    ((struct gang *)item)->pos = pos;
}

static int64_t starves_at(const struct gang *g)
{
    return g->profile->starvation_ns ? g->since.ns + g->profile->starvation_ns : INT64_MAX;
}

static bool ages_less(const void *a, const void *b)
{
    const struct gang *x = a, *y = b;
    int64_t p = starves_at(x), q = starves_at(y);
    return p != q ? p < q : x->order < y->order;
}

static void ages_moved(void *item, size_t pos)
{
    ((struct gang *)item)->age_pos = pos;
}

static bool delayed_less(const void *a, const void *b)
{
    const struct gang *x = a, *y = b;
    return x->ready_at.ns != y->ready_at.ns ? x->ready_at.ns < y->ready_at.ns : x->order < y->order;
}

void queue_init(struct queue *q, struct cluster *c)
{
    *q = (struct queue){ .cluster = c,
                         .backoff_min_ns = QUEUE_BACKOFF_MIN_NS,
                         .backoff_max_ns = QUEUE_BACKOFF_MAX_NS };
    heap_init(&q->ages, ages_less, ages_moved);
    heap_init(&q->delayed, delayed_less, delayed_moved);
    list_init(&q->parked);
    list_init(&q->telling);
    waits_init(&q->waits);
    map_init(&q->crowds);
}

void queue_fini(struct queue *q)
{
    assert(q->crowds.n == 0);
    heap_fini(&q->ages);
    heap_fini(&q->delayed);
    map_fini(&q->crowds);
}

/* ---- states ---- */

/* Out of its state alone: a leader goes on leading. */
static void take_out(struct queue *q, struct gang *g)
{
    switch (g->state) {
    case GANG_IDLE:
        return;
    case GANG_ACTIVE:
        quota_unwait(&g->ticket);
        heap_remove(&q->ages, g->age_pos);
        break;
    case GANG_DELAYED:
        heap_remove(&q->delayed, g->pos);
        break;
    case GANG_PARKED:
        list_remove(&g->parked);
        waits_remove(g);
        quota_unstall(&g->ticket);
        q->n_parked--;
        break;
    case GANG_BEHIND:
        crowd_pull(g->crowd, g);
        return;
    }
    g->state = GANG_IDLE;
}

static void start_waiting(struct gang *g, struct mono now)
{
    if (g->since.ns == 0)
        g->since = now;
    g->ticket.created_ns = g->created.ns;
    g->ticket.seq = g->order;
}

static void enter_active(struct queue *q, struct gang *g)
{
    assert(g->state == GANG_IDLE);
    g->state = GANG_ACTIVE;
    g->quota_only = false;
    g->ticket.turn_ns = g->attempts ? g->last_attempt.ns : g->since.ns;
    quota_wait(&g->ticket);
    heap_push(&q->ages, g);
}

static void enter_delayed(struct queue *q, struct gang *g, struct mono when)
{
    assert(g->state == GANG_IDLE);
    g->state = GANG_DELAYED;
    g->ready_at = when;
    heap_push(&q->delayed, g);
}

/* before: its place among the parked, NULL: it is the last. */
static void
enter_parked(struct queue *q, struct gang *g, const struct hitch *why, struct list *before)
{
    assert(g->state == GANG_IDLE);
    g->state = GANG_PARKED;
    g->wakes = why->wakes;
    g->blocked = why->blocked;
    list_insert_before(before ? before : &q->parked, &g->parked);
    q->n_parked++;
    waits_add(&q->waits, g);
    if ((why->wakes & WAKE_QUOTA) && !why->blocked)
        quota_stall(&g->ticket, why->bound);
}

/* ---- crowds ---- */

/* The whole crowd is active from now on, led by its oldest. */
static void activate(struct queue *q, struct crowd *c)
{
    if (c->leader->state == GANG_IDLE)
        return; /* it is being tried: what comes of it holds for all */
    take_out(q, c->leader);
    enter_active(q, crowd_lead(c));
}

/* The next of its crowd takes the leader's place, in the same state. */
static void succeed(struct queue *q, struct gang *was)
{
    struct hitch why = { was->wakes, was->blocked, was->ticket.at };
    struct gang *next = crowd_succeed(&q->crowds, was->crowd);
    if (!next)
        return;
    switch (was->state) {
    case GANG_PARKED:
        next->last_attempt = was->last_attempt;
        next->attempts = next->attempts > was->attempts ? next->attempts : was->attempts;
        enter_parked(q, next, &why, &was->parked);
        return;
    case GANG_DELAYED:
        enter_delayed(q, next, was->ready_at);
        return;
    case GANG_IDLE:
    case GANG_ACTIVE:
    case GANG_BEHIND: /* leaders are not */
        enter_active(q, next);
        return;
    }
}

void queue_part(struct queue *q, struct gang *g)
{
    if (!g->crowd)
        return;
    if (g->state != GANG_BEHIND) {
        succeed(q, g);
        return;
    }
    take_out(q, g);
    g->crowd = NULL;
    enter_active(q, g);
}

void queue_part_and_try_next(struct queue *q, struct gang *g)
{
    struct crowd *c = g->crowd;
    bool last = !c || c->behind.n == 0;
    queue_part(q, g);
    if (!last)
        activate(q, c);
}

/* Nothing happened since its attempt in vain that parked gangs are not told of. */
static bool still_holds(const struct queue *q, const struct crowd *c)
{
    return c->leader->state == GANG_PARKED && c->message.p && c->epoch == q->epoch &&
           (c->by_quota || c->nominations == q->cluster->nominations);
}

static void want_tellers(struct queue *q, struct crowd *c)
{
    if (!list_empty(&c->untold) && list_empty(&c->telling))
        list_push_back(&q->telling, &c->telling);
}

void queue_say(struct queue *q, struct gang *g, struct str message, struct mono now)
{
    struct crowd *c = g->crowd;
    struct str text;
    if (!c)
        return;
    if (!crowd_text(g, message, &text)) {
        queue_part_and_try_next(q, g);
        return;
    }
    c->tried = now;
    c->attempts = g->attempts;
    c->epoch = q->epoch;
    c->nominations = q->cluster->nominations;
    c->by_quota = (g->wakes & WAKE_QUOTA) && !g->blocked;
    crowd_say(c, text, now);
    want_tellers(q, c);
}

struct gang *queue_tell(struct queue *q)
{
    if (list_empty(&q->telling))
        return NULL;
    struct crowd *c = LIST_ITEM(q->telling.next, struct crowd, telling);
    struct gang *g = LIST_ITEM(c->untold.next, struct gang, parked);
    list_remove(&g->parked);
    list_push_back(&c->told, &g->parked);
    if (list_empty(&c->untold))
        list_remove(&c->telling);
    AUTO(arena_freep) struct arena *a = arena_new();
    gang_set_message(g, crowd_message(g, a));
    g->by_quota = c->by_quota;
    g->attempts = c->attempts > g->attempts ? c->attempts : g->attempts;
    return g;
}

/* ---- in and out ---- */

void queue_remove(struct queue *q, struct gang *g)
{
    if (g->crowd && g->crowd->leader == g)
        succeed(q, g);
    take_out(q, g);
    g->crowd = NULL;
}

void queue_add(struct queue *q, struct gang *g, struct mono now)
{
    start_waiting(g, now);
    if (g->crowd) {
        activate(q, g->crowd);
        return;
    }
    take_out(q, g);
    struct crowd *c = q->apart ? NULL : crowd_enter(&q->crowds, g);
    if (!c || c->leader == g) {
        enter_active(q, g);
        return;
    }
    if (c->leader->state != GANG_ACTIVE || c->behind.items[0] == g)
        activate(q, c);
}

void queue_arrive(struct queue *q, struct gang *g, struct mono now)
{
    struct crowd *c = g->crowd || q->apart ? NULL : crowd_find(&q->crowds, g);
    if (!c || !still_holds(q, c)) {
        queue_add(q, g, now);
        return;
    }
    take_out(q, g);
    start_waiting(g, now);
    crowd_push(c, g);
    want_tellers(q, c);
}

void queue_delay(struct queue *q, struct gang *g, struct mono when)
{
    assert(g->state != GANG_BEHIND);
    take_out(q, g);
    enter_delayed(q, g, when);
}

static void park(struct queue *q, struct gang *g, const struct hitch *why, struct mono now)
{
    take_out(q, g);
    start_waiting(g, now);
    g->last_attempt = now;
    enter_parked(q, g, why, NULL);
}

void queue_park(struct queue *q, struct gang *g, const struct hitch *why, struct mono now)
{
    g->attempts++;
    park(q, g, why, now);
}

void queue_park_again(struct queue *q, struct gang *g, struct quota_queue *bound, struct mono now)
{
    struct hitch why = { g->wakes, g->blocked, bound };
    park(q, g, &why, now);
}

void queue_unblock(struct gang *g, struct waits *w)
{
    g->blocked = NULL;
    if (g->state != GANG_PARKED)
        return;
    waits_remove(g);
    waits_add(w, g);
}

/* ---- waking ---- */

static int64_t backoff_ns(const struct queue *q, const struct gang *g)
{
    int64_t ns = q->backoff_min_ns;
    for (unsigned i = 1; i < g->attempts && ns < q->backoff_max_ns; i++)
        ns *= 2;
    return ns < q->backoff_max_ns ? ns : q->backoff_max_ns;
}

void queue_wake(struct queue *q, struct gang *g, bool sure, struct mono now)
{
    assert(g->state == GANG_PARKED);
    struct mono ready = { g->last_attempt.ns + backoff_ns(q, g) };
    if (sure || ready.ns <= now.ns)
        queue_add(q, g, now);
    else
        queue_delay(q, g, ready);
}

void queue_wake_for_quota(struct queue *q, struct gang *g, struct mono now)
{
    struct crowd *c = g->crowd;
    assert(g->state == GANG_PARKED);
    g->in_vain = g->last_attempt.ns == now.ns ? g->in_vain + 1 : 0;
    if (g->in_vain > IN_VAIN_MAX) {
        queue_wake(q, g, false, now);
        return;
    }
    take_out(q, g);
    g = c ? crowd_lead(c) : g;
    enter_active(q, g);
    g->quota_only = true;
}

/* Parked gangs are in the order of their attempts: the oldest is first. */
static void flush_parked(struct queue *q, struct mono now)
{
    while (!list_empty(&q->parked)) {
        struct gang *g = LIST_ITEM(q->parked.next, struct gang, parked);
        if (g->last_attempt.ns + QUEUE_PARKED_MAX_NS > now.ns)
            return;
        queue_add(q, g, now);
    }
}

struct gang *queue_take(struct queue *q, struct mono now)
{
    struct gang *g;
    while ((g = heap_peek(&q->delayed)) && g->ready_at.ns <= now.ns)
        queue_add(q, g, now);
    flush_parked(q, now);
    struct quota_ticket *k = quota_next(q->cluster->quota, now.ns);
    if (!k)
        return NULL;
    g = CONTAINER_OF(k, struct gang, ticket);
    struct gang *oldest = heap_peek(&q->ages);
    if (starves_at(oldest) <= now.ns && g->priority < QUEUE_SYSTEM_PRIORITY)
        g = oldest;
    take_out(q, g);
    return g;
}

bool queue_next_due(const struct queue *q, struct mono *when)
{
    const struct gang *delayed = heap_peek(&q->delayed);
    bool any = false;
    if (heap_peek(&q->ages) || !list_empty(&q->telling) || quota_may_relieve(q->cluster->quota)) {
        *when = (struct mono){ 0 };
        return true;
    }
    if (delayed) {
        *when = delayed->ready_at;
        any = true;
    }
    if (q->n_parked) {
        const struct gang *g = LIST_ITEM(q->parked.next, struct gang, parked);
        int64_t flush = g->last_attempt.ns + QUEUE_PARKED_MAX_NS;
        if (!any || flush < when->ns)
            when->ns = flush;
        any = true;
    }
    return any;
}

/* ---- questions ---- */

enum gang_state queue_state(const struct gang *g)
{
    return g->state == GANG_BEHIND ? g->crowd->leader->state : g->state;
}

struct queue_counts queue_count(const struct queue *q)
{
    struct queue_counts n = { q->ages.n, q->delayed.n, q->n_parked };
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&q->crowds, &i));) {
        const struct crowd *c = slot->value;
        switch (c->leader->state) {
        case GANG_IDLE:
        case GANG_ACTIVE:
        case GANG_BEHIND:
            n.active += c->behind.n;
            break;
        case GANG_DELAYED:
            n.delayed += c->behind.n;
            break;
        case GANG_PARKED:
            n.parked += c->behind.n;
            break;
        }
    }
    return n;
}
