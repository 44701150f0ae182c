/* SPDX-License-Identifier: Apache-2.0
 * core_places — members that do not exist yet. A Spark driver makes its executors once it runs, so
 * its gang cannot be complete before it starts. Where a member declares what its later ones ask for
 * (task groups), each missing one is represented by a place: a pod that only the scheduler knows.
 *
 *     members + places fit ─► members are bound, places are held as a reservation with a time-out
 *     a member of that role comes ─► it takes over a place, and its node
 *     time-out, or the last member leaves ─► what is left is let go
 *
 * This is the one named exception to "a gang that waits holds nothing". */
#include "codec/jnode.h"
#include "scheduler/core/core_internal.h"
#include "scheduler/state/reservation.h"

/* YuniKorn's default for its placeholders. */
#define HOLD_NS (15 * 60 * NS_PER_S)

static void place_free(struct sched_core *s, struct spod *p)
{
    struct gang *g = p->gang;
    if (p->quota.queue)
        quota_leave(s->cluster.quota, &p->quota);
    cluster_nominate(&s->cluster, p, NULL);
    if (g->blocked == p->shape)
        queue_unblock(g, &s->queue.waits);
    snapshot_pod_leave(&s->cluster.snap, p);
    list_remove(&p->in_gang);
    g->n_places--;
    spod_free(&s->shapes, p);
}

void core_places_drop(struct sched_core *s, struct gang *g)
{
    LIST_EACH (&g->places, at)
        place_free(s, LIST_ITEM(at, struct spod, in_gang));
}

void core_places_lose(struct sched_core *s, struct gang *g)
{
    if (g->n_placed || !g->admitted || !g->n_places)
        return;
    core_places_drop(s, g);
    g->admitted = false;
}

void core_places_prune(struct sched_core *s, struct gang *g)
{
    LIST_EACH (&g->places, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!p->held_by)
            place_free(s, p);
    }
}

/* ---- making them ---- */

static void put_json(struct arena *a, struct jnode *to, const char *key, struct json v)
{
    if (json_has(v))
        jnode_set(to, str_from(key), jnode_thaw(a, v));
}

/* What a member of this role will look like to the scheduler, as far as it was declared. */
static struct kobj *place_object(struct arena *a,
                                 const struct spod *like,
                                 const struct gang_part *part,
                                 int64_t n,
                                 struct json annotations)
{
    struct kobj *o = NULL;
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set_str(root, STR("kind"), STR("Pod"));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    struct str name = arena_printf(a, "%.*s (%.*s to come, %lld)", STR_ARG(like->obj->name),
                                   STR_ARG(part->name), (long long)n);
    jnode_set_str(meta, STR("name"), name); /* no pod has such a name */
    jnode_set_str(meta, STR("uid"), name);
    jnode_set_str(meta, STR("namespace"), like->obj->namespace);
    put_json(a, meta, "labels", like->view->labels);
    put_json(a, meta, "annotations", annotations);
    struct jnode *spec = jnode_need_obj(root, STR("spec"));
    jnode_set_str(spec, STR("schedulerName"), like->view->scheduler_name);
    jnode_set_i64(spec, STR("priority"), like->view->priority);
    put_json(a, spec, "nodeSelector", part->declared->node_selector);
    put_json(a, spec, "tolerations", part->declared->tolerations);
    struct jnode *c = jnode_append(jnode_need_arr(spec, STR("containers")), jnode_obj(a));
    jnode_set_str(c, STR("name"), STR("to-come"));
    put_json(a, jnode_need_obj(c, STR("resources")), "requests", part->declared->resources);
    return kobj_freeze(&o, root, NULL) ? NULL : o;
}

/* annotations: of its placement, when there is one already. */
static struct spod *
place_new(struct sched_core *s, struct gang *g, uint32_t part, int64_t n, struct json annotations)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    const struct spod *like = LIST_ITEM(g->members.next, struct spod, in_gang);
    AUTO(kobj_unrefp) struct kobj *o = place_object(a, like, &g->parts[part], n, annotations);
    if (!o)
        return NULL;
    struct spod *p = spod_new(&s->cluster, &s->shapes, like->shape->profile, o);
    snapshot_pod_enter(&s->cluster.snap, p);
    p->gang = g;
    p->part = part;
    p->to_come = true;
    list_push_back(&g->places, &p->in_gang);
    g->n_places++;
    return p;
}

