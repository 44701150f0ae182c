/* SPDX-License-Identifier: Apache-2.0
 * core_reserved — ResourceReservations (KubeNexus): room that is kept on named nodes until a time,
 * for pods that come later. Each entry of such an object is in one of these states:
 *
 *     waits ──(its node has room)─► kept ──(a pod that may use it comes)─► claimed ─► used
 *       ▲                            ▲                                       │         │
 *       └── its node went            └──── the pod went, or went elsewhere ──┴─────────┘
 *
 * While it is kept a stand-in is placed on the node: a pod that only we know, which takes the room
 * like any other, so nothing can be promised twice and backfill knows when it ends. Claimed: the
 * pod has the node held for it (reservation.h). Who may use an entry: a pod with the entry's name,
 * one whose application label names the object, one that its selector selects, or one that has an
 * owner in common with it; and no more than the entry holds. */
#include <stdlib.h>

#include "base/num.h"
#include "codec/selector.h"
#include "kube/meta.h"
#include "scheduler/core/core_internal.h"
#include "scheduler/state/reservation.h"

#define ENTRIES_MAX 1024 /* of one object */
#define FOREVER_NS (INT64_MAX / 4)

struct entry {
    struct str name, node, key; /* own texts; key: owner of the hold */
    struct spod *stand_in;      /* placed while the room is kept */
    struct str user, uid;       /* own texts: key and uid of the pod that has it; absent: nobody */
    bool used;                  /* it runs there */
    bool was_kept;              /* when it was last looked at */
};

struct reserved {
    struct str key; /* "namespace/name", own text */
    struct kobj *obj;
    struct selector *selector; /* NULL: none */
    struct entry *entries;
    size_t n;
    struct wall expires; /* ns 0: never */
    bool over;
    struct str wrong; /* own text; absent: nothing is */
};

static struct str own(struct str s)
{
    return str_make(str_dup(s), s.n);
}

static void free_text(struct str *s)
{
    free((void *)(uintptr_t)s->p); /* own text */
    *s = (struct str){ 0 };
}

/* ---- stand-ins ---- */

static void put_amount(struct jnode *requests, struct json amounts, const char *name)
{
    struct json v = json_get(amounts, str_from(name));
    if (json_has(v))
        jnode_set_str(requests, str_from(name), json_str(v).n ? json_str(v) : json_text(v));
}

/* Its name is none that a pod can have. */
static struct kobj *
stand_in_object(const struct reserved *r, const struct entry *e, struct json says)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct kobj *o = NULL;
    struct jnode *root = jnode_obj(a);
    jnode_set_str(root, STR("apiVersion"), STR("v1"));
    jnode_set_str(root, STR("kind"), STR("Pod"));
    struct jnode *meta = jnode_need_obj(root, STR("metadata"));
    struct str name =
        arena_printf(a, "%.*s (reserved: %.*s)", STR_ARG(r->obj->name), STR_ARG(e->name));
    jnode_set_str(meta, STR("namespace"), r->obj->namespace);
    jnode_set_str(meta, STR("name"), name);
    jnode_set_str(meta, STR("uid"), name);
    struct jnode *spec = jnode_need_obj(root, STR("spec"));
    struct jnode *c = jnode_append(jnode_need_arr(spec, STR("containers")), jnode_obj(a));
    jnode_set_str(c, STR("name"), STR("reserved"));
    struct jnode *requests = jnode_need_obj(jnode_need_obj(c, STR("resources")), STR("requests"));
    put_amount(requests, says, "cpu");
    put_amount(requests, says, "memory");
    struct json more = json_get(says, STR("resources"));
    for (struct json_iter it = json_iter(more); json_next(&it);)
        jnode_set(requests, it.key, jnode_thaw(a, it.value));
    return kobj_freeze(&o, root, NULL) ? NULL : o;
}

