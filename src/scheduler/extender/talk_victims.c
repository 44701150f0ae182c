/* SPDX-License-Identifier: Apache-2.0
 * talk_victims — the verb preempt: per node, who would leave. Each extender strikes nodes out, or
 * pods that need not leave, and the next one hears what the earlier ones left (CallExtenders of
 * kube-scheduler's DefaultPreemption). It adds nobody: whether a pod may be evicted at all is
 * decided by rules (priorities, budgets, queues, gangs) that extenders do not know. */
#include <stdlib.h>

#include "base/num.h"
#include "scheduler/extender/talk_internal.h"

static int compare_proposals(const void *a, const void *b)
{
    const struct talk_proposal *x = a, *y = b;
    return str_cmp(x->node->name, y->node->name);
}

static void propose(struct talk *t, size_t at, const struct talk_proposal *from)
{
    struct arena *a = t->answer->a;
    struct proposed *p = &t->proposed[at];
    struct extender_offer *o = &t->answer->offers[at];
    p->node = kobj_ref(from->node);
    p->pods = ARENA_ARRAY(t->a, struct kobj *, from->n + 1);
    p->named = ARENA_ARRAY(t->a, bool, from->n);
    *o = (struct extender_offer){ .node = arena_str(a, from->node->name),
                                  .pods = ARENA_ARRAY(a, struct extender_victim, from->n),
                                  .n = from->n,
                                  .violations =
                                      num_min_i64((int64_t)from->violations, (int64_t)from->n) };
    for (size_t i = 0; i < from->n; i++) {
        p->pods[i] = kobj_ref(from->pods[i]);
        o->pods[i] = (struct extender_victim){ arena_str(a, from->pods[i]->uid), true };
    }
}

