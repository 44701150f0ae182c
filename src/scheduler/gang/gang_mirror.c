/* SPDX-License-Identifier: Apache-2.0
 * gang_mirror — see gang_mirror.h. */
#include "scheduler/gang/gang_mirror.h"

#include "kube/meta.h"
#include "scheduler/state/reservation.h"

#define OWNERS_MAX 8            /* of one mirror; owners of further members are left out */
#define NEAR_NS (30 * NS_PER_S) /* foretold starts that differ by less are the same */
#define PLAN_NODES_MAX 128      /* named in a status */

/* ---- what can be seen ---- */

static enum gang_phase phase_of(const struct gang *g, const struct gang_sight *s)
{
    if (s->members == 0)
        return GANG_GONE;
    if (g->n_members == 0)
        return s->failed ? GANG_FAILED : GANG_FINISHED;
    if (g->min > 0 && s->running + s->succeeded >= g->min && g->has_run)
        return GANG_RUNNING;
    if (gang_has_started(g) || (g->admitted && s->scheduled > 0) ||
        (g->has_run && s->scheduled + s->succeeded >= g->min))
        return GANG_SCHEDULED;
    return GANG_PENDING;
}

enum gang_lack gang_lack_of(const struct gang *g)
{
    if (g->min == 0)
        return g->wrong.p ? GANG_LACKS_SENSE : GANG_LACKS_MINIMUM;
    if (!gang_is_complete(g) && g->n_gated)
        return GANG_LACKS_GATES;
    if (!gang_is_complete(g))
        return gang_short_part(g) ? GANG_LACKS_ROLE : GANG_LACKS_MEMBERS;
    return g->by_quota ? GANG_LACKS_QUOTA : GANG_LACKS_ROOM;
}

const char *gang_waiting_reason(const struct gang *g)
{
    static const char *const reasons[GANG_LACKS] = {
        [GANG_LACKS_ROOM] = "Unschedulable",
        [GANG_LACKS_QUOTA] = "QuotaExceeded",
        [GANG_LACKS_MEMBERS] = "MembersMissing",
        [GANG_LACKS_ROLE] = "MembersMissing",
        [GANG_LACKS_GATES] = "Gated",
        [GANG_LACKS_MINIMUM] = "NoMinimum",
        [GANG_LACKS_SENSE] = "Invalid",
    };
    return reasons[gang_lack_of(g)];
}

static const char *reason_of(const struct gang *g, enum gang_phase phase)
{
    switch (phase) {
    case GANG_SCHEDULED:
        return g->n_places ? "PlacesHeld" : "";
    case GANG_RUNNING:
    case GANG_FINISHED:
    case GANG_FAILED:
    case GANG_GONE:
        return "";
    case GANG_PENDING:
        break;
    }
    if (g->start.by.ns)
        return "BoundInPart";
    if (g->has_run)
        return "MembersLost";
    return g->message.n || !gang_is_complete(g) ? gang_waiting_reason(g) : "Queued";
}

void gang_look(const struct gang *g, struct gang_sight *out)
{
    *out = (struct gang_sight){ .members = (int64_t)(g->n_members + g->n_succeeded + g->n_failed),
                                .scheduled = (int64_t)g->n_placed,
                                .succeeded = (int64_t)g->n_succeeded,
                                .failed = (int64_t)g->n_failed };
    LIST_EACH (&g->members, at)
        out->running += LIST_ITEM(at, struct spod, in_gang)->view->phase == POD_RUNNING;
    out->phase = phase_of(g, out);
    out->reason = reason_of(g, out->phase);
}

/* ---- the object ---- */

struct str gang_mirror_name(struct arena *a, const struct gang *g)
{
    struct str name = str_skip(g->key, g->namespace.n + 1);
    return gang_object_mirror_name(a, name);
}

struct owners {
    struct json refs[OWNERS_MAX];
    size_t n;
};

static void add_owner(struct owners *o, struct json ref)
{
    struct str uid = json_str(json_get(ref, STR("uid")));
    for (size_t i = 0; i < o->n; i++) {
        if (str_eq(json_str(json_get(o->refs[i], STR("uid"))), uid))
            return;
    }
    if (o->n < OWNERS_MAX)
        o->refs[o->n++] = ref;
}

static void put_owner(struct arena *a, struct jnode *list, struct json ref)
{
    static const char *const kept[] = { "apiVersion", "kind", "name", "uid" };
    struct jnode *out = jnode_append(list, jnode_obj(a));
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        jnode_set_str(out, str_from(kept[i]), json_str(json_get(ref, str_from(kept[i]))));
}

