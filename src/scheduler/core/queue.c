/* SPDX-License-Identifier: Apache-2.0
 * queue — see queue.h. */
#include "scheduler/core/queue.h"

#include <assert.h>

#include "scheduler/config/profile.h"

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

void queue_init(struct queue *q, struct quota *quota)
{
    *q = (struct queue){ .quota = quota,
                         .backoff_min_ns = QUEUE_BACKOFF_MIN_NS,
                         .backoff_max_ns = QUEUE_BACKOFF_MAX_NS };
    heap_init(&q->ages, ages_less, ages_moved);
    heap_init(&q->delayed, delayed_less, delayed_moved);
    list_init(&q->parked);
}

void queue_fini(struct queue *q)
{
    heap_fini(&q->ages);
    heap_fini(&q->delayed);
}

void queue_remove(struct queue *q, struct gang *g)
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
        q->n_parked--;
        break;
    }
    g->state = GANG_IDLE;
}

static void start_waiting(struct gang *g, struct mono now)
{
    if (g->since.ns == 0)
        g->since = now;
}

void queue_add(struct queue *q, struct gang *g, struct mono now)
{
    queue_remove(q, g);
    start_waiting(g, now);
    g->state = GANG_ACTIVE;
    g->ticket.turn_ns = g->attempts ? g->last_attempt.ns : g->since.ns;
    g->ticket.created_ns = g->created.ns;
    g->ticket.seq = g->order;
    quota_wait(&g->ticket);
    heap_push(&q->ages, g);
}

void queue_delay(struct queue *q, struct gang *g, struct mono when)
{
    queue_remove(q, g);
    g->state = GANG_DELAYED;
    g->ready_at = when;
    heap_push(&q->delayed, g);
}

void queue_park(struct queue *q, struct gang *g, uint32_t wakes, struct mono now)
{
    queue_remove(q, g);
    start_waiting(g, now);
    g->state = GANG_PARKED;
    g->wakes = wakes;
    g->last_attempt = now;
    g->attempts++;
    list_push_back(&q->parked, &g->parked);
    q->n_parked++;
}

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

/* Parked gangs are in the order of their attempts: the oldest is first. */
static void flush_parked(struct queue *q, struct mono now)
{
    LIST_EACH (&q->parked, at) {
        struct gang *g = LIST_ITEM(at, struct gang, parked);
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
    struct quota_ticket *k = quota_next(q->quota, now.ns);
    if (!k)
        return NULL;
    g = CONTAINER_OF(k, struct gang, ticket);
    struct gang *oldest = heap_peek(&q->ages);
    if (starves_at(oldest) <= now.ns && g->priority < QUEUE_SYSTEM_PRIORITY)
        g = oldest;
    queue_remove(q, g);
    return g;
}

bool queue_next_due(const struct queue *q, struct mono *when)
{
    const struct gang *delayed = heap_peek(&q->delayed);
    bool any = false;
    if (heap_peek(&q->ages)) {
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