static bool has_room(const struct snapshot *snap, const struct snode *n, const struct spod *p)
{
    for (size_t i = 0; i < p->n_demands; i++) {
        const struct demand *d = &p->demands[i];
        if (d->res == RES_NOBODY ||
            d->amount > snap->alloc[d->res][n->id] - snap->used[d->res][n->id])
            return false;
    }
    for (size_t k = 0; k < DEVICE_KINDS; k++) {
        if (p->shape->devices[k] > (unsigned)__builtin_popcountll((uint64_t)n->free[k]))
            return false;
    }
    return snap->used[RES_PODS][n->id] < snap->alloc[RES_PODS][n->id];
}

/* An autoscaler is about to remove it. */
static bool is_being_removed(const struct snode *n)
{
    for (size_t i = 0; i < n->view->taints.n; i++) {
        struct str key = n->view->taints.items[i].key;
        if (str_is(key, "ToBeDeletedByClusterAutoscaler") || str_is(key, "karpenter.sh/disrupted"))
            return true;
    }
    return false;
}

static bool is_kept(const struct entry *e)
{
    return e->stand_in && e->stand_in->node != SCHED_NO_NODE;
}

static void let_go(struct sched_core *s, struct entry *e)
{
    if (!is_kept(e))
        return;
    int64_t node = e->stand_in->node;
    snapshot_remove(&s->cluster.snap, e->stand_in);
    snapshot_commit(&s->cluster.snap);
    core_wake(s, WAKE_POD_GONE, node, s->now);
}

/* Its node began to go. */
static void leave_removed(struct sched_core *s, struct entry *e)
{
    if (is_kept(e) && is_being_removed(s->cluster.snap.nodes.items[e->stand_in->node]))
        let_go(s, e);
}

static void keep(struct sched_core *s, const struct reserved *r, struct entry *e)
{
    struct snapshot *snap = &s->cluster.snap;
    struct snode *n = snapshot_node(snap, e->node);
    struct placement where;
    if (!n || !e->stand_in || is_kept(e) || is_being_removed(n) || !has_room(snap, n, e->stand_in))
        return;
    int64_t left = r->expires.ns ? r->expires.ns - core_wall_now(s).ns : FOREVER_NS;
    placement_recover(&s->cluster, e->stand_in, n, &where);
    e->stand_in->begun_ns = s->now.ns;
    e->stand_in->ends_ns = s->now.ns + left;
    snapshot_place(snap, e->stand_in, &where);
    snapshot_commit(snap);
}

/* ---- who may use it ---- */

static struct str app_of(const struct spod *p)
{
    struct str app = labelset_get(&p->labels, STR("scheduling.kubenexus.io/app-id"));
    return app.n ? app : labelset_get(&p->labels, STR("spark-app-id"));
}

static bool has_common_owner(const struct kobj *a, const struct kobj *b)
{
    for (struct json_iter x = json_iter(kobj_meta(a, STR("ownerReferences"))); json_next(&x);) {
        struct str uid = json_str(json_get(x.value, STR("uid")));
        if (uid.n && str_eq(uid, b->uid))
            return true; /* a driver made the reservation, and waits itself */
        for (struct json_iter y = json_iter(kobj_meta(b, STR("ownerReferences"))); json_next(&y);) {
            if (uid.n && str_eq(uid, json_str(json_get(y.value, STR("uid")))))
                return true;
        }
    }
    return false;
}

static bool may_use(const struct reserved *r, const struct spod *p)
{
    return str_eq(app_of(p), r->obj->name) || has_common_owner(r->obj, p->obj) ||
           (r->selector && selector_matches(r->selector, p->view->labels));
}

static int64_t amount_in(const struct spod *p, uint32_t res)
{
    for (size_t i = 0; i < p->n_demands; i++) {
        if (p->demands[i].res == res)
            return p->demands[i].amount;
    }
    return 0;
}

static bool is_enough(const struct entry *e, const struct spod *p)
{
    for (size_t i = 0; i < p->n_demands; i++) {
        if (p->demands[i].amount > amount_in(e->stand_in, p->demands[i].res))
            return false;
    }
    return true;
}

static void set_user(struct entry *e, const struct spod *p)
{
    free_text(&e->user);
    free_text(&e->uid);
    AUTO(arena_freep) struct arena *a = arena_new_sized(256);
    e->user = own(spod_text(a, p));
    e->uid = own(p->obj->uid);
}

