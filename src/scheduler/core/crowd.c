/* SPDX-License-Identifier: Apache-2.0
 * crowd — see crowd.h. */
#include "scheduler/core/crowd.h"

#include <assert.h>
#include <stdlib.h>

#define SAY_NS (60 * NS_PER_S) /* new words for the same trouble are no news sooner */

static bool is_older(const void *pa, const void *pb)
{
    const struct gang *a = pa, *b = pb;
    return a->ticket.created_ns != b->ticket.created_ns
               ? a->ticket.created_ns < b->ticket.created_ns
               : a->order < b->order;
}

static void moved(void *item, size_t pos)
{
    ((struct gang *)item)->pos = pos;
}

/* ---- who is alike ---- */

static bool find_key(const struct gang *g, struct crowd_key *out)
{
    if (g->dialect || g->n_members != 1 || g->n_places)
        return false;
    const struct spod *p = LIST_ITEM(g->members.next, struct spod, in_gang);
    bool named = p->view->nominated_node.n && !p->nomination_over;
    if (!spod_is_pending(p) || !spod_is_plain(p) || p->kept || named)
        return false;
    out->shape = p->shape;
    out->kin = quota_kin_of(&p->quota);
    out->priority = p->view->priority;
    out->ticket_priority = g->ticket.priority;
    out->tier = g->ticket.tier;
    out->never = p->view->preempt_never;
    return true;
}

static_assert(sizeof(struct crowd_key) == 4 * sizeof(void *) + 2 * sizeof(int64_t) + 8,
              "no padding: keys are compared as bytes");

static struct str bytes_of(const struct crowd_key *key)
{
    return str_make((const char *)key, sizeof *key);
}

struct crowd *crowd_find(const struct map *crowds, const struct gang *g)
{
    struct crowd_key key;
    return find_key(g, &key) ? map_get(crowds, bytes_of(&key)) : NULL;
}

struct crowd *crowd_enter(struct map *crowds, struct gang *g)
{
    struct crowd_key key;
    assert(g->state == GANG_IDLE && !g->crowd);
    if (!find_key(g, &key))
        return NULL;
    struct crowd *c = map_get(crowds, bytes_of(&key));
    if (c) {
        crowd_push(c, g);
        return c;
    }
    c = MEM_NEW(struct crowd);
    c->key = key;
    c->leader = g;
    heap_init(&c->behind, is_older, moved);
    list_init(&c->told);
    list_init(&c->untold);
    list_init(&c->telling);
    map_put(crowds, bytes_of(&c->key), c);
    g->crowd = c;
    return c;
}

/* ---- who leads ---- */

void crowd_push(struct crowd *c, struct gang *g)
{
    assert(g->state == GANG_IDLE);
    g->crowd = c;
    g->state = GANG_BEHIND;
    heap_push(&c->behind, g);
    list_push_back(&c->untold, &g->parked);
}

void crowd_pull(struct crowd *c, struct gang *g)
{
    assert(g->crowd == c && g->state == GANG_BEHIND);
    heap_remove(&c->behind, g->pos);
    list_remove(&g->parked);
    g->state = GANG_IDLE;
    if (list_empty(&c->untold))
        list_remove(&c->telling);
    if (c->tried.ns < g->since.ns || c->tried.ns <= g->last_attempt.ns)
        return;
    g->last_attempt = c->tried; /* it was tried with the leader */
    g->attempts = c->attempts > g->attempts ? c->attempts : g->attempts;
}

struct gang *crowd_lead(struct crowd *c)
{
    struct gang *was = c->leader, *first = heap_peek(&c->behind);
    assert(was->state == GANG_IDLE);
    if (!first || is_older(was, first))
        return was;
    crowd_pull(c, first);
    c->leader = first;
    crowd_push(c, was);
    return first;
}

static void crowd_free(struct crowd *c)
{
    assert(c->behind.n == 0);
    list_remove(&c->telling);
    heap_fini(&c->behind);
    free((void *)(uintptr_t)c->message.p); /* own text */
    free(c);
}

struct gang *crowd_succeed(struct map *crowds, struct crowd *c)
{
    c->leader->crowd = NULL;
    c->leader = heap_peek(&c->behind);
    if (c->leader) {
        crowd_pull(c, c->leader);
        return c->leader;
    }
    map_del(crowds, bytes_of(&c->key));
    crowd_free(c);
    return NULL;
}

/* ---- what they hear ---- */

static void splice(struct list *from, struct list *to)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

void crowd_say(struct crowd *c, struct str message, struct mono now)
{
    if (c->message.p && (str_eq(c->message, message) || now.ns - c->said.ns < SAY_NS))
        return;
    free((void *)(uintptr_t)c->message.p); /* own text */
    c->message = str_make(str_dup(message), message.n);
    c->said = now;
    splice(&c->told, &c->untold);
}
