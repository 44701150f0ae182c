/* SPDX-License-Identifier: Apache-2.0
 * core_backfill — gangs that do not fit get in line for a time. The first ones in the queue's order
 * are given the earliest start that the forecast finds, one after the other, each beside what those
 * before it were given; as many of them as the profile says have their room held (EASY: one,
 * conservative: `depth`), the others only learn when they may expect to start.
 *
 *     does not fit ─► in line ─► start found ─► held, or only told
 *                        ▲            │ the time comes, or what was believed changed
 *                        └────────────┘
 *
 * A start that others' overruns delay is found anew; nobody who was kept out before gets in by it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "scheduler/core/core_internal.h"
#include "scheduler/time/backfill_args.h"
#include "scheduler/time/forecast.h"

#define REPLAN_NS (1 * NS_PER_S) /* starts are not found anew more often, unless the line moves */
#define STEPS_MAX 200000         /* of all searches of one plan: some 20 ms */
#define TELL_NS (60 * NS_PER_S)  /* a start that moves by less is no news … */
#define TELL_PART 10             /* … nor one that moves by less than this part of the wait */

struct waiting {
    struct gang *g;
    struct booking room;
    bool found, woken;
};

struct backfill {
    struct waiting *line[BACKFILL_LINE_MAX]; /* the first to start first */
    size_t n;
    struct mono planned;
    bool moved; /* somebody left the line: others come nearer */
    bool holds; /* the last plan held room */
    bool freed; /* and room was held for it */
};

struct backfill *core_backfill_new(void)
{
    return MEM_NEW(struct backfill);
}

static void waiting_free(struct sched_core *s, struct waiting *w)
{
    forecast_give(s->cluster.forecast, &w->room);
    booking_clear(&w->room);
    free(w);
}

void core_backfill_fini(struct sched_core *s)
{
    for (size_t i = 0; i < s->backfill->n; i++)
        waiting_free(s, s->backfill->line[i]);
    free(s->backfill);
}

/* For how many in line room is held, as the gang's profile has it. */
static size_t depth_of(const struct gang *g)
{
    const struct profile *p = g->profile;
    int at = profile_find(p, STR("Backfill"));
    if (at < 0 || !p->plugins[at].filters)
        return 0;
    const struct backfill_args *args = p->plugins[at].args;
    switch (args->policy) {
    case BACKFILL_BY_PROFILE:
        return p->starvation_ns ? 1 : 0;
    case BACKFILL_NONE:
        return 0;
    case BACKFILL_EASY:
        return 1;
    case BACKFILL_CONSERVATIVE:
        return (size_t)args->depth;
    }
    return 0;
}

/* ---- the plan ---- */

static bool is_news(int64_t told, int64_t start, int64_t now)
{
    int64_t by = told > start ? told - start : start - told;
    if (!told || !start)
        return told != start;
    int64_t part = (start - now) / TELL_PART;
    return by > (part > TELL_NS ? part : TELL_NS);
}

static void tell(struct sched_core *s, struct waiting *w)
{
    int64_t start = w->found ? w->room.start_ns : 0;
    if (!is_news(w->g->starts_at.ns, start, s->now.ns))
        return;
    w->g->starts_at.ns = start;
    core_touch(s, w->g);
}

static void give_from(struct sched_core *s, size_t first)
{
    for (size_t i = first; i < s->backfill->n; i++)
        forecast_give(s->cluster.forecast, &s->backfill->line[i]->room);
}

/* Room at this moment is of no use to a gang that did not fit at this moment: something that the
 * forecast does not count stands in its way. One that was told to wait until now gets its turn. */
static bool look(struct sched_core *s, struct waiting *w, bool turn, size_t *steps)
{
    return forecast_find(s->cluster.forecast, &s->cluster, w->g, steps, &w->room) &&
           (w->room.start_ns > s->now.ns || turn);
}

/* A start for one of them, beside all that is held. It never gets a later one for the sake of those
 * behind it: if others' overruns delay it, they are to find room anew. */
static void find_start(struct sched_core *s, size_t at, size_t *steps)
{
    struct forecast *f = s->cluster.forecast;
    struct waiting *w = s->backfill->line[at];
    bool turn = w->found && w->g->last_attempt.ns < s->now.ns;
    int64_t before = w->found ? w->room.start_ns : INT64_MAX;
    forecast_give(f, &w->room);
    w->found = look(s, w, turn, steps);
    if (before != INT64_MAX && (!w->found || w->room.start_ns > before)) {
        give_from(s, at + 1);
        w->found = look(s, w, turn, steps);
    }
    w->woken = false;
    tell(s, w);
}

