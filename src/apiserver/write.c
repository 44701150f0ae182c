/* SPDX-License-Identifier: Apache-2.0
 * write — see write.h. Checks run against the newest pending state, and nothing else writes between
 * a check and its commit unless a step waits; write_commit then sees that the object moved and
 * starts over or refuses. */
#include "apiserver/write.h"

#include <assert.h>
#include <stdlib.h>

#include "apiserver/admit.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/convert.h"
#include "apiserver/decode.h"
#include "apiserver/patching.h"
#include "apiserver/prepare.h"
#include "apiserver/refuse.h"
#include "apiserver/rules.h"
#include "apiserver/strategy.h"
#include "codec/uuid.h"
#include "io/clock.h"
#include "kube/default.h"
#include "kube/meta.h"
#include "kube/normalise.h"
#include "kube/own_keys.h"

#define NAME_TRIES 8 /* of generated names until one is free */

static struct jnode *meta_of(struct action *a)
{
    return jnode_need_obj(a->obj, STR("metadata"));
}

/* ---- create ---- */

static enum turn check_namespace(struct action *a)
{
    struct jnode *meta = meta_of(a);
    struct str given = jnode_text_of_str(jnode_get(meta, STR("namespace")));
    struct str want = a->what->res->namespaced ? a->r.namespace : STR("");
    if (given.n > 0 && !str_eq(given, want))
        return refuse_bad_request(a, "the namespace of the provided object does not match the "
                                     "namespace sent on the request");
    if (want.n > 0)
        jnode_set_str(meta, STR("namespace"), want);
    else
        jnode_del(meta, STR("namespace"));
    return TURN_GO;
}

static void choose_name(struct action *a)
{
    struct jnode *meta = meta_of(a);
    struct str base = jnode_text_of_str(jnode_get(meta, STR("generateName")));
    if (jnode_text_of_str(jnode_get(meta, STR("name"))).n > 0 || base.n == 0)
        return;
    struct str name = { 0 };
    for (int i = 0; i < NAME_TRIES; i++) {
        name = meta_generate_name(a->arena, base, clock_random_u64());
        if (!store_get_pending(a->what->table, a->r.namespace, name))
            break;
    }
    jnode_set_str(meta, STR("name"), name);
}

static void stamp_new(struct action *a)
{
    static const char *const owned[] = { "selfLink", "deletionTimestamp",
                                         "deletionGracePeriodSeconds" };
    struct jnode *meta = meta_of(a);
    for (size_t i = 0; i < COUNT_OF(owned); i++)
        jnode_del(meta, str_from(owned[i]));
    uint8_t random[16];
    clock_pool_take(&a->s->uids, random, sizeof random);
    char uuid[UUID_TEXT_LEN + 1], time[TIME_TEXT_MAX];
    jnode_set_str(meta, STR("uid"), uuid_text(uuid, random));
    jnode_set_str(meta, STR("creationTimestamp"), wall_text(time, api_now(a->s)));
    if (a->what->rules->flags & STRATEGY_GENERATION)
        jnode_set_i64(meta, STR("generation"), 1);
}

static enum turn complete_new(struct action *a)
{
    if ((a->what->rules->flags & (STRATEGY_STATUS | STRATEGY_KEEPS_STATUS)) == STRATEGY_STATUS)
        jnode_del(a->obj, STR("status"));
    complete_object(a->what->res, a->obj, a->arena, &a->warnings);
    own_keys_check(a->obj, a->arena, &a->warnings);
    default_object(a->arena, a->what->res, a->obj);
    enum turn t = check_namespace(a);
    if (t != TURN_GO)
        return t;
    if (jnode_text_of_str(jnode_get(meta_of(a), STR("resourceVersion"))).n > 0)
        return refuse_internal(a, "resourceVersion should not be set on objects to be created");
    choose_name(a);
    stamp_new(a);
    a->r.name = arena_str(a->arena, jnode_text_of_str(jnode_get(meta_of(a), STR("name"))));
    a->creates = true;
    return prepare_create(a);
}

/* Defaults that depend on what the server filled in (a Job's labels), as a reader would see them.
 */
static enum turn settle(struct action *a)
{
    if (!str_is(a->what->res->plural, "jobs"))
        return TURN_GO;
    default_object(a->arena, a->what->res, a->obj);
    return TURN_GO;
}