/* The garbage collector removes the mirror when the last of its owners is gone. */
static void put_owners(struct arena *a, struct jnode *object, const struct gang *g)
{
    struct owners owners = { 0 };
    size_t alone = 0;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        struct json ref = kobj_controller(p->obj);
        if (json_exists(ref))
            add_owner(&owners, ref);
        else if (alone++ < OWNERS_MAX)
            meta_add_owner(a, object, p->obj, false);
    }
    struct jnode *list =
        jnode_need_arr(jnode_need_obj(object, STR("metadata")), STR("ownerReferences"));
    for (size_t i = 0; i < owners.n; i++)
        put_owner(a, list, owners.refs[i]);
}

static void put_counts(struct jnode *out, const struct gang_part *p, int64_t running)
{
    size_t members = p->n_members + p->n_succeeded + p->n_failed;
    jnode_set_i64(out, STR("members"), (int64_t)members);
    jnode_set_i64(out, STR("scheduled"), (int64_t)p->n_placed);
    jnode_set_i64(out, STR("running"), running);
    jnode_set_i64(out, STR("succeeded"), (int64_t)p->n_succeeded);
    jnode_set_i64(out, STR("failed"), (int64_t)p->n_failed);
}

/* One entry for each role that anybody needs or has. */
static void put_roles(struct arena *a, struct jnode *of, const struct gang *g, bool counts)
{
    int64_t running[1 + GANG_ROLES_MAX] = { 0 };
    if (g->n_parts < 2)
        return;
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        running[p->part] += p->view->phase == POD_RUNNING;
    }
    struct jnode *list = jnode_set(of, STR("subGroups"), jnode_arr(a));
    for (size_t i = 1; i < g->n_parts; i++) {
        const struct gang_part *p = &g->parts[i];
        if (!p->min && !p->n_members && !p->n_succeeded && !p->n_failed)
            continue;
        struct jnode *out = jnode_append(list, jnode_obj(a));
        jnode_set_str(out, STR("name"), p->name);
        jnode_set_i64(out, STR("minMember"), p->min);
        if (counts)
            put_counts(out, p, running[i]);
    }
}

struct jnode *gang_mirror_object(struct arena *a, const struct gang *g)
{
    struct jnode *o = jnode_obj(a);
    jnode_set_str(o, STR("apiVersion"), STR("aiplatform.ganglion.io/v1alpha1"));
    jnode_set_str(o, STR("kind"), STR("PodGroup"));
    struct jnode *meta = jnode_need_obj(o, STR("metadata"));
    jnode_set_str(meta, STR("name"), gang_mirror_name(a, g));
    jnode_set_str(meta, STR("namespace"), g->namespace);
    meta_set_annotation(o, STR(GANG_MIRROR_OF), str_from(g->dialect->project));
    put_owners(a, o, g);
    struct jnode *spec = jnode_need_obj(o, STR("spec"));
    if (g->min > 0)
        jnode_set_i64(spec, STR("minMember"), g->min);
    if (g->timeout_s > 0)
        jnode_set_i64(spec, STR("scheduleTimeoutSeconds"), g->timeout_s);
    put_roles(a, spec, g, false);
    if (g->said.loss.n)
        jnode_set_str(spec, STR("memberLoss"), g->said.loss);
    return o;
}

/* ---- its status ---- */

static const char *const phase_texts[] = {
    [GANG_PENDING] = "Pending",   [GANG_SCHEDULED] = "Scheduled", [GANG_RUNNING] = "Running",
    [GANG_FINISHED] = "Finished", [GANG_FAILED] = "Failed",       [GANG_GONE] = "Pending",
};

struct str gang_message_of(struct arena *a, const struct gang *g, const struct gang_sight *s)
{
    if (s->phase != GANG_PENDING)
        return g->wrong.p ? g->wrong : STR("");
    if (!gang_is_complete(g))
        return gang_waiting_text(a, g);
    return g->message;
}

/* Which nodes hold how many members, in the order of the members. */
static void
put_plan(struct arena *a, struct jnode *status, const struct gang *g, const struct cluster *c)
{
    struct jnode *list = jnode_set(status, STR("plan"), jnode_arr(a));
    struct map seen;
    map_init(&seen);
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node < 0)
            continue;
        struct str node = c->snap.nodes.items[p->node]->name;
        struct jnode *entry = map_get(&seen, node);
        int64_t n = 0;
        if (!entry && jnode_len(list) == PLAN_NODES_MAX)
            continue;
        if (!entry) {
            entry = jnode_append(list, jnode_obj(a));
            jnode_set_str(entry, STR("node"), node);
            map_put(&seen, node, entry);
        }
        jnode_to_i64(jnode_get(entry, STR("members")), &n);
        jnode_set_i64(entry, STR("members"), n + 1);
    }
    map_fini(&seen);
}

