/* SPDX-License-Identifier: Apache-2.0
 * core_wake — which parked gangs an event may help. One question is asked for each shape that gangs
 * wait for room with, whoever waits; gangs that wait for quota are asked when something was given
 * back below the queue that denied them (quota_relieve). */
#include "scheduler/core/core_internal.h"
#include "scheduler/cycle/cache.h"

struct woken {
    struct gang *g;
    bool sure;
};
VEC_TYPE(woken_vec, struct woken);

struct wake { /* one event while it goes round */
    struct sched_core *s;
    uint32_t event;
    int64_t node; /* -1: none in particular */
    struct mono now;
    struct shape *asked; /* the last answer */
    bool fits;
    struct woken_vec found;
};

/* Does the shape fit this node, with what is placed there? A necessary condition for all its pods.
 * The cache is asked where there is a current one; shapes that wait for long have none, and one
 * node is cheap to ask. */
static bool fits_now(struct wake *w, struct shape *shape)
{
    struct cluster *c = &w->s->cluster;
    if (w->asked == shape)
        return w->fits;
    w->asked = shape;
    if (shape->cache && !score_cache_is_stale(shape->cache, &c->snap))
        w->fits = score_cache_fits(score_cache_of(c, shape), (uint32_t)w->node);
    else
        w->fits = evaluate_shape(c, shape, (uint32_t)w->node);
    return w->fits;
}

/* Some waiting member fits the node: where one kind of member cannot go, another may, and make room
 * elsewhere. */
static bool is_sure(struct wake *w, struct gang *g)
{
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (spod_is_pending(p) && fits_now(w, p->shape))
            return true;
    }
    LIST_EACH (&g->places, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!p->kept && fits_now(w, p->shape))
            return true;
    }
    return false;
}

static bool concerns(const struct wake *w, const struct gang *g)
{
    if (!(g->wakes & w->event))
        return false;
    if (w->event == WAKE_POD_GONE && w->node >= 0 && core_waits_for_victims(w->s, g))
        return false; /* one of several that leave for it */
    return w->event != WAKE_POD_GONE || g->blocked || !(g->wakes & WAKE_QUOTA);
}

static bool may_move_others(const struct wake *w, const struct gang *g)
{
    return w->event == WAKE_POD_GONE && core_consolidation_due(w->s, g, w->now);
}

/* Waking one may take others out of their lists, of its crowd: first all are found. */
static void find(struct wake *w, struct gang *g, bool sure)
{
    struct woken one = { g, sure };
    if (concerns(w, g))
        woken_vec_push(&w->found, one);
}

static void find_in_lack(struct wake *w, struct lack *lack)
{
    const struct gang *first = LIST_ITEM(lack->gangs.next, struct gang, waits);
    if (!(lack->wakes & w->event))
        return;
    bool fits = w->node < 0 || fits_now(w, lack->shape);
    if (!fits && !may_move_others(w, first)) /* all have the profile of the shape */
        return;
    LIST_EACH (&lack->gangs, at)
        find(w, LIST_ITEM(at, struct gang, waits), fits && w->node >= 0);
}

static void find_in_others(struct wake *w)
{
    LIST_EACH (&w->s->queue.waits.others, at) {
        struct gang *g = LIST_ITEM(at, struct gang, waits);
        bool guess =
            w->node < 0 || !g->blocked || (g->wakes & WAKE_POD_PLACED) || may_move_others(w, g);
        if ((g->wakes & w->event) && (guess || is_sure(w, g)))
            find(w, g, !guess);
    }
}

void core_wake(struct sched_core *s, uint32_t event, int64_t node, struct mono now)
{
    struct wake w = { .s = s, .event = event, .node = node, .now = now };
    LIST_EACH (&s->queue.waits.lacks, at)
        find_in_lack(&w, LIST_ITEM(at, struct lack, in_all));
    find_in_others(&w);
    for (size_t i = 0; i < w.found.n; i++) {
        struct woken *one = &w.found.items[i];
        if (one->g->state == GANG_PARKED)
            queue_wake(&s->queue, one->g, one->sure, now);
    }
    woken_vec_fini(&w.found);
}

/* ---- quota ---- */

struct relief {
    struct sched_core *s;
    struct mono now;
};

static void relieve(void *arg, struct quota_ticket *k)
{
    struct relief *r = arg;
    struct gang *g = CONTAINER_OF(k, struct gang, ticket);
    struct quota_queue *bound = NULL;
    if (cycle_has_quota(&r->s->cluster, g, &bound))
        queue_wake_for_quota(&r->s->queue, g, r->now);
    else if (bound && bound != k->at)
        quota_stall(k, bound); /* something else is in its way now */
}

void core_wake_for_quota(struct sched_core *s, struct mono now)
{
    struct relief r = { s, now };
    quota_relieve(s->cluster.quota, now.ns, relieve, &r);
}

bool core_lacks_quota_again(struct sched_core *s, struct gang *g, struct mono now)
{
    struct quota_queue *bound = NULL;
    if (!g->quota_only || cycle_has_quota(&s->cluster, g, &bound))
        return false;
    queue_park_again(&s->queue, g, bound, now);
    return true;
}