struct talk *talk_new_victims(const struct extenders *x,
                              const struct kobj *pod,
                              const struct talk_proposal *list,
                              size_t n)
{
    struct talk *t = talk_begin(x, pod);
    struct talk_proposal *sorted = ARENA_ARRAY(t->a, struct talk_proposal, n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = list[i];
    qsort(sorted, n, sizeof *sorted, compare_proposals);
    t->part = PART_VICTIMS;
    t->proposed = ARENA_ARRAY(t->a, struct proposed, n + 1);
    t->answer->of_victims = true;
    t->answer->offers = ARENA_ARRAY(t->answer->a, struct extender_offer, n);
    t->answer->n_offers = t->left = n;
    for (size_t i = 0; i < n; i++)
        propose(t, i, &sorted[i]);
    return t;
}

void talk_forget_victims(struct talk *t)
{
    for (size_t i = 0; t->proposed && t->proposed[i].node; i++) {
        struct proposed *p = &t->proposed[i];
        for (size_t k = 0; p->pods[k]; k++)
            kobj_unref(p->pods[k]);
        kobj_unref(p->node);
    }
}

/* ---- asking ---- */

static void put_node(struct talk *t, size_t at, bool uids)
{
    const struct extender_offer *o = &t->answer->offers[at];
    bool first = true;
    json_write_str(&t->body, o->node);
    buf_str(&t->body, STR(":{\"Pods\":["));
    for (size_t i = 0; i < o->n; i++) {
        if (!o->pods[i].leaves)
            continue;
        if (!first)
            buf_char(&t->body, ',');
        first = false;
        if (!uids) {
            json_write(&t->body, kobj_root(t->proposed[at].pods[i]));
            continue;
        }
        buf_str(&t->body, STR("{\"UID\":"));
        json_write_str(&t->body, o->pods[i].uid);
        buf_char(&t->body, '}');
    }
    buf_printf(&t->body, "],\"NumPDBViolations\":%lld}", (long long)o->violations);
}

void talk_put_victims(struct talk *t, bool uids)
{
    bool first = true;
    buf_str(&t->body, uids ? STR(",\"NodeNameToVictims\":null,\"NodeNameToMetaVictims\":{")
                           : STR(",\"NodeNameToVictims\":{"));
    for (size_t i = 0; i < t->answer->n_offers; i++) {
        if (extender_offer_leaving(&t->answer->offers[i]) == 0)
            continue;
        if (!first)
            buf_char(&t->body, ',');
        first = false;
        put_node(t, i, uids);
    }
    buf_str(&t->body, uids ? STR("}}") : STR("},\"NodeNameToMetaVictims\":null}"));
}

/* ---- what comes back ---- */

static int name_victim(struct talk *t, size_t at, struct json pod, struct err *err)
{
    const struct extender_offer *o = &t->answer->offers[at];
    struct proposed *p = &t->proposed[at];
    struct str uid = json_str(extender_field(pod, "UID"));
    for (size_t i = 0; i < o->n; i++) {
        if (!uid.n || !o->pods[i].leaves || !str_eq(o->pods[i].uid, uid))
            continue;
        p->n_named += !p->named[i];
        p->named[i] = true;
        return 0;
    }
    return err_set(
        err, ERR_INVALID, "names the victim \"%.*s\" on node \"%.*s\", who was not proposed there",
        STR_ARG(str_take(uid, SHOWN_BYTES_MAX)), STR_ARG(str_take(o->node, SHOWN_BYTES_MAX)));
}

static int read_node(struct talk *t, size_t at, struct json victims, struct err *err)
{
    const struct extender_offer *o = &t->answer->offers[at];
    struct proposed *p = &t->proposed[at];
    struct json violations = extender_field(victims, "NumPDBViolations");
    for (size_t i = 0; i < o->n; i++)
        p->named[i] = false; /* of a key that comes twice the last counts, as in Go */
    p->n_named = 0;
    p->violations = 0;
    for (struct json_iter it = json_iter(extender_field(victims, "Pods")); json_next(&it);) {
        if (name_victim(t, at, it.value, err))
            return -1;
    }
    if (p->n_named == 0 && !t->asked->ignorable)
        return err_set(err, ERR_INVALID, "names no victim on node \"%.*s\"",
                       STR_ARG(str_take(o->node, SHOWN_BYTES_MAX)));
    if (json_has(violations) && p->n_named &&
        (!json_i64(violations, &p->violations) || p->violations < 0 ||
         p->violations > (int64_t)p->n_named))
        return err_set(err, ERR_INVALID,
                       "gives NumPDBViolations %.*s for %zu victims on node \"%.*s\"",
                       STR_ARG(str_take(json_text(violations), 40)), p->n_named,
                       STR_ARG(str_take(o->node, SHOWN_BYTES_MAX)));
    return 0;
}

static int judge(struct talk *t, struct json map, struct err *err)
{
    for (struct json_iter it = json_iter(map); json_next(&it);) {
        const struct extender_offer *o = extender_answer_offer(t->answer, it.key);
        if (!o || extender_offer_leaving(o) == 0)
            return err_set(err, ERR_INVALID,
                           "names the node \"%.*s\", which was not in the question",
                           STR_ARG(str_take(it.key, SHOWN_BYTES_MAX)));
        if (read_node(t, (size_t)(o - t->answer->offers), it.value, err))
            return -1;
    }
    return 0;
}

int talk_hear_victims(struct talk *t, struct json answer, struct err *err)
{
    struct json map = extender_field(answer, "NodeNameToMetaVictims");
    if (json_type(answer) != JSON_OBJ || (json_has(map) && json_type(map) != JSON_OBJ))
        return err_set(err, ERR_INVALID, "answered with no object NodeNameToMetaVictims");
    for (size_t i = 0; i < t->answer->n_offers; i++) {
        for (size_t k = 0; k < t->answer->offers[i].n; k++)
            t->proposed[i].named[k] = false;
        t->proposed[i].n_named = 0;
    }
    if (judge(t, map, err))
        return -1;
    t->left = 0;
    for (size_t i = 0; i < t->answer->n_offers; i++) {
        struct extender_offer *o = &t->answer->offers[i];
        for (size_t k = 0; k < o->n; k++)
            o->pods[k].leaves = t->proposed[i].named[k];
        o->violations = t->proposed[i].n_named ? t->proposed[i].violations : 0;
        t->left += t->proposed[i].n_named > 0;
    }
    return 0;
}
