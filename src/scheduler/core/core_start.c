/* SPDX-License-Identifier: Apache-2.0
 * core_start — a gang's first start, until the API says that all of it is bound. Where the API
 * binds members one by one it may refuse one while others are bound already:
 *
 *     placed ─► bound, all ─► started
 *        │        ▲
 *        └─► bound in part: the rest is tried again around the bound members
 *                 └─(its time-out, else a minute)─► undone: bound members that an owner makes anew
 *                       are evicted, others stay and say so; the gang pauses, then starts anew
 *
 * A start is recorded before the first bind (gang_mirror.h), so that a scheduler that comes after
 * one that was killed in between knows half a gang from one that lost members. */
#include "base/num.h"
#include "scheduler/core/core_internal.h"

#define LEAST_NS (2 * NS_PER_S)         /* the rest is tried once more, whatever the time-out */
#define RECORD_NS_MAX (3600 * NS_PER_S) /* whatever a record says */
#define PAUSE_NS (10 * NS_PER_S)        /* after the first undoing; each is twice as long … */
#define PAUSE_DOUBLINGS 7               /* … up to 21 minutes */

void core_start_forget(struct sched_core *s, const struct gang *g)
{
    for (size_t i = 0; i < s->half.n; i++) {
        if (s->half.items[i] == g)
            s->half.items[i--] = s->half.items[--s->half.n];
    }
}

static void end(struct sched_core *s, struct gang *g, bool started)
{
    core_start_forget(s, g);
    g->start.under_way = g->start.told = false;
    g->start.by.ns = 0;
    if (started)
        g->start.undone = 0;
    core_touch(s, g);
}

void core_start_begin(struct gang *g)
{
    g->start.under_way |= g->dialect && g->n_placed > 1 && gang_has_started(g);
}

/* What the API said is enough, whatever becomes of the rest. */
static bool is_confirmed(const struct gang *g)
{
    return g->n_assumed == 0 || (!g->n_parts && gang_has(g) >= gang_needs(g) + g->n_assumed);
}

static void arm(struct sched_core *s, struct gang *g, struct mono by)
{
    g->start.by = by;
    gangs_push(&s->half, g);
    core_touch(s, g);
}

void core_start_look(struct sched_core *s, struct gang *g, struct mono now)
{
    if (!g->start.under_way)
        return;
    if (gang_has_started(g)) {
        if (is_confirmed(g))
            end(s, g, true);
        return;
    }
    g->has_run = false;
    if (g->n_placed == g->n_leaving)
        end(s, g, false);
    else if (!g->start.by.ns)
        arm(s, g, (struct mono){ now.ns + num_max_i64(gang_start_ns(g), LEAST_NS) });
}

bool core_start_pauses(const struct gang *g, struct mono now)
{
    return g->start.pause.ns > now.ns && !gang_goes_on(g);
}

/* ---- when its time is over ---- */

/* While binds for the rest are on the wire, their answers come first. */
static bool waits_for_room(const struct gang *g)
{
    return !gang_has_started(g);
}

bool core_start_due(const struct sched_core *s, struct mono *when)
{
    bool any = false;
    for (size_t i = 0; i < s->half.n; i++) {
        const struct gang *g = s->half.items[i];
        if (!waits_for_room(g) || (any && when->ns <= g->start.by.ns))
            continue;
        *when = g->start.by;
        any = true;
    }
    return any;
}

static void sort_members(struct gang *g, struct arena *a, struct decision *out)
{
    out->victims = ARENA_ARRAY(a, struct spod *, g->n_members + 1);
    out->stay = ARENA_ARRAY(a, struct spod *, g->n_members + 1);
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node < 0 || p->assumed || p->evicting || p->view->deleting)
            continue;
        if (json_exists(kobj_controller(p->obj)))
            out->victims[out->n_victims++] = p;
        else
            out->stay[out->n_stay++] = p;
    }
}

static struct str undo_text(struct arena *a, const struct gang *g, const struct decision *d)
{
    const char *then = d->n_victims ? "those are evicted, so that no half of a gang stays"
                                    : "they stay, because nobody would make them anew";
    return arena_printf(
        a,
        "gang %.*s: only %zu of %zu members are bound, and the others found no room "
        "within %llds: %s",
        STR_ARG(g->key), g->n_placed - g->n_leaving, gang_needs(g),
        (long long)(gang_start_ns(g) / NS_PER_S), then);
}

/* False: there is nothing new to do or to say. */
static bool undo(struct sched_core *s, struct gang *g, struct arena *a, struct decision *out)
{
    *out = (struct decision){ .kind = DECISION_UNDO, .gang = g, .attempts = g->attempts };
    g->start.by.ns = s->now.ns + gang_start_ns(g); /* evictions may be refused */
    sort_members(g, a, out);
    if (!out->n_victims && (g->start.told || !out->n_stay))
        return false;
    gang_set_message(g, undo_text(a, g, out));
    out->message = g->message;
    g->start.told = true;
    core_touch(s, g);
    if (!out->n_victims)
        return true;
    for (size_t i = 0; i < out->n_victims; i++)
        out->victims[i]->evicting = true;
    unsigned n = g->start.undone < PAUSE_DOUBLINGS ? g->start.undone : PAUSE_DOUBLINGS;
    g->start.undone++;
    g->start.pause.ns = s->now.ns + (PAUSE_NS << n);
    return true;
}

bool core_start_step(struct sched_core *s, struct arena *a, struct decision *out)
{
    for (size_t i = 0; i < s->half.n; i++) {
        struct gang *g = s->half.items[i];
        if (waits_for_room(g) && g->start.by.ns <= s->now.ns && undo(s, g, a, out))
            return true;
    }
    *out = (struct decision){ .kind = DECISION_NONE };
    return false;
}

/* ---- after a restart ---- */

static bool any_bound(const struct sched_core *s, const struct gang *g, struct json members)
{
    for (struct json_iter it = json_iter(members); json_next(&it);) {
        const struct spod *p = core_pod(s, g->namespace, json_str(json_get(it.value, STR("name"))));
        if (p && p->gang == g && p->node >= 0 &&
            str_eq(p->obj->uid, json_str(json_get(it.value, STR("uid")))))
            return true;
    }
    return false;
}

void core_start_restore(struct sched_core *s,
                        struct gang *g,
                        struct json record,
                        struct mono until,
                        struct mono now)
{
    gang_settle(g);
    if (g->start.under_way || gang_has_started(g) ||
        !any_bound(s, g, json_get(record, STR("members"))))
        return;
    g->start.under_way = true;
    g->has_run = false;
    until.ns = num_min_i64(until.ns, now.ns + RECORD_NS_MAX);
    arm(s, g, (struct mono){ num_max_i64(until.ns, now.ns + LEAST_NS) });
}