static enum turn refuse_existing(struct action *a)
{
    const struct kobj *there = store_get_pending(a->what->table, a->r.namespace, a->r.name);
    if (!there)
        return TURN_GO;
    return refuse_exists(a, a->r.name, kobj_deleting(there));
}

/* Whoever creates by PUT or apply needs the right to create too. */
static enum turn created(struct action *a)
{
    a->code = 201;
    return a->r.verb == VERB_CREATE ? TURN_GO : authz_check_verb(a, STR("create"));
}

/* Body in, object at the end of the pipeline; shared by POST and by a PUT that creates. */
const action_step_fn write_create_steps[] = {
    authz_check, decode_object, complete_new,    admit_mutate, rules_new,   admit_check,
    created,     settle,        refuse_existing, write_commit, write_reply, NULL,
};
static const action_step_fn create_decoded_steps[] = {
    complete_new, admit_mutate,    rules_new,    admit_check, created,
    settle,       refuse_existing, write_commit, write_reply, NULL,
};

/* ---- update ---- */

enum turn write_load_old(struct action *a)
{
    kobj_unref(a->old);
    const struct kobj *o = store_get_pending(a->what->table, a->r.namespace, a->r.name);
    a->old = o ? convert_out(a->what, o) : NULL;
    return o ? TURN_GO : refuse_not_found(a, a->r.name);
}

static enum turn check_name(struct action *a)
{
    struct jnode *meta = meta_of(a);
    struct str given = jnode_text_of_str(jnode_get(meta, STR("name")));
    if (given.n > 0 && !str_eq(given, a->r.name))
        return refuse_bad_request(a,
                                  "the name of the object (%.*s) does not match the name on the "
                                  "URL (%.*s)",
                                  STR_ARG(given), STR_ARG(a->r.name));
    if (given.n == 0)
        jnode_set_str(meta, STR("name"), a->r.name);
    return check_namespace(a);
}

enum turn write_check_preconditions(struct action *a)
{
    struct jnode *meta = meta_of(a);
    struct str uid = jnode_text_of_str(jnode_get(meta, STR("uid")));
    if (a->r.verb == VERB_UPDATE && uid.n > 0 && !str_eq(uid, a->old->uid))
        return refuse_conflict(
            a, a->r.name,
            "StorageError: invalid object, Code: 4, Key: /registry/%.*s, "
            "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
            "precondition: %.*s, UID in object meta: %.*s",
            STR_ARG(a->r.plural), STR_ARG(uid), STR_ARG(a->old->uid));
    struct str text = jnode_text_of_str(jnode_get(meta, STR("resourceVersion")));
    uint64_t revision;
    if (text.n == 0 || str_is(text, "0"))
        return TURN_GO;
    if (!str_to_u64(text, &revision))
        return refuse_internal(a, "strconv.ParseUint: parsing \"%.*s\": invalid syntax",
                               STR_ARG(text));
    return revision == a->old->revision ? TURN_GO : refuse_modified(a, a->r.name);
}

static enum turn need_revision(struct action *a)
{
    if (!(a->what->rules->flags & STRATEGY_NEEDS_REVISION) || a->r.verb != VERB_UPDATE ||
        jnode_text_of_str(jnode_get(meta_of(a), STR("resourceVersion"))).n > 0)
        return TURN_GO;
    struct causes c = { .a = a->arena };
    cause_add(&c, CAUSE_INVALID, STR("metadata.resourceVersion"), jnode_num(a->arena, STR("0")),
              "must be specified for an update");
    enum turn t = refuse_invalid(a, a->r.name, &c);
    cause_vec_fini(&c.list);
    return t;
}

/* Members that a client cannot change: as they were. */
static void carry(struct action *a, struct jnode *to, struct json from, const char *name)
{
    struct json v = json_get(from, str_from(name));
    if (json_exists(v))
        jnode_set(to, str_from(name), jnode_thaw(a->arena, v));
    else
        jnode_del(to, str_from(name));
}

/* What is given stays, so that validation can refuse a change of it; what is missing comes from the
 * old object. */