static bool has_condition(struct json conditions, const char *type)
{
    for (struct json_iter it = json_iter(conditions); json_next(&it);) {
        if (str_is(json_str(json_get(it.value, STR("type"))), type))
            return true;
    }
    return false;
}

/* What its dialect knows and we do not do. */
static struct str ignored_text(struct arena *a, const struct gang *g)
{
    struct str said = g->said.ignored, heard = g->heard.ignored;
    if (!said.n && !heard.n)
        return STR("");
    return arena_printf(a, "without effect in this scheduler: %.*s%s%.*s", STR_ARG(heard),
                        said.n && heard.n ? ", " : "", STR_ARG(said));
}

/* Scheduled: True from the start on; ScheduleTimedOut: only where it did; FieldsIgnored: only where
 * some were. old keeps the times of changes. */
static struct jnode *conditions_of(struct arena *a,
                                   const struct gang *g,
                                   const struct gang_sight *s,
                                   struct json old,
                                   struct wall now)
{
    struct json stored = json_get(old, STR("conditions"));
    struct jnode *list = json_type(stored) == JSON_ARR ? jnode_thaw(a, stored) : jnode_arr(a);
    bool waits = s->phase == GANG_PENDING || s->phase == GANG_GONE;
    struct condition_spec spec = {
        .type = "Scheduled",
        .status = waits ? "False" : "True",
        .reason = str_from(waits && *s->reason ? s->reason : phase_texts[s->phase]),
        .message = gang_message_of(a, g, s),
    };
    meta_set_condition(a, list, &spec, now);
    struct condition_spec late = { .type = "ScheduleTimedOut",
                                   .status = g->late.n ? "True" : "False",
                                   .reason = g->late.n ? STR("ScheduleTimeout") : STR("Scheduled"),
                                   .message = g->late };
    if (g->late.n || has_condition(stored, late.type))
        meta_set_condition(a, list, &late, now);
    struct str ignored = ignored_text(a, g);
    struct condition_spec fields = { .type = "FieldsIgnored",
                                     .status = ignored.n ? "True" : "False",
                                     .reason = ignored.n ? STR("NotSupported") : STR("None"),
                                     .message = ignored };
    if (ignored.n || has_condition(stored, fields.type))
        meta_set_condition(a, list, &fields, now);
    return list;
}

/* The time-out as it was written first: the clocks differ by a hair at each look. */
static struct jnode *
until_of(struct arena *a, const struct gang *g, struct json old, struct gang_moment now)
{
    struct str written = json_str(json_get(old, STR("reservedUntil")));
    char text[TIME_TEXT_MAX];
    if (!g->n_places)
        return jnode_null(a);
    if (written.n)
        return jnode_str(a, written);
    const struct spod *p = LIST_ITEM(g->places.next, struct spod, in_gang);
    int64_t left = p->held_by ? p->held_by->expires.ns - now.mono.ns : 0;
    return jnode_str(a, wall_text(text, (struct wall){ now.wall.ns + left }));
}

/* The end of its time as it was written first, where it is near enough: the clocks differ by a hair
 * at each look. */
static struct str
near_text(struct str last, int64_t left_ns, struct gang_moment now, char text[TIME_TEXT_MAX])
{
    struct wall before, at = { now.wall.ns + left_ns };
    if (last.n && wall_parse(last, &before) && before.ns - at.ns < NEAR_NS &&
        at.ns - before.ns < NEAR_NS)
        return last;
    return wall_text(text, at);
}

/* When it is foretold to start. */
static struct jnode *
start_of(struct arena *a, const struct gang *g, struct json old, struct gang_moment now)
{
    struct str written = json_str(json_get(old, STR("predictedStart")));
    char text[TIME_TEXT_MAX];
    if (!g->starts_at.ns)
        return jnode_null(a);
    return jnode_str(a, near_text(written, g->starts_at.ns - now.mono.ns, now, text));
}