static void claim(struct sched_core *s, const struct reserved *r, struct entry *e, struct spod *p)
{
    struct snode *n = s->cluster.snap.nodes.items[e->stand_in->node];
    int64_t left = r->expires.ns ? r->expires.ns - core_wall_now(s).ns : FOREVER_NS;
    struct placement where;
    let_go(s, e);
    placement_recover(&s->cluster, p, n, &where);
    struct reservation *hold =
        reservation_open(&s->cluster, e->key, (struct mono){ s->now.ns + left });
    hold->firm = true;
    reservation_hold(&s->cluster, hold, p, &where);
    queue_part(&s->queue, p->gang); /* it has room, and those like it have none */
    if (p->gang->state == GANG_PARKED)
        queue_wake(&s->queue, p->gang, true, s->now);
    set_user(e, p);
    s->reserved_changed = true;
}

/* The entry of its name, else the first that it may use. */
static struct entry *entry_for(struct reserved *r, const struct spod *p)
{
    bool may = may_use(r, p);
    struct entry *first = NULL;
    for (size_t i = 0; i < r->n; i++) {
        struct entry *e = &r->entries[i];
        bool named = str_eq(e->name, p->obj->name);
        if (!is_kept(e) || (!named && !may) || !is_enough(e, p))
            continue;
        if (named)
            return e;
        first = first ? first : e;
    }
    return first;
}

void core_reserved_take(struct sched_core *s, struct spod *p)
{
    const struct map_slot *slot;
    if (!s->n_reserved || !spod_is_pending(p) || p->held_by || !p->gang)
        return;
    for (size_t i = 0; (slot = map_next(&s->reserved, &i));) {
        struct reserved *r = slot->value;
        struct entry *e =
            str_eq(r->obj->namespace, p->obj->namespace) && !r->over ? entry_for(r, p) : NULL;
        if (!e)
            continue;
        claim(s, r, e, p);
        return;
    }
}

/* ---- what became of it ---- */

static struct spod *user_of(const struct sched_core *s, const struct entry *e)
{
    struct str name = e->user;
    struct str namespace = str_split(&name, '/');
    struct spod *p = e->user.p ? core_pod(s, namespace, name) : NULL;
    return p && str_eq(p->obj->uid, e->uid) ? p : NULL;
}

/* True: nobody has it any more. */
static bool follow_user(struct sched_core *s, struct entry *e)
{
    const struct spod *p = user_of(s, e);
    bool runs = p && p->node >= 0 && str_eq(s->cluster.snap.nodes.items[p->node]->name, e->node);
    bool holds = p && p->node == SCHED_NO_NODE && p->held_by && str_eq(p->held_by->owner, e->key);
    s->reserved_changed |= runs != e->used;
    e->used = runs;
    if (runs || holds)
        return false;
    s->reserved_changed |= e->user.p != NULL;
    free_text(&e->user);
    free_text(&e->uid);
    return true;
}

static void end(struct sched_core *s, struct reserved *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct entry *e = &r->entries[i];
        struct reservation *hold = reservation_of(&s->cluster, e->key);
        let_go(s, e);
        if (hold)
            reservation_close(&s->cluster, hold);
    }
    s->reserved_changed = true;
}

static bool look(struct sched_core *s, struct reserved *r)
{
    struct wall now = core_wall_now(s);
    bool fresh = false;
    if (!r->over && r->expires.ns && now.ns && r->expires.ns <= now.ns) {
        r->over = true;
        end(s, r);
    }
    for (size_t i = 0; i < r->n; i++) {
        struct entry *e = &r->entries[i];
        bool unused = follow_user(s, e) && !r->over;
        if (unused)
            leave_removed(s, e);
        if (unused && !is_kept(e)) {
            keep(s, r, e);
            fresh |= is_kept(e);
        }
        s->reserved_changed |= e->was_kept != is_kept(e); /* its node may be gone */
        e->was_kept = is_kept(e);
    }
    return fresh;
}

static void offer(struct sched_core *s)
{
    struct spod *p;
    for (size_t i = 0; (p = named_next(&s->pods, &i));)
        core_reserved_take(s, p);
}