static void carry_meta(struct action *a)
{
    static const char *const owned[] = { "uid", "deletionTimestamp", "deletionGracePeriodSeconds" };
    struct jnode *meta = meta_of(a);
    struct json old = json_get(kobj_root(a->old), STR("metadata"));
    for (size_t i = 0; i < COUNT_OF(owned); i++) {
        if (!jnode_get(meta, str_from(owned[i])))
            carry(a, meta, old, owned[i]);
    }
    carry(a, meta, old, "creationTimestamp");
    carry(a, meta, old, "generation");
    jnode_del(meta, STR("selfLink"));
}

/* A write of the status: everything else stays, but for labels and annotations of some kinds. */
static void keep_only_status(struct action *a)
{
    struct jnode *given = a->obj;
    struct jnode *meta = jnode_get(given, STR("metadata"));
    a->obj = jnode_thaw(a->arena, kobj_root(a->old));
    struct jnode *status = jnode_get(given, STR("status"));
    if (status)
        jnode_set(a->obj, STR("status"), jnode_copy(a->arena, status));
    else
        jnode_del(a->obj, STR("status"));
    jnode_set(meta_of(a), STR("resourceVersion"),
              jnode_str(a->arena, jnode_text_of_str(jnode_get(meta, STR("resourceVersion")))));
    if (a->what->res->custom)
        return;
    static const char *const open[] = { "annotations", "labels", "finalizers" };
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        struct jnode *v = jnode_get(meta, str_from(open[i]));
        if (v)
            jnode_set(meta_of(a), str_from(open[i]), jnode_copy(a->arena, v));
        else
            jnode_del(meta_of(a), str_from(open[i]));
    }
}

/* Of ephemeralcontainers and resize: the one field that the subresource may change. */
static void keep_only_field(struct action *a, const char *name)
{
    struct jnode *given = jnode_get(jnode_get(a->obj, STR("spec")), str_from(name));
    struct jnode *meta = jnode_get(a->obj, STR("metadata"));
    struct str revision = jnode_text_of_str(jnode_get(meta, STR("resourceVersion")));
    a->obj = jnode_thaw(a->arena, kobj_root(a->old));
    jnode_set_str(meta_of(a), STR("resourceVersion"), revision);
    if (given)
        jnode_set(jnode_need_obj(a->obj, STR("spec")), str_from(name), jnode_copy(a->arena, given));
}

static void keep_only_part(struct action *a)
{
    if (str_is(a->r.subresource, "status"))
        keep_only_status(a);
    else if (str_is(a->r.subresource, "ephemeralcontainers"))
        keep_only_field(a, "ephemeralContainers");
    else if (str_is(a->r.subresource, "resize"))
        keep_only_field(a, "containers");
    else if (a->what->rules->flags & STRATEGY_STATUS)
        carry(a, a->obj, kobj_root(a->old), "status");
}

void write_count_generation(struct action *a)
{
    uint32_t flags = a->what->rules->flags;
    if (!(flags & STRATEGY_GENERATION))
        return;
    struct jnode *old = jnode_thaw(a->arena, kobj_root(a->old));
    bool changed = false;
    for (int pass = 0; pass < 2 && !changed; pass++) {
        struct jnode *one = pass ? old : a->obj, *other = pass ? a->obj : old;
        for (size_t i = 0; i < jnode_len(one) && !changed; i++) {
            struct str key = jnode_key_at(one, i);
            if (str_is(key, "metadata") || str_is(key, "apiVersion") ||
                (str_is(key, "status") && (flags & STRATEGY_STATUS)))
                continue;
            changed = !jnode_eq(jnode_value_at(one, i), jnode_get(other, key));
        }
    }
    if (!changed && (flags & STRATEGY_ANNOTATIONS))
        changed = !jnode_eq(jnode_path(old, "metadata.annotations"),
                            jnode_path(a->obj, "metadata.annotations"));
    int64_t generation = json_i64_or(kobj_meta(a->old, STR("generation")), 0);
    if (changed || generation == 0)
        jnode_set_i64(meta_of(a), STR("generation"), generation + 1);
}

static enum turn load_or_create(struct action *a)
{
    kobj_unref(a->old);
    const struct kobj *o = store_get_pending(a->what->table, a->r.namespace, a->r.name);
    a->old = o ? convert_out(a->what, o) : NULL;
    if (o)
        return TURN_GO;
    if (!(a->what->rules->flags & STRATEGY_CREATE_ON_PUT) || a->r.subresource.n > 0)
        return refuse_not_found(a, a->r.name);
    action_go(a, create_decoded_steps);
    return check_name(a);
}

