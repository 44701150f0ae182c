/* SPDX-License-Identifier: Apache-2.0
 * waits — see waits.h. */
#include "scheduler/core/waits.h"

#include <stdlib.h>

#include "scheduler/framework.h"

void waits_init(struct waits *w)
{
    list_init(&w->lacks);
    list_init(&w->others);
}

/* Every member that waits, and every place for one, asks for the same. */
static bool is_of_one_shape(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (spod_is_pending(p) && p->shape != g->blocked)
            return false;
    }
    LIST_EACH (&g->places, at) {
        if (LIST_ITEM(at, struct spod, in_gang)->shape != g->blocked)
            return false;
    }
    return true;
}

static struct lack *lack_of(struct waits *w, struct shape *shape)
{
    struct lack *l = shape->lack;
    if (l)
        return l;
    l = shape->lack = MEM_NEW(struct lack);
    l->shape = shape;
    list_init(&l->gangs);
    list_init(&l->in_all);
    list_push_back(&w->lacks, &l->in_all);
    return l;
}

void waits_add(struct waits *w, struct gang *g)
{
    bool for_quota = (g->wakes & WAKE_QUOTA) && !g->blocked;
    uint32_t events = for_quota ? g->wakes & ~(uint32_t)(WAKE_QUOTA | WAKE_POD_GONE) : g->wakes;
    if (!events)
        return;
    if (!g->blocked || (g->wakes & WAKE_POD_PLACED) || !is_of_one_shape(g)) {
        list_push_back(&w->others, &g->waits);
        return;
    }
    g->lack = lack_of(w, g->blocked);
    g->lack->wakes |= g->wakes;
    list_push_back(&g->lack->gangs, &g->waits);
}

void waits_remove(struct gang *g)
{
    struct lack *l = g->lack;
    list_remove(&g->waits);
    g->lack = NULL;
    if (!l || !list_empty(&l->gangs))
        return;
    l->shape->lack = NULL;
    list_remove(&l->in_all);
    free(l);
}
