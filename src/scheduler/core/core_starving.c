/* SPDX-License-Identifier: Apache-2.0
 * core_starving — no gang waits for ever behind smaller ones.
 *
 * Going first in the line is not enough: what a large gang needs never becomes free at once while
 * small ones take each part of it. So when a gang starved (profile.h) and still does not fit, room
 * is held for the oldest of them: the places it would get in the cluster without the pods of other
 * gangs. Nobody but system pods starts there from now on. Hence, if every gang ends within T after
 * its start, the oldest starved gang starts within T, the next within 2T, and so on. One gang is
 * helped at a time: more would hold room that stands idle. A gang that would not fit the empty
 * cluster holds nothing. Where run times are known, backfill holds room in time instead
 * (core_backfill.c), and nothing is held here. */
#include "scheduler/core/core_internal.h"
#include "scheduler/state/reservation.h"
#include "scheduler/time/forecast.h"

#define HOLD_NS                                                                                    \
    (2 * QUEUE_PARKED_MAX_NS) /* renewed at each attempt, of which there is one sooner */

static bool is_starved(const struct gang *g, struct mono now)
{
    return g->profile->starvation_ns && g->since.ns &&
           now.ns - g->since.ns >= g->profile->starvation_ns;
}

/* Waits for room: not for members, not for quota. */
static bool lacks_room(const struct gang *g)
{
    return g->state == GANG_PARKED && (g->wakes & WAKE_POD_GONE) && gang_is_complete(g);
}

static struct reservation *find_helped(const struct cluster *c)
{
    LIST_EACH (&c->reservations, at) {
        struct reservation *r = LIST_ITEM(at, struct reservation, in_all);
        if (r->starving)
            return r;
    }
    return NULL;
}

static bool is_before(const struct gang *a, const struct gang *b)
{
    return a->since.ns != b->since.ns ? a->since.ns < b->since.ns : a->order < b->order;
}

/* The best so far, or an older one in this list. */
static struct gang *
oldest_in(struct sched_core *s, struct list *waiting, struct gang *best, struct mono now)
{
    LIST_EACH (waiting, at) {
        struct gang *g = LIST_ITEM(at, struct gang, waits);
        if (!is_starved(g, now) || !lacks_room(g) || (best && !is_before(g, best)) ||
            g->hopeless_at == s->cluster.snap.static_version ||
            reservation_of(&s->cluster, g->key)) /* it evicted for its room, and holds it */
            continue;
        best = g;
    }
    return best;
}

static struct gang *oldest(struct sched_core *s, struct mono now)
{
    struct gang *best = oldest_in(s, &s->queue.waits.others, NULL, now);
    LIST_EACH (&s->queue.waits.lacks, at)
        best = oldest_in(s, &LIST_ITEM(at, struct lack, in_all)->gangs, best, now);
    return best;
}

/* Takes everything of others off its node that some day ends. */
static void empty_cluster(struct snapshot *snap, const struct gang *but)
{
    for (size_t i = 0; i < snap->pods.n; i++) {
        struct spod *p = snap->pods.items[i];
        struct json owner = p ? kobj_controller(p->obj) : (struct json){ 0 };
        if (p && p->node >= 0 && spod_is_ours(p) && p->gang != but &&
            p->view->priority < QUEUE_SYSTEM_PRIORITY &&
            !str_is(json_str(json_get(owner, STR("kind"))), "DaemonSet"))
            snapshot_remove(snap, p);
    }
}

static void hold(struct sched_core *s, struct gang *g, struct mono now)
{
    struct cluster *c = &s->cluster;
    AUTO(arena_freep) struct arena *a = arena_new();
    struct plan plan;
    size_t mark = snapshot_mark(&c->snap);
    dra_suppose(c->snap.dra, true);
    empty_cluster(&c->snap, g);
    bool fits = cycle_try(c, g, a, &plan);
    snapshot_rollback(&c->snap, mark);
    dra_suppose(c->snap.dra, false);
    if (!fits) {
        g->hopeless_at = c->snap.static_version;
        return;
    }
    queue_part(&s->queue, g); /* those like it have nothing held */
    struct reservation *r = reservation_open(c, g->key, (struct mono){ now.ns + HOLD_NS });
    r->firm = r->starving = true;
    for (size_t i = 0; i < plan.n; i++)
        reservation_hold(c, r, plan.items[i].pod, &plan.items[i].where);
}

void core_starving_help(struct sched_core *s, const struct gang *failed, struct mono now)
{
    struct reservation *r = find_helped(&s->cluster);
    if (!is_starved(failed, now))
        return;
    if (r && str_eq(r->owner, failed->key))
        r->expires.ns = now.ns + HOLD_NS;
    if (r || forecast_holds(s->cluster.forecast)) /* the first in line has a time to start */
        return;
    struct gang *g = oldest(s, now);
    if (g)
        hold(s, g, now);
}