/* Of a status write everything but the status is as it was stored. */
static void complete_changed(struct action *a, bool status)
{
    const struct resource *res = a->what->res;
    const struct schema *type = res->schema ? schema_child(res->schema, STR("status")) : NULL;
    struct jnode *node = jnode_get(a->obj, STR("status"));
    if (status && !res->custom && type && jnode_type(node) == JSON_OBJ)
        normalise(a->arena, type, node);
    else
        default_object(a->arena, res, a->obj);
}

static enum turn complete_old(struct action *a)
{
    enum turn t = check_name(a);
    if (t == TURN_GO)
        t = need_revision(a);
    if (t == TURN_GO)
        t = write_check_preconditions(a);
    if (t != TURN_GO)
        return t;
    bool status = str_is(a->r.subresource, "status");
    keep_only_part(a);
    carry_meta(a);
    complete_changed(a, status);
    if (!status)
        own_keys_check(a->obj, a->arena, &a->warnings);
    t = prepare_update(a);
    if (t == TURN_GO && !status)
        write_count_generation(a);
    return t;
}

const action_step_fn write_update_steps[] = {
    authz_check,   decode_object, load_or_create, complete_old, admit_mutate,
    rules_changed, admit_check,   write_commit,   write_reply,  NULL,
};

/* A patch makes a document of the old object; from there on it is an update. */
static const action_step_fn patched_steps[] = {
    decode_object, complete_old, admit_mutate, rules_changed,
    admit_check,   write_commit, write_reply,  NULL,
};
static const action_step_fn apply_created_steps[] = {
    decode_object, complete_new,    admit_mutate, rules_new,   admit_check, created,
    settle,        refuse_existing, write_commit, write_reply, NULL,
};

static enum turn patch(struct action *a)
{
    kobj_unref(a->old);
    const struct kobj *o = store_get_pending(a->what->table, a->r.namespace, a->r.name);
    a->old = o ? convert_out(a->what, o) : NULL;
    if (!o && (a->r.write.patch != PATCH_APPLY || a->r.subresource.n > 0))
        return refuse_not_found(a, a->r.name);
    enum turn t = patching_apply(a);
    if (t == TURN_GO)
        action_go(a, o ? patched_steps : apply_created_steps);
    return t;
}

const action_step_fn write_patch_steps[] = { authz_check, patch, NULL };

/* ---- the end of all writes ---- */

static bool is_last_finalizer_gone(struct action *a)
{
    struct jnode *meta = meta_of(a);
    if (!jnode_get(meta, STR("deletionTimestamp")) || jnode_len(jnode_get(meta, STR("finalizers"))))
        return false;
    int64_t grace = 0;
    jnode_to_i64(jnode_get(meta, STR("deletionGracePeriodSeconds")), &grace);
    if (grace > 0)
        return false;
    bool is_namespace = a->what->res->group.n == 0 && str_is(a->what->res->plural, "namespaces");
    return !is_namespace || jnode_len(jnode_path(a->obj, "spec.finalizers")) == 0;
}

static bool changes_nothing(struct action *a)
{
    if (!a->old || a->removes || a->creates || a->extra)
        return false;
    meta_set_revision(a->obj, a->old->revision);
    return apply_same_but_times(a->arena, a->obj, jnode_thaw(a->arena, kobj_root(a->old)));
}

/* The second object of the transaction; *out is counted. */
static int queue_extra(struct action *a, struct store_op *op, struct kobj **out, struct err *err)
{
    meta_set_revision(a->extra, store_next_revision(a->s->store));
    if (kobj_freeze(out, a->extra, err) != 0)
        return -1;
    *op = (struct store_op){ .table = a->extra_table,
                             .namespace = (*out)->namespace,
                             .name = (*out)->name,
                             .object = *out };
    return 0;
}

/* When taking away the last finalizer removes the object, watchers see it as it was before, at the
 * new revision. */
static int last_state(struct action *a, struct kobj **stored, struct err *err)
{
    struct jnode *root = jnode_thaw(a->arena, kobj_root(a->old));
    meta_set_revision(root, (*stored)->revision);
    convert_in(a->arena, a->what, root);
    struct kobj *last = NULL;
    if (kobj_freeze(&last, root, err) != 0)
        return -1;
    kobj_unref(*stored);
    *stored = last;
    return 0;
}

