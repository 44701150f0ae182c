/* SPDX-License-Identifier: Apache-2.0
 * core_eviction — the record of an eviction for a gang. Evicting several pods is several writes,
 * and a scheduler may be killed between any two of them; then some victims are gone, maybe half of
 * their gang, and nobody knows for whom. So before the first one the plan is written into the
 * status of the gang's PodGroup (gang_mirror.h):
 *
 *     {"members": [{"name", "node", "annotations"}], "victims": [{"namespace", "name", "uid",
 * "node"}]}
 *
 *     decided ─► recorded ─► victims are evicted ─► gone ─► the gang is bound, the record goes
 *                    └── killed: the next scheduler reads it before its first cycle, holds the room
 *                        again and evicts those who are left; a record whose time is over, or whose
 *                        gang waits no more, is dropped.
 */
#include "scheduler/core/core_internal.h"
#include "scheduler/preempt/victim.h"
#include "scheduler/state/reservation.h"

/* Whatever a record says, or a clock that was set makes of it. */
#define RECORD_NS_MAX (3600 * NS_PER_S)

/* ---- writing it ---- */

static struct jnode *member_node(struct arena *a, const struct snapshot *snap, struct planned p)
{
    struct jnode *out = jnode_obj(a), *notes = placement_annotations(a, &p.where);
    jnode_set_str(out, STR("name"), p.pod->obj->name);
    jnode_set_str(out, STR("node"), snap->nodes.items[p.where.node]->name);
    if (notes)
        jnode_set(out, STR("annotations"), notes);
    return out;
}

static struct jnode *victim_node(struct arena *a, const struct snapshot *snap, const struct spod *v)
{
    struct jnode *out = jnode_obj(a);
    jnode_set_str(out, STR("namespace"), v->obj->namespace);
    jnode_set_str(out, STR("name"), v->obj->name);
    jnode_set_str(out, STR("uid"), v->obj->uid);
    jnode_set_str(out, STR("node"), snap->nodes.items[v->node]->name);
    return out;
}

void core_eviction_note(struct sched_core *s, struct gang *g, const struct decision *d)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    const struct snapshot *snap = &s->cluster.snap;
    struct jnode *root = jnode_obj(a);
    struct jnode *members = jnode_need_arr(root, STR("members"));
    struct jnode *victims = jnode_need_arr(root, STR("victims"));
    if (!g->dialect || !d->n_victims)
        return;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->items[i].pod->to_come)
            jnode_append(members, member_node(a, snap, d->items[i]));
    }
    for (size_t i = 0; i < d->n_victims; i++)
        jnode_append(victims, victim_node(a, snap, d->victims[i]));
    if (jnode_freeze(&doc, root, NULL) == 0)
        gang_set_eviction(g, doc);
}

/* ---- taking it up again ---- */

static struct spod *victim_of(const struct sched_core *s, struct json entry)
{
    struct spod *p = core_pod(s, json_str(json_get(entry, STR("namespace"))),
                              json_str(json_get(entry, STR("name"))));
    bool same = p && str_eq(p->obj->uid, json_str(json_get(entry, STR("uid"))));
    return same && p->node != SCHED_NO_NODE && !p->stays ? p : NULL;
}

/* What of a node is not taken from the record: which devices are free may have changed. */
static size_t hold_members(struct sched_core *s, struct gang *g, struct json members)
{
    struct cluster *c = &s->cluster;
    size_t n = 0;
    struct reservation *r = NULL;
    for (struct json_iter it = json_iter(members); json_next(&it);) {
        struct spod *p = core_pod(s, g->namespace, json_str(json_get(it.value, STR("name"))));
        struct snode *node = snapshot_node(&c->snap, json_str(json_get(it.value, STR("node"))));
        if (!p || p->gang != g || !spod_is_pending(p) || !node)
            continue;
        if (!r)
            r = reservation_of(c, g->key);
        if (!r)
            r = reservation_open(c, g->key, s->now);
        reservation_hold(c, r, p, &(struct placement){ .node = node->id });
        n++;
    }
    return n;
}

void core_eviction_restore(struct sched_core *s,
                           struct gang *g,
                           struct json record,
                           struct mono until,
                           struct mono now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    s->now = now;
    if (until.ns > now.ns + RECORD_NS_MAX)
        until.ns = now.ns + RECORD_NS_MAX;
    if (until.ns <= now.ns || !gang_pending(g) || g->eviction ||
        hold_members(s, g, json_get(record, STR("members"))) == 0)
        return;
    struct reservation *r = reservation_of(&s->cluster, g->key);
    struct json victims = json_get(record, STR("victims"));
    for (struct json_iter it = json_iter(victims); json_next(&it);) {
        struct spod *p = victim_of(s, it.value);
        if (!p)
            continue;
        p->evicting = true;
        until.ns = core_leaving_expect(s, s->cluster.snap.nodes.items[p->node], until.ns);
    }
    r->expires = r->expires.ns < until.ns ? until : r->expires;
    r->firm = true; /* whose victims were reclaimed is not on record */
    if (jnode_freeze(&doc, jnode_thaw(a, record), NULL))
        return;
    gang_set_eviction(g, doc);
    gangs_push(&s->resumed, g);
}

bool core_eviction_resume(struct sched_core *s, struct arena *a, struct decision *out)
{
    if (!s->resumed.n)
        return false;
    struct gang *g = gangs_pop(&s->resumed);
    struct json victims = json_get(json_root(g->eviction), STR("victims"));
    *out = (struct decision){ .kind = DECISION_PREEMPT, .gang = g, .attempts = g->attempts };
    out->message = arena_printf(
        a, "gang %.*s: an earlier scheduler evicted for it, and is followed", STR_ARG(g->key));
    out->victims = ARENA_ARRAY(a, struct spod *, json_len(victims) + 1);
    for (struct json_iter it = json_iter(victims); json_next(&it);) {
        struct spod *p = victim_of(s, it.value);
        if (p && !p->view->deleting)
            out->victims[out->n_victims++] = p;
    }
    out->items = ARENA_ARRAY(a, struct planned, g->n_members);
    LIST_EACH (&g->members, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->held_by)
            out->items[out->n++] = (struct planned){ p, p->stay->where };
    }
    return true;
}

void core_eviction_forget(struct sched_core *s, const struct gang *g)
{
    for (size_t i = 0; i < s->resumed.n; i++) {
        if (s->resumed.items[i] == g)
            s->resumed.items[i--] = s->resumed.items[--s->resumed.n];
    }
}
