/* SPDX-License-Identifier: Apache-2.0
 * crowd — see crowd.h. */
#include "scheduler/core/crowd.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "scheduler/network/domain_wish.h"

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

#define KEY_BYTES_MAX 2048
#define KINDS_MAX 8 /* of members; a gang with more is like no other */

struct key {
    size_t n;
    bool full;
    char bytes[KEY_BYTES_MAX];
};

static void put(struct key *k, const void *p, size_t n)
{
    k->full = k->full || n > sizeof k->bytes - k->n;
    if (k->full)
        return;
    memcpy(k->bytes + k->n, p, n);
    k->n += n;
}

static void put_text(struct key *k, struct str s)
{
    put(k, &s.n, sizeof s.n);
    if (s.n)
        put(k, s.p, s.n);
}

struct member_kind { /* compared as bytes */
    const struct shape *shape;
    struct quota_kin kin;
    int64_t priority;
    uint32_t part, never; /* never: it does not preempt */
    uint64_t n;           /* so many members */
};

static_assert(sizeof(struct member_kind) == 4 * sizeof(void *) + 8 + 8 + 8, "no padding");

struct head { /* compared as bytes */
    const struct gang_dialect *dialect;
    int64_t ticket_priority, min, n_members;
    uint64_t tier, n_parts;
};

/* Nothing was found out about it, or kept for it, that does not hold for its like. */
static bool is_ordinary(const struct spod *p)
{
    bool named = p->view->nominated_node.n && !p->nomination_over;
    return spod_is_pending(p) && spod_is_plain(p) && !p->kept && !named;
}

static bool is_fresh(const struct gang *g)
{
    return !g->n_placed && !g->n_away && !g->n_gated && !g->n_succeeded && !g->n_failed &&
           !g->has_run && !g->admitted && !g->eviction && !g->unheard && !g->grouped &&
           !g->start.under_way && !g->start.by.ns && !g->start.pause.ns && !g->start.undone &&
           gang_is_complete(g) && !gang_to_come(g);
}

static int compare_kinds(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct member_kind));
}

/* Counts the member with its kind. False: there are too many kinds. */
static bool count_member(struct member_kind *kinds, size_t *n, const struct spod *p)
{
    struct member_kind kind = { .shape = p->shape,
                                .kin = quota_kin_of(&p->quota),
                                .priority = p->view->priority,
                                .part = p->part,
                                .never = p->view->preempt_never };
    for (size_t i = 0; i < *n; i++) {
        if (memcmp(&kinds[i], &kind, offsetof(struct member_kind, n)) == 0) {
            kinds[i].n++;
            return true;
        }
    }
    if (*n == KINDS_MAX)
        return false;
    kind.n = 1;
    kinds[(*n)++] = kind;
    return true;
}

static bool put_members(struct key *k, const struct gang *g)
{
    struct member_kind kinds[KINDS_MAX];
    size_t n = 0;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!is_ordinary(p) || !count_member(kinds, &n, p))
            return false;
    }
    qsort(kinds, n, sizeof kinds[0], compare_kinds);
    put(k, kinds, n * sizeof kinds[0]);
    return true;
}

/* Where in the network its members want to be, if all say the same. */
static bool put_wish(struct key *k, const struct gang *g)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct domain_wish *first = NULL;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        const struct domain_said by = { .role = p->part ? g->parts[p->part].topology
                                                        : (struct json){ 0 },
                                        .annotations = p->view->annotations,
                                        .group = g->source };
        const struct domain_wish *w = domain_wish_of(a, &by);
        if (at == g->members.next)
            first = w;
        else if (!w != !first || (w && !domain_wish_same(w, first)))
            return false;
    }
    if (!first)
        return true;
    put_text(k, first->tree);
    put_text(k, first->required);
    put_text(k, first->preferred);
    put_text(k, first->slice_level);
    put(k, &first->slice_size, sizeof first->slice_size);
    put(k, &first->each_role, sizeof first->each_role);
    return true;
}

static void put_parts(struct key *k, const struct gang *g)
{
    for (size_t i = 1; i < g->n_parts; i++) {
        put_text(k, g->parts[i].name);
        put(k, &g->parts[i].min, sizeof g->parts[i].min);
    }
    put_text(k, json_text(g->said.resources));
}

static bool find_key(const struct gang *g, struct key *out)
{
    struct head head = { g->dialect,     g->ticket.priority, g->min, (int64_t)g->n_members,
                         g->ticket.tier, g->n_parts };
    out->n = 0;
    out->full = false;
    if (g->n_places || (g->dialect ? !is_fresh(g) : g->n_members != 1))
        return false;
    put(out, &head, sizeof head);
    if (!put_members(out, g))
        return false;
    if (!g->dialect)
        return true;
    put_parts(out, g);
    return put_wish(out, g) && !out->full;
}

struct crowd *crowd_find(const struct map *crowds, const struct gang *g)
{
    struct key key;
    return find_key(g, &key) ? map_get(crowds, str_make(key.bytes, key.n)) : NULL;
}

struct crowd *crowd_enter(struct map *crowds, struct gang *g)
{
    struct key key;
    assert(g->state == GANG_IDLE && !g->crowd);
    if (!find_key(g, &key))
        return NULL;
    struct crowd *c = map_get(crowds, str_make(key.bytes, key.n));
    if (c) {
        crowd_push(c, g);
        return c;
    }
    c = MEM_NEW(struct crowd);
    c->key = str_make(mem_dup(key.bytes, key.n), key.n);
    c->leader = g;
    heap_init(&c->behind, is_older, moved);
    list_init(&c->told);
    list_init(&c->untold);
    list_init(&c->telling);
    map_put(crowds, c->key, c);
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
    free((void *)(uintptr_t)c->key.p);     /* own bytes */
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
    map_del(crowds, c->key);
    crowd_free(c);
    return NULL;
}

/* ---- what they hear ---- */

bool crowd_text(const struct gang *g, struct str message, struct str *out)
{
    const struct str start = STR("gang "), end = STR(": ");
    size_t n = start.n + g->key.n + end.n;
    *out = message;
    if (!g->dialect)
        return true;
    if (!str_starts(message, start) || !str_starts(str_skip(message, start.n), g->key) ||
        !str_starts(str_skip(message, start.n + g->key.n), end))
        return false;
    *out = str_skip(message, n);
    return true;
}

struct str crowd_message(const struct gang *g, struct arena *a)
{
    struct str text = g->crowd->message;
    return g->dialect ? arena_printf(a, "gang %.*s: %.*s", STR_ARG(g->key), STR_ARG(text)) : text;
}

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