void core_reserved_tick(struct sched_core *s)
{
    const struct map_slot *slot;
    bool fresh = false;
    if (!s->n_reserved)
        return;
    for (size_t i = 0; (slot = map_next(&s->reserved, &i));)
        fresh |= look(s, slot->value);
    if (fresh)
        offer(s);
}

bool core_reserved_due(const struct sched_core *s, struct mono *when)
{
    const struct map_slot *slot;
    struct wall now = core_wall_now(s);
    int64_t soonest = INT64_MAX;
    for (size_t i = 0; now.ns && (slot = map_next(&s->reserved, &i));) {
        const struct reserved *r = slot->value;
        if (!r->over && r->expires.ns)
            soonest = num_min_i64(soonest, r->expires.ns - now.ns);
    }
    when->ns = soonest == INT64_MAX ? 0 : s->now.ns + soonest;
    return soonest != INT64_MAX;
}

/* ---- objects ---- */

static void fill_entries(struct sched_core *s, struct reserved *r)
{
    struct json list = json_path(kobj_root(r->obj), "spec.reservations");
    size_t n = json_len(list), i = 0;
    r->n = n < ENTRIES_MAX ? n : ENTRIES_MAX;
    r->entries = mem_alloc_array(r->n + 1, sizeof *r->entries);
    for (struct json_iter it = json_iter(list); i < r->n && json_next(&it); i++) {
        AUTO(arena_freep) struct arena *a = arena_new();
        struct entry *e = &r->entries[i];
        e->name = own(it.key);
        e->node = own(json_str(json_get(it.value, STR("node"))));
        e->key = own(arena_printf(a, "reservation %.*s/%.*s", STR_ARG(r->key), STR_ARG(e->name)));
        AUTO(kobj_unrefp) struct kobj *o = stand_in_object(r, e, it.value);
        if (!o)
            continue;
        e->stand_in = spod_new(&s->cluster, &s->shapes, s->profiles.items[0], o);
        e->stand_in->stays = true;
        snapshot_pod_enter(&s->cluster.snap, e->stand_in);
    }
    s->n_reserved += r->n;
}

static void reserved_free(struct sched_core *s, struct reserved *r)
{
    end(s, r);
    s->n_reserved -= r->n;
    for (size_t i = 0; i < r->n; i++) {
        struct entry *e = &r->entries[i];
        if (e->stand_in) {
            snapshot_pod_leave(&s->cluster.snap, e->stand_in);
            spod_free(&s->shapes, e->stand_in);
        }
        free_text(&e->name);
        free_text(&e->node);
        free_text(&e->key);
        free_text(&e->user);
        free_text(&e->uid);
    }
    free(r->entries);
    selector_free(r->selector);
    free_text(&r->key);
    free_text(&r->wrong);
    kobj_unref(r->obj);
    free(r);
}

/* Who had them when the status was written, so after a restart: if they run there still. */
static void recall_users(const struct sched_core *s, struct reserved *r)
{
    struct json pods = json_path(kobj_root(r->obj), "status.pods");
    for (size_t i = 0; i < r->n; i++) {
        struct entry *e = &r->entries[i];
        struct str name = json_str(json_get(pods, e->name));
        const struct spod *p = name.n ? core_pod(s, r->obj->namespace, name) : NULL;
        if (p && p->node != SCHED_NO_NODE)
            set_user(e, p);
    }
}

static void read_spec(struct reserved *r)
{
    struct err err = { 0 };
    struct json spec = kobj_path(r->obj, "spec"), wanted = json_get(spec, STR("selector"));
    struct str until = json_str(json_get(spec, STR("expiresAt")));
    int64_t ttl_s = json_i64_or(json_get(spec, STR("ttlSeconds")), 0);
    if (json_has(wanted) && selector_from_json(&r->selector, wanted, &err))
        r->wrong = own(str_from(err.msg));
    if (until.n && !wall_parse(until, &r->expires) && !r->wrong.p)
        r->wrong = own(STR("spec.expiresAt is no time"));
    if (!until.n && ttl_s > 0 && ttl_s < INT32_MAX)
        r->expires.ns = kobj_created(r->obj).ns + ttl_s * NS_PER_S;
    if (json_len(json_get(spec, STR("reservations"))) > ENTRIES_MAX && !r->wrong.p)
        r->wrong = own(STR("spec.reservations has more than 1024 entries: the rest is ignored"));
}

