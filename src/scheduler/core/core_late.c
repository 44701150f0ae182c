/* SPDX-License-Identifier: Apache-2.0
 * core_late — gangs whose schedule time-out passed. People are told once for each wait, with what
 * would let the gang start; what comes then is the dialect's choice (enum gang_late):
 *
 *     waits ─► tried again as before          backs off ─► not before the longest back-off
 *     lets go ─► its members are ordinary pods from now on          fails ─► its members fail */
#include "scheduler/core/core_internal.h"

static bool less(const void *a, const void *b)
{
    const struct gang *x = a, *y = b;
    return x->late_at.ns != y->late_at.ns ? x->late_at.ns < y->late_at.ns : x->order < y->order;
}

static void moved(void *item, size_t pos)
{
    ((struct gang *)item)->late_pos = pos;
}

void core_late_init(struct sched_core *s)
{
    heap_init(&s->late, less, moved);
}

void core_late_fini(struct sched_core *s)
{
    heap_fini(&s->late);
}

void core_late_forget(struct sched_core *s, struct gang *g)
{
    if (g->late_pos != HEAP_OUT)
        heap_remove(&s->late, g->late_pos);
}

void core_late_watch(struct sched_core *s, struct gang *g)
{
    core_late_forget(s, g);
    if (g->since.ns == 0)
        gang_set_late(g, (struct str){ 0 });
    if (!g->timeout_s || !g->since.ns || g->late.n || g->state == GANG_IDLE)
        return;
    g->late_at.ns = g->since.ns + g->timeout_s * NS_PER_S;
    heap_push(&s->late, g);
}

bool core_late_due(const struct sched_core *s, struct mono *when)
{
    const struct gang *g = heap_peek(&s->late);
    if (g)
        *when = g->late_at;
    return g != NULL;
}

static const char *const consequences[] = {
    [GANG_WAITS] = "It goes on waiting",
    [GANG_BACKS_OFF] = "It backs off, then it is tried again",
    [GANG_LETS_GO] = "From now on its members are placed one by one (gangSchedulingStyle=Soft)",
    [GANG_FAILS] = "Its members fail (gangSchedulingStyle=Hard)",
};

static struct str late_text(struct sched_core *s, struct gang *g, struct arena *a)
{
    struct explanation e;
    explain_gang(&s->cluster, g, a, &e);
    struct str change = e.n_changes ? e.changes[0] : STR("ask for less");
    return arena_printf(a,
                        "gang %.*s could not start within its time-out of %llds: %.*s. %s. To let "
                        "it start: %.*s; or raise the time-out",
                        STR_ARG(g->key), (long long)g->timeout_s,
                        STR_ARG(e.message.n ? e.message : STR("it was not tried yet")),
                        consequences[g->on_late], STR_ARG(change));
}

static void act(struct sched_core *s, struct gang *g, struct mono now)
{
    if (g->on_late != GANG_WAITS)
        queue_part(&s->queue, g); /* others like it have more time */
    switch (g->on_late) {
    case GANG_WAITS:
        break;
    case GANG_BACKS_OFF:
        queue_delay(&s->queue, g, (struct mono){ now.ns + s->queue.backoff_max_ns });
        break;
    case GANG_LETS_GO:
        g->admitted = true;
        core_places_drop(s, g);
        queue_add(&s->queue, g, now);
        break;
    case GANG_FAILS: /* whoever carries out the decision ends them */
        queue_park(&s->queue, g, &(struct hitch){ 0 }, now);
        break;
    }
}

bool core_late_step(struct sched_core *s, struct mono now, struct arena *a, struct decision *out)
{
    struct gang *g = heap_peek(&s->late);
    if (!g || g->late_at.ns > now.ns)
        return false;
    core_late_forget(s, g);
    gang_set_late(g, late_text(s, g, a));
    act(s, g, now);
    core_touch(s, g);
    *out = (struct decision){ .kind = DECISION_LATE,
                              .gang = g,
                              .message = g->late,
                              .attempts = g->attempts,
                              .fails = g->on_late == GANG_FAILS };
    return true;
}
