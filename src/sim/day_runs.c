/* SPDX-License-Identifier: Apache-2.0
 * day_runs — see day_runs.h. */
#include "sim/day_runs.h"

#include <stdlib.h>

#include "base/num.h"
#include "scheduler/time/runtime_guess.h"
#include "sim/life.h"

struct siblings { /* pods of one owner, gang or template */
    struct str key;
    int64_t sum;
    int64_t n;                 /* of known runs */
    struct day_pods preempted; /* without another in their place, oldest first */
};

static struct str sibling_key(struct arena *a, const struct kobj *o)
{
    const struct gang_claim *gang = pod_of(o)->gang;
    struct str owner = json_str(json_get(kobj_controller(o), STR("uid")));
    struct str template = json_str(kobj_meta(o, STR("generateName")));
    if (owner.n)
        return arena_printf(a, "owner %.*s", STR_ARG(owner));
    if (gang)
        return arena_printf(a, "gang %.*s/%.*s", STR_ARG(o->namespace), STR_ARG(gang->name));
    if (template.n)
        return arena_printf(a, "name %.*s/%.*s", STR_ARG(o->namespace), STR_ARG(template));
    return (struct str){ 0 };
}

static const struct kobj *first_of(const struct day_pod *p)
{
    return p->versions.items[0].obj;
}

static struct siblings *siblings_of(struct map *all, struct arena *a, const struct day_pod *p)
{
    struct str key = sibling_key(a, first_of(p));
    struct siblings *s = key.p ? map_get(all, key) : NULL;
    if (s || !key.p)
        return s;
    s = ARENA_NEW(a, struct siblings);
    s->key = key;
    map_put(all, s->key, s);
    return s;
}

/* A member of an indexed Job is replaced by one of its index. */
static bool could_replace(const struct day_pod *gone, const struct day_pod *p)
{
    struct str index = STR("batch.kubernetes.io/job-completion-index");
    return p->came >= gone->came &&
           str_eq(kobj_label(first_of(gone), index), kobj_label(first_of(p), index));
}

/* Pods without a controller are not made again by anybody. */
static void match_replacement(struct siblings *s, struct day_pod *p)
{
    bool owned = json_exists(kobj_controller(first_of(p)));
    for (size_t i = 0; owned && i < s->preempted.n; i++) {
        struct day_pod *gone = s->preempted.items[i];
        if (!gone || !could_replace(gone, p))
            continue;
        gone->instead = p;
        p->again = true;
        s->preempted.items[i] = NULL;
        break;
    }
    if (p->preempted)
        day_pods_push(&s->preempted, p);
}

/* What the record itself says. */
static int64_t recorded_run(const struct day_pod *p)
{
    if (p->bound == DAY_NEVER || p->ended == DAY_NEVER || p->preempted || p->leaves_at)
        return DAY_NEVER;
    return p->ended - p->bound;
}

/* What the pod says. One that ran when the record began has done a part of it. */
static int64_t said_run(const struct day_pod *p)
{
    const struct kobj *o = first_of(p);
    int64_t ns = sim_said_run(o);
    if (ns < 0)
        ns = runtime_said(o);
    if (ns == RUNTIME_UNKNOWN)
        return DAY_NEVER;
    int64_t begun = pod_of(o)->start_time.ns;
    return begun && p->placed ? num_max_i64(0, ns - (p->came - begun)) : ns;
}

static int64_t known_run(const struct day_pod *p)
{
    int64_t ns = recorded_run(p);
    return ns == DAY_NEVER ? said_run(p) : ns;
}

static int64_t guessed_run(const struct day *d, const struct day_pod *p, const struct siblings *s)
{
    int64_t ns = known_run(p);
    for (const struct day_pod *q = p->instead; ns == DAY_NEVER && q; q = q->instead)
        ns = known_run(q);
    if (ns == DAY_NEVER && s && s->n)
        ns = s->sum / s->n;
    bool runs_on = p->bound != DAY_NEVER && p->ended == DAY_NEVER && !p->preempted;
    return ns != DAY_NEVER && runs_on ? num_max_i64(ns, d->end - p->bound + 1) : ns;
}

/* Had it not been preempted, it would leave when the last one made in its place left. */
static void follow_last(struct day_pod *p)
{
    const struct day_pod *last = p;
    while (last->instead)
        last = last->instead;
    p->leaves_at = last != p && last->leaves_at;
    p->gone = p->ended = last == p ? DAY_NEVER : last->gone;
    if (last != p)
        p->succeeded = last->succeeded;
}

void day_work_out_runs(struct day *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct map all;
    map_init(&all);
    struct siblings **of = ARENA_ARRAY(a, struct siblings *, d->pods.n + 1);
    for (size_t i = 0; i < d->pods.n; i++) {
        struct day_pod *p = d->pods.items[i];
        struct siblings *s = of[i] = siblings_of(&all, a, p);
        int64_t ns = recorded_run(p);
        if (!s)
            continue;
        s->sum += ns == DAY_NEVER ? 0 : ns;
        s->n += ns != DAY_NEVER;
        match_replacement(s, p);
    }
    for (size_t i = 0; i < d->pods.n; i++)
        d->pods.items[i]->run_ns = guessed_run(d, d->pods.items[i], of[i]);
    for (size_t i = d->pods.n; i-- > 0;) {
        if (d->pods.items[i]->preempted)
            follow_last(d->pods.items[i]);
    }
    for (size_t i = 0; i < d->pods.n; i++) {
        if (of[i])
            day_pods_fini(&of[i]->preempted);
    }
    map_fini(&all);
}
