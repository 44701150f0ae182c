/* SPDX-License-Identifier: Apache-2.0
 * gang — see gang.h. */
#include "scheduler/gang.h"

#include <assert.h>
#include <stdlib.h>

struct gang *gang_new(struct str key, const struct gang_dialect *dialect, uint64_t order)
{
    struct gang *g = MEM_NEW(struct gang);
    g->key = str_make(str_dup(key), key.n);
    g->dialect = dialect;
    g->order = order;
    g->min = dialect ? 0 : 1;
    g->priority = INT64_MIN;
    g->pos = g->age_pos = HEAP_OUT;
    list_init(&g->members);
    list_init(&g->parked);
    return g;
}

static void free_text(struct str *s)
{
    free((void *)(uintptr_t)s->p); /* own text */
    *s = (struct str){ 0 };
}

void gang_free(struct gang *g)
{
    if (!g)
        return;
    assert(list_empty(&g->members) && g->state == GANG_IDLE);
    free_text(&g->key);
    free_text(&g->wrong);
    free_text(&g->message);
    free(g);
}

void gang_set_message(struct gang *g, struct str text)
{
    if (str_eq(g->message, text))
        return;
    free_text(&g->message);
    g->message = str_make(str_dup(text), text.n);
}

/* Members may disagree on min-available: the largest counts, so that nobody starts too early. */
static void take_claim(struct gang *g, const struct gang_claim *claim)
{
    if (!claim)
        return;
    if (claim->min > g->min)
        g->min = claim->min;
    if (claim->wrong.p && !g->wrong.p)
        g->wrong = str_make(str_dup(claim->wrong), claim->wrong.n);
}

void gang_add(struct gang *g, struct spod *p, const struct gang_claim *claim)
{
    struct wall created = kobj_created(p->obj);
    list_push_back(&g->members, &p->in_gang);
    p->gang = g;
    g->n_members++;
    g->n_placed += p->node >= 0;
    g->n_gated += p->view->n_gates > 0;
    if (p->view->priority > g->priority)
        g->priority = p->view->priority;
    if (g->n_members == 1 || created.ns < g->created.ns)
        g->created = created;
    g->profile = p->shape->profile;
    take_claim(g, claim);
}

void gang_remove(struct gang *g, struct spod *p)
{
    assert(p->gang == g);
    list_remove(&p->in_gang);
    p->gang = NULL;
    g->n_members--;
    g->n_placed -= p->node >= 0;
    g->n_gated -= p->view->n_gates > 0;
    g->blocked = NULL; /* its shape may go with this pod */
}

size_t gang_pending(const struct gang *g)
{
    return g->n_members - g->n_placed - g->n_gated;
}

size_t gang_needs(const struct gang *g)
{
    return (size_t)g->min;
}

bool gang_is_complete(const struct gang *g)
{
    return g->min > 0 && g->n_members - g->n_gated >= gang_needs(g);
}

struct str gang_waiting_text(struct arena *a, const struct gang *g)
{
    if (g->min == 0 && g->wrong.p)
        return arena_printf(a, "gang %.*s cannot start: %.*s", STR_ARG(g->key), STR_ARG(g->wrong));
    if (g->min == 0)
        return arena_printf(a,
                            "gang %.*s cannot start: no group object says how many members it "
                            "needs (%s)",
                            STR_ARG(g->key), g->dialect->project);
    if (g->n_members < gang_needs(g))
        return arena_printf(a, "gang %.*s waits for members: %zu of %zu exist", STR_ARG(g->key),
                            g->n_members, gang_needs(g));
    return arena_printf(a, "gang %.*s waits for scheduling gates of %zu members", STR_ARG(g->key),
                        g->n_gated);
}