/* Finds the starts of those from this place on. */
static void plan_from(struct sched_core *s, size_t first)
{
    struct backfill *b = s->backfill;
    struct forecast *f = s->cluster.forecast;
    size_t steps = STEPS_MAX, held = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct waiting *w = b->line[i];
        if (i >= first)
            find_start(s, i, &steps);
        bool hold = w->found && held < depth_of(w->g);
        forecast_give(f, &w->room);
        if (w->found)
            forecast_take(f, &w->room, hold); /* those behind it must not count on this room */
        held += hold;
    }
    for (size_t i = 0; i < b->n; i++) {
        if (!b->line[i]->room.held)
            forecast_give(f, &b->line[i]->room);
    }
    s->cluster.nominations += b->holds || held; /* what failed before may fit now */
    b->holds = held > 0;
}

static void plan_all(struct sched_core *s)
{
    s->backfill->planned = s->now;
    s->backfill->moved = false;
    plan_from(s, 0);
}

/* ---- the line ---- */

static size_t place_of(const struct backfill *b, const struct gang *g)
{
    size_t i = 0;
    while (i < b->n && b->line[i]->g != g)
        i++;
    return i;
}

static void leave(struct sched_core *s, size_t at)
{
    struct backfill *b = s->backfill;
    b->line[at]->g->starts_at.ns = 0;
    waiting_free(s, b->line[at]);
    b->n--;
    memmove(b->line + at, b->line + at + 1, (b->n - at) * sizeof(struct waiting *));
}

/* Into its place; the last one leaves when there are too many. Returns the place, n when it got
 * none. */
static size_t enter(struct sched_core *s, struct gang *g)
{
    struct backfill *b = s->backfill;
    size_t at = 0;
    while (at < b->n && !gang_is_before(g, b->line[at]->g))
        at++;
    if (at == BACKFILL_LINE_MAX)
        return b->n;
    if (b->n == BACKFILL_LINE_MAX)
        leave(s, b->n - 1);
    memmove(b->line + at + 1, b->line + at, (b->n - at) * sizeof(struct waiting *));
    b->line[at] = MEM_NEW(struct waiting);
    b->line[at]->g = g;
    b->n++;
    return at;
}

void core_backfill_wait(struct sched_core *s, struct gang *g)
{
    struct backfill *b = s->backfill;
    size_t at = place_of(b, g);
    if (depth_of(g) == 0)
        return;
    forecast_refresh(s->cluster.forecast, &s->cluster, s->now);
    if (at == b->n) {
        at = enter(s, g);
        give_from(s, at); /* it comes before them */
        if (at < b->n)
            plan_from(s, at);
        return;
    }
    const struct waiting *w = b->line[at];
    bool late = w->found && w->room.start_ns <= s->now.ns;
    if (late || s->now.ns - b->planned.ns >= REPLAN_NS)
        plan_all(s);
}

void core_backfill_leave(struct sched_core *s, struct gang *g)
{
    struct backfill *b = s->backfill;
    size_t at = place_of(b, g);
    if (at == b->n)
        return;
    b->freed = b->freed || b->line[at]->room.held;
    leave(s, at);
    b->moved = true;
}

/* ---- time ---- */

/* Those whose time has come try again, whether or not an event says that they may fit. */
static void wake_due(struct sched_core *s)
{
    struct backfill *b = s->backfill;
    for (size_t i = 0; i < b->n; i++) {
        struct waiting *w = b->line[i];
        if (!w->found || w->woken || w->room.start_ns > s->now.ns)
            continue;
        w->woken = true;
        if (w->g->state != GANG_IDLE && w->g->state != GANG_ACTIVE)
            queue_add(&s->queue, w->g, s->now); /* no back-off: it was told to come now */
    }
}

void core_backfill_tick(struct sched_core *s)
{
    struct backfill *b = s->backfill;
    if (b->n == 0 && !b->moved)
        return;
    forecast_refresh(s->cluster.forecast, &s->cluster, s->now);
    if (b->moved)
        plan_all(s);
    if (b->freed)
        core_wake(s, WAKE_POD_GONE, -1, s->now);
    b->freed = false;
    wake_due(s);
}

bool core_backfill_due(const struct sched_core *s, int64_t *when_ns)
{
    const struct backfill *b = s->backfill;
    int64_t first = b->moved ? 0 : INT64_MAX;
    for (size_t i = 0; i < b->n; i++) {
        const struct waiting *w = b->line[i];
        if (w->found && !w->woken && w->room.start_ns < first)
            first = w->room.start_ns;
    }
    *when_ns = first;
    return first != INT64_MAX;
}

/* ---- what is learnt ---- */

void core_backfill_ended(struct sched_core *s, struct spod *p, struct mono now)
{
    s->now = now;
    struct wall wall = core_wall_now(s), began = p->view->start_time;
    int64_t ran = 0;
    if (p->node == SCHED_NO_NODE)
        return;
    if (p->begun_ns)
        ran = s->now.ns - p->begun_ns;
    else if (began.ns && wall.ns)
        ran = wall.ns - began.ns;
    if (ran > 0)
        runtimes_learn(forecast_runtimes(s->cluster.forecast), p->obj, ran);
}
