/* SPDX-License-Identifier: Apache-2.0
 * core_offers — extenders that have a say about whom a preemption evicts (preemptVerb). The cycle
 * that found candidates ends with a question; it runs again with the answer, finds its candidates
 * anew, and keeps those that the extenders agreed to. What changed meanwhile was not agreed to, so
 * a candidate whose victims are others by now does not count; when no other is left, the question
 * is asked again. */
#include "scheduler/core/core_internal.h"
#include "scheduler/preempt/preempt.h"

static const struct extender_victim *find(const struct extender_offer *o, struct str uid)
{
    for (size_t i = 0; i < o->n; i++) {
        if (str_eq(o->pods[i].uid, uid))
            return &o->pods[i];
    }
    return NULL;
}

/* They were asked about these victims on this node. */
static bool is_current(const struct candidate *k, const struct extender_offer *o)
{
    size_t n = preempt_here(k);
    for (size_t i = 0; i < n; i++) {
        if (!find(o, k->victims.pods[i]->obj->uid))
            return false;
    }
    return n == o->n;
}

static bool takes_along(const struct victims *v, const struct spod *p)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->pods[i]->gang == p->gang)
            return true;
    }
    return false;
}

/* Only those leave who must in the extenders' eyes; what gangs they take along stays with them. */
static void narrow(struct candidate *k, const struct extender_offer *o, struct arena *a)
{
    size_t here = preempt_here(k);
    struct victims v = { .pods = ARENA_ARRAY(a, struct spod *, k->victims.n),
                         .violations = (size_t)o->violations };
    if (extender_offer_leaving(o) == o->n && v.violations == k->victims.violations)
        return;
    for (size_t i = 0; i < k->victims.n; i++) {
        struct spod *p = k->victims.pods[i];
        if (i < here ? find(o, p->obj->uid)->leaves : takes_along(&v, p))
            v.pods[v.n++] = p;
    }
    k->victims = v;
}

/* False: the answer says nothing about what there is by now. */
static bool keep_agreed(const struct snapshot *snap,
                        struct preemption *found,
                        const struct extender_answer *said,
                        struct arena *a)
{
    size_t n = 0, stale = 0;
    for (size_t i = 0; i < found->n; i++) {
        struct candidate *k = &found->candidates[i];
        if (preempt_here(k) == 0) {
            found->candidates[n++] = *k; /* nobody has to agree to that */
            continue;
        }
        const struct extender_offer *o =
            extender_answer_offer(said, snap->nodes.items[k->node]->name);
        bool current = o && is_current(k, o);
        stale += !current;
        if (!current || extender_offer_leaving(o) == 0)
            continue;
        narrow(k, o, a);
        found->candidates[n++] = *k;
    }
    if (n == 0 && stale)
        return false;
    found->n = n;
    return true;
}

/* False: nobody would leave anywhere. */
static bool ask(struct sched_core *s,
                struct spod *p,
                const struct preemption *found,
                struct arena *a,
                struct decision *out)
{
    struct question *q = ARENA_NEW(a, struct question);
    struct candidate *list = ARENA_ARRAY(a, struct candidate, found->n);
    *q = (struct question){ .pod = p, .candidates = list };
    for (size_t i = 0; i < found->n; i++) {
        if (preempt_here(&found->candidates[i]))
            list[q->n_candidates++] = found->candidates[i];
    }
    if (!q->n_candidates)
        return false;
    extender_answer_free(p->offered);
    p->offered = NULL;
    p->asked_victims = true;
    queue_delay(&s->queue, p->gang,
                (struct mono){ s->now.ns + 2 * core_ask_patience(s->extenders) });
    *out = (struct decision){
        .kind = DECISION_ASK, .gang = p->gang, .questions = q, .n_questions = 1
    };
    return true;
}

bool core_offers_ask(struct sched_core *s,
                     struct spod *p,
                     struct preemption *found,
                     struct arena *a,
                     struct decision *out)
{
    const struct extender_answer *said = p->offered && !p->offered->spent ? p->offered : NULL;
    if (!found->n || !extenders_concern_victims(s->extenders, p->view))
        return false;
    bool failed = said && said->error.p;
    if (!said || (!failed && !keep_agreed(&s->cluster.snap, found, said, a)))
        return ask(s, p, found, a, out);
    if (failed)
        found->n = 0;
    preempt_choose(found);
    if (failed)
        found->message = arena_printf(a, "preemption: %.*s.", STR_ARG(said->error));
    else if (!found->n)
        found->message = STR("preemption: the extenders let nobody leave.");
    return false;
}
