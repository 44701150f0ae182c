/* SPDX-License-Identifier: Apache-2.0
 * deletion — see deletion.h. An object with finalizers, or a pod that still runs on a node, only
 * gets a deletion timestamp; whoever holds it finishes later, and the write that takes away the
 * last finalizer removes the object (write.c). */
#include "apiserver/deletion.h"

#include <stdlib.h>

#include "apiserver/admit.h"
#include "apiserver/apiserver_internal.h"
#include "apiserver/authz.h"
#include "apiserver/convert.h"
#include "apiserver/crd.h"
#include "apiserver/decode.h"
#include "apiserver/read.h"
#include "apiserver/refuse.h"
#include "apiserver/strategy.h"
#include "apiserver/write.h"

/* ---- options ---- */

static enum turn refuse_option(struct action *a,
                               const char *field,
                               enum cause_type type,
                               struct str value,
                               const char *why)
{
    struct causes c = { .a = a->arena };
    cause_add(&c, type, str_from(field), value.p ? jnode_str(a->arena, value) : NULL, "%s", why);
    enum turn t =
        action_reply(a, 422, status_invalid(STR("DeleteOptions"), STR("meta.k8s.io"), STR(""), &c));
    cause_vec_fini(&c.list);
    return t;
}

static enum turn check_propagation(struct action *a, struct json orphan)
{
    struct str p = a->r.write.propagation;
    if (json_has(orphan) && p.n > 0)
        return refuse_option(a, "propagationPolicy", CAUSE_INVALID, p,
                             "orphanDependents and deletionPropagation cannot be both set");
    if (json_has(orphan))
        a->r.write.propagation = json_bool(orphan, false) ? STR("Orphan") : STR("Background");
    else if (p.n > 0 && !str_is(p, "Orphan") && !str_is(p, "Background") &&
             !str_is(p, "Foreground"))
        return refuse_option(
            a, "propagationPolicy", CAUSE_NOT_SUPPORTED, p,
            "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    return TURN_GO;
}

enum turn deletion_options(struct action *a)
{
    struct json body = a->r.body;
    if (json_type(body) != JSON_OBJ)
        return check_propagation(a, (struct json){ 0 });
    struct str kind = json_str(json_get(body, STR("kind")));
    if (kind.n > 0 && !str_is(kind, "DeleteOptions"))
        return refuse_bad_request(a, "invalid object type: /, Kind=%.*s", STR_ARG(kind));
    struct write_options *w = &a->r.write;
    int64_t grace;
    if (json_i64(json_get(body, STR("gracePeriodSeconds")), &grace))
        w->grace_s = grace < 0 ? 1 : grace;
    struct str policy = json_str(json_get(body, STR("propagationPolicy")));
    if (policy.n > 0)
        w->propagation = policy;
    struct str uid = json_str(json_path(body, "preconditions.uid"));
    if (uid.n > 0)
        w->uid = uid;
    struct str revision = json_str(json_path(body, "preconditions.resourceVersion"));
    if (revision.n > 0)
        w->revision = revision;
    if (json_len(json_get(body, STR("dryRun"))) > 0)
        w->dry_run = true;
    return check_propagation(a, json_get(body, STR("orphanDependents")));
}

/* The texts name the kind, not the resource, unlike all other conflicts. */
static enum turn refuse_precondition(struct action *a, struct str why)
{
    struct status_spec s = {
        .code = 409,
        .reason = "Conflict",
        .message = arena_printf(a->arena, "Operation cannot be fulfilled on %.*s \"%.*s\": %.*s",
                                STR_ARG(a->what->res->kind), STR_ARG(a->r.name), STR_ARG(why)),
        .name = a->r.name,
        .group = a->r.group,
        .kind = a->what->res->kind,
    };
    return action_refuse(a, &s);
}

static enum turn check_preconditions(struct action *a)
{
    const struct write_options *w = &a->r.write;
    if (w->uid.n > 0 && !str_eq(w->uid, a->old->uid))
        return refuse_precondition(
            a, arena_printf(a->arena,
                            "the UID in the precondition (%.*s) does not match the UID in record "
                            "(%.*s). The object might have been deleted and then recreated",
                            STR_ARG(w->uid), STR_ARG(a->old->uid)));
    uint64_t revision;
    if (w->revision.n > 0 && (!str_to_u64(w->revision, &revision) || revision != a->old->revision))
        return refuse_precondition(
            a, arena_printf(a->arena,
                            "the ResourceVersion in the precondition (%.*s) does not match the "
                            "ResourceVersion in record (%llu). The object might have been modified",
                            STR_ARG(w->revision), (unsigned long long)a->old->revision));
    return TURN_GO;
}

/* ---- the dying form ---- */

static struct jnode *meta_of(struct action *a)
{
    return jnode_need_obj(a->obj, STR("metadata"));
}

static void set_finalizer(struct action *a, const char *name, bool want)
{
    struct jnode *meta = meta_of(a);
    struct jnode *list = jnode_get(meta, STR("finalizers"));
    for (size_t i = 0; i < jnode_len(list); i++) {
        if (!str_is(jnode_text_of_str(jnode_at(list, i)), name))
            continue;
        if (want)
            return;
        jnode_remove_at(list, i--);
    }
    if (want)
        jnode_append(jnode_need_arr(meta, STR("finalizers")), jnode_str(a->arena, str_from(name)));
    else if (list && jnode_len(list) == 0)
        jnode_del(meta, STR("finalizers"));
}

static void choose_propagation(struct action *a)
{
    struct str p = a->r.write.propagation;
    if (p.n == 0 && (a->what->rules->flags & STRATEGY_ORPHAN)) {
        struct jnode *f = jnode_get(meta_of(a), STR("finalizers"));
        bool chosen = false; /* an earlier deletion chose already */
        for (size_t i = 0; i < jnode_len(f); i++)
            chosen |= str_is(jnode_text_of_str(jnode_at(f, i)), "foregroundDeletion");
        if (chosen)
            return;
        p = STR("Orphan");
        if (str_is(a->what->res->plural, "jobs"))
            action_warn(a, "child pods are preserved by default when jobs are deleted; set "
                           "propagationPolicy=Background to remove them or set "
                           "propagationPolicy=Orphan to suppress this warning");
    }
    if (p.n == 0)
        return;
    set_finalizer(a, "orphan", str_is(p, "Orphan"));
    set_finalizer(a, "foregroundDeletion", str_is(p, "Foreground"));
}

/* Seconds that a pod gets to end: none when it is not on a node or has ended already. */
static int64_t grace_of(struct action *a)
{
    if (!(a->what->rules->flags & STRATEGY_GRACEFUL))
        return 0;
    int64_t grace = a->r.write.grace_s;
    if (grace < 0)
        grace = json_i64_or(kobj_path(a->old, "spec.terminationGracePeriodSeconds"), 30);
    struct str phase = json_str(kobj_path(a->old, "status.phase"));
    if (json_str(kobj_path(a->old, "spec.nodeName")).n == 0 || str_is(phase, "Failed") ||
        str_is(phase, "Succeeded"))
        return 0;
    return grace < 0 ? 1 : grace;
}

static void raise_generation(struct action *a)
{
    int64_t generation = json_i64_or(kobj_meta(a->old, STR("generation")), 0);
    if (generation > 0)
        jnode_set_i64(meta_of(a), STR("generation"), generation + 1);
}

static void set_dying(struct action *a, int64_t grace_s)
{
    struct wall when = api_now(a->s);
    when.ns += grace_s * NS_PER_S;
    char text[TIME_TEXT_MAX];
    jnode_set_str(meta_of(a), STR("deletionTimestamp"), wall_text(text, when));
    jnode_set_i64(meta_of(a), STR("deletionGracePeriodSeconds"), grace_s);
}

static bool is_namespace(const struct action *a)
{
    return a->what->res->group.n == 0 && str_is(a->what->res->plural, "namespaces");
}

/* A namespace ends when its content is gone: spec.finalizers says so. */
static bool prepare_namespace(struct action *a)
{
    if (kobj_deleting(a->old) && json_len(kobj_path(a->old, "spec.finalizers")) > 0)
        return false;
    if (!kobj_deleting(a->old)) {
        char text[TIME_TEXT_MAX];
        jnode_set_str(meta_of(a), STR("deletionTimestamp"), wall_text(text, api_now(a->s)));
        jnode_set_str(jnode_need_obj(a->obj, STR("status")), STR("phase"), STR("Terminating"));
    }
    a->removes = jnode_len(jnode_path(a->obj, "spec.finalizers")) == 0 &&
                 jnode_len(jnode_get(meta_of(a), STR("finalizers"))) == 0;
    return true;
}

bool deletion_prepare(struct action *a)
{
    a->obj = jnode_thaw(a->arena, kobj_root(a->old));
    choose_propagation(a);
    if (str_is(a->what->res->plural, "customresourcedefinitions"))
        crd_prepare_delete(a);
    if (is_namespace(a))
        return prepare_namespace(a);
    bool dying = kobj_deleting(a->old);
    int64_t grace = grace_of(a);
    int64_t given = json_i64_or(kobj_meta(a->old, STR("deletionGracePeriodSeconds")), 0);
    bool held = jnode_len(jnode_get(meta_of(a), STR("finalizers"))) > 0;
    if (dying && grace > 0 && grace >= given && given > 0)
        return false; /* it has less time already */
    if (grace == 0 && !held) {
        a->removes = true;
        return true;
    }
    if (!dying || grace < given) {
        set_dying(a, grace);
        if (!dying)
            raise_generation(a);
    }
    return true;
}

static enum turn prepare(struct action *a)
{
    if (deletion_prepare(a))
        return TURN_GO;
    return action_reply(a, 200, kobj_ref(a->old));
}

static enum turn reply(struct action *a)
{
    if (!a->removes || (a->what->rules->flags & STRATEGY_DELETE_OBJECT))
        return action_reply(a, 200, TAKE(a->result));
    return action_success(a, 200, a->old);
}

const action_step_fn deletion_one_steps[] = {
    authz_check, deletion_options, write_load_old, check_preconditions,
    admit_check, prepare,          write_commit,   reply,
    NULL,
};

/* ---- collections: one action per object, at most COLLECTION_BATCH at a time ---- */

#define COLLECTION_BATCH 64

struct collection {
    struct action *a;
    struct kobj_vec todo; /* counted */
    size_t next, running;
    bool starting;
    struct kobj *refusal; /* counted: the first one */
    int refusal_code;
};

static void collection_free(struct collection *c)
{
    for (size_t i = 0; i < c->todo.n; i++)
        kobj_unref(c->todo.items[i]);
    kobj_vec_fini(&c->todo);
    kobj_unref(c->refusal);
    free(c);
}

static bool collect(void *arg, const struct kobj *o)
{
    kobj_vec_push(&((struct collection *)arg)->todo, kobj_ref(o));
    return true;
}

static void start_more(struct collection *c);

static void one_done(void *arg, struct action *one)
{
    struct collection *c = arg;
    c->running--;
    if (one->reply.code >= 400 && one->reply.code != 404 && !c->refusal) {
        c->refusal = kobj_ref(one->reply.object);
        c->refusal_code = one->reply.code;
    }
    action_free(one);
    if (!c->starting) {
        start_more(c);
        if (c->running == 0)
            action_resume(c->a);
    }
}

static void start_more(struct collection *c)
{
    c->starting = true;
    while (c->next < c->todo.n && c->running < COLLECTION_BATCH && !c->refusal) {
        const struct kobj *o = c->todo.items[c->next++];
        struct action *one = action_new(c->a->s);
        one->user = c->a->user;
        one->r = c->a->r;
        one->r.verb = VERB_DELETE;
        one->r.namespace = o->namespace;
        one->r.name = o->name;
        one->r.write.uid = o->uid;
        one->r.write.revision = STR("");
        one->what = served_ref(c->a->what);
        c->running++;
        static const action_step_fn steps[] = {
            write_load_old, check_preconditions, admit_check, prepare, write_commit, reply, NULL,
        };
        action_start(one, steps, one_done, c);
    }
    c->starting = false;
}

static enum turn choose_all(struct action *a, struct collection *c)
{
    AUTO(selection_freep) struct selection *selection = NULL;
    enum turn t = read_select(a, &selection);
    if (t != TURN_GO)
        return t;
    struct store_snapshot *snapshot = store_snapshot(a->what->table);
    store_snapshot_walk(snapshot, &(struct store_range){ .namespace = a->r.namespace }, collect, c);
    a->reply.revision = store_snapshot_revision(snapshot);
    store_snapshot_unref(snapshot);
    size_t kept = 0;
    for (size_t i = 0; i < c->todo.n; i++) {
        if (selection_matches(selection, c->todo.items[i]))
            c->todo.items[kept++] = c->todo.items[i];
        else
            kobj_unref(c->todo.items[i]);
    }
    c->todo.n = kept;
    return TURN_GO;
}

static enum turn delete_all(struct action *a)
{
    struct collection *c = a->wait;
    if (!c) {
        c = a->wait = MEM_NEW(struct collection);
        c->a = a;
        enum turn t = choose_all(a, c);
        if (t == TURN_GO)
            start_more(c);
        if (t == TURN_GO && c->running > 0)
            return TURN_WAIT;
        if (t != TURN_GO) {
            collection_free(TAKE(c));
            a->wait = NULL;
            return t;
        }
    }
    a->wait = NULL;
    enum turn t = TURN_END;
    if (c->refusal) {
        t = action_reply(a, c->refusal_code, TAKE(c->refusal));
    } else {
        for (size_t i = 0; i < c->todo.n; i++)
            kobj_vec_push(&a->items, convert_out(a->what, c->todo.items[i]));
        a->reply.code = 200;
        a->reply.remaining = -1;
    }
    collection_free(c);
    return t;
}

const action_step_fn deletion_many_steps[] = { authz_check, deletion_options, delete_all, NULL };