/* The state that follows at once; *out is counted. */
static int queue_then(struct action *a, struct store_op *op, struct kobj **out, struct err *err)
{
    a->then(a);
    meta_set_revision(a->obj, store_next_revision(a->s->store));
    if (kobj_freeze(out, a->obj, err) != 0)
        return -1;
    *op = (struct store_op){ .table = a->what->table,
                             .namespace = (*out)->namespace,
                             .name = (*out)->name,
                             .object = *out };
    return 0;
}

static enum turn queue(struct action *a)
{
    struct store_op ops[3];
    size_t n = 0;
    struct err err = { 0 };
    AUTO(kobj_unrefp) struct kobj *extra = NULL;
    if (a->extra && queue_extra(a, &ops[n++], &extra, &err) != 0)
        return refuse_err(a, &err);
    meta_set_revision(a->obj, store_next_revision(a->s->store));
    convert_in(a->arena, a->what, a->obj);
    AUTO(kobj_unrefp) struct kobj *stored = NULL;
    if (kobj_freeze(&stored, a->obj, &err) != 0)
        return refuse_err(a, &err);
    kobj_unref(a->result);
    a->result = convert_out(a->what, stored);
    if (a->removes && a->r.verb != VERB_DELETE && last_state(a, &stored, &err) != 0)
        return refuse_err(a, &err);
    ops[n++] = (struct store_op){ .table = a->what->table,
                                  .namespace = stored->namespace,
                                  .name = stored->name,
                                  .object = a->removes ? NULL : stored,
                                  .deleted = a->removes ? stored : NULL };
    AUTO(kobj_unrefp) struct kobj *then = NULL;
    if (a->then && queue_then(a, &ops[n++], &then, &err) != 0)
        return refuse_err(a, &err);
    if (store_commit(a->s->store, ops, n, action_committed, a, &err) != 0)
        return refuse_err(a, &err);
    a->commit = ACTION_QUEUED;
    return TURN_WAIT;
}

/* What our own services write by the thousand: objects they make, status, Events, Leases. Nobody
 * applies over those, and tracking their owners would take a tenth of the time of a write and a
 * third of the memory of a pod. What they change in an object that others made is tracked. */
static bool is_routine(const struct action *a)
{
    struct str plural = a->what->res->plural;
    return a->of_service && (!a->old || a->r.subresource.n > 0 || str_is(plural, "events") ||
                             str_is(plural, "leases"));
}

void write_manage(struct action *a)
{
    if (a->r.verb == VERB_DELETE || a->r.write.patch == PATCH_APPLY || !a->what->res->schema ||
        a->s->loading || str_is(a->r.subresource, "eviction") || is_routine(a))
        return;
    struct apply_writer w = patching_writer(a);
    struct json_doc *held = NULL;
    if (!a->old && apply_track_new(a->arena, &w, a->obj, &held)) {
        json_doc_unref(a->managed);
        a->managed = held;
        return;
    }
    struct jnode *before = a->old ? jnode_thaw(a->arena, kobj_root(a->old)) : NULL;
    apply_track_update(a->arena, &w, before, a->obj);
}

static enum turn pretend(struct action *a)
{
    if (a->old)
        meta_set_revision(a->obj, a->old->revision);
    else
        jnode_del(meta_of(a), STR("resourceVersion"));
    struct err err = { 0 };
    kobj_unref(a->result);
    a->result = NULL;
    if (kobj_freeze(&a->result, a->obj, &err) != 0)
        return refuse_err(a, &err);
    return TURN_GO;
}

enum turn write_commit(struct action *a)
{
    switch (a->commit) {
    case ACTION_QUEUED:
        return TURN_WAIT;
    case ACTION_DURABLE:
        return TURN_GO;
    case ACTION_FAILED:
        return refuse_err(a, &a->commit_err);
    case ACTION_UNQUEUED:
        break;
    }
    write_manage(a);
    a->removes = a->removes || (a->old && is_last_finalizer_gone(a));
    if (changes_nothing(a)) {
        kobj_unref(a->result);
        a->result = kobj_ref(a->old);
        return TURN_GO;
    }
    return a->r.write.dry_run ? pretend(a) : queue(a);
}

enum turn write_reply(struct action *a)
{
    return action_reply(a, a->code ? a->code : 200, TAKE(a->result));
}