/* Places held for members to come: what a starting scheduler takes up again. */
static void put_reservations(struct arena *a,
                             struct jnode *status,
                             const struct gang *g,
                             struct json old,
                             struct gang_moment now)
{
    if (!g->n_places && !json_exists(json_get(old, STR("reservations"))))
        return;
    struct jnode *list = jnode_set(status, STR("reservations"), jnode_arr(a));
    LIST_EACH (&g->places, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (!p->held_by)
            continue;
        struct jnode *entry = jnode_append(list, jnode_obj(a));
        struct jnode *notes = placement_annotations(a, &p->stay->where);
        jnode_set_str(entry, STR("role"), g->parts[p->part].name);
        jnode_set_str(entry, STR("node"), p->kept->name);
        if (notes)
            jnode_set(entry, STR("annotations"), notes);
    }
    jnode_set(status, STR("reservedUntil"), until_of(a, g, old, now));
}

static const struct spod *first_held(const struct gang *g)
{
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->held_by)
            return p;
    }
    return NULL;
}

/* Who leaves for it: what a starting scheduler goes on with. */
static void put_eviction(struct arena *a,
                         struct jnode *status,
                         const struct gang *g,
                         struct json old,
                         struct gang_moment now)
{
    struct json written = json_get(old, STR("eviction"));
    const struct spod *held = g->eviction ? first_held(g) : NULL;
    char text[TIME_TEXT_MAX];
    if (!held && json_has(written))
        jnode_set(status, STR("eviction"), jnode_null(a));
    if (!held)
        return;
    struct jnode *out = jnode_set(status, STR("eviction"), jnode_thaw(a, json_root(g->eviction)));
    struct str last = json_str(json_get(written, STR("until")));
    int64_t left = held->held_by->expires.ns - now.mono.ns;
    jnode_set_str(out, STR("until"), near_text(last, left, now, text));
}

/* Whom it places at once, where they are bound one by one: what a starting scheduler finishes or
 * undoes. */
static void put_start(struct arena *a,
                      struct jnode *status,
                      const struct gang *g,
                      struct json old,
                      struct gang_moment now)
{
    struct json written = json_get(old, STR("start"));
    bool kept = now.binds_singly && g->start.under_way;
    char text[TIME_TEXT_MAX];
    if (!kept && json_has(written))
        jnode_set(status, STR("start"), jnode_null(a));
    if (!kept)
        return;
    struct jnode *out = jnode_set(status, STR("start"), jnode_obj(a));
    struct jnode *list = jnode_need_arr(out, STR("members"));
    LIST_EACH (&g->members, at) {
        const struct spod *p = LIST_ITEM(at, struct spod, in_gang);
        if (p->node < 0)
            continue;
        struct jnode *entry = jnode_append(list, jnode_obj(a));
        jnode_set_str(entry, STR("name"), p->obj->name);
        jnode_set_str(entry, STR("uid"), p->obj->uid);
    }
    struct str last = json_str(json_get(written, STR("until")));
    int64_t left = g->start.by.ns ? g->start.by.ns - now.mono.ns : gang_start_ns(g);
    jnode_set_str(out, STR("until"), near_text(last, left, now, text));
}

struct jnode *gang_mirror_status(struct arena *a,
                                 const struct gang *g,
                                 const struct cluster *c,
                                 struct json old,
                                 struct gang_moment now)
{
    struct gang_sight s;
    struct jnode *status = jnode_obj(a);
    gang_look(g, &s);
    struct str message = gang_message_of(a, g, &s);
    jnode_set_str(status, STR("dialect"), str_from(g->dialect->project));
    jnode_set_str(status, STR("phase"), str_from(phase_texts[s.phase]));
    jnode_set_str(status, STR("reason"), str_from(s.reason));
    jnode_set_str(status, STR("message"), message);
    jnode_set_i64(status, STR("minMember"), g->min);
    jnode_set_i64(status, STR("members"), s.members);
    jnode_set_i64(status, STR("scheduled"), s.scheduled);
    jnode_set_i64(status, STR("running"), s.running);
    jnode_set_i64(status, STR("succeeded"), s.succeeded);
    jnode_set_i64(status, STR("failed"), s.failed);
    put_roles(a, status, g, true);
    put_plan(a, status, g, c);
    jnode_set(status, STR("conditions"), conditions_of(a, g, &s, old, now.wall));
    if (g->starts_at.ns || json_has(json_get(old, STR("predictedStart"))))
        jnode_set(status, STR("predictedStart"), start_of(a, g, old, now));
    put_reservations(a, status, g, old, now);
    put_eviction(a, status, g, old, now);
    put_start(a, status, g, old, now);
    return status;
}
