/* SPDX-License-Identifier: Apache-2.0
 * reservation — see reservation.h. */
#include "scheduler/state/reservation.h"

#include <assert.h>
#include <stdlib.h>

static void reservation_free(struct reservation *r)
{
    assert(list_empty(&r->held));
    list_remove(&r->in_all);
    free((void *)(uintptr_t)r->owner.p); /* own text */
    free(r);
}

struct reservation *reservation_open(struct cluster *c, struct str owner, struct mono expires)
{
    struct reservation *old = reservation_of(c, owner);
    if (old)
        reservation_close(c, old);
    struct reservation *r = MEM_NEW(struct reservation);
    r->owner = str_make(str_dup(owner), owner.n);
    r->expires = expires;
    list_init(&r->held);
    list_init(&r->in_all);
    list_push_back(&c->reservations, &r->in_all);
    if (!c->reservations_due.ns || expires.ns < c->reservations_due.ns)
        c->reservations_due = expires;
    return r;
}

void reservation_hold(struct cluster *c,
                      struct reservation *r,
                      struct spod *p,
                      const struct placement *where)
{
    assert(p->node == SCHED_NO_NODE && where->node >= 0);
    if (p->held_by == r) { /* it moves: r must not end with the last that leaves it */
        list_remove(&p->stay->in_hold);
        p->held_by = NULL;
    }
    cluster_nominate(c, p, NULL);
    cluster_nominate(c, p, c->snap.nodes.items[where->node]);
    p->stay->where = *where;
    p->nomination_over = p->nomination_cleared = false;
    p->held_by = r;
    list_push_back(&r->held, &p->stay->in_hold);
}

void reservation_leave(struct spod *p)
{
    struct reservation *r = p->held_by;
    p->held_by = NULL;
    list_remove(&p->stay->in_hold);
    quota_yield(&p->quota);
    if (list_empty(&r->held))
        reservation_free(r);
}

void reservation_close(struct cluster *c, struct reservation *r)
{
    if (list_empty(&r->held)) {
        reservation_free(r);
        return;
    }
    size_t n = 0; /* the last pod to leave frees it */
    LIST_EACH (&r->held, at)
        n++;
    for (struct list *at = r->held.next; n > 0; n--) {
        struct spod *p = LIST_ITEM(at, struct spod_stay, in_hold)->pod;
        at = at->next;
        p->nomination_over = true;
        cluster_nominate(c, p, NULL);
    }
}

struct reservation *reservation_of(const struct cluster *c, struct str owner)
{
    LIST_EACH (&c->reservations, at) {
        struct reservation *r = LIST_ITEM(at, struct reservation, in_all);
        if (str_eq(r->owner, owner))
            return r;
    }
    return NULL;
}

size_t reservation_expire_all(struct cluster *c, struct mono now)
{
    size_t n = 0;
    if (!c->reservations_due.ns || c->reservations_due.ns > now.ns)
        return 0;
    c->reservations_due.ns = 0;
    LIST_EACH (&c->reservations, at) {
        struct reservation *r = LIST_ITEM(at, struct reservation, in_all);
        if (r->expires.ns <= now.ns) {
            reservation_close(c, r);
            n++;
        } else if (!c->reservations_due.ns || r->expires.ns < c->reservations_due.ns) {
            c->reservations_due = r->expires;
        }
    }
    return n;
}