void core_reservation_del(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct reserved *r = map_del(&s->reserved, kobj_key(a, obj));
    s->now = now;
    if (r)
        reserved_free(s, r);
}

void core_reservation_set(struct sched_core *s, const struct kobj *obj, struct mono now)
{
    AUTO(arena_freep) struct arena *a = arena_new();
    struct str key = kobj_key(a, obj);
    const struct reserved *old = map_get(&s->reserved, key);
    if (old && json_eq(kobj_path(old->obj, "spec"), kobj_path(obj, "spec")))
        return; /* somebody wrote a status */
    core_reservation_del(s, obj, now);
    struct reserved *r = MEM_NEW(struct reserved);
    r->key = own(key);
    r->obj = kobj_ref(obj);
    read_spec(r);
    fill_entries(s, r);
    recall_users(s, r);
    map_put(&s->reserved, r->key, r);
    s->reserved_changed = true;
    core_reserved_tick(s);
}

void core_reserved_fini(struct sched_core *s)
{
    const struct map_slot *slot;
    for (size_t i = 0; (slot = map_next(&s->reserved, &i)); i = 0) {
        struct reserved *r = slot->value;
        map_del(&s->reserved, r->key);
        reserved_free(s, r);
    }
    map_fini(&s->reserved);
}

/* ---- for people ---- */

bool core_reservations_changed(struct sched_core *s)
{
    bool changed = s->reserved_changed;
    s->reserved_changed = false;
    return changed;
}

static void
put_entry(struct arena *a, const struct sched_core *s, const struct entry *e, struct jnode *status)
{
    const struct spod *p = user_of(s, e);
    struct jnode *pods = jnode_need_obj(status, STR("pods"));
    struct jnode *states = jnode_need_obj(status, STR("states"));
    jnode_set_str(states, e->name,
                  e->used      ? STR("Used")
                  : p          ? STR("Claimed")
                  : is_kept(e) ? STR("Kept")
                               : STR("Waits"));
    jnode_set(pods, e->name, p ? jnode_str(a, p->obj->name) : jnode_null(a));
}

/* Why the first of the entries that wait does. */
static struct str
waiting_text(struct arena *a, const struct sched_core *s, const struct reserved *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct entry *e = &r->entries[i];
        if (e->used || is_kept(e) || user_of(s, e))
            continue;
        const struct snode *node = snapshot_node(&s->cluster.snap, e->node);
        if (node && is_being_removed(node))
            return arena_printf(a, "%.*s: an autoscaler is about to remove node %.*s",
                                STR_ARG(e->name), STR_ARG(e->node));
        return node ? arena_printf(a, "%.*s: node %.*s has no room for it yet", STR_ARG(e->name),
                                   STR_ARG(e->node))
                    : arena_printf(a, "%.*s: there is no node %.*s", STR_ARG(e->name),
                                   STR_ARG(e->node));
    }
    return STR("");
}

struct jnode *
core_reservation_status(const struct sched_core *s, const struct kobj *obj, struct arena *a)
{
    const struct reserved *r = map_get(&s->reserved, kobj_key(a, obj));
    if (!r)
        return NULL;
    struct jnode *status = jnode_obj(a);
    int64_t kept = 0, used = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct entry *e = &r->entries[i];
        put_entry(a, s, e, status);
        used += e->used;
        kept += !e->used && (is_kept(e) || user_of(s, e));
    }
    bool waits = !r->over && kept + used < (int64_t)r->n;
    jnode_set_str(status, STR("phase"),
                  r->over ? STR("Expired")
                  : waits ? STR("Waiting")
                          : STR("Ready"));
    jnode_set_i64(status, STR("total"), (int64_t)r->n);
    jnode_set_i64(status, STR("kept"), kept);
    jnode_set_i64(status, STR("used"), used);
    jnode_set_str(status, STR("message"),
                  r->wrong.p ? r->wrong
                  : waits    ? waiting_text(a, s, r)
                             : STR(""));
    return status;
}
