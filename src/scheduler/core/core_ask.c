/* SPDX-License-Identifier: Apache-2.0
 * core_ask — cycles that need to hear HTTP extenders. Such a cycle ends with a question: per member
 * the nodes that pass our own filters. The answer is an input like others (core_answer), and the
 * cycle runs again with it. So the core stays pure, and a replay needs no extender. */
#include "scheduler/core/core_internal.h"

#define SLACK_NS (5 * NS_PER_S)

void core_set_extenders(struct sched_core *s, struct extenders *x)
{
    extenders_free(s->extenders);
    s->extenders = x;
    s->queue.apart = x != NULL; /* they judge pods one by one */
}

const struct extenders *core_extenders(const struct sched_core *s)
{
    return s->extenders;
}

static bool is_answered(const struct spod *p)
{
    return p->extended && !p->extended->spent;
}

static bool waits(const struct spod *p)
{
    return p->node == SCHED_NO_NODE && !p->view->n_gates && !p->to_come;
}

int64_t core_ask_patience(const struct extenders *x)
{
    int64_t ns = SLACK_NS;
    for (size_t i = 0; i < x->n; i++)
        ns += 2 * x->items[i].timeout_ns; /* filter and prioritize */
    return ns;
}

struct asking_state {
    struct sched_core *s;
    struct arena *a;
    const struct spod *last; /* whose twins get the same list */
    struct question like;
};

static void find_nodes(struct asking_state *st, struct spod *p, struct question *q)
{
    *q = (struct question){ .pod = p };
    if (st->last && st->last->shape == p->shape && spod_is_plain(p) && spod_is_plain(st->last)) {
        q->nodes = st->like.nodes;
        q->n = st->like.n;
        return;
    }
    struct evaluation *e = ARENA_NEW(st->a, struct evaluation);
    evaluate(&st->s->cluster, p, false, st->a, e);
    q->nodes = e->feasible;
    q->n = e->n_feasible;
    st->last = p;
    st->like = *q;
}

bool core_ask(struct sched_core *s, struct gang *g, struct arena *a, struct decision *out)
{
    struct asking_state st = { .s = s, .a = a };
    if (!s->extenders)
        return false;
    struct question *list = ARENA_ARRAY(a, struct question, g->n_members);
    size_t n = 0;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!waits(p) || is_answered(p) || !extenders_concern(s->extenders, p->view))
            continue;
        extender_answer_free(p->extended); /* what was said then need not hold now */
        p->extended = NULL;
        find_nodes(&st, p, &list[n]);
        p->asked = list[n].n > 0;
        n += p->asked;
    }
    if (n == 0)
        return false;
    int64_t rounds = 1 + (int64_t)(n / CORE_ASK_ROUND);
    queue_delay(&s->queue, g,
                (struct mono){ s->now.ns + rounds * core_ask_patience(s->extenders) });
    *out =
        (struct decision){ .kind = DECISION_ASK, .gang = g, .questions = list, .n_questions = n };
    return true;
}

void core_answer(struct sched_core *s,
                 const struct pod_id *id,
                 struct extender_answer *answer,
                 struct mono now)
{
    struct spod *p = core_pod(s, id->namespace, id->name);
    bool *asked = p && answer->of_victims ? &p->asked_victims : p ? &p->asked : NULL;
    if (!p || !str_eq(p->obj->uid, id->uid) || !*asked) {
        extender_answer_free(answer);
        return;
    }
    struct extender_answer **place = answer->of_victims ? &p->offered : &p->extended;
    extender_answer_free(*place);
    *place = answer;
    *asked = false;
    if (!p->gang)
        return; /* somebody else bound it meanwhile */
    LIST_EACH (&p->gang->members, at) {
        if (LIST_ITEM(at, struct spod, in_gang)->asked)
            return; /* the last answer wakes it */
    }
    if (gang_pending(p->gang))
        queue_add(&s->queue, p->gang, now);
}

/* True: an extender failed. */
static bool spend(struct extender_answer *x)
{
    if (x)
        x->spent = true;
    return x && x->error.p;
}

void core_ask_spent(struct sched_core *s, struct gang *g)
{
    bool failed = false;
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        bool nodes = spend(p->extended), victims = spend(p->offered);
        failed = failed || (p->node == SCHED_NO_NODE && (nodes || victims));
    }
    if (failed && g->state == GANG_PARKED) /* no event of ours says that it works again */
        queue_wake(&s->queue, g, false, s->now);
}