void core_places_make(struct sched_core *s, struct gang *g)
{
    core_places_drop(s, g);
    for (uint32_t i = 1; i < g->n_parts && !g->admitted; i++) {
        int64_t lacking = (int64_t)gang_part_to_come(&g->parts[i]);
        for (int64_t n = 0; n < lacking; n++) {
            struct spod *p = place_new(s, g, i, n, (struct json){ 0 });
            if (p)
                core_quota_join(s, p); /* until they are held: they count where they are tried */
        }
    }
}

/* ---- holding them ---- */

static int64_t hold_ns(const struct gang *g)
{
    return g->timeout_s ? g->timeout_s * NS_PER_S : HOLD_NS;
}

void core_places_hold(struct sched_core *s, struct gang *g, struct plan *plan, struct mono now)
{
    struct cluster *c = &s->cluster;
    struct reservation *r = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < plan->n; i++) {
        struct planned item = plan->items[i];
        if (!item.pod->to_come) {
            plan->items[kept++] = item;
            continue;
        }
        snapshot_remove(&c->snap, item.pod);
        snapshot_commit(&c->snap);
        quota_leave(c->quota, &item.pod->quota);
        if (!r)
            r = reservation_open(c, g->key, (struct mono){ now.ns + hold_ns(g) });
        reservation_hold(c, r, item.pod, &item.where);
    }
    plan->n = kept;
    g->admitted = g->admitted || r;
}

void core_places_take(struct sched_core *s, struct spod *member)
{
    struct gang *g = member->gang;
    if (!member->part)
        return;
    LIST_EACH (&g->places, at) {
        struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->part != member->part || !p->held_by)
            continue;
        struct placement where = p->stay->where;
        reservation_hold(&s->cluster, p->held_by, member, &where);
        place_free(s, p);
        return;
    }
}

/* ---- after a restart ---- */

static uint32_t part_named(const struct gang *g, struct str role)
{
    for (uint32_t i = 1; i < g->n_parts; i++) {
        if (str_eq(g->parts[i].name, role))
            return i;
    }
    return 0;
}

static size_t count_places(const struct gang *g, uint32_t part)
{
    size_t n = 0;
    LIST_EACH (&g->places, at)
        n += LIST_ITEM(at, struct spod, in_gang)->part == part;
    return n;
}

static void
restore_one(struct sched_core *s, struct gang *g, struct json entry, struct reservation *r)
{
    struct snode *node = snapshot_node(&s->cluster.snap, json_str(json_get(entry, STR("node"))));
    uint32_t part = part_named(g, json_str(json_get(entry, STR("role"))));
    size_t have = count_places(g, part);
    if (!node || !part || have >= gang_part_to_come(&g->parts[part]))
        return;
    struct spod *p = place_new(s, g, part, (int64_t)have, json_get(entry, STR("annotations")));
    struct placement where;
    if (!p)
        return;
    placement_recover(&s->cluster, p, node, &where);
    reservation_hold(&s->cluster, r, p, &where);
}

void core_places_restore(struct sched_core *s,
                         struct gang *g,
                         struct json reservations,
                         struct mono until,
                         struct mono now)
{
    int64_t longest = hold_ns(g); /* a clock may have been set since it was written */
    if (until.ns > now.ns + longest)
        until.ns = now.ns + longest;
    if (until.ns <= now.ns || g->n_placed == 0 || g->n_places)
        return;
    struct reservation *r = reservation_open(&s->cluster, g->key, until);
    for (struct json_iter it = json_iter(reservations); json_next(&it);)
        restore_one(s, g, it.value, r);
    if (list_empty(&r->held))
        reservation_close(&s->cluster, r);
    g->admitted = true;
}

/* ---- letting go ---- */

void core_places_expire(struct sched_core *s, struct mono now)
{
    const struct map_slot *slot;
    if (s->cluster.reservations_due.ns && s->cluster.reservations_due.ns <= now.ns)
        core_leaving_overdue(s, now);
    if (reservation_expire_all(&s->cluster, now) == 0)
        return;
    for (size_t i = 0; (slot = map_next(&s->gangs, &i));) {
        struct gang *g = slot->value;
        core_places_prune(s, g);
        core_touch(s, g);
    }
    core_wake(s, WAKE_POD_GONE, -1, now);
}
